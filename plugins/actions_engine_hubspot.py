"""HubSpot: make and update contacts and companies, and record custom behavioural events.

Source: https://developers.hubspot.com/docs/api/crm/contacts and its neighbours. A contact is updated by its e-mail
address and made where there is none; a company is searched for, then updated or made.
"""

import re
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, Field, StringConstraints

from actions_engine import (
    Destination,
    Email,
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
    encode_json,
    turned_into,
)

# The API's numbered version, of which HubSpot supports nothing from September 2027 on; a dated one, such as 2026-09,
# lives 18 months at least. Source: https://developers.hubspot.com/docs/api-reference/legacy/migration-guide
NUMBERED = "v3"


class HubSpotSettings(Settings):
    """One portal."""

    api_version: Annotated[
        str,
        Field(
            description="A dated version such as 2026-09, by which HubSpot applies the portal's own rules to what is"
            " written; or v3, which ends in September 2027.",
            pattern=r"^(v3|20\d\d-(03|09))$",
        ),
    ] = NUMBERED
    access_token: Annotated[Secret, Field(description="A private app's or OAuth's access token.")]
    endpoint: Annotated[str, Field(description="Another host, for tests.")] = "https://api.hubapi.com"


def _text(value: Any) -> Any:
    """Write a list as HubSpot writes several choices, and an object as JSON."""
    if isinstance(value, list):
        return ";".join(item if isinstance(item, str) else _json(item) for item in value if item is not None)
    return _json(value) if isinstance(value, dict) else value


def _json(value: Any) -> str:
    return encode_json(value).decode()


def _flat(properties: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in properties.items() if value is not None}
    if any(isinstance(value, (list, dict)) for value in kept.values()):
        texts = {name: _text(value) for name, value in kept.items()}
        raise turned_into(texts, "HubSpot takes neither lists nor objects: they are written as text")
    return kept


def _event_name(name: str) -> str:
    # HubSpot makes its internal names so itself.
    return re.sub(r"[\s.]+", "_", name.strip()).lower()


Properties = Annotated[JsonObject, AfterValidator(_flat)]
EventName = Annotated[str, AfterValidator(_event_name)]


class Record(Payload):
    """What contacts and companies have in common: properties by HubSpot's own names."""

    # HubSpot takes telephone numbers as people write them.
    phone: Annotated[str | None, From("traits.phone", "Telephone number.")] = None
    city: Annotated[str | None, From("traits.address.city || traits.city", "City.")] = None
    state: Annotated[str | None, From("traits.address.state || traits.state", "State or region.")] = None
    country: Annotated[str | None, From("traits.address.country || traits.country", "Country.")] = None
    zip: Annotated[str | None, From(Fact.POSTAL_CODE, "Postal code.")] = None
    properties: Annotated[
        Properties | None, Field(description="Further properties, by internal name; HubSpot must know them.")
    ] = None


class UpsertContact(Record):
    """A contact: properties by HubSpot's own names."""

    email: Annotated[Email, From(Fact.EMAIL, "The address that the contact is known by.")]
    firstname: Annotated[str | None, From(Fact.FIRST_NAME, "First name.")] = None
    lastname: Annotated[str | None, From(Fact.LAST_NAME, "Last name.")] = None
    company: Annotated[str | None, From(Fact.COMPANY, "The company's name.")] = None
    jobtitle: Annotated[str | None, From("traits.title || traits.position", "Job title.")] = None
    address: Annotated[str | None, From("traits.address.street", "Street and number.")] = None
    website: Annotated[str | None, From("traits.website", "Website.")] = None
    lifecyclestage: Annotated[
        Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True)] | None,
        Field(description="The stage's internal name, such as lead."),
    ] = None


class UpsertCompany(Record):
    """A company: properties by HubSpot's own names."""

    group_id: Annotated[str, From("groupId || context.groupId", "Your id of the company.")]
    id_property: Annotated[
        str, Field(description="The company property that holds your id; make it in HubSpot first.", pattern=r"^\w+$")
    ] = "segment_group_id"
    name: Annotated[str | None, From("traits.name", "The company's name.")] = None
    domain: Annotated[str | None, From("traits.website", "Its domain.")] = None
    description: Annotated[str | None, From("traits.description", "What it does.")] = None
    numberofemployees: Annotated[Number | None, From("traits.employees", "Employees.")] = None
    industry: Annotated[str | None, From("traits.industry", "HubSpot's name of an industry.")] = None
    contact_email: Annotated[
        Email | None, Field(description="A contact that is tied to the company, by e-mail address.")
    ] = None


class CustomBehavioralEvent(Payload):
    """An event that is defined in HubSpot."""

    event_name: Annotated[EventName, Field(description="The event's internal name, such as pe1234567_button_clicked.")]
    occurred_at: Annotated[Timestamp | None, From(Fact.MOMENT, "When it happened.")] = None
    email: Annotated[Email | None, From(Fact.EMAIL, "The contact's address.")] = None
    utk: Annotated[str | None, From("properties.utk", "The visitor's hubspotutk cookie.")] = None
    object_id: Annotated[str | None, Field(description="The id of a record that it is tied to.")] = None
    properties: Annotated[
        Properties | None,
        # PHP writes properties that are empty as [], of which `||` makes null.
        From("flatten_object(properties || `null`, '_')", "The event's properties, by internal name."),
    ] = None

    identified = at_least_one_of("email", "utk", "object_id")


hubspot = Destination("hubspot", settings=HubSpotSettings, title="HubSpot")


@hubspot.action(trigger='type = "identify" and (traits.email != null or context.traits.email != null)')
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
    url, headers = f"{settings.endpoint}{_versioned(path, settings.api_version)}", settings.access_token.bearer()
    return Request(method, url, headers=headers, params=params, json=body)


def _versioned(path: str, version: str) -> str:
    """Return a path as a version of the API has it: `/crm/v3/objects/…` is `/crm/objects/2026-09/…` in a dated one."""
    if version == NUMBERED:
        return path
    return re.sub(r"^/crm/v\d/objects/", f"/crm/objects/{version}/", path).replace(
        "/events/v3/", f"/events/{version}/", 1
    )


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
