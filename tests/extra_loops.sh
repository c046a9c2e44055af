#!/bin/sh
# extra_loops.sh: more_loops.sh with more streams, 4,000 over HTTP and 1,000 over HTTPS, and with everything under
# -fsanitize=address,undefined, leaks too.
cd "$(dirname "$0")" || exit 1
LOOPS_CFLAGS="-g -fsanitize=address,undefined -fno-sanitize-recover=all" LOOPS_STREAMS=4000 LOOPS_TLS_STREAMS=1000
LOOPS_LIMIT=120 ASAN_OPTIONS=detect_leaks=1
export LOOPS_CFLAGS LOOPS_STREAMS LOOPS_TLS_STREAMS LOOPS_LIMIT ASAN_OPTIONS
exec sh more_loops.sh
