"""What is wrong with an Elasticsearch, judged by what was seen of it. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import NamedTuple

from tracelog.doctor.finding import NOTE, Finding
from tracelog.elastic.answers import Answer, Trouble, trouble
from tracelog.elastic.names import streams
from tracelog.elastic.setup import CREATED, UPDATED

#: From here on a search over the last minutes misses what was just written.
SKEW_SECONDS = 60

_KEPT = "tracelog keeps everything in memory and tries again; what does not fit there is lost"
_SETUP = "tracelog setup --elasticsearch {}"


class ElasticSeen(NamedTuple):
    """
    What an Elasticsearch told about itself.

    *away* and *answer* are what kept us out, if something did. *lacking* are the missing rights by stream; *templates*
    the state of each by name, as of a dry run of setup, None where it may not be seen; *foreign* says that one of our
    names is taken. *unsettled* says that a document could not be written for want of templates. *skew* is how far this
    machine's clock is ahead, in seconds. *namespaces* are those where something is stored, *plain* are indices that
    stand where a data stream has to be.
    """

    address: str
    namespace: str
    away: Trouble | None = None
    answer: Answer | None = None
    lacking: Mapping[str, tuple[str, ...]] = {}
    templates: Mapping[str, str] | None = None
    foreign: Trouble | None = None
    unsettled: bool = False
    skew: float | None = None
    namespaces: frozenset[str] = frozenset()
    plain: tuple[str, ...] = ()


def judge_elastic(seen: ElasticSeen) -> Iterator[Finding]:
    """Say everything that is wrong; where nobody gets in there is nothing else to say."""
    if seen.away is not None:
        advice = seen.away.advice or "check the URL in TRACELOG_EXPORT"
        yield Finding("server-away", f"{seen.address}: {seen.away.problem}", _KEPT, advice)
    elif seen.answer is not None:
        yield from _kept_out(seen.address, seen.answer)
    else:
        yield from _rights(seen)
        yield from _templates(seen)
        yield from _names(seen)
    yield from _clock(seen)


def _kept_out(address: str, answer: Answer) -> Iterator[Finding]:
    """Explain an answer that is not the one asked for."""
    wrong = trouble(answer) or Trouble(f"it answered with status {answer.status}")
    what = f"{address}: {wrong.problem}"
    if answer.status == HTTPStatus.UNAUTHORIZED:
        change = "correct TRACELOG_API_KEY, or TRACELOG_USERNAME and TRACELOG_PASSWORD"
        yield Finding("credentials-refused", what, _KEPT, change)
    elif answer.genuine or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        yield Finding("server-unwell", what, _KEPT, wrong.advice or "look at the server's own log")
    else:
        change = "set TRACELOG_EXPORT to the URL of an Elasticsearch, https://host:9200"
        yield Finding("not-elasticsearch", what, f"{_KEPT}; {wrong.advice}" if wrong.advice else _KEPT, change)


def _rights(seen: ElasticSeen) -> Iterator[Finding]:
    if not seen.lacking:
        return
    told = "; ".join(f"{', '.join(rights)} on {stream}" for stream, rights in seen.lacking.items())
    names = ", ".join(f'"{stream}"' for stream in streams("*"))
    change = f'give its role {{"names": [{names}], "privileges": ["auto_configure", "create_doc"]}}'
    yield Finding("privilege-missing", f"{seen.address}: the credentials lack {told}", _KEPT, change)


def _templates(seen: ElasticSeen) -> Iterator[Finding]:
    setup = _SETUP.format(seen.address)
    if seen.foreign is not None:
        why = "the data streams would get fields that tracelog does not know"
        yield Finding("template-foreign", f"{seen.address}: {seen.foreign.problem}", why, seen.foreign.advice or setup)
        return
    states = seen.templates or {}
    missing = [name for name, state in states.items() if state == CREATED]
    old = [name for name, state in states.items() if state == UPDATED]
    if missing or seen.unsettled:
        told = ", ".join(missing) or "index templates"
        yield Finding(
            "template-missing", f"{seen.address} has no {told}", f"no data stream can be made; {_KEPT}", setup
        )
    if old:
        why = "new fields are not found by a search, or are stored as something else"
        yield Finding("template-old", f"{seen.address} has {', '.join(old)} of another release", why, setup)
    if seen.templates is None and not seen.unsettled and not seen.lacking:
        why = "with the right manage_index_templates this command sees whether they are of this release"
        what = f"{seen.address}: these credentials may write, and may not look at the templates"
        yield Finding("template-unseen", what, why, "run it once with the credentials of tracelog setup", kind=NOTE)


def _names(seen: ElasticSeen) -> Iterator[Finding]:
    """Look for what was stored under another name than the one that is searched."""
    for name in seen.plain:
        why = "an index stands where the data stream has to be made, and has fields of its own"
        yield Finding("plain-index", f"{seen.address}: {name} is no data stream", why, f"rename it, or DELETE /{name}")
    if seen.namespaces and seen.namespace not in seen.namespaces:
        told = ", ".join(sorted(seen.namespaces)[:_SHOWN])
        what = f"nothing is stored in namespace {seen.namespace}; there is something in {told}"
        why = "each namespace has data streams of its own, and tracelog show reads one of them"
        yield Finding("namespace-empty", what, why, "TRACELOG_NAMESPACE=… with the same value on both sides", kind=NOTE)


_SHOWN = 5


def _clock(seen: ElasticSeen) -> Iterator[Finding]:
    if seen.skew is None or abs(seen.skew) < SKEW_SECONDS:
        return
    way = "ahead of" if seen.skew > 0 else "behind"
    what = f"this machine's clock is {_length(abs(seen.skew))} {way} that of {seen.address}"
    why = "spans and lines bear times at which nobody looks for them: Kibana shows the last minutes"
    yield Finding(
        "clock-off", what, why, "set the clock of this machine, or of the server, by NTP (timedatectl set-ntp true)"
    )


def _length(seconds: float) -> str:
    """
    Write a time as a person would.

    >>> _length(90), _length(7200)
    ('90 s', '120 min')
    """
    minute = 60
    return f"{seconds:.0f} s" if seconds <= 2 * minute else f"{seconds / minute:.0f} min"
