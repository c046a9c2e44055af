#!/bin/sh
# more_netfaults.sh: test_netfaults.c with more faults in its HTTPS exchanges, some 9,000 handshakes: harm at every byte
# both ways, a short stream that breaks at every byte, another answer at every 7th, silence at every 5th.
cd "$(dirname "$0")" || exit 1
build=${BUILD:-$(cd .. && pwd)/build}
MOCK_SERVER=${MOCK_SERVER:-$build/mock_server} CHAOS_PROXY=${CHAOS_PROXY:-$build/chaos_proxy} NETFAULTS_ALL=1
export MOCK_SERVER CHAOS_PROXY NETFAULTS_ALL
for f in mock_server chaos_proxy libbearssl.a; do
    [ -f "$build/$f" ] || { echo "no $build/$f: make -C tools libbearssl mock chaos"; exit 1; }
done
T=$(mktemp -d "${TMPDIR:-/tmp}/llm_netfaults.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
"${CC:-cc}" -std=c99 -O1 -g -Wall -Wextra -Werror -I"${HDR:-..}" -isystem "$build/bearssl/inc" -o "$T/netfaults" \
    test_netfaults.c "$build/libbearssl.a" -lm || exit 1
timeout 800 "$T/netfaults"
