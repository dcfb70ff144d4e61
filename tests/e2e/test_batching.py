"""Many requests at once: each gets the answer that it would get alone."""

import concurrent.futures

from conftest import few, wait_until

TOPICS = ["rivers", "bread", "the moon", "chess", "bees", "glass", "trains", "paper"]


def prompts(count):
    return [f"{i}. Write about {TOPICS[i % len(TOPICS)]}:" + " and" * (i % 5) for i in range(count)]


def complete(client, model, prompt):
    answer = client.completions.create(
        model=model,
        prompt=prompt,
        temperature=0,
        max_tokens=few(24, 6),
        extra_body={"ignore_eos": True},
    )
    return answer.choices[0].text


def test_concurrent_answers_equal_sequential_ones(client, model, server):
    asked = prompts(few(32, 8))
    alone = [complete(client, model, p) for p in asked]
    with concurrent.futures.ThreadPoolExecutor(len(asked)) as pool:
        together = list(pool.map(lambda p: complete(client, model, p), asked))
    assert together == alone
    assert wait_until(lambda: server.metric("vllm:num_requests_running") == 0)
    assert server.metric("strata:kv_blocks", state="used") == 0


def test_streams_side_by_side(client, model):
    asked = prompts(few(16, 4))

    def stream(prompt):
        chunks = client.completions.create(
            model=model,
            prompt=prompt,
            temperature=0,
            max_tokens=few(24, 6),
            stream=True,
            extra_body={"ignore_eos": True},
        )
        return "".join(c.choices[0].text for c in chunks)

    with concurrent.futures.ThreadPoolExecutor(len(asked)) as pool:
        streamed = list(pool.map(stream, asked))
    assert streamed == [complete(client, model, p) for p in asked]


def test_seeds_hold_whatever_runs_beside(client, model):
    def sample(seed):
        answer = client.completions.create(
            model=model, prompt="Once upon a time", temperature=1, seed=seed, max_tokens=few(16, 5)
        )
        return answer.choices[0].text

    seeds = list(range(few(8, 3)))
    alone = [sample(s) for s in seeds]
    with concurrent.futures.ThreadPoolExecutor(len(seeds)) as pool:
        assert list(pool.map(sample, seeds)) == alone


def test_metrics_count(client, model, server):
    before = server.metric("vllm:generation_tokens_total")
    complete(client, model, "Count me")
    assert wait_until(lambda: server.metric("vllm:generation_tokens_total") >= before + few(24, 6))
    assert server.metric("vllm:time_to_first_token_seconds_count") >= 1
    assert server.metric("vllm:request_success_total", finished_reason="length") >= 1
