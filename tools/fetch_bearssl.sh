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
#
# Needs only what Debian's base system has (xz and curl or wget are used when they are there).

set -u
LC_ALL=C
export LC_ALL

version=0.6
content_hash=e824eef50e2c88f2781412e3161173ae86e8cd5eafa71bcea28d6dfd606f038d
upstream_url=https://bearssl.org/bearssl-$version.tar.gz
debian_archive=bearssl_0.6+dfsg.1.orig.tar.xz
debian_hash=102a625bd8f6155260867a50c508df8d8c3f796985dd744df1a68e5cd1a79004
apt_helper=/usr/lib/apt/apt-helper

root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
target=${1:-$root/build/bearssl}
mkdir -p "$(dirname "$target")" || exit 1
work=$(cd "$(dirname "$target")" && pwd)/bearssl-fetch.$$

say() { echo "fetch_bearssl: $*" >&2; }
fail() { say "$*"; exit 1; }
cleanup() { rm -rf "$work"; }
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

if command -v sha256sum >/dev/null 2>&1; then
    sha256=sha256sum
elif command -v shasum >/dev/null 2>&1; then
    sha256="shasum -a 256"
else
    fail "no program that computes SHA-256: install sha256sum (GNU coreutils) or shasum (perl)"
fi

# Prints the SHA-256 of the list "<sha256>  <path>", sorted by path, of all files below src/ and inc/ of $1.
tree_hash() {
    if [ -d "$1/src" ] && [ -d "$1/inc" ]; then
        (cd "$1" && find src inc -type f -exec $sha256 {} + | sort -k 2 | $sha256 | cut -d ' ' -f 1)
    else
        echo "(no src/ and inc/ there)"
    fi
}

file_hash() { $sha256 "$1" | cut -d ' ' -f 1; }

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

# Downloads URL $1 to file $2 with whatever is there. Time-outs are short: a machine without a route goes on.
download() {
    if command -v curl >/dev/null 2>&1; then
        curl -fsSL --connect-timeout 6 --max-time 60 -o "$2" "$1" 2>"$work/log"
    elif command -v wget >/dev/null 2>&1; then
        wget -q -T 6 -t 1 -O "$2" "$1" 2>"$work/log"
    elif [ -x "$apt_helper" ]; then
        "$apt_helper" -o APT::Sandbox::User=root -o Acquire::Retries=0 -o Acquire::http::Timeout=6 \
            -o Acquire::https::Timeout=6 download-file "$1" "$2" >"$work/log" 2>&1
    else
        echo "no curl, no wget, no apt-helper" >"$work/log"
        return 1
    fi
}

# Unpacks an archive $1 (.gz or .xz) below the folder $2. Where xz is not installed, apt's own decompressor is
# used; where that is missing too, the data is dressed up as a package so that dpkg-deb unpacks it.
unpack() {
    mkdir -p "$2" || return 1
    case $1 in
    *.gz) gzip -dc "$1" | tar -xf - -C "$2" ;;
    *)
        if command -v xz >/dev/null 2>&1; then
            xz -dc "$1" | tar -xf - -C "$2"
        elif [ -x "$apt_helper" ] && "$apt_helper" cat-file "$1" >"$work/plain.tar" 2>"$work/log"; then
            tar -xf "$work/plain.tar" -C "$2"
        else
            printf '2.0\n' >"$work/debian-binary"
            : >"$work/control.tar"
            cp "$1" "$work/data.tar.xz" &&
                (cd "$work" && rm -f wrap.deb && ar rc wrap.deb debian-binary control.tar data.tar.xz) &&
                dpkg-deb --fsys-tarfile "$work/wrap.deb" | tar -xf - -C "$2"
        fi
        ;;
    esac
}

# Prints the only folder in the folder $1.
only_folder() { for d in "$1"/*/; do [ -d "$d" ] && echo "${d%/}" && return; done; }

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

# Writes this machine's package sources, as source-package sources, into the folder $1. Everything but the
# type is taken over as it stands (address, suites, components, keys, options), so that mirrors and signatures
# work as they are set up.
write_apt_sources() {
    main_list=/etc/apt/sources.list
    list_folder=/etc/apt/sources.list.d
    eval "$(apt-config shell main_list Dir::Etc::sourcelist/f list_folder Dir::Etc::sourceparts/d)"
    count=0
    for list in "$main_list" "$list_folder"/*.list; do
        [ -r "$list" ] || continue
        count=$((count + 1))
        sed -n '/cdrom:/d; s/^[[:space:]]*deb\(-src\)\{0,1\}\([[:space:]]\)/deb-src\2/p' "$list" |
            sort -u >"$1/$count.list"
    done
    for list in "$list_folder"/*.sources; do
        [ -r "$list" ] || continue
        count=$((count + 1))
        sed 's/^[Tt][Yy][Pp][Ee][Ss]:.*/Types: deb-src/' "$list" >"$1/$count.sources"
    done
    cat "$1"/* 2>/dev/null | grep -q deb-src
}

private_apt() {
    apt-get -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$apt/sources" \
        -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" \
        -o APT::Sandbox::User=root -o Acquire::Languages=none \
        -o Acquire::Retries=3 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 "$@"
}

from_debian() {
    command -v apt-get >/dev/null 2>&1 || {
        say "no apt-get here, so no Debian source package either"
        return 1
    }
    apt=$work/apt
    mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/cache/archives/partial" "$work/package" || return 1
    write_apt_sources "$apt/sources" || {
        say "this machine's apt has no package source to take the source package from"
        return 1
    }
    # An index that some package source lacks is no reason to stop: what counts is whether bearssl is found.
    private_apt -q update >"$work/update.log" 2>&1
    (cd "$work/package" && private_apt -q --download-only --tar-only source bearssl) >"$work/log" 2>&1 || {
        say "apt-get source bearssl failed, with this machine's package sources as source-package sources:"
        grep -h '^[EW]:' "$work/update.log" "$work/log" | head -n 6 >&2
        return 1
    }
    archive=$work/package/$debian_archive
    [ -f "$archive" ] || {
        say "apt-get source brought $(cd "$work/package" && echo *), not $debian_archive: another version"
        return 1
    }
    found=$(file_hash "$archive")
    [ "$found" = "$debian_hash" ] || {
        say "$debian_archive has SHA-256 $found, expected $debian_hash"
        return 1
    }
    unpack "$archive" "$work/debian" 2>>"$work/log" || {
        say "cannot unpack $debian_archive: $(tail -n 1 "$work/log")"
        return 1
    }
    tree=$(only_folder "$work/debian")
    found=$(tree_hash "${tree:-$work/debian}")
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
