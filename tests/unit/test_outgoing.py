"""Calls over HTTP, whichever library makes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracelog
from tracelog.outgoing import Target, begin, hidden, to_be_traced
from tracelog.record import Kind, Status

SHOP = Target("https", "shop.test", None, "/basket")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://shop.test", "http://shop.test"),
        ("http://shop.test:80/", "http://shop.test:80/"),
        ("https://ann:hunter2@shop.test/a/b?c=d#e", "https://shop.test/a/b?c=REDACTED"),
        ("http://[::1]:8000/?a=1&a=2&b", "http://[::1]:8000/?a=REDACTED&a=REDACTED&REDACTED"),
        ("http://shop.test/?", "http://shop.test/"),
        ("http://shop.test/?&&", "http://shop.test/?"),
        ("HTTP://Shop.Test/A", "http://shop.test/A"),
        ("mock://shop.test:/a@b?c@d=e", "mock://shop.test/a@b?c@d=REDACTED"),
        ("http://ann:hunter2@[::1]/", "http://[::1]/"),
        ("http://ann:hunter2@x@shop.test?a", "http://shop.test?REDACTED"),
        ("no URL", "://"),
    ],
)
def test_a_url_is_shown_without_secrets(url, expected, tracelog_recorder):
    """Names of a query stay; its values, and who calls, are left out."""
    with tracelog.span("work") as work, begin(work, "GET", Target.of(url)) as call:
        pass
    assert call.attributes["url.full"] == expected
    assert "hunter2" not in repr(tracelog_recorder.spans)


@given(st.lists(st.text(alphabet="abc%20+.", min_size=1), min_size=1), st.text(alphabet="XYZ=;?/", min_size=1))
def test_no_value_of_a_query_is_shown(names, value):
    """Whatever a value holds, names are all that is left of a query."""
    told = hidden("&".join(f"{name}={value}" for name in names))
    assert told == "&".join(f"{name}=REDACTED" for name in names)


def test_a_method_that_nobody_knows_is_no_name(tracelog_recorder):
    """A span is not named after what a caller makes up; what was sent is told apart."""
    with tracelog.span("work") as work, begin(work, "BREW", SHOP):
        pass
    call = tracelog_recorder.spans[0]
    assert (call.operation, call.kind) == ("_OTHER shop.test", Kind.CLIENT)
    assert call.attributes["http.request.method"] == "_OTHER"
    assert call.attributes["http.request.method_original"] == "BREW"


def test_the_port_is_told_even_where_the_scheme_says_it(tracelog_recorder):
    """The conventions want a port with every call; one of an unknown scheme is left open."""
    with tracelog.span("work") as work:
        for target in (SHOP, SHOP._replace(scheme="ftp"), SHOP._replace(port=8443)):
            with begin(work, "GET", target):
                pass
    assert [call.attributes.get("server.port") for call in tracelog_recorder.spans[:-1]] == [443, None, 8443]


def test_a_call_on_its_way_is_told_once(tracelog_recorder):
    """While a call's own span is active nothing is traced; a span below it, and what follows, is."""
    assert to_be_traced() is None
    with tracelog.span("work") as work:
        assert to_be_traced() is work
        with begin(work, "GET", SHOP):
            assert to_be_traced() is None
            with tracelog.span("below") as below:
                assert to_be_traced() is below
                with begin(below, "GET", SHOP):
                    assert to_be_traced() is None
            assert to_be_traced() is None
        assert to_be_traced() is work
    assert to_be_traced() is None


def test_a_finished_span_has_no_calls(tracelog_recorder):
    """What is done after the end of a span that is still active belongs to no trace."""
    with tracelog.span("work") as work:
        work.finish()
        assert to_be_traced() is None


def test_an_exception_ends_a_call_and_passes_on(tracelog_recorder):
    """Whatever leaves the block is noted on the span, which is then finished and not active."""
    with tracelog.span("work") as work:
        with pytest.raises(KeyboardInterrupt), begin(work, "GET", SHOP):
            raise KeyboardInterrupt
        assert tracelog.current() is work
    call = tracelog_recorder.spans[0]
    assert (call.status, call.failure.type) == (Status.FAILURE, "KeyboardInterrupt")


def test_a_status_that_is_no_number_is_reported_and_does_no_harm(tracelog_recorder, caplog):
    """A library, or a test's double, may answer anything."""
    with tracelog.span("work") as work, begin(work, "GET", SHOP) as span:
        assert span.attributes["http.request.method"] == "GET"
        call = begin(span, "GET", SHOP)
        with call:
            call.answered("OK")
    assert "tracing failed while ending a call" in caplog.text
    assert [span.status for span in tracelog_recorder.spans] == [Status.SUCCESS] * 3
