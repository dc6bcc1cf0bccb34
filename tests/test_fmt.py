"""`actions-engine fmt`: one layout, the same data, every comment."""

import re
import stat
import textwrap
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions_engine.authoring.layout import lay_out
from actions_engine.cli import main
from actions_engine.language.keys import FILE_KEYS, MAPPING_KEYS
from actions_engine.loading.source import Source
from tests.conftest import MAPPINGS

WRITTEN = """\
# about the file

# about the mappings
mappings:
- action:   track   # what
  # how it is called
  name: Clicks
  fields:
      user_id: userId
      # amount: properties.revenue

      # of the user
      traits:
          a: "b"
          # end of traits
      # end of fields
# the second
-   name: Notes
    description: |
        One
          two

        three
    action: track
- {action: page, name: Pages}   # in braces
# before presets
presets: [a,  b]


destination: segment
filter: type = "track"
  and event = "x"
# the end
"""

CANONICAL = """\
# about the file

destination: segment
filter: type = "track"
  and event = "x"
# before presets
presets: [a,  b]
# about the mappings
mappings:
  # how it is called
  - name: Clicks
    action: track   # what
    fields:
      user_id: userId
      # amount: properties.revenue

      # of the user
      traits:
        a: "b"
        # end of traits
      # end of fields

  # the second
  - name: Notes
    description: |
      One
        two

      three
    action: track

  - {name: Pages, action: page}   # in braces
# the end
"""


def plain(text: str) -> Any:
    source = Source("f.yaml", text)
    assert not source.failed, source.problems
    return source.root.plain() if source.root else None


def fmt(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["fmt", *arguments], input=stdin)


def test_the_canonical_layout() -> None:
    """Keys have an order, a step is two columns, comments stay with what they are about."""
    assert lay_out(WRITTEN).text == CANONICAL
    assert plain(WRITTEN) == plain(CANONICAL)


@pytest.mark.parametrize("path", sorted(MAPPINGS.rglob("*.yaml")), ids=lambda path: path.name)
def test_shipped_mappings_are_in_their_layout(path: Path) -> None:
    """The shipped files are what fmt makes of them."""
    assert lay_out(path.read_text()).text == path.read_text()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("b:   1\r\n", "b: 1\n"),
        ("", ""),
        ("# only a comment", "# only a comment\n"),
        ("---\nb: 1\n...\n", "---\nb: 1\n...\n"),
        ("b: |+\n    x\n\n\n\n", "b: |+\n  x\n\n\n\n"),
        ("b: |2\n    x\n", "b: |2\n    x\n"),
        ("b: >-\n      x\n\n      y\n", "b: >-\n  x\n\n  y\n"),
        ("b: &x\n    c: 1\nd: *x", "b: &x\n  c: 1\nd: *x\n"),
        ("b:\n- - 1\n  -   2\n-\n  c: 1\n", "b:\n  - - 1\n    - 2\n  - c: 1\n"),
        ("b:\n- # of c\n  c: 1\n", "b:\n  # of c\n  - c: 1\n"),
        ("b:\n- &x\n  c: 1\n", "b:\n  - &x\n    c: 1\n"),
        ("b:   # none\nc:\n  # long\n  text\n  goes on\n", "b:   # none\nc:\n  # long\n  text\n  goes on\n"),
        ("b: 'x\n\n   y'\n", "b: 'x\n\n   y'\n"),
        ("b: [1,\n  2 # two\n  ]\n", "b: [1,\n  2 # two\n  ]\n"),
        ("b:\n- \n- x\n", "b:\n  -\n  - x\n"),
        ("  b: no\n  c: 1_000\n", "b: no\nc: 1_000\n"),
        ("{destination: x,  mappings: []}  \n", "{destination: x,  mappings: []}\n"),
        ("b: 1\n\n\n\nc: 2\n\n\n", "b: 1\n\nc: 2\n"),
    ],
    ids=range(18),
)  # fmt: skip
def test_layout_of_one_thing(before: str, after: str) -> None:
    """Each construct of YAML has one layout, which is its own."""
    assert lay_out(before).problems == ()
    assert lay_out(before).text == after
    assert lay_out(after).text == after


@pytest.mark.parametrize(
    "text",
    [
        "? a\n: 1\n",
        "a: 1\n? |\n  b\n: 2\n",
        "a:\n  &x\n  b: 1\n",
        "mappings: *x\ndestination: &x 1\n",
        "a: 'x\u2028y'\nb: 1",
    ],
)
def test_what_cannot_be_laid_out_is_left(text: str) -> None:
    """A text whose lines cannot be moved is told with its place and comes back as it was."""
    layout = lay_out(text, "f.yaml")
    assert layout.text == text
    assert layout.problems[0].location is not None


def test_a_move_that_would_change_the_data_is_refused() -> None:
    """An alias cannot stand before its anchor: the file is left as it is."""
    text = "mappings: [&x {name: a}]\ndestination: *x\n"
    (problem,) = lay_out(text).problems
    assert "would change what the file says" in problem.message


# -- the law, on generated files

WORDS = st.sampled_from(
    ["track", "userId", "a b", "no", "1_000", "{{ x }} y", "it's", 'say "x"', "#no comment", "x: y", "", "5", "é漢"]
)
SCALARS = WORDS | st.integers(-5, 5) | st.booleans() | st.none() | st.floats(allow_nan=False, width=16)
DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c d", "user_id"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def mapping_items(draw: st.DrawFn) -> dict[str, Any]:
    keys = draw(st.permutations([*MAPPING_KEYS, "unknown"]))
    chosen = keys[: draw(st.integers(1, 5))]
    return {key: draw(DATA) for key in chosen}


@st.composite
def files(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """Return a mapping file's data, and one of the many ways to write it."""
    keys = draw(st.permutations([*FILE_KEYS, "unknown"]))
    data = {key: draw(DATA) for key in keys[: draw(st.integers(1, 5))]}
    data["mappings"] = draw(st.lists(mapping_items(), min_size=1, max_size=3))
    return data, "\n".join(Author(draw).block(data, 0)) + draw(st.sampled_from(["", "\n", "\n\n# the end\n\n"]))


class Author:
    """Writes YAML as people do: several indentations, quotes, blocks of text, comments everywhere."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.comments = 0

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def remark(self) -> str:
        self.comments += 1
        return f"# remark {self.comments}."

    def between(self, indent: int) -> list[str]:
        """Return what may stand above an entry."""
        return self.pick(
            [],
            [],
            [],
            [""],
            ["", ""],
            [" " * indent + self.remark()],
            ["", " " * self.pick(0, indent, indent + 3) + self.remark()],
        )

    def block(self, value: Any, indent: int) -> list[str]:
        rows: list[str] = []
        for key, item in value.items() if isinstance(value, dict) else [(None, item) for item in value]:
            rows += self.between(indent)
            head = " " * indent + ("-" if key is None else key + ":")
            rows += self.entry(head, item, indent, key is None)
        return rows

    def entry(self, head: str, item: Any, indent: int, is_item: bool) -> list[str]:
        after = self.pick("", "", "", "  " + self.remark(), " " + self.remark())
        if isinstance(item, (dict, list)) and item and self.pick(True, True, False):
            step = indent + (self.pick(2, 3, 5) if is_item else self.pick(1, 2, 4))
            if isinstance(item, list) and not is_item and self.pick(True, False):
                step = indent
            inner = self.block(item, step)
            beside = is_item and not after and inner[0].strip() and not inner[0].lstrip().startswith("#")
            rows = [head + inner[0][indent + 1 :], *inner[1:]] if beside else [head + after, *inner]
            return rows + self.pick([], [], [" " * (step + 1) + self.remark()], [" " * step + self.remark(), ""])
        if isinstance(item, str) and item and self.pick(True, False, False):
            style = self.pick("|", "|-", ">", "|+")
            return [head + " " + style + after, textwrap.indent(item, " " * (indent + self.pick(1, 2, 5)))]
        return [f"{head} {self.flow(item)}{after}"]

    def flow(self, item: Any) -> str:
        if isinstance(item, dict):
            return "{" + ", ".join(f"{key}: {self.flow(value)}" for key, value in item.items()) + "}"
        if isinstance(item, list):
            return "[" + ", ".join(map(self.flow, item)) + "]"
        if isinstance(item, str):
            return (
                "'" + item.replace("'", "''") + "'" if self.pick(True, False) else '"' + item.replace('"', '\\"') + '"'
            )
        return (
            {None: "null", True: "true", False: "false"}.get(item, repr(item))
            if item is None or isinstance(item, bool)
            else repr(item)
        )


@given(written=files())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_every_file_keeps_its_data_and_its_comments(written: tuple[dict[str, Any], str]) -> None:
    """Whatever a file looked like: same data, all comments, a canonical order, and a second pass changes nothing."""
    _, text = written
    before = plain(text)
    layout = lay_out(text)
    assert layout.problems == (), text
    assert plain(layout.text) == before
    remarks = re.findall(r"# remark \d+\.", text)
    assert sorted(re.findall(r"# remark \d+\.", layout.text)) == sorted(remarks)
    assert lay_out(layout.text).text == layout.text
    keys = [key for key in plain(layout.text) if key in FILE_KEYS]
    assert keys == sorted(keys, key=FILE_KEYS.index)
    for item in before["mappings"]:
        assert item in plain(layout.text)["mappings"]


# -- the command


def test_files_are_replaced_with_their_permissions(tmp_path: Path) -> None:
    """A file is written anew in place, nothing else appears in its folder, its permissions stay."""
    path = tmp_path / "m.yaml"
    path.write_text(WRITTEN)
    path.chmod(0o640)
    done = fmt(str(tmp_path))
    assert (done.exit_code, done.stdout) == (0, "")
    assert path.read_text() == CANONICAL
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]
    assert fmt(str(path), "--check").exit_code == 0


def test_check_and_diff_write_nothing(tmp_path: Path) -> None:
    """--check names what would change, --diff shows it; both exit with 1 and leave the file."""
    path = tmp_path / "m.yaml"
    path.write_text(WRITTEN)
    check, diff = fmt(str(path), "--check"), fmt(str(path), "--diff")
    assert (check.exit_code, diff.exit_code) == (1, 1)
    assert f"would format {path}" in check.stderr
    assert "\n+destination: segment\n" in diff.stdout
    assert path.read_text() == WRITTEN


def test_a_broken_file_is_told_and_left(tmp_path: Path) -> None:
    """YAML that cannot be read is a problem with its place; the others are formatted."""
    (tmp_path / "a.yaml").write_text("a: [1\nb: 2\n")
    (tmp_path / "b.yaml").write_text("b:   1\n")
    (tmp_path / "c.yaml").write_bytes(b"\xff")
    done = fmt(str(tmp_path))
    assert done.exit_code == 1
    assert "a.yaml:2:2: error[yaml-syntax]" in done.stderr
    assert "c.yaml:1:1: error[not-utf-8]" in done.stderr
    assert (tmp_path / "a.yaml").read_text() == "a: [1\nb: 2\n"
    assert (tmp_path / "b.yaml").read_text() == "b: 1\n"


def test_a_filter_for_editors() -> None:
    """`-` reads standard input and writes standard output, unchanged where it cannot be read."""
    assert fmt("-", stdin="b:   1").stdout == "b: 1\n"
    broken = fmt("-", stdin="b: [1")
    assert (broken.exit_code, broken.stdout) == (1, "b: [1")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What a link points to is written."""
    (tmp_path / "real.yaml").write_text("b:   1\n")
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    fmt(str(tmp_path / "link.yaml"))
    assert (tmp_path / "link.yaml").is_symlink()
    assert (tmp_path / "real.yaml").read_text() == "b: 1\n"


def test_without_paths_the_folder_mappings_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No arguments: `mappings`, and wrong usage where it does not exist."""
    monkeypatch.chdir(tmp_path)
    assert fmt().exit_code == 2
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "m.yml").write_text("b:   1\n")
    assert fmt().exit_code == 0
    assert (tmp_path / "mappings" / "m.yml").read_text() == "b: 1\n"
