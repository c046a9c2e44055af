/* The mock server's TLS side, seen by a BearSSL client that knows its key: resumption, records, endings. */
/* needs: bearssl mock */
#define T_NO_LIB
#include "t.h"
#include "mock.h"

#include <bearssl.h>

static t_mock m;

/* The client: one connection at a time. */
static br_ssl_client_context cc;
static br_x509_minimal_context xm; /* br_ssl_client_init_full() fills one; not used */
static br_x509_knownkey_context known;
static br_sslio_context io;
static br_ssl_session_parameters session;
static unsigned char iobuf[BR_SSL_BUFSIZE_BIDI];
static int fd;
static size_t wire_in; /* bytes received */
static size_t biggest; /* longest application record, with its protection */
static unsigned char record[5];
static size_t record_at; /* bytes of the present record, header included */

/* Follows the record layer in what arrives. */
static void look(const unsigned char *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (record_at < 5) record[record_at] = p[i];
        record_at++;
        if (record_at < 5) continue;
        size_t len = (size_t)record[3] << 8 | record[4];
        if (record[0] == 23 && len > biggest) biggest = len;
        if (record_at == len + 5) record_at = 0;
    }
}

static int low_read(void *ctx, unsigned char *p, size_t n) {
    ssize_t k = recv(fd, p, n, 0);
    (void)ctx;
    if (k <= 0) return -1;
    wire_in += (size_t)k;
    look(p, (size_t)k);
    return (int)k;
}

static int low_write(void *ctx, const unsigned char *p, size_t n) {
    ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
    (void)ctx;
    return k <= 0 ? -1 : (int)k;
}

/* The public key that belongs to the private key in a PEM file of the server. */
static br_ec_public_key leaf;
static unsigned char leaf_bytes[BR_EC_KBUF_PUB_MAX_SIZE];
static br_skey_decoder_context key;

static void key_bytes(void *ctx, const void *p, size_t n) {
    (void)ctx;
    br_skey_decoder_push(&key, p, n);
}

static void read_key(const char *path) {
    size_t n, done = 0;
    char *text = t_read_file(path, &n);
    br_pem_decoder_context pem;
    br_pem_decoder_init(&pem);
    br_skey_decoder_init(&key);
    int began = 0;
    while (done < n) {
        done += br_pem_decoder_push(&pem, text + done, n - done);
        int e = br_pem_decoder_event(&pem);
        if (e == BR_PEM_BEGIN_OBJ && !began) {
            began = 1;
            br_pem_decoder_setdest(&pem, key_bytes, NULL);
        } else if (e == BR_PEM_END_OBJ) {
            break;
        }
    }
    CHECK_INT(br_skey_decoder_key_type(&key), BR_KEYTYPE_EC);
    CHECK(br_ec_compute_pub(br_ec_get_default(), &leaf, leaf_bytes, br_skey_decoder_get_ec(&key)) > 0);
    free(text);
}

static void dial(int resume) {
    unsigned char seed[32];
    FILE *f = fopen("/dev/urandom", "rb");
    if (!f || fread(seed, 1, sizeof seed, f) != sizeof seed) exit(1);
    fclose(f);
    fd = t_mock_connect(m.https_port);
    wire_in = biggest = record_at = 0;
    br_ssl_client_init_full(&cc, &xm, NULL, 0);
    br_x509_knownkey_init_ec(&known, &leaf, BR_KEYTYPE_SIGN | BR_KEYTYPE_KEYX);
    br_ssl_engine_set_x509(&cc.eng, &known.vtable);
    br_ssl_engine_set_buffer(&cc.eng, iobuf, sizeof iobuf, 1);
    br_ssl_engine_inject_entropy(&cc.eng, seed, sizeof seed);
    if (resume) br_ssl_engine_set_session_parameters(&cc.eng, &session);
    br_ssl_client_reset(&cc, "localhost", resume);
    br_sslio_init(&io, &cc.eng, low_read, NULL, low_write, NULL);
}

/* Sends one request and reads to the end of the connection; the answer, free() it. */
static char *fetch(void) {
    static const char request[] =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Connection: close\r\nContent-Length: 2\r\n\r\n{}";
    size_t n = 0, cap = 1 << 20;
    char *text = (char *)malloc(cap + 1);
    if (!text) exit(1);
    if (br_sslio_write_all(&io, request, sizeof request - 1) == 0 && br_sslio_flush(&io) == 0) {
        int k;
        while (n < cap && (k = br_sslio_read(&io, text + n, cap - n)) > 0) n += (size_t)k;
    }
    text[n] = 0;
    br_ssl_engine_get_session_parameters(&cc.eng, &session);
    return text;
}

static int last_error(void) {
    return br_ssl_engine_last_error(&cc.eng);
}

static void test_resumption(void) {
    CHECK(t_mock_script(&m, "exchange\ntimes always\nbody hi\n"));
    for (int i = 0; i < 3; i++) {
        dial(i > 0);
        char *text = fetch();
        CHECK(strstr(text, "\r\n\r\nhi") != NULL);
        CHECK_INT(last_error(), 0); /* close_notify came */
        close(fd);
        free(text);
    }
    CHECK_INT(t_mock_stat(&m, "tls_full"), 1);
    CHECK_INT(t_mock_stat(&m, "tls_resumed"), 2);
    CHECK_INT(t_mock_stat(&m, "tls_failed"), 0);
    CHECK_INT(t_mock_stat(&m, "https_connections"), 3);
    CHECK_INT(session.version, BR_TLS12);
    char *stats = t_mock_ask(&m, "GET", "stats", NULL);
    CHECK(stats && strstr(stats, "sni=localhost resumed"));
    free(stats);
    CHECK(t_mock_config(&m, "session-cache 0\n"));
    dial(1);
    free(fetch());
    close(fd);
    CHECK_INT(t_mock_stat(&m, "tls_full"), 2);
}

/* Ways to end a body without length: only one of them is clean. */
static void test_endings(void) {
    static const struct {
        const char *end;
        int error;
    } t[] = {{"close", 0}, {"cut", BR_ERR_IO}, {"reset", BR_ERR_IO}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        char script[128];
        t_case = t[i].end;
        snprintf(script, sizeof script, "exchange\nframing close\nplain-head\nbody abc\n%s\n", t[i].end);
        CHECK(t_mock_script(&m, script));
        dial(0);
        char *text = fetch();
        CHECK_STR(text, "HTTP/1.1 200 OK\r\n\r\nabc");
        CHECK_INT(last_error(), t[i].error);
        close(fd);
        free(text);
    }
    t_case = "";
}

static void test_records(void) {
    static const struct {
        const char *config;
        int small; /* the client asks for fragments of at most 512 bytes */
        size_t low, most;
    } t[] = {{"record-max 0\n", 0, 1025, 16384},
             {"record-max 100\n", 0, 100, 100},
             {"record-max 0\n", 1, 100, 512}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        t_case = t[i].config;
        CHECK(t_mock_config(&m, t[i].config));
        CHECK(t_mock_script(&m, "exchange\nbody-file data/pki/make.sh\n"));
        dial(0);
        if (t[i].small) {
            br_ssl_engine_set_buffers_bidi(&cc.eng, iobuf, 512 + 325, iobuf + 1024, 512 + 85);
            br_ssl_client_reset(&cc, "localhost", 0);
        }
        char *text = fetch();
        CHECK(strncmp(text, "HTTP/1.1 200", 12) == 0);
        CHECK(biggest >= t[i].low + 16 &&
              biggest <= t[i].most + 24); /* GCM: 8 + 16 bytes more, ChaCha20: 16 */
        CHECK_INT(last_error(), 0);
        close(fd);
        free(text);
    }
    t_case = "";
}

/* Exactly so many bytes of the TLS connection, from none to inside the answer. */
static void test_wire_cut(void) {
    CHECK(t_mock_script(&m, "exchange\ntimes always\nplain-head\nbody hi\n"));
    dial(0);
    free(fetch());
    close(fd);
    size_t whole = wire_in;
    CHECK(whole > 1000);
    /* A signature in DER is 70 to 72 bytes long, so the total varies a little. */
    for (size_t at = 0; at < whole - 60; at += 37) {
        char line[64];
        snprintf(line, sizeof line, "wire-cut %lu %s\n", (unsigned long)at, at % 2 ? "reset" : "fin");
        t_mock_config(&m, line);
        dial(0);
        free(fetch());
        close(fd);
        if (wire_in != at) CHECK_INT(wire_in, at);
    }
    CHECK(t_mock_config(&m, "wire-cut off\n"));
    dial(0);
    char *text = fetch();
    CHECK(strstr(text, "\r\n\r\nhi") != NULL);
    free(text);
    close(fd);
}

/* An old server: the client does not offer its version. */
static void test_versions(void) {
    CHECK(t_mock_config(&m, "tls-min 10\ntls-max 10\n"));
    dial(0);
    br_ssl_engine_set_versions(&cc.eng, BR_TLS12, BR_TLS12);
    br_ssl_client_reset(&cc, "localhost", 0);
    free(fetch());
    CHECK(last_error() != 0);
    close(fd);
    CHECK_INT(t_mock_stat_until(&m, "tls_failed", 1, 2000), 1);
    CHECK(t_mock_config(&m, "tls-min 12\ntls-max 12\ntls-alert 70\n"));
    dial(0);
    free(fetch());
    CHECK_INT(last_error(), BR_ERR_RECV_FATAL_ALERT + 70);
    close(fd);
}

int main(void) {
    static void (*const tests[])(void) = {test_resumption, test_endings, test_records, test_wire_cut,
                                          test_versions};
    read_key("data/pki/ec.pem");
    if (!t_mock_start(&m, NULL)) return 1;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        CHECK(t_mock_reset(&m));
        tests[i]();
    }
    CHECK_INT(t_mock_stop(&m), 1);
    return t_done();
}
