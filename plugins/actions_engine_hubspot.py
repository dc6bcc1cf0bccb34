"""HubSpot: make and update contacts and companies, and record custom behavioural events.

Source: https://developers.hubspot.com/docs/api/crm/contacts and its neighbours. A contact is updated by its e-mail
address and made where there is none; a company is searched for, then updated or made.
"""

import re
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field

from actions_engine import (
    Destination,
    Fact,
    From,
    JsonObject,
    Number,
    Outcome,
    Payload,
    Request,
    Response,
    Secret,
    Settings,
    Steps,
    Timestamp,
    at_least_one_of,
    compact,
)


class HubSpotSettings(Settings):
    """One portal."""

    access_token: Annotated[Secret, Field(description="A private app's or OAuth's access token.")]
    endpoint: Annotated[str, Field(description="Another host, for tests.")] = "https://api.hubapi.com"


class Record(Payload):
    """What contacts and companies have in common: properties by HubSpot's own names."""

    phone: Annotated[str | None, From("traits.phone", "Telephone number.")] = None
    city: Annotated[str | None, From("traits.address.city", "City.")] = None
    state: Annotated[str | None, From("traits.address.state", "State or region.")] = None
    country: Annotated[str | None, From("traits.address.country", "Country.")] = None
    zip: Annotated[str | None, From("traits.address.postalCode || traits.address.postal_code", "Postal code.")] = None
    properties: Annotated[
        JsonObject | None, Field(description="Further properties, by internal name; HubSpot must know them.")
    ] = None


class UpsertContact(Record):
    """A contact: properties by HubSpot's own names."""

    email: Annotated[str, From(Fact.EMAIL, "The address that the contact is known by.")]
    firstname: Annotated[str | None, From(Fact.FIRST_NAME, "First name.")] = None
    lastname: Annotated[str | None, From(Fact.LAST_NAME, "Last name.")] = None
    company: Annotated[str | None, From("traits.company.name", "The company's name.")] = None
    jobtitle: Annotated[str | None, From("traits.title || traits.position", "Job title.")] = None
    address: Annotated[str | None, From("traits.address.street", "Street and number.")] = None
    website: Annotated[str | None, From("traits.website", "Website.")] = None
    lifecyclestage: Annotated[
        str | None, Field(description="The stage's internal name, in lower case, such as lead.")
    ] = None


class UpsertCompany(Record):
    """A company: properties by HubSpot's own names."""

    group_id: Annotated[str, From("groupId", "Your id of the company.")]
    id_property: Annotated[
        str, Field(description="The company property that holds your id; make it in HubSpot first.", pattern=r"^\w+$")
    ] = "segment_group_id"
    name: Annotated[str | None, From("traits.name", "The company's name.")] = None
    domain: Annotated[str | None, From("traits.website", "Its domain.")] = None
    description: Annotated[str | None, From("traits.description", "What it does.")] = None
    numberofemployees: Annotated[Number | None, From("traits.employees", "Employees.")] = None
    industry: Annotated[str | None, From("traits.industry", "HubSpot's name of an industry.")] = None
    contact_email: Annotated[
        str | None, Field(description="A contact that is tied to the company, by e-mail address.")
    ] = None


class CustomBehavioralEvent(Payload):
    """An event that is defined in HubSpot."""

    event_name: Annotated[str, Field(description="The event's internal name, such as pe1234567_button_clicked.")]
    occurred_at: Annotated[Timestamp | None, From(Fact.MOMENT, "When it happened.")] = None
    email: Annotated[str | None, From(Fact.EMAIL, "The contact's address.")] = None
    utk: Annotated[str | None, From("properties.utk", "The visitor's hubspotutk cookie.")] = None
    object_id: Annotated[str | None, Field(description="The id of a record that it is tied to.")] = None
    properties: Annotated[
        JsonObject | None, From("flatten_object(properties, '_')", "The event's properties, by internal name.")
    ] = None

    identified = at_least_one_of("email", "utk", "object_id")


hubspot = Destination("hubspot", settings=HubSpotSettings, title="HubSpot")


@hubspot.action(trigger='type = "identify"')
def upsert_contact(settings: HubSpotSettings, payload: UpsertContact) -> Steps:
    """Update a contact, or make it where there is none with this address."""
    body = {"properties": payload.body(exclude=["properties"]) | (payload.properties or {})}
    path = f"/crm/v3/objects/contacts/{quote(payload.email, safe='@')}"
    response = yield _request(settings, "PATCH", path, body, idProperty="email")
    if response.status == 404:
        made = yield _request(settings, "POST", "/crm/v3/objects/contacts", body)
        response = made
        if made.status == 409:
            # It is there by now, made by another call at once, or it has the address as a further one of several.
            if named := _existing(made):
                response = yield _request(settings, "PATCH", f"/crm/v3/objects/contacts/{named}", body)
            else:
                response = yield _request(settings, "PATCH", path, body, idProperty="email")
            response = made if response.status == 404 else response
    return [_outcome(response)]


@hubspot.action(trigger='type = "group"')
def upsert_company(settings: HubSpotSettings, payload: UpsertCompany) -> Steps:
    """Find a company by your id and update it, or make it; then tie a contact to it where one is named."""
    own = payload.body(exclude=["properties", "group_id", "id_property", "contact_email"])
    properties = own | (payload.properties or {}) | {payload.id_property: payload.group_id}
    known = {"propertyName": payload.id_property, "operator": "EQ", "value": payload.group_id}
    search = {"filterGroups": [{"filters": [known]}], "properties": [payload.id_property], "limit": 1}
    method, path = "POST", "/crm/v3/objects/companies"
    response = yield _request(settings, "POST", f"{path}/search", search)
    if _outcome(response).kind != "delivered":
        return [_outcome(response)]
    if found := response.json_object().get("results"):
        if not (company := _id(found[0] if isinstance(found, list) else None)):
            return [Outcome.retry("HubSpot's answer names no company")]
        method, path = "PATCH", f"{path}/{company}"
    response = yield _request(settings, method, path, {"properties": properties})
    if response.status == 409 and method == "POST":
        # It is there, and the search does not find it yet: what cannot be twice, HubSpot knows records by.
        made = response
        if named := _existing(made):
            response = yield _request(settings, "PATCH", f"{path}/{named}", {"properties": properties})
        else:
            own_id = f"{path}/{quote(payload.group_id, safe='')}"
            given = {"properties": properties}
            response = yield _request(settings, "PATCH", own_id, given, idProperty=payload.id_property)
        response = made if response.status in (400, 404) else response
    company = _id(response.json_object())
    if _outcome(response).kind != "delivered" or payload.contact_email is None:
        return [_outcome(response)]
    path = f"/crm/v3/objects/contacts/{quote(payload.contact_email, safe='@')}"
    response = yield _request(settings, "GET", path, None, idProperty="email")
    contact = _id(response.json_object())
    if _outcome(response).kind != "delivered" or not contact or not company:
        return [_outcome(response) if response.status != 404 else Outcome.retry("HubSpot has no such contact yet")]
    path = f"/crm/v4/objects/companies/{company}/associations/default/contacts/{contact}"
    response = yield _request(settings, "PUT", path, None)
    return [_outcome(response)]


@hubspot.action(trigger='type = "track"')
def custom_behavioral_event(settings: HubSpotSettings, payload: CustomBehavioralEvent) -> Request:
    """Record an event that is defined in HubSpot."""
    body = compact(
        eventName=payload.event_name,
        occurredAt=payload.occurred_at,
        email=payload.email,
        utk=payload.utk,
        objectId=payload.object_id,
        # HubSpot deduplicates by this id: https://developers.hubspot.com/docs/api/analytics/events
        uuid=payload.idempotency_key,
        properties=payload.properties,
    )
    return _request(settings, "POST", "/events/v3/send", body)


hubspot.preset("Contacts", action="upsert_contact")
hubspot.preset("Companies", action="upsert_company")


def _request(settings: HubSpotSettings, method: str, path: str, body: Any, **params: str) -> Request:
    url, headers = f"{settings.endpoint}{path}", settings.access_token.bearer()
    return Request(method, url, headers=headers, params=params, json=body)


def _id(record: Any) -> str:
    identity = record.get("id") if isinstance(record, dict) else None
    return quote(str(identity), safe="") if isinstance(identity, (str, int)) else ""


def _existing(response: Response) -> str:
    """Return the id of the record that a conflict names: `Contact already exists. Existing ID: 51`."""
    found = re.search(r"Existing ID: ?(\d+)", str(response.json_object().get("message")), re.IGNORECASE)
    return found[1] if found else ""


def _outcome(response: Response) -> Outcome:
    """Read a status as usual, and of a conflict what HubSpot says: the record that the vendor names is in the way.

    One that passes was met already, by updating the record that was there.
    """
    if response.status == 409 and isinstance(told := response.json_object().get("message"), str) and told.strip():
        return Outcome.rejected(f"HubSpot says {told}")
    return Outcome.of(response)
