# exchange.sh: for the suites that run ports/exchange.c; they read it with `.` behind suite.sh.
# shellcheck shell=sh disable=SC2154
exchange_host=127.0.0.1 exchange_ca=data/pki/roots.pem
exchange_script=ports/exchange.script exchange_log=ports/exchange.log

# stats NAME...: those of the server's counters
stats() {
    perl -MIO::Socket::INET -e '
        my $s = IO::Socket::INET->new("127.0.0.1:" . shift) or exit 1;
        print $s "GET /__mock/stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        my $answer = join "", <$s>;
        print join(" ", map { $answer =~ /"$_":(\d+)/ ? "$1 $_" : "no $_" } @ARGV), "\n";' "$control" "$@"
}

# speak CERT COMMAND...: the command is given the URL of a fresh server and $exchange_ca
speak() {
    serve --http off --https 0 --cert "$1" --script "$exchange_script"
    shift
    # shellcheck disable=SC2086  # a file, or none
    timeout 120 "$@" "https://$exchange_host:$https/v1" $exchange_ca > "$T/out" 2>&1
}

# exchange NAME CERT COMMAND...: it must hold the three exchanges, on one connection each time that the log has them. Its
# output may have the line ends of another system.
exchange() {
    what="$1, $2"
    shift
    speak "$@"
    equal "$what: status" $? 0
    tr -d '\r' < "$T/out" > "$T/log"
    if cmp -s "$T/log" "$exchange_log"; then ok; else
        diff "$T/log" "$exchange_log" > "$T/diff"
        bad "$what: says something else" "$T/diff"
    fi
    n=$(grep -c '^tools: ' "$exchange_log")
    equal "$what: what the server saw" "$(stats connections requests script_left)" \
        "$n connections $((4 * n)) requests 0 script_left"
}

# refuses NAME CERT COMMAND...: the server is one that the program does not trust: it must not get a request
refuses() {
    what=$1
    shift
    speak "$@"
    equal "$what: status" $? 1
    if grep -q '^chat: LLM_ERR_TLS: ' "$T/out"; then ok; else bad "$what: what it says" "$T/out"; fi
    equal "$what: what the server saw" "$(stats requests)" "0 requests"
}
