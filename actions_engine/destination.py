"""The plugin contract: what a destination is made of.

segment = Destination("segment", settings=SegmentSettings, title="Segment")

@segment.action(trigger='type = "identify"', batch=Batch(max_calls=100))
def identify(settings: SegmentSettings, payloads: list[Identify]) -> Request:
    '''Tie a user to their traits.'''
    return Request.post(...)
"""

from __future__ import annotations

import contextlib
import inspect
import re
import typing
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from actions_engine.delivery_settings import DeliverySettings
from actions_engine.errors import PLUGIN_RAISES, PluginError
from actions_engine.masking import Masker
from actions_engine.outcome import Outcome
from actions_engine.payload import Payload, default_of
from actions_engine.request import Request, Response, Secret

#: What an action of several steps returns: it yields requests, is given their answers, and returns the outcomes.
Steps = Generator[Request, Response, list[Outcome]]
ActionFunction = TypeVar("ActionFunction", bound=Callable[..., Any])
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Settings(BaseModel):
    """What a destination instance is told once: credentials, region, endpoint; a Secret masks itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def secrets(self) -> tuple[Secret, ...]:
        """Return every secret among the settings."""
        return tuple(secret for _, value in self for secret in _secrets(value))


class RegionalSettings(Settings):
    """Settings of a vendor with a host for each region.

    class AcmeSettings(RegionalSettings):
        hosts: ClassVar = {"us": "https://api.acme.example.com", "eu": "https://api.eu.acme.example.com"}
        region: Annotated[Literal["us", "eu"], Field(description="Where the account lives.")] = "us"

    Attributes:
        hosts: By region, each without a slash at its end.
        region: Where the account lives; a subclass says which there are.
    """

    hosts: ClassVar[Mapping[str, str]] = {}
    region: str
    endpoint: Annotated[str | None, Field(description="Another host than the region's, for tests.")] = None

    @property
    def host(self) -> str:
        """The host to send to: the endpoint where one is given, else the region's."""
        return self.endpoint or self.hosts[self.region]


def _secrets(value: Any) -> Iterator[Secret]:
    match value:
        case Secret():
            yield value
        case dict():
            for item in value.values():
                yield from _secrets(item)
        case list() | tuple():
            for item in value:
                yield from _secrets(item)
        case BaseModel():
            for _, item in value:
                yield from _secrets(item)


@dataclass(frozen=True, slots=True)
class Batch:
    """How many calls of an action one request may carry; the engine splits.

    Attributes:
        max_calls: Calls a request.
        max_bytes: Bytes of a request's body, as long as it carries more than one call.
        max_records: Records a request, where the vendor counts those: `records` tells how many a payload makes.
        records: Counts a payload's records; one each by default.
        key: Only calls with an equal key share a request; all do by default.
        linger: Seconds that delivery waits for a batch to fill.
    """

    max_calls: int = 100
    max_bytes: int | None = None
    max_records: int | None = None
    records: Callable[[Any], int] = lambda _payload: 1
    key: Callable[[Any], Hashable] = lambda _payload: None
    linger: float = 0.0

    def __post_init__(self) -> None:
        for name in ("max_calls", "max_bytes", "max_records"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")


class Transport(Protocol):
    """Carries requests where HTTP does not go: files, SQL, a broker.

    One thread opens, uses, flushes and closes it, a request at a time. A transport that takes more says how many by an
    attribute `concurrency`: then other threads, so many at once, send too.
    """

    def open(self) -> None:
        """Get ready; called once, before the first send."""

    def send(self, request: Request) -> Response:
        """Carry one request and answer for it."""
        ...

    def flush(self) -> None:
        """Make everything sent so far durable."""

    def close(self) -> None:
        """Let go of every resource; called once."""


@dataclass(frozen=True, eq=False)
class Action:
    """One thing that a destination can do.

    Attributes:
        name: In snake_case, the vendor's own term.
        destination: The destination's name.
        function: From settings and payloads to a request, or a generator of several.
        payload: The payload model.
        trigger: The default trigger, in the text form.
        description: What it does: the function's docstring.
        batch: The batch policy; None where each call is a request of its own.
        outcomes: Reads a vendor's answer to one outcome for each payload; None where the status says all.
        formerly: Names under which older mappings know it.
        renamed_fields: Fields' former names and what they are called now.
    """

    name: str
    destination: str
    function: Callable[..., Request | Steps]
    payload: type[Payload]
    trigger: str
    description: str
    batch: Batch | None = None
    outcomes: Callable[[Response, list[Any]], list[Outcome]] | None = None
    formerly: tuple[str, ...] = ()
    renamed_fields: Mapping[str, str] = field(default_factory=dict)

    def start(self, settings: Settings, payloads: list[Payload]) -> Request | Steps:
        """Run the action's function on the payloads of one request.

        Raises:
            PluginError: the function raised, or returned something else than a request or a generator.
        """
        try:
            result = self.function(settings, payloads if self.batch is not None else payloads[0])
        except PLUGIN_RAISES as error:
            raise self._failed(error, settings) from error
        if not isinstance(result, (Request, Generator)):
            raise PluginError(
                self.destination, f"action {self.name} returned {type(result).__name__} in place of a Request"
            )
        return result

    def request(self, settings: Settings, payloads: list[Payload]) -> Request:
        """Return the request for these payloads; of an action of several steps, the first.

        Raises:
            PluginError: as for `start`.
        """
        result = self.start(settings, payloads)
        if isinstance(result, Request):
            return result
        try:
            first: Any = next(result)
        except StopIteration:
            raise PluginError(self.destination, f"action {self.name} yielded no request") from None
        except PLUGIN_RAISES as error:
            raise self._failed(error, settings) from error
        finally:
            with contextlib.suppress(*PLUGIN_RAISES):
                result.close()
        if not isinstance(first, Request):
            raise PluginError(self.destination, f"action {self.name} yielded {type(first).__name__} and no Request")
        return first

    def _failed(self, error: BaseException, settings: Settings) -> PluginError:
        told = Masker(settings.secrets()).mask(f"raised {type(error).__name__}: {error}")
        return PluginError(self.destination, f"action {self.name} {told}")

    def defaults(self) -> dict[str, str]:
        """Return each payload field's default expression, where it has one."""
        return {
            name: marker.expression
            for name, info in self.payload.model_fields.items()
            if (marker := default_of(info)) is not None
        }


@dataclass(frozen=True, slots=True)
class Preset:
    """A mapping that a destination recommends.

    Attributes:
        name: What the analyst calls it by.
        action: The action's name.
        trigger: In the text form; None takes the action's.
        fields: As in a mapping file; None takes the action's defaults.
    """

    name: str
    action: str
    trigger: str | None = None
    fields: Mapping[str, Any] | None = None


class Destination:
    """A vendor or sink: settings and actions.

    Attributes:
        name: In snake_case; mapping files name it.
        settings: The settings model.
        title: As people write it; events may name it in `integrations`.
        actions: By name.
        presets: By name.
        transport: Makes the destination's own transport from its settings; None means HTTP.
        delivery: How its calls are delivered where a mapping file does not say.
        also_called: Other names that events may have for it in `integrations`, such as Segment's own; what catalogues
            add, such as `(Actions)` and `Cloud Mode`, need not be said.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: type[Settings] = Settings,
        title: str = "",
        transport: Callable[[Any], Transport] | None = None,
        delivery: DeliverySettings | None = None,
        also_called: Sequence[str] = (),
    ) -> None:
        if not _NAME.fullmatch(name):
            raise PluginError(name, "a destination's name is in snake_case: letters, digits and _")
        self.name = name
        self.settings = settings
        self.title = title or name
        self.transport = transport
        self.delivery = delivery or DeliverySettings()
        self.also_called = tuple(also_called)
        self.actions: dict[str, Action] = {}
        self.presets: dict[str, Preset] = {}

    def __repr__(self) -> str:
        return f"Destination({self.name!r}, actions={list(self.actions)})"

    def action(
        self,
        *,
        trigger: str,
        batch: Batch | None = None,
        outcomes: Callable[[Response, list[Any]], list[Outcome]] | None = None,
        formerly: Sequence[str] = (),
        renamed_fields: Mapping[str, str] | None = None,
    ) -> Callable[[ActionFunction], ActionFunction]:
        """Register the decorated function as an action named as it is; see `Action` for the arguments.

        Raises:
            PluginError: the function's signature is not an action's, or the name is taken.
        """

        def register(function: ActionFunction) -> ActionFunction:
            name = function.__name__
            if name in self.actions:
                raise PluginError(self.name, f"there are two actions {name!r}")
            self.actions[name] = Action(
                name=name,
                destination=self.name,
                function=function,
                payload=_payload_of(function, batch, self.name),
                trigger=trigger,
                description=inspect.getdoc(function) or "",
                batch=batch,
                outcomes=outcomes,
                formerly=tuple(formerly),
                renamed_fields=dict(renamed_fields or {}),
            )
            return function

        return register

    def preset(
        self, name: str, *, action: str, trigger: str | None = None, fields: Mapping[str, Any] | None = None
    ) -> Preset:
        """Recommend a mapping.

        Raises:
            PluginError: the name is taken, or there is no such action.
        """
        if action not in self.actions:
            raise PluginError(self.name, f"preset {name!r} names the action {action!r}, which is not registered yet")
        if name in self.presets:
            raise PluginError(self.name, f"there are two presets {name!r}")
        self.presets[name] = Preset(name, action, trigger, fields)
        return self.presets[name]


def _payload_of(function: Callable[..., Any], batch: Batch | None, destination: str) -> type[Payload]:
    """Find an action's payload model in its annotations; the message of a refusal shows what was found and expected."""
    form = "settings, payloads: list[YourPayload]" if batch else "settings, payload: YourPayload"
    expected = f"def {function.__name__}({form}) -> Request"
    found = f"def {function.__name__}{inspect.signature(function)}"
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError) as error:
        raise PluginError(destination, f"the annotations of `{found}` cannot be resolved: {error}") from None
    parameters = list(inspect.signature(function).parameters)
    model = hints.get(parameters[1]) if len(parameters) == 2 else None
    if batch is not None:
        model = typing.get_args(model)[0] if typing.get_origin(model) is list else None
    if not (isinstance(model, type) and issubclass(model, Payload)):
        remedy = "" if batch else "; an action that takes a list declares batch=Batch(...)"
        raise PluginError(destination, f"an action is `{expected}`, found `{found}`{remedy}")
    return model
