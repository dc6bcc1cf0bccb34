"""Rate limits: token buckets that are told the time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """Lets `rate` tokens a second through, at most `burst` at once; in any T seconds no more than rate x T + burst.

    What is larger than `burst` passes when the bucket is full, and is paid for afterwards.
    """

    rate: float
    burst: float
    tokens: float = 0.0
    at: float | None = None

    def wait(self, amount: float, now: float) -> float:
        """Return the seconds until `amount` tokens may be taken; 0 is at once."""
        self._fill(now)
        missing = min(amount, self.burst) - self.tokens
        # Rounding leaves less than this, which would be waited for again and again.
        return missing / self.rate if missing > 1e-9 else 0.0

    def take(self, amount: float, now: float) -> None:
        """Take tokens; the bucket may fall below nothing."""
        self._fill(now)
        self.tokens -= amount

    def _fill(self, now: float) -> None:
        if self.at is None:
            self.tokens = self.burst
        elif now > self.at:
            self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        # A clock that was set back fills nothing until it has caught up.
        self.at = now if self.at is None else max(now, self.at)


class Limits:
    """The limits of one destination instance: requests a second, records a minute, and a hold that it asked for."""

    def __init__(self, requests_per_second: float | None, records_per_minute: float | None) -> None:
        self._buckets: list[tuple[TokenBucket, bool]] = []
        if requests_per_second is not None:
            # A tenth of a second's worth at once: enough for coarse timers, too little to be felt as a burst.
            bucket = TokenBucket(requests_per_second, max(1.0, requests_per_second / 10))
            self._buckets.append((bucket, False))
        if records_per_minute is not None:
            rate = records_per_minute / 60
            self._buckets.append((TokenBucket(rate, max(1.0, rate)), True))
        self._held_until = 0.0

    def hold(self, until: float) -> None:
        """Let nothing pass until a moment: the destination said that it was too much (429)."""
        self._held_until = max(self._held_until, until)

    def wait(self, records: int, now: float) -> float:
        """Return the seconds until a request of so many records may start; 0 is at once."""
        if not self._buckets:
            return max(0.0, self._held_until - now)
        waits = [bucket.wait(records if counts_records else 1, now) for bucket, counts_records in self._buckets]
        return max(0.0, self._held_until - now, *waits)

    def take(self, records: int, now: float) -> None:
        """Count a request that starts."""
        for bucket, counts_records in self._buckets:
            bucket.take(records if counts_records else 1, now)
