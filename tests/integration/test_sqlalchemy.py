"""Statements that SQLAlchemy sends, to SQLite in memory and in files."""

from __future__ import annotations

import asyncio
import gc
import threading
from contextlib import contextmanager

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, event, exc, select, text
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool

import tracelog
from tracelog.cleaning import Cleaner
from tracelog.ecs.span import span_document
from tracelog.integrations.sqlalchemy import install, uninstall
from tracelog.record import Kind, Status

USERS = Table("users", MetaData(), Column("id", Integer, primary_key=True), Column("mail", String, unique=True))


class Base(DeclarativeBase):
    """Where models are declared."""


class Order(Base):
    """A row of a model."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str]


def made(url="sqlite://", **options):
    """Make an engine whose tables are there, before anything is traced."""
    if url == "sqlite://":
        options = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}, **options}
    engine = create_engine(url, **options)
    USERS.metadata.create_all(engine)
    Base.metadata.create_all(engine)
    return engine


@pytest.fixture
def engine():
    """Make an engine that is traced, and the only one."""
    one = made()
    install(one)
    yield one
    one.dispose()


@pytest.fixture
def everywhere():
    """Trace every engine of the process."""
    install()
    yield
    uninstall()


@contextmanager
def work(recorder):
    """Open a span; afterwards it and all that it forked have finished, once each."""
    recorder.clear()
    with tracelog.span("work") as parent:
        yield parent
    gc.collect()
    finished = [span.span_id for span in recorder.spans]
    assert len(finished) == len(set(finished)) == 1 + parent.children


def statements(recorder):
    """Return the spans of statements, in their order."""
    return [span for span in recorder.spans if span.kind is Kind.CLIENT]


def test_a_statement_is_a_client_span(engine, tracelog_recorder):
    """The span says what was asked of which database, and none of the values."""
    with work(tracelog_recorder) as parent, engine.connect() as connection:
        connection.execute(select(USERS).where(USERS.c.mail == "ann@shop.test").limit(7)).all()
    (call,) = statements(tracelog_recorder)
    assert (call.operation, call.kind, call.parent_id) == ("SELECT users", Kind.CLIENT, parent.span_id)
    assert " ".join(call.attributes.pop("db.query.text").split()) == (
        "SELECT users.id, users.mail FROM users WHERE users.mail = ? LIMIT ? OFFSET ?"
    )
    assert call.attributes == {
        "db.system.name": "sqlite",
        "db.operation.name": "SELECT",
        "db.collection.name": "users",
    }
    assert (call.status, call.calls) == (Status.SUCCESS, 0)


def test_a_file_is_named_without_its_folders(tmp_path, tracelog_recorder):
    """A database in a file is told by the file's name, and with it statements that name no table."""
    engine = made(f"sqlite:///{tmp_path}/shop.db")
    install(engine)
    with work(tracelog_recorder), engine.connect() as connection:
        connection.execute(text("SELECT 1")).all()
    engine.dispose()
    (call,) = statements(tracelog_recorder)
    assert (call.operation, call.attributes["db.namespace"]) == ("SELECT shop.db", "shop.db")
    assert str(tmp_path) not in repr(call)


def test_literals_in_a_text_are_hidden(engine, tracelog_recorder):
    """What an application wrote into a statement itself is hidden as well."""
    with work(tracelog_recorder), engine.connect() as connection:
        connection.execute(text("SELECT id FROM users WHERE mail = 'ann@shop.test' AND id > 4711")).all()
    (call,) = statements(tracelog_recorder)
    assert call.attributes["db.query.text"] == "SELECT id FROM users WHERE mail = ? AND id > ?"


def test_rows_that_were_changed_are_counted(engine, tracelog_recorder):
    """One set of parameters or many: the span says how many rows it touched, and how many sets there were."""
    with work(tracelog_recorder), engine.begin() as connection:
        connection.execute(USERS.insert(), [{"mail": f"{number}@shop.test"} for number in range(5)])
        connection.execute(USERS.update().where(USERS.c.id > 2).values(mail=None))
        connection.execute(USERS.delete().where(USERS.c.id == 99))
    told = [
        (call.attributes["db.response.affected_rows"], call.attributes.get("db.operation.batch.size"))
        for call in statements(tracelog_recorder)
    ]
    assert told == [(5, 5), (3, None), (0, None)]


def test_a_statement_with_many_rows_is_a_span_per_batch(engine, tracelog_recorder):
    """What SQLAlchemy cuts into several statements is several spans; a count that is not known yet is not told."""
    rows = [{"mail": f"{number}@shop.test"} for number in range(25)]
    with work(tracelog_recorder), engine.begin() as connection:
        paged = connection.execution_options(insertmanyvalues_page_size=10)
        assert len(paged.execute(USERS.insert().returning(USERS.c.id), rows).all()) == 25
    calls = statements(tracelog_recorder)
    assert [call.operation for call in calls] == ["INSERT users"] * 3
    assert all("db.response.returned_rows" not in call.attributes for call in calls)
    assert "@shop.test" not in repr(tracelog_recorder.spans)


def test_a_session_is_traced(engine, tracelog_recorder):
    """What a session flushes, loads and refreshes is a span per statement."""
    with work(tracelog_recorder), Session(engine) as session:
        session.add_all([Order(item="tea"), Order(item="cups")])
        session.commit()
        assert session.get(Order, 1).item == "tea"
        assert len(session.scalars(select(Order)).all()) == 2
    operations = [call.operation for call in statements(tracelog_recorder)]
    assert operations[-2:] == ["SELECT orders", "SELECT orders"]
    assert set(operations[:-2]) == {"INSERT orders"}


def test_autocommit_and_transactions_are_alike(engine, tracelog_recorder):
    """A statement is a span whatever surrounds it, a savepoint too; beginning and committing are none."""
    with work(tracelog_recorder), engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("SELECT 1"))
    with engine.connect() as connection, tracelog.span("more"), connection.begin(), connection.begin_nested():
        connection.execute(text("SELECT 2"))
    assert [call.operation for call in statements(tracelog_recorder)] == ["SELECT", "SAVEPOINT", "SELECT", "RELEASE"]


def test_a_stream_of_rows_ends_its_span_before_it_is_read(engine, tracelog_recorder):
    """Rows are fetched by whoever wants them, when they want them."""
    with engine.begin() as connection:
        connection.execute(USERS.insert(), [{"mail": f"{number}@shop.test"} for number in range(50)])
    with work(tracelog_recorder), engine.connect() as connection:
        result = connection.execution_options(stream_results=True, yield_per=10).execute(select(USERS))
        assert len(statements(tracelog_recorder)) == 1
        assert sum(len(part) for part in result.partitions()) == 50


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (USERS.insert().values(mail="ann@shop.test"), exc.IntegrityError, "UNIQUE constraint failed: users.mail"),
        (text("SELECT 'hunter2' FRM users"), exc.OperationalError, 'near "users": syntax error'),
        (text("SELECT :a").bindparams(a=object()), (exc.ProgrammingError, exc.InterfaceError), None),
        (text("SELECT :a").bindparams(a=1 << 70), OverflowError, "Python int too large to convert to SQLite INTEGER"),
    ],
    ids=["constraint", "syntax", "parameter", "not of the driver"],
)
def test_a_failure_passes_on_and_is_noted(bad, error, message, engine, tracelog_recorder):
    """A statement that fails says why, without what it was given; the caller gets what they always got."""
    with engine.begin() as connection:
        connection.execute(USERS.insert(), {"mail": "ann@shop.test"})
    with work(tracelog_recorder), engine.connect() as connection, pytest.raises(error) as caught:
        connection.execute(bad)
    (call,) = statements(tracelog_recorder)
    kind = type(caught.value)
    assert call.status is Status.FAILURE
    assert call.attributes["error.type"] in (f"{kind.__module__}.{kind.__qualname__}", kind.__qualname__)
    assert message in (None, call.attributes["error.message"])
    assert "ann@shop.test" not in repr(call)
    assert "hunter2" not in repr(call)
    assert call.failure is None


def test_many_sets_of_parameters_fail_once(engine, tracelog_recorder):
    """An ``executemany`` that breaks in the middle is one failed span, which quotes none of the sets."""
    rows = [{"mail": f"{number % 1500}@shop.test"} for number in range(2000)]
    with work(tracelog_recorder), pytest.raises(exc.IntegrityError), engine.begin() as connection:
        connection.execute(USERS.insert(), rows)
    (call,) = statements(tracelog_recorder)
    assert (call.status, call.attributes["db.operation.batch.size"]) == (Status.FAILURE, 2000)
    assert "error.message" not in call.attributes
    assert "@shop.test" not in repr(call)


def test_what_a_driver_quotes_is_hidden(engine, tracelog_recorder):
    """A message that repeats what it was given, in whatever quotes, and goes into detail, is shown without both."""

    @event.listens_for(engine, "do_execute")
    def refuse(cursor, statement, parameters, context):
        raise ValueError(f'bad "{parameters[0]}", "swordfish" for key \'k-1\' of 12\nDETAIL: Key (mail)=(x) exists')

    with work(tracelog_recorder), pytest.raises(ValueError, match="hunter2"), engine.connect() as connection:
        connection.execute(text("SELECT :a, 'swordfish'"), {"a": "hunter2"})
    (call,) = statements(tracelog_recorder)
    assert call.attributes["error.message"] == 'bad "?", "?" for key ? of 12'


def test_the_exception_of_a_caller_is_stored_without_parameters(engine, tracelog_recorder):
    """Spans further out keep SQLAlchemy's text, from which what was given is taken before it is stored."""
    row = {"mail": "ann@shop.test"}
    with engine.begin() as connection:
        connection.execute(USERS.insert(), row)
    with pytest.raises(exc.IntegrityError), work(tracelog_recorder), engine.begin() as connection:
        connection.execute(USERS.insert(), row)
    outer = tracelog_recorder.spans[-1]
    document = span_document(Cleaner().span(outer))
    assert document["error.type"] == "sqlalchemy.exc.IntegrityError"
    assert "UNIQUE constraint failed" in document["error.message"]
    assert "ann@shop.test" not in repr(document)


def test_a_listener_that_raises_leaves_no_span_open(engine, tracelog_recorder):
    """What stops a statement on its way to the driver ends its span as failed."""

    @event.listens_for(engine, "before_cursor_execute")
    def refuse(*args):
        raise LookupError("not today")

    with work(tracelog_recorder), pytest.raises(LookupError), engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert [call.status for call in statements(tracelog_recorder)] == [Status.FAILURE]


def test_an_error_that_is_kept_from_listeners_leaves_no_span_open(engine, tracelog_recorder):
    """SQLAlchemy's own probing tells nobody of its failures; the span fails all the same."""
    with work(tracelog_recorder), engine.connect() as connection:
        probing = connection.execution_options(skip_user_error_events=True)
        with pytest.raises(exc.OperationalError):
            probing.execute(text("SELECT nothing"))
    (call,) = statements(tracelog_recorder)
    assert (call.status, call.attributes["error.type"]) == (Status.FAILURE, "_OTHER")


def test_an_interrupt_ends_the_span(engine, tracelog_recorder):
    """What is no error of a program, such as Ctrl-C in the driver, passes on and fails the span."""

    @event.listens_for(engine, "do_execute")
    def interrupt(*args):
        raise KeyboardInterrupt

    with work(tracelog_recorder), pytest.raises(KeyboardInterrupt), engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert [call.attributes["error.type"] for call in statements(tracelog_recorder)] == ["KeyboardInterrupt"]


def test_without_an_active_span_nothing_is_recorded(engine, tracelog_recorder):
    """Outside of a trace there is no span, whether a statement goes well or not."""
    with engine.begin() as connection:
        connection.execute(USERS.insert(), {"mail": "ann@shop.test"})
        with pytest.raises(exc.OperationalError):
            connection.execute(text("SELECT nothing"))
    assert tracelog_recorder.spans == []


def test_an_engine_inside_of_another_is_told_apart(engine, tmp_path, tracelog_recorder):
    """A listener that writes to a database of its own is a sibling, and both spans end."""
    audit = made(f"sqlite:///{tmp_path}/audit.db")
    install(audit)

    @event.listens_for(engine, "before_cursor_execute")
    def note(*args):
        with audit.begin() as connection:
            connection.execute(USERS.insert(), {"mail": "somebody"})

    with work(tracelog_recorder) as parent, engine.connect() as connection:
        connection.execute(select(USERS))
    audit.dispose()
    calls = statements(tracelog_recorder)
    assert [call.operation for call in calls] == ["INSERT users", "SELECT users"]
    assert {call.parent_id for call in calls} == {parent.span_id}
    assert calls[0].attributes["db.namespace"] == "audit.db"


def test_threads_have_their_own_parents(tmp_path, tracelog_recorder):
    """Threads that share an engine see their statements under their own spans, and none is lost."""
    engine = made(f"sqlite:///{tmp_path}/shop.db")
    install(engine)

    def worker(number):
        with tracelog.span(f"worker {number}"), engine.connect() as connection:
            for _ in range(20):
                connection.execute(text("SELECT id FROM users")).all()

    threads = [threading.Thread(target=worker, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.dispose()
    parents = [span.span_id for span in tracelog_recorder.spans if span.kind is Kind.INTERNAL]
    children = [call.parent_id for call in statements(tracelog_recorder)]
    assert sorted(children) == sorted(parents * 20)


def test_installed_everywhere_traces_engines_of_any_age(everywhere, tracelog_recorder):
    """Engines made before and after are traced, once, however often it is installed."""
    early = create_engine("sqlite://")
    install()
    install(early)
    install(early)
    for one in (early, create_engine("sqlite://")):
        with work(tracelog_recorder), one.connect() as connection:
            connection.execute(text("SELECT 1"))
        one.dispose()
        assert len(statements(tracelog_recorder)) == 1


def test_options_of_an_engine_change_nothing(engine, tracelog_recorder):
    """An engine that ``execution_options`` makes of another is traced like it, once."""
    with work(tracelog_recorder), engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("SELECT 1"))
    assert len(statements(tracelog_recorder)) == 1


def test_engines_that_come_and_go_are_all_traced(tracelog_recorder):
    """An engine in the place in memory of one that is gone is traced like the first, its failures included."""
    kept = []
    for _ in range(100):
        engine = create_engine("sqlite://")
        install(engine)
        with tracelog.span("work"), engine.connect() as connection, pytest.raises(exc.OperationalError):
            connection.execute(text("SELECT nothing"))
        engine.dispose()
        # An exception that somebody holds keeps the dialect, which is who knows of failures.
        kept.append(engine.dialect)
        del engine, connection
        gc.collect()
    told = {call.attributes["error.type"] for call in statements(tracelog_recorder)}
    assert (len(statements(tracelog_recorder)), told) == (100, {"sqlalchemy.exc.OperationalError"})


def test_uninstall_puts_back_what_was_there(engine, tracelog_recorder):
    """Afterwards no statement is traced, failing or not, and a second time does no harm."""
    for undo in (None, engine):
        install(undo)
        uninstall(undo)
        uninstall(undo)
    with work(tracelog_recorder), engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        with pytest.raises(exc.OperationalError):
            connection.execute(text("SELECT nothing"))
    assert statements(tracelog_recorder) == []


def test_an_asynchronous_engine_is_traced(tmp_path, tracelog_recorder):
    """The engine behind an asynchronous one is what is traced, under the task's own span."""
    pytest.importorskip("aiosqlite", reason="the asynchronous driver of SQLite is not installed")
    asynchronous = pytest.importorskip("sqlalchemy.ext.asyncio")

    async def main():
        engine = asynchronous.create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/shop.db")
        install(engine)
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            with pytest.raises(exc.OperationalError):
                await connection.execute(text("SELECT nothing"))
        await engine.dispose()
        assert tracelog.current().operation == "work"

    with work(tracelog_recorder):
        asyncio.run(main())
    calls = statements(tracelog_recorder)
    assert [call.status for call in calls] == [Status.SUCCESS, Status.FAILURE]
    assert [call.attributes["db.system.name"] for call in calls] == ["sqlite", "sqlite"]


def test_the_document_says_that_it_is_a_database(engine, tracelog_recorder):
    """Kibana's APM pages see a call to a database, of its kind, with a name for the other end."""
    with work(tracelog_recorder), engine.connect() as connection:
        connection.execute(select(USERS))
    document = span_document(statements(tracelog_recorder)[0])
    assert (document["span.type"], document["span.subtype"]) == ("db", "sqlite")
    assert document["span.destination.service.resource"] == "sqlite"
    assert document["span.name"] == "SELECT users"


class Elsewhere(SQLiteDialect_pysqlite):
    """A dialect of somebody else's, with a server and a name that the conventions know otherwise."""

    name = "mssql"
    supports_statement_cache = True

    def create_connect_args(self, url):
        """Connect to memory, whatever the URL says."""
        return (":memory:",), {}


def test_a_server_is_named(tracelog_recorder):
    """A database that is somewhere else is told by its address, and by the conventions' own name for it."""
    registry.impls["elsewhere"] = lambda: Elsewhere
    engine = create_engine("elsewhere://ann:hunter2@db.test:1433/shop")
    install(engine)
    with work(tracelog_recorder), engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    engine.dispose()
    (call,) = statements(tracelog_recorder)
    assert call.operation == "SELECT shop"
    told = {name: call.attributes[name] for name in ("db.system.name", "db.namespace", "server.address", "server.port")}
    assert list(told.values()) == ["microsoft.sql_server", "shop", "db.test", 1433]
    assert "hunter2" not in repr(call)
    assert span_document(call)["span.destination.service.resource"] == "db.test:1433"


def test_a_fault_of_ours_never_stops_the_statement(engine, tracelog_recorder, caplog):
    """Ids that cannot be made are reported, and the statement is sent all the same."""

    class Broken:
        def trace_id(self):
            return "1" * 32

        def span_id(self):
            raise RuntimeError("no more ids")

    with tracelog.span("work") as span, engine.connect() as connection:
        object.__setattr__(span.workshop, "ids", Broken())
        assert connection.execute(text("SELECT 1")).scalar() == 1
    assert "tracing failed while beginning a statement" in caplog.text
