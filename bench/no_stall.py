#!/usr/bin/env python3
"""Sixteen streams decode, a long prompt arrives: the largest gap between tokens of the others.

    strata serve MODEL --itl-target-ms 100 --speculation off &
    bench/no_stall.py http://127.0.0.1:8000 --target-ms 100

Prints one JSON object: gaps (ms) before and while the long prompt is computed. Needs httpx.
"""

import argparse
import json
import statistics
import threading
import time

import httpx


def stream(url, prompt, max_tokens, times, started=None):
    body = {"prompt": prompt, "max_tokens": max_tokens, "stream": True, "ignore_eos": True,
            "temperature": 0}
    with httpx.stream("POST", f"{url}/v1/completions", json=body, timeout=600) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                times.append(time.monotonic())
                if started:
                    started.release()
                    started = None


def spread(values):
    ordered = sorted(values) or [0.0]
    return {"median": round(statistics.median(ordered), 1),
            "p99": round(ordered[int(0.99 * (len(ordered) - 1))], 1),
            "max": round(ordered[-1], 1)}


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("url")
    options.add_argument("--target-ms", type=float, default=100)
    options.add_argument("--streams", type=int, default=16)
    options.add_argument("--long", type=int, default=8000, help="tokens of the prompt that arrives")
    options.add_argument("--tokens", type=int, default=400, help="of each stream")
    o = options.parse_args()
    times = [[] for _ in range(o.streams)]
    started = threading.Semaphore(0)
    threads = [threading.Thread(target=stream, args=(o.url, f"Story {i}:", o.tokens, t, started))
               for i, t in enumerate(times)]
    for thread in threads:
        thread.start()
    for _ in threads:
        started.acquire()
    time.sleep(1)
    prompt = [1000 + i * 7919 % 20000 for i in range(o.long)]
    late, begin = [], time.monotonic()
    stream(o.url, prompt, 4, late)
    end = late[0]
    for thread in threads:
        thread.join()
    gaps = {"before": [], "during": []}
    for t in times:
        for a, b in zip(t, t[1:]):
            which = "before" if b < begin else "during" if a < end else None
            if which:
                gaps[which].append((b - a) * 1000)
    print(json.dumps({
        "streams": o.streams, "prompt_tokens": o.long, "target_ms": o.target_ms,
        "ttft_of_the_prompt_s": round(end - begin, 2),
        "gap_ms_before": spread(gaps["before"]), "gap_ms_during": spread(gaps["during"]),
        "largest_gap_over_target": round(max(gaps["during"] or [0]) / o.target_ms, 2)}))


if __name__ == "__main__":
    main()
