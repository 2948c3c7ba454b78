"""Secrets taken out of names and texts before anything is stored or sent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

REDACTED = "[redacted]"

#: Names whose values are not for others to see; each is one or more words that follow each other in a name.
SECRET_NAMES = (
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "jwt",
    "otp",
    "api key",
    "apikey",
    "access key",
    "accesskey",
    "private key",
    "privatekey",
    "secretkey",
    "signing key",
    "encryption key",
    "authorization",
    "auth",
    "cookie",
    "session",
    "sessionid",
    "sessid",
    "credential",
    "csrf",
    "xsrf",
    "amz signature",
    "sig",
)

#: Words that make the name of a secret the name of something about it: ``token_count``, ``password.length``.
_ABOUT = frozenset(
    """
    age algorithm at attempt attempts audience backend changed class cost count counter created duration enabled
    endpoint engine error errors event expired expires expiration expiry failed failure failures format host index
    issuer kind len length level lifetime limit max method min missing mode name names number policy position present
    provider rate required rotated size state status store strength timeout total ttl type updated uri url usage used
    valid version
    """.split()  # noqa: SIM905 - a list literal would be seventy lines long
)

#: From this length on a name of one word is also found at the end of a word: ``dbpassword``, ``accesstoken``. Not so
#: ``possession``.
_GLUED = 5
_NEVER_GLUED = frozenset({"session"})

#: What is no secret even under the name of one.
_EMPTY = frozenset({"", "none", "null", "true", "false", "str", "bytes", "int", "bool", REDACTED})

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

# Without any of these a text holds none of what is looked for below.
_SIGN = re.compile(r"[=:]|['\"],|(?:[Bb]earer|BEARER|[Bb]asic|BASIC)[ \t]|-----BEGIN")

_USERINFO = re.compile(r"://[^\s/?#\"'<>]*@")
_SCHEME = re.compile(r"\b(bearer|basic)([ \t]+)([\w.~+/=\-]+)", re.IGNORECASE)
# SQLAlchemy ends the text of an error with the values that the statement was given.
_PARAMETERS = re.compile(r"\[parameters: [^\n]*")
_PEM = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?=-----END|\Z)", re.DOTALL)

# A name and what stands between it and its value, in ``a=1``, ``a: 1``, ``"a": 1``, ``('a', '1')``, ``x[a]=1`` and the
# same with quotes escaped. A name begins where a word does and nowhere else, which keeps the search linear.
_NAME = re.compile(
    r"(?<![\w.\-])([\w.\-]+)(?![\w.\-])"
    r"(?:(?:\\{0,4}[\"'])?\]?[ \t]{0,8}(?:=>|:=|=|:(?!//))[ \t]{0,8}|\\{0,4}[\"'],[ \t]{0,8}(?=b?[\"']))"
)
_QUOTED = re.compile(r"([bBrRuUfF]{0,2}(\\{0,4}[\"']))((?:(?!\2)(?:\\.|[^\\\n]))*)")
_BARE = re.compile(r"(?:[^\s&;,\"'<>]|,(?![\s\"']|[\w.\-]+[=:]))+")
_LINE = re.compile(r"[^\r\n]*")
_BRACKET = re.compile(r"[\[\](){}]")
_OPENING = ("[", "(", "{")

# A text made of nothing but beginnings must not be read to its end from each of them.
_MAX_BRACKETS = 64

#: Headers whose values go on to the end of the line.
_HEADERS = ("authorization", "cookie", "cookies")

_PROSE = frozenset(
    """
    a and are auth authentication authorization based challenge credential credentials error expected failed for format
    from has header in is missing not of or realm required scheme schema security the to token tokens type was with
    """.split()  # noqa: SIM905 - as above
)
_PLAIN_WORD = re.compile(r"[A-Za-z][a-z]*[.:,]?")


def without_userinfo(url: str) -> str:
    """
    Write the address of a server as it may be shown to anybody.

    >>> without_userinfo("https://me:secret@es:9200/path?x=1")
    'https://es:9200/path'
    >>> without_userinfo("me:secret@es:9200")
    'es:9200'
    """
    scheme, mark, rest = url.rpartition("://")
    # A password that should have been quoted may hold any character, and all before the last @ may be part of it.
    place = re.split(r"[?#]", rest.rpartition("@")[2], maxsplit=1)[0]
    return f"{scheme}{mark}{place}".rstrip("/")


class Redactor:
    """Knows the names of secrets, and finds the values of such names in texts."""

    def __init__(self, names: Iterable[str] = SECRET_NAMES) -> None:
        self._names = tuple(sorted({words for name in names if (words := tuple(_words(name)))}))
        singles = {words[0] for words in self._names if len(words) == 1}
        self._glued = tuple(word for word in sorted(singles - _NEVER_GLUED) if len(word) >= _GLUED)
        self._needles = tuple(sorted({max(words, key=len) for words in self._names}))
        # Names come from outside, too: what is remembered about them is bounded.
        self.is_secret = lru_cache(maxsize=2048)(self._is_secret)

    def _is_secret(self, name: str) -> bool:
        """
        Tell whether the value of *name* is not for others to see.

        The words of a secret's name follow each other in *name*, singular or plural, and what follows them is not a
        word such as ``count``.
        """
        words = _words(name[-256:])
        singular = [word.removesuffix("s") for word in words]
        for place in range(len(words)):
            length = self._named_at(words, singular, place)
            if length and _ABOUT.isdisjoint(words[place + length : place + length + 1]):
                return True
        return False

    def _named_at(self, words: list[str], singular: list[str], place: int) -> int:
        """Tell how many words the secret's name has that begins at *place*, 0 if none does."""
        for name in self._names:
            end = place + len(name)
            if name in (tuple(words[place:end]), (*words[place : end - 1], *singular[end - 1 : end])):
                return len(name)
        return 1 if words[place].endswith(self._glued) or singular[place].endswith(self._glued) else 0

    def text(self, text: str) -> str:
        """Return *text* without the secrets in it."""
        if _SIGN.search(text) is None:
            return text
        if "://" in text:
            text = _USERINFO.sub(f"://{REDACTED}@", text)
        if "[parameters: " in text:
            text = _PARAMETERS.sub(f"[parameters: {REDACTED}]", text)
        low = text.lower()
        if "bearer" in low or "basic" in low:
            text = _SCHEME.sub(_without_credentials, text)
        if "private key-----" in low:
            text = _PEM.sub(rf"\1{REDACTED}", text)
        if any(needle in low for needle in self._needles):
            text = self._without_values(text)
        return text

    def _without_values(self, text: str) -> str:
        """Replace the value after each name of a secret."""
        parts: list[str] = []
        done = 0
        for match in _NAME.finditer(text):
            if match.start() < done or not self.is_secret(match[1]) or not _has_value(text, match):
                continue
            start, end = _value(text, match)
            if text[start:end].lower() not in _EMPTY:
                parts += (text[done:start], REDACTED)
                done = end
        return "".join((*parts, text[done:])) if parts else text


def _words(name: str) -> list[str]:
    """
    Split *name* into its words, in lower case.

    >>> _words("X-Api-Key"), _words("dbPassword2"), _words("HTTPToken")
    (['x', 'api', 'key'], ['db', 'password', '2'], ['http', 'token'])
    """
    return [word.lower() for word in _WORD.findall(name)]


def _has_value(text: str, name: re.Match[str]) -> bool:
    """Tell whether a value follows *name*: after a comma only in a pair, ``('name', 'value')``, not in any list."""
    return "," not in name[0] or "(" in text[max(0, name.start() - 3) : name.start()]


def _value(text: str, name: re.Match[str]) -> tuple[int, int]:
    """Find where the value of *name* begins and ends."""
    quoted = _QUOTED.match(text, name.end())
    if quoted is not None:
        return quoted.span(3)
    if text[name.end() : name.end() + 1] in _OPENING:
        return name.end(), _closed(text, name.end())
    whole_line = name[1].lower().endswith(_HEADERS) and ":" in name[0]
    bare = (_LINE if whole_line else _BARE).match(text, name.end())
    if bare is None:
        return name.end(), name.end()
    return bare.start(), bare.start() + len(bare[0].rstrip(")]}"))


def _closed(text: str, start: int) -> int:
    """Find the end of the container that begins at *start*: where it is closed, or else the end of the line."""
    depth = 0
    for bracket in islice(_BRACKET.finditer(text, start), _MAX_BRACKETS):
        depth += 1 if bracket[0] in _OPENING else -1
        if depth == 0:
            return bracket.end()
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _without_credentials(match: re.Match[str]) -> str:
    """Replace what stands after ``Bearer`` or ``Basic``, unless it is the next word of a sentence."""
    scheme, space, value = match.groups()
    sentence = value.rstrip(".:,").lower() in _PROSE
    if sentence or (scheme.lower() == "basic" and _PLAIN_WORD.fullmatch(value)):
        return match[0]
    return f"{scheme}{space}{REDACTED}"
