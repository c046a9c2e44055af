/* test_trust.c - where trust comes from when nothing goes well: no source at all, no memory, keys that are none. */
/* needs: bearssl */
#define _GNU_SOURCE 1
#include <stddef.h>
#include <stdint.h>
static const char *tr_env;
static long tr_no_file(void) { return -1; }
#define LLM_FILE_READ(ctx, path, offset, buf, n) ((void)(ctx), (void)(path), (void)(offset), (void)(buf), (void)(n), tr_no_file())
#define LLM_GETENV(ctx, name) ((void)(ctx), strcmp((name), "SSL_CERT_FILE") == 0 ? tr_env : NULL)
#include "t.h"

static llmi_mem mem;

static void start(llmi_tls_shared *s, const llm_config *config) {
    llmi_mem_init(&mem, NULL, NULL, 0);
    llmi_tls_shared_init(s, &mem, config);
}

/* The message names every place that was looked at. */
static void test_nothing(void) {
    static const char *const words[] = {
        "config.anchors", "ca_pem", "ca_file", "$SSL_CERT_FILE (not set)", "/etc/ssl/certs/ca-certificates.crt (cannot be read)",
        "/etc/pki/tls/certs/ca-bundle.crt (cannot be read)", "/etc/ssl/ca-bundle.pem (cannot be read)",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem (cannot be read)", "/etc/ssl/cert.pem (cannot be read)",
        "LLM_CA_PEM (not built in)", "Install ca-certificates"};
    llm_config f = llm_config_init();
    llmi_tls_shared s;
    llm_error e;
    size_t i;
    start(&s, &f);
    CHECK_INT(llmi_trust_load(&s, &e), LLM_ERR_TLS);
    for (i = 0; i < sizeof words / sizeof words[0]; i++) {
        t_case = words[i];
        CHECK(strstr(e.message, words[i]) != NULL);
    }
    t_case = "";
    llmi_tls_shared_free(&s);
    memset(&s, 0, sizeof s);
    llmi_tls_shared_free(&s);      /* never made */
    CHECK_INT(t_live, 0);
}

/* The certificates of a PEM file as DER, by BearSSL's decoder. */
typedef struct blob { unsigned char p[4000]; size_t n; } blob;

static void blob_add(void *to, const void *p, size_t n) {
    blob *b = (blob *)to;
    if (b->n + n > sizeof b->p) exit(1);
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

static size_t certificates(const char *path, blob *out, size_t max) {
    size_t len, at = 0, count = 0;
    char *text = t_read_file(path, &len);
    br_pem_decoder_context pem;
    br_pem_decoder_init(&pem);
    while (at < len && count < max) {
        at += br_pem_decoder_push(&pem, text + at, len - at);
        switch (br_pem_decoder_event(&pem)) {
        case BR_PEM_BEGIN_OBJ:
            out[count].n = 0;
            br_pem_decoder_setdest(&pem, blob_add, &out[count]);
            break;
        case BR_PEM_END_OBJ: count += strstr(br_pem_decoder_name(&pem), "CERTIFICATE") != NULL; break;
        case BR_PEM_ERROR: exit(1);
        default: break;
        }
    }
    free(text);
    return count;
}

static blob certs[4];

static void test_no_memory(void) {
    llm_config f = llm_config_init();
    llm_anchor anchors[4];
    llmi_tls_shared s;
    llm_error e;
    size_t n = certificates("data/pki/roots.pem", certs, 4), i;
    CHECK(n >= 2);
    for (i = 0; i < n; i++) {
        anchors[i].cert_der = certs[i].p;
        anchors[i].cert_der_len = certs[i].n;
    }
    f.anchors = anchors;
    f.anchor_count = n;
    start(&s, &f);
    t_allocs = 0;
    t_fail_at = 1;
    CHECK_INT(llmi_trust_load(&s, &e), LLM_ERR_MEMORY);
    CHECK_INT(s.index_count, 0);
    t_fail_at = 0;
    CHECK_INT(llmi_trust_load(&s, &e), LLM_OK);            /* it can be tried again */
    CHECK_INT(s.index_count, n);
    llmi_tls_shared_free(&s);
    f = llm_config_init();
    tr_env = "/nowhere/roots.pem";
    start(&s, &f);
    t_allocs = 0;
    t_fail_at = 1;
    CHECK_INT(llmi_trust_load(&s, &e), LLM_ERR_MEMORY);
    t_fail_at = 0;
    CHECK_INT(llmi_trust_load(&s, &e), LLM_ERR_TLS);
    CHECK(strstr(e.message, "SSL_CERT_FILE") != NULL);
    tr_env = NULL;
    llmi_tls_shared_free(&s);
    CHECK_INT(t_live, 0);
}

/* ---- keys: the content of a BIT STRING ------------------------------------------------------------------------------ */

static size_t rsa_key(unsigned char *out, size_t modulus, int zeros) {
    size_t n = modulus + (size_t)zeros, k = 0, len = 4 + n + 3;
    memset(out, 0, 700);
    out[k++] = 0;                                           /* unused bits */
    out[k++] = 0x30;
    out[k++] = 0x82;
    out[k++] = (unsigned char)(len >> 8);
    out[k++] = (unsigned char)len;
    out[k++] = 0x02;
    out[k++] = 0x82;
    out[k++] = (unsigned char)(n >> 8);
    out[k++] = (unsigned char)n;
    k += (size_t)zeros;
    memset(out + k, 0xC5, modulus);
    k += modulus;
    out[k++] = 0x02;
    out[k++] = 0x01;
    out[k++] = 0x03;
    return k;
}

static int key_of(unsigned char *bits, size_t n, int kind, br_x509_pkey *k) {
    llmi_cert c;
    unsigned char *g = (unsigned char *)t_guarded((char *)bits, n), *copy;
    int ok;
    llmi_cert_init(&c);
    c.key_kind = (unsigned char)kind;
    c.curve = BR_EC_secp256r1;
    memset(k, 0, sizeof *k);
    ok = llmi_trust_key(k, &c, g, n);
    copy = ok && kind == LLMI_KEY_RSA ? k->key.rsa.n : NULL;
    CHECK(copy == NULL || (copy >= g && copy + k->key.rsa.nlen <= g + n));
    t_unguard((char *)g, n);
    return ok;
}

static void test_keys(void) {
    static const struct { const char *what; size_t at; int to; } damage[] = {
        {"unused bits", 0, 1}, {"no SEQUENCE", 1, 0x31}, {"length of no bytes", 2, 0x80}, {"length of four bytes", 2, 0x84},
        {"longer than it is", 3, 0x7F}, {"shorter: something follows", 4, 1}, {"the modulus is no INTEGER", 5, 0x03},
        {"the modulus ends behind the key", 7, 0x7F}, {"the exponent is no INTEGER", 9 + 257, 0x04}, {"the exponent is too long", 10 + 257, 0x7F},
        {"something behind the exponent", 10 + 257, 0}};
    static unsigned char bits[700];
    br_x509_pkey a, b;
    size_t i, n = rsa_key(bits, 256, 1);
    CHECK(key_of(bits, n, LLMI_KEY_RSA, &a));
    CHECK_INT(a.key.rsa.nlen, 256);                         /* without the zero in front */
    for (i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        t_case = damage[i].what;
        n = rsa_key(bits, 256, 1);
        bits[damage[i].at] = (unsigned char)damage[i].to;
        CHECK(!key_of(bits, n, LLMI_KEY_RSA, &a));
    }
    t_case = "";
    for (i = 0; i < 11; i++) CHECK(!key_of(bits, i, LLMI_KEY_RSA, &a));
    n = rsa_key(bits, 255, 1);
    CHECK(!key_of(bits, n, LLMI_KEY_RSA, &a));              /* 2040 bits */
    n = rsa_key(bits, 255, 40);
    CHECK(!key_of(bits, n, LLMI_KEY_RSA, &a));              /* zeros are no bits */
    /* the same key: kind, curve, and every byte */
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    a.key_type = BR_KEYTYPE_RSA;
    b.key_type = BR_KEYTYPE_EC;
    CHECK(!llmi_trust_same_key(&a, &b));
    b.key_type = BR_KEYTYPE_RSA;
    a.key.rsa.n = b.key.rsa.n = bits;
    a.key.rsa.e = b.key.rsa.e = bits + 400;
    a.key.rsa.nlen = b.key.rsa.nlen = 256;
    a.key.rsa.elen = b.key.rsa.elen = 1;
    CHECK(llmi_trust_same_key(&a, &b));
    b.key.rsa.n = bits + 300;
    CHECK(!llmi_trust_same_key(&a, &b));
    b.key.rsa.n = bits;
    b.key.rsa.elen = 3;
    CHECK(!llmi_trust_same_key(&a, &b));
    b.key.rsa.elen = 1;
    bits[401] = 9;
    b.key.rsa.e = bits + 401;
    CHECK(!llmi_trust_same_key(&a, &b));
}

/* A certificate whose key can verify nothing here is not kept. */
static void test_unusable(void) {
    static llmi_tls_x509 x;
    llm_config f = llm_config_init();
    llmi_tls_shared s;
    llmi_cert c;
    start(&s, &f);
    llmi_cert_init(&c);
    CHECK(llmi_trust_put(&s, &c, 0));
    c.key_kind = LLMI_KEY_EC;                               /* of an unknown curve */
    CHECK(llmi_trust_put(&s, &c, 0));
    CHECK_INT(s.index_count, 0);
    /* nor one whose name and key did not fit into the store */
    memset(&x, 0, sizeof x);
    x.shared = &s;
    c.store_size = 0;
    llmi_trust_add(&x, &c, BR_X509_TA_CA);
    CHECK(x.anchor_count == 0 && x.store_used == 0);
    llmi_tls_shared_free(&s);
    CHECK_INT(t_live, 0);
}

/* An alert means another thing at another time. */
static void test_alerts(void) {
    static const struct { int alert, proven, opened; const char *word; } list[] = {
        {40, 1, 1, "renegotiation"}, {100, 1, 1, "renegotiation"}, {40, 1, 0, "client certificate"}, {42, 0, 0, "client certificate"},
        {41, 1, 1, "client certificate"}, {48, 0, 0, "client certificate"}, {49, 0, 0, "client certificate"}, {111, 0, 0, "client certificate"},
        {113, 0, 0, "client certificate"}, {114, 0, 0, "client certificate"}, {47, 0, 0, "its log says why"}, {80, 1, 1, "its log says why"}};
    size_t i;
    for (i = 0; i < sizeof list / sizeof list[0]; i++) {
        CHECK(strstr(llmi_tls_alert_advice(list[i].alert, list[i].proven, list[i].opened), list[i].word) != NULL);
    }
    {
        static llmi_tls tls;
        char b[512];
        llm_text t;
        memset(&tls, 0, sizeof tls);
        tls.opened = 1;
        llmi_text_fixed(&t, b, sizeof b);
        llmi_tls_say(&t, &tls, BR_ERR_RECV_FATAL_ALERT + 40, "h");
        CHECK(strstr(llmi_text_cstr(&t), "alert 40, handshake_failure: it may have asked for a new handshake") != NULL);
    }
}

/* ---- what the configuration says of TLS ---------------------------------------------------------------------------- */

static void test_config(void) {
    static const char good[] = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const char *pins[2];
    llm_config f = llm_config_init();
    llm_client *c = NULL;
    llm_error e;
    size_t plain, full, small, given;
    f.api_key = "k";
    f.model = "m";
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_OK);          /* https://api.openai.com is what there is without base_url */
    CHECK(c != NULL && strcmp(c->url.host, "api.openai.com") == 0 && c->url.secure);
    llm_client_free(c);
    pins[0] = good;
    pins[1] = good;
    f.pins = pins;
    f.pin_count = 2;
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_OK);
    llm_client_free(c);
    pins[1] = "sha256/short=";
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_ERR_USAGE);
    CHECK(strstr(e.message, "config.pins[1]") != NULL);
    pins[1] = NULL;
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_ERR_USAGE);
    f.pins = NULL;
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_ERR_USAGE);
    CHECK(c == NULL && strstr(e.message, "config.pins[0]") != NULL);
    f.pin_count = 0;
    /* less for the records, less memory; none at all without TLS */
    full = llm_memory_needed(&f);
    f.tls_in_size = LLMI_TLS_IN_MIN;
    small = llm_memory_needed(&f);
    f.tls_out_size = 4181;
    given = llm_memory_needed(&f);
    f.base_url = "http://127.0.0.1/v1";
    plain = llm_memory_needed(&f);
    CHECK(full > given && given > small && small > plain && plain > 0);
    CHECK_INT(t_live, 0);
}

int main(void) {
    test_nothing();
    test_no_memory();
    test_keys();
    test_unusable();
    test_alerts();
    test_config();
    return t_done();
}
