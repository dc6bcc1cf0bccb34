"""What is measured: its names, its labels, and that the page says the same."""

import asyncio
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.metrics import CallbackOptions, Meter
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from actions_engine import Registry
from actions_engine.delivery.clock import Clock
from actions_engine.delivery.instruments import BOUNDS, HTTP_BOUNDS, INSTRUMENTS
from actions_engine.delivery.metrics import Metrics
from actions_engine.delivery.to_opentelemetry import attribute
from actions_engine.store.contract import BY_HAND, Pause
from actions_engine.testing import Answer, Vendor
from tests.conftest import ROOT
from tests.test_delivery_worker import beside, events, load, made, mapping, run

PAGE = ROOT / "docs/metrics.md"


class RecordingMeter(Meter):
    """OpenTelemetry's API without its SDK: keeps what it is asked to make, and what is recorded."""

    def __init__(self) -> None:
        super().__init__("test")
        self.made: dict[str, dict[str, Any]] = {}
        self.recorded: list[tuple[str, float, dict[str, Any]]] = []

    def _make(self, kind: str, name: str, callbacks: Any, unit: str, description: str, **more: Any) -> None:
        self.made[name] = {"kind": kind, "callbacks": callbacks, "unit": unit, "description": description} | more

    def create_counter(self, name: str, unit: str = "", description: str = "") -> Any:
        self._make("counter", name, (), unit, description)

    def create_up_down_counter(self, name: str, unit: str = "", description: str = "") -> Any:
        self._make("gauge", name, (), unit, description)

    def create_observable_counter(self, name: str, callbacks: Any = None, unit: str = "", description: str = "") -> Any:
        self._make("counter", name, callbacks, unit, description)

    def create_observable_gauge(self, name: str, callbacks: Any = None, unit: str = "", description: str = "") -> Any:
        self._make("gauge", name, callbacks, unit, description)

    def create_observable_up_down_counter(
        self, name: str, callbacks: Any = None, unit: str = "", description: str = ""
    ) -> Any:
        self._make("gauge", name, callbacks, unit, description)

    def create_histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        explicit_bucket_boundaries_advisory: Sequence[float] | None = None,
    ) -> Any:
        self._make("histogram", name, (), unit, description, bounds=explicit_bucket_boundaries_advisory)
        return _Recorder(name, self.recorded)

    def read(self) -> Iterator[tuple[str, float, dict[str, Any]]]:
        for name, instrument in self.made.items():
            for callback in instrument["callbacks"]:
                for observation in callback(CallbackOptions()):
                    yield name, observation.value, dict(observation.attributes)


class _Recorder:
    def __init__(self, name: str, recorded: list[tuple[str, float, dict[str, Any]]]) -> None:
        self.name, self.recorded = name, recorded

    def record(self, amount: float, attributes: dict[str, Any]) -> None:
        self.recorded.append((self.name, amount, attributes))


def filled() -> Metrics:
    """Return metrics in which every instrument has a number."""
    metrics = Metrics()
    labels = ("hook", "webhook", "send", "All")
    metrics.count("accepted", labels, 5)
    for what in ("delivered", "rejected", "dead", "retries"):
        metrics.count(what, labels)  # type: ignore[arg-type]
    metrics.took(labels[:3], 0.02)
    metrics.took(labels[:3], 45.0, "503")
    metrics.notes["hook", "All", "phone"] = 3
    metrics.duplicates = 2
    metrics.paused = lambda: {"hook": True, "other": False}
    metrics.oldest = {"hook": 7.5}
    return metrics


def table() -> str:
    """Return every instrument under both of its names, as Markdown."""
    lines = ["| Prometheus | OpenTelemetry | kind | unit | labels | what it is |", "|---|---|---|---|---|---|"]
    for one in INSTRUMENTS:
        name = f"{one.prometheus}_total" if one.kind == "counter" else one.prometheus
        labels = ", ".join(f"`{label}`" for label in one.labels)
        lines.append(f"| `{name}` | `{one.name}` | {one.kind} | `{one.unit}` | {labels} | {one.text} |")
    return "\n".join(lines)


def test_the_page_is_what_the_code_says() -> None:
    """The page's table lists every instrument, and every label and its attribute stand below it."""
    text = PAGE.read_text()
    before, _, rest = text.partition("<!-- table -->\n")
    written, _, after = rest.partition("<!-- /table -->")
    if os.environ.get("WRITE_TABLE"):
        PAGE.write_text(f"{before}<!-- table -->\n{table()}\n<!-- /table -->{after}")
    else:
        assert written == f"{table()}\n"
    for label in {label for one in INSTRUMENTS for label in one.labels}:
        assert f"| `{label}` | `{attribute(label)}` |" in after
    assert "docs/metrics.md" in (ROOT / "README.md").read_text()


def test_every_type_of_error_is_on_the_page() -> None:
    """Each word that the code gives for a failure is explained."""
    written = set(re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE.read_text(), re.MULTILINE))
    words = {word for cell in written for word in re.findall(r"\w+", cell)}
    sources = "".join(path.read_text() for path in (ROOT / "actions_engine/delivery").rglob("*.py"))
    failures = (ROOT / "actions_engine/delivery/transports/failures.py").read_text()
    of_http = failures.partition("def error_type_of")[2].partition("\n\n\n")[0]
    given = {
        *re.findall(r'error_type(?:: str)? ?= ?"(\w+)"', sources),
        *re.findall(r'(?:return|if|else) "(\w+)"', of_http),
        "retry", "rejected", "paused",
    }  # fmt: skip
    assert given >= {"timeout", "connection", "dns", "tls", "plugin", "transport"}
    assert given <= words


def test_prometheus_reads_every_instrument() -> None:
    """Each appears under its name with its labels; none is called `instance`, which Prometheus takes for itself."""
    registry, metrics = CollectorRegistry(), filled()
    metrics.to_prometheus(registry)
    shown = generate_latest(registry).decode()
    families = {family.name: family for family in text_string_to_metric_families(shown)}
    assert {one.prometheus for one in INSTRUMENTS} == set(families)
    for one in INSTRUMENTS:
        family = families[one.prometheus]
        assert (family.type, family.documentation) == (one.kind, one.text)
        assert {frozenset(sample.labels) - {"le"} for sample in family.samples} == {frozenset(one.labels)}
    call = 'action="send",destination="webhook",destination_instance="hook",mapping="All"'
    for line in (
        f"actions_engine_calls_accepted_total{{{call}}} 5.0",
        f"actions_engine_calls_retries_total{{{call}}} 1.0",
        'actions_engine_calls_pending{destination_instance="hook"} 2.0',
        "actions_engine_events_duplicate_total 2.0",
        'actions_engine_notes_total{destination_instance="hook",field="phone",mapping="All"} 3.0',
        'actions_engine_paused{destination_instance="hook"} 1.0',
        'actions_engine_paused{destination_instance="other"} 0.0',
        'actions_engine_oldest_pending_seconds{destination_instance="hook"} 7.5',
        'actions_engine_attempt_duration_seconds_bucket{action="send",destination="webhook",destination_instance="hook",le="0.025"} 1.0',
        'actions_engine_attempt_errors_total{action="send",destination="webhook",destination_instance="hook",error_type="503"} 1.0',
    ):
        assert line in shown


def test_opentelemetry_reads_every_instrument() -> None:
    """Names and attributes stand in the namespace `actions_engine.`, an error's type is `error.type`."""
    meter, metrics = RecordingMeter(), filled()
    metrics.to_opentelemetry(meter)
    metrics.took(("hook", "webhook", "send"), 0.02, "timeout")
    for one in INSTRUMENTS:
        assert (meter.made[one.name]["kind"], meter.made[one.name]["unit"]) == (one.kind, one.unit)
    assert set(meter.made) - {one.name for one in INSTRUMENTS} == {"http.client.request.duration"}
    read = list(meter.read())
    call = {
        "actions_engine.destination_instance": "hook",
        "actions_engine.destination": "webhook",
        "actions_engine.action": "send",
        "actions_engine.mapping": "All",
    }
    assert ("actions_engine.calls.accepted", 5, call) in read
    assert ("actions_engine.calls.pending", 2, {"actions_engine.destination_instance": "hook"}) in read
    del call["actions_engine.mapping"]
    assert ("actions_engine.attempt.errors", 1, call | {"error.type": "503"}) in read
    assert meter.recorded == [("actions_engine.attempt.duration", 0.02, call | {"error.type": "timeout"})]
    assert meter.made["http.client.request.duration"]["bounds"] == HTTP_BOUNDS
    assert meter.made["actions_engine.attempt.duration"]["bounds"] == BOUNDS


def test_a_counter_that_nobody_reads_keeps_to_the_api() -> None:
    """Without a configured provider the global meter takes everything and does nothing."""
    metrics = filled()
    metrics.to_opentelemetry()
    metrics.took(("hook", "webhook", "send"), 0.02)
    assert metrics.latency["hook", "webhook", "send"].count == 3


@pytest.mark.parametrize(
    ("answer", "error_type"),
    [
        (Answer(400), "400"), (Answer(503), "503"), (Answer(429), "429"), (Answer(fault="reset before"), "connection"),
        (Answer(delay=3.0), "timeout"), (Answer(body=b"x" * 5000, fault="cut"), "answer"),
    ],
    ids=["400", "503", "429", "reset", "late", "cut"],
)  # fmt: skip
def test_failures_are_counted_by_their_type(tmp_path: Path, answer: Answer, error_type: str) -> None:
    """Attempts and requests say why they failed; the request names its server and never its path."""

    async def test(vendor: Vendor) -> None:
        engine, meter = load(tmp_path, a=mapping(f"{vendor.url}/secret-path")), RecordingMeter()
        async with made(engine, tmp_path) as delivery:
            delivery.metrics.to_opentelemetry(meter)
            await delivery.accept(events(1))
            while not delivery.metrics.errors:
                await asyncio.sleep(0.01)
        assert list(delivery.metrics.errors) == [("a", "sink", "one", error_type)]
        sent = [attributes for name, _, attributes in meter.recorded if name == "http.client.request.duration"]
        assert sent[0]["error.type"] == error_type
        assert (sent[0]["http.request.method"], sent[0]["server.address"]) == ("POST", "127.0.0.1")
        assert sent[0]["server.port"] == int(vendor.url.rpartition(":")[2])
        assert sent[0].get("http.response.status_code", 0) == (int(error_type) if error_type.isdecimal() else 0)
        assert "secret" not in repr(meter.recorded)

    run([answer] * 20, test)


def test_a_host_that_is_not_found_is_dns(tmp_path: Path) -> None:
    """A name that no server knows is told from a server that does not answer, and pauses: the gauge says so."""

    async def test(_vendor: Vendor) -> None:
        engine = load(tmp_path, a=mapping("http://no-such-host.invalid"))
        async with made(engine, tmp_path) as delivery:
            await delivery.accept(events(1))
            while not delivery.metrics.rows("actions_engine.paused")[0][1]:
                await asyncio.sleep(0.01)
        assert list(delivery.metrics.errors) == [("a", "sink", "one", "dns")]

    run([], test)


def test_a_group_of_many_mappings_is_counted_for_each(tmp_path: Path) -> None:
    """Calls that shared a request are counted by their own mapping, and what is counted adds up to the ledger."""

    async def test(vendor: Vendor) -> None:
        text = (
            f"destination: sink\nsettings: {{url: '{vendor.url}', token: tok-secret}}\n"
            "mappings: [{name: first, action: many}, {name: second, action: many, trigger: {userId: u1}}]\n"
        )
        engine = load(tmp_path, a=text)
        async with made(engine, tmp_path) as delivery:
            await delivery.accept(events(30, users=3))
            await delivery.drain()
            rows = {row.mapping: row.delivered for row in await delivery.ledger()}
        assert rows == {"first": 30, "second": 10}
        counted = dict(delivery.metrics.rows("actions_engine.calls.delivered"))
        assert counted == {("a", "sink", "many", name): count for name, count in rows.items()}
        assert delivery.metrics.total("delivered", "a") == delivery.metrics.total("delivered") == 40
        assert len(vendor.received) < 40

    run([], test)


def test_what_expires_is_counted_by_its_mapping(tmp_path: Path) -> None:
    """Calls that die while their destination fails are counted with all their labels."""

    async def test(vendor: Vendor) -> None:
        engine = load(tmp_path, a=mapping(vendor.url, delivery="retry_window: 60, first_wait: 1, longest_wait: 2"))
        async with made(engine, tmp_path) as delivery:
            await delivery.accept(events(30))
            while delivery.metrics.total("dead") < 30:
                await asyncio.sleep(0.02)
        assert delivery.metrics.rows("actions_engine.calls.dead") == [(("a", "sink", "one", "m"), 30)]

    run(lambda _request: Answer(500), test)


def test_the_oldest_pending_call_is_told(tmp_path: Path) -> None:
    """How long the first pending call has waited is read from the store, beside one that has nothing to wait for."""

    async def test(vendor: Vendor) -> None:
        engine = load(tmp_path, a=mapping(vendor.url), b=mapping(vendor.url))
        async with made(engine, tmp_path, deliver=False, clock=Clock()) as delivery:
            await delivery.accept(events(3))
        with beside(tmp_path) as store:
            store.pause(Pause("a", BY_HAND, "not now"))
            accepted = store.oldest_pending()
            assert accepted.keys() == {"a", "b"}
        async with made(engine, tmp_path, clock=Clock()) as delivery:
            while not delivery.metrics.oldest:
                await asyncio.sleep(0.01)
            assert delivery.metrics.oldest["a"] > 0
            while delivery.metrics.pending["b"]:
                await asyncio.sleep(0.01)
            told = dict(delivery.metrics.rows("actions_engine.oldest_pending"))
            assert told["a",] > 0
            assert told["b",] == 0

    run([], test)


def test_a_secret_url_is_not_measured_by_its_name(tmp_path: Path) -> None:
    """Where the whole URL is a secret its host is one too."""

    async def test(vendor: Vendor) -> None:
        text = f"destination: slack\nsettings: {{webhook_url: '{vendor.url}/services/T0/B0/xyzxyzxyz'}}\nmappings: [{{name: m, action: post_to_webhook, trigger: {{type: track}}, fields: {{text: \"'hi'\"}}}}]\n"
        engine, meter = load(tmp_path, Registry.from_entry_points(), s=text), RecordingMeter()
        async with made(engine, tmp_path) as delivery:
            delivery.metrics.to_opentelemetry(meter)
            await delivery.accept(events(1))
            await delivery.drain()
        sent = [attributes for name, _, attributes in meter.recorded if name == "http.client.request.duration"]
        assert (sent[0]["server.address"], sent[0]["server.port"]) == ("**********", 0)

    run([], test)
