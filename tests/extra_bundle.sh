#!/bin/sh
# extra_bundle.sh: more_bundle.sh with BearSSL's own tests at every level of optimisation, -O3 and -Os beside -O2, and
# with clang at -O2.
cd "$(dirname "$0")" || exit 1
BUNDLE_LEVELS="-O2 -O3 -Os" sh more_bundle.sh || exit
command -v clang > /dev/null 2>&1 || { echo "SKIPPED extra_bundle: needs clang"; exit 77; }
CC=clang exec sh more_bundle.sh
