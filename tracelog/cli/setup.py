"""``tracelog setup``: the templates that Elasticsearch needs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tracelog.assembly.destination import destination
from tracelog.elastic import setup as templates
from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.connection import Connection
from tracelog.elastic.setup import APPLIED, BY_HAND, CREATED, IN_USE, REMOVED, ROLLED_OVER, UPDATED, Step
from tracelog.errors import DestinationError, InvalidSetting

_STYLES: Mapping[str, tuple[str, str]] = {
    CREATED: ("✓", "green"),
    UPDATED: ("✓", "green"),
    REMOVED: ("✓", "green"),
    ROLLED_OVER: ("✓", "green"),
    APPLIED: ("✓", "green"),
    BY_HAND: ("→", "yellow"),
    IN_USE: ("!", "red"),
}
_QUIET = ("·", "dim")


def _retention(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Accept a time as Elasticsearch writes it."""
    if value and not re.fullmatch(r"[1-9]\d*[dhms]", value):
        raise click.BadParameter("give a number with d, h, m or s, like 30d")
    return value


@click.command()
@click.option("--elasticsearch", "url", envvar="TRACELOG_EXPORT", metavar="URL", help="Where it is: https://host:9200.")
@click.option("--api-key", envvar="TRACELOG_API_KEY", default="", metavar="KEY", help="API key, encoded or id:key.")
@click.option("--username", envvar="TRACELOG_USERNAME", default="", help="User, where no API key is used.")
@click.option("--password", envvar="TRACELOG_PASSWORD", default="", help="That user's password.")
@click.option("--ca-certs", envvar="TRACELOG_CA_CERTS", default="", metavar="FILE", help="PEM file of the authority.")
@click.option("--namespace", envvar="TRACELOG_NAMESPACE", default="default", show_default=True, help="Of the streams.")
@click.option(
    "--retention", default="", callback=_retention, help="How long documents are kept: 30d, or as set before."
)
@click.option("--dry-run", is_flag=True, help="Print the requests that would be made; change nothing.")
@click.option("--remove", is_flag=True, help="Remove tracelog's templates; stored documents stay.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def setup(url: str | None, retention: str, dry_run: bool, remove: bool, as_json: bool, **access: str) -> None:
    """
    Bring tracelog's index templates into Elasticsearch.

    Run it once, and again after an upgrade; it changes only what differs, and nothing that is not tracelog's. What is
    not given is taken from TRACELOG_EXPORT, TRACELOG_API_KEY and so on.
    """
    try:
        address = ElasticAddress(nodes=_nodes(url), **access)
        connection = Connection(address)
    except InvalidSetting as error:
        raise click.UsageError(str(error)) from None
    try:
        steps = _steps(connection, retention, dry_run=dry_run, remove=remove)
    except DestinationError as error:
        raise click.ClickException(str(error)) from None
    finally:
        connection.close()
    if as_json:
        click.echo(json.dumps({"elasticsearch": str(address), "dryRun": dry_run, "steps": [_plain(s) for s in steps]}))
    elif dry_run:
        _print_requests(steps)
    else:
        _print_steps(steps, address)
    if any(step.status == IN_USE for step in steps):
        raise click.exceptions.Exit(1)


def _nodes(url: str | None) -> tuple[str, ...]:
    """Read the URL of an Elasticsearch; any other destination needs no set-up."""
    if not url:
        raise click.UsageError("give --elasticsearch URL, or set TRACELOG_EXPORT")
    place = destination(url, "--elasticsearch")
    if place.kind != "elasticsearch":
        raise click.UsageError(f"{place} needs no set-up: give --elasticsearch URL for one that does")
    return place.nodes


def _steps(connection: Connection, retention: str, *, dry_run: bool, remove: bool) -> list[Step]:
    """Do what was asked, or only find out what that would be."""
    if remove:
        return templates.removal(connection) if dry_run else templates.remove(connection)
    return templates.planned(connection, retention) if dry_run else templates.install(connection, retention)


def _plain(step: Step) -> dict[str, Any]:
    """Write a step as JSON's own types."""
    requests = [request._asdict() for request in step.requests]
    return {"name": step.name, "status": step.status, "requests": requests, "note": step.note}


def _print_requests(steps: Iterable[Step]) -> None:
    """Print requests as Kibana's console takes them."""
    for step in steps:
        click.echo(f"# {step.name}: {'as it should be' if not step.requests else f'would be {step.status}'}")
        for request in step.requests:
            click.echo(f"{request}\n")


def _print_steps(steps: Iterable[Step], address: ElasticAddress) -> None:
    """Print what became of each object, and then what is left for a person to do."""
    console = Console(highlight=False, soft_wrap=True)
    table = Table.grid(padding=(0, 2))
    for step in steps:
        sign, style = _STYLES.get(step.status, _QUIET)
        table.add_row(Text(f"{sign} {step.status}", style), Text(step.name))
    console.print(Text(str(address), "bold"))
    console.print(table)
    for step in steps:
        if step.note:
            console.print(Text(f"\n{step.name}: {step.note}", "yellow"))
            console.print("To do it by hand, as somebody who may:" if step.requests else "", soft_wrap=True)
            for request in step.requests:
                console.print(Text(str(request)))
