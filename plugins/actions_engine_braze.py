"""Braze: track events and purchases, update profiles, make aliases, identify users, and trigger campaigns and canvases.

Source: https://www.braze.com/docs/api/endpoints/user_data/post_user_track. A request holds 75 records at most, and
an order is one for each of its products; the answer names the records at fault. The API has no versions.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from actions_engine import (
    Batch,
    Currency,
    Destination,
    Email,
    Exact,
    Fact,
    From,
    JsonArray,
    JsonObject,
    Number,
    Outcome,
    Part,
    Payload,
    Phone,
    Product,
    Request,
    Response,
    Secret,
    Settings,
    Steps,
    Timestamp,
    at_least_one_of,
    compact,
    turned_into,
)

MAX_RECORDS = 75
# Source: https://www.braze.com/docs/api/basics/#endpoints
Instance = Literal[
    "iad-01.braze.com", "iad-02.braze.com", "iad-03.braze.com", "iad-04.braze.com", "iad-05.braze.com",
    "iad-06.braze.com", "iad-07.braze.com", "iad-08.braze.com", "us-10.braze.com", "fra-01.braze.eu",
    "fra-02.braze.eu", "au-01.braze.com", "id-01.braze.com", "jp-01.braze.com",
]  # fmt: skip


class BrazeSettings(Settings):
    """One workspace."""

    api_key: Annotated[Secret, Field(description="A REST API key that may track users.")]
    instance: Annotated[Instance, Field(description="The cluster that the account lives on.")] = "iad-01.braze.com"
    app_id: Annotated[str | None, Field(description="The app that events and purchases belong to.")] = None
    endpoint: Annotated[str | None, Field(description="Another host than the cluster's, for tests.")] = None


class UserAlias(Part):
    """A name of a user beside the id."""

    alias_name: Annotated[str, Field(description="The alias.")]
    alias_label: Annotated[str, Field(description="What kind of alias it is.")]


class User(Payload):
    """Whom a record is about."""

    external_id: Annotated[str | None, From("userId", "Your id of the user.")] = None
    braze_id: Annotated[str | None, Field(description="Braze's own id of the user.")] = None
    user_alias: Annotated[UserAlias | None, Field(description="An alias of the user.")] = None
    email: Annotated[Email | None, From(Fact.EMAIL, "E-mail address.")] = None
    update_existing_only: Annotated[bool, Field(description="Do nothing for a user that Braze does not know.")] = False

    identified = at_least_one_of("external_id", "braze_id", "user_alias", "email")


def _unreserved(properties: dict[str, Any]) -> dict[str, Any]:
    # Source: https://www.braze.com/docs/api/objects_filters/event_object/
    kept = {name: value for name, value in properties.items() if name not in ("time", "event_name")}
    if len(kept) == len(properties):
        return properties
    raise turned_into(kept, "Braze keeps the names time and event_name of properties for itself")


def _known(products: list[Product]) -> list[Product]:
    kept = [product for product in products if _id(product) is not None]
    if len(kept) == len(products):
        return products
    raise turned_into(kept, "Braze takes no product without an id")


def _id(product: Product) -> str | None:
    return product.product_id or product.sku or product.name


class TrackEvent(User):
    """Something that a user did."""

    name: Annotated[str, From("event", "The event's name.")]
    time: Annotated[Timestamp, From(Fact.MOMENT, "When it happened.")]
    properties: Annotated[
        Annotated[JsonObject, AfterValidator(_unreserved)] | None, From("properties", "Details of the event.")
    ] = None


Purchases = Annotated[list[Product], Field(min_length=1), AfterValidator(_known)]
# PHP writes an empty object as [], of which `||` makes null.
_ORDER = "omit(properties || `null`, ['products'])"
# An order need not name its products: then Braze takes the order for the one thing that was bought.
_PURCHASES = f"{Fact.PRODUCTS} || if({Fact.REVENUE}, [{{product_id: {Fact.ORDER_ID}, price: {Fact.REVENUE}}}])"


class TrackPurchase(User):
    """A completed order."""

    email: Annotated[Email | None, From(Fact.EMAIL, "E-mail address; sent of a guest, who has no id.")] = None
    time: Annotated[Timestamp, From(Fact.MOMENT, "When it happened.")]
    currency: Annotated[Currency, From(Fact.CURRENCY, "ISO 4217.")] = "USD"
    products: Annotated[Purchases, From(_PURCHASES, "The products, a purchase each.")]
    properties: Annotated[JsonObject | None, From(_ORDER, "Details of the order, repeated with each product.")] = None


_OTHERS = (
    "omit(traits || `null`, ['email', 'firstName', 'first_name', 'lastName', 'last_name', 'phone', 'gender', 'avatar'])"
)
_GENDERS = {
    "male": "M", "man": "M", "m": "M", "female": "F", "woman": "F", "f": "F", "w": "F", "other": "O", "o": "O",
    "not applicable": "N", "n": "N", "prefer not to say": "P", "p": "P",
}  # fmt: skip


def _gender(value: Any) -> str:
    if isinstance(value, str) and (code := _GENDERS.get(value.strip().lower())):
        return code
    raise ValueError("expected a gender, such as F or female")


def _own_day(value: Any) -> Any:
    """Cut a moment to the date that it is written with, whatever the offset: nobody is born in UTC."""
    return value[:10] if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d[T ]", value) else value


# Braze empties a country or a gender that it does not know, without a word.
Gender = Annotated[str, BeforeValidator(_gender)]
CountryCode = Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, pattern="^[A-Za-z]{2}$")]
Day = Annotated[Timestamp, BeforeValidator(_own_day), AfterValidator(lambda moment: moment[:10])]
Subscription = Annotated[Literal["opted_in", "unsubscribed", "subscribed"], Exact()]


class Place(Part):
    """Where somebody is."""

    latitude: Annotated[Number, Field(description="Degrees north.")]
    longitude: Annotated[Number, Field(description="Degrees east.")]


class UpdateUserProfile(User):
    """A user's profile."""

    first_name: Annotated[str | None, From(Fact.FIRST_NAME, "First name.")] = None
    last_name: Annotated[str | None, From(Fact.LAST_NAME, "Last name.")] = None
    phone: Annotated[Phone | None, From(Fact.PHONE_NUMBER, "Telephone number in E.164.")] = None
    gender: Annotated[Gender | None, From(Fact.GENDER, "M, F, O (other), N (not applicable) or P (not said).")] = None
    dob: Annotated[Day | None, Field(description="Date of birth, YYYY-MM-DD.")] = None
    home_city: Annotated[str | None, From(Fact.CITY, "City.")] = None
    country: Annotated[CountryCode | None, From("context.location.country", "Two letters (ISO 3166-1).")] = None
    current_location: Annotated[
        Place | None,
        From(f"if({Fact.LATITUDE}, {{latitude: {Fact.LATITUDE}, longitude: {Fact.LONGITUDE}}})", "Where the user is."),
    ] = None
    language: Annotated[str | None, Field(description="Two letters (ISO 639-1).")] = None
    image_url: Annotated[str | None, From("traits.avatar", "URL of a picture.")] = None
    email_subscribe: Annotated[Subscription | None, Field(description="Whether mail is wanted.")] = None
    push_subscribe: Annotated[Subscription | None, Field(description="Whether push is wanted.")] = None
    custom_attributes: Annotated[JsonObject | None, From(_OTHERS, "Attributes of your own.")] = None


class CreateAlias(Payload):
    """An alias to make."""

    external_id: Annotated[str | None, From("userId", "Your id; without it a user is made.")] = None
    alias_name: Annotated[str, From("anonymousId", "The alias.")]
    alias_label: Annotated[str, Field(description="What kind of alias it is.")] = "anonymous_id"


class IdentifyUser(CreateAlias):
    """An alias whose user has an id now."""

    external_id: Annotated[str, From("userId", "Your id of the user.")]
    merge_behavior: Annotated[
        Literal["none", "merge"], Field(description="Whether what the alias did becomes the user's.")
    ] = "merge"


Priority = Literal["identified", "unidentified", "most_recently_updated", "least_recently_updated"]


class Recipient(Part):
    """Whom a message goes to."""

    external_user_id: Annotated[str | None, Field(description="Your id of the user.")] = None
    user_alias: Annotated[UserAlias | None, Field(description="An alias of the user.")] = None
    email: Annotated[Email | None, Field(description="E-mail address, where there is neither id nor alias.")] = None
    trigger_properties: Annotated[JsonObject | None, Field(description="Properties of a campaign's user.")] = None
    canvas_entry_properties: Annotated[JsonObject | None, Field(description="Properties of a canvas's user.")] = None
    attributes: Annotated[JsonObject | None, Field(description="What is written to the profile before.")] = None
    send_to_existing_only: Annotated[bool | None, Field(description="Send nothing to who is not known.")] = None

    identified = at_least_one_of("external_user_id", "user_alias", "email")


_RECIPIENTS = f"[{{external_user_id: userId, email: {Fact.EMAIL}}}]"


class Triggered(Payload):
    """A message with API-triggered delivery."""

    recipients: Annotated[list[Recipient] | None, From(_RECIPIENTS, "Whom it goes to, of no broadcast.")] = None
    broadcast: Annotated[bool, Field(description="Send it to all that it targets."), Exact()] = False
    audience: Annotated[JsonObject | None, Field(description="A connected audience, of a broadcast.")] = None
    prioritization: Annotated[
        tuple[Priority, ...], Field(description="Which of several users with a recipient's address gets it.")
    ] = ("identified", "most_recently_updated")

    @model_validator(mode="after")
    def _goes_to_somebody(self) -> Self:
        if not self.broadcast and not self.recipients:
            raise ValueError("it goes to nobody: name recipients, or set broadcast")
        return self


class TriggerCampaign(Triggered):
    """A message of a campaign."""

    campaign_id: Annotated[str, Field(description="The campaign's API identifier.")]
    send_id: Annotated[str | None, Field(description="An id of the send, by which it is analysed.")] = None
    trigger_properties: Annotated[JsonObject | None, From("properties", "What the message is made of.")] = None
    attachments: Annotated[JsonArray | None, Field(description="Files of a mail: file_name and url of each.")] = None


class TriggerCanvas(Triggered):
    """An entry into a canvas."""

    canvas_id: Annotated[str, Field(description="The canvas's API identifier.")]
    canvas_entry_properties: Annotated[JsonObject | None, From("properties", "What the messages are made of.")] = None


braze = Destination("braze", settings=BrazeSettings, title="Braze")
_BATCH = Batch(max_calls=MAX_RECORDS, linger=0.5)


_INNOCENT = Outcome.retry("another record of the request was refused", after=0.0)


def _faults(response: Response, name: str, count: int) -> dict[int, str]:
    """Read the errors that name records of an array by their index."""
    errors = response.json_object().get("errors")
    faults: dict[int, str] = {}
    for error in errors if isinstance(errors, list) and response.status in (200, 201, 400) else ():
        index = error.get("index") if isinstance(error, dict) and error.get("input_array") == name else None
        if type(index) is int and 0 <= index < count:
            faults[index] = str(error.get("type", ""))[:200]
    return faults


def _outcomes_of(name: str) -> Callable[[Response, list[Any]], list[Outcome]]:
    """Return a reader of the errors that name records by their index in an array of the request."""

    def outcomes(response: Response, records: list[Any]) -> list[Outcome]:
        faults = _faults(response, name, len(records))
        found = Outcome.of_items(response, len(records), {n: f"Braze says {told}" for n, told in faults.items()})
        if faults and response.status == 400:
            # Of a request that is refused as a whole, the others are sent again without the ones at fault.
            return [outcome if index in faults else _INNOCENT for index, outcome in enumerate(found)]
        return found

    return outcomes


@braze.action(trigger='type = "track" and event != "Order Completed"', batch=_BATCH, outcomes=_outcomes_of("events"))
def track_event(settings: BrazeSettings, payloads: list[TrackEvent]) -> Request:
    """Track events."""
    events = [_record(settings, payload, name=payload.name, properties=payload.properties) for payload in payloads]
    return _track(settings, "events", events)


@braze.action(
    trigger='event = "Order Completed"',
    batch=Batch(
        max_calls=MAX_RECORDS, max_records=MAX_RECORDS, records=lambda payload: len(payload.products), linger=0.5
    ),
)
def track_purchase(settings: BrazeSettings, payloads: list[TrackPurchase]) -> Steps:
    """Track completed orders, a purchase for each product; an order of more than 75 takes several requests."""
    records = [
        (number, line, record)
        for number, payload in enumerate(payloads)
        for line, record in enumerate(_purchases(settings, payload), start=1)
    ]
    outcomes = [Outcome.delivered()] * len(payloads)
    refused: dict[int, list[str]] = {}
    for start in range(0, len(records), MAX_RECORDS):
        part = records[start : start + MAX_RECORDS]
        last = Outcome.delivered()
        while part:
            response = yield _track(settings, "purchases", [record for _, _, record in part])
            last = Outcome.of(response)
            faults = _faults(response, "purchases", len(part))
            for index, told in faults.items():
                refused.setdefault(part[index][0], []).append(f"product {part[index][1]}: {told}")
            part = [record for index, record in enumerate(part) if index not in faults]
            # A 400 takes none: the others are sent again without the ones at fault.
            if not faults or response.status != 400:
                break
        for number in {number for number, _, _ in part}:
            # What is tried again is sent whole: that goes before a refusal.
            if last.kind in ("retry", "paused") or outcomes[number].kind == "delivered":
                # Of a refusal that names nobody, those that were not named before are tried by themselves.
                is_innocent = last.kind == "rejected" and refused and number not in refused
                outcomes[number] = _INNOCENT if is_innocent else last
    for number, words in refused.items():
        if outcomes[number].kind not in ("retry", "paused"):
            rest = "; its other products were taken" if len(words) < len(payloads[number].products) else ""
            rest = rest if outcomes[number].kind == "delivered" else ""
            outcomes[number] = Outcome.rejected(f"Braze says {'; '.join(words)}{rest}")
    return outcomes


@braze.action(trigger='type = "identify"', batch=_BATCH, outcomes=_outcomes_of("attributes"))
def update_user_profile(settings: BrazeSettings, payloads: list[UpdateUserProfile]) -> Request:
    """Make users or update their profiles."""
    profiles = []
    for payload in payloads:
        own = payload.body(exclude=[*User.model_fields, "custom_attributes"])
        # An attribute must not say whom the record is about.
        others = (payload.custom_attributes or {}).items()
        custom = {name: value for name, value in others if name not in User.model_fields}
        profiles.append(custom | _user(payload) | own)
    return _track(settings, "attributes", profiles)


@braze.action(
    trigger='event = "Create Alias"', batch=Batch(max_calls=50, linger=0.5), outcomes=_outcomes_of("user_aliases")
)
def create_alias(settings: BrazeSettings, payloads: list[CreateAlias]) -> Request:
    """Make aliases."""
    return _post(settings, "/users/alias/new", {"user_aliases": [payload.body() for payload in payloads]})


@braze.action(
    trigger='type = "identify" and userId != null and anonymousId != null',
    batch=Batch(max_calls=50, key=lambda payload: payload.merge_behavior, linger=0.5),
    outcomes=_outcomes_of("aliases_to_identify"),
)
def identify_user(settings: BrazeSettings, payloads: list[IdentifyUser]) -> Request:
    """Tell whose aliases are whose."""
    aliases = [
        {"external_id": payload.external_id, "user_alias": payload.body(exclude=["external_id", "merge_behavior"])}
        for payload in payloads
    ]
    body = {"aliases_to_identify": aliases, "merge_behavior": payloads[0].merge_behavior}
    return _post(settings, "/users/identify", body)


@braze.action(trigger='type = "track"')
def trigger_campaign(settings: BrazeSettings, payload: TriggerCampaign) -> Request:
    """Send a message of an API-triggered campaign."""
    return _trigger(settings, "/campaigns/trigger/send", payload)


@braze.action(trigger='type = "track"')
def trigger_canvas(settings: BrazeSettings, payload: TriggerCanvas) -> Request:
    """Put users into an API-triggered canvas."""
    return _trigger(settings, "/canvas/trigger/send", payload)


braze.preset("Track calls", action="track_event")
braze.preset("Orders completed", action="track_purchase")
braze.preset("Identify calls", action="update_user_profile")


def _user(payload: User) -> dict[str, Any]:
    alias = payload.user_alias.body() if payload.user_alias else None
    own = compact(external_id=payload.external_id, braze_id=payload.braze_id, user_alias=alias)
    if payload.email is not None and not (own and isinstance(payload, TrackPurchase)):
        own["email"] = payload.email
    return own | {"_update_existing_only": payload.update_existing_only}


def _record(settings: BrazeSettings, payload: TrackEvent | TrackPurchase, **own: Any) -> dict[str, Any]:
    return _user(payload) | compact(app_id=settings.app_id, time=payload.time, **own)


def _purchases(settings: BrazeSettings, payload: TrackPurchase) -> list[dict[str, Any]]:
    return [
        _record(
            settings,
            payload,
            product_id=_id(product),
            currency=payload.currency,
            price=product.price,
            # An integer, which 2.0 is not in Braze's JSON.
            quantity=product.quantity if product.quantity is None or product.quantity % 1 else int(product.quantity),
            properties=product.body(exclude=["product_id", "price", "quantity"]) | (payload.properties or {}),
        )
        for product in payload.products
    ]


def _trigger(settings: BrazeSettings, path: str, payload: TriggerCampaign | TriggerCanvas) -> Request:
    body = payload.body(exclude=["recipients", "prioritization"]) | {"broadcast": payload.broadcast}
    if not payload.broadcast and payload.recipients is not None:
        body["recipients"] = [_recipient(recipient, payload.prioritization) for recipient in payload.recipients]
    return _post(settings, path, body)


def _recipient(recipient: Recipient, prioritization: tuple[Priority, ...]) -> dict[str, Any]:
    """Return a recipient by one identifier; of an address Braze asks which of its users is meant."""
    if recipient.external_user_id or recipient.user_alias:
        return recipient.body(exclude=["email"])
    return recipient.body() | {"prioritization": list(prioritization)}


def _track(settings: BrazeSettings, name: str, records: list[dict[str, Any]]) -> Request:
    # Braze asks for this header of senders that batch: it balances their requests otherwise.
    return _post(settings, "/users/track", {name: records}, {"X-Braze-Batch": "true"} if len(records) > 1 else {})


def _post(settings: BrazeSettings, path: str, body: Any, more: dict[str, str] | None = None) -> Request:
    host = settings.endpoint or f"https://rest.{settings.instance}"
    return Request.post(f"{host}{path}", headers=settings.api_key.bearer() | (more or {}), json=body)
