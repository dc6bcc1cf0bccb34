"""How commands end: closed and full outputs, pipes that nobody reads, Ctrl-C, mistakes of ours."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import MAPPINGS

ACADEMY, EVENT = f"{MAPPINGS}/academy.yaml", f"{MAPPINGS}/events/button_clicked.json"
ENVIRON = {**os.environ, "SEGMENT_WRITE_KEY": "wk-secret"}

#: A command line of every command that prints, and how its input is said.
PRINTING = {
    "check": "check --format json no-such-file.yaml",
    "check-events": f"check-events --format json {EVENT}",
    "codes": "codes --markdown",
    "dead list": "dead list --store calls.db",
    "demo": "demo",
    "diff": f"diff {ACADEMY} {ACADEMY} --events {EVENT}",
    "explain": f"explain {ACADEMY} {EVENT}",
    "fmt": f"fmt --diff {ACADEMY} messy.yaml",
    "ledger": "ledger --store calls.db",
    "new mapping": "new mapping segment",
    "plugins": "plugins",
    "route": f"route {ACADEMY} {EVENT}",
    "schema": "schema",
    "test": f"test -v {ACADEMY}",
    "help": "--help",
    "help of a command": "run --help",
    "version": "--version",
}
READING = {
    "check-events": "check-events -",
    "diff": f"diff {ACADEMY} {ACADEMY} --events -",
    "explain": f"explain {ACADEMY} -",
    "fmt": "fmt -",
    "route": f"route {ACADEMY}",
    "run": f"run {ACADEMY} - --store calls.db",
    "dead replay": "dead replay --store calls.db --remap bad.yaml",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store that holds a rejected call, and a file to format."""
    folder = tmp_path_factory.mktemp("ending")
    (folder / "messy.yaml").write_text("settings:   {path: out.jsonl}\ndestination:   jsonl\npresets: all\n")
    # The nested function is unknown to the event, and its mapping rejects it.
    (folder / "bad.yaml").write_text(
        "destination: webhook\nsettings: {url: 'http://127.0.0.1:9/'}\n"
        "mappings: [{name: m, action: send, trigger: {type: track}, invalid: reject, fields: {method: event}}]\n"
    )
    shell(folder, f"run bad.yaml {EVENT} --store calls.db")
    return folder


def shell(
    folder: Path, command: str, after: str = "", before: str = "", **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a command line with what a shell puts around it; the exit code is the command's own."""
    line = f"set -o pipefail; {before} {sys.executable} -m actions_engine {command} {after}"
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder, env=ENVIRON | environ, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("name", PRINTING)
@pytest.mark.parametrize(
    ("after", "told"),
    [(">&-", "Bad file descriptor"), (">/dev/full", "No space left on device")],
    ids=["closed", "full"],
)
def test_an_output_that_takes_nothing_is_told(folder: Path, name: str, after: str, told: str) -> None:
    """A closed standard output and a full disk are a sentence and exit code 1, in every command that prints."""
    done = shell(folder, PRINTING[name], after)
    assert "Traceback" not in done.stderr
    assert (done.returncode, done.stderr.splitlines()[-1:]) == (1, [f"Error: standard output: {told}"])


@pytest.mark.parametrize("name", ["codes", "route", "demo", "schema", "help"])
def test_a_pipe_that_nobody_reads_is_no_error(folder: Path, name: str) -> None:
    """`| head -1` ends a command silently, with the code that a shell shows for SIGPIPE."""
    done = shell(folder, PRINTING[name], "| (exec <&-; sleep 0.1)", before="")
    assert (done.returncode, [line for line in done.stderr.splitlines() if "events/s" not in line]) in (
        (141, []), (0, [])
    )  # fmt: skip
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", READING)
def test_a_closed_input_is_told(folder: Path, name: str) -> None:
    """A closed standard input is a sentence and exit code 1, in every command that reads."""
    done = shell(folder, READING[name], "<&-")
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
    assert "Bad file descriptor" in done.stderr or "no answer on standard input" in done.stderr or not done.stderr


def test_a_closed_output_harms_no_store(folder: Path, tmp_path: Path) -> None:
    """What is printed never gets into a file that took the number of a closed stream; `run` needs none of the three."""
    done = shell(tmp_path, f"run {folder}/bad.yaml {EVENT} --store calls.db", "<&- >&- 2>&-")
    assert done.returncode == 1, "the call is rejected"
    assert shell(tmp_path, "ledger --store calls.db").stdout.splitlines()[-1] == "the ledger balances"


def test_the_end_of_the_input_is_no_answer(folder: Path) -> None:
    """A question that nobody answers is told, and nothing is done."""
    done = shell(folder, "dead drop --store calls.db --state dead", "</dev/null")
    assert (done.returncode, "Traceback" in done.stderr) in ((0, False), (1, False))
    asked = shell(folder, f"dead replay --store calls.db --remap {folder}/bad.yaml", "</dev/null")
    assert (asked.returncode, asked.stderr.splitlines()[-1]) == (
        1,
        "there is no answer on standard input; --yes answers",
    )


@pytest.mark.parametrize(
    "command",
    ["route {academy} -", "explain {academy} -", "route {academy} - --workers 2"],
    ids=["route", "explain", "workers"],
)
def test_ctrl_c_is_no_traceback(folder: Path, command: str) -> None:
    """SIGINT ends a command with code 130 and without a traceback, its worker processes' included."""
    arguments = [sys.executable, "-m", "actions_engine", *command.format(academy=ACADEMY).split()]
    with subprocess.Popen(
        arguments, cwd=folder, env=ENVIRON, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        # More than a chunk, so that workers are there.
        process.stdin.write('{"type": "track", "event": "Other"}\n' * 100_000 if "route" in command else "{")
        process.stdin.flush()
        time.sleep(1.5)
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=20)
    assert (process.returncode, "Traceback" in told) == (130, False), told


def test_a_mistake_of_ours_is_a_sentence(folder: Path) -> None:
    """An exception that nobody foresaw names its type and how to see more; its text, which may be secret, is not shown."""
    broken = folder / "broken" / "sitecustomize.py"
    broken.parent.mkdir(exist_ok=True)
    broken.write_text(
        "import actions_engine.authoring.codes as codes\n"
        "def fail():\n    raise LookupError('tok-secret')\n"
        "codes.codes = fail\n"
    )
    path = f"{broken.parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    done = shell(folder, "codes", PYTHONPATH=path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: a mistake of actions-engine's own: LookupError. Please report it")
    assert "tok-secret" not in done.stderr
    shown = shell(folder, "codes", PYTHONPATH=path, ACTIONS_ENGINE_DEBUG="1")
    assert (shown.returncode, "Traceback" in shown.stderr, "tok-secret" in shown.stderr) == (1, True, True)
