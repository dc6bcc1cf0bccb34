"""Explaining: it agrees with routing, and says why in words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from actions_engine import Drop, Engine, Payload, Registry, Request, hookimpl
from actions_engine.destination import Destination, Settings
from actions_engine.errors import Location
from actions_engine.language.fields import FieldValue
from actions_engine.mapping import Instance, Mapping
from tests.conftest import MAPPINGS
from tests.test_cases import probe
from tests.test_laws import CONDITIONS, EVENTS, FIELDS

CASES = yaml.safe_load((Path(__file__).parent / "cases/explain.yaml").read_text(encoding="utf-8"))


class Anything(Payload):
    """Fields of the names that the generators use."""

    event: str | None = None
    type: bool | None = None
    a: Any = None
    b: int | None = None
    context: dict[str, Any] | None = None
    traits: list[Any] | None = None


odd = Destination("odd")


@odd.action(trigger='type = "track"')
def send(settings: Settings, payload: Anything) -> Request:
    """Send whatever it is."""
    return Request.post("https://example.com", json=payload.body())


REGISTRY = Registry([odd])


def _mapping(number: int, trigger: Any, own_filter: Any, fields: dict[str, FieldValue]) -> Mapping:
    instance = Instance("odd", odd, Settings(), "odd.yaml")
    return Mapping(
        name=f"m{number}", instance=instance, action=odd.actions["send"], trigger=trigger, filter=own_filter,
        fields=fields, location=Location("odd.yaml", number, 1), places={},
    )  # fmt: skip


MAPPING_PARTS = st.tuples(
    CONDITIONS,
    st.none() | CONDITIONS,
    st.dictionaries(st.sampled_from(["event", "type", "a", "b", "context", "traits"]), FIELDS, max_size=3),
)


@given(st.lists(MAPPING_PARTS, min_size=1, max_size=4), EVENTS, st.sampled_from([{}, {"All": False}, {"odd": True}]))
@settings(max_examples=250, deadline=None)
def test_explain_agrees_with_route(parts: list[Any], event: dict[str, Any], choice: dict[str, Any]) -> None:
    """What explain says fired, was called and was rejected is what route does."""
    engine = Engine([_mapping(number, *part) for number, part in enumerate(parts)], REGISTRY)
    event = event | {"integrations": choice}
    routing, explanation = engine.route(event), engine.explain(event)
    assert [trace.call for trace in explanation.mappings if trace.call] == [call.as_dict() for call in routing.calls]
    assert explanation.rejections == routing.rejections
    fired = [call.mapping for call in routing.calls] + [rejection.mapping for rejection in routing.rejections]
    assert sorted(trace.mapping for trace in explanation.mappings if trace.fired) == sorted(fired)
    assert all(bool(trace.reason) is not trace.fired for trace in explanation.mappings)


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_case(case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An explanation reads as the case says."""
    from rich.console import Console  # noqa: PLC0415 - as the command itself imports it

    from actions_engine.cli.explanation import write_explanation  # noqa: PLC0415 - as the command itself imports it

    monkeypatch.chdir(tmp_path)
    Path("mappings.yaml").write_text(case["file"], encoding="utf-8")
    explanation = Engine.load("mappings.yaml", registry=Registry([probe]), environ={}).explain(case["event"])
    console = Console(width=100_000, highlight=False, record=True, file=open(os.devnull, "w"))  # noqa: SIM115 - closed with the console
    write_explanation(explanation, everything=case.get("all", True), console=console)
    console.file.close()
    lines = [line.rstrip() for line in console.export_text().rstrip("\n").split("\n")]
    assert "\n".join(lines) == case["text"].rstrip("\n")
    for path, value in case.get("json", {}).items():
        found: Any = json.loads(json.dumps(explanation.as_dict(), default=str))
        for step in path.split("."):
            found = found[int(step)] if isinstance(found, list) else found[step]
        assert found == value


class Consent:
    """Drops events without consent and enriches the others."""

    @staticmethod
    @hookimpl
    def before_route(event: dict[str, Any]) -> dict[str, Any] | Drop:
        return Drop("no consent") if event.get("type") == "page" else event | {"event": "Enriched"}


def test_hooks_are_explained() -> None:
    """What a plugin drops or changes before routing is told."""
    engine = Engine([], Registry.from_plugins({"consent": Consent()}))
    assert engine.explain({"type": "page"}).dropped == "no consent"
    explanation = engine.explain({"type": "track"})
    assert explanation.enriched
    assert explanation.event == {"type": "track", "event": "Enriched"}


def test_an_event_that_is_none_is_refused() -> None:
    """What is no object is refused with its type, as route refuses it."""
    engine = Engine([], REGISTRY)
    assert engine.explain([1]).rejections == engine.route([1]).rejections


def test_an_event_too_deep_to_show_is_explained(academy: Engine) -> None:
    """A value nested beyond what can be written leaves its request out, and nothing else."""
    deep: dict[str, Any] = {}
    for _ in range(10_000):
        deep = {"a": deep}
    explanation = academy.explain({"type": "track", "event": "Button Clicked", "userId": "u", "properties": deep})
    trace = explanation.nearest_first()[0]
    assert trace.fired
    assert "nested too deeply" in trace.request_failure


# -- the command


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environ = {**os.environ, "SEGMENT_WRITE_KEY": "wk-secret"}
    return subprocess.run(
        [sys.executable, "-m", "actions_engine", *arguments], input=stdin, capture_output=True, check=False, env=environ
    )


def test_the_command_explains_and_masks() -> None:
    """The command tells every condition, field and request, and no secret."""
    done = run("explain", str(MAPPINGS / "academy.yaml"), str(MAPPINGS / "events/button_clicked.json"), "--source")
    text = done.stdout.decode()
    assert done.returncode == 0
    assert '✓ `context.traits` exists  it is {"username": "testing-123"}' in text
    assert "def program(event):" in text
    assert "wk-secret" not in text
    assert b"\x1b" not in done.stdout


def test_the_command_writes_json() -> None:
    """`--format json` writes one JSON object, the compiled function in it where asked for."""
    event = json.dumps({"type": "track", "event": "Button Clicked", "userId": "u"}).encode()
    done = run("explain", str(MAPPINGS / "academy.yaml"), "-", "--format", "json", "--source", stdin=event)
    (first, second) = json.loads(done.stdout)["mappings"]
    assert (first["fired"], second["fired"]) == (True, False)
    assert second["reason"] == "`context.traits` exists: `context` is missing"
    assert first["source"].startswith("def program")


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    """A name, a line or an event that is not there is answered in one sentence and a code."""
    mappings = str(MAPPINGS / "academy.yaml")
    events = tmp_path / "events.jsonl"
    events.write_text('{"type": "track"}\n{"type": "page"}\n')
    named = run("explain", mappings, str(events), "--line", "1", "--mapping", "Track click")
    assert (named.returncode, b"did you mean 'Track clicks'?" in named.stderr) == (2, True)
    assert run("explain", mappings, str(events), "--line", "3").returncode == 2
    whole = run("explain", mappings, str(events))
    assert (whole.returncode, b"--line" in whole.stderr) == (1, True)
    assert run("explain", mappings, str(events), "--line", "2").returncode == 0
    assert run("explain", mappings, "-", stdin=b"[1]").returncode == 1


def test_watch_explains_again_on_each_save(tmp_path: Path) -> None:
    """Saving the event or the mappings explains anew; a save that cannot be loaded shows its problems; Ctrl-C ends it."""
    mappings, event = tmp_path / "m.yaml", tmp_path / "e.json"
    mappings.write_text((MAPPINGS / "academy.yaml").read_text())
    event.write_text('{"type": "track", "event": "Other", "userId": "u"}')
    log = tmp_path / "log"
    environ = {**os.environ, "SEGMENT_WRITE_KEY": "wk-secret", "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "actions_engine", "watch", str(mappings), str(event)], stdout=out, env=environ
        )
        try:
            _wait_for(log, "0 calls, 2 did not fire")
            event.write_text('{"type": "track", "event": "Button Clicked", "userId": "u"}')
            _wait_for(log, "fires now: m / Track clicks")
            mappings.write_text("destination: segmnt\n")
            _wait_for(log, "did you mean 'segment'?")
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
        finally:
            process.kill()


def _wait_for(log: Path, text: str) -> None:
    for _ in range(100):
        if text in log.read_text():
            return
        time.sleep(0.1)
    raise AssertionError(f"{text!r} did not come: {log.read_text()}")
