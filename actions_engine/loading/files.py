"""A folder of mappings -> its files; a file -> its source."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from actions_engine.errors import Location, Problem
from actions_engine.loading.secrecy import veil_secrets
from actions_engine.loading.source import MAX_CHARACTERS, Source

#: Bytes of a mapping file; a character takes at most four. What is larger is refused without being read.
MAX_BYTES = 4 * MAX_CHARACTERS


def mapping_files(path: Path, problems: list[Problem]) -> Iterator[tuple[Path, str]]:
    """Yield each mapping file with its instance's name; what cannot be found goes to `problems`."""
    if path.exists() and not path.is_dir():
        yield path, path.stem
        return
    if not path.is_dir():
        problems.append(Problem("no-mappings", f"{path}: there is no such file or folder"))
        return
    found: dict[str, Path] = {}
    for file in sorted([*path.rglob("*.yaml"), *path.rglob("*.yml")]):
        below = file.relative_to(path)
        if any(part.startswith(".") for part in below.parts):
            continue
        name = below.with_suffix("").as_posix()
        if name in found:
            problems.append(
                Problem(
                    "duplicate-instance",
                    f"the instance {name!r} is already that of {found[name]}",
                    Location(str(file), 1, 1),
                    hint="rename one of the two files: an instance is named for its file",
                )
            )
            continue
        found[name] = file
        yield file, name
    if not found:
        problems.append(
            Problem(
                "no-mappings",
                f"{path}: no .yaml or .yml file in this folder",
                hint="one file is one instance of a destination",
            )
        )


def open_source(file: Path, problems: list[Problem]) -> Source | None:
    """Read one file; what cannot be read goes to `problems`."""
    shown = str(file)
    try:
        about = file.stat()
        if not stat.S_ISREG(about.st_mode):
            # A device may have no end, and a pipe no writer.
            problems.append(Problem("unreadable-file", f"{file} is no regular file"))
            return None
        size = about.st_size
        if size > MAX_BYTES:
            problems.append(Problem("too-large", f"the file has {size:,} bytes", Location(shown, 1, 1)))
            return None
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"not UTF-8: byte {error.start + 1} is 0x{error.object[error.start]:02x}"
        problems.append(Problem("not-utf-8", message, Location(shown, 1, 1), hint="save the file as UTF-8"))
    except OSError as error:
        problems.append(Problem("unreadable-file", f"{file}: {error.strerror or error}"))
    else:
        source = Source(shown, text)
        veil_secrets(source)
        return source
    return None
