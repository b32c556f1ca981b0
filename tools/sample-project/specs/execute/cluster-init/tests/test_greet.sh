#!/bin/sh
# The installed program answers.
[ "$("$CYCLECLOUD_HOME/system/bootstrap/sample/greet" node)" = 'Hello, node' ]
