"""Time functions against each other: interleaved rounds, the fastest round of each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

Case = Callable[[], object]

_ROUND_SECONDS = 0.02


def fastest(cases: dict[str, Case], rounds: int) -> dict[str, float]:
    """Return each case's microseconds a call in its fastest round; rounds alternate between the cases."""
    loops = {name: _calibrate(case) for name, case in cases.items()}
    best = dict.fromkeys(cases, math.inf)
    for _ in range(rounds):
        for name, case in cases.items():
            best[name] = min(best[name], _seconds(case, loops[name]) / loops[name])
    return {name: seconds * 1e6 for name, seconds in best.items()}


def _calibrate(case: Case) -> int:
    """Warm a case up and return how many calls fill a round."""
    loops = 1
    while (spent := _seconds(case, loops)) < _ROUND_SECONDS / 4:
        loops *= 4
    return max(1, round(loops * _ROUND_SECONDS / spent))


def _seconds(case: Case, loops: int) -> float:
    """Return the seconds that so many calls take."""
    turns = range(loops)
    start = time.perf_counter()
    for _ in turns:
        case()
    return time.perf_counter() - start
