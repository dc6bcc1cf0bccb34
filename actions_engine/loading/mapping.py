"""One mapping of a file -> its action, trigger and fields, checked; problems go to the file's source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from actions_engine.destination import Action, Destination
from actions_engine.errors import ExpressionError, Location, TriggerError
from actions_engine.language.condition import Condition
from actions_engine.language.expression import ExpressionParser
from actions_engine.language.fields import Constant, FieldValue, parse_field_text
from actions_engine.language.keys import MAPPING_KEYS
from actions_engine.language.other_words import other_field
from actions_engine.language.trigger_text import parse_text
from actions_engine.loading.examples import read_examples
from actions_engine.loading.fields import read_field
from actions_engine.loading.keys import check_keys, read_invalid
from actions_engine.loading.markup import escaped
from actions_engine.loading.source import Node, Source
from actions_engine.loading.trigger_yaml import read_trigger
from actions_engine.mapping import Instance, Mapping
from actions_engine.payload import Markup
from actions_engine.wording import did_you_mean


@dataclass(slots=True)
class _Defaults:
    """What an action gives to each of its mappings, parsed once."""

    trigger: Condition
    fields: dict[str, FieldValue]


@dataclass(frozen=True, slots=True)
class Common:
    """What a file says of all its mappings.

    Attributes:
        filter: What it asks of every event.
        rejects_invalid: Whether a value that cannot be read rejects the call, unless a mapping says otherwise.
    """

    filter: Condition | None = None
    rejects_invalid: bool = False


class MappingReader:
    """Reads mappings; what an action gives to each of them is parsed once."""

    def __init__(self, parser: ExpressionParser) -> None:
        self.parser = parser
        self._defaults: dict[Action, _Defaults | str] = {}

    def read(self, source: Source, item: Node, instance: Instance, common: Common) -> Mapping | None:
        """Read a mapping of an instance, whose file says what is common to all; None where there was a problem."""
        before = len(source.problems)
        check_keys(source, item, MAPPING_KEYS, "a mapping")
        action = _action(source, item, instance.destination)
        trigger_node = item.value.get("trigger")
        trigger = None if trigger_node is None else read_trigger(trigger_node, source, self.parser)
        examples = read_examples(source, item)
        rejects_invalid = read_invalid(source, item, common.rejects_invalid)
        if action is None:
            self._read_fields(source, item, None)
            return None
        defaults = self._defaults_of(action, source, item)
        fields = self._fields(source, item, action, defaults)
        if defaults is None or any(p.severity == "error" for p in source.problems[before:]):
            return None
        trigger = trigger or defaults.trigger
        return Mapping(
            name=item.value["name"].value if "name" in item.value else "",
            instance=instance,
            action=action,
            trigger=trigger,
            filter=common.filter,
            fields=fields,
            location=Location(source.path, item.line, item.column),
            places=_places(source, item, action),
            examples=examples,
            rejects_invalid=rejects_invalid,
        )

    def _defaults_of(self, action: Action, source: Source, item: Node) -> _Defaults | None:
        known = self._defaults.get(action)
        if known is None:
            try:
                known = _Defaults(
                    parse_text(action.trigger, self.parser),
                    {name: parse_field_text(text, self.parser) for name, text in action.defaults().items()},
                )
            except (ExpressionError, TriggerError) as error:
                known = str(error)
            self._defaults[action] = known
        if isinstance(known, str):
            source.problem(
                "broken-action",
                f"the plugin's own defaults of {action.name!r} cannot be read: {known}",
                item,
                hint=f"tell the author of the destination {action.destination!r}",
            )
            return None
        return known

    def _fields(self, source: Source, item: Node, action: Action, defaults: _Defaults | None) -> dict[str, FieldValue]:
        fields = dict(defaults.fields) if defaults else {}
        for name, place in _omitted(source, item):
            if name not in action.payload.model_fields:
                source.problem(
                    "unknown-field",
                    f"{action.name} has no field {name!r}",
                    place,
                    hint=did_you_mean(name, action.payload.model_fields),
                )
            elif fields.pop(name, None) is None and defaults is not None:
                source.problem(
                    "nothing-to-omit",
                    f"{name!r} has no default that could be omitted",
                    place,
                    severity="warning",
                    hint="remove it",
                )
        fields |= self._read_fields(source, item, action)
        for name, info in action.payload.model_fields.items():
            if name in fields and any(isinstance(mark, Markup) for mark in info.metadata):
                fields[name] = escaped(fields[name])
        for name, info in action.payload.model_fields.items():
            empty = name not in fields or (
                isinstance(fields[name], Constant) and fields[name].value is None  # type: ignore[union-attr]  # narrowed by the line itself
            )
            if info.is_required() and empty:
                given = item.value.get("fields")
                source.problem(
                    "missing-field",
                    f"{action.name} requires the field {name!r}, which has no value",
                    item if given is None else given,
                    hint=f"add `{name}:` beneath `fields:`",
                )
        return fields

    def _read_fields(self, source: Source, item: Node, action: Action | None) -> dict[str, FieldValue]:
        node = item.value.get("fields")
        if node is None:
            return {}
        if not node.is_mapping:
            source.problem("field-shape", f"`fields` is a mapping of payload fields, not {node.kind()}", node)
            return {}
        fields: dict[str, FieldValue] = {}
        given: dict[str, str] = {}
        for written, value in node.value.items():
            name = action.renamed_fields.get(written, written) if action else written
            if name != written:
                source.problem(
                    "renamed",
                    f"the field {written!r} is called {name!r} now",
                    node.keys[written],
                    severity="warning",
                    hint=f"write `{name}:`; the old name still works",
                )
            if name in given:
                source.problem(
                    "duplicate-field",
                    f"{given[name]!r} and {written!r} are one field",
                    node.keys[written],
                    hint="remove one",
                )
            given[name] = written
            if action is not None and name not in action.payload.model_fields:
                source.problem(
                    "unknown-field",
                    f"{action.name} has no field {name!r}",
                    node.keys[written],
                    hint=_field_hint(name, action),
                )
            field = read_field(value, source, self.parser)
            if field is not None:
                fields[name] = field
        return fields


def _action(source: Source, item: Node, destination: Destination) -> Action | None:
    node = item.value.get("action")
    if node is None:
        source.problem(
            "missing-key", "this mapping names no action", item, hint=f"one of: {', '.join(destination.actions)}"
        )
        return None
    for action in destination.actions.values():
        if node.value in action.formerly:
            source.problem(
                "renamed",
                f"the action {node.value!r} is called {action.name!r} now",
                node,
                severity="warning",
                hint="change it when you can; the old name still works",
            )
        if node.value == action.name or node.value in action.formerly:
            return action
    shown = repr(node.value) if isinstance(node.value, str) else node.kind()
    source.problem(
        "unknown-action",
        f"{destination.name} has no action {shown}",
        node,
        hint=did_you_mean(str(node.value), destination.actions),
    )
    return None


def _field_hint(name: str, action: Action) -> str:
    fields = action.payload.model_fields
    close = did_you_mean(name, fields)
    if not close.startswith("did you mean") and (word := other_field(name, fields)):
        return f"did you mean {word!r}?"
    return close


def _places(source: Source, item: Node, action: Action) -> dict[str, Location]:
    """Return where the mapping gives each of its fields."""
    given = item.value.get("fields")
    return {
        action.renamed_fields.get(name, name): Location(source.path, value.line, value.column)
        for name, value in (given.value.items() if given is not None else ())
    }


def _omitted(source: Source, item: Node) -> Iterator[tuple[str, Node]]:
    node = item.value.get("omit")
    if node is None:
        return
    if not node.is_list or not all(isinstance(name.value, str) for name in node.value):
        source.problem("field-shape", "`omit` is a list of payload fields", node, hint="for example `omit: [ip]`")
        return
    for name in node.value:
        yield name.value, name
