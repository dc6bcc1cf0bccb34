"""Webhook: send an event, or any part of it, to a URL, each item signed.

An item is signed with HMAC-SHA256 (RFC 2104) over its JSON exactly as it is sent, so that a receiver can check each one
by itself. A batch is a JSON list; its signatures stand in one header, in the items' order.
"""

import hmac
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from actions_engine import (
    Batch,
    Destination,
    From,
    JsonObject,
    Payload,
    Request,
    Secret,
    Settings,
    compact,
    encode_json,
)


class WebhookSettings(Settings):
    """What is common to all requests of one webhook."""

    url: Annotated[Secret, Field(description="Where to send; a secret, as many such URLs carry a token.")]
    shared_secret: Annotated[Secret | None, Field(description="Signs each item; unset, nothing is signed.")] = None
    headers: Annotated[
        dict[str, Secret], Field(description="Further headers, such as Authorization.", default_factory=dict)
    ]


class Send(Payload):
    """What to send."""

    data: Annotated[Any, From("@", "The body: the whole event by default.")]
    url: Annotated[str | None, Field(description="Another URL than that of the settings.")] = None
    method: Annotated[Literal["POST", "PUT", "PATCH"], Field(description="The HTTP method.")] = "POST"
    headers: Annotated[JsonObject | None, Field(description="Further headers of this item.")] = None


webhook = Destination("webhook", settings=WebhookSettings, title="Webhook")


def _together(payload: Send) -> tuple[Any, ...]:
    headers = tuple(sorted((str(name), str(value)) for name, value in (payload.headers or {}).items()))
    return payload.url, payload.method, headers


@webhook.action(trigger="type != null")
def send(settings: WebhookSettings, payload: Send) -> Request:
    """Send one item as the body of a request."""
    content = encode_json(payload.data)
    return _request(settings, [payload], [content], content)


@webhook.action(trigger="type != null", batch=Batch(max_calls=100, max_bytes=1_000_000, key=_together, linger=1.0))
def send_batch(settings: WebhookSettings, payloads: list[Send]) -> Request:
    """Send items together as a JSON list."""
    items = [encode_json(payload.data) for payload in payloads]
    return _request(settings, payloads, items, b"[" + b",".join(items) + b"]")


def _request(settings: WebhookSettings, payloads: Sequence[Send], items: list[bytes], content: bytes) -> Request:
    first = payloads[0]  # the others go where it goes: see _together
    headers: dict[str, Any] = {"Content-Type": "application/json", **settings.headers}
    headers |= {name: str(value) for name, value in compact(first.headers or {}).items()}
    headers["Idempotency-Key"] = ", ".join(payload.idempotency_key for payload in payloads)
    if settings.shared_secret is not None:
        key = settings.shared_secret.reveal().encode()
        headers["X-Signature"] = ", ".join(f"sha256={hmac.digest(key, item, 'sha256').hex()}" for item in items)
    return Request(first.method, first.url or settings.url, headers=headers, content=content)


webhook.preset("Every event", action="send")
