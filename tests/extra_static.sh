#!/bin/sh
# extra_static.sh: more_static.sh with every build.
exec sh "$(dirname "$0")/more_static.sh" all
