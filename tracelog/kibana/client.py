"""Requests to Kibana, each within a time that is kept."""

from __future__ import annotations

import elastic_transport

from tracelog.elastic.answers import Answer
from tracelog.elastic.connection import DEADLINE, JSON, PunctualNode, explained
from tracelog.errors import DestinationError
from tracelog.kibana.address import KibanaAddress, node_config
from tracelog.kibana.answers import trouble

_HEADERS = {
    "accept": JSON,
    "kbn-xsrf": "tracelog",
    # Serverless projects count reading and deleting by id as internal, and open them to who says so.
    "x-elastic-internal-origin": "tracelog",
}


class Client:
    """
    A client of one Kibana. Raises InvalidSetting for an address that cannot be used.

    Nothing is retried, and redirects are not followed: they would carry the credentials elsewhere.
    """

    def __init__(self, address: KibanaAddress, *, deadline: float = DEADLINE) -> None:
        self.address = address
        self._deadline = deadline
        self._node = PunctualNode(node_config(address))

    def call(self, method: str, target: str, body: bytes | None = None, content_type: str = JSON) -> Answer:
        """Make a request and return whatever is answered; raise DestinationError where nothing is."""
        headers = elastic_transport.HttpHeaders(
            _HEADERS if body is None else {**_HEADERS, "content-type": content_type}
        )
        try:
            answer = self._node.perform_request(
                method, target, body=body, headers=headers, request_timeout=self._deadline
            )
        except elastic_transport.TransportError as error:
            problem, advice = explained(error, self._deadline)
            raise DestinationError(str(self.address), problem, advice.replace("Elasticsearch", "Kibana")) from error
        return Answer(answer.meta.status, {k.lower(): v for k, v in answer.meta.headers.items()}, answer.body)

    def ask(self, method: str, target: str, body: bytes | None = None, content_type: str = JSON) -> Answer:
        """Make a request; raise DestinationError for any answer but success."""
        return self.judged(self.call(method, target, body, content_type))

    def judged(self, answer: Answer) -> Answer:
        """Return *answer* if it is one of success; raise DestinationError otherwise."""
        wrong = trouble(answer)
        if wrong is not None:
            raise DestinationError(str(self.address), *wrong)
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._node.close()
