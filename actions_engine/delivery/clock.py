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
        self._last = 0.0

    def now(self) -> float:
        """Return Unix time in seconds."""
        if self.speed == 1.0:
            # The system's own, corrections included: other processes and hosts compare with it. But where it is set
            # back, time goes on from where it was: what is due in a minute must not wait an hour.
            now, tick = time.time(), time.monotonic()
            self._last = max(now, self._last + tick - self._tick) if now < self._last else now
            self._tick = tick
            return self._last
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
