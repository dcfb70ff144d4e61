"""/v1/completions, /tokenize, /detokenize, /v1/models."""

import math

from conftest import few

PROMPT = "The capital of France is"


def complete(client, model, prompt=PROMPT, **options):
    options = {"temperature": 0, "max_tokens": 6, **options}
    return client.completions.create(model=model, prompt=prompt, **options)


def tokenize(http, text, **options):
    return http.post("/tokenize", json={"prompt": text, **options}).json()


def test_completes(client, model):
    answer = complete(client, model)
    assert answer.object == "text_completion"
    assert "Paris" in answer.choices[0].text
    assert answer.usage.completion_tokens <= 6
    assert len(complete(client, model, max_tokens=None).choices[0].text) > 0  # 16 tokens


def test_streaming_gives_the_same(client, model):
    whole = complete(client, model, max_tokens=few(20, 6))
    chunks = list(complete(client, model, max_tokens=few(20, 6), stream=True))
    assert "".join(c.choices[0].text for c in chunks) == whole.choices[0].text
    assert chunks[-1].choices[0].finish_reason == whole.choices[0].finish_reason


def test_token_ids_are_the_same_prompt(client, http, model):
    ids = tokenize(http, PROMPT)["tokens"]
    text = complete(client, model)
    by_ids = complete(client, model, ids)
    assert by_ids.choices[0].text == text.choices[0].text
    assert by_ids.usage.prompt_tokens == text.usage.prompt_tokens == len(ids)


def test_lists_of_prompts(client, http, model):
    prompts = [PROMPT, "One, two, three,"]
    singles = [complete(client, model, p).choices[0].text for p in prompts]
    many = complete(client, model, prompts, n=2)
    assert [c.index for c in many.choices] == [0, 1, 2, 3]
    assert [c.text for c in many.choices] == [singles[0], singles[0], singles[1], singles[1]]
    ids = [tokenize(http, p)["tokens"] for p in prompts]
    assert [c.text for c in complete(client, model, ids).choices] == singles


def test_echo_and_logprobs(client, http, model):
    answer = complete(client, model, echo=True, logprobs=2)
    choice = answer.choices[0]
    assert choice.text.startswith(PROMPT)
    logprobs = choice.logprobs
    ids = tokenize(http, PROMPT)["tokens"]
    count = len(ids) + answer.usage.completion_tokens
    assert len(logprobs.tokens) in (count, count - 1)  # a stop token is not shown
    assert len(logprobs.tokens) == len(logprobs.token_logprobs) == len(logprobs.text_offset)
    assert logprobs.token_logprobs[0] is None
    assert all(p <= 0 for p in logprobs.token_logprobs[1:])
    assert "".join(logprobs.tokens) == choice.text
    for offset, token in zip(logprobs.text_offset, logprobs.tokens):
        assert choice.text[offset:].startswith(token)
    for token, logprob, top in list(
        zip(logprobs.tokens, logprobs.token_logprobs, logprobs.top_logprobs)
    )[1:]:
        assert 2 <= len(top) <= 3
        assert math.isclose(top[token], logprob, abs_tol=1e-4)


def test_scoring_a_text_without_generating(client, model):
    answer = complete(client, model, max_tokens=0, echo=True, logprobs=1)
    assert answer.choices[0].text == PROMPT
    assert answer.usage.completion_tokens == 0
    likely = sum(answer.choices[0].logprobs.token_logprobs[1:])
    odd = complete(client, model, "The capital France of is", max_tokens=0, echo=True, logprobs=1)
    assert sum(odd.choices[0].logprobs.token_logprobs[1:]) < likely


def test_tokenize_and_back(http):
    for text in (PROMPT, "", "  spaces\n\tand tabs ", "你好 🙂 é", "<|im_start|>x"):
        answer = tokenize(http, text, return_token_strs=True)
        assert answer["count"] == len(answer["tokens"]) == len(answer["token_strs"])
        back = http.post("/detokenize", json={"tokens": answer["tokens"]}).json()
        assert back["prompt"] == text


def test_tokenize_a_conversation(client, http, model):
    messages = [{"role": "user", "content": "hi"}]
    count = http.post("/tokenize", json={"messages": messages}).json()["count"]
    answer = client.chat.completions.create(model=model, messages=messages, max_tokens=1)
    assert answer.usage.prompt_tokens == count


def test_models(client, model):
    shown = client.models.retrieve(model)
    assert shown.id == model
    assert shown.max_model_len > 0
