/* fuzz_dial.c - the library's own sockets: names, the race between addresses, sending and receiving, over a kernel of this
   file's own. Three bytes of options; each system call takes one more, which says how it ends: 255 and its neighbours are
   failures, none left is the good way. A query is answered as the input says: right, wrong, late, not at all, or with
   bytes of the input.

   What must hold: no call waits longer than it may, nor at all where it may not; the descriptor that is used is open,
   connected to an address that was named, and waits; every descriptor is closed once. */
#define _GNU_SOURCE 1
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int k_socket(int family, int type, int protocol);
static int k_connect(int fd, const struct sockaddr *a, socklen_t n);
static ssize_t k_send(int fd, const void *p, size_t n, int flags);
static ssize_t k_recv(int fd, void *p, size_t n, int flags);
static int k_poll(struct pollfd *p, nfds_t n, int ms);
static int k_epoll_create1(int flags);
static int k_epoll_ctl(int set, int op, int fd, struct epoll_event *e);
static int k_epoll_wait(int set, struct epoll_event *e, int n, int ms);
static int k_fcntl(int fd, int cmd, int arg);
static int k_getsockopt(int fd, int level, int name, void *v, socklen_t *n);
static int k_setsockopt(int fd, int level, int name, const void *v, socklen_t n);
static int k_close(int fd);
/* as functions: members of these names are left alone */
#define socket(f, t, p) k_socket((f), (t), (p))
#define connect(fd, a, n) k_connect((fd), (a), (n))
#define send(fd, p, n, f) k_send((fd), (p), (n), (f))
#define recv(fd, p, n, f) k_recv((fd), (p), (n), (f))
#define poll(p, n, ms) k_poll((p), (n), (ms))
#define epoll_create1(f) k_epoll_create1((f))
#define epoll_ctl(s, o, fd, e) k_epoll_ctl((s), (o), (fd), (e))
#define epoll_wait(s, e, n, ms) k_epoll_wait((s), (e), (n), (ms))
#define K_PICK(a, b, c, name, ...) name
#define K_FCNTL2(fd, cmd) k_fcntl((fd), (cmd), 0)
#define K_FCNTL3(fd, cmd, arg) k_fcntl((fd), (cmd), (arg))
#define fcntl(...) K_PICK(__VA_ARGS__, K_FCNTL3, K_FCNTL2, 0)(__VA_ARGS__)
#define getsockopt(fd, l, o, v, n) k_getsockopt((fd), (l), (o), (v), (n))
#define setsockopt(fd, l, o, v, n) k_setsockopt((fd), (l), (o), (v), (n))
#define close(fd) k_close((fd))
#include "fuzz.h"

enum { K_FREE, K_UDP, K_TCP, K_EPOLL };
enum { K_FDS = 64, K_FIRST = 10, K_MAIL = 3 };

typedef struct k_mail { uint64_t at; size_t n; unsigned char p[1300]; } k_mail;

typedef struct k_fd {
    int kind, nonblock, connected, error;      /* connected: 0 no, 1 on its way, 2 yes, 3 failed */
    uint64_t at;                               /* when the connection is there or has failed */
    int port;
    unsigned char address[16];
    int v6;
    k_mail mail[K_MAIL];
    int mails;
} k_fd;

static struct {
    fuzz_in in;
    k_fd fd[K_FDS];
    int waits, any;                            /* may wait; the input has said addresses of its own */
    int no_sets;                               /* epoll_create1() always fails */
    int polls_fail;                            /* also those that do not wait */
    struct { int set, fd; struct epoll_event e; } reg[100];       /* what the epoll sets hold */
    int regs;
    uint64_t until;                            /* not beyond */
} k;

static k_fd *k_of(int fd) {
    FUZZ_CHECK(fd >= K_FIRST && fd < K_FIRST + K_FDS && k.fd[fd - K_FIRST].kind != K_FREE);
    return &k.fd[fd - K_FIRST];
}

static int k_fail(int e) {
    errno = e;
    return -1;
}

static int k_error(unsigned b) {
    static const int all[] = {ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, ETIMEDOUT, EADDRNOTAVAIL, EACCES, ENOBUFS, EAFNOSUPPORT, EMFILE,
                              ECONNRESET, EINVAL, EPERM, ENOMEM, EPIPE, ENFILE};
    return all[b % (sizeof all / sizeof all[0])];
}

static int k_new(int kind) {
    int i;
    for (i = 0; i < K_FDS && k.fd[i].kind != K_FREE; i++) continue;
    FUZZ_CHECK(i < K_FDS);                     /* more than one OPEN may need */
    memset(&k.fd[i], 0, sizeof k.fd[i]);
    k.fd[i].kind = kind;
    return K_FIRST + i;
}

static int k_socket(int family, int type, int protocol) {
    unsigned b = fuzz_byte(&k.in);
    int fd;
    (void)protocol;
    if (b > 247) return k_fail(k_error(b));
    fd = k_new((type & 15) == SOCK_DGRAM ? K_UDP : K_TCP);
    k_of(fd)->v6 = family == AF_INET6;
    k_of(fd)->nonblock = (type & SOCK_NONBLOCK) != 0;
    return fd;
}

static int k_connect(int fd, const struct sockaddr *a, socklen_t n) {
    k_fd *f = k_of(fd);
    unsigned b = fuzz_byte(&k.in);
    FUZZ_CHECK(f->connected == 0 && (a->sa_family == AF_INET6) == f->v6 && f->nonblock);
    if (f->v6) {
        const struct sockaddr_in6 *s = (const struct sockaddr_in6 *)(const void *)a;
        FUZZ_CHECK(n == sizeof *s);
        memcpy(f->address, &s->sin6_addr, 16);
        f->port = ntohs(s->sin6_port);
    } else {
        const struct sockaddr_in *s = (const struct sockaddr_in *)(const void *)a;
        FUZZ_CHECK(n == sizeof *s);
        memcpy(f->address, &s->sin_addr, 4);
        f->port = ntohs(s->sin_port);
    }
    if (f->kind == K_UDP) {
        if (b > 247) return k_fail(k_error(b));
        f->connected = 2;
        return 0;
    }
    if (b % 8 == 5) return k_fail(k_error(b / 8));
    f->connected = 1;
    f->at = fuzz_sys.now + b / 8 * 20;
    if (b % 8 == 1) f->error = ECONNREFUSED;
    if (b % 8 == 2) f->error = k_error(b / 8);
    if (b % 8 == 3) f->at = UINT64_MAX;
    if (b % 8 == 4) {
        f->connected = 2;
        return 0;
    }
    return k_fail(b % 8 == 6 ? EINTR : EINPROGRESS);
}

/* What a TCP socket has come to by now. */
static int k_state(k_fd *f) {
    if (f->connected == 1 && fuzz_sys.now >= f->at) f->connected = f->error ? 3 : 2;
    return f->connected;
}

/* An answer to the query in p[0..n). */
static void k_answer(k_fd *f, const unsigned char *p, size_t n) {
    unsigned how = fuzz_byte(&k.in), more = fuzz_byte(&k.in);
    k_mail *m;
    size_t i, type_at = 12;
    if (how % 8 == 0 || f->mails == K_MAIL || n < 17) return;                /* silence */
    m = &f->mail[f->mails++];
    m->at = fuzz_sys.now + more * 10;
    while (type_at < n && p[type_at] != 0) type_at += (size_t)p[type_at] + 1u;
    type_at += 1;
    FUZZ_CHECK(type_at + 4 <= n);
    m->n = type_at + 4;
    memcpy(m->p, p, m->n);
    m->p[2] = 0x81;
    m->p[3] = (unsigned char)(how % 8 == 2 ? 0x83 : how % 8 == 3 ? 0x82 : 0x80);       /* no such name, server failure */
    memset(m->p + 6, 0, 6);
    if (how % 8 == 4) m->p[2] |= 2;                                           /* cut */
    if (how % 8 == 5) m->p[0] ^= 1;                                           /* another id */
    if (how % 8 == 6 || how % 8 == 7) {                                       /* the input's own bytes, behind a right head */
        size_t len = fuzz_byte(&k.in);
        if (how % 8 == 7) m->p[7] = (unsigned char)(1 + len % 4);
        for (i = 0; i < len && k.in.n > 0; i++) m->p[m->n++] = (unsigned char)fuzz_byte(&k.in);
        k.any = 1;
    } else if (how % 8 == 1 || how % 8 == 4) {
        int aaaa = m->p[type_at + 1] == 28, count = 1 + (int)(how / 8) % 6, j;
        for (j = 0; j < count; j++) {
            static const unsigned char head[] = {0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4};
            memcpy(m->p + m->n, head, sizeof head);
            m->p[m->n + 3] = (unsigned char)(aaaa ? 28 : 1);
            m->p[m->n + 11] = (unsigned char)(aaaa ? 16 : 4);
            memset(m->p + m->n + 12, aaaa ? 0x20 : 10, 16);
            m->p[m->n + (aaaa ? 27 : 15)] = (unsigned char)(j + 1);
            m->n += aaaa ? 28 : 16;
        }
        m->p[7] = (unsigned char)count;
    }
}

static ssize_t k_send(int fd, const void *p, size_t n, int flags) {
    k_fd *f = k_of(fd);
    unsigned b = fuzz_byte(&k.in);
    FUZZ_CHECK(k_state(f) == 2 && n > 0 && (flags & MSG_NOSIGNAL));
    if (!(flags & MSG_DONTWAIT)) FUZZ_CHECK(k.waits && !f->nonblock);
    if (b == 255) return k_fail(EAGAIN);
    if (b == 254) return k_fail(EINTR);
    if (b > 247) return k_fail(k_error(b));
    if (f->kind == K_UDP) {
        k_answer(f, (const unsigned char *)p, n);
        if (b & 1) k_answer(f, (const unsigned char *)p, n);
        return (ssize_t)n;
    }
    return b == 0 || n < b ? (ssize_t)n : (ssize_t)b;
}

static ssize_t k_recv(int fd, void *p, size_t n, int flags) {
    k_fd *f = k_of(fd);
    int i;
    FUZZ_CHECK(k_state(f) == 2 && n > 0);
    if (!(flags & MSG_DONTWAIT)) FUZZ_CHECK(k.waits && !f->nonblock);
    if (f->kind == K_TCP) {
        unsigned b = fuzz_byte(&k.in);
        if (b == 0) return 0;
        if (b > 252) return k_fail(b == 255 ? EAGAIN : b == 254 ? EINTR : ECONNRESET);
        if (n > b) n = b;
        memset(p, 'x', n);
        return (ssize_t)n;
    }
    for (i = 0; i < f->mails; i++) {
        k_mail *m = &f->mail[i];
        if (m->at > fuzz_sys.now) continue;
        if (n > m->n) n = m->n;
        memcpy(p, m->p, n);
        *m = f->mail[--f->mails];
        if (n % 16 == 15) return k_fail(ECONNREFUSED);          /* nobody listens there */
        return (ssize_t)n;
    }
    return k_fail(fuzz_byte(&k.in) == 254 ? EINTR : EAGAIN);
}

/* When this can go on. */
static uint64_t k_due(int fd) {
    k_fd *f = k_of(fd);
    uint64_t first = UINT64_MAX;
    int i;
    if (f->kind == K_EPOLL) {                  /* a set within a set holds sockets only */
        for (i = 0; i < k.regs; i++) {
            uint64_t due = k.reg[i].set == fd && k_of(k.reg[i].fd)->kind != K_EPOLL ? k_due(k.reg[i].fd) : UINT64_MAX;
            if (due < first) first = due;
        }
        return first;
    }
    if (f->kind == K_TCP) return k_state(f) == 1 ? f->at : fuzz_sys.now;
    for (i = 0; i < f->mails; i++) if (f->mail[i].at < first) first = f->mail[i].at;
    return first;
}

static int k_poll(struct pollfd *p, nfds_t n, int ms) {
    uint64_t first = UINT64_MAX;
    nfds_t i;
    int ready = 0;
    FUZZ_CHECK(ms == 0 || k.waits);
    for (i = 0; i < n; i++) {
        uint64_t due = p[i].fd < 0 ? UINT64_MAX : k_due(p[i].fd);
        if (due < first) first = due;
    }
    if (ms != 0 || k.polls_fail) {
        unsigned op = fuzz_byte(&k.in);
        if (op > 253) return k_fail(op == 255 ? EINTR : ENOMEM);
    }
    if (ms > 0 && first > fuzz_sys.now + (uint64_t)ms) first = fuzz_sys.now + (uint64_t)ms;
    if (ms != 0) FUZZ_CHECK(first != UINT64_MAX);               /* it would wait for ever */
    if (ms != 0 && first > fuzz_sys.now) fuzz_sys.now = first;
    FUZZ_CHECK(fuzz_sys.now <= k.until);
    for (i = 0; i < n; i++) {
        p[i].revents = p[i].fd >= 0 && k_due(p[i].fd) <= fuzz_sys.now ? p[i].events : 0;
        ready += p[i].revents != 0;
    }
    return ready;
}

static int k_epoll_create1(int flags) {
    (void)flags;
    return k.no_sets || fuzz_byte(&k.in) == 255 ? k_fail(EMFILE) : k_new(K_EPOLL);
}

static int k_epoll_ctl(int set, int op, int fd, struct epoll_event *e) {
    FUZZ_CHECK(k_of(set)->kind == K_EPOLL && op == EPOLL_CTL_ADD && set != fd && k_of(fd)->kind != K_FREE && e->events != 0);
    if (fuzz_byte(&k.in) == 255) return k_fail(ENOMEM);
    if (k.regs < 100) {
        k.reg[k.regs].set = set;
        k.reg[k.regs].fd = fd;
        k.reg[k.regs++].e = *e;
    }
    return 0;
}

/* Of the set that llm_wait() makes for more connections than one poll() takes: each entry once (EPOLLONESHOT). */
static int k_epoll_wait(int set, struct epoll_event *e, int n, int ms) {
    unsigned op = fuzz_byte(&k.in);
    uint64_t first = UINT64_MAX;
    int i, got = 0;
    FUZZ_CHECK(k_of(set)->kind == K_EPOLL && n > 0 && (ms == 0 || k.waits));
    if (op > 253) return k_fail(op == 255 ? EINTR : EBADF);
    for (i = 0; i < k.regs; i++) {
        uint64_t due = k.reg[i].set == set && k.reg[i].e.events ? k_due(k.reg[i].fd) : UINT64_MAX;
        if (due < first) first = due;
    }
    if (ms != 0 && first > fuzz_sys.now + (uint64_t)ms) first = fuzz_sys.now + (uint64_t)ms;
    if (ms != 0 && first > fuzz_sys.now) fuzz_sys.now = first;
    FUZZ_CHECK(fuzz_sys.now <= k.until);
    for (i = 0; i < k.regs && got < n; i++) {
        if (k.reg[i].set != set || k.reg[i].e.events == 0 || k_due(k.reg[i].fd) > fuzz_sys.now) continue;
        e[got++] = k.reg[i].e;
        k.reg[i].e.events = 0;
    }
    return got;
}

static int k_fcntl(int fd, int cmd, int arg) {
    k_fd *f = k_of(fd);
    if (fuzz_byte(&k.in) == 255) return k_fail(EINVAL);
    if (cmd == F_GETFL) return O_RDWR | (f->nonblock ? O_NONBLOCK : 0);
    if (cmd == F_SETFL) f->nonblock = (arg & O_NONBLOCK) != 0;
    return 0;
}

static int k_getsockopt(int fd, int level, int name, void *v, socklen_t *n) {
    k_fd *f = k_of(fd);
    FUZZ_CHECK(level == SOL_SOCKET && name == SO_ERROR && *n == sizeof(int));
    if (fuzz_byte(&k.in) == 255) return k_fail(ENOBUFS);
    memcpy(v, &f->error, sizeof(int));
    return 0;
}

static int k_setsockopt(int fd, int level, int name, const void *v, socklen_t n) {
    (void)k_of(fd);
    FUZZ_CHECK(v != NULL && n > 0);
    if (level == SOL_SOCKET) FUZZ_CHECK(k.waits && (name == SO_RCVTIMEO || name == SO_SNDTIMEO));
    return fuzz_byte(&k.in) == 255 ? k_fail(EINVAL) : 0;
}

static int k_close(int fd) {
    int i;
    k_of(fd)->kind = K_FREE;
    for (i = k.regs; i-- > 0;) if (k.reg[i].set == fd || k.reg[i].fd == fd) k.reg[i] = k.reg[--k.regs];
    return 0;
}

/* Every error has words of its own. */
static void k_words(void) {
    int i;
    for (i = 0; i < 140; i++) FUZZ_CHECK(llmi_net_errno(i) != NULL && llmi_net_errno(i)[0] != 0);
}

/* The connection that won: open, waiting, and to an address that somebody has named. */
static void k_opened(const llm_net_conn *c, int host, int port) {
    k_fd *f = k_of(c->fd);
    int i, open = 0;
    for (i = 0; i < K_FDS; i++) open += k.fd[i].kind != K_FREE;
    FUZZ_CHECK(open == 1 && k_state(f) == 2 && f->kind == K_TCP && !f->nonblock && f->port == port);
    if (host == 0) FUZZ_CHECK(!f->v6 && memcmp(f->address, "\x7F\0\0\1", 4) == 0);
    else if (host == 1) FUZZ_CHECK(f->v6 && memcmp(f->address, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16) == 0);
    else if (host > 2 && !k.any) FUZZ_CHECK(f->v6 ? f->address[0] == 0x20 && f->address[1] == 0x20 : memcmp(f->address, "\x0A\x0A\x0A", 3) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const hosts[] = {"127.0.0.1", "::1", "localhost", "a.test", "api.example.com", "b", "api.example.com.", "x.y"};
    static const char *const confs[] = {"nameserver 10.0.0.1\n", "nameserver 10.0.0.1\nnameserver fe80::1%1\nnameserver 10.0.0.3\noptions timeout:1 attempts:1\n",
                                        "search one.test two.test\nnameserver 10.0.0.1\noptions ndots:2 timeout:2\n", ""};
    static const char hosts_file[] = "10.10.10.7 x.y\n2020::1 x.y\n";
    static const int waits[] = {0, 1, 100, 5000};
    fuzz_in in = {data, size};
    unsigned a = fuzz_byte(&in), b = fuzz_byte(&in), most = fuzz_byte(&in);
    llm_net_conn c;
    int host = (int)(a & 7), r = 0, rounds = 0, many = 0, ms = waits[b & 3], i;
    char name[260];
    memset(&k, 0, sizeof k);
    memset(&c, 0, sizeof c);
    memset(&fuzz_sys, 0, sizeof fuzz_sys);
    k.in = in;
    k.polls_fail = (b & 32) != 0;
    k.no_sets = (b & 128) != 0;
    snprintf(name, sizeof name, "%s", hosts[host]);
    if (a & 32 && host == 5) {                 /* as long as a name can be: no search domain fits behind it */
        for (i = 0; i < 250; i++) name[i] = i % 60 == 59 ? '.' : 'n';
        name[i] = 0;
    }
    k_words();
    FUZZ_CHECK(LLM_NET_WHY(NULL, &c)[0] == 0);
    fuzz_sys.now = 1000000;
    fuzz_sys.resolv = confs[a >> 3 & 3];
    fuzz_sys.file = hosts_file;
    fuzz_sys.file_size = sizeof hosts_file - 1;
    fuzz_sys.file_most = most & 15;
    while (r == 0 && rounds++ < 2000 && fuzz_sys.now < 1000000 + 3600000) {
        k.waits = ms > 0;
        k.until = fuzz_sys.now + (uint64_t)ms;
        r = LLM_NET_OPEN(NULL, &c, name, 443, ms);
        FUZZ_CHECK(r == 0 || r == 1 || r == LLM_NET_NO_HOST || r == LLM_NET_REFUSED || r == LLM_NET_FAILED);
        FUZZ_CHECK(LLM_NET_WHY(NULL, &c) != NULL && (r >= 0 || LLM_NET_WHY(NULL, &c)[0] != 0));
        if (r != 0) break;
        if (b & 4) {
            int fd = LLM_NET_FD(NULL, &c);
            unsigned serial = LLM_NET_SERIAL(NULL, &c);
            FUZZ_CHECK(fd == -1 || k_of(fd)->kind != K_FREE);
            if (fd >= 0) FUZZ_CHECK(serial == LLM_NET_SERIAL(NULL, &c) && fd == LLM_NET_FD(NULL, &c));
        }
        FUZZ_CHECK(LLM_NET_WANTS(NULL, &c) != 0);
        i = LLM_NET_TIMER_MS(NULL, &c);
        if (b & 8) {                           /* as llm_wait() does it */
            static llm_wait_item item[70];      /* more than one poll() takes: an epoll set */
            int n = (b & 64) && many++ < 40 ? 70 : b & 16 ? 2 : 1, j, ready;     /* without sets a wait looks a hundred times */
            memset(item, 0, sizeof item);
            for (j = 0; j < n; j += 3) {
                item[j].conn = &c;
                item[j].wants = LLM_NET_WANTS(NULL, &c);
            }
            k.waits = 1;
            k.until = fuzz_sys.now + 1000;
            ready = LLM_NET_WAIT(NULL, item, (size_t)n, i >= 0 && i < 1000 ? i : 1000);
            FUZZ_CHECK(ready <= n);
            for (j = 0; j < n; j++) FUZZ_CHECK(item[j].conn != NULL || !item[j].ready || ready < 0);
            k.waits = 0;
        } else if (ms == 0) {
            fuzz_sys.now += i >= 0 && i < 500 ? (uint64_t)i + 1 : 500;
            (void)LLM_NET_TIMER_MS(NULL, &c);
        }
    }
    if (r == 1) {
        char buf[64];
        k_opened(&c, host, 443);
        for (i = 0; i < 6; i++) {
            long n;
            k.waits = i & 1;
            memset(buf, 'y', sizeof buf);
            n = LLM_NET_SEND(NULL, &c, buf, sizeof buf, i & 1 ? 100 * i : 0);
            FUZZ_CHECK((n >= 0 && n <= (long)sizeof buf) || n == LLM_NET_FAILED);
            n = LLM_NET_RECV(NULL, &c, buf, sizeof buf, i & 1 ? 100 : 0);
            FUZZ_CHECK((n >= 0 && n <= (long)sizeof buf) || n == LLM_NET_FAILED || n == LLM_NET_CLOSED);
        }
        FUZZ_CHECK(LLM_NET_FD(NULL, &c) == c.fd);
    }
    LLM_NET_CLOSE(NULL, &c);
    for (i = 0; i < K_FDS; i++) FUZZ_CHECK(k.fd[i].kind == K_FREE);
    return 0;
}
