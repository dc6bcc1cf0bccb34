"""How delivery goes, by destination, on a terminal only."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from actions_engine.delivery.delivery import Delivery

if TYPE_CHECKING:
    from rich.table import Table


@contextmanager
def live(delivery: Delivery) -> Iterator[None]:
    """Show a table that keeps itself up to date on standard error, where that is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415 - a pipe never needs it
    from rich.live import Live  # noqa: PLC0415 - no other command needs it to start

    started = time.monotonic()

    class Shown:
        def __rich__(self) -> Table:
            return _table(delivery, time.monotonic() - started)

    with Live(Shown(), console=Console(stderr=True), refresh_per_second=4, transient=True):
        yield


def _table(delivery: Delivery, seconds: float) -> Table:
    from rich.table import Table  # noqa: PLC0415 - see live()

    metrics = delivery.metrics
    table = Table(box=None, pad_edge=False)
    table.add_column("destination")
    for name in ("accepted", "delivered", "pending", "retries", "rejected", "dead", "calls/s"):
        table.add_column(name, justify="right")
    instances = sorted({name for counts in metrics.counts.values() for name, *_ in counts} | set(metrics.pending))
    for instance in instances:
        delivered = metrics.total("delivered", instance)
        numbers = [
            metrics.total("accepted", instance), delivered, metrics.pending[instance],
            metrics.total("retries", instance), metrics.total("rejected", instance), metrics.total("dead", instance),
        ]  # fmt: skip
        table.add_row(instance, *(f"{number:,}" for number in numbers), f"{delivered / max(seconds, 0.001):,.0f}")
    return table
