"""What is no event gets the same words from every command that reads events, and hinders no other line."""

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from actions_engine.cli import main
from actions_engine.inputs.line import MAX_BYTES

GOOD = b'{"type":"track","event":"Button Clicked","userId":"u1","messageId":"m1"}'
MAPPING = """\
destination: jsonl
settings: {{path: '{folder}/out.jsonl'}}
mappings:
  - {{name: All, action: append, trigger: {{type: {{exists: true}}}}, fields: {{record: '@'}}}}
"""
LINES = {
    "no JSON": (b"nope", "not JSON: invalid character (byte 4)"),
    "cut": (b'{"type":"track"', "not JSON: it ends too early"),
    "two events": (GOOD + GOOD, f"not JSON: trailing characters (byte {len(GOOD) + 1})"),
    "text": (b'"track"', "an event is an object, not a string"),
    "a list": (b'["track"]', "an event is an object, not a list"),
    "null": (b"null", "an event is an object, not null"),
    "too deep": (b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}", "not JSON: it is nested too deeply"),
    "too long": (b'{"a":"' + b"x" * MAX_BYTES + b'"}', "too long: an event has at most 10,000,000 bytes"),
    "a lone surrogate": (b'{"a":"\\ud800"}', "not JSON: a text is no Unicode (a lone surrogate)"),
    "the other half": (b'{"a":"x\\udc00"}', "not JSON: a text is no Unicode (a lone surrogate)"),
    "another encoding": (b'{"a":"caf\xe9"}', "not JSON: a text is not UTF-8: unexpected end of data"),
    "NaN": (b'{"a":NaN}', "not JSON: invalid character (byte 5)"),
    "a number without end": (b'{"a":' + b"9" * 5_000 + b"}", "not JSON: a number is out of range"),
    "a BOM in the middle": (
        b"\xef\xbb\xbf" + GOOD,
        "not JSON: a byte order mark stands before it, which only the first line of an input may have",
    ),
}  # fmt: skip


def told(command: list[str], folder: Path, **options: object) -> tuple[int, str]:
    """Run a command; return its exit code and everything that it says."""
    done = CliRunner().invoke(main, command, **options)  # type: ignore[arg-type]
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m.yaml").write_text(MAPPING.format(folder=tmp_path))
    return tmp_path


def commands(folder: Path, source: str) -> dict[str, list[str]]:
    """Every command that reads events, on one input."""
    mapping = str(folder / "m.yaml")
    return {
        "route": ["route", mapping, source],
        "run": ["run", mapping, source, "--store", str(folder / "calls.db")],
        "diff": ["diff", mapping, mapping, "--events", source],
        "check-events": ["check-events", source],
    }


@pytest.mark.parametrize("command", ["route", "run", "diff", "check-events"])
@pytest.mark.parametrize("name", LINES)
def test_a_bad_line_is_told_alike(folder: Path, name: str, command: str) -> None:
    """Between two good lines, in a file and through a pipe: told with its number and reason, the others are taken."""
    line, reason = LINES[name]
    content = b"\n".join([GOOD, line, GOOD.replace(b"m1", b"m2"), b""])
    file = folder / "events.jsonl"
    file.write_bytes(content)
    code, output = told(commands(folder, str(file))[command], folder)
    assert (code, reason in output, f"{file}:2" in output) == (1, True, True), output[:2_000]
    assert "Traceback" not in output
    if command == "run":
        assert len((folder / "out.jsonl").read_text().splitlines()) == 2
    elif command != "check-events":
        assert "2 events" in output


@pytest.mark.parametrize("command", ["route", "diff", "check-events"])
@pytest.mark.parametrize("name", LINES)
def test_a_bad_line_of_a_pipe_is_told_alike(folder: Path, name: str, command: str) -> None:
    """Standard input gets the same words."""
    line, reason = LINES[name]
    content = b"\n".join([GOOD, line, GOOD, b""])
    code, output = told(commands(folder, "-")[command], folder, input=content)
    assert (code, reason in output, "stdin:2" in output) == (1, True, True), output[:2_000]


@pytest.mark.parametrize("name", LINES)
def test_a_bad_event_is_told_alike_by_explain_and_examples(folder: Path, name: str) -> None:
    """`explain`, with and without --line, and an example's event file say the same."""
    line, reason = LINES[name]
    reason = reason.replace("before it, which only the first line of an input may have", "")
    file, lines = folder / "event.json", folder / "events.jsonl"
    # The first line of an input may have a mark: of a file that holds one event alone there is no middle.
    file.write_bytes(b"\xef\xbb\xbf" * 2 + GOOD if name == "a BOM in the middle" else line)
    lines.write_bytes(GOOD + b"\n" + line + b"\n")
    for command, place in (
        (["explain", str(folder / "m.yaml"), str(file)], f"{file}: "),
        (["explain", str(folder / "m.yaml"), str(lines), "--line", "2"], f"{lines}:2: "),
    ):
        code, output = told(command, folder)
        assert (code, place + reason in output) == (1, True), output[:2_000]
    (folder / "m.yaml").write_text(
        MAPPING.format(folder=folder).replace("'@'}}", "'@'}, examples: [{event: event.json, expect: no match}]}")
    )
    code, output = told(["test", str(folder / "m.yaml")], folder)
    assert (code, f"{file}: {reason}" in output) == (1, True), output[:2_000]


@pytest.mark.parametrize("command", ["route", "run", "diff", "check-events"])
def test_a_truncated_gzip_is_told_alike(folder: Path, command: str) -> None:
    """What is whole of a compressed file that was cut is read; its end is told, and that is no traceback."""
    file = folder / "events.jsonl.gz"
    rows = [
        json.dumps({"type": "track", "event": f"E{number}", "userId": "u", "messageId": f"m{number}"})
        for number in range(5_000)
    ]
    whole = gzip.compress("\n".join(rows).encode() + b"\n")
    file.write_bytes(whole[: len(whole) // 2])
    code, output = told(commands(folder, str(file))[command], folder)
    assert (code, f"{file}: Compressed file ended before the end-of-stream marker was reached" in output) == (
        1,
        True,
    ), output[-2_000:]
