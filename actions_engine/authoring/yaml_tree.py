"""YAML text -> where its entries stand: block collections with their entries, everything else as a leaf.

`source.py` reads what a file says; this tells which lines say it, so that a layout can move them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

# The same parser as in source.py: whoever reads a file should see the same places.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class CannotLayOutError(Exception):
    """A text is written in a way that lines cannot be moved.

    Attributes:
        message: What stands there.
        line: On which line, from 0.
    """

    def __init__(self, message: str, line: int) -> None:
        self.message, self.line = message, line
        super().__init__(message)


@dataclass(slots=True)
class Leaf:
    """A scalar, an alias, or a collection in brackets or braces.

    Lines and columns count from 0.

    Attributes:
        line: The line on which it starts, its anchor and tag included.
        column: The column in which it starts.
        end: The line after its last.
        end_column: The column after its last character, on its last line.
        text: A scalar's value, else empty.
        entries: Those of a mapping in braces.
        header: The first line of a block of text (`|` or `>`), else empty.
    """

    line: int
    column: int
    end: int
    end_column: int
    text: str = ""
    entries: list[Entry] = field(default_factory=list)
    header: str = ""

    @property
    def is_block_text(self) -> bool:
        """Whether it is text beneath `|` or `>`."""
        return bool(self.header)

    @property
    def is_multiline(self) -> bool:
        """Whether it goes on beyond its first line."""
        return self.end > self.line + 1


@dataclass(slots=True)
class Branch:
    """A block collection: entries on lines of their own.

    Attributes:
        line: The line of its first key or dash.
        column: The column of its keys or dashes.
        end: The line after its last content, comments below it not counted.
        entries: In the order of the lines; never empty.
        is_list: Whether they are items.
    """

    line: int
    column: int
    end: int
    entries: list[Entry]
    is_list: bool


@dataclass(slots=True)
class Entry:
    """An entry of a mapping, or an item of a list, which has no key.

    Attributes:
        line: The line of the key or of the dash.
        key: The key.
        value: The value.
    """

    line: int
    key: Leaf | None
    value: Tree


Tree = Leaf | Branch


def read_tree(text: str, lines: list[str]) -> Tree | None:
    """Return the tree of one YAML document, None where it is empty.

    Args:
        text: YAML that was read without an error.
        lines: Its lines.

    Raises:
        CannotLayOutError: a key is written with `?` or over several lines.
    """
    parser = _Parser(text)
    root: Tree | None = None
    open_collections: list[tuple[Any, list[Tree]]] = []
    try:
        while parser.check_event():
            event = parser.get_event()
            if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                open_collections.append((event, []))
                continue
            if isinstance(event, (yaml.ScalarEvent, yaml.AliasEvent)):
                node: Tree = _leaf(event, lines)
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                start, children = open_collections.pop()
                node = _collection(start, event, children, lines)
            else:
                continue
            if open_collections:
                open_collections[-1][1].append(node)
            else:
                root = node
    finally:
        parser.dispose()
    return root


def _leaf(event: Any, lines: list[str]) -> Leaf:
    start, end = event.start_mark, event.end_mark
    leaf = Leaf(start.line, start.column, end.line + 1, end.column, getattr(event, "value", ""))
    if getattr(event, "style", None) in ("|", ">"):
        leaf.header = lines[start.line][start.column :].partition(" #")[0]
        # The parser's mark stands behind the line breaks that end the text.
        leaf.end = end.line + (1 if end.column else 0)
        # Blank lines below it belong to it where `+` keeps them.
        while "+" not in leaf.header and leaf.end > start.line + 1 and not lines[leaf.end - 1].strip():
            leaf.end -= 1
    return leaf


def _collection(start: Any, end: Any, children: list[Tree], lines: list[str]) -> Tree:
    is_list = isinstance(start, yaml.SequenceStartEvent)
    if start.flow_style:
        mark, last = start.start_mark, end.end_mark
        leaf = Leaf(mark.line, mark.column, last.line + 1, last.column)
        leaf.entries = [] if is_list else _pairs(children)
        return leaf
    if is_list:
        line, column = _first_dash(start, lines)
        entries = [Entry(_dash_line(child, column, lines), None, child) for child in children]
    else:
        entries = _pairs(children)
        line, column = children[0].line, children[0].column
        _check_keys(entries, column, lines)
    return Branch(line, column, max(child.end for child in children), entries, is_list)


def _pairs(children: list[Tree]) -> list[Entry]:
    pairs = zip(children[::2], children[1::2], strict=True)
    return [Entry(key.line, key, value) for key, value in pairs if isinstance(key, Leaf)]


def _check_keys(entries: list[Entry], column: int, lines: list[str]) -> None:
    for entry in entries:
        key = entry.key
        if key is None or key.is_multiline or key.column != column or lines[key.line][:column].rstrip().endswith("?"):
            raise CannotLayOutError("a key that is written with `?` or over several lines", entry.line)


def _first_dash(start: Any, lines: list[str]) -> tuple[int, int]:
    # The event ends before the dash, or after it where the list is indented no deeper than its key.
    line, column = start.end_mark.line, start.end_mark.column
    return (line, column) if lines[line][column : column + 1] == "-" else (line, column - 1)


def _dash_line(child: Tree, column: int, lines: list[str]) -> int:
    line = child.line
    while lines[line][column : column + 1] != "-" or lines[line][:column].strip(" -"):
        line -= 1
    return line


def is_trivia(line: str) -> bool:
    """Whether a line outside of every scalar is blank or a comment."""
    text = line.strip()
    return not text or text.startswith("#")
