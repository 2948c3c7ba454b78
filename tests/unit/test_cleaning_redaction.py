"""Secrets in names and in texts, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.redaction import REDACTED, Redactor, without_userinfo

REDACTOR = Redactor()


@pytest.mark.parametrize(
    "name",
    """
    password passwd pwd secret token tokens api_key apikey api-key apiKey API_KEY APIKey X-Api-Key authorization
    http.request.header.authorization Proxy-Authorization cookie cookies set-cookie session sessionid session_id
    session.id sessionId PHPSESSID JSESSIONID credential credentials private_key privateKey access_key accessKeyId
    csrf csrfmiddlewaretoken X-XSRF-TOKEN dbpassword db_password password2 passwordHash password_confirmation
    new_password client_secret refresh_token accesstoken access_token id_token jwt otp auth basic_auth X-Auth-Token
    X-Amz-Signature X-Amz-Security-Token private_key_pem secret_key_base password_reset_token token_count_token sig
    """.split(),  # noqa: SIM905 - names read better in lines than in a list
)
def test_names_of_secrets(name):
    """Whole words of a name tell a secret, however the name is written."""
    assert REDACTOR.is_secret(name)


@pytest.mark.parametrize(
    "name",
    """
    token_count tokens_used session_count session.duration author authority passenger keyboard tokenizer secretary
    possession password_length password.strength token_type token_expires_at cookie_name auth_method monkey assign
    design signal user.name http.route url.path class.method key keys compass bypass api apis access private
    session_timeout
    """.split(),  # noqa: SIM905 - names read better in lines than in a list
)
def test_names_of_other_things(name):
    """A word that contains a secret's name, or a name that says something about a secret, is none."""
    assert not REDACTOR.is_secret(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgres://user:pw@host/db", "postgres://[redacted]@host/db"),
        ("redis://:p@ss@host", "redis://[redacted]@host"),
        ("got https://u:p@a/ and https://u:p@b/", "got https://[redacted]@a/ and https://[redacted]@b/"),
        ("https://h/x?a=1&token=abc&b=2", "https://h/x?a=1&token=[redacted]&b=2"),
        ("https://h/x?API_KEY=abc#top", "https://h/x?API_KEY=[redacted]"),
        ("token=abc&x=1", "token=[redacted]&x=1"),
        ("user[password]=abc&x=1", "user[password]=[redacted]&x=1"),
        ("sent Bearer abc.def-ghi to h", "sent Bearer [redacted] to h"),
        ("BEARER abc", "BEARER [redacted]"),
        ("Basic dXNlcjpwYXNz", "Basic [redacted]"),
        ("(x) no\n[SQL: a]\n[parameters: ('ann@b', [1])]\n(Back", "(x) no\n[SQL: a]\n[parameters: [redacted]]\n(Back"),
        ("password=hunter2", "password=[redacted]"),
        ("password=hunter2, user=x", "password=[redacted], user=x"),
        ("password=a,b;c", "password=[redacted];c"),
        ("password=//x", "password=[redacted]"),
        ("connect(password=hunter2)", "connect(password=[redacted])"),
        ("token: abc", "token: [redacted]"),
        ("token => abc", "token => [redacted]"),
        ("api_key=abc", "api_key=[redacted]"),
        ("--password=abc -x", "--password=[redacted] -x"),
        ('password = "two words", x', 'password = "[redacted]", x'),
        ('password="never closed', 'password="[redacted]'),
        ("password=b'raw'", "password=b'[redacted]'"),
        ('{"password": "a\\"b", "x": 1}', '{"password": "[redacted]", "x": 1}'),
        ("{'password': 'a'}", "{'password': '[redacted]'}"),
        ('"{\\"password\\": \\"x\\", \\"y\\": 1}"', '"{\\"password\\": \\"[redacted]\\", \\"y\\": 1}"'),
        ('{"pin": 1, "password": 1234}', '{"pin": 1, "password": [redacted]}'),
        ('{"u":{"tokens":["a",{"b":"c"}]},"z":1}', '{"u":{"tokens":[redacted]},"z":1}'),
        ("secret=(a\nb", "secret=[redacted]\nb"),
        ("secret={a", "secret=[redacted]"),
        ("[('Authorization', 'Token x'), ('a', 'b')]", "[('Authorization', '[redacted]'), ('a', 'b')]"),
        ("(b'cookie', b'x=1')", "(b'cookie', b'[redacted]')"),
        ("Authorization: Digest a=b, c=d\nHost: h", "Authorization: [redacted]\nHost: h"),
        ("Set-Cookie: a=b; Path=/", "Set-Cookie: [redacted]"),
        (
            "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----!",
            "-----BEGIN PRIVATE KEY-----[redacted]-----END PRIVATE KEY-----!",
        ),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII", "-----BEGIN RSA PRIVATE KEY-----[redacted]"),
    ],
)
def test_secrets_in_texts(text, expected):
    """Values that follow the name of a secret, credentials of URLs and headers, and keys are taken out."""
    assert REDACTOR.text(text) == expected
    assert REDACTOR.text(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "GET /orders/17",
        "took 12:30 for x=1",
        "https://host:8080/@user?page=2",
        "token_count: 5",
        "author: Jane",
        "the bearer token is missing",
        "Basic usage: see below",
        "Basic Authentication failed",
        "invalid fields ['token', 'name']",
        "password=None, token=",
        "token: null",
        'password=""',
        "def login(password: str)",
        "-----BEGIN CERTIFICATE-----",
    ],
)
def test_texts_without_secrets(text):
    """What merely speaks of secrets stays as it is."""
    assert REDACTOR.text(text) == text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:zqz@h:9200/path?x=zqz#zqz", "https://h:9200/path"),
        ("https://u:zq/z#z?z@q@h:9200/", "https://h:9200"),
        ("u:zqz@h", "h"),
        ("https://h", "https://h"),
        ("sqlite:///a/b", "sqlite:///a/b"),
    ],
)
def test_addresses_are_shown_without_credentials(url, shown):
    """User, password and query are no part of where a server is, even if the password should have been quoted."""
    assert without_userinfo(url) == shown


def test_names_of_the_applications_own():
    """Other names replace the usual ones, in names and in texts; forms that need no name stay secret."""
    own = Redactor(["iban", "card number", "--"])
    assert own.is_secret("customerIban")
    assert own.is_secret("card_numbers")
    assert not own.is_secret("password")
    assert own.text("iban=DE1 cardNumber: 4 password=x Bearer abc") == (
        f"iban={REDACTED} cardNumber: {REDACTED} password=x Bearer {REDACTED}"
    )


def test_without_names_forms_are_found_still():
    """No names at all leave what needs none."""
    none = Redactor([])
    assert not none.is_secret("password")
    assert none.text("password=x https://u:p@h Bearer abc") == f"password=x https://{REDACTED}@h Bearer {REDACTED}"


secret_values = st.text(alphabet="abcXYZ0189_-.~+/", min_size=6, max_size=30).map("zq{}qz".format)
names = st.sampled_from(["password", "api_key", "X-Auth-Token", "clientSecret", "sessionid"])
forms = st.sampled_from(["{}={}", "{}: {}", '{{"{}": "{}"}}', "('{}', '{}')", "https://h/p?a=b&{}={}&c=d", "--{}={}"])


@given(st.text(max_size=40), names, forms, secret_values, st.text(max_size=40))
def test_no_value_of_a_secret_survives(before, name, form, value, after):
    """In any surroundings, in any of the usual forms, the value is gone."""
    assert value not in REDACTOR.text(f"{before} {form.format(name, value)} {after}")


@given(st.text(alphabet="=:\"'\\[](){}, \n?&@/.-tokenBasic"))
def test_garbage_never_raises(text):
    """Any text comes back as a text, and stays as it is the second time."""
    once = REDACTOR.text(text)
    assert REDACTOR.text(once) == once


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "unit",
    ["x", "a ", "a=1 ", "token ", "://", "secret=(\n", '"', 'token="', "\\", "Basic ", "token", "token: ", "(", ",'"],
)
def test_no_text_takes_for_ever(unit):
    """A text made to be slow to search is read once, not once from each of its places: that would take minutes."""
    text = unit * (200_000 // len(unit)) + "\npassword=zqz"
    assert "zqz" not in REDACTOR.text(text)
