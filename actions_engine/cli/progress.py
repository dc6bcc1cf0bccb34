"""How far files are read, on a terminal only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def progress(paths: Sequence[str], what: str) -> Iterator[Callable[[int], None]]:
    """Show a bar for the bytes of files on standard error, where that is a terminal; yield what counts them."""
    if not sys.stderr.isatty() or "-" in paths:
        yield lambda _count: None
        return
    from rich.console import Console  # noqa: PLC0415 - a pipe never needs it
    from rich.progress import Progress  # noqa: PLC0415 - no other command needs it to start

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=sum(os.path.getsize(path) for path in paths))
        yield lambda count: bar.advance(task, count)
