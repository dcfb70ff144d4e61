"""Frameworks that bring their own way of talking to a server, unchanged: LiteLLM, llama-index."""

import json
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"   # nothing is fetched

import litellm
import pytest
from conftest import MODELS, REQUEST_TIMEOUT_S, Server, few
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike

CODER = MODELS / "Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf"
QUESTION = [{"role": "user", "content": "What is 17 plus 25? Use the tool."}]
TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}


@pytest.fixture(scope="module")
def server():
    running = Server("--served-model-name", "coder", model=CODER)
    yield running
    assert running.stop() == 0, running.text()


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def ask_litellm(server, provider, **more):
    base = server.url if provider == "anthropic" else f"{server.url}/v1"
    return litellm.completion(**{
        "model": f"{provider}/coder", "api_base": base, "api_key": "unused", "messages": QUESTION,
        "temperature": 0, "max_tokens": few(80, 60), "timeout": REQUEST_TIMEOUT_S, "num_retries": 0,
        **more,
    })


PROVIDERS = ["hosted_vllm", "openai", "anthropic"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_litellm_chat(server, provider):
    whole = ask_litellm(server, provider)
    text = whole.choices[0].message.content
    assert text and whole.usage.completion_tokens > 0
    parts = list(ask_litellm(server, provider, stream=True))
    assert "".join(part.choices[0].delta.content or "" for part in parts) == text
    assert parts[-1].choices[0].finish_reason == whole.choices[0].finish_reason


@pytest.mark.parametrize("provider", PROVIDERS)
def test_litellm_tools(server, provider):
    choice = {"type": "function", "function": {"name": "add"}}
    asked = dict(tools=[TOOL], tool_choice=choice)
    whole = ask_litellm(server, provider, **asked).choices[0]
    assert whole.finish_reason == "tool_calls"
    (call,) = whole.message.tool_calls
    parts = list(ask_litellm(server, provider, stream=True, **asked))
    streamed = litellm.stream_chunk_builder(parts, messages=QUESTION).choices[0].message
    assert json.loads(streamed.tool_calls[0].function.arguments) == json.loads(
        call.function.arguments
    )
    result = {"role": "tool", "tool_call_id": call.id,
              "content": str(add(**json.loads(call.function.arguments)))}
    answer = ask_litellm(server, provider, tools=[TOOL],
                         messages=[*QUESTION, whole.message.model_dump(), result])
    assert answer.choices[0].message.content or answer.choices[0].message.tool_calls


def test_litellm_errors(server):
    with pytest.raises(litellm.BadRequestError, match="temperature"):
        ask_litellm(server, "hosted_vllm", temperature=9)
    with pytest.raises(litellm.NotFoundError):
        ask_litellm(server, "hosted_vllm", model="hosted_vllm/nope")


@pytest.fixture
def index(server):
    return OpenAILike(
        model="coder", api_base=f"{server.url}/v1", api_key="unused", is_chat_model=True,
        is_function_calling_model=True, context_window=4096, temperature=0, max_retries=0,
        max_tokens=few(80, 60), timeout=REQUEST_TIMEOUT_S,
    )


def test_llama_index_chat(index):
    asked = [ChatMessage(role="user", content="Count to three.")]
    whole = index.chat(asked).message.content
    assert whole
    assert "".join(part.delta or "" for part in index.stream_chat(asked)) == whole
    assert index.complete("Count to three.").text


def test_llama_index_tools(index):
    tool = FunctionTool.from_defaults(fn=add)
    answer = index.predict_and_call([tool], user_msg=QUESTION[0]["content"], tool_required=True,
                                    allow_parallel_tool_calls=False)
    assert int(str(answer)) == answer.sources[0].raw_output
    assert set(answer.sources[0].raw_input["kwargs"]) == {"a", "b"}
