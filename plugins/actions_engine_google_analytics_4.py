"""Google Analytics 4: send events through the Measurement Protocol.

Source: https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference. Every recommended event
is an action; they share one payload base. The protocol answers 204 to whatever it is sent, so that a wrong secret or
measurement id cannot be told from a right one, nor an event that it drops from one that it counts: names and values are
made into what it takes before they are sent.
"""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from actions_engine import (
    Currency,
    Destination,
    Exact,
    Fact,
    From,
    JsonObject,
    Money,
    Number,
    Part,
    Payload,
    Quantity,
    RegionalSettings,
    Request,
    Secret,
    UnixMillis,
    at_least_one_of,
    compact,
    turned_into,
)


class GoogleAnalyticsSettings(RegionalSettings):
    """One data stream: a web stream has a measurement id, an app stream a Firebase app id."""

    hosts: ClassVar = {"global": "https://www.google-analytics.com", "eu": "https://region1.google-analytics.com"}
    region: Annotated[Literal["global", "eu"], Field(description="Where Google collects.")] = "global"
    api_secret: Annotated[Secret, Field(description="A Measurement Protocol API secret of the stream.")]
    measurement_id: Annotated[str | None, Field(description="The web stream's id, such as G-XXXXXXX.")] = None
    firebase_app_id: Annotated[str | None, Field(description="The app stream's Firebase app id.")] = None

    @model_validator(mode="after")
    def one_stream(self) -> "GoogleAnalyticsSettings":
        """Ask for exactly one of the two ids."""
        if (self.measurement_id is None) == (self.firebase_app_id is None):
            raise ValueError("give one of measurement_id (a web stream) and firebase_app_id (an app stream)")
        return self


_PLAIN_NAME = re.compile(r"[^\W\d_]\w*")
# https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference#reserved_names
_OWN = r"(_|firebase_|ga_|google_|gtag\.).*"
_OWN_EVENTS = re.compile(
    f"{_OWN}|ad_(activeview|click|exposure|query|reward)|adunit_exposure|app_(background|clear_data|exception|remove|"
    "store_refund|store_subscription_(cancel|convert|renew)|uninstall|update|upgrade)|dynamic_link_(app_open|app_update|"
    "first_open)|error|first_(open|visit)|in_app_purchase|notification_(dismiss|foreground|open|receive|send)|os_update|"
    "session_start(_with_rollout)?|user_engagement"
)
_OWN_PARAMS = re.compile(f"{_OWN}|gclid|session_number")
_OWN_OF_USERS = re.compile(f"{_OWN}|first_open_after_install|first_(open|visit)_time|last_deep_link_referrer|user_id")


def _name(text: str, longest: int, own: re.Pattern[str], prefix: str) -> str:
    """Return a name as Google takes it: letters, digits and _, a letter first, none of its own; empty without any."""
    if not _PLAIN_NAME.fullmatch(text):
        text = re.sub(r"_*\W[\W_]*", "_", text).strip("_")
    return (prefix + text if text and (not text[0].isalpha() or own.fullmatch(text)) else text)[:longest]


def _event_name(value: Any) -> Any:
    """Join the words of an event's name; tell where more of it is changed."""
    if isinstance(value, (bool, float)) or not isinstance(value, (str, int)):
        return value
    text = "_".join(str(value).split())
    name = _name(text, 40, _OWN_EVENTS, "event_")
    if text and not name:
        raise ValueError("expected a name with a letter or a digit in it")
    if name != text:
        raise turned_into(name, "Google Analytics takes letters, digits and _, 40 at most, and none of its own names")
    return text


def _values(longest: int, own: re.Pattern[str], prefix: str, most: int) -> Callable[[Any], Any]:
    """Return a validator of an object that Google takes with names of its kind and with text and numbers alone."""

    def check(given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        taken: dict[str, Any] = {}
        for key, value in given.items():
            words = "_".join(key.split())
            # Google's own session ids are digits; another one would break its sessions.
            is_other = key == "session_id" and not str(value).isdigit()
            name = f"{prefix}{key}" if is_other else _name(words, longest, own, prefix)
            # Its terms forbid what tells who a person is.
            is_personal = "phone" in key or (isinstance(value, str) and re.fullmatch(r"\S+@\S+\.\S+", value.strip()))
            is_plain = not is_personal and (key == "items" or not isinstance(value, (dict, list)))
            if name and is_plain and name not in taken and len(taken) < most:
                taken[name] = str(value).lower() if isinstance(value, bool) else value
        if list(taken) != ["_".join(key.split()) for key in given]:
            raise turned_into(taken, f"Google Analytics takes {most} texts and numbers, none personal, by plain names")
        return taken

    return check


#: Parameters, of which an event has 25 with its own two, and user properties, as Google takes them.
Params = Annotated[JsonObject, BeforeValidator(_values(40, _OWN_PARAMS, "param_", 23))]
UserProperties = Annotated[JsonObject, BeforeValidator(_values(24, _OWN_OF_USERS, "user_", 25))]
#: What the user allowed.
Permission = Annotated[Literal["GRANTED", "DENIED"], BeforeValidator(lambda v: str(v).strip().upper()), Exact()]
Digits = Annotated[str, Field(pattern=r"^[0-9]+$")]
TrueOrFalse = Annotated[Literal["true", "false"], BeforeValidator(lambda v: str(v).strip().lower())]


class Event(Payload):
    """What every event may carry."""

    client_id: Annotated[str, From(Fact.PERSON_ID, "The browser's or, of an app, the app instance's id.")]
    user_id: Annotated[str | None, Field(description="Your id of the user.")] = None
    timestamp: Annotated[UnixMillis | None, From(Fact.MOMENT, "When it happened; 72 hours back at most.")] = None
    session_id: Annotated[Digits | None, Field(description="The session's id, of the _ga_… cookie.")] = None
    engagement_time_msec: Annotated[int, Field(description="Engagement; without any, no active user counts.")] = 1
    user_properties: Annotated[UserProperties | None, Field(description="The user's properties by name.")] = None
    ad_user_data: Annotated[Permission | None, Field(description="Consent to user data for advertising.")] = None
    ad_personalization: Annotated[Permission | None, Field(description="Consent to personalised advertising.")] = None
    params: Annotated[Params | None, Field(description="Further parameters of the event: text and numbers.")] = None


class Item(Part):
    """A product of an event."""

    identified = at_least_one_of("item_id", "item_name")
    item_id: Annotated[str | None, Field(description="The product's id.")] = None
    item_name: Annotated[str | None, Field(description="The product's name.")] = None
    affiliation: Annotated[str | None, Field(description="The store or supplier.")] = None
    coupon: Annotated[str | None, Field(description="The coupon for this item.")] = None
    discount: Annotated[Money | None, Field(description="The discount on one.")] = None
    index: Annotated[int | None, Field(description="The place in a list.")] = None
    item_brand: Annotated[str | None, Field(description="The product's brand.")] = None
    item_category: Annotated[str | None, Field(description="The product's category.")] = None
    item_variant: Annotated[str | None, Field(description="The variant, such as a colour.")] = None
    price: Annotated[Money | None, Field(description="The price of one.")] = None
    quantity: Annotated[Quantity | None, Field(description="How many.")] = None


# The products of an order, or the one product that the event is about.
_ITEMS = (
    "(properties.products || [properties][?product_id || sku])[].{item_id: product_id || sku, item_name: name, "
    "affiliation: affiliation, coupon: coupon, index: position, item_brand: brand, item_category: category, "
    "item_variant: variant, price: price, quantity: quantity}"
)
# The total comes last: it is with shipping and tax.
_WORTH = "properties.revenue || properties.value || properties.total"


class Commerce(Event):
    """What every event about products may carry."""

    currency: Annotated[Currency | None, From(Fact.CURRENCY, "ISO 4217.")] = None
    value: Annotated[Money | None, From(_WORTH, "Worth, without shipping and tax; else what the items cost.")] = None
    items: Annotated[list[Item] | None, From(_ITEMS, "The products.")] = None
    coupon: Annotated[str | None, From("properties.coupon", "The coupon's code.")] = None

    _sums: ClassVar[bool] = True

    @model_validator(mode="after")
    def worth(self) -> "Commerce":
        """Add up the items where the event says no value."""
        if self._sums and self.value is None and (value := _sum(self.items)) is not None:
            self.value = value
        return self


def _sum(items: list[Item] | None) -> int | float | None:
    """Return what all items cost; None where one has no price, as too small a sum is worse than none."""
    if not items or any(item.price is None for item in items):
        return None
    # In decimals: 3 of 19.99 are 59.97.
    counts = [1 if item.quantity is None else item.quantity for item in items]
    value = float(sum(Decimal(str(item.price)) * Decimal(str(n)) for item, n in zip(items, counts, strict=True)))
    return None if not math.isfinite(value) else int(value) if value.is_integer() and abs(value) < 2**53 else value


class Shop(Commerce):
    """What an event before the order may carry."""

    item_list_id: Annotated[str | None, From("properties.list_id", "The list's id.")] = None
    item_list_name: Annotated[str | None, From("properties.list_name", "The list's name.")] = None
    payment_type: Annotated[str | None, From("properties.payment_method", "How it is paid.")] = None
    shipping_tier: Annotated[str | None, From("properties.shipping_method", "How it is sent.")] = None


class Selection(Shop):
    """An item that was chosen from a list."""

    _sums: ClassVar[bool] = False


class ItemList(Selection):
    """A list of products that was seen."""

    # The category of a list is its name; that of an event about one product is the product's.
    item_list_name: Annotated[str | None, From("properties.list_name || properties.category", "The list's name.")] = (
        None
    )


class Purchase(Commerce):
    """An order that was completed."""

    transaction_id: Annotated[str | None, From(Fact.ORDER_ID, "The order's id; counted once.")] = None
    affiliation: Annotated[str | None, From("properties.affiliation", "The store.")] = None
    shipping: Annotated[Money | None, From("properties.shipping", "The cost of shipping.")] = None
    tax: Annotated[Money | None, From("properties.tax", "The tax.")] = None


class Refund(Purchase):
    """An order that was refunded."""

    transaction_id: Annotated[str, From(Fact.ORDER_ID, "The id of the order, as its purchase said it.")]


class Promotion(Event):
    """A promotion that was shown or chosen."""

    promotion_id: Annotated[str | None, From("properties.promotion_id", "Its id.")] = None
    promotion_name: Annotated[str | None, From("properties.name", "Its name.")] = None
    creative_name: Annotated[str | None, From("properties.creative", "The creative.")] = None
    creative_slot: Annotated[str | None, From("properties.position", "Where it stands.")] = None
    items: Annotated[list[Item] | None, From(_ITEMS, "The products.")] = None


class Page(Event):
    """A page that was seen."""

    page_location: Annotated[str | None, From(Fact.PAGE_URL, "The page's URL.")] = None
    page_referrer: Annotated[str | None, From(Fact.REFERRER, "The page before.")] = None
    page_title: Annotated[str | None, From(Fact.PAGE_TITLE, "The page's title.")] = None


class Screen(Event):
    """A screen of an app that was seen."""

    screen_name: Annotated[str | None, From("name", "The screen's name.")] = None
    screen_class: Annotated[str | None, From("category", "The screen's class.")] = None


class Search(Event):
    """A search."""

    search_term: Annotated[str | None, From("properties.query", "What was searched for.")] = None


class Method(Event):
    """Something done in one way of several, such as a login."""

    method: Annotated[str | None, From("properties.method", "How it was done.")] = None


class Content(Method):
    """Content that was chosen or shared."""

    content_type: Annotated[str | None, From("properties.content_type", "Its kind.")] = None
    item_id: Annotated[str | None, From("properties.item_id", "Its id.")] = None


class Group(Event):
    """A group that somebody joined."""

    group_id: Annotated[str | None, From("groupId || context.groupId || properties.group_id", "The group's id.")] = None


class Lead(Event):
    """A step of a lead."""

    currency: Annotated[Currency | None, From(Fact.CURRENCY, "ISO 4217.")] = None
    value: Annotated[Money | None, From("properties.value", "What the lead is worth.")] = None
    lead_source: Annotated[str | None, From("properties.lead_source", "Where it came from.")] = None
    lead_status: Annotated[str | None, From("properties.lead_status", "How it stands.")] = None
    disqualified_lead_reason: Annotated[str | None, From("properties.disqualified_lead_reason", "Why none.")] = None
    close_convert_lead: Annotated[str | None, Field(description="The stage that it closed in.")] = None
    unconvert_lead_reason: Annotated[str | None, From("properties.unconvert_lead_reason", "Why it was lost.")] = None


class Game(Event):
    """A step in a game."""

    level: Annotated[int | None, From("properties.level", "The level.")] = None
    level_name: Annotated[str | None, From("properties.level_name", "The level's name.")] = None
    character: Annotated[str | None, From("properties.character", "The character.")] = None
    success: Annotated[TrueOrFalse | None, From("properties.success", "Whether it was mastered.")] = None
    score: Annotated[Number | None, From("properties.score", "The score.")] = None
    achievement_id: Annotated[str | None, From("properties.achievement_id", "Its id.")] = None
    virtual_currency_name: Annotated[str | None, From("properties.virtual_currency_name", "Its currency.")] = None
    value: Annotated[Number | None, From("properties.value", "How much of it.")] = None
    item_name: Annotated[str | None, From("properties.item_name", "What it was spent on.")] = None


class Custom(Event):
    """An event of your own."""

    event_name: Annotated[str, BeforeValidator(_event_name), From("event", "The name; white space becomes _.")]
    params: Annotated[Params | None, From("properties", "The event's parameters: text and numbers.")] = None


google = Destination("google_analytics_4", settings=GoogleAnalyticsSettings, title="Google Analytics 4")

_CONSENT = ("ad_user_data", "ad_personalization")
_ENVELOPE = ("client_id", "user_id", "timestamp", "user_properties", "params", "event_name", *_CONSENT)


def _send(settings: GoogleAnalyticsSettings, payload: Any, name: str) -> Request:
    given = {field: value for field, value in payload.body().items() if value not in (None, [])}
    if isinstance(payload, Purchase):
        # Without an id of its own, a retry would count twice.
        given.setdefault("transaction_id", payload.idempotency_key)
    params = compact(payload.params) | {field: value for field, value in given.items() if field not in _ENVELOPE}
    body = compact(
        {"client_id" if settings.firebase_app_id is None else "app_instance_id": payload.client_id},
        user_id=payload.user_id,
        timestamp_micros=None if payload.timestamp is None else payload.timestamp * 1000,
        user_properties={key: {"value": value} for key, value in (payload.user_properties or {}).items()} or None,
        consent={field: given[field] for field in _CONSENT if field in given} or None,
        events=[{"name": name, "params": params}],
    )
    stream = compact(firebase_app_id=settings.firebase_app_id, measurement_id=settings.measurement_id)
    return Request.post(f"{settings.host}/mp/collect", params={"api_secret": settings.api_secret, **stream}, json=body)


def _report(name: str, model: type[Event], trigger: str, description: str, preset: str = "") -> None:
    """Register the action of an event that Google has a name for, and its preset where it is worth one."""

    def send(settings: GoogleAnalyticsSettings, payload: model) -> Request:  # type: ignore[valid-type]  # a model for each event
        return _send(settings, payload, name)

    send.__name__, send.__doc__ = name, description
    google.action(trigger=trigger)(send)
    if preset:
        google.preset(preset, action=name)


# Google's recommended events, each fired by an event of Segment's spec.
_RECOMMENDED: tuple[tuple[Any, ...], ...] = (
    ("add_payment_info", Shop, "Payment Info Entered", "Report payment details in a checkout.", "Payment info entered"),
    ("add_shipping_info", Shop, "Checkout Step Completed", "Report shipping details in a checkout."),
    ("add_to_cart", Shop, "Product Added", "Report a product put into the cart.", "Products added"),
    ("add_to_wishlist", Shop, "Product Added to Wishlist", "Report a product put on a wish list.", "Wishes"),
    ("begin_checkout", Shop, "Checkout Started", "Report a checkout begun.", "Checkouts started"),
    ("close_convert_lead", Lead, "Lead Converted", "Report a lead that became a customer."),
    ("close_unconvert_lead", Lead, "Lead Lost", "Report a lead that did not become a customer."),
    ("disqualify_lead", Lead, "Lead Disqualified", "Report a lead that is none."),
    ("earn_virtual_currency", Game, "Virtual Currency Earned", "Report virtual currency earned."),
    ("generate_lead", Lead, "Lead Generated", "Report a new lead."),
    ("join_group", Group, "Group Joined", "Report a group joined."),
    ("level_end", Game, "Level Ended", "Report the end of a level."),
    ("level_start", Game, "Level Started", "Report the start of a level."),
    ("level_up", Game, "Level Reached", "Report a level reached."),
    ("login", Method, "Signed In", "Report a login.", "Logins"),
    ("post_score", Game, "Score Posted", "Report a score."),
    ("purchase", Purchase, "Order Completed", "Report a completed order.", "Purchases"),
    ("qualify_lead", Lead, "Lead Qualified", "Report a lead that is worth pursuing."),
    ("refund", Refund, "Order Refunded", "Report a refund.", "Refunds"),
    ("remove_from_cart", Shop, "Product Removed", "Report a product taken from the cart.", "Products removed"),
    ("search", Search, "Products Searched", "Report a search.", "Searches"),
    ("select_content", Content, "Content Selected", "Report content chosen."),
    ("select_item", Selection, "Product Clicked", "Report an item of a list chosen.", "Products clicked"),
    ("select_promotion", Promotion, "Promotion Clicked", "Report a promotion chosen.", "Promotions clicked"),
    ("share", Content, "Product Shared", "Report content shared."),
    ("sign_up", Method, "Signed Up", "Report a new account.", "Sign-ups"),
    ("spend_virtual_currency", Game, "Virtual Currency Spent", "Report virtual currency spent."),
    ("tutorial_begin", Event, "Tutorial Started", "Report a tutorial begun."),
    ("tutorial_complete", Event, "Tutorial Completed", "Report a tutorial finished."),
    ("unlock_achievement", Game, "Achievement Unlocked", "Report an achievement."),
    ("view_cart", Shop, "Cart Viewed", "Report the cart seen.", "Carts viewed"),
    ("view_item", Shop, "Product Viewed", "Report a product seen.", "Products viewed"),
    ("view_item_list", ItemList, "Product List Viewed", "Report a list of products seen.", "Product lists viewed"),
    ("view_promotion", Promotion, "Promotion Viewed", "Report a promotion seen.", "Promotions viewed"),
    ("working_lead", Lead, "Lead Contacted", "Report a lead that is being worked on."),
)
for action, model, event, *texts in _RECOMMENDED:
    # A refund of no order says nothing.
    asked = " and properties.order_id != null" if model is Refund else ""
    _report(action, model, f'type = "track" and event = "{event}"{asked}', *texts)
_report("page_view", Page, 'type = "page"', "Report a page seen.", "Page views")
_report("screen_view", Screen, 'type = "screen"', "Report a screen of an app seen.", "Screen views")


@google.action(trigger='type = "track"')
def custom_event(settings: GoogleAnalyticsSettings, payload: Custom) -> Request:
    """Report an event by a name of your own."""
    return _send(settings, payload, payload.event_name)
