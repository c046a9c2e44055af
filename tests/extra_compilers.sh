#!/bin/sh
# extra_compilers.sh: the unit suites that take long, with tcc; the others are in more_compilers.sh.
exec sh "$(dirname "$0")/more_compilers.sh" --slow
