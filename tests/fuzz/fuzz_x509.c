/* fuzz_x509.c - chains of any bytes through the filter before BearSSL's engine. Three bytes of options, then the
   certificates one behind the other, each as long as its outer header says.

   Signatures can be made to be always right (the engine's two functions are replaced), so that what is behind them is
   reached; the replacement checks that what was hashed is every byte of the certificate that came. What is accepted is
   judged by a small DER reader of this file. */
#define FUZZ_TLS
#include "fuzz.h"
#include <ctype.h>
#include "fuzz_roots.h"      /* made by make_seeds: fuzz_roots[], fuzz_pin */

enum { CERTS = 12 };
typedef struct el { int tag; const uint8_t *p; size_t n; const uint8_t *start; size_t all; } el;   /* p, n: content */

/* The next element of [*p, end); 0 at the end or if it is broken. */
static int el_next(const uint8_t **p, const uint8_t *end, el *e) {
    const uint8_t *q = *p;
    size_t n, k;
    if (end - q < 2) return 0;
    e->start = q;
    e->tag = *q++;
    n = *q++;
    if (n >= 0x80) {
        k = n & 0x7F;
        if (k == 0 || k > 4 || (size_t)(end - q) < k) return 0;
        for (n = 0; k > 0; k--) n = n << 8 | *q++;
    }
    if ((size_t)(end - q) < n) return 0;
    e->p = q;
    e->n = n;
    e->all = (size_t)(q + n - e->start);
    *p = q + n;
    return 1;
}

typedef struct ref {
    el tbs, issuer, subject, spki, key, before, after;
    int eku, eku_ok, nc, nc_refused, san, is_ca, no_sign, v1, name_ok, ip_ok;
    long path;                   /* pathLenConstraint, -1 = none */
} ref;

static int is(const el *e, const char *bytes, size_t n) { return e->n == n && memcmp(e->p, bytes, n) == 0; }

static int dns_match(const uint8_t *p, size_t n, const char *name) {
    if (n == strlen(name) && strncasecmp((const char *)p, name, n) == 0) return 1;
    if (n < 3 || p[0] != '*' || p[1] != '.' || memchr(p + 2, '.', n - 2) == NULL) return 0;
    name = strchr(name, '.');
    return name != NULL && n - 1 == strlen(name) && strncasecmp((const char *)p + 1, name, n - 1) == 0;
}

/* nameConstraints (RFC 5280 4.2.1.10): 1 if they do not allow the host, speak of more than names and addresses,
   or have a base that no name can be in. */
static int ref_constraints(const uint8_t *p, const uint8_t *end, const char *name, const unsigned char *ip, size_t ip_len) {
    el list, tree, base;
    int listed = 0, found = 0;
    size_t i, len = strlen(name);
    if (p == end) return 1;
    while (el_next(&p, end, &list)) {
        const uint8_t *q = list.p;
        if (list.n == 0) return 1;
        while (el_next(&q, list.p + list.n, &tree)) {
            const uint8_t *t = tree.p;
            int match = 1, own = 0;
            if (!el_next(&t, tree.p + tree.n, &base)) return 1;
            if (base.tag != 0x82 && base.tag != 0x87) return 1;
            for (i = 0; base.tag == 0x82 && i < base.n; i++) {
                if (!isalnum(base.p[i]) && strchr("-_.", base.p[i]) == NULL) return 1;
                if (base.p[i] == '.' && i + 1 < base.n && base.p[i + 1] == '.') return 1;
            }
            if (base.tag == 0x82 && base.n > 0 && (base.p[base.n - 1] == '.' || memchr(base.p, 0, base.n) != NULL)) return 1;
            if (base.tag == 0x82 && ip_len == 0) {
                own = 1;
                match = base.n <= len && strncasecmp(name + len - base.n, (const char *)base.p, base.n) == 0;
                if (match && base.n > 0 && base.n < len) match = base.p[0] == '.' || name[len - base.n - 1] == '.';
            } else if (base.tag == 0x87 && ip_len > 0) {
                own = 1;
                match = base.n == 2 * ip_len;
                for (i = 0; match && i < ip_len; i++) match = (ip[i] & base.p[ip_len + i]) == (base.p[i] & base.p[ip_len + i]);
            }
            if (!own) continue;
            if (list.tag == 0xA1 && match) return 1;
            if (list.tag == 0xA0) listed = 1, found |= match;
        }
    }
    return listed && !found;
}

static void ref_ext(ref *r, const el *oid, const el *value, const char *name, const unsigned char *ip, size_t ip_len) {
    const uint8_t *p = value->p, *end = p + value->n;
    el seq, e;
    if (is(oid, "\x55\x1D\x1E", 3)) r->nc = 1;
    if (!el_next(&p, end, &seq)) return;
    p = seq.p;
    end = p + seq.n;
    if (is(oid, "\x55\x1D\x25", 3)) {
        r->eku = 1;
        while (el_next(&p, end, &e)) r->eku_ok |= e.tag == 6 && (is(&e, "\x2B\x06\x01\x05\x05\x07\x03\x01", 8) || is(&e, "\x55\x1D\x25\x00", 4));
    } else if (is(oid, "\x55\x1D\x1E", 3)) {
        r->nc_refused = ref_constraints(p, end, name, ip, ip_len);
    } else if (is(oid, "\x55\x1D\x11", 3)) {
        r->san = 1;
        while (el_next(&p, end, &e)) {
            if (e.tag == 0x82) r->name_ok |= dns_match(e.p, e.n, name);
            if (e.tag == 0x87) r->ip_ok |= ip_len > 0 && e.n == ip_len && memcmp(e.p, ip, ip_len) == 0;
        }
    } else if (is(oid, "\x55\x1D\x13", 3)) {
        r->path = -1;
        while (el_next(&p, end, &e)) {
            if (e.tag == 1) r->is_ca = e.n == 1 && e.p[0] != 0;
            if (e.tag != 2) continue;
            for (r->path = 0; e.n > 0; e.n--) r->path = r->path > 1000 ? 1000 : r->path << 8 | *e.p++;
        }
    } else if (is(oid, "\x55\x1D\x0F", 3)) {
        r->no_sign = seq.n < 2 || (seq.p[1] & 4) == 0;                       /* keyCertSign */
    }
}

/* Every part of a certificate that is one. 0: it is none. */
static int ref_read(ref *r, const uint8_t *p, size_t n, const char *name, const unsigned char *ip, size_t ip_len) {
    const uint8_t *end = p + n, *q, *stop;
    el cert, e, valid, exts, ext, oid, value;
    memset(r, 0, sizeof *r);
    r->path = -1;
    if (!el_next(&p, end, &cert) || cert.tag != 0x30 || p != end) return 0;
    p = cert.p;
    end = p + cert.n;
    if (!el_next(&p, end, &r->tbs) || r->tbs.tag != 0x30) return 0;
    p = r->tbs.p;
    end = p + r->tbs.n;
    if (!el_next(&p, end, &e)) return 0;
    r->v1 = e.tag != 0xA0;
    if (e.tag == 0xA0 && !el_next(&p, end, &e)) return 0;          /* version, then serial number */
    if (!el_next(&p, end, &e) || !el_next(&p, end, &r->issuer) || !el_next(&p, end, &valid)) return 0;
    if (!el_next(&p, end, &r->subject) || !el_next(&p, end, &r->spki)) return 0;
    q = valid.p;
    if (!el_next(&q, valid.p + valid.n, &r->before) || !el_next(&q, valid.p + valid.n, &r->after)) return 0;
    q = r->spki.p;
    if (!el_next(&q, r->spki.p + r->spki.n, &e) || !el_next(&q, r->spki.p + r->spki.n, &r->key)) return 0;
    while (el_next(&p, end, &e)) {
        if (e.tag != 0xA3) continue;
        q = e.p;
        if (!el_next(&q, e.p + e.n, &exts)) return 0;
        p = exts.p;
        end = p + exts.n;
        while (el_next(&p, end, &ext)) {
            q = ext.p;
            stop = q + ext.n;
            if (!el_next(&q, stop, &oid) || !el_next(&q, stop, &value)) return 0;
            if (value.tag == 1 && !el_next(&q, stop, &value)) return 0;
            ref_ext(r, &oid, &value, name, ip, ip_len);
        }
        break;
    }
    return 1;
}

/* ---- signatures that are always right ----------------------------------------------------------------------------- */

static struct { const uint8_t *p; size_t n; } certs[CERTS];
static int cert_count, cert_now;
static llmi_tls_x509 *chain;

static int hash_is(const uint8_t *p, size_t n, const unsigned char *hash, size_t hash_len) {
    unsigned char out[64];
    br_sha256_context a;
    br_sha384_context b;
    br_sha512_context c;
    el cert, tbs;
    const uint8_t *q = p;
    if (!el_next(&q, p + n, &cert)) return 0;
    q = cert.p;
    if (!el_next(&q, cert.p + cert.n, &tbs)) return 0;
    switch (hash_len) {
    case 32: br_sha256_init(&a); br_sha256_update(&a, tbs.start, tbs.all); br_sha256_out(&a, out); break;
    case 48: br_sha384_init(&b); br_sha384_update(&b, tbs.start, tbs.all); br_sha384_out(&b, out); break;
    case 64: br_sha512_init(&c); br_sha512_update(&c, tbs.start, tbs.all); br_sha512_out(&c, out); break;
    default: return 0;        /* SHA-1 and SHA-224 are not enabled */
    }
    return memcmp(out, hash, hash_len) == 0;
}

/* What is verified is the whole of this certificate or of the one before it. */
static void check_hash(const unsigned char *hash, size_t hash_len) {
    FUZZ_CHECK(hash_is(certs[cert_now].p, certs[cert_now].n, hash, hash_len) ||
               (cert_now > 0 && hash_is(certs[cert_now - 1].p, certs[cert_now - 1].n, hash, hash_len)));
}

static uint32_t good_rsa(const unsigned char *x, size_t xlen, const unsigned char *oid, size_t hash_len,
                         const br_rsa_public_key *pk, unsigned char *out) {
    (void)x;
    (void)xlen;
    (void)oid;
    FUZZ_CHECK(pk->nlen > 0);
    check_hash(chain->engine.tbs_hash, hash_len);
    memcpy(out, chain->engine.tbs_hash, hash_len);
    return 1;
}

static uint32_t good_ecdsa(const br_ec_impl *impl, const void *hash, size_t hash_len, const br_ec_public_key *pk, const void *sig,
                           size_t sig_len) {
    (void)impl;
    (void)sig;
    (void)sig_len;
    FUZZ_CHECK(pk->qlen > 0);
    check_hash((const unsigned char *)hash, hash_len);
    return 1;
}

/* ---- one certificate by itself: the walker, this file's reader and BearSSL's decoder ------------------------------- */

static void sha(const el *e, unsigned char out[32]) {
    br_sha256_context c;
    br_sha256_init(&c);
    br_sha256_update(&c, e->start, e->all);
    br_sha256_out(&c, out);
}

static void one_cert(const uint8_t *p, size_t n) {
    static const unsigned char ip[4] = {127, 0, 0, 1};
    unsigned char h[32];
    br_x509_decoder_context d;
    br_x509_pkey *k;
    llmi_cert c;
    ref r;
    llmi_cert_init(&c);
    c.ip = ip;
    c.ip_len = 4;
    if (!llmi_cert_walk(&c, p, n)) return;
    FUZZ_CHECK(ref_read(&r, p, n, "localhost", ip, 4));
    sha(&r.subject, h);
    FUZZ_CHECK(memcmp(h, c.subject, 32) == 0);
    sha(&r.issuer, h);
    FUZZ_CHECK(memcmp(h, c.issuer, 32) == 0);
    sha(&r.spki, h);
    FUZZ_CHECK(memcmp(h, c.spki, 32) == 0);
    FUZZ_CHECK(r.eku == ((c.exts & LLMI_EXT_EKU) != 0) && r.eku_ok == c.eku_ok && r.nc == ((c.exts & LLMI_EXT_NC) != 0));
    FUZZ_CHECK(r.ip_ok == c.ip_match && r.is_ca == c.is_ca);
    br_x509_decoder_init(&d, NULL, NULL);
    br_x509_decoder_push(&d, p, n);
    k = br_x509_decoder_get_pkey(&d);
    if (k == NULL) return;
    FUZZ_CHECK(c.key_kind == LLMI_KEY_NONE || (k->key_type == BR_KEYTYPE_RSA) == (c.key_kind == LLMI_KEY_RSA));
    FUZZ_CHECK(k->key_type != BR_KEYTYPE_EC || c.curve == 0 || k->key.ec.curve == c.curve);
    FUZZ_CHECK(d.notbefore_days == c.not_before.days && d.notbefore_seconds == c.not_before.seconds);
    FUZZ_CHECK(d.notafter_days == c.not_after.days && d.notafter_seconds == c.not_after.seconds);
    FUZZ_CHECK(br_x509_decoder_isCA(&d) == c.is_ca);
}

/* ---- the chain ------------------------------------------------------------------------------------------------------- */

static void split(const uint8_t *p, size_t n) {
    cert_count = 0;
    while (n > 0 && cert_count < CERTS) {
        size_t k = n;
        if (n >= 4 && p[0] == 0x30 && p[1] == 0x82) k = 4 + ((size_t)p[2] << 8 | p[3]);
        if (k > n) k = n;
        certs[cert_count].p = p;
        certs[cert_count++].n = k;
        p += k;
        n -= k;
    }
}

static unsigned present(llmi_tls_x509 *x, unsigned how) {
    const br_x509_class **v = &x->vtable;
    (*v)->start_chain(v, "localhost");
    for (cert_now = 0; cert_now < cert_count; cert_now++) {
        const uint8_t *p = certs[cert_now].p;
        size_t n = certs[cert_now].n, at = 0;
        fuzz_cut cut = fuzz_cut_of(how, n);
        (*v)->start_cert(v, (uint32_t)n);
        while (at < n) {
            size_t k = fuzz_cut_next(&cut, n - at);
            unsigned char *piece;
            if (k > 256) k = 256;      /* as the handshake gives them */
            piece = (unsigned char *)fuzz_piece(p + at, k);
            (*v)->append(v, piece, k);
            free(piece);
            at += k;
        }
        (*v)->end_cert(v);
    }
    cert_now = cert_count - 1;
    return (*v)->end_chain(v);
}

static int same(const el *a, const el *b) { return a->all == b->all && memcmp(a->start, b->start, a->all) == 0; }

/* The next certificate of a PEM text, decoded into out; its length, 0 = there is none. */
static size_t pem_cert(const char **text, uint8_t *out, size_t room) {
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = strstr(*text, "-----BEGIN CERTIFICATE-----"), *d;
    unsigned v = 0, bits = 0;
    size_t n = 0;
    if (p == NULL) return 0;
    for (p += 27; *p != '-' && *p != 0; p++) {
        if (*p == '=' || (d = strchr(set, *p)) == NULL) continue;
        v = v << 6 | (unsigned)(d - set);
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        FUZZ_CHECK(n < room);
        out[n++] = (uint8_t)(v >> bits);
    }
    *text = p;
    return n;
}

/* The last certificate of a chain of so many: one of the file's CAs has its issuer's name and may have issued it (RFC
   5280 6.1.1 d and RFC 5937 3.2), or it is the server's own and stands in the file itself. */
static int anchored(const ref *last, int depth, const char *name, const unsigned char *ip, size_t ip_len) {
    static uint8_t der[8192];
    const char *text = fuzz_roots;
    size_t n;
    while ((n = pem_cert(&text, der, sizeof der)) > 0) {
        ref a;
        FUZZ_CHECK(ref_read(&a, der, n, name, ip, ip_len));
        if (depth == 1 && same(&a.tbs, &last->tbs)) return 1;
        if (!same(&a.subject, &last->issuer) || a.no_sign || a.nc_refused || (a.eku && !a.eku_ok)) continue;
        if (!a.is_ca && !(a.v1 && same(&a.issuer, &a.subject))) continue;
        if (a.path < 0 || depth - 1 <= a.path) return 1;
    }
    return 0;
}

static void accepted(const llmi_tls_x509 *x, const char *name, const br_x509_pkey *key) {
    llmi_date now = llmi_date_of_unix(fuzz_sys.unix_time);
    ref below, r;
    int i, pinned = 0;
    unsigned char pin[32], h[32];
    FUZZ_CHECK(x->depth >= 1 && x->depth <= cert_count && x->depth <= LLMI_TLS_CHAIN && x->shared->index_count > 0);
    FUZZ_CHECK(llmi_tls_pin_read(fuzz_pin, pin));
    for (i = 0; i < x->depth; i++) {
        llmi_date from, to;
        FUZZ_CHECK(ref_read(&r, certs[i].p, certs[i].n, name, x->ip, x->ip_len));
        if (i == 0) {
            FUZZ_CHECK(x->ip_len > 0 ? r.ip_ok : r.name_ok);
            if (key->key_type == BR_KEYTYPE_EC) {
                FUZZ_CHECK(r.key.n == key->key.ec.qlen + 1 && memcmp(r.key.p + 1, key->key.ec.q, key->key.ec.qlen) == 0);
            } else {
                FUZZ_CHECK(key->key.rsa.nlen >= 256 && memmem(r.key.p, r.key.n, key->key.rsa.n, key->key.rsa.nlen) != NULL);
            }
        } else {
            FUZZ_CHECK(r.is_ca && !r.no_sign && same(&below.issuer, &r.subject));
            FUZZ_CHECK(r.path < 0 || i - 1 <= r.path);               /* CAs between it and the server's own */
        }
        below = r;
        FUZZ_CHECK(!r.nc_refused && (!r.eku || r.eku_ok));
        sha(&r.spki, h);
        pinned |= memcmp(h, pin, 32) == 0;
        if (x->shared->no_clock) continue;
        FUZZ_CHECK(llmi_date_read(&from, r.before.tag, r.before.p, r.before.n) && !llmi_date_less(&now, &from));
        FUZZ_CHECK(llmi_date_read(&to, r.after.tag, r.after.p, r.after.n) && !llmi_date_less(&to, &now));
    }
    FUZZ_CHECK(anchored(&below, x->depth, name, x->ip, x->ip_len));
    FUZZ_CHECK(x->shared->pin_count == 0 || pinned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const hosts[] = {"localhost", "127.0.0.1", "::1", "a.mock.test", "LOCALHOST.", "elsewhere.test", "host.case.test",
                                        "b.a.mock.test"};
    static const int64_t times[] = {1795305600, 1577000000, 4765000000, 1606000000};   /* 2026, 2019, 2121, 2020 */
    static const char *const pins[] = {fuzz_pin};
    fuzz_in in = {data, size};
    unsigned b = fuzz_byte(&in), how = fuzz_byte(&in), more = fuzz_byte(&in), err, usages = 0, again;
    const char *host = hosts[b >> 3 & 7];
    llm_config config = llm_config_init();
    llmi_tls_shared s;
    llmi_mem mem;
    llmi_tls *t;
    llm_error e;
    const br_x509_pkey *key;
    int i;
    split(in.p, in.n);
    for (i = 0; i < cert_count; i++) one_cert(certs[i].p, certs[i].n);
    if (cert_count == 0) return 0;
    fuzz_mem_start();
    memset(&fuzz_sys, 0, sizeof fuzz_sys);
    fuzz_sys.unix_time = times[more & 3];
    llmi_mem_init(&mem, NULL, NULL, 0);
    config.ca_pem = fuzz_roots;
    config.no_clock = (b & 2) != 0;
    config.tls_in_size = LLMI_TLS_IN_MIN;
    if ((b & 0xC0) == 0xC0) {
        config.pins = pins;
        config.pin_count = 1;
    }
    llmi_tls_shared_init(&s, &mem, &config);
    FUZZ_CHECK(llmi_tls_new(&t, &s, host, &e) == LLM_OK);
    chain = t->x509;
    if ((b & 5) != 5) {
        chain->engine.irsa = good_rsa;
        chain->engine.iecdsa = good_ecdsa;
    }
    if (more & 4) fuzz_mem.fail_at = fuzz_mem.calls + 1 + (more >> 3);
    err = present(chain, how);
    key = (*chain).vtable->get_pkey((const br_x509_class *const *)&chain->vtable, &usages);
    FUZZ_CHECK((err == 0) == (key != NULL));
    if (err == 0) {
        accepted(chain, chain->name, key);
    } else {
        FUZZ_CHECK(err < 256);
        t->client.eng.err = (int)err;
        FUZZ_CHECK(llmi_tls_fail(t, &e, host) == e.status && llm_is(e.status, LLM_ERR) && e.message[0] != 0);
        FUZZ_CHECK(memchr(e.message, 0, sizeof e.message) != NULL && e.status != LLM_ERR_INTERNAL);
    }
    fuzz_mem.fail_at = 0;
    again = present(chain, how == 1 ? 0 : 1);       /* a handshake may start anew on the same context: the same verdict */
    FUZZ_CHECK((more & 4) || again == err);
    llmi_tls_free(t);
    llmi_tls_shared_free(&s);
    fuzz_mem_end();
    return 0;
}
