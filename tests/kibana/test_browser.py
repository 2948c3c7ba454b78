"""
The dashboards in a real Kibana, looked at with a real browser.

Runs where ``TRACELOG_TEST_KIBANA`` and ``TRACELOG_TEST_KIBANA_ELASTICSEARCH`` name a Kibana and the Elasticsearch
behind it (``make test-kibana``). ``TRACELOG_TEST_PICTURES`` names a folder for pictures, ``CHROMIUM`` the browser.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from elastic_support import asked, encoded
from kibana_support import of_type, panels
from test_waterfall import MS, made
from waiting import wait_for

from tracelog.cli.setup import setup
from tracelog.demo.services import running
from tracelog.demo.traffic import Visit, visits
from tracelog.elastic.address import ElasticAddress
from tracelog.elastic.exporter import ElasticExporter
from tracelog.elastic.search import ElasticSearch

KIBANA, ELASTICSEARCH = (os.environ.get(f"TRACELOG_TEST_KIBANA{what}", "") for what in ("", "_ELASTICSEARCH"))
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""

pytestmark = [
    pytest.mark.skipif(
        not (KIBANA and ELASTICSEARCH), reason="no Kibana: see TRACELOG_TEST_KIBANA in kibana/README.md"
    ),
    pytest.mark.timeout(300),
]

#: A small laptop's.
SCREEN = {"width": 1366, "height": 768}
SECONDS = 90_000
WIDE_TRACE = 0xDA5B0A2D

PANEL = '[data-test-subj="dashboardPanel"]'
BROKEN = ",".join(
    [
        *(
            f'[data-test-subj="{name}"]'
            for name in ("embeddableError", "embeddable-lens-failure", "dashboardPanelError")
        ),
        *(".vgaVis__message", ".visError", '[class*="euiCallOut-danger"]'),
    ]
)
EMPTY = ",".join(f'[data-test-subj="{name}"]' for name in ("emptyPlaceholder", "discoverNoResults", "visNoResult"))


class Shop(NamedTuple):
    """What the demo left: where, and the visits of its customers."""

    address: ElasticAddress
    seen: list[Visit]


@pytest.fixture(scope="module")
def shop_in_kibana() -> Shop:
    """Set Elasticsearch and Kibana up, run the demo, and store a trace of a thousand spans."""
    done = CliRunner().invoke(setup, ["--elasticsearch", ELASTICSEARCH, "--kibana", KIBANA])
    assert done.exit_code == 0, done.output
    address = ElasticAddress((ELASTICSEARCH,))
    with running(ELASTICSEARCH) as urls, closing(ElasticSearch(address)) as search:
        seen = list(visits(urls["shop"], 10))
        for visit in seen:
            wait_for(search, visit.trace_id)
    now = time.time_ns()
    with closing(ElasticExporter(address)) as exporter:
        spans = [
            made(WIDE_TRACE, n, (n - 2) // 4 + 1 if n > 1 else 0, started_ns=now + n * MS, children=below(n))
            for n in range(1, 1001)
        ]
        for start in range(0, len(spans), 250):
            exporter.send(encoded(exporter, *spans[start : start + 250]))
    asked(address, "POST", "/traces-apm.tracelog-*/_refresh")
    return Shop(address, seen)


def below(number: int) -> int:
    """Count the children of a span in a trace of a thousand in which each has four."""
    return max(0, min(1000, number * 4 + 1) - (number - 1) * 4 - 1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start a browser."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser) -> Iterator[Any]:
    """Open an empty page; Kibana remembers nothing of another test."""
    context = browser.new_context(viewport=SCREEN)
    context.set_default_timeout(SECONDS)
    yield context.new_page()
    context.close()


@pytest.fixture
def picture(page) -> Callable[[str], None]:
    """Take a picture of the page where somebody wants one."""
    folder = os.environ.get("TRACELOG_TEST_PICTURES")

    def taken(name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}.png")

    return taken


def opened(page: Any, dashboard: str, query: str = "") -> None:
    """Open a dashboard over the last hours, with a query in its search bar."""
    state = f"&_a=(query:(language:kuery,query:'{query}'))" if query else ""
    page.goto(f"{KIBANA}/app/dashboards#/view/{dashboard}?_g=(time:(from:now-2h,to:now)){state}")
    whole(page)


def whole(page: Any) -> None:
    """Wait until every panel of the page is drawn; those further down are drawn when they are looked at."""
    page.locator(PANEL).first.wait_for()
    for number in range(page.locator(PANEL).count()):
        panel = page.locator(PANEL).nth(number)
        panel.scroll_into_view_if_needed()
        panel.locator(f'[data-render-complete="true"], a, {BROKEN}, {EMPTY}').first.wait_for(state="attached")
    page.wait_for_timeout(1500)
    page.locator(PANEL).first.scroll_into_view_if_needed()


def waterfall(page: Any) -> Any:
    """Find the drawing of the waterfall."""
    return page.locator(".vgaVis__view canvas").first


def signal(page: Any, name: str) -> Any:
    """Read a signal of the waterfall, as Kibana's own documentation of Vega shows it."""
    return page.evaluate("name => window.VEGA_DEBUG.view.signal(name)", name)


def rows(page: Any) -> list[dict[str, Any]]:
    """Read the rows that the waterfall shows."""
    told = "({name: r.name, failed: r.failed, row: r.row, type: r.errorType})"
    return page.evaluate(f"() => window.VEGA_DEBUG.view.data('seen').map(r => {told})")


def click_row(page: Any, row: int) -> None:
    """Click the name of a row of the waterfall, counted from 1."""
    head, height = signal(page, "head"), signal(page, "rowHeight")
    at = {"x": 120, "y": 6 + head + (row - signal(page, "top") - 0.5) * height}
    waterfall(page).click(position=at)


@pytest.mark.parametrize("dashboard", of_type("dashboard"), ids=lambda told: told["id"])
def test_every_panel_shows_the_demo(shop_in_kibana, page, picture, dashboard):
    """No panel is broken or empty, on the screen of a small laptop."""
    opened(page, dashboard["id"])
    assert page.locator(PANEL).count() == len(panels(dashboard))
    assert page.locator(BROKEN).all_inner_texts() == []
    assert page.locator(EMPTY).all_inner_texts() == []
    assert page.locator('[data-test-subj="globalToastList"] .euiToast--danger').count() == 0
    picture(dashboard["id"])


def test_from_an_error_line_to_the_failing_span_in_two_clicks(shop_in_kibana, page, picture):
    """The trace id of an error line leads to its trace, a click on the failing row there tells why."""
    opened(page, "tracelog-errors")
    line = page.locator(".euiDataGridRow", has_text="Exception on /charges").first
    picture("two-clicks-1-line")
    line.locator('a[href*="tracelog-trace"]').click()
    page.wait_for_url(re.compile("view/tracelog-trace"))
    whole(page)
    page.wait_for_function("() => window.VEGA_DEBUG?.view?.signal('shown') > 0")
    picture("two-clicks-2-trace")
    failing = next(row for row in rows(page) if row["type"].endswith("CardDeclinedError"))
    click_row(page, failing["row"])
    page.wait_for_function("() => window.VEGA_DEBUG.view.signal('picked') != null")
    picture("two-clicks-3-span")
    told = signal(page, "picked")
    assert (told["failed"], told["errorType"]) == (True, failing["type"])
    assert "the bank declined" in told["errorMessage"]
    assert "ask_the_bank" in told["stack"]


def test_a_trace_that_is_offered_opens_with_a_click(shop_in_kibana, page, picture):
    """Without an id the newest and the slowest traces are links; one click fills the search bar."""
    opened(page, "tracelog-trace")
    picture("offers")
    waterfall(page).click(position={"x": 300, "y": 6 + 56 + 11})
    page.wait_for_function("() => window.VEGA_DEBUG.view.signal('shown') > 0")
    assert re.search('traceId : "[0-9a-f]{32}"', page.locator('[data-test-subj="queryInput"]').first.input_value())


def test_a_thousand_spans_can_be_read(shop_in_kibana, page, picture):
    """A long trace is drawn at once, and the wheel brings the rest of its rows."""
    opened(page, "tracelog-trace", f"traceId%20:%20%22{WIDE_TRACE:032x}%22")
    page.wait_for_function("() => window.VEGA_DEBUG?.view?.signal('shown') >= 1000")
    assert page.locator(BROKEN).all_inner_texts() == []
    picture("thousand-spans")
    first = rows(page)
    waterfall(page).hover(position={"x": 400, "y": 200})
    for _ in range(10):
        page.mouse.wheel(0, 300)
    page.wait_for_function("() => window.VEGA_DEBUG.view.signal('top') > 20")
    assert rows(page)[0]["row"] > first[-1]["row"]


def test_links_carry_time_and_filters(shop_in_kibana, page):
    """From one dashboard to the next the time stays, and so does what is searched for."""
    opened(page, "tracelog-services", "service.name%20:%20%22shop%22")
    page.get_by_text("Logs and errors", exact=True).first.click()
    page.wait_for_url(re.compile("view/tracelog-errors"))
    whole(page)
    assert "now-2h" in page.url
    assert page.locator('[data-test-subj="queryInput"]').first.input_value() == 'service.name : "shop"'


@pytest.mark.parametrize("query", ['traceId : "{}"', 'trace.id : "{}"'])
def test_discover_shows_spans_and_lines_together(shop_in_kibana, page, picture, query):
    """``traceId : "…"`` in Discover finds the spans and the lines of a trace, whichever name is used."""
    trace_id = shop_in_kibana.seen[-1].trace_id
    with closing(ElasticSearch(shop_in_kibana.address)) as search:
        found = search.trace(trace_id)
    columns = "service.name,event.action,message,trace.id"
    shown = f"columns:!({columns}),index:tracelog-all,sort:!(!('@timestamp',asc))"
    state = f"({shown},query:(language:kuery,query:'{query.format(trace_id)}'))"
    page.goto(f"{KIBANA}/app/discover#/?_g=(time:(from:now-2h,to:now))&_a={quote(state)}")
    hits = page.locator('[data-test-subj="unifiedHistogramQueryHits"], [data-test-subj="discoverQueryHits"]').first
    hits.wait_for()
    page.wait_for_timeout(2000)
    picture("discover")
    assert int(hits.inner_text().replace(",", "")) == len(found.spans) + len(found.lines)


RANGE = "rangeFrom=now-2h&rangeTo=now&environment=ENVIRONMENT_ALL"


@pytest.fixture
def apm(page) -> Callable[[str], None]:
    """Open a page of Kibana's own APM, or skip where they are switched off."""

    def opened_there(path: str) -> None:
        page.goto(f"{KIBANA}/app/apm/{path}{'&' if '?' in path else '?'}{RANGE}")
        page.locator('h1, [data-test-subj="appNotFoundPageContent"]').first.wait_for()
        if page.locator('[data-test-subj="appNotFoundPageContent"]').count():
            pytest.skip("this Kibana has no APM pages")

    return opened_there


def visible(page: Any, text: str) -> Any:
    """Find a text that is shown; the title of a page is not."""
    return page.get_by_text(text).locator("visible=true").first


def test_kibanas_own_pages_list_the_services(shop_in_kibana, page, picture, apm):
    """The inventory of services has those of the demo."""
    apm("services")
    for service in ("shop", "stock", "payment"):
        page.locator("a:visible", has_text=service).first.wait_for()
    page.wait_for_timeout(3000)
    picture("apm-services")


def test_the_waterfall_leads_to_kibanas_own_page_of_the_trace(shop_in_kibana, page, picture, apm):
    """One click there; the timeline has the trace's spans over all services, and its logs are on the next tab."""
    apm("services")
    declined = next(visit for visit in shop_in_kibana.seen if visit.status == BAD_GATEWAY)
    opened(page, "tracelog-trace", f"traceId%20:%20%22{declined.trace_id}%22")
    page.wait_for_function("() => window.VEGA_DEBUG?.view?.signal('shown') > 0")
    wide = waterfall(page).bounding_box()["width"]
    waterfall(page).click(position={"x": wide - 60, "y": 18})
    page.wait_for_url(re.compile("/app/apm/services/shop/transactions"))
    for name in ("POST /checkout", "POST /charges", "ask the bank"):
        visible(page, name).wait_for()
    visible(page, "ask the bank").scroll_into_view_if_needed()
    page.wait_for_timeout(3000)
    picture("apm-trace")
    page.get_by_role("tab", name="Logs", exact=True).last.click()
    visible(page, "payment failed, the order is dropped").wait_for()


def test_kibanas_own_pages_group_errors(shop_in_kibana, page, picture, apm):
    """All cards that were declined are one group, whatever their amounts."""
    apm("services/payment/errors")
    visible(page, "the bank declined").wait_for()
    page.wait_for_timeout(3000)
    picture("apm-errors")
    assert page.get_by_role("link", name=re.compile("the bank declined")).count() == 1


BAD_GATEWAY = 502
