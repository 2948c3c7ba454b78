"""Records made safe: limits, control characters, secrets, and no way to make it raise."""

from __future__ import annotations

import math
import traceback

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.cleaning import FAULT, SECRET_NAMES, Cleaner
from tracelog.fitting import CUT, MAX_SIZE, MAX_STACK, middle_cut
from tracelog.record import (
    Entry,
    Event,
    Failure,
    Kind,
    LineRecord,
    Link,
    Origin,
    Resource,
    SpanRecord,
    Status,
    failure_of,
)
from tracelog.redaction import REDACTED

CLEANER = Cleaner()
CONTROLS = "\x00\x07\r\x1b[2J\x7f\x85\x9b"


def span(**changes):
    """Make a record of a span."""
    usual = SpanRecord(
        Resource("shop"), "a" * 32, "b" * 16, "", "b" * 16, "GET /", Kind.SERVER, Status.SUCCESS, 1, 2, 0, 0, 1.0, {}
    )
    return usual._replace(**changes)


def line(**changes):
    """Make a record of a log line."""
    return LineRecord(Resource("shop"), 1, "info", "app", "hello", "a" * 32, "b" * 16, "b" * 16, {})._replace(**changes)


def attributes(**given):
    """Clean *given* as attributes of a span."""
    return CLEANER.span(span(attributes=given)).attributes


def texts_of(value):
    """Collect all texts in *value*, keys included."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [found for pair in value.items() for member in pair for found in texts_of(member)]
    if isinstance(value, (list, tuple)):
        return [found for member in value for found in texts_of(member)]
    return []


def depth_of(value):
    """Count how many containers lie in each other."""
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if members is None else 1 + max(map(depth_of, members), default=0)


def raised(error):
    """Raise *error* and take it down."""
    try:
        raise error
    except type(error) as caught:
        return failure_of(caught)


class Hostile:
    """An object none of whose methods may be called from here."""

    def __repr__(self):
        raise RuntimeError

    __str__ = __hash__ = __eq__ = __repr__


def test_a_clean_span_is_handed_on_as_it_is():
    """Where there is nothing to do the record is the same object."""
    record = span(attributes={"http.route": "/", "n": 1, "f": 0.5, "b": True, "none": None})
    assert CLEANER.span(record) is record
    assert CLEANER.span(record) is record


def test_a_clean_line_stays_equal():
    """Where there is nothing to do the record says the same."""
    record = line(fields={"order": 17}, origin=Origin("/a.py", 3, "f"), thread="MainThread")
    assert CLEANER.line(record) == record


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        ("x" * 9000, "x" * 8191 + "…"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (2**63 - 1, 2**63 - 1),
        (2**63, str(2**63)),
        (b"raw\xff", "raw\ufffd"),
        ("\ud800", "?"),
        (Hostile(), f"<{__name__}.Hostile>"),
        ([1, (2, {3})], [1, [2, [3]]]),
        ({1: "a", None: "b"}, {"1": "a", "None": "b"}),
        ([[[[[[[1]]]]]]], [[[[[["…"]]]]]]),
    ],
)
def test_values_of_every_type_are_made_plain(given, cleaned):
    """Whatever a field holds, what is stored are JSON's own types within limits."""
    assert CLEANER.line(line(fields={"value": given})).fields == {"value": cleaned}


def test_keys_are_limited():
    """At most 128 keys of at most 256 characters, in one line."""
    many = attributes(**{f"k{n}": n for n in range(200)})
    assert list(many) == [f"k{n}" for n in range(128)]
    assert attributes(**{"x" * 300: 1, "a\nb\x1b": 2}) == {"x" * 256: 1, "a\\nb\\x1b": 2}
    assert CLEANER.line(line(fields={3: 1})).fields == {"3": 1}


def test_texts_of_one_line_stay_in_one_line():
    """Nothing in a name, level or message ends the line, steers a terminal or turns the writing around."""
    nasty = f"a\n\t\u2028\u2029\u202e{CONTROLS}b"
    shown = r"a\n\t\u2028\u2029\u202e\x00\x07\r\x1b[2J\x7f\x85\x9bb"
    cleaned = CLEANER.line(line(message=nasty, level=nasty, logger=nasty, thread=nasty, trace_id=nasty))
    assert [cleaned.message, cleaned.level, cleaned.logger, cleaned.thread, cleaned.trace_id] == [shown] * 5
    event = Event(nasty, 1, {})
    opened = CLEANER.span(span(operation=nasty, parent_id=nasty, events=(event,)))
    assert [opened.operation, opened.parent_id, opened.events[0].name] == [shown] * 3


def test_colours_of_a_terminal_are_left_out():
    """What an access line is coloured with is no part of it; other escapes are shown, and secrets are found."""
    cleaned = Cleaner().line(line(message="\x1b[35m\x1b[1mGET /\x1b[0m 500\x1b[2J", fields={"said": "a\n\x1b[31mb"}))
    assert (cleaned.message, cleaned.fields) == (r"GET / 500\x1b[2J", {"said": "a\nb"})
    assert REDACTED in Cleaner().line(line(message="pass\x1b[0mword=hunter2")).message


def test_values_keep_line_breaks_and_tabs():
    """In a value only what is neither is replaced."""
    assert attributes(text=f"a\n\tb{CONTROLS}") == {"text": "a\n\tb" + r"\x00\x07\r\x1b[2J\x7f\x85\x9b"}


def test_a_value_known_to_be_clean_is_no_clean_message():
    """A line break that may stay in a value does not get into a message by being known."""
    attributes(text="a\nb")
    assert CLEANER.span(span(operation="a\nb")).operation == r"a\nb"


def test_secrets_go_from_names_at_any_depth():
    """The value of a secret's name is gone, be it text, container or number; what tells nothing stays."""
    cleaned = attributes(
        password="x",  # noqa: S106 - nobody's
        headers={"Authorization": "x", "list": [{"apiKey": ["x"]}]},
        pwd=1234,
        max_tokens=5,
        token=None,
        secret=True,
        cookie="",
    )
    assert cleaned == {
        "password": REDACTED,
        "headers": {"Authorization": REDACTED, "list": [{"apiKey": REDACTED}]},
        "pwd": REDACTED,
        "max_tokens": 5,
        "token": None,
        "secret": True,
        "cookie": "",
    }


def test_secrets_go_from_every_text():
    """Operation, attributes, events, messages, exceptions and stack traces are all searched."""
    secret = "postgres://u:pw1@h and password=pw1"  # noqa: S105 - nobody's
    record = span(
        operation=secret,
        attributes={"a": secret, "b": [secret], "c": {"d": secret}},
        events=(Event("e", 1, {"a": secret}),),
        failure=raised(ValueError(secret)),
    )
    assert "pw1" not in repr(CLEANER.span(record))
    said = line(message=secret, fields={"a": secret}, failure=Failure("E", secret, None, secret))
    assert "pw1" not in repr(CLEANER.line(said))


def test_a_failure_is_written_out():
    """The stack trace becomes text with its line breaks, and the exception's own lines are kept."""
    failure = CLEANER.span(span(failure=raised(ValueError("first\nsecond\x1b")))).failure
    assert (failure.type, failure.message, failure.trace) == ("ValueError", "first\nsecond\\x1b", None)
    assert failure.text.startswith("Traceback (most recent call last):\n")
    assert failure.text.endswith("ValueError: first\nsecond\\x1b\n")


def test_a_failure_in_words_stays():
    """A reason without an exception has no stack trace."""
    assert CLEANER.span(span(failure=Failure("", "no stock"))).failure == Failure("", "no stock")


def test_what_is_known_of_the_entry_span_is_cleaned():
    """Its operation is one line without secrets, its type a word; anything else there is left out."""
    entry = Entry("GET /\nhttps://a:b@shop/", Kind.SERVER, "page\nload")
    cleaned = CLEANER.span(span(failure=Failure("E", "m", entry=entry))).failure.entry
    assert cleaned == Entry("GET /\\nhttps://[redacted]@shop/", Kind.SERVER, "page\\nload")
    assert CLEANER.span(span(failure=Failure("E", "m", entry=Entry(7, Kind.SERVER, {})))).failure.entry == Entry(
        "7", Kind.SERVER, None
    )
    assert CLEANER.span(span(failure=Failure("E", "m"))).failure.entry is None


def test_what_came_in_and_was_not_continued_is_cleaned():
    """Ids of strangers are one line of bounded length, or kept as they are; without them nothing changes."""
    (cleaned,) = CLEANER.span(span(links=(Link("a\nb", "c" * 999),))).links
    assert (cleaned.trace_id, len(cleaned.span_id)) == (r"a\nb", 256)
    assert CLEANER.span(span(links=(Link("a" * 32, "b" * 16),))).links == (Link("a" * 32, "b" * 16),)


def test_a_failure_that_is_cut_keeps_its_entry():
    """However much of a record has to go, where its failure was first seen stays."""
    entry = Entry("GET /", Kind.SERVER)
    failure = Failure("E", "木" * 60_000, None, "木\n" * 60_000, entry)
    cleaned = CLEANER.span(span(failure=failure)).failure
    assert (cleaned.type, cleaned.entry) == ("E", entry)
    assert len(cleaned.text) < 32_768


def test_a_stack_trace_that_cannot_be_written_is_told():
    """An exception's own code may fail while the trace is written; the rest of the failure is kept."""
    failure = raised(ValueError("x"))
    failure.trace.stack = [Hostile()]
    assert CLEANER.span(span(failure=failure)).failure == Failure(
        "ValueError", "x", None, "<stack trace lost: AttributeError>"
    )


def test_a_long_stack_trace_loses_its_middle():
    """Where it begins and where it ends are both kept."""
    text = "\n".join(f"frame {n}" for n in range(10_000))
    cut = CLEANER.line(line(failure=Failure("E", "m", None, text))).failure.text
    assert len(cut) <= MAX_STACK
    assert cut.startswith("frame 0\nframe 1\n")
    assert cut.endswith("\nframe 9999")


@given(st.text(alphabet="ab\n", max_size=300), st.integers(64, 200))
def test_the_middle_is_cut_within_bounds(text, characters):
    """What is left fits, is whole if it was short, and begins and ends as the text did."""
    cut = middle_cut(text, characters)
    assert len(cut) <= characters
    assert (cut == text) == (len(text) <= characters)
    head, _, tail = cut.partition("\n… ") if cut != text else (text, "", "")
    assert text.startswith(head)
    assert text.endswith(tail.partition(" …\n")[2])


def stored(record):
    """Count the bytes that the texts of *record* come to in JSON."""
    parts = {**record._asdict(), "resource": None, "failure": list(record.failure or ())}
    return len(orjson.dumps(parts))


@pytest.mark.parametrize("character", ["x", '"', "é", "漢", "😀", "\n"])
@pytest.mark.parametrize(("keys", "length"), [(2, 8192), (20, 8192), (128, 8192), (128, 600)])
def test_a_record_fits_into_a_document(character, keys, length):
    """However its texts are made, a record comes to less than 64 KiB, and keeps its keys while it can."""
    many = {f"k{n}": character * length for n in range(keys)}
    failure = Failure("E", character * 9000, None, f"top {character * 90_000} bottom")
    for cleaned, kept in (
        ((one := CLEANER.span(span(attributes=many, failure=failure))), one.attributes),
        ((two := CLEANER.line(line(fields=many, failure=failure, message=character * 9000))), two.fields),
    ):
        assert stored(cleaned) <= 64 * 1024
        assert list(kept) == list(many)
        assert cleaned.failure.text.startswith("top")
        assert cleaned.failure.text.endswith("bottom")


def test_a_record_of_moderate_size_is_not_cut():
    """What fits is measured in bytes, and left as it is."""
    record = span(attributes={f"k{n}": "x" * 8000 for n in range(7)})
    assert CLEANER.span(record) is record


def test_numbers_and_lists_are_kept_when_texts_are_cut():
    """Only texts are shortened."""
    many = {"n": 1, "list": ["x" * 8000] * 20}
    cut = CLEANER.span(span(attributes=many)).attributes
    assert cut["n"] == 1
    assert {len(member) for member in cut["list"]} == {2048}


def test_what_does_not_fit_at_all_is_left_out():
    """Too many attributes of too many events are dropped, and the record says so."""
    busy = {f"k{n}{'k' * 200}": "x" * 100 for n in range(128)}
    events = tuple(Event("e", n, busy) for n in range(128))
    cleaned = CLEANER.span(span(attributes=busy, events=events, failure=Failure("E", "why")))
    assert (list(cleaned.attributes), cleaned.events, cleaned.failure.message) == ([CUT], (), "why")
    nested = {f"k{n}{'k' * 250}": [busy] for n in range(8)}
    assert list(CLEANER.line(line(fields={**nested, **busy})).fields) == [CUT]


def test_the_callback_is_asked_by_name():
    """It sees each attribute after redaction, nested ones too, and its answer is stored, made plain and clean."""
    seen = []

    def mask(name, value):
        seen.append((name, value))
        return {"email": "***", "raw": b"x\x1b", "other": "Bearer abc"}.get(name, value)

    cleaner = Cleaner(callback=mask)
    record = span(attributes={"email": "a@b", "raw": 1, "other": 2, "password": "x", "user": {"email": "c@d"}})
    expected = {"email": "***", "raw": "x\\x1b", "other": f"Bearer {REDACTED}", "password": REDACTED}
    for _ in range(2):
        assert cleaner.span(record).attributes == {**expected, "user": {"email": "***"}}
    assert ("password", REDACTED) in seen
    assert ("email", "c@d") in seen


def test_the_callback_is_asked_about_messages():
    """Messages and stack traces have names, too."""
    cleaner = Cleaner(callback=lambda name, value: name)
    cleaned = cleaner.line(line(message="m", failure=raised(ValueError("x"))))
    assert (cleaned.message, cleaned.failure) == (
        "message",
        Failure("ValueError", "error.message", None, "error.stack_trace"),
    )


def test_a_callback_that_raises_hides_the_value():
    """What it wanted to hide is not shown because of its fault."""

    def broken(name, value):
        raise KeyError(name)

    cleaner = Cleaner(callback=broken)
    cleaned = cleaner.line(line(fields={"a": 1}, failure=Failure("E", "m", None, "s")))
    assert (cleaned.fields, cleaned.message) == ({"a": REDACTED}, REDACTED)
    assert cleaned.failure == Failure("E", REDACTED, None, REDACTED)


def test_a_callback_may_answer_anything():
    """An answer that is no text becomes one where a text is needed."""
    cleaned = Cleaner(callback=lambda name, value: 7).line(line(failure=Failure("E", "m", None, "s")))
    assert (cleaned.message, cleaned.failure) == ("7", Failure("E", "7", None, "7"))


def test_names_can_be_added():
    """Names given take the place of the usual ones, which can be given along."""
    cleaner = Cleaner([*SECRET_NAMES, "iban"])
    assert cleaner.span(span(attributes={"iban": "DE1", "pwd": "x"})).attributes == {"iban": REDACTED, "pwd": REDACTED}


class Broken(dict):
    """Attributes that cannot be read."""

    def items(self):
        """Fail."""
        raise OSError


def test_a_record_that_cannot_be_cleaned_loses_its_attributes():
    """Better a record without attributes than none, and never one that was not cleaned."""
    bad = Broken(password="x")  # noqa: S106 - nobody's
    told = {"failure": Failure("E", "pw", None, "pw"), "links": (Link("a\nb", ""),)}
    opened = CLEANER.span(span(operation="a\nb", attributes=bad, **told))
    assert (opened.operation, opened.attributes) == (r"a\nb", {FAULT: "attributes lost in cleaning: OSError"})
    assert (opened.failure, opened.links) == (Failure("E", ""), ())
    said = CLEANER.line(line(fields=bad, logger="a\nb", message="pw"))
    assert (said.message, said.logger, said.failure) == ("<message lost: OSError>", r"a\nb", None)
    assert list(said.fields) == [FAULT]


@pytest.mark.parametrize("odd", [None, 7, b"x", ["x"], Hostile(), "\ud800"])
def test_texts_of_another_type_are_made_texts(odd):
    """An operation, message or name that is no text by mistake of the application becomes one."""
    opened = CLEANER.span(span(operation=odd, parent_id=odd, failure=Failure(odd, odd, None, odd)))
    said = CLEANER.line(line(message=odd, level=odd, logger=odd, thread=odd, origin=Origin(odd, 1, odd)))
    texts = [opened.operation, opened.parent_id, *opened.failure, said.message, said.level, said.logger, *said.origin]
    assert orjson.dumps(texts)


def test_what_is_remembered_is_bounded():
    """Ever new texts and names do not make the cleaner grow."""
    cleaner = Cleaner()
    for n in range(6000):
        cleaner.span(span(attributes={f"name{n}": f"value {n}"}))
    assert len(cleaner._clean) <= 2048
    assert cleaner._key.cache_info().currsize <= 2048


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.dates(), st.decimals(), st.uuids()
)
keys = st.one_of(st.text(), st.integers(), st.none(), st.sampled_from(["password", "token_count"]))
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(keys, inner, max_size=5), st.tuples(inner, inner)
    ),
    max_leaves=30,
)


@given(st.dictionaries(keys, trees, max_size=8), st.text())
def test_any_record_can_be_stored(tree, text):
    """Whatever the application gives, the result is JSON within limits, and cleaning it again changes nothing."""
    said = CLEANER.line(line(message=text, fields=tree, logger=text, failure=Failure(text, text, None, text)))
    assert orjson.loads(orjson.dumps(said.fields)) == said.fields
    assert stored(said) <= MAX_SIZE + 4096
    assert depth_of(said.fields) <= 8
    assert said.message.isprintable() or not set("\n\r\x1b\x85\u2028\u2029") & set(said.message)
    for found in texts_of(said.fields):
        assert len(found) <= 8192
        assert not set("\x00\x1b\r") & set(found)
    assert CLEANER.line(said) == said


@given(st.text(max_size=50), st.text(max_size=50))
def test_no_frame_is_kept_alive(before, after):
    """The cleaned failure holds text alone."""
    failure = CLEANER.span(span(failure=raised(ValueError(before + after)))).failure
    assert failure.trace is None
    assert isinstance(failure.text, str)
    assert not isinstance(failure.text, traceback.TracebackException)
