#!/bin/sh
# get_node.sh: prints the path of node 24, from npm, in build/npm beside the official client. Debian 12's own is too old.
# Status 77: npm is missing, or brings nothing.
build=${BUILD:-$(cd "$(dirname "$0")/../.." && pwd)/build}
dir=$build/npm
command -v npm > /dev/null 2>&1 && command -v node > /dev/null 2>&1 || { echo "npm and node" >&2; exit 77; }
mkdir -p "$dir" || exit 1
exec 9> "$dir/lock"
flock 9            # two suites may ask at the same time
if [ ! -x "$dir/node_modules/node/bin/node" ] || [ ! -d "$dir/node_modules/openai" ]; then
    # No lock file: it would hold addresses. The node package puts its program in place with an install script.
    (cd "$dir" && echo '{"private":true}' > package.json &&
        npm install --no-audit --no-fund --no-package-lock --loglevel=error openai@7 node@24 > install.log 2>&1) ||
        { tail -n 5 "$dir/install.log" >&2; echo "the npm packages openai and node" >&2; exit 77; }
fi
node=$dir/node_modules/node/bin/node
[ -x "$node" ] || node=$(find "$dir/node_modules" -path '*/bin/node' -type f | head -n 1)
[ -x "$node" ] || node=$(command -v node)
[ "$("$node" -p 'process.versions.node.split(".")[0]')" -ge 22 ] || { echo "node 22 or later" >&2; exit 77; }
echo "$node"
