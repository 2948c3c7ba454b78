"""A server on loopback that answers each bulk request as Elasticsearch does where all is well; prints its URL."""

from __future__ import annotations

import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_CREATED = b'{"create":{"status":201}}'


class Sink(BaseHTTPRequestHandler):
    """Counts the documents of a request, says that each was stored, and forgets them."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a bulk request."""
        body = zlib.decompress(self.rfile.read(int(self.headers["content-length"])), 31)
        answer = b'{"errors":false,"items":[%b]}' % b",".join([_CREATED] * (body.count(b"\n") // 2))
        self.send_response(200)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until killed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)  # noqa: T201 - for whoever started it
    server.serve_forever()


if __name__ == "__main__":
    main()
