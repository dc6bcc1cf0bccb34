"""What a change of mappings does to recorded events."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

OLD = """destination: segment
settings: {write_key: "${SEGMENT_WRITE_KEY}"}
mappings:
  - {name: Clicks, action: track, trigger: {event: A}, fields: {properties: {x: properties.x, y: "'1'"}}}
  - {name: Gone, action: track, trigger: {event: B}}
  - {name: Same, action: page}
"""
NEW = """destination: segment
settings: {write_key: "${SEGMENT_WRITE_KEY}"}
mappings:
  - {name: Clicks, action: track, trigger: {event: A}, fields: {properties: {x: properties.z, y: "'1'", w: event}}}
  - {name: Same, action: page}
  - {name: Come | `new`, action: identify, trigger: {event: B}}
  - {name: Refuses, action: group, trigger: {event: A}, fields: {group_id: properties}}
"""


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file of recorded events, in the working folder, with one broken line."""
    monkeypatch.chdir(tmp_path)
    Path("old").mkdir()
    Path("new").mkdir()
    Path("old/m.yaml").write_text(OLD)
    Path("new/m.yaml").write_text(NEW)
    lines = [
        {"type": "track", "event": "A", "userId": "u", "properties": {"x": 1, "z": 2}},
        {"type": "track", "event": "A", "userId": "u", "properties": {"x": 1}},
        {"type": "track", "event": "B", "userId": "u"},
        {"type": "page", "userId": "u"},
    ]
    Path("events.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return "events.jsonl"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "actions_engine", "diff", *arguments], capture_output=True, text=True, check=False
    )


def test_the_text(events: str) -> None:
    """Calls that vanish, are refused, change and appear are counted, field by field, with samples."""
    done = run("old", "new", "--events", events, "--samples", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "1 x vanishes: m / Gone\n"
        '  event 3 "B"\n'
        '    payload: {"user_id": "u", "event": "B"}\n'
        "\n"
        "2 x is rejected: m / Refuses\n"
        '  event 1 "A"\n'
        "    reason: group_id is an object: expected text\n"
        "\n"
        "2 x changes: m / Clicks\n"
        "    properties.x: in 2\n"
        "    properties.w: in 2\n"
        '  event 1 "A"\n'
        "    properties.x: 1 -> 2\n"
        '    properties.w: nothing -> "A"\n'
        "\n"
        "1 x appears: m / Come | `new`\n"
        '  event 3 "B"\n'
        '    payload: {"user_id": "u"}\n'
        "\n"
        "4 events: 1 call unchanged, 6 different\n"
    )


def test_markdown_fits_a_comment(events: str) -> None:
    """Markdown is a table with samples folded beneath; what names hold cannot break it."""
    text = run("old", "new", "--events", events, "--format", "markdown").stdout
    assert "| 1 | appears | m | Come \\| \\`new\\` |  |" in text
    assert "| 2 | changes | m | Clicks | properties.x (2), properties.w (2) |" in text
    assert text.count("<details>") == text.count("</details>") == 4


def test_json(events: str) -> None:
    """JSON holds counts and samples; a side without a field has no key for it."""
    plain = json.loads(run("old", "new", "--events", events, "--format", "json").stdout)
    assert (plain["events"], plain["unchanged"]) == (4, 1)
    sample = next(item for item in plain["samples"] if item["kind"] == "changes" and item["event"] == 2)
    assert sample["fields"] == [{"path": "properties.x", "old": 1}, {"path": "properties.w", "new": "A"}]


def test_the_exit_code(events: str) -> None:
    """Differences leave with 1 where that is asked for; a broken line always does, and is named."""
    assert run("old", "new", "--events", events, "--exit-code").returncode == 1
    assert run("old", "old", "--events", events, "--exit-code").returncode == 0
    with Path(events).open("a") as file:
        file.write("{broken\n")
    done = run("old", "old", "--events", events)
    assert (done.returncode, "events.jsonl:5: not JSON" in done.stderr) == (1, True)


def test_revisions_of_git(events: str) -> None:
    """A side may be a revision of git, with a path or the folder `mappings` of it."""
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}

    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments],
            check=True, capture_output=True, env=environ,
        )  # fmt: skip

    git("init", "-q")
    Path("mappings").mkdir()
    Path("mappings/m.yaml").write_text(OLD)
    git("add", "mappings")
    git("commit", "-qm", "old")
    Path("mappings/m.yaml").write_text(NEW)
    assert "2 x changes: m / Clicks" in run("HEAD", "mappings", "--events", events).stdout
    assert "2 x changes" in run("HEAD:mappings/m.yaml", "new/m.yaml", "--events", events).stdout
    unknown = run("no-such-thing", "mappings", "--events", events)
    assert (unknown.returncode, "neither a path nor a git revision" in unknown.stderr) == (2, True)
    assert run("--", "--output=x", "mappings", "--events", events).returncode == 2


def test_a_side_that_cannot_be_loaded(events: str) -> None:
    """Problems of a side are told, and nothing is compared."""
    Path("new/m.yaml").write_text("destination: segmnt\n")
    done = run("old", "new", "--events", events)
    assert (done.returncode, done.stdout) == (1, "")
    assert "did you mean 'segment'?" in done.stderr
    assert ROOT.is_dir()
