#!/usr/bin/env python3
"""Writes tests/golden/llama as TensorFlow and Keras do: tests/golden/formats/{tensorflow,keras}-*.

    pip install tensorflow-cpu keras h5py numpy ml_dtypes
    tools/golden/formats_tensorflow.py

tensorflow-names     variables saved by name, kernels [inputs, outputs], two shards
tensorflow-objects   tf.train.Checkpoint of nested modules
keras-h5             groups and datasets as transformers' TF classes name them, by h5py
keras-archive        a Keras 3 model by model.save
"""

import json
import os
import shutil

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import h5py
import keras
import numpy as np
import tensorflow as tf
from checkpoint import GOLDEN, load


def folder(name, library):
    out = GOLDEN / "formats" / name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    shutil.copy(GOLDEN / "llama/config.json", out)
    (out / "written-by.txt").write_text(f"llama\n{library}\n")
    return out


def variable(name, array):
    """TensorFlow's name and layout of a linear layer, an embedding or a norm."""
    stem = name.removesuffix(".weight").replace(".", "/")
    if array.ndim == 1:
        return stem + "/gamma", array
    if "embed_tokens" in name:
        return stem + "/embeddings", array
    return stem + "/kernel", np.ascontiguousarray(array.T)


state = load(GOLDEN / "llama/model.safetensors")
variables = dict(variable(n, a) for n, a in state.items())

out = folder("tensorflow-names", f"tensorflow {tf.__version__}")
halves = [list(variables)[::2], list(variables)[1::2]]
parts = []
for i, half in enumerate(halves):
    part = str(out / f"part{i}")
    tf.raw_ops.SaveV2(
        prefix=part,
        tensor_names=half,
        shape_and_slices=[""] * len(half),
        tensors=[tf.constant(variables[n], tf.bfloat16) for n in half],
    )
    parts.append(part)
tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=parts, destination_prefix=str(out / "model.ckpt"))

out = folder("tensorflow-objects", f"tensorflow {tf.__version__}")
root = tf.Module()
for name, array in variables.items():
    *path, last = name.split("/")
    node = root
    for part in path:
        if not hasattr(node, part):
            setattr(node, part, tf.Module())
        node = getattr(node, part)
    setattr(node, last, tf.Variable(tf.constant(array, tf.bfloat16)))
written = tf.train.Checkpoint(model=root.model, lm_head=root.lm_head).write(str(out / "model.ckpt"))

out = folder("keras-h5", f"h5py {h5py.__version__}, HDF5 {h5py.version.hdf5_version}")
with h5py.File(out / "tf_model.h5", "w") as file:
    group = file.create_group("model")
    group.attrs["weight_names"] = [f"tf_llama_for_causal_lm/{n}:0".encode() for n in variables]
    for name, array in variables.items():
        path = name.replace("layers/", "layers_._")
        group.create_dataset(
            f"tf_llama_for_causal_lm/{path}:0",
            data=array.astype(
                np.float16 if np.array_equal(array.astype(np.float16), array) else np.float32
            ),
        )

out = folder("keras-archive", f"keras {keras.__version__}")


@keras.saving.register_keras_serializable()
class Part(keras.layers.Layer):
    """A layer of the given children, {attribute: layer}."""

    def __init__(self, children, **options):
        super().__init__(**options)
        for name, child in children.items():
            setattr(self, name, child)

    def call(self, x):
        return x


class Block(Part):
    pass


class Model(Part):
    pass


class LmHead(keras.layers.Dense):
    pass


def linear(array, kind=keras.layers.Dense):
    layer = kind(array.shape[0], use_bias=False)
    layer.build((None, array.shape[1]))
    layer.set_weights([array.T.astype(np.float32)])
    return layer


def norm(array):
    layer = keras.layers.RMSNormalization()
    layer.build((None, array.shape[0]))
    layer.set_weights([array.astype(np.float32)])
    return layer


def table(array):
    layer = keras.layers.Embedding(*array.shape)
    layer.build()
    layer.set_weights([array.astype(np.float32)])
    return layer


def part(prefix, kind=Part):
    children = {}
    for key in dict.fromkeys(
        n.removeprefix(prefix).split(".")[0] for n in state if n.startswith(prefix)
    ):
        weight = state.get(f"{prefix}{key}.weight")
        if key == "layers":
            children[key] = [
                part(f"{prefix}layers.{i}.", Block)
                for i in range(
                    json.loads((GOLDEN / "llama/config.json").read_text())["num_hidden_layers"]
                )
            ]
        elif weight is None:
            children[key] = part(f"{prefix}{key}.", Model if key == "model" else Part)
        elif weight.ndim == 1:
            children[key] = norm(weight)
        else:
            children[key] = (
                table(weight)
                if "embed" in key
                else linear(weight, LmHead if key == "lm_head" else keras.layers.Dense)
            )
    layer = kind(children)
    layer.built = True
    return layer


whole = part("")


class Llama(keras.Model):
    def __init__(self):
        super().__init__()
        self.model = whole.model
        self.lm_head = whole.lm_head

    def call(self, x):
        return x


llama = Llama()
llama(np.zeros((1, 4), np.float32))
llama.save(out / "model.keras")
