"""The conformance suite: what every destination owes to the engine and to the people who map to it.

Purity is tried by running an action twice and comparing, and by an audit hook that refuses files, sockets and
processes while it runs (https://peps.python.org/pep-0578/). A clock that is read and not used cannot be found out.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from actions_engine.authoring.trial import read_event
from actions_engine.call import Rejection
from actions_engine.destination import Action, Destination
from actions_engine.language.blank import is_blank
from actions_engine.language.condition import tests
from actions_engine.language.expression import Expression, ExpressionParser
from actions_engine.language.fields import Template, parse_field_text
from actions_engine.language.trigger_text import parse_text
from actions_engine.loading.paths import path_problems
from actions_engine.mending import must_be_exact
from actions_engine.outcome import Outcome
from actions_engine.payload import Payload, default_of, single_valued
from actions_engine.registry import Registry
from actions_engine.request import Request, Response
from actions_engine.testing.subject import Subject

_SECRET_NAMES = re.compile(r"(^|_)(key|token|secret|password)($|_)")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_MAX_STEPS = 200


def conformance(*destinations: Destination) -> Callable[..., None]:
    """Return a parametrised pytest test that tries destinations against the whole suite."""
    import pytest  # noqa: PLC0415 - plugin authors have it, the engine needs it for nothing else

    subjects = [Subject(destination) for destination in destinations]
    rows = [
        pytest.param(subject, check, id=f"{subject.destination.name}-{check.__name__}")
        for subject in subjects
        for check in CHECKS
    ]

    @pytest.mark.parametrize(("subject", "check"), rows)
    def test_conformance(subject: Subject, check: Callable[[Subject], None]) -> None:
        """A destination does what every destination owes."""
        check(subject)

    return test_conformance


def metadata_is_complete(subject: Subject) -> None:
    """Everything has a name in snake_case and a description: they are the documentation."""
    destination = subject.destination
    assert destination.actions, "the destination has no action"
    assert destination.title, "the destination has no title"
    for name, info in destination.settings.model_fields.items():
        assert info.description, f"the setting {name!r} has no description"
    for action in destination.actions.values():
        assert _NAME.fullmatch(action.name), f"the action {action.name!r} is not in snake_case"
        assert action.description, f"the action {action.name!r} has no docstring"
        for name, info in action.payload.model_fields.items():
            assert _NAME.fullmatch(name), f"the field {name!r} of {action.name} is not in snake_case"
            assert info.description, f"the field {name!r} of {action.name} has no description"


def secrets_are_typed(subject: Subject) -> None:
    """A setting whose name says that it is secret is a Secret."""
    for name, info in subject.destination.settings.model_fields.items():
        if _SECRET_NAMES.search(name):
            assert "Secret" in str(info.annotation), f"the setting {name!r} is no Secret"


def defaults_read_the_spec(subject: Subject) -> None:
    """Default triggers and expressions compile, and read fields that events of the Segment spec have."""
    parser = ExpressionParser(Registry([subject.destination]).library)
    for action in subject.destination.actions.values():
        for expression in _expressions(action, parser):
            problems = [problem for problem in path_problems(expression, None) if problem.code == "unknown-path"]
            assert not problems, f"{action.name}: `{expression.text}`: {problems[0].message}"


def _expressions(action: Action, parser: ExpressionParser) -> Iterator[Expression]:
    for test in tests(parse_text(action.trigger, parser)):
        yield test.expression
    for info in action.payload.model_fields.values():
        marker = default_of(info)
        field = None if marker is None else parse_field_text(marker.expression, parser)
        if isinstance(field, Expression):
            yield field
        elif isinstance(field, Template):
            yield from (part for part in field.parts if isinstance(part, Expression))


def actions_make_calls(subject: Subject) -> None:
    """Each action's defaults, and what its required fields need beside them, make a call of a sample event."""
    silent = subject.destination.actions.keys() - subject.calls.keys()
    assert not silent, f"no sample event becomes a call of {', '.join(sorted(silent))}"


def presets_load_and_fire(subject: Subject) -> None:
    """Each preset loads, and can fire."""
    destination = subject.destination
    if not destination.presets:
        return
    engine = subject.presets_engine
    assert {mapping.name for mapping in engine.mappings} == destination.presets.keys()
    doubts = [problem.message for problem in engine.warnings if problem.code == "never-fires"]
    assert not doubts, doubts[0]


def requests_can_be_sent(subject: Subject) -> None:
    """Each request has an absolute URL, one body that can be written, and headers of one line."""
    for action, request in _requests(subject):
        request.body()
        if subject.destination.transport is None:
            parts = urlsplit(request.full_url())
            assert parts.scheme == "https", f"{action.name}: the URL is not https: {request.as_dict()['url']}"
            assert parts.netloc, f"{action.name}: the URL has no host"
        for name, value in request.full_headers().items():
            assert not re.search(r"[\r\n\0]", name + value), f"{action.name}: the header {name} has a line break"


def secrets_never_show(subject: Subject) -> None:
    """No secret is seen in what is logged, printed or told."""
    hidden = [secret.reveal() for secret in subject.settings.secrets()]
    for action, request in _requests(subject):
        masked = request.with_secrets(subject.settings.secrets())
        for shown in (repr(request), json.dumps(masked.as_dict(), default=str), repr(subject.settings)):
            for secret in hidden:
                assert secret not in shown, f"{action.name}: a secret shows in {shown.replace(secret, '…')[:200]}"


def functions_are_pure(subject: Subject) -> None:
    """The same payloads make the same request, are left as they were, and nothing outside is touched."""
    for action in subject.destination.actions.values():
        payloads = subject.payloads(action)
        before = [payload.body() for payload in payloads]
        first = action.request(subject.settings, payloads)  # imports what it needs
        with tempfile.TemporaryDirectory() as elsewhere, contextlib.chdir(elsewhere), _nothing_outside():
            second = action.request(subject.settings, payloads)
        assert (first.full_url(), first.full_headers(), first.body()) == (
            second.full_url(), second.full_headers(), second.body(),
        ), f"{action.name} makes another request of the same payloads"  # fmt: skip
        assert [payload.body() for payload in payloads] == before, f"{action.name} changes its payloads"


def a_batch_of_one_is_a_batch(subject: Subject) -> None:
    """An action that takes lists takes one payload and several in one way."""
    for action in subject.destination.actions.values():
        if action.batch is None:
            continue
        one, two = (action.request(subject.settings, subject.payloads(action, count)) for count in (1, 2))
        assert (one.method, one.full_url()) == (two.method, two.full_url()), f"{action.name}: a batch goes elsewhere"
        assert len(two.body() or b"") > len(one.body() or b""), f"{action.name}: a batch of two says no more than one"


#: What vendors answer on bad days, and on good ones.
ANSWERS: dict[str, Response] = {
    "200 {}": Response(200, {}, b"{}"),
    "200 empty": Response(200),
    "200 ok": Response(200, {}, b"ok"),
    "200 list": Response(200, {}, b"[]"),
    "200 with errors": Response(200, {}, b'{"errors":[{"index":0,"message":"no"}],"ok":false,"code":1,"status":0}'),
    "200 cut": Response(200, {}, b'{"errors":[{"ind'),
    "200 KB": Response(200, {}, b'{"x":"' + b"x" * 200_000 + b'"}'),
    "201 with an id": Response(201, {}, b'{"id":"1","data":{"id":"1"},"results":[{"id":"1"}]}'),
    "207": Response(207, {}, b'{"errors":[{"batch_index":1,"reason":"no"},{"batch_index":99}],"results":[null,5]}'),
    "302": Response(302, {"location": "https://elsewhere.example.com"}),
    "400": Response(400, {}, b'{"message":"no","errors":[{"index":0,"type":"bad","input_array":"events"}]}'),
    "401": Response(401), "403": Response(403), "404": Response(404), "408": Response(408), "409": Response(409),
    "413": Response(413), "422": Response(422, {}, b"not JSON"),
    "429 in seconds": Response(429, {"retry-after": "7"}),
    "429 until": Response(
        429, {"retry-after": "Tue, 03 Mar 2026 10:00:07 GMT", "date": "Tue, 03 Mar 2026 10:00:00 GMT"}
    ),
    "500": Response(500, {}, b"<html>"), "501": Response(501), "503": Response(503, {"retry-after": "soon"}),
}  # fmt: skip


def every_answer_has_an_outcome(subject: Subject) -> None:
    """Whatever the vendor answers, at whichever step, each call gets one outcome; none is a success by silence."""
    for action in subject.destination.actions.values():
        for name, answer in ANSWERS.items():
            for count in (1, 3) if action.batch else (1,):
                outcomes = _outcomes(subject, action, count, answer, 0)
                _check_outcomes(outcomes, count, f"{action.name} answered {name}")
                if answer.status in _NEVER_DELIVERED:
                    success = any(outcome.kind == "delivered" for outcome in outcomes)
                    assert not success, f"{action.name} takes {name} for a success"
            for first in range(1, 4):
                outcomes = _outcomes(subject, action, 1, answer, first)
                _check_outcomes(outcomes, 1, f"{action.name}, request {first + 1} answered {name}")


# A 400 may name the items at fault and take the others; what is gone is deleted, what conflicts may be there already.
_NEVER_DELIVERED = frozenset({302, 401, 403, 408, 413, 422, 429, 500, 501, 503})
_GOOD = Response(200, {}, b'{"id":"1","data":[{"id":"1"}],"results":[{"id":"1"}],"custom_fields":[]}')


def odd_bodies_are_read(subject: Subject) -> None:
    """A reader of answers takes any JSON at all."""
    chance = random.Random(5)  # noqa: S311 - odd JSON needs no secrecy
    for action in subject.destination.actions.values():
        if action.outcomes is None:
            continue
        for _ in range(200):
            body = json.dumps(_odd(chance, 3)).encode()
            answer = Response(chance.choice([200, 201, 207, 400]), {}, body)
            _check_outcomes(action.outcomes(answer, subject.payloads(action, 2)), 2, f"{action.name} answered {body!r}")


def _odd(chance: random.Random, depth: int) -> Any:
    keys = [
        "errors", "error", "ok", "code", "status", "message", "index", "batch_index", "failed_records", "data", "type",
        "input_array", "failedUpdates", "invalidEmails", "id", "results", "events_with_invalid_fields",
    ]  # fmt: skip
    scalars = [None, True, False, 0, 1, -1, 5, 1e400, "", "events", "a@b.c"]
    kind = chance.random()
    if depth == 0 or kind < 0.3:
        return chance.choice(scalars)
    if kind < 0.55:
        return [_odd(chance, depth - 1) for _ in range(chance.randint(0, 3))]
    return {chance.choice(keys): _odd(chance, depth - 1) for _ in range(chance.randint(1, 4))}


def odd_values_lose_no_call(subject: Subject) -> None:
    """Whatever one optional value of an event is, the call is made, and without a blank id; see `What fields read`."""
    for mapping in subject.actions_engine.mappings:
        model = mapping.action.payload
        for example in mapping.examples:
            event = read_event(example)
            for path in _leaves(event):
                for odd in _ODD_VALUES:
                    routing = subject.actions_engine.route(_with_value(event, path, odd))
                    for rejection in routing.rejections:
                        if rejection.mapping == mapping.name:
                            _check_needed(model, rejection, f"{mapping.action.name}: {'.'.join(path)} = {odd!r}")
                    for call in routing.calls:
                        _check_no_blank(call.payload, f"{mapping.action.name}: {'.'.join(path)} = {odd!r}")


_ODD_VALUES: tuple[Any, ...] = (None, "", "  ", 12345.0, True, "text", [], {}, [None], [{}], {"a": 1}, 10**30)


def _check_needed(model: type[Payload], rejection: Rejection, when: str) -> None:
    """Check that a call was lost to what it cannot do without."""
    for fault in rejection.faults:
        steps = fault.field.split(".")
        info = model.model_fields.get(steps[0])
        if info is not None and not info.is_required():
            assert must_be_exact(model, steps), f"{when} costs the call, and {fault.field} is optional: {fault.reason}"


def _check_no_blank(payload: Payload, when: str) -> None:
    for name in single_valued(type(payload)):
        value = getattr(payload, name)
        assert not is_blank(value), f"{when}: {name} is blank"


def _leaves(value: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path to each value of an event that is no object, and to each object inside; its type stays."""
    for name, inside in value.items():
        if before or name not in ("type", "event"):
            yield (*before, name)
        if isinstance(inside, dict):
            yield from _leaves(inside, (*before, name))


def _with_value(event: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    first, *rest = path
    return {**event, first: value if not rest else _with_value(event[first], tuple(rest), value)}


CHECKS: tuple[Callable[[Subject], None], ...] = (
    metadata_is_complete, secrets_are_typed, defaults_read_the_spec, actions_make_calls, presets_load_and_fire,
    requests_can_be_sent, secrets_never_show, functions_are_pure, a_batch_of_one_is_a_batch,
    every_answer_has_an_outcome, odd_bodies_are_read, odd_values_lose_no_call,
)  # fmt: skip


def _requests(subject: Subject) -> Iterator[tuple[Action, Request]]:
    for action in subject.destination.actions.values():
        yield action, action.request(subject.settings, subject.payloads(action))


def _outcomes(subject: Subject, action: Action, count: int, answer: Response, first: int) -> list[Outcome]:
    """Run an action to its end: well answered until the request of that number, and with `answer` from it on."""
    payloads = subject.payloads(action, count)
    started = action.start(subject.settings, payloads)
    if isinstance(started, Generator):
        try:
            next(started)
            for step in range(_MAX_STEPS):
                started.send(answer if step >= first else _GOOD)
        except StopIteration as stop:
            outcomes: list[Outcome] = stop.value
            return outcomes
        raise AssertionError(f"{action.name} goes on after {_MAX_STEPS} steps")
    response = _GOOD if first else answer
    return action.outcomes(response, payloads) if action.outcomes else [Outcome.of(response)] * count


def _check_outcomes(outcomes: Any, count: int, when: str) -> None:
    assert isinstance(outcomes, list), f"{when}: {type(outcomes).__name__} in place of a list of outcomes"
    assert len(outcomes) == count, f"{when}: {len(outcomes)} outcomes for {count} calls"
    assert all(isinstance(outcome, Outcome) for outcome in outcomes), f"{when}: something is no Outcome"
    for outcome in outcomes:
        assert outcome.kind == "delivered" or outcome.reason, f"{when}: {outcome.kind} without a reason"


# -- nothing outside

_guarded = threading.local()
_FORBIDDEN = ("open", "socket.", "subprocess.", "os.system", "urllib.")
_hooked = False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if getattr(_guarded, "active", False) and event.startswith(_FORBIDDEN):
        raise AssertionError(f"an action touched the outside: {event} {str(arguments)[:100]}")


@contextmanager
def _nothing_outside() -> Iterator[None]:
    """Refuse files, sockets and processes to this thread; a hook cannot be taken away again, only rest."""
    global _hooked  # noqa: PLW0603 - one hook a process
    if not _hooked:
        sys.addaudithook(_audit)
        _hooked = True
    _guarded.active = True
    try:
        yield
    finally:
        _guarded.active = False
