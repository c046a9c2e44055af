/* tls_mbedtls.c: the library over Mbed TLS in the place of BearSSL, for programs that have it already: TLS 1.2. It
   takes the place of llm_openai.c; programs stay as they are. Trusted are the CA certificates of $SSL_CERT_FILE, or of
   the system's file. Needs Mbed TLS 2.28 (Debian: libmbedtls-dev), which knows host names only: an https:// address in
   figures is refused.

       cc -std=c99 -Os -I../build chat.c tls_mbedtls.c -lmbedtls -lmbedx509 -lmbedcrypto -o chat
       OPENAI_API_KEY=... ./chat "Why is the sky blue?" */
#define _DEFAULT_SOURCE
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <stdlib.h>

#define TLS_SESSION mbedtls_ssl_context
#include "tls_sockets.h"

static mbedtls_entropy_context entropy;      /* one of each for the program */
static mbedtls_ctr_drbg_context random_numbers;
static mbedtls_x509_crt trusted;
static mbedtls_ssl_config settings;
static int ready;

static int set_up(void) {
    const char *file = getenv("SSL_CERT_FILE");
    if (file == NULL) file = "/etc/ssl/certs/ca-certificates.crt";
    if (mbedtls_ctr_drbg_seed(&random_numbers, mbedtls_entropy_func, &entropy, NULL, 0) != 0) return 0;
    /* > 0: so many of the file could not be read, which is a reason to trust fewer */
    if (mbedtls_x509_crt_parse_file(&trusted, file) < 0) {
        fprintf(stderr, "tls_mbedtls: no CA certificates can be read from %s\n", file);
        return 0;
    }
    if (mbedtls_ssl_config_defaults(&settings, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT) != 0) return 0;
    mbedtls_ssl_conf_min_version(&settings, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);   /* TLS 1.2 */
    mbedtls_ssl_conf_authmode(&settings, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_ca_chain(&settings, &trusted, NULL);
    mbedtls_ssl_conf_rng(&settings, mbedtls_ctr_drbg_random, &random_numbers);
    return 1;
}

static int tls_init(void) {
    if (ready) return 1;
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random_numbers);
    mbedtls_x509_crt_init(&trusted);
    mbedtls_ssl_config_init(&settings);
    ready = set_up();
    if (ready) return 1;
    mbedtls_ssl_config_free(&settings);   /* the next client may try again */
    mbedtls_x509_crt_free(&trusted);
    mbedtls_ctr_drbg_free(&random_numbers);
    mbedtls_entropy_free(&entropy);
    return 0;
}

static int wire_send(void *user, const unsigned char *buf, size_t n) {
    long r = socket_send((struct tls_conn *)user, buf, n);
    return r > 0 ? (int)r : r == 0 ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int wire_recv(void *user, unsigned char *buf, size_t n) {
    long r = socket_recv((struct tls_conn *)user, buf, n);
    if (r == LLM_NET_CLOSED) return 0;
    return r > 0 ? (int)r : r == 0 ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int tls_begin(struct tls_conn *c, const char *host) {
    mbedtls_ssl_init(&c->session);
    if (mbedtls_ssl_setup(&c->session, &settings) != 0 || mbedtls_ssl_set_hostname(&c->session, host) != 0) {
        snprintf(c->why, sizeof c->why, "no memory for TLS");
        return 0;
    }
    mbedtls_ssl_set_bio(&c->session, c, wire_send, wire_recv, NULL);
    return 1;
}

/* What came of a call that gave r: 0 = wait, or one of LLM_NET_. */
static int tls_result(struct tls_conn *c, int r) {
    switch (r) {
    case MBEDTLS_ERR_SSL_WANT_READ: c->wants = LLM_WANT_READ; return 0;
    case MBEDTLS_ERR_SSL_WANT_WRITE: c->wants = LLM_WANT_WRITE; return 0;
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY: return LLM_NET_CLOSED;
    case 0: case MBEDTLS_ERR_SSL_CONN_EOF:   /* without close_notify: it may be somebody else's end */
        snprintf(c->why, sizeof c->why, "the server closed the connection");
        return LLM_NET_FAILED;
    case MBEDTLS_ERR_SSL_INTERNAL_ERROR: return LLM_NET_FAILED;   /* socket_send() and socket_recv() have said why */
    default:
        mbedtls_strerror(r, c->why, sizeof c->why);
        return LLM_NET_UNTRUSTED;
    }
}

static int tls_shake(struct tls_conn *c) {
    int r = mbedtls_ssl_handshake(&c->session);
    uint32_t flags = mbedtls_ssl_get_verify_result(&c->session);
    if (r == 0) return 1;
    r = tls_result(c, r);
    if (r < 0 && flags != 0 && flags != (uint32_t)-1) {   /* -1: there was no certificate yet */
        mbedtls_x509_crt_verify_info(c->why, sizeof c->why, "", flags);
        c->why[strcspn(c->why, "\n")] = 0;
        return LLM_NET_UNTRUSTED;
    }
    return r == LLM_NET_CLOSED ? LLM_NET_FAILED : r;
}

/* Until there is nothing left: what would stay in the library's buffer, no event loop could see. */
static long tls_read(struct tls_conn *c, void *buf, size_t n) {
    size_t got = 0;
    int r = 1;
    while (got < n && r > 0) {
        r = mbedtls_ssl_read(&c->session, (unsigned char *)buf + got, n - got);
        if (r > 0) got += (size_t)r;
        if (got > 0 && !mbedtls_ssl_check_pending(&c->session)) break;
    }
    if (got > 0) return (long)got;
    r = tls_result(c, r);
    return r == LLM_NET_UNTRUSTED ? LLM_NET_FAILED : r;
}

static long tls_write(struct tls_conn *c, const void *buf, size_t n) {
    int r = mbedtls_ssl_write(&c->session, (const unsigned char *)buf, n);
    if (r > 0) return r;
    r = tls_result(c, r);
    return r == LLM_NET_UNTRUSTED ? LLM_NET_FAILED : r;
}

static void tls_end(struct tls_conn *c) {
    (void)mbedtls_ssl_close_notify(&c->session);
    mbedtls_ssl_free(&c->session);
}
