"""Builds ``tracelog.ndjson`` from the sources: ``python -m kibana``, or ``--check`` to see whether it is built."""

from __future__ import annotations

import sys
from pathlib import Path

from kibana.columns import Json
from kibana.objects import compact, dashboard_object, links, tagged
from kibana.sources import logs, services, trace, views

BUILT = Path(__file__).with_name("tracelog.ndjson")
DASHBOARDS = (services.SERVICES, trace.TRACE, logs.LOGS)


def objects() -> list[Json]:
    """Make every saved object, what is referred to before what refers to it where that is possible."""
    made = [*views.VIEWS, *trace.SEARCHES, *logs.SEARCHES, links(DASHBOARDS)]
    return tagged([*made, *map(dashboard_object, DASHBOARDS)])


def built() -> str:
    """Write the file: an object a line."""
    return "".join(f"{compact(made)}\n" for made in objects())


def main(arguments: list[str]) -> None:
    """Build the file, or end with a sentence if it is not what the sources say."""
    if arguments == ["--check"]:
        if BUILT.read_text(encoding="utf-8") != built():
            sys.exit("kibana/tracelog.ndjson is not what its sources say: run `make dashboards`, and commit it")
    else:
        BUILT.write_text(built(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
