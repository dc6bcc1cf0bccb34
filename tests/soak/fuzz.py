"""Events as nobody means to send them, through every action of every installed destination.

They are shaped like calls of the Segment spec, as what is far from one is refused at once: each field of the spec holds
each kind of value, and lists and objects are empty, long, deep or have odd names. Hypothesis draws them, so that what
fails is told by its smallest form.
"""

from __future__ import annotations

import copy
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from actions_engine import Engine, Registry
from actions_engine.language.condition import Not, make_test
from actions_engine.language.expression import ExpressionParser
from actions_engine.spec import tables
from actions_engine.spec.samples import SAMPLES
from actions_engine.testing import Subject

#: Seconds of the processor that one event may take.
SECONDS = 1.0

_TEXTS = (
    "", " ", "\t\n", "a", "0", "-1", "1e400", "true", "null", "NaN", "\x00", "\x1b[31m", "\ud800", "a\udfffb", "\U0001f468\u200d\U0001f469",
    "\u202eabc", "İ", "ß", "{{ userId }}", "${HOME}", "'; drop table users; --", "<script>", "../../etc/passwd", "a@b", "@", "A@B.example",
    "+1 205 555 0123", "+", "2020-02-30", "2020-01-01", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59.999999+14:00", "1e9", "1700000000",
    "http://", "https://[::1", "https://a/?q=%", "USD", "usd", "XXX", "en_US", "Order Completed", "Product Added", "track", "é" * 300,
)  # fmt: skip
_NUMBERS = (
    0, 1, -1, -0.0, 0.1, 1.5, 10**9, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**400, -(10**400), 1e308, -1e308, 5e-324,
    float("nan"), float("inf"), float("-inf"), 1_700_000_000, 1_700_000_000_000, 10**15,
)  # fmt: skip
_NAMES = (
    "", " ", "a", "a.b", "$set", "$", "__proto__", "constructor", "\x00", "\ud800", "id", "email", "type", "event", "0", "-", "é", "n" * 5_000, "{{a}}", "'",
)  # fmt: skip


class Events:
    """Odd events, as the dice fall."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._samples = _SAMPLES
        self._paths = _PATHS

    def event(self) -> Any:
        """Return an event."""
        choose = self._random
        if choose.random() < 0.01:
            return self.value()
        event = copy.deepcopy(choose.choice(self._samples))
        if choose.random() < 0.3:
            event["type"] = choose.choice(tables.EVENT_TYPES)
        for _ in range(choose.choice((1, 1, 2, 3, 5, 30))):
            self._change(event, choose.choice(self._paths))
        return event

    def _change(self, event: Any, path: tuple[str, ...]) -> None:
        """Change one field of an event; a step `[]` takes some item of a list."""
        *steps, last = path
        inside = event
        for step in steps:
            if step == "[]":
                inside = self._random.choice(inside) if isinstance(inside, list) and inside else None
            elif isinstance(inside, dict):
                if not isinstance(inside.get(step), (dict, list)) and self._random.random() < 0.5:
                    inside[step] = {}
                inside = inside.get(step)
            else:
                return
        if not isinstance(inside, dict):
            return
        if self._random.random() < 0.1:
            inside.pop(last, None)
        elif self._random.random() < 0.1:
            inside[self._random.choice(_NAMES)] = self.value()
        else:
            inside[last] = self.value()

    def value(self, depth: int = 0) -> Any:
        """Return a value of any kind."""
        choose = self._random
        kind = choose.choices(range(9), (4, 2, 12, 10, 6 if depth < 4 else 0, 6 if depth < 4 else 0, 1, 0.3, 0.3))[0]
        match kind:
            case 0:
                return None
            case 1:
                return choose.random() < 0.5
            case 2:
                return choose.choice(_TEXTS)
            case 3:
                return choose.choice(_NUMBERS)
            case 4:
                return [self.value(depth + 1) for _ in range(choose.choice((0, 1, 2, 5)))]
            case 5:
                return {choose.choice(_NAMES): self.value(depth + 1) for _ in range(choose.choice((0, 1, 2, 5)))}
            case 6:
                return choose.choice(("a", "é", '\\"', "\ud800", "1")) * choose.choice((1_000, 100_000))
            case 7:
                return self._deep(choose.choice((60, 300, 5_000)))
            case _:
                return [choose.choice((None, {}, [], "x", 1, {"product_id": "a"}))] * choose.choice((1_000, 20_000))

    def _deep(self, levels: int) -> Any:
        value: Any = self._random.choice((None, 1, "x"))
        as_list = self._random.random() < 0.5
        for _ in range(levels):
            value = [value] if as_list else {"a": value}
        return value


def _paths(value: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the way to each field of an event."""
    if isinstance(value, dict):
        for name, inside in value.items():
            yield (*before, name)
            yield from _paths(inside, (*before, name))
    elif isinstance(value, list):
        for item in value:
            yield from _paths(item, (*before, "[]"))


def _spec_paths() -> Iterator[tuple[str, ...]]:
    """Yield the way to each field of the spec."""
    for name in (*tables.COMMON_FIELDS, *(name for names in tables.CALL_FIELDS.values() for name in names)):
        yield (name,)
    for path in tables.CONTEXT_KINDS:
        yield ("context", *path.split("."))
    for name in {**tables.USER_TRAITS, **tables.GROUP_TRAITS}:
        yield "traits", name
        yield "context", "traits", name
    for name in {
        **tables.TRACK_PROPERTIES,
        **tables.PAGE_PROPERTIES,
        **tables.ORDER_PROPERTIES,
        **tables.PRODUCT_PROPERTIES,
    }:
        yield "properties", name
    for name in tables.PRODUCT_PROPERTIES:
        yield "properties", "products", "[]", name


_SAMPLES = list(SAMPLES.values())
_PATHS = sorted({path for paths in (*map(_paths, _SAMPLES), _spec_paths()) for path in paths})


def engines(registry: Registry) -> list[Engine]:
    """Return an engine for each destination: its actions, whatever the event is, and its presets as they are."""
    never = ExpressionParser(registry.library).parse('"$never"')
    always = Not(make_test(never, "exists", True))
    made = []
    for destination in registry.destinations.values():
        subject = Subject(destination)
        actions = [replace(mapping, trigger=always) for mapping in subject.actions_engine.mappings]
        made.append(Engine([*actions, *subject.presets_engine.mappings], registry))
    return made


@dataclass(slots=True)
class Found:
    """What became of the events.

    Attributes:
        cases: How many were tried, each with one destination.
        calls: What they became.
        rejections: Mappings that refused theirs.
        unsendable: Calls that became no request.
        slowest: Seconds of the processor that the slowest took.
        longest: Characters of the longest reason.
        grown: Bytes by which the process's most memory grew after the first tenth.
    """

    cases: int = 0
    calls: int = 0
    rejections: int = 0
    unsendable: int = 0
    slowest: float = 0.0
    longest: int = 0
    grown: int = 0


def fuzz(cases: int, *, is_fresh: bool) -> Found:
    """Route odd events and make the requests of their calls; each destination in its turn.

    Args:
        cases: How many.
        is_fresh: Whether the events are others each time.

    Raises:
        Exception: whatever `route`, `requests` or `explain` raised, with the event by which Hypothesis got it.
    """
    registry = Registry.from_entry_points()
    tried, found = engines(registry), Found()
    early = 0

    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        derandomize=not is_fresh,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(st.randoms(use_true_random=False))
    def run(random: Random) -> None:
        nonlocal early
        engine = tried[found.cases % len(tried)]
        event = Events(random).event()
        start = time.process_time()
        _try(engine, event, found, is_explained=found.cases % 20 == 0)
        found.slowest = max(found.slowest, time.process_time() - start)
        found.cases += 1
        if found.cases == cases // 10:
            early = _most_memory()

    run()
    found.grown = _most_memory() - early
    return found


def _most_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _try(engine: Engine, event: Any, found: Found, *, is_explained: bool) -> None:
    routing = engine.route(event)
    found.calls += len(routing.calls)
    found.rejections += len(routing.rejections)
    found.longest = max([found.longest, *(len(rejection.reason) for rejection in routing.rejections)])
    for call in routing.calls:
        assert call.key
        call.as_dict()
    requests = engine.requests(routing.calls)
    found.unsendable += len(requests.rejections)
    for request in requests:
        request.full_url()
        request.full_headers()
        request.body()
    if is_explained:
        explained = engine.explain(event)
        assert [trace.rejection for trace in explained.mappings if trace.rejection] == [
            rejection for rejection in routing.rejections if rejection.mapping
        ]
