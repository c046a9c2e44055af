/* chaos_proxy.c - a TCP proxy that harms what it passes on, at a byte that you name. One thread; for tests.

       make -C tools chaos
       build/chaos_proxy --to 127.0.0.1:8080 'response cut 100' '#1-2 refuse'

   prints one line, "chaos_proxy: 127.0.0.1:PORT", then serves. Options:

       --to ADDRESS:PORT       where to (IPv4; needed unless every connection is refused or a hole)
       --listen ADDRESS:PORT   default 127.0.0.1:0, a free port of the loopback
       --script FILE           rules, one a line; '#' followed by a blank starts a comment
       --stdin                 commands on standard input, see below; its end ends the proxy
       --lifetime S            ends after S seconds
       --record PREFIX         writes what came in to PREFIX.N.request and PREFIX.N.response
       --closed MS             does not listen for so long: connects are refused by the system; 0 = for ever
       --deaf MS               answers no SYN for so long (the queue is full): connects hang; 0 = for ever

   A rule is [#CONNECTIONS] [request | response] ACTION. Connections count from 1: `#3`, `#1-2`, `#4-`; without, all.
   `request` is what the client sends, `response` what the server sends; without a word it is the response.

       slice N      passes at most N bytes at a time
       delay MS     waits before each piece
       cut N        in the place of byte N (from 0): end of stream to the receiver; the rest is swallowed
       reset N      in the place of byte N: RST to both sides
       stall N      in the place of byte N: nothing more, the connections stay open
       flip N [M]   byte N is xored with M (decimal or 0x..; default 1 << N % 8)
       drop N       byte N is left out
       refuse       RST as soon as the connection is accepted
       hole         accepted, then nothing: no connection to the server, nothing answered

   N may be A+S: A for the first connection of the rule, A+S for the next, and so on: one rule tries every byte.
   "In the place of byte N" means when there is a byte N: the N bytes before it have been passed on, and a fault beyond
   the end of the stream never happens. Bytes are counted as they come in.

   Commands on standard input, each answered by one line: a rule: "ok" (or "error ..."); `clear`: no rules, connections
   count from 1 again, open ones go on as they are: "ok"; `report`: "connections A open B request C response D fired E",
   where C and D are the bytes that have come in on the newest connection and E counts the faults that have happened to
   connections accepted since `clear` (each stop, flip, drop, refuse and hole; not slices and delays). */
#define _GNU_SOURCE /* POLLRDHUP */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef enum action { SLICE, DELAY, CUT, RESET, STALL, FLIP, DROP, REFUSE, HOLE, ACTIONS } action;
static const char *const action_name[ACTIONS] = {"slice", "delay", "cut",    "reset", "stall",
                                                 "flip",  "drop",  "refuse", "hole"};

typedef struct rule {
    long first, last; /* connections */
    int response;
    action what;
    long at, step;
    int mask; /* FLIP; 0 = by position */
} rule;

typedef struct harm { /* FLIP or DROP, for one connection */
    long at;
    int mask; /* 0 = DROP */
} harm;

enum { HARMS = 16, PIECE = 16384 };

typedef struct half { /* one direction of a connection */
    int from, to;
    unsigned char buf[PIECE];
    size_t n, at; /* in buf: bytes to be passed on, passed on */
    long in;      /* bytes that came in */
    long slice, delay;
    uint64_t next_at; /* no piece before */
    action stop;
    long stop_at; /* LONG_MAX = never */
    int stalled, swallow, over;
    harm list[HARMS];
    int harms;
    FILE *record;
} half;

typedef struct conn {
    half dir[2];        /* 0 request, 1 response */
    int client, server; /* server -1: a hole */
    unsigned era;
    struct conn *next;
} conn;

static conn *conns;
static rule *rules;
static size_t rule_count;
static long accepted, fired, open_count, last_in[2];
static unsigned era; /* counts the clears: a fault of an older connection is not counted */
static struct sockaddr_in to_addr, listen_addr;
static int listener = -1, fillers[4] = {-1, -1, -1, -1}, filler_port[4];
static const char *record_prefix;

static uint64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

static void die(const char *what) {
    fprintf(stderr, "chaos_proxy: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(1);
}

/* ---- rules ---------------------------------------------------------------------------------------------------- */

static long number(char **p) {
    char *end;
    long v;
    if (!(**p >= '0' && **p <= '9')) return -1;
    v = strtol(*p, &end, 0);
    *p = end;
    return v;
}

static void blanks(char **p) {
    while (**p == ' ' || **p == '\t') ++*p;
}

/* 1 if the word stands at *p, which then stands behind it. */
static int word(char **p, const char *w) {
    size_t n = strlen(w);
    if (strncmp(*p, w, n) != 0 || ((*p)[n] != 0 && (*p)[n] != ' ')) return 0;
    *p += n;
    blanks(p);
    return 1;
}

/* NULL, or what is wrong. */
static const char *add_rule(char *p) {
    rule r;
    int i;
    memset(&r, 0, sizeof r);
    r.first = 1;
    r.last = LONG_MAX;
    r.response = 1;
    blanks(&p);
    if (*p == '#') {
        p++;
        r.first = r.last = number(&p);
        if (*p == '-') {
            p++;
            r.last = *p == ' ' ? LONG_MAX : number(&p);
        }
        if (r.first < 1 || r.last < r.first || *p != ' ') return "connections are #N, #N-M or #N-";
        blanks(&p);
    }
    if (word(&p, "request"))
        r.response = 0;
    else
        (void)word(&p, "response");
    for (i = 0; i < ACTIONS && !word(&p, action_name[i]); i++) {
    }
    if (i == ACTIONS) return "no such action";
    r.what = (action)i;
    if (r.what != REFUSE && r.what != HOLE) {
        r.at = number(&p);
        if (r.at < 0) return "the action needs a number";
        if (*p == '+') {
            p++;
            r.step = number(&p);
            if (r.step < 0) return "a number must follow '+'";
        }
        blanks(&p);
        if (r.what == FLIP && *p != 0) {
            r.mask = (int)number(&p);
            if (r.mask < 1 || r.mask > 255) return "the mask must be 1 to 255";
        }
        if (r.what == SLICE && r.at < 1) return "a slice has a byte at least";
    }
    blanks(&p);
    if (*p != 0) return "something follows the rule";
    rules = (rule *)realloc(rules, (rule_count + 1) * sizeof *rules);
    if (rules == NULL) die("no memory");
    rules[rule_count++] = r;
    return NULL;
}

static void must_add(char *line) {
    const char *wrong = add_rule(line);
    if (wrong != NULL) {
        errno = 0;
        fprintf(stderr, "chaos_proxy: '%s': ", line);
        die(wrong);
    }
}

static void read_rules(const char *path) {
    char line[512];
    FILE *f = fopen(path, "r");
    if (f == NULL) die(path);
    while (fgets(line, sizeof line, f) != NULL) {
        char *p = line;
        line[strcspn(line, "\r\n")] = 0;
        blanks(&p);
        if (*p != 0 && !(p[0] == '#' && (p[1] == ' ' || p[1] == 0))) must_add(p);
    }
    fclose(f);
}

static void hit(const conn *c) {
    if (c->era == era) fired++;
}

/* Applies the rules to connection `number_`. */
static void arm(conn *c, long which, int *refuse, int *hole) {
    size_t i;
    int d;
    *refuse = *hole = 0;
    for (d = 0; d < 2; d++) {
        c->dir[d].slice = LONG_MAX;
        c->dir[d].stop_at = LONG_MAX;
    }
    for (i = 0; i < rule_count; i++) {
        const rule *r = &rules[i];
        half *h = &c->dir[r->response];
        long at = r->at + (which - r->first) * r->step;
        if (which < r->first || which > r->last) continue;
        switch (r->what) {
        case SLICE: h->slice = at; break;
        case DELAY: h->delay = at; break;
        case CUT:
        case RESET:
        case STALL:
            h->stop = r->what;
            h->stop_at = at;
            break;
        case FLIP:
        case DROP:
            if (h->harms == HARMS) die("too many flips and drops for one connection");
            h->list[h->harms].at = at;
            h->list[h->harms++].mask = r->what == DROP ? 0 : r->mask != 0 ? r->mask : 1 << at % 8;
            break;
        case REFUSE: *refuse = 1; break;
        case HOLE:
        case ACTIONS:
        default: *hole = 1; break;
        }
    }
}

/* ---- connections ------------------------------------------------------------------------------------------------ */

static void close_fd(int fd, int reset) {
    if (fd < 0) return;
    if (reset) {
        struct linger l = {1, 0};
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
    }
    close(fd);
}

static void end_conn(conn *c, int reset) {
    conn **p = &conns;
    int d;
    close_fd(c->client, reset);
    close_fd(c->server, reset);
    for (d = 0; d < 2; d++) {
        if (c->dir[d].record != NULL) fclose(c->dir[d].record);
    }
    while (*p != c) p = &(*p)->next;
    *p = c->next;
    free(c);
    open_count--;
}

static void set_up(int fd) {
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void open_records(conn *c, long which) {
    static const char *const side[2] = {"request", "response"};
    char path[600];
    int d;
    for (d = 0; record_prefix != NULL && d < 2; d++) {
        snprintf(path, sizeof path, "%s.%ld.%s", record_prefix, which, side[d]);
        c->dir[d].record = fopen(path, "wb");
        if (c->dir[d].record == NULL) die(path);
    }
}

static int is_filler(int port) {
    int i;
    for (i = 0; i < 4; i++) {
        if (filler_port[i] == port) return 1;
    }
    return 0;
}

static void accept_one(void) {
    struct sockaddr_in peer;
    socklen_t len = sizeof peer;
    int fd = accept(listener, (struct sockaddr *)&peer, &len), refuse, hole;
    conn *c;
    if (fd < 0) return;
    if (is_filler(ntohs(peer.sin_port))) {
        close(fd);
        return;
    }
    c = (conn *)calloc(1, sizeof *c);
    if (c == NULL) die("no memory");
    set_up(fd);
    c->client = fd;
    c->server = -1;
    c->era = era;
    c->next = conns;
    conns = c;
    accepted++;
    open_count++;
    last_in[0] = last_in[1] = 0;
    arm(c, accepted, &refuse, &hole);
    open_records(c, accepted);
    if (refuse || hole) hit(c);
    if (refuse) {
        end_conn(c, 1);
        return;
    }
    c->dir[0].from = c->dir[1].to = fd;
    if (!hole) {
        c->server = socket(AF_INET, SOCK_STREAM, 0);
        if (c->server < 0) die("socket");
        set_up(c->server);
        if (connect(c->server, (struct sockaddr *)&to_addr, sizeof to_addr) != 0 && errno != EINPROGRESS) {
            end_conn(c, 1);
            return;
        }
    }
    c->dir[0].to = c->dir[1].from = c->server;
}

/* Harms what has just come in: buf[0..n), whose first byte has the number h->in. */
static void apply(conn *c, half *h, size_t n) {
    int i;
    size_t k, out = 0;
    for (k = 0; k < n; k++) {
        int keep = 1;
        for (i = 0; i < h->harms; i++) {
            if (h->list[i].at != h->in + (long)k) continue;
            hit(c);
            if (h->list[i].mask == 0)
                keep = 0;
            else
                h->buf[k] = (unsigned char)(h->buf[k] ^ h->list[i].mask);
        }
        if (keep) h->buf[out++] = h->buf[k];
    }
    h->n = out;
    h->at = 0;
}

/* There is something to read, or the end. 0 = the connection is gone. */
static int take(conn *c, half *h) {
    size_t most = PIECE;
    ssize_t n;
    if (h->in == h->stop_at && !h->swallow) {
        unsigned char one;
        n = recv(h->from, &one, 1, MSG_PEEK);
        if (n > 0) {
            hit(c);
            if (h->stop == RESET) {
                end_conn(c, 1);
                return 0;
            }
            if (h->stop == STALL) {
                h->stalled = 1;
                return 1;
            }
            (void)shutdown(h->to, SHUT_WR);
            h->swallow = 1;
            return 1;
        }
    } else if (!h->swallow && h->stop_at - h->in < (long)most) {
        most = (size_t)(h->stop_at - h->in);
    }
    n = recv(h->from, h->buf, most, 0);
    if (n < 0) {
        if (errno == EAGAIN || errno == EINTR) return 1;
        end_conn(c, 1);
        return 0;
    }
    if (n == 0) {
        h->over = 1;
        if (!h->swallow && c->server >= 0) (void)shutdown(h->to, SHUT_WR);
        if (c->server < 0 || c->dir[1].stalled || (c->dir[0].over && c->dir[1].over)) {
            end_conn(c, 0);
            return 0;
        }
        return 1;
    }
    if (h->record != NULL) {
        fwrite(h->buf, 1, (size_t)n, h->record);
        fflush(h->record);
    }
    if (!h->swallow && c->server >= 0) {
        apply(c, h, (size_t)n);
        h->next_at = h->delay > 0 ? now_ms() + (uint64_t)h->delay : 0;
    }
    h->in += n;
    if (c == conns) last_in[h == &c->dir[1]] = h->in;
    return 1;
}

/* There is room. 0 = the connection is gone. */
static int pass(conn *c, half *h) {
    size_t n = h->n - h->at;
    ssize_t k;
    if (n > (size_t)h->slice) n = (size_t)h->slice;
    k = send(h->to, h->buf + h->at, n, MSG_NOSIGNAL);
    if (k < 0) {
        if (errno == EAGAIN || errno == EINTR) return 1;
        end_conn(c, 1);
        return 0;
    }
    h->at += (size_t)k;
    if (h->at < h->n && h->delay > 0) h->next_at = now_ms() + (uint64_t)h->delay;
    return 1;
}

static short wants(const conn *c, int fd, uint64_t now, uint64_t *wake) {
    short events = 0;
    int d;
    for (d = 0; d < 2; d++) {
        const half *h = &c->dir[d];
        int full = h->at < h->n;
        if (h->from == fd) {
            if (h->stalled)
                events = (short)(events | (d == 0 ? POLLRDHUP : 0));
            else if (!h->over && !full)
                events = (short)(events | POLLIN);
        }
        if (h->to == fd && full) {
            if (now >= h->next_at)
                events = (short)(events | POLLOUT);
            else if (h->next_at < *wake)
                *wake = h->next_at;
        }
    }
    return events;
}

/* What poll() found on one of the two sockets. 0 = the connection is gone. */
static int serve(conn *c, int fd, short seen) {
    int d;
    for (d = 0; d < 2; d++) {
        half *h = &c->dir[d];
        int full = h->at < h->n;
        if (h->to == fd && full && (seen & (POLLOUT | POLLERR | POLLHUP))) {
            if (now_ms() >= h->next_at && !pass(c, h)) return 0;
        } else if (h->from == fd && h->stalled && d == 0 && (seen & (POLLRDHUP | POLLERR | POLLHUP))) {
            end_conn(c, 0);
            return 0;
        } else if (h->from == fd && !h->over && !h->stalled && !full && (seen & (POLLIN | POLLERR | POLLHUP))) {
            if (!take(c, h)) return 0;
        }
    }
    return 1;
}

/* ---- listening -------------------------------------------------------------------------------------------------- */

static int parse_address(const char *s, struct sockaddr_in *a) {
    char ip[64];
    const char *colon = strrchr(s, ':');
    size_t n = colon != NULL ? (size_t)(colon - s) : 0;
    long port = strtol(colon != NULL ? colon + 1 : s, NULL, 10);
    memset(a, 0, sizeof *a);
    if (n >= sizeof ip || port < 0 || port > 65535) return 0;
    memcpy(ip, s, n);
    ip[n] = 0;
    a->sin_family = AF_INET;
    a->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, n > 0 ? ip : "127.0.0.1", &a->sin_addr) == 1;
}

static void fill_queue(void) {
    struct sockaddr_in a;
    socklen_t len;
    int i;
    if (listen(listener, 0) != 0) die("listen");
    for (i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&listen_addr, sizeof listen_addr);
        len = sizeof a;
        if (getsockname(fillers[i], (struct sockaddr *)&a, &len) != 0) die("getsockname");
        filler_port[i] = ntohs(a.sin_port);
    }
}

static void open_door(void) {
    int i;
    for (i = 0; i < 4; i++) {
        if (fillers[i] >= 0) close(fillers[i]);
        fillers[i] = -1;
    }
    if (listen(listener, 1024) != 0) die("listen");
}

/* One line of standard input. */
static void command(char *line) {
    const char *wrong = NULL;
    line[strcspn(line, "\r\n")] = 0;
    if (strcmp(line, "clear") == 0) {
        rule_count = 0;
        accepted = fired = 0;
        era++;
    } else if (strcmp(line, "report") == 0) {
        printf("connections %ld open %ld request %ld response %ld fired %ld\n", accepted, open_count, last_in[0],
               last_in[1], fired);
        fflush(stdout);
        return;
    } else {
        wrong = add_rule(line);
    }
    printf(wrong != NULL ? "error %s\n" : "ok\n", wrong);
    fflush(stdout);
}

/* 0 = standard input has ended. */
static int read_commands(void) {
    static char buf[4096];
    static size_t n;
    char *end;
    ssize_t k = read(0, buf + n, sizeof buf - 1 - n);
    if (k <= 0) return 0;
    n += (size_t)k;
    buf[n] = 0;
    while ((end = strchr(buf, '\n')) != NULL) {
        size_t used = (size_t)(end - buf) + 1;
        *end = 0;
        command(buf);
        n -= used;
        memmove(buf, buf + used, n + 1);
    }
    return n < sizeof buf - 1;
}

static void loop(int use_stdin, uint64_t end_at, uint64_t open_at) {
    struct pollfd *p = NULL;
    conn **owner = NULL;
    size_t cap = 0;
    for (;;) {
        uint64_t now = now_ms(), wake = end_at < open_at ? end_at : open_at;
        size_t n = 2, i;
        conn *c, *gone;
        int ms;
        if (now >= end_at) return;
        if (now >= open_at) {
            open_door();
            open_at = wake = UINT64_MAX;
            if (end_at < wake) wake = end_at;
        }
        if (cap < (size_t)open_count * 2 + 2) {
            cap = (size_t)open_count * 4 + 64;
            p = (struct pollfd *)realloc(p, cap * sizeof *p);
            owner = (conn **)realloc(owner, cap * sizeof *owner);
            if (p == NULL || owner == NULL) die("no memory");
        }
        memset(p, 0, cap * sizeof *p);
        p[0].fd = use_stdin ? 0 : -1;
        p[0].events = p[1].events = POLLIN;
        p[1].fd = open_at == UINT64_MAX ? listener : -1;
        for (c = conns; c != NULL; c = c->next) {
            int side;
            for (side = 0; side < 2; side++) {
                int fd = side ? c->server : c->client;
                short events = fd < 0 ? 0 : wants(c, fd, now, &wake);
                p[n].fd = events != 0 ? fd : -1; /* else an end that nobody waits for would wake us for ever */
                p[n].events = events;
                owner[n++] = c;
            }
        }
        ms = wake == UINT64_MAX ? -1 : wake - now > 60000 ? 60000 : (int)(wake - now);
        if (poll(p, (nfds_t)n, ms) < 0) continue;
        gone = NULL;
        for (i = 2; i < n; i++) {
            if (owner[i] == gone || p[i].fd < 0 || p[i].revents == 0) continue;
            if (!serve(owner[i], p[i].fd, p[i].revents)) gone = owner[i];
        }
        if (p[0].revents != 0 && !read_commands()) return;
        if (p[1].revents != 0) accept_one();
    }
}

int main(int argc, char **argv) {
    long closed = -1, deaf = -1, lifetime = 0;
    int i, use_stdin = 0, have_to = 0, on = 1;
    char text[INET_ADDRSTRLEN];
    socklen_t len = sizeof listen_addr;
    struct rlimit most;
    uint64_t open_at = UINT64_MAX, now = now_ms();
    errno = 0;
    (void)parse_address("127.0.0.1:0", &listen_addr);
    for (i = 1; i < argc; i++) {
        const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;
        if (strncmp(a, "--", 2) != 0) {
            must_add(argv[i]);
        } else if (strcmp(a, "--stdin") == 0) {
            use_stdin = 1;
        } else {
            if (v == NULL) die("an option needs a value, or there is none of that name: see the top of chaos_proxy.c");
            i++;
            if (strcmp(a, "--to") == 0) {
                if (!parse_address(v, &to_addr)) die("--to needs ADDRESS:PORT");
                have_to = 1;
            } else if (strcmp(a, "--listen") == 0) {
                if (!parse_address(v, &listen_addr)) die("--listen needs ADDRESS:PORT");
            } else if (strcmp(a, "--script") == 0)
                read_rules(v);
            else if (strcmp(a, "--record") == 0)
                record_prefix = v;
            else if (strcmp(a, "--lifetime") == 0)
                lifetime = strtol(v, NULL, 10);
            else if (strcmp(a, "--closed") == 0)
                closed = strtol(v, NULL, 10);
            else if (strcmp(a, "--deaf") == 0)
                deaf = strtol(v, NULL, 10);
            else
                die("no such option: see the top of chaos_proxy.c");
        }
    }
    if (!have_to) to_addr = listen_addr; /* port 0: every connect fails */
    if (getrlimit(RLIMIT_NOFILE, &most) == 0) {
        most.rlim_cur = most.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &most);
    }
    signal(SIGPIPE, SIG_IGN);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listener < 0 || bind(listener, (struct sockaddr *)&listen_addr, sizeof listen_addr) != 0 ||
        getsockname(listener, (struct sockaddr *)&listen_addr, &len) != 0)
        die("bind");
    if (closed >= 0)
        open_at = now + (uint64_t)(closed > 0 ? closed : INT_MAX);
    else if (deaf >= 0) {
        fill_queue();
        open_at = now + (uint64_t)(deaf > 0 ? deaf : INT_MAX);
    } else
        open_door();
    inet_ntop(AF_INET, &listen_addr.sin_addr, text, sizeof text);
    printf("chaos_proxy: %s:%d\n", text, ntohs(listen_addr.sin_port));
    fflush(stdout);
    loop(use_stdin, lifetime > 0 ? now + (uint64_t)lifetime * 1000 : UINT64_MAX, open_at);
    return 0;
}
