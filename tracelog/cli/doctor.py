"""``tracelog doctor``: why ids are missing, and why nothing arrives."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tracelog.assembly.destination import destination
from tracelog.assembly.settings import Settings, read_settings
from tracelog.doctor import FAULT, Finding, Report, examine, examine_application
from tracelog.doctor.loading import Spec, read_spec
from tracelog.errors import InvalidSetting

_OPTION = "--export"
_LABELS = 12


def _spec(context: click.Context, parameter: click.Parameter, value: str | None) -> Spec | None:
    """Read where the application is."""
    try:
        return None if value is None else read_spec(value)
    except ValueError:
        raise click.BadParameter("give it as module:app, or 'module:create_app()'") from None


@click.command()
@click.option(
    "--app", callback=_spec, metavar="MODULE:APP", help="Application to look at: shop:app, 'shop:create_app()'."
)
@click.option("--probe", metavar="PATH", default="", help="Send the application one GET request, as in /orders/17.")
@click.option(
    "--export", metavar="URL", help="Destination to look at. [default: the application's, or TRACELOG_EXPORT]"
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def doctor(app: Spec | None, probe: str, export: str | None, as_json: bool) -> None:
    """
    Find out why ids are missing or nothing arrives, and say which line to change.

    Without --app only the destination is looked at. With it the application is imported here, in the environment of
    this command. Ends with 1 if something is at fault.
    """
    if probe and app is None:
        raise click.UsageError("--probe needs --app")
    if probe and not probe.startswith("/"):
        raise click.UsageError("--probe takes a path, as in /orders/17")
    report = _examined(app, probe, _given(export))
    if as_json:
        click.echo(orjson.dumps(report.plain(), option=orjson.OPT_INDENT_2).decode())
    else:
        _print(Console(highlight=False, emoji=False, markup=False), report)
    sys.exit(0 if report.well else 1)


def _given(export: str | None) -> Settings | None:
    """Read the settings for ``--export``; credentials come from the environment."""
    try:
        return None if export is None else read_settings({"export": destination(export.strip(), _OPTION)})
    except InvalidSetting as error:
        raise click.UsageError(str(error)) from None


def _examined(app: Spec | None, path: str, settings: Settings | None) -> Report:
    if app is not None:
        return examine_application(app, Path.cwd(), path=path, settings=settings)
    return examine(settings)


def _print(out: Console, report: Report) -> None:
    """Print what was looked at, and then each finding with what to do about it."""
    looked = Table.grid(padding=(0, 2))
    looked.add_column(min_width=_LABELS)
    looked.add_column(overflow="fold")
    for at, told in report.looked:
        looked.add_row(Text(at, "dim"), Text(told))
    out.print(looked)
    for finding in report.findings:
        out.print()
        _print_finding(out, finding)
    out.print()
    out.print(_verdict(report))


def _print_finding(out: Console, finding: Finding) -> None:
    fault = finding.kind == FAULT
    sign = ("x" if fault else "!") if out.options.ascii_only else ("✗" if fault else "·")
    head = Table.grid(padding=(0, 1))
    head.add_row(Text(sign, "bold red" if fault else "yellow"), Text(finding.what, "bold"))
    rows = Table.grid(padding=(0, 2))
    rows.add_column(min_width=_LABELS - 2)
    # What is to be typed must not be cut.
    rows.add_column(overflow="fold")
    for label, told in (("because", finding.why), ("change", finding.change), ("where", finding.where)):
        if told:
            rows.add_row(Text(label, "dim"), Text(told, "green" if label == "change" else ""))
    rows.add_row(Text("called", "dim"), Text(finding.name, "dim"))
    out.print(head)
    out.print(Padding(rows, (0, 0, 0, 2)))


def _verdict(report: Report) -> Text:
    faults = sum(finding.kind == FAULT for finding in report.findings)
    notes = len(report.findings) - faults
    noted = f" and {_counted(notes, 'note')}" if notes else ""
    if faults:
        return Text(f"{_counted(faults, 'fault')}{noted}", "bold red")
    return Text(f"all is well{', with ' + _counted(notes, 'note') if notes else ''}", "bold green")


def _counted(number: int, name: str) -> str:
    """
    Write a number with its noun.

    >>> _counted(1, "fault"), _counted(2, "note")
    ('1 fault', '2 notes')
    """
    return f"{number} {name}{'' if number == 1 else 's'}"
