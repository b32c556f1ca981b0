# Written by jetpack's installer. Callers look for the line that begins with "export PATH=".
export CYCLECLOUD_HOME=/opt/cycle/jetpack
export PATH=$PATH:$CYCLECLOUD_HOME/bin
