#!/usr/bin/env python3
"""tests/golden/hf_defaults.json: what the publishers' configuration classes take by default.

    tools/golden/hf_defaults.py MODEL_TYPE... > tests/golden/hf_defaults.json

Needs transformers (with torch) in the environment.
"""
import json
import sys

import transformers

# Of no consequence to what a model computes.
LEFT_OUT = {"architectures", "attention_dropout", "attention_probs_dropout_prob", "bos_token_id",
            "chunk_size_feed_forward", "classifier_dropout", "dtype", "eos_token_id",
            "hidden_dropout_prob", "id2label", "initializer_range", "is_encoder_decoder",
            "label2id", "output_attentions", "output_hidden_states", "pad_token_id",
            "problem_type", "return_dict", "transformers_version", "use_cache"}


def kept(config):
    return {k: kept(v) if isinstance(v, dict) else v for k, v in config.items()
            if k not in LEFT_OUT and not k.startswith("summary_")}


json.dump([kept(transformers.AutoConfig.for_model(t).to_dict()) for t in sys.argv[1:]],
          sys.stdout, indent=0)
