"""Wrong requests get an answer that says what is wrong and where; the server goes on."""

import openai
import pytest

CHAT = {"messages": [{"role": "user", "content": "hi"}]}
TEXT = {"prompt": "hi"}

WRONG = [
    ("/v1/chat/completions", {}, 400, "messages", "missing_parameter"),
    ("/v1/chat/completions", {**CHAT, "model": "no-such-model"}, 404, "model", "model_not_found"),
    ("/v1/chat/completions", {**CHAT, "temperature": "hot"}, 400, "temperature", "invalid_type"),
    ("/v1/chat/completions", {**CHAT, "temperature": -1}, 400, "temperature", "invalid_value"),
    ("/v1/chat/completions", {**CHAT, "max_tokens": -1}, 400, "max_tokens", "invalid_value"),
    ("/v1/chat/completions", {**CHAT, "n": 0}, 400, "n", "invalid_value"),
    ("/v1/chat/completions", {**CHAT, "n": 1000}, 400, "n", "invalid_value"),
    ("/v1/chat/completions", {**CHAT, "top_p": 7}, 400, "top_p", "invalid_value"),
    ("/v1/chat/completions", {**CHAT, "stop": [1]}, 400, "stop[0]", "invalid_type"),
    (
        "/v1/chat/completions",
        {**CHAT, "logit_bias": {"99999999": 1}},
        400,
        "logit_bias",
        "invalid_value",
    ),
    ("/v1/chat/completions", {**CHAT, "top_logprobs": 2}, 400, "top_logprobs", "invalid_value"),
    (
        "/v1/chat/completions",
        {**CHAT, "stream_options": {}},
        400,
        "stream_options",
        "invalid_value",
    ),
    (
        "/v1/chat/completions",
        {**CHAT, "response_format": {"type": "yaml"}},
        400,
        "response_format.type",
        "unsupported_value",
    ),
    (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        400,
        "messages[0].content[0].type",
        "unsupported_value",
    ),
    (
        "/v1/chat/completions",
        {"messages": [{"role": "wizard", "content": "x"}]},
        400,
        "messages[0].role",
        "invalid_value",
    ),
    ("/v1/completions", {}, 400, "prompt", "missing_parameter"),
    ("/v1/completions", {"prompt": [99999999]}, 400, "prompt", "invalid_value"),
    ("/v1/completions", {"prompt": [-1]}, 400, "prompt[0]", "invalid_value"),
    ("/v1/completions", {**TEXT, "suffix": "x"}, 400, "suffix", "unsupported_parameter"),
    ("/v1/completions", {**TEXT, "best_of": 5}, 400, "best_of", "unsupported_value"),
    ("/detokenize", {"tokens": [99999999]}, 400, "tokens", "invalid_value"),
    ("/tokenize", {}, 400, "prompt", "missing_parameter"),
]


@pytest.mark.parametrize("path,body,status,param,code", WRONG)
def test_wrong_fields(http, path, body, status, param, code):
    answer = http.post(path, json=body)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["param"] == param
    assert error["code"] == code
    assert error["message"]
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        '{"messages": [}',
        "[1]",
        "null",
        "\x00",
        "{'a': 1}",
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
)
def test_malformed_json(http, body):
    answer = http.post("/v1/chat/completions", content=body)
    assert answer.status_code == 400
    assert "JSON" in answer.json()["error"]["message"]


def test_unknown_fields_are_accepted(http):
    answer = http.post("/v1/completions", json={**TEXT, "max_tokens": 1, "not_a_field": {"x": 1}})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "method,path,status",
    [
        ("GET", "/nope", 404),
        ("GET", "/v1/completions", 405),
        ("DELETE", "/health", 405),
        ("GET", "/v1/models/x", 404),
    ],
)
def test_unknown_paths_and_methods(http, method, path, status):
    answer = http.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_prompt_longer_than_the_context(client, http, model):
    context = http.get("/v1/models").json()["data"][0]["max_model_len"]
    count = context + 10
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model=model, prompt=[1] * count, max_tokens=1)
    assert caught.value.code == "context_length_exceeded"
    assert str(context) in caught.value.message
    assert str(count) in caught.value.message
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "word " * count}], stream=True
        )
    assert caught.value.code == "context_length_exceeded"


def test_openai_client_raises_its_own_errors(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="no-such-model", messages=CHAT["messages"])
    assert "no-such-model" in caught.value.message


def test_body_too_large(http):
    answer = http.post("/v1/completions", content=b"x" * (40 << 20))
    assert answer.status_code == 413


def test_still_serving(http):
    assert http.get("/health").status_code == 200
    assert http.post("/v1/completions", json={**TEXT, "max_tokens": 1}).status_code == 200
