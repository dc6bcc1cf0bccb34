"""`actions-engine notes`: what calls went out without, as the events' values could not be read."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import click
import msgspec

from actions_engine.cli.ledger import opened
from actions_engine.note import Note
from actions_engine.store.contract import Filter, NotedCall
from actions_engine.wording import counted

_PAGE = 1_000


@click.command()
@click.option("--store", "url", required=True, metavar="URL", help="The store.")
@click.option("--destination", "instance", help="The destination instance.")
@click.option("--mapping", help="The mapping's name.")
@click.option("--most", type=click.IntRange(min=1), default=100_000, show_default=True, help="Calls to look at.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="What was left out how often, with a call as an example; or a JSON line for each call.")  # fmt: skip
def notes(url: str, instance: str | None, mapping: str | None, most: int, form: str) -> None:
    """Say what calls went out without: values that their fields could not read, and what was changed for a vendor.

    A call is not lost to one odd value of an optional field. Who wants it to be writes `invalid: reject` in the
    mapping.
    """
    what = Filter(("dead", "rejected", "pending", "delivered"), instance=instance, mapping=mapping)
    counts: Counter[tuple[str, str, Note]] = Counter()
    example: dict[tuple[str, str, Note], int] = {}
    looked_at = 0
    with opened(url) as store:
        after = 0
        while looked_at < most:
            calls = store.notes(what, limit=min(_PAGE, most - looked_at), after=after)
            for call in calls:
                if form == "json":
                    click.echo(json.dumps(_plain(call)))
                for note in call.notes:
                    key = (call.instance, call.mapping, note)
                    counts[key] += 1
                    example.setdefault(key, call.id)
            if not calls:
                break
            looked_at += len(calls)
            after = calls[-1].id
    if form == "json":
        return
    for (name, mapped, note), count in counts.most_common():
        place = f"  {note.place}" if note.place else ""
        click.echo(f"{count:>10,}  {name} / {mapped}  {note}{place}  (call {example[name, mapped, note]})")
    told = f"{counted(looked_at, 'call')} with notes"
    click.echo(f"{told}; there may be more (--most)" if looked_at == most else told, err=True)


def _plain(call: NotedCall) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(call)
    return plain
