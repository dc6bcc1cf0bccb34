"""The mapping language by examples: each row of `cases/*.yaml` is one test, run through the engine."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml

from actions_engine import Destination, Engine, From, JsonObject, MappingError, Payload, Registry, Request, Settings

CASES = Path(__file__).parent / "cases"


class Send(Payload):
    """A few fields of each kind; `user_id`, `amount` and `ip` have defaults."""

    user_id: Annotated[str | None, From("userId")] = None
    amount: Annotated[float | None, From("properties.revenue")] = None
    ip: Annotated[str | None, From("context.ip")] = None
    name: str | None = None
    count: int | None = None
    active: bool | None = None
    kind: Literal["a", "b"] | None = None
    tags: list[str] | None = None
    traits: JsonObject | None = None
    data: Any = None


class Require(Payload):
    """One field that must have a value and has no default."""

    email: str


class ProbeSettings(Settings):
    """Nothing that a file must give."""

    key: str = "secret"
    retries: int = 3
    labels: tuple[str, ...] = ()


class StrictSettings(Settings):
    """One setting that a file must give."""

    token: str


probe = Destination("probe", settings=ProbeSettings)
strict = Destination("strict", settings=StrictSettings)
faulty = Destination("faulty")


@probe.action(trigger='type = "track"', formerly=["transmit"], renamed_fields={"user": "user_id"})
def send(settings: ProbeSettings, payload: Send) -> Request:
    """Send the payload."""
    return Request.post("https://example.com/send", json=payload.body())


@probe.action(trigger='type = "identify"')
def require(settings: ProbeSettings, payload: Require) -> Request:
    """Send a payload that must have an email."""
    return Request.post("https://example.com/require", json=payload.body())


@strict.action(trigger='type = "track"')
def post(settings: StrictSettings, payload: Send) -> Request:
    """Post the payload."""
    return Request.post("https://example.com/post", json=payload.body())


@faulty.action(trigger="type =")
def broken(settings: Settings, payload: Send) -> Request:
    """Have a default trigger that cannot be read."""
    return Request.post("https://example.com/broken", json=payload.body())


probe.preset("Page views", action="send", trigger='type = "page"', fields={"name": "name"})
probe.preset("Sign-ups", action="send", trigger='event = "Signed Up"')


def cases(file: str) -> list[Any]:
    """Return the rows of a file as parameters, each known by its name."""
    rows = yaml.safe_load((CASES / file).read_text(encoding="utf-8"))
    names = [row["name"] for row in rows]
    assert len(set(names)) == len(names), f"two cases of {file} share a name"
    return [pytest.param(row, id=row["name"]) for row in rows]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, so that messages name the file as `mappings.yaml`."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(content: str | bytes | None, environ: dict[str, str] | None = None) -> Engine:
    """Load a mapping file with this content; None is a file that is not there."""
    if content is not None:
        Path("mappings.yaml").write_bytes(content.encode() if isinstance(content, str) else content)
    return Engine.load("mappings.yaml", registry=Registry([probe, strict, faulty]), environ=environ or {})


def problems(content: str | bytes | None, environ: dict[str, str] | None = None) -> str:
    """Return the problems that a load reports, as text."""
    with pytest.raises(MappingError) as caught:
        load(content, environ)
    return "\n\n".join(problem.render() for problem in caught.value.problems)


def mapping(**keys: str) -> str:
    """Return a mapping file with one mapping of these keys, their YAML as it is written in the case."""
    lines = ["destination: probe", "mappings:", "  - name: Case", "    action: send"]
    for key, text in keys.items():
        # A block of the case goes beneath its key, other text beside it.
        written = "\n" + textwrap.indent(text.rstrip("\n"), " " * 6) if text.endswith("\n") else f" {text}"
        lines.append(f"    {key}:{written}")
    return "\n".join(lines) + "\n"


def check_trigger(case: dict[str, Any], written: str) -> None:
    """Check that a trigger fires as the case says, or is refused as it says."""
    content = mapping(trigger=written)
    if "error" in case:
        assert problems(content) == case["error"].rstrip("\n")
        return
    engine = load(content)
    for event in case["events"] if "events" in case else [case["event"]]:
        routing = engine.route(event)
        assert not routing.rejections
        assert bool(routing.calls) is case["holds"], event


@pytest.mark.parametrize("case", cases("triggers_yaml.yaml"))
def test_yaml_form_of_triggers(case: dict[str, Any]) -> None:
    """A trigger in the YAML form fires on the events that it should, and on no others."""
    check_trigger(case, case["trigger"])


@pytest.mark.parametrize("case", cases("triggers_text.yaml"))
def test_text_form_of_triggers(case: dict[str, Any]) -> None:
    """A trigger in the text form fires on the events that it should, or is refused with its column."""
    check_trigger(case, "'" + case["trigger"].replace("'", "''") + "'")


@pytest.mark.parametrize("case", cases("fields.yaml"))
def test_fields(case: dict[str, Any]) -> None:
    """A mapping's fields compute the payload that the case expects, no more fields and no fewer."""
    keys = {key: case[key] for key in ("fields", "omit", "invalid") if key in case}
    routing = load(mapping(trigger="{not: {never: {exists: true}}}", **keys)).route(case["event"])
    if "rejected" in case:
        assert [rejection.reason for rejection in routing.rejections] == [case["rejected"]]
        return
    assert not routing.rejections
    (call,) = routing.calls
    assert [str(note) for note in call.notes] == case.get("notes", [])
    # As JSON, where true is not 1 and 1 is not 1.0.
    assert json.dumps(call.payload.body(), sort_keys=True) == json.dumps(case["payload"], sort_keys=True)


@pytest.mark.parametrize("case", cases("errors.yaml"))
def test_problems_of_mapping_files(case: dict[str, Any]) -> None:
    """A mapping file that cannot be loaded is answered with every problem: its place, its line, a caret and a hint."""
    content = case["file"]
    for word, (text, times) in case.get("repeat", {}).items():
        content = content.replace(word, text * times)
    assert problems(content, case.get("environ")) == case["rendered"].rstrip("\n")
