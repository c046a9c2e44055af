#!/bin/sh
# extra_bundle.sh: more_bundle.sh with BearSSL's own tests at every level of optimisation, -O3 and -Os beside -O2.
cd "$(dirname "$0")" || exit 1
BUNDLE_LEVELS="-O2 -O3 -Os" exec sh more_bundle.sh
