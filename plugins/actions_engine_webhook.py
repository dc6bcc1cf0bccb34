"""Webhook: send an event, or any part of it, to a URL, each item signed.

An item is signed with HMAC-SHA256 (RFC 2104) over its JSON exactly as it is sent, so that a receiver can check each one
by itself. A batch is a JSON list; its signatures stand in one header, in the items' order.
"""

import hmac
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from actions_engine import (
    Batch,
    Destination,
    Exact,
    From,
    JsonObject,
    Payload,
    Request,
    Secret,
    Settings,
    compact,
    encode_json,
    turned_into,
)


class WebhookSettings(Settings):
    """What is common to all requests of one webhook."""

    url: Annotated[Secret, Field(description="Where to send; a secret, as many such URLs carry a token.")]
    shared_secret: Annotated[Secret | None, Field(description="Signs each item; unset, nothing is signed.")] = None
    headers: Annotated[
        dict[str, Secret], Field(description="Further headers, such as Authorization.", default_factory=dict)
    ]


_ADDRESS = re.compile(r"https?://[^\s/?#]+[^\s]*", re.IGNORECASE)
# https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2 for names; a control character would end the header.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def _address(url: str) -> str:
    if not _ADDRESS.fullmatch(url):
        raise ValueError("expected a URL, such as https://example.com/hook")
    return url


def _upper(method: Any) -> Any:
    return method.strip().upper() if isinstance(method, str) else method


def _sendable(headers: dict[str, Any]) -> dict[str, Any]:
    """Return headers that can be sent: one that cannot would cost the item."""
    lost = [name for name, value in headers.items() if not _NAME.fullmatch(name) or not _is_header(value)]
    if lost:
        kept = {name: value for name, value in headers.items() if name not in lost}
        raise turned_into(kept, f"no header: {', '.join(map(repr, lost))[:200]}")
    return headers


def _is_header(value: Any) -> bool:
    return value is None or (isinstance(value, (str, int, float)) and not _CONTROL.search(str(value)))


class Send(Payload):
    """What to send."""

    data: Annotated[Any, From("@", "The body: the whole event by default.")]
    # Exact: an item whose address or method cannot be read is not sent somewhere else, or otherwise, in its place.
    url: Annotated[
        Annotated[str, Exact(), AfterValidator(_address)] | None,
        Field(description="Another URL than that of the settings."),
    ] = None
    method: Annotated[
        Annotated[Literal["POST", "PUT", "PATCH"], Exact(), BeforeValidator(_upper)],
        Field(description="The HTTP method."),
    ] = "POST"
    headers: Annotated[
        Annotated[JsonObject, AfterValidator(_sendable)] | None, Field(description="Further headers of this item.")
    ] = None


webhook = Destination("webhook", settings=WebhookSettings, title="Webhook")


def _together(payload: Send) -> tuple[Any, ...]:
    headers = tuple(sorted(_written(payload.headers).items()))
    return payload.url, payload.method, headers


def _written(headers: dict[str, Any] | None) -> dict[str, str]:
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in compact(headers or {}).items()
    }


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
    headers |= _written(first.headers)
    headers["Idempotency-Key"] = ", ".join(payload.idempotency_key for payload in payloads)
    if settings.shared_secret is not None:
        key = settings.shared_secret.reveal().encode()
        headers["X-Signature"] = ", ".join(f"sha256={hmac.digest(key, item, 'sha256').hex()}" for item in items)
    return Request(first.method, first.url or settings.url, headers=headers, content=content)


webhook.preset("Every event", action="send")
