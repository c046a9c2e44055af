# trace.awk: reads what `strace -f -s 4` wrote about an example with an event loop and says what must not be: a call that
# waits and is not the loop's own wait, a descriptor that is used after it was closed, an epoll set that is not in order.
#   -v loop=NAME   the call that is the loop's own wait (epoll_wait, epoll_pwait or poll)
#   -v mark=REGEX  for poll: what stands in the array of the loop's own wait, and in no other
#   -v lax=1       libuv takes out of its set what it has not put in yet, to be sure
# Last line: how often things happened. A line "BAD ..." for each finding; the status is 1 if there was one.
# Only the first thread counts: GLib has another one of its own, for signals.

function bad(why) { found++; if (found <= 8) print "BAD " why ": " text }
function first_number(s) { sub(/^[a-z0-9_]+\(/, "", s); return s + 0 }
# the argument before the last ")": of poll and epoll_wait it is the time-out
function last_argument(s) { sub(/\) += .*$/, "", s); sub(/^.*, /, "", s); return s }

{
    pid = $1
    if (main == "") main = pid
    if (pid != main) next
    text = $0
    sub(/^[0-9]+ +/, "", text)
    if (text ~ /<unfinished \.\.\.>$/) { sub(/ *<unfinished \.\.\.>$/, "", text); begun = text; next }
    if (text ~ /^<\.\.\. [a-z0-9_]+ resumed>/) { sub(/^<\.\.\. [a-z0-9_]+ resumed>/, "", text); text = begun text }
    if (text !~ /^[a-z0-9_]+\(/ || text !~ / = /) next
    name = text
    sub(/\(.*/, "", name)
    result = text
    sub(/^.*\) += /, "", result)
    fd = first_number(text)
    failed = result ~ /^-1/
    calls++
}

name == "socket" && !failed { sock[result + 0] = 1; blocks[result + 0] = text !~ /SOCK_NONBLOCK/ }
name == "fcntl" && /F_SETFL/ { blocks[fd] = text !~ /O_NONBLOCK/ }
name == "ioctl" && /FIONBIO/ { blocks[fd] = text !~ /\[1\]/ }
name == "connect" {
    connects++
    if (blocks[fd]) bad("a connect() that waits")
}
name ~ /^(recvfrom|recvmsg|read|readv|sendto|sendmsg|write|writev)$/ && fd in sock {
    if (blocks[fd] && text !~ /MSG_DONTWAIT/) bad("a call that waits")
    if (name ~ /^re/ && !failed) arrivals++
}
name ~ /^(select|pselect6|nanosleep|clock_nanosleep|pause|rt_sigtimedwait|accept4?)$/ { bad("a call that waits") }
name == "futex" && /FUTEX_WAIT/ { bad("a call that waits") }
name ~ /^(poll|ppoll|epoll_wait|epoll_pwait)$/ {
    limit = last_argument(text)
    if (name == "epoll_pwait") { limit = text; sub(/, NULL, [0-9]+\) += .*$/, "", limit); sub(/^.*, /, "", limit) }
    own = name == loop && (mark == "" || text ~ mark) && (name !~ /^epoll/ || fd == set)
    if (own) waits++
    else if (limit != "0" && limit !~ /tv_sec=0, tv_nsec=0/) bad("a call that waits")
}

name ~ /^epoll_create/ && !failed { if (set == "") set = result + 0; sets[result + 0] = 1 }
name == "epoll_ctl" {
    split(text, part, /[(,] */)
    key = part[2] SUBSEP (part[4] + 0)
    if (part[3] == "EPOLL_CTL_ADD") {
        if (failed) bad("EPOLL_CTL_ADD")
        if (key in gone) reused++
        delete gone[key]
        put[key] = 1
        adds++
    } else if (part[3] == "EPOLL_CTL_MOD") {
        if (failed) bad("EPOLL_CTL_MOD")
        mods++
    } else if (!failed) {
        if (!(key in put)) bad("taken out, but never put in")
        delete put[key]
        dels++
    } else if (key in gone) {
        late++
    } else if (!lax || key in put) {
        bad("EPOLL_CTL_DEL")
    }
}
failed && /EBADF/ && name != "epoll_ctl" { bad("a closed descriptor is used") }
name == "close" {
    if (failed) bad("close")
    for (key in put) {
        split(key, part, SUBSEP)
        if (part[2] + 0 == fd) { delete put[key]; gone[key] = 1; closed++ }
        else if (part[1] + 0 == fd && fd == set && loop ~ /^epoll/ && (part[2] + 0 in sock || part[2] + 0 in sets)) bad("left in the set: " part[2])
        if (part[1] + 0 == fd) { delete put[key]; closed++ }
    }
    delete sock[fd]
    delete blocks[fd]
    delete sets[fd]
}

END {
    if (calls < 20) { print "BAD no trace"; found++ }
    printf "calls %d waits %d arrivals %d connects %d adds %d mods %d dels %d closed %d late %d reused %d\n", calls, waits, \
        arrivals, connects, adds, mods, dels, closed, late, reused
    exit found > 0
}
