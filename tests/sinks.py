"""A destination with actions of every shape, for the tests of delivery."""

from collections.abc import Mapping
from typing import Annotated, Any

import actions_engine_jsonl
from actions_engine import (
    Batch,
    Destination,
    From,
    Outcome,
    Payload,
    Registry,
    Request,
    Response,
    Secret,
    Settings,
    hookimpl,
)
from actions_engine.destination import Steps


class SinkSettings(Settings):
    url: str
    token: Secret


class Item(Payload):
    n: Annotated[int, From("properties.n")]


def sinks(plugins: Mapping[str, object] | None = None) -> Registry:
    """Return a registry with the destination `sink`, the bundled JSON Lines, and further plugins."""
    sink = Destination("sink", settings=SinkSettings)
    always = "type != null"

    def post(settings: SinkSettings, json: Any) -> Request:
        return Request.post(settings.url, headers={"Authorization": settings.token.into("Bearer {}")}, json=json)

    def item(payload: Item) -> dict[str, Any]:
        return payload.body() | {"key": payload.idempotency_key}

    def told_outcomes(response: Response, payloads: list[Item]) -> list[Outcome]:
        results = {result["n"]: result["status"] for result in response.json()}
        if len(results) < len(payloads):
            return [Outcome.of(Response(status)) for status in results.values()]
        return [Outcome.of(Response(results[payload.n])) for payload in payloads]

    @sink.action(trigger=always)
    def one(settings: SinkSettings, payload: Item) -> Request:
        """Send one."""
        return post(settings, item(payload))

    @sink.action(trigger=always, batch=Batch(max_calls=100, linger=5.0))
    def many(settings: SinkSettings, payloads: list[Item]) -> Request:
        """Send many."""
        return post(settings, [item(payload) for payload in payloads])

    @sink.action(trigger=always, batch=Batch(max_calls=100))
    def picky(settings: SinkSettings, payloads: list[Item]) -> Request:
        """Send all but seven."""
        if any(payload.n == 7 for payload in payloads):
            raise ValueError("seven")
        return post(settings, [item(payload) for payload in payloads])

    @sink.action(trigger=always, batch=Batch(max_calls=100), outcomes=told_outcomes)
    def told(settings: SinkSettings, payloads: list[Item]) -> Request:
        """Send many and hear of each."""
        return post(settings, [item(payload) for payload in payloads])

    @sink.action(trigger=always)
    def upsert(settings: SinkSettings, payload: Item) -> Steps:
        """Find, then update."""
        found = yield Request.get(f"{settings.url}/find")
        answer = yield Request.put(f"{settings.url}/{found.json()['id']}", json=payload.body())
        return [Outcome.of(answer)]

    class Sink:
        @hookimpl
        def register_destinations(self, register: Any) -> None:
            register(sink)

    return Registry.from_plugins({"sink": Sink(), "jsonl": actions_engine_jsonl, **(plugins or {})})
