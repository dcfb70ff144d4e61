"""What the writers of tests/golden/formats share: the checkpoint they rewrite."""

import json
import pathlib
import struct

import ml_dtypes
import numpy as np

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests/golden"


def load(path):
    """The bfloat16 tensors of a safetensors file by name."""
    raw = path.read_bytes()
    (n,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + n])
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(raw[8 + n :][slice(*t["data_offsets"])], ml_dtypes.bfloat16).reshape(
            t["shape"]
        )
        for name, t in header.items()
    }
