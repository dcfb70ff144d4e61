#!/usr/bin/env python3
"""Writes tests/golden/gguf with the reference writer of the format.  pip install gguf==0.19.0 numpy
usage: tools/golden/gguf_files.py tests/golden/gguf"""

import json, sys, zlib
from pathlib import Path
import numpy as np
from gguf import GGMLQuantizationType as Q, GGUFReader, GGUFWriter
from gguf.quants import quantize

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(3)
strings = ["", "plain", "Ġthe", "line\nbreak", "日本語", "x" * 300]


def write(path, tensors, extra):
    w = GGUFWriter(path, "llama")
    extra(w)
    for name, values, kind in tensors:
        if kind is None:
            w.add_tensor(name, values)
        else:
            w.add_tensor(name, quantize(values, kind), raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def every_kind(w):
    w.add_uint8("k.u8", 200)
    w.add_int8("k.i8", -100)
    w.add_uint16("k.u16", 60000)
    w.add_int16("k.i16", -30000)
    w.add_uint32("k.u32", 4000000000)
    w.add_int32("k.i32", -2000000000)
    w.add_float32("k.f32", 0.15625)
    w.add_uint64("k.u64", 2**63 + 5)
    w.add_int64("k.i64", -(2**62))
    w.add_float64("k.f64", 1e-300)
    w.add_bool("k.true", True)
    w.add_bool("k.false", False)
    w.add_string("k.text", "grüße\0end")
    w.add_array("a.texts", strings)
    w.add_array("a.ints", [1, -2, 3])
    w.add_array("a.floats", [0.5, -1.25, 3e30])
    w.add_array("a.bools", [True, False, True])
    w.add_custom_alignment(64)


def row(*shape):
    return rng.standard_normal(shape).astype(np.float32)


tensors = [
    ("one", row(5), None),
    ("half", row(3, 7).astype(np.float16), None),
    ("cube", row(2, 3, 4), None),
    ("brain", row(4, 6), Q.BF16),
    ("q8", row(2, 64), Q.Q8_0),
    ("q4", row(3, 32), Q.Q4_0),
    ("q5", row(1, 96), Q.Q5_1),
    ("numbers", np.arange(6, dtype=np.int32).reshape(2, 3), None),
]
write(folder / "kinds.gguf", tensors, every_kind)
r = GGUFReader(folder / "kinds.gguf")
expected = {
    "values": {k: f.contents() for k, f in r.fields.items() if k.startswith(("k.", "a."))},
    "tensors": [
        {
            "name": t.name,
            "type": t.tensor_type.name,
            "shape": [int(n) for n in reversed(t.shape)],
            "bytes": int(t.n_bytes),
            "crc32": zlib.crc32(t.data.tobytes()),
        }
        for t in r.tensors
    ],
}
(folder / "kinds.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n")

parts = 3
for part in range(parts):

    def keys(w, part=part):
        w.add_uint16("split.no", part)
        w.add_uint16("split.count", parts)
        w.add_int32("split.tensors.count", 4)
        if part == 0:
            w.add_string("general.name", "split")

    count = [2, 1, 1][part]
    write(
        folder / f"split-{part + 1:05}-of-{parts:05}.gguf",
        [
            (f"part{part}.tensor{i}", np.full((2, 4), part * 10 + i, np.float32), None)
            for i in range(count)
        ],
        keys,
    )
