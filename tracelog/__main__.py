"""Runs the command line: ``python -m tracelog``."""

from tracelog.cli import main

if __name__ == "__main__":
    main(prog_name="tracelog")
