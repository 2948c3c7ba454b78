"""Statements of SQL, without the values in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.sql import MAX_LENGTH, statement, values, without_values

#: Letters that no template below has, beside all that quoting is made of.
SECRETS = st.text(alphabet="ZQ'\"\\ ;-/*$`()[],?\n", max_size=12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1", "SELECT ?"),
        ("SELECT 'a', 'it''s', '' FROM t1", "SELECT ?, ?, ? FROM t1"),
        ("SELECT -1.5, .5, 1e-3, 0xFF", "SELECT -?, ?, ?, ?"),
        ("SELECT N'a', x'00', U&'b', E'a\\'b', date '2026-01-01'", "SELECT ?, ?, ?, ?, date ?"),
        ("SELECT $$a'b$$, $tag$ $$ $tag$, $1, $2::INTEGER", "SELECT ?, ?, $1, $2::INTEGER"),
        ("SELECT q'[it's]', q'{a}', Q'!b!' FROM dual", "SELECT ?, ?, ? FROM dual"),
        ("SELECT :a1, %(b_2)s, @P3, ?4, %s FROM t5", "SELECT :a1, %(b_2)s, @P3, ?4, %s FROM t5"),
        ('SELECT "a 1", `b 2` FROM "t"".3"', 'SELECT "a 1", `b 2` FROM "t"".3"'),
        ("SELECT ARRAY['a', 2]", "SELECT ARRAY[?, ?]"),
        ("SELECT 1 -- for ann's sake\nFROM t", "SELECT ?  \nFROM t"),
        ("/* ann's */ SELECT /* 'b' */ 1", "SELECT   ?"),
        ("SELECT a->>'name' FROM t LIMIT 10", "SELECT a->>? FROM t LIMIT ?"),
        ("SELECT 'never closed", "SELECT ?"),
        ("", ""),
    ],
)
def test_literals_are_hidden(text, expected):
    """Texts and numbers become question marks; names and placeholders stay, comments go."""
    assert without_values(text) == expected


@pytest.mark.parametrize(
    ("dialect", "text", "expected"),
    [
        ("mysql", r"""SELECT 'a\'b', "c\"d", `e` # f""", "SELECT ?, ?, `e`"),
        ("mariadb", "SELECT \"it's\", 'b'", "SELECT ?, ?"),
        ("mssql", "SELECT [order 1], 'a' FROM [t 2]", "SELECT [order 1], ? FROM [t 2]"),
        ("sqlite", r"SELECT 'a\', 'b'", "SELECT ?, ?"),
    ],
)
def test_quotes_mean_what_the_dialect_says(dialect, text, expected):
    """A backslash escapes in MySQL alone, and brackets hold names where there are no arrays."""
    assert without_values(text, dialect) == expected


@given(SECRETS, st.sampled_from(["INSERT INTO t VALUES ({}, 7)", "SELECT a FROM t WHERE b = {} AND c = {}"]))
def test_no_text_survives_in_standard_sql(secret, template):
    """Whatever stands between quotes, doubled where they have to be, is gone."""
    quoted = "'" + secret.replace("'", "''") + "'"
    assert without_values(template.replace("{}", quoted)) == without_values(template.replace("{}", "'x'"))


@given(SECRETS, st.sampled_from(["'", '"']))
def test_no_text_survives_in_mysql(secret, quote):
    """The same, with backslashes and both kinds of quotes."""
    quoted = quote + secret.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote
    told = without_values(f"DELETE a, b = {quoted} AND c = {quoted}", "mysql")
    assert told == "DELETE a, b = ? AND c = ?"


@given(st.text(max_size=200), st.sampled_from(["", "mysql", "mssql"]))
def test_anything_can_be_read(text, dialect):
    """Text that is no SQL is shown in some way, in bounded time, and never raises."""
    told = statement(text, dialect)
    assert len(told.text) <= len(text)


@pytest.mark.parametrize(
    "text", ["'" * 40_000, "(" * 40_000, "/*" * 20_000, "$a" * 20_000, "q'" * 20_000, "`" * 40_000]
)
def test_no_text_takes_long_to_read(text):
    """A text made of beginnings is cut before it is read, and read once."""
    assert len(statement(text).text) <= MAX_LENGTH


@pytest.mark.parametrize(
    ("text", "operation", "table"),
    [
        ("select * from users", "SELECT", "users"),
        ('SELECT a FROM shop."Order" JOIN b ON 1 = 1', "SELECT", "shop.Order"),
        ("SELECT extract(year FROM made) FROM orders FOR UPDATE", "SELECT", "orders"),
        ("SELECT a FROM (SELECT b FROM c) AS d", "SELECT", ""),
        ("SELECT 1", "SELECT", ""),
        ("INSERT OR REPLACE INTO users (a) SELECT b FROM c", "INSERT", "users"),
        ("INSERT INTO a VALUES (?) ON CONFLICT DO UPDATE SET b = 1", "INSERT", "a"),
        ("UPDATE users SET a = 1", "UPDATE", "users"),
        ("DELETE FROM users WHERE a IN (SELECT b FROM c)", "DELETE", "users"),
        ("CREATE TABLE IF NOT EXISTS users (a INTEGER)", "CREATE", "users"),
        ("DROP TABLE IF EXISTS [my users]", "DROP", "my users"),
        ("WITH a AS (SELECT b FROM c) INSERT INTO d SELECT * FROM a", "INSERT", "d"),
        ("WITH RECURSIVE a(n) AS (SELECT 1) SELECT n FROM a", "SELECT", "a"),
        ("(SELECT a FROM b) UNION (SELECT c FROM d)", "SELECT", ""),
        ("/* UPDATE x */ SELECT 'FROM y'", "SELECT", ""),
        ("PRAGMA foreign_keys = 1", "PRAGMA", ""),
        ("{call me}", "", ""),
    ],
)
def test_what_a_statement_does_to_which_table(text, operation, table):
    """The operation, and the first table outside of brackets; where none is plain to see, none is named."""
    told = statement(text, "mssql" if "[" in text else "")
    assert (told.operation, told.table) == (operation, table)


def test_values_are_listed_for_those_who_must_hide_them():
    """Texts without quotes, and numbers; neither names nor comments."""
    assert values("SELECT 'ann', 7 FROM \"t\" /* 8 */ WHERE a = :b") == ["ann", "7"]
