"""A breaker: after repeated failures of a destination it lets nothing through but a probe now and then."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Breaker:
    """Decides how many requests a destination instance may have under way; reads no clock.

    Closed, it sets no limit. `threshold` failures in a row open it: nothing passes until `wait` seconds have gone by,
    then one request probes. Its success closes the breaker, its failure opens it again for twice as long.

    Attributes:
        threshold: Failures in a row that open it.
        first_wait: Seconds until the first probe.
        longest_wait: Seconds between probes at most.
    """

    threshold: int = 10
    first_wait: float = 1.0
    longest_wait: float = 60.0
    failures: int = 0
    opened_until: float | None = None
    wait: float = 0.0

    @property
    def is_closed(self) -> bool:
        """Whether requests pass freely."""
        return self.opened_until is None

    def limit(self, now: float) -> int | None:
        """Return how many requests may be under way now: None is any number, 1 a probe, 0 none."""
        if self.opened_until is None:
            return None
        return 1 if now >= self.opened_until else 0

    def success(self) -> None:
        """Hear of an answer from a destination that is well, whatever it thinks of the call."""
        self.failures = 0
        self.opened_until = None
        self.wait = 0.0

    def failure(self, now: float) -> None:
        """Hear of a request that failed for the destination's reasons."""
        self.failures += 1
        probe_failed = self.opened_until is not None and now >= self.opened_until
        if probe_failed or (self.opened_until is None and self.failures >= self.threshold):
            self.wait = min(self.longest_wait, self.wait * 2 or self.first_wait)
            self.opened_until = now + self.wait

    def probe(self, at: float) -> None:
        """Let nothing pass until a moment, then one request: after a pause."""
        self.opened_until = at
        self.wait = self.wait or self.first_wait
