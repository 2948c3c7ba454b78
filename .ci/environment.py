"""
Make .venv whole: ``python .ci/environment.py [--this-python] run|test|lint``.

Does nothing where pyproject.toml and constraints.txt are what they were the last time. An environment that is there
is kept, whatever its Python; with ``--this-python`` it is made anew if its Python is another than the caller's.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 10)
WANTED = {
    "run": ["--editable", ".[grpc,sqlalchemy]"],
    "test": ["--editable", ".[all]", "--group", "test"],
    "lint": ["--editable", ".[all]", "--group", "test", "--group", "lint"],
}


def main(arguments: list[str]) -> None:
    """Make the environment, or find that it is there."""
    *options, purpose = arguments
    own = "{}.{}.{}".format(*sys.version_info)
    found = version_there()
    # What serves a later purpose in WANTED serves the earlier ones, too.
    stamps = [VENV / f"tracelog-{name}.stamp" for name in WANTED][: list(WANTED).index(purpose) + 1]
    if not found or ("--this-python" in options and found != own):
        make_anew(own)
    elif stamps[-1].is_file() and stamps[-1].read_text() == fingerprint():
        return
    install(WANTED[purpose])
    for stamp in stamps:
        stamp.write_text(fingerprint())


def version_there() -> str:
    """Ask the environment for its Python's version; nothing usable there answers ``""``."""
    try:
        return subprocess.check_output(  # noqa: S603 - our own path
            [str(PYTHON), "-c", "import platform; print(platform.python_version())"], text=True
        ).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def make_anew(version: str) -> None:
    """Make an empty environment of the caller's Python."""
    if sys.version_info < OLDEST:
        sys.exit(f"Python {version} is too old, tracelog needs 3.10 or later: name another, PYTHON=python3.12 make …")
    say(f"making .venv with Python {version}")
    shutil.rmtree(VENV, ignore_errors=True)
    venv.create(str(VENV), symlinks=True)


def install(what: list[str]) -> None:
    """Install *what* in the versions that constraints.txt names."""
    say("installing into .venv (the first time takes a minute or two)")
    constraints = str(ROOT / "constraints.txt")
    call("ensurepip", "--upgrade", quiet=True)
    # pip reads dependency groups since 25.1, and what Python brings along is older.
    call("pip", "install", "--quiet", "--constraint", constraints, "pip")
    call("pip", "install", "--quiet", "--constraint", constraints, "--build-constraint", constraints, *what)


def call(module: str, *arguments: str, quiet: bool = False) -> None:
    """Run a module of the environment, and end with its exit code if it fails."""
    out = subprocess.DEVNULL if quiet else None
    code = subprocess.call([str(PYTHON), "-m", module, *arguments], cwd=str(ROOT), stdout=out)  # noqa: S603 - as above
    if code:
        sys.exit(code)


def fingerprint() -> str:
    """Sum up the files that say what belongs into the environment."""
    content = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    return hashlib.sha256(content).hexdigest()


def say(sentence: str) -> None:
    """Tell the person what takes the time."""
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201 - a command's own words


if __name__ == "__main__":
    main(sys.argv[1:])
