"""What ``tracelog setup`` did, or would do, on the terminal and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tracelog.elastic.setup import APPLIED, BY_HAND, CREATED, IN_USE, REMOVED, ROLLED_OVER, UPDATED, Step

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

_LEFT_TO_A_PERSON = frozenset({BY_HAND, IN_USE})


class Report(NamedTuple):
    """What was done, or is to be done, at one *place* (``elasticsearch``, ``kibana``); *then* is where to look next."""

    place: str
    address: str
    steps: Sequence[Step]
    then: str = ""

    @property
    def head(self) -> str:
        """Name the server for people."""
        return f"{self.place.capitalize()} {self.address}"


def as_json(reports: Iterable[Report], *, dry_run: bool) -> str:
    """Write *reports* for programs."""
    told: dict[str, Any] = {"dryRun": dry_run}
    steps: list[dict[str, Any]] = []
    for report in reports:
        told[report.place] = report.address
        steps += [{"place": report.place, **_plain(step)} for step in report.steps]
    return json.dumps({**told, "steps": steps})


def _plain(step: Step) -> dict[str, Any]:
    """Write a step as JSON's own types."""
    requests = [request._asdict() for request in step.requests]
    return {"name": step.name, "status": step.status, "requests": requests, "note": step.note}


def print_plan(report: Report) -> None:
    """Print what would be asked, each request as Kibana's console takes it, once and after all that it is about."""
    click.echo(f"# {report.head}")
    last = {request.target: step.name for step in report.steps for request in step.requests}
    for step in report.steps:
        click.echo(f"# {step.name}: {f'would be {step.status}' if step.requests else step.status}")
        if step.note:
            click.echo(f"# {step.note}")
        for request in step.requests:
            if last[request.target] == step.name:
                click.echo(f"{request}\n")
    if not (report.steps and report.steps[-1].requests):
        click.echo()


def print_done(report: Report) -> None:
    """Print what became of each object, and then what is left for a person to do."""
    console = Console(highlight=False, soft_wrap=True)
    table = Table.grid(padding=(0, 2))
    for step in report.steps:
        sign, style = _STYLES.get(step.status, _QUIET)
        table.add_row(Text(f"{sign} {step.status}", style), Text(step.name))
    console.print(Text(report.head, "bold"))
    console.print(table)
    for step in report.steps:
        if step.note:
            _print_note(console, step)
    if report.then:
        console.print(Text(f"\n{report.then}"))
    console.print()


def _print_note(console: Console, step: Step) -> None:
    """Print what is to be known about one step, and the requests that are left to a person."""
    console.print(Text(f"\n{step.name}: {step.note}", "yellow"))
    if step.status in _LEFT_TO_A_PERSON and step.requests:
        console.print("To do it by hand, as somebody who may:")
        for request in step.requests:
            console.print(Text(str(request)))
