"""``tracelog setup``: the templates that Elasticsearch needs, and the dashboards of Kibana."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from tracelog.assembly.destination import destination
from tracelog.cli.steps import Report, as_json, print_done, print_plan
from tracelog.cli.writer_key import make_key, planned_key
from tracelog.elastic import setup as templates
from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.connection import Connection
from tracelog.elastic.setup import IN_USE, Step
from tracelog.errors import DestinationError, InvalidSetting
from tracelog.kibana import setup as dashboards
from tracelog.kibana.address import DEFAULT, KibanaAddress
from tracelog.kibana.client import Client
from tracelog.kibana.objects import in_space, load


class Wanted(NamedTuple):
    """What is to be done wherever it is done."""

    space: str
    namespace: str
    retention: str
    writer_key: Path | None
    dry_run: bool
    remove: bool


def _retention(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Accept a time as Elasticsearch writes it."""
    if value and not re.fullmatch(r"[1-9]\d*[dhms]", value):
        raise click.BadParameter("give a number with d, h, m or s, like 30d")
    return value


@click.command()
@click.option("--elasticsearch", envvar="TRACELOG_EXPORT", metavar="URL", help="Where it is: https://host:9200.")
@click.option("--kibana", envvar="TRACELOG_KIBANA", metavar="URL", help="Where it is: https://host:5601.")
@click.option("--space", default=DEFAULT, show_default=True, metavar="ID", help="Kibana's space for the dashboards.")
@click.option("--api-key", envvar="TRACELOG_API_KEY", default="", metavar="KEY", help="API key, encoded or id:key.")
@click.option("--username", envvar="TRACELOG_USERNAME", default="", help="User, where no API key is used.")
@click.option("--password", envvar="TRACELOG_PASSWORD", default="", help="That user's password.")
@click.option("--ca-certs", envvar="TRACELOG_CA_CERTS", default="", metavar="FILE", help="PEM file of the authority.")
@click.option("--namespace", envvar="TRACELOG_NAMESPACE", default="default", show_default=True, help="Of the streams.")
@click.option(
    "--retention", default="", callback=_retention, help="How long documents are kept: 30d, or as set before."
)
@click.option(
    "--writer-key",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Make an API key for applications, and write it into FILE.",
)
@click.option("--dry-run", is_flag=True, help="Print the requests that would be made; change nothing.")
@click.option("--remove", is_flag=True, help="Remove templates and dashboards; stored documents stay.")
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON for programs.")
@click.pass_context
def setup(
    context: click.Context, /, *, elasticsearch: str | None, kibana: str | None, json_wanted: bool, **options: Any
) -> None:
    """
    Bring tracelog's templates into Elasticsearch, its dashboards into Kibana.

    Run it once, and again after an upgrade; it changes only what differs, and nothing that is not tracelog's. Where
    neither is named, both are taken from TRACELOG_EXPORT and TRACELOG_KIBANA.
    """
    urls = _chosen(context, {"elasticsearch": elasticsearch, "kibana": kibana})
    access = {name: options.pop(name) for name in ("api_key", "username", "password", "ca_certs")}
    reports: list[Report] = []
    tell = _untold if json_wanted else print_plan if options["dry_run"] else print_done
    with ExitStack() as opened:
        try:
            for work in _works(opened, urls, Wanted(**options), access):
                reports.append(work())
                tell(reports[-1])
        except InvalidSetting as error:
            raise click.UsageError(str(error)) from None
        except DestinationError as error:
            raise click.ClickException(str(error)) from None
    if json_wanted:
        click.echo(as_json(reports, dry_run=options["dry_run"]))
    if any(step.status == IN_USE for report in reports for step in report.steps):
        raise click.exceptions.Exit(1)


def _untold(report: Report) -> None:
    """Say nothing yet."""


def _chosen(context: click.Context, urls: Mapping[str, str | None]) -> Mapping[str, str]:
    """Choose the servers: those named on the command line, or else those of the environment."""
    named = {name for name in urls if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    chosen = {name: url for name, url in urls.items() if url and (name in named or not named)}
    if not chosen:
        raise click.UsageError(
            "give --elasticsearch URL, --kibana URL or both, or set TRACELOG_EXPORT or TRACELOG_KIBANA"
        )
    return chosen


def _works(
    opened: ExitStack, urls: Mapping[str, str], wanted: Wanted, access: Mapping[str, str]
) -> list[Callable[[], Report]]:
    """Make ready what is to be done, Elasticsearch first; raise InvalidSetting for what cannot be used."""
    _check(urls, wanted)
    works: list[Callable[[], Report]] = []
    if "elasticsearch" in urls:
        nodes = _nodes(urls["elasticsearch"])
        connection = Connection(ElasticAddress(nodes=nodes, namespace=wanted.namespace, **access))
        opened.callback(connection.close)
        works.append(partial(_elasticsearch, connection, wanted))
    if "kibana" in urls:
        client = Client(KibanaAddress(urls["kibana"].strip().rstrip("/"), wanted.space, **access))
        opened.callback(client.close)
        works.append(partial(_kibana, client, wanted))
    return works


def _check(urls: Mapping[str, str], wanted: Wanted) -> None:
    """Refuse options that would do nothing."""
    needs = (
        ("--space", "kibana", wanted.space != DEFAULT),
        ("--retention", "elasticsearch", bool(wanted.retention)),
        ("--writer-key", "elasticsearch", wanted.writer_key is not None),
    )
    for option, server, given in needs:
        if given and server not in urls:
            raise click.UsageError(f"{option} needs --{server} URL")
    if wanted.remove and wanted.writer_key is not None:
        raise click.UsageError("--remove leaves API keys alone: it goes without --writer-key")


def _nodes(url: str) -> tuple[str, ...]:
    """Read the URL of an Elasticsearch; any other destination needs no set-up."""
    place = destination(url, "--elasticsearch")
    if place.kind != "elasticsearch":
        raise click.UsageError(f"{place} needs no set-up: give --elasticsearch URL for one that does")
    return place.nodes


def _elasticsearch(connection: Connection, wanted: Wanted) -> Report:
    """Do what was asked in Elasticsearch, or only find out what that would be."""
    # What is most likely to be refused comes first.
    key = _key(connection, wanted.writer_key, dry_run=wanted.dry_run)
    if wanted.remove:
        steps = (templates.removal if wanted.dry_run else templates.remove)(connection)
    else:
        steps = (templates.planned if wanted.dry_run else templates.install)(connection, wanted.retention)
    return Report("elasticsearch", str(connection.address), [*steps, *key])


def _key(connection: Connection, path: Path | None, *, dry_run: bool) -> list[Step]:
    """Have the writer's key made if that was asked for."""
    if path is None:
        return []
    return [planned_key(path) if dry_run else make_key(connection, path)]


def _kibana(client: Client, wanted: Wanted) -> Report:
    """Do what was asked in Kibana, or only find out what that would be."""
    bundle = in_space(load(), client.address.space)
    if wanted.remove:
        steps = (dashboards.removal if wanted.dry_run else dashboards.remove)(client, bundle)
        return Report("kibana", str(client.address), steps)
    steps = (dashboards.planned if wanted.dry_run else dashboards.install)(client, bundle)
    first = next((item["id"] for item in bundle.others if item["type"] == "dashboard"), "")
    return Report("kibana", str(client.address), steps, f"Open {client.address}/app/dashboards#/view/{first}")
