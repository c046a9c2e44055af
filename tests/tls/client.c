/* client.c - the TLS section alone over a socket, for more_tls.sh.

     client PORT HOST CA_FILE PATH [IN_SIZE [TIMES]]
     client index FILE

   Connects to 127.0.0.1:PORT, checks the certificate for HOST, asks for PATH by HTTP/1.0, and says how it ended:
     ok BYTES SUM clean|cut full|resumed SUITE     or     failed STATUS MESSAGE
   It is always 15 January 2027, but for $T_CLOCK (seconds). $T_PINS: pins with blanks between, $T_OPTIONS: of the words
   pem (CA_FILE is given as config.ca_pem), der (as config.anchors), no_clock. */
#define _GNU_SOURCE 1
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
static int64_t t_clock(void) { return getenv("T_CLOCK") ? (int64_t)atoll(getenv("T_CLOCK")) : 1800000000; }
static uint64_t t_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}
#define LLM_NOW_MS(ctx) ((void)(ctx), t_now())
#define LLM_UNIX_TIME(ctx) ((void)(ctx), t_clock())
#define LLM_SLEEP_MS(ctx, ms) ((void)(ctx), (void)(ms))
#define LLM_OPENAI_STATIC
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"
#include <stdio.h>
#include <sys/socket.h>
#include <netinet/in.h>

static llmi_mem mem;
static llmi_tls_shared shared;
static unsigned long bytes, sum;

static int dial(int port) {
    struct sockaddr_in a;
    struct timeval limit;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&a, 0, sizeof a);
    memset(&limit, 0, sizeof limit);
    limit.tv_sec = 5;
    a.sin_family = AF_INET;
    a.sin_port = htons((unsigned short)port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)(void *)&a, sizeof a) != 0) return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

static int send_all(llmi_tls *t, int fd) {
    const char *p;
    size_t n;
    while ((p = llmi_tls_raw_out(t, &n)) != NULL) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0) return 0;
        llmi_tls_raw_sent(t, (size_t)k);
    }
    return 1;
}

static void read_all(llmi_tls *t) {
    const char *p;
    size_t n, i;
    while ((p = llmi_tls_read(t, &n)) != NULL) {
        for (i = 0; i < n; i++) sum = (sum * 31 + (unsigned char)p[i]) & 0xFFFFFFFFu;
        bytes += (unsigned long)n;
        llmi_tls_read_done(t, n);
    }
}

/* Reads from the socket until that ends; 0 = the peer's end without close_notify, or an error. */
static int run(llmi_tls *t, int fd, const char *path) {
    static char buf[65536];
    char ask[300];
    int asked = 0;
    for (;;) {
        ssize_t n;
        size_t done = 0;
        if (!asked && llmi_tls_get_state(t) == LLMI_TLS_OPEN) {
            llm_text w;
            llmi_text_fixed(&w, ask, sizeof ask);
            llmi_text_addf(&w, "GET %s HTTP/1.0\r\n\r\n", path);
            if (llmi_tls_write(t, ask, w.n) != w.n) return 0;
            llmi_tls_flush(t);
            llmi_tls_keep_session(t);
            asked = 1;
        }
        (void)send_all(t, fd);
        if (llmi_tls_get_state(t) >= LLMI_TLS_CLOSED) return 1;
        n = recv(fd, buf, sizeof buf, 0);
        if (n <= 0) return 0;
        while (done < (size_t)n) {
            size_t k = llmi_tls_put_raw(t, buf + done, (size_t)n - done);
            done += k;
            read_all(t);
            (void)send_all(t, fd);
            if (k == 0 && llmi_tls_get_state(t) >= LLMI_TLS_CLOSED) return 1;
        }
    }
}

static int once(int port, const char *host, const char *path) {
    llm_error e;
    llmi_tls *t;
    int fd = dial(port);
    llmi_error_init(&e);
    bytes = sum = 0;
    if (fd < 0) {
        puts("failed no connection");
        return 1;
    }
    if (llmi_tls_new(&t, &shared, host, &e) != LLM_OK) {
        printf("failed %s %s\n", llm_status_name(e.status), e.message);
        close(fd);
        return 1;
    }
    (void)run(t, fd, path);
    if (!t->opened || llmi_tls_get_state(t) == LLMI_TLS_FAILED) {
        (void)llmi_tls_fail(t, &e, host);
        printf("failed %s %s\n", llm_status_name(e.status), e.message);
    } else {
        br_ssl_session_parameters p;
        br_ssl_engine_get_session_parameters(&t->client.eng, &p);
        printf("ok %lu %lu %s %s %04x\n", bytes, sum, llmi_tls_closed_clean(t) ? "clean" : "cut",
               t->x509->depth == 0 ? "resumed" : "full", (unsigned)p.cipher_suite);
        llmi_tls_close(t);
        (void)send_all(t, fd);
    }
    fflush(stdout);
    llmi_tls_free(t);
    close(fd);
    return 0;
}

static char text[200000];
static llm_anchor anchors[8];
static unsigned char der[60000];

/* The certificates of the file, decoded as plainly as can be. */
static size_t read_der(char *p) {
    size_t count = 0, at = 0;
    while (count < 8 && (p = strstr(p, "-----BEGIN CERTIFICATE-----\n")) != NULL) {
        unsigned acc = 0, bits = 0;
        anchors[count].cert_der = der + at;
        for (p += 28; *p != '-' && *p != '='; p++) {
            int v = llmi_base64_value((unsigned char)*p);
            if (v < 0) continue;
            acc = (acc << 6 | (unsigned)v) & 0xFFFFFF;
            bits += 6;
            if (bits >= 8) der[at++] = (unsigned char)(acc >> (bits -= 8));
        }
        anchors[count].cert_der_len = (size_t)(der + at - anchors[count].cert_der);
        count++;
    }
    return count;
}

static void configure(llm_config *config, const char *ca) {
    static const char *pins[8];
    const char *options = getenv("T_OPTIONS") ? getenv("T_OPTIONS") : "";
    char *pin = getenv("T_PINS");
    config->ca_file = ca;
    for (pin = pin ? strtok(pin, " ") : NULL; pin && config->pin_count < 8; pin = strtok(NULL, " ")) {
        pins[config->pin_count++] = pin;
    }
    config->pins = pins;
    config->no_clock = strstr(options, "no_clock") != NULL;
    if (strstr(options, "pem") || strstr(options, "der")) {
        FILE *f = fopen(ca, "rb");
        if (!f) exit(2);
        text[fread(text, 1, sizeof text - 1, f)] = 0;
        fclose(f);
        config->ca_file = NULL;
        config->ca_pem = text;
    }
    if (strstr(options, "der")) {
        config->ca_pem = NULL;
        config->anchors = anchors;
        config->anchor_count = read_der(text);
    }
}

int main(int argc, char **argv) {
    llm_config config;
    llm_error e;
    int times = argc > 6 ? atoi(argv[6]) : 1;
    memset(&config, 0, sizeof config);
    llmi_mem_init(&mem, NULL, NULL, 0);
    if (argc < 3) return 2;
    if (argc == 3) {
        uint64_t ms = t_now();
        config.ca_file = argv[2];
        llmi_tls_shared_init(&shared, &mem, &config);
        for (times = 0; times < 100; times++) {
            llmi_trust_clear(&shared);
            if (llmi_trust_load(&shared, &e) != LLM_OK) {
                puts(e.message);
                return 1;
            }
        }
        printf("%zu anchors, index %zu bytes, %d us\n", shared.index_count, shared.index_room * sizeof *shared.index,
               (int)(t_now() - ms) * 10);
        llmi_tls_shared_free(&shared);
        return 0;
    }
    configure(&config, argv[3]);
    config.tls_in_size = argc > 5 ? (size_t)atoi(argv[5]) : 0;
    llmi_tls_shared_init(&shared, &mem, &config);
    while (times-- > 0) (void)once(atoi(argv[1]), argv[2], argv[4]);
    llmi_tls_shared_free(&shared);
    return 0;
}
