#!/usr/bin/env python3
"""Writes tests/golden/rope.json: frequencies as transformers' published code gives them in float64.
pip install transformers==5.23.0 numpy (torch is not needed: a few array functions stand in for it)
usage: tools/golden/rope.py > tests/golden/rope.json"""

import json, types
import numpy as np
import transformers.modeling_rope_utils as rope


class Array(np.ndarray):
    def to(self, *args, dtype=None, **kwargs):
        return self.astype(dtype) if dtype else self


def arange(*args, dtype=None, **kwargs):
    return np.arange(*args, dtype=dtype or np.int64).view(Array)


rope.torch = types.SimpleNamespace(
    arange=arange,
    float=np.float64,
    float32=np.float64,
    int64=np.int64,
    clamp=lambda x, a, b: np.clip(x, a, b),
    where=np.where,
    Tensor=np.ndarray,
)


class Config:
    """The fields that the frequency functions look at."""

    def __init__(self, fields):
        self.__dict__.update(fields)

    def standardize_rope_params(self):
        pass


cases = []
for head_dim, context, parameters in [
    (64, 2048, {"rope_type": "linear", "rope_theta": 10000.0, "factor": 8.0}),
    (
        128,
        131072,
        {
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
    ),
    (
        64,
        131072,
        {
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 32.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
    ),
    (
        128,
        131072,
        {
            "rope_type": "yarn",
            "rope_theta": 1000000.0,
            "factor": 4.0,
            "original_max_position_embeddings": 32768,
        },
    ),
    (
        16,
        512,
        {
            "rope_type": "yarn",
            "rope_theta": 10000.0,
            "factor": 4.0,
            "original_max_position_embeddings": 64,
        },
    ),
    (
        64,
        4096,
        {
            "rope_type": "yarn",
            "rope_theta": 150000.0,
            "factor": 32.0,
            "beta_fast": 32.0,
            "beta_slow": 1.0,
            "truncate": False,
            "original_max_position_embeddings": 4096,
        },
    ),
    (
        64,
        163840,
        {
            "rope_type": "yarn",
            "rope_theta": 10000.0,
            "factor": 40.0,
            "mscale": 1.0,
            "mscale_all_dim": 0.707,
            "original_max_position_embeddings": 4096,
        },
    ),
    (
        96,
        16384,
        {
            "rope_type": "yarn",
            "rope_theta": 10000.0,
            "factor": 2.0,
            "attention_factor": 1.5,
            "beta_fast": 16.0,
            "beta_slow": 2.0,
            "original_max_position_embeddings": 8192,
        },
    ),
]:
    fields = {
        "model_type": "llama",
        "hidden_size": head_dim * 4,
        "num_attention_heads": 4,
        "head_dim": head_dim,
        "max_position_embeddings": context,
        "rope_parameters": parameters,
    }
    inv_freq, factor = rope.ROPE_INIT_FUNCTIONS[parameters["rope_type"]](Config(fields), None)
    cases.append(
        {
            "config": fields,
            "inv_freq": [float(f) for f in inv_freq],
            "attention_factor": float(factor),
        }
    )
print(json.dumps(cases, indent=1))
