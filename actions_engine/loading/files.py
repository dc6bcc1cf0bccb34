"""A folder of mappings -> its files; a file -> its source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from actions_engine.errors import Location, Problem
from actions_engine.loading.secrecy import veil_secrets
from actions_engine.loading.source import MAX_CHARACTERS, Source


def mapping_files(path: Path, problems: list[Problem]) -> Iterator[tuple[Path, str]]:
    """Yield each mapping file with its instance's name; what cannot be found goes to `problems`."""
    if path.is_file():
        yield path, path.stem
        return
    if not path.is_dir():
        problems.append(Problem("no-mappings", f"{path}: there is no such file or folder"))
        return
    found = False
    for file in sorted([*path.rglob("*.yaml"), *path.rglob("*.yml")]):
        below = file.relative_to(path)
        if not any(part.startswith(".") for part in below.parts):
            found = True
            yield file, below.with_suffix("").as_posix()
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
        size = file.stat().st_size
        # A character takes at most four bytes; what is larger is refused without being read.
        if size > 4 * MAX_CHARACTERS:
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
