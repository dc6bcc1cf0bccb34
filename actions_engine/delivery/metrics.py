"""Counters of one process, by destination instance and action: always kept, exported where asked."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation
    from prometheus_client import CollectorRegistry

#: Upper bounds of the latency histogram, in seconds.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
#: What is counted. `retries` counts attempts that were put off, the others calls.
COUNTS = ("accepted", "delivered", "rejected", "dead", "retries")
Label = tuple[str, str]
Count = Literal["accepted", "delivered", "rejected", "dead", "retries"]


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


class Metrics:
    """Counts what this process accepted and what became of it; the ledger counts for all processes and all time.

    Attributes:
        counts: For each name of COUNTS a counter by (instance, action).
        pending: Calls not settled yet, by instance, as the store said when it was opened and as changed since.
        latency: By (instance, action).
        duplicates: Events that were known already.
    """

    def __init__(self) -> None:
        self.counts: dict[str, Counter[Label]] = {name: Counter() for name in COUNTS}
        self.pending: Counter[str] = Counter()
        self.latency: dict[Label, Latency] = {}
        self.duplicates = 0
        self._observers: list[Callable[[Label, float], None]] = []

    def count(self, what: Count, instance: str, action: str, number: int = 1) -> None:
        """Count calls; `pending` follows."""
        self.counts[what][instance, action] += number
        if what == "accepted":
            self.pending[instance] += number
        elif what != "retries":
            self.pending[instance] -= number

    def took(self, instance: str, action: str, seconds: float) -> None:
        """Count an attempt's duration."""
        latency = self.latency.get((instance, action))
        if latency is None:
            latency = self.latency[instance, action] = Latency()
        latency.add(seconds)
        for observe in self._observers:
            observe((instance, action), seconds)

    def total(self, what: Count, instance: str | None = None) -> int:
        """Return a count over all actions, of one instance or of all."""
        return sum(number for (name, _), number in self.counts[what].items() if instance in (None, name))

    def to_prometheus(self, registry: CollectorRegistry | None = None) -> None:
        """Let a Prometheus registry, by default the global one, read these numbers whenever it is scraped."""
        from prometheus_client import REGISTRY  # noqa: PLC0415 - an optional extra
        from prometheus_client.registry import Collector  # noqa: PLC0415 - an optional extra

        metrics = self

        class Reader(Collector):
            def collect(self) -> Iterator[Any]:
                return metrics._prometheus()

        (registry or REGISTRY).register(Reader())

    def _prometheus(self) -> Iterator[Any]:
        from prometheus_client.core import (  # noqa: PLC0415 - an optional extra
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        labels = ["destination", "action"]
        for name in COUNTS:
            family = CounterMetricFamily(f"actions_engine_{name}", f"Calls: {name}.", labels=labels)
            for label, number in list(self.counts[name].items()):
                family.add_metric(label, number)
            yield family
        pending = GaugeMetricFamily("actions_engine_pending", "Calls that are not settled yet.", labels=labels[:1])
        for instance, number in list(self.pending.items()):
            pending.add_metric([instance], number)
        yield pending
        latency = HistogramMetricFamily("actions_engine_attempt_seconds", "How long attempts took.", labels=labels)
        for label, taken in list(self.latency.items()):
            latency.add_metric(label, list(_cumulative(taken)), taken.total)
        yield latency

    def to_opentelemetry(self, meter: Meter | None = None) -> None:
        """Report these numbers through OpenTelemetry's API, by default with the global meter provider."""
        from opentelemetry import metrics  # noqa: PLC0415 - an optional extra

        meter = meter or metrics.get_meter("actions_engine")
        for name in COUNTS:
            meter.create_observable_counter(
                f"actions_engine.{name}", callbacks=[self._reader(name)], description=f"Calls: {name}."
            )
        meter.create_observable_up_down_counter(
            "actions_engine.pending", callbacks=[self._read_pending], description="Calls that are not settled yet."
        )
        histogram = meter.create_histogram("actions_engine.attempt", unit="s", description="How long attempts took.")
        self._observers.append(
            lambda label, seconds: histogram.record(seconds, {"destination": label[0], "action": label[1]})
        )

    def _reader(self, name: str) -> Callable[[CallbackOptions], Iterator[Observation]]:
        def read(_options: CallbackOptions) -> Iterator[Observation]:
            from opentelemetry.metrics import Observation  # noqa: PLC0415 - an optional extra

            for (instance, action), number in list(self.counts[name].items()):
                yield Observation(number, {"destination": instance, "action": action})

        return read

    def _read_pending(self, _options: CallbackOptions) -> Iterator[Observation]:
        from opentelemetry.metrics import Observation  # noqa: PLC0415 - an optional extra

        for instance, number in list(self.pending.items()):
            yield Observation(number, {"destination": instance})


def _cumulative(latency: Latency) -> Iterator[tuple[str, float]]:
    running = 0
    for bound, number in zip((*map(str, BOUNDS), "+Inf"), latency.buckets, strict=True):
        running += number
        yield bound, running
