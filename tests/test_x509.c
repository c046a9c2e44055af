/* test_x509.c - the certificate walker and the PEM reader on what no CA would sign. */
/* needs: bearssl */
#include "t.h"

static llmi_mem mem;

/* ---- certificates built by hand ------------------------------------------------------------------------------- */

typedef struct der { unsigned char p[2000]; size_t n; } der;

static void put(der *d, const void *p, size_t n) {
    if (d->n + n > sizeof d->p) exit(1);
    memcpy(d->p + d->n, p, n);
    d->n += n;
}

/* tag, length in its shortest form, content */
static void put_tlv(der *d, int tag, const void *p, size_t n) {
    unsigned char h[4];
    size_t k = 0;
    h[k++] = (unsigned char)tag;
    if (n >= 256) {
        h[k++] = 0x82;
        h[k++] = (unsigned char)(n >> 8);
    } else if (n >= 128) {
        h[k++] = 0x81;
    }
    h[k++] = (unsigned char)n;
    put(d, h, k);
    put(d, p, n);
}

/* One extension: its OID's content, -1 no BOOLEAN, else its byte, value. */
static void put_ext(der *d, const char *oid, size_t oid_len, int critical, const void *value, size_t n) {
    static der e;
    unsigned char b = (unsigned char)critical;
    e.n = 0;
    put_tlv(&e, 0x06, oid, oid_len);
    if (critical >= 0) put_tlv(&e, 0x01, &b, 1);
    put_tlv(&e, 0x04, value, n);
    put_tlv(d, 0x30, e.p, e.n);
}

/* A certificate with this list of extensions (and no meaningful signature). */
static void build(der *out, const der *exts, const char *not_before, int before_tag) {
    static const unsigned char v3[] = {0xA0, 3, 2, 1, 2}, serial[] = {2, 1, 1};
    static const unsigned char alg[] = {0x30, 0x0A, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2};
    static const unsigned char ec[] = {0x30, 0x13, 6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1,
                                       6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7};
    static der tbs, t, u;
    unsigned char key[66];
    memset(key, 4, sizeof key);
    key[0] = 0;
    tbs.n = t.n = u.n = out->n = 0;
    put(&tbs, v3, sizeof v3);
    put(&tbs, serial, sizeof serial);
    put(&tbs, alg, sizeof alg);
    put_tlv(&tbs, 0x30, "issuer", 6);
    put_tlv(&t, before_tag, not_before, strlen(not_before));
    put_tlv(&t, 0x17, "300101000000Z", 13);
    put_tlv(&tbs, 0x30, t.p, t.n);
    put_tlv(&tbs, 0x30, "subject", 7);
    t.n = 0;
    put(&t, ec, sizeof ec);
    put_tlv(&t, 0x03, key, sizeof key);
    put_tlv(&tbs, 0x30, t.p, t.n);
    if (exts) {
        put_tlv(&u, 0x30, exts->p, exts->n);
        put_tlv(&tbs, 0xA3, u.p, u.n);
    }
    t.n = 0;
    put_tlv(&t, 0x30, tbs.p, tbs.n);
    put(&t, alg, sizeof alg);
    put_tlv(&t, 0x03, "\0signature", 10);
    put_tlv(out, 0x30, t.p, t.n);
}

static const unsigned char wanted_ip[4] = {192, 0, 2, 1};

/* Walks in one piece, byte by byte, and cut in two everywhere: the same result each time, which is *c. */
static int walk(llmi_cert *c, const unsigned char *p, size_t n) {
    size_t cut;
    int event, first = 0, events = 0;
    char *g = t_guarded((const char *)p, n);
    for (cut = 0; cut <= n; cut++) {
        llmi_cert d;
        size_t i = 0;
        int seen = 0;
        llmi_cert_init(&d);
        d.ip = wanted_ip;
        d.ip_len = 4;
        while (i < n) {
            size_t room = cut == n ? 1 : i < cut ? cut - i : n - i;   /* cut == n: byte by byte */
            i += llmi_cert_feed(&d, (unsigned char *)g + i, room, &event);
            if (event != LLMI_CERT_NONE) seen = seen * 32 + event;
        }
        if (cut == 0) {
            *c = d;
            first = d.at;
            events = seen;
            continue;
        }
        if (d.at != first || seen != events) CHECK_INT(cut, 0);
        if (d.at == LLMI_CERT_DONE && memcmp(&d.issuer, &c->issuer, 96) != 0) CHECK_INT(cut, 0);
        if (d.is_ca != c->is_ca || d.eku_ok != c->eku_ok || d.ip_match != c->ip_match) CHECK_INT(cut, 0);
    }
    t_unguard(g, n);
    return c->at == LLMI_CERT_DONE && c->has_key;
}

#define EKU "\x55\x1D\x25"
#define SAN "\x55\x1D\x11"
#define BC "\x55\x1D\x13"
#define NC "\x55\x1D\x1E"
#define KU "\x55\x1D\x0F"
#define SERVER_AUTH "\x30\x0A\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x01"
#define CLIENT_AUTH "\x30\x0A\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x02"

/* pathLenConstraint: what path is one more than, or more than any chain has where the number is no small one. */
static void test_path(void) {
    static const struct { const char *value; size_t n; int path; } cases[] = {
        {"\x30\x06\x01\x01\xFF\x02\x01\x00", 8, 1}, {"\x30\x06\x01\x01\xFF\x02\x01\x03", 8, 4}, {"\x30\x03\x01\x01\xFF", 5, 0},
        {"\x30\x06\x01\x01\xFF\x02\x01\x7E", 8, 0x7F}, {"\x30\x06\x01\x01\xFF\x02\x01\x7F", 8, 0x80},
        {"\x30\x07\x01\x01\xFF\x02\x02\x01\x00", 9, 0x80}};
    static der e, cert;
    llmi_cert c;
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        e.n = 0;
        put_ext(&e, BC, 3, 0xFF, cases[i].value, cases[i].n);
        build(&cert, &e, "200101000000Z", 0x17);
        CHECK(walk(&c, cert.p, cert.n) && c.is_ca);
        CHECK_INT(c.path, cases[i].path);
    }
}

/* keyUsage (RFC 5280 4.2.1.3): keyCertSign is bit 5. */
static void test_key_usage(void) {
    static const struct { const char *value; size_t n; int no_sign; } cases[] = {
        {"\x03\x02\x01\x06", 4, 0}, {"\x03\x02\x02\x04", 4, 0}, {"\x03\x03\x07\x04\x80", 5, 0}, {"\x03\x02\x07\x80", 4, 1},
        {"\x03\x02\x01\x02", 4, 1}, {"\x03\x01\x00", 3, 1}, {"\x03\x00", 2, 1}};
    static der e, cert;
    llmi_cert c;
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        e.n = 0;
        put_ext(&e, KU, 3, 0xFF, cases[i].value, cases[i].n);
        build(&cert, &e, "200101000000Z", 0x17);
        CHECK(walk(&c, cert.p, cert.n));
        CHECK_INT(c.no_sign, cases[i].no_sign);
    }
}

static void test_extensions(void) {
    static der e, cert;
    llmi_cert c;
    build(&cert, NULL, "200101000000Z", 0x17);
    CHECK(walk(&c, cert.p, cert.n));
    CHECK(c.v3 && c.exts == 0 && c.key_kind == LLMI_KEY_EC && c.curve == BR_EC_secp256r1);
    e.n = 0;
    put_ext(&e, EKU, 3, -1, CLIENT_AUTH, 12);
    build(&cert, &e, "200101000000Z", 0x17);
    CHECK(walk(&c, cert.p, cert.n));
    CHECK((c.exts & LLMI_EXT_EKU) != 0 && !c.eku_ok);
    put_ext(&e, EKU, 3, -1, SERVER_AUTH, 12);   /* a second one of the same kind */
    build(&cert, &e, "200101000000Z", 0x17);
    CHECK(!walk(&c, cert.p, cert.n));
    e.n = 0;
    put_ext(&e, EKU, 3, 0xFF, SERVER_AUTH, 12);
    put_ext(&e, SAN, 3, 0, "\x30\x0F\x82\x07" "a.test!" "\x87\x04\xC0\x00\x02\x01", 17);
    put_ext(&e, BC, 3, 1, "\x30\x06\x01\x01\xFF\x02\x01\x00", 8);
    put_ext(&e, "\x2A\x03\x04", 3, -1, "anything", 8);
    build(&cert, &e, "200101000000Z", 0x17);
    CHECK(walk(&c, cert.p, cert.n));
    CHECK(c.eku_ok && c.ip_match && c.is_ca && c.dns_names);
    CHECK_STR(c.dns_name, "a.test?");   /* only what a host name may hold is shown */
    e.n = 0;
    put_ext(&e, SAN, 3, -1, "\x30\x07\x87\x05\xC0\x00\x02\x01\x00", 9);   /* five bytes are no address */
    put_ext(&e, NC, 3, 0xFF, "\x30\x06\xA0\x04\x30\x02\x82\x00", 8);   /* says nothing of addresses */
    put_ext(&e, BC, 3, -1, "\x30\x00", 2);
    build(&cert, &e, "200101000000Z", 0x17);
    CHECK(walk(&c, cert.p, cert.n));
    CHECK(!c.ip_match && (c.exts & LLMI_EXT_NC) != 0 && c.nc == 0 && !c.is_ca && !c.dns_names);
    build(&cert, NULL, "20500101000000Z", 0x18);
    CHECK(walk(&c, cert.p, cert.n));
    build(&cert, NULL, "2001010000Z", 0x17);   /* no seconds */
    CHECK(!walk(&c, cert.p, cert.n));
}

/* Values of known extensions that are no DER, or too long or short for it. */
static void test_malformed(void) {
    static const struct { const char *oid; const char *value; size_t n; } bad[] = {
        {NC, "\x30\x00", 2}, {NC, "\x30\x02\xA1\x00", 4}, {NC, "\x30\x04\xA1\x02\x30\x00", 6}, {KU, "\x04\x00", 2},
        {EKU, "\x30\x0B\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x01", 12},      /* longer than its enclosing element */
        {EKU, "\x30\x0A\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x01\x00", 13},  /* a byte behind it                  */
        {EKU, "\x30\x0A\x04\x08\x2B\x06\x01\x05\x05\x07\x03\x01", 12},      /* no OID                            */
        {EKU, "\x30\x81\x0A\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x01", 13},  /* a length longer than need be      */
        {EKU, "\x30\x80\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x01\x00\x00", 14},   /* indefinite                   */
        {EKU, "\x30\x82\x00\x0A\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x01", 14},   /* leading zero                 */
        {EKU, "\x30\x84\x00\x00\x00\x0A\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x01", 16},
        {EKU, "\x3F\x0A\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x01", 12},      /* a tag of two bytes                */
        {EKU, "\x30", 1}, {EKU, "\x30\x01\x06", 3}, {SAN, "\x30\x02\x82\x01", 4}, {SAN, "", 1}, {SAN, "\x31\x00", 2},
        {BC, "\x30\x03\x01\x01\xFF\x00", 6}, {BC, "\x30\x04\x01\x01\xFF\x05\x00", 7}
    };
    static der e, cert;
    llmi_cert c;
    size_t i;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        e.n = 0;
        put_ext(&e, bad[i].oid, 3, -1, bad[i].value, bad[i].n);
        build(&cert, &e, "200101000000Z", 0x17);
        if (!CHECK(!walk(&c, cert.p, cert.n))) fprintf(stderr, "    row %zu\n", i);
    }
}

/* Cut at every byte, with bytes behind it, with any byte changed: no crash, and cut is never whole. */
static void test_damage(void) {
    static der e, cert;
    llmi_cert c;
    unsigned seed = 1;
    size_t i, k, whole = 0;
    e.n = 0;
    put_ext(&e, EKU, 3, 0xFF, SERVER_AUTH, 12);
    put_ext(&e, SAN, 3, -1, "\x30\x0F\x82\x07" "a.test!" "\x87\x04\xC0\x00\x02\x01", 17);
    build(&cert, &e, "200101000000Z", 0x17);
    for (i = 0; i < cert.n; i++) {
        char *p = t_guarded((const char *)cert.p, i);
        llmi_cert_init(&c);
        whole += (size_t)llmi_cert_walk(&c, (unsigned char *)p, i);
        t_unguard(p, i);
    }
    CHECK_INT(whole, 0);
    put(&cert, "", 1);
    CHECK(!walk(&c, cert.p, cert.n));
    cert.n--;
    for (k = 0; k < 200000; k++) {
        unsigned char old[3];
        size_t at[3];
        for (i = 0; i < 3; i++) {
            seed = seed * 1664525u + 1013904223u;
            at[i] = (seed >> 8) % cert.n;
            old[i] = cert.p[at[i]];
            cert.p[at[i]] = (unsigned char)(seed >> 24);
        }
        llmi_cert_init(&c);
        c.ip = wanted_ip;
        c.ip_len = 4;
        (void)llmi_cert_walk(&c, cert.p, cert.n);
        for (i = 3; i-- > 0;) cert.p[at[i]] = old[i];
    }
    CHECK(walk(&c, cert.p, cert.n));
}

/* A name or key too large for the store is no anchor, and writes nothing behind it. */
static void test_store_full(void) {
    static der cert;
    size_t size;
    build(&cert, NULL, "200101000000Z", 0x17);
    for (size = 0; size < 90; size++) {
        llmi_cert c;
        char *room = t_guarded("                                                                                    "
                               "          ", size);
        llmi_cert_init(&c);
        c.store = (unsigned char *)room;
        c.store_size = size;
        CHECK(llmi_cert_walk(&c, cert.p, cert.n));
        CHECK_INT(c.store_size, size >= 9 + 66 ? size : 0);
        if (c.store_size) CHECK(c.stored == 75 && c.dn_len == 9 && memcmp(room, "\x30\x07subject", 9) == 0);
        t_unguard(room, size);
    }
}

/* Random text built of the words that matter: no crash, and what is found leads back to itself. */
static void test_pem_noise(void) {
    static const char *const words[] = {
        "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "-----BEGIN X509 CERTIFICATE-----", "\n",
                "\r\n", "-",
        "MIIB", "=", " ", "AAAA", "\xEF\xBB\xBF", "-----BEGIN TRUSTED CERTIFICATE-----", "x", "\t", "-----", ""
    };
    unsigned seed = 5;
    int round, i;
    llm_config config;
    memset(&config, 0, sizeof config);
    for (round = 0; round < 20000; round++) {
        char text[600];
        size_t n = 0;
        llmi_tls_shared s;
        char *p;
        for (i = 0; i < 20; i++) {
            const char *w;
            seed = seed * 1664525u + 1013904223u;
            w = words[(seed >> 20) % 16];
            memcpy(text + n, w, strlen(w));
            n += strlen(w);
        }
        p = t_guarded(text, n);
        llmi_mem_init(&mem, NULL, NULL, 0);
        llmi_tls_shared_init(&s, &mem, &config);
        s.ca_pem = p;
        s.ca_pem_len = n;
        if (n > 0 && llmi_trust_load(&s, NULL) == LLM_OK) CHECK_INT(s.index_count, 0);
        llmi_tls_shared_free(&s);
        t_unguard(p, n);
    }
    CHECK_INT(t_live, 0);
}

int main(void) {
    test_path();
    test_key_usage();
    test_extensions();
    test_malformed();
    test_damage();
    test_store_full();
    test_pem_noise();
    return t_done();
}
