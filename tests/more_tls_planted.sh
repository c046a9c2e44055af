#!/bin/sh
# more_tls_planted.sh: proof that the TLS cases find what they are for. One defect at a time is planted in a copy of the
# header; test_tls_cases must then fail, in the case that is named. The scripts of more_tls.sh get tables with wrong lines.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
need openssl
need python3
built "$build/libbearssl.a"

# plant CASE NAME PERL: a line of the list. Several substitutions have " + " between them; each must find its place.
plant() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >> "$T/list"; }
plant - "nothing" 's/$/ /m'
plant name-wrong "no name is checked" \
    's/x->ip_len > 0 \? NULL : x->name\);/NULL);/ + s/err == 0 && x->ip_len == 0 && x->engine.server_name == NULL/0/'
plant key-p256 "no name is given to the engine, and the last guard sees it" 's/x->ip_len > 0 \? NULL : x->name\);/NULL);/'
plant name-exact "always the same name is checked" \
    's/\(void\)server_name;/x->name = "host.case.test";/'
plant ip4-wrong "no address is checked" 's/x->ip_len > 0 && !c->ip_match/0/'
plant name-cn-only "a common name does" 's/x->ip_len == 0 && !c->dns_names/0/'
plant name-wild-tld "wildcards below a top-level domain" \
    's/& LLMI_CERT_STAR\) != 0 && x->hide_star/& LLMI_CERT_STAR) != 0 \&\& 0/'
plant name-wild-last "hashing goes on behind the last byte" \
    's/m->do_mhash = \(unsigned char\)!last/m->do_mhash = 1/'
plant eku-client "extendedKeyUsage is not looked at" \
    's/& LLMI_EXT_EKU\) != 0 && !c->eku_ok\) llmi_x509_refuse/\& LLMI_EXT_EKU) != 0 \&\& 0) llmi_x509_refuse/'
plant eku-root-client "extendedKeyUsage of an anchor is not looked at" \
    's/& LLMI_EXT_EKU\) != 0 && !c->eku_ok\) return/\& LLMI_EXT_EKU) != 0 \&\& 0) return/'
plant ca-no-sign-root "keyUsage of an anchor is not looked at" 's/if \(c->no_sign\) return LLMI_WHY_NO_SIGN;//'
plant nc-star "a base that is no name is taken" 's/&& llmi_cert_base_ok\([^)]*\)[^)]*\)//'
plant eku-critical "the byte that is shown is hashed" \
    's/br_multihash_update\(&m->mhash, &b, 1\)/br_multihash_update(\&m->mhash, \&shown, 1)/'
plant nc-other "nameConstraints are not looked at" \
    's/if \(llmi_cert_nc_why\(c\) != LLMI_WHY_NONE\) llmi/if (0) llmi/'
plant nc-not "excluded names are allowed" \
    's/if \(\(c->nc & LLMI_NC_EXCLUDED\) != 0\) return/if (0) return/'
plant nc-dir "forms that are not known are passed over" \
    's/if \(\(c->nc & LLMI_NC_UNKNOWN\) != 0\) return/if (0) return/'
plant nc-part "constraints end within a label" \
    's/return n == 0 \|\| n == len \|\| name\[0\]/return 1 || name[0]/'
plant nc-root-other "those of an anchor are not looked at" \
    's/return llmi_cert_nc_why\(c\);/return LLMI_WHY_NONE;/'
plant ca-path-root "an anchor has no path length" \
    's/c->path != 0 && below >= c->path/0/'
plant trust-no-ca "an anchor need not be a CA" \
    's/if \(!c->is_ca && \(c->v3 \|\| !is_root\)\)/if (0)/'
plant trust-leaf-forged "a trusted key vouches for another certificate" \
    's/flags == 0 && memcmp\(c->tbs, x->cert.tbs, 32\) != 0/0/'
plant ca-too-long "a chain has no bound" 's/if \(x->depth == LLMI_TLS_CHAIN\)/if (0)/'
plant pin-none "pins are not looked at" 's/x->shared->pin_count > 0 && !x->pinned/0/'
plant key-rsa1024 "RSA of 1024 bits" 's/set_minrsa\(m, 256\)/set_minrsa(m, 128)/'
plant key-rsa1024-root "a root of 1024 bits" 's/return k->key.rsa.nlen >= 256;/return 1;/'
plant sig-rsa-sha1 "SHA-1" \
    's/\{br_sha256_ID, &br_sha256_vtable\}, \{br_sha384_ID/{br_sha1_ID, \&br_sha1_vtable}, $&/'
plant sig-inner "the algorithm within is not looked at" \
    's/if \(memcmp\(alg, c->alg, sizeof alg\) != 0\)/if (0)/'
plant sig-flipped "the engine is not asked" \
    's/return x->refused \? \(unsigned\)BR_ERR_X509_NOT_TRUSTED : err;/return 0;/ + '\
's/if \(x->why != LLMI_WHY_NONE \|\| x->engine.err != BR_ERR_X509_OK\) return NULL;/'\
'if (usages) *usages = 0x30; return \&x->engine.pkey;/'
plant ext-twice-san "an extension may stand twice" \
    's/if \(\(c->exts & c->ext\) != 0\) return/if (0) return/'
plant der-length "lengths that are no DER" \
    's/return c->len >= 0x80 \? llmi_cert_open\(c\) : llmi_cert_bad\(c\);/return llmi_cert_open(c);/'
plant date-expired "dates are not looked at" \
    's/LLMI_CERT_HAVE_START\) != 0 && x->shared->no_clock/LLMI_CERT_HAVE_START) != 0/'
plant date-zero "a clock at 0 does" 's/if \(now <= 0 && !s->no_clock\)/if (0)/'
plant key-p256 "the file that is trusted is not read" \
    's/return llmi_trust_named\(s, LLMI_TRUST_FILE, "config.ca_file", e\);/return llmi_trust_default(s, e);/'

# one LINE-NUMBER: plants, builds, runs; the verdict goes to $T/N.out
one() {
    d=$T/$1
    mkdir "$d"
    IFS=$(printf '\t') read -r id what perl <<END
$(sed -n "$1p" "$T/list")
END
    PLANT=$perl perl -0777 -ne '
        for my $p (split / \+ (?=s\/)/, $ENV{PLANT}) { eval $p or exit 3 }
        print
    ' "$header/llm_openai.h" > "$d/llm_openai.h" || { echo "FAILED to plant: $what" > "$T/$1.out"; return; }
    if ! $CC -std=gnu99 -O0 -w -I"$d" -I. -isystem "$build/bearssl/inc" -o "$d/cases" test_tls_cases.c "$build/libbearssl.a" \
        > "$d/log" 2>&1; then
        echo "FAILED to build: $what: $(head -n 1 "$d/log")" > "$T/$1.out"
        return
    fi
    out=$T/$1.out
    set -- data/tls "$id"
    [ "$id" != - ] || set -- data/tls
    timeout 120 "$d/cases" "$@" > "$d/log" 2>&1
    status=$?
    if [ "$id" = - ]; then
        if [ $status -eq 0 ]; then echo passed; else echo "FAILED without any defect"; fi > "$out"
    elif [ $status -eq 0 ]; then echo "FAILED: passes with $what" > "$out"
    elif grep -aq "FAILED.* in $id\$" "$d/log"; then echo passed > "$out"
    else
        by=$(grep -ao 'FAILED.* in .*' "$d/log" | sed 's/.* in //' | sort -u | head -n 5 | tr '\n' ' ')
        echo "FAILED: $what is not found by $id but by $by" > "$out"
    fi
    rm -rf "$d"
}
count=$(wc -l < "$T/list")
n=1
while [ $n -le "$count" ]; do     # two at a time
    one $n &
    [ $n -eq "$count" ] || one $((n + 1))
    wait
    n=$((n + 2))
done
passed=$(cat "$T"/*.out | grep -c '^passed$')
failed=$((count - passed))
cat "$T"/*.out | grep -v '^passed$'

# tables with wrong lines: the scripts must say so of each, and of no other
for program in client chat; do
    $CC -std=c99 -O1 -w -I"$header" -isystem "$build/bearssl/inc" -o "$T/$program" tls/$program.c "$build/libbearssl.a" ||
        exit 1
done
cat > "$T/cases" <<'END'
good     | ok i | r | host.case.test | | LLM_OK | | | = | right
verdict  | ok i | r | host.case.test | | LLM_OK | | | refuses | openssl accepts it
verdict2 | wrong i | r | host.case.test | | LLM_ERR_TLS | not for | good | accepts | openssl refuses it
status   | wrong i | r | host.case.test | | LLM_OK | | | refuses | it is refused
words    | wrong i | r | host.case.test | | LLM_ERR_TLS | expired | good | = | of another reason
unlisted | cn-only i | r | host.case.test | | LLM_ERR_TLS | names no host | good | = | openssl accepts it
END
cat > "$T/servers" <<'END'
good   | get | openssl ec -tls1_2 | LLM_OK | full | | right
status | get | openssl ec -tls1_3 | LLM_OK | | | it is refused
words  | chat | py reset | LLM_ERR_TLS | closed the connection | good | of another reason
twin   | chat | py close | LLM_ERR_TLS | closed the connection | words | its twin fails
END
found() { # found SCRIPT OUTPUT ID...
    script=$1 out=$2
    shift 2
    for id; do
        if grep -q "^FAILED $id\b" "$out"; then ok; else bad "$script does not find the wrong line $id" "$out"; fi
    done
    if grep -q '^FAILED good' "$out"; then bad "$script finds fault with a right line" "$out"; fi
}
timeout 100 python3 tls/cases.py "$T/client" data/tls "$T/cases" > "$T/found" 2>&1 && bad "cases.py: a table with wrong lines passes"
found cases.py "$T/found" verdict verdict2 status words unlisted
timeout 100 python3 tls/servers.py "$T/client" "$T/chat" "$T/servers" > "$T/found" 2>&1 && bad "servers.py: a table with wrong lines passes"
found servers.py "$T/found" status words twin
finish
