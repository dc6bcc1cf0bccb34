"""The decisions of delivery, each by itself: waits, limits, breaker, groups, settings, and payloads read back."""

import datetime
import decimal
import math
import uuid
from collections import Counter
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, BeforeValidator, Field

from actions_engine import (
    Batch,
    DeliverySettings,
    Destination,
    Engine,
    HashedEmail,
    JsonArray,
    JsonObject,
    MappingError,
    Outcome,
    Payload,
    Product,
    Registry,
    Request,
    Secret,
    Settings,
    Steps,
    UnixSeconds,
    encode_json,
)
from actions_engine.delivery.backoff import backoff, ceiling
from actions_engine.delivery.breaker import Breaker
from actions_engine.delivery.limits import TokenBucket
from actions_engine.delivery.plan import plan_event
from actions_engine.delivery.queue import Held, Queue, hold
from actions_engine.delivery.settlement import settle
from actions_engine.language.durations import read_duration
from actions_engine.language.expression import ExpressionParser
from actions_engine.language.fields import evaluate, parse_field_text
from actions_engine.store.contract import LeasedCall
from actions_engine.store.payload_json import read_payload, write_payload
from tests.conftest import event

# -- waits


@given(st.integers(1, 10_000), st.floats(0.01, 10), st.floats(10, 10_000))
def test_waits_grow_up_to_the_longest(attempts: int, first: float, longest: float) -> None:
    """The ceiling doubles with each attempt, never beyond the longest wait."""
    assert ceiling(1, first, longest) == min(first, longest)
    assert ceiling(attempts, first, longest) <= ceiling(attempts + 1, first, longest) <= longest


@given(st.integers(1, 50), st.one_of(st.none(), st.floats(0, 100_000)), st.floats(0, 1))
def test_what_the_destination_asks_for_is_the_least(attempts: int, asked: float | None, draw: float) -> None:
    """Retry-After is waited for in full, whatever the jitter draws."""
    wait = backoff(attempts, first=1, longest=1800, asked=asked, jitter=lambda most: most * draw)
    assert wait >= (asked or 0)
    assert wait <= max(1800, (asked or 0) * 1.1)


def leased(
    number: int = 1, *, attempts: int = 0, accepted_at: float = 0.0, user: str = "", bisect: int = 0
) -> LeasedCall:
    return LeasedCall(number, "t", f"k{number}", "i", "m", "act", user, b"{}", attempts, accepted_at, bisect)


@pytest.mark.parametrize(
    ("outcome", "settings", "now", "kind", "reason"),
    [
        (Outcome.delivered(), {}, 0, "delivered", ""),
        (Outcome.rejected("HTTP 400"), {}, 0, "rejected", "HTTP 400"),
        (Outcome("paused", "HTTP 401"), {"max_attempts": 1}, 0, "release", "HTTP 401"),
        (Outcome.retry("HTTP 500"), {}, 86_399, "retry", "HTTP 500"),
        (Outcome.retry("HTTP 500"), {}, 86_400, "dead", "HTTP 500 (attempt 1, the retry window is over)"),
        (Outcome.retry("HTTP 500"), {"max_attempts": 1}, 0, "dead", "HTTP 500 (attempt 1 of 1)"),
        (
            Outcome.retry("HTTP 429", 1e6),
            {},
            0,
            "dead",
            "HTTP 429 (it asks to wait 1,000,000 s, beyond the retry window)",
        ),
    ],
)
def test_an_outcome_becomes_a_settlement(
    outcome: Outcome, settings: dict[str, Any], now: float, kind: str, reason: str
) -> None:
    """Each outcome ends a call, puts it off or gives it back, with its reason."""
    settlement = settle(leased(), outcome, DeliverySettings(**settings), now=now, jitter=lambda most: most)
    assert (settlement.kind, settlement.reason) == (kind, reason)


@given(st.floats(0, 86_399), st.integers(0, 40), st.floats(0, 1))
def test_the_last_attempt_is_within_the_window(now: float, attempts: int, draw: float) -> None:
    """No retry is due after the window's end, none before now."""
    settlement = settle(
        leased(attempts=attempts), Outcome.retry("x"), DeliverySettings(), now=now, jitter=lambda most: most * draw
    )
    assert now <= settlement.due <= 86_400


# -- rates and the breaker


@given(
    st.floats(0.1, 100),
    st.floats(1, 20),
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 30)), min_size=1, max_size=50),
)
def test_a_bucket_never_lets_too_much_through(rate: float, burst: float, steps: list[tuple[float, int]]) -> None:
    """In the time until any take, no more passed than the rate times that time, a burst, and one oversized take."""
    bucket = TokenBucket(rate, burst)
    now, taken = 100.0, 0.0
    for pause, amount in steps:
        now += pause
        if bucket.wait(amount, now) == 0:
            assert taken <= rate * (now - 100.0) + max(burst, 30) + 1e-6
            bucket.take(amount, now)
            taken += amount


def test_a_bucket_says_how_long_to_wait() -> None:
    """After the time that it names, the bucket lets the amount through; a clock set back does no harm."""
    bucket = TokenBucket(2.0, 1.0)
    bucket.take(1, 10.0)
    assert bucket.wait(1, 10.0) == pytest.approx(0.5)
    assert bucket.wait(1, 10.5) == 0
    bucket.take(1, 10.5)
    assert bucket.wait(1, 3.0) > 0


def test_the_breaker_opens_probes_and_closes() -> None:
    """Ten failures open it; each failed probe doubles the wait, up to a minute; a success closes it."""
    breaker = Breaker()
    for _ in range(9):
        breaker.failure(0.0)
    assert breaker.limit(0.0) is None
    breaker.failure(0.0)
    assert [breaker.limit(now) for now in (0.0, 0.9, 1.0)] == [0, 0, 1]
    now, waits = 1.0, []
    for _ in range(8):
        breaker.failure(now)
        assert breaker.opened_until is not None
        waits.append(breaker.opened_until - now)
        now = breaker.opened_until
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    breaker.success()
    assert breaker.limit(now) is None


def test_failures_under_way_when_it_opens_do_not_count_as_probes() -> None:
    """Answers to requests that started before the breaker opened leave its wait as it is."""
    breaker = Breaker(threshold=1)
    breaker.failure(0.0)
    breaker.failure(0.1)
    assert breaker.opened_until == 1.0


# -- groups


def destination(batch: Batch | None, **options: Any) -> Destination:
    made = Destination("d")

    class Empty(Payload):
        pass

    if batch is None:

        @made.action(trigger="type != null")
        def single(settings: Settings, payload: Empty) -> Request:
            return Request.get("http://x")
    else:

        @made.action(trigger="type != null", batch=batch, **options)
        def act(settings: Settings, payloads: list[Empty]) -> Request:
            return Request.get("http://x")

    return made


def held(made: Destination, number: int, user: str = "", bisect: int = 0) -> Held:
    (action,) = made.actions.values()
    return hold(leased(number, user=user, bisect=bisect), math.inf, action, action.payload())


def taken(queue: Queue, now: float = 0.0) -> list[list[int]]:
    groups = iter(lambda: queue.take(now), None)
    return [[item.call.id for item in group.calls] for group in groups if group is not None]


def test_groups_are_full_or_have_waited() -> None:
    """A full group goes at once, the rest when its linger is over."""
    made = destination(Batch(max_calls=3, linger=2.0))
    queue = Queue(ordered=False)
    for number in range(7):
        queue.add(held(made, number), 10.0)
    assert taken(queue, 10.0) == [[0, 1, 2], [3, 4, 5]]
    assert queue.next_due() == 12.0
    assert taken(queue, 12.0) == [[6]]


def test_a_refused_batch_comes_in_halves_and_waits_for_nobody() -> None:
    """Calls of a batch that was refused share a request with half as many, without linger."""
    made = destination(Batch(max_calls=100, linger=60.0))
    queue = Queue(ordered=False)
    for number in range(5):
        queue.add(held(made, number, bisect=2), 0.0)
    assert taken(queue) == [[0, 1], [2, 3], [4]]


def test_ordered_users_wait_for_their_own_calls_alone() -> None:
    """Without batches one call of a user is under way at a time; what waits behind a failed one is given back."""
    made = destination(None)
    queue = Queue(ordered=True)
    for number, user in enumerate("aabba"):
        queue.add(held(made, number, user), 0.0)
    first, second = queue.take(0.0), queue.take(0.0)
    assert first is not None
    assert second is not None
    assert queue.take(0.0) is None
    assert [item.call.id for item in queue.finish(first, first.calls, 0.0)] == [1, 4]
    assert queue.finish(second, [], 0.0) == []
    assert taken(queue) == [[3]]


def test_a_users_calls_share_no_request_of_several_steps() -> None:
    """Steps tell calls apart: the first of a user could fail and the second succeed."""
    made = Destination("steps")

    @made.action(trigger="type != null", batch=Batch(max_calls=5))
    def act(settings: Settings, payloads: list[Payload]) -> Steps:
        """Act."""
        response = yield Request.post("https://vendor.example.com")
        return [Outcome.of(response)] * len(payloads)

    queue = Queue(ordered=True)
    for number, user in enumerate("aab"):
        queue.add(held(made, number, user), 0.0)
    assert taken(queue) == [[0, 2]]


@given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(1, 5), st.randoms(use_true_random=False))
def test_no_call_is_lost_and_no_user_overtaken(users: str, size: int, choice: Any) -> None:
    """However groups end, every call is taken or given back once, each user's in order."""
    made = destination(Batch(max_calls=size))
    queue = Queue(ordered=True)
    for number, user in enumerate(users):
        queue.add(held(made, number, user), 0.0)
    seen: list[int] = []
    under_way: list[Any] = []
    while (group := queue.take(0.0, hurry=True)) is not None or under_way:
        if group is not None:
            assert not {item.call.user for item in group.calls} & {
                item.call.user for other in under_way for item in other.calls
            }
            under_way.append(group)
            seen += [item.call.id for item in group.calls]
            if choice.random() < 0.5:
                continue
        ended = under_way.pop(choice.randrange(len(under_way)))
        failed = ended.calls if choice.random() < 0.3 else []
        seen += [item.call.id for item in queue.finish(ended, failed, 0.0)]
    assert Counter(seen) == Counter(range(len(users)))
    for name in "abc":
        own = [number for number in seen if users[number] == name]
        assert own == sorted(own)


# -- settings


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(30, 30), (0.5, 0.5), ("24h", 86400), ("1h30m", 5400), ("500ms", 0.5), ("7 d", 604800), ("1.5s", 1.5)],
)
def test_durations(written: Any, seconds: float) -> None:
    """A duration is seconds, or text with its units."""
    assert read_duration(written) == seconds


@pytest.mark.parametrize("written", ["24", "h", "1y", "", True, None, [1], "-1s"])
def test_what_is_no_duration_is_refused(written: Any) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match="such as 30s"):
        read_duration(written)


def test_a_files_delivery_is_read_over_the_plugins(tmp_path: Path) -> None:
    """What a file does not say, the plugin says."""
    made = destination(None)
    made.delivery = DeliverySettings(concurrency=2, timeout=5)
    text = "destination: d\ndelivery: {timeout: 1m}\nmappings: [{name: m, action: single}]\n"
    (tmp_path / "m.yaml").write_text(text)
    engine = Engine.load(tmp_path, registry=Registry([made]))
    delivery = engine.mappings[0].instance.delivery
    assert (delivery.concurrency, delivery.timeout, delivery.retry_window) == (2, 60, 86400)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{concurency: 4}", "2:12: error[unknown-key]: `delivery` has no key 'concurency'"),
        ("{ordering: users}", "2:22: error[delivery-value]: delivery 'ordering'"),
        ("{retry_window: soon}", "a duration is a number of seconds, or text such as 30s"),
        ("{concurrency: 0}", "greater than or equal to 1"),
        ("fast", "`delivery` is a mapping, not a string"),
    ],
)
def test_wrong_delivery_settings_are_told_with_their_place(tmp_path: Path, written: str, expected: str) -> None:
    """A mistake is a problem with line and column."""
    (tmp_path / "m.yaml").write_text(f"destination: d\ndelivery: {written}\nmappings: [{{name: m, action: single}}]\n")
    with pytest.raises(MappingError) as caught:
        Engine.load(tmp_path, registry=Registry([destination(None)]))
    assert expected in str(caught.value)


# -- payloads read back


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class First(Payload):
    kind: Literal["first"] = "first"
    name: Annotated[str, BeforeValidator(lambda value: f"{value}!")]


class Second(Payload):
    kind: Literal["second"] = "second"
    name: int


class Plain(BaseModel):
    a: int = 1
    b: str | None = None


class Everything(Payload):
    """A field of every kind; those with validators that must not run twice among them."""

    loud: Annotated[str, BeforeValidator(lambda value: f"{value}!")] | None = None
    email: HashedEmail | None = None
    colour: Colour | None = None
    level: Level = Level.HIGH
    moment: datetime.datetime | None = None
    days: list[datetime.date] = Field(default_factory=list)
    secret: Secret | None = None
    price: decimal.Decimal | None = None
    id: uuid.UUID | None = None
    products: list[Product] | None = None
    either: list[Annotated[First | Second, Field(discriminator="kind")]] = Field(default_factory=list)
    pair: tuple[int, str] | None = None
    colours: set[Colour] = Field(default_factory=set)
    data: JsonObject | None = None
    items: JsonArray | None = None
    by_name: dict[str, Product] | None = None
    anything: Any = None
    inner: "Everything | None" = None
    plain: Plain | None = None
    share: float | None = None
    at: UnixSeconds | None = None


VALUES: dict[str, Any] = {
    "loud": "hey",
    "email": "A@b.co",
    "colour": "red",
    "moment": "2026-01-01T00:00:00.5Z",
    "days": ["2026-01-01"],
    "secret": "sh-secret",
    "price": "1.50",
    "id": "12345678-1234-5678-1234-567812345678",
    "products": [{"price": 3, "own": 1, "sku": None}],
    "either": [{"kind": "second", "name": 1}, {"kind": "first", "name": "q"}],
    "pair": [1, "x"],
    "colours": ["red"],
    "data": {"big": 10**30, "one": 1.0, "none": None},
    "items": [1, None, {"a": []}],
    "by_name": {"p": {"price": 1}},
    "anything": [1.5, {"x": None}],
    "inner": {"loud": "in", "colour": None},
    "plain": {"b": "x"},
    "share": 2,
    "at": "2026-01-01T00:00:00Z",
}


@pytest.mark.parametrize("names", [*[(name,) for name in VALUES], tuple(VALUES), ()])
def test_a_payload_comes_back_as_it_was(names: tuple[str, ...]) -> None:
    """Stored and read back, a payload has the same values of the same types and the same body."""
    payload = Everything.model_validate({name: VALUES[name] for name in names})
    back = read_payload(Everything, write_payload(payload))
    assert back == payload
    assert encode_json(back.body()) == encode_json(payload.body())
    assert list(back.body()) == list(payload.body())
    assert {name: type(value) for name, value in back} == {name: type(value) for name, value in payload}


def test_null_comes_back_where_the_mapping_said_null() -> None:
    """A field that was given null has it again, one that was not given stays away."""
    payload = Everything.model_validate({"loud": None})
    assert read_payload(Everything, write_payload(payload)).body() == payload.body()
    assert "loud" in payload.body()


def test_a_payload_of_another_release_is_told() -> None:
    """A field that the plugin has no more, or requires by now, is named; a renamed one is read."""
    with pytest.raises(ValueError, match="Second has no field 'old' any more"):
        read_payload(Second, b'{"name":1,"old":2}')
    with pytest.raises(ValueError, match="Second has a new required field 'name'"):
        read_payload(Second, b"{}")
    assert read_payload(Second, b'{"title":1}', {"title": "name"}).body() == {"name": 1, "kind": "second"}


def test_every_bundled_payload_comes_back(registry: Registry) -> None:
    """Payloads that the installed destinations make of the sample events have the same body after the store."""
    compared = 0
    for name, action_name in (
        (name, action) for name, made in registry.destinations.items() for action in made.actions
    ):
        action = registry.destinations[name].actions[action_name]
        for sample in ("button_clicked", "course_clicked"):
            try:
                payload = action.payload.model_validate(_by_default(registry, name, action_name, event(sample)))
            except ValueError:
                continue
            back = read_payload(action.payload, write_payload(payload), action.renamed_fields)
            assert encode_json(back.body()) == encode_json(payload.body()), (name, action_name)
            assert back == payload, (name, action_name)
            compared += 1
    assert compared > 10


def _by_default(registry: Registry, name: str, action_name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Compute an action's fields by their defaults."""
    parser = ExpressionParser(registry.library)
    action = registry.destinations[name].actions[action_name]
    values = {field: evaluate(parse_field_text(text, parser), given) for field, text in action.defaults().items()}
    return {field: value for field, value in values.items() if value is not None}


# -- plans


def test_an_odd_event_is_planned_all_the_same(academy: Engine) -> None:
    """Lone surrogates and NULs in ids are stored as text that every database takes, and cost no call."""
    odd = event("button_clicked") | {"messageId": "m\ud800\0", "userId": "u\ud800" + "x" * 1000}
    plan = plan_event(academy, odd, store_event=True)
    assert not isinstance(plan, str)
    assert b"\\ud800" not in (plan.event.event or b"")
    for text in (plan.event.message_id, *(call.user for call in plan.event.calls)):
        assert text.encode()
        assert "\0" not in text
        assert len(text) <= 500
    assert all(call.payload and not call.reason for call in plan.event.calls)
