#!/usr/bin/env python3
"""Golden checkpoints beside the given ones: flags and sizes that those do not have.

    tools/golden/architectures.py NAME... --out tests/golden

Needs transformers and torch. The form of golden.json is that of tests/golden/llama.
"""
import argparse
import json
import os

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

BASE = dict(vocab_size=384, bos_token_id=1, eos_token_id=2, pad_token_id=0)
LLAMA = dict(BASE, hidden_size=72, intermediate_size=100, num_hidden_layers=3,
             num_attention_heads=6, num_key_value_heads=3, max_position_embeddings=512)
FALCON = dict(BASE, hidden_size=72, num_hidden_layers=2, num_attention_heads=6)

MODELS = {
    "cohere-qk-norm": ("cohere", dict(LLAMA, use_qk_norm=True, attention_bias=True)),
    "falcon-7b": ("falcon", dict(FALCON, multi_query=True)),
    "falcon-rw": ("falcon", dict(BASE, hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
                                 multi_query=False, parallel_attn=False, bias=True, alibi=True)),
    "opt-norm-behind": ("opt", dict(BASE, hidden_size=72, num_hidden_layers=2, ffn_dim=100,
                                    num_attention_heads=6, max_position_embeddings=512,
                                    word_embed_proj_dim=72, do_layer_norm_before=False)),
    "phi3-longrope": ("phi3", dict(
        LLAMA, original_max_position_embeddings=4096, max_position_embeddings=8192,
        rope_parameters=dict(rope_type="longrope", rope_theta=10000.0, partial_rotary_factor=1.0,
                             short_factor=[1 + i * 0.1 for i in range(6)],
                             long_factor=[2.0 + i for i in range(6)]))),
    "stablelm-qk-norm": ("stablelm", dict(LLAMA, qk_layernorm=True, hidden_size=96,
                                          num_attention_heads=4, num_key_value_heads=2)),
}


def randomise(model, seed):
    """Values that are exact in bfloat16, large enough that every part shows in the logits."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=random)
            if p.dim() >= 2 and "norm" not in name:
                embedding = "emb" in name or "wte" in name
                noise *= 0.8 if embedding else 1.2 / p.shape[-1] ** 0.5
            elif "bias" in name:
                noise *= 0.2
            else:
                noise = 1 + noise * 0.3
            p.copy_(noise.to(torch.bfloat16).float())


def answers(model, vocabulary):
    random = torch.Generator().manual_seed(5)
    for length in (2, 15, 40):   # 64 tokens at most: all of them are one batch
        prompt = torch.randint(3, vocabulary, (1, length), generator=random)
        ids, greedy, margin = prompt, [], float("inf")
        with torch.no_grad():
            logits = model(prompt, use_cache=False).logits[0]
            for _ in range(16):
                best = model(ids, use_cache=False).logits[0, -1].topk(2)
                margin = min(margin, float(best.values[0] - best.values[1]))
                greedy.append(int(best.indices[0]))
                ids = torch.cat([ids, best.indices[:1][None]], 1)
        last = [round(x, 6) for x in logits[-1].tolist()]
        yield dict(prompt=prompt[0].tolist(), last_logits=last,
                   argmax_all=logits.argmax(-1).tolist(), greedy=greedy, greedy_margin_min=margin)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("names", nargs="+", choices=sorted(MODELS))
    arguments.add_argument("--out", default="tests/golden")
    arguments = arguments.parse_args()
    for name in arguments.names:
        model_type, settings = MODELS[name]
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **settings))
        model = model.float().eval()
        randomise(model, sum(map(ord, name)))
        golden = dict(reference=f"transformers {transformers.__version__} float32", kind="causal",
                      cases=list(answers(model, settings["vocab_size"])))
        folder = os.path.join(arguments.out, name)
        model.to(torch.bfloat16).save_pretrained(folder)
        extra = os.path.join(folder, "generation_config.json")
        if os.path.exists(extra):
            os.remove(extra)
        with open(os.path.join(folder, "golden.json"), "w") as out:
            json.dump(golden, out)


main()
