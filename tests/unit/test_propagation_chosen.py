"""Formats as the setting PROPAGATORS chooses and orders them, those of the user's own among them."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from flask import Flask

import tracelog
from tracelog.assembly import build, read_settings
from tracelog.context import Propagator, TraceContext
from tracelog.errors import InvalidSetting
from tracelog.integrations.flask import TraceLog
from tracelog.propagation import PROPAGATORS, wrap

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Own:
    """A format of one header, as a user writes one."""

    def extract(self, carrier, context, /):
        """Read the header unless there is a context already."""
        trace_id = None if context else carrier.get("X-Request-ID")
        return context if trace_id is None else TraceContext(trace_id, SPAN)

    def inject(self, context, carrier, /):
        """Write the header."""
        carrier.set("X-Request-ID", context.trace_id)


class Broken(Own):
    """Cannot be made without being told how."""

    def __init__(self, how):
        self.how = how


@pytest.fixture(autouse=True)
def shop(monkeypatch):
    """Let there be a module that settings can name."""
    module = ModuleType("shop_tracing")
    module.Own, module.own, module.Broken, module.number = Own, Own(), Broken, 7
    monkeypatch.setitem(sys.modules, "shop_tracing", module)
    return module


def chosen(value):
    """Build what a setting describes; gives its propagator."""
    return build(read_settings({"propagators": value, "export": "none:"}, {}, {})).workshop.propagator


def written(propagator):
    """Write ids with *propagator*; gives the names of the headers."""
    headers: dict[str, str] = {}
    propagator.inject(TraceContext(TRACE, SPAN, extra={"a": "1"}), wrap(headers, "http", writing=True))
    return list(headers)


def test_every_format_has_a_name():
    """These are the names that the documentation tells."""
    assert list(PROPAGATORS) == ["w3c", "baggage", "b3", "b3multi", "gozero"]


def test_all_that_are_chosen_are_written():
    """Each format of the list writes its headers, and no other does."""
    assert written(chosen("b3,w3c")) == ["b3", "traceparent"]
    assert written(chosen("gozero,b3multi,baggage")) == [
        "X-Trace-ID",
        "X-Span-ID",
        "X-B3-TraceId",
        "X-B3-SpanId",
        "X-B3-Sampled",
        "baggage",
    ]


def test_the_first_that_is_valid_is_read():
    """The order of the list decides, and a format with invalid ids is passed over."""
    headers = {
        "traceparent": f"00-{TRACE}-{SPAN}-01",
        "b3": f"{'b' * 32}-{SPAN}-1",
        "X-Trace-ID": "0",
        "X-Span-ID": "0",
    }
    for order, trace_id in {"w3c,b3": TRACE, "b3,w3c": "b" * 32, "gozero,b3": "0", "b3multi,w3c": TRACE}.items():
        assert chosen(order).extract(wrap(headers, "http"), None).trace_id == trace_id
    assert chosen("w3c,b3").extract(wrap({**headers, "traceparent": "x"}, "http"), None).trace_id == "b" * 32


@pytest.mark.parametrize("value", [Own(), [Own()], [Own], "shop_tracing:Own", "shop_tracing:own", ["shop_tracing:Own"]])
def test_a_format_of_the_users_own(value):
    """An object, a class, or the name of either is a format, alone or in a list."""
    assert written(chosen(value)) == ["X-Request-ID"]


def test_own_formats_stand_in_order_with_others():
    """Text of the environment names both."""
    environ = {"TRACELOG_PROPAGATORS": "shop_tracing:own, w3c", "TRACELOG_EXPORT": "none:"}
    propagator = build(read_settings({}, {}, environ)).workshop.propagator
    assert written(propagator) == ["X-Request-ID", "traceparent"]
    headers = wrap({"X-Request-ID": "17", "traceparent": f"00-{TRACE}-{SPAN}-01"}, "http")
    assert propagator.extract(headers, None).trace_id == "17"


@pytest.mark.parametrize(
    "value",
    ["shop_tracing:nothing", "no_such_module:Own", "shop_tracing:number", "shop_tracing:Broken", [7], [None], 7],
)
def test_what_is_no_format_is_refused_at_start(value):
    """The key is named, and what would do."""
    with pytest.raises(InvalidSetting, match="TRACELOG_PROPAGATORS"):
        chosen(value)


def test_our_formats_are_what_we_ask_of_others():
    """Each has the two functions of the protocol."""
    assert all(isinstance(one, Propagator) for one in PROPAGATORS.values())
    assert not isinstance(object(), Propagator)


class Raising(Own):
    """A format with a fault in it."""

    def extract(self, carrier, context, /):
        """Raise, as code of others may."""
        raise RuntimeError("no such header")


def test_a_format_that_raises_is_no_fault_of_the_request(caplog):
    """The request is answered without a trace, and one line says why."""
    app = Flask("shop")
    TraceLog(app, export="none:", propagators=Raising())
    app.get("/")(lambda: tracelog.current().trace_id or "no trace")
    assert app.test_client().get("/").text == "no trace"
    assert "no such header" in caplog.text
