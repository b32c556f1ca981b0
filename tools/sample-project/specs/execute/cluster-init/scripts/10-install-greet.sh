#!/bin/bash
# Installs a blob of this project. The name of the project is in the environment.
set -eu
cd "$BOOTSTRAP_HOME/sample"
jetpack download greet
chmod +x greet
jetpack log 'greet is installed'
