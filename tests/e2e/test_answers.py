"""Reasoning and calls through every API, by its own client: in one piece, streamed, and the results
back into the conversation."""

import json

import anthropic
import jsonschema
import ollama
import pytest
from conftest import MODEL, MODELS, REQUEST_TIMEOUT_S, Server, few, openai_client

CODER = MODELS / "Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf"
QUESTION = [{"role": "user", "content": "What is 17 plus 25? Use the tool."}]
ADD = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}
ABOUT = "Adds two numbers."


@pytest.fixture(scope="module")
def server():
    running = Server(model=CODER)
    yield running
    assert running.stop() == 0, running.text()


@pytest.fixture(scope="module")
def thinker(tmp_path_factory):
    """A model whose chat template begins the reasoning: the same file with another template."""
    data = MODEL.read_bytes()
    old = data[data.index(b"{% for message in messages %}") :].split(b"{% endif %}\x1c")[0]
    default = b"You are a helpful AI assistant named SmolLM, trained by Hugging Face"
    new = old.replace(default, b"Be brief").replace(b"assistant\n", b"assistant\n<think>\n")
    space = b" " * (1 + len(old) - len(new))
    new = new.replace(b"if add_generation", b"if" + space + b"add_generation")
    assert len(new) == len(old) and new.count(b"<think>") == 1
    path = tmp_path_factory.mktemp("thinker") / "thinker.gguf"
    path.write_bytes(data.replace(old, new, 1))
    running = Server("--reasoning-parser", "qwen3", model=path)
    yield running
    assert running.stop() == 0, running.text()


def model_of(server):
    return openai_client(server).models.list().data[0].id


def claude(server):
    return anthropic.Anthropic(
        base_url=server.url, api_key="unused", max_retries=0, timeout=REQUEST_TIMEOUT_S
    )


def add(values):
    jsonschema.validate(values, ADD)
    return str(values["a"] + values["b"])


def ask_claude(server, **more):
    tools = [{"name": "add", "description": ABOUT, "input_schema": ADD}]
    return dict(
        model=model_of(server),
        max_tokens=160,
        temperature=0,
        messages=QUESTION,
        tools=tools,
        **more
    )


def test_anthropic_tool_loop(server):
    client = claude(server)
    asked = ask_claude(server, tool_choice={"type": "tool", "name": "add"})
    whole = client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        kinds = [event.type for event in stream]
        streamed = stream.get_final_message()
    (call,) = whole.content
    assert call.type == "tool_use" and call.id.startswith("toolu_")
    assert whole.stop_reason == streamed.stop_reason == "tool_use"
    assert [(b.name, b.input) for b in streamed.content] == [(call.name, call.input)]
    assert kinds.count("input_json") > 1, "arguments come in pieces"

    asked["messages"] = QUESTION + [
        {"role": "assistant", "content": whole.content},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": call.id, "content": add(call.input)}
            ],
        },
    ]
    asked["tool_choice"] = {"type": "none"}
    answer = client.messages.create(**asked)
    assert answer.content[0].type == "text" and answer.stop_reason in ("end_turn", "max_tokens")


def test_anthropic_any_and_none(server):
    client = claude(server)
    called = client.messages.create(
        **ask_claude(server, tool_choice={"type": "any", "disable_parallel_tool_use": True})
    )
    assert [block.type for block in called.content] == ["tool_use"]
    free = client.messages.create(**ask_claude(server, tool_choice={"type": "none"}))
    assert [block.type for block in free.content] == ["text"]


@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_thinks_then_calls(thinker, stream):
    asked = ask_claude(
        thinker,
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        thinking={"type": "enabled", "budget_tokens": 12},
    )
    client = claude(thinker)
    if stream:
        with client.messages.stream(**asked) as events:
            answer = events.get_final_message()
    else:
        answer = client.messages.create(**asked)
    thought, call = answer.content
    assert (thought.type, call.type) == ("thinking", "tool_use")
    assert thought.thinking and "<" not in thought.thinking
    add(call.input)
    plain = client.messages.create(
        model=asked["model"],
        max_tokens=few(60, 20),
        messages=QUESTION,
        temperature=0,
        extra_body={"thinking": {"type": "disabled"}},
    )
    assert all(block.type == "text" for block in plain.content), "it was not asked for"


def responses_tool():
    return {"type": "function", "name": "add", "description": ABOUT, "parameters": ADD}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kept", [False, True])
def test_responses_tool_loop(server, stream, kept):
    """The conversation is kept by the server, or told again by the client."""
    client = openai_client(server)
    asked = dict(
        model=model_of(server), tools=[responses_tool()], temperature=0, max_output_tokens=160
    )
    first = dict(asked, input=QUESTION, tool_choice={"type": "function", "name": "add"})
    if stream:
        with client.responses.stream(**first) as events:
            types = [event.type for event in events]
            answer = events.get_final_response()
        assert types.count("response.function_call_arguments.delta") > 1
        assert types.count("response.function_call_arguments.done") == 1
    else:
        answer = client.responses.create(**first)
    (call,) = answer.output
    assert call.type == "function_call" and call.status == "completed"
    result = {
        "type": "function_call_output",
        "call_id": call.call_id,
        "output": add(json.loads(call.arguments)),
    }
    if kept:
        asked.update(previous_response_id=answer.id, input=[result])
    else:
        told = call.model_dump(exclude_none=True, exclude={"parsed_arguments"})
        asked["input"] = QUESTION + [told, result]
    last = client.responses.create(**asked, tool_choice="none")
    assert last.output_text and last.output[0].type == "message"


def test_responses_reasoning(thinker):
    client = openai_client(thinker)
    asked = dict(
        model=model_of(thinker),
        input="Is the sky blue?",
        temperature=0,
        max_output_tokens=few(24, 8),
    )
    whole = client.responses.create(**asked)
    assert whole.status == "incomplete"
    assert whole.incomplete_details.reason == "max_output_tokens"
    (thought,) = whole.output
    assert thought.type == "reasoning" and thought.content[0].text
    assert whole.usage.output_tokens_details.reasoning_tokens == whole.usage.output_tokens
    events = list(client.responses.create(**asked, stream=True))
    text = "".join(e.delta for e in events if e.type == "response.reasoning_text.delta")
    assert text == thought.content[0].text == events[-1].response.output[0].content[0].text
    following = client.responses.create(
        model=asked["model"], input="So?", previous_response_id=whole.id, max_output_tokens=4
    )
    assert following.usage.input_tokens > whole.usage.input_tokens


OLLAMA_TOOLS = [
    {"type": "function", "function": {"name": "add", "description": ABOUT, "parameters": ADD}}
]


def test_ollama_takes_calls_and_results(server):
    """Its API cannot demand a call, and a model this small makes none by itself: that calls are
    told is tested with scripted answers, in src/serve/answers_test.cc."""
    client = ollama.Client(host=server.url, timeout=REQUEST_TIMEOUT_S)
    call = {"function": {"name": "add", "arguments": {"a": 17, "b": 25}}}
    messages = [
        *QUESTION,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_name": "add", "content": "42"},
    ]
    asked = dict(
        model=model_of(server), tools=OLLAMA_TOOLS, options={"temperature": 0, "num_predict": 40}
    )
    answer = client.chat(messages=messages, **asked)
    assert "42" in answer.message.content
    without = client.chat(messages=QUESTION, **asked)
    assert answer.prompt_eval_count > without.prompt_eval_count


def test_ollama_thinking_and_format(thinker):
    client = ollama.Client(host=thinker.url, timeout=REQUEST_TIMEOUT_S)
    asked = dict(
        model=model_of(thinker),
        messages=QUESTION,
        think=True,
        options={"temperature": 0, "num_predict": few(24, 8)},
    )
    whole = client.chat(**asked)
    assert whole.message.thinking and not whole.message.content
    parts = list(client.chat(**asked, stream=True))
    assert "".join(part.message.thinking or "" for part in parts) == whole.message.thinking
    said = client.generate(
        model=asked["model"], prompt="Think.", think=True, options=asked["options"]
    )
    assert said.thinking


def test_ollama_format_is_kept_to(server):
    client = ollama.Client(host=server.url, timeout=REQUEST_TIMEOUT_S)
    answer = client.chat(
        model=model_of(server),
        messages=QUESTION,
        format=ADD,
        options={"temperature": 0, "num_predict": 80},
    )
    jsonschema.validate(json.loads(answer.message.content), ADD)
    with pytest.raises(ollama.ResponseError, match="reasoning"):
        client.chat(model=model_of(server), messages=QUESTION, think=True)


def test_anthropic_output_format_is_kept_to(server):
    answer = claude(server).messages.create(
        model=model_of(server),
        max_tokens=80,
        temperature=0,
        messages=QUESTION,
        extra_body={"output_format": {"type": "json_schema", "schema": ADD}},
    )
    jsonschema.validate(json.loads(answer.content[0].text), ADD)
