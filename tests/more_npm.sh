#!/bin/sh
# more_npm.sh: proves the mock server with the official `openai` npm client, over HTTP and HTTPS.
# The client needs Node 22 or later: both come from npm, into build/npm. Without npm: SKIPPED, exit 77.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$(pwd)
mock=${MOCK_SERVER:-$root/build/mock_server}
dir=${BUILD:-$root/build}/npm

skip() {
    echo "SKIPPED npm: needs $1"
    exit 77
}

[ -x "$mock" ] || { echo "no $mock: make -C tools mock"; exit 1; }
mkdir -p "$dir"
node=$(sh tests/npm/get_node.sh 2> "$dir/why") || { cat "$dir/why"; skip "$(tail -n 1 "$dir/why")"; }

cp tests/npm/client.mjs "$dir/client.mjs" # beside node_modules, so that the import finds them
ready=$dir/ready.$$
rm -f "$ready"
"$mock" --with-parent --lifetime 300 --key sk-mock-key-0123456789 --ready-file "$ready" >/dev/null &
pid=$!
trap 'kill $pid 2>/dev/null; rm -f "$ready"' EXIT INT TERM
n=0
while [ ! -f "$ready" ] && [ $n -lt 100 ]; do
    sleep 0.1
    n=$((n + 1))
done
[ -f "$ready" ] || { echo "the mock server did not start"; exit 1; }
NODE_EXTRA_CA_CERTS=$root/tests/data/pki/roots.pem MOCK_LINE=$(cat "$ready") timeout 240 "$node" "$dir/client.mjs"
