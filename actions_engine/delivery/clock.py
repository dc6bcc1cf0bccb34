"""The time that delivery lives by: one seam for waiting and for reading the clock."""

from __future__ import annotations

import asyncio
import time


class Clock:
    """Unix time, and waiting for it.

    `Clock(speed=1000)` lives a thousand times faster: a test sees 30 minutes of retries in two seconds, by real waiting
    and without a patched sleep. A request's timeout stays in real seconds, as the network does.
    """

    def __init__(self, *, speed: float = 1.0) -> None:
        self.speed = speed
        self._began = time.time()
        self._tick = time.monotonic()

    def now(self) -> float:
        """Return Unix time in seconds."""
        if self.speed == 1.0:
            # The system's own, corrections included: other processes and hosts compare with it.
            return time.time()
        return self._began + (time.monotonic() - self._tick) * self.speed

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for an event, at most so long; clear it."""
        try:
            async with asyncio.timeout(max(0.0, seconds) / self.speed):
                await event.wait()
        except TimeoutError:
            pass
        event.clear()
