#!/bin/sh
# extra_dynamic.sh: more_dynamic.sh with what is too slow for every run.
exec sh "$(dirname "$0")/more_dynamic.sh" all
