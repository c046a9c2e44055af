#!/bin/sh
# fetch_lwip.sh: puts the source of lwIP 2.1.3, for examples/lwip, into build/lwip and checks every byte that is compiled.
#
#   usage: tools/fetch_lwip.sh [target folder]            (default: build/lwip beside tools/)
#
# Where it comes from: the folder named by the environment variable LWIP_DIR (an unpacked source tree), else Debian's source
# package, through the package sources that this machine is set up with. Nothing under /etc or /var is changed and root is
# not needed. Whatever the way, the files below src/core, src/include and src/netif must have the content hash written here.

set -u
version=2.1.3
content_hash=c1faa099f79b46c6065952ecfe2b0a726ab47302ca7d90a5fccbefe6cb5372e1
debian_archive=lwip_2.1.3+dfsg1.orig.tar.xz
debian_hash=0a8276d09fc4e97bbba2f953d74af2388fc2195ea156be9d7589e297a68fde24

root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
target=${1:-$root/build/lwip}
mkdir -p "$(dirname "$target")" || exit 1
work=$(cd "$(dirname "$target")" && pwd)/lwip-fetch.$$

name=lwip
. "$root/tools/fetchlib.sh"

# Prints the SHA-256 of the list "<sha256>  <path>", sorted by path, of what is compiled of $1.
tree_hash() {
    if [ -d "$1/src/core" ] && [ -d "$1/src/include" ]; then
        (cd "$1" && find src/core src/include src/netif -type f -exec $sha256 {} + | sort -k 2 | $sha256 | cut -d ' ' -f 1)
    else
        echo "(no src/core and src/include there)"
    fi
}

install_tree() {
    rm -rf "$target" || fail "cannot remove the old $target"
    mkdir -p "$work/new/src" || fail "cannot create $work/new"
    cp -R "$1/src/core" "$1/src/include" "$1/src/netif" "$work/new/src/" || fail "cannot copy $1/src to $work/new"
    [ ! -f "$1/COPYING" ] || cp "$1/COPYING" "$work/new/"
    mv "$work/new" "$target" || fail "cannot move the source tree to $target"
    say "lwIP $version is in $target (from $2)"
}

if [ -n "${LWIP_DIR:-}" ]; then
    found=$(tree_hash "$LWIP_DIR")
    [ "$found" = "$content_hash" ] || fail "LWIP_DIR=$LWIP_DIR is not lwIP $version: the content hash of its src/ is
    found:    $found
    expected: $content_hash
  Name an unmodified lwIP $version source tree, or unset LWIP_DIR and it is fetched."
fi
if [ -d "$target" ] && [ "$(tree_hash "$target")" = "$content_hash" ]; then
    exit 0
fi
mkdir -p "$work" || fail "cannot create $work"
if [ -n "${LWIP_DIR:-}" ]; then
    install_tree "$LWIP_DIR" "$LWIP_DIR"
    exit 0
fi
debian_source lwip $debian_archive $debian_hash ||
    fail "lwIP $version could not be fetched. Download and unpack lwip-$version where that works, and run again with
  LWIP_DIR=/path/to/lwip-$version."
found=$(tree_hash "$tree")
[ "$found" = "$content_hash" ] || fail "$debian_archive has other content: found $found, expected $content_hash"
install_tree "$tree" "$debian_archive"
