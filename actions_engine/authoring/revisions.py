"""Mappings by a path, or by a git revision."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from actions_engine.errors import InputError


@contextmanager
def mappings_at(text: str) -> Iterator[Path]:
    """Yield the folder or file that a text names: a path, or `REVISION` or `REVISION:path` of git.

    A path that exists wins; of a revision without a path it is `mappings`. What git holds is written to a temporary
    folder, and goes away with the block.

    Raises:
        InputError: it is neither.
    """
    path = Path(text)
    if path.exists():
        yield path
        return
    revision, _, inside = text.partition(":")
    inside = inside or "mappings"
    with TemporaryDirectory(prefix="actions-engine-") as folder:
        archive = _archive(revision, inside, text)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            # Links and paths that lead out of the folder are refused.
            tar.extractall(folder, filter="data")
        yield Path(folder) / inside


def _archive(revision: str, inside: str, text: str) -> bytes:
    if revision.startswith("-") or not revision:
        raise InputError(f"{text!r} is neither a path nor a git revision")
    # `--` keeps what follows from being read as an option.
    command = ["git", "archive", "--format=tar", revision, "--", inside]
    try:
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - no shell; see above
    except OSError:
        raise InputError(f"there is no {text!r}, and no git to look for such a revision") from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines()
        told = reason[-1] if reason else "git fails"
        raise InputError(f"{text!r} is neither a path nor a git revision with {inside}: {told[:200]}")
    return done.stdout
