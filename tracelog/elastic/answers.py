"""What Elasticsearch, or whatever stands in its place, answered, and what that means for a person. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple, cast

import orjson

SETUP = "run `tracelog setup --elasticsearch URL` once"
CREDENTIALS = "check TRACELOG_API_KEY, or TRACELOG_USERNAME and TRACELOG_PASSWORD"
PRIVILEGES = (
    "the key or user needs the privileges auto_configure and create_doc on traces-apm.tracelog-*, logs-tracelog-* and"
    " logs-apm.tracelog-*"
)
TOO_OLD = "tracelog needs Elasticsearch ≥ 8.13"
CHECK_URL = "check that the URL is that of an Elasticsearch"

#: The server speaks, but not this dialect: a parameter or a media type that it does not know.
MISCONFIGURED = frozenset({"illegal_argument_exception", "media_type_header_exception"})


class Answer(NamedTuple):
    """One HTTP answer; names of *headers* are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def genuine(self) -> bool:
        """Whether Elasticsearch itself gave it: every answer of one says so, but for those of its security."""
        return self.headers.get("x-elastic-product") == "Elasticsearch" or error_of(self)[0] == "security_exception"


class Trouble(NamedTuple):
    """What is wrong, and what to do about it, each a clause."""

    problem: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.problem}; {self.advice}" if self.advice else self.problem


def parsed(answer: Answer) -> dict[str, Any] | None:
    """Read the JSON object in *answer*, or None where there is none."""
    try:
        found: Any = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def error_of(answer: Answer) -> tuple[str, str]:
    """Find the type and the reason of a refused request, ``""`` where they are not told."""
    return reason_of((parsed(answer) or {}).get("error"))


def reason_of(error: Any) -> tuple[str, str]:
    """Find the type and the reason in the ``error`` of an answer or of one of its items."""
    if isinstance(error, dict):
        told = cast("dict[str, Any]", error)
        return str(told.get("type", "")), str(told.get("reason", ""))
    return "", error if isinstance(error, str) else ""


def retry_after(answer: Answer, now: float) -> float | None:
    """Read the header ``Retry-After``, seconds or a date, as seconds from *now* (since the epoch)."""
    told = answer.headers.get("retry-after", "").strip()
    if told.isdecimal():
        return float(told)
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def trouble(answer: Answer) -> Trouble | None:
    """Say what is wrong with *answer* as a whole, or None for one that Elasticsearch gives when all is well."""
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return _strange_success(answer)
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        # The query of a redirect may hold a token, so it is not shown.
        place = answer.headers.get("location", "elsewhere").partition("?")[0]
        return Trouble(f"it redirects to {place}, which is not followed", CHECK_URL)
    return _refused(answer) if answer.genuine else _foreign(answer)


def _strange_success(answer: Answer) -> Trouble | None:
    """Tell an answer of something else with status 200 from one of Elasticsearch."""
    if parsed(answer) is None:
        return Trouble(f"it answered {_looks(answer)} in place of JSON", f"is there a proxy in front? {CHECK_URL}")
    return None if answer.genuine else Trouble("it does not call itself Elasticsearch", _unlike())


def _foreign(answer: Answer) -> Trouble:
    """Explain an error that did not come from Elasticsearch itself."""
    status = answer.status
    if status == HTTPStatus.UNAUTHORIZED:
        return Trouble("the credentials were not accepted (401)", CREDENTIALS)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return Trouble(f"no Elasticsearch answers there at present (status {status})")
    if parsed(answer) is None:
        return Trouble(f"it answered {_looks(answer)} with status {status}", f"is there a proxy in front? {CHECK_URL}")
    return Trouble(f"it refused with status {status} and does not call itself Elasticsearch", _unlike())


def _refused(answer: Answer) -> Trouble:
    """Explain an error of Elasticsearch's own."""
    kind, reason = error_of(answer)
    known = _KNOWN.get(answer.status)
    if known is not None:
        return known
    if kind in MISCONFIGURED or answer.status == HTTPStatus.NOT_ACCEPTABLE:
        return Trouble(f"it does not understand the request ({short(reason)})", TOO_OLD)
    return Trouble(f"it refused the request with status {answer.status} ({short(reason) or 'no reason given'})")


_KNOWN: Mapping[int, Trouble] = {
    401: Trouble("the credentials were not accepted (401)", CREDENTIALS),
    403: Trouble("the credentials do not allow this (403)", PRIVILEGES),
    404: Trouble("the data streams cannot be made (404)", SETUP),
    413: Trouble("the request was too large (413)"),
    429: Trouble("it is busy and asked to wait (429)"),
    503: Trouble("it is not available at present (503)"),
}


def _looks(answer: Answer) -> str:
    """Say what a body that is not JSON looks like."""
    if b"<html" in answer.body[:1024].lower() or "html" in answer.headers.get("content-type", ""):
        return "an HTML page"
    return "cut or damaged text" if answer.body else "nothing"


def _unlike() -> str:
    return f"OpenSearch and others are not supported; {CHECK_URL}"


def short(reason: str) -> str:
    """Cut *reason* to what fits into a sentence; it may quote a document of any length."""
    line = " ".join(reason.split())
    return line if len(line) <= _REASON else line[: _REASON - 1] + "…"


_REASON = 300
