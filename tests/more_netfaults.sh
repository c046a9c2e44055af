#!/bin/sh
# more_netfaults.sh: test_netfaults.c with more faults in its HTTPS exchanges, some 9,000 handshakes: harm at every byte
# both ways, a short stream that breaks at every byte, another answer at every 7th, silence at every 5th.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
export NETFAULTS_ALL=1
built "$mock" "$CHAOS_PROXY" "$build/libbearssl.a"
$CC -std=c99 -O1 -g -Wall -Wextra -Werror -I"$header" -isystem "$build/bearssl/inc" -o "$T/netfaults" \
    test_netfaults.c "$build/libbearssl.a" -lm || exit 1
timeout 800 "$T/netfaults"
