"""What each step saw and decided for one event: the same pieces as `route` runs, with their values kept.

Conditions are evaluated by the condition tree's own `holds`, fields by `fields.evaluate`, payloads by the action's
model; a property test shows that the answer always agrees with the compiled path.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any as AnyValue
from typing import Literal

import msgspec

from actions_engine.batch import request_of
from actions_engine.call import Call, Rejection
from actions_engine.errors import Location, PluginError
from actions_engine.hookspecs import Drop
from actions_engine.language.condition import All, Any, Condition, Not, Test
from actions_engine.language.fields import evaluate, written
from actions_engine.mapping import LEFT_OUT, Mapping
from actions_engine.mending import mend
from actions_engine.registry import Registry
from actions_engine.rejection import reason_of, refusal
from actions_engine.spec.integrations import is_chosen
from actions_engine.wording import closest, kind_of, shown

# Names of one object that a missing field is compared with, and characters of each.
_MOST_NAMES = 200
_LONGEST_NAME = 200


class ConditionTrace(msgspec.Struct, frozen=True):
    """One condition and what became of it.

    Attributes:
        kind: `test` for one expression and operator (a negated one too), else how the parts are joined.
        holds: Whether it does.
        text: The condition as a clause of a sentence.
        expression: What was looked at; empty but for a test.
        operator: The operator's name, with `not` before it where it is negated.
        expected: The operand as the mapping gives it.
        actual: The value found; None where it is missing.
        failure: Why the expression could not be computed, which counts as missing.
        place: file:line:column of the operand, empty for a plugin's condition.
        reason: Why it does not hold, in one sentence; empty where it does.
        parts: Of `all`, `any` and `not`.
    """

    kind: Literal["test", "all", "any", "not"]
    holds: bool
    text: str
    expression: str = ""
    operator: str = ""
    expected: AnyValue = None
    actual: AnyValue = None
    failure: str = ""
    place: str = ""
    reason: str = ""
    parts: tuple[ConditionTrace, ...] = ()

    @property
    def held(self) -> int:
        """How many tests inside it are as it wants them: what makes one failure closer than another."""
        return sum(part.held for part in self.parts) if self.parts else int(self.holds)


class FieldTrace(msgspec.Struct, frozen=True):
    """Where one payload field came from.

    Attributes:
        name: The field.
        origin: `mapping`, `action` (its default expression) or `model` (the model's own default, or nothing).
        place: file:line:column where the mapping gives it, else empty.
        expression: What computed it, as a mapping would write it.
        value: What the expression gave.
        sent: What the payload holds of it; None where it was left out or the payload is refused.
        is_sent: Whether the payload holds it at all.
        fault: Why it was refused.
        note: Why it was left out, or what it was changed to, where the call goes out all the same.
    """

    name: str
    origin: Literal["mapping", "action", "model"]
    place: str = ""
    expression: str = ""
    value: AnyValue = None
    sent: AnyValue = None
    is_sent: bool = False
    fault: str = ""
    note: str = ""


class MappingTrace(msgspec.Struct, frozen=True):
    """What one mapping made of the event.

    Attributes:
        fired: Whether it did.
        reason: The first reason that it did not, in one sentence; empty where it fired.
        filter: The file's filter, if any.
        trigger: The mapping's own condition.
        fields: Where each payload field came from, of a mapping that fired.
        call: The call as `Call.as_dict` gives it; None without one.
        rejection: Why it fired and made no call.
        request: The request that the call would become by itself, secrets masked; None without one.
        request_failure: Why the action could not make one.
    """

    instance: str
    destination: str
    action: str
    mapping: str
    place: str
    fired: bool
    reason: str
    filter: ConditionTrace | None
    trigger: ConditionTrace
    fields: tuple[FieldTrace, ...] = ()
    call: dict[str, AnyValue] | None = None
    rejection: Rejection | None = None
    request: dict[str, AnyValue] | None = None
    request_failure: str = ""

    @property
    def held(self) -> int:
        """How many of its tests hold."""
        return self.trigger.held + (self.filter.held if self.filter else 0)


class Explanation(msgspec.Struct, frozen=True):
    """What became of one event.

    Attributes:
        event: The event as the mappings saw it, after the plugins' `before_route` hooks; None where it was refused.
        enriched: Whether a hook changed it.
        dropped: Why a hook dropped it, else empty.
        refusal: Why it could not be routed at all.
        mappings: What each mapping made of it, in the order of the files.
    """

    event: dict[str, AnyValue] | None
    enriched: bool = False
    dropped: str = ""
    refusal: Rejection | None = None
    mappings: tuple[MappingTrace, ...] = ()

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """What `route` rejects."""
        inside = tuple(trace.rejection for trace in self.mappings if trace.rejection is not None)
        return inside if self.refusal is None else (self.refusal,)

    def nearest_first(self) -> tuple[MappingTrace, ...]:
        """Return the mappings that fired, then those that did not, the closest first."""
        return tuple(sorted(self.mappings, key=lambda trace: (not trace.fired, -trace.held if not trace.fired else 0)))

    def as_dict(self) -> dict[str, AnyValue]:
        """Return the explanation as plain data."""
        plain: dict[str, AnyValue] = msgspec.to_builtins(self)
        return plain


def explain(mappings: Sequence[Mapping], registry: Registry, event: AnyValue) -> Explanation:
    """Explain what mappings make of an event; never raises for what either holds."""
    if not isinstance(event, dict):
        return Explanation(None, refusal=refusal(f"an event is an object, not {kind_of(event)}"))
    try:
        answer = registry.before_route(event) if registry.filters_events else event
    except PluginError as error:
        return Explanation(None, refusal=refusal(str(error)))
    if isinstance(answer, Drop):
        return Explanation(event, dropped=answer.reason)
    traces = tuple(_trace(mapping, answer) for mapping in mappings)
    return Explanation(answer, enriched=answer is not event, mappings=traces)


def _trace(mapping: Mapping, event: dict[str, AnyValue]) -> MappingTrace:
    filter_ = None if mapping.filter is None else find(mapping.filter, event)
    trigger = find(mapping.trigger, event)
    reason = f"the file's filter: {filter_.reason}" if filter_ is not None and not filter_.holds else trigger.reason
    choice = event.get("integrations")
    if not reason and choice and not is_chosen(choice, mapping.instance.integration_names):
        reason = "the event's `integrations` keep it from this destination"
    common = (
        mapping.instance.name, mapping.instance.destination.name, mapping.action.name, mapping.name,
        str(mapping.location), not reason, reason, filter_, trigger,
    )  # fmt: skip
    if reason:
        return MappingTrace(*common)
    call, rejection, payload, row = None, None, {}, None
    try:
        computed = {name: mapping.compute(name, event) for name in mapping.fields}
        row = {name: value for name, value in computed.items() if value is not LEFT_OUT}
        call = Call(mapping, mapping.action.payload.__pydantic_validator__.validate_python(row), event)
    except Exception:  # noqa: BLE001 - as in route: whatever a mapping raises is its own alone
        made = mend(mapping, event, row)
        call, rejection = (made, None) if isinstance(made, Call) else (None, made)
    if call is not None:
        payload = call.payload.body()
    fields = tuple(_fields(mapping, event, payload, rejection, call))
    if call is None:
        return MappingTrace(*common, fields=fields, rejection=rejection)
    request, failure = None, ""
    try:
        request = request_of([call]).as_dict()
    except PluginError as error:
        failure = str(error)
    except (RecursionError, ValueError) as error:
        failure = f"it cannot be shown: {reason_of(error)}"
    return MappingTrace(*common, fields=fields, call=call.as_dict(), request=request, request_failure=failure)


def _fields(
    mapping: Mapping,
    event: dict[str, AnyValue],
    payload: dict[str, AnyValue],
    rejection: Rejection | None,
    call: Call | None,
) -> list[FieldTrace]:
    faults: dict[str, str] = {}
    for found in rejection.faults if rejection else ():
        faults.setdefault(found.field.partition(".")[0], str(found))
    notes: dict[str, list[str]] = {}
    for told in call.notes if call else ():
        notes.setdefault(told.field.partition(".")[0], []).append(str(told))
    defaults = mapping.action.defaults()
    traces: list[FieldTrace] = []
    for name in mapping.action.payload.model_fields:
        sent, is_sent, fault = payload.get(name), name in payload, faults.get(name, "")
        note = "; ".join(notes.get(name, ()))
        field = mapping.fields.get(name)
        if field is None:
            traces.append(FieldTrace(name, "model", sent=sent, is_sent=is_sent, fault=fault))
            continue
        place = mapping.places.get(name)
        value = None
        try:
            value = evaluate(field, event)
        except Exception as error:  # noqa: BLE001 - it is this field's fault and told as such
            fault = fault or ("" if note else reason_of(error))
        origin: Literal["mapping", "action"] = "mapping" if place or name not in defaults else "action"
        traces.append(FieldTrace(name, origin, _place(place), written(field), value, sent, is_sent, fault, note))
    return traces


def _place(location: Location | None) -> str:
    return "" if location is None else str(location)


def find(condition: Condition, event: dict[str, AnyValue]) -> ConditionTrace:
    """Evaluate a condition and every part of it."""
    match condition:
        case Test():
            return _find_test(condition, event, is_negated=False, text=condition.describe())
        case Not(Test() as test):
            return _find_test(test, event, is_negated=True, text=condition.describe())
        case Not(part):
            inner = find(part, event)
            reason = f"{condition.describe()}: what must not hold does" if inner.holds else ""
            return ConditionTrace("not", not inner.holds, condition.describe(), reason=reason, parts=(inner,))
        case All(parts):
            found = tuple(find(part, event) for part in parts)
            reason = next((part.reason for part in found if not part.holds), "")
            return ConditionTrace("all", not reason, condition.describe(), reason=reason, parts=found)
        case Any(parts):
            found = tuple(find(part, event) for part in parts)
            if any(part.holds for part in found):
                return ConditionTrace("any", True, condition.describe(), parts=found)
            closest = max(found, key=lambda part: part.held)
            reason = f"none of {len(found)} alternatives holds; the closest: {closest.reason}"
            return ConditionTrace("any", False, condition.describe(), reason=reason, parts=found)


def _find_test(test: Test, event: dict[str, AnyValue], *, is_negated: bool, text: str) -> ConditionTrace:
    failure, actual = "", None
    try:
        actual = test.expression.search(event)
    except Exception as error:  # noqa: BLE001 - whatever a function raises, the value is missing
        failure = reason_of(error)
    holds = test.holds(event) is not is_negated
    operator = f"not {test.operator.name}" if is_negated else test.operator.name
    reason = "" if holds else f"{text}: {_found(test, event, actual, failure)}"
    return ConditionTrace(
        "test",
        holds,
        text,
        test.expression.text,
        operator,
        test.written,
        actual,
        failure,
        _place(test.location),
        reason,
    )


def _found(test: Test, event: dict[str, AnyValue], actual: AnyValue, failure: str) -> str:
    if failure:
        return f"it could not be computed, which counts as missing ({failure})"
    if actual is not None:
        return f"it is {shown(actual)}{_near_miss(test, actual)}"
    path = test.expression.path or ()
    value: AnyValue = event
    for number, step in enumerate(path, start=1):
        if not isinstance(value, dict):
            return f"`{'.'.join(path[: number - 1])}` is {kind_of(value)}, not an object"
        inside, value = value, value.get(step)
        if value is None:
            what = "it" if number == len(path) else f"`{'.'.join(path[:number])}`"
            return f"{what} is missing{_like(step, inside)}"
    return "it is missing"


def _near_miss(test: Test, actual: AnyValue) -> str:
    """Tell where text is what was asked for but for its case, or spaces around it."""
    wanted = test.written if isinstance(test.written, (list, tuple)) else [test.written]
    if isinstance(actual, str) and actual not in wanted:
        folded = actual.strip().casefold()
        if any(isinstance(text, str) and text.strip().casefold() == folded for text in wanted):
            return ", which differs in case or spaces alone"
    return ""


def _like(step: str, inside: dict[str, AnyValue]) -> str:
    """Name a field of the event that a missing one may be."""
    if step in inside:
        return ""
    names = [name for name in islice(inside, _MOST_NAMES) if isinstance(name, str) and len(name) <= _LONGEST_NAME]
    near = closest(step, names)
    return f"; there is {shown(near)}" if near else ""
