"""Starting, stopping, clients that vanish, access."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import httpx
import openai
import pytest
from conftest import BINARY, MODEL, REQUEST_TIMEOUT_S, few, openai_client, wait_until

ENDLESS = {"prompt": "Count: 1, 2, 3,", "max_tokens": 2000, "ignore_eos": True, "temperature": 0}


def send_raw(server, body):
    """Sends a completion request on a socket of its own and returns the socket."""
    data = json.dumps(body).encode()
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.sendall(
        b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(data), data)
    )
    return connection


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_frees_its_memory(server, stream):
    used = lambda: server.metric("strata:kv_blocks", state="used")
    assert wait_until(lambda: used() == 0)
    connections = [send_raw(server, {**ENDLESS, "stream": stream, "n": 2}) for _ in range(3)]
    assert wait_until(lambda: server.metric("vllm:num_requests_running") == 6)
    assert used() > 0
    if stream:
        for connection in connections:
            assert connection.recv(100)
    for connection in connections:
        connection.close()
    assert wait_until(lambda: server.metric("vllm:num_requests_running") == 0, few(5, 60))
    assert used() == 0


def run(*arguments):
    return subprocess.run(
        [str(a) for a in (BINARY, "serve", *arguments)], capture_output=True, text=True, timeout=300
    )


def test_port_in_use(server):
    result = run(MODEL, "--port", server.port)
    assert result.returncode == 8
    assert str(server.port) in result.stderr
    assert httpx.get(f"{server.url}/health").status_code == 200


def test_not_enough_memory_is_said_before_loading():
    result = run(MODEL, "--port", 0, "--kv-cache-bytes", 1 << 50)
    assert result.returncode == 5, result.stderr
    needed, available = re.search(
        r"needs (\d+) bytes .* (\d+) are available", result.stderr
    ).groups()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert int(needed) > (1 << 50) - (1 << 30)
    assert 0 < int(available) <= memory
    assert "--kv-cache-bytes" in result.stderr
    assert "weights:" not in result.stderr  # the line that follows loading


def test_model_file_missing_or_unreadable(tmp_path):
    missing = tmp_path / "missing.gguf"
    result = run(missing, "--port", 0)
    assert result.returncode == 3
    assert str(missing) in result.stderr
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(MODEL.read_bytes()[:100_000])
    result = run(broken, "--port", 0)
    assert result.returncode == 6, result.stderr
    assert str(broken) in result.stderr
    if os.geteuid() != 0:  # root may read anything
        broken.chmod(0)
        assert run(broken, "--port", 0).returncode == 4


def test_sigterm_finishes_running_requests(start_server):
    server = start_server()
    result = {}

    def ask():
        body = {**ENDLESS, "max_tokens": few(200, 30)}
        result["answer"] = httpx.post(
            f"{server.url}/v1/completions", json=body, timeout=REQUEST_TIMEOUT_S
        )

    client = threading.Thread(target=ask)
    client.start()
    assert wait_until(lambda: server.metric("vllm:num_requests_running") == 1)
    server.process.send_signal(signal.SIGTERM)
    assert wait_until(lambda: refuses(server), 10)
    client.join()
    assert result["answer"].status_code == 200
    assert result["answer"].json()["usage"]["completion_tokens"] == few(200, 30)
    assert server.process.wait(60) == 0, server.text()


def refuses(server):
    """New requests get 503 while old ones finish, and no connection after that."""
    try:
        return httpx.post(f"{server.url}/v1/completions", json={"prompt": "x"}).status_code == 503
    except httpx.TransportError:
        return True


def test_stops_at_once_when_idle(start_server):
    server = start_server()
    start = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - start < few(10, 60)


def test_api_keys_and_names(start_server):
    server = start_server(
        "--api-key",
        "first",
        "--api-key",
        "second",
        "--served-model-name",
        "org/name",
        "--max-model-len",
        "256",
    )
    assert httpx.get(f"{server.url}/health").status_code == 200
    assert httpx.get(f"{server.url}/version").status_code == 200
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "first"}):
        answer = httpx.get(f"{server.url}/v1/models", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "invalid_api_key"
    with pytest.raises(openai.AuthenticationError):
        openai_client(server, "wrong").models.list()
    for key in ("first", "second"):
        client = openai_client(server, key)
        listed = client.models.list().data
        assert [m.id for m in listed] == ["org/name"]
        assert listed[0].max_model_len == 256
        answer = client.completions.create(model="org/name", prompt="hi", max_tokens=1)
        assert answer.model == "org/name"
    # The file's own name is understood too.
    client.completions.create(model=MODEL.name, prompt="hi", max_tokens=1)
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model="org/name", prompt=[1] * 300, max_tokens=1)
    assert "256" in caught.value.message and "300" in caught.value.message


def test_cross_origin(server):
    preflight = httpx.options(
        f"{server.url}/v1/chat/completions",
        headers={
            "Origin": "https://page.test",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    answer = httpx.get(f"{server.url}/v1/models", headers={"Origin": "https://page.test"})
    assert answer.headers["access-control-allow-origin"] == "*"


def test_pages_and_versions(server):
    page = httpx.get(server.url)
    assert '<div id="app">' in page.text
    assert "/v1/chat/completions" in httpx.get(f"{server.url}/endpoints").text
    assert page.headers["content-type"].startswith("text/html")
    assert httpx.get(f"{server.url}/version").json()["version"]
    assert httpx.head(f"{server.url}/health").status_code == 200
