"""What is measured, under which names: the one list that both exporters and the page `docs/metrics.md` follow."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

#: Bounds in seconds that HTTP clients are measured by:
#: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpclientrequestduration
HTTP_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
#: Upper bounds of an attempt's duration, in seconds: a destination may have a minute.
BOUNDS = (*HTTP_BOUNDS, 30.0, 60.0)

_CALL = ("destination_instance", "destination", "action", "mapping")


class Instrument(NamedTuple):
    """One thing that is measured.

    Attributes:
        name: Its name in OpenTelemetry; a row of `Metrics.rows` is asked for by it.
        prometheus: Its name in Prometheus, without the `_total` that a counter gets there.
        kind: A counter only grows.
        unit: In UCUM, as OpenTelemetry writes units.
        labels: What its numbers are told apart by, as Prometheus names it.
        text: What it is.
    """

    name: str
    prometheus: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    labels: tuple[str, ...]
    text: str


INSTRUMENTS = (
    Instrument("actions_engine.calls.accepted", "actions_engine_calls_accepted", "counter", "{call}", _CALL,
               "Calls that were committed to the store, rejected ones included."),
    Instrument("actions_engine.calls.delivered", "actions_engine_calls_delivered", "counter", "{call}", _CALL,
               "Calls that the destination took."),
    Instrument("actions_engine.calls.rejected", "actions_engine_calls_rejected", "counter", "{call}", _CALL,
               "Calls that will never be taken: by their mapping, or by the destination."),
    Instrument("actions_engine.calls.dead", "actions_engine_calls_dead", "counter", "{call}", _CALL,
               "Calls that were given up: the retry window or the attempts are over."),
    Instrument("actions_engine.calls.retries", "actions_engine_calls_retries", "counter", "{call}", _CALL,
               "Calls put off after a failed attempt, each time."),
    Instrument("actions_engine.notes", "actions_engine_notes", "counter", "{note}",
               ("destination_instance", "mapping", "field"),
               "Values that could not be read, so that a call goes out without them."),
    Instrument("actions_engine.calls.pending", "actions_engine_calls_pending", "gauge", "{call}", _CALL[:1],
               "Calls that are not settled yet."),
    Instrument("actions_engine.events.duplicate", "actions_engine_events_duplicate", "counter", "{event}", (),
               "Events that were known already."),
    Instrument("actions_engine.attempt.duration", "actions_engine_attempt_duration_seconds", "histogram", "s",
               _CALL[:3],
               "How long attempts took: the requests of one group of calls, and their answers."),
    Instrument("actions_engine.attempt.errors", "actions_engine_attempt_errors", "counter", "{attempt}",
               (*_CALL[:3], "error_type"), "Attempts that failed, at least for one of their calls."),
    Instrument("actions_engine.paused", "actions_engine_paused", "gauge", "1", _CALL[:1],
               "1 while the destination is paused, else 0."),
    Instrument("actions_engine.oldest_pending", "actions_engine_oldest_pending_seconds", "gauge", "s", _CALL[:1],
               "How long ago the oldest pending call was accepted; looked up every 10 s."),
)  # fmt: skip


@dataclass(slots=True)
class Latency:
    """A histogram of how long attempts took, in seconds."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0
    count: int = 0

    def add(self, seconds: float) -> None:
        """Count one attempt."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds
        self.count += 1


class SentRequest(NamedTuple):
    """A request over HTTP, as it is measured.

    Attributes:
        method: Its method.
        host: The server's name; masked where the whole URL is a secret, `_OTHER` where an event named it.
        port: The server's port; 0 where the host is not told.
        status: The answer's, 0 where there was none.
        error_type: The status from 400 on, or a short word for why there was no answer; else empty.
        seconds: Until the answer was read.
    """

    method: str
    host: str
    port: int
    status: int
    error_type: str
    seconds: float


#: Hears of each request over HTTP.
RequestObserver = Callable[[SentRequest], None]
#: Hears of each attempt: instance, destination and action; its error type, empty where it has none; seconds.
AttemptObserver = Callable[[tuple[str, str, str], str, float], None]
#: Gives an instrument's numbers by its labels' values, at the moment of asking.
Rows = Callable[[str], Sequence[tuple[tuple[str, ...], float]]]
