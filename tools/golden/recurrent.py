#!/usr/bin/env python3
"""Goldens of recurrent models in shapes that the shared ones lack, by transformers in float32.

tools/golden/recurrent.py OUT [NAME ...]      needs torch, transformers, safetensors
Weights are random values that bfloat16 holds exactly.
"""
import json
import pathlib
import sys

import torch
import transformers as tf

COMMON = dict(vocab_size=160, pad_token_id=0, bos_token_id=1, eos_token_id=2)


def configs():
    yield "lfm2-conv", tf.Lfm2Config(
        **COMMON, hidden_size=48, intermediate_size=120, num_hidden_layers=5, num_attention_heads=4,
        num_key_value_heads=2, conv_L_cache=4, conv_bias=True, block_multiple_of=16,
        layer_types=["conv", "full_attention", "conv", "conv", "full_attention"],
        max_position_embeddings=512)
    yield "mamba-odd", tf.MambaConfig(
        **COMMON, hidden_size=40, state_size=7, num_hidden_layers=2, expand=3, conv_kernel=3,
        time_step_rank=5, use_bias=True, use_conv_bias=False, tie_word_embeddings=False)
    yield "mamba2-groups", tf.Mamba2Config(
        **COMMON, hidden_size=36, state_size=20, num_hidden_layers=3, expand=2, num_heads=6,
        head_dim=12, n_groups=2, conv_kernel=4, use_bias=True, time_step_limit=(0.01, 0.5),
        tie_word_embeddings=True)
    yield "falcon_h1-factors", tf.FalconH1Config(
        **COMMON, hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, mamba_d_ssm=60, mamba_n_heads=6,
        mamba_d_head=10, mamba_n_groups=2, mamba_d_state=24, mamba_d_conv=4, mamba_rms_norm=True,
        mamba_norm_before_gate=False, mamba_proj_bias=True, projectors_bias=True,
        embedding_multiplier=1.75, lm_head_multiplier=0.75, mlp_multipliers=[0.5, 1.5],
        key_multiplier=0.625, attention_in_multiplier=1.25, attention_out_multiplier=0.875,
        ssm_in_multiplier=1.125, ssm_out_multiplier=0.75,
        ssm_multipliers=[0.75, 1.25, 0.5, 1.5, 0.875], tie_word_embeddings=True)
    yield "qwen3_5-heads", tf.Qwen3_5TextConfig(
        **COMMON, hidden_size=48, intermediate_size=96, num_hidden_layers=5, num_attention_heads=6,
        num_key_value_heads=3, head_dim=16, linear_conv_kernel_dim=3, linear_key_head_dim=24,
        linear_value_head_dim=20, linear_num_key_heads=2, linear_num_value_heads=6,
        layer_types=["linear_attention", "full_attention", "linear_attention",
                     "linear_attention", "full_attention"],
        max_position_embeddings=512,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0,
                         "partial_rotary_factor": 0.5})


def main(out):
    for seed, (name, config) in enumerate(configs()):
        if len(sys.argv) > 2 and name not in sys.argv[2:]:
            continue
        torch.manual_seed(100 + seed)
        model = tf.AutoModelForCausalLM.from_config(config).float().eval()
        with torch.no_grad():
            for key, p in model.named_parameters():
                if key.endswith(("A_log", "dt_bias", "dt_proj.bias")):
                    p.copy_(torch.empty_like(p).uniform_(-1.5, 1.5))
                elif p.dim() == 1:
                    p.add_(torch.randn_like(p) * 0.2)
                else:
                    p.copy_(torch.randn_like(p) * (0.5 if "conv" in key else 0.12))
                p.copy_(p.bfloat16().float())
        cases = []
        for n in (1, 9, 45):
            prompt = torch.randint(3, config.vocab_size, (1, n))
            with torch.no_grad():
                logits = model(prompt, use_cache=False).logits[0]
                ids, margin = prompt, float("inf")
                for _ in range(16):
                    last = model(ids, use_cache=False).logits[0, -1]
                    best = torch.topk(last, 2).values
                    margin = min(margin, float(best[0] - best[1]))
                    ids = torch.cat([ids, last.argmax().view(1, 1)], 1)
            cases.append(dict(prompt=prompt[0].tolist(), last_logits=logits[-1].tolist(),
                              argmax_all=logits.argmax(-1).tolist(),
                              greedy=ids[0, n:].tolist(), greedy_margin_min=margin))
        folder = pathlib.Path(out) / name
        model.bfloat16().save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        (folder / "golden.json").write_text(json.dumps(
            dict(reference=f"transformers {tf.__version__} float32", kind="causal", cases=cases)))


main(sys.argv[1])
