/* fuzz_https.c - a whole call over HTTPS. Eight bytes of options, then the script of fuzz_net.h: what BearSSL's server in
   this process says, or the bytes that come in place of TLS records.

   What the server sends is changed on the way: nothing of that may come out as an answer. The text that is told is the
   beginning of what is told without the change, and a call of one whole body is right or has failed. A server whose
   certificate is not good for this host never sees a request; the key never leaves in clear. */
#define FUZZ_TLS
#include "fuzz_limits.h"
#include "fuzz_net.h"

/* What was told with the change is the beginning of what is told without it. */
static void fh_prefix(const fc_run *whole, const fc_run *part) {
    int i, k;
    for (k = 0; k < 3; k++) {
        for (i = 0; i < LLM_MAX_CHOICES; i++) {
            const fuzz_text *a = &whole->seen[k][i], *b = &part->seen[k][i];
            FUZZ_CHECK(b->n <= a->n && (b->n == 0 || memcmp(a->p, b->p, b->n) == 0));
        }
    }
    FUZZ_CHECK(part->calls.n == 0 || (whole->calls.n >= part->calls.n && memcmp(whole->calls.p, part->calls.p, part->calls.n) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int times[] = {0, 200, 1000, 30000};
    fuzz_in in = {data, size};
    fc_opts o;
    fc_run a, b;
    unsigned x = fuzz_byte(&in), change, how;
    memset(&o, 0, sizeof o);
    o.way = (int)(x & 3);
    o.stream = (x & 4) != 0;
    o.tls.clean = (x & 8) != 0;
    o.tls.secure = (x & 0x30) == 0x30 ? FN_TLS_RAW : FN_TLS_SERVER;
    o.conversation = (x & 0x40) != 0;
    o.once = (x & 0x80) != 0;
    o.recv_most = fuzz_byte(&in);
    o.tls.record = fuzz_byte(&in);
    if (o.tls.record >= 192) {       /* through a proxy */
        o.tls.record -= 192;
        o.extra = 64;
    }
    x = fuzz_byte(&in);
    o.retries = (int)(x & 1);
    o.connect_ms = times[x >> 1 & 3];
    o.total_ms = times[x >> 3 & 3];
    o.tls.server = x & 0x20 ? (int)(x >> 6) + (x & 1) * 4 : 0;
    change = fuzz_byte(&in);
    how = fuzz_byte(&in);
    o.tls.at = fuzz_byte(&in) << 8;
    o.tls.at |= fuzz_byte(&in);
    o.tls.value = how;
    if (change >= 200) o.fail_at = (long)change - 199;
    fc_go(&a, &o, in.p, in.n);
    if (o.tls.server || o.tls.secure == FN_TLS_RAW) {
        FUZZ_CHECK(a.status != LLM_OK || o.fail_at);       /* 0 also where there was no memory for the call itself */
        FUZZ_CHECK(a.told == 0 && a.calls.n == 0 && a.requests == 0);
    } else if (!o.fail_at) {
        fc_opts changed = o;
        changed.tls.change = (int)(change % FN_CHANGES);
        changed.retries = 0;
        changed.once = 1;
        if (changed.tls.change == FN_AGAIN || changed.tls.change == FN_DROP) changed.tls.at %= 16;
        if (how & 1) changed.way = (o.way + 1) % FC_WAYS;
        if (how & 2) changed.recv_most = o.recv_most ? 0 : 1;
        fc_go(&b, &changed, in.p, in.n);
        if (o.retries == 0) {
            fh_prefix(&a, &b);
            if (!o.stream && b.status == LLM_OK && !a.timed && !b.timed) fuzz_same(&a.log, &b.log, "an answer that was changed");
        }
        fc_free(&b);
    }
    fc_free(&a);
    return 0;
}
