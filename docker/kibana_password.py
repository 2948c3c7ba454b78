"""
Give Kibana's own user the password that Kibana will log in with.

Elasticsearch knows the user from its first start on, but not with a password, and Kibana refuses to start as anybody
else. Standard library alone. Reads ELASTICSEARCH_URL, ELASTIC_PASSWORD and KIBANA_PASSWORD from the environment.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

PATH = "/_security/user/kibana_system/_password"

#: Elasticsearch listens some time before it can keep passwords.
SECONDS = 120.0
PAUSE = 1.0

#: What trying again does not mend, and what a person can do.
FINAL = {
    400: "Elasticsearch does not take KIBANA_PASSWORD",
    401: "Elasticsearch does not know ELASTIC_PASSWORD: its data may come from a start with another one",
    403: "the user elastic may not change passwords here",
    405: "this Elasticsearch has no users: its security is switched off",
}


def main() -> None:
    """Set the password, and say so."""
    request = password_request(
        os.environ["ELASTICSEARCH_URL"], os.environ["ELASTIC_PASSWORD"], os.environ["KIBANA_PASSWORD"]
    )
    deadline = time.monotonic() + SECONDS
    while problem := problem_with(request):
        if time.monotonic() >= deadline:
            sys.exit(f"Elasticsearch did not take the password within {SECONDS:g} seconds: {problem}")
        time.sleep(PAUSE)
    print("Kibana's user has its password")  # noqa: T201 - the only sign of life of this container


def password_request(url: str, password: str, new: str) -> Request:
    """Make the request that the user elastic sends."""
    credentials = base64.b64encode(f"elastic:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
    body = json.dumps({"password": new}).encode()
    return Request(url + PATH, body, headers, method="POST")  # noqa: S310 - the URL is the compose file's


def problem_with(request: Request) -> str:
    """Send the request; says why it should be sent again, or ends the program where that would not help."""
    # A proxy that Docker was told of does not know the hosts of this network.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(request, timeout=10):
            return ""
    except HTTPError as error:
        said = error.read().decode(errors="replace")
        if error.code in FINAL:
            sys.exit(f"{FINAL[error.code]}\n{said}")
        return f"{error.code} {said}"
    except OSError as error:
        return str(error)


if __name__ == "__main__":
    main()
