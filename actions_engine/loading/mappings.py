"""Mapping files -> checked configuration, all problems at once."""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from pathlib import Path
from typing import Any, NamedTuple

from actions_engine.destination import Destination, Preset, Settings
from actions_engine.errors import Location, MappingError, Problem
from actions_engine.language.expression import ExpressionParser
from actions_engine.language.keys import FILE_KEYS
from actions_engine.language.other_words import DESTINATION_WORDS
from actions_engine.loading.checks import Checked, check_file
from actions_engine.loading.delivery import read_delivery
from actions_engine.loading.files import mapping_files, open_source
from actions_engine.loading.keys import check_keys, read_enabled, read_invalid
from actions_engine.loading.mapping import Common, MappingReader
from actions_engine.loading.settings import read_settings
from actions_engine.loading.source import Node, Source
from actions_engine.loading.trigger_yaml import read_trigger
from actions_engine.mapping import Instance, Mapping
from actions_engine.registry import Registry
from actions_engine.wording import did_you_mean


class Loaded(NamedTuple):
    """What files hold.

    Attributes:
        mappings: The enabled ones, in the order of the files' names.
        warnings: What was found and stops nothing.
        instances: One for each file, those that are not enabled too.
    """

    mappings: list[Mapping]
    warnings: list[Problem]
    instances: list[Instance]


def load_mappings(path: str | Path, registry: Registry, environ: AbstractMapping[str, str]) -> Loaded:
    """Read a mapping file, or every `.yaml` and `.yml` file below a folder.

    Args:
        path: The file or folder.
        registry: The destinations and functions that mappings may name.
        environ: The environment that `${VAR}` in settings reads.

    Returns:
        What was loaded.

    Raises:
        MappingError: something cannot be loaded; it carries every problem of every file.
    """
    reader = _FileReader(registry, environ)
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
    return Loaded(mappings, problems, reader.instances)


class _FileReader:
    def __init__(self, registry: Registry, environ: AbstractMapping[str, str]) -> None:
        self.registry = registry
        self.environ = environ
        self.parser = ExpressionParser(registry.library)
        self.mapping_reader = MappingReader(self.parser)
        self.instances: list[Instance] = []

    def read(self, source: Source, name: str) -> list[Mapping]:
        """Read one file; problems go to `source`."""
        root = source.root
        if root is None:
            if not source.failed:
                source.problem("file-shape", "the file is empty", (1, 1), hint="it starts with `destination: NAME`")
            return []
        if not root.is_mapping:
            source.problem(
                "file-shape",
                f"a mapping file is a mapping, not {root.kind()}",
                root,
                hint="it starts with `destination: NAME`",
            )
            return []
        check_keys(source, root, FILE_KEYS, "a mapping file")
        destination = self._destination(source, root)
        enabled = read_enabled(source, root)
        filter_node = root.value.get("filter")
        condition = None if filter_node is None else read_trigger(filter_node, source, self.parser)
        common = Common(condition, read_invalid(source, root, False))
        if destination is None:
            return []
        settings = read_settings(source, root, destination, self.environ)
        # Mappings are checked even where the settings are wrong: all problems at once.
        delivery = read_delivery(source, root, destination, self.environ)
        given = settings or Settings.model_construct()
        instance = Instance(name, destination, given, source.path, delivery, is_enabled=enabled)
        self.instances.append(instance)
        checked = self._mappings(source, root, instance, common)
        checked += self._presets(source, root, instance, common, {item.mapping.name for item in checked})
        check_file(source, checked)
        if not enabled:
            return []
        return [item.mapping for item in checked if item.is_enabled]

    def _destination(self, source: Source, root: Node) -> Destination | None:
        node = root.value.get("destination")
        if node is None:
            source.problem(
                "missing-key", "the file does not say which destination it is for", root, hint="add `destination: NAME`"
            )
            return None
        destination = self.registry.destinations.get(node.value) if isinstance(node.value, str) else None
        if destination is None:
            shown = repr(node.value) if isinstance(node.value, str) else node.kind()
            word = DESTINATION_WORDS.get(str(node.value).lower().replace("-", "_").replace(" ", "_"))
            hint = did_you_mean(str(node.value), self.registry.destinations)
            if word in self.registry.destinations:
                hint = f"did you mean {word!r}?"
            hint = hint or "`actions-engine plugins` lists what is installed"
            broken = next((broken for broken in self.registry.broken if broken.plugin == node.value), None)
            source.problem(
                "unknown-destination",
                f"no installed plugin brings the destination {shown}",
                node,
                hint=str(broken) if broken else hint,
            )
        return destination

    # -- mappings

    def _mappings(self, source: Source, root: Node, instance: Instance, common: Common) -> list[Checked]:
        node = root.value.get("mappings")
        if node is None:
            if "presets" not in root.value:
                source.problem(
                    "missing-key", "the file has no mappings", root, hint="add `mappings:` or `presets: all`"
                )
            return []
        if not node.is_list:
            source.problem(
                "file-shape",
                f"`mappings` is a list, not {node.kind()}",
                node,
                hint="each mapping starts with `- name: …`",
            )
            return []
        if not node.value:
            source.problem(
                "no-mappings",
                "`mappings` is an empty list",
                node,
                severity="warning",
                hint="the file does nothing; add a mapping or `enabled: false`",
            )
        mappings: list[Checked] = []
        names: dict[str, int] = {}
        for item in node.value:
            if not item.is_mapping:
                source.problem("mapping-shape", f"a mapping has a name and an action; this is {item.kind()}", item)
                continue
            self._check_name(source, item, names)
            mapping = self.mapping_reader.read(source, item, instance, common)
            is_enabled = read_enabled(source, item)
            if mapping is not None:
                mappings.append(Checked(mapping, item, is_enabled=is_enabled))
        return mappings

    @staticmethod
    def _check_name(source: Source, item: Node, names: dict[str, int]) -> None:
        node = item.value.get("name")
        if node is None:
            source.problem(
                "missing-key",
                "this mapping has no name",
                item,
                hint="the name tells it apart in every message and report",
            )
        elif not isinstance(node.value, str) or not node.value.strip():
            found = "empty text" if isinstance(node.value, str) else node.kind()
            source.problem("mapping-name", f"a mapping's name is text, not {found}", node)
        elif node.value in names:
            source.problem("duplicate-mapping", f"line {names[node.value]} names a mapping {node.value!r} too", node)
        else:
            names[node.value] = node.line

    # -- presets

    def _presets(
        self, source: Source, root: Node, instance: Instance, common: Common, taken: set[str]
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
                    source.problem(
                        "unknown-preset",
                        f"{instance.destination.name} has no preset {shown}",
                        item,
                        hint="write `presets: all`, without a list"
                        if str(item.value).lower() in ("all", "*")
                        else did_you_mean(str(item.value), known),
                    )
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
            mapping = self._preset(source, place, preset, instance, common)
            if mapping is not None:
                mappings.append(Checked(mapping, place, is_preset=True))
        return mappings

    def _preset(
        self, source: Source, place: Node, preset: Preset, instance: Instance, common: Common
    ) -> Mapping | None:
        """Read a preset as if it stood in the file; a plugin's mistake is told at the preset's name."""
        written: dict[str, Any] = {"name": preset.name, "action": preset.action}
        if preset.trigger is not None:
            written["trigger"] = preset.trigger
        if preset.fields is not None:
            written["fields"] = preset.fields
        return self.mapping_reader.read(source, _as_node(written, place), instance, common)


def _as_node(value: Any, place: Node) -> Node:
    if isinstance(value, AbstractMapping):
        children = {key: _as_node(item, place) for key, item in value.items()}
        return Node(children, place.line, place.column, dict.fromkeys(children, (place.line, place.column)))
    if isinstance(value, (list, tuple)):
        return Node([_as_node(item, place) for item in value], place.line, place.column)
    return Node(value, place.line, place.column)
