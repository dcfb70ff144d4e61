"""Schemathesis on the served document: requests made from it, by its own checks."""

import subprocess
import sys

from conftest import few

CHECKS = [
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance", "unsupported_method",
]


def test_no_failure_and_no_violation(start_server, tmp_path):
    server = start_server("--max-model-len", "64")   # bounds what an answer may take
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json",
        "--phases", "examples,coverage,fuzzing", "--checks", ",".join(CHECKS),
        "--max-examples", str(few(12, 3)), "--max-time", "45", "--seed", "7", "--no-shrink",
        "--workers", "2", "--request-timeout", "60", "--continue-on-failure",
        "--generation-database", "none", "--warnings", "off", "--suppress-health-check", "all",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    assert server.stop() == 0
