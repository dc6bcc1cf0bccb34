"""Webhook: send an event, or any part of it, to a URL, each item signed.

An item is signed with HMAC-SHA256 (RFC 2104) over its JSON exactly as it is sent, so that a receiver can check each one
by itself. A batch is a JSON list; its signatures stand in one header, in the items' order.
"""

import hashlib
import hmac
from enum import StrEnum
from typing import Annotated, Any

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
    encode_json,
)


class Method(StrEnum):
    """The HTTP methods that carry a body."""

    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"


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
    method: Annotated[Method, Field(description="The HTTP method.")] = Method.POST
    headers: Annotated[JsonObject | None, Field(description="Further headers of this item.")] = None


class SendEach(Send):
    """What to send in a request of its own."""


webhook = Destination("webhook", settings=WebhookSettings, title="Webhook")


def _together(payload: Send) -> tuple[Any, ...]:
    headers = tuple(sorted((str(name), str(value)) for name, value in (payload.headers or {}).items()))
    return payload.url, payload.method, headers


@webhook.action(trigger="type != null")
def send(settings: WebhookSettings, payload: SendEach) -> Request:
    """Send one item as the body of a request."""
    content = encode_json(payload.data)
    return _request(settings, payload, content, [content])


@webhook.action(trigger="type != null", batch=Batch(max_calls=100, max_bytes=1_000_000, key=_together, linger=1.0))
def send_batch(settings: WebhookSettings, payloads: list[Send]) -> Request:
    """Send items together as a JSON list."""
    items = [encode_json(payload.data) for payload in payloads]
    return _request(settings, payloads[0], b"[" + b",".join(items) + b"]", items, payloads)


def _request(
    settings: WebhookSettings,
    payload: Send,
    content: bytes,
    items: list[bytes],
    payloads: list[Any] | None = None,
) -> Request:
    headers: dict[str, Any] = {"Content-Type": "application/json", **settings.headers}
    if payload.headers:
        headers |= {name: str(value) for name, value in payload.headers.items()}
    keys = [payload.idempotency_key] if payloads is None else [each.idempotency_key for each in payloads]
    headers["Idempotency-Key"] = ", ".join(keys)
    if settings.shared_secret is not None:
        key = settings.shared_secret.reveal().encode()
        headers["X-Signature"] = ", ".join(
            f"sha256={hmac.new(key, item, hashlib.sha256).hexdigest()}" for item in items
        )
    return Request(payload.method.value, payload.url or settings.url, headers=headers, content=content)


webhook.preset("Every event", action="send")
