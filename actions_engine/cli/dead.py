"""`actions-engine dead`: what could not be delivered, and what to do about it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from actions_engine.authoring.differences import MISSING, differences
from actions_engine.cli.ledger import opened
from actions_engine.cli.loading import load_engine
from actions_engine.cli.moments import shown_moment
from actions_engine.delivery.plan import configuration_version
from actions_engine.delivery.remap import Remap, apply_remap, remap
from actions_engine.language.durations import read_duration
from actions_engine.spec.moments import read_moment
from actions_engine.store.contract import Filter, Store, StoredCall
from actions_engine.wording import shown

_PAGE = 500


class _Moment(click.ParamType):  # type: ignore[type-arg]  # generic in the stubs alone
    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a duration before now, such as `2h`, or an ISO 8601 moment."""
        if isinstance(value, float):
            return value
        try:
            return time.time() - read_duration(value)
        except ValueError:
            pass
        moment = read_moment(value)
        if moment is None:
            self.fail(f"{value!r} is neither a duration such as 2h nor a moment such as 2026-03-02T10:00:00Z")
        return moment.timestamp()


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which rows are meant."""
    for option in (
        click.option("--store", "url", required=True, metavar="URL", help="The store."),
        click.option("--state", type=click.Choice(["dead", "rejected"]), multiple=True, help="By default both."),
        click.option("--destination", "instance", help="The destination instance."),
        click.option("--mapping", help="The mapping's name."),
        click.option("--reason", help="Text that the reason holds."),
        click.option("--since", type=_Moment(), help="From a moment, or a duration before now such as 2h."),
        click.option("--until", type=_Moment(), help="Until a moment, likewise."),
        click.option("--id", "ids", type=int, multiple=True, help="This row; may be given more than once."),
    ):
        command = option(command)
    return command


def _filter(options: dict[str, Any]) -> Filter:
    return Filter(
        states=options["state"] or ("dead", "rejected"),
        instance=options["instance"],
        mapping=options["mapping"],
        reason=options["reason"],
        since=options["since"],
        until=options["until"],
        ids=options["ids"] or None,
    )


@click.group()
def dead() -> None:
    """Look at calls that are dead or rejected; send them again, or drop them."""


@dead.command("list")
@_filters
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def list_rows(url: str, limit: int, form: str, **options: Any) -> None:
    """List dead and rejected calls, oldest first."""
    with opened(url) as store:
        rows = store.find(_filter(options), limit=limit)
    for row in rows:
        if form == "json":
            click.echo(json.dumps(_plain(row, whole=False)))
        else:
            when = shown_moment(row.updated_at)
            click.echo(f"{row.id:>8}  {when}  {row.state:<8}  {row.instance} / {row.mapping}  {row.reason}")
    if len(rows) == limit:
        click.echo(f"the first {limit:,}; there may be more (--limit)", err=True)


@dead.command()
@click.argument("number", type=int)
@click.option("--store", "url", required=True, metavar="URL", help="The store.")
def show(number: int, url: str) -> None:
    """Show a call with its payload and event as JSON."""
    with opened(url) as store:
        rows = store.find(Filter(("dead", "rejected", "pending", "delivered"), ids=(number,)))
    if not rows:
        raise click.ClickException(f"there is no call {number}")
    click.echo(json.dumps(_plain(rows[0], whole=True), indent=2))


@dead.command()
@_filters
@click.option("--remap", "mappings", type=click.Path(exists=True, path_type=Path),
              help="Route the stored events through these mappings anew.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def replay(url: str, mappings: Path | None, dry_run: bool, yes: bool, **options: Any) -> None:
    """Send calls again: with the payload as it was planned, or, with --remap, as today's mappings make it.

    A rejected call has no payload: it takes --remap. What --remap changes is shown first.
    """
    what = _filter(options)
    with opened(url) as store:
        if mappings is not None:
            _remap(store, what, mappings, dry_run=dry_run, yes=yes)
            return
        count = sum(row.payload is not None for row in _rows(store, what))
        without = sum(row.payload is None for row in _rows(store, what))
        click.echo(f"{count:,} calls to send again as they were planned", err=True)
        if without:
            click.echo(f"{without:,} have no payload; mend their mapping and replay them with --remap", err=True)
        if dry_run or not count or not (yes or click.confirm("Send them again?", err=True)):
            return
        click.echo(f"{store.replay(what, now=time.time()):,} calls are pending again", err=True)


def _remap(store: Store, what: Filter, mappings: Path, *, dry_run: bool, yes: bool) -> None:
    engine = load_engine(mappings)
    remaps: list[Remap] = []
    without = 0
    for row in _rows(store, what):
        if (made := remap(engine, row)) is None:
            without += 1
            continue
        remaps.append(made)
        for line in _preview(made):
            click.echo(line)
    still = sum(made.calls == 0 for made in remaps)
    click.echo(f"{sum(made.calls for made in remaps):,} calls to send, {still:,} rejected still", err=True)
    if without:
        click.echo(f"{without:,} events are not stored and cannot be remapped", err=True)
    if dry_run or not remaps or not (yes or click.confirm("Do it?", err=True)):
        return
    now, version = time.time(), configuration_version(engine)
    changed = sum(apply_remap(store, made, now=now, configuration=version) for made in remaps)
    click.echo(f"{changed:,} calls changed", err=True)


def _preview(made: Remap) -> Iterator[str]:
    row, planned = made.row, made.call
    title = f"{row.id}  {row.instance} / {row.mapping}" if row.mapping else f"{row.id}  the event as a whole"
    if made.event is not None:
        yield f"{title}: {made.calls} calls"
    elif planned is None:
        yield f"{title}: does not fire today"
    elif planned.payload is None:
        yield f"{title}: rejected today too: {planned.reason}"
    elif row.payload is None:
        yield f"{title}: {shown(msgspec.json.decode(planned.payload), 200)}"
    else:
        changes = list(differences(msgspec.json.decode(row.payload), msgspec.json.decode(planned.payload)))
        yield f"{title}: {'the same payload' if not changes else 'another payload'}"
        for change in changes:
            yield f"    {change.path}: {_side(change.old)} -> {_side(change.new)}"


def _side(value: Any) -> str:
    return "nothing" if value is MISSING else shown(value)


@dead.command()
@_filters
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(url: str, yes: bool, **options: Any) -> None:
    """Give dead calls up: they are rejected from then on, with the reason that they were dropped."""
    what = msgspec.structs.replace(_filter(options), states=("dead",))
    with opened(url) as store:
        count = sum(1 for _ in _rows(store, what))
        click.echo(f"{count:,} dead calls", err=True)
        if not count:
            sys.exit(0)
        if yes or click.confirm("Drop them?", err=True):
            click.echo(f"{store.drop(what, now=time.time()):,} calls dropped", err=True)


def _rows(store: Store, what: Filter) -> Iterator[StoredCall]:
    after = 0
    while rows := store.find(what, limit=_PAGE, after=after):
        yield from rows
        after = rows[-1].id


def _plain(row: StoredCall, *, whole: bool) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(row, payload=None, event=None))
    plain.pop("payload")
    plain.pop("event")
    for name in ("accepted_at", "updated_at"):
        plain[name] = shown_moment(plain[name], precisely=True)
    if whole:
        plain["payload"] = None if row.payload is None else msgspec.json.decode(row.payload)
        plain["event"] = None if row.event is None else msgspec.json.decode(row.event)
    return plain
