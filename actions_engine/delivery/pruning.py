"""What a store need not keep any longer is deleted now and then, a little at a time."""

from __future__ import annotations

import asyncio

from actions_engine.delivery.async_store import AsyncStore
from actions_engine.delivery.clock import Clock

# Seconds between two prunings at most; more often where little is kept.
_EVERY = 60.0
# Rows of one step, so few that accepting and settling hardly wait for it.
_STEP = 2_000


class Pruning:
    """Deletes delivered calls, and events that nothing needs.

    Args:
        store: Where they are.
        clock: Says what is old.
        calls: Seconds that a delivered call is kept.
        events: Seconds that an event is kept, so that its repetition is known; at least as long as its calls.
    """

    def __init__(self, store: AsyncStore, clock: Clock, *, calls: float, events: float) -> None:
        self._store = store
        self._clock = clock
        self._calls = calls
        self._events = max(calls, events)
        self._pruned_at = clock.now()

    async def turn(self) -> None:
        """Delete what is old, where the last time is long enough ago.

        Raises:
            StoreError: the store fails.
        """
        if self._clock.now() - self._pruned_at < min(_EVERY, max(1.0, self._calls / 6)):
            return
        while True:
            now = self._clock.now()
            pruned = await self._store.prune(
                delivered_before=now - self._calls, events_before=now - self._events, limit=_STEP
            )
            if pruned < _STEP:
                break
            await asyncio.sleep(0.01)
        self._pruned_at = self._clock.now()
