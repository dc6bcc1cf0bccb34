"""What is measured in processes of its own: importing, loading, the command, and Segment's engine in Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
REFERENCE = Path(__file__).parent / "reference"

# Neither routing nor a server that routes needs them.
_UNWANTED = (
    "aiohttp",
    "click",
    "flask",
    "http.client",
    "http.server",
    "httpx",
    "requests",
    "rich",
    "starlette",
    "urllib3",
)


def import_cost(statement: str) -> tuple[float, list[str]]:
    """Return the milliseconds of an import in a fresh Python, less the bare Python's, and unwanted modules."""
    imported, bare = 1e9, 1e9
    for _ in range(7):
        imported = min(imported, _seconds([sys.executable, "-c", statement]))
        bare = min(bare, _seconds([sys.executable, "-c", "pass"]))
    found = _output(
        [sys.executable, "-c", f"{statement}\nimport sys; print(*(m for m in {_UNWANTED!r} if m in sys.modules))"]
    )
    return (imported - bare) * 1e3, found.split()


def load_cost(folder: Path, count: int) -> tuple[float, float]:
    """Return the seconds that loading takes, and the kilobytes that each mapping holds."""
    command = [sys.executable, "-m", "tests.bench.loading", str(folder)]
    timed = json.loads(_output(command))
    traced = json.loads(_output([*command, "trace"]))
    return timed["seconds"], traced["bytes"] / count / 1024


def command_runs() -> bool:
    """Whether the command line is there."""
    command = [sys.executable, "-m", "actions_engine", "--help"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0


def command_cost(mappings: Path, events: Path, plugins: Path, rounds: int) -> tuple[float, float]:
    """Return the seconds of `actions-engine route` on a file, and of libjq on the same."""
    _offer_plugin(plugins)
    path = os.pathsep.join([str(plugins), str(ROOT)])
    ours = [sys.executable, "-m", "actions_engine", "route", str(mappings), str(events)]
    theirs = [sys.executable, "-m", "tests.bench.jq_lines", str(events)]
    best = [1e9, 1e9]
    for _ in range(rounds):
        best = [min(best[0], _seconds(ours, path)), min(best[1], _seconds(theirs, path))]
    return best[0], best[1]


def reference() -> dict[str, Any] | str:
    """Return what Segment's engine measures and makes, or why it is left out."""
    node = shutil.which("node")
    if node is None:
        return "no `node` on this machine"
    if not (REFERENCE / "node_modules").is_dir():
        return f"npm install --prefix {REFERENCE.relative_to(ROOT)}"
    try:
        measured: dict[str, Any] = json.loads(_output([node, str(REFERENCE / "reference.cjs")]))
    except subprocess.CalledProcessError as error:
        return f"reference.cjs failed: {error.stderr.strip().splitlines()[-1:]}"
    return measured


def _offer_plugin(folder: Path) -> None:
    """Make the benchmark's destination look installed, so that the command finds it by its entry point."""
    metadata = folder / "actions_engine_bench-0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: actions-engine-bench\nVersion: 0\n")
    (metadata / "entry_points.txt").write_text("[actions_engine]\nbench = tests.bench.destination\n")


def _seconds(command: list[str], path: str = "") -> float:
    """Return how long a command runs; what it writes goes nowhere."""
    environment = os.environ | ({"PYTHONPATH": path} if path else {})
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def _output(command: list[str]) -> str:
    """Return what a command writes."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
