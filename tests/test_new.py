"""`actions-engine new mapping`: a file to start from that loads, fires and holds."""

import enum
import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import Field

from actions_engine import (
    Currency,
    Destination,
    Email,
    Engine,
    From,
    JsonArray,
    Payload,
    Phone,
    Registry,
    Request,
    Secret,
    Settings,
    UnixSeconds,
)
from actions_engine.authoring.fitting_event import samples_for
from actions_engine.authoring.layout import lay_out
from actions_engine.authoring.schema import mapping_schema
from actions_engine.authoring.starter import starter_file
from actions_engine.authoring.yaml_writer import block, flow
from actions_engine.cli import main
from actions_engine.functions import Library
from actions_engine.language.expression import ExpressionParser
from actions_engine.language.trigger_text import parse_text
from actions_engine.loading.source import Source
from actions_engine.request import encode_json
from actions_engine.spec.samples import SAMPLES
from actions_engine.spec.tables import EVENT_TYPES

PARSER = ExpressionParser(Library.standard())


class Tone(enum.StrEnum):
    """How it sounds."""

    LOUD = "loud"
    QUIET = "quiet"


class HardSettings(Settings):
    """Settings of every kind."""

    token: Secret
    workspace: Annotated[str, Field(description="Which workspace: its name.")]
    ports: list[int]
    backup_token: Annotated[Secret | None, Field(description="Another token.")] = None
    tone: Tone = Tone.LOUD
    labels: dict[str, str] = Field(default_factory=dict)


class Hard(Payload):
    """Required fields without a default, of types that not any text meets."""

    email: Email
    phone: Phone
    tone: Tone
    sent_time: UnixSeconds
    currency: Currency
    count: int
    flags: JsonArray
    subject: Annotated[str, Field(description="What: it is about\n  # this {and} that")]
    note: Annotated[str | None, From("{{ event }}: 'it is' # {{ userId }}")] = None
    extra: str | None = None


class Anything(Payload):
    """Nothing that an event has to give."""

    constant: bool = True


hard = Destination("hard", settings=HardSettings, title="Hard: to please")
bare = Destination("bare")
out_of_reach = Destination("out_of_reach")


@hard.action(trigger='type = "track" and (event = "Signed Up" or event = "no")')
def send_it(settings: HardSettings, payload: Hard) -> Request:
    """Send it: all of it."""
    return Request.post("https://example.com/", json=payload.body())


@hard.action(trigger='type = "screen" and not (contains(name, "x")) and context.app.version != null')
def show(settings: HardSettings, payload: Anything) -> Request:
    return Request.post("https://example.com/", json=payload.body())


@bare.action(
    trigger='type = "track" and event = "Product Viewed" and properties.price > 5 and match(properties.sku, "a*b?")'
)
def view(settings: Settings, payload: Hard) -> Request:
    """View a product."""
    return Request.post("https://example.com/", json=payload.body())


@out_of_reach.action(trigger="properties.x > 5 and properties.x < 3")
def count(settings: Settings, payload: Hard) -> Request:
    """Count products."""
    return Request.post("https://example.com/", json=payload.body())


hard.preset("Sign-ups: all", action="send_it", fields={"extra": {"$literal": "no"}, "count": 5})
hard.preset("Screens", action="show")


def plain(text: str) -> Any:
    source = Source("f.yaml", text)
    assert source.root is not None, source.problems
    assert not source.problems
    return source.root.plain()


def load(text: str, registry: Registry, folder: Path, **values: str) -> Engine:
    """Load a starter file with every variable that it names set."""
    environ = {name: values.get(name, "x" * 40) for name in re.findall(r"\$\{(\w+)", text)}
    (folder / "started.yaml").write_text(text)
    return Engine.load(folder / "started.yaml", registry=registry, environ=environ)


def check_examples(text: str, engine: Engine) -> int:
    """Check that every example of a file holds; return how many there are."""
    count = 0
    for mapping in plain(text)["mappings"]:
        for example in mapping.get("examples", ()):
            routing = engine.route(example["event"])
            (call,) = [call for call in routing.calls if call.mapping == mapping["name"]]
            body = json.loads(encode_json(call.payload.body()))
            assert example["expect"]
            assert {name: body[name] for name in example["expect"]} == example["expect"]
            count += 1
    return count


@cache
def editor() -> Draft202012Validator:
    """What an editor checks files by, for the installed destinations."""
    return Draft202012Validator(mapping_schema(Registry.from_entry_points()))


INSTALLED = sorted(Registry.from_entry_points().destinations)


@pytest.mark.parametrize("name", INSTALLED)
def test_every_installed_destination_has_a_file_to_start_from(name: str, registry: Registry, tmp_path: Path) -> None:
    """The file loads, each of its mappings has an example, and every example holds."""
    destination = registry.destinations[name]
    text = starter_file(destination, registry)
    engine = load(text, registry, tmp_path)
    assert not engine.warnings
    assert check_examples(text, engine) == len(destination.presets or destination.actions)


@pytest.mark.parametrize("name", INSTALLED)
def test_the_file_passes_check_and_test(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`check --strict` has nothing to say of the file as it is written, and `test` runs its examples."""
    path = str(tmp_path / "started.yaml")
    assert new(name, "--output", path).exit_code == 0
    for variable in re.findall(r"\$\{(\w+)", Path(path).read_text()):
        monkeypatch.setenv(variable, "x" * 40)
    for command in (["check", "--strict", path], ["test", path]):
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 0, done.output


@pytest.mark.parametrize("name", INSTALLED)
def test_the_file_is_in_its_layout_and_valid(name: str, registry: Registry) -> None:
    """`fmt` would change nothing, and an editor finds nothing to underline."""
    text = starter_file(registry.destinations[name], registry)
    assert lay_out(text).text == text
    assert list(editor().iter_errors(plain(text))) == []


@pytest.mark.parametrize("name", INSTALLED)
def test_the_file_says_what_the_presets_say(name: str, registry: Registry, tmp_path: Path) -> None:
    """Spelled out, the presets make the same calls of every sample event as by their names."""
    destination = registry.destinations[name]
    if not destination.presets:
        pytest.skip("it has no presets")
    text = starter_file(destination, registry)
    spelled = load(text, registry, tmp_path)
    head = text[: text.index("\nmappings:\n")]
    named = load(f"{head}\npresets: all\n", registry, tmp_path)
    for event in SAMPLES.values():
        assert [(call.mapping, call.payload) for call in spelled.route(event).calls] == [
            (call.mapping, call.payload) for call in named.route(event).calls
        ]


def test_fields_without_a_default_are_guessed(tmp_path: Path) -> None:
    """Required fields of every type get a plausible source and an event that has it; what is optional is a comment."""
    registry = Registry([hard, bare])
    text = starter_file(hard, registry)
    engine = load(text, registry, tmp_path, HARD_PORTS="80")
    assert check_examples(text, engine) == 1
    first = plain(text)["mappings"][0]
    assert first["trigger"] == {"type": "track", "any": [{"event": "Signed Up"}, {"event": "no"}]}
    assert first["fields"]["tone"] == {"$literal": "loud"}
    assert first["fields"]["extra"] == {"$literal": "no"}
    assert lay_out(text).text == text
    text = starter_file(bare, registry)
    assert check_examples(text, load(text, registry, tmp_path)) == 1
    assert "\n      # extra: properties.extra\n" in text


def test_a_trigger_that_no_sample_meets_has_no_example(tmp_path: Path) -> None:
    """Where no event can be made, the file says so and loads all the same."""
    registry = Registry([out_of_reach])
    text = starter_file(out_of_reach, registry)
    assert "# No sample event meets" in text
    assert check_examples(text, load(text, registry, tmp_path)) == 0


def test_settings_become_variables() -> None:
    """What must be given and every secret is a variable; anything else is a comment with its default."""
    lines = starter_file(hard, Registry([hard])).splitlines()
    for line in (
        "  token: ${HARD_TOKEN}", "  workspace: ${HARD_WORKSPACE}", "  ports: ['${HARD_PORTS}']",
        "  # Another token. Remove the line where you have none.", "  backup_token: ${HARD_BACKUP_TOKEN}",
        "  # tone: loud", "  # labels: {}", "  # Which workspace: its name.",
    ):  # fmt: skip
        assert line in lines


# -- samples


def test_samples_are_calls_of_the_spec() -> None:
    """There is a sample of every call."""
    assert {event["type"] for event in SAMPLES.values()} == set(EVENT_TYPES)


@pytest.mark.parametrize(
    "text",
    [
        'type = "page"', 'event = "Cart Viewed"', 'event in ("A", "B") and properties.total >= 100', 'properties.x < 0',
        'not (userId != null)', 'type = "group" and traits.plan = null', 'context.ip = null and event != null',
        'match(event, "Order *")', 'contains(event, "Viewed") or event = "X"', 'timestamp > "2030-01-01"', 'userId = "u" and anonymousId = null',
        'type = "track" and not (event = "Order Completed" or event = "Button Clicked")',
    ],
)  # fmt: skip
def test_a_sample_meets_the_condition(text: str) -> None:
    """An event that meets a condition is found or made."""
    condition = parse_text(text, PARSER)
    events = samples_for(condition)
    assert events
    assert all(condition.holds(event) for event in events)


def test_samples_are_copies() -> None:
    """Changing what was returned changes no sample."""
    (event, *_) = samples_for(parse_text('type = "track"', PARSER))
    event["context"]["page"]["url"] = "changed"
    assert SAMPLES["Order Completed"]["context"]["page"]["url"] != "changed"


# -- YAML


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8,
).filter(lambda value: isinstance(value, (dict, list)) and bool(value)))  # fmt: skip
def test_written_yaml_reads_back(value: Any) -> None:
    """Plain data is written so that it reads back as the same data, on one line or on many."""
    assert plain(flow(value)) == value
    assert plain("\n".join(block(value, 0))) == value


# -- the command


def new(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["new", "mapping", *arguments])


def test_the_command_writes_a_new_file_only(tmp_path: Path) -> None:
    """A file that exists is left as it is, unless --force says otherwise."""
    path = tmp_path / "segment.yaml"
    assert new("segment", "--output", str(path)).exit_code == 0
    assert path.read_text() == new("segment").stdout
    path.write_text("mine")
    refused = new("segment", "--output", str(path))
    assert refused.exit_code == 1
    assert "--force replaces it" in refused.stderr
    assert path.read_text() == "mine"
    assert new("segment", "--output", str(path), "--force").exit_code == 0
    assert path.read_text() != "mine"


def test_an_unknown_destination_is_wrong_usage() -> None:
    """The closest installed destination is named."""
    done = new("segmnt")
    assert done.exit_code == 2
    assert "did you mean 'segment'?" in done.stderr


def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    """What cannot be written is a message, not a traceback."""
    done = new("segment", "--output", os.fspath(tmp_path / "no" / "x.yaml"))
    assert done.exit_code == 1
    assert "No such file or directory" in done.stderr
