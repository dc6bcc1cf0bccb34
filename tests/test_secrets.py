"""A secret is seen nowhere: not in problems of the file in which it stands, nor where a vendor or a plugin echoes it."""

from __future__ import annotations

import base64
import html
import json
import logging
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from actions_engine import Delivery, Destination, Engine, Payload, Registry, Request, Secret, Settings
from actions_engine.cli import main
from actions_engine.destination import Steps
from actions_engine.masking import Masker
from actions_engine.outcome import Outcome
from actions_engine.store.contract import Filter
from actions_engine.store.open import store_of
from actions_engine.testing import Answer, Received, Vendor

SECRET = "s3cr3t/To+ken=42@x"  # noqa: S105 - made up
URL = "https://hooks.example.com/services/T0001/B0002/pathtoken123?key=querytoken456"


def forms(secret: str) -> dict[str, str]:
    """A secret in every form in which it may come back."""
    raw = secret.encode()
    return {
        "plain": secret,
        "quoted": quote(secret, safe=""),
        "quoted with slashes": quote(secret),
        "quoted for a form": quote_plus(secret),
        "base64": base64.b64encode(raw).decode(),
        "base64 for URLs": base64.urlsafe_b64encode(raw).decode(),
        "base64 without padding": base64.b64encode(raw).decode().rstrip("="),
        "basic, as the user": base64.b64encode(raw + b":").decode(),
        "basic, as the password": base64.b64encode(b"site:" + raw).decode(),
        "hex": raw.hex(),
        "JSON": json.dumps(secret)[1:-1],
        "HTML": html.escape(secret),
        "Python": repr(secret)[1:-1],
        "upper case": secret.upper(),
    }


@pytest.mark.parametrize("form", forms(SECRET))
def test_every_form_is_masked(form: str) -> None:
    """In whatever form a secret is echoed, nothing of it is left."""
    request = Request.post("https://vendor.example.com", basic_auth=("site", Secret(SECRET)))
    masker = Masker([Secret(SECRET)]).with_requests([request])
    echoed = forms(SECRET)[form]
    assert echoed not in masker.mask(f"not allowed: {echoed}; try again")
    assert masker.mask("nothing here") == "nothing here"


@pytest.mark.parametrize(
    "part", ["/services/T0001/B0002/pathtoken123", "pathtoken123", "querytoken456", "key=querytoken456", URL]
)
def test_the_parts_of_a_secret_url_are_masked(part: str) -> None:
    """A page such as `Cannot POST /services/…` shows nothing of the URL."""
    masked = Masker([Secret(URL)]).mask(f"Cannot POST {part}")
    assert "token" not in masked


@given(st.text(min_size=4, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_no_secret_survives(secret: str, before: str, after: str) -> None:
    """A law: what is masked holds the secret in no place where it stood."""
    masked = Masker([Secret(secret)]).mask(before + secret + after)
    assert secret not in masked or secret in "*" * 10 + after or secret in before + "*" * 10 or set(secret) == {"*"}


class EchoSettings(Settings):
    url: str
    token: Secret
    hook: Secret


class Item(Payload):
    """Nothing."""


def echoing() -> Destination:
    """A destination whose actions put secrets into requests, fetch a token, and build reasons from answers."""
    echo = Destination("echo", settings=EchoSettings)

    @echo.action(trigger="type != null")
    def basic(settings: EchoSettings, payload: Item) -> Request:
        """Present the secret as a password."""
        return Request.post(settings.url, basic_auth=("site", settings.token), json={"hook": settings.hook})

    @echo.action(trigger="type != null")
    def fetched(settings: EchoSettings, payload: Item) -> Steps:
        """Fetch a token, then use it."""
        first = yield Request.post(f"{settings.url}/token")
        token = first.json_object().get("token", "")
        second = yield Request.post(settings.url, headers={"Authorization": f"Bearer {token}"})
        return [Outcome.rejected(f"the vendor says {second.body.decode()}")]

    @echo.action(trigger="type != null")
    def raising(settings: EchoSettings, payload: Item) -> Request:
        """Fail with the secret in the message."""
        raise ValueError(f"cannot use {settings.token.reveal()} with {settings.hook.reveal()}")

    return echo


@pytest.mark.parametrize("action", ["basic", "fetched", "raising"])
@pytest.mark.parametrize("status", [200, 400, 401, 503])
def test_what_is_echoed_reaches_neither_store_nor_log(
    tmp_path: Path, action: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A vendor that echoes secrets in every form, a fetched token among them: the store's file and the log hold none."""
    fetched = "run-time-token-77"
    # What encodes user and password together is known where they were sent so.
    known = {name: form for name, form in forms(SECRET).items() if action == "basic" or "password" not in name}
    url = [form for name, form in forms(URL).items() if "password" not in name]
    token = [form for name, form in forms(fetched).items() if "password" not in name]
    echoed = [*known.values(), *url, "/services/T0001/B0002/pathtoken123", *token]

    def answer(request: Received) -> Answer:
        if request.path.endswith("/token"):
            return Answer(200, {"token": fetched})
        return Answer(status, " | ".join(echoed).encode())

    caplog.set_level(logging.DEBUG, "actions_engine")
    with Vendor(answer) as vendor:
        (tmp_path / "echo.yaml").write_text(
            f"destination: echo\nsettings: {{url: '{vendor.url}', token: '${{T}}', hook: '${{H}}'}}\n"
            f"mappings: [{{name: All, action: {action}}}]\n"
        )
        engine = Engine.load(tmp_path / "echo.yaml", registry=Registry([echoing()]), environ={"T": SECRET, "H": URL})
        with Delivery(engine, str(tmp_path / "calls.db")).in_thread() as delivery:
            delivery.accept([{"type": "track", "event": "E", "messageId": "m"}])
            time.sleep(0.5)
            told = repr([delivery.pauses(), delivery.ledger(), delivery.waiting()])
        calls = engine.route({"type": "track", "event": "E"}).calls
        requests = engine.requests(calls)
        told += repr([request.as_dict() for request in requests]) + repr(list(map(str, requests.rejections)))
        told += json.dumps(engine.explain({"type": "track"}).as_dict(), default=str)
    store = store_of(str(tmp_path / "calls.db"))
    store.open()
    store.close()
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("calls.db"))
    for text in [
        *known.values(),
        "pathtoken123",
        "querytoken456",
        *(token if action == "fetched" else ()),
    ]:
        assert text not in told, text
        assert text.encode() not in held, text
        assert text not in caplog.text, text


@pytest.mark.parametrize("length", [1_970, 1_990, 1_999, 2_000, 19_990, 200_000])
def test_a_secret_is_masked_before_a_reason_is_cut(tmp_path: Path, length: int) -> None:
    """Wherever a long reason is cut, no half of a secret is left at its end, and it is one bounded line."""
    echo = Destination("echo", settings=EchoSettings)

    @echo.action(trigger="type != null")
    def refuse(settings: EchoSettings, payload: Item) -> Steps:
        """Give a reason with a secret far behind."""
        yield Request.post(settings.url)
        return [Outcome.rejected("x" * (length - 1) + " " + settings.token.reveal() + " \n\x00 and so on")]

    with Vendor() as vendor:
        (tmp_path / "m.yaml").write_text(
            f"destination: echo\nsettings: {{url: '{vendor.url}', token: '${{T}}', hook: h}}\nmappings: [{{name: A, action: refuse}}]\n"
        )
        engine = Engine.load(tmp_path / "m.yaml", registry=Registry([echo]), environ={"T": SECRET})
        with Delivery(engine, str(tmp_path / "calls.db")).in_thread() as delivery:
            delivery.accept([{"type": "track", "event": "E"}])
            delivery.drain(20)
    store = store_of(str(tmp_path / "calls.db"))
    store.open()
    (call,) = store.find(Filter(("rejected",)))
    store.close()
    assert call.reason.isprintable()
    assert len(call.reason) <= 2_000
    assert SECRET[:4] not in call.reason


HIDDEN = "hunter2-Very-Secret-99"
FILES = {
    "at the top": "destination: segment\napi_key: {secret}\nmappings: [{{name: T, action: track}}]\n",
    "in a mapping": "destination: segment\nsettings: {{write_key: '${{K}}'}}\nmappings:\n  - name: T\n    action: track\n    api_key: {secret}\n",
    "among the fields": "destination: segment\nsettings: {{write_key: '${{K}}'}}\nmappings:\n  - {{name: T, action: track, fields: {{api_key: {secret}}}}}\n",
    "beneath a misspelt key": "destination: segment\nsetings:\n  write_key: {secret}\n  other: [{secret}]\nmappings: [{{name: T, action: track}}]\n",
    "as the settings": "destination: segment\nsettings: {secret}\nmappings: [{{name: T, action: track}}]\n",
    "as a list of settings": "destination: segment\nsettings: [{secret}]\nmappings: [{{name: T, action: track}}]\n",
    "twice": "destination: segment\nsettings:\n  write_key: a-key\n  write_key: {secret}\nmappings: [{{name: T, action: track}}]\n",
    "as a default": "destination: segment\nsettings: {{write_key: '${{K:-{secret}}}', region: mars}}\nmappings: [{{name: T, action: track}}]\n",
    "in a URL": "destination: segment\nsettings: {{write_key: '${{K}}', endpoint: 'https://user:{secret}@example.com', region: mars}}\nmappings: [{{name: T, action: track}}]\n",
    "as a wrong setting": "destination: segment\nsettings: {{write_kee: {secret}}}\nmappings: [{{name: T, action: track}}]\n",
    "in text that is no YAML": "destination: segment\nsettings: {{write_key: {secret}, [\nmappings: [{{name: T, action: track}}]\n",
    "in a block": "destination: segment\nsettings:\n  write_key: |\n    {secret}\n  nothing: 1\nmappings: [{{name: T, action: track}}]\n",
    "in a comment": "destination: segment\nsettings: {{write_key: 1, region: mars}}  # api_key: {secret}\nmappings: [{{name: T, action: track}}]\n",
}


@pytest.mark.parametrize(
    "command",
    [
        ["check"],
        ["check", "--format", "json"],
        ["check", "--format", "github"],
        ["check", "--format", "sarif"],
        ["fmt", "--check"],
        ["test"],
    ],
)
@pytest.mark.parametrize("place", FILES)
def test_no_problem_shows_a_secret(tmp_path: Path, place: str, command: list[str]) -> None:
    """Wherever a secret stands in a mapping file, what is said of the file does not show it, in any format."""
    (tmp_path / "m.yaml").write_text(FILES[place].format(secret=HIDDEN))
    done = CliRunner().invoke(main, [*command, str(tmp_path / "m.yaml")], env={"K": "from-the-environment"})
    assert done.exit_code in (0, 1), done.output
    for text in (HIDDEN, HIDDEN[:12]):
        assert text not in done.output, done.output
    if command == ["check"] and place not in ("in a comment", "in a block"):
        assert done.output.strip()


@pytest.mark.parametrize("name", ["segment", "slack", "webhook", "hubspot", "sql", "amplitude", "braze", "klaviyo"])
def test_every_setting_may_be_misplaced(registry: Registry, tmp_path: Path, name: str) -> None:
    """Each setting of a destination, given at the top of the file, misspelt or twice, is shown by no message."""
    for setting in registry.destinations[name].settings.model_fields:
        for text in (
            f"destination: {name}\n{setting}: {HIDDEN}\nmappings: []\n",
            f"destination: {name}\nsettings: {{{setting}x: {HIDDEN}}}\nmappings: []\n",
            f"destination: {name}\nsetting:\n  {setting}: {HIDDEN}\nmappings: []\n",
        ):
            (tmp_path / "m.yaml").write_text(text)
            done = CliRunner().invoke(main, ["check", str(tmp_path / "m.yaml")])
            assert HIDDEN not in done.output, (setting, done.output)


@pytest.mark.parametrize(
    "password", ["p@ssw0rd-long", "with/slash-long", "co:lon-long", "p%40ss-long", "@/:?#-long-one"]
)
def test_the_password_of_a_store_is_never_told(tmp_path: Path, password: str) -> None:
    """Whatever its characters, the password of a PostgreSQL URL is in no message."""
    (tmp_path / "m.yaml").write_text(f"destination: jsonl\nsettings: {{path: '{tmp_path}/x'}}\npresets: all\n")
    for url in (
        f"postgresql://user:{password}@127.0.0.1:1/db",
        f"postgresql://user@127.0.0.1:1/db?password={password}",
    ):
        for command in (["ledger"], ["run", str(tmp_path / "m.yaml")], ["dead", "list"]):
            done = CliRunner().invoke(main, [*command, "--store", url])
            assert done.exit_code in (1, 2)
            pieces: list[Any] = [
                password,
                password.partition("@")[2] or password,
                password.partition("/")[2] or password,
            ]
            assert not any(piece in done.output for piece in pieces if len(piece) > 3), done.output
