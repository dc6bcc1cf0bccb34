"""What a long-running command tells while it runs: lines of text for people, or of JSON for programs."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import click

#: What a record has by itself; whatever else it has was given to it by name.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def log_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say how it logs."""
    for option in (
        click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True,
                     help="Log lines for people, or JSON with what each is about."),
        click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
                     default="info", show_default=True, help="What is worth a line; debug shows tracebacks."),
    ):  # fmt: skip
        command = option(command)
    return command


def start_logging(form: str, level: str) -> None:
    """Write this package's records to standard error, and warnings of all others.

    Args:
        form: `text` or `json`.
        level: From which level on; tracebacks are shown at `debug` alone.
    """
    handler = _ToStandardError()
    has_tracebacks = level == "debug"
    handler.setFormatter(_JsonLine(has_tracebacks) if form == "json" else _TextLine(has_tracebacks))
    root = logging.getLogger()
    root.handlers[:] = [*(one for one in root.handlers if not isinstance(one, _ToStandardError)), handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("actions_engine").setLevel(level.upper())


class _ToStandardError(logging.StreamHandler[TextIO]):
    """Writes to what standard error is at the moment: a table that keeps itself up to date takes it over."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # whoever sets it sets standard error
        return sys.stderr

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Do nothing: where standard error is gone there is nobody to tell, and deliveries must go on."""


class _TextLine(logging.Formatter):
    """`2026-03-02T10:00:00.000Z WARNING the message`, in one line whatever it quotes."""

    def __init__(self, has_tracebacks: bool) -> None:
        super().__init__()
        self._has_tracebacks = has_tracebacks

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_moment(record)} {record.levelname:<7} {record.getMessage()}"
        if (error := _error(record)) is not None:
            line += f" ({_place(error)})"
        # An event may have put a line break into a reason: nobody may write a line of the log but the log.
        line = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)
        return f"{line}\n{_traceback(error)}" if error is not None and self._has_tracebacks else line


class _JsonLine(logging.Formatter):
    """An object with time, level, logger, message and what the record is about."""

    def __init__(self, has_tracebacks: bool) -> None:
        super().__init__()
        self._has_tracebacks = has_tracebacks

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _moment(record), "level": record.levelname.lower(), "logger": record.name,
            "message": record.getMessage(),
        }  # fmt: skip
        line |= {name: value for name, value in vars(record).items() if name not in _OWN and name not in line}
        if (error := _error(record)) is not None:
            line["error"] = _place(error)
            if self._has_tracebacks:
                line["traceback"] = _traceback(error)
        return json.dumps(line, default=str)


def _moment(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _error(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if record.exc_info else None


def _place(error: BaseException) -> str:
    """Return an exception's type and where it was raised; its text may quote what is secret or personal."""
    frames = traceback.extract_tb(error.__traceback__)
    return (
        f"{type(error).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}"
        if frames
        else type(error).__name__
    )


def _traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).rstrip()
