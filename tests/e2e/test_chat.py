"""/v1/chat/completions with the official client."""

import math

import pytest
from conftest import few

CAPITAL = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]


def ask(client, model, messages=CAPITAL, **options):
    options = {"temperature": 0, "max_tokens": few(24, 8), **options}
    return client.chat.completions.create(model=model, messages=messages, **options)


def test_answers(client, model):
    answer = ask(client, model)
    assert answer.object == "chat.completion"
    assert answer.model == model
    assert answer.id.startswith("chatcmpl-")
    assert answer.system_fingerprint
    choice = answer.choices[0]
    assert choice.message.role == "assistant"
    assert "Paris" in choice.message.content
    assert choice.finish_reason in ("stop", "length")
    usage = answer.usage
    assert usage.prompt_tokens > 10
    assert 1 <= usage.completion_tokens <= 24
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_streaming_gives_the_same(client, model):
    whole = ask(client, model)
    chunks = list(ask(client, model, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert chunks[-1].usage.prompt_tokens == whole.usage.prompt_tokens
    text = "".join(c.choices[0].delta.content or "" for c in chunks[:-1])
    assert text == whole.choices[0].message.content
    reasons = [c.choices[0].finish_reason for c in chunks[:-1]]
    assert reasons[-1] == whole.choices[0].finish_reason
    assert set(reasons[:-1]) <= {None}
    assert all(c.usage is None for c in chunks[:-1])
    assert len({c.id for c in chunks}) == 1


def test_prefix_of_the_prompt_is_cached(client, model):
    long = [{"role": "user", "content": "Remember this list: " + "apple, pear, plum, " * 20}]
    ask(client, model, long, max_tokens=1)
    again = ask(client, model, long, max_tokens=1)
    assert again.usage.prompt_tokens_details.cached_tokens > 0
    assert again.usage.prompt_tokens_details.cached_tokens < again.usage.prompt_tokens


def test_n(client, model):
    answer = ask(client, model, n=3)
    assert [c.index for c in answer.choices] == [0, 1, 2]
    # Greedy: all the same.
    assert len({c.message.content for c in answer.choices}) == 1
    varied = ask(client, model, n=4, temperature=1.5, seed=1, max_tokens=12)
    assert len({c.message.content for c in varied.choices}) > 1
    texts = {}
    for chunk in ask(client, model, n=3, stream=True):
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
    assert texts == {i: answer.choices[i].message.content for i in range(3)}


def test_stop_strings(client, model):
    whole = ask(client, model, max_tokens=8).choices[0].message.content
    assert len(whole) >= 4
    stop = whole[2:4]
    cut = ask(client, model, max_tokens=8, stop=[stop, "never"])
    assert cut.choices[0].finish_reason == "stop"
    assert cut.choices[0].message.content == whole[: whole.index(stop)]
    streamed = "".join(
        c.choices[0].delta.content or ""
        for c in ask(client, model, max_tokens=8, stop=stop, stream=True)
    )
    assert streamed == whole[: whole.index(stop)]


def test_limits_on_length(client, model):
    answer = ask(client, model, max_tokens=3, extra_body={"ignore_eos": True})
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 3
    answer = client.chat.completions.create(model=model, messages=CAPITAL, max_completion_tokens=2)
    assert answer.usage.completion_tokens <= 2


def test_logprobs(client, model):
    answer = ask(client, model, max_tokens=5, logprobs=True, top_logprobs=3)
    content = answer.choices[0].logprobs.content
    assert 1 <= len(content) <= 5
    for entry in content:
        assert entry.logprob <= 0
        assert len(entry.top_logprobs) == 3
        ranked = [t.logprob for t in entry.top_logprobs]
        assert ranked == sorted(ranked, reverse=True)
        # Greedy: the chosen one is the best.
        assert math.isclose(entry.logprob, ranked[0], abs_tol=1e-4)
        assert sum(math.exp(r) for r in ranked) <= 1.001
        assert bytes(entry.bytes).decode(errors="replace") == entry.token
    text = b"".join(bytes(e.bytes) for e in content).decode()
    assert text.startswith(answer.choices[0].message.content)


def test_seed_decides(client, model):
    def sample(seed):
        answer = ask(client, model, temperature=1.0, seed=seed, max_tokens=few(20, 6))
        return answer.choices[0].message.content

    first = sample(1234)
    assert sample(1234) == first
    assert any(sample(seed) != first for seed in (1, 2, 3))


def test_logit_bias(client, model, http):
    usual = ask(client, model, max_tokens=1, logprobs=True).choices[0].logprobs.content[0].token
    first = http.post("/tokenize", json={"prompt": usual, "add_special_tokens": False}).json()[
        "tokens"
    ][0]
    banned = ask(client, model, max_tokens=1, logit_bias={str(first): -100}, logprobs=True)
    assert banned.choices[0].logprobs.content[0].token != usual
    forced = ask(client, model, max_tokens=3, logit_bias={str(first): 100})
    assert forced.choices[0].message.content == usual * 3


def test_roles_and_parts(client, model):
    def conversation(wrap):
        return [
            {"role": "system", "content": "You are terse."},
            {"role": "user", "content": wrap("What is the capital of France?")},
            {"role": "assistant", "content": "Paris."},
            {"role": "user", "content": wrap("And of Italy?")},
        ]

    plain = ask(client, model, conversation(lambda text: text))
    parts = ask(client, model, conversation(lambda text: [{"type": "text", "text": text}]))
    assert parts.choices[0].message.content == plain.choices[0].message.content != ""
    assert parts.usage.prompt_tokens == plain.usage.prompt_tokens
    # Every message is in the prompt.
    shorter = ask(client, model, conversation(lambda text: text)[2:])
    assert shorter.usage.prompt_tokens < plain.usage.prompt_tokens
    assert "Ital" in plain.choices[0].message.content or "Rome" in plain.choices[0].message.content


def test_final_message_is_continued(client, model):
    messages = CAPITAL + [{"role": "assistant", "content": "The capital of France is"}]
    answer = ask(client, model, messages, extra_body={"continue_final_message": True}, max_tokens=4)
    assert "Paris" in answer.choices[0].message.content


@pytest.mark.parametrize("stream", [False, True])
def test_unicode_is_never_cut(client, model, stream):
    messages = [{"role": "user", "content": "Repeat exactly: 你好 🙂 é"}]
    answer = ask(client, model, messages, stream=stream, max_tokens=few(24, 12))
    if stream:
        for chunk in answer:
            if chunk.choices and chunk.choices[0].finish_reason is None:
                assert "\ufffd" not in (chunk.choices[0].delta.content or "")
    else:
        assert answer.choices[0].message.content
