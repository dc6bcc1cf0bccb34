"""SendGrid: keep marketing contacts up to date and send template mails.

Source: https://www.twilio.com/docs/sendgrid/api-reference. Custom fields are written by their id; those given by name
are looked up first.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from actions_engine import (
    Batch,
    Destination,
    From,
    JsonObject,
    Outcome,
    Part,
    Payload,
    Request,
    Response,
    Secret,
    Settings,
    Steps,
    UnixSeconds,
    at_least_one_of,
)


class Region(StrEnum):
    """Where the account lives."""

    GLOBAL = "global"
    EU = "eu"


HOSTS = {Region.GLOBAL: "https://api.sendgrid.com", Region.EU: "https://api.eu.sendgrid.com"}


class SendGridSettings(Settings):
    """One account."""

    api_key: Annotated[Secret, Field(description="An API key that may write contacts and send mail.")]
    region: Annotated[Region, Field(description="Where the account lives.")] = Region.GLOBAL
    endpoint: Annotated[str | None, Field(description="Another host than the region's, for tests.")] = None


class UpsertContact(Payload):
    """A marketing contact."""

    email: Annotated[str | None, From("traits.email || context.traits.email", "E-mail address.")] = None
    phone_number_id: Annotated[
        str | None, From("normalize_phone(traits.phone)", "Telephone number in E.164, as an id.")
    ] = None
    external_id: Annotated[str | None, From("userId", "Your id of the contact.")] = None
    anonymous_id: Annotated[str | None, From("anonymousId", "The id of a contact that is not known yet.")] = None
    first_name: Annotated[str | None, From("traits.firstName", "First name.")] = None
    last_name: Annotated[str | None, From("traits.lastName", "Last name.")] = None
    address_line_1: Annotated[str | None, From("traits.address.street", "Street and number.")] = None
    address_line_2: Annotated[str | None, Field(description="Second line.")] = None
    city: Annotated[str | None, From("traits.address.city", "City.")] = None
    state_province_region: Annotated[str | None, From("traits.address.state", "State, province or region.")] = None
    postal_code: Annotated[
        str | None, From("traits.address.postalCode || traits.address.postal_code", "Postal code.")
    ] = None
    country: Annotated[str | None, From("traits.address.country", "Country.")] = None
    custom_fields: Annotated[JsonObject | None, Field(description="Custom fields, by name or by id.")] = None
    list_ids: Annotated[list[str], Field(description="Lists that the contact is put on.", default_factory=list)]

    identified = at_least_one_of("email", "phone_number_id", "external_id", "anonymous_id")


class Address(Part):
    """Somebody who writes or reads a mail."""

    email: Annotated[str, Field(description="E-mail address.")]
    name: Annotated[str | None, Field(description="Name.")] = None


class SendMail(Payload):
    """A mail made of a dynamic template."""

    template_id: Annotated[str, Field(description="The template's id.", pattern=r"^d-", examples=["d-0123456789"])]
    sender: Annotated[Address, Field(description="Who writes; verified.", examples=[{"email": "shop@example.com"}])]
    to: Annotated[
        list[Address],
        From("[{email: context.traits.email || traits.email || properties.email, name: context.traits.name}]"),
        Field(description="Who reads.", min_length=1),
    ]
    cc: Annotated[list[Address] | None, Field(description="Who gets a copy.")] = None
    bcc: Annotated[list[Address] | None, Field(description="Who gets a hidden copy.")] = None
    reply_to: Annotated[Address | None, Field(description="Who gets answers.")] = None
    dynamic_template_data: Annotated[JsonObject | None, From("properties", "What the template shows.")] = None
    categories: Annotated[list[str] | None, Field(description="For statistics; ten at most.")] = None
    group_id: Annotated[int | None, Field(description="The unsubscribe group.")] = None
    ip_pool_name: Annotated[str | None, Field(description="The pool of addresses that it is sent from.")] = None
    send_at: Annotated[UnixSeconds | None, Field(description="When to send; 72 hours ahead at most.")] = None


sendgrid = Destination("sendgrid", settings=SendGridSettings, title="SendGrid")


# https://www.twilio.com/docs/sendgrid/api-reference/contacts/add-or-update-a-contact: 30,000 contacts or 6 MB.
@sendgrid.action(
    trigger='type = "identify"',
    batch=Batch(max_calls=1000, max_bytes=5_000_000, key=lambda payload: tuple(payload.list_ids), linger=1.0),
)
def upsert_contact(settings: SendGridSettings, payloads: list[UpsertContact]) -> Steps:
    """Make contacts or update them."""
    fields: dict[str, str] = {}
    if any(payload.custom_fields for payload in payloads):
        response = yield _request(settings, "GET", "/v3/marketing/field_definitions", None)
        if Outcome.of(response).kind != "delivered":
            return [Outcome.of(response)] * len(payloads)
        fields = _definitions(response)
        if not fields:
            return [Outcome.retry("SendGrid's answer names no custom fields")] * len(payloads)
    known = [payload for payload in payloads if set(payload.custom_fields or ()) <= fields.keys()]
    outcome = Outcome.delivered()
    if known:
        body: dict[str, Any] = {"contacts": [_contact(payload, fields) for payload in known]}
        if payloads[0].list_ids:
            body = {"list_ids": payloads[0].list_ids} | body
        response = yield _request(settings, "PUT", "/v3/marketing/contacts", body)
        outcome = Outcome.of(response)
    return [
        outcome if not (unknown := set(payload.custom_fields or ()) - fields.keys()) else _unknown(unknown)
        for payload in payloads
    ]


@sendgrid.action(trigger='type = "track"')
def send_mail(settings: SendGridSettings, payload: SendMail) -> Request:
    """Send a mail made of a dynamic template."""
    personalization: dict[str, Any] = {
        name: [address.body() for address in addresses]
        for name, addresses in (("to", payload.to), ("cc", payload.cc), ("bcc", payload.bcc))
        if addresses
    }
    if payload.dynamic_template_data is not None:
        personalization["dynamic_template_data"] = payload.dynamic_template_data
    # SendGrid does not deduplicate; the key comes back in its event webhook, where a second mail can be told.
    personalization["custom_args"] = {"idempotency_key": payload.idempotency_key}
    if payload.send_at is not None:
        personalization["send_at"] = payload.send_at
    body: dict[str, Any] = {"personalizations": [personalization], "from": payload.sender.body()}
    if payload.reply_to is not None:
        body["reply_to"] = payload.reply_to.body()
    body["template_id"] = payload.template_id
    if payload.categories:
        body["categories"] = payload.categories
    if payload.group_id is not None:
        body["asm"] = {"group_id": payload.group_id}
    if payload.ip_pool_name is not None:
        body["ip_pool_name"] = payload.ip_pool_name
    return _request(settings, "POST", "/v3/mail/send", body)


sendgrid.preset("Contacts", action="upsert_contact")


def _request(settings: SendGridSettings, method: str, path: str, body: Any) -> Request:
    host = settings.endpoint or HOSTS[settings.region]
    headers = {"Authorization": settings.api_key.into("Bearer {}"), "Accept": "application/json"}
    return Request(method, f"{host}{path}", headers=headers, json=body)


def _definitions(response: Response) -> dict[str, str]:
    """Return the ids of the custom fields, each by its name and by its id."""
    try:
        answer = response.json()
    except ValueError:
        return {}
    fields = answer.get("custom_fields") if isinstance(answer, dict) else None
    known: dict[str, str] = {}
    for field in fields if isinstance(fields, list) else []:
        if isinstance(field, dict) and isinstance(field.get("id"), str) and isinstance(field.get("name"), str):
            known |= {field["name"]: field["id"], field["id"]: field["id"]}
    return known


def _unknown(names: set[str]) -> Outcome:
    return Outcome.rejected(f"SendGrid has no custom field {', '.join(sorted(names))[:200]}")


def _contact(payload: UpsertContact, fields: dict[str, str]) -> dict[str, Any]:
    given = payload.body(exclude=["custom_fields", "list_ids"])
    contact = {name: value for name, value in given.items() if value is not None}
    if payload.custom_fields:
        contact["custom_fields"] = {fields[name]: value for name, value in payload.custom_fields.items()}
    return contact
