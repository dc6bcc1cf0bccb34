"""`actions-engine demo`: one event, two calls, the requests that they become, and their delivery to a receiver."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from actions_engine.cli.ledger import write_ledger
from actions_engine.cli.loading import load_engine
from actions_engine.wording import counted

if TYPE_CHECKING:
    from rich.console import Console

_EVENTS = (
    ("button_clicked.json", "context.traits is there: both mappings fire"),
    ("button_clicked_without_traits.json", "without context.traits the Track mapping alone fires"),
    ("course_clicked.json", "another event: neither fires"),
)


@click.command()
def demo() -> None:
    """Show one Track event becoming a Track call and an Identify call, delivered to a receiver on this machine."""
    from rich.console import Console  # noqa: PLC0415 - no other command needs it to start
    from rich.panel import Panel  # noqa: PLC0415 - as above
    from rich.syntax import Syntax  # noqa: PLC0415 - as above

    console = Console(width=None if sys.stdout.isatty() else 100, highlight=False)
    example = _example()
    engine = load_engine(example / "academy.yaml", environ={"SEGMENT_WRITE_KEY": "demo-write-key"})
    yaml = (example / "academy.yaml").read_text(encoding="utf-8")
    console.print(Panel(Syntax(yaml, "yaml", background_color="default"), title="the mappings: academy.yaml"))
    for number, (name, remark) in enumerate(_EVENTS):
        event: dict[str, Any] = json.loads((example / "events" / name).read_text(encoding="utf-8"))
        routing = engine.route(event)
        console.rule(f"[bold]{event['event']}[/bold]: {remark}")
        if number == 0:
            _json(console, "the event", event)
        for call in routing.calls:
            title = f"call: {call.destination} {call.action}  ({call.mapping})"
            shown = (
                call.as_dict()["payload"] if number == 0 else {"user_id": call.payload.body().get("user_id"), "…": "…"}
            )
            _json(console, title, shown)
        if number == 0:
            for request in engine.requests(routing.calls):
                _json(console, f"request: {request.method} {request.as_dict()['url']}", request.as_dict())
        console.print(counted(len(routing.calls), "call"), style="bold green")
    _deliver(console, example)


def _deliver(console: Console, example: Path) -> None:
    """Deliver the example through a SQLite store, and show what arrived and that the ledger balances."""
    from actions_engine.delivery.delivery import Delivery  # noqa: PLC0415 - no other command needs it to start
    from actions_engine.testing import Vendor  # noqa: PLC0415 - as above

    console.rule("[bold]delivery[/bold]: the two calls of Button Clicked, through a SQLite store to a receiver")
    events = [json.loads((example / "events" / name).read_text(encoding="utf-8")) for name, _ in _EVENTS[:1]]
    with Vendor() as receiver, tempfile.TemporaryDirectory(prefix="actions-engine-") as folder:
        environ = {"SEGMENT_WRITE_KEY": "demo-write-key", "SEGMENT_ENDPOINT": receiver.url}
        engine = load_engine(example / "academy.yaml", environ=environ)
        with Delivery(engine, f"sqlite:///{folder}/calls.db").in_thread() as delivery:
            delivery.accept(events)
            delivery.drain(timeout=30)
            # A second time: it is known by its messageId, and nothing is sent twice.
            again = delivery.accept(events)
            rows = delivery.ledger()
        for request in receiver.received:
            _json(console, f"received: {request.method} {request.path}", request.json())
    console.print(f"accepted again: {counted(again.duplicates, 'duplicate')}, {counted(again.calls, 'call')}")
    sys.stdout.flush()
    write_ledger(rows, [])


def _json(console: Any, title: str, value: Any) -> None:
    from rich.json import JSON  # noqa: PLC0415 - as above
    from rich.panel import Panel  # noqa: PLC0415 - as above

    console.print(Panel(JSON(json.dumps(value), indent=2), title=title, title_align="left"))


def _example() -> Path:
    """Return the folder of the example: inside a wheel beside this package, in a checkout the mappings folder."""
    packaged = Path(__file__).parents[1] / "example"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "mappings"
