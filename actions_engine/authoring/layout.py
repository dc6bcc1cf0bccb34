"""The canonical layout of a mapping file: text -> the same data, the same comments, one way of writing.

Lines are moved and re-indented, never rewritten: a comment, a quote or a block of text is what its author typed. Where
each entry stands comes from YAML's own parser; that nothing but the layout changed is checked by reading both texts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from actions_engine.authoring.yaml_tree import Branch, CannotLayOutError, Entry, Leaf, Tree, is_trivia, read_tree
from actions_engine.errors import Problem
from actions_engine.language.keys import FILE_KEYS, MAPPING_KEYS
from actions_engine.loading.secrecy import veil_secrets
from actions_engine.loading.source import Source

_STEP = 2
# A key that is not named follows in the order in which it was written.
_ORDERS = {"file": FILE_KEYS, "mapping": MAPPING_KEYS}
# Ends the last line of a text that keeps the blank lines below it (`|+`). No YAML holds the character.
_KEEPS = "\0"
# Characters that end a line for YAML 1.1's scanner and for nobody else: places would be counted wrongly.
_ODD_BREAKS = re.compile("[\r\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Layout:
    """A text laid out.

    Attributes:
        text: The canonical text; the text as given where there are problems.
        problems: Why it could not be laid out.
    """

    text: str
    problems: tuple[Problem, ...] = ()


def lay_out(text: str, path: str = "-") -> Layout:
    """Return the text of a mapping file in its canonical layout.

    Args:
        text: The file's content.
        path: What problems call the file.
    """
    text = text.replace("\r\n", "\n")
    source = Source(path, text)
    veil_secrets(source)
    if source.failed:
        return Layout(text, tuple(problem for problem in source.problems if problem.severity == "error"))
    try:
        return Layout(_laid_out(source, text))
    except CannotLayOutError as error:
        source.problem("layout", f"left as it is: {error.message}", (error.line + 1, 1))
        return Layout(text, tuple(source.problems[-1:]))


def _laid_out(source: Source, text: str) -> str:
    if odd := _ODD_BREAKS.search(text):
        raise CannotLayOutError("a line break that is no line feed", text.count("\n", 0, odd.start()))
    lines = text.split("\n")
    laid_out = _Writer(lines).write(read_tree(text, lines))
    if not _same(source, Source(source.path, laid_out)):
        raise CannotLayOutError("the layout would change what the file says", 0)
    return laid_out


def _same(before: Source, after: Source) -> bool:
    if after.failed or (before.root is None) != (after.root is None):
        return False
    # repr tells 1 from 1.0 and from true, and one NaN is as good as another; the order of keys has no meaning.
    return before.root is None or after.root is None or _shown(before.root.plain()) == _shown(after.root.plain())


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_shown(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return repr(value)


# -- the writer


@dataclass(slots=True)
class _Placed:
    """An entry with what stands above it and the comments that end its nested block."""

    entry: Entry
    lead: list[str]
    tail: list[str] = field(default_factory=list)


class _Writer:
    """Writes a tree's lines anew. `kind` says whose keys have an order: those of the `file` and of each `mapping`."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def write(self, root: Tree | None) -> str:
        if not isinstance(root, Branch):
            # A file of one scalar, or all in braces: there are no lines to move.
            verbatim = root is not None and root.is_multiline
            lines = self.lines if verbatim else [line.rstrip() for line in self.lines]
            return "\n".join(lines).rstrip("\n") + "\n" if self.lines != [""] else ""
        if self.lines[root.line][: root.column].strip():
            raise CannotLayOutError("content beside the start of the document", root.line)
        header, lead = self._header(root.line)
        rest = self.lines[root.end :]
        # `...` and what follows it is no comment of the last entry.
        cut = next((number for number, line in enumerate(rest) if not is_trivia(line)), len(rest))
        written = header + self._block(root, 0, "file", lead, _without_blank_end(rest[:cut]))
        return "\n".join(_kept([*written, *_without_blank_end([line.rstrip() for line in rest[cut:]])])) + "\n"

    def _header(self, first: int) -> tuple[list[str], list[str]]:
        """Split what stands above the first key: the file's own header, and the comment of that key alone."""
        above = [line.rstrip() for line in self.lines[:first]]
        while above and not above[0]:
            del above[0]
        blank = max((number for number, line in enumerate(above) if not line), default=-1)
        if blank < 0 or not all(is_trivia(line) for line in above[blank:]):
            return above, []
        return above[: blank + 1], above[blank + 1 :]

    def _block(self, node: Branch, indent: int, kind: str, lead: list[str], trail: list[str]) -> list[str]:
        """Return the lines of a block collection, its first one indented too.

        Args:
            node: The collection.
            indent: The column at which its keys or dashes shall stand.
            kind: See the class.
            lead: Comments above its first entry.
            trail: Comments below its last content, down to where its parent goes on.
        """
        parts, own_tail = self._parts(node, lead, trail)
        if order := _ORDERS.get(kind):
            parts.sort(key=lambda part: _rank(part.entry, order))
        written: list[str] = []
        for number, part in enumerate(parts):
            above = _comments(part.lead, indent, keep_first_blank=number > 0)
            if kind == "mappings" and number and not (above and above[0] == ""):
                above.insert(0, "")
            written += above + self._entry(part, node, indent, kind)
        return written + _comments(own_tail, indent, keep_first_blank=True)

    def _parts(self, node: Branch, lead: list[str], trail: list[str]) -> tuple[list[_Placed], list[str]]:
        """Cut a collection into its entries; what stands between two is cut by its indentation."""
        parts: list[_Placed] = []
        for entry, following in zip(node.entries, [*node.entries[1:], None], strict=True):
            below = trail if following is None else self._gap(entry.value.end, following.line)
            tail, next_lead = _split(below, node.column, entry.value)
            parts.append(_Placed(entry, lead, tail))
            lead = next_lead
        return parts, lead

    def _entry(self, part: _Placed, node: Branch, indent: int, kind: str) -> list[str]:
        entry, value = part.entry, part.entry.value
        if entry.key is None:
            return self._item(part, node.column, indent, "mapping" if kind == "mappings" else "")
        head = self.lines[entry.line][node.column :].rstrip()
        if isinstance(value, Leaf):
            return self._leaf(entry.key, value, indent)
        gap = self._gap(entry.line + 1, value.line)
        below = "mappings" if kind == "file" and entry.key.text == "mappings" else ""
        return [" " * indent + head, *self._block(value, indent + _STEP, below, gap, part.tail)]

    def _item(self, part: _Placed, dash: int, indent: int, kind: str) -> list[str]:
        """Write an item of a list: a dash, and its value beside it."""
        start, value = part.entry.line, part.entry.value
        if isinstance(value, Leaf):
            return self._item_leaf(start, value, dash, indent, kind)
        beside = self.lines[start][dash + 1 : value.column if value.line == start else None].strip()
        gap = [] if value.line == start else self._gap(start + 1, value.line)
        if beside.startswith("#"):
            gap, beside = [beside, *gap], ""
        inner = self._block(value, indent + _STEP, kind if not value.is_list else "", gap, part.tail)
        if beside:
            # An anchor or a tag, below which the value stands.
            return [" " * indent + "- " + beside, *inner]
        first = next(number for number, line in enumerate(inner) if not is_trivia(line))
        above = _comments(inner[:first], indent, keep_first_blank=False)
        return [*above, " " * indent + "- " + inner[first][indent + _STEP :], *inner[first + 1 :]]

    # -- leaves: scalars, aliases and what is in brackets or braces, moved as they are

    def _leaf(self, key: Leaf, value: Leaf, indent: int) -> list[str]:
        head, text = self.lines[key.line][key.column :], self.lines[value.line][value.column :]
        if value.line > key.line:
            rows = [" " * indent + head.rstrip()]
            rows += _comments(self._gap(key.line + 1, value.line), indent + _STEP, keep_first_blank=True)
            rows.append(" " * (indent + _STEP) + text)
            return rows[:-1] + self._continued(rows[-1], value, indent, key.column)
        before = head[: value.column - key.column]
        if text.strip() and not text.lstrip().startswith("#"):
            before = before.rstrip() + " "
        return self._continued(" " * indent + before + text, value, indent, key.column)

    def _item_leaf(self, start: int, value: Leaf, dash: int, indent: int, kind: str) -> list[str]:
        if value.line > start and (self.lines[start][dash + 1 :].strip() or self._gap(start + 1, value.line)):
            raise CannotLayOutError("a comment between a dash and its value", start)
        text = self.lines[value.line][value.column :]
        if order := _ORDERS.get(kind):
            text = self._in_order(value, order)
        # An empty item has no blank after its dash, but it may have a comment.
        blank = " " if text.strip() and not text.startswith(" ") else ""
        return self._continued(" " * indent + "-" + blank + text, value, indent, dash)

    def _in_order(self, value: Leaf, order: tuple[str, ...]) -> str:
        """Return a mapping in braces with its keys in order, where it stands on one line."""
        line = self.lines[value.line]
        pieces = [
            line[entry.key.column : entry.value.end_column]
            for entry in value.entries
            if entry.key is not None and isinstance(entry.value, Leaf)
        ]
        if not pieces or "{" + ", ".join(pieces) + "}" != line[value.column : value.end_column]:
            return line[value.column :]
        ranked = sorted(zip(value.entries, pieces, strict=True), key=lambda pair: _rank(pair[0], order))
        return "{" + ", ".join(piece for _, piece in ranked) + "}" + line[value.end_column :]

    def _continued(self, row: str, value: Leaf, indent: int, column: int) -> list[str]:
        """Add a leaf's further lines, moved as far as its key or dash was; a block of text goes below its key."""
        more = self.lines[value.line + 1 : value.end]
        if not value.is_block_text:
            moved = [" " * max(0, _indent(line) + indent - column) + line.lstrip(" ") for line in more]
            return [*(line if line.strip() else "" for line in [row, *moved][:-1]), [row, *moved][-1].rstrip()]
        if value.end == len(self.lines):
            # No line feed ends the file, so none is part of the text; `-` says so once there is one.
            row = row.replace(value.header, re.sub(r"([|>])([0-9]?)[+]?([0-9]?)\s*$", r"\1\2\3-", value.header), 1)
        base = min((_indent(line) for line in more if line.strip()), default=0)
        # A number in the header (`|2`) fixes the distance to the key.
        fixed = re.search("[0-9]", value.header)
        target = base + indent - column if fixed else indent + _STEP
        rows = [row.rstrip(), *(" " * target + line[base:] if len(line) > base else "" for line in more)]
        if "+" in value.header:
            rows[-1] += _KEEPS
        return rows

    def _gap(self, start: int, end: int) -> list[str]:
        """Return the lines between two pieces, which are blank or comments."""
        gap = self.lines[start:end]
        for number, line in enumerate(gap, start):
            if not is_trivia(line):
                raise CannotLayOutError("an anchor, a tag or a `?` on a line of its own", number)
        return gap


def _split(trivia: list[str], column: int, value: Tree) -> tuple[list[str], list[str]]:
    """Split the comments below an entry: those indented deeper than its key end the entry's nested block."""
    if not isinstance(value, Branch):
        return [], trivia
    cut = next((number for number, line in enumerate(trivia) if line.strip() and _indent(line) <= column), len(trivia))
    # The blank lines above a comment go with it.
    while cut and not trivia[cut - 1].strip():
        cut -= 1
    return trivia[:cut], trivia[cut:]


def _rank(entry: Entry, order: tuple[str, ...]) -> int:
    name = entry.key.text if entry.key is not None else ""
    return order.index(name) if name in order else len(order)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _comments(lines: list[str], indent: int, *, keep_first_blank: bool) -> list[str]:
    """Indent comments; of blank lines in a row one is kept, and none at the start of a block."""
    written: list[str] = []
    for line in lines:
        if text := line.strip():
            written.append(" " * indent + text)
        elif written[-1] if written else keep_first_blank:
            written.append("")
    return written


def _kept(lines: list[str]) -> list[str]:
    """Leave out the blank lines that would become part of a text above them."""
    written: list[str] = []
    keeps = False
    for line in lines:
        if not keeps or line:
            keeps = line.endswith(_KEEPS)
            written.append(line.removesuffix(_KEEPS))
    return written


def _without_blank_end(lines: list[str]) -> list[str]:
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return lines[:end]
