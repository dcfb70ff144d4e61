"""Many clients at once: queues that overflow, clients that vanish, ends under load."""

import concurrent.futures
import random
import signal
import socket
import threading
import time

import httpx
from conftest import MODEL, REQUEST_TIMEOUT_S, few, wait_until
from test_lifecycle import ENDLESS, send_raw


def idle(server):
    return (
        server.metric("vllm:num_requests_running") == 0
        and server.metric("vllm:num_requests_waiting") == 0
        and server.metric("strata:kv_blocks", state="used") == 0
    )


def complete(server, **body):
    return httpx.post(
        f"{server.url}/v1/completions",
        json={"prompt": "Count: 1, 2,", "max_tokens": 4, "temperature": 0, **body},
        timeout=REQUEST_TIMEOUT_S,
    )


def test_a_full_queue_answers_429_and_recovers(start_server):
    server = start_server("--max-waiting", 2, "--max-num-seqs", 1)
    running = [send_raw(server, ENDLESS) for _ in range(12)]
    assert wait_until(lambda: server.metric("vllm:num_requests_running") == 1)
    # One at a time waits without room: whoever comes beside it is refused.
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        futures = [clients.submit(complete, server, max_tokens=1) for _ in range(8)]
        assert wait_until(lambda: any(f.done() for f in futures), 20)
        for connection in running:
            connection.close()
        results = [f.result() for f in futures]
    turned_away = [r for r in results if r.status_code == 429]
    assert turned_away
    for answer in turned_away:
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.json()["error"]["type"] == "rate_limit_error"
    assert all(r.status_code in (200, 429) for r in results)
    assert wait_until(lambda: idle(server))
    assert complete(server).status_code == 200
    assert server.stop() == 0


def test_clients_that_vanish_at_random_leave_nothing(server):
    chance = random.Random(1)

    def vanish(number):
        body = {**ENDLESS, "prompt": f"{number}: " + "word " * chance.randrange(60), "stream": True}
        with send_raw(server, body) as connection:
            connection.settimeout(20)
            if number % 3:
                time.sleep(chance.random() * 0.2)
            else:
                try:
                    connection.recv(chance.randrange(1, 4000))
                except socket.timeout:
                    pass

    with concurrent.futures.ThreadPoolExecutor(48) as clients:
        list(clients.map(vanish, range(few(1000, 100))))
    assert wait_until(lambda: idle(server), few(30, 120))
    assert complete(server).status_code == 200


def test_memory_returns_to_the_baseline(server):
    resident = lambda: server.metric("process_resident_memory_bytes")
    load = lambda: [f.result() for f in [clients.submit(complete, server, n=4, max_tokens=16)
                                         for _ in range(few(64, 16))]]
    with concurrent.futures.ThreadPoolExecutor(32) as clients:
        load()   # what is kept for good is allocated now
        before = resident()
        for _ in range(3):
            load()
    assert wait_until(lambda: idle(server))
    assert resident() < before * 1.05 + (8 << 20)


def test_slow_readers_do_not_hold_up_the_others(server):
    slow = [send_raw(server, {**ENDLESS, "max_tokens": 300, "stream": True}) for _ in range(8)]
    for answer in [complete(server, max_tokens=8) for _ in range(3)]:
        assert answer.status_code == 200
    for connection in slow:
        connection.close()
    assert wait_until(lambda: idle(server))


def test_sigterm_under_load_loses_no_accepted_request(start_server):
    server = start_server("--max-num-seqs", 8)
    answers = []

    def ask():
        try:
            answers.append(complete(server, max_tokens=few(40, 8), ignore_eos=True))
        except httpx.TransportError:
            answers.append(None)   # not accepted: the port was closed

    clients = [threading.Thread(target=ask) for _ in range(24)]
    for client in clients:
        client.start()
    assert wait_until(lambda: server.metric("vllm:num_requests_running") >= 8)
    server.process.send_signal(signal.SIGTERM)
    for client in clients:
        client.join()
    assert server.process.wait(120) == 0, server.text()
    done = [a for a in answers if a is not None and a.status_code == 200]
    assert len(done) >= 8
    for answer in answers:
        assert answer is None or answer.status_code in (200, 503), answer.text
    for answer in done:
        assert answer.json()["usage"]["completion_tokens"] == few(40, 8)


def test_prefixes_come_back_from_disk_after_kill_9(start_server, tmp_path):
    options = ("--kv-disk-path", tmp_path, "--max-model-len", 2048)
    body = {"prompt": "The quick brown fox jumps. " * 60, "max_tokens": 8}
    first = start_server(*options)
    text = complete(first, **body).json()["choices"][0]["text"]
    assert complete(first, **body).json()["choices"][0]["text"] == text
    assert wait_until(lambda: len(list(tmp_path.rglob("*.kv"))) >= 4)
    time.sleep(0.5)
    first.kill()
    second = start_server(*options)
    answer = complete(second, **body).json()
    assert answer["choices"][0]["text"] == text
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] >= 256
    second.kill()
    for number, file in enumerate(sorted(tmp_path.rglob("*.kv"))):
        data = bytearray(file.read_bytes())
        if number % 2:
            file.write_bytes(data[: len(data) // 2])
        else:
            data[len(data) // 3] ^= 1
            file.write_bytes(data)
    third = start_server(*options)
    answer = complete(third, **body).json()
    assert answer["choices"][0]["text"] == text
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    assert third.stop() == 0


def test_drafts_change_no_text(start_server, server):
    assert MODEL.exists()
    plain = start_server("--speculation", "off")
    code = "def add(a, b):\n    return a + b\n\ndef sub(a, b):\n    return a - b\n"
    for extra in ({}, {"temperature": 0.7, "seed": 5}, {"repetition_penalty": 1.1}):
        body = {"prompt": code * 3, "max_tokens": few(80, 20), "ignore_eos": True, **extra}
        texts = [complete(s, **body).json()["choices"][0]["text"] for s in (plain, server)]
        assert texts[0] == texts[1], extra
    assert plain.stop() == 0
