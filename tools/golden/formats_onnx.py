#!/usr/bin/env python3
"""Writes tests/golden/llama as ONNX models: tests/golden/formats/onnx*.

    pip install onnx numpy safetensors ml_dtypes
    tools/golden/formats_onnx.py

onnx            names kept, raw data
onnx-external   weights in a file of their own; linear layers as exporters write them: a MatMul with
                a transposed constant that is named after a number
"""

import shutil

import numpy as np
import onnx
from onnx import TensorProto, helper
from checkpoint import GOLDEN, load


def tensor(name, array):
    return helper.make_tensor(name, TensorProto.BFLOAT16, array.shape, array.tobytes(), raw=True)


def write(name, nodes, initialisers, external):
    out = GOLDEN / "formats" / name
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(GOLDEN / "llama/config.json", out)
    (out / "written-by.txt").write_text(f"llama\nonnx {onnx.__version__}\n")
    x = helper.make_tensor_value_info("x", TensorProto.BFLOAT16, ["t", 64])
    model = helper.make_model(helper.make_graph(nodes, "llama", [x], [], initialisers))
    (out / "model.onnx_data").unlink(missing_ok=True)
    if external:
        onnx.save_model(
            model,
            out / "model.onnx",
            save_as_external_data=True,
            all_tensors_to_one_file=True,
            location="model.onnx_data",
            size_threshold=64,
        )
        (out / "model.onnx_data").chmod(0o644)
    else:
        onnx.save_model(model, out / "model.onnx")


state = load(GOLDEN / "llama/model.safetensors")
write("onnx", [], [tensor(n, a) for n, a in state.items()], False)

nodes, initialisers = [], []
for i, (name, array) in enumerate(state.items()):
    if name.endswith("_proj.weight"):
        constant = f"onnx::MatMul_{1000 + i}"
        place = "/" + name.removesuffix(".weight").replace(".layers.", "/layers.").replace(
            ".self_attn.", "/self_attn/"
        ).replace(".mlp.", "/mlp/")
        nodes.append(helper.make_node("MatMul", ["x", constant], [f"y{i}"], name=place + "/MatMul"))
        initialisers.append(tensor(constant, np.ascontiguousarray(array.T)))
    else:
        initialisers.append(tensor(name, array))
write("onnx-external", nodes, initialisers, True)
