"""Fails on purpose: the sample has no licence server."""
import socket
import unittest


class Licence(unittest.TestCase):
    def test_the_licence_server_answers(self):
        try:
            socket.create_connection(("127.0.0.1", 1), timeout=5).close()
        except OSError as e:
            self.fail("the licence server does not answer: {}".format(e))
