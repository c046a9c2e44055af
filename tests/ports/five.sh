# five.sh: what an object may need from outside: five string functions, and what the compiler itself calls. Read with `.`
# by suites that have $T, ok and bad.
five="memcmp memcpy memmove memset strlen"
helpers='aeabi_.*|u?(div|mod)[dt]i3|u?divmod[dt]i4|(ashl|ashr|lshr|mul)[dt]i3|(neg|cmp|ucmp)[dt]i2|(fix|float).*'
helpers="$helpers|(add|sub|mul|div)df3|[a-z]+df2|(popcount|bswap|clz)[ds]i2|x86\\.get_pc_thunk.*"

# beyond_five OBJECT [PATTERN]: prints what else it needs, but for names of the pattern (the user's hooks)
beyond_five() {
    nm -u "$1" | awk '{ print $NF }' | sort -u > "$T/u"
    printf '%s\n' $five > "$T/five"
    comm -23 "$T/u" "$T/five" | grep -vE "^(${2:--})\$" > "$T/other"
    grep -E "^__($helpers)\$" "$T/other" > "$T/libgcc"
    comm -23 "$T/other" "$T/libgcc"
}

# only_five NAME OBJECT [PATTERN]
only_five() {
    beyond_five "$2" "${3:-}" > "$T/wrong"
    if [ -s "$T/wrong" ]; then bad "$1: needs more than the five string functions" "$T/wrong"; else
        ok
        echo "$1: needs $(comm -12 "$T/u" "$T/five" | tr '\n' ' ')"
        [ ! -s "$T/libgcc" ] || echo "    and of libgcc $(tr '\n' ' ' < "$T/libgcc")"
    fi
}
