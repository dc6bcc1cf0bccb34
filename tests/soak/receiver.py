"""A receiver in a process of its own: answers 200, and tells how long events were on their way."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection


@contextmanager
def receiver() -> Iterator[str]:
    """Run one, and give its URL. GET /waits returns by path the seconds since each event's `t`, and forgets them."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection) -> None:
    from aiohttp import web  # noqa: PLC0415 - the other process's

    waits: defaultdict[str, list[float]] = defaultdict(list)

    async def take(request: web.Request) -> web.Response:
        event = json.loads(await request.read())
        if "t" in event:
            waits[request.path].append(time.time() - event["t"])
        return web.json_response({})

    async def tell(_request: web.Request) -> web.Response:
        told = dict(waits)
        waits.clear()
        return web.json_response(told)

    async def serve() -> None:
        app = web.Application()
        app.router.add_get("/waits", tell)
        app.router.add_route("*", "/{path:.*}", take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        with_port = web.TCPSite(runner, "127.0.0.1", 0)
        await with_port.start()
        pipe.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(serve())
