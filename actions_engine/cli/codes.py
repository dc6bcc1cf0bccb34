"""`actions-engine codes`: every kind of problem, with an example and how to mend it."""

from __future__ import annotations

import click

from actions_engine.codes import as_markdown, codes
from actions_engine.errors import did_you_mean


@click.command("codes")
@click.argument("code", required=False)
@click.option("--markdown", is_flag=True, help="Write the whole catalogue as a page.")
def show_codes(code: str | None, markdown: bool) -> None:
    """List the codes of problems, or show CODE with an example and how to mend it."""
    known = codes()
    if markdown:
        click.echo(as_markdown(), nl=False)
    elif code is None:
        width = max(map(len, known))
        for entry in known.values():
            click.echo(f"{entry.name:<{width}}  {entry.severity:<7}  {entry.summary}")
    elif code in known:
        entry = known[code]
        click.echo(f"{entry.name} ({entry.severity}): {entry.summary}\n")
        if entry.example:
            click.echo("".join(f"    {line}\n" for line in entry.example.splitlines()))
        click.echo(entry.mend)
    else:
        raise click.UsageError(f"there is no code {code!r}; {did_you_mean(code, known)}")
