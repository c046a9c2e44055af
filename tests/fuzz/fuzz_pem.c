/* fuzz_pem.c - trust bundles as text, file and DER: three bytes of options, then the bundle.
   A text and a file that gives few bytes at a time must lead to the same index, and each entry back to its certificate. */
#define FUZZ_TLS
#define LLM_MAX_CA_BYTES ((size_t)16384)
#include "fuzz.h"

/* The walker in one piece and cut: the same. */
static int walk(llmi_cert *c, const uint8_t *p, size_t n, unsigned how, int light, unsigned char *store, size_t store_size) {
    static const unsigned char ip[4] = {127, 0, 0, 1};
    fuzz_cut cut = fuzz_cut_of(how, n);
    size_t at = 0;
    int events = 0;
    llmi_cert_init(c);
    c->light = (unsigned char)light;
    c->ip = ip;
    c->ip_len = 4;
    c->store = store;
    c->store_size = store_size;
    while (at < n) {
        size_t k = fuzz_cut_next(&cut, n - at), i = 0;
        unsigned char *piece = (unsigned char *)fuzz_piece(p + at, k);
        while (i < k) {
            int event;
            size_t took = llmi_cert_feed(c, piece + i, k - i, &event);
            FUZZ_CHECK(took > 0 && took <= k - i);
            if (event != LLMI_CERT_NONE) events = events * 4 + event;
            i += took;
        }
        free(piece);
        at += k;
    }
    FUZZ_CHECK(c->depth <= LLMI_CERT_DEPTH && (c->store_size == 0 || (c->stored <= store_size && c->dn_len <= c->stored)));   /* 0: it was too small */
    FUZZ_CHECK(memchr(c->dns_name, 0, sizeof c->dns_name) != NULL);
    return events;
}

static void der(const uint8_t *p, size_t n, unsigned how) {
    unsigned char store[300], other[300];
    llmi_cert a, b;
    int events;
    memset(store, 0, sizeof store);
    memset(other, 0, sizeof other);
    events = walk(&a, p, n, 0, 0, store, sizeof store);
    FUZZ_CHECK(walk(&b, p, n, how, 0, other, sizeof other) == events);
    FUZZ_CHECK(a.at == b.at && a.store_size == b.store_size);
    FUZZ_CHECK(a.store_size == 0 || (a.stored == b.stored && memcmp(store, other, a.stored) == 0));
    if (a.at != LLMI_CERT_DONE) {
        walk(&b, p, n, 1, 1, NULL, 0);      /* the index must not hold what cannot be fetched by it */
        FUZZ_CHECK(b.at != LLMI_CERT_DONE);
        return;
    }
    FUZZ_CHECK(memcmp(a.subject, b.subject, 32) == 0 && memcmp(a.issuer, b.issuer, 32) == 0);
    FUZZ_CHECK(memcmp(a.spki, b.spki, 32) == 0 && a.exts == b.exts && a.is_ca == b.is_ca && a.eku_ok == b.eku_ok);
    FUZZ_CHECK(a.ip_match == b.ip_match && strcmp(a.dns_name, b.dns_name) == 0 && a.has_key == b.has_key);
    walk(&b, p, n, 1, 1, NULL, 0);
    FUZZ_CHECK(b.at == LLMI_CERT_DONE && memcmp(a.subject, b.subject, 32) == 0 && a.has_key == b.has_key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static llmi_tls_x509 x;
    fuzz_in in = {data, size};
    unsigned how = fuzz_byte(&in), most = fuzz_byte(&in), fail = fuzz_byte(&in);
    llm_config config = llm_config_init(), from_file;
    llmi_tls_shared a, b;
    llmi_mem mem;
    llm_error e;
    llm_anchor anchor;
    char *text = fuzz_string(in.p, in.n);
    llm_status s, t;
    size_t i;
    fuzz_mem_start();
    memset(&fuzz_sys, 0, sizeof fuzz_sys);
    llmi_mem_init(&mem, NULL, NULL, 0);
    from_file = config;
    config.ca_pem = text;
    config.ca_pem_len = in.n;
    from_file.ca_file = "any";
    fuzz_sys.file = text;
    fuzz_sys.file_size = in.n ? in.n : strlen(text);
    fuzz_sys.file_most = most;
    llmi_tls_shared_init(&a, &mem, &config);
    llmi_tls_shared_init(&b, &mem, &from_file);
    s = llmi_trust_load(&a, &e);
    FUZZ_CHECK(s == LLM_OK || ((s == LLM_ERR_TLS || s == LLM_ERR_LIMIT) && e.status == s && e.message[0] != 0));
    t = llmi_trust_load(&b, &e);
    FUZZ_CHECK(s == t && a.index_count == b.index_count && (s == LLM_OK) == (a.index_count > 0));
    for (i = 0; i < a.index_count; i++) {
        llmi_cert c;
        FUZZ_CHECK(a.index[i].hash == b.index[i].hash && a.index[i].offset == b.index[i].offset);
        FUZZ_CHECK(i == 0 || a.index[i].offset > a.index[i - 1].offset);
        memset(&x, 0, sizeof x);
        x.shared = i & 1 ? &a : &b;
        FUZZ_CHECK(llmi_trust_fetch(&x, a.index[i].offset, &c) && llmi_trust_hash(c.subject) == a.index[i].hash);
        x.store_used = 0;
        FUZZ_CHECK(llmi_trust_find(&x, c.subject, BR_X509_TA_CA));
        FUZZ_CHECK(x.anchor_count <= LLMI_TLS_ANCHORS && x.store_used <= sizeof x.store);
    }
    llmi_tls_shared_free(&a);
    llmi_tls_shared_free(&b);
    if (fail & 1) {                 /* no memory at one place: nothing stays behind */
        fuzz_mem.calls = 0;
        fuzz_mem.fail_at = 1 + (fail >> 1) % 4;
        llmi_tls_shared_init(&b, &mem, &from_file);
        t = llmi_trust_load(&b, &e);
        FUZZ_CHECK(t == s || t == LLM_ERR_MEMORY);
        llmi_tls_shared_free(&b);
        fuzz_mem.fail_at = 0;
    }
    anchor.cert_der = in.p;
    anchor.cert_der_len = in.n;
    config = llm_config_init();
    config.anchors = &anchor;
    config.anchor_count = 1;
    llmi_tls_shared_init(&a, &mem, &config);
    s = llmi_trust_load(&a, &e);
    FUZZ_CHECK(s == LLM_OK || s == LLM_ERR_TLS);
    llmi_tls_shared_free(&a);
    der(in.p, in.n, how);
    free(text);
    fuzz_mem_end();
    return 0;
}
