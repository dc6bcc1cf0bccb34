"""SendGrid: keep marketing contacts up to date and send template mails.

Source: https://www.twilio.com/docs/sendgrid/api-reference. Custom fields are written by their id; those given by name
are looked up first.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from actions_engine import (
    Batch,
    Destination,
    Email,
    Fact,
    From,
    JsonObject,
    Outcome,
    Part,
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
    turned_into,
)


class SendGridSettings(RegionalSettings):
    """One account."""

    hosts: ClassVar = {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}
    api_key: Annotated[Secret, Field(description="An API key that may write contacts and send mail.")]
    region: Annotated[Literal["global", "eu"], Field(description="Where the account lives.")] = "global"


def _at_most(characters: int) -> AfterValidator:
    """Return what cuts text that is longer: SendGrid would refuse all contacts of the request for it."""

    def cut(text: str) -> str:
        if len(text) > characters:
            raise turned_into(text[:characters], f"SendGrid takes at most {characters} characters")
        return text

    return AfterValidator(cut)


def _identifier(text: str) -> str:
    # The first characters of an id would be another one's.
    if len(text) > _MAX_ID:
        raise ValueError(f"SendGrid takes ids of at most {_MAX_ID} characters")
    return text


def _writable(fields: dict[str, Any]) -> dict[str, Any]:
    """Return custom fields, which are text, numbers or dates, as SendGrid takes them."""
    if _WRITABLE.issuperset(map(type, fields.values())):
        return fields
    lost = [name for name, value in fields.items() if _as_field(value) is None and value is not None]
    written = {name: _as_field(value) for name, value in fields.items() if name not in lost}
    if lost:
        raise turned_into(written, f"SendGrid takes text and numbers, and no list or object: {', '.join(lost)[:200]}")
    return written


def _as_field(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        items = [_as_field(item) for item in value]
        return ", ".join(map(str, items)) if items and None not in items else None
    return None if isinstance(value, dict) else value


_MAX_ID = 254
_WRITABLE = frozenset({str, int, float, type(None)})
# The lengths are those of https://www.twilio.com/docs/sendgrid/api-reference/contacts/add-or-update-a-contact.
Identifier = Annotated[str, AfterValidator(_identifier)]
Name = Annotated[str, _at_most(50)]
City = Annotated[str, _at_most(60)]
Line = Annotated[str, _at_most(100)]


class UpsertContact(Payload):
    """A marketing contact."""

    email: Annotated[Email | None, From(Fact.EMAIL, "E-mail address.")] = None
    phone_number_id: Annotated[Phone | None, From(Fact.PHONE_NUMBER, "Telephone number in E.164, as an id.")] = None
    external_id: Annotated[Identifier | None, From("userId", "Your id of the contact.")] = None
    anonymous_id: Annotated[Identifier | None, From("anonymousId", "The id of a contact that is not known yet.")] = None
    first_name: Annotated[Name | None, From(Fact.FIRST_NAME, "First name.")] = None
    last_name: Annotated[Name | None, From(Fact.LAST_NAME, "Last name.")] = None
    address_line_1: Annotated[Line | None, From(Fact.STREET, "Street and number.")] = None
    address_line_2: Annotated[Line | None, Field(description="Second line.")] = None
    city: Annotated[City | None, From(Fact.CITY, "City.")] = None
    state_province_region: Annotated[Name | None, From(Fact.STATE, "State, province or region.")] = None
    postal_code: Annotated[Name | None, From(Fact.POSTAL_CODE, "Postal code.")] = None
    country: Annotated[Name | None, From(Fact.COUNTRY, "Country.")] = None
    custom_fields: Annotated[
        Annotated[JsonObject, AfterValidator(_writable)] | None,
        Field(description="Custom fields, by name or by id: text, numbers or dates."),
    ] = None
    list_ids: Annotated[list[str], Field(description="Lists that the contact is put on.", default_factory=list)]

    identified = at_least_one_of("email", "phone_number_id", "external_id", "anonymous_id")


class Address(Part):
    """Somebody who writes or reads a mail."""

    email: Annotated[Email, Field(description="E-mail address.")]
    name: Annotated[str | None, Field(description="Name.")] = None


def _ten(categories: list[str]) -> list[str]:
    if len(categories) > _MAX_CATEGORIES:
        raise turned_into(categories[:_MAX_CATEGORIES], f"SendGrid takes at most {_MAX_CATEGORIES} categories")
    return categories


_MAX_CATEGORIES = 10


class SendMail(Payload):
    """A mail made of a dynamic template."""

    template_id: Annotated[str, Field(description="The template's id.", pattern=r"^d-", examples=["d-0123456789"])]
    sender: Annotated[Address, Field(description="Who writes; verified.", examples=[{"email": "shop@example.com"}])]
    to: Annotated[
        list[Address],
        From(f"[{{email: {Fact.EMAIL}, name: {Fact.NAME}}}]", "Who reads."),
        Field(min_length=1),
    ]
    cc: Annotated[list[Address] | None, Field(description="Who gets a copy.")] = None
    bcc: Annotated[list[Address] | None, Field(description="Who gets a hidden copy.")] = None
    reply_to: Annotated[Address | None, Field(description="Who gets answers.")] = None
    dynamic_template_data: Annotated[JsonObject | None, From("properties", "What the template shows.")] = None
    categories: Annotated[
        Annotated[list[str], AfterValidator(_ten)] | None, Field(description="For statistics; ten at most.")
    ] = None
    group_id: Annotated[int | None, Field(description="The unsubscribe group.")] = None
    ip_pool_name: Annotated[str | None, Field(description="The pool of addresses that it is sent from.")] = None
    send_at: Annotated[UnixSeconds | None, Field(description="When to send; 72 hours ahead at most.")] = None


sendgrid = Destination("sendgrid", settings=SendGridSettings, title="SendGrid")


def _together(payload: UpsertContact) -> tuple[Any, ...]:
    # Contacts with custom fields wait for a look-up, which may fail: the others do without.
    return tuple(payload.list_ids), bool(payload.custom_fields)


# https://www.twilio.com/docs/sendgrid/api-reference/contacts/add-or-update-a-contact: 30,000 contacts or 6 MB.
@sendgrid.action(
    trigger='type = "identify"',
    batch=Batch(max_calls=1000, max_bytes=5_000_000, key=_together, linger=1.0),
)
def upsert_contact(settings: SendGridSettings, payloads: list[UpsertContact]) -> Steps:
    """Make contacts or update them."""
    fields: dict[str, str] = {}
    response = Response(200)
    if any(payload.custom_fields for payload in payloads):
        response = yield _request(settings, "GET", "/v3/marketing/field_definitions", None)
        if Outcome.of(response).kind != "delivered":
            return [Outcome.of(response)] * len(payloads)
        definitions = response.json_object().get("custom_fields")
        for definition in definitions if isinstance(definitions, list) else []:
            match definition:
                case {"id": str(field_id), "name": str(name)}:
                    fields |= {name: field_id, field_id: field_id}
        if not fields:
            return [Outcome.retry("SendGrid's answer names no custom fields")] * len(payloads)
    contacts, faults = [], {}
    for number, payload in enumerate(payloads):
        if unknown := set(payload.custom_fields or ()) - fields.keys():
            faults[number] = f"SendGrid has no custom field {', '.join(sorted(unknown))[:200]}"
            continue
        own = {fields[name]: value for name, value in (payload.custom_fields or {}).items()}
        contacts.append(compact(payload.body(exclude=["list_ids"]), custom_fields=own or None))
    if contacts:
        body = compact(list_ids=payloads[0].list_ids or None, contacts=contacts)
        response = yield _request(settings, "PUT", "/v3/marketing/contacts", body)
    return Outcome.of_items(response, len(payloads), faults)


@sendgrid.action(trigger='type = "track"')
def send_mail(settings: SendGridSettings, payload: SendMail) -> Request:
    """Send a mail made of a dynamic template."""
    given = {name: value for name, value in payload.body().items() if value not in (None, [])}
    names = ("to", "cc", "bcc", "dynamic_template_data", "send_at")
    personal: dict[str, Any] = {name: given.pop(name) for name in names if name in given}
    # SendGrid does not deduplicate; the key comes back in its event webhook, where a second mail can be told.
    personal["custom_args"] = {"idempotency_key": payload.idempotency_key}
    body = {"personalizations": [personal], "from": given.pop("sender")}
    if "group_id" in given:
        body["asm"] = {"group_id": given.pop("group_id")}
    return _request(settings, "POST", "/v3/mail/send", body | given)


sendgrid.preset("Contacts", action="upsert_contact")


def _request(settings: SendGridSettings, method: str, path: str, body: Any) -> Request:
    headers = settings.api_key.bearer() | {"Accept": "application/json"}
    return Request(method, f"{settings.host}{path}", headers=headers, json=body)
