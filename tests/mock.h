/* mock.h - the mock server as a child process, for tests in C.
   Include after t.h (or with _GNU_SOURCE or _POSIX_C_SOURCE set). Needs build/mock_server, made by
   `make -C tools mock`; the environment variable MOCK_SERVER names another one.

       t_mock m;
       if (!t_mock_start(&m, NULL)) return 1;
       t_mock_script(&m, "exchange\nchunk one\nwait\nchunk two\nfinish\ndone\n");
       ... use m.http_base or m.https_base with m.ca_file; in the callback: t_mock_continue(&m);
       CHECK_INT(t_mock_stat(&m, "requests"), 1);
       t_mock_stop(&m);

   Directives and settings: tools/mock_server/README.md. */
#ifndef T_MOCK_H
#define T_MOCK_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct t_mock {
    pid_t pid;
    int in;  /* its standard input: a byte is one `continue`, the end of it ends the server */
    int out; /* its standard output */
    int http_port, https_port, control_port;
    char http_base[64];  /* http://127.0.0.1:PORT/v1 */
    char https_base[64]; /* https://127.0.0.1:PORT/v1 */
    char ca_file[512];
} t_mock;

static inline void t_mock_sleep(int ms) {
    struct timespec t;
    t.tv_sec = ms / 1000;
    t.tv_nsec = (long)(ms % 1000) * 1000000L;
    nanosleep(&t, NULL);
}

/* A connection to a port of this machine; -1 on failure. Reads give up after T_MOCK_SECONDS, so that no test hangs. */
#ifndef T_MOCK_SECONDS
#define T_MOCK_SECONDS 10
#endif
static inline int t_mock_connect(int port) {
    struct sockaddr_in a;
    struct timeval limit;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_port = htons((unsigned short)port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    limit.tv_sec = T_MOCK_SECONDS;
    limit.tv_usec = 0;
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
    close(fd);
    return -1;
}

static inline int t_mock_write(int fd, const char *p, size_t n) {
    while (n) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0) return 0;
        p += k;
        n -= (size_t)k;
    }
    return 1;
}

/* Everything until the other side ends the connection; free() it. NUL-terminated. */
static inline char *t_mock_read_all(int fd, size_t *len) {
    size_t n = 0, cap = 4096;
    char *b = (char *)malloc(cap + 1);
    while (b) {
        ssize_t k = recv(fd, b + n, cap - n, 0);
        if (k <= 0) break;
        n += (size_t)k;
        if (n == cap) b = (char *)realloc(b, (cap *= 2) + 1);
    }
    if (!b) exit(1);
    b[n] = 0;
    if (len) *len = n;
    return b;
}

static inline const char *t_mock_path(void) {
    const char *p = getenv("MOCK_SERVER");
    if (p && *p) return p;
    return access("build/mock_server", X_OK) == 0 ? "build/mock_server" : "../build/mock_server";
}

static inline int t_mock_read_line(t_mock *m) {
    char line[1024];
    size_t n = 0;
    struct pollfd p;
    p.fd = m->out;
    p.events = POLLIN;
    while (n + 1 < sizeof line && poll(&p, 1, 10000) == 1 && read(m->out, line + n, 1) == 1 &&
           line[n] != '\n')
        n++;
    line[n] = 0;
    if (sscanf(line, "mock_server: http 127.0.0.1:%d https 127.0.0.1:%d control 127.0.0.1:%d ca %511[^\n]",
               &m->http_port, &m->https_port, &m->control_port, m->ca_file) != 4)
        return 0;
    snprintf(m->http_base, sizeof m->http_base, "http://127.0.0.1:%d/v1", m->http_port);
    snprintf(m->https_base, sizeof m->https_base, "https://127.0.0.1:%d/v1", m->https_port);
    return 1;
}

/* Ends the server by ending its input, and by force after 3 seconds. Returns 1 if it went by itself. */
static inline int t_mock_stop(t_mock *m) {
    int gone = 0, i;
    if (m->pid <= 0) return 0;
    close(m->in);
    for (i = 0; i < 300 && !gone; i++) {
        gone = waitpid(m->pid, NULL, WNOHANG) == m->pid;
        if (!gone) t_mock_sleep(10);
    }
    if (!gone) {
        kill(m->pid, SIGKILL);
        waitpid(m->pid, NULL, 0);
    }
    close(m->out);
    m->pid = 0;
    return gone;
}

/* extra: further arguments up to a NULL, or NULL. Returns 1, or 0 with a word on standard error. */
static inline int t_mock_start(t_mock *m, const char *const *extra) {
    const char *args[40];
    int in[2], out[2], n = 0;
    memset(m, 0, sizeof *m);
    args[n++] = t_mock_path();
    args[n++] = "--stdin";
    args[n++] = "--lifetime"; /* nothing stays behind, whatever happens to this test */
    args[n++] = "600";
    while (extra && *extra && n < 39) args[n++] = *extra++;
    args[n] = NULL;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, in) || pipe(out)) return 0;
    fcntl(in[0], F_SETFD, FD_CLOEXEC);
    fcntl(out[0], F_SETFD, FD_CLOEXEC);
    fflush(NULL);
    m->pid = fork();
    if (m->pid == 0) {
        char *argv[40];
        dup2(in[1], 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[1]);
        memcpy(argv, args, sizeof argv); /* execv takes them without const */
        execv(argv[0], argv);
        perror(argv[0]);
        _exit(127);
    }
    close(in[1]);
    close(out[1]);
    m->in = in[0];
    m->out = out[0];
    if (m->pid > 0 && t_mock_read_line(m)) return 1;
    fprintf(stderr, "mock server %s did not start (make -C tools mock)\n", args[0]);
    t_mock_stop(m);
    return 0;
}

/* A control request: what stands behind /__mock/. Returns the answer's body (free() it), NULL unless it is a
   200; error, if given, gets the body of another status. */
static inline char *t_mock_ask_error(t_mock *m, const char *method, const char *what, const char *body,
                                     size_t *len, char *error, size_t cap) {
    char head[256];
    size_t n = body ? strlen(body) : 0, all = 0;
    int fd = t_mock_connect(m->control_port);
    char *answer, *text;
    if (fd < 0) return NULL;
    snprintf(head, sizeof head,
             "%s /__mock/%s HTTP/1.1\r\nHost: mock\r\nConnection: close\r\nContent-Length: %lu\r\n\r\n",
             method, what, (unsigned long)n);
    t_mock_write(fd, head, strlen(head));
    t_mock_write(fd, body, n);
    answer = t_mock_read_all(fd, &all);
    close(fd);
    text = strstr(answer, "\r\n\r\n");
    if (!text || strncmp(answer, "HTTP/1.1 200", 12)) {
        if (error) snprintf(error, cap, "%s", text ? text + 4 : "no answer");
        free(answer);
        return NULL;
    }
    text += 4;
    all -= (size_t)(text - answer);
    memmove(answer, text, all + 1);
    if (len) *len = all;
    return answer;
}

static inline char *t_mock_ask(t_mock *m, const char *method, const char *what, const char *body) {
    char error[512] = "no connection";
    char *answer = t_mock_ask_error(m, method, what, body, NULL, error, sizeof error);
    if (!answer) fprintf(stderr, "mock server, %s %s: %s\n", method, what, error);
    return answer;
}

static inline int t_mock_post(t_mock *m, const char *what, const char *body) {
    char *answer = t_mock_ask(m, "POST", what, body);
    int ok = answer != NULL;
    free(answer);
    return ok;
}

static inline int t_mock_script(t_mock *m, const char *text) {
    return t_mock_post(m, "script", text);
}
static inline int t_mock_config(t_mock *m, const char *lines) {
    return t_mock_post(m, "config", lines);
}
static inline int t_mock_reset(t_mock *m) {
    return t_mock_post(m, "reset", NULL);
}
static inline int t_mock_close_idle(t_mock *m) {
    return t_mock_post(m, "close-idle", NULL);
}

/* Lets one unnamed wait point go on; fit for a callback: one byte, no answer to wait for. */
static inline void t_mock_continue(t_mock *m) {
    t_mock_write(m->in, "c", 1);
}

static inline int t_mock_continue_at(t_mock *m, const char *name) {
    char what[96];
    snprintf(what, sizeof what, "continue?name=%s", name);
    return t_mock_post(m, what, NULL);
}

/* A counter of GET /__mock/stats; -1 if there is none of that name. */
static inline long t_mock_stat(t_mock *m, const char *name) {
    char key[64];
    char *answer = t_mock_ask(m, "GET", "stats", NULL), *p;
    long n = -1;
    snprintf(key, sizeof key, "\"%s\":", name);
    p = answer ? strstr(answer, key) : NULL;
    if (p) n = strtol(p + strlen(key), NULL, 10);
    free(answer);
    return n;
}

/* Waits up to ms until the counter has this value; returns its last value. */
static inline long t_mock_stat_until(t_mock *m, const char *name, long value, int ms) {
    long n = t_mock_stat(m, name);
    for (; n != value && ms > 0; ms -= 5) {
        t_mock_sleep(5);
        n = t_mock_stat(m, name);
    }
    return n;
}

/* Head and body of the last request but `back`, byte for byte; free() it. NULL if there was none. */
static inline char *t_mock_last_head(t_mock *m, int back) {
    char what[48];
    snprintf(what, sizeof what, "last-head?back=%d", back);
    return t_mock_ask_error(m, "GET", what, NULL, NULL, NULL, 0);
}

static inline char *t_mock_last_body(t_mock *m, int back, size_t *len) {
    char what[48];
    snprintf(what, sizeof what, "last-body?back=%d", back);
    return t_mock_ask_error(m, "GET", what, NULL, len, NULL, 0);
}

#endif
