"""What carries requests, as delivery sees it, and how it says that a request got no answer."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from actions_engine.outcome import Outcome
from actions_engine.request import Request, Response


class SendError(Exception):
    """A request got no whole answer.

    Attributes:
        outcome: What that means for the calls that it carried.
        is_sick: Whether the destination seems unwell, which its breaker counts.
        error_type: A short word for why, by which failures are counted.
    """

    def __init__(self, outcome: Outcome, *, is_sick: bool = True, error_type: str = "transport") -> None:
        self.outcome = outcome
        self.is_sick = is_sick
        self.error_type = error_type
        super().__init__(outcome.reason)


class Carrier(Protocol):
    """What carries the requests of one attempt."""

    async def send(self, request: Request, *, is_foreign: bool = False) -> Response:
        """Carry a request and return its answer, or raise SendError.

        Where the address is foreign, an event named it: it must be one of the public internet.
        """
        ...

    async def flush(self) -> None:
        """Make durable what this attempt sent, or raise SendError where that is not certain."""


class AsyncTransport(AbstractAsyncContextManager[Any], Protocol):
    """What carries requests: HTTP, or a destination's own transport; opened for an `async with` block.

    Attributes:
        flushes: Whether what was sent counts only once it is flushed.
    """

    flushes: bool

    def begin(self) -> Carrier:
        """Return what carries the requests of one attempt."""
        ...
