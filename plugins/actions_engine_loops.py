"""Loops: keep contacts up to date and send events, which start mails.

Source: https://loops.so/docs/api-reference/update-contact and https://loops.so/docs/api-reference/send-event.
Properties are flat. Loops knows an event's idempotency key for 24 hours and answers 409 to a second one.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic.alias_generators import to_camel

from actions_engine import (
    Consent,
    Destination,
    Email,
    Fact,
    From,
    JsonObject,
    Outcome,
    Payload,
    Request,
    Response,
    Secret,
    Settings,
    at_least_one_of,
    turned_into,
)


class LoopsSettings(Settings):
    """One team."""

    api_key: Annotated[Secret, Field(description="An API key, from Settings > API.")]
    endpoint: Annotated[str, Field(description="Another host, for tests.")] = "https://app.loops.so/api/v1"


def _flat(properties: dict[str, Any]) -> dict[str, Any]:
    """Return properties as https://loops.so/docs/events/properties asks for them: text, numbers, true and false."""
    flat: dict[str, Any] = {}
    joined, lost = [], []
    # A stack and no recursion: an event may be nested deeper than Python calls. Fields keep their order.
    waiting = [(name, value) for name, value in reversed(properties.items())]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{name}_{inner}", item) for inner, item in reversed(value.items())]
        elif not isinstance(value, list):
            flat[name] = value
        elif any(isinstance(item, (dict, list)) for item in value):
            lost.append(name)
        else:
            joined.append(name)
            flat[name] = ", ".join(_as_text(item) for item in value if item is not None)
    told = [("left out", lost), ("text now", joined)]
    reasons = [f"{', '.join(names)[:200]} {'is' if len(names) == 1 else 'are'} {what}" for what, names in told if names]
    if reasons:
        raise turned_into(flat, f"Loops takes no lists: {'; '.join(reasons)}")
    return flat


def _as_text(item: Any) -> str:
    return str(item).lower() if isinstance(item, bool) else str(item)


#: An object whose inner objects are written as their parts: `address.city` is `address_city`.
FlatProperties = Annotated[JsonObject, AfterValidator(_flat)]


class Contact(Payload):
    """Who is meant, and what is known about them: properties become properties of the contact."""

    email: Annotated[Email | None, From(Fact.EMAIL, "The address.")] = None
    user_id: Annotated[str | None, From("userId", "Your id of the user.")] = None
    mailing_lists: Annotated[
        dict[str, Consent] | None,
        Field(description="Ids of mailing lists, each with true to put the contact on it or false."),
    ] = None

    identified = at_least_one_of("email", "user_id")


class UpdateContact(Contact):
    """What is known about a contact."""

    first_name: Annotated[str | None, From(Fact.FIRST_NAME, "The first name.")] = None
    last_name: Annotated[str | None, From(Fact.LAST_NAME, "The last name.")] = None
    source: Annotated[str | None, From("traits.source", "Where the contact came from, if not from the API.")] = None
    user_group: Annotated[str | None, From("traits.userGroup", "A group of contacts to put this one into.")] = None
    subscribed: Annotated[Consent | None, From("traits.subscribed", "Whether the contact may be sent campaigns.")] = (
        None
    )
    properties: Annotated[
        FlatProperties | None,
        From(
            "omit(traits || `{}`, ['email', 'firstName', 'first_name', 'lastName', 'last_name', 'source', "
            "'subscribed', 'userGroup'])",
            "Other properties: text, numbers, true, false, or null to empty one.",
        ),
    ] = None


class SendEvent(Contact):
    """Something that a contact did."""

    event_name: Annotated[str, From("event", "The event's name.")]
    event_properties: Annotated[
        FlatProperties | None, From("properties", "Details for the mails: text, numbers, true or false.")
    ] = None
    contact_properties: Annotated[
        FlatProperties | None,
        Field(description="Properties of the contact to set beside: text, numbers, true, false, null."),
    ] = None


loops = Destination("loops", settings=LoopsSettings, title="Loops")


@loops.action(trigger='type = "identify"')
def update_contact(settings: LoopsSettings, payload: UpdateContact) -> Request:
    """Update a contact, or make it."""
    body = _own(payload.properties) | _spelled(payload, "properties")
    return Request.put(f"{settings.endpoint}/contacts/update", headers=settings.api_key.bearer(), json=body)


def _taken(response: Response, payloads: list[Any]) -> list[Outcome]:
    # The key was used within 24 hours: an earlier request, whose answer was lost, was taken.
    return [Outcome.delivered() if response.status == 409 else Outcome.of(response)] * len(payloads)


@loops.action(trigger='type = "track"', outcomes=_taken)
def send_event(settings: LoopsSettings, payload: SendEvent) -> Request:
    """Send an event, which may start mails."""
    body = _own(payload.contact_properties) | _spelled(payload, "contact_properties")
    headers = settings.api_key.bearer() | {"Idempotency-Key": payload.idempotency_key}
    return Request.post(f"{settings.endpoint}/events/send", headers=headers, json=body)


# What says whom a request is about and what it is: no property of a contact may stand in its place.
_RESERVED = frozenset({"email", "userId", "mailingLists", "eventName", "eventProperties"})


def _own(properties: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (properties or {}).items() if name not in _RESERVED}


def _spelled(payload: Contact, properties: str) -> dict[str, Any]:
    return {to_camel(name): value for name, value in payload.body(exclude=[properties]).items()}


loops.preset("Update contacts", action="update_contact")
loops.preset("Send events", action="send_event")
