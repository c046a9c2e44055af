/* mock_server: a scripted OpenAI-compatible server for tests, examples and demonstrations. Loopback only.
   See README.md beside this file. */
#define _GNU_SOURCE
#include "server.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
    #include <sys/epoll.h>
#else
    #include <poll.h>
#endif

#ifndef MOCK_PKI
    #define MOCK_PKI "tests/data/pki"
#endif

server srv;

typedef struct options {
    int http_port, https_port, control_port; /* -1 = none */
    int ipv6;
    int use_stdin;
    int with_parent;
    long lifetime; /* seconds, 0 = no limit */
    const char *ready_file, *script;
} options;

typedef struct listener {
    int fd;
    side from;
    int port;
} listener;

static listener listeners[3];
static volatile sig_atomic_t stopped;

/* ---- the loop: epoll where there is one, poll elsewhere ---- */

enum { IN = 1, OUT = 2, GONE = 4 };

static int stdin_tag; /* its address stands for stdin among the things watched */

#ifdef __linux__
static int poller = -1;

static void watch(int fd, void *who, unsigned want, unsigned *had) {
    struct epoll_event e;
    memset(&e, 0, sizeof e);
    if (*had == (want | 8u)) return;
    e.events = EPOLLRDHUP;
    if (want & IN) e.events |= EPOLLIN;
    if (want & OUT) e.events |= EPOLLOUT;
    e.data.ptr = who;
    if (epoll_ctl(poller, *had ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e)) return;
    *had = want | 8u; /* 8: it is registered */
}

static void unwatch(int fd) {
    epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL);
}

/* epoll counts in milliseconds; select on its descriptor waits exactly. */
static void sleep_until(uint64_t when) {
    uint64_t now = now_us();
    struct timeval t = {0, 0};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(poller, &set);
    if (when > now) {
        uint64_t us = when - now < 500000 ? when - now : 500000;
        t.tv_sec = (time_t)(us / 1000000);
        t.tv_usec = (suseconds_t)(us % 1000000);
    }
    select(poller + 1, &set, NULL, NULL, &t);
}

static int ready(void **who, unsigned *what, int most, uint64_t when) {
    struct epoll_event e[256];
    int n = epoll_wait(poller, e, most < 256 ? most : 256, 0);
    if (n == 0) {
        sleep_until(when);
        n = epoll_wait(poller, e, most < 256 ? most : 256, 0);
    }
    for (int i = 0; i < n; i++) {
        who[i] = e[i].data.ptr;
        what[i] = (e[i].events & EPOLLIN ? IN : 0u) | (e[i].events & EPOLLOUT ? OUT : 0u) |
                  (e[i].events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP) ? GONE | IN : 0u);
    }
    return n;
}
#else
static struct pollfd *slots;
static void **owners;
static int slot_count;

static void watch(int fd, void *who, unsigned want, unsigned *had) {
    int i = 0;
    while (i < slot_count && slots[i].fd != fd) i++;
    if (i == slot_count) {
        slots = realloc(slots, (size_t)(slot_count + 1) * sizeof *slots);
        owners = realloc(owners, (size_t)(slot_count + 1) * sizeof *owners);
        if (!slots || !owners) exit(1);
        slot_count++;
    }
    slots[i].fd = fd;
    slots[i].events = (short)((want & IN ? POLLIN : 0) | (want & OUT ? POLLOUT : 0));
    owners[i] = who;
    *had = want;
}

static void unwatch(int fd) {
    for (int i = 0; i < slot_count; i++) {
        if (slots[i].fd != fd) continue;
        slots[i] = slots[--slot_count];
        owners[i] = owners[slot_count];
        return;
    }
}

static int ready(void **who, unsigned *what, int most, uint64_t when) {
    uint64_t now = now_us();
    int n = 0, ms = when <= now ? 0 : when - now > 500000 ? 500 : (int)((when - now + 999) / 1000);
    poll(slots, (nfds_t)slot_count, ms);
    for (int i = 0; i < slot_count && n < most; i++) {
        short r = slots[i].revents;
        if (!r) continue;
        who[n] = owners[i];
        what[n++] =
            (r & POLLIN ? IN : 0u) | (r & POLLOUT ? OUT : 0u) | (r & (POLLHUP | POLLERR) ? GONE | IN : 0u);
    }
    return n;
}
#endif

void loop_watch(conn *c) {
    int r, w, fd = conn_fd(c, &r, &w);
    watch(fd, c, (r ? IN : 0u) | (w ? OUT : 0u), conn_watched(c));
}

void loop_forget(conn *c) {
    int r, w;
    unwatch(conn_fd(c, &r, &w));
}

/* ---- sockets ---- */

static int listen_on(int port, int ipv6) {
    struct sockaddr_in a4;
    struct sockaddr_in6 a6;
    int one = 1, fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    memset(&a4, 0, sizeof a4);
    memset(&a6, 0, sizeof a6);
    a4.sin_family = AF_INET;
    a4.sin_port = htons((uint16_t)port);
    a4.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* nothing else: this server answers to anybody */
    a6.sin6_family = AF_INET6;
    a6.sin6_port = htons((uint16_t)port);
    a6.sin6_addr = in6addr_loopback;
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, ipv6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4, ipv6 ? sizeof a6 : sizeof a4) ||
        listen(fd, 1024)) {
        close(fd);
        return -1;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

static int port_of(int fd) {
    struct sockaddr_storage s;
    socklen_t n = sizeof s;
    if (getsockname(fd, (struct sockaddr *)&s, &n)) return 0;
    if (s.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)(void *)&s)->sin6_port);
    return ntohs(((struct sockaddr_in *)(void *)&s)->sin_port);
}

static void accept_all(listener *l) {
    int fd;
    for (int i = 0; i < 64 && (fd = accept(l->fd, NULL, NULL)) >= 0; i++) {
        fcntl(fd, F_SETFL, O_NONBLOCK);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        conn_accept(fd, l->from);
    }
}

static void read_stdin(void) {
    char b[4096];
    ssize_t n = read(0, b, sizeof b);
    if (n > 0) {
        wait_continue("", (long)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        srv.quit = 1;
        unwatch(0);
    }
}

/* ---- options ---- */

static const char usage_text[] =
    "mock_server: a scripted OpenAI-compatible server on the loopback address\n"
    "\n"
    "  --http PORT          plain HTTP (default 0: any free port; off: none)\n"
    "  --https PORT         HTTPS, likewise\n"
    "  --control PORT       where only control requests are meant to go; it is not counted; likewise\n"
    "  --ipv6               listen on ::1 instead of 127.0.0.1\n"
    "  --pki DIR            where the certificates lie (default: those of this repository)\n"
    "  --script FILE        exchanges to play; README.md has the grammar\n"
    "  --ready-file FILE    the line with the ports, also written to this file once all is ready\n"
    "  --stdin              end when standard input ends; each byte read is one `continue`\n"
    "  --with-parent        end when the parent process is gone\n"
    "  --lifetime SECONDS   end after that time in any case\n"
    "  --verbose            a line on standard error for each request\n"
    "\n"
    "Settings; POST /__mock/config takes the same without the dashes, one a line:\n"
    "  --cert NAME|FILE     server identity: NAME.pem of the certificates' folder (default: ec), or a file\n"
    "  --key KEY            requests must carry it (default: none is asked for)\n"
    "  --tls-min, --tls-max 10, 11 or 12 (default 12)\n"
    "  --session-cache 0|1  resumption by session id (default 1)\n"
    "  --tls-alert N        answer every ClientHello with fatal alert N (70 is what a TLS 1.3 server says)\n"
    "  --on-accept fin|reset|stall [COUNT]   what happens to the next COUNT connections (one argument)\n"
    "  --wire-cut 'N fin|reset|stall'        on HTTPS connections after N bytes sent, handshake included\n"
    "  --keepalive-max N    requests a connection takes, then Connection: close\n"
    "  --idle-close MS      closes a kept connection after that time, without a word\n"
    "  --record-max N       at most N bytes a write or TLS record\n"
    "  --pace MS            between the events of built-in answers\n"
    "  --burst 0|1          1: built-in events go out in large writes\n"
    "\n"
    "It prints one line: mock_server: http 127.0.0.1:PORT https 127.0.0.1:PORT control 127.0.0.1:PORT ca "
    "FILE\n";

static int port_arg(const char *s) {
    if (!strcmp(s, "off")) return -1;
    long v = strtol(s, NULL, 10);
    return v >= 0 && v <= 65535 ? (int)v : -1;
}

static void stop(const char *why, const char *what) {
    fprintf(stderr, "mock_server: %s %s\n", why, what);
    exit(2);
}

static int flag(options *o, const char *name) {
    if (!strcmp(name, "ipv6"))
        o->ipv6 = 1;
    else if (!strcmp(name, "stdin"))
        o->use_stdin = 1;
    else if (!strcmp(name, "with-parent"))
        o->with_parent = 1;
    else if (!strcmp(name, "verbose"))
        srv.verbose = 1;
    else
        return 0;
    return 1;
}

static int with_value(options *o, const char *name, const char *value) {
    if (!strcmp(name, "http"))
        o->http_port = port_arg(value);
    else if (!strcmp(name, "https"))
        o->https_port = port_arg(value);
    else if (!strcmp(name, "control"))
        o->control_port = port_arg(value);
    else if (!strcmp(name, "pki"))
        snprintf(srv.folder, sizeof srv.folder, "%s", value);
    else if (!strcmp(name, "script"))
        o->script = value;
    else if (!strcmp(name, "ready-file"))
        o->ready_file = value;
    else if (!strcmp(name, "lifetime"))
        o->lifetime = strtol(value, NULL, 10);
    else
        return 0;
    return 1;
}

static void read_options(options *o, int argc, char **argv) {
    const char *cert = "ec";
    buf error = {0};
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (!strcmp(name, "--help")) {
            fputs(usage_text, stdout);
            exit(0);
        }
        if (strncmp(name, "--", 2)) stop("unknown argument", name);
        if (flag(o, name + 2)) continue;
        if (i + 1 >= argc) stop("unknown option, or no value for it:", name);
        const char *value = argv[++i];
        if (!strcmp(name, "--cert"))
            cert = value; /* once the folder is known */
        else if (!with_value(o, name + 2, value) && set_option(name + 2, value, &error))
            stop("", error.p);
    }
    if (o->https_port >= 0 && set_option("cert", cert, &error)) stop("", error.p);
}

static void load_script(const char *path) {
    buf text = {0}, error = {0};
    char folder[1024];
    const char *slash = strrchr(path, '/');
    if (file_read(path, &text)) stop("cannot read", path);
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    srv.sc = script_read(text.p ? text.p : "", text.len, folder, &error);
    if (!srv.sc) stop(path, error.p);
    buf_free(&text);
}

static void start_listeners(const options *o) {
    int ports[3];
    ports[SIDE_HTTP] = o->http_port;
    ports[SIDE_HTTPS] = o->https_port;
    ports[SIDE_CONTROL] = o->control_port;
    for (int i = 0; i < 3; i++) {
        listener *l = &listeners[i];
        unsigned had = 0;
        l->fd = -1;
        l->from = (side)i;
        if (ports[i] < 0) continue;
        l->fd = listen_on(ports[i], o->ipv6);
        if (l->fd < 0) stop("cannot listen:", strerror(errno));
        l->port = port_of(l->fd);
        watch(l->fd, l, IN, &had);
    }
}

static void announce(const options *o) {
    static const char *const names[] = {"http", "https", "control"};
    const char *host = o->ipv6 ? "[::1]" : "127.0.0.1";
    buf line = {0};
    buf_str(&line, "mock_server:");
    for (int i = 0; i < 3; i++) {
        if (listeners[i].fd >= 0) buf_fmt(&line, " %s %s:%d", names[i], host, listeners[i].port);
    }
    if (o->https_port >= 0) buf_fmt(&line, " ca %s/roots.pem", srv.folder);
    buf_str(&line, "\n");
    fputs(line.p, stdout);
    fflush(stdout);
    if (o->ready_file) {
        /* Renamed into place, so that who waits for it never reads half a line. */
        buf tmp = {0};
        buf_fmt(&tmp, "%s.tmp", o->ready_file);
        FILE *f = fopen(tmp.p, "w");
        if (!f || fputs(line.p, f) < 0 || fclose(f) || rename(tmp.p, o->ready_file))
            stop("cannot write", o->ready_file);
        buf_free(&tmp);
    }
    buf_free(&line);
}

static void on_signal(int n) {
    (void)n;
    stopped = 1;
}

static void dispatch(void *who, unsigned what) {
    if (who == &stdin_tag) {
        read_stdin();
        return;
    }
    for (int i = 0; i < 3; i++) {
        if (who == &listeners[i]) {
            accept_all(&listeners[i]);
            return;
        }
    }
    conn_event((conn *)who, (what & IN) != 0, (what & OUT) != 0, (what & GONE) != 0);
}

static void serve(const options *o) {
    void *who[256];
    unsigned what[256];
    pid_t parent = getppid();
    uint64_t end = o->lifetime > 0 ? srv.started_us + (uint64_t)o->lifetime * 1000000u : UINT64_MAX;
    while (!srv.quit && !stopped) {
        uint64_t next = conn_timers();
        int n = ready(who, what, 256, next);
        for (int i = 0; i < n; i++) dispatch(who[i], what[i]);
        if (now_us() >= end) break;
        if (o->with_parent && getppid() != parent) break;
    }
}

static void more_descriptors(void) {
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r)) return;
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
}

int main(int argc, char **argv) {
    options o;
    unsigned had = 0;
    memset(&o, 0, sizeof o);
    snprintf(srv.folder, sizeof srv.folder, "%s", MOCK_PKI);
    srv.set.tls_min = srv.set.tls_max = 12;
    srv.set.session_cache = 1;
    srv.set.wire_cut = -1;
    srv.started_us = now_us();
    read_options(&o, argc, argv);
    srv.set_at_start = srv.set;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    more_descriptors();
#ifdef __linux__
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0) stop("epoll:", strerror(errno));
#endif
    if (o.script) load_script(o.script);
    start_listeners(&o);
    if (o.use_stdin) {
        watch(0, &stdin_tag, IN, &had);
        if (!had) stop("--stdin needs a pipe or a terminal,", "not a file");
    }
    announce(&o);
    serve(&o);
    conn_close_all();
    script_release(srv.sc);
    return 0;
}
