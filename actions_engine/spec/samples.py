"""Realistic events of the Segment spec, one of each call and two more: to try mappings on.

The people and shops are invented; addresses and numbers are those that are reserved for examples.
"""

from __future__ import annotations

import copy
from typing import Any

Event = dict[str, Any]

_TRAITS = {
    "email": "grace@example.com",
    "firstName": "Grace",
    "lastName": "Hopper",
    "name": "Grace Hopper",
    "phone": "+12055550123",
    "createdAt": "2024-11-05T09:30:00.000Z",
    "address": {"street": "1 Main St", "city": "New York", "state": "NY", "postalCode": "10001", "country": "US"},
}
_PAGE = {
    "path": "/checkout",
    "referrer": "https://shop.example.com/cart",
    "search": "?utm_source=news",
    "title": "Checkout",
    "url": "https://shop.example.com/checkout?utm_source=news",
}
_WEB = {
    "ip": "203.0.113.9",
    "library": {"name": "analytics.js", "version": "2.11.1"},
    "locale": "en-US",
    "page": _PAGE,
    "timezone": "America/New_York",
    "userAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/124.0.0.0 Safari/537.36",
}
_APP = {
    "app": {"name": "Example Shop", "version": "5.4.1", "build": "541", "namespace": "com.example.shop"},
    "device": {
        "id": "B5372DB0-C21E-11E4-8DFC-AA07A5B093DB",
        "advertisingId": "7A3CBEA0-BDF5-11E4-8DFC-AA07A5B093DB",
        "adTrackingEnabled": True,
        "manufacturer": "Apple",
        "model": "iPhone14,5",
        "name": "iPhone",
        "type": "ios",
    },
    "ip": "203.0.113.9",
    "library": {"name": "analytics-swift", "version": "1.5.11"},
    "locale": "en-US",
    "network": {"bluetooth": False, "carrier": "Example Mobile", "cellular": True, "wifi": False},
    "os": {"name": "iOS", "version": "17.4"},
    "screen": {"density": 3, "height": 844, "width": 390},
    "timezone": "America/New_York",
}


def _event(kind: str, number: int, context: Event, **fields: Any) -> Event:
    second = f"2025-03-02T10:00:{number:02d}"
    return {
        "type": kind,
        **fields,
        "anonymousId": "0c8a3b5e-5f0d-4d1f-9a52-6f0f2d1c7b11",
        "userId": "user-1906",
        "context": copy.deepcopy(context),
        "integrations": {},
        "messageId": f"sample-{number}",
        "originalTimestamp": f"{second}.000Z",
        "sentAt": f"{second}.200Z",
        "receivedAt": f"{second}.300Z",
        "timestamp": f"{second}.100Z",
    }


#: One event of each call and two more, by what they are called.
SAMPLES: dict[str, Event] = {
    "Order Completed": _event(
        "track", 1, _WEB | {"traits": _TRAITS},
        event="Order Completed",
        properties={
            "order_id": "order-50314",
            "total": 27.5,
            "subtotal": 22.5,
            "revenue": 25.0,
            "shipping": 3,
            "tax": 2,
            "discount": 2.5,
            "coupon": "SPRING",
            "currency": "USD",
            "email": "grace@example.com",
            "products": [
                {
                    "product_id": "507f1f77", "sku": "45790-32", "name": "Monopoly: 3rd Edition", "brand": "Hasbro",
                    "category": "Games", "variant": "200 pieces", "price": 19, "quantity": 1, "position": 1,
                    "url": "https://shop.example.com/games/monopoly",
                    "image_url": "https://shop.example.com/games/monopoly.jpg",
                },
                {
                    "product_id": "505bd767", "sku": "46493-32", "name": "Uno Card Game", "category": "Games",
                    "price": 3, "quantity": 2, "position": 2,
                },
            ],
        },
    ),
    "Button Clicked": _event(
        "track", 2, _WEB | {"traits": _TRAITS},
        event="Button Clicked", properties={"label": "Sign up", "location": "header", "value": 1},
    ),
    "identify": _event("identify", 3, _WEB, traits=_TRAITS | {"age": 42, "plan": "premium", "title": "Rear Admiral"}),
    "page": _event("page", 4, _WEB, name="Checkout", category="Shop", properties={**_PAGE, "name": "Checkout"}),
    "screen": _event("screen", 5, _APP, name="Cart", category="Shop", properties={"name": "Cart", "items": 2}),
    "group": _event(
        "group", 6, _WEB,
        groupId="group-42",
        traits={"name": "Example Ltd", "industry": "Technology", "employees": 329, "plan": "enterprise",
                "website": "https://www.example.com", "email": "office@example.com"},
    ),
    "alias": _event("alias", 7, _WEB, previousId="0c8a3b5e-5f0d-4d1f-9a52-6f0f2d1c7b11"),
}  # fmt: skip
