"""`actions-engine pause` and `resume`: hold a destination back without losing its calls, and let it go on."""

from __future__ import annotations

import time

import click

from actions_engine.cli.ledger import opened
from actions_engine.store.contract import BY_HAND, Pause, Store
from actions_engine.wording import counted, did_you_mean

_STORE = click.option("--store", "url", required=True, metavar="URL", help="The store.")


@click.command()
@click.argument("instance")
@_STORE
@click.option("--reason", required=True, help="Why, for whoever wonders what waits.")
def pause(instance: str, url: str, reason: str) -> None:
    """Send nothing more to INSTANCE, a mapping file's name without its ending, until `resume`.

    Its calls are accepted and wait. A `run` that goes on hears of it within a second; requests under way are finished.
    """
    with opened(url) as store:
        _check(store, instance)
        store.pause(Pause(instance, BY_HAND, reason))
        waiting = sum(row.pending for row in store.ledger() if row.instance == instance)
    click.echo(f"{instance} is paused: {counted(waiting, 'call')} pending", err=True)


@click.command()
@click.argument("instance")
@_STORE
def resume(instance: str, url: str) -> None:
    """Let INSTANCE go on, whoever or whatever paused it."""
    with opened(url) as store:
        _check(store, instance)
        found = [pause for pause in store.pauses(now=time.time()) if pause.instance == instance]
        store.resume(instance)
    click.echo(f"{instance} goes on" if found else f"{instance} was not paused", err=True)


def _check(store: Store, instance: str) -> None:
    known = {row.instance for row in store.ledger() if row.instance} | {
        pause.instance for pause in store.pauses(now=time.time())
    }
    if instance not in known:
        hint = did_you_mean(instance, known)
        raise click.UsageError(f"the store knows no destination {instance!r}{'; ' + hint if hint else ''}")
