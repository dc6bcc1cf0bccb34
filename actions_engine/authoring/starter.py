"""A destination -> a mapping file to start from: its presets spelled out, with comments and an example for each."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from actions_engine.authoring.example_event import FoundExample, find_example
from actions_engine.authoring.trigger_writer import as_yaml
from actions_engine.authoring.yaml_writer import block, entry, scalar
from actions_engine.destination import Action, Destination, Preset, Settings
from actions_engine.language.condition import Condition
from actions_engine.language.expression import ExpressionParser
from actions_engine.language.fields import FieldValue
from actions_engine.language.trigger_text import parse_text
from actions_engine.loading.fields import read_field
from actions_engine.loading.source import Node, Source
from actions_engine.payload import default_of
from actions_engine.registry import Registry

_WIDTH = 118


def starter_file(destination: Destination, registry: Registry) -> str:
    """Return the text of a mapping file with all presets of a destination, or all actions where it has none.

    Settings read the environment: `${DESTINATION_SETTING}`. Every default expression is written out, so that a field
    is changed where it stands.

    Raises:
        ExpressionError, TriggerError: the plugin's own defaults cannot be read.
    """
    parser = ExpressionParser(registry.library)
    presets = list(destination.presets.values()) or [
        Preset(action.name.replace("_", " ").capitalize(), action.name) for action in destination.actions.values()
    ]
    parts = [_StarterMapping(destination.actions[preset.action], preset, parser) for preset in presets]
    lines = [
        f"# {destination.title}: the mappings that its plugin recommends; change them, and remove what is not needed.",
        f"destination: {destination.name}",
        *_settings(destination),
        "mappings:",
    ]
    for number, part in enumerate(parts):
        lines += ([""] if number else []) + list(part.lines())
    return "\n".join(lines) + "\n"


# -- settings


def _settings(destination: Destination) -> Iterator[str]:
    schema = destination.settings.model_json_schema()["properties"]
    active = _active_settings(destination.settings, schema)
    if schema:
        # A key with nothing beneath it would be null.
        yield "settings:" if active else "# settings:"
    for name, info in destination.settings.model_fields.items():
        variable = "${" + f"{destination.name}_{name}".upper() + "}"
        text = info.description or ""
        if name in active and not info.is_required():
            text = f"{text} Remove the line where you have none.".lstrip()
        yield from _comment(text, 2)
        is_list = schema[name].get("type") == "array"
        if name in active:
            yield from entry(name, [variable] if is_list else variable, 2)
            continue
        default = schema[name].get("default")
        if default is None:
            default = {"object": {}, "array": []}.get(schema[name].get("type", ""), variable)
        yield from (f"  # {row}" for row in entry(name, default, 0))


def _active_settings(model: type[Settings], schema: Mapping[str, Any]) -> set[str]:
    """Return the settings that a file must give: required ones and secrets, and what the model asks for beside them."""
    active = {name for name, info in model.model_fields.items() if info.is_required() or _is_secret(schema[name])}
    for name in schema:
        if _misses_something(model, active) and schema[name].get("default", ...) is None:
            active |= {name} if not _misses_something(model, active | {name}) else set()
    return active


def _misses_something(model: type[Settings], given: set[str]) -> bool:
    """Whether the model refuses these settings as a whole: `give one of …`."""
    try:
        model.model_validate(dict.fromkeys(given, "sample"))
    except ValidationError as error:
        return any(not fault["loc"] for fault in error.errors(include_url=False, include_context=False))
    return False


def _is_secret(schema: Mapping[str, Any]) -> bool:
    return "writeOnly" in schema or any("writeOnly" in choice for choice in schema.get("anyOf", ()))


def _comment(text: str, indent: int) -> list[str]:
    wrapped = textwrap.wrap(" ".join(text.split()), _WIDTH - indent, break_long_words=False)
    return [f"{' ' * indent}# {line}" for line in wrapped]


# -- mappings


@dataclass(slots=True)
class _StarterField:
    """A payload field as it is written: active, or a comment that shows how it would be."""

    name: str
    value: Any
    description: str
    active: bool = True


class _StarterMapping:
    """One mapping of the file."""

    def __init__(self, action: Action, preset: Preset, parser: ExpressionParser) -> None:
        self.action = action
        self.preset = preset
        self.condition: Condition = parse_text(preset.trigger or action.trigger, parser)
        self.parser = parser
        self.rows = list(self._rows())

    def lines(self) -> Iterator[str]:
        yield f"  - name: {scalar(self.preset.name)}"
        if summary := self.action.description.partition("\n")[0]:
            yield f"    description: {scalar(summary)}"
        yield f"    action: {self.action.name}"
        yield from entry("trigger", as_yaml(self.condition, self.parser, self.preset.trigger or self.action.trigger), 4)
        if any(row.active for row in self.rows):
            yield "    fields:"
            for row in self.rows:
                yield from _comment(row.description, 6)
                yield from (f"      {'' if row.active else '# '}{line}" for line in entry(row.name, row.value, 0))
        example = find_example(self.condition, self._fields(), self.action.payload)
        if example is None:
            yield "    # No sample event meets the trigger and the payload: add an example of yours."
        else:
            yield "    examples:"
            yield from self._example(example)

    def _example(self, example: FoundExample) -> Iterator[str]:
        yield from block([{"event": example.event, "expect": example.expect}], 6)

    def _rows(self) -> Iterator[_StarterField]:
        given = dict(self.preset.fields or {})
        for name, info in self.action.payload.model_fields.items():
            description = info.description or ""
            marker = default_of(info)
            if name in given:
                yield _StarterField(name, given[name], description)
            elif marker is not None:
                yield _StarterField(name, marker.expression, description)
            else:
                required = info.is_required()
                note = f"{description} Required: say where it comes from.".lstrip() if required else description
                yield _StarterField(name, self._guess(name), note, active=required)

    def _guess(self, name: str) -> Any:
        """Guess where a field without a default may come from: an example, a choice, a well-known path, its name."""
        if examples := self.action.payload.model_fields[name].examples:
            return {"$literal": examples[0]}
        schema = self.action.payload.model_json_schema()
        if choices := _choices(schema["properties"].get(name, {}), schema.get("$defs", {})):
            return {"$literal": choices[0]}
        for word, expression in _WELL_KNOWN.items():
            if word in name:
                return expression
        return f"properties.{name}"

    def _fields(self) -> dict[str, FieldValue]:
        source = Source("", "")
        read = {row.name: read_field(_as_node(row.value), source, self.parser) for row in self.rows if row.active}
        return {name: field for name, field in read.items() if field is not None}


_WELL_KNOWN = {
    "email": "context.traits.email || traits.email",
    "phone": "context.traits.phone || traits.phone",
    "anonymous_id": "anonymousId",
    "user_id": "userId",
    "group_id": "groupId",
    "event": "event",
    "currency": "properties.currency",
    "time": "timestamp",
    "url": "context.page.url",
}


def _choices(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> list[Any]:
    if "$ref" in schema:
        return _choices(definitions.get(schema["$ref"].rpartition("/")[2], {}), definitions)
    if "const" in schema:
        return [schema["const"]]
    for one in schema.get("anyOf", ()):
        if found := _choices(one, definitions):
            return found
    return list(schema.get("enum", ()))


def _as_node(value: Any) -> Node:
    if isinstance(value, Mapping):
        return Node(
            {str(key): _as_node(item) for key, item in value.items()}, 1, 1, dict.fromkeys(map(str, value), (1, 1))
        )
    if isinstance(value, (list, tuple)):
        return Node([_as_node(item) for item in value], 1, 1)
    return Node(value, 1, 1)
