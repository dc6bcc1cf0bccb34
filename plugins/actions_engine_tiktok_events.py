"""TikTok Events: tell TikTok's Events API 2.0 what people did, for attribution and optimisation.

Source: https://business-api.tiktok.com/portal/docs?id=1771100865818625. What identifies a person is hashed before it
leaves. TikTok answers 200 with an error code inside where it refuses a request.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from actions_engine import (
    Batch,
    Currency,
    Destination,
    Fact,
    From,
    HashedEmail,
    HashedText,
    Number,
    Outcome,
    Part,
    Payload,
    Request,
    Response,
    Secret,
    Settings,
    UnixSeconds,
    compact,
)


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

    content_id: Annotated[str | None, Field(description="The product's id in the catalogue.")] = None
    content_name: Annotated[str | None, Field(description="The product's name.")] = None
    content_category: Annotated[str | None, Field(description="The product's category.")] = None
    brand: Annotated[str | None, Field(description="The product's brand.")] = None
    price: Annotated[Number | None, Field(description="The price of one.")] = None
    quantity: Annotated[Number | None, Field(description="How many.")] = None


# The products of an order, or the one product that the event is about.
_CONTENTS = (
    "(properties.products || [properties][?product_id || sku])[].{content_id: product_id || sku, content_name: name, "
    "content_category: category, brand: brand, price: price, quantity: quantity}"
)


class Report(Payload):
    """One event."""

    event: Annotated[str, From("event", "A standard event such as CompletePayment, or your own.")]
    event_time: Annotated[UnixSeconds, From(Fact.MOMENT, "When it happened.")]
    event_id: Annotated[str | None, From("messageId", "The id that the pixel sends too; TikTok counts it once.")] = None
    event_source: Annotated[
        Literal["web", "app", "offline", "crm"], Field(description="Where the event comes from.")
    ] = "web"
    email: Annotated[HashedEmail | None, From(Fact.EMAIL, "E-mail address; is hashed.")] = None
    phone: Annotated[
        HashedText | None, From(f"normalize_phone({Fact.PHONE})", "Telephone number in E.164; is hashed.")
    ] = None
    external_id: Annotated[HashedText | None, From("userId", "Your id of the user; is hashed.")] = None
    first_name: Annotated[HashedText | None, From(Fact.FIRST_NAME, "First name; is hashed.")] = None
    last_name: Annotated[HashedText | None, From(Fact.LAST_NAME, "Last name; is hashed.")] = None
    city: Annotated[
        str | None, From(f"replace(lower({Fact.CITY}), ' ', '')", "City, in lower case without spaces.")
    ] = None
    state: Annotated[str | None, From(f"lower({Fact.STATE})", "State, in lower case.")] = None
    country: Annotated[str | None, From(f"lower({Fact.COUNTRY})", "Two letters (ISO 3166-1), in lower case.")] = None
    zip_code: Annotated[HashedText | None, From(Fact.POSTAL_CODE, "Postal code; is hashed.")] = None
    ttclid: Annotated[str | None, From("properties.ttclid", "The click id of the ad's URL.")] = None
    ttp: Annotated[str | None, From("properties.ttp", "The pixel's _ttp cookie.")] = None
    ip: Annotated[str | None, From("context.ip", "IP address.")] = None
    user_agent: Annotated[str | None, From("context.userAgent", "The browser's User-Agent.")] = None
    locale: Annotated[str | None, From("context.locale", "Language and country, such as en-US.")] = None
    url: Annotated[str | None, From(Fact.PAGE_URL, "The page's URL.")] = None
    referrer: Annotated[str | None, From(Fact.REFERRER, "The page before.")] = None
    contents: Annotated[list[Content] | None, From(_CONTENTS, "The products.")] = None
    content_type: Annotated[str, Field(description="product or product_group: what the ids are ids of.")] = "product"
    currency: Annotated[Currency | None, From(Fact.CURRENCY, "ISO 4217.")] = None
    value: Annotated[Number | None, From(Fact.REVENUE, "What it is worth.")] = None
    order_id: Annotated[str | None, From(Fact.ORDER_ID, "The order's id.")] = None
    query: Annotated[str | None, From("properties.query", "What was searched for.")] = None
    description: Annotated[str | None, Field(description="What the event is about.")] = None
    limited_data_use: Annotated[bool, Field(description="Limit the use of the data, as some laws ask.")] = False


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
        f"{settings.endpoint}/open_api/v1.3/event/track/", headers={"Access-Token": settings.access_token}, json=body
    )


for name, trigger, event in (
    ("Page views", 'type = "page"', "PageView"),
    ("Products viewed", 'type = "track" and event = "Product Viewed"', "ViewContent"),
    ("Searches", 'type = "track" and event = "Products Searched"', "Search"),
    ("Wishes", 'type = "track" and event = "Product Added to Wishlist"', "AddToWishlist"),
    ("Products added", 'type = "track" and event = "Product Added"', "AddToCart"),
    ("Checkouts started", 'type = "track" and event = "Checkout Started"', "InitiateCheckout"),
    ("Payment info entered", 'type = "track" and event = "Payment Info Entered"', "AddPaymentInfo"),
    ("Orders placed", 'type = "track" and event = "Order Placed"', "PlaceAnOrder"),
    ("Purchases", 'type = "track" and event = "Order Completed"', "CompletePayment"),
    ("Sign-ups", 'type = "track" and event = "Signed Up"', "CompleteRegistration"),
):
    tiktok.preset(name, action="track", trigger=trigger, fields={"event": {"$literal": event}})

_USER = (
    "first_name", "last_name", "city", "state", "country", "zip_code", "ttclid", "ttp", "ip", "user_agent", "locale",
)  # fmt: skip
_PROPERTIES = ("contents", "content_type", "currency", "value", "order_id", "query", "description")


def _event(payload: Report) -> dict[str, Any]:
    given = {name: value for name, value in payload.body().items() if value not in (None, [])}
    user = {name: [given[name]] for name in ("external_id", "phone", "email") if name in given}
    return compact(
        event=payload.event,
        event_time=payload.event_time,
        # Without an id of its own, a retry would count twice.
        event_id=payload.event_id or payload.idempotency_key,
        user=user | {name: given[name] for name in _USER if name in given},
        properties={name: given[name] for name in _PROPERTIES if name in given},
        limited_data_use=payload.limited_data_use,
        page=compact(url=payload.url, referrer=payload.referrer) or None,
    )
