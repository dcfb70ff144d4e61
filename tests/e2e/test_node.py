"""The official openai client for Node: tests/e2e/node/clients.mjs."""

import subprocess

from conftest import MODELS, SOURCE

CODER = MODELS / "Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf"


def test_openai_for_node(start_server):
    server = start_server(model=CODER)
    encoder = start_server(model=MODELS / "all-MiniLM-L6-v2")
    script = SOURCE / "tests/e2e/node/clients.mjs"
    assert (script.parent / "node_modules").exists(), "tools/setup test installs it"
    done = subprocess.run(["node", script, server.url, encoder.url], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("good") == 4
    assert server.stop() == 0
