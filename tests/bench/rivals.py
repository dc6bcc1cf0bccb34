"""The same two mappings in other languages, each checked to compute the same before it is timed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import jmespath
from jmespath import functions

from tests.bench.destination import bench

#: What computes the payloads of an event.
Rival = Callable[[Any], list[dict[str, Any]]]

JQ = """
select(.event == "Button Clicked")
| ({event, user_id: (.userId // .anonymousId), message_id: .messageId, sent_at: .timestamp,
    title: .properties.title, revenue: .properties.revenue, currency: .properties.currency,
    products: [.properties.products[] | {sku, price, quantity}],
    url: .context.page.url, label: "\\(.event) on \\(.context.page.title)"}),
  (if .context.traits != null then
    {user_id: .userId, anonymous_id: .anonymousId, email: (.context.traits.email | ascii_downcase),
     username: .context.traits.username, plan: .context.traits.plan, ip: .context.ip,
     user_agent: .context.userAgent, traits: .context.traits}
   else empty end)
"""

VRL = """
result = []
if .event == "Button Clicked" {
  products = map_values(array(.properties.products) ?? []) -> |item| {
    {"sku": item.sku, "price": item.price, "quantity": item.quantity}
  }
  user_id = .userId
  if user_id == null { user_id = .anonymousId }
  label = (string(.event) ?? "") + " on " + (string(.context.page.title) ?? "")
  result = push(result, {"event": .event, "user_id": user_id, "message_id": .messageId, "sent_at": .timestamp,
    "title": .properties.title, "revenue": .properties.revenue, "currency": .properties.currency,
    "products": products, "url": .context.page.url, "label": label})
  if exists(.context.traits) {
    result = push(result, {"user_id": .userId, "anonymous_id": .anonymousId,
      "email": downcase(string(.context.traits.email) ?? ""), "username": .context.traits.username,
      "plan": .context.traits.plan, "ip": .context.ip, "user_agent": .context.userAgent,
      "traits": .context.traits})
  }
}
. = {"result": result}
"""

# What JMESPath itself has no word for.
_TEMPLATES = {"label": "join(' on ', [event, context.page.title])"}


class _Functions(functions.Functions):
    """jmespath.py's functions and `lower`."""

    @functions.signature({"types": ["string", "null"]})
    def _func_lower(self, value: str | None) -> str | None:
        """Lower-case text."""
        return None if value is None else value.lower()


def with_jmespath() -> Rival:
    """Return the mappings as expressions that jmespath.py parsed beforehand and interprets."""
    options = jmespath.Options(custom_functions=_Functions())
    mappings = [
        (
            jmespath.compile(trigger),
            {
                name: jmespath.compile(_TEMPLATES.get(name, text))
                for name, text in bench.actions[action].defaults().items()
            },
        )
        for action, trigger in (
            ("click", "event == 'Button Clicked'"),
            ("clicker", "event == 'Button Clicked' && context.traits != null"),
        )
    ]

    def run(event: Any) -> list[dict[str, Any]]:
        """Interpret each expression on the event."""
        return [
            {name: field.search(event, options) for name, field in fields.items()}
            for trigger, fields in mappings
            if trigger.search(event, options)
        ]

    return run


def with_vrl() -> Rival:
    """Return the mappings as a VRL program, run by pyvrl in this process."""
    transform = import_module("pyvrl").Transform(VRL)

    def run(event: Any) -> list[dict[str, Any]]:
        """Run the program on the event."""
        found: list[dict[str, Any]] = transform.remap(event)["result"]
        return found

    return run


def with_jq() -> Rival:
    """Return the mappings as a jq program, run by libjq in this process, dict in."""
    program = import_module("jq").compile(JQ)

    def run(event: Any) -> list[dict[str, Any]]:
        """Run the program on the event."""
        found: list[dict[str, Any]] = program.input_value(event).all()
        return found

    return run


def with_jq_text() -> Callable[[str], str]:
    """Return the mappings as a jq program, JSON text in and out."""
    program = import_module("jq").compile(JQ)

    def run(text: str) -> str:
        """Run the program on the text."""
        found: str = program.input_text(text).text()
        return found

    return run
