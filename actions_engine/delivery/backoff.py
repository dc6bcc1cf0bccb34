"""How long a call waits before it is tried again."""

from __future__ import annotations

import random
from collections.abc import Callable

#: Returns a number from 0 to its argument; a test gives one that is not random.
Jitter = Callable[[float], float]


def full_jitter(ceiling: float) -> float:
    """Return a random wait from 0 to `ceiling` seconds."""
    return random.uniform(0.0, ceiling)  # noqa: S311 - it spreads retries, it keeps no secret


def ceiling(attempts: int, first: float, longest: float) -> float:
    """Return the longest wait in seconds after so many attempts: doubled each time, from `first` up to `longest`."""
    # Beyond 64 doublings a float would overflow long after `longest` was passed.
    return float(min(longest, first * 2.0 ** min(attempts - 1, 64)))


def backoff(attempts: int, *, first: float, longest: float, asked: float | None, jitter: Jitter) -> float:
    """Return the seconds to wait after so many attempts, exponential with full jitter.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

    Args:
        attempts: Requests that carried the call, at least 1.
        first: The longest wait after the first attempt.
        longest: The longest wait of all.
        asked: What the destination asked for (Retry-After): never less is waited.
        jitter: Spreads the wait.
    """
    wait = jitter(ceiling(attempts, first, longest))
    # Many calls are told the same moment: they are spread a little behind it.
    if asked is None:
        return wait
    # Who asks for no wait gets none once; again and again it would be hammered.
    return max(asked + min(wait, 0.1 * asked), 0.0 if attempts < 2 else wait)
