"""How a destination is: what its answers mean for the requests to come."""

from __future__ import annotations

import logging

from actions_engine.delivery.attempt import Attempted
from actions_engine.delivery.breaker import Breaker
from actions_engine.delivery.limits import Limits
from actions_engine.mapping import Instance
from actions_engine.store.contract import Pause

logger = logging.getLogger("actions_engine.delivery")

#: Seconds that a destination is left alone which refuses its credentials or cannot be found: doubled at each probe.
FIRST_PAUSE = 300.0
LONGEST_PAUSE = 3600.0
#: A destination that answers 429 is left alone, however long it asks for, no longer than this.
LONGEST_HOLD = 300.0


class Health:
    """One destination instance's breaker, limits and pause.

    Attributes:
        breaker: Opens after repeated failures.
        limits: How fast requests may start.
        failed_with: Why the last request failed that the breaker counted.
        paused_until: Unix time until which nothing is leased, since someone must mend the settings.
    """

    def __init__(self, instance: Instance) -> None:
        settings = instance.delivery
        self.breaker = Breaker()
        self.limits = Limits(settings.max_requests_per_second, settings.max_records_per_minute)
        self.failed_with = ""
        self.paused_until = 0.0
        self._instance = instance
        self._pause_length = 0.0

    def is_paused(self, now: float) -> bool:
        """Whether the destination is left alone until someone mends its settings."""
        return now < self.paused_until

    def most_requests(self, now: float) -> int:
        """Return how many requests may be under way."""
        limit = self.breaker.limit(now)
        concurrency = self._instance.delivery.concurrency
        return concurrency if limit is None else min(limit, concurrency)

    def judge(self, result: Attempted, now: float) -> Pause | None:
        """Learn from an attempt; return the pause that it begins, if it does."""
        if result.is_limited:
            asked = max((outcome.retry_after or 0.0 for outcome in result.outcomes), default=0.0)
            self.limits.hold(now + min(LONGEST_HOLD, asked or self._instance.delivery.first_wait))
        if result.is_delivered:
            self._answers_well()
            return None
        refusal = next((outcome for outcome in result.outcomes if outcome.kind == "paused"), None)
        if refusal is not None:
            return self._pause(refusal.reason, now)
        if result.is_sick:
            self.failed_with = result.outcomes[0].reason
            was_closed = self.breaker.is_closed
            self.breaker.failure(now)
            if was_closed and not self.breaker.is_closed:
                logger.warning(
                    "%s fails again and again, it is probed only: %s",
                    self._instance.name,
                    result.outcomes[0].reason,
                    extra=self._extra() | {"reason": result.outcomes[0].reason},
                )
        elif result.is_answered:
            self._answers_well()
        return None

    def _answers_well(self) -> None:
        was_closed = self.breaker.is_closed
        self.breaker.success()
        if self._pause_length or not was_closed:
            logger.info("%s answers again, its calls go on", self._instance.name, extra=self._extra())
            self._pause_length = 0.0

    def _pause(self, reason: str, now: float) -> Pause | None:
        if self.is_paused(now):
            # An answer to a request that was under way already.
            return None
        self._pause_length = min(LONGEST_PAUSE, self._pause_length * 2 or FIRST_PAUSE)
        self.paused_until = now + self._pause_length
        self.breaker.probe(self.paused_until)
        logger.error(
            "%s is paused: %s. Nothing is lost: its calls wait, it is probed in %.0f min. Mend %s and reload.",
            self._instance.name, reason, self._pause_length / 60, self._instance.path,
            extra=self._extra() | {"reason": reason},
        )  # fmt: skip
        return Pause(self._instance.name, self.paused_until, reason)

    def _extra(self) -> dict[str, str]:
        return {"instance": self._instance.name, "destination": self._instance.destination.name}
