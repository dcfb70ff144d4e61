#!/usr/bin/env python3
"""Writes tests/golden/quant: block formats as other programs read and write them.

    pip install gguf numpy
    tools/golden/quant.py [path of libggml-base.so]

NAME.bin     stored blocks of random bytes (scales sane), then the floats that gguf-py reads in them
values.bin   4096 floats, heavy-tailed like the rows of a weight matrix
error.txt    NAME and the root mean square error of ggml's own quantiser over values.bin (no
             importance matrix); left alone without the library, which also reads what gguf-py does
             not (Q8_K, Q1_0)
"""
import ctypes
import pathlib
import sys

import gguf
import numpy as np

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/quant"
# name: where a block has its f16 fields
SCALES = {
    "Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q2_K": [80, 82],
    "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0],
    "F16": [], "BF16": [], "IQ1_S": [0], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0],
    "IQ3_XXS": [0], "IQ3_S": [0], "TQ1_0": [52], "TQ2_0": [64], "Q1_0": [0], "IQ1_M": [],
    "Q8_K": [], "MXFP4": [], "NVFP4": [],
}
SEARCHED = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL",
            "IQ4_XS", "TQ1_0", "TQ2_0", "Q1_0", "MXFP4", "NVFP4"]


def stored(rng, name):
    kind = gguf.GGMLQuantizationType[name]
    block, size = gguf.GGML_QUANT_SIZES[kind]
    if block == 1:
        bits = rng.integers(0, 1 << 16, 512, dtype=np.uint16)
        exponent = 0x7C00 if name == "F16" else 0x7F80
        bits[(bits & exponent) == exponent] = 0x3C01  # NaN and infinity have tests of their own
        return bits.view(np.uint8).reshape(1, -1)
    blocks = rng.integers(0, 256, (1024 // block, size), dtype=np.uint8)
    for at in SCALES[name]:
        d = rng.uniform(0.001, 0.1, len(blocks)) * rng.choice([-1, 1], len(blocks))
        blocks[:, at:at + 2] = d.astype(np.float16).view(np.uint8).reshape(-1, 2)
    if name == "Q8_K":
        scales = rng.uniform(0.001, 0.1, len(blocks)).astype(np.float32)
        blocks[:, :4] = scales.view(np.uint8).reshape(-1, 4)
    if name == "MXFP4":
        blocks[:, 0] = rng.integers(100, 140, len(blocks))
    if name == "IQ1_M":  # the scale's nibbles lie on top of four words
        d = rng.uniform(0.001, 0.1, len(blocks)).astype(np.float16).view(np.uint16)
        for i in range(4):
            blocks[:, 49 + 2 * i] = blocks[:, 49 + 2 * i] & 15 | (d >> 4 * i & 15) << 4
    return blocks.reshape(1, -1)


def read(library, name, raw):
    """The floats of stored blocks: gguf-py's reader, or ggml's where it has none."""
    kind = gguf.GGMLQuantizationType[name]
    try:
        return gguf.quants.dequantize(raw, kind)
    except NotImplementedError:
        block, size = gguf.GGML_QUANT_SIZES[kind]
        out = np.zeros(raw.size // size * block, np.float32)
        reader = getattr(library, f"dequantize_row_{name.lower().replace('q8_k', 'q8_K')}")
        reader(raw.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p),
               ctypes.c_int64(out.size))
        return out


def ggml_error(library, name, values):
    kind = gguf.GGMLQuantizationType[name]
    block, size = gguf.GGML_QUANT_SIZES[kind]
    out = np.zeros(len(values) // block * size, np.uint8)
    library.ggml_quantize_chunk(
        ctypes.c_int(int(kind)), values.ctypes.data_as(ctypes.c_void_p),
        out.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(0), ctypes.c_int64(1),
        ctypes.c_int64(len(values)), None)
    back = read(library, name, out.reshape(1, -1)).reshape(-1)
    return float(np.sqrt(np.mean((back.astype(np.float64) - values) ** 2)))


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20240607)
    library = ctypes.CDLL(sys.argv[1]) if len(sys.argv) > 1 else None
    for name in SCALES:
        raw = stored(rng, name)
        floats = read(library, name, raw)
        (OUT / f"{name}.bin").write_bytes(raw.tobytes() + floats.astype("<f4").tobytes())
    values = (rng.standard_t(5, 4096) * 0.02).astype("<f4")
    (OUT / "values.bin").write_bytes(values.tobytes())
    if library:
        lines = [f"{name} {ggml_error(library, name, values):.6e}\n" for name in SEARCHED]
        (OUT / "error.txt").write_text("".join(lines))


main()
