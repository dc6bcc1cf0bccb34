"""`python -m tests.bench.delivering [--calls N]`: accept and deliver, against the bare client making the same requests.

One run, one process, a receiver in another; ratios last, times do not.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from actions_engine import Engine
from actions_engine.delivery.delivery import Delivery

_BATCH = 500
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


async def _bare(requests: list[Any]) -> float:
    import aiohttp  # noqa: PLC0415

    waiting = iter(requests)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_SIDE_BY_SIDE)) as session:

        async def send() -> None:
            for request in waiting:
                url, body, headers = request.full_url(), request.body(), request.full_headers()
                async with session.request(request.method, url, data=body, headers=headers) as response:
                    await response.read()

        start = time.perf_counter()
        await asyncio.gather(*(send() for _ in range(_SIDE_BY_SIDE)))
        return time.perf_counter() - start


async def _delivered(engine: Engine, events: list[dict[str, Any]], path: Path, *, durable: bool) -> float:
    async with Delivery(engine, f"sqlite:///{path}", durable=durable) as delivery:
        start = time.perf_counter()
        for number in range(0, len(events), _BATCH):
            await delivery.accept(events[number : number + _BATCH])
        await delivery.drain()
        return time.perf_counter() - start


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
    parser.add_argument("--calls", type=int, default=10_000)
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
        events = [
            {
                "type": "track",
                "event": "A",
                "userId": f"u{number}",
                "messageId": f"m{number}",
                "properties": {"n": number},
            }
            for number in range(count)
        ]
        requests = engine.requests([call for routing in engine.route_many(events) for call in routing.calls])
        bare = asyncio.run(_bare(requests))
        sys.stdout.write(f"bare aiohttp client, {count:,} requests     {count / bare:>9,.0f} /s\n")
        for durable in (True, False):
            taken = asyncio.run(_delivered(engine, events, folder / f"{durable}.db", durable=durable))
            name = "durable" if durable else "not durable"
            verdict = "met" if bare / taken >= 0.5 else "MISSED"
            sys.stdout.write(
                f"accept and deliver, {name:<12}          {count / taken:>9,.0f} /s   {bare / taken:.2f} x bare   >= 0.5   {verdict}\n"
            )
        waits = asyncio.run(_latency(engine, folder / "latency.db"))
        sys.stdout.write(f"from accept to delivered, light load       p50 {waits[30]:.1f} ms, p95 {waits[57]:.1f} ms\n")
    receiver.terminate()
    receiver.join()


if __name__ == "__main__":
    main()
