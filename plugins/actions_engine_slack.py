"""Slack: post messages through an incoming webhook, or as an app through chat.postMessage.

Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and
https://docs.slack.dev/reference/methods/chat.postMessage. Slack does not deduplicate: a message whose answer got lost
is posted again.

In Slack's markup `<!channel>` calls everybody: what an event says is escaped, and what the mapping writes is markup.
"""

from typing import Annotated, Any

from pydantic import Field

from actions_engine import (
    Destination,
    From,
    JsonArray,
    Markup,
    Outcome,
    Payload,
    Request,
    Response,
    Secret,
    Settings,
    at_least_one_of,
)


class SlackSettings(Settings):
    """A webhook, an app's token, or both."""

    webhook_url: Annotated[
        Secret | None, Field(description="The incoming webhook's URL; whoever knows it can post.")
    ] = None
    bot_token: Annotated[Secret | None, Field(description="An app's bot token, xoxb-…, with chat:write.")] = None
    endpoint: Annotated[str, Field(description="Another host for the Web API, for tests.")] = "https://slack.com"

    one_way = at_least_one_of("webhook_url", "bot_token")


class Message(Payload):
    """A message: text, blocks, or blocks with text for notifications."""

    text: Annotated[
        str | None,
        From(
            "{{ event || type }} by {{ userId || anonymousId }}",
            "The text in Slack's mrkdwn; beside blocks, what notifications show.",
        ),
        Markup(),
    ] = None
    blocks: Annotated[JsonArray | None, Field(description="Block Kit's blocks."), Markup()] = None
    username: Annotated[str | None, Field(description="Another name than the app's, where it may.")] = None
    icon_url: Annotated[str | None, Field(description="Another picture than the app's, where it may.")] = None
    icon_emoji: Annotated[str | None, Field(description="An emoji as picture, such as :tada:.")] = None

    said = at_least_one_of("text", "blocks")


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
    return Request.post(settings.webhook_url, json=payload.body())


@slack.action(trigger='type = "track"', outcomes=_outcomes)
def post_message(settings: SlackSettings, payload: ChannelMessage) -> Request:
    """Post a message to any channel that the app is in."""
    if settings.bot_token is None:
        raise ValueError("post_message needs the setting bot_token")
    headers = settings.bot_token.bearer()
    return Request.post(f"{settings.endpoint}/api/chat.postMessage", headers=headers, json=payload.body())


slack.preset(
    "Orders",
    action="post_to_webhook",
    trigger='type = "track" and event = "Order Completed"',
    fields={"text": "Order {{ properties.order_id }}: {{ properties.revenue }} {{ properties.currency }}"},
)
