"""The welcome text names this node."""
import os
import unittest

import jetpack


class Welcome(unittest.TestCase):
    def test_it_names_the_node(self):
        home = os.environ["CYCLECLOUD_HOME"]
        with open(os.path.join(home, "system/bootstrap/sample/welcome.txt")) as file:
            self.assertIn(jetpack.config.get("cyclecloud.node.name"), file.read())
