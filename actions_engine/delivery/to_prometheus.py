"""The numbers of a process as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from actions_engine.delivery.instruments import BOUNDS, INSTRUMENTS, Instrument, Latency, Rows

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


def register(
    rows: Rows, latency: Callable[[], Mapping[tuple[str, str, str], Latency]], registry: CollectorRegistry | None
) -> None:
    """Let a registry, by default the global one, read the numbers whenever it is scraped."""
    from prometheus_client import REGISTRY  # noqa: PLC0415 - an optional extra
    from prometheus_client.registry import Collector  # noqa: PLC0415 - as above

    class Reader(Collector):
        def collect(self) -> Iterator[Any]:
            return (_family(instrument, rows, latency()) for instrument in INSTRUMENTS)

    (registry or REGISTRY).register(Reader())


def _family(instrument: Instrument, rows: Rows, latency: Mapping[tuple[str, str, str], Latency]) -> Any:
    from prometheus_client.core import (  # noqa: PLC0415 - an optional extra
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    if instrument.kind == "histogram":
        histogram = HistogramMetricFamily(instrument.prometheus, instrument.text, labels=instrument.labels)
        for labels, taken in list(latency.items()):
            histogram.add_metric(labels, list(_cumulative(taken)), taken.total)
        return histogram
    kind = CounterMetricFamily if instrument.kind == "counter" else GaugeMetricFamily
    family = kind(instrument.prometheus, instrument.text, labels=instrument.labels)
    for values, number in rows(instrument.name):
        family.add_metric(values, number)
    return family


def _cumulative(latency: Latency) -> Iterator[tuple[str, float]]:
    running = 0
    for bound, number in zip((*map(str, BOUNDS), "+Inf"), latency.buckets, strict=True):
        running += number
        yield bound, running
