"""The shelves in a SQLite database; each statement is a span, and no value of it is stored."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, select

from tracelog.demo.shelves import GOODS, Goods
from tracelog.integrations.sqlalchemy import install

_tables = MetaData()
goods = Table(
    "goods",
    _tables,
    Column("sku", String, primary_key=True),
    Column("price", Integer),
    Column("stars", Integer),
    Column("pieces", Integer),
)
reservations = Table("reservations", _tables, Column("sku", String), Column("pieces", Integer))


class InDatabase:
    """Shelves that are gone with the process; one line of it is tracelog's."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="tracelog-demo-stock-")
        self._engine = create_engine(f"sqlite:///{Path(self._folder.name) / 'stock.sqlite'}")
        install(self._engine)
        _tables.create_all(self._engine)
        with self._engine.begin() as connection:
            connection.execute(goods.insert(), [kind._asdict() for kind in GOODS])

    def all(self) -> list[Goods]:
        """List all kinds."""
        with self._engine.connect() as connection:
            return [Goods(*row) for row in connection.execute(select(goods).order_by(goods.c.sku))]

    def find(self, sku: str) -> Goods | None:
        """Find one kind."""
        with self._engine.connect() as connection:
            row = connection.execute(select(goods).where(goods.c.sku == sku)).first()
        return None if row is None else Goods(*row)

    def put_aside(self, sku: str, pieces: int) -> None:
        """Note a reservation; the shelf stays as full as it is, so that every customer finds the same."""
        with self._engine.begin() as connection:
            connection.execute(reservations.insert(), {"sku": sku, "pieces": pieces})
