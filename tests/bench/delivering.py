"""`python -m tests.bench.delivering [--calls N]`: accept and deliver, against the bare client making the same requests.

One run, one process, a receiver in another; ratios last, times do not.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from actions_engine import Engine
from actions_engine.cli.collector import relax_collector
from actions_engine.delivery.delivery import Delivery

_BATCH = 500
_ROUND = 6_000
_SIDE_BY_SIDE = 32


def _receive(pipe: Connection) -> None:
    """Answer 200 to everything, and tell the port."""
    from aiohttp import web  # noqa: PLC0415 - the other process's

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({})

    async def serve() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        pipe.send(site._server.sockets[0].getsockname()[1])  # type: ignore[union-attr]
        await asyncio.Event().wait()

    asyncio.run(serve())


async def _bare(session: Any, requests: list[Any]) -> float:
    waiting = iter(requests)

    async def send() -> None:
        for request in waiting:
            url, body, headers = request.full_url(), request.body(), request.full_headers()
            async with session.request(request.method, url, data=body, headers=headers) as response:
                await response.read()

    start = time.perf_counter()
    await asyncio.gather(*(send() for _ in range(_SIDE_BY_SIDE)))
    return time.perf_counter() - start


async def _delivered(delivery: Delivery, events: list[dict[str, Any]]) -> float:
    start = time.perf_counter()
    for number in range(0, len(events), _BATCH):
        await delivery.accept(events[number : number + _BATCH])
    await delivery.drain()
    return time.perf_counter() - start


async def _rounds(engine: Engine, folder: Path, rounds: list[list[dict[str, Any]]]) -> list[dict[str, float]]:
    """Return the seconds that each way took in each round: side by side, since a shared machine's speed changes."""
    import aiohttp  # noqa: PLC0415 - the bare client alone needs it

    taken = []
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_SIDE_BY_SIDE)) as session,
        Delivery(engine, f"sqlite:///{folder / 'durable.db'}") as durable,
        Delivery(engine, f"sqlite:///{folder / 'quick.db'}", durable=False) as quick,
    ):
        for events in rounds:
            requests = engine.requests([call for routing in engine.route_many(events) for call in routing.calls])
            taken.append(
                {
                    "bare": await _bare(session, requests),
                    "durable": await _delivered(durable, events),
                    "not durable": await _delivered(quick, events),
                }
            )
    return taken


async def _latency(engine: Engine, path: Path) -> list[float]:
    """Return the milliseconds from accept to delivered, one event at a time."""
    taken = []
    async with Delivery(engine, f"sqlite:///{path}") as delivery:
        for number in range(60):
            start = time.perf_counter()
            await delivery.accept([{"type": "track", "event": "A", "userId": "u", "messageId": f"l{number}"}])
            while delivery.metrics.total("delivered") <= number:
                await asyncio.sleep(0.0005)
            taken.append((time.perf_counter() - start) * 1000)
    return sorted(taken)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Deliver against the bare client.")
    parser.add_argument("--calls", type=int, default=30_000)
    count: int = parser.parse_args().calls
    ours, theirs = multiprocessing.Pipe()
    receiver = multiprocessing.Process(target=_receive, args=(theirs,), daemon=True)
    receiver.start()
    port = ours.recv()
    with tempfile.TemporaryDirectory(prefix="actions-engine-bench-") as temporary:
        folder = Path(temporary)
        (folder / "m.yaml").write_text(
            f"destination: webhook\nsettings: {{url: 'http://127.0.0.1:{port}/'}}\n"
            f"delivery: {{concurrency: {_SIDE_BY_SIDE}}}\nmappings:\n  - {{name: Send, action: send}}\n"
        )
        engine = Engine.load(folder / "m.yaml", environ={})
        # As `actions-engine run` does; the bare client has the same.
        relax_collector()
        rounds = [
            [
                {
                    "type": "track",
                    "event": "A",
                    "userId": f"u{number}",
                    "messageId": f"m{number}",
                    "properties": {"n": number},
                }
                for number in range(start, start + _ROUND)
            ]
            for start in range(0, count, _ROUND)
        ]
        taken = asyncio.run(_rounds(engine, folder, rounds))
        bare = statistics.median(each["bare"] for each in taken)
        sys.stdout.write(f"bare aiohttp client, rounds of {_ROUND:,} requests  {_ROUND / bare:>9,.0f} /s\n")
        for name in ("durable", "not durable"):
            seconds = statistics.median(each[name] for each in taken)
            ratio = statistics.median(each["bare"] / each[name] for each in taken)
            verdict = "met" if ratio >= 0.5 else "MISSED"
            sys.stdout.write(
                f"accept and deliver, {name:<12}              {_ROUND / seconds:>9,.0f} /s"
                f"   {ratio:.2f} x bare   >= 0.5   {verdict}\n"
            )
        waits = asyncio.run(_latency(engine, folder / "latency.db"))
        sys.stdout.write(f"from accept to delivered, light load       p50 {waits[30]:.1f} ms, p95 {waits[57]:.1f} ms\n")
    receiver.terminate()
    receiver.join()


if __name__ == "__main__":
    main()
