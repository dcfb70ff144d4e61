#!/usr/bin/env python3
"""Writes tests/golden/formats/quantised: one small matrix in each quantised layout,
NAME.safetensors with the parts and, as expected.weight, what they mean; NAME.json is the
quantization_config.

    pip install torch safetensors numpy compressed-tensors
    tools/golden/formats_quantised.py

packed and float by the library compressed-tensors; gptq, awq and block-scaled FP8 by hand from the
documentation of those layouts (see written-by.txt).
"""

import json
import pathlib

import compressed_tensors
import torch
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/formats/quantised"
ROWS, COLS, GROUP = 32, 128, 32
generator = torch.Generator().manual_seed(7)


def codes(bits):
    return torch.randint(0, 1 << bits, (ROWS, COLS), generator=generator, dtype=torch.int32)


def scales(groups=COLS // GROUP):
    return (torch.rand((ROWS, groups), generator=generator) * 0.02 + 0.001).half()


def words(values, bits, order=None):
    """Packs the last dimension, low bits first."""
    per = 32 // bits
    v = values.to(torch.int64).reshape(*values.shape[:-1], -1, per)
    if order:
        v = v[..., order]
    packed = sum(v[..., i] << (bits * i) for i in range(per))
    return torch.where(packed >= 1 << 31, packed - (1 << 32), packed).to(torch.int32)


def expand(x, group=GROUP):
    return x.float().repeat_interleave(group, dim=1)


def write(name, parts, expected, config):
    OUT.mkdir(parents=True, exist_ok=True)
    parts = {f"x.{k}": v.contiguous() for k, v in parts.items()}
    save_file(
        {**parts, "expected.weight": expected.float().contiguous()}, OUT / f"{name}.safetensors"
    )
    (OUT / f"{name}.json").write_text(json.dumps({"quantization_config": config}) + "\n")


def gptq(name, bits, v2, act_order):
    q, s = codes(bits), scales()
    z = torch.randint(1, 1 << bits, s.shape, generator=generator, dtype=torch.int32)
    index = torch.arange(COLS) // GROUP
    if act_order:
        index = index[torch.randperm(COLS, generator=generator)]
    expected = s.float()[:, index] * (q - z[:, index])
    stored = z if v2 else z - 1
    write(
        name,
        {
            "qweight": words(q, bits).T,
            "qzeros": words(stored.T.contiguous(), bits),
            "scales": s.T,
            "g_idx": index.to(torch.int32),
        },
        expected,
        {
            "quant_method": "gptq",
            "bits": bits,
            "group_size": GROUP,
            "desc_act": act_order,
            "checkpoint_format": "gptq_v2" if v2 else "gptq",
        },
    )


gptq("gptq-4", 4, False, False)
gptq("gptq-8-v2-act-order", 8, True, True)

AWQ = [0, 2, 4, 6, 1, 3, 5, 7]
q, s = codes(4), scales()
z = torch.randint(0, 16, s.shape, generator=generator, dtype=torch.int32)
write(
    "awq",
    {
        "qweight": words(q.T.contiguous(), 4, AWQ),
        "qzeros": words(z.T.contiguous(), 4, AWQ),
        "scales": s.T,
    },
    expand(s) * (q - expand(z)),
    {"quant_method": "awq", "bits": 4, "group_size": GROUP, "version": "gemm"},
)

for bits, asymmetric in ((4, False), (8, True)):
    half = 1 << (bits - 1)
    q, s = codes(bits) - half, scales()
    parts = {
        "weight_packed": pack_to_int32(q.to(torch.int8), bits),
        "weight_scale": s,
        "weight_shape": torch.tensor([ROWS, COLS]),
    }
    z = torch.zeros(s.shape, dtype=torch.int32)
    if asymmetric:
        z = torch.randint(-half, half, s.shape, generator=generator, dtype=torch.int32)
        parts["weight_zero_point"] = pack_to_int32(z.to(torch.int8), bits, packed_dim=0)
    write(
        f"packed-{bits}",
        parts,
        expand(s) * (q - expand(z)),
        {"quant_method": "compressed-tensors", "format": "pack-quantized"},
    )

q = torch.randint(-127, 128, (ROWS, COLS), generator=generator, dtype=torch.int8)
s = scales(1)
write(
    "int8",
    {"weight": q, "weight_scale": s},
    q * s.float(),
    {"quant_method": "compressed-tensors", "format": "int-quantized"},
)

q = torch.randn((ROWS, COLS), generator=generator).to(torch.float8_e4m3fn)
s = scales(1)
write(
    "float8",
    {"weight": q, "weight_scale": s},
    q.float() * s.float(),
    {"quant_method": "compressed-tensors", "format": "float-quantized"},
)

rows, cols, block = 160, 272, 128
q = torch.randn((rows, cols), generator=generator).to(torch.float8_e4m3fn)
s = torch.rand(((rows + 127) // 128, (cols + 127) // 128), generator=generator) * 0.01
grid = s.repeat_interleave(block, 0)[:rows].repeat_interleave(block, 1)[:, :cols]
write(
    "fp8-block",
    {"weight": q, "weight_scale_inv": s},
    q.float() * grid,
    {"quant_method": "fp8", "weight_block_size": [block, block]},
)

(OUT / "README.txt").write_text(
    f"packed-*: compressed-tensors {compressed_tensors.__version__}; the others: by hand from the\n"
    f"documentation of the layouts, with torch {torch.__version__}\n"
)
