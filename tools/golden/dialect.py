#!/usr/bin/env python3
"""Writes tests/golden/dialect/samples.json: what published chat templates write for an assistant
that reasons, answers and calls tools. Needs jinja2. Usage: dialect.py TEMPLATES_FOLDER"""
import datetime
import json
import pathlib
import re
import sys

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import SandboxedEnvironment

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = [
    {"type": "function", "function": {
        "name": name, "description": "Tells " + name,
        "parameters": {"type": "object", "properties": properties, "required": list(properties)}}}
    for name, properties in {
        "get_weather": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "find": {"query": {"type": "string"}, "exact": {"type": "boolean"},
                 "tags": {"type": "array", "items": {"type": "string"}}},
    }.items()]
CALLS = [
    ("get_weather", {"city": "Zürich \"N\" <b>", "days": 3}),
    ("find", {"query": "a\nb {c} [d]", "tags": ["x", "y z"], "exact": True}),
]
# What ends a turn is no part of it.
ENDS = re.compile(
    r"<\|(im_end|end_of_text|eom_id|eot_id|end|calls|call|END_OF_TURN_TOKEN|user|return|role_end|"
    r"eot)\|>|<｜end▁of▁sentence｜>|<seed:eos>|<end_of_sentence>|\[e~\[|<\|tool_response>|"
    r"<\|message_sep\|>|<turn\|>|<sep>|</assistant>")
# Forms that are not read.
OTHERS = {f"{name}.jinja" for name in (
    "Apertus-8B-Instruct", "meetkai-functionary-medium-v3.2", "muse-glimmer",
    "upstage-Solar-Open-100B", "GigaChat3-10B-A1.8B", "Kimi-K3", "MiniMax-M3", "MiniCPM5-1B",
    "openbmb-MiniCPM5-1B", "tencent-Hy3", "NVIDIA-Nemotron-Nano-v2")}
CASES = {"one": ("", CALLS[:1]), "two": ("", CALLS), "text": ("Let me look.", CALLS[:1])}


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.Scope(body, lineno=line)


def environment():
    def fail(message):
        raise jinja2.exceptions.TemplateError(message)

    env = SandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                        extensions=[loopcontrols, Generation])
    env.filters["tojson"] = lambda x, **k: json.dumps(x, **{"ensure_ascii": False, **k})
    env.globals["raise_exception"] = fail
    env.globals["strftime_now"] = lambda f: datetime.datetime(2026, 1, 2).strftime(f)
    return env


def written(template, content, calls, as_text):
    """What the assistant's turn adds to the prompt."""
    user = {"role": "user", "content": "What is the weather?"}
    tool_calls = [
        {"id": f"call{i:05d}", "type": "function",
         "function": {"name": name,
                      "arguments": json.dumps(a, ensure_ascii=False) if as_text else a}}
        for i, (name, a) in enumerate(calls)]
    shared = {"tools": TOOLS, "bos_token": "", "eos_token": "", "enable_thinking": False}
    prompt = template.render(messages=[user], add_generation_prompt=True, **shared)
    turn = {"role": "assistant", "content": content, "tool_calls": tool_calls}
    whole = template.render(messages=[user, turn], add_generation_prompt=False, **shared)
    same = 0
    while same < min(len(prompt), len(whole)) and prompt[same] == whole[same]:
        same += 1
    if same < len(prompt) and whole.rfind("<", 0, same) > whole.rfind(">", 0, same):
        same = whole.rfind("<", 0, same)  # not within a tag that both begin
    # The prompt may already have closed a reasoning that the history leaves out.
    rest = prompt[same:].strip()
    if rest and not rest.endswith(("</think>", "<think>", "[/THINK]", "<channel|>")):
        return None
    text = whole[same:]
    text = text.removeprefix("<think>").lstrip().removeprefix("</think>")
    end = ENDS.search(text)
    return text[: end.start()] if end else text


def main():
    samples = []
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.jinja")):
        if path.name in OTHERS:
            continue
        template = environment().from_string(path.read_text())
        for name, (content, calls) in CASES.items():
            text = None
            for as_text in (False, True):
                try:
                    text = written(template, content, calls, as_text)
                except Exception as error:
                    if "-v" in sys.argv:
                        print(path.name, name, repr(error)[:150])
                    continue
                if text and all(call[0] in text for call in calls):
                    break
                text = None
            if text:
                samples.append({"template": path.name, "case": name, "text": text,
                                "content": content if content in text else "",
                                "calls": [{"name": n, "arguments": a} for n, a in calls]})
    out = ROOT / "tests/golden/dialect/samples.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(samples, ensure_ascii=False, indent=1) + "\n")
    print(len(samples), "samples of", len({s["template"] for s in samples}), "templates")


main()
