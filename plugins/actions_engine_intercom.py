"""Intercom: make and update contacts and companies, and record events.

Source: https://developers.intercom.com/docs/references/rest-api. A contact is searched for first, then updated or made.
"""

import re
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import Field, StringConstraints

from actions_engine import (
    Consent,
    Currency,
    Destination,
    Email,
    Fact,
    From,
    JsonObject,
    Money,
    Number,
    Outcome,
    Payload,
    Phone,
    RegionalSettings,
    Request,
    Response,
    Secret,
    Steps,
    UnixSeconds,
    at_least_one_of,
    compact,
    minor_units,
)

# Without this header the version that the app is set to would count, which its owner may change. Intercom names no day
# on which a version ends. Source: https://developers.intercom.com/docs/build-an-integration/learn-more/rest-apis
API_VERSION = "2.15"


class IntercomSettings(RegionalSettings):
    """One workspace."""

    hosts: ClassVar = {
        "us": "https://api.intercom.io",
        "eu": "https://api.eu.intercom.io",
        "au": "https://api.au.intercom.io",
    }
    access_token: Annotated[Secret, Field(description="An app's access token.")]
    region: Annotated[Literal["us", "eu", "au"], Field(description="Where the workspace lives.")] = "us"


# Intercom refuses a contact whose picture is no URL.
Picture = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"(?i)^\s*https?://\S+\s*$")]
Attributes = Annotated[JsonObject | None, Field(description="Attributes of your own; Intercom must know them.")]


class Identify(Payload):
    """A contact."""

    external_id: Annotated[str | None, From("userId", "Your id of the contact.")] = None
    email: Annotated[Email | None, From(Fact.EMAIL, "E-mail address.")] = None
    role: Annotated[Literal["user", "lead"], Field(description="user, or lead while it is not known yet.")] = "user"
    phone: Annotated[Phone | None, From(Fact.PHONE_NUMBER, "Telephone number in E.164.")] = None
    name: Annotated[str | None, From(Fact.NAME, "Full name.")] = None
    avatar: Annotated[Picture | None, From("traits.avatar", "URL of a picture.")] = None
    signed_up_at: Annotated[UnixSeconds | None, Field(description="When it signed up.")] = None
    last_seen_at: Annotated[UnixSeconds | None, From(Fact.MOMENT, "When it was seen last.")] = None
    owner_id: Annotated[int | None, Field(description="The admin that owns it.")] = None
    unsubscribed_from_emails: Annotated[Consent | None, Field(description="Whether it takes no mail.")] = None
    custom_attributes: Attributes = None

    identified = at_least_one_of("external_id", "email")


class Group(Payload):
    """A company, and the contact that belongs to it."""

    company_id: Annotated[str, From("groupId", "Your id of the company.")]
    name: Annotated[str | None, From("traits.name", "The company's name.")] = None
    plan: Annotated[str | None, From("traits.plan", "What it pays for.")] = None
    size: Annotated[int | None, From("traits.size || traits.employees", "How many employees it has.")] = None
    website: Annotated[str | None, From("traits.website", "Its website.")] = None
    industry: Annotated[str | None, From("traits.industry", "Its industry.")] = None
    monthly_spend: Annotated[
        Number | None, From("traits.monthly_spend || traits.monthlySpend", "What it spends a month.")
    ] = None
    remote_created_at: Annotated[
        UnixSeconds | None, From("traits.created_at || traits.createdAt", "When you first knew it.")
    ] = None
    custom_attributes: Attributes = None
    external_id: Annotated[str | None, From("userId", "Your id of the contact.")] = None
    email: Annotated[Email | None, From("context.traits.email", "The contact's address.")] = None


class Track(Payload):
    """Something that a contact did."""

    event_name: Annotated[str, From("event", "The event's name.")]
    created_at: Annotated[UnixSeconds, From(Fact.MOMENT, "When it happened.")]
    user_id: Annotated[str | None, From("userId", "Your id of the contact.")] = None
    email: Annotated[Email | None, From(Fact.EMAIL, "The contact's address.")] = None
    id: Annotated[str | None, Field(description="Intercom's id of the contact.")] = None
    revenue: Annotated[Money | None, From("properties.revenue", "What it is worth.")] = None
    currency: Annotated[Currency | None, From(Fact.CURRENCY, "ISO 4217.")] = None
    metadata: Annotated[
        JsonObject | None,
        # PHP writes properties that are empty as [], of which `||` makes null.
        From("omit(properties || `null`, ['revenue', 'currency', 'email'])", "Details of the event."),
    ] = None

    identified = at_least_one_of("user_id", "email", "id")


intercom = Destination("intercom", settings=IntercomSettings, title="Intercom")


@intercom.action(trigger='type = "identify"')
def identify(settings: IntercomSettings, payload: Identify) -> Steps:
    """Find a contact and update it, or make it."""
    response = yield _search(settings, payload.external_id, payload.email)
    if _outcome(response).kind != "delivered":
        return [_outcome(response)]
    contact = _first(response)
    method, path = ("PUT", f"/contacts/{contact}") if contact else ("POST", "/contacts")
    response = yield _request(settings, method, path, compact(payload.body()))
    if response.status == 409 and not contact and (contact := _existing(response)):
        # Made by another call at once, or known to Intercom by its address alone.
        conflict, path = response, f"/contacts/{contact}"
        if payload.external_id:
            # One that is somebody else must not be given this id.
            response = yield _request(settings, "GET", path, None)
            if _outcome(response).kind != "delivered" and response.status != 404:
                return [_outcome(response)]
            known = response.json_object().get("external_id")
            if response.status == 404 or known not in (None, "", payload.external_id):
                return [_outcome(conflict)]
        response = yield _request(settings, "PUT", path, compact(payload.body()))
        response = conflict if response.status == 404 else response
    return [_outcome(response)]


@intercom.action(trigger='type = "group"')
def group(settings: IntercomSettings, payload: Group) -> Steps:
    """Make or update a company, and put the contact into it where Intercom knows one."""
    contact = ""
    if payload.external_id or payload.email:
        response = yield _search(settings, payload.external_id, payload.email)
        if _outcome(response).kind != "delivered":
            return [_outcome(response)]
        contact = _first(response)
    described = payload.body(exclude=["external_id", "email"])
    response = yield _request(settings, "POST", "/companies", described)
    if response.status == 409:
        # Two calls made the company at once: the second request updates it.
        response = yield _request(settings, "POST", "/companies", described)
    if _outcome(response).kind != "delivered" or not contact:
        return [_outcome(response)]
    company = response.json_object().get("id")
    if not isinstance(company, str):
        return [Outcome.retry("Intercom's answer names no company")]
    response = yield _request(settings, "POST", f"/contacts/{contact}/companies", {"id": company})
    return [_outcome(response)]


@intercom.action(trigger='type = "track"')
def track(settings: IntercomSettings, payload: Track) -> Request:
    """Record what a contact did."""
    body = payload.body(exclude=["revenue", "currency"])
    if payload.revenue is not None:
        # Intercom takes money in the currency's smallest unit, as Stripe does.
        currency = payload.currency or "USD"
        price = {"amount": minor_units(payload.revenue, currency), "currency": currency}
        body["metadata"] = (payload.metadata or {}) | {"price": price}
    return _request(settings, "POST", "/events", body)


for name, action in (("Identify calls", "identify"), ("Group calls", "group"), ("Track calls", "track")):
    intercom.preset(name, action=action)


def _request(settings: IntercomSettings, method: str, path: str, body: Any) -> Request:
    headers = settings.access_token.bearer() | {"Intercom-Version": API_VERSION}
    return Request(method, f"{settings.host}{path}", headers=headers, json=body)


def _search(settings: IntercomSettings, external_id: str | None, email: str | None) -> Request:
    field, value = ("external_id", external_id) if external_id else ("email", email)
    return _request(settings, "POST", "/contacts/search", {"query": {"field": field, "operator": "=", "value": value}})


def _first(response: Response) -> str:
    """Return the id of the first contact found, empty where there is none."""
    match response.json_object().get("data"):
        case [{"id": identity}, *_] if identity:
            return quote(str(identity), safe="")
    return ""


def _told(response: Response) -> str:
    """Return the message of a list of errors, empty where there is none.

    Source: https://developers.intercom.com/docs/build-an-integration/learn-more/rest-apis/error-codes
    """
    match response.json_object().get("errors"):
        case [{"message": str(told)}, *_]:
            return told.strip()
    return ""


def _existing(response: Response) -> str:
    """Return the id that a conflict names: `A contact matching those details already exists with id=51`."""
    found = re.search(r"\bid=(\w+)", _told(response))
    return found[1] if found else ""


def _outcome(response: Response) -> Outcome:
    """Read a status as usual, and of a conflict what Intercom says: the contact that the vendor names is in the way.

    One that passes was met already, by updating the contact that was there.
    """
    if response.status == 409 and (told := _told(response)):
        return Outcome.rejected(f"Intercom says {told}")
    return Outcome.of(response)
