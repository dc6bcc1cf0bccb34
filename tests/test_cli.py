"""The command, as its user runs it."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import MAPPINGS, event

ACADEMY = str(MAPPINGS / "academy.yaml")


def run(*arguments: str, stdin: bytes = b"", key: str = "wk-secret") -> subprocess.CompletedProcess[bytes]:
    environ = {**os.environ, "SEGMENT_WRITE_KEY": key}
    return subprocess.run(
        [sys.executable, "-m", "actions_engine", *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        env=environ,
        timeout=120,
    )


def lines(output: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


def jsonl(count: int) -> bytes:
    clicked = event("button_clicked")
    return b"".join(json.dumps(clicked | {"messageId": f"m{number}"}).encode() + b"\n" for number in range(count))


def test_route_writes_a_call_a_line() -> None:
    """Events on standard input become calls on standard output, the summary on standard error."""
    done = run("route", ACADEMY, stdin=jsonl(3))
    assert done.returncode == 0, done.stderr
    assert [call["action"] for call in lines(done.stdout)] == ["track", "identify"] * 3
    assert b"3 events" in done.stderr
    assert b"6 calls" in done.stderr


@pytest.mark.parametrize("form", ["pretty", "list", "jsonl", "gz", "bom"])
def test_route_reads_every_form(tmp_path: Path, form: str) -> None:
    """A JSON document, a list, JSON Lines, gzip and a byte order mark are all read."""
    clicked = event("button_clicked")
    path = tmp_path / "events.json"
    path.write_bytes(
        {
            "pretty": json.dumps(clicked, indent=2).encode(),
            "list": json.dumps([clicked], indent=1).encode(),
            "jsonl": json.dumps(clicked).encode(),
            "gz": gzip.compress(json.dumps(clicked).encode() + b"\n\n"),
            "bom": b"\xef\xbb\xbf" + json.dumps(clicked).encode(),
        }[form]
    )
    done = run("route", ACADEMY, str(path))
    assert done.returncode == 0, done.stderr
    assert len(lines(done.stdout)) == 2


def test_route_reports_a_bad_line_and_goes_on() -> None:
    """A line that is no event is named with its number, the rest is routed, the exit code is 1."""
    deep = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
    done = run("route", ACADEMY, stdin=jsonl(1) + b"{broken\n5\n" + deep + b'\n{"type":NaN}\n' + jsonl(1))
    assert done.returncode == 1
    assert len(lines(done.stdout)) == 4
    for number in (2, 3, 4, 5):
        assert f"stdin:{number}: ".encode() in done.stderr
    assert b"Traceback" not in done.stderr


def test_route_requests_masks_secrets() -> None:
    """--requests shows the batched requests without the write key."""
    done = run("route", ACADEMY, "--requests", stdin=jsonl(2))
    shown = lines(done.stdout)
    assert [len(request["json"]["batch"]) for request in shown] == [2, 2]  # type: ignore[index, call-overload]
    assert b"wk-secret" not in done.stdout + done.stderr


def test_workers_give_the_same_output_in_the_same_order(tmp_path: Path) -> None:
    """Several processes write what one writes."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(jsonl(2_000))
    one, two = (run("route", ACADEMY, str(path), "--workers", workers) for workers in ("1", "2"))
    assert one.returncode == two.returncode == 0
    assert one.stdout == two.stdout
    assert one.stdout.count(b"\n") == 4_000


def test_empty_input_is_no_error() -> None:
    """No events, no calls, exit code 0."""
    done = run("route", ACADEMY)
    assert (done.returncode, done.stdout) == (0, b"")


def test_broken_mappings_are_explained(tmp_path: Path) -> None:
    """Problems of mappings go to standard error with their place; the exit code is 1."""
    path = tmp_path / "broken.yaml"
    path.write_text("destination: segmnt\n")
    done = run("route", str(path), stdin=jsonl(1))
    assert done.returncode == 1
    assert b"broken.yaml:1:14: error[unknown-destination]" in done.stderr
    assert b"did you mean 'segment'?" in done.stderr


def test_wrong_usage_is_code_2() -> None:
    """A file that does not exist is wrong usage."""
    assert run("route", "nowhere").returncode == 2


def test_plugins_lists_actions_and_fields() -> None:
    """The bundled destinations are listed with their actions and payload fields."""
    done = run("plugins")
    assert done.returncode == 0, done.stderr
    for expected in (b"segment: Segment", b"identify: ", b"context.traits", b"webhook: Webhook", b"jsonl: JSON Lines"):
        assert expected in done.stdout


def test_plugins_as_json() -> None:
    """The same as JSON carries each payload's schema."""
    (segment,) = lines(run("plugins", "segment", "--format", "json").stdout)
    assert {action["action"] for action in segment["actions"]} >= {"track", "identify"}  # type: ignore[attr-defined]


def test_demo_shows_the_two_calls() -> None:
    """The demo tells the story without a secret."""
    done = run("demo")
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode()
    assert "call: segment track" in text
    assert "call: segment identify" in text
    assert "Basic *****" in text
    assert "received: POST /batch" in text
    assert "demo-write-key" not in text
    assert text.rstrip().endswith("the ledger balances")
