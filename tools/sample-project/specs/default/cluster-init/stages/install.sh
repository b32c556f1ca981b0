#!/bin/bash
# Before all scripts: the directory that they share.
set -eu
mkdir -p "$BOOTSTRAP_HOME/sample"
