# coverage.awk REASONS HEADER LCOV PARTS: a table of the sections, then what is wrong. See coverage.sh and REASONS.
# A line is known by its function and its text, so that it may move; what stands there n times is listed n times.
function trim(s) {
    sub(/^[ \t]+/, "", s)
    sub(/[ \t]+$/, "", s)
    return s
}
function miss(n, what) {
    key = in_fn[n] SUBSEP what
    if (listed[key] > 0) {
        listed[key]--
        return 0
    }
    bad[++bads] = in_fn[n] ": " what
    where[bads] = n
    return 1
}
FNR == 1 { file++ }
file == 1 {
    if ($0 ~ /^#/ || $0 ~ /^[ \t]*$/) next
    if ($0 ~ /^= ./) {
        reason = $0
        next
    }
    if (reason == "" || !match($0, /: /)) {
        print "coverage.txt: not understood: " $0
        wrong++
        next
    }
    key = trim(substr($0, 1, RSTART - 1)) SUBSEP trim(substr($0, RSTART + 2))
    if (reason ~ /^= sometimes/) loose[key]++
    listed[key]++
    order[++keys] = key
    next
}
file == 2 {
    if (sections > 0 || $0 ~ /^#ifndef LLM_OPENAI_H/) code = 1                    # behind the map in the top comment
    if (code && match($0, /^ +>>[a-z0-9-]+/)) {
        name = substr($0, RSTART, RLENGTH)
        gsub(/[ >]/, "", name)
        section[++sections] = name
        fn = ""
    }
    if ($0 ~ /^[A-Za-z].*\(/ && $0 !~ /;$/) {
        fn = substr($0, 1, index($0, "(") - 1)
        sub(/.*[ *]/, "", fn)
    }
    raw[FNR] = $0
    in_fn[FNR] = fn
    in_section[FNR] = name
    next
}
/^DA:/ {
    split(substr($0, 4), a, ",")
    lines[a[1] + 0] = a[2] + 0
    if (a[1] + 0 > last) last = a[1] + 0
}
/^PART:/ {
    split(substr($0, 6), a, ",")
    parts[a[1] + 0] = parts[a[1] + 0] " " a[2]
}
END {
    for (n = 1; n <= last; n++) {
        text = trim(raw[n])
        if (!(n in lines) || text ~ /^[{}]*;?$/ || text ~ /^#/) continue          # a brace is no code
        s = in_section[n]
        all[s]++
        if (lines[n] > 0 && parts[n] == "") {
            got[s]++
            continue
        }
        new = 0
        if (lines[n] == 0) {
            new = miss(n, text)
        } else {
            k = split(parts[n], a, " ")
            for (i = 1; i <= k; i++) new += miss(n, trim(substr(raw[n], a[i])))
        }
        if (!new) known[s]++
    }
    for (i = 1; i <= sections; i++) {
        s = section[i]
        if (!all[s]) continue
        printf "%-14s %5d of %5d lines, %5.1f %%, %3d not, %3d of these not listed\n", s, got[s], all[s], 100 * got[s] / all[s], \
            all[s] - got[s], all[s] - got[s] - known[s]
        sum += all[s]
        reached += got[s]
        knowns += known[s]
    }
    printf "%-14s %5d of %5d lines, %5.1f %%, %3d not, %3d of these not listed\n", "all", reached, sum, 100 * reached / (sum ? sum : 1), \
        sum - reached, sum - reached - knowns
    for (i = 1; i <= bads; i++) printf "not reached and not in coverage.txt (line %d)\n  %s\n", where[i], bad[i]
    for (i = 1; i <= keys; i++) {
        if (listed[order[i]] <= 0) continue
        listed[order[i]]--
        if (loose[order[i]]-- > 0) continue
        split(order[i], a, SUBSEP)
        printf "in coverage.txt, but reached or gone\n  %s: %s\n", a[1], a[2]
        stale++
    }
    printf "%d passed, %d failed\n", reached + knowns, bads + stale + wrong
    exit (bads + stale + wrong > 0 || reached == 0)
}
