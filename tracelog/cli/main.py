"""The group of commands; each is loaded when it is called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import NamedTuple, cast

import click


class Entry(NamedTuple):
    """Where a command is, and what is said about it before it is loaded."""

    place: str
    about: str


COMMANDS: Mapping[str, Entry] = {
    "demo": Entry("tracelog.cli.demo:demo", "Run a small web shop, and look at one of its traces."),
    "doctor": Entry(
        "tracelog.cli.doctor:doctor", "Find out why ids are missing or nothing arrives, and what to change."
    ),
    "setup": Entry("tracelog.cli.setup:setup", "Prepare Elasticsearch and Kibana: templates and dashboards."),
    "show": Entry("tracelog.cli.show:show", "Show one trace as a tree with its log lines, or list the latest."),
}


class LazyGroup(click.Group):
    """Knows its commands by name, so that help needs none of what they load."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].place.partition(":")
        return cast("click.Command", getattr(import_module(module), name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands in the help, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].about) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tracelog-elastic", prog_name="tracelog")
def main() -> None:
    """Hold one log line, see the whole chain: find traces, and set up where they go."""
