"""`actions-engine codes`: every kind of problem, with an example and how to mend it."""

from __future__ import annotations

import click

from actions_engine.authoring.codes import Code, as_markdown, codes
from actions_engine.wording import did_you_mean


@click.command("codes")
@click.argument("code", required=False)
@click.option("--markdown", is_flag=True, help="Write the whole catalogue as a page.")
def show_codes(code: str | None, markdown: bool) -> None:
    """List the codes of problems with mapping files and with events, or show CODE, an example and how to mend it."""
    known = [*codes().values(), *codes("events").values()]
    names = {entry.name for entry in known}
    if markdown:
        click.echo(as_markdown(), nl=False)
    elif code is None:
        width = max(map(len, names))
        for entry in known:
            click.echo(f"{entry.name:<{width}}  {entry.of:<8}  {entry.severity:<7}  {entry.summary}")
    elif code in names:
        click.echo("\n\n".join(_shown(entry) for entry in known if entry.name == code))
    else:
        raise click.UsageError(f"there is no code {code!r}; {did_you_mean(code, names)}")


def _shown(entry: Code) -> str:
    example = "".join(f"    {line}\n" for line in entry.example.splitlines())
    head = f"{entry.name} ({entry.severity} of {entry.of}): {entry.summary}\n"
    return "\n".join(filter(None, (head, example, entry.mend)))
