#!/bin/bash
# Python scripts have the module jetpack, with typed values.
set -eu
"$CYCLECLOUD_HOME/system/embedded/bin/python" - <<'PYTHON'
import os

import jetpack

project = os.environ["CYCLECLOUD_PROJECT_NAME"], os.environ["CYCLECLOUD_PROJECT_VERSION"]
print("{} {} on {}".format(*project, jetpack.config.get("cyclecloud.node.name")))
jetpack.log("{} {} is installed".format(*project), "info", priority="low")
PYTHON
