"""A known secret in every setting of every installed destination: whatever its vendor echoes, it is found nowhere."""

from __future__ import annotations

import base64
import copy
import itertools
import json
import logging
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote_plus

import pytest
import trustme
from click.testing import CliRunner
from prometheus_client import CollectorRegistry, generate_latest

from actions_engine import Delivery, Destination, Engine, MappingError, Registry
from actions_engine.authoring.layout import lay_out
from actions_engine.authoring.starter import starter_file
from actions_engine.authoring.trial import read_event
from actions_engine.cli import main
from actions_engine.testing import Answer, Received, Subject, Vendor
from tests.proxies import ProxyToOne

DESTINATIONS = Registry.from_entry_points().destinations
NAMES = sorted(DESTINATIONS)
# Texts of which every encoding is another one.
ODD = 'tok/5f3a+9c="e"<&>?'


def forms(secret: str) -> set[str]:
    """Return what a secret is found by."""
    raw = secret.encode()
    return {
        secret, quote(secret, safe=""), quote(secret), quote_plus(secret), raw.hex(), json.dumps(secret)[1:-1],
        base64.b64encode(raw).decode(), base64.b64encode(raw + b":").decode(),
    }  # fmt: skip


def planted(variable: str) -> str:
    """Return the secret that a variable of a mapping file is given."""
    token = f"{ODD}{variable.lower()}"
    if variable.startswith("SQL"):
        return f"postgresql://site:{quote(token, safe='')}@127.0.0.1:1/none"
    return (
        f"https://vendor.example.com/in/{quote(token, safe='')}" if variable.endswith(("_URL", "_ENDPOINT")) else token
    )


def secret_keys(destination: Destination) -> list[str]:
    """Return the names of the settings that are secret."""
    return [key for key, field in destination.settings.model_fields.items() if "Secret" in str(field.annotation)]


def started(destination: Destination) -> tuple[str, dict[str, str], list[str]]:
    """Return a mapping file with every action of a destination, its environment, and those of it that are secret."""
    twin = copy.copy(destination)
    twin.presets = {}
    text = starter_file(twin, Registry([twin]))
    variables = {part.partition("}")[0].partition(":")[0] for part in text.split("${")[1:]}
    hidden = {f"{destination.name}_{key}".upper() for key in secret_keys(destination)} & variables
    return text, {name: planted(name) if name in hidden else f"open-{len(name)}" for name in variables}, sorted(hidden)


def echo(request: Received) -> str:
    """Return all that a vendor knows of a request, in every form."""
    parts = [request.path, *request.headers.values(), request.body.decode(errors="replace")]
    parts.append(unquote_plus(parts[-1]))
    for scheme in ("Basic ", "Bearer ", "Key "):
        parts += [part.removeprefix(scheme) for part in parts if part.startswith(scheme)]
    basic = request.headers.get("authorization", "").partition("Basic ")[2]
    parts += base64.b64decode(basic).decode().split(":")
    return " | ".join(form for part in parts for form in sorted(forms(part)))


def told_by_commands(folder: Path, file: Path, environ: dict[str, str], event: dict[str, object]) -> Iterator[str]:
    """Yield what the commands print that show calls, requests and reasons."""
    (folder / "event.json").write_text(json.dumps(event))
    store = ["--store", str(folder / "calls.db")]
    for command in (
        ["check", str(file)], ["check", "--format", "json", str(file)],
        ["explain", str(file), str(folder / "event.json"), "--format", "json"],
        ["explain", str(file), str(folder / "event.json"), "--all"],
        ["route", str(file), str(folder / "event.json"), "--requests"],
        ["ledger", *store], ["ledger", *store, "--format", "json"],
        ["dead", "list", *store], ["dead", "list", *store, "--format", "json"], ["dead", "show", *store, "1"],
    ):  # fmt: skip
        done = CliRunner().invoke(main, command, env=environ)
        assert done.exit_code in (0, 1), done.output
        yield done.output


@pytest.mark.parametrize("name", NAMES)
def test_what_a_vendor_echoes_is_found_nowhere(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Every action sends its secrets, the vendor echoes the requests: store, log, metrics and commands hold none."""
    text, environ, hidden = started(DESTINATIONS[name])
    if name == "jsonl":
        environ["JSONL_PATH"] = str(tmp_path / "calls.jsonl")
    secrets = {planted(variable) for variable in hidden} | {f"{ODD}{variable.lower()}" for variable in hidden}
    subject = Subject(DESTINATIONS[name])
    events = [read_event(example) for mapping in subject.actions_engine.mappings for example in mapping.examples]
    caplog.set_level(logging.DEBUG, "actions_engine")
    authority = trustme.CA()
    server, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(trusting)
    # One certificate for all the hosts that there are.
    trusting.check_hostname = False
    statuses = itertools.cycle([400, 200, 403, 500])
    with (
        Vendor(lambda request: Answer(next(statuses), echo(request).encode()), tls=server) as vendor,
        ProxyToOne(int(vendor.url.rpartition(":")[2])) as proxy,
    ):
        file = tmp_path / "m.yaml"
        file.write_text(f"{text}\ndelivery: {{proxy: '{proxy.url}', retry_window: 1s, timeout: 5s}}\n")
        engine = Engine.load(file, registry=Registry([DESTINATIONS[name]]), environ=environ)
        with Delivery(engine, str(tmp_path / "calls.db"), tls=trusting).in_thread() as delivery:
            delivery.accept([{**event, "messageId": f"{number}"} for number, event in enumerate(events)])
            delivery.drain(10)
            metrics = CollectorRegistry()
            delivery.metrics.to_prometheus(metrics)
            told = [
                generate_latest(metrics).decode(),
                repr([delivery.pauses(), delivery.ledger(), delivery.waiting()]),
            ]
        told += told_by_commands(tmp_path, file, environ, events[0])
    if DESTINATIONS[name].transport is None:
        assert vendor.received
        sent = " ".join(echo(request) for request in vendor.received)
        # What is looked for was there to be found.
        assert not hidden or any(form in sent for secret in secrets for form in forms(secret))
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("calls.db"))
    told += [caplog.text, held.decode(errors="replace")]
    for secret in secrets:
        for form in forms(secret):
            assert not any(form in each for each in told), form


PLANTED = "pLanted-5f3a9c-Q77-secret"
PLACES = {
    "in clear": "settings:\n  {key}: {value}\n  no_such: 1\n",
    "in braces": "settings: {{{key}: '{value}', no_such: 1}}\n",
    "at the top": "{key}: {value}\n",
    "in a mapping": "mappings:\n  - {{name: A, action: no_such, {key}: '{value}'}}\n",
    "in the fields": "mappings:\n  - name: A\n    action: {action}\n    fields:\n      {key}: {value}\n",
    "misspelt": "settings:\n  {key}x: {value}\n",
    "misspelt in the fields": "mappings:\n  - name: A\n    action: {action}\n    fields: {{{key}x: '{value}'}}\n",
    "twice": "settings:\n  {key}: ${{X}}\n  {key}: {value}\n",
    "twice in clear": "settings:\n  {key}: {value}\n  {key}: {value}2\n",
    "settings twice": "settings:\n  {key}: ${{X}}\nsettings:\n  {key}: {value}\n",
    "settings misspelt": "setings:\n  {key}: {value}\n",
    "settings as a text": "settings: {value}\n",
    "settings as a list": "settings:\n  - {key}: {value}\n",
    "settings as a list of texts": "settings: [{value}]\n",
    "as a default": "settings:\n  {key}: ${{X:-{value}}}\n",
    "as a default beside a mistake": "settings: {{{key}: '${{X:-{value}}} ${{1}}', no_such: 1}}\n",
    "as a list": "settings: {{{key}: ['{value}']}}\n",
    "as a mapping": "settings: {{{key}: {{a: '{value}'}}}}\n",
    "in a block": "settings:\n  {key}x: |\n    {value}\n    {value}\n",
    "in a folded text": 'settings:\n  {key}x: "{value}\n    {value}"\n',
    "in a tag": "settings:\n  {key}: !{value} x\n",
    "as an alias": "settings:\n  {key}: *{value}\n",
    "behind an anchor": "settings: {{{key}: &a '{value}', no_such: *a}}\n",
    "after a tab": "settings:\n\t{key}: {value}\n",
    "without a closing quote": 'settings:\n  {key}: "{value}\n',
    "with two colons": "settings:\n  {key}: {value}: {value}\n",
    "below a broken line": "settings:\n  region: [\n  {key}: {value}\n",
    "above a broken line": "settings:\n  {key}: {value}\n  }}\n",
    "in a broken block": "settings:\n  {key}: |\n    {value}\n   {value}\n",
    "at a broken top": "{key}: '{value}\n",
    "in a second document": "settings:\n  {key}: {value}\n--- {key} {value}\n",
    "without a destination": "settings:\n  {key}: {value}\n  {key}: {value}\n",
    "without a space": "settings:\n  {key}:{value}\n",
    "in a comment": "settings:\n  # {key}: {value}\n   {key}: {value}\n",
}


def told_of(text: str, file: Path, registry: Registry) -> str:
    """Return all that is told of a mapping file: its errors or warnings, and what `fmt` says of it."""
    file.write_text(text, encoding="utf-8")
    try:
        problems = list(Engine.load(file, registry=registry, environ={}).warnings)
    except MappingError as error:
        problems = list(error.problems)
    problems += lay_out(text, str(file)).problems
    return "\n".join(part for problem in problems for part in (problem.render(), repr(problem)))


@pytest.mark.parametrize("name", NAMES)
def test_a_misplaced_secret_is_shown_by_no_problem(name: str, tmp_path: Path) -> None:
    """Each secret setting in the wrong place, misspelt, twice, or in a file that is no YAML is not shown."""
    destination = DESTINATIONS[name]
    registry = Registry([destination])
    action = next(iter(destination.actions))
    for key in secret_keys(destination) or ["api_key"]:
        for place, way in PLACES.items():
            head = "" if place == "without a destination" else f"destination: {name}\n"
            told = told_of(head + way.format(key=key, value=PLANTED, action=action), tmp_path / "m.yaml", registry)
            assert told or place == "in clear", (key, place)
            for form in forms(PLANTED):
                assert form not in told, (key, place, told)
