"""Other vendors' official clients, unchanged, against one server."""

import anthropic
import ollama
import pytest
from conftest import REQUEST_TIMEOUT_S, few
from langchain_openai import ChatOpenAI

QUESTION = [{"role": "user", "content": "What is the capital of France? Answer with one word."}]


@pytest.fixture
def claude(server):
    return anthropic.Anthropic(
        base_url=server.url, api_key="unused", max_retries=0, timeout=REQUEST_TIMEOUT_S
    )


@pytest.fixture
def llama(server):
    return ollama.Client(host=server.url, timeout=REQUEST_TIMEOUT_S)


def test_anthropic_in_one_piece(claude, model):
    answer = claude.messages.create(
        model=model, max_tokens=few(16, 4), temperature=0, messages=QUESTION, system="Be brief."
    )
    assert answer.content[0].type == "text" and answer.content[0].text
    assert answer.stop_reason in ("end_turn", "max_tokens")
    assert 0 < answer.usage.output_tokens <= 16
    counted = claude.messages.count_tokens(model=model, messages=QUESTION, system="Be brief.")
    assert counted.input_tokens == (
        answer.usage.input_tokens + answer.usage.cache_read_input_tokens
    )


def test_anthropic_streams_the_same_text(claude, model):
    asked = dict(model=model, max_tokens=few(16, 4), temperature=0, messages=QUESTION)
    whole = claude.messages.create(**asked)
    with claude.messages.stream(**asked) as stream:
        text = "".join(stream.text_stream)
        last = stream.get_final_message()
    assert text == whole.content[0].text == last.content[0].text
    assert last.stop_reason == whole.stop_reason
    assert last.usage.output_tokens == whole.usage.output_tokens


def test_anthropic_errors_are_its_own(claude, model):
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.create(model="nope", max_tokens=1, messages=QUESTION)
    with pytest.raises(anthropic.BadRequestError, match="temperature"):
        claude.messages.create(model=model, max_tokens=1, temperature=5, messages=QUESTION)


def test_ollama_chat(llama, model):
    options = {"temperature": 0, "num_predict": few(16, 4)}
    whole = llama.chat(model=model, messages=QUESTION, options=options)
    assert whole.done and whole.message.content
    parts = list(llama.chat(model=model, messages=QUESTION, options=options, stream=True))
    assert "".join(part.message.content for part in parts) == whole.message.content
    assert parts[-1].done and parts[-1].eval_count == whole.eval_count


def test_ollama_generate_and_models(llama, model):
    answer = llama.generate(model=model, prompt="One, two,", options={"num_predict": 4})
    assert answer.done and answer.eval_count <= 4
    assert model in [m.model for m in llama.list().models]
    assert model in [m.model for m in llama.ps().models]
    shown = llama.show(model)
    assert "completion" in shown.capabilities
    assert shown.modelinfo["general.architecture"] == "llama"


def test_ollama_errors_are_its_own(llama, model):
    with pytest.raises(ollama.ResponseError) as refusal:
        llama.chat(model="nope", messages=QUESTION)
    assert refusal.value.status_code == 404 and "nope" in refusal.value.error
    with pytest.raises(ollama.ResponseError, match="num_ctx"):
        llama.chat(model=model, messages=QUESTION, options={"num_ctx": 10_000_000})


def test_responses_keep_the_conversation(client, model):
    first = client.responses.create(
        model=model, input="My name is Ada.", max_output_tokens=few(16, 4), temperature=0
    )
    assert first.status in ("completed", "incomplete") and first.output_text
    second = client.responses.create(
        model=model, input="What is my name?", previous_response_id=first.id, temperature=0,
        max_output_tokens=few(16, 4),
    )
    assert second.usage.input_tokens > first.usage.input_tokens + first.usage.output_tokens
    assert client.responses.retrieve(second.id).output_text == second.output_text
    client.responses.delete(first.id)


def test_responses_stream(client, model):
    asked = dict(model=model, input="Count to three.", temperature=0, max_output_tokens=few(16, 4))
    whole = client.responses.create(**asked)
    events = list(client.responses.create(**asked, stream=True))
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert text == whole.output_text == events[-1].response.output_text
    assert events[-1].type == f"response.{whole.status}"


def test_langchain(server, model):
    chat = ChatOpenAI(
        base_url=f"{server.url}/v1", api_key="unused", model=model, temperature=0,
        max_tokens=few(16, 4), max_retries=0, timeout=REQUEST_TIMEOUT_S,
    )
    whole = chat.invoke("Count to three.")
    assert whole.content and whole.usage_metadata["output_tokens"] > 0
    assert "".join(part.content for part in chat.stream("Count to three.")) == whole.content
