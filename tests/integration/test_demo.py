"""The demo as a user runs it, and every trace that its shop leaves."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from elastic_node import free_port

from tracelog.cli.demo import is_whole
from tracelog.cli.reading import text
from tracelog.cli.tree import Node, Tree, grow
from tracelog.demo.command import command_line
from tracelog.demo.customers import ShopClosedError, wait_for
from tracelog.demo.services import ServiceError, running
from tracelog.demo.traffic import BROWSE, BUSY, DECLINED, RECEIPT, SCENES, SLOW, Visit, visits
from tracelog.ecs.found import Found, Search
from tracelog.elastic.search import ElasticSearch
from tracelog.errors import DestinationError
from tracelog.local import LocalSearch

WAIT_SECONDS = 60

DEMO = [sys.executable, "-m", "tracelog", "demo"]
PART = [sys.executable, "-m", "tracelog.demo"]


def environment(home: Path) -> dict[str, str]:
    """Set a home of its own up for a command."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRACELOG_")}
    return {**kept, "HOME": str(home), "XDG_STATE_HOME": str(home), "COLUMNS": "100", "PYTHONUNBUFFERED": "1"}


def run(home: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        command,
        env={**environment(home), **settings},
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=2 * WAIT_SECONDS,
    )


@contextmanager
def started(home: Path, *command: str, quiet: bool = False, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Run a part of the shop inside the block; a *quiet* one has nobody who reads what it says."""
    process = subprocess.Popen(
        [*PART, *command],
        env={**environment(home), **settings},
        stdout=subprocess.DEVNULL if quiet else subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def line_with(process: subprocess.Popen[str], words: str) -> str:
    """Read what a process says up to the line with *words*."""
    said = ""
    for line in process.stdout:
        if words in line:
            return line
        said += line
    pytest.fail(f"it never said {words!r} but:\n{said}")


def children_of(pid: int) -> set[int]:
    """Name the processes that *pid* has started."""
    started: set[int] = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name stands in brackets and may hold anything; behind it come the state and the parent.
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                started.add(int(stat.parent.name))
    return started


def gone(pids: set[int]) -> bool:
    """Wait until none of *pids* is left, but not for ever."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.05)
    return False


def whole_trees(search: Search, seen: list[Visit]) -> dict[str, Tree]:
    """Read every trace, waiting for those that are still on their way."""
    deadline = time.monotonic() + WAIT_SECONDS
    trees: dict[str, Tree] = {}
    for visit in seen:
        while not is_there(trees, visit) and time.monotonic() < deadline:
            if visit.trace_id in trees:
                time.sleep(0.1)
            trees[visit.trace_id] = found(search, visit.trace_id)
    return trees


def found(search: Search, trace_id: str) -> Tree:
    """Read one trace; a server that is only just making room for the first records has none yet."""
    try:
        return grow(search.trace(trace_id))
    except DestinationError:
        return grow(Found([], []))


def is_there(trees: dict[str, Tree], visit: Visit) -> bool:
    """Tell whether the trace of *visit* was read whole."""
    tree = trees.get(visit.trace_id)
    return tree is not None and is_whole(tree) and tree.lines >= LINES_OF[visit.scene.title]


def check_every_trace(search: Search, seen: list[Visit]) -> None:
    """Hold what was stored against what was asked for: every trace, whole, with all lines in place."""
    assert {visit.scene.title for visit in seen} == set(SERVICES_OF)
    assert [visit for visit in seen if visit.status != visit.scene.expected] == []
    trees = whole_trees(search, seen)
    for visit in seen:
        tree = trees[visit.trace_id]
        spans = [node.span for node in tree.nodes]
        assert is_whole(tree), (visit, tree.missing, tree.loose)
        assert {text(span, "service.name") for span in spans} == SERVICES_OF[visit.scene.title]
        assert tree.lines == LINES_OF[visit.scene.title], visit
        lines = [line for node in tree.nodes for line in node.lines]
        # Each line names the very span it hangs at, not only the request.
        assert all(text(line, "span.id") == node.id for node in tree.nodes for line in node.lines)
        assert {text(document, "trace.id") for document in [*spans, *lines]} == {visit.trace_id}
    declined = trees[next(visit.trace_id for visit in seen if visit.scene == DECLINED)]
    assert any("CardDeclinedError" in text(node.span, "error.stack_trace") for node in declined.nodes)


SERVICES_OF = {
    "browse": {"shop", "stock"},
    "buy a teapot": {"shop", "stock", "payment"},
    "buy a piano, slowly": {"shop", "stock", "warehouse", "payment"},
    "pay at a busy bank": {"shop", "stock", "payment"},
    "want a samovar": {"shop", "stock"},
    "want a unicorn": {"shop", "stock"},
    "pay with a bad card": {"shop", "stock", "payment"},
    "read a receipt": {"shop"},
}

#: What the services log in each scene, their lines for finished requests over HTTP included.
LINES_OF = {
    "browse": 4,
    "buy a teapot": 7,
    "buy a piano, slowly": 11,
    "pay at a busy bank": 8,
    "want a samovar": 4,
    "want a unicorn": 4,
    "pay with a bad card": 7,
    "read a receipt": 6,
}


def test_every_trace_of_the_shop_is_found_whole_in_the_embedded_file(tmp_path):
    """Four processes write one file; each trace is there, nothing is owed, and every line hangs at its span."""
    path = tmp_path / "shop.sqlite"
    with running(f"sqlite://{path}") as urls:
        seen = list(visits(urls["shop"], 2))
    check_every_trace(LocalSearch(path), seen)


def test_every_trace_of_the_shop_is_found_whole_in_elasticsearch(elastic_address, monkeypatch):
    """The same four processes, the same laws, on a real server."""
    monkeypatch.setenv("TRACELOG_NAMESPACE", elastic_address.namespace)
    with running(elastic_address.nodes[0]) as urls:
        seen = list(visits(urls["shop"], 2))
        # The services wait for no slow server when they end, so they are kept until all has arrived.
        with closing(ElasticSearch(elastic_address)) as search:
            check_every_trace(search, seen)


def test_the_demo_sets_a_fresh_elasticsearch_up_and_shows_a_trace_from_it(fresh_address, tmp_path):
    """One command is enough: it brings the templates, sends the shop's records there, and finds them."""
    url = fresh_address.nodes[0]
    done = run(tmp_path, *DEMO, "--seconds", "0", "--export", url, TRACELOG_NAMESPACE=fresh_address.namespace)
    assert done.returncode == 0, done.stderr
    assert "3 services" in done.stdout
    assert "CardDeclinedError" in done.stdout
    assert f"tracelog show --export {url}" in done.stdout


def test_the_slow_call_is_slow_where_it_waits(tmp_path):
    """The span that waits takes most of its trace's time, and the streamed answer's span lasts to its last line."""
    path = tmp_path / "shop.sqlite"
    with running(f"sqlite://{path}") as urls:
        seen = list(visits(urls["shop"], 0))
    trees = whole_trees(LocalSearch(path), seen)
    slow = trees[next(visit.trace_id for visit in seen if visit.scene == SLOW)]
    waits = {text(node.span, "event.action"): node.span["event.duration"] for node in slow.nodes}
    assert waits["ask the warehouse"] >= 400_000_000
    receipt = trees[next(visit.trace_id for visit in seen if visit.scene == RECEIPT)]
    assert [text(line, "message") for line in receipt.nodes[0].lines].count("receipt row written") == 5


def test_lines_outside_of_any_request_are_kept_too(tmp_path):
    """What services say when they start, and what a thread says now and then, is there under no trace at all."""
    path = tmp_path / "shop.sqlite"
    with running(f"sqlite://{path}"):
        pass
    lines = LocalSearch(path).trace("").lines
    said = {(text(line, "service.name"), text(line, "message")) for line in lines}
    assert {("payment", "connected to the bank"), ("shop", "the shop is open")} <= said
    assert ("stock", "only 2 of piano left, time to order") in said
    assert {text(line, "service.version") for line in lines} == {"1.4.2"}
    assert {text(line, "span.id") for line in lines} == {""}


def test_the_shop_shows_every_level_and_several_exceptions(tmp_path):
    """A chart of levels misses none of the five, and two services log exceptions, of three kinds."""
    path = tmp_path / "shop.sqlite"
    with running(f"sqlite://{path}") as urls:
        seen = list(visits(urls["shop"], 0))
    search = LocalSearch(path)
    lines = [line for trace_id in ["", *(visit.trace_id for visit in seen)] for line in search.trace(trace_id).lines]
    assert {text(line, "log.level") for line in lines} == {"debug", "info", "warning", "error", "critical"}
    raised = {(text(line, "service.name"), text(line, "error.type")) for line in lines if "error.type" in line}
    assert {(service, kind.rpartition(".")[2]) for service, kind in raised} == {
        ("payment", "CardDeclinedError"),
        ("payment", "BankBusyError"),
        ("stock", "UnknownGoodsError"),
    }


def test_the_chain_goes_through_grpc_to_the_database_and_on_to_flask(tmp_path):
    """Shop, stock over gRPC, its statements, and the warehouse behind it: each span hangs at the one that called."""
    path = tmp_path / "shop.sqlite"
    with running(f"sqlite://{path}") as urls:
        seen = list(visits(urls["shop"], 0))
    tree = whole_trees(LocalSearch(path), seen)[next(visit.trace_id for visit in seen if visit.scene == SLOW)]
    ways = {way(node) for node in tree.nodes}
    top = ("shop server POST /checkout", "shop client shop.Stock/Reserve", "stock server shop.Stock/Reserve")
    assert {
        (*top, "stock internal look on the shelf", "stock client SELECT goods"),
        (*top, "stock client INSERT reservations"),
        (*top, "stock internal ask the warehouse", "stock client POST 127.0.0.1", "warehouse server POST /carry"),
        (top[0], "shop client POST 127.0.0.1", "payment server POST /charges", "payment internal ask the bank"),
    } <= ways


def way(node: Node) -> tuple[str, ...]:
    """Name the spans from the root of a trace down to one."""
    names = ("service.name", "span.kind", "event.action")
    mine = " ".join(text(node.span, name) for name in names)
    return (*(way(node.parent) if node.parent else ()), mine)


def test_children_and_calls_are_those_that_are_there(tmp_path):
    """In every trace of the shop each span owes exactly its children, and called exactly those of other services."""
    path = tmp_path / "shop.sqlite"
    with running(f"sqlite://{path}") as urls:
        seen = list(visits(urls["shop"], 0))
    for tree in whole_trees(LocalSearch(path), seen).values():
        for node in tree.nodes:
            own = text(node.span, "service.name")
            forked = [child for child in node.children if text(child.span, "service.name") == own]
            assert node.span["tracelog.children"] == len(forked), node.span
            assert node.span["tracelog.calls"] == len(node.children) - len(forked), node.span


def test_the_busy_bank_is_asked_twice(tmp_path):
    """Each attempt is a span of its own, the first one failed, and the request as a whole went well."""
    path = tmp_path / "shop.sqlite"
    with running(f"sqlite://{path}") as urls:
        seen = list(visits(urls["shop"], 0))
    tree = whole_trees(LocalSearch(path), seen)[next(visit.trace_id for visit in seen if visit.scene == BUSY)]
    asked = [node.span for node in tree.nodes if text(node.span, "event.action") == "ask the bank"]
    assert [text(span, "event.outcome") for span in asked] == ["failure", "success"]
    assert text(tree.roots[0].span, "event.outcome") == "success"


def test_customers_visit_the_shop_and_leave_after_their_time(tmp_path):
    """They play every scene, in the shop that the environment names."""
    path = tmp_path / "shop.sqlite"
    with running(f"sqlite://{path}") as urls:
        done = run(tmp_path, *PART, "customers", "--seconds", "0", SHOP_SHOP_URL=urls["shop"])
    assert done.returncode == 0, done.stderr
    assert len(LocalSearch(path).recent(service="shop")) == len(SCENES)


def test_customers_wait_while_the_shop_is_away_and_leave_when_told(tmp_path):
    """Said once each: that it does not answer, and that it answers again; SIGTERM is a good end."""
    port = str(free_port())
    # Nobody is behind the shop: its answers are 500, and answers all the same.
    shop = ("shop", "--port", port)
    with started(tmp_path, "customers", SHOP_SHOP_URL=f"http://127.0.0.1:{port}") as customers:
        with started(tmp_path, *shop, quiet=True, TRACELOG_EXPORT="none:"):
            line_with(customers, "customers enter")
        line_with(customers, "the shop does not answer")
        with started(tmp_path, *shop, quiet=True, TRACELOG_EXPORT="none:"):
            assert "the shop answers again" in customers.stdout.readline()
            customers.terminate()
            assert customers.wait(WAIT_SECONDS) == 0


def test_customers_do_not_wait_for_ever_for_a_shop_to_open():
    """Where nobody listens, a sentence says where the shop was looked for and what names another."""
    with pytest.raises(ShopClosedError) as caught:
        wait_for("http://127.0.0.1:9", 0)
    assert "http://127.0.0.1:9 after 0 seconds" in str(caught.value)
    assert "SHOP_SHOP_URL" in str(caught.value)


def test_a_service_listens_where_it_is_told_and_sends_with_the_key_of_a_file(tmp_path):
    """As a container it is reached from outside, and its only credential is the key that another one left."""
    given: list[str] = []
    taken = threading.Event()

    class Elastic(BaseHTTPRequestHandler):
        """Looks at who is sending, and takes nothing."""

        def do_POST(self) -> None:
            given.append(self.headers["Authorization"])
            self.send_error(503)
            taken.set()

        def log_message(self, *_) -> None:
            """Say nothing."""

    (tmp_path / "writer").write_text("a2V5OmtleQ==\n")
    with HTTPServer(("127.0.0.1", 0), Elastic) as elastic:
        threading.Thread(target=elastic.serve_forever, args=(0.01,), daemon=True).start()
        settings = {"TRACELOG_EXPORT": f"http://127.0.0.1:{elastic.server_port}"}
        command = ("payment", "--host", "0.0.0.0", "--api-key-file", str(tmp_path / "writer"))  # noqa: S104 - as a container
        with started(tmp_path, *command, **settings) as payment:
            port = line_with(payment, "listening on http://0.0.0.0:").rpartition(":")[2].strip()
            wait_for(f"http://127.0.0.1:{port}", WAIT_SECONDS)
            assert taken.wait(WAIT_SECONDS)
            payment.terminate()
            payment.stdout.read()
            assert payment.wait(WAIT_SECONDS) == 0
        elastic.shutdown()
    assert set(given) == {"ApiKey a2V5OmtleQ=="}


def test_a_key_that_is_not_there_ends_the_service_with_a_sentence(tmp_path):
    """Without its credential a service does not begin, and says which file it looked for."""
    done = run(tmp_path, *PART, "stock", "--api-key-file", str(tmp_path / "writer"))
    assert done.returncode == 1
    assert str(tmp_path / "writer") in done.stderr
    assert "Traceback" not in done.stderr


def test_a_part_listens_on_loopback_unless_told(capsys):
    """Nothing of the demo is reached from another machine by accident; what is no part of the shop is refused."""
    assert command_line().parse_args(["stock"]).host == "127.0.0.1"
    with pytest.raises(SystemExit):
        command_line().parse_args(["bakery"])
    assert "bakery" in capsys.readouterr().err


def test_the_demo_shows_a_trace_and_commands_that_work(tmp_path):
    """It ends by itself with the failing trace drawn, and each command that it names can be typed as it stands."""
    done = run(tmp_path, *DEMO, "--seconds", "1")
    assert done.returncode == 0, done.stderr
    for said in ("pay with a bad card", "3 services", "failure", "Traceback", "CardDeclinedError", "ask the bank"):
        assert said in done.stdout
    commands = [line.split("tracelog ")[1].split() for line in done.stdout.splitlines() if "tracelog show" in line]
    assert len(commands) == 3
    for command in commands:
        assert run(tmp_path, sys.executable, "-m", "tracelog", *command).returncode == 0


def test_the_demo_repeats_the_place_it_was_given(tmp_path):
    """With --export the commands to try next name it too, and nothing is written elsewhere."""
    url = f"sqlite://{tmp_path}/a file.sqlite"
    done = run(tmp_path, *DEMO, "--seconds", "0", "--export", url)
    assert done.returncode == 0, done.stderr
    assert f"tracelog show --export '{url}'" in done.stdout
    assert not (tmp_path / "tracelog").exists()


def test_a_place_that_cannot_be_searched_is_no_error(tmp_path):
    """With nothing to look at, the demo says so and ends well."""
    done = run(tmp_path, *DEMO, "--seconds", "0", "--export", "none:")
    assert done.returncode == 0, done.stderr
    assert "cannot be searched" in done.stdout


def test_a_server_that_is_not_there_ends_the_demo_before_it_begins(tmp_path):
    """No service is started for an Elasticsearch that does not answer; a sentence says which."""
    done = run(tmp_path, *DEMO, "--export", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupt", "kill"])
def test_no_service_outlives_the_demo(tmp_path, number):
    """While it serves, the shop answers; when the demo ends, in whatever way, its services end too."""
    process = subprocess.Popen(
        [*DEMO, "--seconds", "0", "--serve"], env=environment(tmp_path), stdout=subprocess.PIPE, encoding="utf-8"
    )
    try:
        said = ""
        while "Ctrl-C" not in said and (line := process.stdout.readline()):
            said += line
        shop = re.search(r"open at (http://\S+);", said)[1]
        services = children_of(process.pid)
        assert len(services) == len(SERVICES_OF["buy a piano, slowly"])
        with urllib.request.urlopen(f"{shop}/products", timeout=10) as answer:
            assert answer.headers["X-Trace-Id"]
        process.send_signal(number)
        process.wait(WAIT_SECONDS)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert process.returncode in (0, -signal.SIGKILL)
    assert gone(services)


def test_a_service_that_does_not_start_says_why(tmp_path):
    """A destination that no service can use is told in the service's own words, and the others are ended."""
    with pytest.raises(ServiceError) as caught, running("gopher://nowhere"):
        pass
    assert "TRACELOG_EXPORT" in str(caught.value)


def test_browsing_asks_no_payment():
    """The scenes differ in the services they reach, so that traces do."""
    assert BROWSE.order is None
    assert {scene.title for scene in SCENES} == set(SERVICES_OF) == set(LINES_OF)
