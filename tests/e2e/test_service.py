"""Keys, quotas, TLS, configuration and what the server tells about itself."""

import concurrent.futures
import hashlib
import json
import ssl
import subprocess

import httpx
import pytest
from conftest import BINARY, MODEL, Server


def key(text):
    return {"Authorization": f"Bearer {text}"}


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "strata.toml"

    def write(more=""):
        path.write_text(
            f"""
access-log = "{tmp_path / "access.log"}"
state-folder = "{tmp_path / "state"}"
{more}
[[keys]]
name = "alice"
sha256 = "{hashlib.sha256(b"secret-a").hexdigest()}"
tokens-per-day = 100
[[keys]]
name = "boss"
key = "secret-b"
role = "admin"
"""
        )
        return path

    return write


def test_quotas_hold_under_concurrency_and_over_a_restart(start_server, config, tmp_path):
    path = config()
    server = start_server("--config", path)
    asked = {"prompt": [1, 2, 3], "max_tokens": 7, "ignore_eos": True}

    def ask(server, who="secret-a"):
        return httpx.post(
            f"{server.url}/v1/completions", json=asked, headers=key(who), timeout=60
        ).status_code

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        status = list(pool.map(lambda _: ask(server), range(40)))
    assert status.count(200) == 10 and status.count(429) == 30
    assert ask(server, "secret-b") == 200
    assert httpx.get(f"{server.url}/v1/models").status_code == 401
    own = httpx.get(f"{server.url}/v1/usage", headers=key("secret-a")).json()["data"]
    assert [(u["key"], u["requests"], u["completion_tokens"]) for u in own] == [("alice", 10, 70)]
    assert server.stop() == 0
    lines = [json.loads(line) for line in (tmp_path / "access.log").read_text().splitlines()]
    assert len(lines) >= 43 and {line["key"] for line in lines} == {"alice", "boss", ""}
    again = start_server("--config", path)
    assert ask(again) == 429


def test_tls(start_server, tmp_path):
    certificate, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", private, "-out", certificate, "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )
    server = start_server("--tls-certificate", certificate, "--tls-key", private)
    url = server.url.replace("http:", "https:")
    trust = ssl.create_default_context(cafile=str(certificate))
    with httpx.Client(base_url=url, verify=trust, timeout=60) as session:
        assert session.get("/health").status_code == 200
        body = {"prompt": "One, two,", "max_tokens": 4, "stream": True}
        streamed = session.post("/v1/completions", json=body).text
        assert streamed.endswith("data: [DONE]\n\n")
        assert session.get("/health").status_code == 200   # on the same connection
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/health")   # an issuer that nobody trusts
    assert server.stop() == 0


def check(*options):
    return subprocess.run(
        [str(o) for o in (BINARY, "serve", *options, "--check")], capture_output=True, text=True
    )


def test_check_says_what_is_wrong_without_serving(config):
    good = check(MODEL, "--config", config())
    assert good.returncode == 0 and "valid" in good.stdout and "alice" in good.stdout, good
    wrong = check(MODEL, "--config", config("prot = 1"))
    assert wrong.returncode == 2 and "prot" in wrong.stderr
    assert check("no-such-model").returncode == 3


def test_other_machines_only_with_keys():
    refused = subprocess.run(
        [str(BINARY), "serve", str(MODEL), "--host", "0.0.0.0", "--port", "0"],
        capture_output=True, text=True, timeout=120,
    )
    assert refused.returncode == 4 and "--api-key" in refused.stderr


def test_no_path_leaves_its_folder(start_server):
    server = start_server()
    for path in ("/v1/models/../../etc/passwd", "/v1/responses/..%2f..%2fetc%2fpasswd",
                 "/v1/models/%2e%2e/%2e%2e/etc/passwd"):
        assert httpx.get(server.url + path).status_code in (400, 404)
    for source in ("/etc/passwd", "../../etc/passwd", "http://127.0.0.1:1/x.gguf"):
        answer = httpx.post(f"{server.url}/api/pull", json={"model": source, "stream": False})
        assert answer.status_code in (400, 403), answer.text
