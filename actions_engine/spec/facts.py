"""Facts of an event by name: where each stands by the Segment spec, in both spellings, in one order everywhere.

A plugin names the fact and not its paths: `From(Fact.EMAIL, "The person's address.")`. What an event says of the person
stands in `traits` (Identify, Group), in `context.traits` (all other calls), and where people put it in `properties`.

Source: https://segment.com/docs/connections/spec/common/, /identify/#traits, /track/#properties and /ecommerce/v2/.
"""

from __future__ import annotations


def _of_person(*names: str, everywhere: bool = True) -> str:
    """Return where a trait may stand, in each of its spellings."""
    places = ("traits", "context.traits", "properties") if everywhere else ("traits", "context.traits")
    return " || ".join(f"{place}.{name}" for place in places for name in names)


class Fact:
    """Expressions, each the one way to read a fact of an event."""

    #: When it happened. `timestamp` is the device's own time, corrected for its clock.
    MOMENT = "timestamp || originalTimestamp || sentAt || receivedAt"
    #: Who it was: the user where the user is known, else the visitor.
    PERSON_ID = "userId || anonymousId"

    EMAIL = _of_person("email")
    PHONE = _of_person("phone")
    FIRST_NAME = _of_person("firstName", "first_name")
    LAST_NAME = _of_person("lastName", "last_name")
    GENDER = _of_person("gender")
    BIRTHDAY = _of_person("birthday")
    CREATED_AT = _of_person("createdAt", "created_at", everywhere=False)
    STREET = _of_person("address.street", everywhere=False)
    CITY = _of_person("address.city", everywhere=False)
    STATE = _of_person("address.state", everywhere=False)
    COUNTRY = _of_person("address.country", everywhere=False)
    POSTAL_CODE = _of_person("address.postalCode", "address.postal_code", "address.zip", everywhere=False)

    #: What it is worth: the spec's `revenue`; an order's `total` where there is none, any event's `value` else.
    REVENUE = "properties.revenue || properties.total || properties.value"
    CURRENCY = "properties.currency"
    PRODUCTS = "properties.products"
    ORDER_ID = "properties.order_id"

    #: The page, as analytics.js tells it and as a Page call does.
    PAGE_URL = "context.page.url || properties.url"
    PAGE_TITLE = "context.page.title || properties.title"
    REFERRER = "context.page.referrer || properties.referrer"
