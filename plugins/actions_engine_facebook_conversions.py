"""Facebook Conversions: tell Meta's Conversions API what people did, for attribution and optimisation.

Source: https://developers.facebook.com/docs/marketing-api/conversions-api/parameters. What identifies a person is
normalised and hashed before it leaves; a value that is a SHA-256 already is sent as it is.
"""

import math
import re
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic.alias_generators import to_snake

from actions_engine import (
    Batch,
    Consent,
    Currency,
    Destination,
    Exact,
    Fact,
    From,
    HashedBirthday,
    HashedCity,
    HashedCountry,
    HashedEmail,
    HashedGender,
    HashedName,
    HashedPhone,
    HashedPostalCode,
    HashedState,
    HashedText,
    JsonObject,
    Money,
    Part,
    Payload,
    Quantity,
    Request,
    Secret,
    Settings,
    UnixSeconds,
    compact,
)

#: The Graph API's version; of v26.0 Meta has named no last day yet, of v25.0 it is 29 July 2028.
#: https://developers.facebook.com/docs/graph-api/changelog/versions/
GRAPH_VERSION = "v26.0"


class FacebookSettings(Settings):
    """One dataset (pixel)."""

    pixel_id: Annotated[str, Field(description="The dataset's id, formerly the pixel's.", pattern=r"^[\w-]+$")]
    access_token: Annotated[Secret, Field(description="A system user's token that may send events to the dataset.")]
    test_event_code: Annotated[str | None, Field(description="Shows the events beneath Test Events, for trials.")] = (
        None
    )
    api_version: Annotated[str, Field(description="The Graph API's version.", pattern=r"^v\d+\.\d+$")] = GRAPH_VERSION
    endpoint: Annotated[str, Field(description="Another host, for tests.")] = "https://graph.facebook.com"


#: Where an event may happen.
ActionSource = Literal[
    "website", "app", "email", "phone_call", "chat",
    "physical_store", "business_messaging", "system_generated", "other",
]  # fmt: skip


# Meta matches states of the US by their two letters.
_STATES = dict(
    re.findall(
        r"(\w+)=(\w\w)",
        "alabama=al alaska=ak arizona=az arkansas=ar california=ca colorado=co connecticut=ct delaware=de florida=fl "
        "georgia=ga hawaii=hi idaho=id illinois=il indiana=in iowa=ia kansas=ks kentucky=ky louisiana=la maine=me "
        "maryland=md massachusetts=ma michigan=mi minnesota=mn mississippi=ms missouri=mo montana=mt nebraska=ne "
        "nevada=nv newhampshire=nh newjersey=nj newmexico=nm newyork=ny northcarolina=nc northdakota=nd ohio=oh "
        "oklahoma=ok oregon=or pennsylvania=pa rhodeisland=ri southcarolina=sc southdakota=sd tennessee=tn texas=tx "
        "utah=ut vermont=vt virginia=va washington=wa westvirginia=wv wisconsin=wi wyoming=wy districtofcolumbia=dc",
    )
)


def _state(value: Any) -> Any:
    return _STATES.get("".join(value.lower().split()), value) if isinstance(value, str) else value


def _known(value: Any) -> Any:
    """Refuse what phones say in place of an advertising id: it would make one person of many."""
    if isinstance(value, str) and not value.strip("0- "):
        raise ValueError("expected an advertising id; all zeros is none")
    return value


def _limited(value: Any) -> Any:
    # As a whole: a list without what cannot be read would say that all is allowed.
    if value is not None and not (isinstance(value, list) and all(item == "LDU" for item in value)):
        raise ValueError("expected [LDU], or an empty list")
    return value


AdvertisingId = Annotated[str, BeforeValidator(_known)]
#: One id or many.
Ids = Annotated[list[str], BeforeValidator(lambda v: [v] if isinstance(v, (str, int)) else v)]
#: What a person may not be used for: read as it is, or not at all.
DataOptions = Annotated[list[str], BeforeValidator(_limited), Exact()]
DataPlace = Annotated[int, Exact()]


class Device(Part):
    """The app and the device that an event of an app comes from."""

    os_name: Annotated[str | None, Field(description="iOS or Android.")] = None
    namespace: Annotated[str | None, Field(description="The app's package or bundle.")] = None
    version: Annotated[str | None, Field(description="The app's version.")] = None
    build: Annotated[str | None, Field(description="The app's build.")] = None
    os_version: Annotated[str | None, Field(description="The system's version.")] = None
    model: Annotated[str | None, Field(description="The device's model.")] = None
    locale: Annotated[str | None, Field(description="Language and country.")] = None
    carrier: Annotated[str | None, Field(description="The network's carrier.")] = None
    width: Annotated[str | None, Field(description="The screen's width.")] = None
    height: Annotated[str | None, Field(description="The screen's height.")] = None
    density: Annotated[str | None, Field(description="The screen's density.")] = None
    timezone: Annotated[str | None, Field(description="The device's time zone.")] = None


_DEVICE = (
    f"context.app && {{os_name: {Fact.OS_NAME}, namespace: {Fact.APP_NAMESPACE}, version: {Fact.APP_VERSION}, "
    f"build: {Fact.APP_BUILD}, os_version: {Fact.OS_VERSION}, model: {Fact.DEVICE_MODEL}, locale: {Fact.LOCALE}, "
    f"carrier: {Fact.CARRIER}, width: {Fact.SCREEN_WIDTH}, height: {Fact.SCREEN_HEIGHT}, "
    f"density: {Fact.SCREEN_DENSITY}, timezone: {Fact.TIMEZONE}}}"
)


class Event(Payload):
    """What every event tells: when and where it happened, and who it was."""

    event_time: Annotated[UnixSeconds, From(Fact.MOMENT, "When it happened; seven days back at most.")]
    event_id: Annotated[str | None, From("messageId", "The pixel's eventID, where a browser sends the event too.")] = (
        None
    )
    action_source: Annotated[ActionSource, Field(description="Where it happened.")] = "website"
    event_source_url: Annotated[str | None, From(Fact.PAGE_URL, "The page's URL.")] = None
    email: Annotated[HashedEmail | None, From(Fact.EMAIL, "E-mail address; is hashed.")] = None
    phone: Annotated[HashedPhone | None, From(Fact.PHONE_HASH, "Telephone number with its country; is hashed.")] = None
    first_name: Annotated[HashedName | None, From(Fact.FIRST_NAME, "First name; is hashed.")] = None
    last_name: Annotated[HashedName | None, From(Fact.LAST_NAME, "Last name; is hashed.")] = None
    gender: Annotated[HashedGender | None, From(Fact.GENDER, "m or f; is hashed.")] = None
    date_of_birth: Annotated[HashedBirthday | None, From(Fact.BIRTHDAY, "YYYYMMDD; is hashed.")] = None
    city: Annotated[HashedCity | None, From(Fact.CITY, "City, without spaces or punctuation; is hashed.")] = None
    state: Annotated[
        Annotated[HashedState, BeforeValidator(_state)] | None,
        From(Fact.STATE, "Two-letter state or province; is hashed."),
    ] = None
    zip: Annotated[
        HashedPostalCode | None, From(Fact.POSTAL_CODE, "Postal code, five digits in the US; is hashed.")
    ] = None
    country: Annotated[HashedCountry | None, From(Fact.COUNTRY, "Two letters (ISO 3166-1); is hashed.")] = None
    external_id: Annotated[
        HashedText | None, From(Fact.EXTERNAL_ID, "Your id of the user, or of the visitor; is hashed.")
    ] = None
    client_ip_address: Annotated[str | None, From(Fact.IP, "The browser's IP address.")] = None
    client_user_agent: Annotated[
        str | None, From(Fact.USER_AGENT, "The browser's User-Agent; websites must send it.")
    ] = None
    fbc: Annotated[str | None, From("properties.fbc", "The click id of the _fbc cookie.")] = None
    fbp: Annotated[str | None, From("properties.fbp", "The browser id of the _fbp cookie.")] = None
    madid: Annotated[AdvertisingId | None, From(Fact.ADVERTISING_ID, "The mobile advertising id.")] = None
    subscription_id: Annotated[str | None, Field(description="The subscription's id in this transaction.")] = None
    lead_id: Annotated[int | None, Field(description="The id of a lead of Lead Ads.")] = None
    device: Annotated[Device | None, From(_DEVICE, "The app and device, of an event whose action_source is app.")] = (
        None
    )
    advertiser_tracking_enabled: Annotated[
        Consent | None,
        From("context.device.adTrackingEnabled", "Whether the person allows tracking (iOS 14.5), of an app."),
    ] = None
    application_tracking_enabled: Annotated[
        Consent | None, From("context.device.adTrackingEnabled", "Whether the app allows tracking, of an app.")
    ] = None
    data_processing_options: Annotated[
        DataOptions | None, Field(description="Limited data use: [LDU], or an empty list for none.")
    ] = None
    data_processing_options_country: Annotated[DataPlace | None, Field(description="1 for the US, 0 to geolocate.")] = (
        None
    )
    data_processing_options_state: Annotated[
        DataPlace | None, Field(description="The state's number, 0 to geolocate.")
    ] = None
    custom_data: Annotated[JsonObject | None, Field(description="Further properties of the event.")] = None


class Content(Part):
    """A product of an event."""

    id: Annotated[str, Field(description="The product's id in the catalogue.")]
    quantity: Annotated[Quantity | None, Field(description="How many.")] = None
    item_price: Annotated[Money | None, Field(description="The price of one.")] = None
    delivery_category: Annotated[
        Literal["in_store", "curbside", "home_delivery"] | None, Field(description="How it is delivered.")
    ] = None


_PRODUCTS = "properties.products[].{id: product_id || sku, quantity: quantity, item_price: price}"
# Of an event about one product; none where the event names none, as a filter of a list of one leaves nothing.
_PRODUCT = "[properties][?product_id || sku].{id: product_id || sku, quantity: quantity, item_price: price}"


class Commerce(Event):
    """What an event about products tells."""

    currency: Annotated[Currency | None, From(Fact.CURRENCY, "ISO 4217.")] = None
    value: Annotated[Money | None, From(Fact.REVENUE, "Worth; else what the products cost.")] = None
    contents: Annotated[list[Content] | None, From(_PRODUCTS, "The products.")] = None
    content_ids: Annotated[Ids | None, Field(description="The products' ids, in place of contents.")] = None
    content_name: Annotated[str | None, Field(description="The page's or product's name.")] = None
    content_category: Annotated[str | None, Field(description="The page's or product's category.")] = None
    content_type: Annotated[
        Literal["product", "product_group"] | None, Field(description="What the ids are ids of.")
    ] = None
    num_items: Annotated[int | None, Field(description="How many items.")] = None
    order_id: Annotated[str | None, Field(description="The order's id.")] = None


class Sale(Commerce):
    """An event that is worth what its products cost, where it says no value."""

    @model_validator(mode="after")
    def worth(self) -> "Sale":
        """Add up what the products cost; a purchase must be worth something."""
        if self.value is None and self.currency is not None and (value := _sum(self.contents)) is not None:
            self.value = value
        if self.value is None and self._must_be_worth:
            raise ValueError("expected value, or products that all have a price")
        return self

    _must_be_worth: ClassVar[bool] = False


def _sum(contents: list[Content] | None) -> int | float | None:
    """Return what all products cost; None where one has no price, as too small a sum is worse than none."""
    if not contents or any(item.item_price is None for item in contents):
        return None
    # In decimals: 3 of 19.99 are 59.97.
    counts = [1 if item.quantity is None else item.quantity for item in contents]
    value = float(
        sum(Decimal(str(item.item_price)) * Decimal(str(n)) for item, n in zip(contents, counts, strict=True))
    )
    return None if not math.isfinite(value) else int(value) if value.is_integer() and abs(value) < 2**53 else value


class Purchase(Sale):
    """A completed order."""

    currency: Annotated[Currency, From(Fact.CURRENCY, "ISO 4217.")]

    _must_be_worth: ClassVar[bool] = True


class Product(Sale):
    """An event about one product."""

    value: Annotated[Money | None, From("properties.value", "Worth; else what the product costs.")] = None
    contents: Annotated[list[Content] | None, From(_PRODUCT, "The products.")] = None


class Search(Commerce):
    """A search."""

    value: Annotated[Money | None, From("properties.value", "Worth.")] = None
    contents: Annotated[list[Content] | None, From(f"{_PRODUCTS} || {_PRODUCT}", "The products.")] = None
    search_string: Annotated[str | None, From("properties.query", "What was searched for.")] = None


class Custom(Commerce):
    """An event of your own name."""

    event_name: Annotated[str, From("event", "The name: a standard event's or your own.")]


facebook = Destination("facebook_conversions", settings=FacebookSettings, title="Facebook Conversions API")
# One event that is refused refuses its request: delivery then halves the batch until the bad one stands alone.
batch = Batch(max_calls=1000, linger=1.0)

_USER = {
    "em": "email", "ph": "phone", "fn": "first_name", "ln": "last_name", "ge": "gender", "db": "date_of_birth",
    "ct": "city", "st": "state", "zp": "zip", "country": "country", "external_id": "external_id",
    "client_ip_address": "client_ip_address", "client_user_agent": "client_user_agent", "fbc": "fbc", "fbp": "fbp",
    "subscription_id": "subscription_id", "lead_id": "lead_id", "madid": "madid",
}  # fmt: skip
# What is said of every event, and of nobody, stands beside the user's data.
_TRACKING = ("advertiser_tracking_enabled", "application_tracking_enabled")
_TOP = [field for field in Event.model_fields if field not in (*_USER.values(), "custom_data", "device", *_TRACKING)]


def _send(settings: FacebookSettings, payloads: list[Any], name: str = "") -> Request:
    return Request.post(
        f"{settings.endpoint}/{settings.api_version}/{settings.pixel_id}/events",
        headers=settings.access_token.bearer(),
        json=compact(
            data=[_event(payload, name) for payload in payloads], test_event_code=settings.test_event_code or None
        ),
    )


def _event(payload: Any, name: str) -> dict[str, Any]:
    given = compact(payload.body())
    event = {"event_name": name or given.pop("event_name")}
    event |= {field: given.pop(field) for field in _TOP if field in given}
    # Without an id of its own, a retry would count twice.
    event.setdefault("event_id", payload.idempotency_key)
    user = {theirs: given.pop(ours) for theirs, ours in _USER.items() if ours in given}
    if "external_id" in user:
        user["external_id"] = [user["external_id"]]
    device = given.pop("device", {})
    tracking = {field: int(given.pop(field)) for field in _TRACKING if field in given}
    app_data = tracking | compact(extinfo=_extinfo(device)) if payload.action_source == "app" else {}
    custom_data = given.pop("custom_data", {}) | {field: value for field, value in given.items() if value != []}
    return compact(event, user_data=user, custom_data=custom_data or None, app_data=app_data or None)


def _extinfo(device: dict[str, Any]) -> list[str] | None:
    """Return the 16 places of the device's information, of which Meta takes empty text where nothing is known.

    Source: https://developers.facebook.com/docs/marketing-api/conversions-api/app-events#extinfo.
    """
    kind = {"ios": "i2", "ipados": "i2", "android": "a2"}.get(device.get("os_name", "").lower())
    if kind is None:
        return None
    known = (
        "namespace",
        "version",
        "build",
        "os_version",
        "model",
        "locale",
        "",
        "carrier",
        "width",
        "height",
        "density",
    )
    return [kind, *(device.get(name, "") for name in (*known, "", "", "", "timezone"))]


def _standard(event: str, model: type[Event], trigger: str, description: str) -> None:
    """Register one of Meta's standard events; the action has its name, in snake_case."""

    def send(settings: FacebookSettings, payloads: list[model]) -> Request:  # type: ignore[valid-type]  # a model for each event
        return _send(settings, payloads, event)

    send.__name__, send.__doc__ = to_snake(event), description
    facebook.action(trigger=trigger, batch=batch)(send)


for standard, payload_model, spec_event, doc in (
    ("Purchase", Purchase, "Order Completed", "Report a completed order."),
    ("InitiateCheckout", Sale, "Checkout Started", "Report that a checkout began."),
    ("AddToCart", Product, "Product Added", "Report that a product was put into the cart."),
    ("ViewContent", Product, "Product Viewed", "Report that a product or another page that matters was seen."),
    ("Search", Search, "Products Searched", "Report a search."),
    ("Lead", Commerce, "Signed Up", "Report that somebody became a lead."),
):
    # Meta takes no purchase without a currency.
    asked = " and properties.currency != null" if payload_model is Purchase else ""
    _standard(standard, payload_model, f'type = "track" and event = "{spec_event}"{asked}', doc)
_standard("PageView", Event, 'type = "page"', "Report a page view.")


@facebook.action(trigger='type = "track"', batch=batch)
def custom(settings: FacebookSettings, payloads: list[Custom]) -> Request:
    """Report an event by a name of your own."""
    return _send(settings, payloads)


for name, action in (
    ("Purchases", "purchase"),
    ("Checkouts started", "initiate_checkout"),
    ("Products added", "add_to_cart"),
    ("Products viewed", "view_content"),
    ("Searches", "search"),
    ("Page views", "page_view"),
):
    facebook.preset(name, action=action)
