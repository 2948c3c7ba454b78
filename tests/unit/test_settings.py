"""Settings: where they are read, in which order, and what is said of a bad one."""

import logging
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelog.assembly import Destination, build, build_beside, destination, read_settings
from tracelog.assembly.settings import NAMES
from tracelog.context import TraceContext
from tracelog.errors import InvalidSetting
from tracelog.exporters.memory import MemoryExporter
from tracelog.sampling import LEFT_OUT
from tracelog.trust import never


def read(keywords=None, config=None, environ=None):
    """Read settings from what is given alone."""
    return read_settings(keywords or {}, config or {}, environ or {})


def test_a_keyword_wins_over_flask_config_over_environment():
    """Keyword, Flask's configuration, environment, default: in that order."""
    environ = {"TRACELOG_SERVICE": "from environ", "TRACELOG_ENVIRONMENT": "from environ", "TRACELOG_NAMESPACE": "env"}
    config = {"TRACELOG_SERVICE": "from config", "TRACELOG_ENVIRONMENT": "from config"}
    settings = read({"service": "from keyword"}, config, environ)
    assert (settings.service, settings.environment, settings.namespace) == ("from keyword", "from config", "env")
    assert settings.service_version == ""


def test_none_counts_as_not_given():
    """A keyword of None leaves the setting to the next source."""
    assert read({"service": None}, {}, {"TRACELOG_SERVICE": "environ"}).service == "environ"


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("export", "ftp://host", "use https://host:9200"),
        ("export", "elasticsearch", "use https://host:9200"),
        ("export", "http://", "https://host:9200"),
        ("export", "https://host:port", "https://host:9200"),
        ("export", "https://a:9200,https://b:9200", "one destination"),
        ("export", "file:", "needs a path"),
        ("export", 9200, "text is needed"),
        ("ship_logs", "perhaps", "true or false"),
        ("ship_level", "LOUD", "DEBUG, INFO"),
        ("ship_level", True, "DEBUG, INFO"),
        ("sample", "often", "from 0 to 1"),
        ("sample", "2", "from 0 to 1"),
        ("sample", "/health=0,0.5", "PATTERN=RATIO"),
        ("namespace", "My-Shop", "lower-case"),
        ("ca_certs", "/no/such/file.pem", "no such file"),
        ("backlog_max_records", "many", "whole number"),
        ("backlog_max_records", 0, "whole number"),
        ("backlog_max_bytes", True, "whole number"),
        ("exclude", 7, "list"),
        ("redact_with", "nowhere", "module:function"),
        ("redact_with", "no.such.module:function", "module:function"),
        ("redact_with", "logging:NOTSET", "module:function"),
        ("trust_incoming", "sometimes", "use always, never, or a callable or its name as module:function"),
        ("trust_incoming", True, "always, never"),
        ("ids", "w3c", "use random, or dotted"),
        ("ids", 64, "text is needed"),
    ],
)
def test_a_bad_value_names_its_key_and_says_what_to_use(key, value, says):
    """A value that cannot be used fails at start with the full name of the setting and what is expected."""
    with pytest.raises(InvalidSetting) as caught:
        read({key: value})
    assert str(caught.value).startswith(f"TRACELOG_{key.upper()}=")
    assert says in str(caught.value)


@pytest.mark.parametrize("source", ["config", "environ"])
def test_a_bad_value_is_named_wherever_it_stands(source):
    """The same sentence for Flask's configuration and for the environment."""
    with pytest.raises(InvalidSetting, match="TRACELOG_SHIP_LOGS"):
        read(**{source: {"TRACELOG_SHIP_LOGS": "perhaps"}})


def test_a_format_that_is_unknown_is_named():
    """PROPAGATORS says which formats there are."""
    with pytest.raises(InvalidSetting, match=r"TRACELOG_PROPAGATORS='b4'.*w3c"):
        build(read({"propagators": "w3c,b4", "export": "none:"}))


def test_an_unknown_keyword_is_refused_with_a_guess():
    """A misspelt keyword fails and names the setting that was probably meant."""
    with pytest.raises(InvalidSetting, match="did you mean export"):
        read({"exprot": "none:"})
    with pytest.raises(InvalidSetting, match="there are service"):
        read({"colour": "blue"})


def test_a_misspelt_variable_is_warned_of(caplog):
    """A variable of ours that comes close to a setting is warned of; others are left alone."""
    read(environ={"TRACELOG_EXPROT": "none:", "TRACELOG_TEST_ELASTICSEARCH": "x", "OTHER": "y"})
    assert caplog.text.count("is no setting") == 1
    assert "did you mean export" in caplog.text


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("Yes", True), ("on", True), ("FALSE", False), ("0", False), ("off", False)]
)
def test_switches_are_read_as_people_write_them(text, value):
    """true/false, yes/no, on/off, 1/0 in any case."""
    assert read(environ={"TRACELOG_REQUEST_LINE": text}).request_line is value


def test_lists_come_as_text_or_sequence():
    """EXCLUDE takes text with commas, or a sequence with callables in it."""
    assert read(environ={"TRACELOG_EXCLUDE": "/health, blueprint:admin ,"}).exclude == ("/health", "blueprint:admin")
    assert read({"exclude": [len]}).exclude == (len,)


def test_levels_come_as_name_or_number():
    """SHIP_LEVEL takes a name of logging's, or a number."""
    assert read({"ship_level": "warning"}).ship_level == read({"ship_level": 30}).ship_level == logging.WARNING


def test_credentials_show_up_nowhere():
    """No repr of settings or destinations, and no error about them, holds a credential."""
    settings = read(
        {"api_key": "KEY-1", "password": "PASS-2", "export": "https://ann:PASS-3@es:9200|https://bob:PASS-4@es:9201"}
    )
    shown = repr(settings)
    with pytest.raises(InvalidSetting) as caught:
        read({"export": "ftp://ann:PASS-5@host"})
    with pytest.raises(InvalidSetting) as typed:
        read({"password": ["PASS-6"]})
    for secret in ("KEY-1", "PASS-2", "PASS-3", "PASS-4", "PASS-5", "PASS-6"):
        assert secret not in shown + str(caught.value) + repr(caught.value) + str(typed.value)


def test_rules_sample_by_path():
    """SAMPLE takes rules, and the caller's decision still comes first."""
    sampler = read({"sample": "/health=0,POST /pay=1,*=0.5"}).sample
    low, high = "0" * 32, "f" * 32
    assert sampler(low, "GET /health", None) == LEFT_OUT
    assert sampler(high, "POST /pay", None) == 1.0
    assert (sampler(low, "GET /x", None), sampler(high, "GET /x", None)) == (2.0, LEFT_OUT)
    assert sampler(high, "GET /x", TraceContext(high, "1" * 16, flags=1)) == 1.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://es:9200/", Destination("elasticsearch", nodes=("https://es:9200",))),
        ("elasticsearch+http://a:1|http://b:2", Destination("elasticsearch", nodes=("http://a:1", "http://b:2"))),
        ("sqlite:", Destination("sqlite")),
        ("sqlite:///var/x.sqlite", Destination("sqlite", path="/var/x.sqlite")),
        ("sqlite:x.sqlite", Destination("sqlite", path="x.sqlite")),
        ("file:/var/x", Destination("file", path="/var/x")),
        ("console:", Destination("console")),
        ("none:", Destination("none")),
    ],
)
def test_destinations_are_taken_apart(text, expected):
    """Each form of EXPORT names a kind of destination and what it needs."""
    assert destination(text) == expected


@given(st.text(max_size=60))
def test_no_destination_raises_anything_but_its_own_error(text):
    """Whatever is given as EXPORT is a destination or an InvalidSetting."""
    with suppress(InvalidSetting):
        assert destination(text).kind in {"elasticsearch", "sqlite", "console", "file", "none"}


def test_lines_are_shipped_where_they_are_kept():
    """SHIP_LOGS is on by default where spans are kept, off on the console, and can be said either way."""
    shipping = {
        (export, ship): build(read({"export": export, "ship_logs": ship})).workshop.ship is not None
        for export in ("sqlite:", "console:", "none:")
        for ship in (None, True, False)
    }
    assert shipping == {
        ("sqlite:", None): True,
        ("sqlite:", True): True,
        ("sqlite:", False): False,
        ("console:", None): False,
        ("console:", True): True,
        ("console:", False): False,
        ("none:", None): False,
        ("none:", True): False,
        ("none:", False): False,
    }


def test_redaction_can_be_extended():
    """REDACT adds names, REDACT_WITH a function, and both reach what is stored."""
    memory = MemoryExporter()
    settings = read({"redact": "iban", "redact_with": lambda name, value: "?" if name == "nick" else value})
    tracer = build(settings, exporter=memory)
    tracer.start_server_span(None, "x", iban="DE1", nick="ann", city="Ulm", password="pw").finish()  # noqa: S106 - it is to be redacted
    assert tracer.sink.close(10.0) == 0
    (span,) = memory.spans
    assert span.attributes == {"iban": "[redacted]", "nick": "?", "city": "Ulm", "password": "[redacted]"}


def friendly(request):
    """Trust a request; tests name it as a setting does."""
    return request == "from a friend"


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        (None, None),
        ("", None),
        ("always", None),
        (" Never ", never),
        (f"{__name__}:friendly", friendly),
        (friendly, friendly),
    ],
)
def test_trust_is_said_in_a_word_or_by_a_function(said, asked):
    """TRUST_INCOMING takes always, never, a callable or its name; without it nobody is asked."""
    assert build(read({"trust_incoming": said, "export": "none:"})).trust is asked


def test_a_tracer_beside_another_trusts_no_more_than_that():
    """Where nothing is said, what the other one distrusts is distrusted; a word decides either way."""
    strict, open_ = (build(read({"trust_incoming": word, "export": "none:"})) for word in ("never", "always"))
    assert build_beside(strict, read({})).trust is never
    assert build_beside(strict, read({"trust_incoming": "always"})).trust is None
    assert build_beside(open_, read({"trust_incoming": "never"})).trust is never


@pytest.mark.parametrize(("ids", "root"), [(None, 16), ("random", 16), ("Dotted", 1)])
def test_spans_are_numbered_as_is_said(ids, root):
    """IDS chooses between random ids and go-zero's numbers, and a tracer beside another has the other's."""
    tracer = build(read({"ids": ids, "export": "none:"}))
    for one in (tracer, build_beside(tracer, read({}))):
        assert len(one.start_server_span(None, "work").span_id) == root
    assert build_beside(tracer, read({"ids": "dotted"})).start_server_span(None, "work").span_id == "0"


def test_every_setting_has_a_field():
    """Names are lower case and unique."""
    assert len(set(NAMES)) == len(NAMES)
    assert all(name == name.lower() for name in NAMES)
