# fetchlib.sh: what fetch_bearssl.sh and fetch_lwip.sh share. They source it after they have set $name and $work, a folder
# that is made when something is fetched and removed at the end.
#
# Needs only what Debian's base system has (xz and curl or wget are used when they are there).

LC_ALL=C
export LC_ALL
apt_helper=/usr/lib/apt/apt-helper

say() { echo "fetch_$name: $*" >&2; }
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

file_hash() { $sha256 "$1" | cut -d ' ' -f 1; }

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

# debian_source PACKAGE ARCHIVE HASH: gets the archive of Debian's source package, checks it, and unpacks it; $tree is its
# folder.
debian_source() {
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
    # An index that some package source lacks is no reason to stop: what counts is whether the package is found.
    private_apt -q update >"$work/update.log" 2>&1
    (cd "$work/package" && private_apt -q --download-only --tar-only source "$1") >"$work/log" 2>&1 || {
        say "apt-get source $1 failed, with this machine's package sources as source-package sources:"
        grep -h '^[EW]:' "$work/update.log" "$work/log" | head -n 6 >&2
        return 1
    }
    archive=$work/package/$2
    [ -f "$archive" ] || {
        say "apt-get source brought $(cd "$work/package" && echo *), not $2: another version"
        return 1
    }
    found=$(file_hash "$archive")
    [ "$found" = "$3" ] || {
        say "$2 has SHA-256 $found, expected $3"
        return 1
    }
    unpack "$archive" "$work/debian" 2>>"$work/log" || {
        say "cannot unpack $2: $(tail -n 1 "$work/log")"
        return 1
    }
    tree=$(only_folder "$work/debian")
}
