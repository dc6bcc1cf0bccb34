"""How a command ends: with a sentence and an exit code, never with a traceback."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from actions_engine.cli.standard_streams import discard_output, open_standard_streams
from actions_engine.errors import ActionsEngineError, StoreError

#: As a shell tells that SIGINT ended a process, and SIGPIPE.
INTERRUPTED = 130
NOBODY_READS = 141
#: Set to anything, it shows the traceback of a mistake of ours.
DEBUG = "ACTIONS_ENGINE_DEBUG"


class NobodyReadsError(Exception):
    """What was to be read by another program is read no more: `| head -1`."""


@contextmanager
def unread() -> Iterator[None]:
    """Tell that nobody reads by an exception that click leaves alone: it would leave with code 1."""
    try:
        yield
    except BrokenPipeError as error:
        raise NobodyReadsError from error


def ended(run: Callable[[], Any]) -> int:
    """Run a command and return its exit code, having said on standard error what ended it before its time."""
    open_standard_streams()
    code = _guarded(lambda: _code_of(run))
    # What was printed may have been written nowhere yet.
    flushed = _guarded(_flush)
    return code or flushed


def _flush() -> int:
    sys.stdout.flush()
    return 0


def _guarded(step: Callable[[], int]) -> int:
    try:
        return step()
    except (NobodyReadsError, BrokenPipeError):
        discard_output()
        return NOBODY_READS
    except OSError as error:
        discard_output()
        _say(_told(error))
        return 1


def _code_of(run: Callable[[], Any]) -> int:
    try:
        result = run()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):
            # That is how rich takes it.
            raise NobodyReadsError from None
        return _exit_code(error)
    except (KeyboardInterrupt, click.Abort) as error:
        # Ctrl-C at a question is told as its abortion; so is the end of the input.
        if isinstance(error, KeyboardInterrupt) or isinstance(error.__context__, KeyboardInterrupt):
            return INTERRUPTED
        _say("\nthere is no answer on standard input; --yes answers", prefix="")
        return 1
    except (NobodyReadsError, OSError):
        raise
    except StoreError as error:
        _say(f"the store: {error}")
        return 1
    except ActionsEngineError as error:
        _say(str(error))
        return 1
    except Exception as error:  # noqa: BLE001 - whatever it is, a traceback is for us and not for who uses the command
        if os.environ.get(DEBUG):
            traceback.print_exc()
        else:
            # Its text may quote what is secret or personal.
            _say(
                f"a mistake of actions-engine's own: {type(error).__name__}. Please report it, with what is shown when "
                f"the command is run again with {DEBUG}=1"
            )
        return 1
    return result if isinstance(result, int) else 0


def _exit_code(error: SystemExit) -> int:
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    _say(error.code, prefix="")
    return 1


def _told(error: OSError) -> str:
    what = error.strerror or type(error).__name__
    return f"{error.filename}: {what}" if error.filename else what


def _say(message: str, *, prefix: str = "Error: ") -> None:
    try:
        click.echo(f"{prefix}{message}", err=True)
    except OSError:
        # Standard error is gone as well: the exit code is all that is left.
        return
