"""The program under its second name: `server MODEL.gguf -t 0.0 -n 16`."""

import os
import re
import signal
import subprocess

import httpx
from conftest import BINARY, MODEL, REQUEST_TIMEOUT_S


def test_temperature_length_and_threads(tmp_path):
    name = tmp_path / "server"
    name.symlink_to(BINARY.resolve())
    environment = dict(os.environ, OMP_NUM_THREADS="1", GOMP_CPU_AFFINITY="0-0")
    process = subprocess.Popen(
        [str(name), str(MODEL), "-t", "0.0", "-n", "6", "--host", "127.0.0.1", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        port = re.search(r":(\d+)/v1", process.stdout.readline())[1]
        body = {"messages": [{"role": "user", "content": "Count to twenty."}]}
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        answers = [httpx.post(url, json=body, timeout=REQUEST_TIMEOUT_S).json() for _ in range(2)]
        texts = [a["choices"][0]["message"]["content"] for a in answers]
        assert texts[0] == texts[1]  # temperature 0
        assert answers[0]["usage"]["completion_tokens"] == 6
        assert answers[0]["choices"][0]["finish_reason"] == "length"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert " 1 threads" in process.stderr.read()


def test_bad_option_is_named():
    done = subprocess.run(
        [str(BINARY.parent / "server"), "x.gguf", "-t", "hot"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "-t" in done.stderr + done.stdout
