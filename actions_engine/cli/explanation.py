"""An explanation as a tree that people read."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from actions_engine.explain import ConditionTrace, Explanation, FieldTrace, MappingTrace
from actions_engine.wording import counted, shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

_NOTHING: Mapping[tuple[str, str], str] = {}


def write_explanation(
    explanation: Explanation,
    *,
    everything: bool = False,
    sources: Mapping[tuple[str, str], str] = _NOTHING,
    console: Console | None = None,
) -> None:
    """Print an explanation.

    Args:
        explanation: What to print.
        everything: Whether to show the conditions of mappings that did not fire, too.
        sources: The compiled function of each mapping that is to show it, by instance and name.
        console: Where to; standard output by default, without colour or wrapping where that is no terminal.
    """
    from rich.console import Console  # noqa: PLC0415 - JSON output does without
    from rich.text import Text  # noqa: PLC0415 - as above

    if console is None:
        console = Console(width=None if sys.stdout.isatty() else 100_000, highlight=False)
    console.print(Text(_head(explanation), "bold"), soft_wrap=True)
    traces = explanation.nearest_first()
    for trace in traces:
        if trace.fired or everything:
            console.print()
            console.print(_mapping(trace, sources.get((trace.instance, trace.mapping), "")))
    rest = [] if everything else [trace for trace in traces if not trace.fired]
    if rest:
        console.print()
    for trace in rest:
        console.print(_heading(trace).append(f"  {trace.reason}", "default"), soft_wrap=True)
    if explanation.mappings:
        console.print()
        console.print(Text(_summary(explanation), "bold"), soft_wrap=True)


def _head(explanation: Explanation) -> str:
    if explanation.refusal is not None:
        return f"refused: {explanation.refusal.reason}"
    event = explanation.event or {}
    names = [shown(event[key]) for key in ("type", "event", "messageId") if event.get(key) is not None]
    head = f"event: {' '.join(names) or 'without type'}"
    if explanation.dropped:
        return f"{head}\ndropped by a plugin: {explanation.dropped}"
    return f"{head}\nchanged by a plugin before it was routed" if explanation.enriched else head


def _summary(explanation: Explanation) -> str:
    calls = sum(trace.call is not None for trace in explanation.mappings)
    rejected = len(explanation.rejections)
    silent = sum(not trace.fired for trace in explanation.mappings)
    parts = [counted(calls, "call")]
    parts += [f"{rejected} rejected"] if rejected else []
    parts += [f"{silent} did not fire"] if silent else []
    return ", ".join(parts)


def _heading(trace: MappingTrace) -> Text:
    from rich.text import Text  # noqa: PLC0415 - see write_explanation

    mark, style = ("✗", "red") if not trace.fired else ("!", "yellow") if trace.rejection else ("✓", "green")
    heading = Text(f"{mark} ", style).append(f"{trace.instance} / {trace.mapping}", "bold")
    return heading.append(f"  {trace.destination} {trace.action}", "cyan").append(f"  {trace.place}", "dim")


def _mapping(trace: MappingTrace, source: str) -> Tree:
    from rich.text import Text  # noqa: PLC0415 - see write_explanation
    from rich.tree import Tree  # noqa: PLC0415 - as above

    tree = Tree(_heading(trace), guide_style="dim")
    if not trace.fired:
        tree.add(Text(trace.reason, "red"))
    if trace.filter is not None:
        _condition(tree.add("the file's filter"), trace.filter)
    _condition(tree.add("trigger"), trace.trigger)
    if trace.fields:
        _fields(tree.add("fields"), trace.fields)
    if trace.rejection is not None:
        tree.add(Text(_escaped(f"rejected: {trace.rejection.reason}"), "yellow"))
    if trace.call is not None:
        tree.add(Text(f"call {trace.call['key']}", "green"))
    if trace.request is not None:
        request = tree.add(Text(f"request {trace.request['method']} {trace.request['url']}"))
        for name in ("headers", "params", "json", "form", "content"):
            if name in trace.request:
                request.add(Text(f"{name}: {_whole(trace.request[name])}"))
    if trace.request_failure:
        tree.add(Text(f"no request: {trace.request_failure}", "yellow"))
    if source:
        tree.add(Text("compiled to")).add(Text(source.rstrip()))
    return tree


def _condition(tree: Tree, finding: ConditionTrace, *, is_top: bool = True) -> None:
    from rich.text import Text  # noqa: PLC0415 - see write_explanation

    # `all` at the top needs no line of its own: its parts stand below each other.
    for part in finding.parts if finding.kind == "all" and is_top else (finding,):
        mark, style = ("✓", "green") if part.holds else ("✗", "red")
        label = {"all": "all of", "any": "any of", "not": "not"}.get(part.kind, _escaped(part.text))
        line = Text(f"{mark} ", style).append(label, "default")
        # That what holds is equal to what is asked for needs no saying.
        if part.kind == "test" and not (part.holds and part.operator == "is"):
            line.append(f"  {_actual(part)}", "dim" if part.holds else "red")
        branch = tree.add(line)
        for child in part.parts:
            _condition(branch, child, is_top=part.kind == "not")


def _actual(finding: ConditionTrace) -> str:
    if not finding.holds:
        return _escaped(finding.reason.removeprefix(f"{finding.text}: "))
    return f"it is {shown(finding.actual)}" if finding.actual is not None else "it is missing"


def _fields(tree: Tree, fields: tuple[FieldTrace, ...]) -> None:
    from rich.text import Text  # noqa: PLC0415 - see write_explanation

    told = [field for field in fields if field.is_sent or field.fault or field.note or field.origin == "mapping"]
    width = max((len(field.name) for field in told), default=0)
    for field in told:
        line = Text(field.name.ljust(width), "bold")
        if field.fault or (field.note and not field.is_sent):
            line.append(f"  {_escaped(field.fault or field.note)}", "yellow")
        elif field.is_sent:
            line.append(f" = {shown(field.sent)}", "green")
        elif field.value is not None:
            line.append(f" = {shown(field.value)}", "dim")
        else:
            line.append(" left out: its expression gives null", "dim")
        if field.note and field.is_sent:
            line.append(f"  {_escaped(field.note)}", "yellow")
        tree.add(line.append(f"  {_origin(field)}", "dim"))
    rest = len(fields) - len(told)
    if rest:
        tree.add(Text(f"{rest} more without a value", "dim"))


def _origin(field: FieldTrace) -> str:
    match field.origin:
        case "mapping":
            return f"{_escaped(field.expression)}  {field.place}"
        case "action":
            return f"{_escaped(field.expression)}  default of the action"
    return "default of the model" if field.is_sent else ""


def _whole(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError):
        return shown(value)
    return _escaped(text) if len(text) <= 2_000 else f"{_escaped(text[:2_000])}…"


def _escaped(text: str) -> str:
    """Return text that cannot steer a terminal."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
