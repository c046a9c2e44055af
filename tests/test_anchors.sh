#!/bin/sh
# test_anchors.sh: what tools/anchors writes is what was in the PEM file, byte for byte (base64 -d is the judge), compiles
# as C and C++ without a warning, and a client built with it reaches a TLS server that no other trust would let it reach.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
built "$mock" "$build/libbearssl.a"
tool=$root/tools/anchors/anchors.pl
pki=data/pki
WARN="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Wcast-qual -Wwrite-strings -Werror"

# ---- what goes in comes out ------------------------------------------------------------------------------------------
# the DER of each certificate of a PEM file, as hexadecimal lines
der_of() {
    awk '/-----BEGIN CERT/ {on=1; b=""; next} /-----END CERT/ {on=0; print b} on {gsub(/[\r ]/, ""); b = b $0}' "$1" |
        while read -r b; do printf %s "$b" | base64 -d | od -An -v -tx1 | tr -d ' \n'; echo; done
}
der_of $pki/roots.pem > "$T/want"
at_least "certificates of roots.pem" "$(wc -l < "$T/want")" 2
cat > "$T/dump.c" << 'X'
#include <stdio.h>
#include "llm_openai.h"
#include "table.h"
int main(void) {
    size_t i, k;
    for (i = 0; i < our_roots_count; i++) {
        for (k = 0; k < our_roots[i].cert_der_len; k++) printf("%02x", our_roots[i].cert_der[k]);
        putchar('\n');
    }
    return 0;
}
X
cat > "$T/text.c" << 'X'
#include <stdio.h>
#include "pem.h"
int main(void) { fputs(LLM_CA_PEM, stdout); return 0; }
X
dump() {    # dump NAME PEM...: the table of them, and the literal, against $T/want
    name=$1
    shift
    perl "$tool" --name our_roots --out "$T/table.h" "$@" > "$T/said" 2>&1 || { bad "$name: table" "$T/said"; return; }
    # shellcheck disable=SC2086
    $CC -std=c99 $WARN -I"$root" -I"$T" -o "$T/dump" "$T/dump.c" > "$T/said" 2>&1 || { bad "$name: C99" "$T/said"; return; }
    "$T/dump" > "$T/got"
    if cmp -s "$T/want" "$T/got"; then ok; else bad "$name: the table holds other bytes"; fi
    perl "$tool" --pem --out "$T/pem.h" "$@" > "$T/said" 2>&1 || { bad "$name: literal" "$T/said"; return; }
    # C99 promises 4095 characters of a literal only; compilers take more
    # shellcheck disable=SC2086
    $CC -std=c99 $WARN -Wno-overlength-strings -I"$T" -o "$T/text" "$T/text.c" > "$T/said" 2>&1 || { bad "$name: literal" "$T/said"; return; }
    "$T/text" > "$T/text.pem"
    der_of "$T/text.pem" > "$T/got"
    if cmp -s "$T/want" "$T/got"; then ok; else bad "$name: the literal holds other bytes"; fi
    if ! grep -qE '^.{65,}' "$T/text.pem"; then ok; else bad "$name: a line of PEM is longer than 64"; fi
}
dump "as it is" $pki/roots.pem
sed 's/$/\r/' $pki/roots.pem > "$T/crlf.pem"
dump "CRLF" "$T/crlf.pem"
{ printf 'text before\n'; cat $pki/roots.pem; } | perl -pe 'BEGIN { undef $/ } s/\n\z//' > "$T/noend.pem"
dump "text around, no line end" "$T/noend.pem"
dump "twice the same" $pki/roots.pem "$T/crlf.pem"
# a planted difference is seen
sed 's/0x30, 0x82/0x30, 0x83/' "$T/table.h" > "$T/table2.h" && mv "$T/table2.h" "$T/table.h"
# shellcheck disable=SC2086
$CC -std=c99 $WARN -I"$root" -I"$T" -o "$T/dump" "$T/dump.c" && "$T/dump" > "$T/got"
if cmp -s "$T/want" "$T/got"; then bad "a changed byte is not seen"; else ok; fi
if command -v g++ > /dev/null 2>&1; then
    perl "$tool" --name our_roots --out "$T/table.h" $pki/roots.pem > /dev/null
    perl "$tool" --pem --out "$T/pem.h" $pki/roots.pem > /dev/null
    for std in c++98 c++11 c++17; do
        if g++ -std=$std -x c++ -Wall -Wextra -Wpedantic -Wno-overlength-strings -Werror -I"$T" -o "$T/text" "$T/text.c" \
            > "$T/said" 2>&1 && "$T/text" | cmp -s - "$T/text.pem"; then ok; else bad "$std, the literal" "$T/said"; fi
        # shellcheck disable=SC2086
        if g++ -std=$std -x c++ -Wall -Wextra -Wpedantic -Werror -I"$root" -I"$T" -o "$T/dump" "$T/dump.c" > "$T/said" 2>&1 &&
            "$T/dump" > "$T/got" && cmp -s "$T/want" "$T/got"; then ok; else bad "$std" "$T/said"; fi
    done
else
    left_out "C++" g++
fi

# ---- the choice, and what is refused ---------------------------------------------------------------------------------
says() {    # says NAME STATUS TEXT ARGUMENT...
    name=$1 status=$2 text=$3
    shift 3
    perl "$tool" "$@" > "$T/said" 2>&1
    got=$?
    if [ $got -eq "$status" ] && grep -qF -- "$text" "$T/said"; then ok; else bad "$name: status $got, or not said: $text" "$T/said"; fi
}
says "list" 0 "CN=" --list $pki/roots.pem
first=$(perl "$tool" --list $pki/roots.pem | sed -n '1s/.*CN=\([^;]*\);.*/\1/p')
says "one of them" 0 "llm_anchors_count = 1" --match "$first" $pki/roots.pem
says "nobody" 2 "subject holds 'Nobody'" --match Nobody $pki/roots.pem
says "one found, one not" 2 "subject holds 'Nobody'" --match "$first" --match Nobody $pki/roots.pem
says "no CA" 2 "is no CA" $pki/ec.pem --match "CN=localhost"
says "no CA beside one that is" 0 "llm_anchors_count = 1" --match "$first" --match "CN=localhost" $pki/roots.pem $pki/expired.pem
says "no certificate" 2 "holds no certificate" $pki/pins.txt
says "no file" 2 "cannot read" "$T/none.pem"
says "no argument" 2 "usage" --list
says "a name that is none" 2 "is no C identifier" --name 3x $pki/roots.pem
says "an option that is none" 2 "there is no option --all" --all $pki/roots.pem
says "a value that is missing" 2 "--match needs a value" $pki/roots.pem --match
printf -- '-----BEGIN CERTIFICATE-----\nAAA!\n-----END CERTIFICATE-----\n' > "$T/x.pem"
says "no base64" 2 "not base64" "$T/x.pem"
printf -- '-----BEGIN CERTIFICATE-----\nMDAA\n-----END CERTIFICATE-----\n' > "$T/x.pem"
says "cut off" 2 "breaks off" "$T/x.pem"
head -c $(($(wc -c < $pki/roots.pem) - 60)) $pki/roots.pem > "$T/x.pem"
says "a file that is cut off" 2 "x.pem breaks off: its last certificate has no -----END" "$T/x.pem"
says "a folder" 2 "is a folder" "$T"
printf -- '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n' > "$T/x.pem"
says "empty" 2 "breaks off" "$T/x.pem"
says "cannot be written" 2 "cannot write" --out "$T/none/x.h" $pki/roots.pem

# ---- make ------------------------------------------------------------------------------------------------------------
made() {    # made NAME TEXT VARIABLE...
    name=$1 text=$2
    shift 2
    rm -f "$T/made.h"
    if make -s -C ../tools anchors CA="$PWD/$pki/roots.pem" OUT_FILE="$T/made.h" "$@" > "$T/said" 2>&1 &&
        cat "$T/said" "$T/made.h" 2> /dev/null | grep -qF "$text"; then ok; else bad "make anchors, $name" "$T/said"; fi
}
made "all" "$(printf 'llm_anchors_count = %d' "$(wc -l < "$T/want")")"
made "one" "llm_anchors_count = 1" MATCH="$first"
made "named" "static const llm_anchor mine[mine_count]" NAME=mine
made "literal" "#define LLM_CA_PEM" FORM=pem
made "list" "CN=$first" FORM=list
NAME=MACHINE-7 made "a name in the environment" "llm_anchors_count"
(unset PWD; env -u PWD make -s -C ../tools anchors CA="$root/tests/$pki/roots.pem" MATCH='*' OUT_FILE="$T/made.h") > "$T/said" 2>&1
if grep -qF "subject holds '*'" "$T/said"; then ok; else bad "make anchors, a star" "$T/said"; fi
make -s -C ../tools anchors CA="$PWD/$pki/roots.pem" NAME="x;touch '$T/made.by.name'" > "$T/said" 2>&1
if grep -qF "is no C identifier" "$T/said" && [ ! -e "$T/made.by.name" ]; then ok; else bad "make anchors, a command for a name" "$T/said"; fi
# from where make is called, and with a space
mkdir "$T/a folder"
cp $pki/roots.pem "$T/a folder/my roots.pem"
(cd "$T/a folder" && make -s -C "$root/tools" anchors CA="my roots.pem" OUT_FILE="my anchors.h") > "$T/said" 2>&1
if grep -qF "llm_anchors_count = $(wc -l < "$T/want")" "$T/a folder/my anchors.h" 2> /dev/null; then ok; else
    bad "make anchors, names from the folder it is called in" "$T/said"
fi
cp $pki/roots.pem "$T/one.pem"
(cd "$T" && make -s -C "$root/tools" anchors CA="one.pem $root/tests/$pki/roots.pem" FORM=list) > "$T/said" 2>&1
equal "make anchors, two files" "$(wc -l < "$T/said")" "$(wc -l < "$T/want")"

# ---- a client with it ------------------------------------------------------------------------------------------------
cat > "$T/client.c" << 'X'
#define LLM_NO_FILES
#define LLM_OPENAI_IMPLEMENTATION
#ifdef WITH_PEM
#include "pem.h"
#endif
#include "llm_openai.h"
#ifdef WITH_TABLE
#include "table.h"
#endif
#include <stdio.h>
int main(int argc, char **argv) {
    llm_config config = {0};
    llm_request request = {0};
    llm_client *client;
    llm_response out;
    llm_error error;
    llm_status s;
    if (argc != 2) return 2;
    config.api_key = "sk-test";
    config.base_url = argv[1];
    config.model = "gpt-4o-mini";
    config.max_retries = -1;
#ifdef WITH_TABLE
    config.anchors = our_roots;
    config.anchor_count = our_roots_count;
#endif
    if (llm_client_new(&client, &config, &error) != LLM_OK) { puts(error.message); return 3; }
    request.prompt = "echo: reached";
    s = llm_chat(client, &request, &out);
    puts(s == LLM_OK ? out.content : out.error.message);
    llm_response_free(&out);
    llm_client_free(client);
    return s != LLM_OK;
}
X
serve
url=https://localhost:$https/v1
perl "$tool" --name our_roots --out "$T/table.h" $pki/roots.pem > /dev/null
perl "$tool" --pem --out "$T/pem.h" $pki/roots.pem > /dev/null
client() {    # client NAME TEXT FLAG: what a client built with FLAG says
    # shellcheck disable=SC2086
    if $CC -std=c99 -O1 $3 -I"$root" -I"$T" -isystem "$build/bearssl/inc" -o "$T/client" "$T/client.c" "$build/libbearssl.a" > "$T/said" 2>&1; then
        timeout 60 "$T/client" "$url" > "$T/said" 2>&1
        if grep -qF -- "$2" "$T/said"; then ok; else bad "client with $1" "$T/said"; fi
    else
        bad "client with $1 does not build" "$T/said"
    fi
}
client "the table" "reached" -DWITH_TABLE
client "the literal" "reached" -DWITH_PEM
client "neither" "LLM_CA_PEM (not built in)" -DWITH_NONE

finish
