"""What lies on the shelves: in a SQLite database where SQLAlchemy is installed, in memory where it is not."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol


class Goods(NamedTuple):
    """One kind of goods."""

    sku: str
    price: int
    stars: int
    pieces: int


GOODS = (
    Goods("kettle", 60, 4, 12),
    Goods("piano", 4200, 5, 2),
    Goods("samovar", 310, 3, 0),
    Goods("teapot", 25, 5, 40),
)


class Shelves(Protocol):
    """Whatever remembers the goods."""

    def all(self) -> list[Goods]:
        """List all kinds."""
        ...

    def find(self, sku: str) -> Goods | None:
        """Find one kind."""
        ...

    def put_aside(self, sku: str, pieces: int) -> None:
        """Note a reservation."""


def open_shelves() -> Shelves:
    """Open what there is."""
    opened: Any = import_module("tracelog.demo.database") if find_spec("sqlalchemy") else None
    shelves: Shelves = InMemory() if opened is None else opened.InDatabase()
    return shelves


class InMemory:
    """The shelves of a shop without a database."""

    def all(self) -> list[Goods]:
        """List all kinds."""
        return list(GOODS)

    def find(self, sku: str) -> Goods | None:
        """Find one kind."""
        return next((kind for kind in GOODS if kind.sku == sku), None)

    def put_aside(self, sku: str, pieces: int) -> None:
        """Trust that somebody will remember: the shop never runs out of what it shows."""
