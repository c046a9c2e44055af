/* client.c - the TLS section alone over a socket, for more_tls.sh.

     client PORT HOST CA_FILE PATH [IN_SIZE [TIMES]]
     client index FILE

   Connects to 127.0.0.1:PORT, checks the certificate for HOST, asks for PATH by HTTP/1.0, and says how it ended:
     ok BYTES SUM clean|cut full|resumed SUITE     or     failed MESSAGE */
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
        printf("failed %s\n", e.message);
        close(fd);
        return 1;
    }
    (void)run(t, fd, path);
    if (!t->opened || llmi_tls_get_state(t) == LLMI_TLS_FAILED) {
        (void)llmi_tls_fail(t, &e, host);
        printf("failed %s\n", e.message);
    } else {
        br_ssl_session_parameters p;
        br_ssl_engine_get_session_parameters(&t->client.eng, &p);
        printf("ok %lu %lu %s %s %04x\n", bytes, sum, llmi_tls_closed_clean(t) ? "clean" : "cut",
               t->x509.depth == 0 ? "resumed" : "full", (unsigned)p.cipher_suite);
        llmi_tls_close(t);
        (void)send_all(t, fd);
    }
    fflush(stdout);
    llmi_tls_free(t);
    close(fd);
    return 0;
}

int main(int argc, char **argv) {
    llm_config config;
    llm_error e;
    int times = argc > 6 ? atoi(argv[6]) : 1;
    memset(&config, 0, sizeof config);
    llmi_mem_init(&mem, NULL, NULL, 0);
    if (argc < 3) return 2;
    if (argc == 3) {
        uint64_t ms = llmi_posix_now_ms();
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
               (int)(llmi_posix_now_ms() - ms) * 10);
        llmi_tls_shared_free(&shared);
        return 0;
    }
    config.ca_file = argv[3];
    config.tls_in_size = argc > 5 ? (size_t)atoi(argv[5]) : 0;
    llmi_tls_shared_init(&shared, &mem, &config);
    while (times-- > 0) (void)once(atoi(argv[1]), argv[2], argv[4]);
    llmi_tls_shared_free(&shared);
    return 0;
}
