/* test_tls.c - the TLS section against BearSSL's own server, all in memory. */
/* needs: bearssl */
#define _GNU_SOURCE 1
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifndef T_ONLY_EARLY          /* test_tls_small.c */
#define T_ONLY_EARLY 0
#endif
/* Hooks that a test sets: the date, files that change or vanish, the environment, randomness that fails, a network. */
static int64_t t_unix = 1800000000;          /* January 2027 */
static uint32_t t_seed = 1;
static int t_random_fails;
static long t_reads, t_read_fails_at;        /* the n-th file read and all after it fail */
static const char *t_swap_path;              /* reads of this path .. */
static const char *t_swap_to;                /* .. go to this one, NULL = fail */
static const char *t_env;
static uint64_t t_now(void) { return 0; }
static int t_random(void *p, size_t n) {
    unsigned char *b = (unsigned char *)p;
    if (t_random_fails) return 0;
    while (n-- > 0) {
        t_seed = t_seed * 1664525u + 1013904223u;
        *b++ = (unsigned char)(t_seed >> 24);
    }
    return 1;
}
static const char *t_mem_file;               /* what "memory" is as a file, read in pieces of at most t_piece */
static size_t t_mem_len, t_piece;
static char t_built_in[4096];
static long t_file_read(const char *path, size_t offset, void *buf, size_t n);

static long t_send(const void *p, size_t n); /* the network of a whole call: `srv` below */
static long t_recv(void *p, size_t n);

#define LLM_NET_CONN int
#define LLM_NET_OPEN(ctx, c, host, port, ms) ((void)(ctx), (void)(c), (void)(host), (void)(port), (void)(ms), 1)
#define LLM_NET_SEND(ctx, c, p, n, ms) ((void)(ctx), (void)(c), (void)(ms), t_send((p), (n)))
#define LLM_NET_RECV(ctx, c, p, n, ms) ((void)(ctx), (void)(c), (void)(ms), t_recv((p), (n)))
#define LLM_NET_CLOSE(ctx, c) ((void)(ctx), (void)(c))
#define LLM_NOW_MS(ctx) ((void)(ctx), t_now())
#define LLM_UNIX_TIME(ctx) ((void)(ctx), t_unix)
#define LLM_SLEEP_MS(ctx, ms) ((void)(ctx), (void)(ms))
#define LLM_RANDOM(ctx, buf, n) ((void)(ctx), t_random((buf), (n)))
#define LLM_FILE_READ(ctx, path, offset, buf, n) ((void)(ctx), t_file_read((path), (offset), (buf), (n)))
#define LLM_GETENV(ctx, name) ((void)(ctx), (void)(name), t_env)
#define LLM_CA_FILES "data/tls/absent-1.pem", "data/pki/pins.txt", "data/tls/absent-2.pem"
#define LLM_CA_PEM t_built_in
#define LLM_MAX_CA_BYTES ((size_t)1024 * 1024)
#include "t.h"
#include <fcntl.h>

static long t_file_read(const char *path, size_t offset, void *buf, size_t n) {
    int fd;
    ssize_t got;
    if (t_read_fails_at && ++t_reads >= t_read_fails_at) return -1;
    if (strcmp(path, "memory") == 0 && t_mem_file) {
        if (offset >= t_mem_len) return 0;
        n = n < t_mem_len - offset ? n : t_mem_len - offset;
        n = n < t_piece ? n : t_piece;
        memcpy(buf, t_mem_file + offset, n);
        return (long)n;
    }
    if (t_swap_path && strcmp(path, t_swap_path) == 0) path = t_swap_to;
    fd = path ? open(path, O_RDONLY) : -1;
    if (fd < 0) return -1;
    got = pread(fd, buf, n, (off_t)offset);
    close(fd);
    return (long)got;
}

/* The test itself is broken. */
#define STOP() (fprintf(stderr, "%s:%d: cannot go on\n", __FILE__, __LINE__), exit(1))
#define PKI "data/pki/"
#define TLS "data/tls/"

/* ---- certificates and keys for the server --------------------------------------------------------------- */

typedef struct blob { unsigned char data[8192]; size_t len; } blob;

static void blob_add(void *to, const void *p, size_t n) {
    blob *b = (blob *)to;
    if (b->len + n > sizeof b->data) STOP();
    memcpy(b->data + b->len, p, n);
    b->len += n;
}

/* All PEM objects of a file by BearSSL's own decoder: an implementation that is not the one under test. */
static size_t pem_objects(const char *path, blob *out, char names[][40], size_t max) {
    size_t len, at = 0, count = 0;
    char *text = t_read_file(path, &len);
    br_pem_decoder_context pem;
    br_pem_decoder_init(&pem);
    while (at < len) {
        at += br_pem_decoder_push(&pem, text + at, len - at);
        switch (br_pem_decoder_event(&pem)) {
        case BR_PEM_BEGIN_OBJ:
            if (count == max) STOP();
            snprintf(names[count], 40, "%.39s", br_pem_decoder_name(&pem));
            out[count].len = 0;
            br_pem_decoder_setdest(&pem, blob_add, &out[count]);
            break;
        case BR_PEM_END_OBJ: count++; break;
        case BR_PEM_ERROR: STOP();
        default: break;
        }
    }
    free(text);
    return count;
}

typedef struct server {
    br_ssl_server_context sc;
    br_skey_decoder_context key;
    br_x509_certificate chain[4];
    blob objects[5];
    br_ssl_session_cache_lru cache;
    unsigned char cache_store[2000];
    unsigned char buf[BR_SSL_BUFSIZE_BIDI];
    char got[4096];
    size_t got_len;
} server;

static server srv;

static void server_load(const char *file) {
    char names[5][40];
    size_t n = pem_objects(file, srv.objects, names, 5), i;
    br_skey_decoder_init(&srv.key);
    br_skey_decoder_push(&srv.key, srv.objects[0].data, srv.objects[0].len);
    if (n < 2 || br_skey_decoder_last_error(&srv.key) != 0) STOP();
    for (i = 1; i < n; i++) {
        srv.chain[i - 1].data = srv.objects[i].data;
        srv.chain[i - 1].data_len = srv.objects[i].len;
    }
    if (br_skey_decoder_key_type(&srv.key) == BR_KEYTYPE_RSA) {
        br_ssl_server_init_full_rsa(&srv.sc, srv.chain, n - 1, br_skey_decoder_get_rsa(&srv.key));
    } else {
        br_ssl_server_init_full_ec(&srv.sc, srv.chain, n - 1, BR_KEYTYPE_EC, br_skey_decoder_get_ec(&srv.key));
    }
    br_ssl_session_cache_lru_init(&srv.cache, srv.cache_store, sizeof srv.cache_store);
}

/* A new connection on the server's side. */
static void server_reset(void) {
    br_ssl_engine_set_buffer(&srv.sc.eng, srv.buf, sizeof srv.buf, 1);
    br_ssl_server_set_cache(&srv.sc, &srv.cache.vtable);
    br_ssl_engine_inject_entropy(&srv.sc.eng, "this is a test, not a secret", 28);
    br_ssl_server_reset(&srv.sc);
    srv.got_len = 0;
}

/* Takes what the client sent as plaintext. */
static void server_read(void) {
    size_t n;
    unsigned char *p;
    while ((p = br_ssl_engine_recvapp_buf(&srv.sc.eng, &n)) != NULL) {
        if (srv.got_len + n > sizeof srv.got) STOP();
        memcpy(srv.got + srv.got_len, p, n);
        srv.got_len += n;
        br_ssl_engine_recvapp_ack(&srv.sc.eng, n);
    }
}

static void server_write(const char *p, size_t len) {
    size_t n;
    unsigned char *to = br_ssl_engine_sendapp_buf(&srv.sc.eng, &n);
    if (!to || n < len) STOP();
    memcpy(to, p, len);
    br_ssl_engine_sendapp_ack(&srv.sc.eng, len);
    br_ssl_engine_flush(&srv.sc.eng, 0);
}

static int t_no_send;          /* SEND: not yet */

static long t_send(const void *from, size_t n) {
    const unsigned char *p = (const unsigned char *)from;
    size_t left = n, m;
    unsigned char *to;
    if (t_no_send) return 0;
    while (left > 0 && (to = br_ssl_engine_recvrec_buf(&srv.sc.eng, &m)) != NULL) {
        if (m > left) m = left;
        memcpy(to, p, m);
        br_ssl_engine_recvrec_ack(&srv.sc.eng, m);
        p += m;
        left -= m;
        server_read();
    }
    return (long)n;            /* what a closed server does not take is lost, as in a network */
}

static long t_recv(void *to, size_t n) {
    size_t m;
    unsigned char *p = br_ssl_engine_sendrec_buf(&srv.sc.eng, &m);
    if (p == NULL) return br_ssl_engine_current_state(&srv.sc.eng) == BR_SSL_CLOSED ? LLM_NET_CLOSED : 0;
    if (m > n) m = n;
    memcpy(to, p, m);
    br_ssl_engine_sendrec_ack(&srv.sc.eng, m);
    return (long)m;
}

/* ---- the client ----------------------------------------------------------------------------------------- */

static llmi_mem mem;
static llmi_tls_shared shared;
static llm_config config;
static llm_error err;

static void client_init(const char *ca_file) {
    memset(&config, 0, sizeof config);
    config.ca_file = ca_file;
    llmi_mem_init(&mem, NULL, NULL, 0);
    llmi_tls_shared_init(&shared, &mem, &config);
    llmi_error_init(&err);
}

/* Bytes to and fro, at most `piece` at a time, until neither side has anything more. */
static void shuttle(llmi_tls *t, size_t piece) {
    int moved;
    do {
        size_t n, m;
        const char *out = llmi_tls_raw_out(t, &n);
        unsigned char *p;
        moved = 0;
        if (out && n > 0) {
            p = br_ssl_engine_recvrec_buf(&srv.sc.eng, &m);
            n = n < piece ? n : piece;
            if (p && m > 0) {
                n = n < m ? n : m;
                memcpy(p, out, n);
                br_ssl_engine_recvrec_ack(&srv.sc.eng, n);
            }
            llmi_tls_raw_sent(t, n);   /* what a closed server does not take is lost, as in a network */
            moved = 1;
        }
        server_read();
        p = br_ssl_engine_sendrec_buf(&srv.sc.eng, &m);
        if (p && m > 0) {
            m = m < piece ? m : piece;
            m = llmi_tls_put_raw(t, (const char *)p, m);
            if (m > 0) {
                br_ssl_engine_sendrec_ack(&srv.sc.eng, m);
                moved = 1;
            }
        }
    } while (moved && llmi_tls_get_state(t) != LLMI_TLS_FAILED);
}

/* A handshake in pieces of that size; the connection, or NULL with err set. */
static llmi_tls *dial(const char *host, size_t piece) {
    llmi_tls *t;
    server_reset();
    llmi_error_init(&err);
    if (llmi_tls_new(&t, &shared, host, &err) != LLM_OK) return NULL;
    shuttle(t, piece);
    if (llmi_tls_get_state(t) == LLMI_TLS_OPEN) return t;
    llmi_tls_fail(t, &err, host);
    llmi_tls_free(t);
    return NULL;
}

/* Whole connection with a request and an answer; 1 if all went well. */
static int talk(const char *host, size_t piece) {
    static const char ask[] = "GET / HTTP/1.1\r\n\r\n", answer[] = "an answer";
    llmi_tls *t = dial(host, piece);
    size_t n;
    const char *p;
    int ok;
    if (!t) return 0;
    ok = llmi_tls_write(t, ask, sizeof ask) == sizeof ask;
    llmi_tls_flush(t);
    shuttle(t, piece);
    ok = ok && srv.got_len == sizeof ask && memcmp(srv.got, ask, sizeof ask) == 0;
    server_write(answer, sizeof answer);
    shuttle(t, piece);
    p = llmi_tls_read(t, &n);
    ok = ok && p && n == sizeof answer && memcmp(p, answer, n) == 0;
    if (p) llmi_tls_read_done(t, n);
    llmi_tls_keep_session(t);
    br_ssl_engine_close(&srv.sc.eng);
    shuttle(t, piece);
    ok = ok && llmi_tls_get_state(t) == LLMI_TLS_CLOSED && llmi_tls_closed_clean(t);
    llmi_tls_free(t);
    return ok;
}


/* One connection with its own client. words: parts of the message, split by '|'; NULL = must go well. */
static void check_case(const char *chain, const char *ca, const char *host, const char *words) {
    char name[300], part[200];
    long live = t_live;
    const char *w = words;
    snprintf(name, sizeof name, "%s, trust %s, host %s", chain, ca ? ca : "-", host);
    t_case = name;
    server_load(chain);
    if (ca) client_init(ca);
    if (!words) {
        if (!CHECK(talk(host, 1 << 20))) fprintf(stderr, "    %s\n", err.message);
    } else {
        CHECK(!talk(host, 1 << 20));
        CHECK_INT(err.status, LLM_ERR_TLS);
        while (w) {
            const char *bar = strchr(w, '|');
            snprintf(part, sizeof part, "%.*s", bar ? (int)(bar - w) : 200, w);
            if (!CHECK(strstr(err.message, part) != NULL)) fprintf(stderr, "    %s\n    lacks: %s\n", err.message,
                    part);
            w = bar ? bar + 1 : NULL;
        }
        CHECK(strstr(err.message, host) != NULL || !strstr(err.message, "TLS with"));
    }
    if (ca) llmi_tls_shared_free(&shared);
    if (ca) CHECK_INT(t_live, live);
    t_case = "";
}

static void test_chains(void) {
    static const char *const good[][3] = {
        {PKI "ec.pem", PKI "roots.pem", "localhost"}, {PKI "rsa.pem", PKI "roots.pem", "localhost"},
        {PKI "p384.pem", PKI "roots.pem", "localhost"}, {PKI "with-root.pem", PKI "root-ec.pem", "localhost"},
        {PKI "no-eku.pem", PKI "roots.pem", "localhost"}, {PKI "wildcard.pem", PKI "roots.pem", "a.mock.test"},
        {PKI "ec.pem", PKI "roots.pem", "LOCALHOST"}, {PKI "ec.pem", PKI "roots.pem", "localhost."},
        {PKI "ec.pem", PKI "roots.pem", "127.0.0.1"}, {PKI "ec.pem", PKI "roots.pem", "::1"},
        {PKI "ec.pem", PKI "roots.pem", "[::1]"}, {PKI "ec.pem", PKI "roots.pem", "0:0:0:0:0:0:0.0.0.1"},
        {PKI "ip-only.pem", PKI "roots.pem", "127.0.0.1"}, {PKI "self-signed.pem", PKI "self-signed.pem",
                "localhost"},
        {TLS "self-ca.pem", TLS "self-ca.pem", "localhost"}, {TLS "self-leaf.pem", TLS "self-leaf.pem",
                "2001:db8::7"},
        {TLS "by-twin4.pem", TLS "twins.pem", "host.test"}, {TLS "by-twin5.pem", TLS "twin5.pem", "localhost"},
        {TLS "by521.pem", TLS "roots.pem", "localhost"}, {TLS "by-v1.pem", TLS "roots.pem", "localhost"},
        {TLS "any-eku.pem", TLS "root.pem", "localhost"}, {TLS "inter-eku.pem", TLS "root.pem", "localhost"},
        {PKI "critical-eku.pem", PKI "roots.pem", "localhost"}, {PKI "name-constraints.pem", PKI "roots.pem", "localhost"},
        {PKI "name-constraints.pem", PKI "roots.pem", "127.0.0.1"}, {PKI "name-constraints.pem", PKI "roots.pem", "::1"},
        {PKI "no-intermediate.pem", PKI "with-root.pem", "localhost"},   /* the intermediate itself is trusted */
        {PKI "ec.pem", PKI "ec.pem", "localhost"}                        /* and the server's certificate itself */
    };
    static const char *const bad[][4] = {
        {PKI "ec.pem", PKI "roots.pem", "elsewhere.test", "not for elsewhere.test|but for localhost"},
        {PKI "wrong-name.pem", PKI "roots.pem", "localhost", "not for localhost|but for elsewhere.test"},
        {PKI "wrong-name.pem", PKI "roots.pem", "127.0.0.1", "not for 127.0.0.1|iPAddress"},
        {PKI "ec.pem", PKI "roots.pem", "127.0.0.2", "not for 127.0.0.2"},
        {PKI "ec.pem", PKI "roots.pem", "::2", "not for ::2"},
        {PKI "ec.pem", PKI "roots.pem", "::ffff:127.0.0.1", "not for"},
        {PKI "ip-only.pem", PKI "roots.pem", "localhost", "localhost"},
        {TLS "ip-as-name.pem", TLS "root.pem", "127.0.0.1", "not for 127.0.0.1|iPAddress"},
        {PKI "wildcard.pem", PKI "roots.pem", "a.b.mock.test", "not for a.b.mock.test|*.mock.test"},
        {PKI "wildcard.pem", PKI "roots.pem", "mock.test", "not for mock.test"},
        {PKI "cn-only.pem", PKI "roots.pem", "localhost", "subjectAltName"},
        {PKI "expired.pem", PKI "roots.pem", "localhost",
                "expired on 2021-01-01|2027-01-15|check the device's clock"},
        {PKI "not-yet.pem", PKI "roots.pem", "localhost", "not valid before 2119-01-01|check the device's clock"},
        {PKI "unknown-ca.pem", PKI "roots.pem", "localhost", "not signed by a CA that you trust|config.ca_file"},
        {PKI "ec.pem", PKI "root-rsa.pem", "localhost", "not signed by a CA that you trust"},
        {PKI "no-intermediate.pem", PKI "roots.pem", "localhost", "intermediate certificate"},
        {PKI "self-signed.pem", PKI "roots.pem", "localhost", "not signed by a CA that you trust"},
        {PKI "wrong-order.pem", PKI "roots.pem", "localhost", "wrong order"},
        {PKI "client-auth.pem", PKI "roots.pem", "localhost", "the server's certificate may not be used for servers"},
        {TLS "critical-client.pem", TLS "root.pem", "localhost", "may not be used for servers"},
        {TLS "inter-client.pem", TLS "root.pem", "localhost", "number 2|may not be used for servers"},
        {TLS "critical-other.pem", TLS "root.pem", "localhost", "critical extension"},
        {PKI "sha1.pem", PKI "roots.pem", "localhost", "not SHA-1"},
        {PKI "rsa1024.pem", PKI "roots.pem", "localhost", "below 2048 bits"},
        {TLS "by1024.pem", TLS "root1024.pem", "localhost", "cannot be used|below 2048 bits"},
        {TLS "by-nc.pem", TLS "root-nc.pem", "localhost", "cannot be used|nameConstraints that do not allow localhost"},
        {PKI "name-constraints-broken.pem", PKI "roots.pem", "localhost", "number 2|nameConstraints"},
        {PKI "intermediate-not-ca.pem", PKI "roots.pem", "localhost", "no CA"}
    };
    size_t i;
    for (i = 0; i < sizeof good / sizeof good[0]; i++) check_case(good[i][0], good[i][1], good[i][2], NULL);
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) check_case(bad[i][0], bad[i][1], bad[i][2], bad[i][3]);
}

/* A certificate that is trusted but no CA vouches for itself only. */
static void test_anchor_that_is_no_ca(void) {
    char *text = t_read_file(PKI "intermediate-not-ca.pem", NULL), *p = strstr(text, "-----BEGIN CERT");
    if (!p || !(p = strstr(p + 1, "-----BEGIN CERT"))) STOP();
    client_init(NULL);
    config.ca_pem = p;
    llmi_tls_shared_init(&shared, &mem, &config);
    check_case(PKI "intermediate-not-ca.pem", NULL, "localhost", "no CA");
    llmi_tls_shared_free(&shared);
    free(text);
}

/* ---- how the bytes come --------------------------------------------------------------------------------- */

static void test_pieces(void) {
    static const char *const chains[] = {PKI "ec.pem", PKI "rsa.pem", PKI "critical-eku.pem", PKI "wrong-name.pem"};
    size_t i, piece;
    for (i = 0; i < 4; i++) {
        server_load(chains[i]);
        client_init(PKI "roots.pem");
        for (piece = 1; piece < 40; piece += piece < 8 ? 1 : 13) {
            llmi_tls_forget_session(&shared);   /* so that the certificates come again */
            CHECK_INT(talk("localhost", piece), i != 3);
        }
        llmi_tls_shared_free(&shared);
    }
}

/* The walker and the engine see each certificate cut in two at every place. */
static void test_certificate_splits(void) {
    static const char *const chains[] = {PKI "ec.pem", PKI "rsa.pem", PKI "critical-eku.pem", TLS "inter-eku.pem"};
    char names[5][40];
    size_t i, cut, k, n;
    for (i = 0; i < 4; i++) {
        blob *objects = srv.objects;
        llmi_tls *t;
        n = pem_objects(chains[i], objects, names, 5);
        client_init(i == 3 ? TLS "root.pem" : PKI "roots.pem");
        if (llmi_tls_new(&t, &shared, "localhost", &err) != LLM_OK) STOP();
        for (cut = 1; cut < objects[1].len; cut++) {
            const br_x509_class **c = &t->x509->vtable;
            (*c)->start_chain(c, "localhost");
            for (k = 1; k < n; k++) {
                size_t at = cut < objects[k].len ? cut : 1;
                char *a = t_guarded((const char *)objects[k].data, at);
                char *b = t_guarded((const char *)objects[k].data + at, objects[k].len - at);
                (*c)->start_cert(c, (uint32_t)objects[k].len);
                (*c)->append(c, (unsigned char *)a, at);
                (*c)->append(c, (unsigned char *)b, objects[k].len - at);
                (*c)->end_cert(c);
                t_unguard(a, at);
                t_unguard(b, objects[k].len - at);
            }
            CHECK_INT((*c)->end_chain(c), 0);
            CHECK((*c)->get_pkey(c, NULL) != NULL);
        }
        llmi_tls_free(t);
        llmi_tls_shared_free(&shared);
    }
}

/* The signature still covers the byte that the engine was shown otherwise. */
static void test_critical_eku_is_signed(void) {
    char names[5][40];
    size_t n = pem_objects(PKI "critical-eku.pem", srv.objects, names, 5), i, k, flag = 0;
    blob *leaf = &srv.objects[1];
    llmi_tls *t;
    for (i = 0; i + 8 < leaf->len; i++) {
        if (memcmp(leaf->data + i, "\x55\x1D\x25\x01\x01\xFF", 6) == 0) flag = i + 5;
    }
    CHECK(flag > 0);
    client_init(PKI "roots.pem");
    if (llmi_tls_new(&t, &shared, "localhost", &err) != LLM_OK) STOP();
    for (i = 0; i < 3; i++) {
        const br_x509_class **c = &t->x509->vtable;
        /* as signed; as the engine is shown it; another TRUE */
        leaf->data[flag] = i == 0 ? 0xFF : i == 1 ? 0x00 : 0x01;
        (*c)->start_chain(c, "localhost");
        for (k = 1; k < n; k++) {
            (*c)->start_cert(c, (uint32_t)srv.objects[k].len);
            (*c)->append(c, srv.objects[k].data, srv.objects[k].len);
            (*c)->end_cert(c);
        }
        CHECK_INT((*c)->end_chain(c), i == 0 ? 0 : BR_ERR_X509_BAD_SIGNATURE);
    }
    llmi_tls_free(t);
    llmi_tls_shared_free(&shared);
}

/* Any one byte of the certificate changed or cut: never accepted, never a crash. */
static void test_damaged_certificate(void) {
    char names[5][40];
    size_t n = pem_objects(PKI "critical-eku.pem", srv.objects, names, 5), i, k;
    blob *leaf = &srv.objects[1];
    long accepted = 0;
    llmi_tls *t;
    client_init(PKI "roots.pem");
    if (llmi_tls_new(&t, &shared, "localhost", &err) != LLM_OK) STOP();
    for (i = 0; i < leaf->len * 2; i++) {
        const br_x509_class **c = &t->x509->vtable;
        size_t len = i < leaf->len ? leaf->len : i - leaf->len;
        char *p = t_guarded((const char *)leaf->data, len);
        if (i < leaf->len) p[i] = (char)(p[i] ^ (1 << (i % 8)));
        (*c)->start_chain(c, "localhost");
        (*c)->start_cert(c, (uint32_t)leaf->len);
        (*c)->append(c, (unsigned char *)p, len);
        (*c)->end_cert(c);
        for (k = 2; k < n; k++) {
            (*c)->start_cert(c, (uint32_t)srv.objects[k].len);
            (*c)->append(c, srv.objects[k].data, srv.objects[k].len);
            (*c)->end_cert(c);
        }
        if ((*c)->end_chain(c) == 0) accepted++;
        t_unguard(p, len);
    }
    CHECK_INT(accepted, 0);
    llmi_tls_free(t);
    llmi_tls_shared_free(&shared);
}

/* ---- the clock ------------------------------------------------------------------------------------------ */

static void test_clock(void) {
    int64_t was = t_unix;
    t_unix = 86400 * 2;
    check_case(PKI "ec.pem", PKI "roots.pem", "localhost",
            "not valid before 2020-01-01|1970-01-03|check the device's clock");
    t_unix = 0;
    check_case(PKI "ec.pem", PKI "roots.pem", "localhost", "clock is not set");
    t_unix = -5;
    check_case(PKI "ec.pem", PKI "roots.pem", "localhost", "clock is not set");
    t_unix = 1577836800 - 1;   /* one second before, and the first second of 2020 */
    check_case(PKI "ec.pem", PKI "roots.pem", "localhost", "not valid before");
    t_unix++;
    check_case(PKI "ec.pem", PKI "roots.pem", "localhost", NULL);
    t_unix = 1609459200;       /* the last second of expired.pem */
    check_case(PKI "expired.pem", PKI "roots.pem", "localhost", NULL);
    t_unix++;
    check_case(PKI "expired.pem", PKI "roots.pem", "localhost", "expired on 2021-01-01");
    t_unix = 0;
    client_init(PKI "roots.pem");
    config.no_clock = 1;
    llmi_tls_shared_free(&shared);
    llmi_tls_shared_init(&shared, &mem, &config);
    check_case(PKI "ec.pem", NULL, "localhost", NULL);
    llmi_tls_forget_session(&shared);
    check_case(PKI "expired.pem", NULL, "localhost", NULL);
    llmi_tls_forget_session(&shared);
    check_case(PKI "not-yet.pem", NULL, "localhost", NULL);
    llmi_tls_forget_session(&shared);
    check_case(PKI "wrong-name.pem", NULL, "localhost", "not for localhost");   /* all else is still checked */
    check_case(PKI "unknown-ca.pem", NULL, "localhost", "CA that you trust");
    llmi_tls_shared_free(&shared);
    t_unix = was;
}

static void test_dates(void) {
    static const struct { int tag; const char *text; int64_t unix_time; const char *day; } good[] = {
        {0x17, "700101000000Z", 0, "1970-01-01"}, {0x17, "491231235959Z", 2524607999, "2049-12-31"},
        {0x17, "500101000000Z", -631152000, "1950-01-01"}, {0x18, "20500101000000Z", 2524608000, "2050-01-01"},
        {0x18, "20000229120000Z", 951825600, "2000-02-29"}, {0x18, "21000301000000Z", 4107542400, "2100-03-01"},
        {0x18, "99991231235959Z", 253402300799, "9999-12-31"}, {0x18, "20240229000000.5Z", 1709164800, "2024-02-29"}
    };
    static const char *const bad[] = {
        "", "Z", "7001010000Z", "700101000000", "701301000000Z", "700001000000Z", "700132000000Z", "700101240000Z",
        "7001010000 0Z", "70010100000aZ", "700101006000Z"
    };
    size_t i;
    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        llmi_date d, want;
        char day[11];
        CHECK(llmi_date_read(&d, good[i].tag, (const unsigned char *)good[i].text, strlen(good[i].text)));
        want.days = (uint32_t)((good[i].unix_time - (good[i].unix_time < 0 ? 86399 : 0)) / 86400 + 719528);
        CHECK_INT(d.days, want.days);
        CHECK_INT(((int64_t)d.days - 719528) * 86400 + d.seconds, good[i].unix_time);
        llmi_date_text(&d, day);
        CHECK_STR(day, good[i].day);
    }
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        llmi_date d;
        CHECK(!llmi_date_read(&d, 0x17, (const unsigned char *)bad[i], strlen(bad[i])));
    }
}

/* ---- names ---------------------------------------------------------------------------------------------- */

static void test_hosts(void) {
    static const char *const names[][2] = {
        {"Example.COM", "example.com"}, {"example.com.", "example.com"}, {"a_b-c.1", "a_b-c.1"}, {"1.2.3", "1.2.3"},
        {"1.2.3.4.5", "1.2.3.4.5"}, {"01.2.3.4", "01.2.3.4"}, {"256.1.1.1", "256.1.1.1"}, {"0x7f.1", "0x7f.1"},
        {"localhost", "localhost"}, {"127.1", "127.1"}
    };
    static const char *const bad[] = {
        "", ".", "..", "a..b", ".a", "a b", "a\nb", "*.com", "caf\xC3\xA9.fr", "a/b", "a@b", "[::1", "[]",
                "[localhost]",
        "::1%lo", ":", ":::", "1::2::3", "12345::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::",
        "::1.2.3", "1.2.3.4::", "g::", "host:443",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.com"
    };
    static const struct { const char *text; size_t len; const char *bytes; } addresses[] = {
        {"127.0.0.1", 4, "\x7f\0\0\1"}, {"255.255.255.255", 4, "\xff\xff\xff\xff"}, {"0.0.0.0", 4, "\0\0\0\0"},
        {"::", 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"}, {"::1", 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"},
        {"[2001:DB8::7]", 16, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7"},
        {"1:2:3:4:5:6:7:8", 16, "\0\1\0\2\0\3\0\4\0\5\0\6\0\7\0\x8"},
        {"1:2:3:4:5:6:7::", 16, "\0\1\0\2\0\3\0\4\0\5\0\6\0\7\0\0"},
        {"::2:3:4:5:6:7:8", 16, "\0\0\0\2\0\3\0\4\0\5\0\6\0\7\0\x8"},
        {"1::8", 16, "\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\x8"},
        {"::ffff:1.2.3.4", 16, "\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4"},
        {"1:2:3:4:5:6:1.2.3.4", 16, "\0\1\0\2\0\3\0\4\0\5\0\6\1\2\3\4"}
    };
    char name[256], longest[300];
    unsigned char ip[16];
    size_t ip_len, i;
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        t_case = names[i][0];
        CHECK(llmi_tls_host(names[i][0], name, ip, &ip_len));
        CHECK_STR(name, names[i][1]);
        CHECK_INT(ip_len, 0);
    }
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        t_case = bad[i];
        CHECK(!llmi_tls_host(bad[i], name, ip, &ip_len));
    }
    for (i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        t_case = addresses[i].text;
        CHECK(llmi_tls_host(addresses[i].text, name, ip, &ip_len));
        CHECK_INT(ip_len, addresses[i].len);
        CHECK(ip_len == addresses[i].len && memcmp(ip, addresses[i].bytes, ip_len) == 0);
        CHECK_STR(name, "");
    }
    t_case = "";
    for (i = 0; i < 299; i++) longest[i] = i % 50 == 49 ? '.' : 'a';
    longest[254] = 0;
    CHECK(!llmi_tls_host(longest, name, ip, &ip_len));
    longest[253] = 0;
    CHECK(llmi_tls_host(longest, name, ip, &ip_len));
}

/* Promise: a certificate is checked with its name or address, or the call fails. No host leads to a connection whose
   engine checks no name while the filter checks no address; an address is never sent as SNI. */
static void test_no_name_goes_unchecked(void) {
    static const char *const hosts[] = {"localhost", "127.0.0.1", "::1", "", ".", "[]", "[::1]", "localhost.", " ",
            "a..b"};
    size_t i;
    server_load(PKI "ec.pem");
    for (i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        llmi_tls *t;
        llm_status status;
        t_case = hosts[i];
        client_init(PKI "roots.pem");
        server_reset();
        status = llmi_tls_new(&t, &shared, hosts[i], &err);
        if (status != LLM_OK) {
            CHECK_INT(status, LLM_ERR_USAGE);
            CHECK(t == NULL);
        } else {
            shuttle(t, 1 << 20);
            CHECK_INT(llmi_tls_get_state(t), LLMI_TLS_OPEN);
            CHECK((t->x509->engine.server_name != NULL) != (t->x509->ip_len > 0));
            CHECK(t->x509->ip_len > 0 || strcmp(t->x509->engine.server_name, "localhost") == 0);
            CHECK_STR(br_ssl_engine_get_server_name(&srv.sc.eng), t->x509->ip_len > 0 ? "" : "localhost");
            llmi_tls_free(t);
        }
        llmi_tls_shared_free(&shared);
    }
    t_case = "";
    /* and if a name were lost on the way, the filter refuses */
    client_init(PKI "roots.pem");
    server_reset();
    {
        llmi_tls *t;
        if (llmi_tls_new(&t, &shared, "localhost", &err) != LLM_OK) STOP();
        t->client.eng.server_name[0] = 0;
        shuttle(t, 1 << 20);
        CHECK_INT(llmi_tls_get_state(t), LLMI_TLS_FAILED);
        llmi_tls_free(t);
    }
    llmi_tls_shared_free(&shared);
}

/* ---- pins ----------------------------------------------------------------------------------------------- */

/* "sha256/..." of a certificate's key, by BearSSL's own decoder: the key is the 5th or 6th element of the TBS. */
static void pin_of(const blob *cert, char out[60]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char h[33];
    llmi_cert c;
    size_t i;
    char *o = out + 7;
    llmi_cert_init(&c);
    if (!llmi_cert_walk(&c, cert->data, cert->len)) STOP();
    memcpy(h, c.spki, 32);
    h[32] = 0;
    memcpy(out, "sha256/", 7);
    for (i = 0; i < 33; i += 3) {
        *o++ = digits[h[i] >> 2];
        *o++ = digits[(h[i] & 3) << 4 | h[i + 1] >> 4];
        *o++ = digits[(h[i + 1] & 15) << 2 | h[i + 2] >> 6];
        *o++ = digits[h[i + 2] & 63];
    }
    o[-1] = '=';
    *o = 0;
}

static void check_pin(const char *chain, const char *ca, const char *pin, int good) {
    const char *pins[2];
    pins[0] = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    pins[1] = pin;
    t_case = pin;
    client_init(ca);
    config.pins = pins;
    config.pin_count = pin ? 2 : 1;
    llmi_tls_shared_init(&shared, &mem, &config);
    server_load(chain);
    CHECK_INT(talk("localhost", 1 << 20), good);
    if (!good) CHECK(strstr(err.message, "config.pins") != NULL);
    llmi_tls_shared_free(&shared);
    t_case = "";
}

static void test_pins(void) {
    static const char *const malformed[] = {
        "", "sha256/", "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                "SHA256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", "sha256/AAAAAAAAAAAAAAAAAAAAA*AAAAAAAAAAAAAAAAAAAAA=",
        "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=", "sha1/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    };
    char leaf[60], inter[60], root[60], names[5][40], want[64];
    char *list = t_read_file(PKI "pins.txt", NULL), *line = strstr(list, "leaf-ec ");
    const char *pins[1];
    size_t i;
    llmi_tls *t;
    pem_objects(PKI "with-root.pem", srv.objects, names, 5);
    pin_of(&srv.objects[1], leaf);
    pin_of(&srv.objects[2], inter);
    pin_of(&srv.objects[3], root);
    if (!line) STOP();
    snprintf(want, sizeof want, "%.51s", line + 8);   /* computed by openssl */
    CHECK_STR(leaf, want);
    free(list);
    check_pin(PKI "ec.pem", PKI "roots.pem", leaf, 1);
    check_pin(PKI "ec.pem", PKI "roots.pem", inter, 1);
    check_pin(PKI "ec.pem", PKI "roots.pem", root, 1);     /* the anchor, which is not sent */
    check_pin(PKI "with-root.pem", PKI "roots.pem", root, 1);
    check_pin(PKI "ec.pem", PKI "roots.pem", NULL, 0);
    check_pin(PKI "rsa.pem", PKI "roots.pem", leaf, 0);
    pem_objects(TLS "by-twin4.pem", srv.objects, names, 5);
    pin_of(&srv.objects[1], leaf);
    check_pin(TLS "by-twin4.pem", TLS "twins.pem", leaf, 1);
    pem_objects(TLS "twins.pem", srv.objects, names, 5);
    pin_of(&srv.objects[3], root);
    check_pin(TLS "by-twin4.pem", TLS "twins.pem", root, 1);   /* the one of four anchors that signed */
    pem_objects(TLS "twins.pem", srv.objects, names, 5);
    pin_of(&srv.objects[0], root);
    check_pin(TLS "by-twin4.pem", TLS "twins.pem", root, 0);  /* has the same name, but did not sign */
    CHECK(llmi_tls_pin_ok("sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    CHECK(!llmi_tls_pin_ok(NULL));
    for (i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        t_case = malformed[i];
        CHECK(!llmi_tls_pin_ok(malformed[i]));
        pins[0] = malformed[i];
        client_init(PKI "roots.pem");
        shared.pins = pins;
        shared.pin_count = 1;
        CHECK_INT(llmi_tls_new(&t, &shared, "localhost", &err), LLM_ERR_USAGE);
        llmi_tls_shared_free(&shared);
    }
    t_case = "";
}

/* ---- resumption ----------------------------------------------------------------------------------------- */

/* 1 = resumed: the filter has seen no certificate. */
static int resumes(const char *host) {
    llmi_tls *t = dial(host, 1 << 20);
    int resumed;
    if (!t) return -1;
    resumed = t->x509->depth == 0 && !t->x509->done;
    llmi_tls_keep_session(t);
    llmi_tls_free(t);
    return resumed;
}

static int all_zero(const void *p, size_t n) {
    const unsigned char *b = (const unsigned char *)p;
    while (n > 0 && b[n - 1] == 0) n--;
    return n == 0;
}

static void test_resumption(void) {
    llmi_tls *t;
    int64_t was = t_unix;
    server_load(PKI "ec.pem");
    client_init(PKI "roots.pem");
    CHECK_INT(resumes("localhost"), 0);
    CHECK_INT(resumes("localhost"), 1);
    CHECK_INT(resumes("127.0.0.1"), 0);   /* another host: the certificate is checked for it */
    CHECK_INT(resumes("localhost"), 0);
    t_unix += 86399;
    CHECK_INT(resumes("localhost"), 1);
    t_unix += 1;
    CHECK_INT(resumes("localhost"), 0);   /* a day after the full handshake, however often it was resumed since */
    t_unix -= 10;
    CHECK_INT(resumes("localhost"), 0);   /* the clock was set back */
    t_unix = was;
    CHECK_INT(resumes("localhost"), 0);
    CHECK_INT(resumes("localhost"), 1);
    server_load(PKI "ec.pem");            /* the server has forgotten it */
    CHECK_INT(resumes("localhost"), 0);
    CHECK_INT(resumes("localhost"), 1);
    /* a handshake that fails with a session offered drops the session */
    server_reset();
    if (llmi_tls_new(&t, &shared, "localhost", &err) != LLM_OK) STOP();
    CHECK_INT(llmi_tls_put_raw(t, "HTTP/1.1 400 Bad Request\r\n", 26) > 0, 1);
    CHECK_INT(llmi_tls_get_state(t), LLMI_TLS_FAILED);
    CHECK_INT(llmi_tls_fail(t, &err, "localhost"), LLM_ERR_TLS);
    CHECK(strstr(err.message, "no TLS at all on this port") != NULL);
    llmi_tls_free(t);
    CHECK(!shared.has_session);
    CHECK(all_zero(&shared.session, sizeof shared.session));
    CHECK_INT(resumes("localhost"), 0);
    CHECK(shared.has_session && !all_zero(&shared.session, sizeof shared.session));
    llmi_tls_shared_free(&shared);
    CHECK(all_zero(&shared.session, sizeof shared.session));
    /* nothing is kept before the handshake is done */
    client_init(PKI "roots.pem");
    if (llmi_tls_new(&t, &shared, "localhost", &err) != LLM_OK) STOP();
    llmi_tls_keep_session(t);
    CHECK(!shared.has_session);
    llmi_tls_free(t);
    llmi_tls_shared_free(&shared);
}

/* A resumed session in which the server does not wait for the client's Finished: its answer, in one record, stands right
   behind its own. BearSSL's server would wait, so that its cipher is asked for the record; and BearSSL's client wants
   to have sent its Finished when the record is whole, so that the last byte comes after that. */
static void early_answer(size_t size, void *block, size_t block_size) {
    static unsigned char flight[20000];
    static char answer[16384], got[16384];
    llmi_tls *t;
    unsigned char *p;
    const char *q;
    size_t n = 0, m, k, done = 0, got_n = 0;
    int moved, whole = 0;
    for (m = 0; m < size; m++) answer[m] = (char)('a' + m % 26);
    server_load(PKI "ec.pem");
    client_init(PKI "roots.pem");
    if (block) llmi_mem_init(&mem, NULL, block, block_size);
    CHECK(talk("localhost", 1 << 20));
    server_reset();
    if (llmi_tls_new(&t, &shared, "localhost", &err) != LLM_OK) STOP();
    q = llmi_tls_raw_out(t, &m);
    p = br_ssl_engine_recvrec_buf(&srv.sc.eng, &k);
    for (; m > 0; q += k, m -= k, p = br_ssl_engine_recvrec_buf(&srv.sc.eng, &k)) {
        if (p == NULL) STOP();
        k = k < m ? k : m;
        memcpy(p, q, k);
        br_ssl_engine_recvrec_ack(&srv.sc.eng, k);
        llmi_tls_raw_sent(t, k);
    }
    while ((p = br_ssl_engine_sendrec_buf(&srv.sc.eng, &m)) != NULL && m > 0) {
        if (n + m > 1000) STOP();      /* no certificate is in it */
        memcpy(flight + n, p, m);
        n += m;
        br_ssl_engine_sendrec_ack(&srv.sc.eng, m);
    }
    memcpy(flight + n + 20, answer, size);      /* room for the record's head; 23: application data */
    m = size;
    p = srv.sc.eng.out.vtable->encrypt(&srv.sc.eng.out.vtable, 23, BR_TLS12, flight + n + 20, &m);
    memmove(flight + n, p, m);
    n += m;
    do {
        k = llmi_tls_put_raw(t, (const char *)flight + done, n - done - !whole);
        done += k;
        moved = k > 0;
        while ((q = llmi_tls_read(t, &m)) != NULL && m > 0) {
            if (got_n + m > sizeof got) STOP();
            memcpy(got + got_n, q, m);
            got_n += m;
            llmi_tls_read_done(t, m);
            moved = 1;
        }
        while ((q = llmi_tls_raw_out(t, &m)) != NULL && m > 0) {
            p = br_ssl_engine_recvrec_buf(&srv.sc.eng, &k);
            if (p == NULL) STOP();
            k = k < m ? k : m;
            memcpy(p, q, k);
            br_ssl_engine_recvrec_ack(&srv.sc.eng, k);
            llmi_tls_raw_sent(t, k);
            moved = whole = 1;
        }
    } while (moved);
    CHECK_INT(llmi_tls_get_state(t), LLMI_TLS_OPEN);
    CHECK(done == n && got_n == size && memcmp(got, answer, size) == 0);
    CHECK((br_ssl_engine_current_state(&srv.sc.eng) & BR_SSL_SENDAPP) != 0);      /* it has the client's Finished */
    llmi_tls_free(t);
    llmi_tls_shared_free(&shared);
}

static void test_early_answer(void) {
    static char block[96 * 1024];
    static const size_t sizes[] = {1, 2000, 9000, 16384};
    size_t i;
    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        early_answer(sizes[i], NULL, 0);
        early_answer(sizes[i], block, sizeof block);
    }
}

/* ---- the end of a connection ---------------------------------------------------------------------------- */

/* The server's last flight, an answer and a close_notify, is cut at every byte. */
static void test_truncation(void) {
    char flight[4096];
    size_t len, cut, n;
    llmi_tls *t;
    for (cut = 0, len = 1; cut <= len; cut++) {
        unsigned char *p;
        server_load(PKI "ec.pem");
        client_init(PKI "roots.pem");
        t_seed = 7;
        t = dial("localhost", 1 << 20);
        if (!t) STOP();
        server_write("the answer", 10);
        len = 0;
        br_ssl_engine_close(&srv.sc.eng);
        while ((p = br_ssl_engine_sendrec_buf(&srv.sc.eng, &n)) != NULL) {
            memcpy(flight + len, p, n);
            len += n;
            br_ssl_engine_sendrec_ack(&srv.sc.eng, n);
        }
        n = llmi_tls_put_raw(t, flight, cut);
        if (n < cut) {   /* the first record is whole: its plaintext must be read before the next is taken */
            CHECK(llmi_tls_get_state(t) == LLMI_TLS_OPEN);
            CHECK(!llmi_tls_closed_clean(t));
            CHECK(llmi_tls_read(t, &n) != NULL && n == 10);
            llmi_tls_read_done(t, n);
            n = 5 + (size_t)((unsigned char)flight[3] << 8 | (unsigned char)flight[4]);
            CHECK_INT(llmi_tls_put_raw(t, flight + n, cut - n), cut - n);
        } else if (llmi_tls_read(t, &n) != NULL) {
            llmi_tls_read_done(t, n);
        }
        CHECK_INT(llmi_tls_closed_clean(t), cut == len);
        CHECK_INT(llmi_tls_get_state(t), cut == len ? LLMI_TLS_CLOSED : LLMI_TLS_OPEN);
        llmi_tls_free(t);
        llmi_tls_shared_free(&shared);
    }
}

/* The handshake is cut at every byte: never open, and a message that says what happened. */
static void test_handshake_cut(void) {
    size_t cut, total = 100000;
    server_load(PKI "ec.pem");
    client_init(PKI "roots.pem");
    for (cut = 0; cut < total; cut += cut < 200 ? 1 : 61) {
        llmi_tls *t;
        size_t sent = 0, n, m;
        server_reset();
        t_seed = 99;
        if (llmi_tls_new(&t, &shared, "localhost", &err) != LLM_OK) STOP();
        for (;;) {
            unsigned char *to = br_ssl_engine_recvrec_buf(&srv.sc.eng, &m), *p;
            const char *out = llmi_tls_raw_out(t, &n);
            if (to && out) {
                n = n < m ? n : m;
                memcpy(to, out, n);
                br_ssl_engine_recvrec_ack(&srv.sc.eng, n);
                llmi_tls_raw_sent(t, n);
                continue;
            }
            p = br_ssl_engine_sendrec_buf(&srv.sc.eng, &m);
            if (!p || sent == cut) break;
            m = m < cut - sent ? m : cut - sent;
            m = llmi_tls_put_raw(t, (const char *)p, m);
            br_ssl_engine_sendrec_ack(&srv.sc.eng, m);
            sent += m;
        }
        if (sent < cut) {
            CHECK_INT(llmi_tls_get_state(t), LLMI_TLS_OPEN);
            total = sent;
        } else if (llmi_tls_get_state(t) != LLMI_TLS_OPEN) {
            CHECK_INT(llmi_tls_get_state(t), LLMI_TLS_HANDSHAKE);
            CHECK_INT(llmi_tls_fail(t, &err, "localhost"), LLM_ERR_TLS);
            CHECK(strstr(err.message, "closed the connection during the handshake") != NULL && err.retryable);
        }
        llmi_tls_free(t);
    }
    CHECK(total < 5000);
    llmi_tls_shared_free(&shared);
}

static void test_close(void) {
    llmi_tls *t;
    size_t n;
    server_load(PKI "ec.pem");
    client_init(PKI "roots.pem");
    /* plaintext that nobody read does not keep close_notify from going out */
    t = dial("localhost", 1 << 20);
    if (!t) STOP();
    server_write("unread", 6);
    shuttle(t, 1 << 20);
    CHECK(llmi_tls_read(t, &n) != NULL);
    llmi_tls_close(t);
    CHECK(llmi_tls_read(t, &n) == NULL);
    CHECK(llmi_tls_raw_out(t, &n) != NULL && n > 0);
    shuttle(t, 1 << 20);
    CHECK(srv.sc.eng.shutdown_recv);
    CHECK(llmi_tls_closed_clean(t));   /* the answer to it was taken */
    llmi_tls_close(t);   /* once more, closed */
    llmi_tls_free(t);
    /* half written plaintext is still sent, before close_notify */
    t = dial("localhost", 1 << 20);
    if (!t) STOP();
    CHECK_INT(llmi_tls_write(t, "half", 4), 4);
    llmi_tls_close(t);
    shuttle(t, 1 << 20);
    CHECK(srv.got_len == 4 && srv.sc.eng.shutdown_recv);
    llmi_tls_free(t);
    /* before the handshake, and after a failure */
    server_reset();
    if (llmi_tls_new(&t, &shared, "localhost", &err) != LLM_OK) STOP();
    llmi_tls_close(t);
    (void)llmi_tls_put_raw(t, "\x15\x03\x03\x00\x02\x02\x28", 7);
    CHECK_INT(llmi_tls_get_state(t), LLMI_TLS_FAILED);
    CHECK(!llmi_tls_closed_clean(t));
    llmi_tls_close(t);
    CHECK(llmi_tls_raw_out(t, &n) == NULL);
    CHECK_INT(llmi_tls_write(t, "x", 1), 0);
    llmi_tls_flush(t);
    llmi_tls_free(t);
    llmi_tls_free(NULL);
    llmi_tls_shared_free(&shared);
}

/* A HelloRequest is answered with a refusal; no second handshake begins. BearSSL's server ends the connection then. */
static void test_renegotiation(void) {
    llmi_tls *t;
    server_load(PKI "ec.pem");
    client_init(PKI "roots.pem");
    t = dial("localhost", 1 << 20);
    if (!t) STOP();
    CHECK(br_ssl_engine_renegotiate(&srv.sc.eng));
    shuttle(t, 1 << 20);
    CHECK_INT(br_ssl_engine_last_error(&srv.sc.eng), BR_ERR_RECV_FATAL_ALERT + BR_ALERT_NO_RENEGOTIATION);
    CHECK_INT(t->x509->depth, 2);   /* no certificates but those of the first handshake */
    llmi_tls_free(t);
    llmi_tls_shared_free(&shared);
}

/* In a call too, wherever it stands, and at once: the server may wait for the refusal. BearSSL's closes then. */
static void test_renegotiation_in_a_call(void) {
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                               "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n";
    int body, i;
    for (body = 0; body < 2; body++) {
        llm_config f = llm_config_init();
        llm_request q = llm_request_init();
        llm_client *c = NULL;
        llm_call *call = NULL;
        llm_event event;
        llm_response out;
        llm_error e;
        llm_status s = LLM_PENDING;
        t_case = body ? "in the body" : "before the head";
        server_load(PKI "ec.pem");
        server_reset();
        f.api_key = "sk-key-of-the-test";
        f.base_url = "https://localhost/v1";
        f.ca_file = PKI "roots.pem";
        f.model = "m";
        f.max_retries = -1;
        q.prompt = "x";
        if (llm_client_new(&c, &f, &e) != LLM_OK || llm_start(c, &q, &call) != LLM_OK) STOP();
        for (i = 0; i < 50 && srv.got_len == 0; i++) s = llm_next(call, &event, 0);
        CHECK_INT(s, LLM_PENDING);
        if (body) {
            server_write(head, sizeof head - 1);
            for (i = 0; i < 50 && (s = llm_next(call, &event, 0)) == LLM_PENDING; i++) {}
            CHECK(s == LLM_OK && event.kind == LLM_EVENT_TEXT && event.len == 2);
        }
        CHECK_INT(llm_next(call, &event, 0), LLM_PENDING);
        CHECK_INT(llm_call_wants(call), LLM_WANT_READ);
        CHECK(br_ssl_engine_renegotiate(&srv.sc.eng));
        t_no_send = 1;
        CHECK_INT(llm_next(call, &event, 0), LLM_PENDING);
        CHECK_INT(llm_call_wants(call), LLM_WANT_READ | LLM_WANT_WRITE);
        t_no_send = 0;
        for (i = 0; i < 50 && (s = llm_next(call, &event, 0)) == LLM_PENDING; i++) {}
        CHECK_INT(s, body ? LLM_ERR_TRUNCATED : LLM_ERR_CONNECTION);
        CHECK_INT(llm_finish(call, &out), s);
        llm_response_free(&out);
        llm_client_free(c);
    }
}

/* A big answer, a big request; the in-place buffers are reused. */
static void test_volume(void) {
    size_t sizes[3][2] = {{0, 0}, {837, 597}, {4421, 4181}}, i, n;
    char text[400];
    memset(text, 'x', sizeof text);
    for (i = 0; i < 3; i++) {
        size_t sent, got = 0, k;
        llmi_tls *t;
        server_load(PKI "rsa.pem");
        client_init(PKI "roots.pem");
        config.tls_in_size = sizes[i][0];
        config.tls_out_size = sizes[i][1];
        llmi_tls_shared_init(&shared, &mem, &config);
        t = dial("localhost", 1 << 20);
        if (!CHECK(t != NULL)) fprintf(stderr, "    %s\n", err.message);
        if (!t) continue;
        CHECK_INT(srv.sc.eng.peer_log_max_frag_len, i == 0 ? 0 : i == 1 ? 9 : 12);   /* what we asked for */
        for (sent = 0; sent < 100; sent++) {
            const char *p;
            CHECK_INT(llmi_tls_write(t, text, 400), 400);
            llmi_tls_flush(t);
            shuttle(t, 1 << 20);
            CHECK_INT(srv.got_len, 400);
            srv.got_len = 0;
            server_write(text, 400);
            shuttle(t, 1 << 20);
            while ((p = llmi_tls_read(t, &n)) != NULL) {
                for (k = 0; k < n && p[k] == 'x'; k++) continue;
                CHECK_INT(k, n);
                got += n;
                llmi_tls_read_done(t, n);
                shuttle(t, 1 << 20);
            }
        }
        CHECK_INT(got, 40000);
        llmi_tls_free(t);
        llmi_tls_shared_free(&shared);
    }
}

/* ---- where trust comes from ----------------------------------------------------------------------------- */

/* Anchors found in a text, as config.ca_pem and as a file that is read in pieces; must be the same. */
static void check_pem(const char *what, const char *text, size_t len, size_t want) {
    static const size_t pieces[] = {1, 2, 3, 7, 64, 65, 4096};
    size_t i;
    t_case = what;
    client_init(NULL);
    shared.ca_pem = len ? t_guarded(text, len) : "";
    shared.ca_pem_len = len;
    CHECK_INT(llmi_trust_load(&shared, &err), want ? LLM_OK : LLM_ERR_TLS);
    CHECK_INT(shared.index_count, want);
    if (!want) CHECK(strstr(err.message, "config.ca_pem") != NULL);
    llmi_tls_shared_free(&shared);
    for (i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        t_mem_file = text;
        t_mem_len = len;
        t_piece = pieces[i];
        client_init("memory");
        CHECK_INT(llmi_trust_load(&shared, &err), want ? LLM_OK : LLM_ERR_TLS);
        CHECK_INT(shared.index_count, want);
        if (want) {   /* every entry leads back to its certificate */
            llmi_tls_x509 *x = (llmi_tls_x509 *)calloc(1, sizeof *x);
            size_t k;
            if (!x) STOP();
            x->shared = &shared;
            for (k = 0; k < shared.index_count; k++) {
                llmi_cert c;
                CHECK(llmi_trust_fetch(x, shared.index[k].offset, &c));
                CHECK_INT(llmi_trust_hash(c.subject), shared.index[k].hash);
            }
            free(x);
        }
        llmi_tls_shared_free(&shared);
    }
    t_mem_file = NULL;
    t_case = "";
}

/* text with every `from` replaced by `to`; free() it. */
static char *replaced(const char *text, const char *from, const char *to) {
    size_t n = strlen(text), k = strlen(from), m = strlen(to);
    char *out = (char *)malloc(n * (m + 1) + 1), *o = out;
    if (!out) STOP();
    while (*text) {
        if (strncmp(text, from, k) == 0) {
            memcpy(o, to, m);
            o += m;
            text += k;
        } else {
            *o++ = *text++;
        }
    }
    *o = 0;
    return out;
}

static void check_pem_replaced(const char *what, const char *text, const char *from, const char *to, size_t want) {
    char *p = replaced(text, from, to);
    check_pem(what, p, strlen(p), want);
    free(p);
}

static void test_pem(void) {
    size_t len, i;
    char *roots = t_read_file(PKI "roots.pem", &len), *two, *p;   /* two certificates */
    char text[9000];
    check_pem("as it is", roots, len, 2);
    check_pem_replaced("CRLF", roots, "\n", "\r\n", 2);
    check_pem_replaced("CR", roots, "\n", "\r", 2);
    check_pem_replaced("blank lines", roots, "\n", "\n\n", 2);
    check_pem_replaced("blanks at the ends of lines", roots, "\n", " \t\n", 2);
    check_pem_replaced("blanks at the beginnings", roots, "\n", "\n  ", 2);
    check_pem("no newline at the end", roots, len - 1, 2);
    snprintf(text, sizeof text, "\xEF\xBB\xBF%s", roots);
    check_pem("byte order mark", text, strlen(text), 2);
    snprintf(text, sizeof text, "\xEF\xBB\xBF\r\n%.*s", (int)len - 1, roots);
    check_pem("byte order mark, no newline at the end", text, strlen(text), 2);
    check_pem_replaced("text between", roots, "-----BEGIN", "# Issuer: CN=x\n = \n--- ----\n-----BEGIN", 2);
    check_pem_replaced("text after BEGIN", roots, "CERTIFICATE-----\n", "CERTIFICATE----- x\n", 0);
    check_pem_replaced("text before BEGIN", roots, "-----BEGIN", "x-----BEGIN", 0);
    check_pem_replaced("TRUSTED CERTIFICATE", roots, " CERTIFICATE", " TRUSTED CERTIFICATE", 0);
    check_pem_replaced("X509 CERTIFICATE", roots, " CERTIFICATE", " X509 CERTIFICATE", 2);
    check_pem_replaced("PKCS7", roots, " CERTIFICATE", " PKCS7", 0);
    check_pem_replaced("no END", roots, "-----END", "----END", 0);
    check_pem_replaced("another END", roots, "-----END CERTIFICATE", "-----END PKCS7", 0);
    check_pem_replaced("short lines", roots, "Q", "\nQ\n", 2);
    check_pem("empty", "", 0, 0);
    check_pem("junk", "junk\n\n-----", 11, 0);
    check_pem("BEGIN only", "-----BEGIN CERTIFICATE-----", 27, 0);
    check_pem("nothing inside", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", 53, 0);
    check_pem("no certificate inside", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 58, 0);
    two = strstr(roots + 1, "-----BEGIN");
    if (!two) STOP();
    snprintf(text, sizeof text, "%s", roots);
    text[100] = '!';
    check_pem("a byte that is no base64", text, len, 1);
    text[100] = '=';
    check_pem("padding, then base64", text, len, 1);
    text[100] = '-';
    check_pem("a dash within a line", text, len, 1);
    snprintf(text, sizeof text, "%.*s\n%s", 300, roots, two);
    check_pem("BEGIN within a certificate", text, strlen(text), 1);
    snprintf(text, sizeof text, "%.*s", (int)(two - roots) + 200, roots);
    check_pem("the last one is cut", text, strlen(text), 1);
    for (i = 0; i < 30; i++) {   /* cut anywhere: only whole ones count */
        size_t cut = len * i / 30;
        check_pem("cut", roots, cut, cut < (size_t)(two - roots) - 1 ? 0 : 1);
    }
    p = (char *)malloc(75 * len + 1);   /* 150 roots */
    if (!p) STOP();
    for (i = 0; i < 75; i++) memcpy(p + i * len, roots, len);
    check_pem("150 roots", p, 75 * len, 150);
    t_mem_file = p;
    t_mem_len = 75 * len;
    t_piece = 4096;
    check_case(PKI "ec.pem", "memory", "localhost", NULL);   /* 75 times the same anchor is one */
    free(p);
    p = (char *)malloc(2 * 1024 * 1024);
    if (!p) STOP();
    memset(p, 'x', 2 * 1024 * 1024);
    t_mem_file = p;
    t_mem_len = 2 * 1024 * 1024;
    client_init("memory");
    CHECK_INT(llmi_trust_load(&shared, &err), LLM_ERR_LIMIT);
    CHECK(strstr(err.message, "LLM_MAX_CA_BYTES") != NULL);
    llmi_tls_shared_free(&shared);
    t_mem_file = NULL;
    free(p);
    free(roots);
}

static void test_der(void) {
    static blob objects[5];
    char names[5][40];
    size_t n = pem_objects(PKI "roots.pem", objects, names, 5), i;
    llm_anchor anchors[3];
    CHECK_INT(n, 2);
    for (i = 0; i < n; i++) {
        anchors[i].cert_der = objects[i].data;
        anchors[i].cert_der_len = objects[i].len;
    }
    client_init(NULL);
    config.anchors = anchors;
    config.anchor_count = n;
    llmi_tls_shared_init(&shared, &mem, &config);
    check_case(PKI "ec.pem", NULL, "localhost", NULL);
    llmi_tls_forget_session(&shared);
    check_case(PKI "rsa.pem", NULL, "localhost", NULL);
    llmi_tls_forget_session(&shared);
    check_case(PKI "unknown-ca.pem", NULL, "localhost", "CA that you trust");
    llmi_tls_shared_free(&shared);
    for (i = 0; i < objects[0].len; i++) {   /* cut anywhere */
        char *p = t_guarded((const char *)objects[0].data, i);
        anchors[0].cert_der = (unsigned char *)p;
        anchors[0].cert_der_len = i;
        llmi_tls_shared_init(&shared, &mem, &config);
        CHECK_INT(llmi_trust_load(&shared, &err), LLM_ERR_TLS);
        CHECK(strstr(err.message, "config.anchors[0]") != NULL);
        llmi_tls_shared_free(&shared);
        t_unguard(p, i);
    }
    anchors[0].cert_der = objects[0].data;
    anchors[0].cert_der_len = objects[0].len + 1;   /* a byte too many */
    objects[0].data[objects[0].len] = 0;
    llmi_tls_shared_init(&shared, &mem, &config);
    CHECK_INT(llmi_trust_load(&shared, &err), LLM_ERR_TLS);
    llmi_tls_shared_free(&shared);
}

/* The first that is given, and nothing else. */
static void test_trust_order(void) {
    static blob objects[5];
    char names[5][40], name[64];
    char *root = t_read_file(PKI "root-ec.pem", NULL), *other = t_read_file(PKI "root-rsa.pem", NULL);
    llm_anchor anchor;
    size_t from;
    pem_objects(PKI "root-ec.pem", objects, names, 5);
    anchor.cert_der = objects[0].data;
    anchor.cert_der_len = objects[0].len;
    for (from = 0; from < 6; from++) {   /* the good one in place `from`, wrong ones below it */
        snprintf(name, sizeof name, "place %zu", from);
        t_case = name;
        client_init(NULL);
        config.anchors = &anchor;
        config.anchor_count = from == 0;
        config.ca_pem = from < 1 ? other : from == 1 ? root : NULL;
        config.ca_file = from < 2 ? PKI "root-rsa.pem" : from == 2 ? PKI "root-ec.pem" : NULL;
        t_env = from < 3 ? PKI "root-rsa.pem" : from == 3 ? PKI "root-ec.pem" : from == 4 ? NULL : "";
        t_swap_path = "data/tls/absent-2.pem";
        t_swap_to = from < 4 ? PKI "root-rsa.pem" : from == 4 ? PKI "root-ec.pem" : NULL;
        snprintf(t_built_in, sizeof t_built_in, "%s", from < 5 ? other : root);
        llmi_tls_shared_init(&shared, &mem, &config);
        check_case(PKI "ec.pem", NULL, "localhost", NULL);
        llmi_tls_forget_session(&shared);
        check_case(PKI "rsa.pem", NULL, "localhost", "CA that you trust");
        llmi_tls_shared_free(&shared);
    }
    t_built_in[0] = 0;
    t_swap_path = NULL;
    t_env = NULL;
    /* none at all: every place is named */
    client_init(NULL);
    check_case(PKI "ec.pem", NULL, "localhost",
            "no trusted CA|config.anchors|ca_pem|ca_file|$SSL_CERT_FILE|absent-1.pem (cannot"
               "|pins.txt (no certificate|absent-2.pem|LLM_CA_PEM|Install ca-certificates");
    /* one that is named but useless is an error: there is no falling back */
    t_env = PKI "root-ec.pem";
    check_case(PKI "ec.pem", "data/tls/absent-1.pem", "localhost", "absent-1.pem|config.ca_file|cannot be read");
    check_case(PKI "ec.pem", PKI "pins.txt", "localhost", "pins.txt|config.ca_file|no usable CA certificate");
    t_env = "data/tls/absent-1.pem";
    client_init(NULL);
    check_case(PKI "ec.pem", NULL, "localhost", "absent-1.pem|$SSL_CERT_FILE|cannot be read");
    llmi_tls_shared_free(&shared);
    t_env = NULL;
    free(root);
    free(other);
}

/* The file of anchors changes or goes away between the first reading and the look-up. */
static void test_trust_changes(void) {
    static const struct { const char *to; long fail_at; const char *words; } cases[] = {
        {PKI "roots.pem", 0, NULL},
        {TLS "roots.pem", 0, "CA that you trust"},
        {PKI "with-root.pem", 0, NULL},                 /* the same root, elsewhere in the file */
        {PKI "pins.txt", 0, "cannot be read any more|roots.pem"},
        {NULL, 0, "cannot be read any more|roots.pem"}
    };
    size_t i;
    server_load(PKI "ec.pem");
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        llmi_tls *t;
        t_case = cases[i].to ? cases[i].to : "gone";
        client_init(PKI "roots.pem");
        server_reset();
        if (llmi_tls_new(&t, &shared, "localhost", &err) != LLM_OK) STOP();
        t_swap_path = PKI "roots.pem";
        t_swap_to = cases[i].to;
        shuttle(t, 1 << 20);
        CHECK_INT(llmi_tls_get_state(t), cases[i].words ? LLMI_TLS_FAILED : LLMI_TLS_OPEN);
        if (cases[i].words) {
            const char *bar = strchr(cases[i].words, '|');
            CHECK_INT(llmi_tls_fail(t, &err, "localhost"), LLM_ERR_TLS);
            CHECK(strstr(err.message, bar ? bar + 1 : cases[i].words) != NULL);
        }
        llmi_tls_free(t);
        t_swap_path = NULL;
        CHECK(talk("localhost", 1 << 20));   /* and with the file back, the same client works */
        llmi_tls_shared_free(&shared);
    }
    /* a root that was added later is found by the next connection */
    client_init(PKI "roots.pem");
    t_swap_path = PKI "roots.pem";
    t_swap_to = PKI "root-rsa.pem";
    CHECK(!talk("localhost", 1 << 20));
    t_swap_path = NULL;
    CHECK(talk("localhost", 1 << 20));
    llmi_tls_shared_free(&shared);
    t_case = "";
}

/* ---- what can go wrong around it ------------------------------------------------------------------------ */

static void test_entropy(void) {
    t_random_fails = 1;
    check_case(PKI "ec.pem", PKI "roots.pem", "localhost", "LLM_RANDOM");
    t_random_fails = 0;
    check_case(PKI "ec.pem", PKI "roots.pem", "localhost", NULL);
}

static void test_allocations(void) {
    long live = t_live, k, failed = 0;
    server_load(PKI "ec.pem");
    for (k = 1; k < 100; k++) {
        llmi_tls *t = NULL;
        client_init(PKI "roots.pem");
        t_allocs = 0;
        t_fail_at = k;
        server_reset();
        if (llmi_tls_new(&t, &shared, "localhost", &err) != LLM_OK) {
            CHECK_INT(err.status, LLM_ERR_MEMORY);
            failed++;
        } else {
            llmi_trust_clear(&shared);   /* as after a change: it is read again within the handshake */
            shuttle(t, 1 << 20);
            if (llmi_tls_get_state(t) == LLMI_TLS_FAILED) {
                CHECK_INT(llmi_tls_fail(t, &err, "localhost"), LLM_ERR_MEMORY);
                failed++;
            } else {
                k = 1000;
            }
            llmi_tls_free(t);
        }
        t_fail_at = 0;
        CHECK(talk("localhost", 1 << 20));
        llmi_tls_shared_free(&shared);
        CHECK_INT(t_live, live);
    }
    CHECK(failed >= 4);
    CHECK_INT(k, 1001);
}

/* From config.memory alone; the figures are what a device needs. */
static void test_pool(void) {
    static char pool[64 * 1024];
    static blob objects[5];
    char names[5][40];
    llm_anchor anchor;
    llmi_tls *t;
    pem_objects(PKI "root-ec.pem", objects, names, 5);
    anchor.cert_der = objects[0].data;
    anchor.cert_der_len = objects[0].len;
    memset(&config, 0, sizeof config);
    config.anchors = &anchor;
    config.anchor_count = 1;
    config.tls_in_size = 4421;
    config.tls_out_size = 597;
    llmi_mem_init(&mem, NULL, pool, sizeof pool);
    llmi_tls_shared_init(&shared, &mem, &config);
    check_case(PKI "ec.pem", NULL, "localhost", NULL);
    CHECK(mem.peak < 20000);
    /* what checked the certificates is given back after the handshake; what the peer does then finds nothing of it */
    t = dial("localhost", 1 << 20);
    if (!t) STOP();
    CHECK(t->x509 == NULL);
    CHECK(mem.used + sizeof(llmi_tls_x509) <= mem.peak);
    CHECK(br_ssl_engine_renegotiate(&srv.sc.eng));
    shuttle(t, 1 << 20);
    CHECK_INT(br_ssl_engine_last_error(&srv.sc.eng), BR_ERR_RECV_FATAL_ALERT + BR_ALERT_NO_RENEGOTIATION);
    t->client.eng.err = BR_ERR_RECV_FATAL_ALERT + 40;
    CHECK_INT(llmi_tls_fail(t, &err, "localhost"), LLM_ERR_TLS);
    CHECK(strstr(err.message, "renegotiation") != NULL);
    t->client.eng.err = BR_ERR_X509_EXPIRED;
    CHECK_INT(llmi_tls_fail(t, &err, "localhost"), LLM_ERR_TLS);
    llmi_tls_free(t);
    llmi_tls_shared_free(&shared);
    CHECK_INT(mem.used, 0);
    printf("one connection: %zu bytes and its record buffers (filter %zu, engine %zu, X.509 %zu); per client: %zu\n",
           sizeof(llmi_tls), sizeof(llmi_tls_x509) - sizeof(br_x509_minimal_context), sizeof(br_ssl_client_context),
           sizeof(br_x509_minimal_context), sizeof(llmi_tls_shared));
}

static void test_wiped(void) {
    static char pool[64 * 1024];
    llmi_tls *t;
    size_t i, n = 0;
    char secret[48];
    memset(&config, 0, sizeof config);
    config.ca_file = PKI "roots.pem";
    llmi_mem_init(&mem, NULL, pool, sizeof pool);
    llmi_tls_shared_init(&shared, &mem, &config);
    server_load(PKI "ec.pem");
    t = dial("localhost", 1 << 20);
    if (!t) STOP();
    CHECK_INT(llmi_tls_write(t, "the secret request", 18), 18);
    llmi_tls_keep_session(t);
    memcpy(secret, shared.session.master_secret, 48);
    llmi_tls_free(t);
    llmi_tls_shared_free(&shared);
    for (i = 0; i + 18 <= sizeof pool; i++) {
        if (memcmp(pool + i, "the secret request", 18) == 0 || (i + 48 <= sizeof pool && memcmp(pool + i, secret,
                16) == 0)) n++;
    }
    CHECK_INT(n, 0);
}

static void test_sizes(void) {
    static const size_t bad[][2] = {{836, 0}, {1, 0}, {0, 596}, {(size_t)-1, 0}, {(size_t)-1, (size_t)-1}};
    size_t i;
    llmi_tls *t;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        client_init(PKI "roots.pem");
        config.tls_in_size = bad[i][0];
        config.tls_out_size = bad[i][1];
        llmi_tls_shared_init(&shared, &mem, &config);
        CHECK_INT(llmi_tls_new(&t, &shared, "localhost", &err), LLM_ERR_USAGE);
        CHECK(strstr(err.message, "tls_in_size") != NULL);
        llmi_tls_shared_free(&shared);
    }
}

/* A server that ignores max_fragment_length. */
static void test_small_buffer_refused(void) {
    llmi_tls *t;
    char big[3000];
    memset(big, 'y', sizeof big);
    server_load(PKI "ec.pem");
    client_init(PKI "roots.pem");
    config.tls_in_size = 837;
    llmi_tls_shared_init(&shared, &mem, &config);
    t = dial("localhost", 1 << 20);
    if (!t) STOP();
    srv.sc.eng.max_frag_len = 16384;
    server_write("", 0);
    shuttle(t, 1 << 20);
    (void)llmi_tls_put_raw(t, "\x17\x03\x03\x0b\xb8", 5);   /* the header of a record of 3,000 bytes */
    CHECK_INT(llmi_tls_get_state(t), LLMI_TLS_FAILED);
    llmi_tls_fail(t, &err, "localhost");
    CHECK(strstr(err.message, "max_fragment_length") != NULL && strstr(err.message, "config.tls_in_size") != NULL);
    llmi_tls_free(t);
    llmi_tls_shared_free(&shared);
}

static void test_versions(void) {
    static const uint16_t cbc[] = {BR_TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, BR_TLS_RSA_WITH_AES_128_GCM_SHA256};
    static const struct { uint16_t suite; unsigned curve; } good[] = {
        {BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, BR_EC_curve25519},
                {BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, BR_EC_secp384r1},
        {BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, BR_EC_secp256r1},
                {BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, BR_EC_secp521r1}
    };
    size_t i;
    int k;
    for (i = 0; i < 4; i++) {
        br_ec_impl ec;
        server_load(PKI "ec.pem");
        client_init(PKI "roots.pem");
        br_ssl_engine_set_suites(&srv.sc.eng, &good[i].suite, 1);
        ec = *br_ssl_engine_get_ec(&srv.sc.eng);
        ec.supported_curves = (uint32_t)1 << good[i].curve | (uint32_t)1 << BR_EC_secp256r1;
        if (i != 2) ec.supported_curves = (uint32_t)1 << good[i].curve;
        br_ssl_engine_set_ec(&srv.sc.eng, i == 2 ? br_ssl_engine_get_ec(&srv.sc.eng) : &ec);
        if (!CHECK(talk("localhost", 1 << 20))) fprintf(stderr, "    suite %zu: %s\n", i, err.message);
        llmi_tls_shared_free(&shared);
    }
    for (k = 0; k < 4; k++) {
        server_load(PKI "ec.pem");
        client_init(PKI "roots.pem");
        if (k == 0) br_ssl_engine_set_versions(&srv.sc.eng, BR_TLS10, BR_TLS10);
        if (k == 1) br_ssl_engine_set_versions(&srv.sc.eng, BR_TLS10, BR_TLS11);
        if (k == 2) br_ssl_engine_set_suites(&srv.sc.eng, cbc, 2);
        if (k == 3) br_ssl_engine_set_hash(&srv.sc.eng, br_sha256_ID, &br_sha256_vtable);
        CHECK_INT(talk("localhost", 1 << 20), k == 3);
        if (k < 3) {
            CHECK_INT(err.status, LLM_ERR_TLS);
            if (!CHECK(strstr(err.message, "TLS 1.2") != NULL)) fprintf(stderr, "    %d: %s\n", k, err.message);
        }
        llmi_tls_shared_free(&shared);
    }
}

/* The order of suites follows the processor. */
static void test_suite_order(void) {
    llmi_tls *t;
    client_init(PKI "roots.pem");
    if (llmi_tls_new(&t, &shared, "localhost", &err) != LLM_OK) STOP();
    CHECK_INT(t->client.eng.suites_num, 6);
    CHECK_INT(t->client.eng.suites_buf[0], llmi_tls_has_aes() ? BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                                                             : BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256);
    CHECK_INT(t->client.eng.version_min, BR_TLS12);
    CHECK_INT(t->client.eng.log_max_frag_len, 14);
    llmi_tls_free(t);
    llmi_tls_shared_free(&shared);
}

/* Bytes that no server of ours sends, in the handshake. */
static void test_raw_answers(void) {
    static const struct { const char *bytes; size_t n; const char *words; int retry; } cases[] = {
        {"\x15\x03\x03\0\2\2\x46", 7, "may require TLS 1.3", 0},
        {"\x15\x03\x03\0\2\2\x28", 7, "may require TLS 1.3", 0},
        {"\x15\x03\x03\0\2\2\x70", 7, "no such host", 0},
        {"\x15\x03\x03\0\2\2\x50", 7, "internal_error", 1},
        {"\x15\x03\x03\0\2\2\xC8", 7, "alert 200", 0},
        {"HTTP/1.1 400 Bad Request\r\n\r\n", 28, "no TLS at all on this port", 0},
        {"\x16\x03\x03\0\x2E\2\0\0\x2A\x03\x01", 11, NULL, 0},
        {"\x16\x03\x03\xFF\xFF", 5, "", 0},
        {"\x17\x03\x03\0\5hello", 10, "", 0}
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        llmi_tls *t;
        client_init(PKI "roots.pem");
        if (llmi_tls_new(&t, &shared, "localhost", &err) != LLM_OK) STOP();
        {
            size_t n;
            while (llmi_tls_raw_out(t, &n) != NULL) llmi_tls_raw_sent(t, n);
        }
        (void)llmi_tls_put_raw(t, cases[i].bytes, cases[i].n);
        if (cases[i].words) {
            CHECK_INT(llmi_tls_get_state(t), LLMI_TLS_FAILED);
            CHECK_INT(llmi_tls_fail(t, &err, "localhost"), LLM_ERR_TLS);
            if (!CHECK(strstr(err.message, cases[i].words) != NULL)) fprintf(stderr, "    %s\n", err.message);
            CHECK_INT(err.retryable, cases[i].retry);
        }
        llmi_tls_free(t);
        llmi_tls_shared_free(&shared);
    }
}

/* Every code of BearSSL leads to a sentence, and to no sentence twice where the causes differ. */
static void test_error_map(void) {
    static const int codes[] = {
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 31,
        33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59,
                60, 62
    };
    static const int alerts[] = {10, 20, 21, 22, 30, 40, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 70, 71, 80, 90,
            100, 110, 120};
    /* the same code at another time, or in another record, has another cause */
    static const struct {
        int code, proven, opened;
        const char *record, *broke, *words;
    } phases[] = {
        {256 + 40, 0, 0, "\x15\3\3", NULL, "alert 40, handshake_failure: the server found nothing in common"},
        {256 + 40, 0, 0, "\x15\3\1", NULL, "with an older version"},
        {256 + 70, 0, 0, "\x15\3\1", NULL, "may require TLS 1.3"},   /* so some servers for 1.3 alone */
        {256 + 40, 1, 0, "\x15\3\3", NULL, "alert 40, handshake_failure: the server wants a client certificate"},
        {256 + 50, 1, 0, "\x15\3\3", NULL, "alert 50, decode_error: the server wants a client certificate"},
        {256 + 50, 0, 0, "\x15\3\3", NULL, "alert 50, decode_error: the server, or something between"},
        {256 + 40, 1, 1, "\x15\3\3", NULL, "alert 40, handshake_failure: it may have asked for a new handshake"},
        {256 + 40, 0, 1, "\x15\3\1", NULL, "alert 40, handshake_failure: it may have asked for a new handshake"},
        {256 + 80, 1, 0, "\x15\3\3", NULL, "alert 80, internal_error: the server has a problem of its own"},
        {3, 0, 0, "\x16\3\1", NULL, "with an older version"}, {3, 0, 0, "HTT", NULL, "no TLS at all on this port"},
        {0, 0, 0, "\0\0\0", NULL, "the server closed the connection during the handshake (the"},
        {0, 0, 0, "\0\0\0", "", "the connection was reset or lost during the handshake (the"},
        {0, 0, 0, "\0\0\0", "it rains", "the connection was reset or lost during the handshake: it rains (the"}
    };
    llmi_tls *t;
    size_t i;
    client_init(PKI "roots.pem");
    if (llmi_tls_new(&t, &shared, "localhost", &err) != LLM_OK) STOP();
    for (i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        t->client.eng.err = codes[i];
        llmi_error_init(&err);
        CHECK_INT(llmi_tls_fail(t, &err, "example.test"), LLM_ERR_TLS);
        CHECK(strncmp(err.message, "TLS with example.test failed: ", 30) == 0 && strlen(err.message) > 45);
        if (!CHECK(strstr(err.message, "of the TLS engine") == NULL)) fprintf(stderr, "    %d %s\n", codes[i],
                err.message);
        CHECK(strlen(err.message) < 400);
    }
    for (i = 0; i < sizeof alerts / sizeof alerts[0]; i++) {
        t->client.eng.err = 256 + alerts[i];
        llmi_tls_fail(t, &err, "example.test");
        CHECK(strstr(err.message, "the server refused with alert") != NULL && strchr(err.message, '_') != NULL);
        t->client.eng.err = 512 + alerts[i];
        llmi_tls_fail(t, &err, "example.test");
        CHECK(strstr(err.message, "we refused") != NULL);
    }
    for (i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        t->client.eng.err = phases[i].code;
        t->x509->done = phases[i].proven;
        t->opened = phases[i].opened;
        t->broke = phases[i].broke;
        memcpy(t->client.eng.ibuf, phases[i].record, 3);
        llmi_tls_fail(t, &err, "example.test");
        if (!CHECK(strstr(err.message, phases[i].words) != NULL)) fprintf(stderr, "    %s\n", err.message);
    }
    t->x509->done = t->opened = 0;
    t->client.eng.err = 255;
    llmi_tls_fail(t, &err, "example.test");
    CHECK(strstr(err.message, "error 255 of the TLS engine") != NULL);
    CHECK_INT(llmi_tls_fail(t, NULL, "example.test"), LLM_ERR_TLS);
    t->client.eng.err = 0;
    llmi_tls_free(t);
    llmi_tls_shared_free(&shared);
}

int main(void) {
    test_early_answer();
    if (T_ONLY_EARLY) return t_done();
    test_chains();
    test_anchor_that_is_no_ca();
    test_pieces();
    test_certificate_splits();
    test_critical_eku_is_signed();
    test_damaged_certificate();
    test_clock();
    test_dates();
    test_hosts();
    test_no_name_goes_unchecked();
    test_pins();
    test_resumption();
    test_truncation();
    test_handshake_cut();
    test_close();
    test_renegotiation();
    test_renegotiation_in_a_call();
    test_volume();
    test_pem();
    test_der();
    test_trust_order();
    test_trust_changes();
    test_entropy();
    test_allocations();
    test_pool();
    test_wiped();
    test_sizes();
    test_small_buffer_refused();
    test_versions();
    test_suite_order();
    test_raw_answers();
    test_error_map();
    return t_done();
}
