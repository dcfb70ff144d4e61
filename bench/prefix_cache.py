#!/usr/bin/env python3
"""Time to first token on a miss and on a hit of the prefix cache, and the hit rate it reports.

    strata serve MODEL --max-model-len 8192 &
    bench/prefix_cache.py http://127.0.0.1:8000 --tokens 4000

Prints one JSON object. Needs httpx.
"""

import argparse
import json
import random
import statistics
import time

import httpx


def ask(url, prompt):
    """Seconds to the first token, and the tokens that the cache had."""
    body = {"prompt": prompt, "max_tokens": 2, "stream": True, "temperature": 0,
            "stream_options": {"include_usage": True}}
    begin, first, usage = time.monotonic(), None, None
    with httpx.stream("POST", f"{url}/v1/completions", json=body, timeout=600) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines():
            if not line.startswith("data: {"):
                continue
            first = first or time.monotonic() - begin
            usage = json.loads(line[6:]).get("usage") or usage
    return first, usage["prompt_tokens_details"]["cached_tokens"]


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("url")
    options.add_argument("--tokens", type=int, default=4000)
    options.add_argument("--repetitions", type=int, default=3)
    o = options.parse_args()
    miss, hit, computed, reported = [], [], 0, 0
    for _ in range(o.repetitions):
        prompt = [random.randrange(1000, 20000) for _ in range(o.tokens)]
        seconds, cached = ask(o.url, prompt)
        miss.append(seconds)
        reported += cached
        question = [random.randrange(1000, 20000) for _ in range(20)]
        seconds, cached = ask(o.url, prompt + question)
        hit.append(seconds)
        reported += cached
        computed += o.tokens // 64 * 64   # full blocks; a lead of fewer tokens is copied as well
    print(json.dumps({
        "tokens": o.tokens, "ttft_miss_s": round(statistics.median(miss), 3),
        "ttft_hit_s": round(statistics.median(hit), 3),
        "hit_over_miss": round(statistics.median(hit) / statistics.median(miss), 4),
        "cached_reported": reported, "cached_full_blocks": computed}))


if __name__ == "__main__":
    main()
