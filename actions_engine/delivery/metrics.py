"""Counters of one process: always kept, exported where asked, by the names of `instruments`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from actions_engine.delivery.instruments import AttemptObserver, Latency, RequestObserver

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter
    from prometheus_client import CollectorRegistry

#: What is counted. `retries` counts attempts that were put off, the others calls.
COUNTS = ("accepted", "delivered", "rejected", "dead", "retries")
#: What calls are told apart by: destination instance, destination, action, mapping.
Labels = tuple[str, str, str, str]
Count = Literal["accepted", "delivered", "rejected", "dead", "retries"]


class Metrics:
    """Counts what this process accepted and what became of it; the ledger counts for all processes and all time.

    Attributes:
        counts: For each name of COUNTS a counter by (instance, destination, action, mapping).
        pending: Calls not settled yet, by instance, as the store said when it was opened and as changed since.
        oldest: For each instance how many seconds its oldest pending call has waited, as the store said a while ago.
        paused: Says for each instance whether it is paused; whoever knows puts it here.
        latency: By (instance, destination, action).
        errors: Attempts that failed, by (instance, destination, action, type of error).
        notes: Values that could not be read, by (instance, mapping, payload field).
        duplicates: Events that were known already.
        request_observers: Who hears of each request over HTTP.
    """

    def __init__(self) -> None:
        self.counts: dict[str, Counter[Labels]] = {name: Counter() for name in COUNTS}
        self.pending: Counter[str] = Counter()
        self.oldest: dict[str, float] = {}
        self.paused: Callable[[], Mapping[str, bool]] = dict
        self.latency: dict[tuple[str, str, str], Latency] = {}
        self.errors: Counter[Labels] = Counter()
        self.notes: Counter[tuple[str, str, str]] = Counter()
        self.duplicates = 0
        self.request_observers: list[RequestObserver] = []
        self._totals: Counter[tuple[str, str]] = Counter()
        self._attempt_observers: list[AttemptObserver] = []

    def count(self, what: Count, labels: Labels, number: int = 1) -> None:
        """Count calls; `pending` follows."""
        self.counts[what][labels] += number
        self._totals[what, labels[0]] += number
        if what == "accepted":
            self.pending[labels[0]] += number
        elif what != "retries":
            self.pending[labels[0]] -= number

    def took(self, labels: tuple[str, str, str], seconds: float, error_type: str = "") -> None:
        """Count an attempt of an (instance, destination, action): its duration, and why it failed where it did."""
        latency = self.latency.get(labels)
        if latency is None:
            latency = self.latency[labels] = Latency()
        latency.add(seconds)
        if error_type:
            self.errors[*labels, error_type] += 1
        for observe in self._attempt_observers:
            observe(labels, error_type, seconds)

    def total(self, what: Count, instance: str | None = None) -> int:
        """Return a count over all actions and mappings, of one instance or of all."""
        if instance is not None:
            return self._totals[what, instance]
        return sum(number for (name, _), number in self._totals.items() if name == what)

    def rows(self, name: str) -> Sequence[tuple[tuple[str, ...], float]]:
        """Return the numbers of an instrument now, each by the values of its labels."""
        match name.removeprefix("actions_engine."):
            case "calls.pending":
                return [((instance,), number) for instance, number in list(self.pending.items())]
            case "notes":
                return list(self.notes.items())
            case "events.duplicate":
                return [((), self.duplicates)]
            case "attempt.errors":
                return list(self.errors.items())
            case "paused":
                return [((instance,), float(paused)) for instance, paused in self.paused().items()]
            case "oldest_pending":
                # What was settled since the store was asked waits no longer.
                return [
                    ((instance,), seconds if self.pending[instance] > 0 else 0.0)
                    for instance, seconds in list(self.oldest.items())
                ]
            case call:
                return list(self.counts[call.removeprefix("calls.")].items())

    def to_prometheus(self, registry: CollectorRegistry | None = None) -> None:
        """Let a Prometheus registry, by default the global one, read these numbers whenever it is scraped."""
        from actions_engine.delivery.to_prometheus import register  # noqa: PLC0415 - an optional extra

        register(self.rows, lambda: self.latency, registry)

    def to_opentelemetry(self, meter: Meter | None = None) -> None:
        """Report these numbers through OpenTelemetry's API, by default with the global meter provider."""
        from actions_engine.delivery.to_opentelemetry import report  # noqa: PLC0415 - an optional extra

        attempted, requested = report(self.rows, meter)
        self._attempt_observers.append(attempted)
        self.request_observers.append(requested)
