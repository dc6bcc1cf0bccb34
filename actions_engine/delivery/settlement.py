"""What an outcome means for a call: ended, tried again later, or dead."""

from __future__ import annotations

from actions_engine.delivery.backoff import Jitter, backoff
from actions_engine.delivery_settings import DeliverySettings
from actions_engine.outcome import Outcome
from actions_engine.store.contract import LeasedCall, Settlement


def settle(call: LeasedCall, outcome: Outcome, settings: DeliverySettings, *, now: float, jitter: Jitter) -> Settlement:
    """Return what is written for a call that a request carried.

    A call that is sent late is tried once at least; one that waits while its destination fails expires unsent (see
    `Store.expire`). The last attempt is not later than the end of the retry window.
    """
    match outcome.kind:
        case "delivered":
            return Settlement(call.id, call.token, "delivered")
        case "rejected":
            return Settlement(call.id, call.token, "rejected", reason=outcome.reason)
        case "paused":
            return Settlement(call.id, call.token, "release", due=now, reason=outcome.reason)
    attempts = call.attempts + 1
    end = call.accepted_at + settings.retry_window
    if settings.max_attempts is not None and attempts >= settings.max_attempts:
        return _dead(call, f"{outcome.reason} (attempt {attempts} of {settings.max_attempts})")
    if now >= end:
        return _dead(call, f"{outcome.reason} (attempt {attempts}, the retry window is over)")
    wait = backoff(
        attempts,
        first=settings.first_wait,
        longest=settings.longest_wait,
        asked=outcome.retry_after,
        jitter=jitter,
    )
    if outcome.retry_after is not None and now + outcome.retry_after > end:
        asked = f"{outcome.retry_after:,.0f} s"
        return _dead(call, f"{outcome.reason} (it asks to wait {asked}, beyond the retry window)")
    return Settlement(call.id, call.token, "retry", due=min(now + wait, end), reason=outcome.reason)


def halve(call: LeasedCall, size: int, reason: str, *, now: float) -> Settlement:
    """Return what is written for a call of a batch that was refused whole: at once again, in a batch of half the size.

    Neither the retry window nor the number of attempts ends that search: it ends by itself.
    """
    return Settlement(call.id, call.token, "retry", due=now, reason=reason, bisect=max(1, size // 2))


def release(call: LeasedCall, *, now: float) -> Settlement:
    """Return what is written for a call that was leased and not sent."""
    return Settlement(call.id, call.token, "release", due=now)


def _dead(call: LeasedCall, reason: str) -> Settlement:
    return Settlement(call.id, call.token, "dead", reason=reason)
