#!/usr/bin/env python3
"""tests/golden/embeddings.json: vectors of a hundred texts by sentence-transformers.

    tools/golden/embeddings.py MODEL_FOLDER > tests/golden/embeddings.json

Needs sentence-transformers (and torch) in the environment. MODEL_FOLDER is all-MiniLM-L6-v2 with
its modules.json. Vectors are little-endian float32 in base64.
"""
import base64
import json
import sys

import sentence_transformers

SUBJECTS = ["The river", "A small engine", "Your invoice", "Das alte Haus", "El tren", "猫",
            "Температура", "L'équation", "The committee", "Null pointer"]
PREDICATES = [
    "runs faster than anyone expected.",
    "was not found; please try again later!",
    "costs 1,299.99 € (including 19 % VAT)",
    "ist seit 1897 verschlossen, sagt man.",
    "が窓のそばで眠っている。",
    "returns std::optional<int>{} when x < 0 && y == nullptr",
    "понизилась до −12,5 °C 🥶",
    "naïve café façade — “quoted”… e.g. U.S.A.\t\n twice",
    "a b c d e f g " * 20,
    "and then it went on, for it had much to say about itself and about the others. " * 30,
]

texts = [f"{s} {p}" for s in SUBJECTS for p in PREDICATES]
model = sentence_transformers.SentenceTransformer(sys.argv[1], device="cpu")
vectors = model.encode(texts, batch_size=1).astype("<f4")
json.dump(
    {
        "reference": f"sentence-transformers {sentence_transformers.__version__}",
        "max_tokens": model.max_seq_length,
        "cases": [{"text": t, "vector": base64.b64encode(v.tobytes()).decode()}
                  for t, v in zip(texts, vectors)],
    },
    sys.stdout, ensure_ascii=False, indent=0)
