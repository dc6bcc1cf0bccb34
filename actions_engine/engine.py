"""The pure path: load mappings, route events. No I/O after the load, no clock, no environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as AbstractMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from actions_engine.batch import Requests, requests_of
from actions_engine.call import Call, Rejection, Routing
from actions_engine.compiler.code_writer import Compiled
from actions_engine.compiler.index import Index
from actions_engine.compiler.program import Finish, ProgramWriter, compile_fields
from actions_engine.errors import PLUGIN_RAISES, PluginError, Problem
from actions_engine.hookspecs import Drop
from actions_engine.loading.mappings import load_mappings
from actions_engine.mapping import Instance, Mapping
from actions_engine.mending import mend
from actions_engine.registry import Registry
from actions_engine.rejection import reason_of, refusal
from actions_engine.spec.integrations import is_chosen
from actions_engine.wording import kind_of

if TYPE_CHECKING:
    from actions_engine.explain import Explanation

Row = dict[str, Any]

#: Beyond so many remembered combinations of mappings, or mappings in one, each mapping's own program is run.
MAX_PROGRAMS = 2_000
MAX_SHARED = 64

_NOTHING = Routing()


#: What runs when certain mappings fire together: their fields and each payload's validator in one function.
Program = Callable[[Row], tuple[Call, ...]]
_Fields = tuple[tuple[Mapping, ...], Callable[[Row], tuple[Row, ...]]]


class Engine:
    """Routes events by mappings. Safe to share between threads: routing changes nothing but caches.

    Attributes:
        mappings: In the order of the files.
        registry: What they were loaded with.
        warnings: What the load found and did not stop for.
        instances: The destination instances: of the mappings, and of files that make no call (`enabled: false`).
    """

    def __init__(
        self,
        mappings: Iterable[Mapping],
        registry: Registry,
        warnings: Iterable[Problem] = (),
        instances: Iterable[Instance] = (),
    ) -> None:
        self.mappings = tuple(mappings)
        self.instances = tuple(dict.fromkeys([*instances, *(mapping.instance for mapping in self.mappings)]))
        self.registry = registry
        self.warnings = tuple(warnings)
        self._index = Index([mapping.condition for mapping in self.mappings], registry.library)
        self._fired = self._index.fired
        self._programs: dict[tuple[int, ...], Program] = {}
        self._fields: dict[tuple[int, ...], _Fields] = {(): ((), lambda _event: ())}
        self._filters_events = registry.filters_events

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        registry: Registry | None = None,
        environ: AbstractMapping[str, str] | None = None,
    ) -> Self:
        """Load a mapping file, or every mapping file below a folder.

        Args:
            path: The file or folder.
            registry: The plugins to load it with; the installed ones by default.
            environ: What `${VAR}` reads; the process's environment by default.

        Raises:
            MappingError: something cannot be loaded; `.problems` holds every problem of every file.
        """
        registry = Registry.from_entry_points() if registry is None else registry
        loaded = load_mappings(path, registry, os.environ if environ is None else environ)
        return cls(loaded.mappings, registry, loaded.warnings, loaded.instances)

    def route(self, event: Any) -> Routing:
        """Return what an event becomes.

        Never raises for what an event or a mapping holds: a mapping that fails is rejected alone. The event is never
        changed; payloads may share its inner objects.

        Args:
            event: A call of the Segment spec as a dict; anything else is one rejection.
        """
        if not isinstance(event, dict):
            return Routing(rejections=(refusal(f"an event is an object, not {kind_of(event)}"),))
        if self._filters_events:
            try:
                answer = self.registry.before_route(event)
            except PluginError as error:
                # A consent hook that fails must not let the event through, nor lose it without a word.
                return Routing(rejections=(refusal(str(error)),))
            if isinstance(answer, Drop):
                return Routing(dropped=answer.reason)
            event = answer
        try:
            fired = self._fired(event)
            if choice := event.get("integrations"):
                fired = self._chosen(choice, fired)
        except PLUGIN_RAISES as error:
            # A dict of the host's own making, or one with a key that raises when it is compared.
            return Routing(rejections=(refusal(f"the event cannot be read: {reason_of(error)}"),))
        if not fired:
            return _NOTHING
        try:
            return Routing((self._programs.get(fired) or self._program(fired))(event))
        except PLUGIN_RAISES:  # one of the mappings failed: each is tried by itself
            return self._route_one_by_one(event, fired)

    def route_many(self, events: Iterable[Any]) -> Iterator[Routing]:
        """Yield what each event becomes, in order."""
        return map(self.route, events)

    def explain(self, event: Any, *, mapping: str | None = None) -> Explanation:
        """Return what each step sees and decides: why a mapping fires or not, and where its fields come from.

        Args:
            event: As for `route`, with which it agrees.
            mapping: The name of the one mapping to explain, or `instance / name`; all by default.
        """
        from actions_engine.explain import explain  # noqa: PLC0415 - production routes and never explains

        chosen = [item for item in self.mappings if mapping in (None, item.name, f"{item.instance.name} / {item.name}")]
        return explain(chosen, self.registry, event)

    def requests(self, calls: Iterable[Call]) -> Requests:
        """Return the requests that calls become, batched by each action's policy; nothing is sent.

        Of an action of several steps it is the first request: the others depend on answers. A call that cannot become
        a request takes no other along: it is among the `rejections` of what is returned, with its key and the reason.
        """
        return requests_of(calls)

    def evaluate(self, event: dict[str, Any]) -> tuple[tuple[Mapping, ...], tuple[Row, ...]]:
        """Return the mappings that fire for an event, and for each the fields that it computes, not validated.

        Raises:
            FunctionError, jmespath.exceptions.JMESPathError: a field cannot be computed.
        """
        fired = self._fired(event)
        if choice := event.get("integrations"):
            fired = self._chosen(choice, fired)
        mappings, fields = self._fields.get(fired) or self._fields_of(fired)
        return mappings, fields(event)

    def source(self, mapping: Mapping) -> str:
        """Return the Python that a mapping's fields are compiled to."""
        return self._compile((mapping,)).source

    # -- one step each

    def _chosen(self, choice: Any, fired: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(number for number in fired if is_chosen(choice, self.mappings[number].instance.integration_names))

    def _compile(self, mappings: Iterable[Mapping], finish: Finish | None = None) -> Compiled:
        mappings = tuple(mappings)
        fields = [(mapping.name, mapping.fields) for mapping in mappings]
        return compile_fields(fields, self.registry.library, finish, [mapping.single for mapping in mappings])

    def _program(self, fired: tuple[int, ...]) -> Program:
        """Return the program of mappings that fire together, compiled when they first do."""
        if len(fired) > 1 and (len(fired) > MAX_SHARED or len(self._programs) >= MAX_PROGRAMS):
            parts = [self._programs.get((number,)) or self._program((number,)) for number in fired]
            return lambda event: tuple(part(event)[0] for part in parts)
        mappings = [self.mappings[number] for number in fired]

        def call(code: ProgramWriter, number: int, row: str) -> str:
            validate = mappings[number].action.payload.__pydantic_validator__.validate_python
            return f"{code.bind(Call)}({code.bind(mappings[number])}, {code.bind(validate)}({row}), event)"

        program: Program = self._compile(mappings, call).function
        self._programs[fired] = program
        return program

    def _fields_of(self, fired: tuple[int, ...]) -> _Fields:
        mappings = tuple(self.mappings[number] for number in fired)
        fields: _Fields = mappings, self._compile(mappings).function
        if len(self._fields) < MAX_PROGRAMS:
            self._fields[fired] = fields
        return fields

    def _route_one_by_one(self, event: dict[str, Any], fired: tuple[int, ...]) -> Routing:
        calls: list[Call] = []
        rejections: list[Rejection] = []
        for number in fired:
            mapping, row = self.mappings[number], None
            try:
                # In two steps, as a rejection tells of the fields that were refused.
                _, fields = self._fields.get((number,)) or self._fields_of((number,))
                (row,) = fields(event)
                payload = mapping.action.payload.__pydantic_validator__.validate_python(row)
                calls.append(Call(mapping, payload, event))
            except PLUGIN_RAISES:  # whatever a mapping raises is its own alone
                made = mend(mapping, event, row)
                if isinstance(made, Call):
                    calls.append(made)
                else:
                    rejections.append(made)
        return Routing(tuple(calls), tuple(rejections))
