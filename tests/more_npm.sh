#!/bin/sh
# more_npm.sh: proves the mock server with the official `openai` npm client, over HTTP and HTTPS.
# The client needs Node 22 or later: both come from npm, into build/npm. Without npm: SKIPPED, exit 77.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
built "$mock"
dir=$build/npm
mkdir -p "$dir"
node=$(sh npm/get_node.sh 2> "$dir/why") || { cat "$dir/why"; skip "$(tail -n 1 "$dir/why")"; }

cp npm/client.mjs "$dir/client.mjs" # beside node_modules, so that the import finds them
serve --key sk-mock-key-0123456789
NODE_EXTRA_CA_CERTS=$root/tests/data/pki/roots.pem MOCK_LINE=$(cat "$T/ready") timeout 240 "$node" "$dir/client.mjs"
