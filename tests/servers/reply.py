"""What a server answered to a client of the tests."""

import json


class Reply:
    """The whole answer of an http.client."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        """The body as JSON."""
        return json.loads(self.body)
