"""What becomes of each document of a bulk request. Pure functions: deciding here, doing in the exporter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, NamedTuple, cast

import orjson

from tracelog.elastic.answers import (
    CREDENTIALS,
    MISCONFIGURED,
    PRIVILEGES,
    SETUP,
    Answer,
    Trouble,
    error_of,
    parsed,
    reason_of,
    retry_after,
    short,
    trouble,
)
from tracelog.pipeline.exporter import LINES, SPANS, Line, Outcome, Refusal

TOO_LARGE = "too large for one request on its own (413)"
NO_DOCUMENT = "not one line of JSON"

_KINDS = frozenset({SPANS, LINES})

#: What nearly every item says.
_CREATED = {"create": {"status": 201}}

#: What sending again can cure, and what cures it. The first that occurs in an answer is the one that is told.
_CURES: tuple[tuple[int, Trouble], ...] = (
    (404, Trouble("the index templates are missing (404)", SETUP)),
    (403, Trouble("the credentials do not allow writing (403)", PRIVILEGES)),
    (401, Trouble("the credentials were not accepted (401)", CREDENTIALS)),
    (429, Trouble("it is too busy to take documents (429)")),
)


class Fate(NamedTuple):
    """What became of each document of a request, by its place in it; the rest as in an Outcome."""

    stored: tuple[int, ...] = ()
    already_there: tuple[int, ...] = ()
    refused: tuple[Refusal, ...] = ()
    again: tuple[int, ...] = ()
    retry_after: float | None = None
    problem: str = ""


def body_of(lines: Iterable[Line]) -> bytes:
    """Write the body of a bulk request that creates each of *lines* once."""
    return b"".join([b'{"create":{"_id":%b}}\n%b\n' % (orjson.dumps(key), body) for _, key, body in lines])


def sendable(line: Line) -> bool:
    """Tell whether *line* can be part of a body; a stray line break would turn one document into two requests."""
    return line.kind in _KINDS and line.body.startswith(b"{") and b"\n" not in line.body


def decided(answer: Answer, lines: Sequence[Line], now: float) -> Fate | None:
    """
    Say what *answer* means for each of *lines*; None asks to send them in two halves.

    Places count from 0 in *lines*; *now* is seconds since the epoch. Without proof that a document itself is at fault
    everything is kept.
    """
    if answer.status == HTTPStatus.OK:
        items = _items(answer)
        if items is not None and len(items) == len(lines):
            return _settled(items, answer, now)
        return kept(len(lines), _strange(answer, items), retry_after(answer, now))
    if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return None if len(lines) > 1 else _refused(TOO_LARGE)
    if answer.status == HTTPStatus.BAD_REQUEST and answer.genuine:
        return _misread(answer, lines)
    return kept(len(lines), _why(answer), retry_after(answer, now))


def kept(count: int, problem: str, wait: float | None = None) -> Fate:
    """Keep all *count* lines, because of *problem*."""
    return Fate(again=tuple(range(count)), retry_after=wait, problem=problem)


def joined(parts: Iterable[tuple[Sequence[int], Fate]]) -> Outcome:
    """
    Add up what became of documents to what became of lines; each part comes with the lines that its documents are of.

    A line of several documents is to be sent again if one of them is, else refused if one of them is; it was already
    there if all of them were.
    """
    stored: set[int] = set()
    there: set[int] = set()
    refused: dict[int, Refusal] = {}
    again: set[int] = set()
    waits: list[float] = []
    problem = ""
    for places, part in parts:
        # All of them, as nearly always, need not be looked up one by one.
        stored.update(places if len(part.stored) == len(places) else [places[place] for place in part.stored])
        there.update(places[place] for place in part.already_there)
        for place, reason in part.refused:
            refused.setdefault(places[place], Refusal(places[place], reason))
        again.update(places[place] for place in part.again)
        waits += [] if part.retry_after is None else [part.retry_after]
        problem = problem or part.problem
    dead = refused.keys() - again
    stored -= again | dead
    there -= again | dead | stored
    refusals = tuple(refusal for place, refusal in refused.items() if place in dead)
    return Outcome(len(stored), len(there), refusals, tuple(sorted(again)), max(waits, default=None), problem)


def addressed(outcome: Outcome, destination: str) -> Outcome:
    """Say in the outcome's problem where it occurred."""
    return replace(outcome, problem=f"{destination}: {outcome.problem}") if outcome.problem else outcome


def _items(answer: Answer) -> Sequence[Any] | None:
    """Find what was said of each document, or None in an answer that is not of a bulk request."""
    found = (parsed(answer) or {}).get("items")
    return cast("Sequence[Any]", found) if isinstance(found, list) else None


def _settled(items: Sequence[Any], answer: Answer, now: float) -> Fate:
    """Sort the documents by what was said of each."""
    stored: list[int] = []
    there: list[int] = []
    refused: list[Refusal] = []
    again: list[int] = []
    statuses: dict[int, str] = {}
    for place, item in enumerate(items):
        if item == _CREATED:
            stored.append(place)
            continue
        status, reason = _said(item)
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            stored.append(place)
        elif status == HTTPStatus.CONFLICT:
            there.append(place)
        elif status == HTTPStatus.BAD_REQUEST:
            refused.append(Refusal(place, reason))
        elif status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            refused.append(Refusal(place, TOO_LARGE))
        else:
            again.append(place)
            statuses.setdefault(status, reason)
    wait = retry_after(answer, now) if again else None
    return Fate(tuple(stored), tuple(there), tuple(refused), tuple(again), wait, _cure(statuses))


def _said(item: Any) -> tuple[int, str]:
    """Read the status and the reason of one item, status 0 where it says nothing that can be read."""
    if not isinstance(item, dict):
        return 0, ""
    told: Any = next(iter(cast("dict[str, Any]", item).values()), None)
    if not isinstance(told, dict):
        return 0, ""
    fields = cast("dict[str, Any]", told)
    status = fields.get("status")
    if type(status) is int and "error" not in fields:
        return status, ""
    kind, reason = reason_of(fields.get("error"))
    return status if type(status) is int else 0, short(f"{kind}: {reason}" if kind else reason)


def _cure(statuses: dict[int, str]) -> str:
    """Say why documents are kept, and what to do about it."""
    for status, found in _CURES:
        if status in statuses:
            return f"{found}; nothing is lost, what was sent is kept"
    if not statuses:
        return ""
    status, reason = next(iter(statuses.items()))
    return f"it could not store documents (status {status}{', ' + reason if reason else ''}); they are kept"


def _misread(answer: Answer, lines: Sequence[Line]) -> Fate | None:
    """Deal with a body that could not be read as a whole."""
    kind, reason = error_of(answer)
    if kind in MISCONFIGURED or not _of_parsing(kind):
        return kept(len(lines), _why(answer))
    if len(lines) > 1:
        return None
    if _is_document(lines[0].body):
        return kept(1, _why(answer))
    return _refused(short(f"{kind}: {reason}"))


def _of_parsing(kind: str) -> bool:
    """Tell whether an error of that type speaks of the body's text."""
    return "pars" in kind or "x_content" in kind or "json" in kind


def _is_document(body: bytes) -> bool:
    """Tell whether *body* is what it should be, so that a refusal cannot be its fault."""
    try:
        return isinstance(orjson.loads(body), dict)
    except orjson.JSONDecodeError:
        return False


def _refused(reason: str) -> Fate:
    """Refuse the one line that was sent."""
    return Fate(refused=(Refusal(0, reason),))


def _strange(answer: Answer, items: Sequence[Any] | None) -> str:
    """Explain status 200 with an answer that says nothing of our documents."""
    if items is not None:
        return "it answered for another number of documents than were sent; they are kept"
    found = trouble(answer) or Trouble("its answer does not say what became of the documents")
    return f"{found}; everything is kept"


def _why(answer: Answer) -> str:
    """Explain a request that was refused as a whole."""
    return f"{trouble(answer) or f'it answered with status {answer.status}'}; everything is kept"
