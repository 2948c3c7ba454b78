"""
The rules of W3C Trace Context (level 2) and W3C Baggage, as a caller over HTTP meets them.

*section* is the heading of the specification that has the rule.
"""

from __future__ import annotations

from typing import NamedTuple

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
IDS = f"traceparent: {PARENT}"

#: What stands for a trace that is continued, and for one that begins here.
CONTINUED, NEW = True, False


class Rule(NamedTuple):
    """The header lines of a request, and what is passed on: the trace, its flags, ``tracestate`` and ``baggage``."""

    section: str
    law: str
    lines: tuple[str, ...]
    trace: bool = CONTINUED
    flags: str = "01"
    state: str | None = None
    baggage: str | None = None


def parent(section: str, law: str, value: str, trace: bool = NEW, flags: str = "01") -> Rule:
    """Make a rule about a ``traceparent`` alone; where it is not valid, no tracestate may get through."""
    lines = (f"traceparent: {value}",) if trace else (f"traceparent: {value}", "tracestate: a=1")
    return Rule(section, law, lines, trace, flags)


def state(section: str, law: str, value: str, kept: str | None) -> Rule:
    """Make a rule about a ``tracestate``; *kept* is what is passed on."""
    return Rule(section, law, (IDS, f"tracestate: {value}"), state=kept)


def pairs(section: str, law: str, value: str, kept: str | None) -> Rule:
    """Make a rule about a ``baggage``; *kept* is what is passed on."""
    return Rule(section, law, (IDS, f"baggage: {value}"), baggage=kept)


def members(count: int, size: int = 1) -> str:
    """Write a list of *count* members with values of *size* characters."""
    return ",".join(f"k{number:02}={'v' * size}" for number in range(count))


FUTURE = "Versioning of traceparent"
VERSIONS = [
    parent("traceparent / version", "00 is read", PARENT, CONTINUED),
    parent("traceparent / version", "ff is forbidden", f"ff-{TRACE}-{SPAN}-01"),
    parent("traceparent / version", "capitals are no hex", f"0A-{TRACE}-{SPAN}-01"),
    parent(FUTURE, "a version that cannot be parsed restarts the trace", f"0-{TRACE}-{SPAN}-01"),
    parent(FUTURE, "a version is followed by a dash", f"00_{TRACE}-{SPAN}-01"),
    parent(FUTURE, "a higher version is read", f"cc-{TRACE}-{SPAN}-01", CONTINUED),
    parent(FUTURE, "a higher version may say more after a dash", f"cc-{TRACE}-{SPAN}-01-what", CONTINUED),
    parent(FUTURE, "a higher version says no more without a dash", f"cc-{TRACE}-{SPAN}-01what"),
    parent(FUTURE, "shorter than 55 characters restarts the trace", f"cc-{TRACE}-{SPAN}-1"),
    parent(FUTURE, "trace-id has 32 characters in higher versions too", f"cc-{TRACE}0-{SPAN}-01"),
    parent(FUTURE, "of a higher version only known flags are passed on", f"cc-{TRACE}-{SPAN}-ff", CONTINUED, "03"),
    parent("traceparent / version-format", "version 00 says no more", f"{PARENT}-more"),
    parent("traceparent / version-format", "version 00 does not end in a dash", f"{PARENT}-"),
]
FIELDS = [
    parent("traceparent / trace-id", "all zeros are forbidden", f"00-{'0' * 32}-{SPAN}-01"),
    parent("traceparent / trace-id", "capitals are not allowed", f"00-{TRACE.upper()}-{SPAN}-01"),
    parent("traceparent / trace-id", "other characters are not allowed", f"00-{TRACE[:-1]}.-{SPAN}-01"),
    parent("traceparent / trace-id", "shorter is not valid", f"00-{TRACE[:-1]}-{SPAN}-01"),
    parent("traceparent / trace-id", "longer is not valid", f"00-{TRACE}0-{SPAN}-01"),
    parent("traceparent / parent-id", "all zeros are forbidden", f"00-{TRACE}-{'0' * 16}-01"),
    parent("traceparent / parent-id", "capitals are not allowed", f"00-{TRACE}-{SPAN.upper()}-01"),
    parent("traceparent / parent-id", "other characters are not allowed", f"00-{TRACE}-{SPAN[:-1]}.-01"),
    parent("traceparent / parent-id", "shorter is not valid", f"00-{TRACE}-{SPAN[:-1]}-01"),
    parent("traceparent / parent-id", "longer is not valid", f"00-{TRACE}-{SPAN}0-01"),
    parent("traceparent / trace-flags", "other characters are not allowed", f"00-{TRACE}-{SPAN}-.0"),
    parent("traceparent / trace-flags", "one character is not valid", f"00-{TRACE}-{SPAN}-1"),
    parent("traceparent / trace-flags", "three are not valid", f"00-{TRACE}-{SPAN}-001"),
    parent("traceparent / Sampled flag", "not sampled is honoured", f"00-{TRACE}-{SPAN}-00", CONTINUED, "00"),
    parent("traceparent / Random Trace ID Flag", "it is passed on", f"00-{TRACE}-{SPAN}-03", CONTINUED, "03"),
    parent("traceparent / Random Trace ID Flag", "alone, too", f"00-{TRACE}-{SPAN}-02", CONTINUED, "02"),
    parent("traceparent / Other Flags", "they are set to zero", f"00-{TRACE}-{SPAN}-fd", CONTINUED, "01"),
    parent("traceparent / Header Field Values", "an empty one is none", ""),
    parent("traceparent / Header Field Values", "white space around it is no part of it", f"\t {PARENT} \t", CONTINUED),
]
NAMES = [
    Rule("traceparent / Header Name", "capitals", (f"TRACEPARENT: {PARENT}",)),
    Rule("traceparent / Header Name", "mixed", (f"TraceParent: {PARENT}",)),
    Rule("traceparent / Header Name", "a hyphen makes another header", (f"trace-parent: {PARENT}",), NEW),
    Rule("tracestate / Header Name", "mixed", (IDS, "TraceState: a=1"), state="a=1"),
    Rule("tracestate / Header Name", "a hyphen makes another header", (IDS, "trace-state: a=1")),
    Rule("baggage / Header Name", "mixed", (IDS, "Baggage: a=1"), baggage="a=1"),
]
MODEL = [
    Rule("Processing Model", "without headers a trace begins", (), NEW),
    Rule("Processing Model", "a tracestate without traceparent is not used", ("tracestate: a=1",), NEW),
    Rule("Processing Model", "two traceparents are none", (IDS, IDS), NEW),
    Rule("Processing Model", "two that differ are none", (IDS, f"traceparent: 00-{TRACE}-{SPAN}-00"), NEW),
    Rule("Processing Model", "an invalid one takes no valid one along", ("traceparent: x", IDS), NEW),
    Rule("Processing Model", "a tracestate that cannot be parsed leaves the ids alone", (IDS, "tracestate: foo")),
]
STATE_LIST = "tracestate / list"
STATES = [
    state(STATE_LIST, "it is passed on", "foo=1,bar=2", "foo=1,bar=2"),
    state(STATE_LIST, "an empty one is accepted and not sent", "", None),
    state(STATE_LIST, "empty members are allowed", "foo=1,,bar=2,", "foo=1,bar=2"),
    state(STATE_LIST, "white space around members is ignored", "foo=1 \t , \t bar=2", "foo=1,bar=2"),
    state(STATE_LIST, "there are 32 members at most", members(32), members(32)),
    state(STATE_LIST, "33 members are too many", members(33), None),
    state("tracestate / list-members", "a key stands once", "foo=1,bar=2,foo=3", "foo=1,bar=2"),
    state("tracestate / Key", "it may begin with a digit", "0foo=1", "0foo=1"),
    state("tracestate / Key", "it may have _-*/@ in it", "a_-*/@b=1", "a_-*/@b=1"),
    state("tracestate / Key", "it may have 256 characters", f"{'k' * 256}=1", f"{'k' * 256}=1"),
    state("tracestate / Key", "257 are too many", f"{'k' * 257}=1", None),
    state("tracestate / Key", "capitals are not allowed", "Foo=1", None),
    state("tracestate / Key", "no other characters are", "foo.bar=1", None),
    state("tracestate / Key", "no white space comes after it", "foo =1", None),
    state("tracestate / Key", "it is not empty", "=1", None),
    state("tracestate / Value", "it may have 256 characters", f"a={'v' * 256}", f"a={'v' * 256}"),
    state("tracestate / Value", "257 are too many", f"a={'v' * 257}", None),
    state("tracestate / Value", "it has no equals sign", "foo=1=2", None),
    state("tracestate / Value", "it may begin with a space", "foo= 1", "foo= 1"),
    state("tracestate / Value", "it is not empty", "foo=", None),
    state("tracestate / Limits", "at least 512 characters are passed on", members(8, 59), members(8, 59)),
    state("tracestate / Limits", "long members go first", f"{members(3, 100)},big={'v' * 250}", members(3, 100)),
    state("tracestate / Limits", "members go from the end, as a whole", members(9, 96), members(5, 96)),
]
LINES = [
    Rule(STATE_LIST, "several headers are one", (IDS, "tracestate: foo=1", "tracestate: bar=2"), state="foo=1,bar=2"),
    Rule(STATE_LIST, "an empty one among them", (IDS, "tracestate: foo=1", "tracestate:"), state="foo=1"),
    Rule(STATE_LIST, "17 and 16 are too many", (IDS, f"tracestate: {members(17)}", "tracestate: " + "a=1," * 16)),
    Rule("baggage / Header Format", "several are one", (IDS, "baggage: a=1", "baggage: b=2"), baggage="a=1,b=2"),
    Rule(
        "baggage / Limits",
        "all lines count together",
        (IDS, *(f"baggage: k{n:02}=v" for n in range(70))),
        baggage=",".join(f"k{n:02}=v" for n in range(64)),
    ),
    Rule("baggage / Header Format", "it makes no trace", ("baggage: a=1",), NEW),
]
BAGGAGE = [
    pairs("baggage / baggage-string", "it is passed on", "a=1,b=2", "a=1,b=2"),
    pairs("baggage / baggage-string", "white space around members is trimmed", "a=1 \t , \t b=2", "a=1,b=2"),
    pairs("baggage / key", "white space around it is trimmed", "a = 1", "a=1"),
    pairs("baggage / key", "it is a token", "a!#$&'*-.^_`|~9=1", "a!#$&'*-.^_`|~9=1"),
    pairs("baggage / key", "what is no token is left out", "a(b=1,c=2", "c=2"),
    pairs("baggage / value", "it may be empty", "a=", "a="),
    pairs("baggage / value", "it may have equals signs", "a=b=c", "a=b=c"),
    pairs("baggage / value", "it is percent-encoded UTF-8", "a=DF%2028%C3%A9", "a=DF%2028%C3%A9"),
    pairs("baggage / value", "it is handed on as it was written", "a=1+1%20%c3%a9%FF", "a=1+1%20%c3%a9%FF"),
    pairs("baggage / value", "quotes and backslashes are not allowed", 'a="1",b=\\,c=2', "c=2"),
    pairs("baggage / property", "a value ends before it", "a=1;p;q=2 ; r , b=2", "a=1,b=2"),
    pairs("baggage / Limits", "64 members are passed on", members(64), members(64)),
    pairs("baggage / Limits", "8192 bytes are passed on", f"{members(64, 123)}v", f"{members(64, 123)}v"),
]

RULES = [*VERSIONS, *FIELDS, *NAMES, *MODEL, *STATES, *LINES, *BAGGAGE]
