"""Tool calls with the official client: forced, free, streamed, and the loop back into the chat."""

import json

import jsonschema
import pytest
from conftest import MODELS, Server, few, openai_client

SMALL = MODELS / "Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf"

WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "the city's name", "maxLength": 40},
        "unit": {"enum": ["celsius", "fahrenheit"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 7},
    },
    "required": ["city", "unit"],
    "additionalProperties": False,
}
ADD = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}


def tool(name, parameters, strict=None):
    function = {"name": name, "description": f"{name} for the user", "parameters": parameters}
    if strict is not None:
        function["strict"] = strict
    return {"type": "function", "function": function}


TOOLS = [tool("get_weather", WEATHER), tool("add_numbers", ADD, strict=True)]
SCHEMAS = {"get_weather": WEATHER, "add_numbers": ADD}


@pytest.fixture(scope="module")
def server():
    running = Server(model=SMALL)
    yield running
    assert running.stop() == 0, running.text()


@pytest.fixture(scope="module")
def plain_server():
    """A model whose template knows no tools."""
    running = Server()
    yield running
    assert running.stop() == 0, running.text()


def ask(client, text="What is the weather in Rome, in celsius?", **more):
    return client.chat.completions.create(
        **{
            "model": client.models.list().data[0].id,
            "messages": [{"role": "user", "content": text}],
            "tools": TOOLS,
            "temperature": 0,
            "max_tokens": 160,
            **more,
        }
    )


def gather(stream):
    """The message that the deltas of a stream make, checked for the API's form."""
    content, calls, finish, pieces = "", [], None, 0
    for chunk in stream:
        if not chunk.choices:
            continue
        choice = chunk.choices[0]
        content += choice.delta.content or ""
        for delta in choice.delta.tool_calls or []:
            if delta.index == len(calls):
                assert delta.id and delta.type == "function" and delta.function.name
                calls.append({"id": delta.id, "name": delta.function.name, "arguments": ""})
            assert delta.index == len(calls) - 1
            pieces += bool(delta.function.arguments)
            calls[-1]["arguments"] += delta.function.arguments or ""
        finish = choice.finish_reason or finish
    return content, calls, finish, pieces


def check_call(name, arguments):
    jsonschema.validate(json.loads(arguments), SCHEMAS[name])


def test_required(server):
    client = openai_client(server)
    answer = ask(client, tool_choice="required").choices[0]
    assert answer.finish_reason == "tool_calls"
    assert answer.message.content is None
    for call in answer.message.tool_calls:
        assert call.type == "function" and call.id
        check_call(call.function.name, call.function.arguments)


def test_required_streamed_gives_the_same(server):
    client = openai_client(server)
    whole = ask(client, tool_choice="required").choices[0].message.tool_calls
    _, calls, finish, pieces = gather(ask(client, tool_choice="required", stream=True))
    assert finish == "tool_calls"
    assert [(c["name"], c["arguments"]) for c in calls] == [
        (c.function.name, c.function.arguments) for c in whole
    ]
    assert pieces > len(calls), "arguments come in pieces"


def test_named(server):
    client = openai_client(server)
    choice = {"type": "function", "function": {"name": "add_numbers"}}
    answer = ask(client, "What is the weather in Rome?", tool_choice=choice).choices[0]
    (call,) = answer.message.tool_calls
    assert call.function.name == "add_numbers"
    check_call("add_numbers", call.function.arguments)


def test_none_and_absent(server):
    client = openai_client(server)
    answer = ask(client, tool_choice="none", max_tokens=20).choices[0]
    assert not answer.message.tool_calls and answer.message.content


def test_auto_calls_are_valid(server):
    client = openai_client(server)
    for seed in range(few(12, 2)):
        answer = ask(client, temperature=1.5, seed=seed).choices[0]
        for call in answer.message.tool_calls or []:
            if answer.finish_reason == "tool_calls":
                check_call(call.function.name, call.function.arguments)


def test_many_streamed_calls_are_valid(server):
    client = openai_client(server)
    for seed in range(few(20, 3)):
        stream = ask(client, f"Add {seed} and {seed * 7}.", tool_choice="required", temperature=1.2,
                     seed=seed, stream=True, parallel_tool_calls=False, max_tokens=200)
        _, calls, finish, _ = gather(stream)
        if finish == "tool_calls":
            assert len(calls) == 1
            check_call(calls[0]["name"], calls[0]["arguments"])


def run_tool(name, arguments):
    values = json.loads(arguments)
    if name == "add_numbers":
        return str(values["a"] + values["b"])
    return json.dumps({"city": values["city"], "temperature": 21, "sky": "clear"})


def tool_loop(client, stream, **more):
    """Question, call, result, answer."""
    messages = [{"role": "user", "content": "What is 17 plus 25? Use the tool."}]
    answer = ask(client, messages=messages, stream=stream, **more)
    if stream:
        _, calls, _, _ = gather(answer)
    else:
        calls = [
            {"id": c.id, "name": c.function.name, "arguments": c.function.arguments}
            for c in answer.choices[0].message.tool_calls or []
        ]
    assert calls
    messages.append(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": c["id"],
                    "type": "function",
                    "function": {"name": c["name"], "arguments": c["arguments"]},
                }
                for c in calls
            ],
        }
    )
    for c in calls:
        result = run_tool(c["name"], c["arguments"])
        messages.append({"role": "tool", "tool_call_id": c["id"], "content": result})
    final = ask(client, messages=messages, stream=stream)
    if stream:
        return calls, gather(final)[0]
    return calls, final.choices[0].message.content


@pytest.mark.parametrize("stream", [False, True])
def test_tool_loop(server, stream):
    choice = {"type": "function", "function": {"name": "add_numbers"}}
    calls, text = tool_loop(openai_client(server), stream, tool_choice=choice)
    assert calls[0]["name"] == "add_numbers"
    assert text


def test_a_model_that_knows_no_tools(plain_server):
    client = openai_client(plain_server)
    answer = ask(client, tool_choice="required", parallel_tool_calls=False).choices[0]
    (call,) = answer.message.tool_calls
    check_call(call.function.name, call.function.arguments)
    assert ask(client, max_tokens=16).choices[0].finish_reason in ("stop", "length", "tool_calls")


def test_format_and_tools_together(server):
    client = openai_client(server)
    schema = {"type": "object", "properties": {"answer": {"type": "integer"}},
              "required": ["answer"], "additionalProperties": False}
    answer = ask(
        client, "Say 5.", temperature=1,
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    ).choices[0]
    if answer.finish_reason == "tool_calls":
        for call in answer.message.tool_calls:
            check_call(call.function.name, call.function.arguments)
    elif answer.finish_reason == "stop":
        jsonschema.validate(json.loads(answer.message.content), schema)


def test_strict_schema_that_cannot_be_enforced(server):
    client = openai_client(server)
    import openai

    wrong = {"type": "object", "properties": {"x": {"not": {"type": "string"}}}}
    with pytest.raises(openai.BadRequestError) as refusal:
        ask(client, tools=[tool("f", wrong, strict=True)])
    assert '"not"' in str(refusal.value) and refusal.value.param == "tools"
    # Not strict: what can be enforced is.
    answer = ask(client, tools=[tool("f", wrong)], tool_choice="required",
                 parallel_tool_calls=False).choices[0]
    if answer.finish_reason == "tool_calls":
        assert isinstance(json.loads(answer.message.tool_calls[0].function.arguments), dict)


def test_unknown_tool_in_choice(server):
    import openai

    with pytest.raises(openai.BadRequestError) as refusal:
        ask(openai_client(server), tool_choice={"type": "function", "function": {"name": "nope"}})
    assert refusal.value.param == "tool_choice"


def test_unknown_parser_names_end_the_start(start_server):
    with pytest.raises(RuntimeError, match="tool-call-parser nope"):
        start_server("--tool-call-parser", "nope")
    with pytest.raises(RuntimeError, match="reasoning-parser nope"):
        start_server("--reasoning-parser", "nope")


def test_reasoning_and_its_budget(start_server):
    """Any model can be read as a reasoner: it thinks until the budget ends it."""
    client = openai_client(start_server("--reasoning-parser", "qwen3"))
    model = client.models.list().data[0].id
    messages = [{"role": "user", "content": "Is the sky blue?"}]
    more = {"thinking_budget": 12, "guided_choice": ["yes", "no"]}
    answer = client.chat.completions.create(
        model=model, messages=messages, max_tokens=60, temperature=0, extra_body=more
    ).choices[0]
    # The template does not open the reasoning: the answer is held to the choice at once.
    assert answer.message.content in ("yes", "no")
