"""Runs one service of the shop: ``python -m tracelog.demo shop``."""

from tracelog.demo.serving import run

if __name__ == "__main__":
    run()
