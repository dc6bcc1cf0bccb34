"""What a run tells while it runs."""

import json
import logging
import re
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from actions_engine.cli.logs import start_logging
from actions_engine.testing import Answer, Vendor
from tests.test_delivery_worker import events, load, made, mapping, run

TEXT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) +\S")


def arranged(folder: Path, url: str, count: int = 1) -> list[str]:
    """Write a mapping and events; return the command line that runs them."""
    (folder / "hook.yaml").write_text(
        f"destination: webhook\nsettings: {{url: '{url}'}}\nmappings: [{{name: All, action: send, trigger: {{type: track}}}}]\n"
    )
    lines = [json.dumps({"type": "track", "event": "A", "messageId": f"m{number}"}) for number in range(count)]
    (folder / "events.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return [sys.executable, "-m", "actions_engine", "run", "hook.yaml", "events.jsonl", "--store", "calls.db"]


def told(arguments: list[str], folder: Path) -> tuple[int, str]:
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stderr


def test_text_lines_carry_time_and_level(tmp_path: Path) -> None:
    """Each line has a moment in UTC and a level; a run says that it began, what it read, and what is in the store."""
    with Vendor([Answer(400, b"no\\nsuch")]) as vendor:
        code, text = told(arranged(tmp_path, vendor.url), tmp_path)
    logged, _, account = text.partition("destination / mapping")
    lines = logged.splitlines()
    assert (code, "the ledger balances" in account) == (1, True)
    assert [line for line in lines if not TEXT.match(line)] == []
    assert [line[25:].split(":")[0] for line in lines] == [
        "INFO    started", "INFO    events.jsonl is read to its end", "WARNING hook", "INFO    ended"
    ]  # fmt: skip
    assert "1 destination (hook), configuration " in lines[0]
    assert lines[0].endswith("store calls.db")
    moment = datetime.fromisoformat(lines[0].split()[0])
    assert abs(datetime.now(moment.tzinfo) - moment) < timedelta(minutes=1)


def test_json_lines_carry_what_they_are_about(tmp_path: Path) -> None:
    """With --log-format json standard error is JSON and nothing else, and a rejection names its call."""
    with Vendor([Answer(400, b"no")]) as vendor:
        code, text = told([*arranged(tmp_path, vendor.url), "--log-format", "json"], tmp_path)
    lines = [json.loads(line) for line in text.splitlines()]
    assert code == 1
    assert all(line.keys() >= {"time", "level", "logger", "message"} for line in lines)
    (rejection,) = (line for line in lines if line["level"] == "warning")
    about = {name: rejection[name] for name in ("instance", "destination", "mapping", "action", "reason")}
    assert about == {
        "instance": "hook", "destination": "webhook", "mapping": "All", "action": "send", "reason": "HTTP 400: no"
    }  # fmt: skip
    assert re.fullmatch(r"[0-9a-f-]{36}", rejection["key"])
    ended = lines[-1]
    assert (ended["accepted"], ended["rejected"], ended["pending"], ended["duplicates"]) == (1, 1, 0, 0)


def test_a_level_hides_what_is_below(tmp_path: Path) -> None:
    """--log-level warning leaves out that all is well."""
    with Vendor() as vendor:
        _, text = told([*arranged(tmp_path, vendor.url), "--log-level", "warning"], tmp_path)
    assert text.startswith("destination / mapping")


def test_a_pause_its_end_a_reload_and_the_stop_are_told(tmp_path: Path) -> None:
    """What happens to a destination and to the run is a line each; a broken reload gives its problems to programs."""
    answers = iter([Answer(401)])
    with Vendor(lambda _request: next(answers, Answer())) as vendor:
        arguments = [*arranged(tmp_path, vendor.url), "--follow", "--log-format", "json"]
        with subprocess.Popen(arguments, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
            while not vendor.received:
                time.sleep(0.02)
            time.sleep(0.3)
            text = (tmp_path / "hook.yaml").read_text()
            (tmp_path / "hook.yaml").write_text("destination: nothing\n")
            process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            (tmp_path / "hook.yaml").write_text(text + "delivery: {timeout: 7s}\n")
            process.send_signal(signal.SIGHUP)
            while len(vendor.received) < 2:
                time.sleep(0.02)
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            _, shown = process.communicate(timeout=20)
    lines: list[dict[str, Any]] = [json.loads(line) for line in shown.splitlines()]
    words = [(line["level"], line["message"].split(":")[0]) for line in lines]
    assert [word for word in words if "read to its end" not in word[1]] == [
        ("info", "started"),
        ("error", "hook is paused"),
        ("error", "the mappings were not reloaded, the old ones go on"),
        ("info", "reloaded hook.yaml"),
        ("info", "stopping"),
        ("info", "ended"),
    ]
    started, paused, broken, reloaded = (
        lines[0],
        *(line for line in lines if line["message"][:4] in ("hook", "the ", "relo")),
    )
    assert paused["reason"].startswith("HTTP 401")
    assert "unknown-destination" in broken["problems"][0]
    assert started["configuration"] != reloaded["configuration"], "another `delivery:` is another configuration"


def test_a_postgresql_store_is_told_without_its_password(tmp_path: Path) -> None:
    """The store's URL in a log line, and in the error where it cannot be reached, has no password."""
    arguments = arranged(tmp_path, "http://127.0.0.1:9/")
    arguments[-1] = "postgresql://me:hunter2-secret@127.0.0.1:1/db"
    code, text = told(arguments, tmp_path)
    assert (code, "hunter2" in text, "Traceback" in text) == (1, False, False)


def test_a_destination_that_fails_and_answers_again_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The breaker that opens is a warning with its reason, the one that closes is told at INFO; each once."""
    caplog.set_level(logging.INFO, logger="actions_engine")
    answers = iter([Answer(500)] * 12)

    async def test(vendor: Vendor) -> None:
        async with made(load(tmp_path, a=mapping(vendor.url)), tmp_path) as delivery:
            await delivery.accept(events(12))
            await delivery.drain()

    run(lambda _request: next(answers, Answer()), test)
    told = [record for record in caplog.records if record.name == "actions_engine.delivery"]
    assert [record.levelname for record in told] == ["WARNING", "INFO"]
    assert vars(told[0])["reason"].startswith("HTTP 500")
    assert told[1].message == "a answers again, its calls go on"


def fail() -> None:
    """Raise what quotes a secret."""
    raise LookupError("tok-secret")


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("level", ["info", "debug"])
def test_no_traceback_but_for_debugging(capsys: pytest.CaptureFixture[str], form: str, level: str) -> None:
    """An exception is its type and its place; its text and the traceback are shown at debug alone."""
    root, ours = logging.getLogger(), logging.getLogger("actions_engine")
    before = root.handlers[:], root.level, ours.level
    start_logging(form, level)
    try:
        try:
            fail()
        except LookupError:
            logging.getLogger("actions_engine.delivery").exception("it failed:\n%s", "INFO forged")
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        ours.setLevel(before[2])
    shown = capsys.readouterr().err
    assert "LookupError at test_logs.py:" in shown
    assert ("Traceback" in shown, "tok-secret" in shown) == ((True, True) if level == "debug" else (False, False))
    assert not any(line.startswith("INFO forged") for line in shown.splitlines())
    if form == "json":
        (line,) = shown.splitlines()
        assert json.loads(line)["message"] == "it failed:\nINFO forged"
