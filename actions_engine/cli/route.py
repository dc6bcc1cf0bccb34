"""`actions-engine route`: events in, calls out, one JSON object a line."""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

import click

from actions_engine.batch import requests_of
from actions_engine.call import Call
from actions_engine.cli.collector import relax_collector
from actions_engine.cli.loading import load_engine
from actions_engine.cli.progress import progress
from actions_engine.engine import Engine
from actions_engine.errors import InputError
from actions_engine.inputs.events import Chunk, read_events, shown_path
from actions_engine.inputs.line import decode_event
from actions_engine.mapping import Mapping
from actions_engine.request import encode_json
from actions_engine.wording import counted


@dataclass(slots=True)
class Tally:
    """What became of some events: counts, and what people should hear."""

    output: bytes = b""
    messages: list[str] = field(default_factory=list)
    events: int = 0
    unreadable: int = 0
    dropped: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    rejections: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Add another tally's counts."""
        self.events += other.events
        self.unreadable += other.unreadable
        self.dropped += other.dropped
        self.calls += other.calls
        self.rejections += other.rejections
        self.notes += other.notes


@click.command()
@click.argument("mappings", type=click.Path(exists=True, path_type=Path))
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--requests", is_flag=True, help="Write the requests that the calls become, secrets masked.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that route.")
def route(mappings: Path, files: tuple[str, ...], requests: bool, workers: int) -> None:
    """Route the events of FILES (JSON or JSON Lines, also .gz; `-` or none is standard input) by MAPPINGS.

    Writes a JSON object a line: the calls, or with --requests the requests. Nothing is sent. Requests are batched
    within runs of some hundred events. A summary goes to standard error; the exit code is 1 where a line was no event
    or a mapping rejected one.
    """
    engine = load_engine(mappings)
    relax_collector()
    for warning in engine.warnings:
        click.echo(warning.render(), err=True)
    started = time.perf_counter()
    total = Tally()
    paths = files or ("-",)
    with progress(paths, "routing") as advance:
        chunks = (chunk for path in paths for chunk in read_events(path, advance))
        for tally in _route_all(engine, mappings, chunks, requests, workers):
            sys.stdout.buffer.write(tally.output)
            for message in tally.messages:
                click.echo(message, err=True)
            total.add(tally)
    sys.stdout.buffer.flush()
    _summarise(total, time.perf_counter() - started)
    if total.unreadable or total.rejections:
        sys.exit(1)


def _route_all(
    engine: Engine, mappings: Path, chunks: Iterable[Chunk], requests: bool, workers: int
) -> Iterator[Tally]:
    if workers == 1:
        for chunk in chunks:
            yield route_chunk(engine, chunk, requests)
        return
    # As many chunks under way as keep every worker busy, and no more: a long file must not be read into memory.
    waiting: deque[Future[Tally]] = deque()
    try:
        with ProcessPoolExecutor(workers, initializer=_start_worker, initargs=(str(mappings),)) as pool:
            for chunk in chunks:
                waiting.append(pool.submit(_route_in_worker, chunk, requests))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    except BrokenProcessPool:
        raise click.ClickException("a worker process died; what was written so far is complete lines") from None


_worker_engine: Engine | None = None


def _start_worker(mappings: str) -> None:
    global _worker_engine  # noqa: PLW0603 - a worker process has one engine, made when it starts
    # Ctrl-C is the first process's to tell; it ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker_engine = Engine.load(mappings)


def _route_in_worker(chunk: Chunk, requests: bool) -> Tally:
    if _worker_engine is None:
        raise click.ClickException("a worker process started without mappings")
    return route_chunk(_worker_engine, chunk, requests)


def route_chunk(engine: Engine, chunk: Chunk, requests: bool) -> Tally:
    """Route some lines."""
    tally = Tally()
    lines: list[bytes] = []
    calls: list[Call] = []
    made: defaultdict[Mapping, int] = defaultdict(int)
    name = shown_path(chunk.path)
    for number, line in enumerate(chunk.lines, start=chunk.first):
        if not line.strip():
            continue
        place = f"{name}:{number}"
        try:
            event = decode_event(line)
        except InputError as error:
            tally.unreadable += 1
            tally.messages.append(f"{place}: {error}")
            continue
        tally.events += 1
        routing = engine.route(event)
        tally.dropped += bool(routing.dropped)
        for rejection in routing.rejections:
            tally.rejections[f"{rejection.mapping or 'event'}: {rejection.reason}"] += 1
            tally.messages.append(f"{place}: rejected by {rejection.mapping!r}: {rejection.reason}")
        for call in routing.calls:
            try:
                encoded = encode_json(call.as_dict())
            except (ValueError, TypeError) as error:
                tally.rejections[f"{call.mapping}: {error}"] += 1
                tally.messages.append(f"{place}: rejected by {call.mapping!r}: {error}")
                continue
            made[call.source] += 1
            for note in call.notes:
                tally.notes[f"{call.mapping}: {note}"] += 1
            if requests:
                calls.append(call)
            else:
                lines.append(encoded)
    for mapping, count in made.items():
        tally.calls[f"{mapping.instance.name} / {mapping.name}"] += count
    if requests:
        lines = list(_requests(calls, tally))
    tally.output = b"".join(line + b"\n" for line in lines)
    return tally


def _requests(calls: list[Call], tally: Tally) -> Iterator[bytes]:
    made = requests_of(calls)
    for request, group in zip(made, made.calls, strict=True):
        yield encode_json({"calls": [call.key for call in group], **request.as_dict()})
    for rejection in made.rejections:
        tally.rejections[rejection.reason] += 1
        tally.messages.append(f"no request for {rejection}")


def _summarise(total: Tally, seconds: float) -> None:
    rate = total.events / seconds if seconds else 0
    events, calls = counted(total.events, "event"), counted(total.calls.total(), "call")
    lines = [f"{events} in {seconds:.1f} s ({rate:,.0f} events/s), {calls}"]
    lines += [f"  {count:>10,}  {mapping}" for mapping, count in total.calls.most_common()]
    if total.dropped:
        lines.append(f"{counted(total.dropped, 'event')} dropped by plugins")
    if total.unreadable:
        lines.append(f"not an event: {counted(total.unreadable, 'line')}")
    if total.rejections:
        lines.append(counted(total.rejections.total(), "rejection"))
        lines += [f"  {count:>10,}  {reason}" for reason, count in total.rejections.most_common(20)]
    if total.notes:
        lines.append(f"{counted(total.notes.total(), 'value')} could not be read, the calls were made all the same")
        lines += [f"  {count:>10,}  {note}" for note, count in total.notes.most_common(20)]
    click.echo("\n".join(lines), err=True)
