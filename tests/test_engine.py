"""Engine: load and route."""

import copy
import json
import math
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest

from actions_engine import (
    Destination,
    Drop,
    Engine,
    From,
    MappingError,
    Payload,
    Registry,
    Request,
    Settings,
    encode_json,
    hookimpl,
)
from actions_engine.call import KEY_NAMESPACE
from tests.conftest import MAPPINGS, REFERENCE, event


class Row(Payload):
    """A row of a test."""

    who: Annotated[str | None, From("userId")] = None
    amount: Annotated[float | None, From("properties.amount")] = None
    data: Any = None


def destination() -> Destination:
    made = Destination("sink", settings=Settings)

    @made.action(trigger="type != null")
    def row(_settings: Settings, payload: Row) -> Request:
        """Take a row."""
        return Request.post("https://sink.test/rows", json=payload.body())

    return made


Load = Callable[..., Engine]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(*mappings: dict[str, Any], **file: Any) -> Engine:
        (tmp_path / "sink.yaml").write_text(
            json.dumps({"destination": "sink", "mappings": [{"action": "row", **m} for m in mappings], **file})
        )
        return Engine.load(tmp_path, registry=Registry([destination()]), environ={})

    return load


def test_one_event_becomes_two_calls(academy: Engine) -> None:
    """Button Clicked with traits is a Track call and an Identify call, both with the traits at hand."""
    calls = academy.route(event("button_clicked")).calls
    assert [call.action for call in calls] == ["track", "identify"]
    track, identify = (call.payload.body() for call in calls)
    assert track["event"] == "Button Clicked"
    assert track["context"]["traits"] == {"username": "testing-123"}
    assert identify["traits"] == {"username": "testing-123"}


def test_without_traits_track_fires_alone(academy: Engine) -> None:
    """Button Clicked without traits is a Track call."""
    assert [call.action for call in academy.route(event("button_clicked_without_traits")).calls] == ["track"]


def test_another_event_fires_nothing(academy: Engine) -> None:
    """The spec's Course Clicked fires neither mapping."""
    assert not academy.route(event("course_clicked")).calls


def test_the_specs_own_events(academy: Engine) -> None:
    """The events as the spec's page gives them fire as the shipped samples do."""
    events = {item["id"]: item["event"] for item in json.loads((REFERENCE / "segment_spec_events.json").read_text())}
    assert len(academy.route(events["button_clicked"]).calls) == 2
    assert not academy.route(events["course_clicked"]).calls


def test_the_event_is_never_changed(academy: Engine) -> None:
    """Routing and building requests leave the event as it was."""
    given = event("button_clicked")
    before = copy.deepcopy(given)
    academy.requests(academy.route(given).calls)
    assert given == before


def test_the_key_is_deterministic(academy: Engine) -> None:
    """A call's key depends on message, instance and mapping alone, and is a name-based UUID."""
    track, identify = academy.route(event("button_clicked")).calls
    again = academy.route(event("button_clicked")).calls[0]
    assert track.key == again.key != identify.key
    name = f"{event('button_clicked')['messageId']}\nacademy\nTrack clicks"
    assert track.key == str(uuid.uuid5(KEY_NAMESPACE, name))


def test_an_event_without_message_id_has_a_key_of_its_content(academy: Engine) -> None:
    """Equal content gives equal keys, other content other keys."""
    given = event("button_clicked")
    del given["messageId"]
    one = academy.route(given).calls[0].key
    assert one == academy.route(copy.deepcopy(given)).calls[0].key
    assert one != academy.route(given | {"userId": "another"}).calls[0].key


def test_requests_are_batched(academy: Engine) -> None:
    """Calls of one action share a request, each item with its own message id."""
    events = [event("button_clicked") | {"messageId": f"m{number}"} for number in range(3)]
    calls = [call for routing in academy.route_many(events) for call in routing.calls]
    requests = academy.requests(calls)
    assert [len(request.json["batch"]) for request in requests] == [3, 3]
    assert [item["messageId"] for item in requests[0].json["batch"]] == [
        call.key for call in calls if call.action == "track"
    ]


def test_requests_never_show_secrets(academy: Engine) -> None:
    """The write key is in the headers that a transport asks for and in no other form of the request."""
    request = academy.requests(academy.route(event("button_clicked")).calls)[0]
    assert "wk-secret" not in repr(request) + str(request) + json.dumps(request.as_dict())
    assert request.full_headers()["Authorization"] == "Basic d2stc2VjcmV0Og=="


def test_a_failing_mapping_is_rejected_alone(load: Load) -> None:
    """A function that cannot take a value rejects its mapping with field, type and reason; the others go on."""
    engine = load(
        {"name": "good"},
        {"name": "bad", "invalid": "reject", "fields": {"data": "lower(properties.amount)"}},
        {"name": "worse", "invalid": "reject", "fields": {"amount": "properties.title"}},
    )
    routing = engine.route({"type": "track", "userId": "u", "properties": {"amount": 5, "title": "private text"}})
    assert [call.mapping for call in routing.calls] == ["good"]
    bad, worse = routing.rejections
    assert (bad.mapping, bad.faults[0].field) == ("bad", "data")
    assert bad.reason == "data: lower(): subject is a number, expected a string"
    assert worse.reason.startswith("amount is a string: expected a number")
    assert "private text" not in worse.reason


@pytest.mark.parametrize("given", [None, 5, "track", [], [{"type": "track"}], 1.5, True, object()])
def test_what_is_no_event_is_rejected(academy: Engine, given: Any) -> None:
    """Anything but an object is one rejection and no exception."""
    (rejection,) = academy.route(given).rejections
    assert "an event is an object" in rejection.reason


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "odd",
    [
        {"event": ["Button Clicked"]},
        {"event": {"a": 1}},
        {"event": math.nan},
        {"type": []},
        {"context": "text"},
        {"context": []},
        {"context": {"traits": []}},
        {"": 1, "a.b": 2, "__class__": 3},
        {"userId": "\ud800"},
        {"properties": deep(10_000)},
        {"context": {"traits": deep(10_000)}},
        {"userId": 10**399},
        {"properties": {"n": 10**5000}},
        {"messageId": None},
        {"messageId": "\udfff"},
        {"integrations": []},
        {"integrations": {"All": "x"}},
        {"properties": {"text": "x" * 10_000_000}},
        {"timestamp": math.inf},
        {5: 6},
    ],
    ids=range(20),
)
def test_hostile_events_harm_nothing(academy: Engine, load: Load, odd: dict[Any, Any]) -> None:
    """An odd value is at most a named rejection, and the next event is routed as ever."""
    everything = load(
        {"name": "all", "fields": {"data": "{a: to_string(context), b: properties.*, c: context.traits == properties}"}}
    )
    for engine in (academy, everything):
        routing = engine.route(event("button_clicked") | odd)
        for call in routing.calls:
            assert len(call.key) == 36
        assert all(rejection.reason for rejection in routing.rejections)
    assert len(academy.route(event("button_clicked")).calls) == 2


@pytest.mark.parametrize(
    ("integrations", "count"),
    [
        ({}, 1),
        ({"All": True}, 1),
        ({"All": False}, 0),
        ({"All": False, "sink": True}, 1),
        ({"All": False, "SINK": {"x": 1}}, 1),
        ({"sink": False}, 0),
        ({"Sink": None}, 0),
        ({"Other": False}, 1),
        (None, 1),
        ("no", 1),
    ],
)
def test_the_integrations_object_is_obeyed(load: Load, integrations: Any, count: int) -> None:
    """`integrations` decides which destinations may see the event."""
    engine = load({"name": "all"})
    assert len(engine.route({"type": "track", "integrations": integrations}).calls) == count


def test_filter_disabled_and_instances(tmp_path: Path) -> None:
    """A file's filter holds for each of its mappings, a disabled mapping or file is silent, instances differ by file."""
    for name, head in (("a", "filter: {type: track}"), ("b/c", "enabled: true"), ("d", "enabled: false")):
        file = tmp_path / f"{name}.yml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(
            f"destination: sink\n{head}\nmappings:\n- {{name: on, action: row}}\n- {{name: off, action: row, enabled: false}}\n"
        )
    engine = Engine.load(tmp_path, registry=Registry([destination()]), environ={})
    assert [call.instance for call in engine.route({"type": "track"})] == ["a", "b/c"]
    assert [call.instance for call in engine.route({"type": "page"})] == ["b/c"]


def test_many_mappings_that_fire_together(load: Load) -> None:
    """More mappings than one program holds still fire in the order of the file."""
    engine = load(*({"name": f"m{number}", "fields": {"amount": number}} for number in range(200)))
    assert [call.payload.body()["amount"] for call in engine.route({"type": "track"})] == list(range(200))


def test_problems_come_all_at_once(load: Load) -> None:
    """One load reports every problem of a file, each with its place."""
    with pytest.raises(MappingError) as raised:
        load(
            {"name": "a", "fields": {"whom": "userId", "who": "user id"}},
            {"name": "a", "trigger": {"type": "Identify"}},
            {"name": "b", "action": "rows"},
            settings={"key": "${NOT_SET}"},
        )
    assert {problem.code for problem in raised.value.problems} == {
        "unset-variable",
        "unknown-field",
        "expression-syntax",
        "duplicate-mapping",
        "unknown-event-type",
        "unknown-action",
    }
    assert list(raised.value.problems) == sorted(raised.value.problems, key=lambda problem: problem.location)
    assert all(problem.location and problem.location.column > 1 for problem in raised.value.problems)


def test_text_of_mappings_never_reaches_the_program_unquoted(load: Load) -> None:
    """Names and literals made to break out of the generated source are data in it, and nothing more."""
    attacks = ["'); raise SystemExit('", '"""', "\n    raise SystemExit", "\\'", "{}", "\u2028import os", "v1", "event"]
    fields = {"data": {f"k{text}": {"$literal": text} for text in attacks}}
    fields["data"] |= {f"e{number}": json.dumps(text) + "." + json.dumps(text) for number, text in enumerate(attacks)}
    fields["data"] |= {f"t{number}": f"{text} {{{{ type }}}}" for number, text in enumerate(attacks)}
    engine = load(
        *({"name": f"n {text}", "trigger": {json.dumps(text): {"is_not": text}}, "fields": fields} for text in attacks)
    )
    given = {"type": "track"} | {text: {text: text} for text in attacks}
    calls = engine.route(given).calls
    assert len(calls) == len(attacks)
    data = calls[0].payload.body()["data"]
    assert [data[f"k{text}"] for text in attacks] == attacks
    assert [data[f"e{number}"] for number in range(len(attacks))] == attacks
    assert [data[f"t{number}"] for number in range(len(attacks))] == [f"{text} track" for text in attacks]
    assert engine.source(engine.mappings[0]).isascii()


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "(" * 5_000 + "a" + ")" * 5_000,
        "!" * 5_000 + "a",
        "a" + "[0]" * 3_000,
        " || ".join(["a"] * 2_000),
        "[" * 5_000,
        "a." * 4_999 + "a",
        "{a: " * 2_000,
        "@" + ".[@,@]" * 1_600,
        "@" + ".[@,@]" * 50,
        "@" + "|[@,@]" * 95,
    ],
)
def test_monstrous_expressions_are_problems(load: Load, text: str) -> None:
    """An expression beyond all measure is a problem or works; it is no RecursionError."""
    try:
        load({"name": "m", "fields": {"data": text}}).route({"type": "track"})
    except MappingError as error:
        assert error.problems[0].code.startswith("expression-")


class Consent:
    """A plugin that drops, enriches or fails, as the event asks."""

    @hookimpl
    def before_route(self, event: dict[str, Any]) -> Any:
        wish = event.get("wish")
        if wish == "drop":
            return Drop("no consent")
        if wish == "fail":
            raise ValueError("broken")
        return event | {"userId": "enriched"} if wish == "enrich" else wish


def test_before_route_enriches_drops_and_fails_closed(tmp_path: Path) -> None:
    """A hook may change what is routed or drop it with a reason; one that fails lets nothing through unnoticed."""

    class Sink:
        @hookimpl
        def register_destinations(self, register: Any) -> None:
            register(destination())

    registry = Registry.from_plugins({"consent": Consent(), "sink": Sink()})
    (tmp_path / "sink.yaml").write_text("destination: sink\nmappings:\n- {name: all, action: row}\n")
    engine = Engine.load(tmp_path, registry=registry, environ={})
    assert engine.route({"type": "track", "wish": "drop"}).dropped == "no consent"
    assert engine.route({"type": "track", "wish": "enrich"}).calls[0].payload.body() == {"who": "enriched"}
    assert len(engine.route({"type": "track"}).calls) == 1
    assert "before_route raised ValueError" in engine.route({"type": "track", "wish": "fail"}).rejections[0].reason
    assert "returned int" in engine.route({"type": "track", "wish": 5}).rejections[0].reason


def test_the_shipped_mappings_load(registry: Registry) -> None:
    """Every shipped mapping file loads."""
    environ = {"SEGMENT_WRITE_KEY": "x"}
    assert Engine.load(MAPPINGS, registry=registry, environ=environ).mappings


def test_calls_encode_as_json(academy: Engine) -> None:
    """A call is JSON with its payload inside."""
    call = academy.route(event("button_clicked")).calls[1]
    shown = json.loads(encode_json(call.as_dict()))
    assert shown["payload"]["user_id"] == "AiUGstSDIg"
    assert list(shown) == ["destination", "instance", "action", "mapping", "key", "payload"]
