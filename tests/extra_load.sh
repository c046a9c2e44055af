#!/bin/sh
# extra_load.sh: more_load.sh with 1,000 streams, each of its five phases for three minutes, or what LOAD_STREAMS, LOAD_SECONDS, LOAD_SEED say.
export LOAD_STREAMS="${LOAD_STREAMS:-1000}" LOAD_SECONDS="${LOAD_SECONDS:-180}"
exec sh "$(dirname "$0")/more_load.sh"
