"""`actions-engine run`: accept events into a store and deliver their calls, restartable at any moment."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from actions_engine.cli.collector import relax_collector
from actions_engine.cli.ledger import write_ledger
from actions_engine.cli.live import live
from actions_engine.cli.loading import load_engine
from actions_engine.cli.logs import log_options, start_logging
from actions_engine.cli.monitor import Monitor, served
from actions_engine.delivery.delivery import Delivery
from actions_engine.delivery.receipt import Waiting
from actions_engine.engine import Engine
from actions_engine.errors import MappingError
from actions_engine.inputs.feed import Feed, feed
from actions_engine.store.contract import LedgerRow
from actions_engine.store.open import shown_store
from actions_engine.wording import counted

logger = logging.getLogger("actions_engine.run")

_TOTALS = ("accepted", "delivered", "rejected", "dead", "pending")


@click.command()
@click.argument("mappings", type=click.Path(exists=True, path_type=Path))
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--store", required=True, metavar="URL", help="sqlite:///calls.db, a file's path, or postgresql://….")
@click.option("--follow", is_flag=True, help="Run on when all is delivered, and take what is appended to FILES.")
@click.option("--durable/--no-durable", default=True, show_default=True, help="Whether accepting waits for the disk.")
@click.option("--store-events/--no-store-events", default=True, show_default=True,
              help="Whether events are stored; without them a dead call cannot be remapped.")  # fmt: skip
@click.option("--dedupe", type=click.Choice(["id", "content"]), default="id", show_default=True,
              help="What makes two events one: their messageId, or their content where they have none.")  # fmt: skip
@click.option(
    "--metrics-port",
    type=click.IntRange(1, 65535),
    help="Serve /metrics for Prometheus, /health and /ready on loopback.",
)
@log_options
def run(
    mappings: Path, files: tuple[str, ...], store: str, follow: bool, durable: bool, store_events: bool,
    dedupe: Literal["id", "content"], metrics_port: int | None,
    log_format: str, log_level: str,
) -> None:  # fmt: skip
    """Accept the events of FILES (JSON Lines or JSON, also .gz; `-` is standard input) and deliver their calls.

    It ends when nothing is pending. Stopped at any moment and started again, it goes on where it was: what was accepted
    is in the store, and so is how far each file was read. Without FILES it delivers what is pending. SIGHUP reads the
    mappings anew; SIGTERM and Ctrl-C let requests under way finish, a second one stops at once. The exit code is 1
    where a line was no event, a call was rejected or is dead, or a destination is paused.
    """
    start_logging(log_format, log_level)
    engine = load_engine(mappings)
    relax_collector()
    delivery = Delivery(engine, store, durable=durable, store_events=store_events, dedupe=dedupe)
    if not store_events:
        logger.warning("events are not stored: dead calls can be replayed as planned, and not by changed mappings")
    with served(delivery, metrics_port) as monitor:
        needs_a_person = asyncio.run(
            _run(delivery, mappings, files, follow, monitor, shown_store(store), log_format == "json")
        )
    if needs_a_person:
        sys.exit(1)


async def _run(
    delivery: Delivery,
    mappings: Path,
    files: tuple[str, ...],
    follow: bool,
    monitor: Monitor,
    store: str,
    is_for_programs: bool,
) -> bool:
    """Deliver until all is done or a signal comes; return whether anything needs a person."""
    stop = asyncio.Event()
    background: set[asyncio.Task[None]] = set()

    def on_stop() -> None:
        if stop.is_set():
            # The second signal: leases end by themselves, nothing is lost.
            os._exit(130)
        stop.set()
        logger.info("stopping: requests under way may finish, a second signal stops at once")

    def on_reload() -> None:
        task = asyncio.create_task(_reload(delivery, mappings, is_for_programs))
        background.add(task)
        task.add_done_callback(background.discard)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_stop)
    if hasattr(signal, "SIGHUP"):
        loop.add_signal_handler(signal.SIGHUP, on_reload)
    fed = Feed()
    async with delivery:
        monitor.loop = loop
        _tell_started(delivery, store)
        with live(delivery):
            work = asyncio.create_task(_work(delivery, files, follow, fed))
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
            work.cancel()
            stopped.cancel()
            results = await asyncio.gather(work, stopped, return_exceptions=True)
        monitor.is_stopping = True
        if isinstance(results[0], BaseException) and not isinstance(results[0], asyncio.CancelledError):
            raise results[0]
        rows, waiting = await delivery.ledger(), await delivery.waiting()
        pauses = await delivery.pauses()
    _tell_ended(rows, delivery.metrics.duplicates, fed)
    if is_for_programs:
        for message in fed.messages:
            logger.warning("%s", message)
        for each in waiting:
            extra = {"instance": each.instance, "calls": each.calls, "reason": each.reason}
            logger.warning("%s: %s, %s", each.instance, counted(each.calls, "pending call"), each.reason, extra=extra)
    else:
        _write_end(rows, waiting, fed, delivery.metrics.duplicates)
    return bool(
        fed.unreadable
        or fed.failed
        or pauses
        or waiting
        or any(row.rejected or row.dead or not row.holds for row in rows)
    )


def _tell_started(delivery: Delivery, store: str) -> None:
    names = [instance.name for instance in delivery.engine.instances if instance.is_enabled]
    logger.info(
        "started: %s (%s), configuration %s, store %s",
        counted(len(names), "destination"), ", ".join(names), delivery.configuration, store,
        extra={"instances": names, "configuration": delivery.configuration, "store": store},
    )  # fmt: skip


def _tell_ended(rows: Sequence[LedgerRow], duplicates: int, fed: Feed) -> None:
    totals = {name: sum(getattr(row, name) for row in rows) for name in _TOTALS}
    told = ", ".join(f"{count:,} {name}" for name, count in totals.items())
    of_this_run = {"duplicates": duplicates, "unreadable": fed.unreadable, "unnamed": fed.unnamed}
    logger.info("ended: of all calls of the store %s", told, extra=totals | of_this_run)


def _write_end(rows: Sequence[LedgerRow], waiting: Sequence[Waiting], fed: Feed, duplicates: int) -> None:
    write_ledger(rows, waiting, duplicates=duplicates, err=True)
    for message in fed.messages:
        click.echo(message, err=True)
    if fed.unreadable:
        click.echo(f"not an event: {counted(fed.unreadable, 'line')}", err=True)
    if fed.unnamed:
        told = "each counts as an event of its own" if fed.unnamed > 1 else "it counts as an event of its own"
        click.echo(f"{counted(fed.unnamed, 'event')} came without a messageId: {told}", err=True)


async def _work(delivery: Delivery, files: tuple[str, ...], follow: bool, fed: Feed) -> None:
    await feed(delivery, files, follow=follow, fed=fed)
    if follow:
        await delivery.run()
    await delivery.drain()


async def _reload(delivery: Delivery, mappings: Path, is_for_programs: bool) -> None:
    """Read the mappings anew; where they cannot be loaded, the old ones stay."""
    try:
        engine = await asyncio.to_thread(Engine.load, mappings, registry=delivery.engine.registry)
    except MappingError as error:
        problems = [problem.render() for problem in error.problems]
        if not is_for_programs:
            click.echo(f"{error}\n", err=True)
        told = counted(len(problems), "problem")
        # The problems are for who wrote the file, a traceback for nobody.
        logger.error(  # noqa: TRY400
            "the mappings were not reloaded, the old ones go on: %s", told, extra={"problems": problems}
        )
        return
    await delivery.reload(engine)
    configuration = delivery.configuration
    logger.info("reloaded %s: configuration %s", mappings, configuration, extra={"configuration": configuration})
