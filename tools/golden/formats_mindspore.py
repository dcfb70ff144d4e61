#!/usr/bin/env python3
"""Writes tests/golden/llama as MindSpore does: tests/golden/formats/mindspore-*.

    pip install mindspore ml_dtypes
    tools/golden/formats_mindspore.py

mindspore-ckpt          MindFormers' names, in the protocol buffer of save_checkpoint
mindspore-safetensors   Hugging Face's names, in MindSpore's own safetensors
"""

import shutil

import mindspore
import numpy as np
from checkpoint import GOLDEN, load

NAMES = [
    ("model.embed_tokens.weight", "model.tok_embeddings.embedding_weight"),
    ("self_attn.q_proj", "attention.wq"),
    ("self_attn.k_proj", "attention.wk"),
    ("self_attn.v_proj", "attention.wv"),
    ("self_attn.o_proj", "attention.wo"),
    ("mlp.gate_proj", "feed_forward.w1"),
    ("mlp.down_proj", "feed_forward.w2"),
    ("mlp.up_proj", "feed_forward.w3"),
    ("input_layernorm", "attention_norm"),
    ("post_attention_layernorm", "ffn_norm"),
    ("model.norm.", "model.norm_out."),
]


def formers(name):
    for theirs, ours in NAMES:
        name = name.replace(theirs, ours)
    return name


def save(folder, file, state, dtype, **options):
    out = GOLDEN / "formats" / folder
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(GOLDEN / "llama/config.json", out)
    (out / "written-by.txt").write_text(f"llama\nmindspore {mindspore.__version__}\n")
    parameters = [
        {
            "name": n,
            "data": mindspore.Tensor(a.astype(np.float32)).astype(
                mindspore.float32 if "norm" in n else dtype
            ),
        }
        for n, a in state.items()
    ]
    (out / file).unlink(missing_ok=True)
    mindspore.save_checkpoint(parameters, str(out / file), **options)
    (out / file).chmod(0o644)


state = load(GOLDEN / "llama/model.safetensors")
save("mindspore-ckpt", "model.ckpt", {formers(n): a for n, a in state.items()}, mindspore.bfloat16)
save("mindspore-safetensors", "model.safetensors", state, mindspore.float32, format="safetensors")
