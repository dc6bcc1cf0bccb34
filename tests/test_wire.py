"""What goes on the wire is what was built: no path, header, redirect or address is other than its owner meant."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from actions_engine import (
    Delivery,
    Destination,
    Engine,
    JsonObject,
    MappingError,
    Payload,
    Registry,
    Request,
    Secret,
    Settings,
)
from actions_engine.cli import main
from actions_engine.delivery.transports.addresses import PrivateAddressError, check_address
from actions_engine.store.contract import Filter, StoredCall
from actions_engine.store.open import store_of
from actions_engine.testing import Answer, Vendor

WEBHOOK = """destination: webhook
settings: {{url: "{url}", headers: {{Authorization: "Bearer the-token-of-the-owner"}}}}
delivery: {{{delivery}}}
mappings:
  - name: Send
    action: send
    trigger: {{type: track}}
    fields: {{url: {field}}}
"""


def delivered(path: Path, engine: Engine, *events: dict[str, Any]) -> list[StoredCall]:
    """Deliver events for at most ten seconds and return what became of their calls."""
    url = str(path / "calls.db")
    with Delivery(engine, url).in_thread() as delivery:
        delivery.accept([{"type": "track", "event": "E", "messageId": str(n)} | e for n, e in enumerate(events)])
        until = time.monotonic() + 10
        while time.monotonic() < until and any(row.pending for row in delivery.ledger()):
            time.sleep(0.05)
    store = store_of(url)
    store.open()
    try:
        return store.find(Filter(("dead", "rejected", "pending", "delivered")))
    finally:
        store.close()


class Where(Settings):
    """Where the made-up vendor is."""

    endpoint: str


class Who(Payload):
    """Whom a call is about."""

    id: str


def by_id() -> Destination:
    """A destination that writes an id into the path of its URL, as many do."""
    made = Destination("byid", settings=Where)

    @made.action(trigger="type != null")
    def put(settings: Where, payload: Who) -> Request:
        """Update one user."""
        return Request.put(f"{settings.endpoint}/users/{payload.id}", json={})

    return made


@pytest.mark.parametrize(
    ("given_id", "path"),
    [
        ("a/b", "/users/a/b"),
        ("a%2Fb", "/users/a%2Fb"),
        ("a b", "/users/a%20b"),
        ("é", "/users/%C3%A9"),
        (".x", "/users/.x"),
    ],
)
def test_what_is_quoted_stays_quoted(tmp_path: Path, given_id: str, path: str) -> None:
    """A path arrives as the plugin built it: nothing is quoted twice, unquoted or put in order."""
    with Vendor() as vendor:
        calls = delivered(tmp_path, _byid(tmp_path, vendor.url), {"id": given_id})
    assert [call.state for call in calls] == ["delivered"]
    assert [request.path for request in vendor.received] == [path]


@pytest.mark.parametrize(
    "given_id", ["..", ".", "../orders", "%2e%2e", "a/../../admin", ".%2E/x", "x\r\nHost: evil", "\x00"]
)
def test_an_id_never_leads_out_of_its_path(tmp_path: Path, given_id: str) -> None:
    """An id that is a step of a path, or a line break, is rejected with its reason and never sent."""
    with Vendor() as vendor:
        (call,) = delivered(tmp_path, _byid(tmp_path, vendor.url), {"id": given_id})
    assert call.state == "rejected"
    assert "the request cannot be sent" in call.reason
    assert vendor.received == []


@given(st.text(max_size=20))
def test_a_path_has_as_many_steps_as_it_was_built_of(text: str) -> None:
    """Whatever text is quoted into a path, the URL is refused or keeps its first steps."""
    request = Request.put(f"https://vendor.example.com/v1/users/{text}", json={})
    try:
        url = request.full_url()
    except ValueError:
        return
    assert url.startswith("https://vendor.example.com/v1/users/")
    assert not {".", ".."} & set(url.partition("?")[0].partition("#")[0].lower().replace("%2e", ".").split("/"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Length", "5"),
        ("transfer-encoding", "chunked"),
        ("Host", "evil.example.com"),
        ("Connection", "close"),
    ],
)
def test_headers_that_frame_the_message_are_the_transports_own(tmp_path: Path, name: str, value: str) -> None:
    """A header of an event's choice cannot end the message early, nor name another host, nor add a header."""
    with Vendor() as vendor:
        engine = _webhook(tmp_path, vendor.url, "\"'" + vendor.url + "/x'\"\n      headers: properties.h")
        (call,) = delivered(tmp_path, engine, {"properties": {"h": {name: value}}})
    assert call.state == "rejected", call
    assert vendor.received == []


@pytest.mark.parametrize(
    ("name", "value"), [("X A", "1"), ("", "1"), ("X-A:", "1"), ("X-A", "1\r\nX-B: 2"), ("X-A", "1\x00")]
)
def test_a_header_that_is_none_costs_itself(tmp_path: Path, name: str, value: str) -> None:
    """What cannot be a header's name or value is not sent, and ends no line early."""
    with Vendor() as vendor:
        engine = _webhook(tmp_path, vendor.url, "\"'" + vendor.url + "/x'\"\n      headers: properties.h")
        (call,) = delivered(tmp_path, engine, {"properties": {"h": {name: value}}})
    assert call.state == "delivered", call
    assert not {"x-a", "x-b", "x a"} & set(vendor.received[0].headers)


@pytest.mark.parametrize("location", ["http://[::1", "//[", "\x7f", "http://evil.example.com/", ""])
def test_a_location_that_cannot_be_followed_breaks_nothing(tmp_path: Path, location: str) -> None:
    """An answer that points nowhere, or to another host, ends in a reason, and the delivery goes on."""
    reader = Destination("reader", settings=Where)

    @reader.action(trigger="type != null")
    def read(settings: Where, payload: Payload) -> Request:
        """Read something."""
        return Request("GET", f"{settings.endpoint}/a")

    with Vendor(lambda _: Answer(302, headers={"Location": location})) as vendor:
        text = f"destination: reader\nsettings: {{endpoint: '{vendor.url}'}}\nmappings: [{{name: R, action: read}}]\ndelivery: {{max_attempts: 1}}\n"
        (tmp_path / "m.yaml").write_text(text)
        engine = Engine.load(tmp_path / "m.yaml", registry=Registry([reader]))
        (call,) = delivered(tmp_path, engine, {})
    assert call.state in ("dead", "rejected")
    assert "302" in call.reason


def test_an_event_cannot_name_an_address_of_the_network_inside(tmp_path: Path) -> None:
    """A URL that an event names is not sent to loopback unless the mapping's owner allows it, whatever its spelling."""
    with Vendor() as inner:
        port = inner.url.rpartition(":")[2]
        names = [
            "127.0.0.1",
            "localhost",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "0.0.0.0",  # noqa: S104 - nothing is bound
            "169.254.169.254",
            "2130706433",
            "127.1",
        ]
        urls = [f"http://{name}:{port}/" for name in names]
        calls = delivered(
            tmp_path, _webhook(tmp_path, "https://hooks.example.com", "url"), *({"url": url} for url in urls)
        )
    assert {call.state for call in calls} == {"rejected"}, [(call.state, call.reason) for call in calls]
    assert inner.received == []
    assert "allow_private" in calls[0].reason


def test_an_address_that_an_event_names_sees_no_secret(tmp_path: Path) -> None:
    """Where it is allowed, the request goes there, without the headers of the settings; they go to the owner's own."""
    with Vendor() as owned, Vendor() as foreign:
        engine = _webhook(tmp_path, owned.url, "url", "allow_private: true")
        calls = delivered(tmp_path, engine, {"url": foreign.url + "/x"}, {"url": owned.url + "/y"}, {})
    assert [call.state for call in calls] == ["delivered"] * 3, calls
    assert ["authorization" in request.headers for request in foreign.received] == [False]
    assert ["authorization" in request.headers for request in owned.received] == [True, True]


def test_an_address_that_a_mapping_writes_is_its_owners(tmp_path: Path) -> None:
    """A URL written in the mapping may lead to the network inside and sees the settings' headers."""
    with Vendor() as inner:
        field = "\"'" + inner.url + "/written'\""
        (call,) = delivered(tmp_path, _webhook(tmp_path, "https://hooks.example.com", field), {})
    assert call.state == "delivered", call.reason
    assert "authorization" in inner.received[0].headers


def test_requests_go_through_the_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`proxy` sends every request through it; `environment` reads HTTP_PROXY, and NO_PROXY is left out."""
    with Vendor() as proxy:
        engine = _webhook(tmp_path, "http://hooks.example.com", "nothing", f"proxy: '{proxy.url}'")
        (call,) = delivered(tmp_path, engine, {})
        assert call.state == "delivered", call.reason
        assert proxy.received[0].path == "http://hooks.example.com/"
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        (tmp_path / "b").mkdir()
        engine = _webhook(tmp_path, "http://hooks.example.com/b", "nothing", "proxy: environment")
        (call,) = delivered(tmp_path / "b", engine, {})
        assert proxy.received[1].path == "http://hooks.example.com/b"
        (tmp_path / "c").mkdir()
        with Vendor() as direct:
            engine = _webhook(tmp_path, direct.url + "/c", "nothing", "proxy: environment")
            (call,) = delivered(tmp_path / "c", engine, {})
        assert [request.path for request in direct.received] == ["/c"]
    assert len(proxy.received) == 2


@pytest.mark.parametrize("proxy", ["nonsense", "http://", "ftp://proxy", "http://proxy:99999", "socks5://proxy:1080"])
def test_a_proxy_is_checked_where_it_is_written(tmp_path: Path, proxy: str) -> None:
    """What is no URL of a proxy is told when the file is loaded, and does not reject calls; it is not shown."""
    with pytest.raises(MappingError, match="delivery 'proxy': a proxy is a URL such as") as caught:
        _webhook(tmp_path, "http://hooks.example.com", "nothing", f"proxy: '{proxy}'")
    assert [problem.code for problem in caught.value.problems if problem.severity == "error"] == ["delivery-value"]


def test_a_proxy_of_a_variable_that_is_not_at_hand_is_no_problem(tmp_path: Path) -> None:
    """`check --allow-unset` passes over the proxy as over other settings."""
    text = WEBHOOK.format(url="http://hooks.example.com", field="nothing", delivery="proxy: '${PROXY}'")
    (tmp_path / "hook.yaml").write_text(text)
    done = CliRunner().invoke(main, ["check", "--allow-unset", str(tmp_path)])
    assert "delivery 'proxy'" not in done.output, done.output
    assert "delivery 'proxy'" in CliRunner().invoke(main, ["check", str(tmp_path)], env={"PROXY": "nonsense"}).output


def test_a_proxy_that_refuses_loses_no_call(tmp_path: Path) -> None:
    """Where the proxy wants other credentials, the destination is paused and its calls wait."""
    with Vendor(lambda _: Answer(407)) as proxy:
        engine = _webhook(tmp_path, "http://hooks.example.com", "nothing", f"proxy: '{proxy.url}'")
        with Delivery(engine, str(tmp_path / "calls.db")).in_thread() as delivery:
            delivery.accept([{"type": "track", "event": "E"}])
            delivery.drain(20)
            (pause,) = delivery.pauses()
            assert [row.pending for row in delivery.ledger()] == [1]
    assert "the proxy does not pass the request on: HTTP 407" in pause.reason


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_the_proxy_of_the_environment_may_be_a_host_and_a_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """`HTTP_PROXY=127.0.0.1:3128`, as many write it, is read as curl reads it."""
    with Vendor() as proxy:
        monkeypatch.setenv("http_proxy", scheme + proxy.url.removeprefix("http://"))
        engine = _webhook(tmp_path, "http://hooks.example.com", "nothing", "proxy: environment")
        (call,) = delivered(tmp_path, engine, {})
    assert call.state == "delivered", call.reason


def test_a_proxy_of_the_environment_that_is_none_loses_no_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The destination is paused with the reason until the environment is mended."""
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
    engine = _webhook(tmp_path, "http://hooks.example.com", "nothing", "proxy: environment")
    with Delivery(engine, str(tmp_path / "calls.db")).in_thread() as delivery:
        delivery.accept([{"type": "track", "event": "E"}])
        delivery.drain(20)
        (pause,) = delivery.pauses()
        assert [row.pending for row in delivery.ledger()] == [1]
    assert "the proxy cannot be used" in pause.reason


class Anywhere(Payload):
    """Where to send, in several ways."""

    options: JsonObject | None = None
    host: str | None = None


class Keyed(Settings):
    """A key that must go nowhere else."""

    api_key: Secret


def anywhere(way: str) -> Destination:
    """A destination that is sent where an event says, as an author might write it, its key in one place or another."""
    made = Destination("anywhere", settings=Keyed)

    @made.action(trigger="type != null")
    def send(settings: Keyed, payload: Anywhere) -> Request:
        """Send."""
        url = f"http://{payload.host}/x" if payload.host else str((payload.options or {}).get("url"))
        key = settings.api_key.reveal()
        match way:
            case "header":
                return Request.post(url, headers={"X-Key": settings.api_key}, content=b"{}")
            case "query":
                return Request.post(f"{url}?key={key}")
            case "body":
                return Request.post(url, content=f'{{"key": "{key}"}}'.encode())
            case _:
                return Request.post(url, json={"deep": [settings.api_key]})

    return made


@pytest.mark.parametrize("named", ["options", "host"])
@pytest.mark.parametrize("way", ["header", "query", "body", "json"])
@pytest.mark.parametrize("allow", ["true", "false"])
def test_wherever_an_event_names_an_address_it_gets_no_secret(tmp_path: Path, named: str, way: str, allow: str) -> None:
    """An address inside an object, or a host alone, is the event's as well; a key in URL or body is not sent either."""
    with Vendor() as vendor:
        url = vendor.url
        value: Any = {"url": f"{url}/x"} if named == "options" else url.removeprefix("http://")
        (tmp_path / "m.yaml").write_text(
            f"destination: anywhere\nsettings: {{api_key: the-key-of-the-owner}}\ndelivery: {{allow_private: {allow}}}\n"
            f"mappings: [{{name: S, action: send, fields: {{{named}: {named}}}}}]\n"
        )
        engine = Engine.load(tmp_path / "m.yaml", registry=Registry([anywhere(way)]))
        (call,) = delivered(tmp_path, engine, {named: value})
    is_sent = allow == "true" and way == "header"
    assert call.state == ("delivered" if is_sent else "rejected"), call
    assert len(vendor.received) == is_sent
    assert "the-key-of-the-owner" not in repr(vendor.received)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_pass(address: str) -> None:
    """An address of the public internet is let through."""
    check_address(address)


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "::1", "::",  # noqa: S104 - nothing is bound
     "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"],
)  # fmt: skip
def test_private_addresses_are_refused(address: str) -> None:
    """No range of the registries of special addresses is let through, in the clothes of IPv6 neither."""
    with pytest.raises(PrivateAddressError):
        check_address(address)


def _byid(path: Path, url: str) -> Engine:
    text = f"destination: byid\nsettings: {{endpoint: '{url}'}}\nmappings: [{{name: P, action: put, fields: {{id: id}}}}]\n"
    (path / "m.yaml").write_text(text)
    return Engine.load(path / "m.yaml", registry=Registry([by_id()]))


def _webhook(path: Path, url: str, field: str, delivery: str = "") -> Engine:
    text = WEBHOOK.format(url=url, field="FIELD", delivery=delivery).replace(
        "fields: {url: FIELD}", f"fields:\n      url: {field}"
    )
    (path / "hook.yaml").write_text(text)
    return Engine.load(path / "hook.yaml", environ={})
