#!/bin/bash
# Fills in a template with values of the configuration.
set -eu
cluster=$(jetpack config cyclecloud.cluster.name)
node=$(jetpack config cyclecloud.node.name)
sed -e "s|@CLUSTER@|$cluster|" -e "s|@NODE@|$node|" ../files/welcome.txt >"$BOOTSTRAP_HOME/sample/welcome.txt"
cat "$BOOTSTRAP_HOME/sample/welcome.txt"
