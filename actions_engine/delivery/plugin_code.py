"""An action's own functions, run so that however long they compute, no other destination waits for them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from time import perf_counter
from typing import Any, TypeVar

Answer = TypeVar("Answer")

# Seconds that a function may hold up the event loop, which every destination shares.
_QUICK = 0.02
# Runs that must have been quick before a function is run on the loop.
_TRIED = 3


# What means something else to whoever runs coroutines and threads.
_SPECIAL = (StopIteration, StopAsyncIteration)


def ordinary(error: BaseException) -> Exception:
    """Return an exception as it is, or one of the same name and text that is nothing but an exception."""
    if isinstance(error, Exception) and not isinstance(error, _SPECIAL):
        return error
    made: Exception = type(type(error).__name__, (Exception,), {})(str(error))
    return made


# Seconds after which a thread that computes hands the interpreter over to one that waits, such as the event loop's;
# Python's own 5 ms would be waited at each turn of the loop.
_SWITCH_INTERVAL = 0.0005
_threads = 0
_threads_lock = threading.Lock()
_usual_interval = 0.005


@contextlib.contextmanager
def _sharing() -> Iterator[None]:
    """Let the interpreter be handed over more often while a plugin's code runs in a thread."""
    global _threads, _usual_interval  # noqa: PLW0603 - the interval is the interpreter's
    with _threads_lock:
        if not _threads:
            _usual_interval = sys.getswitchinterval()
            sys.setswitchinterval(min(_usual_interval, _SWITCH_INTERVAL))
        _threads += 1
    try:
        yield
    finally:
        with _threads_lock:
            _threads -= 1
            if not _threads:
                sys.setswitchinterval(_usual_interval)


class PluginCode:
    """Runs the functions of one destination instance.

    On the event loop a call costs nothing, and it holds up every destination while it computes. So a function is run in
    a thread until it has shown that it is quick, and in a thread again once it was not. A thread cannot be stopped: one
    that never returns is left behind when patience ends, and does not keep the process from ending.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._quick_runs: Counter[Hashable] = Counter()
        self._turn = asyncio.Lock()

    async def run(self, what: Hashable, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """Return what a function returns, or raise what it raises, as an ordinary exception whatever it is.

        Args:
            what: Which piece of the plugin's code it is: each shows by itself that it is quick.
            function: Runs it.
            arguments: The function's.

        Raises:
            TimeoutError: it did not return within the patience.
        """
        if self._quick_runs[what] < _TRIED:
            return await self._in_thread(what, function, *arguments)
        began = perf_counter()
        try:
            return function(*arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise ordinary(error) from error
        finally:
            if perf_counter() - began > _QUICK:
                self._quick_runs[what] = 0

    async def _in_thread(self, what: Hashable, function: Callable[..., Answer], *arguments: Any) -> Answer:
        # One at a time: a slow function in several threads would take the interpreter from everybody else.
        async with asyncio.timeout(self._patience), self._turn:
            return await self._run_in_thread(what, function, *arguments)

    async def _run_in_thread(self, what: Hashable, function: Callable[..., Answer], *arguments: Any) -> Answer:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()

        def give(result: Any, error: BaseException | None, seconds: float) -> None:
            self._quick_runs[what] = self._quick_runs[what] + 1 if seconds <= _QUICK else 0
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
                with _sharing():
                    result = function(*arguments)
            except BaseException as error:  # noqa: BLE001 - even an interrupt is the plugin's own in a thread
                failure = ordinary(error)
            # The loop may have ended meanwhile.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(give, result, failure, perf_counter() - began)

        threading.Thread(target=work, name="actions-engine-plugin", daemon=True).start()
        return await answer
