"""Mapping files -> checked configuration, all problems at once."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actions_engine.destination import Action, Destination, Preset, Settings
from actions_engine.errors import ExpressionError, Location, MappingError, Problem, TriggerError
from actions_engine.language.condition import Condition
from actions_engine.language.expression import ExpressionParser
from actions_engine.language.fields import Constant, FieldValue, parse_field_text
from actions_engine.language.trigger_text import parse_text
from actions_engine.loading.checks import Checked, check_file
from actions_engine.loading.delivery import read_delivery
from actions_engine.loading.examples import read_examples
from actions_engine.loading.fields import read_field
from actions_engine.loading.files import mapping_files, open_source
from actions_engine.loading.settings import read_settings
from actions_engine.loading.source import Node, Source
from actions_engine.loading.trigger_yaml import read_trigger
from actions_engine.mapping import Instance, Mapping
from actions_engine.registry import Registry
from actions_engine.wording import did_you_mean

_FILE_KEYS = ("destination", "settings", "filter", "presets", "mappings", "enabled", "delivery")
_MAPPING_KEYS = ("name", "action", "trigger", "fields", "omit", "examples", "enabled", "description")


def load_mappings(
    path: str | Path, registry: Registry, environ: AbstractMapping[str, str]
) -> tuple[list[Mapping], list[Problem]]:
    """Read a mapping file, or every `.yaml` and `.yml` file below a folder.

    Args:
        path: The file or folder.
        registry: The destinations and functions that mappings may name.
        environ: The environment that `${VAR}` in settings reads.

    Returns:
        The enabled mappings in the order of the files' names, and the warnings.

    Raises:
        MappingError: something cannot be loaded; it carries every problem of every file.
    """
    reader = _Reader(registry, environ)
    mappings: list[Mapping] = []
    problems: list[Problem] = []
    for file, name in mapping_files(Path(path), problems):
        source = open_source(file, problems)
        if source is not None:
            mappings += reader.read(source, name)
            # Read from top to bottom, wherever they were found.
            problems += sorted(source.problems, key=lambda problem: problem.location or Location("", 0, 0))
    if any(problem.severity == "error" for problem in problems):
        raise MappingError(problems)
    return mappings, problems


@dataclass(slots=True)
class _Defaults:
    """What an action gives to each of its mappings, parsed once."""

    trigger: Condition
    fields: dict[str, FieldValue]


class _Reader:
    def __init__(self, registry: Registry, environ: AbstractMapping[str, str]) -> None:
        self.registry = registry
        self.environ = environ
        self.parser = ExpressionParser(registry.library)
        self._defaults: dict[Action, _Defaults | str] = {}

    def read(self, source: Source, name: str) -> list[Mapping]:
        """Read one file; problems go to `source`."""
        root = source.root
        if root is None:
            if not source.failed:
                source.problem("file-shape", "the file is empty", (1, 1), hint="it starts with `destination: NAME`")
            return []
        if not root.is_mapping:
            source.problem("file-shape", f"a mapping file is a mapping, not {root.kind()}", root,
                           hint="it starts with `destination: NAME`")  # fmt: skip
            return []
        _check_keys(source, root, _FILE_KEYS, "a mapping file")
        destination = self._destination(source, root)
        enabled = _flag(source, root)
        filter_node = root.value.get("filter")
        condition = None if filter_node is None else read_trigger(filter_node, source, self.parser)
        if destination is None:
            return []
        settings = read_settings(source, root, destination, self.environ)
        # Mappings are checked even where the settings are wrong: all problems at once.
        delivery = read_delivery(source, root, destination)
        instance = Instance(name, destination, settings or Settings.model_construct(), source.path, delivery)
        checked = self._mappings(source, root, instance, condition)
        checked += self._presets(source, root, instance, condition, {item.mapping.name for item in checked})
        check_file(source, checked)
        if not enabled:
            return []
        return [item.mapping for item in checked if item.is_enabled]

    def _destination(self, source: Source, root: Node) -> Destination | None:
        node = root.value.get("destination")
        if node is None:
            source.problem("missing-key", "the file does not say which destination it is for", root,
                           hint="add `destination: NAME`")  # fmt: skip
            return None
        destination = self.registry.destinations.get(node.value) if isinstance(node.value, str) else None
        if destination is None:
            shown = repr(node.value) if isinstance(node.value, str) else node.kind()
            hint = did_you_mean(str(node.value), self.registry.destinations)
            broken = next((broken for broken in self.registry.broken if broken.plugin == node.value), None)
            source.problem("unknown-destination", f"no installed plugin brings the destination {shown}", node,
                           hint=str(broken) if broken else hint)  # fmt: skip
        return destination

    # -- mappings

    def _mappings(self, source: Source, root: Node, instance: Instance, condition: Condition | None) -> list[Checked]:
        node = root.value.get("mappings")
        if node is None:
            if "presets" not in root.value:
                source.problem(
                    "missing-key", "the file has no mappings", root, hint="add `mappings:` or `presets: all`"
                )
            return []
        if not node.is_list:
            source.problem("file-shape", f"`mappings` is a list, not {node.kind()}", node,
                           hint="each mapping starts with `- name: …`")  # fmt: skip
            return []
        if not node.value:
            source.problem("no-mappings", "`mappings` is an empty list", node, severity="warning",
                           hint="the file does nothing; add a mapping or `enabled: false`")  # fmt: skip
        mappings: list[Checked] = []
        names: dict[str, int] = {}
        for item in node.value:
            if not item.is_mapping:
                source.problem("mapping-shape", f"a mapping has a name and an action; this is {item.kind()}", item)
                continue
            self._check_name(source, item, names)
            mapping = self._mapping(source, item, instance, condition)
            is_enabled = _flag(source, item)
            if mapping is not None:
                mappings.append(Checked(mapping, item, is_enabled=is_enabled))
        return mappings

    @staticmethod
    def _check_name(source: Source, item: Node, names: dict[str, int]) -> None:
        node = item.value.get("name")
        if node is None:
            source.problem("missing-key", "this mapping has no name", item,
                           hint="the name tells it apart in every message and report")  # fmt: skip
        elif not isinstance(node.value, str) or not node.value.strip():
            found = "empty text" if isinstance(node.value, str) else node.kind()
            source.problem("mapping-name", f"a mapping's name is text, not {found}", node)
        elif node.value in names:
            source.problem("duplicate-mapping", f"line {names[node.value]} names a mapping {node.value!r} too", node)
        else:
            names[node.value] = node.line

    def _mapping(self, source: Source, item: Node, instance: Instance, condition: Condition | None) -> Mapping | None:
        before = len(source.problems)
        _check_keys(source, item, _MAPPING_KEYS, "a mapping")
        action = _action(source, item, instance.destination)
        trigger_node = item.value.get("trigger")
        trigger = None if trigger_node is None else read_trigger(trigger_node, source, self.parser)
        examples = read_examples(source, item)
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
            filter=condition,
            fields=fields,
            location=Location(source.path, item.line, item.column),
            places=_places(source, item, action),
            examples=examples,
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
            source.problem("broken-action", f"the plugin's own defaults of {action.name!r} cannot be read: {known}",
                           item, hint=f"tell the author of the destination {action.destination!r}")  # fmt: skip
            return None
        return known

    def _fields(self, source: Source, item: Node, action: Action, defaults: _Defaults | None) -> dict[str, FieldValue]:
        fields = dict(defaults.fields) if defaults else {}
        for name, place in _omitted(source, item):
            if name not in action.payload.model_fields:
                source.problem("unknown-field", f"{action.name} has no field {name!r}", place,
                               hint=did_you_mean(name, action.payload.model_fields))  # fmt: skip
            elif fields.pop(name, None) is None and defaults is not None:
                source.problem("nothing-to-omit", f"{name!r} has no default that could be omitted", place,
                               severity="warning", hint="remove it")  # fmt: skip
        fields |= self._read_fields(source, item, action)
        for name, info in action.payload.model_fields.items():
            empty = name not in fields or (
                isinstance(fields[name], Constant) and fields[name].value is None  # type: ignore[union-attr]
            )
            if info.is_required() and empty:
                given = item.value.get("fields")
                source.problem("missing-field", f"{action.name} requires the field {name!r}, which has no value",
                               item if given is None else given, hint=f"add `{name}:` beneath `fields:`")  # fmt: skip
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
                source.problem("renamed", f"the field {written!r} is called {name!r} now", node.keys[written],
                               severity="warning", hint=f"write `{name}:`; the old name still works")  # fmt: skip
            if name in given:
                source.problem("duplicate-field", f"{given[name]!r} and {written!r} are one field", node.keys[written],
                               hint="remove one")  # fmt: skip
            given[name] = written
            if action is not None and name not in action.payload.model_fields:
                source.problem("unknown-field", f"{action.name} has no field {name!r}", node.keys[written],
                               hint=did_you_mean(name, action.payload.model_fields))  # fmt: skip
            field = read_field(value, source, self.parser)
            if field is not None:
                fields[name] = field
        return fields

    # -- presets

    def _presets(
        self, source: Source, root: Node, instance: Instance, condition: Condition | None, taken: set[str]
    ) -> list[Checked]:
        node = root.value.get("presets")
        if node is None:
            return []
        known = instance.destination.presets
        if node.value == "all":
            chosen = [(preset, node) for preset in known.values()]
        elif node.is_list:
            chosen = []
            for item in node.value:
                preset = known.get(item.value) if isinstance(item.value, str) else None
                if preset is None:
                    shown = repr(item.value) if isinstance(item.value, str) else item.kind()
                    source.problem("unknown-preset", f"{instance.destination.name} has no preset {shown}", item,
                                   hint=did_you_mean(str(item.value), known))  # fmt: skip
                else:
                    chosen.append((preset, item))
        else:
            source.problem("file-shape", f"`presets` is a list of names or `all`, not {node.kind()}", node)
            return []
        mappings: list[Checked] = []
        for preset, place in chosen:
            if preset.name in taken:
                source.problem(
                    "duplicate-mapping",
                    f"a mapping of this file has the preset's name {preset.name!r}",
                    place,
                )
                continue
            taken.add(preset.name)
            mapping = self._preset(source, place, preset, instance, condition)
            if mapping is not None:
                mappings.append(Checked(mapping, place, is_preset=True))
        return mappings

    def _preset(
        self, source: Source, place: Node, preset: Preset, instance: Instance, condition: Condition | None
    ) -> Mapping | None:
        """Read a preset as if it stood in the file; a plugin's mistake is told at the preset's name."""
        written: dict[str, Any] = {"name": preset.name, "action": preset.action}
        if preset.trigger is not None:
            written["trigger"] = preset.trigger
        if preset.fields is not None:
            written["fields"] = preset.fields
        return self._mapping(source, _as_node(written, place), instance, condition)


def _as_node(value: Any, place: Node) -> Node:
    if isinstance(value, AbstractMapping):
        children = {key: _as_node(item, place) for key, item in value.items()}
        return Node(children, place.line, place.column, dict.fromkeys(children, (place.line, place.column)))
    if isinstance(value, (list, tuple)):
        return Node([_as_node(item, place) for item in value], place.line, place.column)
    return Node(value, place.line, place.column)


def _action(source: Source, item: Node, destination: Destination) -> Action | None:
    node = item.value.get("action")
    if node is None:
        source.problem("missing-key", "this mapping names no action", item,
                       hint=f"one of: {', '.join(destination.actions)}")  # fmt: skip
        return None
    for action in destination.actions.values():
        if node.value in action.formerly:
            source.problem("renamed", f"the action {node.value!r} is called {action.name!r} now", node,
                           severity="warning", hint="change it when you can; the old name still works")  # fmt: skip
        if node.value == action.name or node.value in action.formerly:
            return action
    shown = repr(node.value) if isinstance(node.value, str) else node.kind()
    source.problem("unknown-action", f"{destination.name} has no action {shown}", node,
                   hint=did_you_mean(str(node.value), destination.actions))  # fmt: skip
    return None


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


def _check_keys(source: Source, node: Node, known: tuple[str, ...], what: str) -> None:
    for key in node.value:
        if key not in known:
            source.problem("unknown-key", f"{what} has no key {key!r}", node.keys[key], hint=did_you_mean(key, known))


def _flag(source: Source, node: Node) -> bool:
    enabled = node.value.get("enabled")
    if enabled is None:
        return True
    if not isinstance(enabled.value, bool):
        source.problem("key-type", f"`enabled` takes true or false, not {enabled.kind()}", enabled)
        return True
    return enabled.value
