"""A model with sliding-window layers, at prompts longer than the window."""

import httpx
from conftest import MODELS, REQUEST_TIMEOUT_S

GEMMA = MODELS / "gemma-3-270m.Q4_K_M.gguf"   # window 512
COMMON = " ".join(f"{n} times {n} is {n * n}." for n in range(2, 95))


def ask(server, question):
    answer = httpx.post(
        f"{server.url}/v1/completions",
        json={"prompt": COMMON + question, "max_tokens": 6, "temperature": 0, "logprobs": 5},
        timeout=REQUEST_TIMEOUT_S,
    )
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["choices"][0], body["usage"]


def test_prefix_hits_give_the_logits_of_a_miss(start_server):
    options = ("--max-model-len", 2048, "--speculation", "off")
    cached = start_server(*options, model=GEMMA)
    plain = start_server(*options, "--no-enable-prefix-caching", model=GEMMA)
    ask(cached, " 95 times 95 is")
    for question in (" 96 times 96 is", " And 97 times 97?", " 95 times 95 is"):
        hit, usage = ask(cached, question)
        miss, _ = ask(plain, question)
        assert usage["prompt_tokens"] > 700
        assert usage["prompt_tokens_details"]["cached_tokens"] > 600
        assert hit["text"] == miss["text"]
        for ours, theirs in zip(hit["logprobs"]["top_logprobs"], miss["logprobs"]["top_logprobs"]):
            assert ours.keys() == theirs.keys()
            assert all(abs(ours[token] - theirs[token]) < 1e-3 for token in ours)
    assert cached.stop() == 0


def test_turns_go_on_where_the_last_one_ended(start_server):
    """Several windows long: pages behind them are given back, and the next turn still hits."""
    server = start_server("--max-model-len", 4096, "--speculation", "off", model=GEMMA)
    text, before = COMMON, 0
    for turn in range(4):
        text += f" Now turn {turn}: " + " ".join(str(turn * 1000 + n) for n in range(60))
        answer = httpx.post(
            f"{server.url}/v1/completions",
            json={"prompt": text, "max_tokens": 70, "temperature": 0, "ignore_eos": True},
            timeout=REQUEST_TIMEOUT_S,
        ).json()
        usage = answer["usage"]
        # All but the end of the last answer, whose tokens may be cut anew, and a part of a block.
        assert usage["prompt_tokens_details"]["cached_tokens"] >= before - 2 * 64
        before = usage["total_tokens"]
        text += answer["choices"][0]["text"]
    assert before > 3 * 512
    assert server.metric("strata:kv_bytes", state="used") == 0
    assert 0 < server.metric("strata:kv_bytes", state="cached")
    assert server.stop() == 0
