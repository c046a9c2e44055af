/* BearSSL's server side: identities from PEM files, one engine a connection, a session cache that counts. */
#define _POSIX_C_SOURCE 200809L
#include "server.h"
#include <bearssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct identity {
    char *path;
    br_x509_certificate *chain;
    size_t chain_len;
    int key_type;
    br_ec_private_key ec;
    br_rsa_private_key rsa;
    br_skey_decoder_context key; /* owns the bytes that ec or rsa point to */
    struct identity *next;
};

struct tls {
    br_ssl_server_context sc; /* first: the session cache finds its tls by this address */
    int resumed;
    int up;
    unsigned char in[BR_SSL_BUFSIZE_INPUT];
    unsigned char out[BR_SSL_BUFSIZE_OUTPUT];
};

static identity *identities;

/* ---- PEM ---- */

static int base64_digit(char c) {
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = c ? strchr(set, c) : NULL;
    return p ? (int)(p - set) : -1;
}

static void base64(const char *p, const char *end, buf *out) {
    unsigned acc = 0;
    int bits = 0;
    for (; p < end; p++) {
        int v = base64_digit(*p);
        if (v < 0) continue;
        acc = acc << 6 | (unsigned)v;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            unsigned char c = (unsigned char)(acc >> bits);
            buf_put(out, &c, 1);
            acc &= (1u << bits) - 1;
        }
    }
}

static void chain_add(identity *id, buf *der) {
    br_x509_certificate *chain = mem_get((id->chain_len + 1) * sizeof *chain);
    if (id->chain_len) memcpy(chain, id->chain, id->chain_len * sizeof *chain);
    free(id->chain);
    id->chain = chain;
    chain[id->chain_len].data = (unsigned char *)der->p;
    chain[id->chain_len++].data_len = der->len;
}

static int key_set(identity *id, const buf *der) {
    br_skey_decoder_init(&id->key);
    br_skey_decoder_push(&id->key, der->p, der->len);
    if (br_skey_decoder_last_error(&id->key)) return -1;
    id->key_type = br_skey_decoder_key_type(&id->key);
    if (id->key_type == BR_KEYTYPE_EC)
        id->ec = *br_skey_decoder_get_ec(&id->key);
    else
        id->rsa = *br_skey_decoder_get_rsa(&id->key);
    return 0;
}

static int identity_read(identity *id, const char *p) {
    while ((p = strstr(p, "-----BEGIN ")) != NULL) {
        const char *body = strchr(p, '\n'), *end = strstr(p, "-----END ");
        int cert = !strncmp(p + 11, "CERTIFICATE-----", 16);
        int key = body && strstr(p, "PRIVATE KEY-----") && strstr(p, "PRIVATE KEY-----") < body;
        if (!body || !end) return -1;
        buf der = {0};
        base64(body, end, &der);
        if (cert) {
            chain_add(id, &der); /* keeps the bytes */
        } else {
            int bad = key && key_set(id, &der);
            buf_free(&der);
            if (bad) return -1;
        }
        p = end + 9;
    }
    return id->chain_len && id->key_type ? 0 : -1;
}

identity *tls_identity(const char *path, buf *error) {
    buf text = {0};
    for (identity *id = identities; id; id = id->next) {
        if (!strcmp(id->path, path)) return id;
    }
    if (file_read(path, &text)) {
        buf_fmt(error, "%s cannot be read\n", path);
        buf_free(&text);
        return NULL;
    }
    buf_put(&text, "", 0);
    identity *id = mem_get(sizeof *id);
    id->path = mem_str(path, strlen(path));
    if (identity_read(id, text.p)) {
        buf_fmt(error, "%s holds no private key with its certificate\n", path);
        buf_free(&text);
        return NULL;
    }
    buf_free(&text);
    id->next = identities;
    identities = id;
    return id;
}

/* ---- session cache: BearSSL's own, with a look at what it answers ---- */

typedef struct counting_cache {
    const br_ssl_session_cache_class *vtable;
    br_ssl_session_cache_lru lru;
    unsigned char store[1024 * 100];
    int ready;
} counting_cache;

static counting_cache cache;

static void cache_save(const br_ssl_session_cache_class **ctx, br_ssl_server_context *sc,
                       const br_ssl_session_parameters *p) {
    (void)ctx;
    cache.lru.vtable->save(&cache.lru.vtable, sc, p);
}

static int cache_load(const br_ssl_session_cache_class **ctx, br_ssl_server_context *sc,
                      br_ssl_session_parameters *p) {
    (void)ctx;
    int found = cache.lru.vtable->load(&cache.lru.vtable, sc, p);
    if (found) ((tls *)(void *)sc)->resumed = 1;
    return found;
}

static const br_ssl_session_cache_class cache_class = {sizeof(counting_cache), cache_save, cache_load};

void tls_cache_clear(void) {
    br_ssl_session_cache_lru_init(&cache.lru, cache.store, sizeof cache.store);
    cache.vtable = &cache_class;
    cache.ready = 1;
}

/* ---- one connection ---- */

tls *tls_new(const identity *id, int min_version, int max_version, int use_cache) {
    static const char *protocols[] = {"http/1.1"};
    tls *t = mem_get(sizeof *t);
    unsigned char seed[32];
    FILE *f = fopen("/dev/urandom", "rb");
    if (!cache.ready) tls_cache_clear();
    if (id->key_type == BR_KEYTYPE_EC)
        br_ssl_server_init_full_ec(&t->sc, id->chain, id->chain_len, BR_KEYTYPE_EC, &id->ec);
    else
        br_ssl_server_init_full_rsa(&t->sc, id->chain, id->chain_len, &id->rsa);
    br_ssl_engine_context *e = &t->sc.eng;
    br_ssl_engine_set_versions(e, (unsigned)(BR_TLS10 + min_version - 10),
                               (unsigned)(BR_TLS10 + max_version - 10));
    br_ssl_engine_add_flags(e, BR_OPT_NO_RENEGOTIATION);
    br_ssl_engine_set_protocol_names(e, protocols, 1);
    br_ssl_engine_set_buffers_bidi(e, t->in, sizeof t->in, t->out, sizeof t->out);
    if (!f || fread(seed, 1, sizeof seed, f) != sizeof seed) {
        fputs("mock_server: /dev/urandom cannot be read\n", stderr);
        exit(1);
    }
    fclose(f);
    br_ssl_engine_inject_entropy(e, seed, sizeof seed);
    if (use_cache) br_ssl_server_set_cache(&t->sc, &cache.vtable);
    br_ssl_server_reset(&t->sc);
    return t;
}

void tls_free(tls *t) {
    free(t);
}

static unsigned state(const tls *t) {
    return br_ssl_engine_current_state(&t->sc.eng);
}

int tls_up(tls *t) {
    if (t->sc.eng.application_data) t->up = 1;
    return t->up;
}

int tls_resumed(const tls *t) {
    return t->resumed;
}

int tls_closed(const tls *t) {
    return state(t) == BR_SSL_CLOSED;
}

int tls_error(const tls *t) {
    return br_ssl_engine_last_error(&t->sc.eng);
}

void tls_describe(tls *t, char *out, size_t cap) {
    br_ssl_session_parameters p;
    br_ssl_engine_get_session_parameters(&t->sc.eng, &p);
    snprintf(out, cap, "version=1.%d suite=%04x curve=%d sni=%.80s%s", p.version - BR_TLS10, p.cipher_suite,
             br_ssl_engine_get_ecdhe_curve(&t->sc.eng), br_ssl_engine_get_server_name(&t->sc.eng),
             t->resumed ? " resumed" : "");
}

size_t tls_take(tls *t, buf *out) {
    size_t sum = 0, n;
    const unsigned char *p;
    while ((p = br_ssl_engine_recvapp_buf(&t->sc.eng, &n)) != NULL && n) {
        buf_put(out, p, n);
        br_ssl_engine_recvapp_ack(&t->sc.eng, n);
        sum += n;
    }
    return sum;
}

size_t tls_give(tls *t, const char *p, size_t n) {
    size_t room;
    unsigned char *to = br_ssl_engine_sendapp_buf(&t->sc.eng, &room);
    if (!to || !room || !n) return 0;
    if (n > room) n = room;
    memcpy(to, p, n);
    br_ssl_engine_sendapp_ack(&t->sc.eng, n);
    br_ssl_engine_flush(&t->sc.eng, 0);
    return n;
}

const unsigned char *tls_out(tls *t, size_t *n) {
    return br_ssl_engine_sendrec_buf(&t->sc.eng, n);
}

void tls_out_done(tls *t, size_t n) {
    br_ssl_engine_sendrec_ack(&t->sc.eng, n);
}

unsigned char *tls_in(tls *t, size_t *n) {
    return br_ssl_engine_recvrec_buf(&t->sc.eng, n);
}

void tls_in_done(tls *t, size_t n) {
    br_ssl_engine_recvrec_ack(&t->sc.eng, n);
}

void tls_end(tls *t) {
    br_ssl_engine_close(&t->sc.eng);
}
