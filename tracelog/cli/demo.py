"""``tracelog demo``: the shop of four services, some traffic, and a look at one of its traces."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Generator
from contextlib import closing, contextmanager

import click
import requests
from click.core import ParameterSource
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tracelog.assembly.build import elastic_address
from tracelog.assembly.destination import Destination
from tracelog.assembly.settings import Settings
from tracelog.cli.places import EMBEDDED, can_search, export_option, open_search, program, settings_for
from tracelog.cli.reading import is_entry
from tracelog.cli.show import console, draw
from tracelog.cli.tree import Tree, grow
from tracelog.demo.services import running
from tracelog.demo.traffic import DECLINED, RECEIPT, SCENES, SLOW, Scene, Visit, visits
from tracelog.ecs.found import Search
from tracelog.elastic.connection import Connection
from tracelog.elastic.setup import UNCHANGED, install
from tracelog.errors import DestinationError, TracelogError

SECONDS = 5.0

#: So long a trace may take from the answer until it is found whole; Elasticsearch shows new documents each second.
ARRIVAL_SECONDS = 20.0

_POLL = 0.2
_USERINFO = re.compile(r"://[^/@|]*@")


@click.command()
@export_option
@click.option(
    "--seconds", default=SECONDS, show_default=True, type=click.FloatRange(0, 3600), help="Length of traffic."
)
@click.option("--serve", is_flag=True, help="Keep the shop running afterwards, until Ctrl-C.")
@click.pass_context
def demo(context: click.Context, export: str, seconds: float, serve: bool) -> None:
    """
    Run a small web shop, and look at one of its traces.

    Four services in processes of their own on loopback, real HTTP and gRPC between them, some customers; then the trace
    of a payment that failed, with its log lines, from where the services sent it.
    """
    settings = settings_for(export)
    out = console()
    try:
        _prepare(settings.export, settings, out)
        with running(export or EMBEDDED) as urls:
            seen = _send_traffic(out, urls["shop"], seconds)
            if can_search(settings.export):
                _look(out, settings, seen)
            else:
                out.print(
                    Text(f"\nWhat goes to {settings.export} cannot be searched, so there is nothing to show.", "yellow")
                )
            typed = context.get_parameter_source("export") is ParameterSource.COMMANDLINE
            _say_what_next(out, export if typed else "", seen, urls if serve else {})
            if serve:
                _wait_for_interrupt()
    except TracelogError as error:
        raise click.ClickException(str(error)) from None


def _prepare(place: Destination | None, settings: Settings, out: Console) -> None:
    """Bring templates into an Elasticsearch, as ``tracelog setup`` does."""
    if place is None or place.kind != "elasticsearch":
        return
    with closing(Connection(elastic_address(place, settings))) as connection:
        changed = [step for step in install(connection) if step.status != UNCHANGED]
    if changed:
        out.print(Text("Elasticsearch was set up, as `tracelog setup` does it", "dim"))


def _send_traffic(out: Console, shop: str, seconds: float) -> list[Visit]:
    """Send customers into the shop, with a bar that shows how long yet."""
    seen: list[Visit] = []
    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(),
        TextColumn("{task.fields[count]} requests"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=out, transient=True) as progress, _answering():
        task = progress.add_task("opening the shop", total=max(seconds, 0.001), count=0)
        begun = time.monotonic()
        for visit in visits(shop, seconds):
            seen.append(visit)
            progress.update(task, description=visit.scene.title, completed=time.monotonic() - begun, count=len(seen))
    out.print(_summary(seen))
    return seen


@contextmanager
def _answering() -> Generator[None, None, None]:
    """Say in a sentence that the shop has gone."""
    try:
        yield
    except requests.RequestException as error:
        raise click.ClickException(f"the shop does not answer any more: {error}") from None


def _summary(seen: list[Visit]) -> Table:
    """Say what was asked for how often, and how it was answered."""
    table = Table.grid(padding=(0, 2))
    for scene in SCENES:
        mine = [visit for visit in seen if visit.scene == scene]
        answers = sorted({visit.status for visit in mine})
        style = "" if answers == [scene.expected] else "bold red"
        table.add_row(f"{len(mine):>5}", scene.title, Text(" ".join(map(str, answers)), style))
    return table


def _last(seen: list[Visit], scene: Scene) -> str:
    """Choose the last trace of *scene*."""
    mine = [visit.trace_id for visit in seen if visit.scene == scene]
    return mine[-1]


def _look(out: Console, settings: Settings, seen: list[Visit]) -> None:
    """Draw a trace worth looking at, a payment that failed, as soon as all that was sent is there."""
    trace_id = _last(seen, DECLINED)
    named = [_last(seen, SLOW), _last(seen, RECEIPT), seen[-1].trace_id, trace_id]
    with closing(open_search(settings)) as search, out.status("waiting for the traces to arrive"):
        tree = _arrived(search, named)[trace_id]
    if not tree.nodes:
        raise click.ClickException(
            f"trace {trace_id} did not arrive within {ARRIVAL_SECONDS:.0f} seconds in {settings.export}; "
            "a service run by itself says why: python -m tracelog.demo shop"
        )
    out.print(Text("\nA payment failed. Its trace, over three services:\n", "dim"))
    draw(out, trace_id, tree)


def _arrived(search: Search, trace_ids: list[str]) -> dict[str, Tree]:
    """Wait until all that is owed is there, for as long as it may take."""
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while True:
        late = time.monotonic() > deadline
        try:
            trees = {trace_id: grow(search.trace(trace_id)) for trace_id in trace_ids}
        except DestinationError:
            # A server that is only just making room for the first records cannot search them yet.
            if late:
                raise
        else:
            if late or all(map(is_whole, trees.values())):
                return trees
        time.sleep(_POLL)


def is_whole(tree: Tree) -> bool:
    """Tell whether a trace of the shop is there with all that belongs to it."""
    if len(tree.roots) != 1 or tree.missing or tree.loose or any(node.unanswered for node in tree.nodes):
        return False
    # Each request ends with a line of its own.
    return all(node.lines for node in tree.nodes if is_entry(node.span))


def _say_what_next(out: Console, export: str, seen: list[Visit], urls: dict[str, str]) -> None:
    """Name commands that work as they stand."""
    where = f" --export {shlex.quote(_USERINFO.sub('://USER:PASSWORD@', export))}" if export else ""
    typed = program()
    tries = [(f"{typed} show {_last(seen, scene)}{where}", scene.title) for scene in (SLOW, RECEIPT)]
    tries.append((f"{typed} show{where}", "the latest traces"))
    if urls:
        tries.append((f"curl -i {urls['shop']}/products", "X-Trace-Id in the answer names its trace"))
    else:
        tries.append((f"{typed} demo --serve{where}", "keep the shop open"))
    out.print(Text("\nWhat to try next", "bold"))
    for command, meaning in tries:
        out.print(Text.assemble("  # ", meaning, style="dim"))
        out.print(Text.assemble("  ", (command, "cyan")))
    if urls:
        out.print(Text(f"\nThe shop is open at {urls['shop']}; Ctrl-C closes it.", "bold green"))


def _wait_for_interrupt() -> None:
    """Let the shop run until Ctrl-C."""
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        click.echo()
