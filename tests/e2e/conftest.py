"""Fixtures: a running server and clients for it."""

import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import httpx
import openai
import pytest

SOURCE = pathlib.Path(os.environ.get("STRATA_SOURCE", pathlib.Path(__file__).parents[2]))
BINARY = pathlib.Path(os.environ.get("STRATA_BINARY", SOURCE / "build/release/strata"))
MODELS = pathlib.Path(os.environ.get("STRATA_TEST_MODELS", SOURCE / "build/models"))
MODEL = MODELS / "SmolLM2-135M-Instruct.Q4_1.gguf"
SHORT = os.environ.get("STRATA_TEST_SHORT", "0").upper() in ("1", "TRUE", "ON", "YES")
START_TIMEOUT_S = 300
REQUEST_TIMEOUT_S = 600 if SHORT else 120


def few(normal, short):
    """A number of tokens or requests: fewer under sanitizers."""
    return short if SHORT else normal


class Server:
    """`strata serve MODEL --port 0 OPTIONS`, up when the constructor returns."""

    def __init__(self, *options, model=MODEL, port=0):
        assert BINARY.exists(), f"{BINARY} is missing: build it, or set STRATA_BINARY"
        path = pathlib.Path(str(model).split("=")[-1])   # NAME=MODEL
        assert path.exists(), f"{path} is missing: set STRATA_TEST_MODELS"
        command = [BINARY, "serve", model, "--host", "127.0.0.1", "--port", port, *options]
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.output = []
        self.up = threading.Event()
        self.port = None
        self.readers = [
            threading.Thread(target=self._read, args=(pipe,), daemon=True)
            for pipe in (self.process.stdout, self.process.stderr)
        ]
        for reader in self.readers:
            reader.start()
        end = time.monotonic() + START_TIMEOUT_S
        while not self.up.wait(0.05):
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"the server did not start:\n{self.text()}")
        self.url = f"http://127.0.0.1:{self.port}"

    def _read(self, pipe):
        for line in pipe:
            self.output.append(line)
            found = re.search(r"serving .* on https?://[^/]*:(\d+)", line)
            if found:
                self.port = int(found[1])
                self.up.set()

    def text(self):
        for reader in self.readers:
            reader.join(5)
        return "".join(self.output)

    def stop(self, timeout_s=60):
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)

    def metric(self, name, **labels):
        """The sum of the series of a name that carry the labels."""
        total = None
        for line in httpx.get(f"{self.url}/metrics").text.splitlines():
            found = re.fullmatch(r"([^{ #]+)(?:\{(.*)\})? (\S+)", line)
            if not found or found[1] != name:
                continue
            series = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
            if all(series.get(key) == value for key, value in labels.items()):
                total = (total or 0) + float(found[3])
        assert total is not None, f"no metric {name} {labels}"
        return total


def wait_until(condition, timeout_s=30):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def openai_client(server, key="unused"):
    return openai.OpenAI(
        base_url=f"{server.url}/v1", api_key=key, max_retries=0, timeout=REQUEST_TIMEOUT_S
    )


@pytest.fixture(scope="module")
def server():
    running = Server()
    yield running
    status = running.stop()
    # A sanitizer's finding shows in the exit status and the output.
    assert status == 0, running.text()


@pytest.fixture
def start_server():
    started = []

    def start(*options, **arguments):
        started.append(Server(*options, **arguments))
        return started[-1]

    yield start
    for running in started:
        running.kill()


@pytest.fixture
def client(server):
    return openai_client(server)


@pytest.fixture
def http(server):
    with httpx.Client(base_url=server.url, timeout=REQUEST_TIMEOUT_S) as session:
        yield session


@pytest.fixture
def model(client):
    return client.models.list().data[0].id
