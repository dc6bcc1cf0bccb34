"""Slack: post messages through an incoming webhook, or as an app through chat.postMessage.

Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and
https://docs.slack.dev/reference/methods/chat.postMessage. Slack does not deduplicate: a message whose answer got lost
is posted again.

In Slack's markup `<!channel>` calls everybody and `<@U1>` somebody, and an event's text may say so too. A finished text
no longer shows what the mapping wrote and what the event said: so links, which call nobody, stay as they are, and
everything else between `<` and `>` is shown as it is written. Whom a message calls is said in a field of its own.
"""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from actions_engine import (
    Destination,
    From,
    JsonArray,
    Outcome,
    Payload,
    Request,
    Response,
    Secret,
    Settings,
    at_least_one_of,
    turned_into,
)


class SlackSettings(Settings):
    """A webhook, an app's token, or both."""

    webhook_url: Annotated[
        Secret | None, Field(description="The incoming webhook's URL; whoever knows it can post.")
    ] = None
    bot_token: Annotated[Secret | None, Field(description="An app's bot token, xoxb-…, with chat:write.")] = None
    endpoint: Annotated[str, Field(description="Another host for the Web API, for tests.")] = "https://slack.com"

    one_way = at_least_one_of("webhook_url", "bot_token")


# Links and moments are markup that calls nobody.
# Source: https://docs.slack.dev/messaging/formatting-message-text#escaping, #linking-urls, #date-formatting.
_HARMLESS = r"<(?:https?://|mailto:|tel:)[^<>|\s]+(?:\|[^<>]*)?>|<!date\^\d+\^[^<>]*>"
_MARKUP = re.compile(
    rf"(?P<kept>{_HARMLESS})|(?P<call><[!@#][^<>]*>)|(?P<amp>&(?!(?:amp|lt|gt);))|(?P<less><)|(?P<more>(?<!^)>)",
    re.MULTILINE,
)
_WRITTEN = {"amp": "&amp;", "less": "&lt;", "more": "&gt;"}
_CALLS_NOBODY = "Slack's markup calls nobody from a text: say whom in `mention`"


def _escape(found: re.Match[str]) -> str:
    if found["call"]:
        return f"&lt;{found['call'][1:-1].replace('&', '&amp;')}&gt;"
    return _WRITTEN.get(found.lastgroup or "", found[0])


def _shown(text: str) -> str:
    """Return text in which Slack finds links and no calls."""
    safe = _MARKUP.sub(_escape, text)
    if any(found["call"] for found in _MARKUP.finditer(text)):
        raise turned_into(safe, _CALLS_NOBODY)
    return safe


def _shown_blocks(blocks: list[Any]) -> list[Any]:
    """Return blocks whose texts in Slack's mrkdwn are likewise; the others have no markup that calls."""
    called: list[str] = []

    def shown(value: Any) -> Any:
        if isinstance(value, list):
            return [shown(item) for item in value]
        if not isinstance(value, dict):
            return value
        inside = {name: shown(item) for name, item in value.items()}
        text = value.get("text")
        if value.get("type") in ("mrkdwn", "markdown") and isinstance(text, str):
            called.extend(found["call"] for found in _MARKUP.finditer(text) if found["call"])
            inside["text"] = _MARKUP.sub(_escape, text)
        return inside

    safe: list[Any] = shown(blocks)
    if called:
        raise turned_into(safe, _CALLS_NOBODY)
    return safe


_EVERYBODY = re.compile("here|channel|everyone")
_SOMEBODY = re.compile("[UW][A-Z0-9]+")
_GROUP = re.compile("S[A-Z0-9]+")


def _whom(name: str) -> str:
    if not any(known.fullmatch(name) for known in (_EVERYBODY, _SOMEBODY, _GROUP)):
        raise ValueError("expected here, channel, everyone, or the id of a user or of a group")
    return name


class Message(Payload):
    """A message: text, blocks, or blocks with text for notifications."""

    text: Annotated[
        Annotated[str, AfterValidator(_shown)] | None,
        From(
            "{{ event || type }} by {{ userId || anonymousId }}",
            "The text in Slack's mrkdwn, which calls nobody; beside blocks, what notifications show.",
        ),
    ] = None
    mention: Annotated[
        Annotated[str, AfterValidator(_whom)] | None,
        Field(description="Whom the text calls: here, channel, everyone, or the id of a user (U…) or of a group (S…)."),
    ] = None
    blocks: Annotated[
        Annotated[JsonArray, AfterValidator(_shown_blocks)] | None, Field(description="Block Kit's blocks.")
    ] = None
    username: Annotated[str | None, Field(description="Another name than the app's, where it may.")] = None
    icon_url: Annotated[str | None, Field(description="Another picture than the app's, where it may.")] = None
    icon_emoji: Annotated[str | None, Field(description="An emoji as picture, such as :tada:.")] = None

    said = at_least_one_of("text", "blocks")

    def message(self) -> dict[str, Any]:
        """Return the message as Slack takes it."""
        body = self.body(exclude=["mention"])
        if self.mention is not None:
            kind = "" if _EVERYBODY.fullmatch(self.mention) else "subteam^" if _GROUP.fullmatch(self.mention) else None
            call = f"<@{self.mention}>" if kind is None else f"<!{kind}{self.mention}>"
            body["text"] = f"{call} {self.text}" if self.text else call
        return body


class WebhookMessage(Message):
    """A message to the webhook's channel."""

    channel: Annotated[str | None, Field(description="Another channel, where an old webhook still may.")] = None


class ChannelMessage(Message):
    """A message to a channel."""

    channel: Annotated[str, Field(description="The channel's id or name, such as #general.")]
    thread_ts: Annotated[str | None, Field(description="The message that it answers.")] = None
    unfurl_links: Annotated[bool | None, Field(description="Whether links are previewed.")] = None


slack = Destination("slack", settings=SlackSettings, title="Slack")

# What becomes of a message that Slack refuses with these errors; with any other it is rejected.
_KINDS: dict[Any, Any] = dict.fromkeys((
    "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "no_permission",
    "missing_scope", "org_login_required",
), "paused") | dict.fromkeys((
    "ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout",
    "team_added_to_org",
), "retry")  # fmt: skip


def _outcomes(response: Response, payloads: list[Any]) -> list[Outcome]:
    """Read `ok` and `error`: the Web API answers 200 to nearly everything."""
    outcome, answer = Outcome.of(response), response.json_object()
    if outcome.kind == "delivered" and not isinstance(answer.get("ok"), bool):
        outcome = Outcome.retry("Slack's answer does not say whether the message was posted")
    elif outcome.kind == "delivered" and not answer["ok"]:
        error = str(answer.get("error", ""))[:100]
        outcome = Outcome(_KINDS.get(error, "rejected"), f"Slack says {error}")
    return [outcome] * len(payloads)


@slack.action(trigger='type = "track"')
def post_to_webhook(settings: SlackSettings, payload: WebhookMessage) -> Request:
    """Post a message to the channel of the incoming webhook."""
    if settings.webhook_url is None:
        raise ValueError("post_to_webhook needs the setting webhook_url")
    return Request.post(settings.webhook_url, json=payload.message())


@slack.action(trigger='type = "track"', outcomes=_outcomes)
def post_message(settings: SlackSettings, payload: ChannelMessage) -> Request:
    """Post a message to any channel that the app is in."""
    if settings.bot_token is None:
        raise ValueError("post_message needs the setting bot_token")
    headers = settings.bot_token.bearer()
    return Request.post(f"{settings.endpoint}/api/chat.postMessage", headers=headers, json=payload.message())


slack.preset(
    "Orders",
    action="post_to_webhook",
    trigger='type = "track" and event = "Order Completed"',
    fields={"text": "Order {{ properties.order_id }}: {{ properties.revenue }} {{ properties.currency }}"},
)
