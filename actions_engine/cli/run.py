"""`actions-engine run`: accept events into a store and deliver their calls, restartable at any moment."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Literal

import click

from actions_engine.cli.collector import relax_collector
from actions_engine.cli.ledger import write_ledger
from actions_engine.cli.live import live
from actions_engine.cli.loading import load_engine
from actions_engine.delivery.delivery import Delivery
from actions_engine.engine import Engine
from actions_engine.errors import MappingError
from actions_engine.inputs.feed import Feed, feed
from actions_engine.wording import counted


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
@click.option("--metrics-port", type=click.IntRange(1, 65535), help="Serve Prometheus metrics on loopback.")
def run(
    mappings: Path, files: tuple[str, ...], store: str, follow: bool, durable: bool, store_events: bool,
    dedupe: Literal["id", "content"], metrics_port: int | None,
) -> None:  # fmt: skip
    """Accept the events of FILES (JSON Lines or JSON, also .gz; `-` is standard input) and deliver their calls.

    It ends when nothing is pending. Stopped at any moment and started again, it goes on where it was: what was accepted
    is in the store, and so is how far each file was read. Without FILES it delivers what is pending. SIGHUP reads the
    mappings anew; SIGTERM and Ctrl-C let requests under way finish, a second one stops at once. The exit code is 1
    where a line was no event, a call was rejected or is dead, or a destination is paused.
    """
    engine = load_engine(mappings)
    relax_collector()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s", stream=sys.stderr)
    delivery = Delivery(engine, store, durable=durable, store_events=store_events, dedupe=dedupe)
    if metrics_port is not None:
        _serve_metrics(delivery, metrics_port)
    if not store_events:
        click.echo(
            "events are not stored: dead calls can be replayed as planned, and not by changed mappings", err=True
        )
    if asyncio.run(_run(delivery, mappings, files, follow)):
        sys.exit(1)


def _serve_metrics(delivery: Delivery, port: int) -> None:
    try:
        from prometheus_client import start_http_server  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise click.UsageError("--metrics-port needs the extra: pip install 'actions-engine[metrics]'") from None
    delivery.metrics.to_prometheus()
    try:
        start_http_server(port, addr="127.0.0.1")
    except OSError as error:
        raise click.ClickException(f"port {port}: {error.strerror or error}") from None


async def _run(delivery: Delivery, mappings: Path, files: tuple[str, ...], follow: bool) -> bool:
    """Deliver until all is done or a signal comes; return whether anything needs a person."""
    stop = asyncio.Event()
    background: set[asyncio.Task[None]] = set()

    def on_stop() -> None:
        if stop.is_set():
            # The second signal: leases end by themselves, nothing is lost.
            os._exit(130)
        stop.set()

    def on_reload() -> None:
        task = asyncio.create_task(_reload(delivery, mappings))
        background.add(task)
        task.add_done_callback(background.discard)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_stop)
    if hasattr(signal, "SIGHUP"):
        loop.add_signal_handler(signal.SIGHUP, on_reload)
    fed = Feed()
    async with delivery:
        with live(delivery):
            work = asyncio.create_task(_work(delivery, files, follow, fed))
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
            work.cancel()
            stopped.cancel()
            results = await asyncio.gather(work, stopped, return_exceptions=True)
        if isinstance(results[0], BaseException) and not isinstance(results[0], asyncio.CancelledError):
            raise results[0]
        rows, waiting = await delivery.ledger(), await delivery.waiting()
        pauses = await delivery.pauses()
    write_ledger(rows, waiting, duplicates=delivery.metrics.duplicates, err=True)
    for message in fed.messages:
        click.echo(message, err=True)
    if fed.unreadable:
        click.echo(f"not an event: {counted(fed.unreadable, 'line')}", err=True)
    if fed.unnamed:
        told = "each counts as an event of its own" if fed.unnamed > 1 else "it counts as an event of its own"
        click.echo(f"{counted(fed.unnamed, 'event')} came without a messageId: {told}", err=True)
    return bool(
        fed.unreadable
        or fed.failed
        or pauses
        or waiting
        or any(row.rejected or row.dead or not row.holds for row in rows)
    )


async def _work(delivery: Delivery, files: tuple[str, ...], follow: bool, fed: Feed) -> None:
    await feed(delivery, files, follow=follow, fed=fed)
    if follow:
        await delivery.run()
    await delivery.drain()


async def _reload(delivery: Delivery, mappings: Path) -> None:
    """Read the mappings anew; where they cannot be loaded, the old ones stay."""
    try:
        engine = await asyncio.to_thread(Engine.load, mappings, registry=delivery.engine.registry)
    except MappingError as error:
        click.echo(f"{error}\n\nthe mappings were not reloaded, the old ones go on", err=True)
        return
    await delivery.reload(engine)
    click.echo(f"reloaded {mappings}: configuration {delivery.configuration}", err=True)
