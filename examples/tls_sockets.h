/* tls_sockets.h: what tls_mbedtls.c and tls_openssl.c share: net hooks of llm_openai.h over plain POSIX sockets, for
   a TLS library that can be given functions which send and receive without waiting. The file that includes this defines
   TLS_SESSION before, the type that its library has for one connection, and behind it the six functions that are
   declared here. Names are looked up by getaddrinfo(), which waits; nothing else does, unless it is told how long.
   The first client of the program sets the TLS library up: one thread makes it, before others make theirs. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TLS_NEW, TLS_CONNECT, TLS_SHAKE, TLS_OPEN, TLS_DEAD };   /* NEW is 0: the library gives a zeroed connection */

struct tls_conn {
    int              stage;
    int              fd;        /* -1 = none; of no meaning while NEW */
    unsigned         serial;    /* counts the sockets, for event loops */
    int              wants;     /* what is waited for: LLM_WANT_READ, LLM_WANT_WRITE */
    int              result;    /* DEAD: why, one of LLM_NET_ */
    struct addrinfo *all, *at;  /* addresses, and the next to be tried */
    int              turn_ms;   /* so long one is waited for before it is the next one's turn */
    long long        turn_ends;
    int              silent;    /* one of this round has neither answered nor failed */
    int              secure;    /* there is a session */
    TLS_SESSION      session;
    char             why[160];
};

/* The TLS library's part. */
static int  tls_init(void);                                    /* once for the program; 0 = failed */
static int  tls_begin(struct tls_conn *c, const char *host);   /* 0 = failed */
static int  tls_shake(struct tls_conn *c);   /* 1 = done, chain and name are checked; 0 = c->wants says what for; < 0 */
static long tls_read(struct tls_conn *c, void *buf, size_t n);          /* like LLM_NET_RECV with time-out 0 */
static long tls_write(struct tls_conn *c, const void *buf, size_t n);   /* like LLM_NET_SEND with time-out 0 */
static void tls_end(struct tls_conn *c);                       /* close_notify, if it goes out at once; frees */

static int  net_open(struct tls_conn *c, const char *host, int port, int timeout_ms, int secure);
static long net_send(struct tls_conn *c, const void *buf, size_t n, int timeout_ms);
static long net_recv(struct tls_conn *c, void *buf, size_t n, int timeout_ms);
static void net_close(struct tls_conn *c);
static int  net_timer(const struct tls_conn *c);

#define LLM_NET_TLS 1
#define LLM_NET_CONN struct tls_conn
#define LLM_NET_OPEN(ctx, c, host, port, ms, secure) ((void)(ctx), net_open((c), (host), (port), (ms), (secure)))
#define LLM_NET_SEND(ctx, c, buf, n, ms) ((void)(ctx), net_send((c), (buf), (n), (ms)))
#define LLM_NET_RECV(ctx, c, buf, n, ms) ((void)(ctx), net_recv((c), (buf), (n), (ms)))
#define LLM_NET_CLOSE(ctx, c) ((void)(ctx), net_close(c))
#define LLM_NET_FD(ctx, c) ((void)(ctx), (c)->stage == TLS_NEW ? -1 : (c)->fd)
#define LLM_NET_SERIAL(ctx, c) ((void)(ctx), (c)->serial)
#define LLM_NET_WANTS(ctx, c) ((void)(ctx), (c)->wants)
#define LLM_NET_TIMER_MS(ctx, c) ((void)(ctx), net_timer(c))
#define LLM_NET_WHY(ctx, c) ((void)(ctx), (c)->why)
#define LLM_NET_INIT(ctx) ((void)(ctx), tls_init())

#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"

/* What the TLS library sends and receives with: bytes, 0 = it would wait, LLM_NET_CLOSED, LLM_NET_FAILED. */
static long socket_result(struct tls_conn *c, ssize_t r, int wants) {
    if (r >= 0) return r == 0 ? LLM_NET_CLOSED : (long)r;
    c->wants = wants;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return 0;
    snprintf(c->why, sizeof c->why, "%s", strerror(errno));
    return LLM_NET_FAILED;
}

static long socket_send(struct tls_conn *c, const void *buf, size_t n) {
    return socket_result(c, send(c->fd, buf, n, MSG_NOSIGNAL), LLM_WANT_WRITE);
}

static long socket_recv(struct tls_conn *c, void *buf, size_t n) {
    return socket_result(c, recv(c->fd, buf, n, 0), LLM_WANT_READ);
}

static void socket_wait(const struct tls_conn *c, int timeout_ms) {
    struct pollfd p;
    p.fd = c->fd;
    p.events = (short)((c->wants & LLM_WANT_READ ? POLLIN : 0) | (c->wants & LLM_WANT_WRITE ? POLLOUT : 0));
    p.revents = 0;
    (void)poll(&p, 1, timeout_ms);
}

static void drop(struct tls_conn *c) {
    if (c->secure) tls_end(c);
    if (c->fd >= 0) close(c->fd);
    if (c->all != NULL) freeaddrinfo(c->all);
    c->secure = 0;
    c->fd = -1;
    c->all = NULL;
}

static int dead(struct tls_conn *c, int result) {
    drop(c);
    c->stage = TLS_DEAD;
    c->result = result;
    return result;
}

static int look_up(struct tls_conn *c, const char *host, int port) {
    struct addrinfo hints;
    char service[12];
    int e;
    c->fd = -1;
    c->wants = LLM_WANT_WRITE;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    snprintf(service, sizeof service, "%d", port);
    e = getaddrinfo(host, service, &hints, &c->all);
    if (e != 0) {
        snprintf(c->why, sizeof c->why, "%s", gai_strerror(e));
        return dead(c, LLM_NET_NO_HOST);
    }
    c->at = c->all;
    c->turn_ms = 250;   /* RFC 8305 5 */
    c->stage = TLS_CONNECT;
    return 0;
}

/* A socket to the next address. 1 connected, 0 in progress, -1 failed (errno). */
static int try_next(struct tls_conn *c) {
    const struct addrinfo *a = c->at;
    int on = 1, r;
    c->at = c->at->ai_next;
    c->fd = socket(a->ai_family, SOCK_STREAM, 0);
    c->serial++;
    if (c->fd < 0) return -1;
    (void)fcntl(c->fd, F_SETFD, FD_CLOEXEC);
    (void)fcntl(c->fd, F_SETFL, O_NONBLOCK);
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    r = connect(c->fd, a->ai_addr, a->ai_addrlen);
    return r == 0 ? 1 : errno == EINPROGRESS || errno == EINTR ? 0 : -1;
}

static long long clock_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until it is the next address's turn; -1 = there is no other, or one has been reached. */
static int net_timer(const struct tls_conn *c) {
    long long left;
    if (c->stage != TLS_CONNECT || c->all->ai_next == NULL) return -1;
    left = c->turn_ends - clock_ms();
    return left > 0 ? (int)left : 0;
}

/* One address after the other, for one may be dead without a word, as IPv6 often is; then all again, each for twice as
   long, for the way may be slow. 1 connected, 0 in progress, < 0 all have failed. */
static int connect_step(struct tls_conn *c) {
    int r = -1, error = 0;
    socklen_t n = sizeof error;
    if (c->fd >= 0) {
        struct pollfd p;
        p.fd = c->fd;
        p.events = POLLOUT;
        if (poll(&p, 1, 0) > 0) {
            if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0) error = errno;
            if (error == 0) return 1;
        } else {
            if (net_timer(c) != 0) return 0;
            c->silent = 1;
        }
    }
    do {
        if (c->fd >= 0) close(c->fd);
        c->fd = -1;
        if (c->at == NULL) {
            if (!c->silent) {
                snprintf(c->why, sizeof c->why, "%s", strerror(error));
                return dead(c, error == ECONNREFUSED ? LLM_NET_REFUSED : LLM_NET_FAILED);
            }
            c->at = c->all;
            c->silent = 0;
            if (c->turn_ms < 8000) c->turn_ms *= 2;
        }
        r = try_next(c);
        error = errno;
    } while (r < 0);
    c->turn_ends = clock_ms() + c->turn_ms;
    return r;
}

static int open_step(struct tls_conn *c, const char *host, int port, int secure) {
    int r;
    if (c->stage == TLS_NEW && look_up(c, host, port) != 0) return c->result;
    if (c->stage == TLS_CONNECT) {
        r = connect_step(c);
        if (r <= 0) return r;
        c->stage = TLS_SHAKE;
        if (secure) {
            c->secure = 1;
            if (!tls_begin(c, host)) return dead(c, LLM_NET_FAILED);
        }
    }
    if (c->stage == TLS_SHAKE) {
        r = c->secure ? tls_shake(c) : 1;
        if (r < 0) return dead(c, r);
        if (r == 0) return 0;
        c->stage = TLS_OPEN;
    }
    return c->stage == TLS_OPEN ? 1 : c->result;
}

static int net_open(struct tls_conn *c, const char *host, int port, int timeout_ms, int secure) {
    int turn, r = open_step(c, host, port, secure);
    if (r != 0 || timeout_ms <= 0) return r;
    turn = net_timer(c);
    socket_wait(c, turn >= 0 && turn < timeout_ms ? turn : timeout_ms);
    return open_step(c, host, port, secure);
}

static long net_send(struct tls_conn *c, const void *buf, size_t n, int timeout_ms) {
    long r = c->secure ? tls_write(c, buf, n) : socket_send(c, buf, n);
    if (r != 0 || timeout_ms <= 0) return r;
    socket_wait(c, timeout_ms);
    return c->secure ? tls_write(c, buf, n) : socket_send(c, buf, n);
}

static long net_recv(struct tls_conn *c, void *buf, size_t n, int timeout_ms) {
    long r = c->secure ? tls_read(c, buf, n) : socket_recv(c, buf, n);
    if (r != 0 || timeout_ms <= 0) return r;
    socket_wait(c, timeout_ms);
    return c->secure ? tls_read(c, buf, n) : socket_recv(c, buf, n);
}

static void net_close(struct tls_conn *c) {
    if (c->stage != TLS_NEW) drop(c);
    c->stage = TLS_DEAD;
}
