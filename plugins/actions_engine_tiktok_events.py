"""TikTok Events: tell TikTok's Events API 2.0 what people did, for attribution and optimisation.

Source: https://business-api.tiktok.com/portal/docs?id=1771100865818625. What identifies a person is hashed before it
leaves. TikTok answers 200 with an error code inside where it refuses a request.
"""

import math
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, model_validator

from actions_engine import (
    Batch,
    City,
    Consent,
    Country,
    Currency,
    Destination,
    Fact,
    From,
    HashedEmail,
    HashedName,
    HashedPlusPhone,
    HashedPostalCode,
    HashedText,
    Money,
    Outcome,
    Part,
    Payload,
    Quantity,
    Request,
    Response,
    Secret,
    Settings,
    State,
    UnixSeconds,
    at_least_one_of,
    compact,
)

#: The API's version, of which TikTok has named no last day: https://business-api.tiktok.com/portal/docs?id=1740579480076290.
VERSION = "v1.3"


class TikTokSettings(Settings):
    """One pixel, app or offline set."""

    access_token: Annotated[Secret, Field(description="The Events API's access token.")]
    event_source_id: Annotated[str, Field(description="The pixel's code, the app's or the CRM set's id.")]
    test_event_code: Annotated[str | None, Field(description="Shows the events beneath Test Events, for trials.")] = (
        None
    )
    endpoint: Annotated[str, Field(description="Another host, for tests.")] = "https://business-api.tiktok.com"


class Content(Part):
    """A product of an event."""

    identified = at_least_one_of("content_id", "content_name")

    content_id: Annotated[str | None, Field(description="The product's id in the catalogue.")] = None
    content_name: Annotated[str | None, Field(description="The product's name.")] = None
    content_category: Annotated[str | None, Field(description="The product's category.")] = None
    brand: Annotated[str | None, Field(description="The product's brand.")] = None
    price: Annotated[Money | None, Field(description="The price of one.")] = None
    quantity: Annotated[Quantity | None, Field(description="How many.")] = None


# The products of an order, or the one product that the event is about.
_CONTENTS = (
    "(properties.products || [properties][?product_id || sku])[].{content_id: product_id || sku, content_name: name, "
    "content_category: category, brand: brand, price: price, quantity: quantity}"
)


# What analytics.js takes from the browser for this destination.
_INTEGRATION = 'integrations."TikTok Conversions"'


class Report(Payload):
    """One event."""

    event: Annotated[str, From("event", "A standard event such as CompletePayment, or your own.")]
    event_time: Annotated[UnixSeconds, From(Fact.MOMENT, "When it happened.")]
    event_id: Annotated[str | None, From("messageId", "The id that the pixel sends too; TikTok counts it once.")] = None
    event_source: Annotated[
        Literal["web", "app", "offline", "crm"], Field(description="Where the event comes from.")
    ] = "web"
    email: Annotated[HashedEmail | None, From(Fact.EMAIL, "E-mail address; is hashed.")] = None
    phone: Annotated[HashedPlusPhone | None, From(Fact.PHONE_NUMBER, "Telephone number in E.164; is hashed.")] = None
    external_id: Annotated[
        HashedText | None, From(Fact.EXTERNAL_ID, "Your id of the user, or of the visitor; is hashed.")
    ] = None
    first_name: Annotated[HashedName | None, From(Fact.FIRST_NAME, "First name; is hashed.")] = None
    last_name: Annotated[HashedName | None, From(Fact.LAST_NAME, "Last name; is hashed.")] = None
    city: Annotated[City | None, From(Fact.CITY, "City, in lower case without spaces.")] = None
    state: Annotated[State | None, From(Fact.STATE, "State, in lower case.")] = None
    country: Annotated[Country | None, From(Fact.COUNTRY, "Two letters (ISO 3166-1), in lower case.")] = None
    zip_code: Annotated[HashedPostalCode | None, From(Fact.POSTAL_CODE, "Postal code; is hashed.")] = None
    ttclid: Annotated[
        str | None, From(f"properties.ttclid || {_INTEGRATION}.ttclid", "The click id, else of the page's URL.")
    ] = None
    ttp: Annotated[str | None, From(f"properties.ttp || {_INTEGRATION}.ttp", "The pixel's _ttp cookie.")] = None
    ip: Annotated[str | None, From(Fact.IP, "IP address.")] = None
    user_agent: Annotated[str | None, From(Fact.USER_AGENT, "The browser's User-Agent.")] = None
    locale: Annotated[str | None, From(Fact.LOCALE, "Language and country, such as en-US.")] = None
    url: Annotated[str | None, From(Fact.PAGE_URL, "The page's URL.")] = None
    referrer: Annotated[str | None, From(Fact.REFERRER, "The page before.")] = None
    contents: Annotated[list[Content] | None, From(_CONTENTS, "The products.")] = None
    content_type: Annotated[Literal["product", "product_group"], Field(description="What the ids are ids of.")] = (
        "product"
    )
    currency: Annotated[Currency | None, From(Fact.CURRENCY, "ISO 4217.")] = None
    value: Annotated[Money | None, From(Fact.REVENUE, "What it is worth; else what its products cost.")] = None
    order_id: Annotated[str | None, From(Fact.ORDER_ID, "The order's id.")] = None
    query: Annotated[str | None, From("properties.query", "What was searched for.")] = None
    description: Annotated[str | None, Field(description="What the event is about.")] = None
    limited_data_use: Annotated[
        Consent | None, From("properties.limited_data_use", "Limit the use of the data, as some laws ask.")
    ] = None

    @model_validator(mode="after")
    def worth(self) -> "Report":
        """Add up what the products cost where the event says no value, and is about what they cost."""
        if self.value is None and self.currency is not None and self.event in _SALES:
            value = _sum(self.contents)
            if value is not None:
                self.value = value
        return self


# Of others, such as a search, products are no sale.
_SALES = frozenset(
    {"ViewContent", "AddToCart", "InitiateCheckout", "AddPaymentInfo", "PlaceAnOrder", "CompletePayment", "Purchase"}
)


def _sum(contents: list[Content] | None) -> int | float | None:
    """Return what all products cost; None where one has no price, as too small a sum is worse than none."""
    if not contents or any(item.price is None for item in contents):
        return None
    # In decimals: 3 of 19.99 are 59.97.
    counts = [1 if item.quantity is None else item.quantity for item in contents]
    value = float(sum(Decimal(str(item.price)) * Decimal(str(n)) for item, n in zip(contents, counts, strict=True)))
    return None if not math.isfinite(value) else int(value) if value.is_integer() and abs(value) < 2**53 else value


tiktok = Destination("tiktok_events", settings=TikTokSettings, title="TikTok Events API")


def _outcomes(response: Response, payloads: list[Any]) -> list[Outcome]:
    """Read the code in the answer's body: 0 is success, 401xx are credentials, 5xxxx and 40100 are to be retried."""
    outcome = Outcome.of(response)
    answer = response.json_object()
    code = answer.get("code")
    if outcome.kind == "delivered" and isinstance(code, int) and code != 0:
        reason = f"TikTok's code {code}: {str(answer.get('message', ''))[:200]}"
        if code == 40100 or code >= 50000:
            outcome = Outcome.retry(reason)
        elif code in (40101, 40102, 40104, 40105, 40001):
            outcome = Outcome("paused", reason)
        else:
            outcome = Outcome.rejected(reason)
    return [outcome] * len(payloads)


@tiktok.action(
    trigger='type = "track"',
    batch=Batch(max_calls=1000, key=lambda payload: payload.event_source, linger=1.0),
    outcomes=_outcomes,
)
def track(settings: TikTokSettings, payloads: list[Report]) -> Request:
    """Report an event."""
    body = compact(
        event_source=payloads[0].event_source,
        event_source_id=settings.event_source_id,
        data=[_event(payload) for payload in payloads],
        test_event_code=settings.test_event_code or None,
    )
    return Request.post(
        f"{settings.endpoint}/open_api/{VERSION}/event/track/",
        headers={"Access-Token": settings.access_token},
        json=body,
    )


for name, trigger, event in (
    ("Page views", 'type = "page"', "PageView"),
    ("Products viewed", 'type = "track" and event = "Product Viewed"', "ViewContent"),
    ("Products clicked", 'type = "track" and event = "Product Clicked"', "ClickButton"),
    ("Searches", 'type = "track" and event = "Products Searched"', "Search"),
    ("Wishes", 'type = "track" and event = "Product Added to Wishlist"', "AddToWishlist"),
    ("Products added", 'type = "track" and event = "Product Added"', "AddToCart"),
    ("Checkouts started", 'type = "track" and event = "Checkout Started"', "InitiateCheckout"),
    ("Payment info entered", 'type = "track" and event = "Payment Info Entered"', "AddPaymentInfo"),
    ("Orders placed", 'type = "track" and event = "Order Placed"', "PlaceAnOrder"),
    ("Purchases", 'type = "track" and event = "Order Completed"', "CompletePayment"),
    ("Sign-ups", 'type = "track" and event = "Signed Up"', "CompleteRegistration"),
    ("Subscriptions", 'type = "track" and event = "Subscription Created"', "Subscribe"),
    ("Forms submitted", 'type = "track" and event = "Form Submitted"', "SubmitForm"),
    ("Callbacks started", 'type = "track" and event = "Callback Started"', "Contact"),
    ("Downloads", 'type = "track" and event = "Download Link Clicked"', "Download"),
):
    tiktok.preset(name, action="track", trigger=trigger, fields={"event": {"$literal": event}})

_USER = (
    "first_name", "last_name", "city", "state", "country", "zip_code", "ttclid", "ttp", "ip", "user_agent", "locale",
)  # fmt: skip
_PROPERTIES = ("contents", "content_type", "currency", "value", "order_id", "query", "description")


def _event(payload: Report) -> dict[str, Any]:
    given = {name: value for name, value in payload.body().items() if value not in (None, [])}
    user = {name: [given[name]] for name in ("external_id", "phone", "email") if name in given}
    if "ttclid" not in given and (ttclid := _clicked(payload.url)):
        given["ttclid"] = ttclid
    return compact(
        event=payload.event,
        event_time=payload.event_time,
        # Without an id of its own, a retry would count twice.
        event_id=payload.event_id or payload.idempotency_key,
        user=user | {name: given[name] for name in _USER if name in given},
        properties={name: given[name] for name in _PROPERTIES if name in given},
        limited_data_use=payload.limited_data_use is True,
        page=compact(url=payload.url, referrer=payload.referrer) or None,
    )


def _clicked(url: str | None) -> str | None:
    """Return the click id that TikTok put into the address of the page."""
    if url is None or "ttclid=" not in url:
        return None
    try:
        return parse_qs(urlsplit(url).query).get("ttclid", [None])[0]
    except ValueError:
        # It is no address.
        return None
