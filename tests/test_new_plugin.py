"""A new plugin works at once: its tests pass, and as a wheel beside the engine it routes an event."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.conftest import ROOT


def run(*arguments: str, **rest: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, check=False, **rest)  # type: ignore[call-overload, no-any-return]


def test_a_new_plugin_passes_its_tests_and_routes(tmp_path: Path) -> None:
    """The files written pass their own tests; built as a wheel and installed, the destination routes an event."""
    folder = tmp_path / "plugin"
    made = run(sys.executable, "-m", "actions_engine", "new", "plugin", "my_vendor", "--output", str(folder))
    assert made.returncode == 0, made.stderr
    tested = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=folder)
    assert (tested.returncode, "13 passed" in tested.stdout) == (0, True), tested.stdout
    uv = str(Path(sys.executable).parent / "uv")
    built = run(uv, "build", "--quiet", "--wheel", "--out-dir", str(tmp_path / "dist"), str(folder))
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    # A wheel is a folder to put on the path: its metadata bring the entry point.
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    (tmp_path / "m.yaml").write_text(
        "destination: my_vendor\nsettings: {api_key: '${KEY}'}\nmappings:\n  - {name: Send, action: send_event}\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "KEY": "k"}
    event = json.dumps({"type": "track", "event": "A", "userId": "u"})
    routed = run(sys.executable, "-m", "actions_engine", "route", str(tmp_path / "m.yaml"), input=event, env=environ)
    assert json.loads(routed.stdout)["payload"] == {"event": "A", "user_id": "u"}, routed.stderr


def test_names_and_folders_are_checked(tmp_path: Path) -> None:
    """A name that is none and a folder that exists are refused, and nothing is written."""
    assert run(sys.executable, "-m", "actions_engine", "new", "plugin", "My Vendor").returncode == 2
    done = run(sys.executable, "-m", "actions_engine", "new", "plugin", "x", "--output", str(tmp_path))
    assert (done.returncode, "exists" in done.stderr) == (1, True)
    assert ROOT.is_dir()
