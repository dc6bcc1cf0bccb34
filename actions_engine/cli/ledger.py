"""`actions-engine ledger`: the account of every accepted call, and whether it balances."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from actions_engine.cli.moments import shown_moment
from actions_engine.delivery.receipt import Waiting, told_pause
from actions_engine.store.contract import LedgerRow, Pause, Store
from actions_engine.store.open import store_of
from actions_engine.wording import counted

_COLUMNS = ("accepted", "delivered", "rejected", "dead", "pending", "replayed", "noted")


@click.command()
@click.option(
    "--store", "url", required=True, metavar="URL", help="sqlite:///calls.db, a file's path, or postgresql://…."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def ledger(url: str, form: str) -> None:
    """Print the account by destination and mapping: accepted = delivered + rejected + dead + pending, always.

    The exit code is 1 where it does not balance.
    """
    with opened(url) as store:
        rows, duplicates = store.ledger(), store.duplicates()
        pauses, configurations = store.pauses(now=time.time()), store.configurations()
        waiting = _waiting(rows, pauses, store.waits())
    if form == "json":
        for row in rows:
            click.echo(json.dumps(msgspec.to_builtins(row) | {"holds": row.holds}))
        summary = {
            "holds": all(row.holds for row in rows), "duplicates": duplicates,
            "pauses": [_plain(pause) for pause in pauses],
            "waiting": msgspec.to_builtins(waiting),
            "pending_by_configuration": configurations,
        }  # fmt: skip
        click.echo(json.dumps(summary))
    else:
        write_ledger(rows, waiting, duplicates=duplicates)
        for version, count in sorted(configurations.items()):
            click.echo(f"{count:,} pending calls were planned by configuration {version}")
    if not all(row.holds for row in rows):
        sys.exit(1)


def _plain(pause: Pause) -> dict[str, str | None]:
    # What somebody paused has no end.
    until = None if pause.is_by_hand else shown_moment(pause.until, precisely=True)
    return {"instance": pause.instance, "until": until, "reason": pause.reason}


@contextmanager
def opened(url: str) -> Iterator[Store]:
    """Open a store that exists.

    Raises:
        StoreError: it cannot be opened.
    """
    store = store_of(url)
    path = url.removeprefix("sqlite:///") if "://" not in url or url.startswith("sqlite://") else ""
    if path and not Path(path).exists():
        raise click.ClickException(f"there is no store {url}; `actions-engine run --store` makes one")
    if path and Path(path).is_file() and not Path(path).stat().st_size:
        raise click.ClickException(f"{path} is empty and no store; `actions-engine run --store` makes one of it")
    store.open()
    try:
        yield store
    finally:
        store.close()


def _waiting(rows: Sequence[LedgerRow], pauses: Sequence[Pause], waits: Mapping[str, str]) -> list[Waiting]:
    """Return what waits for people, as the store knows it."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row.instance] += row.pending
    reasons = {**waits, **{pause.instance: told_pause(pause) for pause in pauses}}
    return [Waiting(name, counts[name], reason) for name, reason in sorted(reasons.items())]


def write_ledger(
    rows: Sequence[LedgerRow], waiting: Sequence[Waiting], *, duplicates: int = 0, err: bool = False
) -> None:
    """Print the account as a table, whether it balances, and what waits for people."""
    names = [f"{row.instance} / {row.mapping}" if row.instance else "events as a whole" for row in rows]
    width = max([len("destination / mapping"), *map(len, names)])
    numbers = [[getattr(row, column) for column in _COLUMNS] for row in rows]
    if len(rows) > 1:
        names.append("total")
        numbers.append([sum(column) for column in zip(*numbers, strict=True)])
    click.echo(f"{'destination / mapping':<{width}}" + "".join(f"  {column:>10}" for column in _COLUMNS), err=err)
    for name, values in zip(names, numbers, strict=True):
        click.echo(f"{name:<{width}}" + "".join(f"  {value:>10,}" for value in values), err=err)
    broken = [row for row in rows if not row.holds]
    for row in broken:
        found = row.delivered + row.rejected + row.dead + row.pending
        click.echo(f"{row.instance} / {row.mapping}: {row.accepted:,} accepted, {found:,} accounted for", err=err)
    click.echo("the ledger does not balance" if broken else "the ledger balances", err=err)
    if duplicates:
        click.echo(f"{duplicates:,} events were duplicates and made no call", err=err)
    for each in waiting:
        click.echo(f"{each.instance}: {counted(each.calls, 'pending call')}, {each.reason}", err=err)
