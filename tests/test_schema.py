"""The JSON Schema of mapping files: it takes what the engine takes, and refuses what an editor should underline."""

import json
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from jsonschema.validators import Draft7Validator
from pydantic import Field, ValidationError

from actions_engine import Destination, From, Payload, Registry, Request, Secret, Settings
from actions_engine.authoring.schema import mapping_schema
from actions_engine.cli import main
from actions_engine.delivery_settings import DeliverySettings
from actions_engine.language.operators import NEGATIONS, OPERATORS
from actions_engine.loading.source import Source
from tests.conftest import MAPPINGS
from tests.test_cases import cases, faulty, mapping, probe, strict


class VendorSettings(Settings):
    """What the vendor needs."""

    key: Secret
    region: Annotated[Literal["us", "eu"], Field(description="Where the data is kept.")] = "us"
    retries: int = 3
    hosts: list[int] = Field(default_factory=list)
    handler: Any = print


class Message(Payload):
    """A message."""

    text: Annotated[str, Field(description="What it says.")]
    user_id: Annotated[str | None, From("userId")] = None


vendor = Destination("vendor", settings=VendorSettings, title="The Vendor")


@vendor.action(trigger='type = "track"', formerly=["write"], renamed_fields={"body": "text"})
def post(settings: VendorSettings, payload: Message) -> Request:
    """Post a message."""
    return Request.post("https://example.com/post", json=payload.body())


@cache
def validator(kind: Any = Draft202012Validator) -> Any:
    """A validator for the destinations of the language's cases and the vendor of this file."""
    schema = mapping_schema(Registry([probe, strict, faulty, vendor]))
    kind.check_schema(schema)
    return kind(schema)


def read(text: str) -> Any:
    source = Source("f.yaml", text)
    assert source.root is not None, source.problems
    return source.root.plain()


def bundled() -> Registry:
    """The plugins of this distribution, whatever else is installed."""
    found = entry_points(group="actions_engine")
    return Registry.from_plugins(
        {one.name: one.load() for one in found if one.dist and one.dist.name == "actions-engine"}
    )


def test_the_committed_schema_is_up_to_date() -> None:
    """mappings/schema.json is what `make schema` writes from the bundled plugins."""
    assert json.loads((MAPPINGS / "schema.json").read_text()) == mapping_schema(bundled()), "run `make schema`"


@pytest.mark.parametrize("path", sorted(MAPPINGS.rglob("*.y*ml")), ids=lambda path: path.name)
@pytest.mark.parametrize("kind", [Draft202012Validator, Draft7Validator])
def test_shipped_mappings_are_valid(path: Path, kind: Any) -> None:
    """Every shipped mapping file is valid by the committed schema, as drafts 2020-12 and 7 read it."""
    schema = json.loads((MAPPINGS / "schema.json").read_text())
    assert list(kind(schema).iter_errors(read(path.read_text()))) == []


def test_the_shipped_mapping_names_the_schema() -> None:
    """An editor finds the schema by the first line of the shipped file."""
    assert (MAPPINGS / "academy.yaml").read_text().startswith("# yaml-language-server: $schema=schema.json\n")


@pytest.mark.parametrize("kind", [Draft202012Validator, Draft7Validator])
@pytest.mark.parametrize("file", ["triggers_yaml.yaml", "triggers_text.yaml", "fields.yaml"])
def test_what_the_language_takes_the_schema_takes(file: str, kind: Any) -> None:
    """Every case of the language that loads is valid by the schema."""
    refused = []
    for parameters in cases(file):
        case = parameters.values[0]
        keys = {key: case[key] for key in ("fields", "omit", "trigger") if key in case}
        if file == "triggers_text.yaml":
            keys["trigger"] = "'" + case["trigger"].replace("'", "''") + "'"
        if "error" not in case:
            refused += [
                f"{case['name']}: {error.message}" for error in validator(kind).iter_errors(read(mapping(**keys)))
            ]
    assert refused == []


FILE = "destination: vendor\nsettings: {key: '${KEY}'}\nmappings:\n- name: x\n  action: post\n  fields: {text: event}\n"


@pytest.mark.parametrize(
    "change",
    [
        ("", ""),
        ("{key: '${KEY}'}", "{key: k, region: '${REGION:-eu}', retries: '${N}', hosts: ['${A}', 2]}"),
        ("action: post", "action: write"),
        ("{text: event}", "{body: event}"),
        ("mappings:", "presets: all\nmappings:"),
        ("action: post", "action: post\n  omit: [user_id]\n  enabled: false\n  description: why"),
        ("action: post", "action: post\n  trigger: 'type = \"track\"'"),
        ("{text: event}", "{text: '{{ event }}!', user_id: {$literal: {$x: 1}}}"),
        ("action: post", "action: post\n  examples: [{event: e.json, expect: no match}, {event: {}, expect: {text: x}}]"),
        ("action: post", "action: post\n  examples: [{event: e.json, expect: {rejected: text}}]"),
        ("action: post", "action: post\n  examples: [{name: n, event: e.json, expect: {$exactly: {text: x}}}]"),
        ("mappings:", "delivery: {ordering: user, retry_window: 4h, concurrency: 2}\nmappings:"),
        ("mappings:", "filter: {type: [track, null]}\nmappings:"),
    ],
    ids=range(13),
)  # fmt: skip
def test_what_is_right_is_valid(change: tuple[str, str]) -> None:
    """Everything that a mapping file may hold is valid."""
    assert [error.message for error in validator().iter_errors(read(FILE.replace(*change, 1)))] == []


@pytest.mark.parametrize(
    "change",
    [
        ("destination: vendor", "destination: vendr"),
        ("settings: {key: '${KEY}'}\n", ""),
        ("{key: '${KEY}'}", "{}"),
        ("{key: '${KEY}'}", "{key: k, keys: k}"),
        ("{key: '${KEY}'}", "{key: k, region: asia}"),
        ("{key: '${KEY}'}", "{key: k, retries: many}"),
        ("{key: '${KEY}'}", "{key: 5}"),
        ("action: post", "action: pots"),
        ("- name: x\n  action", "- action"),
        ("- name: x", "- name: ''"),
        ("  fields: {text: event}\n", ""),
        ("{text: event}", "{user_id: userId}"),
        ("{text: event}", "{text: null}"),
        ("{text: event}", "{text: event, user: userId}"),
        ("{text: event}", "{text: event, user_id: {$literl: 5}}"),
        ("{text: event}", "{text: event, user_id: {$literal: 5, a: b}}"),
        ("action: post", "action: post\n  omit: [user]"),
        ("action: post", "action: post\n  trigger: {}"),
        ("action: post", "action: post\n  trigger: {event: {equals: x}}"),
        ("action: post", "action: post\n  trigger: {event: {}}"),
        ("action: post", "action: post\n  trigger: {event: {in: x}}"),
        ("action: post", "action: post\n  trigger: {event: {exists: yes}}"),
        ("action: post", "action: post\n  trigger: {event: {starts_with: 5}}"),
        ("action: post", "action: post\n  trigger: {properties.revenue: {gt: much}}"),
        ("action: post", "action: post\n  trigger: {type: tracked}"),
        ("action: post", "action: post\n  trigger: {type: {is_not: Track}}"),
        ("action: post", "action: post\n  trigger: {any: []}"),
        ("action: post", "action: post\n  trigger: {any: [{all: [{not: {event: {is: [x]}}}]}]}"),
        ("action: post", "action: post\n  examples: [{event: e.json, expect: matches}]"),
        ("action: post", "action: post\n  examples: [{event: e.json, expect: {txt: x}}]"),
        ("action: post", "action: post\n  enabled: 'yes'"),
        ("mappings:", "mapings: []\nmappings:"),
        ("mappings:", "presets: some\nmappings:"),
        ("mappings:", "presets: [Page views]\nmappings:"),
        ("mappings:", "delivery: {ordering: strict}\nmappings:"),
        ("mappings:", "delivery: {retry_window: 4 hours}\nmappings:"),
        ("mappings:", "delivery: {retries: 3}\nmappings:"),
        ("mappings:", "filter: {type: tracks}\nmappings:"),
        ("mappings:", "mapping:"),
    ],
    ids=range(39),
)  # fmt: skip
def test_what_is_wrong_is_refused(change: tuple[str, str]) -> None:
    """A typical mistake is one that an editor underlines."""
    text = FILE.replace(*change, 1)
    assert text != FILE
    assert not validator().is_valid(read(text))
    assert not validator(Draft7Validator).is_valid(read(text))


def test_every_operator_is_described() -> None:
    """An editor offers each operator of the language with what it means."""
    operators = validator().schema["$defs"]["condition"]["properties"]
    assert set(operators) == {*OPERATORS, *NEGATIONS}
    assert all(operator["description"] for operator in operators.values())


@pytest.mark.parametrize(
    "value",
    [5, 0.5, "30s", "1h30m", "500 ms", " 7d ", "1.5h", "4 hours", "", "h", -1, 0, 4000, "4000x", True, None, [1]],
)
def test_durations_are_what_the_engine_reads(value: Any) -> None:
    """The schema of a duration takes what `delivery` takes."""
    try:
        DeliverySettings(retry_window=value)
        taken = True
    except ValidationError:
        taken = False
    delivery = validator().schema["$defs"]["delivery"]
    assert Draft202012Validator(delivery).is_valid({"retry_window": value}) is taken


def test_an_editor_is_told_what_a_field_is() -> None:
    """A field shows its description, the values that it takes and its default expression."""
    fields = validator().schema["$defs"]["vendor.post.fields"]["properties"]
    assert fields["text"]["description"] == "What it says.\n\nTakes text."
    assert fields["user_id"]["description"] == "Takes text.\n\nDefault: `userId`"
    assert fields["user_id"]["default"] == "userId"


def test_descriptions_stand_beside_no_reference() -> None:
    """Draft 7 passes over what stands beside a `$ref`: nothing does."""

    def references(value: Any) -> list[dict[str, Any]]:
        if isinstance(value, list):
            return [found for item in value for found in references(item)]
        if isinstance(value, dict):
            return ([value] if "$ref" in value else []) + references(list(value.values()))
        return []

    found = references(validator().schema)
    assert found
    assert all(set(reference) == {"$ref"} for reference in found)


def test_the_command_writes_a_file_or_standard_output(tmp_path: Path) -> None:
    """The schema of the installed plugins goes to standard output, or to a file."""
    path = tmp_path / "schema.json"
    shown = CliRunner().invoke(main, ["schema"])
    assert CliRunner().invoke(main, ["schema", "--output", str(path)]).exit_code == 0
    assert json.loads(shown.stdout) == json.loads(path.read_text())
    assert CliRunner().invoke(main, ["schema", "--output", str(tmp_path / "no" / "s.json")]).exit_code == 1
