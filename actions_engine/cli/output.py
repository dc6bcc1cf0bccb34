"""Files that commands write: replaced in one step, or new."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import click


def replace_file(path: Path, text: str) -> None:
    """Write a file in one step, so that no reader sees half of it; one that exists keeps its permissions.

    Raises:
        OSError: it cannot be written; the file is as it was.
    """
    # A link stays a link: what it points to is replaced.
    target = path.resolve()
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        else:
            os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def write_new(path: Path, text: str, *, force: bool) -> None:
    """Write a file that does not exist yet, with `force` one that does.

    Raises:
        click.ClickException: it exists, or cannot be written.
    """
    try:
        with path.open("w" if force else "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise click.ClickException(f"{path} exists and is left as it is; --force replaces it") from None
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror or error}") from None
