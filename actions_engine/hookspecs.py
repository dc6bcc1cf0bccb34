"""The hooks, one page. A plugin implements any of them with `@hookimpl`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from actions_engine.call import SentCall
    from actions_engine.destination import Destination
    from actions_engine.outcome import Outcome

PROJECT = "actions_engine"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True, slots=True)
class Drop:
    """The answer of `before_route` that stops an event, with the reason that reports give."""

    reason: str


@hookspec
def register_destinations(register: Callable[[Destination], None]) -> None:
    """Call `register` with each destination that the plugin brings."""


@hookspec
def register_functions(register: Callable[[Callable[..., Any]], None]) -> None:
    """Call `register` with each typed Python function that mappings may call."""


@hookspec
def before_route(event: dict[str, Any]) -> dict[str, Any] | Drop | None:
    """Enrich or drop an event before it is routed.

    Return another dict to route in its place (never change the one given), `Drop(reason)` to stop it, or None to leave
    it as it is. Plugins are asked in the order of their names, each seeing what the one before returned.
    """


@hookspec
def after_delivery(call: SentCall, outcome: Outcome) -> None:
    """Hear what became of a call after a request carried it, for metrics and audit.

    It runs between two requests: be quick. What it raises is logged and changes nothing.
    """
