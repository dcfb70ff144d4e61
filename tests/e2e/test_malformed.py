"""Ten thousand malformed requests over every endpoint: each gets the status that fits and an error
in the shape of the API that was asked; the server goes on."""

import collections
import concurrent.futures
import http.client
import json
import random
import socket

import httpx
import jsonschema
import pytest
from conftest import Server, few

MESSAGES = [{"role": "user", "content": "hi"}]
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
# What each endpoint would answer, so that what is broken in it is all that is wrong.
GOOD = {
    "/v1/chat/completions": {"messages": MESSAGES, "max_tokens": 1, "tools": TOOLS, "stop": ["x"]},
    "/v1/completions": {"prompt": "hi", "max_tokens": 1, "logit_bias": {"5": 1}},
    "/v1/embeddings": {"input": ["hi"]},
    "/v1/responses": {"input": "hi", "max_output_tokens": 1, "instructions": "x"},
    "/v1/messages": {
        "messages": MESSAGES, "max_tokens": 1, "system": [{"type": "text", "text": "s"}]
    },
    "/v1/messages/count_tokens": {"messages": MESSAGES},
    "/api/chat": {"messages": MESSAGES, "options": {"num_predict": 1}, "stream": False},
    "/api/generate": {"prompt": "hi", "options": {"num_predict": 1}, "stream": False},
    "/api/embed": {"input": "hi"},
    "/api/embeddings": {"prompt": "hi"},
    "/v1/rerank": {"query": "q", "documents": ["a", "b"]},
    "/v1/score": {"text_1": "a", "text_2": ["b"]},
    "/tokenize": {"prompt": "hi"},
    "/detokenize": {"tokens": [1]},
    "/apply-template": {"messages": MESSAGES},
}
WRONG = {   # values that are not of a JSON type
    "boolean": ["yes", 2, [], {}],
    "integer": ["many", 1.5, True, [1], {"a": 1}, 1e300],
    "number": ["hot", True, [0.5], {}],
    "string": [5, False, ["x"], {"x": "y"}],
    "array": ["x", 7, True, {"0": 1}],
    "object": ["x", 7, False, [1]],
}
NAMES = [
    "../../etc/passwd", "..%2f..%2fetc", "nope", "\u0000", "a" * 5000, "%00", "http://127.0.0.1/x"
]
MARKS = [b"\x00", b"\xff", b"}}", b"]", b'"', b"\\u12"]
NO_OBJECTS = [b"", b"null", b"[1]", b"7", b'"x"', b"{'a': 1}", b"NaN", b'{"a":1e999}x']
VALUES = [
    None, -1, 2**63, 1e300, "", "text", [], {}, [[[]]], {"type": {}}, [None], True, {"role": 5},
    "\ud800",
]


@pytest.fixture(scope="module")
def server():
    running = Server("--max-model-len", "64")   # bounds what is answered where no limit is left
    yield running
    assert running.stop() == 0, running.text()


def error_schema(path):
    text = {"type": "string", "minLength": 1}
    if path.startswith("/api/"):
        return {"type": "object", "required": ["error"], "properties": {"error": text}}
    error = {"type": "object", "required": ["message", "type"],
             "properties": {"message": text, "type": text}}
    schema = {"type": "object", "required": ["error"], "properties": {"error": error}}
    if path.startswith("/v1/messages"):
        schema["properties"]["type"] = {"const": "error"}
        schema["required"] = ["type", "error"]
    else:
        error["required"] += ["param", "code"]
    return schema


def types_of(schema):
    kind = schema.get("type", [])
    return [kind] if isinstance(kind, str) else kind


class Requests:
    """Malformed requests: method, path, body and the statuses that are right."""

    def __init__(self, document, seed):
        self.random = random.Random(seed)
        self.bodies = []   # path, schema
        self.plain = []    # method, path
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if "requestBody" in operation:
                    content = operation["requestBody"]["content"]["application/json"]
                    self.bodies.append((method.upper(), path, content["schema"]))
                else:
                    self.plain.append((method.upper(), path))

    def broken_json(self):
        method, path, _ = self.random.choice(self.bodies)
        text = json.dumps(GOOD.get(path, {"model": "x"})).encode()
        at = self.random.randrange(1, len(text))
        broken = self.random.choice([
            text[:at],
            text[:at] + self.random.choice(MARKS) + text[at:],
            b"[" * self.random.choice([1, 200, 50_000]),
            self.random.choice(NO_OBJECTS),
        ])
        try:
            if isinstance(json.loads(broken), dict):
                return self.broken_json()
        except (ValueError, RecursionError):
            pass
        return method, path, broken, {400}

    def wrong_type(self):
        method, path, schema = self.random.choice(self.bodies)
        properties = schema.get("properties", {})
        typed = [(name, rule) for name, rule in properties.items() if types_of(rule)]
        if not typed:
            return self.wrong_type()
        name, rule = self.random.choice(typed)
        kind = next(kind for kind in types_of(rule) if kind != "null")
        body = {**GOOD.get(path, {}), name: self.random.choice(WRONG[kind])}
        return method, path, json.dumps(body).encode(), {400}

    def out_of_range(self):
        method, path, schema = self.random.choice(self.bodies)
        bounded = [(name, rule) for name, rule in schema.get("properties", {}).items()
                   if "minimum" in rule or "maximum" in rule]
        if not bounded:
            return self.out_of_range()
        name, rule = self.random.choice(bounded)
        steps = (("minimum", -1), ("maximum", 1))
        values = [rule[key] + step for key, step in steps if key in rule]
        body = {**GOOD.get(path, {}), name: self.random.choice(values)}
        return method, path, json.dumps(body).encode(), {400}

    def wrong_value(self):
        """Somewhere within a good body something else: right or not, no failure of the server."""
        path = self.random.choice(list(GOOD))
        body = json.loads(json.dumps(GOOD[path]))
        at = body
        while True:
            key = self.random.choice(list(at) if isinstance(at, dict) else range(len(at)))
            if not isinstance(at[key], (dict, list)) or not at[key] or self.random.random() < 0.4:
                break
            at = at[key]
        at[key] = self.random.choice(VALUES)
        return "POST", path, json.dumps(body).encode(), {200, 400}

    def missing(self):
        method, path, schema = self.random.choice(self.bodies)
        if not schema.get("required"):
            return self.missing()
        body = dict(GOOD.get(path, {}))
        body[self.random.choice(schema["required"])] = None
        return method, path, json.dumps(body).encode(), {400}

    def unknown_model(self):
        path = self.random.choice(list(GOOD))
        body = {**GOOD[path], "model": self.random.choice(NAMES)}
        return "POST", path, json.dumps(body).encode(), {400, 404}

    def wrong_method(self):
        method, path = self.random.choice(self.plain)
        if "{" in path:
            return self.wrong_method()
        taken = {m for m, p, *_ in [*self.bodies, *self.plain] if p == path}
        other = self.random.choice([m for m in ("GET", "POST", "PUT", "PATCH", "DELETE")
                                    if m not in taken and not (m == "GET" and "HEAD" in taken)])
        return other, path, b"", {405}

    def unknown_path(self):
        path = self.random.choice([
            "/nope", "/v1/nope", "/v1/models/" + self.random.choice(["nope", "..%2f..%2fetc"]),
            "/assets/../../etc/passwd", "/v1/responses/nope", "/%2e%2e/%2e%2e/etc/passwd",
            "/v1//chat", "/api/nope", "/v1/messages/nope",
        ])
        return "GET", path, b"", {400, 404, 405}

    def next(self):
        return self.random.choice([
            self.broken_json, self.wrong_type, self.wrong_type, self.out_of_range,
            self.wrong_value, self.missing, self.unknown_model, self.wrong_method,
            self.unknown_path,
        ])()


def send_all(server, document, count, seed):
    """The faults found."""
    requests, faults = Requests(document, seed), []
    validators = collections.defaultdict(dict)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for _ in range(count):
        method, path, body, right = requests.next()
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        said = f"{method} {path} {body[:300]!r}: {answer.status} {text[:300]!r}"
        if answer.status not in right:
            faults.append(f"{said}, not {right}")
        elif answer.status >= 400:
            shape = validators.get(path)
            if not shape:
                shape = validators[path] = jsonschema.Draft202012Validator(error_schema(path))
            try:
                shape.validate(json.loads(text))
            except (ValueError, jsonschema.ValidationError) as fault:
                faults.append(f"{said}: {str(fault)[:200]}")
    return faults


def test_ten_thousand(server, http):
    document = http.get("/openapi.json").json()
    workers, total = 4, few(10_000, 600)
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(send_all, server, document, total // workers, seed)
                for seed in range(workers)]
        faults = [fault for job in jobs for fault in job.result()]
    assert not faults, f"{len(faults)} faults:\n" + "\n".join(faults[:20])
    assert server.process.poll() is None
    assert http.post("/v1/completions", json={"prompt": "hi", "max_tokens": 1}).status_code == 200


LINES = [
    b"", b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"G\x00T / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n5",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
    b"GET / HTTP/1.1\r\nX" + b"y" * 100_000 + b": z\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300),
]


def test_bytes_that_are_no_http(server):
    source = random.Random(1)
    for number in range(few(400, 60)):
        data = bytearray(source.choice(LINES))
        for _ in range(source.randrange(4) if data else 0):
            data[source.randrange(len(data))] = source.randrange(256)
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                answer = connection.recv(65536)
            except ConnectionError:   # cut off while it was still sending
                continue
        good = not answer or b" 5" not in answer[:12] or b" 505 " in answer[:13]
        assert good, (number, bytes(data[:80]), answer)
    assert httpx.get(f"{server.url}/health").status_code == 200
