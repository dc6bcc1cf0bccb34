"""Webhook: every item is signed, and items that differ in where they go share no request."""

import hashlib
import hmac
import json

from actions_engine.testing import requests_for
from actions_engine_webhook import webhook

EVENT = {"type": "track", "event": "A", "messageId": "m", "properties": {"n": 1}}
SETTINGS = {"url": "https://example.com/hook", "shared_secret": "s3cret"}


def signed(content: bytes) -> str:
    return "sha256=" + hmac.new(b"s3cret", content, hashlib.sha256).hexdigest()


def test_one_item_is_signed() -> None:
    """The signature is that of the bytes that are sent."""
    (request,) = requests_for(webhook, EVENT, action="send", settings=SETTINGS)
    content = request.body()
    assert content is not None
    assert request.full_headers()["X-Signature"] == signed(content)


def test_every_item_of_a_batch_is_signed() -> None:
    """A batch carries a signature for each of its items, in their order, and as many keys."""
    events = [EVENT | {"messageId": f"m{number}"} for number in range(3)]
    (request,) = requests_for(webhook, *events, action="send_batch", settings=SETTINGS)
    items = json.loads(request.body() or b"")
    headers = request.full_headers()
    assert [item["messageId"] for item in items] == ["m0", "m1", "m2"]
    parts = [json.dumps(item, separators=(",", ":")).encode() for item in items]
    assert headers["X-Signature"].split(", ") == [signed(part) for part in parts]
    assert len(set(headers["Idempotency-Key"].split(", "))) == 3


def test_other_addresses_are_other_requests() -> None:
    """Items with another URL or other headers go apart."""
    fields = {"url": "context.page.url"}
    events = [EVENT | {"context": {"page": {"url": f"https://{host}.example.com"}}} for host in "aba"]
    requests = requests_for(webhook, *events, action="send_batch", settings=SETTINGS, fields=fields)
    assert sorted(len(json.loads(request.body() or b"")) for request in requests) == [1, 2]
