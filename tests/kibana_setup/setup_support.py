"""A Kibana that keeps its saved objects in memory, and a way to ask any Kibana past our own code."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import parse_qs, unquote, urlsplit
from urllib.request import Request, urlopen
from uuid import uuid4

JSON = (("Content-Type", "application/json"),)

#: Kinds whose references Kibana looks up before it imports what refers to them.
CHECKED = ("index-pattern", "search")


class Asked(NamedTuple):
    """One request as it came; names of *headers* are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """What a server answers."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = JSON


Answering = Callable[[Asked], Reply]


def told(document: Any, status: int = 200) -> Reply:
    """Answer with JSON."""
    return Reply(status, json.dumps(document).encode())


def missing(kind: str, name: str) -> dict[str, Any]:
    """Say as Kibana does that an object is not there."""
    message = f"Saved object [{kind}/{name}] not found"
    return {"statusCode": 404, "error": "Not Found", "message": message}


class KibanaInMemory:
    """Answers like the saved objects API of a Kibana; *objects* are by space, type and id."""

    def __init__(self, version: str = "8.15.0") -> None:
        self.version = version
        self.spaces = {"default"}
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}

    def __call__(self, asked: Asked) -> Reply:
        """Answer one request."""
        url = urlsplit(asked.path)
        space, path = "default", url.path
        if path.startswith("/s/"):
            _, _, space, rest = path.split("/", 3)
            path = f"/{rest}"
        if asked.method == "POST" and "kbn-xsrf" not in asked.headers:
            return told({"statusCode": 400, "message": "Request must contain a kbn-xsrf header."}, 400)
        if path == "/api/status":
            return told({"version": {"number": self.version}, "status": {"overall": {"level": "available"}}})
        if path == "/api/spaces/space" and asked.method == "POST":
            self.spaces.add(json.loads(asked.body)["id"])
            return told({})
        if path.startswith("/api/spaces/space/"):
            return self._of_space(asked.method, unquote(path.rpartition("/")[2]))
        call = {"_bulk_get": self._get, "_bulk_delete": self._delete, "_import": self._import, "_find": self._find}
        return call[path.rpartition("/")[2]](space, asked, parse_qs(url.query))

    def _of_space(self, method: str, space: str) -> Reply:
        if space not in self.spaces:
            return told({"statusCode": 404, "error": "Not Found", "message": "Not Found"}, 404)
        if method == "DELETE":
            self.spaces.remove(space)
            self.objects = {key: item for key, item in self.objects.items() if key[0] != space}
        return told({"id": space})

    def _get(self, space: str, asked: Asked, query: dict[str, list[str]]) -> Reply:
        wanted = [(item["type"], item["id"]) for item in json.loads(asked.body)]
        found = [
            self.objects.get((space, kind, name), {"type": kind, "id": name, "error": missing(kind, name)})
            for kind, name in wanted
        ]
        return told({"saved_objects": found})

    def _delete(self, space: str, asked: Asked, query: dict[str, list[str]]) -> Reply:
        statuses = []
        for item in json.loads(asked.body):
            kind, name = item["type"], item["id"]
            gone = self.objects.pop((space, kind, name), None)
            verdict = {"success": True} if gone else {"success": False, "error": missing(kind, name)}
            statuses.append({"type": kind, "id": name, **verdict})
        return told({"statuses": statuses})

    def _find(self, space: str, asked: Asked, query: dict[str, list[str]]) -> Reply:
        views = {(part["type"], part["id"]) for part in json.loads(query.get("has_reference", ["[]"])[0])}
        found = [
            item
            for (place, kind, _), item in self.objects.items()
            if place == space and kind in query["type"] and (not views or views & references(item))
        ]
        return told({"saved_objects": found, "total": len(found)})

    def _import(self, space: str, asked: Asked, query: dict[str, list[str]]) -> Reply:
        items = [json.loads(line) for line in uploaded(asked).splitlines()]
        known = {(item["type"], item["id"]) for item in items}
        known |= {key[1:] for key in self.objects if key[0] == space}
        made, errors = [], []
        for item in items:
            kind, name = item["type"], item["id"]
            lost = [part for part in references(item) - known if part[0] in CHECKED]
            if lost:
                absent = [{"type": part[0], "id": part[1]} for part in lost]
                error = {"type": "missing_references", "references": absent}
                errors.append({"type": kind, "id": name, "error": error})
                continue
            elsewhere = any(key[1:] == (kind, name) and key[0] != space for key in self.objects)
            final = str(uuid4()) if elsewhere else name
            self.objects[space, kind, final] = {"managed": False, **item, "id": final}
            made.append({"type": kind, "id": name, **({"destinationId": final} if elsewhere else {})})
        result = {"success": not errors, "successCount": len(made), "warnings": [], "successResults": made}
        return told({**result, **({"errors": errors} if errors else {})})


def references(item: dict[str, Any]) -> set[tuple[str, str]]:
    """Name what *item* refers to."""
    return {(part["type"], part["id"]) for part in item.get("references", [])}


def uploaded(asked: Asked) -> bytes:
    """Read the file out of a form; Kibana looks at its name first."""
    head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
    (part,) = BytesParser().parsebytes(head + asked.body).get_payload()
    assert part.get_param("name", header="content-disposition") == "file"
    assert part.get_filename().endswith(".ndjson")
    return part.get_payload(decode=True)


@contextmanager
def serving(answer: Answering, *, tls: Any = None) -> Iterator[tuple[str, list[Asked]]]:
    """Serve what *answer* says on a port of its own; give the URL, and the requests as they come."""
    requests: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        """Answers any request."""

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            requests.append(Asked(self.command, self.path, headers, body))
            reply = answer(requests[-1])
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = do_DELETE = _any  # noqa: N815 - http.server looks for these names

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()


def ask(url: str, method: str, path: str, body: Any = None) -> Any:
    """Ask a Kibana directly, past all of our own code; None where it has nothing to say."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", "kbn-xsrf": "tests"}
    with urlopen(Request(url + path, data, headers, method=method), timeout=60) as answer:
        content = answer.read()
    return json.loads(content) if content else None


def put(url: str, prefix: str, *items: dict[str, Any]) -> None:
    """Import *items* into a space past our own code, over whatever is there."""
    mark = "a-line-of-its-own"
    content = "\n".join(json.dumps(item) for item in items)
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="tests.ndjson"\r\n\r\n'
    headers = {"content-type": f"multipart/form-data; boundary={mark}", "kbn-xsrf": "tests"}
    where = f"{url}{prefix}/api/saved_objects/_import?overwrite=true"
    try:
        with urlopen(Request(where, f"{head}{content}\r\n--{mark}--\r\n".encode(), headers), timeout=60) as answer:
            result = json.load(answer)
    except HTTPError as error:
        raise AssertionError(error.read().decode()) from None
    assert result["success"], result
