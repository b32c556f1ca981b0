"""A hub that simulates Azure: metadata service, scheduled events and faults."""

import http.client
import json
import urllib.parse

from hubs import Hub

EVENTS = "/metadata/scheduledevents?api-version=2020-07-01"


class Azure(Hub):
    """A hub that simulates Azure; the metadata service keeps its port when the hub restarts."""

    def __init__(self):
        super().__init__("--simulate-azure")
        self.metadata = json.loads((self.data / "hub.json").read_text())["metadata"]
        self.options += ["--metadata-port", self.metadata.rsplit(":", 1)[1]]

    def imds(self, path, method="GET", body=None, **headers):
        """One exchange with the metadata service: status, body, headers."""
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.metadata).netloc, timeout=30)
        try:
            connection.request(method, path, body and json.dumps(body),
                               {"Metadata": "true", **{name.replace("_", "-"): value
                                                       for name, value in headers.items() if value}})
            reply = connection.getresponse()
            return reply.status, reply.read(), reply.headers
        finally:
            connection.close()

    def events(self):
        """The document of scheduled events: its incarnation, and the events by id."""
        status, body, _ = self.imds(EVENTS)
        assert status == 200, body
        document = json.loads(body)
        return document["DocumentIncarnation"], {e["EventId"]: e for e in document["Events"]}

    def start_events(self, *ids):
        """The status that StartRequests gets."""
        return self.imds(EVENTS, "POST", {"StartRequests": [{"EventId": i} for i in ids]})[0]

    def simulate(self, command, *arguments):
        """`jetpack hub simulate ... --json`"""
        return json.loads(self.administer("simulate", command, *arguments, "--json").stdout)

    def schedule(self, *arguments):
        """The id of a new event."""
        return self.simulate("event", *arguments)["event"]
