"""Runs one part of the shop: ``python -m tracelog.demo shop``."""

from tracelog.demo.command import run

if __name__ == "__main__":
    run()
