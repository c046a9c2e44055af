/* tls_openssl.c: the library over OpenSSL's libssl in the place of BearSSL: TLS 1.3 and 1.2. It takes the place of
   llm_openai.c; programs stay as they are. Who is trusted is OpenSSL's to say: $SSL_CERT_FILE, $SSL_CERT_DIR or the
   system's CA certificates. Needs OpenSSL 1.1.1 or later (Debian: libssl-dev).

       cc -std=c99 -Os -I../build chat.c tls_openssl.c -lssl -lcrypto -o chat
       OPENAI_API_KEY=... ./chat "Why is the sky blue?" */
#define _DEFAULT_SOURCE
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#define TLS_SESSION SSL *
#include "tls_sockets.h"

static SSL_CTX *context;      /* one for the program */
static BIO_METHOD *wire;

/* OpenSSL's own socket BIO calls write(), and a peer that is gone would end the program by SIGPIPE. */
static int wire_write(BIO *b, const char *buf, int n) {
    long r = socket_send((struct tls_conn *)BIO_get_data(b), buf, (size_t)n);
    BIO_clear_retry_flags(b);
    if (r == 0) BIO_set_retry_write(b);
    return r > 0 ? (int)r : -1;
}

static int wire_read(BIO *b, char *buf, int n) {
    long r = socket_recv((struct tls_conn *)BIO_get_data(b), buf, (size_t)n);
    BIO_clear_retry_flags(b);
    if (r == 0) BIO_set_retry_read(b);
    return r > 0 ? (int)r : r == LLM_NET_CLOSED ? 0 : -1;
}

static long wire_control(BIO *b, int what, long n, void *p) {
    (void)b;
    (void)n;
    (void)p;
    return what == BIO_CTRL_FLUSH;
}

static int tls_init(void) {
    const char *file = getenv(X509_get_default_cert_file_env());   /* SSL_CERT_FILE */
    static int type = -1;
    BIO_METHOD *m;
    SSL_CTX *x;
    int ok;
    if (context != NULL) return 1;
    if (type < 0) type = BIO_get_new_index();      /* there are some hundred of them, and none comes back */
    if (type < 0) return 0;
    m = BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
    x = SSL_CTX_new(TLS_client_method());
    ok = m != NULL && x != NULL && BIO_meth_set_write(m, wire_write) && BIO_meth_set_read(m, wire_read) &&
         BIO_meth_set_ctrl(m, wire_control) && SSL_CTX_set_min_proto_version(x, TLS1_2_VERSION) &&
         SSL_CTX_set_default_verify_paths(x);
    /* a file that cannot be read is passed over there */
    if (ok && file != NULL && !SSL_CTX_load_verify_locations(x, file, NULL)) {
        fprintf(stderr, "tls_openssl: $SSL_CERT_FILE: no CA certificates can be read from %s\n", file);
        ok = 0;
    }
    if (!ok) {
        SSL_CTX_free(x);
        BIO_meth_free(m);
        return 0;
    }
    SSL_CTX_set_verify(x, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(x, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    wire = m;
    context = x;
    return 1;
}

static int tls_begin(struct tls_conn *c, const char *host) {
    BIO *b = BIO_new(wire);
    c->session = SSL_new(context);
    if (b == NULL || c->session == NULL) {
        BIO_free(b);
        snprintf(c->why, sizeof c->why, "no memory for TLS");
        return 0;
    }
    BIO_set_data(b, c);
    BIO_set_init(b, 1);
    SSL_set_bio(c->session, b, b);
    SSL_set_connect_state(c->session);
    /* the certificate must name the host, or hold its address */
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->session), host)) return 1;
    SSL_set_hostflags(c->session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(c->session, host) && SSL_set_tlsext_host_name(c->session, host);
}

/* What came of a call that gave r: 0 = wait, or one of LLM_NET_. */
static int tls_result(struct tls_conn *c, int r) {
    unsigned long e;
    switch (SSL_get_error(c->session, r)) {
    case SSL_ERROR_WANT_READ: c->wants = LLM_WANT_READ; return 0;
    case SSL_ERROR_WANT_WRITE: c->wants = LLM_WANT_WRITE; return 0;
    case SSL_ERROR_ZERO_RETURN: return LLM_NET_CLOSED;
    case SSL_ERROR_SSL:
        e = ERR_peek_error();
        snprintf(c->why, sizeof c->why, "%s", ERR_reason_error_string(e) ? ERR_reason_error_string(e) : "TLS failed");
        return LLM_NET_UNTRUSTED;
    default:
        if (c->why[0] == 0) snprintf(c->why, sizeof c->why, "the server closed the connection");
        return LLM_NET_FAILED;
    }
}

static int tls_shake(struct tls_conn *c) {
    long verdict;
    int r;
    ERR_clear_error();
    r = SSL_do_handshake(c->session);
    if (r == 1) return 1;
    r = tls_result(c, r);
    verdict = SSL_get_verify_result(c->session);
    if (r < 0 && verdict != X509_V_OK) {
        snprintf(c->why, sizeof c->why, "%s", X509_verify_cert_error_string(verdict));
        return LLM_NET_UNTRUSTED;
    }
    return r == LLM_NET_CLOSED ? LLM_NET_FAILED : r;
}

/* Until there is nothing left: what would stay in OpenSSL's buffer, no event loop could see. */
static long tls_read(struct tls_conn *c, void *buf, size_t n) {
    size_t got = 0;
    int r = 1;
    while (got < n && r > 0) {
        ERR_clear_error();
        r = SSL_read(c->session, (char *)buf + got, n - got > 16384 ? 16384 : (int)(n - got));
        if (r > 0) got += (size_t)r;
        if (got > 0 && !SSL_has_pending(c->session)) break;
    }
    if (got > 0) return (long)got;
    r = tls_result(c, r);
    return r == LLM_NET_UNTRUSTED ? LLM_NET_FAILED : r;
}

static long tls_write(struct tls_conn *c, const void *buf, size_t n) {
    int r;
    ERR_clear_error();
    r = SSL_write(c->session, buf, n > 16384 ? 16384 : (int)n);
    if (r > 0) return r;
    r = tls_result(c, r);
    return r == LLM_NET_UNTRUSTED ? LLM_NET_FAILED : r;
}

static void tls_end(struct tls_conn *c) {
    if (c->session == NULL) return;
    ERR_clear_error();
    if (SSL_is_init_finished(c->session)) SSL_shutdown(c->session);
    SSL_free(c->session);   /* and its BIO */
    c->session = NULL;
}
