"""Values as they really are: what typed fields read, what is left out with a note, and where notes are told."""

from __future__ import annotations

import enum
import json
import re
import sqlite3
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import AfterValidator

import actions_engine
from actions_engine import (
    Delivery,
    Destination,
    Engine,
    Fact,
    From,
    HashedPhone,
    JsonObject,
    Money,
    Part,
    Payload,
    Registry,
    Request,
    Routing,
    Settings,
    Timestamp,
    at_least_one_of,
    encode_json,
    turned_into,
)
from actions_engine.cli import main
from actions_engine.store.open import store_of
from actions_engine.store.payload_json import read_payload, write_payload

PAGE = (Path(__file__).parent.parent / "plugins" / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(
    r"^\| `(\w+)` \| `(.+)` \| (.+) \|$",
    PAGE.partition("<!-- reads -->")[2].partition("<!-- /reads -->")[0],
    re.MULTILINE,
)


def engine_of(payload: type[Payload], folder: Path, **keys: Any) -> Engine:
    """Return an engine with one mapping of an action that takes a payload."""
    destination = Destination("probe", settings=Settings)

    def send(settings: Settings, payload: Payload) -> Request:
        """Send it."""
        return Request.post("https://vendor.example.com/", json=payload.body())

    send.__annotations__["payload"] = payload
    destination.action(trigger="type != null")(send)
    file = {"destination": "probe", "mappings": [{"name": "All", "action": "send", **keys}]}
    (folder / "probe.yaml").write_text(json.dumps(file))
    return Engine.load(folder / "probe.yaml", registry=Registry([destination]), environ={})


@pytest.mark.parametrize(("name", "given_text", "read"), ROWS)
def test_what_fields_read(tmp_path: Path, name: str, given_text: str, read: str) -> None:
    """Every row of the page's table is what happens."""
    kind = {"str": str, "int": int, "bool": bool}.get(name) or getattr(actions_engine, name)
    payload = type(
        "One",
        (Payload,),
        {"__annotations__": {"value": Annotated[kind | None, From("properties.value")]}, "value": None},
    )
    routing = engine_of(payload, tmp_path).route({"type": "track", "properties": {"value": json.loads(given_text)}})
    if read == "rejected":
        (rejection,) = routing.rejections
        assert rejection.faults[0].field == "value"
        return
    (call,) = routing.calls
    assert bool(call.notes) is (read == "left out")
    assert call.payload.body() == ({} if read in ("left out", "nothing") else {"value": json.loads(read.strip("`"))})


def test_the_page_has_a_table() -> None:
    """The rows were found."""
    assert len(ROWS) > 40


class Item(Part):
    id: str
    price: Money | None = None
    position: int | None = None
    coupon: str | None = None


def _short(value: str) -> str:
    if len(value) > 5:
        raise turned_into(value[:5], "the vendor takes 5 characters")
    return value


class Order(Payload):
    name: Annotated[str, AfterValidator(_short), From("event")]
    user_id: Annotated[str | None, From("userId")] = None
    anonymous_id: Annotated[str | None, From("anonymousId")] = None
    phone: Annotated[HashedPhone | None, From(Fact.PHONE_NUMBER)] = None
    time: Annotated[Timestamp | None, From(Fact.MOMENT)] = None
    revenue: Annotated[Money | None, From("properties.revenue")] = None
    items: Annotated[list[Item] | None, From("properties.products")] = None
    properties: Annotated[JsonObject | None, From("properties")] = None

    identified = at_least_one_of("user_id", "anonymous_id")


@pytest.fixture
def route(tmp_path: Path) -> Callable[..., Routing]:
    """Route an event by one mapping of every kind of field."""
    engine = engine_of(Order, tmp_path)

    def routed(**event: Any) -> Routing:
        event = {"type": "track", "event": "A", "userId": "u", **event}
        routing = engine.route(event)
        (trace,) = engine.explain(event).mappings
        # What explains agrees with what routes.
        assert (trace.call or {}).get("payload") == (routing.calls[0].payload.body() if routing.calls else None)
        assert trace.rejection == (routing.rejections[0] if routing.rejections else None)
        return routing

    return routed


def test_a_note_says_field_kind_reason_and_place(route: Callable[..., Routing], tmp_path: Path) -> None:
    """What was left out is told with the mapping's line, and never with the value."""
    (call,) = route(context={"traits": {"phone": "secret-phone"}}).calls
    (note,) = call.notes
    assert (note.field, note.found, note.change) == ("phone", "a string", "left out")
    assert "telephone number with its country code" in note.reason
    assert note.place == f"{tmp_path}/probe.yaml:1:39"
    assert "secret-phone" not in str(note)
    assert call.as_dict()["notes"][0]["field"] == "phone"


def test_items_lose_their_own_fields_alone(route: Callable[..., Routing]) -> None:
    """A null item, one without its id and a position in words cost no other product, and the event stays as it was."""
    products = [None, {"id": 1, "price": " 2.50", "position": "first", "coupon": ""}, {"price": 1}, {"id": "c"}]
    properties = {"products": products}
    before = json.dumps(properties)
    (call,) = route(properties=properties).calls
    assert call.payload.body()["items"] == [{"id": "1", "price": 2.5}, {"id": "c"}]
    assert [note.field for note in call.notes] == ["items.0", "items.1.position", "items.2"]
    assert json.dumps(properties) == before


def test_wrong_money_rejects(route: Callable[..., Routing]) -> None:
    """An amount that cannot be read rejects, wherever it stands; a blank one is merely absent."""
    assert route(properties={"revenue": "$5"}).rejections[0].reason == "revenue is a string: expected a number"
    assert (
        route(properties={"products": [{"id": "a", "price": "dear"}]}).rejections[0].faults[0].field == "items.0.price"
    )
    (call,) = route(properties={"revenue": " ", "products": [{"id": "a", "price": ""}]}).calls
    assert not call.notes


def test_reasons_are_sentences(tmp_path: Path) -> None:
    """A rejection says what was expected in words, and never names pydantic's types or patterns."""

    class Bill(Payload):
        currency: Annotated[actions_engine.Currency, From("properties.currency")]
        amount: Annotated[Money, From("properties.amount")]

    (rejection,) = (
        engine_of(Bill, tmp_path).route({"type": "track", "properties": {"currency": 5, "amount": [1, 2]}}).rejections
    )
    assert rejection.reason == (
        "currency is a number: expected a currency's three letters, such as EUR; amount is a list: expected a number"
    )


def test_a_blank_id_is_none(route: Callable[..., Routing]) -> None:
    """Of several ids a blank one counts as missing, in the payload and for what must have one of them."""
    (call,) = route(userId="  ", anonymousId="a").calls
    assert call.payload.body().keys() >= {"anonymous_id"}
    assert "user_id" not in call.payload.body()
    assert "at least one of" in route(userId="", anonymousId="\t").rejections[0].reason


def test_what_a_vendor_would_drop_is_turned(route: Callable[..., Routing]) -> None:
    """A validator may send another value in place of one that the vendor drops; a note says so."""
    (call,) = route(event="Something long").calls
    assert call.payload.body()["name"] == "Somet"
    assert str(call.notes[0]) == "name was changed: the vendor takes 5 characters"


def test_strictness_is_the_mappings(tmp_path: Path) -> None:
    """`invalid: reject` makes each such value reject; what is plainly meant is still read."""
    strict = engine_of(Order, tmp_path, invalid="reject")
    (rejection,) = strict.route({"type": "track", "event": "A", "userId": "u", "timestamp": "soon"}).rejections
    assert rejection.reason.startswith("time is a string: expected a date and time")
    (call,) = strict.route({"type": "track", "event": "A", "userId": 5.0, "properties": {"revenue": "5"}}).calls
    assert call.payload.body()["user_id"] == "5"
    (rejection,) = strict.route(
        {"type": "track", "event": "A", "userId": "u", "properties": {"products": [None]}}
    ).rejections
    assert rejection.faults[0].field == "items.0"


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["", " ", "\t"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
OPTIONAL = ("anonymousId", "timestamp", "context", "properties", "traits", "integrations_of_ours")


@given(st.sampled_from(OPTIONAL), ODD)
def test_no_optional_value_loses_a_call(tmp_path_factory: pytest.TempPathFactory, name: str, value: Any) -> None:
    """A law: an event in which any one optional value is anything still makes the call, without a blank id."""
    engine = _engine_once(tmp_path_factory)
    event = {
        "type": "track",
        "event": "A",
        "userId": "u",
        "context": {"traits": {"phone": "+16502530000"}},
        name: value,
    }
    (call,) = engine.route(event).calls
    body = call.payload.body()
    assert all(body.get(field) is None or body[field].strip() for field in ("user_id", "anonymous_id"))
    # What `route` shows is what `run` sends.
    stored = write_payload(call.payload)
    assert encode_json(read_payload(Order, stored).body()) == stored
    assert "NaN" not in stored.decode()


@given(ODD)
def test_no_trait_loses_a_call(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    """A law: whatever a telephone number is, the call is made."""
    event = {"type": "track", "event": "A", "userId": "u", "context": {"traits": {"phone": value}, "locale": value}}
    assert _engine_once(tmp_path_factory).route(event).calls


_ENGINES: list[Engine] = []


def _engine_once(factory: pytest.TempPathFactory) -> Engine:
    if not _ENGINES:
        _ENGINES.append(engine_of(Order, factory.mktemp("laws")))
    return _ENGINES[0]


# -- a host's own types


class Plan(enum.Enum):
    PRO = "pro"


ID = uuid.UUID("00000000-0000-4000-8000-000000000001")
TRIGGERS = [
    ({"properties.total": {"gt": 5}}, {"total": Decimal("19.90")}, True),
    ({"properties.total": {"lt": 5}}, {"total": Decimal("19.90")}, False),
    ({"properties.total": 19}, {"total": Decimal(19)}, True),
    ({"properties.at": {"gte": "2026-01-01"}}, {"at": datetime(2026, 1, 5, tzinfo=UTC)}, True),
    ({"properties.at": {"gte": "2026-01-01"}}, {"at": date(2025, 1, 5)}, False),
    ({"properties.id": str(ID)}, {"id": ID}, True),
    ({"properties.plan": ["pro", "max"]}, {"plan": Plan.PRO}, True),
    ({"properties.plan": {"starts_with": "pr"}}, {"plan": Plan.PRO}, True),
    ({"properties.tags": {"contains": "a"}}, {"tags": ("a", "b")}, True),
    ({"properties.plan": {"matches": "p*"}, "event": "A"}, {"plan": Plan.PRO}, True),
]


@pytest.mark.parametrize(("trigger", "properties", "holds"), TRIGGERS)
def test_triggers_read_a_hosts_own_types(
    tmp_path: Path, trigger: dict[str, Any], properties: dict[str, Any], holds: bool
) -> None:
    """A Decimal, a moment, a UUID, an enumeration and a tuple are what JSON has for them, alone and beside others."""
    event = {"type": "track", "event": "A", "userId": "u", "properties": properties}
    for condition in (trigger, {"all": [{"type": "track"}, {"event": "A"}, trigger]}):
        engine = engine_of(Order, tmp_path, trigger=condition)
        assert bool(engine.route(event).calls) is holds
        assert engine.explain(event).mappings[0].fired is holds


def test_payloads_keys_and_functions_read_a_hosts_own_types(tmp_path: Path) -> None:
    """Fields, keys and functions take them too, and what is sent of free-form objects is JSON."""
    engine = engine_of(Order, tmp_path, fields={"name": "lower(properties.id)", "time": "properties.at"})
    event = {
        "type": "track", "messageId": ID, "userId": ID, "properties": {
            "id": Plan.PRO, "at": datetime(2026, 1, 5, 10), "revenue": Decimal("19.90"),
            "products": ({"id": ID, "price": Decimal(3)},),
        },
    }  # fmt: skip
    (call,) = engine.route(event).calls
    body = msgspec.json.decode(write_payload(call.payload))
    assert (body["name"], body["user_id"], body["time"], body["revenue"]) == (
        "pro",
        str(ID),
        "2026-01-05T10:00:00.000Z",
        19.9,
    )
    assert body["items"] == [{"id": str(ID), "price": 3}]
    assert body["properties"]["revenue"] == 19.9
    assert call.key == engine.route({**event, "messageId": str(ID)}).calls[0].key


def test_a_lone_surrogate_is_replaced(tmp_path: Path) -> None:
    """Text that is no Unicode costs no call: the character that says so takes its place."""
    (call,) = (
        engine_of(Order, tmp_path)
        .route({"type": "track", "event": "A", "userId": "u", "properties": {"x": "\ud800"}})
        .calls
    )
    assert msgspec.json.decode(write_payload(call.payload))["properties"] == {"x": "\ufffd"}


# -- where notes are told


def test_notes_are_in_ledger_command_and_metrics(tmp_path: Path) -> None:
    """A delivered call keeps its notes: the ledger counts it, `notes` lists it, a metric counts field and mapping."""
    engine = engine_of(Order, tmp_path)
    store = str(tmp_path / "calls.db")
    events = [
        {"type": "track", "event": "A", "userId": "u", "messageId": str(n), "timestamp": "soon"} for n in range(3)
    ]
    with Delivery(engine, store, deliver=False).in_thread() as delivery:
        delivery.accept(events)
        (row,) = delivery.ledger()
        registry = CollectorRegistry()
        delivery.metrics.to_prometheus(registry)
        text = generate_latest(registry).decode()
    assert (row.accepted, row.noted, row.holds) == (3, 3, True)
    assert 'actions_engine_notes_total{destination_instance="probe",field="time",mapping="All"} 3.0' in text
    told = CliRunner().invoke(main, ["notes", "--store", store]).output
    assert "         3  probe / All  time was left out: a string, expected a date and time" in told
    lines = CliRunner().invoke(main, ["notes", "--store", store, "--format", "json"]).stdout.splitlines()
    assert [json.loads(line)["message_id"] for line in lines] == ["0", "1", "2"]


def test_a_store_of_the_release_before_is_brought_along(tmp_path: Path) -> None:
    """A store without the table of notes gets it, and keeps what it holds."""
    path = tmp_path / "calls.db"
    store = store_of(str(path))
    store.open()
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE notes")
        connection.execute("UPDATE meta SET value = '1' WHERE name = 'version'")
        connection.execute("INSERT INTO positions VALUES ('kept', '7')")
    store.open()
    assert store.position("kept") == "7"
    assert not store.ledger()
    store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchall() == [("2",)]


def test_the_next_place_is_looked_at(route: Callable[..., Routing]) -> None:
    """Where one place of `a || b` holds what cannot be read, or nothing but blanks, the next one is taken."""
    (call,) = route(timestamp="soon", receivedAt="2026-01-05T10:00:00Z").calls
    assert call.payload.body()["time"] == "2026-01-05T10:00:00.000Z"
    assert [(note.field, note.change) for note in call.notes] == [("time", "changed")]
