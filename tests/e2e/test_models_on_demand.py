"""Several models in one process: loaded when asked for, unloaded for others."""

import concurrent.futures
import shutil

import httpx
import pytest
from conftest import MODEL, REQUEST_TIMEOUT_S, SOURCE, Server, few, openai_client, wait_until

GOLDEN = SOURCE / "tests/golden"
TINY = ["llama", "qwen2", "qwen3", "gemma2", "gemma3", "phi3", "gpt2", "opt", "glm4", "starcoder2"]


@pytest.fixture(scope="module")
def fleet():
    models = [f"{name}={GOLDEN / name}" for name in TINY]
    running = Server(
        *models[1:], "--model-memory", "16MiB", "--kv-cache-bytes", "2MiB", "--threads", "2",
        "--max-num-seqs", "4", "--max-model-len", "128", model=models[0],
    )
    yield running
    assert running.stop() == 0, running.text()


def complete(server, name):
    answer = httpx.post(
        f"{server.url}/v1/completions",
        json={"model": name, "prompt": [1, 5, 9], "max_tokens": 2, "temperature": 0},
        timeout=REQUEST_TIMEOUT_S,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["choices"][0]["text"]


def loaded(server):
    return {m["name"]: m for m in httpx.get(f"{server.url}/api/ps").json()["models"]}


def test_requests_at_random_lose_none_and_stay_within_the_limit(fleet):
    assert not loaded(fleet)
    expected = {name: complete(fleet, name) for name in TINY}
    names = [TINY[(7 * i * i + i) % 10] for i in range(few(200, 40))]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda name: complete(fleet, name), names))
    assert texts == [expected[name] for name in names]
    assert sum(m["size"] for m in loaded(fleet).values()) <= 16 << 20
    assert fleet.metric("strata:model_memory_bytes") <= 16 << 20
    assert len(loaded(fleet)) < len(TINY)


def test_keep_alive_zero_unloads(fleet):
    complete(fleet, "llama")
    httpx.post(f"{fleet.url}/api/generate", json={"model": "llama", "keep_alive": 0})
    assert wait_until(lambda: "llama" not in loaded(fleet))


def test_unknown_models_and_no_model(fleet):
    answer = httpx.post(f"{fleet.url}/v1/completions", json={"model": "x", "prompt": "a"})
    assert answer.status_code == 404 and "llama" in answer.text
    assert httpx.post(f"{fleet.url}/v1/completions", json={"prompt": "a"}).status_code == 400


def test_the_library_is_served_and_grows(start_server, tmp_path, monkeypatch):
    monkeypatch.setenv("STRATA_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    running = start_server("--library", model=MODEL)
    ids = {m.id for m in openai_client(running).models.list()}
    assert ids == {MODEL.stem}
    shutil.copytree(GOLDEN / "qwen2", tmp_path / "models" / "tiny")
    assert {m.id for m in openai_client(running).models.list()} == {MODEL.stem, "tiny"}
    assert complete(running, "tiny") is not None
    gone = httpx.request("DELETE", f"{running.url}/api/delete", json={"model": "tiny"})
    assert gone.status_code == 200
    assert not (tmp_path / "models" / "tiny").exists()
    refused = httpx.request("DELETE", f"{running.url}/api/delete", json={"model": MODEL.stem})
    assert refused.status_code == 403 and MODEL.exists()
