"""`actions-engine check-events`: events against the Segment spec, by name, without values."""

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from actions_engine.authoring.fitting_event import set_path
from actions_engine.cli import main
from actions_engine.spec.check import check_event
from actions_engine.spec.names import check_name, shown_name, spelling_key
from actions_engine.spec.report import EventReport
from actions_engine.spec.samples import SAMPLES
from tests.conftest import MAPPINGS, REFERENCE

ORDER = SAMPLES["Order Completed"]


def changed(**changes: Any) -> dict[str, Any]:
    """Return an order with some fields set (`__` is a dot); an Ellipsis removes one."""
    event = copy.deepcopy(ORDER)
    for name, value in changes.items():
        path = tuple(name.split("__"))
        set_path(event, path, value)
        if value is ...:
            inner: Any = event
            for step in path[:-1]:
                inner = inner[step]
            del inner[path[-1]]
    return event


def found(event: Any) -> list[tuple[str, str, str]]:
    return [(problem.severity, problem.code, problem.field) for problem in check_event(event)]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_follow_the_spec(name: str) -> None:
    """Nothing is wrong with an event that follows the spec, its style included."""
    assert check_event(SAMPLES[name]) == []


@pytest.mark.parametrize("path", sorted((MAPPINGS / "events").glob("*.json")), ids=lambda path: path.stem)
def test_the_shipped_events_follow_the_spec(path: Path) -> None:
    """Nothing is wrong with the shipped events."""
    assert check_event(json.loads(path.read_text())) == []


def test_the_specs_own_examples_follow_the_spec() -> None:
    """Nothing is wrong with the spec's own examples."""
    rows = json.loads((REFERENCE / "segment_spec_events.json").read_text())
    assert [(row["id"], check_event(row["event"])) for row in rows if check_event(row["event"])] == []


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (5, ("error", "event-shape", "")),
        (changed(type=...), ("error", "missing-type", "type")),
        (changed(type="Track"), ("error", "unknown-type", "type")),
        (changed(type=["track"]), ("error", "unknown-type", "type")),
        (changed(event=...), ("error", "missing-field", "event")),
        (changed(event=""), ("error", "missing-field", "event")),
        (changed(event=5), ("error", "wrong-type", "event")),
        (SAMPLES["group"] | {"groupId": None}, ("error", "missing-field", "groupId")),
        (SAMPLES["alias"] | {"previousId": None}, ("error", "missing-field", "previousId")),
        (SAMPLES["alias"] | {"userId": ""}, ("error", "missing-field", "userId")),
        (changed(userId=..., anonymousId=...), ("error", "missing-id", "")),
        (changed(userId=97), ("warning", "id-number", "userId")),
        (changed(userId=True), ("error", "wrong-type", "userId")),
        (changed(properties=[]), ("error", "wrong-type", "properties")),
        (changed(context="web"), ("error", "wrong-type", "context")),
        (changed(integrations={"All": "yes"}), ("warning", "integrations-value", "integrations")),
        (changed(messageId="m" * 101), ("error", "message-id-length", "messageId")),
        (changed(properties__revenue="25.00"), ("error", "wrong-type", "properties.revenue")),
        (changed(properties__value=True), ("error", "wrong-type", "properties.value")),
        (changed(properties__currency="usd"), ("warning", "currency-case", "properties.currency")),
        (changed(properties__currency="DOL"), ("error", "unknown-currency", "properties.currency")),
        (changed(properties__currency=840), ("error", "wrong-type", "properties.currency")),
        (changed(properties__total="27"), ("error", "wrong-type", "properties.total")),
        (changed(properties__products={}), ("error", "wrong-type", "properties.products")),
        (changed(properties__products=["sku"]), ("error", "wrong-type", "properties.products[]")),
        (changed(properties__products=[{"price": "19"}] * 9), ("error", "wrong-type", "properties.products[].price")),
        (changed(context__ip=127), ("error", "wrong-type", "context.ip")),
        (changed(context__page="/x"), ("error", "wrong-type", "context.page")),
        (changed(context__page__url=5), ("error", "wrong-type", "context.page.url")),
        (changed(context__screen={"width": "320"}), ("error", "wrong-type", "context.screen.width")),
        (changed(context__active="yes"), ("error", "wrong-type", "context.active")),
        (changed(context__traits__email=5), ("error", "wrong-type", "context.traits.email")),
        (changed(context__traits__email="grace"), ("warning", "not-an-email", "context.traits.email")),
        (changed(context__traits__created_at="soon"), ("error", "not-iso-8601", "context.traits.created_at")),
        (changed(context__user_agent="Mozilla"), ("warning", "misspelt-field", "context.user_agent")),
        (changed(timestamp="2015-2-02T00:30:08Z"), ("error", "not-iso-8601", "timestamp")),
        (changed(timestamp=1425313200), ("error", "wrong-type", "timestamp")),
        (changed(timestamp="2025-03-02T10:00:01"), ("warning", "no-time-zone", "timestamp")),
        (changed(sentAt="2025-03-01T10:00:01Z"), ("warning", "sent-before", "sentAt")),
        (changed(userid="u"), ("warning", "misspelt-field", "userid")),
        (changed(user_id="u"), ("warning", "misspelt-field", "user_id")),
        (changed(anonymous_id="u"), ("warning", "misspelt-field", "anonymous_id")),
        (changed(propertes={}), ("warning", "misspelt-field", "propertes")),
        (changed(email="grace@example.com"), ("warning", "unknown-field", "email")),
        (changed(properties__note="x" * 40_000), ("error", "event-size", "")),
        (changed(properties__note="\ud800"), ("error", "not-json", "")),
        (changed(event="  "), ("error", "empty-name", "event")),
        (changed(event="Event 12"), ("warning", "nondescript-name", "event")),
        (changed(event="button_clicked", properties={}), ("hint", "name-style", "event")),
        (SAMPLES["identify"] | {"traits": {"age": "42"}}, ("error", "wrong-type", "traits.age")),
        (SAMPLES["identify"] | {"traits": {"first_name": 5}}, ("error", "wrong-type", "traits.first_name")),
        (SAMPLES["page"] | {"properties": {"keywords": "a, b"}}, ("error", "wrong-type", "properties.keywords")),
    ],
)
def test_one_thing_that_is_wrong(event: Any, expected: tuple[str, str, str]) -> None:
    """Each breach of the spec is found, alone, at its field and with its weight."""
    assert found(event) == [expected]


@pytest.mark.parametrize(
    "change", [{"properties": None}, {"context": None}, {"properties__revenue": None}, {"timestamp": None}]
)
def test_null_is_absence(change: dict[str, Any]) -> None:
    """A null is a missing value, which the spec allows."""
    assert found(changed(**change)) == []


def test_hints_say_what_to_write() -> None:
    """A misspelt field and type come with the spec's own spelling."""
    assert check_event(changed(userid="u"))[0].hint == "did you mean `userId`?"
    assert check_event(changed(type="Track"))[0].hint == "did you mean 'track'?"


# -- names


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Event 12", "nondescript-name"), ("TMDropd", "nondescript-name"), ("test", "nondescript-name"), ("e", "nondescript-name"),
        ("12", "nondescript-name"), ("Btn Clckd", "nondescript-name"), ("click", "nondescript-name"),
        ("Order 50314 Completed", "data-in-name"), ("Mail to a@b.example", "data-in-name"), ("Sale 2024-05-01 Viewed", "data-in-name"),
        ("Visited https://example.com/", "data-in-name"), ("0c8a3b5e-5f0d-4d1f-9a52-6f0f2d1c7b11 Viewed", "data-in-name"),
        ("Button clicked", "name-style"), ("buttonClicked", "name-style"), ("Page View", "name-style"), ("Watched", "name-style"),
        (" Button Clicked", "blanks-in-name"), ("x" * 300, "long-name"),
    ],
)  # fmt: skip
def test_names_that_say_little(name: str, code: str) -> None:
    """Names that tell nobody what happened, or hold what varies, are told."""
    assert code in [problem.code for problem in check_name(name)]


@pytest.mark.parametrize(
    "name",
    ["Video Recorded", "Order Completed", "Signed Up", "Product Added to Wishlist", "PDF Downloaded", "Email Sent", "Step 3 Completed",
     "Bouton Cliqué", "ボタン", "Checkout Step Viewed", "Strengths Tested", "SMS Sent"],
)  # fmt: skip
def test_good_names(name: str) -> None:
    """Names as the spec recommends them, and other alphabets, are left alone."""
    assert check_name(name) == ()


@given(st.text(max_size=300))
def test_a_shown_name_holds_no_data(name: str) -> None:
    """Whatever a name holds: it is shown on one short line, without addresses and long numbers."""
    shown = shown_name(f"{name} someone@example.com 0123456789")
    assert "someone" not in shown
    assert "0123" not in shown
    assert len(shown) <= 80
    assert shown.isprintable()


def test_spellings_of_one_name() -> None:
    """Case and separators make no other name."""
    assert (
        len({spelling_key(name) for name in ("Button Clicked", "button_clicked", "Button-clicked", "buttonClicked")})
        == 1
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(["track", "Order Completed", "2025-01-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["type", "event", "properties", "traits", "context", "products", "page", "currency", "email", "userid", "timestamp", ""])
        | st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)  # fmt: skip


@given(JSON)
def test_any_json_is_checked(event: Any) -> None:
    """Nothing that JSON can hold makes the check fail, and every problem has its code and words."""
    report = EventReport()
    report.add(event, check_event(event), "f:1")
    assert all(problem.code and problem.message for problem in check_event(event))
    assert json.dumps([row.as_dict() for row in report.rows()])


# -- privacy


SECRETS = ["zq7.secret@example.com", "zq7secret1", "+4915zq7secret"]
PLACES = [
    ("userId",), ("timestamp",), ("type",), ("properties", "currency"), ("traits", "email"), ("traits", "createdAt"), ("messageId",),
    ("context", "traits", "email"), ("context", "page"), ("properties", "revenue"), ("properties", "products"), ("integrations",),
]  # fmt: skip


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("secret", SECRETS)
def test_no_value_is_ever_shown(sample: str, secret: str) -> None:
    """A value put anywhere into an event, or a key that is data, turns up in no message."""
    for path in [*PLACES, (secret,), ("context", secret)]:
        for value in (secret, [secret], {secret: secret}, secret * 40):
            event = copy.deepcopy(SAMPLES[sample])
            set_path(event, path, value)
            report = EventReport()
            report.add(event, check_event(event), "f:1")
            assert "zq7" not in json.dumps([row.as_dict() for row in report.rows()]), path


# -- the command


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["check-events", *arguments], input=stdin)


def lines(*events: Any) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def test_the_report_is_by_name() -> None:
    """Each name is told once, with how many events and where; warnings alone leave the exit code at 0."""
    clicked = SAMPLES["Button Clicked"]
    done = run(stdin=lines(clicked, clicked, clicked | {"event": "Button clicked"}, ORDER))
    assert done.exit_code == 0
    assert done.stdout == (
        "track Button clicked: 1 event\n"
        "  warning[inconsistent-name]: the same name is also written 'Button Clicked', in 2 events\n"
        "    hint: one name, one spelling\n    1 event: stdin:3\n"
        "  hint[name-style]: the spec recommends Object Action in Title Case\n"
        "    hint: begin each word with a capital\n    1 event: stdin:3\n\n"
    )
    assert done.stderr == "4 events, 3 names of which clean: 2; 0 errors, 1 warning, 1 hint\n"


def test_json_is_an_object_a_name(tmp_path: Path) -> None:
    """--format json gives programs every name, errors first; places are file and line."""
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress(lines(SAMPLES["page"], *[changed(properties__revenue="5")] * 5)))
    done = run(str(path), "--format", "json")
    assert done.exit_code == 1
    order, page = [json.loads(line) for line in done.stdout.splitlines()]
    assert (order["type"], order["event"], order["count"]) == ("track", "Order Completed", 5)
    (problem,) = order["problems"]
    assert (problem["code"], problem["field"], problem["count"]) == ("wrong-type", "properties.revenue", 5)
    assert problem["places"] == [f"{path}:{number}" for number in (2, 3, 4)]
    assert (page["type"], page["problems"]) == ("page", [])


def test_what_is_no_event_is_an_error() -> None:
    """Broken JSON and what is no object are told with their lines."""
    done = run(stdin=b"{broken\n\n5\n" + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"\n")
    assert done.exit_code == 1
    assert "error[not-json]" in done.stdout
    assert "2 events: stdin:1, stdin:4" in done.stdout
    assert "an event is an object, not a number" in done.stdout
    assert "Traceback" not in done.output


def test_names_are_capped() -> None:
    """Beyond so many names events share a row, so that a report stays small, and it says of how many."""
    report = EventReport(max_names=2)
    for name in ("Apple Eaten", "Pear Eaten", "Plum Eaten", "Fig Eaten", "Apple Eaten"):
        report.add(SAMPLES["Button Clicked"] | {"event": name}, [], "f:1")
    assert {row.name: row.count for row in report.rows()} == {"Apple Eaten": 2, "Pear Eaten": 1, "(further names)": 2}
    assert report.capped == 2


def test_kinds_of_problems_are_capped() -> None:
    """A row tells so many kinds of problem, however many an event has."""
    report = EventReport()
    event = ORDER | {f"wrong_{chr(97 + number % 26)}{chr(97 + number // 26)}": 1 for number in range(90)}
    report.add(event, check_event(event), "f:1")
    (row,) = report.rows()
    assert 50 <= len(row.findings) <= 53
    assert any(finding.problem.code == "more" for finding in row.sorted_findings())


def test_empty_input_is_clean() -> None:
    """No events, no problems."""
    assert run().exit_code == 0


def test_a_file_that_is_not_there_is_wrong_usage() -> None:
    """A path that does not exist ends with 2."""
    assert run("nowhere.json").exit_code == 2
