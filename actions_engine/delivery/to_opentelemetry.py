"""The numbers of a process through OpenTelemetry's API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from actions_engine.delivery.instruments import (
    BOUNDS,
    HTTP_BOUNDS,
    INSTRUMENTS,
    AttemptObserver,
    Instrument,
    RequestObserver,
    Rows,
    SentRequest,
)

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation

# https://opentelemetry.io/docs/specs/semconv/registry/attributes/http/#http-request-method
_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})


def report(rows: Rows, meter: Meter | None) -> tuple[AttemptObserver, RequestObserver]:
    """Report the numbers, by default with the global meter provider; return who wants to hear of attempts and requests.

    Requests are measured as `http.client.request.duration`:
    https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpclientrequestduration
    """
    from opentelemetry import metrics  # noqa: PLC0415 - an optional extra

    meter = meter or metrics.get_meter("actions_engine")
    for instrument in INSTRUMENTS:
        told = instrument.name, [_reader(instrument, rows)], instrument.unit, instrument.text
        if instrument.kind == "counter":
            meter.create_observable_counter(*told)
        elif instrument.kind == "gauge" and instrument.unit == "{call}":
            # It adds up over destinations.
            meter.create_observable_up_down_counter(*told)
        elif instrument.kind == "gauge":
            meter.create_observable_gauge(*told)
    (timed,) = (instrument for instrument in INSTRUMENTS if instrument.kind == "histogram")
    attempts = meter.create_histogram(
        timed.name, unit=timed.unit, description=timed.text, explicit_bucket_boundaries_advisory=BOUNDS
    )
    requests = meter.create_histogram(
        "http.client.request.duration", unit="s", description="Duration of HTTP client requests.",
        explicit_bucket_boundaries_advisory=HTTP_BOUNDS,
    )  # fmt: skip

    def attempted(labels: tuple[str, str, str], error_type: str, seconds: float) -> None:
        attributes = _attributes(timed.labels, labels)
        attempts.record(seconds, attributes | {"error.type": error_type} if error_type else attributes)

    def requested(sent: SentRequest) -> None:
        attributes: dict[str, str | int] = {
            "http.request.method": sent.method if sent.method in _METHODS else "_OTHER",
            "server.address": sent.host,
            "server.port": sent.port,
        }
        if sent.status:
            attributes["http.response.status_code"] = sent.status
        if sent.error_type:
            attributes["error.type"] = sent.error_type
        requests.record(sent.seconds, attributes)

    return attempted, requested


def _reader(instrument: Instrument, rows: Rows) -> Callable[[CallbackOptions], Iterator[Observation]]:
    def read(_options: CallbackOptions) -> Iterator[Observation]:
        from opentelemetry.metrics import Observation  # noqa: PLC0415 - an optional extra

        for labels, number in rows(instrument.name):
            yield Observation(number, _attributes(instrument.labels, labels))

    return read


def attribute(label: str) -> str:
    """Return what OpenTelemetry calls a label."""
    return "error.type" if label == "error_type" else f"actions_engine.{label}"


def _attributes(names: tuple[str, ...], values: tuple[str, ...]) -> dict[str, str]:
    return {attribute(name): value for name, value in zip(names, values, strict=True)}
