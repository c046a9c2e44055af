#!/bin/sh
# fetch_bearssl.sh: puts the source of BearSSL 0.6 into build/bearssl and checks every byte that is compiled.
#
#   usage: tools/fetch_bearssl.sh [target folder]         (default: build/bearssl beside tools/)
#
# Where it comes from, the first that works:
#   1. the folder named by the environment variable BEARSSL_DIR (an unpacked source tree);
#   2. the release archive of the project's own site;
#   3. Debian's source package, through the package sources that this machine is set up with. Nothing under
#      /etc or /var is changed and root is not needed: apt's list and cache folders are made under build/.
#
# Whatever the way, the files below src/ and inc/ must have the content hash written here, or nothing is
# installed. The release archive and Debian's archive hold the same bytes there.

set -u
version=0.6
content_hash=e824eef50e2c88f2781412e3161173ae86e8cd5eafa71bcea28d6dfd606f038d
upstream_url=https://bearssl.org/bearssl-$version.tar.gz
debian_archive=bearssl_0.6+dfsg.1.orig.tar.xz
debian_hash=102a625bd8f6155260867a50c508df8d8c3f796985dd744df1a68e5cd1a79004

root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
target=${1:-$root/build/bearssl}
mkdir -p "$(dirname "$target")" || exit 1
work=$(cd "$(dirname "$target")" && pwd)/bearssl-fetch.$$

name=bearssl
. "$root/tools/fetchlib.sh"

# Prints the SHA-256 of the list "<sha256>  <path>", sorted by path, of all files below src/ and inc/ of $1.
tree_hash() {
    if [ -d "$1/src" ] && [ -d "$1/inc" ]; then
        (cd "$1" && find src inc -type f -exec $sha256 {} + | sort -k 2 | $sha256 | cut -d ' ' -f 1)
    else
        echo "(no src/ and inc/ there)"
    fi
}

# Installs the checked source tree $1 as the target folder.
install_tree() {
    rm -rf "$target" || fail "cannot remove the old $target"
    mkdir -p "$work/new" || fail "cannot create $work/new"
    for part in src inc test LICENSE.txt README.txt; do
        if [ -e "$1/$part" ]; then
            cp -R "$1/$part" "$work/new/" || fail "cannot copy $1/$part to $work/new"
        fi
    done
    mv "$work/new" "$target" || fail "cannot move the source tree to $target"
    say "BearSSL $version is in $target (from $2)"
}

from_user() {
    [ -d "$BEARSSL_DIR" ] ||
        fail "BEARSSL_DIR=$BEARSSL_DIR is not a folder; name an unpacked BearSSL $version, or unset it"
    found=$(tree_hash "$BEARSSL_DIR")
    [ "$found" = "$content_hash" ] ||
        fail "BEARSSL_DIR=$BEARSSL_DIR is not BearSSL $version: the content hash of its src/ and inc/ is
    found:    $found
    expected: $content_hash
  Name an unmodified BearSSL $version source tree, or unset BEARSSL_DIR and it is fetched."
}

from_upstream() {
    download "$upstream_url" "$work/upstream.tar.gz" || {
        say "$upstream_url did not come: $(tail -n 1 "$work/log"); trying Debian's source package"
        return 1
    }
    unpack "$work/upstream.tar.gz" "$work/upstream" 2>"$work/log" || {
        say "$upstream_url is not a tar.gz archive: $(tail -n 1 "$work/log"); trying Debian's source package"
        return 1
    }
    tree=$(only_folder "$work/upstream")
    found=$(tree_hash "${tree:-$work/upstream}")
    [ "$found" = "$content_hash" ] || {
        say "$upstream_url has other content: found $found, expected $content_hash"
        say "trying Debian's source package"
        return 1
    }
    install_tree "$tree" "$upstream_url"
}

from_debian() {
    debian_source bearssl $debian_archive $debian_hash || return 1
    found=$(tree_hash "$tree")
    [ "$found" = "$content_hash" ] || {
        say "$debian_archive has other content: found $found, expected $content_hash"
        return 1
    }
    install_tree "$tree" "$debian_archive"
}

[ -z "${BEARSSL_DIR:-}" ] || from_user
if [ -d "$target" ] && [ "$(tree_hash "$target")" = "$content_hash" ]; then
    exit 0
fi
mkdir -p "$work" || fail "cannot create $work"
if [ -n "${BEARSSL_DIR:-}" ]; then
    install_tree "$BEARSSL_DIR" "$BEARSSL_DIR"
    exit 0
fi
from_upstream || from_debian ||
    fail "BearSSL $version could not be fetched. Download bearssl-$version.tar.gz from bearssl.org where that
  works, unpack it, and run again with BEARSSL_DIR=/path/to/bearssl-$version."
