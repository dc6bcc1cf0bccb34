"""Braze: track events and purchases, update profiles, make aliases and identify users.

Source: https://www.braze.com/docs/api/endpoints/user_data/post_user_track. A request holds 75 records at most, and
an order is one for each of its products; the answer names the records at fault.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field

from actions_engine import (
    Batch,
    Currency,
    Destination,
    Fact,
    From,
    JsonObject,
    Outcome,
    Part,
    Payload,
    Product,
    Request,
    Response,
    Secret,
    Settings,
    Steps,
    Timestamp,
    at_least_one_of,
    compact,
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
    email: Annotated[str | None, From(Fact.EMAIL, "E-mail address.")] = None
    update_existing_only: Annotated[bool, Field(description="Do nothing for a user that Braze does not know.")] = False

    identified = at_least_one_of("external_id", "braze_id", "user_alias", "email")


class TrackEvent(User):
    """Something that a user did."""

    name: Annotated[str, From("event", "The event's name.")]
    time: Annotated[Timestamp, From(Fact.MOMENT, "When it happened.")]
    properties: Annotated[JsonObject | None, From("properties", "Details of the event.")] = None


class TrackPurchase(User):
    """A completed order."""

    email: Annotated[str | None, Field(description="E-mail address.")] = None
    time: Annotated[Timestamp, From(Fact.MOMENT, "When it happened.")]
    currency: Annotated[Currency, From(Fact.CURRENCY, "ISO 4217.")] = "USD"
    products: Annotated[list[Product], From(Fact.PRODUCTS, "The products, a purchase each."), Field(min_length=1)]
    properties: Annotated[
        JsonObject | None, From("omit(properties, ['products'])", "Details of the order, repeated with each product.")
    ] = None


_OTHERS = "omit(traits, ['email', 'firstName', 'first_name', 'lastName', 'last_name', 'phone', 'gender', 'avatar'])"
_GENDERS = {"male": "M", "female": "F", "other": "O", "m": "M", "f": "F", "o": "O", "n": "N", "p": "P"}
Subscription = Literal["opted_in", "unsubscribed", "subscribed"]


class UpdateUserProfile(User):
    """A user's profile."""

    first_name: Annotated[str | None, From(Fact.FIRST_NAME, "First name.")] = None
    last_name: Annotated[str | None, From(Fact.LAST_NAME, "Last name.")] = None
    phone: Annotated[str | None, From(Fact.PHONE, "Telephone number in E.164.")] = None
    gender: Annotated[str | None, From(Fact.GENDER, "M, F, O (other), N (not applicable) or P (not said).")] = None
    dob: Annotated[str | None, Field(description="Date of birth, YYYY-MM-DD.")] = None
    home_city: Annotated[str | None, From(Fact.CITY, "City.")] = None
    country: Annotated[str | None, Field(description="Two letters (ISO 3166-1).")] = None
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
        if own.get("gender") is not None:
            own["gender"] = _GENDERS.get(own["gender"].strip().lower(), own["gender"])
        profiles.append((payload.custom_attributes or {}) | _user(payload) | own)
    return _track(settings, "attributes", profiles)


@braze.action(
    trigger='event = "Create Alias"', batch=Batch(max_calls=50, linger=0.5), outcomes=_outcomes_of("user_aliases")
)
def create_alias(settings: BrazeSettings, payloads: list[CreateAlias]) -> Request:
    """Make aliases."""
    return _post(settings, "/users/alias/new", {"user_aliases": [payload.body() for payload in payloads]})


@braze.action(
    trigger='type = "identify"',
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


braze.preset("Track calls", action="track_event")
braze.preset("Orders completed", action="track_purchase")
braze.preset("Identify calls", action="update_user_profile")


def _user(payload: User) -> dict[str, Any]:
    alias = payload.user_alias.body() if payload.user_alias else None
    own = compact(external_id=payload.external_id, braze_id=payload.braze_id, user_alias=alias, email=payload.email)
    return own | {"_update_existing_only": payload.update_existing_only}


def _record(settings: BrazeSettings, payload: TrackEvent | TrackPurchase, **own: Any) -> dict[str, Any]:
    return _user(payload) | compact(app_id=settings.app_id, time=payload.time, **own)


def _purchases(settings: BrazeSettings, payload: TrackPurchase) -> list[dict[str, Any]]:
    return [
        _record(
            settings,
            payload,
            product_id=product.product_id or product.sku,
            currency=payload.currency,
            price=product.price,
            quantity=product.quantity,
            properties=product.body(exclude=["product_id", "price", "quantity"]) | (payload.properties or {}),
        )
        for product in payload.products
    ]


def _track(settings: BrazeSettings, name: str, records: list[dict[str, Any]]) -> Request:
    # Braze asks for this header of senders that batch: it balances their requests otherwise.
    return _post(settings, "/users/track", {name: records}, {"X-Braze-Batch": "true"} if len(records) > 1 else {})


def _post(settings: BrazeSettings, path: str, body: Any, more: dict[str, str] | None = None) -> Request:
    host = settings.endpoint or f"https://rest.{settings.instance}"
    return Request.post(f"{host}{path}", headers=settings.api_key.bearer() | (more or {}), json=body)
