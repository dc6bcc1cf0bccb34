"""Stores that are damaged, or none: a sentence says so, and nothing is changed."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from actions_engine.cli import main
from actions_engine.errors import StoreError
from actions_engine.store.open import store_of
from actions_engine.store.tables import NAMES

#: How a store is damaged, and what is told of it.
DAMAGE = {
    "no version": ("DELETE FROM meta WHERE name = 'version'", "its table meta has no row 'version'"),
    "no duplicates": ("DELETE FROM meta WHERE name = 'duplicates'", "its table meta has no row 'duplicates'"),
    "a word": ("UPDATE meta SET value = 'one' WHERE name = 'version'", "version is 'one' and no number"),
    "a fraction": ("UPDATE meta SET value = '1.5' WHERE name = 'duplicates'", "duplicates is '1.5' and no number"),
    "nothing": ("UPDATE meta SET value = '' WHERE name = 'version'", "version is '' and no number"),
    "a huge number": ("UPDATE meta SET value = '99999999999999999999999999' WHERE name = 'version'", "and no number"),
    **{f"no {name}": (f"DROP TABLE {name}", f"no table {name}") for name in NAMES},
    "nearly all gone": ("DROP TABLE calls; DROP TABLE accounts; DROP TABLE meta", "no table meta, calls, accounts"),
}


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store of each kind, with its tables."""
    url: str = (
        f"sqlite:///{tmp_path}/calls.db" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    )
    opened = store_of(url)
    opened.open()
    opened.close()
    return url


def execute(url: str, statements: str) -> None:
    """Run statements by other hands than the engine's."""
    if url.startswith("sqlite"):
        connection: Any = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    else:
        import psycopg  # noqa: PLC0415 - only for this store

        connection = psycopg.connect(url, autocommit=True)
    for statement in statements.split("; "):
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_store_is_told(store: str, damage: str) -> None:
    """What is missing or wrong is named with what to do, by the library and by a command."""
    statements, told = DAMAGE[damage]
    execute(store, statements)
    with pytest.raises(StoreError) as caught:
        store_of(store).open()
    assert told in str(caught.value)
    assert "damaged" in str(caught.value)
    done = CliRunner().invoke(main, ["ledger", "--store", store])
    assert (done.exit_code, done.output.startswith("Error: the store: "), done.output.count("\n")) == (1, True, 1)


def test_a_note_that_is_none_hinders_nothing(tmp_path: Path) -> None:
    """A row of meta that only looks like a process's note is passed over."""
    path = str(tmp_path / "calls.db")
    opened = store_of(path)
    opened.open()
    execute(f"sqlite:///{path}", "INSERT INTO meta VALUES ('process of elimination', '')")
    assert opened.join(now=1.0) == ""
    opened.close()


def folder(path: Path) -> None:
    path.mkdir()


def text(path: Path) -> None:
    path.write_text("no database at all, " * 100)


def nothing(path: Path) -> None:
    path.touch()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def other(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE meta (x)")
        connection.execute("CREATE TABLE events (y)")
    connection.close()


@pytest.mark.parametrize(
    ("make", "told"),
    [(folder, "this is a folder"), (text, "no SQLite file"), (nothing, "is empty"), (pipe, "no file"),
     (other, "belongs to something else")],
)  # fmt: skip
@pytest.mark.parametrize("command", [["ledger"], ["dead", "list"], ["dead", "show", "1"]])
def test_what_is_no_store_is_told(tmp_path: Path, make: Callable[[Path], None], told: str, command: list[str]) -> None:
    """A folder, a text, an empty file, a pipe, another program's database: one sentence, and it is as it was."""
    path = tmp_path / "calls.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    for url in (str(path), f"sqlite:///{path}"):
        done = CliRunner().invoke(main, [*command, "--store", url])
        assert (done.exit_code, told in done.output, done.output.count("\n")) == (1, True, 1), done.output
    assert (path.read_bytes() if path.is_file() else b"") == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["calls.db"]


@pytest.mark.parametrize("url", ["postgresql:me:hunter2@host/db", "postgres:/me:hunter2@host/db"])
def test_a_mistyped_url_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """A URL that lacks a slash is told without its password, and no file of that name is made."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="two slashes"):
        store_of(url)
    done = CliRunner().invoke(main, ["ledger", "--store", url])
    assert (done.exit_code, "hunter2" in done.output, list(tmp_path.iterdir())) == (1, False, [])
