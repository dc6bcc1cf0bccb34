"""The Segment spec: what an event is made of.

Source: https://segment.com/docs/connections/spec/common/ and the pages of the six calls beside it.
"""

from __future__ import annotations

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

#: Fields of `context`.
CONTEXT_FIELDS = frozenset({
    "active", "app", "campaign", "channel", "device", "groupId", "ip", "library", "locale", "location", "network", "os",
    "page", "referrer", "screen", "timezone", "traits", "userAgent", "userAgentData",
})  # fmt: skip
