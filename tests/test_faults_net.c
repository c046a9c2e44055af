/* test_faults_net.c - every system call of the default net hooks fails, in every way that it can: resolver, address
   race, sending and receiving, for whole calls. The calls are replaced by a small kernel of the test's own; see
   faults.h for what is done and checked. */
#define _GNU_SOURCE 1
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <net/if.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

static int s_socket(int family, int type, int protocol);
static int s_connect(int fd, const struct sockaddr *a, socklen_t n);
static ssize_t s_send(int fd, const void *p, size_t n, int flags);
static ssize_t s_recv(int fd, void *p, size_t n, int flags);
static int s_setsockopt(int fd, int level, int name, const void *value, socklen_t n);
static int s_getsockopt(int fd, int level, int name, void *value, socklen_t *n);
static int s_fcntl(int fd, int command, ...);
static int s_poll(struct pollfd *p, nfds_t n, int ms);
static int s_epoll_create1(int flags);
static int s_epoll_ctl(int set, int op, int fd, struct epoll_event *e);
static int s_epoll_wait(int set, struct epoll_event *e, int n, int ms);
static int s_close(int fd);

#define F_SYSCALLS
#define LLM_HOSTS_FILE  "the/hosts"
#define LLM_RESOLV_CONF "the/resolv.conf"
#define socket          s_socket
#define connect(fd, a, n) s_connect((fd), (a), (n))      /* members of this name are left alone */
#define send            s_send
#define recv            s_recv
#define setsockopt      s_setsockopt
#define getsockopt      s_getsockopt
#define fcntl           s_fcntl
#define poll            s_poll
#define epoll_create1   s_epoll_create1
#define epoll_ctl       s_epoll_ctl
#define epoll_wait      s_epoll_wait
#define close           s_close
#include "faults.h"
#undef socket
#undef connect
#undef send
#undef recv
#undef setsockopt
#undef getsockopt
#undef fcntl
#undef poll
#undef epoll_create1
#undef epoll_ctl
#undef epoll_wait
#undef close

/* ---- a small kernel ---------------------------------------------------------------------------------------- */

enum {
    K_SOCKET = K_SYS,
    K_CONNECT,
    K_SYS_SEND,
    K_SYS_RECV,
    K_SETSOCKOPT,
    K_GETSOCKOPT,
    K_FCNTL,
    K_POLL,
    K_EPOLL_CREATE,
    K_EPOLL_CTL,
    K_CLOSE
};
enum { W_EOF = 5000, W_ERROR_OPTION, W_NEVER }; /* others are an errno */
enum { S_FIRST = 1000, S_MOST = 400, S_UDP = 1, S_TCP, S_SET };

static struct s_fd {
    int kind; /* 0 closed */
    int nonblocking, connected;
    int error;         /* SO_ERROR */
    uint64_t ready_at; /* connected, or the datagram is there */
    int stuck;         /* neither ever */
    unsigned char packet[512];
    size_t packet_len;
    int member[16], members;
    long recv_ms, send_ms;
    f_peer *peer;
} s_fds[S_MOST];
static int s_count;

static void f_fds_reset(void) {
    memset(s_fds, 0, sizeof s_fds);
    s_count = 0;
}

static void f_fds_closed(void) {
    int i;
    for (i = 0; i < s_count; i++) {
        if (s_fds[i].kind != 0) f_check(0, "a descriptor was not closed");
    }
}

static int s_new(int kind) {
    if (s_count == S_MOST) f_stop("too many descriptors");
    s_fds[s_count].kind = kind;
    return S_FIRST + s_count++;
}

static struct s_fd *s_of(int fd) {
    static struct s_fd none;
    if (fd < S_FIRST || fd >= S_FIRST + s_count || s_fds[fd - S_FIRST].kind == 0) {
        f_check(0, "a descriptor was used that is not open");
        return &none;
    }
    return &s_fds[fd - S_FIRST];
}

/* 1: this call fails, errno is set. */
static int s_fails(int kind, const struct s_fd *s) {
    f_hook(f_ctx());
    if (!f_hit(kind, s && s->peer ? (int)(s->peer - w.peer) + 1 : 0)) return 0;
    if (fi.fired == 1) {
        fi.phase = PH_BEFORE;
        if (s && s->peer) f_note_fault(s->peer);
    }
    errno = fi.fault.what;
    /* a call that says "again" for ever takes some time */
    if (fi.fault.what == EINTR || fi.fault.what == EAGAIN || kind == K_POLL) f_clock(w.now + 1);
    return 1;
}

static uint64_t s_due(const struct s_fd *s, int events) {
    uint64_t due = UINT64_MAX, one;
    int i;
    if (s->stuck) return UINT64_MAX;
    if (s->kind == S_SET) {
        for (i = 0; i < s->members; i++) {
            const struct s_fd *m = &s_fds[s->member[i] - S_FIRST];
            one = m->kind == 0 ? UINT64_MAX : s_due(m, m->kind == S_UDP ? POLLIN : POLLOUT);
            if (one < due) due = one;
        }
        return due;
    }
    if (s->kind == S_UDP) return events & POLLIN ? s->ready_at : w.now;
    if (!s->connected || w.now < s->ready_at) return s->connected && (events & POLLOUT) ? s->ready_at : UINT64_MAX;
    if ((events & POLLOUT) || s->error) return w.now;
    if (!s->peer || !(events & POLLIN)) return UINT64_MAX;
    (void)f_ready(s->peer, &due);
    return due;
}

static uint64_t f_fd_due(int fd, int wants) {
    return s_due(s_of(fd), (wants & LLM_WANT_READ ? POLLIN : 0) | (wants & LLM_WANT_WRITE ? POLLOUT : 0));
}

static int s_socket(int family, int type, int protocol) {
    int fd;
    (void)protocol;
    if (family != AF_INET && family != AF_INET6) f_check(0, "socket() of another family");
    if (s_fails(K_SOCKET, NULL)) return -1;
    fd = s_new((type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) == SOCK_DGRAM ? S_UDP : S_TCP);
    s_of(fd)->nonblocking = (type & SOCK_NONBLOCK) != 0;
    s_of(fd)->ready_at = UINT64_MAX;
    return fd;
}

static int s_connect(int fd, const struct sockaddr *a, socklen_t n) {
    struct s_fd *s = s_of(fd);
    (void)a;
    (void)n;
    if (s_fails(K_CONNECT, s)) {
        if (fi.fault.what == EINTR || fi.fault.what == W_ERROR_OPTION || fi.fault.what == W_NEVER) {
            s->connected = 1;
            s->ready_at = w.now + 3;
            s->stuck = fi.fault.what == W_NEVER;
            s->error = fi.fault.what == W_ERROR_OPTION ? ECONNREFUSED : 0;
            if (s->kind == S_TCP && fi.fault.what == EINTR) s->peer = f_new_peer(s, "api.test");
            if (fi.fault.what != EINTR) errno = EINPROGRESS;
        }
        return -1;
    }
    s->connected = 1;
    if (s->kind == S_UDP) return 0;
    s->peer = f_new_peer(s, "api.test");
    s->ready_at = w.now + 3;
    errno = EINPROGRESS;
    return -1;
}

/* The name server: one address of each family. */
static void s_query(struct s_fd *s, const unsigned char *q, size_t n) {
    size_t end = 12;
    unsigned char *p = s->packet;
    int aaaa;
    while (end < n && q[end] != 0) end += q[end] + 1u;
    end += 5;
    if (end > n || n > 400) {
        f_check(0, "a bad DNS query");
        return;
    }
    aaaa = q[end - 3] == 28;
    memcpy(p, q, end);
    memcpy(p + 2, "\x81\x80\0\1\0\1\0\0\0\0", 10);
    memcpy(p + end, "\xC0\x0C\0\1\0\1\0\0\0\x3C", 10);
    p[end + 3] = aaaa ? 28 : 1;
    p[end + 10] = 0;
    p[end + 11] = aaaa ? 16 : 4;
    memset(p + end + 12, 0, 16);
    memcpy(p + end + 12, aaaa ? "\x20\x01\x0d\xb8" : "\xC0\0\2\1", 4);
    s->packet_len = end + 12 + (aaaa ? 16 : 4);
    s->ready_at = w.now + 2;
}

static ssize_t s_send(int fd, const void *p, size_t n, int flags) {
    struct s_fd *s = s_of(fd);
    if (!(flags & MSG_NOSIGNAL)) f_check(0, "send() may raise SIGPIPE");
    if (w.no_wait && !(flags & MSG_DONTWAIT) && !s->nonblocking) f_check(0, "send() may wait");
    if (!s->connected) f_check(0, "send() before connect()");
    if (s_fails(K_SYS_SEND, s)) return -1;
    if (s->kind == S_UDP) {
        s_query(s, (const unsigned char *)p, n);
        return (ssize_t)n;
    }
    n = f_piece(w.send_max, n);
    if (s->peer && !s->peer->end) f_take(s->peer, (const char *)p, n);
    return (ssize_t)n;
}

static ssize_t s_recv(int fd, void *p, size_t n, int flags) {
    struct s_fd *s = s_of(fd);
    int wait = !(flags & MSG_DONTWAIT) && !s->nonblocking;
    uint64_t due;
    size_t k = 0;
    if (w.no_wait && wait) f_check(0, "recv() may wait");
    if (s_fails(K_SYS_RECV, s)) {
        if (fi.fault.what == W_EOF && s->kind == S_TCP) return 0;
        if (fi.fault.what == W_EOF) errno = ECONNREFUSED;
        return -1;
    }
    if (s->kind == S_UDP) {
        if (s->ready_at > w.now) {
            errno = EAGAIN;
            return -1;
        }
        n = n < s->packet_len ? n : s->packet_len;
        memcpy(p, s->packet, n);
        s->ready_at = UINT64_MAX;
        return (ssize_t)n;
    }
    if (wait && s->recv_ms <= 0) f_stop("recv() without a time-out: the call hangs");
    while (s->peer && (k = f_ready(s->peer, &due)) == 0) {
        if (due == w.now) return s->peer->end == LLM_NET_CLOSED ? 0 : (errno = ECONNRESET, -1);
        if (!wait || due > w.now + (uint64_t)s->recv_ms) {
            if (wait) f_clock(w.now + (uint64_t)s->recv_ms);
            errno = EAGAIN;
            return -1;
        }
        f_clock(due);
    }
    if (!s->peer) return 0;
    k = f_piece(w.recv_max, k < n ? k : n);
    memcpy(p, s->peer->out.p + s->peer->given, k);
    s->peer->given += k;
    w.last = s->peer;
    return (ssize_t)k;
}

static int s_setsockopt(int fd, int level, int name, const void *value, socklen_t n) {
    struct s_fd *s = s_of(fd);
    struct timeval t;
    if (s_fails(K_SETSOCKOPT, s)) return -1;
    if (level != SOL_SOCKET || (name != SO_RCVTIMEO && name != SO_SNDTIMEO) || n != sizeof t) return 0;
    memcpy(&t, value, sizeof t);
    *(name == SO_RCVTIMEO ? &s->recv_ms : &s->send_ms) = (long)t.tv_sec * 1000 + (long)t.tv_usec / 1000;
    return 0;
}

static int s_getsockopt(int fd, int level, int name, void *value, socklen_t *n) {
    struct s_fd *s = s_of(fd);
    (void)level;
    if (name != SO_ERROR || *n != sizeof s->error) f_check(0, "getsockopt() of something else");
    if (s_fails(K_GETSOCKOPT, s)) {
        if (fi.fault.what != W_ERROR_OPTION) return -1;
        s->error = ECONNREFUSED;
    }
    memcpy(value, &s->error, sizeof s->error);
    return 0;
}

static int s_fcntl(int fd, int command, ...) {
    struct s_fd *s = s_of(fd);
    va_list args;
    if (s_fails(K_FCNTL, s)) return -1;
    va_start(args, command);
    if (command == F_SETFL) s->nonblocking = (va_arg(args, int) & O_NONBLOCK) != 0;
    va_end(args);
    return command == F_GETFL ? O_RDWR | (s->nonblocking ? O_NONBLOCK : 0) : 0;
}

static int s_poll(struct pollfd *p, nfds_t n, int ms) {
    nfds_t i;
    int ready = 0;
    uint64_t until = ms < 0 ? UINT64_MAX : w.now + (uint64_t)ms;
    if (w.no_wait && ms != 0) f_check(0, "poll() may wait");
    if (s_fails(K_POLL, NULL)) {
        for (i = 0; i < n; i++) p[i].revents = 0;
        if (fi.fault.what != W_EOF) return -1;
        f_clock(ms > 1000 || ms < 0 ? w.now + 1000 : until);
        return 0;
    }
    for (i = 0; i < n; i++) {
        uint64_t due = p[i].fd < 0 ? UINT64_MAX : s_due(s_of(p[i].fd), p[i].events);
        if (due < until) until = due;
    }
    if (until == UINT64_MAX) f_stop("poll() would wait for ever");
    f_clock(until);
    for (i = 0; i < n; i++) {
        int is = p[i].fd >= 0 && s_due(s_of(p[i].fd), p[i].events) <= w.now;
        p[i].revents = is ? p[i].events : (short)0;
        ready += is;
    }
    return ready;
}

static int s_epoll_create1(int flags) {
    (void)flags;
    return s_fails(K_EPOLL_CREATE, NULL) ? -1 : s_new(S_SET);
}

static int s_epoll_ctl(int set, int op, int fd, struct epoll_event *e) {
    struct s_fd *s = s_of(set);
    (void)e;
    (void)s_of(fd);
    if (op != EPOLL_CTL_ADD) f_check(0, "epoll_ctl() of something else");
    if (s_fails(K_EPOLL_CTL, NULL)) return -1;
    if (s->members == 16) f_stop("too many descriptors in a set");
    s->member[s->members++] = fd;
    return 0;
}

/* Only for more than 64 calls at once, which is not done here. */
static int s_epoll_wait(int set, struct epoll_event *e, int n, int ms) {
    (void)set;
    (void)e;
    (void)n;
    (void)ms;
    f_check(0, "epoll_wait()");
    return 0;
}

/* The descriptor is gone, also when it says otherwise. */
static int s_close(int fd) {
    struct s_fd *s = s_of(fd);
    int fails = s_fails(K_CLOSE, s);
    if (s->peer) s->peer->closed = 1;
    s->kind = 0;
    s->peer = NULL;
    return fails ? -1 : 0;
}

/* ---- what can go wrong -------------------------------------------------------------------------------------- */

#define PAIR(kind, what, name)                                                                                         \
    {kind, what, ONCE, name}, {                                                                                        \
        kind, what, ALWAYS, name                                                                                       \
    }

static const f_fault faults[] = {
    PAIR(K_SOCKET, EMFILE, "EMFILE"),
    PAIR(K_SOCKET, EAFNOSUPPORT, "EAFNOSUPPORT"),
    PAIR(K_CONNECT, ECONNREFUSED, "ECONNREFUSED"),
    PAIR(K_CONNECT, ENETUNREACH, "ENETUNREACH"),
    PAIR(K_CONNECT, EINTR, "EINTR"),
    PAIR(K_CONNECT, W_ERROR_OPTION, "refused later"),
    PAIR(K_CONNECT, W_NEVER, "never done"),
    PAIR(K_SYS_SEND, EPIPE, "EPIPE"),
    PAIR(K_SYS_SEND, ENOBUFS, "ENOBUFS"),
    PAIR(K_SYS_SEND, EINTR, "EINTR"),
    PAIR(K_SYS_SEND, EAGAIN, "EAGAIN"),
    PAIR(K_SYS_RECV, ECONNRESET, "ECONNRESET"),
    PAIR(K_SYS_RECV, ETIMEDOUT, "ETIMEDOUT"),
    PAIR(K_SYS_RECV, W_EOF, "0"),
    PAIR(K_SYS_RECV, EINTR, "EINTR"),
    PAIR(K_SYS_RECV, EAGAIN, "EAGAIN"),
    PAIR(K_SETSOCKOPT, ENOPROTOOPT, "ENOPROTOOPT"),
    PAIR(K_GETSOCKOPT, EINVAL, "EINVAL"),
    PAIR(K_GETSOCKOPT, W_ERROR_OPTION, "ECONNREFUSED"),
    PAIR(K_FCNTL, EBADF, "EBADF"),
    PAIR(K_POLL, EINTR, "EINTR"),
    PAIR(K_POLL, ENOMEM, "ENOMEM"),
    PAIR(K_POLL, W_EOF, "0"),
    PAIR(K_EPOLL_CREATE, EMFILE, "EMFILE"),
    PAIR(K_EPOLL_CTL, ENOSPC, "ENOSPC"),
    PAIR(K_CLOSE, EINTR, "EINTR"),
    PAIR(K_ALLOC, W_NULL, "NULL"),
    PAIR(K_NOW, W_AHEAD, "1 h ahead"),
    PAIR(K_RANDOM, W_NOTHING, "0"),
    PAIR(K_FILE, -1, "-1"),
    PAIR(K_FILE, W_NOTHING, "0"),
    PAIR(K_FILE, W_TOO_MANY, "n + 1"),
    PAIR(K_FILE, W_HUGE, "LONG_MAX"),
    PAIR(K_EVENT, W_TWO, "cancels"),
    {K_CANCEL, W_TWO, ONCE, "cancel is set"},
};

static const char *f_kind_name(int kind) {
    static const char *const first[] = {"",       "alloc", "init", "open", "send", "recv",  "now",  "unix",  "sleep",
                                        "random", "file",  "env",  "fd",   "wait", "event", "tool", "cancel"};
    static const char *const ours[] = {"socket", "connect", "send",          "recv",      "setsockopt", "getsockopt",
                                       "fcntl",  "poll",    "epoll_create1", "epoll_ctl", "close"};
    return kind < K_SYS ? first[kind] : ours[kind - K_SYS];
}

static unsigned long long allowed(const f_scenario *s, const f_run *r) {
    unsigned long long clean = F_BIT(s->clean), dead = F_BIT(LLM_ERR_CONNECTION), late = F_BIT(LLM_ERR_TIMEOUT);
    int what = fi.fault.what, always = fi.fault.lasts == ALWAYS, again = what == EINTR || what == EAGAIN;
    switch (fi.fault.kind) {
    case K_ALLOC:
        if (r->wait_memory) return clean | F_BIT(LLM_ERR_MEMORY);
        if (fi.nexts > 0 && fi.next_size <= fi.size && !always) return clean | F_BIT(LLM_ERR_MEMORY);
        return F_BIT(LLM_ERR_MEMORY);
    case K_EVENT: return F_BIT(LLM_ERR_CANCELLED);
    case K_CANCEL: return clean | F_BIT(LLM_ERR_CANCELLED);
    case K_NOW: return fi.at == 1 ? clean : clean | late;
    case K_CONNECT:
        if (what == EINTR || !always) return clean; /* there is another address, another server, another attempt */
        return what == W_NEVER ? late | dead : dead;
    case K_SYS_RECV:
        if (fi.phase == PH_AFTER && !always) return clean;
        if (fi.phase == PH_INSIDE) return again ? (always ? late : clean) : F_BIT(LLM_ERR_TRUNCATED);
        if (!always) return clean;
        return again ? late | dead | (fi.phase == PH_AFTER ? clean : 0) : dead | (fi.phase == PH_AFTER ? clean : 0);
    case K_SYS_SEND: return !always ? clean : again ? late | dead : dead;
    case K_POLL: return always ? clean | late | dead : clean;
    case K_RANDOM:
    case K_SOCKET:
    case K_GETSOCKOPT:
    case K_FCNTL: return always ? clean | dead : clean;
    default: return clean;
    }
}

/* ---- scenarios ------------------------------------------------------------------------------------------------ */

#define TEXT(s) "{\"id\":\"r1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" s "\"}}]}"
static void serve(f_peer *p, const char *head, const char *body) {
    static const char *const events[] = {TEXT(F_SAID),
                                         TEXT("in more "),
                                         TEXT("than one piece."),
                                         "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}",
                                         "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,"
                                         "\"total_tokens\":7}}",
                                         NULL};
    (void)head;
    (void)body;
    f_stream(p, events, 3);
}

static void config(llm_config *c) {
    static const char resolv[] = "nameserver 192.0.2.53\nnameserver 192.0.2.54\n";
    c->base_url = "http://api.test/v1";
    c->allow_plaintext_key = 1;
    w.file = resolv;
    w.file_len = sizeof resolv - 1;
    w.file_path = LLM_RESOLV_CONF;
}

static llm_status run_one(f_run *r) {
    llm_request q = llm_request_init();
    q.prompt = F_PROMPT;
    return f_call(r, STREAM, &q);
}

/* The server closes the connection between the two. */
static llm_status run_two(f_run *r) {
    llm_status s = run_one(r);
    if (s != LLM_OK) return s;
    f_server_closes(0);
    return run_one(r);
}

static const f_scenario scenarios[] = {
    {"name", BLOCK | POLL | WAIT, 0, 0, 0, LLM_OK, serve, config, NULL, run_one, NULL, 0, 0, NULL},
    {"name-stale", BLOCK | POLL | WAIT, 0, 0, 0, LLM_OK, serve, config, NULL, run_two, NULL, 0, 0, NULL},
    {"address", BLOCK | POLL | WAIT, 0, 0, 0, LLM_OK, serve, NULL, NULL, run_one, NULL, 0, 0, NULL},
};

/* What each way must reach: a name needs both families of addresses, so a poll set beside the sockets. */
static unsigned long long must(const f_scenario *s, int driver) {
    unsigned long long kinds = K_BIT(K_ALLOC) | K_BIT(K_NOW) | K_BIT(K_SOCKET) | K_BIT(K_CONNECT) | K_BIT(K_SYS_SEND) |
                               K_BIT(K_SYS_RECV) | K_BIT(K_SETSOCKOPT) | K_BIT(K_GETSOCKOPT) | K_BIT(K_FCNTL) |
                               K_BIT(K_EVENT);
    if (driver != POLL) kinds |= K_BIT(K_POLL);
    if (s->config == config) {
        kinds |= K_BIT(K_RANDOM) | K_BIT(K_FILE) | K_BIT(K_CLOSE);
        if (driver != BLOCK && LLMI_HAS_EPOLL) kinds |= K_BIT(K_EPOLL_CREATE) | K_BIT(K_EPOLL_CTL);
    }
    return kinds;
}

int main(int argc, char **argv) {
    static const f_proof proofs[] = {
        {P_NEVER_FIRES, "an injector that never fires", "the fault was not reached", BLOCK, K_SYS_RECV, ECONNRESET},
        {P_HOOK_GONE, "a system call that is made no longer", "no call of kind recv", BLOCK, K_SYS_RECV, 0},
        {P_ONE_TOO_FEW, "a loop that ends one too early", "points counted", BLOCK, K_SYS_RECV, ECONNRESET},
        {P_BLOCKING_STEP, "llm_next(call, event, 0) that waits", "may wait", POLL, K_SYS_RECV, ECONNRESET},
        {P_POOL_COUNT, "a wrong number of kept connections", "idle_count", BLOCK, K_SYS_RECV, ECONNRESET},
    };
    size_t i;
    int driver;
    f_allowed = allowed;
    f_must = must;
    for (i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        const f_scenario *s = &scenarios[i];
        if (argc > 1 && strcmp(argv[1], s->name) != 0) continue;
        for (driver = BLOCK; driver <= WAIT; driver *= 2) {
            if (s->drivers & driver) f_scenario_all(s, driver, faults, sizeof faults / sizeof faults[0]);
        }
    }
    f_prove(&scenarios[0], proofs, sizeof proofs / sizeof proofs[0]);
    printf("%ld runs, %ld findings\n", f_runs, f_failed);
    t_passed = (int)f_runs; /* each is judged as a whole */
    t_failed = (int)f_failed;
    return t_done();
}
