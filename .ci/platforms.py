"""
Run the tests on every Python that is found here, and on the oldest and newest packages: ``python .ci/platforms.py``.

Each environment is made anew in a temporary directory. The unit and contract tests run on each Python with the packages
that constraints.txt names; on the oldest one again with the oldest packages that pyproject.toml allows, on the newest
one with the newest there are; with ``--whole`` the tests that use Flask, structlog and Elasticsearch run there as well.
Last comes what a user gets: the default install alone. Ends with a table, and with 1 if anything failed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
#: Environments that are made and tested at the same time; those that start an Elasticsearch go one by one.
AT_ONCE = 2
MINUTES_EACH = 5

PROBE = "import ssl, venv, platform; print(platform.python_version())"
PINNED = ("--constraint", "constraints.txt")
#: Flask's own lower bound leaves pip the newest Werkzeug, which Flask 2.3 was not written for.
BESIDE_THE_OLDEST = ("werkzeug<3",)

PURE = ("tests/unit", "tests/contracts", "--ignore=tests/contracts/test_elastic.py")
WHOLE = (
    "tests/unit",
    "tests/contracts",
    "tests/elastic/test_setting_up.py",
    "tests/integration/test_flask.py",
    "tests/integration/test_logging.py",
    "tests/integration/test_logging_configure.py",
    "tests/integration/test_logging_served.py",
    "tests/integration/test_requests.py",
    "tests/integration/test_urllib3.py",
    "tests/integration/test_httpx.py",
    "tests/integration/test_http_clients_together.py",
    "tests/integration/test_sqlalchemy.py",
)

#: Modules of the package that promise nothing without a further package: pytest, or an extra.
NEEDS_MORE = (
    "tracelog.testing",
    "tracelog.demo.database",
    "tracelog.demo.stock_rpc",
    "tracelog.integrations.celery",
    "tracelog.integrations.grpc",
    "tracelog.integrations.grpc.aio_client",
    "tracelog.integrations.grpc.aio_server",
    "tracelog.integrations.grpc.calls",
    "tracelog.integrations.grpc.client",
    "tracelog.integrations.grpc.server",
    "tracelog.integrations.grpc_aio",
    "tracelog.integrations.httpx",
    "tracelog.integrations.sqlalchemy",
)
IMPORT_ALL = f"""
import importlib, pkgutil, tracelog
found = [module.name for module in pkgutil.walk_packages(tracelog.__path__, "tracelog.")]
for name in found:
    if not name.endswith("__main__") and name not in {NEEDS_MORE!r}:
        importlib.import_module(name)
print(len(found), "modules from", tracelog.__file__)
"""


class FailedError(Exception):
    """A command did not do what it should; the text is what it said."""


@dataclass(frozen=True)
class Interpreter:
    """A Python that works."""

    path: str
    version: str


@dataclass(frozen=True)
class Row:
    """One environment: its Python, what is installed there, and what shows that it works."""

    python: Interpreter
    packages: str
    what: tuple[str, ...]
    check: Callable[[str, Path], str]


@dataclass(frozen=True)
class Result:
    """How one environment fared; *said* ends with the line that tells, after a failure all comes before it."""

    row: Row
    good: bool
    seconds: float
    said: str

    def cells(self) -> tuple[str, ...]:
        """Write it as a row of the table."""
        good = "ok" if self.good else "FAILED"
        last = self.said.splitlines()[-1]
        return (self.row.python.version, self.row.packages, good, f"{self.seconds:.0f}", last)


def main() -> None:
    """Find the interpreters, run all rows, and show the table."""
    pythons = {version: found(version) for version in versions((ROOT / "pyproject.toml").read_text())}
    there = [python for python in pythons.values() if python is not None]
    if not there:
        sys.exit(f"found no Python of {', '.join(pythons)} that can import ssl and venv")
    tests = WHOLE if "--whole" in sys.argv[1:] else PURE
    results = [*at_once(light(there)), *map(tried, heavy(there, tests))]
    failures = [result for result in results if not result.good]
    for result in failures:
        say(f"\n=== {result.row.python.version}, {result.row.packages}\n{result.said}")
    say("\n" + table(results, [version for version, python in pythons.items() if python is None]))
    sys.exit(1 if failures else 0)


def versions(pyproject: str) -> list[str]:
    """Name the versions of Python that the package says it works on."""
    return re.findall(r'"Programming Language :: Python :: (3\.\d+)"', pyproject)


def found(version: str) -> Interpreter | None:
    """Find a Python of *version* that runs; a shim on PATH may stand for one that is not there."""
    for path in candidates(version):
        try:
            done = subprocess.run(  # noqa: S603 - what is on PATH under Python's own name
                [path, "-c", PROBE], capture_output=True, text=True, timeout=30, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0 and done.stdout.startswith(f"{version}."):
            return Interpreter(path, done.stdout.strip())
    return None


def candidates(version: str) -> Iterator[str]:
    """Name the places where a Python of *version* may be."""
    if on_path := shutil.which(f"python{version}"):
        yield on_path
    yield from (str(path) for path in sorted(PYENV.glob(f"{version}.*/bin/python"), reverse=True))


def light(pythons: list[Interpreter]) -> list[Row]:
    """List what needs no Elasticsearch: each Python with the pinned packages, and the default install."""
    tests = pytest(PURE)
    rows = [Row(python, "pinned", (".[all]", "--group", "test", *PINNED), tests) for python in pythons]
    return [*rows, Row(pythons[-1], "default install", (".",), as_a_user)]


def heavy(pythons: list[Interpreter], what: tuple[str, ...]) -> list[Row]:
    """List the two ends: the oldest packages on the oldest Python, the newest ones on the newest."""
    group, tests = (".[all]", "--group", "test"), pytest(what)
    oldest = (*group, *lower_bounds((ROOT / "pyproject.toml").read_text()), *BESIDE_THE_OLDEST)
    return [Row(pythons[0], "oldest", oldest, tests), Row(pythons[-1], "newest", (*group, "--upgrade"), tests)]


def lower_bounds(pyproject: str) -> tuple[str, ...]:
    """Name the oldest version of each package that the default install brings."""
    block = pyproject.partition("\ndependencies = [")[2].partition("\n]")[0]
    return tuple(f"{name}=={version}" for name, version in re.findall(r'"([\w.-]+)>=([\d.]+)', block))


def at_once(rows: list[Row]) -> list[Result]:
    """Run *rows*, some of them at the same time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(tried, rows))


def tried(row: Row) -> Result:
    """Make the environment of *row* and see whether it works."""
    begun = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="tracelog-platform-") as name:
            said, good = made_and_checked(row, Path(name)), True
    except FailedError as error:
        said, good = str(error), False
    result = Result(row, good, time.monotonic() - begun, said)
    say(f"{'ok    ' if good else 'FAILED'} {row.python.version} {row.packages}: {said.splitlines()[-1]}")
    return result


def made_and_checked(row: Row, away: Path) -> str:
    """Make the environment of *row* in *away*; return what its check says last."""
    run([row.python.path, "-m", "venv", str(away / "venv")], ROOT)
    python = str(away / "venv" / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # pip reads dependency groups since 25.1, and what Python brings along is older.
    run([*install, *PINNED, "pip"], ROOT)
    run([*install, *row.what], ROOT)
    return row.check(python, away)


def pytest(tests: tuple[str, ...]) -> Callable[[str, Path], str]:
    """Make a check that runs *tests* and leaves nothing in the checkout."""

    def check(python: str, away: Path) -> str:
        options = ("-q", "-m", "not slow", "-p", "no:cacheprovider", f"--basetemp={away / 'tests'}")
        # CI makes Hypothesis try the same examples everywhere, and never fail for being slow on a busy machine.
        told = {"CI": "true", "HYPOTHESIS_STORAGE_DIRECTORY": str(away)}
        said = run([python, "-m", "pytest", *options, *tests], ROOT, **told)
        return said.strip().splitlines()[-1]

    return check


def as_a_user(python: str, away: Path) -> str:
    """Import all that the default install promises, and ask the command for help, far from the checkout."""
    run([python, "-m", "pip", "check"], away)
    imported = run([python, "-c", IMPORT_ALL], away).strip()
    if str(ROOT) in imported:
        raise FailedError(f"this is the checkout: {imported}")
    script = str(Path(python).parent / "tracelog")
    commands = re.findall(r"^  ([a-z]+) {2,}", run([script, "--help"], away), re.MULTILINE)
    for command in commands:
        run([script, command, "--help"], away)
    return f"{imported.partition(' from ')[0]}, commands {', '.join(commands)}"


def run(command: list[str], where: Path, **told: str) -> str:
    """Run *command*, or raise FailedError with what it says."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COVERAGE", "VIRTUAL_ENV"))
    }
    environment = {**kept, "PYTHONDONTWRITEBYTECODE": "1", **told}
    try:
        done = subprocess.run(  # noqa: S603 - our own commands
            command,
            cwd=where,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60 * MINUTES_EACH,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise FailedError(f"took longer than {MINUTES_EACH} minutes: {' '.join(command)}") from error
    if done.returncode:
        raise FailedError(f"exit code {done.returncode} of {' '.join(command)}\n{done.stdout.strip()}")
    return done.stdout


def table(results: list[Result], missing: list[str]) -> str:
    """Write the results down, a row for each environment, and what could not be tried."""
    rows = [("python", "packages", "", "seconds", ""), *(result.cells() for result in results)]
    rows += [(version, "", "not found", "", "") for version in missing]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


def say(sentence: str) -> None:
    """Tell what is going on."""
    print(sentence, flush=True)  # noqa: T201 - a command's own words


if __name__ == "__main__":
    main()
