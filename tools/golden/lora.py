#!/usr/bin/env python3
"""Writes tests/golden/lora: adapters for golden checkpoints as PEFT saves them, the first also as a
GGUF adapter, and the logits of the models that PEFT merges them into (float32).

pip install torch transformers safetensors peft==0.21.2 gguf
tools/golden/lora.py
"""

import json
import pathlib

import gguf
import numpy as np
import peft
import torch
import transformers

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests/golden"
PROMPT = [5, 17, 200, 33, 81, 4, 9]
RANK, ALPHA = 3, 5
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def pairs(t, n_head):
    """Rows as GGUF has those of Llama's queries and keys: rotated ones beside each other."""
    return t.reshape(n_head, 2, -1, t.shape[1]).swapaxes(1, 2).reshape(t.shape)


def write_gguf(path, state, config):
    out = gguf.GGUFWriter(str(path), "llama")
    out.add_type("adapter")
    out.add_string("adapter.type", "lora")
    out.add_float32("adapter.lora.alpha", ALPHA)
    ours = dict(zip(LINEARS, "attn_q attn_k attn_v attn_output ffn_gate ffn_up ffn_down".split()))
    for name, t in state.items():
        parts = name.removeprefix("base_model.model.model.layers.").split(".")
        layer, linear, half = parts[0], parts[2], parts[3]
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
        if half == "lora_B" and linear in heads:
            t = pairs(t, heads[linear])
        out.add_tensor(
            f"blk.{layer}.{ours[linear]}.weight.{half.lower()}", np.ascontiguousarray(t)
        )
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def write(base, targets, **settings):
    torch.manual_seed(7)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        GOLDEN / base, dtype=torch.float32, attn_implementation="eager"
    )
    model = peft.get_peft_model(
        model, peft.LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=targets, **settings)
    )
    for name, weight in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.2)
    folder = GOLDEN / "lora" / base
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = base
    config["target_modules"].sort()
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=1) + "\n")
    state = {k: v.numpy() for k, v in peft.get_peft_model_state_dict(model).items()}
    if base == "llama":
        write_gguf(folder / "adapter.gguf", state, model.config)
    merged = model.merge_and_unload()
    with torch.no_grad():
        logits = merged(torch.tensor([PROMPT])).logits[0, -1]
    golden = {
        "reference": f"peft {peft.__version__}, torch {torch.__version__}, float32",
        "prompt": PROMPT,
        "last_logits": [round(x, 6) for x in logits.tolist()],
    }
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")


write("llama", LINEARS)
write("gpt2", ["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True, use_rslora=True)
