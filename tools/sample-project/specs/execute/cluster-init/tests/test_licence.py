"""Fails on purpose: the sample has no licence server."""
import socket
import unittest


class Licence(unittest.TestCase):
    def test_the_licence_server_answers(self):
        with socket.socket() as connection:
            error = connection.connect_ex(("127.0.0.1", 1))
        self.assertEqual(error, 0, "the licence server does not answer")
