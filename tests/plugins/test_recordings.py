"""Our requests against those that the reference implementation was recorded to make of the same events.

`recordings/<destination>.yaml` says which action of ours answers which of theirs, and lists every difference that remains
with its reason: a difference that is not listed fails, and so does one that is listed and does not occur.
"""

from __future__ import annotations

import fnmatch
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
import yaml

from actions_engine import Engine, Outcome, Registry, Request, Response
from tests.conftest import REFERENCE

RULES = Path(__file__).parent / "recordings"
NAMES = sorted(path.stem for path in RULES.glob("*.yaml"))
GOOD = Response(200, {}, b"{}")


def events() -> dict[str, Any]:
    return {row["id"]: row["event"] for row in json.loads((REFERENCE / "segment_spec_events.json").read_text())}


def ours(
    rules: dict[str, Any], rule: dict[str, Any], event: dict[str, Any], registry: Registry, folder: Path
) -> list[Request]:
    """Return the requests that our action makes of an event, answered well at each step."""
    mapping = {"name": "m", "action": rule["action"], "trigger": {"type": {"exists": True}}}
    mapping |= {key: rule[key] for key in ("fields", "omit") if key in rule}
    content = {"destination": rules["destination"], "settings": rules["settings"], "mappings": [mapping]}
    file = folder / "m.yaml"
    file.write_text(json.dumps(content))
    engine = Engine.load(file, registry=registry, environ={})
    routing = engine.route(event)
    assert not routing.rejections, routing.rejections
    (call,) = routing.calls
    settings = call.source.instance.settings
    started = call.source.action.start(settings, [call.payload.bind("KEY")])
    if isinstance(started, Request):
        return [started]
    answers = [Response(200, {}, json.dumps(body).encode()) for body in rule.get("answers", [])]
    requests = [next(started)]
    try:
        while True:
            requests.append(started.send(answers.pop(0) if answers else GOOD))
    except StopIteration as stop:
        assert all(isinstance(outcome, Outcome) for outcome in stop.value)
    return requests


def parsed(text: Any) -> Any:
    """Return a body as data: JSON, or a form whose values may be JSON."""
    if isinstance(text, (dict, list)) or text is None:
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {name: parsed_value(value) for name, value in parse_qsl(text)}


def parsed_value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def alone(body: Any, rule: dict[str, Any]) -> Any:
    """Return the one item of a body that is always a batch, where theirs is a request for one."""
    for step in rule.get("item", "").split("."):
        if step:
            body = body[int(step)] if isinstance(body, list) else body[step]
    for name in rule.get("first", ()):
        body = body | {name: body[name][0]}
    return body


def as_data(method: str, url: str, headers: dict[str, str], body: Any) -> dict[str, Any]:
    """Return what is compared of a request."""
    parts = urlsplit(url)
    shown = {
        "method": method,
        "url": f"{parts.scheme}://{parts.netloc}{parts.path}",
        "query": dict(parse_qsl(parts.query)),
    }
    credentials = ("authorization", "api-key", "access-token", "x-api-key", "revision", "accept", "x-braze-batch")
    kept = {name.lower(): value for name, value in headers.items() if name.lower() in credentials}
    return shown | {"headers": kept, "body": parsed(body)}


def differences(theirs: Any, own: Any, path: str = "") -> Iterator[str]:
    """Yield the paths at which two pieces of data differ; 3 and 3.0 do not."""
    if isinstance(theirs, dict) and isinstance(own, dict):
        for name in sorted(theirs.keys() | own.keys()):
            inner = f"{path}.{name}" if path else name
            if name not in own:
                yield f"{inner} is theirs alone"
            elif name not in theirs:
                yield f"{inner} is ours alone"
            else:
                yield from differences(theirs[name], own[name], inner)
    elif isinstance(theirs, list) and isinstance(own, list) and len(theirs) == len(own):
        for number, (left, right) in enumerate(zip(theirs, own, strict=True)):
            yield from differences(left, right, f"{path}[{number}]")
    elif isinstance(theirs, bool) is not isinstance(own, bool) or theirs != own:
        yield f"{path} differs"


def compared(name: str, registry: Registry, folder: Path) -> tuple[dict[str, Any], list[tuple[str, list[str]]]]:
    """Return a destination's rules, and of each recorded case its title with what differs."""
    rules = yaml.safe_load((RULES / f"{name}.yaml").read_text())
    recording = json.loads((REFERENCE / "recordings" / f"{rules['recording']}.json").read_text())
    samples = events()
    results: list[tuple[str, list[str]]] = []
    for case in recording["cases"]:
        if case["action"] in rules.get("not_ours", {}):
            continue
        rule = (
            {"action": None}
            | rules["actions"][case["action"]]
            | rules.get("cases", {}).get(f"{case['action']} {case['event']}", {})
        )
        requests = ours(rules, rule, samples[case["event"]], registry, folder)
        # Look-ups that ours does without are passed over where the rule says so.
        theirs = case["requests"][rule.get("theirs_from", 0) :]
        found = [] if len(requests) == len(theirs) else ["requests differ in number"]
        for number, (left, right) in enumerate(zip(theirs, requests, strict=False)):
            body = right.body()
            own = as_data(right.method, right.full_url(), right.full_headers(), None if body is None else body.decode())
            own["body"] = alone(own["body"], rule)
            expected = as_data(left["method"], left["url"], left["headers"], left.get("body"))
            found += [f"{number}.{path}" for path in differences(expected, own)]
        results.append((f"{case['action']} {case['event']}", found))
    return rules, results


@pytest.mark.parametrize("name", NAMES)
def test_every_difference_has_a_reason(name: str, registry: Registry, tmp_path: Path) -> None:
    """What differs from a recorded request is listed with its reason, and nothing is listed that does not differ."""
    rules, results = compared(name, registry, tmp_path)
    patterns = [(row["where"], row["reason"]) for row in rules.get("differences", [])]
    unused = {where for where, _ in patterns}
    unlisted = []
    for title, found in results:
        for difference in found:
            matching = {where for where, _ in patterns if fnmatch.fnmatchcase(difference, escaped(where))}
            unused -= matching
            if not matching:
                unlisted.append(f"{title}: {difference}")
    assert unlisted == []
    assert unused == set()
    assert all(reason for _, reason in patterns)
    assert results, "the recording has no case"


def escaped(pattern: str) -> str:
    """Return a pattern in which brackets mean themselves."""
    return pattern.replace("[", "[[]")


if os.environ.get("SHOW_RECORDINGS"):

    def test_show(registry: Registry, tmp_path: Path) -> None:
        """Print how many cases are equal, and how many differ by choice."""
        for name in NAMES:
            _, results = compared(name, registry, tmp_path)
            equal = sum(not found for _, found in results)
            print(f"{name}: {len(results)} compared, {equal} equal, {len(results) - equal} different by choice")  # noqa: T201 - a report for who runs it by hand
            for title, found in results:
                for difference in found:
                    print(f"    {title}: {difference}")  # noqa: T201 - a report for who runs it by hand
