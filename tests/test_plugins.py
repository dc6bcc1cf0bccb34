"""The bundled plugins and the registry that finds them."""

import hashlib
import hmac
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import actions_engine
from actions_engine import (
    Batch,
    Destination,
    Engine,
    Outcome,
    Payload,
    PluginError,
    Registry,
    Request,
    Response,
    Secret,
    Settings,
    hookimpl,
)
from tests.conftest import event


def load(registry: Registry, folder: Path, text: str) -> Engine:
    (folder / "m.yaml").write_text(text)
    return Engine.load(folder, registry=registry, environ={"SECRET": "shh-secret"})


def test_webhook_signs_each_item(registry: Registry, tmp_path: Path) -> None:
    """Every item of a batch carries its own HMAC over the bytes that are sent."""
    engine = load(
        registry,
        tmp_path,
        "destination: webhook\nsettings: {url: 'https://hook.test/x', shared_secret: '${SECRET}'}\n"
        "mappings:\n- {name: all, action: send_batch}\n",
    )
    events = [event("button_clicked") | {"messageId": f"m{number}"} for number in range(2)]
    (request,) = engine.requests([call for given in events for call in engine.route(given)])
    body = request.body()
    assert body is not None
    assert json.loads(body) == events
    items = [json.dumps(given, separators=(",", ":"), ensure_ascii=False).encode() for given in events]
    expected = [f"sha256={hmac.new(b'shh-secret', item, hashlib.sha256).hexdigest()}" for item in items]
    assert request.full_headers()["X-Signature"] == ", ".join(expected)
    assert "shh-secret" not in json.dumps(request.as_dict())
    assert "hook.test" not in json.dumps(request.as_dict())


def test_jsonl_appends_through_its_transport(registry: Registry, tmp_path: Path) -> None:
    """Records become lines of the file; a line cut off by a crash is closed first."""
    target = tmp_path / "calls.jsonl"
    target.write_bytes(b'{"cut":')
    engine = load(
        registry,
        tmp_path,
        f"destination: jsonl\nsettings: {{path: '{target}'}}\nmappings:\n- {{name: all, action: append, fields: {{record: '{{a: event}}'}}}}\n",
    )
    requests = engine.requests(engine.route(event("button_clicked")).calls)
    instance = engine.mappings[0].instance
    assert instance.destination.transport is not None
    transport = instance.destination.transport(instance.settings)
    transport.open()
    assert [transport.send(request).status for request in requests] == [200]
    transport.flush()
    transport.close()
    assert target.read_bytes() == b'{"cut":\n{"a":"Button Clicked"}\n'


@pytest.mark.parametrize("kind", ["identify", "track", "page", "screen", "group", "alias"])
def test_segment_presets_forward_every_call(registry: Registry, tmp_path: Path, kind: str) -> None:
    """With all presets each call of the spec is forwarded as itself."""
    engine = load(registry, tmp_path, "destination: segment\nsettings: {write_key: '${SECRET}'}\npresets: all\n")
    given = {"type": kind, "userId": "u", "event": "E", "groupId": "g", "previousId": "p", "messageId": "m"}
    (call,) = engine.route(given).calls
    (item,) = engine.requests([call])[0].json["batch"]
    assert (item["type"], item["userId"], item["messageId"]) == (kind, "u", call.key)


def test_segment_batches_stay_below_the_vendors_size(registry: Registry, tmp_path: Path) -> None:
    """No request of large calls is larger than Segment takes."""
    engine = load(
        registry, tmp_path, "destination: segment\nsettings: {write_key: k}\nmappings: [{name: t, action: track}]\n"
    )
    events = [{"type": "track", "event": "E", "userId": str(n), "properties": {"x": "y" * 20_000}} for n in range(60)]
    requests = engine.requests([call for given in events for call in engine.route(given)])
    assert sum(len(request.json["batch"]) for request in requests) == 60
    assert all(len(request.body() or b"") < 500_000 for request in requests)


def test_broken_plugins_are_reported_and_stop_nothing() -> None:
    """An unknown hook, a taken name or an exception leaves out that plugin alone, with the cause."""

    class Good:
        @hookimpl
        def register_destinations(self, register: Any) -> None:
            register(Destination("good"))

    class Unknown:
        @hookimpl
        def before_rout(self, event: Any) -> None:
            """A misspelt hook."""

    class Raises:
        @hookimpl
        def register_destinations(self, register: Any) -> None:
            register(Destination("half"))
            raise RuntimeError("no config")

    class Taken(Good):
        pass

    registry = Registry.from_plugins(
        {"a_good": Good(), "b_unknown": Unknown(), "c_raises": Raises(), "d_taken": Taken()}
    )
    assert list(registry.destinations) == ["good"]
    assert [broken.plugin for broken in registry.broken] == ["b_unknown", "c_raises", "d_taken"]
    assert "before_rout" in registry.broken[0].cause
    assert "RuntimeError: no config" in registry.broken[1].cause


def test_a_wrong_signature_shows_the_right_one() -> None:
    """An action whose function is not one is refused with its own signature and the remedy."""
    sink = Destination("sink")
    with pytest.raises(PluginError, match=r"an action is `def act\(settings, payload: YourPayload\) -> Request`"):

        @sink.action(trigger="type != null")
        def act(settings: Settings, payloads: list[Payload]) -> Request:
            return Request.get("x")


def test_plugin_functions_are_part_of_the_language(tmp_path: Path) -> None:
    """A function that a plugin registers is called by mappings like any other."""

    def shout(subject: str) -> str:
        """Return the text loudly."""
        return subject.upper() + "!"

    bundled = Registry.from_entry_points().destinations["jsonl"]
    registry = Registry([bundled], functions=[shout])
    engine = load(
        registry,
        tmp_path,
        "destination: jsonl\nsettings: {path: x}\nmappings: [{name: m, action: append, fields: {record: '{a: shout(event)}'}}]\n",
    )
    assert engine.route({"type": "track", "event": "hey"}).calls[0].payload.body() == {"record": {"a": "HEY!"}}


@pytest.mark.parametrize(
    ("response", "kind", "after"),
    [
        (Response(204), "delivered", None),
        (Response(429, {"retry-after": "7"}), "retry", 7.0),
        (
            Response(503, {"retry-after": "Wed, 21 Oct 2015 07:28:10 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}),
            "retry",
            10.0,
        ),
        (Response(501), "rejected", None),
        (Response(401), "paused", None),
        (Response(404), "rejected", None),
        (Response(302), "rejected", None),
    ],
)
def test_the_status_decides_the_outcome(response: Response, kind: str, after: float | None) -> None:
    """A status is read as RFC 9110 means it."""
    outcome = Outcome.of(response)
    assert (outcome.kind, outcome.retry_after) == (kind, after)


def test_a_secret_cannot_be_formatted_into_text() -> None:
    """Formatting would put the mask where the secret belongs, so it raises."""
    secret = Secret("abc-secret")
    with pytest.raises(TypeError, match="into"):
        _ = f"Bearer {secret}"
    assert secret.into("Bearer {}").reveal() == "Bearer abc-secret"
    assert "abc" not in f"{secret!r}"


def test_batch_limits_are_at_least_one() -> None:
    """A batch that may hold nothing is refused."""
    with pytest.raises(ValueError, match="at least 1"):
        Batch(max_calls=0)


def test_public_names_are_sorted_and_exist() -> None:
    """`__all__` is sorted, complete and true."""
    assert actions_engine.__all__ == sorted(actions_engine.__all__)
    assert set(actions_engine.__all__) == set(actions_engine._HOMES)
    assert all(getattr(actions_engine, name) is not None for name in actions_engine.__all__)


def test_the_import_is_light() -> None:
    """Importing the package imports no command line, no terminal, no HTTP and no server."""
    code = "import sys, actions_engine; print([m for m in ('click', 'rich', 'aiohttp', 'starlette', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
