"""The destination that the benchmarks route to: two actions of 10 and 8 fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from actions_engine import Destination, From, JsonArray, JsonObject, Payload, Request, Settings, hookimpl

bench = Destination("bench", title="Bench")


class Click(Payload):
    """What was clicked: an array of products, a fallback and a template among 10 fields."""

    event: Annotated[str, From("event")]
    user_id: Annotated[str, From("userId || anonymousId")]
    message_id: Annotated[str | None, From("messageId")] = None
    sent_at: Annotated[str | None, From("timestamp")] = None
    title: Annotated[str | None, From("properties.title")] = None
    revenue: Annotated[float | None, From("properties.revenue")] = None
    currency: Annotated[str | None, From("properties.currency")] = None
    products: Annotated[
        JsonArray | None, From("properties.products[].{sku: sku, price: price, quantity: quantity}")
    ] = None
    url: Annotated[str | None, From("context.page.url")] = None
    label: Annotated[str | None, From("{{ event }} on {{ context.page.title }}")] = None


class Clicker(Payload):
    """Who clicked: a lower-cased address and an object as it is among 8 fields."""

    user_id: Annotated[str, From("userId")]
    anonymous_id: Annotated[str | None, From("anonymousId")] = None
    email: Annotated[str | None, From("lower(context.traits.email)")] = None
    username: Annotated[str | None, From("context.traits.username")] = None
    plan: Annotated[str | None, From("context.traits.plan")] = None
    ip: Annotated[str | None, From("context.ip")] = None
    user_agent: Annotated[str | None, From("context.userAgent")] = None
    traits: Annotated[JsonObject | None, From("context.traits")] = None


@bench.action(trigger='event = "Button Clicked"')
def click(settings: Settings, payload: Click) -> Request:
    """Record a click."""
    return Request.post("https://example.com/click", json=payload.body())


@bench.action(trigger='event = "Button Clicked" and context.traits != null')
def clicker(settings: Settings, payload: Clicker) -> Request:
    """Record who clicked."""
    return Request.post("https://example.com/clicker", json=payload.body())


@hookimpl
def register_destinations(register: Callable[[Destination], None]) -> None:
    """Bring the destination, for the command: it loads plugins by their entry points."""
    register(bench)
