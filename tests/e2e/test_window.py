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
