"""An action's own functions, run so that however long they compute, no other destination waits for them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from time import perf_counter
from typing import Any, TypeVar

from actions_engine.errors import PLUGIN_RAISES

Answer = TypeVar("Answer")

# Seconds that a function may hold up the event loop, which every destination shares.
_QUICK = 0.02
# Runs that must have been quick before a function is run on the loop.
_TRIED = 3


class PluginCode:
    """Runs the functions of one destination instance.

    On the event loop a call costs nothing, and it holds up every destination while it computes. So a function is run in
    a thread until it has shown that it is quick, and in a thread again once it was not. A thread cannot be stopped: one
    that never returns is left behind when patience ends, and does not keep the process from ending.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._quick_runs = 0

    async def run(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """Return what a function returns, or raise what it raises; it must not raise StopIteration.

        Raises:
            TimeoutError: it did not return within the patience.
        """
        if self._quick_runs < _TRIED:
            return await self._in_thread(function, *arguments)
        began = perf_counter()
        try:
            return function(*arguments)
        finally:
            if perf_counter() - began > _QUICK:
                self._quick_runs = 0

    async def _in_thread(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()

        def give(result: Any, error: BaseException | None, seconds: float) -> None:
            self._quick_runs = self._quick_runs + 1 if seconds <= _QUICK else 0
            if answer.done():
                return  # nobody waits any more
            if error is None:
                answer.set_result(result)
            else:
                answer.set_exception(error)

        def work() -> None:
            began = perf_counter()
            result: Any = None
            failure: BaseException | None = None
            try:
                result = function(*arguments)
            except PLUGIN_RAISES as error:
                failure = error
            except BaseException as error:  # noqa: BLE001 - an interrupt in a thread is the plugin's own
                failure = RuntimeError(type(error).__name__)
            # The loop may have ended meanwhile.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(give, result, failure, perf_counter() - began)

        threading.Thread(target=work, name="actions-engine-plugin", daemon=True).start()
        async with asyncio.timeout(self._patience):
            return await answer
