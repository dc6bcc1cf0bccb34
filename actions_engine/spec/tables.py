"""The Segment spec: what an event is made of.

Source: https://segment.com/docs/connections/spec/common/ and the pages of the six calls beside it; each table names its
page. The types are JSON's, in the spec's words: `date` is ISO 8601 text.
"""

from __future__ import annotations

from typing import Literal

#: A type as the spec's tables name it; `id` is text that many send as a number.
Kind = Literal["text", "id", "number", "boolean", "object", "list", "date"]

#: The calls of the spec.
EVENT_TYPES = ("track", "identify", "page", "screen", "group", "alias")

#: Fields that any call may carry at its root.
COMMON_FIELDS = frozenset({
    "anonymousId", "context", "integrations", "messageId", "originalTimestamp", "receivedAt", "sentAt", "timestamp",
    "type", "userId", "version", "channel", "writeKey", "projectId", "_metadata",
})  # fmt: skip

#: Fields at the root that belong to one call or several.
CALL_FIELDS = {
    "track": frozenset({"event", "properties"}),
    "identify": frozenset({"traits"}),
    "page": frozenset({"name", "category", "properties"}),
    "screen": frozenset({"name", "category", "properties"}),
    "group": frozenset({"groupId", "traits"}),
    "alias": frozenset({"previousId"}),
}

#: What a call cannot do without, beside one of `userId` and `anonymousId`. Source:
#: https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/ (analytics.js fills `previousId` in).
REQUIRED_FIELDS = {"track": ("event",), "group": ("groupId",), "alias": ("previousId", "userId")}

#: The types of the fields at the root. Source: https://segment.com/docs/connections/spec/common/#structure.
FIELD_KINDS: dict[str, Kind] = {
    "anonymousId": "id", "userId": "id", "groupId": "id", "previousId": "id", "messageId": "text",
    "context": "object", "integrations": "object", "properties": "object", "traits": "object", "_metadata": "object",
    "originalTimestamp": "date", "receivedAt": "date", "sentAt": "date", "timestamp": "date",
    "event": "text", "name": "text", "category": "text", "channel": "text", "writeKey": "text",
}  # fmt: skip

#: The types of `context`. Source: https://segment.com/docs/connections/spec/common/#context. Those below an object
#: stand under its name, with a dot.
CONTEXT_KINDS: dict[str, Kind] = {
    "active": "boolean", "app": "object", "campaign": "object", "channel": "text", "device": "object", "groupId": "id",
    "ip": "text", "library": "object", "locale": "text", "location": "object", "network": "object", "os": "object",
    "page": "object", "referrer": "object", "screen": "object", "timezone": "text", "traits": "object",
    "userAgent": "text", "userAgentData": "object",
    "app.name": "text", "app.version": "text", "app.build": "text", "app.namespace": "text",
    "campaign.name": "text", "campaign.source": "text", "campaign.medium": "text", "campaign.term": "text",
    "campaign.content": "text",
    "device.id": "id", "device.advertisingId": "text", "device.adTrackingEnabled": "boolean",
    "device.manufacturer": "text", "device.model": "text", "device.name": "text", "device.type": "text",
    "device.token": "text", "device.version": "text",
    "library.name": "text", "library.version": "text",
    "location.city": "text", "location.country": "text", "location.region": "text", "location.latitude": "number",
    "location.longitude": "number", "location.speed": "number",
    "network.bluetooth": "boolean", "network.carrier": "text", "network.cellular": "boolean", "network.wifi": "boolean",
    "os.name": "text", "os.version": "text",
    "page.path": "text", "page.referrer": "text", "page.search": "text", "page.title": "text", "page.url": "text",
    "referrer.id": "id", "referrer.type": "text", "referrer.name": "text", "referrer.url": "text",
    "referrer.link": "text",
    "screen.density": "number", "screen.height": "number", "screen.width": "number",
}  # fmt: skip

#: Fields of `context`.
CONTEXT_FIELDS = frozenset(path for path in CONTEXT_KINDS if "." not in path)

#: Reserved properties of every Track call. Source: https://segment.com/docs/connections/spec/track/#properties.
TRACK_PROPERTIES: dict[str, Kind] = {"revenue": "number", "currency": "text", "value": "number"}

#: Reserved properties of Page and Screen calls. Source: https://segment.com/docs/connections/spec/page/#properties.
PAGE_PROPERTIES: dict[str, Kind] = {
    "name": "text", "path": "text", "referrer": "text", "search": "text", "title": "text", "url": "text",
    "keywords": "list",
}  # fmt: skip
SCREEN_PROPERTIES: dict[str, Kind] = {"name": "text"}

#: Reserved traits of a user. Source: https://segment.com/docs/connections/spec/identify/#traits.
USER_TRAITS: dict[str, Kind] = {
    "address": "object", "age": "number", "avatar": "text", "birthday": "date", "company": "object",
    "createdAt": "date", "description": "text", "email": "text", "firstName": "text", "gender": "text", "id": "id",
    "lastName": "text", "name": "text", "phone": "text", "title": "text", "username": "text", "website": "text",
}  # fmt: skip

#: Reserved traits of a group. Source: https://segment.com/docs/connections/spec/group/#traits. `employees` is left out:
#: the page's table calls it text, and its example is a number.
GROUP_TRAITS: dict[str, Kind] = {
    "address": "object", "avatar": "text", "createdAt": "date", "description": "text", "email": "text", "id": "id",
    "industry": "text", "name": "text", "phone": "text", "website": "text", "plan": "text",
}  # fmt: skip

#: Events of the spec for shops whose properties have the types below.
#: Source: https://segment.com/docs/connections/spec/ecommerce/v2/.
ORDER_EVENTS = frozenset({
    "Order Completed", "Order Updated", "Order Refunded", "Order Cancelled", "Checkout Started", "Cart Viewed",
    "Product List Viewed", "Product List Filtered",
})  # fmt: skip
ORDER_PROPERTIES: dict[str, Kind] = {
    "order_id": "id", "checkout_id": "id", "cart_id": "id", "affiliation": "text", "subtotal": "number",
    "total": "number", "shipping": "number", "tax": "number", "discount": "number", "coupon": "text",
    "products": "list",
}  # fmt: skip
PRODUCT_PROPERTIES: dict[str, Kind] = {
    "product_id": "id", "sku": "id", "category": "text", "name": "text", "brand": "text", "variant": "text",
    "price": "number", "quantity": "number", "coupon": "text", "position": "number", "url": "text", "image_url": "text",
}  # fmt: skip

#: The most bytes that one event may have as JSON.
#: Source: https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/#max-request-size.
MAX_EVENT_BYTES = 32 * 1024

#: The most characters of a `messageId`. Source: https://segment.com/docs/connections/sources/catalog/libraries/server/
#: and https://github.com/segmentio/segment-docs/issues/5924.
MAX_MESSAGE_ID = 100
