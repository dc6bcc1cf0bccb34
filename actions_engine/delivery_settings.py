"""How calls are delivered to a destination: the `delivery:` key of a mapping file, its defaults given by the plugin."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from actions_engine.errors import did_you_mean
from actions_engine.source import Node, Source

if TYPE_CHECKING:
    from actions_engine.destination import Destination

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>ms|s|m|h|d)\s*")
_DURATION = re.compile(rf"(?:{_PART.pattern.replace('?P<number>', '').replace('?P<unit>', '')})+")


def read_duration(value: Any) -> float:
    """Return seconds: a number is seconds already, text names its units, such as `24h`, `1h30m` or `500ms`.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and _DURATION.fullmatch(value.strip()):
        return sum(float(part["number"]) * _UNITS[part["unit"]] for part in _PART.finditer(value))
    raise ValueError("a duration is a number of seconds, or text such as 30s, 15m, 24h or 7d")


Duration = Annotated[float, BeforeValidator(read_duration)]


class DeliverySettings(BaseModel):
    """How the calls of one destination instance are delivered; durations in seconds or as text such as `24h`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ordering: Annotated[
        Literal["none", "user"],
        Field(description="`user` keeps each user's calls in the order of their events; `none` promises no order."),
    ] = "none"
    concurrency: Annotated[int, Field(ge=1, le=1000, description="Requests under way at once.")] = 4
    max_requests_per_second: Annotated[float | None, Field(gt=0, description="Requests started in a second.")] = None
    max_records_per_minute: Annotated[
        float | None, Field(gt=0, description="Records sent in a minute, counted as the action's batch policy does.")
    ] = None
    timeout: Annotated[Duration, Field(gt=0, le=3600, description="For one request, its answer's body included.")] = (
        30.0
    )
    retry_window: Annotated[
        Duration, Field(ge=0, description="How long a call is tried again, from when its event was accepted.")
    ] = 86400.0
    max_attempts: Annotated[
        int | None, Field(ge=1, description="How often at most; within the window as often as it takes by default.")
    ] = None
    first_wait: Annotated[Duration, Field(gt=0, description="The longest wait before the second attempt.")] = 1.0
    longest_wait: Annotated[Duration, Field(gt=0, description="The longest wait between two attempts.")] = 1800.0


def read_delivery(source: Source, root: Node, destination: Destination) -> DeliverySettings:
    """Read a file's `delivery:` over the plugin's defaults; problems go to `source`."""
    defaults = destination.delivery
    node = root.value.get("delivery")
    if node is None:
        return defaults
    if not node.is_mapping:
        source.problem("delivery-shape", f"`delivery` is a mapping, not {node.kind()}", node,
                       hint="for example `delivery: {ordering: user}`")  # fmt: skip
        return defaults
    values = defaults.model_dump(exclude_unset=True) | node.plain()
    try:
        return DeliverySettings.model_validate(values)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False, include_context=False):
            name = str(fault["loc"][0])
            if fault["type"] == "extra_forbidden":
                source.problem("unknown-key", f"`delivery` has no key {name!r}", node.keys[name],
                               hint=did_you_mean(name, DeliverySettings.model_fields))  # fmt: skip
            else:
                message = fault["msg"].removeprefix("Value error, ")
                source.problem("delivery-value", f"delivery {name!r}: {message}", node.value.get(name, node))
    return defaults
