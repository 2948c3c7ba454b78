"""Build the wheel from the sdist, install it far from the checkout, and check what a user gets."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = str(ROOT / "constraints.txt")
#: What must be in the wheel besides every module; a new data file is named here.
DATA = ["tracelog/kibana/tracelog.ndjson", "tracelog/py.typed"]

IMPORT = """
import sys, importlib.resources
before = set(sys.modules)
import tracelog
where = tracelog.__file__
assert sys.prefix in where, f"imported from {where}"
assert (importlib.resources.files("tracelog") / "py.typed").is_file(), "py.typed is missing"
top = {name.partition(".")[0] for name in set(sys.modules) - before}
foreign = sorted(top - sys.stdlib_module_names - {"tracelog"})
assert not foreign, f"import tracelog loads {foreign}"
"""


def main() -> None:
    """Go the whole way, and stop at the first thing that is not as it must be."""
    with tempfile.TemporaryDirectory(prefix="tracelog-wheel-") as name:
        away = Path(name)
        wheel = build(away)
        complete(wheel)
        python = install(wheel, away)
        used(python, away)
    say("the wheel is good")


def build(away: Path) -> Path:
    """Build sdist and wheel as a release would."""
    run([sys.executable, "-m", "build", "--outdir", str(away), str(ROOT)], away)
    (wheel,) = away.glob("*.whl")
    return wheel


def complete(wheel: Path) -> None:
    """Compare what is in the wheel with the checkout."""
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("tracelog/")}
    wanted = {str(path.relative_to(ROOT)) for path in (ROOT / "tracelog").rglob("*.py")} | set(DATA)
    if missing := sorted(wanted - inside):
        sys.exit(f"not in the wheel: {', '.join(missing)}")
    if foreign := sorted(name for name in inside - wanted if name.endswith(".py")):
        sys.exit(f"in the wheel, but not in the checkout: {', '.join(foreign)}")


def install(wheel: Path, away: Path) -> str:
    """Install the wheel into an environment of its own."""
    venv.create(away / "venv", with_pip=True, symlinks=True)
    python = str(away / "venv" / "bin" / "python")
    run([python, "-m", "pip", "install", "--quiet", "--constraint", CONSTRAINTS, str(wheel)], away)
    return python


def used(python: str, away: Path) -> None:
    """Use what was installed as a user would first."""
    script = str(Path(python).parent / "tracelog")
    run([python, "-m", "pip", "check"], away)
    run([python, "-c", IMPORT], away)
    by_script = run([script, "--version"], away)
    by_module = run([python, "-m", "tracelog", "--version"], away)
    if by_script != by_module:
        sys.exit(f"tracelog says {by_script!r}, python -m tracelog says {by_module!r}")
    run([script, "demo", "--help"], away)


def run(command: list[str], away: Path) -> str:
    """Run *command* where the checkout cannot be seen; return what it prints, or end with what it says."""
    say("+ " + " ".join(command))
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COVERAGE"))}
    done = subprocess.run(  # noqa: S603 - our own commands
        command,
        cwd=away,
        env={**clean, "PIP_CONSTRAINT": CONSTRAINTS},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\nexit code {done.returncode}")
    return done.stdout


def say(sentence: str) -> None:
    """Tell what is being done."""
    print(sentence, flush=True)  # noqa: T201 - a command's own words


if __name__ == "__main__":
    main()
