"""YAML text -> plain data, and where each piece of it stands.

Read with PyYAML's safe parser under the core rules of YAML 1.2: only `true` and `false` are booleans (`country: no` is
Norway), dates and `1_000` stay text, a duplicate key is an error. The parser's events are turned into nodes by a loop,
not by recursion, so that no depth of nesting can exhaust the stack, and what an alias repeats is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import yaml

from actions_engine.errors import Location, Problem
from actions_engine.loading.plain_text import PlainText, veiled, without_secrets
from actions_engine.wording import kind_of

#: Limits on one file, far above what a person writes and far below what hurts.
MAX_CHARACTERS = 5_000_000
MAX_DEPTH = 64
MAX_NODES = 500_000

# The C parser is some ten times faster; a PyYAML built without libyaml parses the same language.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# https://yaml.org/spec/1.2.2/#103-core-schema
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONSTANTS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
    ".nan": float("nan"), ".NaN": float("nan"), ".NAN": float("nan"),
    ".inf": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf"),
}  # fmt: skip
_MAX_DIGITS = 400


@dataclass(slots=True)
class Node:
    """A piece of YAML with its place.

    Attributes:
        value: A scalar, a list of nodes, or a dict from key to node.
        line: The line on which it starts, from 1.
        column: The column in which it starts, from 1; for a quoted scalar, that of the quote.
        keys: For a mapping, each key's (line, column), inside its quotes if it has any.
        offset: Characters from `column` to the scalar's first character, or None where the text in the file is not
            the value character by character (escapes, folding), so that a place inside it cannot be pointed at.
        weight: How many nodes it stands for, aliases counted in full.
    """

    value: Any
    line: int
    column: int
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    offset: int | None = None
    weight: int = 1

    @property
    def is_mapping(self) -> bool:
        """Whether the value is a dict of nodes."""
        return isinstance(self.value, dict)

    @property
    def is_list(self) -> bool:
        """Whether the value is a list of nodes."""
        return isinstance(self.value, list)

    def plain(self) -> Any:
        """Return the value as plain data, without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def kind(self) -> str:
        """Return what the value is, in the words of a YAML author."""
        return kind_of(self.value)


class Source:
    """The text of one mapping file and the problems found in it."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.lines = text.split("\n")
        self._text = PlainText(self.lines)
        self.problems: list[Problem] = []
        #: What a duplicate key held, by the key: it is not part of the tree.
        self.skipped: list[tuple[str, Node]] = []
        self._hidden: list[str] = []
        self._veiled: set[int] = set()
        self.root: Node | None = None
        self.root = self._read(text)

    @property
    def failed(self) -> bool:
        """Whether an error was found so far; warnings do not count."""
        return any(problem.severity == "error" for problem in self.problems)

    def problem(
        self,
        code: str,
        message: str,
        place: Node | tuple[int, int],
        *,
        at: int | None = None,
        hint: str = "",
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        """Record a problem at a node or at (line, column); `at` counts characters into a scalar's text."""
        line, column = (place.line, place.column) if isinstance(place, Node) else place
        if at is not None and isinstance(place, Node) and place.offset is not None:
            column += place.offset + at
        location = Location(self.path, line, column)
        shown = self._masked(message), self._masked(hint)
        self.problems.append(Problem(code, shown[0], location, self._line(line), shown[1], severity))

    def hide(self, secret: str) -> None:
        """Mask a text in all that problems show, those already recorded too."""
        # A text of several lines is shown line by line.
        parts = [part.strip() for part in secret.splitlines() if len(part.strip()) > 1]
        if " " in secret and not any(secret in line for line in self.lines):
            # One that is written over several lines is read as one with spaces.
            parts += [part for part in secret.split() if len(part) > 1]
        self._hidden = sorted({*self._hidden, *parts}, key=len, reverse=True)
        self._mask_again()

    def veil(self, node: Node) -> None:
        """Show no value of the lines on which a piece of YAML stands."""
        self._veiled.update(range(node.line, _last_line(node) + 1))
        self._mask_again()

    def _mask_again(self) -> None:
        self.problems = [
            replace(
                problem,
                message=self._masked(problem.message),
                hint=self._masked(problem.hint),
                line=self._line(problem.location.line) if problem.location else self._masked(problem.line),
            )
            for problem in self.problems
        ]

    def _masked(self, line: str) -> str:
        for secret in self._hidden:
            # As long as what it hides, so that carets stay where they point.
            line = line.replace(secret, "*" * len(secret))
        return line

    def _line(self, number: int) -> str:
        if not 0 < number <= len(self.lines):
            return ""
        line = self.lines[number - 1].rstrip("\r")
        if number in self._veiled:
            line = veiled(line)
        elif self.root is None:
            line = self._text.shown(number)
        elif "#" in line:
            # There is no tree of comments: what looks like a secret is taken for one.
            line = without_secrets(line)
        return self._masked(line)

    def _read(self, text: str) -> Node | None:
        if len(text) > MAX_CHARACTERS:
            self.lines = []
            self.problem(
                "too-large",
                f"the file has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read",
                (1, 1),
                hint="split it: one file is one instance of a destination",
            )
            return None
        try:
            return _Builder(self).build(_events(text))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            message = error.problem or error.context or "this cannot be read"
            has_tab = "\\t" in message or any("\t" in line for line in self.lines[place[0] - 1 : place[0]])
            hint = (
                "indent with spaces; YAML forbids tabs"
                if has_tab
                else _yaml_hint(message, self.lines[place[0] - 1 : place[0]])
            )
            self.problem("yaml-syntax", f"not YAML: {message}", place, hint=hint)
        except yaml.reader.ReaderError as error:
            before = text[: error.position]
            place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
            self.problem("yaml-syntax", f"not YAML: {error.reason}", place)
        return None


def _yaml_hint(message: str, lines: list[str]) -> str:
    """Say what YAML's own words mean for somebody who writes mappings."""
    line = lines[0] if lines else ""
    if "mapping values are not allowed" in message and " ? " in line:
        return "put the value in quotes, and write if(test, then, else)"
    if "mapping values are not allowed" in message:
        return "text with a colon and a blank must stand in quotes; a key must stand in the column of those beside it"
    if "cannot start any token" in message or "alphabetic or numeric character" in message:
        return "a value that begins with `, *, &, %, @ or ! must stand in quotes"
    return "put the value in quotes" if "{{" in line else ""


def _last_line(node: Node) -> int:
    if node.is_mapping or node.is_list:
        inside = node.value.values() if node.is_mapping else node.value
        return max((_last_line(item) for item in inside), default=node.line)
    return node.line + (node.value.count("\n") + 1 if isinstance(node.value, str) and "\n" in node.value else 0)


def _events(text: str) -> Iterator[yaml.Event]:
    # A loader object must be disposed of, also where building stops early: hence not yaml.parse().
    parser = _Parser(text)
    try:
        while parser.check_event():
            yield parser.get_event()
    finally:
        parser.dispose()


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being filled."""

    node: Node
    anchor: str | None
    key: tuple[str, int, int] | None = None
    skip_value: bool = False
    skipped_name: str = ""


class _Stop(Exception):  # noqa: N818 - it ends a read whose problem is already recorded
    pass


class _Builder:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node] = {}
        self.root: Node | None = None
        self.nodes = 0

    def build(self, events: Iterator[yaml.Event]) -> Node | None:
        documents = 0
        try:
            for event in events:
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        self._stop(
                            event,
                            "several-documents",
                            "a second YAML document starts here",
                            "one file holds one document: one instance of a destination",
                        )
                else:
                    self._take(event)
        except _Stop:
            return None
        return self.root

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._add(self._scalar(event), event.anchor, event)
        elif isinstance(event, yaml.AliasEvent):
            node = self.anchors.get(event.anchor or "")
            if node is None:
                self._stop(event, "yaml-alias", "this alias names no finished anchor", "")
            else:
                self._add(node, None, event)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._open(event)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            closed = self.stack.pop()
            self._add(closed.node, closed.anchor, event)

    def _open(self, event: Any) -> None:
        if event.tag is not None and event.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!"):
            self._refuse_tag(event)
        if len(self.stack) >= MAX_DEPTH:
            self._stop(event, "too-deep", f"nested deeper than {MAX_DEPTH} levels", "")
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self.stack.append(_Open(Node(value, line, column), event.anchor))

    def _add(self, node: Node, anchor: str | None, event: Any) -> None:
        if anchor is not None:
            self.anchors[anchor] = node
        self.nodes += node.weight if isinstance(event, yaml.AliasEvent) else 1
        if self.nodes > MAX_NODES:
            self._stop(event, "too-large", f"more than {MAX_NODES:,} nodes, aliases counted in full", "")
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        if isinstance(parent.node.value, list):
            parent.node.value.append(node)
            parent.node.weight += node.weight
        elif parent.key is None and not parent.skip_value:
            self._key(parent, node, event)
        else:
            if parent.skipped_name:
                self.source.skipped.append((parent.skipped_name, node))
            if parent.key is not None:
                name, line, column = parent.key
                parent.node.value[name] = node
                parent.node.keys[name] = (line, column)
                parent.node.weight += node.weight
            parent.key, parent.skip_value, parent.skipped_name = None, False, ""

    def _key(self, parent: _Open, node: Node, event: Any) -> None:
        place = (node.line, node.column + (node.offset or 0))
        # A key is read as its text: `404:` and `true:` are the fields "404" and "true", as in JSON.
        if isinstance(event, yaml.ScalarEvent):
            name = event.value
        elif isinstance(node.value, str):
            name = node.value
        else:
            line = "".join(self.source.lines[place[0] - 1 : place[0]])
            if "{{" in line:
                hint = "put the value in quotes: text with a hole, {{ … }}, must not begin with a brace"
                self.source.problem("yaml-key", "YAML reads these braces as an object", place, hint=hint)
            else:
                self.source.problem("yaml-key", f"a key must be text, not {node.kind()}", place)
            parent.skip_value = True
            return
        if name == "<<":
            self.source.problem(
                "yaml-key",
                "merge keys (<<) are not part of YAML 1.2",
                place,
                hint="repeat the keys, or give the whole mapping an anchor",
            )
            parent.skip_value = True
        elif name in parent.node.value:
            first = parent.node.keys[name][0]
            self.source.problem(
                "duplicate-key",
                f"the key {name!r} stands twice in one mapping; first in line {first}",
                place,
                hint="the second would silently replace the first; remove one",
            )
            parent.skip_value, parent.skipped_name = True, name
        else:
            parent.key = (name, *place)

    def _scalar(self, event: Any) -> Node:
        mark, end = event.start_mark, event.end_mark
        plain = event.style in (None, "")
        value: Any = event.value
        if event.tag is not None and event.tag not in ("!", "tag:yaml.org,2002:str"):
            self._refuse_tag(event)
        elif plain and event.tag is None:
            value = self._implicit(event)
        node = Node(value, mark.line + 1, mark.column + 1)
        quote = 0 if plain else 1
        if isinstance(value, str) and mark.line == end.line and end.column - mark.column == len(value) + 2 * quote:
            node.offset = quote
        return node

    def _implicit(self, event: Any) -> Any:
        text = event.value
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if text[0] not in "0123456789+-.":
            return text
        if len(text) > _MAX_DIGITS:
            return text
        if _INTEGER.fullmatch(text):
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        return text

    def _refuse_tag(self, event: Any) -> None:
        self._stop(
            event,
            "yaml-tag",
            "a tag is not allowed: mapping files hold plain data only",
            "remove the tag; quote the value where it is text",
        )

    def _stop(self, event: Any, code: str, message: str, hint: str) -> None:
        self.source.problem(code, message, (event.start_mark.line + 1, event.start_mark.column + 1), hint=hint)
        raise _Stop
