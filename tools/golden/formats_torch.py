#!/usr/bin/env python3
"""Writes the golden checkpoint tests/golden/llama as torch.save does: tests/golden/formats/torch-*.

pip install torch safetensors numpy
tools/golden/formats_torch.py
"""

import collections
import json
import pathlib
import shutil

import torch
from safetensors.torch import load_file

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests/golden"
state = load_file(GOLDEN / "llama/model.safetensors")


def folder(name):
    out = GOLDEN / "formats" / name
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(GOLDEN / "llama/config.json", out)
    (out / "written-by.txt").write_text(f"llama\ntorch {torch.__version__}\n")
    return out


# The usual form: one storage a tensor, in an archive.
torch.save(state, folder("torch-zip") / "pytorch_model.bin")

# Before 1.6; a parameter, a view that is not contiguous, a training script's wrapper.
ordered = collections.OrderedDict(state)
name = "model.layers.0.mlp.up_proj.weight"
ordered[name] = torch.nn.Parameter(state[name].t().contiguous().t())
torch.save(
    {"epoch": 3, "lr": 1e-4, "state_dict": ordered, "note": "x"},
    folder("torch-legacy") / "model.pt",
    _use_new_zipfile_serialization=False,
)

# Shards with an index; tensors that share one storage.
out = folder("torch-shards")
names = list(state)
halves = [names[: len(names) // 2], names[len(names) // 2 :]]
files = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"]
for half, file in zip(halves, files):
    part = {n: state[n] for n in half}
    flat = torch.cat([t.reshape(-1) for t in part.values()])
    at, views = 0, {}
    for n, t in part.items():
        views[n] = flat[at : at + t.numel()].view(t.shape)
        at += t.numel()
    torch.save(views, out / file)
index = {"metadata": {}, "weight_map": {n: f for h, f in zip(halves, files) for n in h}}
(out / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=1) + "\n")
