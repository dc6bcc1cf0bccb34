"""Mixpanel: import events and purchases, keep profiles of users and groups, join identities.

Source: https://developer.mixpanel.com/reference/overview. Events go to `/import`, which tells each record that failed
and deduplicates by `$insert_id`; profiles go to `/engage` and `/groups`.
"""

import hashlib
import re
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from actions_engine import (
    Batch,
    Destination,
    Fact,
    From,
    JsonObject,
    Number,
    Outcome,
    Payload,
    Product,
    RegionalSettings,
    Request,
    Response,
    Secret,
    Steps,
    UnixMillis,
    at_least_one_of,
    compact,
    encode_json,
    turned_into,
)
from actions_engine_mixpanel_browsers import browser_of

#: The day on which Mixpanel takes API secrets no more; service accounts and the project's token stay.
#: Source: https://docs.mixpanel.com/reference/project-secret.
API_SECRET_ENDS = date(2027, 3, 3)


class MixpanelSettings(RegionalSettings):
    """One project."""

    hosts: ClassVar = {
        "us": "https://api.mixpanel.com",
        "eu": "https://api-eu.mixpanel.com",
        "in": "https://api-in.mixpanel.com",
    }
    project_token: Annotated[Secret, Field(description="The project's token.")]
    service_account_username: Annotated[str | None, Field(description="A service account, to import events as.")] = None
    service_account_secret: Annotated[Secret | None, Field(description="The service account's secret.")] = None
    project_id: Annotated[str | int | None, Field(description="The project's id, for the service account.")] = None
    api_secret: Annotated[
        Secret | None, Field(description=f"The project's API secret; Mixpanel takes it until {API_SECRET_ENDS:%B %Y}.")
    ] = None
    region: Annotated[Literal["us", "eu", "in"], Field(description="Where the project lives.")] = "us"

    @model_validator(mode="after")
    def _account_is_whole(self) -> Self:
        named = (self.service_account_username, self.project_id)
        if named != (None, None) and None in (*named, self.service_account_secret):
            raise ValueError("a service account needs service_account_username, service_account_secret and project_id")
        return self


# What programs write where they know no id; Mixpanel refuses an event with one, and joins nobody by it.
# Source: https://docs.mixpanel.com/reference/import-events#propertiesdistinct_id.
_NO_IDS = frozenset({
    "00000000-0000-0000-0000-000000000000", "anon", "anonymous", "nil", "none", "null", "n/a", "na", "undefined",
    "unknown", "<nil>", "0", "-1", "true", "false", "[]", "{}", "lmy47d",
})  # fmt: skip
# Properties that say who did what when. One of an event's own by that name would make it another person's, or none.
_RESERVED = frozenset({
    "time", "distinct_id", "token", "$insert_id", "$user_id", "$device_id", "$identified_id", "$anon_id",
})  # fmt: skip


def _known(text: str) -> str:
    if text.strip().lower() in _NO_IDS:
        raise ValueError("it stands for no id at all, and Mixpanel refuses it")
    return text


def _unreserved(properties: dict[str, Any]) -> dict[str, Any]:
    if _RESERVED.isdisjoint(properties):
        return properties
    names = ", ".join(sorted(_RESERVED.intersection(properties)))
    others = {name: value for name, value in properties.items() if name not in _RESERVED}
    raise turned_into(others, f"without {names}, which Mixpanel reads as the event's own")


_Id = Annotated[str, AfterValidator(_known)]
_Properties = Annotated[JsonObject, AfterValidator(_unreserved)]


class TrackEvent(Payload):
    """Something that a user did."""

    event: Annotated[str, From("event", "The event's name.")]
    time: Annotated[UnixMillis | None, From(Fact.MOMENT, "When it happened.")] = None
    received_at: Annotated[UnixMillis | None, From("receivedAt || sentAt", "Its time where `time` has none.")] = None
    insert_id: Annotated[str | None, From("messageId", "The event's id, by which a second one is ignored.")] = None
    distinct_id: Annotated[_Id | None, From(Fact.PERSON_ID, "Who it was, where identities are merged by it.")] = None
    user_id: Annotated[_Id | None, From("userId", "Your id of the user.")] = None
    anonymous_id: Annotated[_Id | None, From("anonymousId", "The visitor's or device's id.")] = None
    group_id: Annotated[str | None, From(Fact.GROUP_ID, "The group that it was done in.")] = None
    ip: Annotated[str | None, From(Fact.IP, "IP address, for the place.")] = None
    country: Annotated[str | None, From(Fact.LOCATION_COUNTRY, "The country.")] = None
    region: Annotated[str | None, From(Fact.LOCATION_REGION, "The region.")] = None
    city: Annotated[str | None, From(Fact.LOCATION_CITY, "The city.")] = None
    current_url: Annotated[str | None, From("context.page.url", "The page's URL.")] = None
    referrer: Annotated[str | None, From("context.page.referrer", "The page before.")] = None
    user_agent: Annotated[str | None, From(Fact.USER_AGENT, "User-Agent header, for the browser's name.")] = None
    user_agent_data: Annotated[JsonObject | None, From(Fact.USER_AGENT_DATA, "What browsers tell beside it.")] = None
    browser: Annotated[str | None, Field(description="The browser, in place of the User-Agent's.")] = None
    browser_version: Annotated[str | None, Field(description="Its version, likewise.")] = None
    os: Annotated[str | None, From(Fact.OS_NAME, "The operating system.")] = None
    os_version: Annotated[str | None, From(Fact.OS_VERSION, "Its version.")] = None
    app_name: Annotated[str | None, From(Fact.APP_NAME, "The app.")] = None
    app_version: Annotated[str | None, From(Fact.APP_VERSION, "Its version.")] = None
    app_build: Annotated[str | None, From(Fact.APP_BUILD, "Its build.")] = None
    app_namespace: Annotated[str | None, From(Fact.APP_NAMESPACE, "Its bundle or package.")] = None
    device_manufacturer: Annotated[str | None, From(Fact.DEVICE_MANUFACTURER, "Who made the device.")] = None
    device_model: Annotated[str | None, From(Fact.DEVICE_MODEL, "The device's model.")] = None
    device_name: Annotated[str | None, From(Fact.DEVICE_NAME, "The device's name.")] = None
    device_type: Annotated[str | None, From(Fact.DEVICE_TYPE, "The kind of device, such as ios.")] = None
    idfa: Annotated[str | None, From(Fact.ADVERTISING_ID, "Apple's advertising id.")] = None
    advertising_id: Annotated[str | None, From(Fact.ADVERTISING_ID, "The advertising id of any device.")] = None
    ad_tracking_enabled: Annotated[bool | None, From(Fact.AD_TRACKING, "Whether it may be used.")] = None
    carrier: Annotated[str | None, From(Fact.CARRIER, "The network's carrier.")] = None
    wifi: Annotated[bool | None, From(Fact.WIFI, "Whether by Wi-Fi.")] = None
    cellular: Annotated[bool | None, From(Fact.CELLULAR, "Whether by a mobile network.")] = None
    bluetooth: Annotated[bool | None, From(Fact.BLUETOOTH, "Whether Bluetooth is on.")] = None
    screen_width: Annotated[Number | None, From(Fact.SCREEN_WIDTH, "The screen's width.")] = None
    screen_height: Annotated[Number | None, From(Fact.SCREEN_HEIGHT, "The screen's height.")] = None
    screen_density: Annotated[Number | None, From(Fact.SCREEN_DENSITY, "The screen's density.")] = None
    locale: Annotated[str | None, From(Fact.LOCALE, "Language, such as en-US.")] = None
    timezone: Annotated[str | None, From(Fact.TIMEZONE, "Time zone.")] = None
    lib_version: Annotated[str | None, From(Fact.LIBRARY_VERSION, "The version of what sent it first.")] = None
    mp_lib: Annotated[str | None, From(Fact.LIBRARY_NAME, "What sent it first.")] = None
    utm_campaign: Annotated[str | None, From(Fact.CAMPAIGN_NAME, "The campaign.")] = None
    utm_source: Annotated[str | None, From(Fact.CAMPAIGN_SOURCE, "Its source.")] = None
    utm_medium: Annotated[str | None, From(Fact.CAMPAIGN_MEDIUM, "Its medium.")] = None
    utm_term: Annotated[str | None, From(Fact.CAMPAIGN_TERM, "Its term.")] = None
    utm_content: Annotated[str | None, From(Fact.CAMPAIGN_CONTENT, "Its content.")] = None
    properties: Annotated[_Properties | None, From("properties", "Details of the event.")] = None

    timed = at_least_one_of("time", "received_at")


class TrackPurchase(TrackEvent):
    """A completed order."""

    products: Annotated[
        list[Product] | None, From(Fact.PRODUCTS, "The products; each becomes an event Product Purchased.")
    ] = None


class Identify(Payload):
    """What is known about a user."""

    user_id: Annotated[_Id | None, From("userId", "Your id of the user.")] = None
    anonymous_id: Annotated[_Id | None, From("anonymousId", "The visitor's id.")] = None
    ip: Annotated[str | None, From(Fact.IP, "IP address, for the place.")] = None
    traits: Annotated[JsonObject | None, From("traits", "What is known.")] = None

    identified = at_least_one_of("user_id", "anonymous_id")


class Group(Payload):
    """What is known about a group."""

    group_key: Annotated[str, Field(description="The group key of the project's settings.")] = "$group_id"
    group_id: Annotated[_Id, From("groupId", "The group's id.")]
    traits: Annotated[JsonObject | None, From("traits", "What is known.")] = None


class Alias(Payload):
    """Two ids of one user."""

    distinct_id: Annotated[_Id, From(Fact.PREVIOUS_ID, "The id until now.")]
    alias: Annotated[_Id, From("userId", "The id from now on.")]


class Increment(Payload):
    """Numbers of a user's profile that grow."""

    distinct_id: Annotated[_Id | None, From(Fact.PERSON_ID, "Who it is.")] = None
    anonymous_id: Annotated[_Id | None, From("anonymousId", "Who it is where that is no id.")] = None
    ip: Annotated[str | None, From(Fact.IP, "IP address, for the place.")] = None
    increment: Annotated[
        dict[str, Number], Field(description="By how much, for each property; 20 at most.", examples=[{"orders": 1}])
    ]

    identified = at_least_one_of("distinct_id", "anonymous_id")


mixpanel = Destination("mixpanel", settings=MixpanelSettings, title="Mixpanel")
# 2,000 events or 10 MB a request: https://developer.mixpanel.com/reference/import-events
batch = Batch(max_calls=2000, max_records=2000, max_bytes=9_000_000, linger=0.5,
              records=lambda payload: 1 + len(getattr(payload, "products", None) or ()))  # fmt: skip


def _outcomes(response: Response, payloads: list[Any]) -> list[Outcome]:
    """Read the records that failed; in strict mode the others are imported."""
    failed = response.json_object().get("failed_records")
    if response.status not in (200, 400) or not isinstance(failed, list) or not failed:
        return [Outcome.of(response)] * len(payloads)
    owners = [(number, line) for number, payload in enumerate(payloads) for line in range(batch.records(payload))]
    told: dict[int, list[str]] = {}
    for record in failed:
        index = record.get("index") if isinstance(record, dict) else None
        if type(index) is int and 0 <= index < len(owners):
            number, line = owners[index]
            which = f"product {line}: " if line else ""
            words = f"{record.get('field', '')}: {record.get('message', '')}"[:200]
            told.setdefault(number, []).append(f"{which}{words}")
    faults = {}
    for number, words_of in told.items():
        rest = "; the rest of the order was imported" if len(words_of) < batch.records(payloads[number]) else ""
        faults[number] = f"Mixpanel says {'; '.join(words_of)}{rest}"
    return Outcome.of_items(Response(200), len(payloads), faults)


def _accepted(response: Response, payloads: list[Any]) -> list[Outcome]:
    """Read the answer of the profile endpoints: 200 with `0` where the data is refused."""
    outcome = Outcome.of(response)
    if outcome.kind == "delivered" and response.body.strip() == b"0":
        outcome = Outcome.rejected("Mixpanel refuses the data")
    return [outcome] * len(payloads)


@mixpanel.action(trigger='type = "track"', batch=batch, outcomes=_outcomes)
def track_event(settings: MixpanelSettings, payloads: list[TrackEvent]) -> Request:
    """Import events."""
    return _import(settings, [_event(payload) for payload in payloads])


@mixpanel.action(trigger='type = "track" and event = "Order Completed"', batch=batch, outcomes=_outcomes)
def track_purchase(settings: MixpanelSettings, payloads: list[TrackPurchase]) -> Request:
    """Import completed orders, and each of their products."""
    events = []
    for payload in payloads:
        events.append(_event(payload))
        ids, given = _ids(payload), payload.properties or {}
        shared = _context(payload) | {name: given[name] for name in _OF_ORDER if name in given}
        for number, product in enumerate(payload.products or [], start=1):
            # An id that follows from the order's, so that a retry counts nothing twice.
            own = ids | {"$insert_id": _insert_id(f"{ids['$insert_id']}-{number}")}
            events.append({"event": "Product Purchased", "properties": shared | product.body() | own})
    return _import(settings, events)


@mixpanel.action(trigger='type = "identify"')
def identify(settings: MixpanelSettings, payload: Identify) -> Steps:
    """Join a visitor with a user, and tell what is known."""
    if payload.user_id and payload.anonymous_id:
        ids = {"$identified_id": payload.user_id, "$anon_id": payload.anonymous_id}
        response = yield _track(settings, "$identify", ids)
        if (outcome := _accepted(response, [payload])[0]).kind != "delivered":
            return [outcome]
    if not payload.traits:
        return [Outcome.delivered()]
    person = {"$distinct_id": payload.user_id or payload.anonymous_id, "$ip": payload.ip}
    response = yield _profile(settings, "/engage", person | {"$set": _traits(payload.traits, _PERSON)})
    return _accepted(response, [payload])


@mixpanel.action(trigger='type = "group"', outcomes=_accepted)
def group(settings: MixpanelSettings, payload: Group) -> Request:
    """Tell what is known about a group."""
    update = {"$group_key": payload.group_key, "$group_id": payload.group_id}
    return _profile(settings, "/groups", update | {"$set": _traits(payload.traits or {}, _GROUP)})


@mixpanel.action(trigger='type = "alias"', outcomes=_accepted)
def alias(settings: MixpanelSettings, payload: Alias) -> Request:
    """Join two ids of one user."""
    return _track(settings, "$create_alias", {"distinct_id": payload.distinct_id, "alias": payload.alias})


@mixpanel.action(trigger='type = "track"', outcomes=_accepted)
def increment(settings: MixpanelSettings, payload: Increment) -> Request:
    """Add to numbers of a user's profile."""
    person = {"$distinct_id": payload.distinct_id or payload.anonymous_id, "$ip": payload.ip}
    return _profile(settings, "/engage", person | {"$add": payload.increment})


mixpanel.preset("Track calls", action="track_event", trigger='type = "track" and event != "Order Completed"')
mixpanel.preset("Orders completed", action="track_purchase")
for name, kind in (("Page views", "page"), ("Screen views", "screen")):
    viewed = f"Viewed {{{{ name || properties.name || {Fact.PAGE_TITLE} || 'a {kind}' }}}}"
    mixpanel.preset(name, action="track_event", trigger=f'type = "{kind}"', fields={"event": viewed})
for name, action in (("Identify calls", "identify"), ("Group calls", "group"), ("Alias calls", "alias")):
    mixpanel.preset(name, action=action)

# Fields that are no property by their own name.
_APART = (
    "event", "time", "received_at", "insert_id", "distinct_id", "user_id", "anonymous_id", "user_agent",
    "user_agent_data", "properties", "products",
)  # fmt: skip
# Mixpanel's own names, which the app's and the device's lists say.
# Source: https://docs.mixpanel.com/docs/data-structure/property-reference/reserved-properties.
_NAMES = {
    "group_id": "$group_id", "country": "mp_country_code", "region": "$region", "city": "$city",
    "current_url": "$current_url", "referrer": "$referrer", "browser": "$browser",
    "browser_version": "$browser_version", "os": "$os", "os_version": "$os_version", "app_name": "$app_name",
    "app_version": "$app_version_string", "app_build": "$app_build_number", "app_namespace": "$app_namespace",
    "device_manufacturer": "$manufacturer", "device_model": "$model", "device_name": "$device_name",
    "device_type": "$device_type", "idfa": "$ios_ifa", "carrier": "$carrier", "wifi": "$wifi_enabled",
    "cellular": "$cellular_enabled", "bluetooth": "$bluetooth_enabled", "screen_width": "$screen_width",
    "screen_height": "$screen_height", "screen_density": "$screen_density", "locale": "$locale",
    "lib_version": "$lib_version",
}  # fmt: skip
_AGENT_DATA = ("mobile", "platform", "bitness", "platformVersion", "uaFullVersion", "wow64")
_OF_ORDER = ("order_id", "checkout_id", "email")
# Properties of profiles that Mixpanel shows, and the traits that say them; the first that has a value.
_PERSON = {
    "$created": ("created", "createdAt", "created_at"), "$email": ("email",), "$name": ("name",),
    "$first_name": ("firstName", "first_name"), "$last_name": ("lastName", "last_name"), "$username": ("username",),
    "$phone": ("phone",),
}  # fmt: skip
_GROUP = {"$created": _PERSON["$created"], "$name": ("name",)}
_TAKEN = re.compile("[A-Za-z0-9-]{1,36}")


def _event(payload: TrackEvent) -> dict[str, Any]:
    return {"event": payload.event, "properties": _context(payload) | (payload.properties or {}) | _ids(payload)}


def _ids(payload: TrackEvent) -> dict[str, Any]:
    """Return who did it and when: what no property of the event may say otherwise."""
    return compact({
        "time": payload.time if payload.time is not None else payload.received_at,
        "$insert_id": _insert_id(payload.insert_id or payload.idempotency_key),
        "distinct_id": payload.distinct_id or payload.user_id or payload.anonymous_id or "",
        "$user_id": payload.user_id, "$identified_id": payload.user_id,
        "$device_id": payload.anonymous_id, "$anon_id": payload.anonymous_id,
    })  # fmt: skip


def _insert_id(text: str) -> str:
    """Return an id that Mixpanel takes: 36 letters, digits and hyphens at most, and none that stands for nothing."""
    if _TAKEN.fullmatch(text) and text.lower() not in _NO_IDS:
        return text
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:36]


def _context(payload: TrackEvent) -> dict[str, Any]:
    """Return where and with what it was done, under Mixpanel's names."""
    found = {name: value for name, value in payload.body(exclude=_APART).items() if value is not None}
    if payload.user_agent and "browser" not in found:
        found = browser_of(payload.user_agent) | found
    if "device_name" in found:
        found["$device"] = found["device_name"]
    for name in ("idfa", "advertising_id"):
        if found.get(name) in _NO_IDS:  # zeros, where people are not to be followed
            del found[name]
    given = payload.user_agent_data or {}
    agent = {f"${name}": given[name] for name in _AGENT_DATA if given.get(name) is not None}
    return {_NAMES.get(name, name): value for name, value in found.items()} | agent


def _traits(traits: dict[str, Any], names: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return traits under the names that Mixpanel shows."""
    sources = {source for spellings in names.values() for source in spellings}
    profile = {name: value for name, value in traits.items() if name not in sources}
    for name, spellings in names.items():
        given = [traits[source] for source in spellings if source in traits]
        if given:
            profile[name] = next((value for value in given if value not in (None, "")), given[0])
    parts = [profile.get(name) for name in ("$first_name", "$last_name")]
    if profile.get("$name") in (None, "") and all(isinstance(part, str) and part for part in parts):
        profile["$name"] = " ".join(map(str, parts))
    return profile


def _import(settings: MixpanelSettings, events: list[dict[str, Any]]) -> Request:
    # The token in the user name's place serves where there is no account.
    auth: tuple[str | Secret, str | Secret] = (settings.api_secret or settings.project_token, "")
    params = {"strict": "1"}
    if settings.service_account_username and settings.service_account_secret:
        auth = (settings.service_account_username, settings.service_account_secret)
        params["project_id"] = str(settings.project_id)
    return Request.post(f"{settings.host}/import", params=params, basic_auth=auth, json=events)


def _track(settings: MixpanelSettings, event: str, properties: dict[str, Any]) -> Request:
    return _form(settings, "/track", {"event": event, "properties": properties | {"token": settings.project_token}})


def _profile(settings: MixpanelSettings, path: str, update: dict[str, Any]) -> Request:
    return _form(settings, path, compact({"$token": settings.project_token} | update))


def _form(settings: MixpanelSettings, path: str, data: dict[str, Any]) -> Request:
    # The token stands inside the JSON: the whole is masked as a secret is.
    return Request.post(f"{settings.host}{path}", form={"data": Secret(encode_json(data).decode())})
