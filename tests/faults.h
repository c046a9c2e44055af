/* faults.h - what the suites of failure injection share: an injector, a world that can fail in any hook, a server that
   answers whatever comes, the checks after each run and the table of what was tried. Deterministic: no socket, no
   thread, no real clock.

   A run is a whole scenario. A clean one counts the calls of each kind; then for each kind, each of its errors and each
   N one run is made in which the N-th call fails: once, or together with all later ones of its connection, or with all
   later ones. After each run the checks of f_judge() are made, then the same client does the scenario once more and
   must come to the clean result.

   A suite that replaces system calls instead of the net hooks defines F_SYSCALLS. */
#ifndef FAULTS_H
#define FAULTS_H

#if !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE)
    #define _GNU_SOURCE 1
#endif
#include <stddef.h>
#include <stdint.h>
#include <limits.h>

/* ---- the injector ------------------------------------------------------------------------------------------- */

enum {
    K_NONE,
    K_ALLOC,
    K_INIT,
    K_OPEN,
    K_SEND,
    K_RECV,
    K_NOW,
    K_UNIX,
    K_SLEEP,
    K_RANDOM,
    K_FILE,
    K_ENV,
    K_FD,
    K_WAIT,
    K_EVENT,
    K_TOOL,
    K_CANCEL,
    K_SYS, /* the suite's own kinds begin here */
    K_MOST = K_SYS + 20
};

enum { ONCE, CONN, ALWAYS }; /* how long: this call; all of its kind on this connection; all of its kind */

/* What the failing call does instead. Negative numbers that a hook may return stand for themselves. */
enum {
    W_NOTHING = 1000, /* 0: would block, or not there */
    W_TOO_MANY,       /* one more than was asked for */
    W_HUGE,           /* LONG_MAX */
    W_LEAST,          /* LONG_MIN */
    W_TOOK,           /* does its work, then says that it failed */
    W_BACK,           /* clock: ten seconds earlier */
    W_AHEAD,          /* clock: an hour later */
    W_1970,
    W_2121, /* no certificate of the tests lasts until then */
    W_EARLY, /* returns at once */
    W_LATE,  /* an hour later than asked */
    W_EMPTY,
    W_BLANK,
    W_NULL,
    W_TWO,
    W_LIES,         /* says ready when nothing is */
    W_STATUS = 2000 /* and above: an llm_status, negated */
};

typedef struct f_fault {
    int kind, what, lasts;
    const char *name;
} f_fault;

/* Planted defects, see f_prove(): the suite must report each. */
enum {
    P_NONE,
    P_NEVER_FIRES,
    P_HOOK_GONE,
    P_ONE_TOO_FEW,
    P_LEAK,
    P_WRONG_STATUS,
    P_EMPTY_MESSAGE,
    P_KEY_IN_MESSAGE,
    P_PROMPT_IN_LOG,
    P_NO_CLOSE,
    P_CLOSED_TWICE,
    P_USED_AFTER_CLOSE,
    P_BROKEN_CLIENT,
    P_OTHER_RESULT,
    P_POOL_COUNT,
    P_DEAD_IN_POOL,
    P_CONVERSATION,
    P_OTHER_REQUEST,
    P_BLOCKING_STEP,
    P_CONTENT,
    P_OVERRUN,
    P_MALLOC
};

static struct f_injector {
    int armed;
    f_fault fault;
    long at;
    long count[K_MOST];
    long fired;
    int conn;         /* of the first that failed */
    int phase;        /* of that connection's answer, P_.. below */
    int secure;       /* it speaks TLS, and the handshake is not over */
    size_t size;      /* allocation, randomness */
    size_t left;      /* of the file */
    size_t next_size; /* of the allocation after the first that failed */
    int nexts;        /* allocations since */
    int spare;        /* connections that are kept and good */
    int greeted;      /* of those that failed: clocks read for a handshake */
    char name[40];    /* environment */
} fi;

static int f_plant, f_gone;   /* f_gone: of P_HOOK_GONE, the kind that is not called */

/* 1 = this call, of connection conn (0 none), shall fail. */
static int f_hit(int kind, int conn) {
    if (!fi.armed) return 0;
    if (f_plant == P_HOOK_GONE && kind == f_gone) return 0;
    fi.count[kind]++;
    if (kind != fi.fault.kind || f_plant == P_NEVER_FIRES) return 0;
    if (fi.count[kind] < fi.at || (fi.count[kind] > fi.at && fi.fault.lasts == ONCE)) return 0;
    if (fi.fired > 0 && fi.fault.lasts == CONN && conn != fi.conn) return 0;
    if (fi.fired++ == 0) fi.conn = conn;
    return 1;
}

/* ---- hooks -------------------------------------------------------------------------------------------------- */

#ifndef F_SYSCALLS
typedef struct f_net {
    int id; /* 0 = never opened, else 1 + number of the peer */
} f_net;
static int f_open(void *ctx, f_net *c, const char *host, int port, int ms);
static long f_send(void *ctx, f_net *c, const char *p, size_t n, int ms);
static long f_recv(void *ctx, f_net *c, char *p, size_t n, int ms);
static void f_close(void *ctx, f_net *c);
static int f_fd(void *ctx, f_net *c);
static int f_wait(void *ctx, void *items, size_t n, int ms);
static int f_init(void *ctx);
    #define LLM_NET_CONN                         f_net
    #define LLM_NET_OPEN(ctx, c, host, port, ms) f_open((ctx), (c), (host), (int)(port), (ms))
    #define LLM_NET_SEND(ctx, c, p, n, ms)       f_send((ctx), (c), (p), (n), (ms))
    #define LLM_NET_RECV(ctx, c, p, n, ms)       f_recv((ctx), (c), (p), (n), (ms))
    #define LLM_NET_CLOSE(ctx, c)                f_close((ctx), (c))
    #define LLM_NET_FD(ctx, c)                   f_fd((ctx), (c))
    #define LLM_NET_WAIT(ctx, items, n, ms)      f_wait((ctx), (items), (n), (ms))
    #define LLM_NET_WHY(ctx, c)                  ((void)(ctx), (void)(c), "the test says so")
    #define LLM_NET_INIT(ctx)                    f_init(ctx)
#endif
static void *f_malloc(void *ctx, size_t n);
static void *f_realloc(void *ctx, void *p, size_t old, size_t n);
static void f_free(void *ctx, void *p, size_t n);
static uint64_t f_now(void *ctx);
static int64_t f_unix(void *ctx);
static void f_sleep(void *ctx, int ms);
static int f_random(void *ctx, void *p, size_t n);
static const char *f_getenv(void *ctx, const char *name);
static inline long f_file(void *ctx, const char *path, size_t offset, void *buf, size_t n);
static void f_log(void *ctx, int level, const char *p, size_t n);

#undef LLM_MALLOC /* of msan/unwritten.h */
#undef LLM_REALLOC
#undef LLM_FREE
#define LLM_MALLOC(ctx, n)                       f_malloc((ctx), (n))
#define LLM_REALLOC(ctx, p, old, n)              f_realloc((ctx), (p), (old), (n))
#define LLM_FREE(ctx, p, n)                      f_free((ctx), (p), (n))
#define LLM_NOW_MS(ctx)                          f_now(ctx)
#define LLM_UNIX_TIME(ctx)                       f_unix(ctx)
#define LLM_SLEEP_MS(ctx, ms)                    f_sleep((ctx), (ms))
#define LLM_RANDOM(ctx, p, n)                    f_random((ctx), (p), (n))
#define LLM_GETENV(ctx, name)                    f_getenv((ctx), (name))
#define LLM_FILE_READ(ctx, path, offset, buf, n) f_file((ctx), (path), (offset), (buf), (n))
#define LLM_LOG(ctx, level, p, n)                f_log((ctx), (level), (p), (n))
#define LLM_CA_FILES                             "absent-1.pem", "absent-2.pem"
#ifndef T_NO_MEMORY_HOOKS
    #define T_NO_MEMORY_HOOKS
#endif
#include "t.h"
#include "t_cases.h"

#define F_KEY    "sk-CANARY-0123456789-key"
#define F_PROMPT "the canary prompt of seven words"
#define F_SAID   "A canary answers, "
#define F_PASS   "canarys-own-pass"
#define F_BASIC  "dXNlcjpjYW5hcnlzLW93bi1wYXNz" /* user:F_PASS in base64 */

/* ---- what the runs are checked with ------------------------------------------------------------------------- */

enum { F_SHOWN = 40 };  /* findings that are printed; all are counted */
static long f_findings; /* of this run */
static long f_failed, f_runs;
static char f_where[200];
static const char *f_expected = ""; /* of a planted defect: part of what must be found */
static long f_proved;

static int f_check(int ok, const char *what) {
    if (ok) return 1;
    f_findings++;
    if (f_plant != P_NONE)
        f_proved += strstr(what, f_expected) != NULL;
    else if (f_failed++ < F_SHOWN)
        fprintf(stderr, "%s: %s\n", f_where, what);
    return 0;
}

/* What was found is told at length. */
static int f_show(void) {
    return f_plant == P_NONE && f_failed <= F_SHOWN;
}

static void f_stop(const char *why) __attribute__((noreturn));
static void f_stop(const char *why) {
    fprintf(stderr, "faults: %s: %s\n", f_where, why);
    exit(1);
}

/* ---- the world ---------------------------------------------------------------------------------------------- */

enum {
    PH_BEFORE,
    PH_INSIDE,
    PH_AFTER,
    PH_REFUSED
}; /* of an answer: its 2xx head is not there, it is, all of it is;
                                                        another head is there */
enum { F_PEERS = 96, F_SEGS = 128, F_REQS = 64, F_HOOKS = 400000 };

typedef struct f_block {
    struct f_block *next, *prev;
    size_t n, pad;       /* what comes behind it stands where an int64_t may: with 32 bits too */
} f_block;

#if LLMI_HAS_TLS
typedef struct f_tls {
    br_ssl_server_context sc;
    unsigned char buf[BR_SSL_BUFSIZE_BIDI];
} f_tls;
#endif

typedef struct f_peer {
    const void *address; /* of the library's state of it */
    int opened, closed;  /* OPEN was called, CLOSE was */
    int told;            /* the client was told that it is over: RECV, SEND or OPEN failed */
    int told_recv;       /* .. by RECV */
    int stuck[3];        /* OPEN, SEND, RECV will say "not yet" for ever */
    uint64_t open_at;
    int secure;          /* speaks TLS; 2 = after a CONNECT */
    int proxy;           /* is one */
    int fresh;           /* nothing of the next request has come */
    int end;             /* LLM_NET_CLOSED, LLM_NET_FAILED after `out`; 0 stays open */
    t_text in;           /* of the client, decrypted */
    t_text out;          /* to the client, encrypted */
    size_t given;        /* of that */
    size_t upto[F_SEGS]; /* out[0..upto[i]) may be given from when[i] on */
    uint64_t when[F_SEGS];
    int segs;
    size_t head_mark, done_mark, refused_mark; /* of out: behind these, see f_phase() */
    uint64_t delay;                            /* of what is said next */
#if LLMI_HAS_TLS
    f_tls *tls;
#endif
} f_peer;

static struct f_world {
    uint64_t now;
    int64_t unix_time;
    f_peer peer[F_PEERS];
    int peers;
    const f_peer *last; /* that received something */
    long hooks;
    int no_wait;               /* the caller said: do not wait */
    size_t recv_max, send_max; /* bytes of one RECV, one SEND; 0 = all, -1 = by lot */
    uint32_t lot;
    volatile int cancel;
    int with_cancel;
    f_block *blocks;
    long live, allocs;
    size_t bytes;
    t_text log;
    const char *env[20];
    const char *file, *file_path;
    size_t file_len;
    void (*serve)(f_peer *p, const char *head, const char *body);
    int secure;      /* servers speak TLS */
    int refuse;      /* proxies want another password */
    long served;     /* requests that came whole */
    long handshakes; /* full ones */
    t_text req[F_REQS];
    int reqs;
    uint32_t seed;
    int broken;      /* P_BROKEN_CLIENT */
    const int *kept; /* connections that the client keeps */
    int ever_fired;
    int handlers; /* tool handlers that ran */
} w;

static void *f_ctx(void) {
    return &w;
}

static void f_hook(void *ctx) {
    if (ctx != f_ctx()) f_check(0, "a hook got another ctx than config.hook_ctx");
    if (++w.hooks > F_HOOKS) f_stop("the call hangs");
    if (w.with_cancel && f_hit(K_CANCEL, 0)) w.cancel = 1;
}

static uint32_t f_lot(void) {
    w.lot = w.lot * 1664525u + 1013904223u;
    return w.lot >> 8;
}

/* At most `max` (0 = all, -1 = by lot) of n. */
static size_t f_piece(size_t max, size_t n) {
    if (max == (size_t)-1) max = 1 + f_lot() % (f_lot() % 4 == 0 ? 400 : 17);
    return max != 0 && n > max ? max : n;
}

static void f_clock(uint64_t to) {
    if (to > w.now) w.now = to;
}

/* ---- memory ------------------------------------------------------------------------------------------------- */

static void *f_take_block(size_t n) {
    f_block *b = (f_block *)malloc(sizeof *b + n);
    if (!b) exit(1);
    b->n = n;
    b->prev = NULL;
    b->next = w.blocks;
    if (w.blocks) w.blocks->prev = b;
    w.blocks = b;
    w.live++;
    w.allocs++;
    w.bytes += n;
    memset(b + 1, 0xA5, n);
#ifdef T_UNWRITTEN
    T_UNWRITTEN(b + 1, n);
#endif
    return b + 1;
}

static int f_phase(const f_peer *p);

static int f_alloc_fails(size_t n) {
    if (fi.armed && fi.fired > 0 && fi.nexts++ == 0) fi.next_size = n;
    if (!f_hit(K_ALLOC, 0)) return 0;
    if (fi.fired == 1) {
        fi.size = n;
        fi.phase = w.last ? f_phase(w.last) : PH_BEFORE;
        fi.spare = w.kept ? *w.kept : 0;
    }
    return 1;
}

static void *f_malloc(void *ctx, size_t n) {
    f_hook(ctx);
    if (n == 0) f_check(0, "LLM_MALLOC of 0 bytes");
    if (f_alloc_fails(n)) return NULL;
    return f_take_block(n);
}

static void f_free(void *ctx, void *p, size_t n) {
    f_block *b = (f_block *)p - 1;
    f_hook(ctx);
    if (!p) f_stop("LLM_FREE of NULL");
    if (b->n != n) f_check(0, "LLM_FREE with another size than was asked for");
    if (f_plant == P_LEAK && w.ever_fired) {
        f_plant = -P_LEAK; /* one is enough */
        return;
    }
    if (b->prev)
        b->prev->next = b->next;
    else
        w.blocks = b->next;
    if (b->next) b->next->prev = b->prev;
    w.live--;
    w.bytes -= b->n;
    memset(p, 0x5A, b->n);
    free(b);
}

static void *f_realloc(void *ctx, void *p, size_t old, size_t n) {
    void *q;
    f_hook(ctx);
    if (!p || n == 0) f_check(0, "LLM_REALLOC of NULL, or to 0 bytes");
    if (f_alloc_fails(n)) return NULL;
    if (((f_block *)p - 1)->n != old) f_check(0, "LLM_REALLOC with another size than was asked for");
    q = f_take_block(n);
    memcpy(q, p, old < n ? old : n);
    f_free(ctx, p, old);
    return q;
}

static void f_drop_blocks(void) {
    while (w.blocks) {
        f_block *next = w.blocks->next;
        free(w.blocks);
        w.blocks = next;
    }
    w.live = 0;
    w.bytes = 0;
}

/* ---- clock, randomness, environment, files, log ------------------------------------------------------------- */

static uint64_t f_now(void *ctx) {
    uint64_t now = w.now;
    f_hook(ctx);
    if (f_hit(K_NOW, 0)) now = fi.fault.what == W_BACK ? now - 10000 : now + 3600000;
    return now;
}

/* The connection that was opened last has its TLS handshake before it. */
static int f_greets(void) {
#if LLMI_HAS_TLS
    const f_peer *p = w.peers > 0 ? &w.peer[w.peers - 1] : NULL;
    return !p || !p->tls || (br_ssl_engine_current_state(&p->tls->sc.eng) & (BR_SSL_SENDAPP | BR_SSL_RECVAPP)) == 0;
#else
    return 0;
#endif
}

static int64_t f_unix(void *ctx) {
    f_hook(ctx);
    if (f_hit(K_UNIX, 0)) {
        if (f_greets()) {
            fi.greeted++;
            if (fi.fired == 1) fi.secure = 1;
        }
        return fi.fault.what == W_NOTHING ? 0
               : fi.fault.what == W_1970  ? 86400
               : fi.fault.what == W_2121  ? 4765132800
                                          : -1;
    }
    return w.unix_time + (int64_t)((w.now - 1000000) / 1000);
}

static void f_sleep(void *ctx, int ms) {
    int64_t much = ms;
    f_hook(ctx);
    if (w.no_wait) f_check(0, "LLM_SLEEP_MS within llm_next(call, event, 0)");
    if (ms <= 0) f_check(0, "LLM_SLEEP_MS of 0 or less");
    if (f_hit(K_SLEEP, 0)) much = fi.fault.what == W_LATE ? much + 3600000 : 1;
    f_clock(w.now + (uint64_t)much);
}

static int f_random(void *ctx, void *p, size_t n) {
    unsigned char *b = (unsigned char *)p;
    size_t i;
    f_hook(ctx);
    if (f_hit(K_RANDOM, 0)) {
        if (fi.fired == 1) fi.size = n;
        return 0;
    }
    for (i = 0; i < n; i++) {
        w.seed = w.seed * 1664525u + 1013904223u;
        b[i] = (unsigned char)(w.seed >> 24);
    }
    return 1;
}

static const char *f_getenv(void *ctx, const char *name) {
    int i, hit;
    f_hook(ctx);
    hit = f_hit(K_ENV, 0);
    if (hit && fi.fired == 1) snprintf(fi.name, sizeof fi.name, "%s", name);
    if (hit) return fi.fault.what == W_NULL ? NULL : fi.fault.what == W_EMPTY ? "" : " \t";
    for (i = 0; w.env[i]; i += 2) {
        if (strcmp(w.env[i], name) == 0) return w.env[i + 1];
    }
    return NULL;
}

static inline long f_file(void *ctx, const char *path, size_t offset, void *buf, size_t n) {
    f_hook(ctx);
    if (f_hit(K_FILE, 0)) {
        if (fi.fired == 1) fi.left = w.file_len - (offset < w.file_len ? offset : w.file_len);
        switch (fi.fault.what) {
        case W_NOTHING: return 0;
        case W_TOO_MANY: return (long)n + 1;
        case W_HUGE: return LONG_MAX;
        case W_LEAST: return LONG_MIN;
        default: return -1;
        }
    }
    if (!w.file_path || strcmp(path, w.file_path) != 0) return -1;
    if (offset >= w.file_len) return 0;
    n = f_piece(w.recv_max, n < w.file_len - offset ? n : w.file_len - offset);
    memcpy(buf, w.file + offset, n);
    return (long)n;
}

static void f_log(void *ctx, int level, const char *p, size_t n) {
    f_hook(ctx);
    if (level < LLM_LOG_ERROR || level > LLM_LOG_DEBUG || n == 0 || p[n - 1] == '\n') f_check(0, "a bad line of log");
    t_add(&w.log, p, n);
    t_adds(&w.log, "\n");
}

/* ---- the server's side -------------------------------------------------------------------------------------- */

static void f_segment(f_peer *p) {
    if (p->segs > 0 && p->upto[p->segs - 1] == p->out.n) return;
    if (p->segs == F_SEGS) { /* what is given needs no entry */
        int k = 0, i;
        while (k < p->segs && p->upto[k] <= p->given) k++;
        if (k == 0) f_stop("too many segments");
        for (i = k; i < p->segs; i++) {
            p->upto[i - k] = p->upto[i];
            p->when[i - k] = p->when[i];
        }
        p->segs -= k;
    }
    p->upto[p->segs] = p->out.n;
    p->when[p->segs++] = w.now + 1 + p->delay;
}

#if LLMI_HAS_TLS
static void f_tls_out(f_peer *p) {
    size_t n;
    unsigned char *b;
    while ((b = br_ssl_engine_sendrec_buf(&p->tls->sc.eng, &n)) != NULL && n > 0) {
        t_add(&p->out, (const char *)b, n);
        br_ssl_engine_sendrec_ack(&p->tls->sc.eng, n);
    }
    f_segment(p);
}
#endif

/* Bytes of an answer, `delay` milliseconds after the ones before. */
static void f_say_n(f_peer *p, const char *s, size_t n, int delay) {
    p->delay += (uint64_t)delay;
#if LLMI_HAS_TLS
    if (p->tls) {
        while (n > 0) {
            size_t room;
            unsigned char *to = br_ssl_engine_sendapp_buf(&p->tls->sc.eng, &room);
            if (!to) return; /* the client went away */
            if (room > n) room = n;
            memcpy(to, s, room);
            br_ssl_engine_sendapp_ack(&p->tls->sc.eng, room);
            br_ssl_engine_flush(&p->tls->sc.eng, 0);
            s += room;
            n -= room;
            f_tls_out(p);
        }
        return;
    }
#endif
    t_add(&p->out, s, n);
    f_segment(p);
}

static void f_say(f_peer *p, const char *s, int delay) {
    f_say_n(p, s, strlen(s), delay);
}

/* The 2xx head is out, nothing can be sent again; all is out that the answer needs. */
static void f_mark_head(f_peer *p) {
    p->head_mark = p->out.n;
}
static void f_mark_done(f_peer *p) {
    p->done_mark = p->out.n;
}

static void f_hang_up(f_peer *p) {
#if LLMI_HAS_TLS
    if (p->tls) {
        br_ssl_engine_close(&p->tls->sc.eng);
        f_tls_out(p);
    }
#endif
    p->end = LLM_NET_CLOSED;
}

static void f_answer(f_peer *p, int status, const char *head, const char *body) {
    char b[300];
    snprintf(b, sizeof b, "HTTP/1.1 %d Said\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n", status,
             strlen(body), head);
    f_say(p, b, 5);
    if (status >= 200 && status < 300)
        f_mark_head(p);
    else
        p->refused_mark = p->out.n;
    f_say_n(p, body, strlen(body) / 3, 20);
    f_say_n(p, body + strlen(body) / 3, strlen(body) - strlen(body) / 3, 20);
    if (status >= 200 && status < 300) f_mark_done(p);
}

/* An event stream: texts are the payloads, the one with finish_reason is number `finish`. */
static void f_stream(f_peer *p, const char *const *events, int finish) {
    char b[40];
    int i;
    f_say(
        p,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nx-request-id: q1\r\n\r\n",
        5);
    f_mark_head(p);
    for (i = 0; events[i]; i++) {
        t_text t = {NULL, 0, 0};
        snprintf(b, sizeof b, "%zx\r\n", strlen(events[i]) + 8);
        t_adds(&t, b);
        t_adds(&t, "data: ");
        t_adds(&t, events[i]);
        t_adds(&t, "\n\n\r\n");
        f_say_n(p, t.p, t.n, i % 3 == 1 ? 30 : 0);
        if (i == finish) f_mark_done(p);
        free(t.p);
    }
    f_say(p, "e\r\ndata: [DONE]\n\n\r\n", 10);
    f_say(p, "0\r\n\r\n", 3);
}

static void f_note_request(const char *p, size_t n) {
    if (w.reqs == F_REQS) f_stop("too many requests");
    w.req[w.reqs].n = 0;
    t_add(&w.req[w.reqs], p, n);
    w.reqs++;
}

#if LLMI_HAS_TLS
static void f_tls_begin(f_peer *p);
#endif

/* What a proxy does with a request: 1 = it was for the proxy itself. */
static int f_proxy(f_peer *p, const char *head) {
    int connect = strncmp(head, "CONNECT localhost:443 HTTP/1.1\r\n", 32) == 0;
    if (!connect && strncmp(head, "POST http://api.test/v1/", 24) != 0) f_check(0, "the proxy got another target");
    if (!strstr(head, "Proxy-Authorization: Basic " F_BASIC)) f_check(0, "the proxy got no password");
    if (connect && strstr(head, F_KEY)) f_check(0, "the proxy got the key");
    if (w.refuse) {
        f_answer(p, 407, "Proxy-Authenticate: Basic realm=x\r\n", "<html>No " F_PASS "</html>");
    } else if (connect) {
        f_say(p, "HTTP/1.1 200 Connection established\r\n\r\n", 5);
#if LLMI_HAS_TLS
        p->secure = 2;
        f_tls_begin(p);
#endif
    }
    return connect || w.refuse;
}

/* Takes the whole requests out of p->in. */
static void f_requests(f_peer *p) {
    for (;;) {
        char *end = p->in.n ? strstr(p->in.p, "\r\n\r\n") : NULL, *len, *body;
        size_t n, need;
        if (!end) return;
        len = strstr(p->in.p, "\r\nContent-Length: ");
        n = (size_t)(end - p->in.p) + 4;
        need = n + (len && len < end ? strtoul(len + 18, NULL, 10) : 0);
        if (p->in.n < need) return;
        f_note_request(p->in.p, need);
        p->delay = 0;
        p->head_mark = p->done_mark = p->refused_mark = (size_t)-1;
        end[2] = 0;
        body = (char *)malloc(need - n + 1);
        if (!body) exit(1);
        memcpy(body, p->in.p + n, need - n);
        body[need - n] = 0;
        if (p->proxy && !p->secure && f_proxy(p, p->in.p)) {
            p->in.n = 0;
            free(body);
            return;
        }
        w.served++;
        w.serve(p, p->in.p, body);
        free(body);
        memmove(p->in.p, p->in.p + need, p->in.n - need + 1);
        p->in.n -= need;
    }
}

/* Bytes from the client. */
static void f_take(f_peer *p, const char *s, size_t n) {
    if (p->given >= p->done_mark) p->head_mark = p->done_mark = p->refused_mark = (size_t)-1;
    p->fresh = 0;
    p->delay = 0;
#if LLMI_HAS_TLS
    if (p->tls) {
        br_ssl_engine_context *eng = &p->tls->sc.eng;
        while (n > 0) {
            size_t m;
            unsigned char *b = br_ssl_engine_recvrec_buf(eng, &m);
            if (!b) break;
            if (m > n) m = n;
            memcpy(b, s, m);
            br_ssl_engine_recvrec_ack(eng, m);
            s += m;
            n -= m;
            while ((b = br_ssl_engine_recvapp_buf(eng, &m)) != NULL) {
                t_add(&p->in, (const char *)b, m);
                br_ssl_engine_recvapp_ack(eng, m);
            }
            f_tls_out(p);
        }
        if (br_ssl_engine_current_state(eng) == BR_SSL_CLOSED) p->end = LLM_NET_CLOSED;
        f_requests(p);
        f_tls_out(p);
        return;
    }
#endif
    t_add(&p->in, s, n);
    f_requests(p);
}

/* Bytes that can be given now; 0: *due is when there may be some, UINT64_MAX never. */
static size_t f_ready(const f_peer *p, uint64_t *due) {
    int i;
    size_t n = p->given;
    *due = UINT64_MAX;
    for (i = 0; i < p->segs; i++) {
        if (p->upto[i] <= n) continue;
        if (p->when[i] > w.now) {
            *due = p->when[i];
            break;
        }
        n = p->upto[i];
    }
    if (n > p->given || (p->end && p->given == p->out.n)) *due = w.now;
    return n - p->given;
}

static int f_phase(const f_peer *p) {
    return p->given >= p->done_mark      ? PH_AFTER
           : p->given >= p->head_mark    ? PH_INSIDE
           : p->given >= p->refused_mark ? PH_REFUSED
                                         : PH_BEFORE;
}

static void f_note_fault(const f_peer *p) {
    int i;
    if (fi.fired != 1) return;
    for (i = 0; i < w.peers; i++) {
        fi.spare += &w.peer[i] != p && !w.peer[i].closed && !w.peer[i].told && !w.peer[i].end;
    }
    fi.phase = f_phase(p);
#if LLMI_HAS_TLS
    fi.secure =
        p->tls != NULL && (br_ssl_engine_current_state(&p->tls->sc.eng) & (BR_SSL_SENDAPP | BR_SSL_RECVAPP)) == 0;
#endif
}

static f_peer *f_new_peer(const void *address, const char *host) {
    f_peer *p = &w.peer[w.peers++];
    if (w.peers > F_PEERS) f_stop("too many connections");
    memset(p, 0, sizeof *p);
    p->address = address;
    p->opened = 1;
    p->fresh = 1;
    p->open_at = w.now + 3;
    p->proxy = strcmp(host, "proxy.test") == 0;
    p->secure = w.secure && !p->proxy;
    p->head_mark = p->done_mark = p->refused_mark = (size_t)-1;
    t_add(&p->in, "", 0);
    t_add(&p->out, "", 0);
#if LLMI_HAS_TLS
    if (p->secure == 1) f_tls_begin(p);
#endif
    return p;
}

static void f_drop_peers(void) {
    int i;
    for (i = 0; i < w.peers; i++) {
        free(w.peer[i].in.p);
        free(w.peer[i].out.p);
#if LLMI_HAS_TLS
        free(w.peer[i].tls);
#endif
    }
    w.peers = 0;
}

/* The server closes what is open and idle. */
static void f_server_closes(int reset) {
    int i;
    for (i = 0; i < w.peers; i++) {
        f_peer *p = &w.peer[i];
        if (p->closed || !p->opened) continue;
        if (reset)
            p->end = LLM_NET_FAILED;
        else
            f_hang_up(p);
    }
}

/* ---- net hooks ---------------------------------------------------------------------------------------------- */

#ifndef F_SYSCALLS
static int f_init(void *ctx) {
    f_hook(ctx);
    return !f_hit(K_INIT, 0);
}

/* The peer of an open connection, NULL when the library may not ask for it. */
static f_peer *f_peer_of(void *ctx, const f_net *c) {
    f_peer *p;
    f_hook(ctx);
    if (c->id < 1 || c->id > w.peers) {
        f_check(0, "a net hook was called for a connection that was never opened");
        return NULL;
    }
    p = &w.peer[c->id - 1];
    if (p->closed) {
        f_check(0, "a net hook was called after CLOSE");
        return NULL;
    }
    if (p->address != c) f_check(0, "the state of a connection was moved");
    return p;
}

static void f_check_wait(int ms) {
    if (ms < 0) f_check(0, "a negative time-out");
    if (w.no_wait && ms != 0) f_check(0, "a net hook may wait within llm_next(call, event, 0)");
}

static int f_open(void *ctx, f_net *c, const char *host, int port, int ms) {
    f_peer *p;
    if (c->id == 0) {
        (void)f_new_peer(c, host);
        c->id = w.peers;
    }
    p = f_peer_of(ctx, c);
    if (!p) return LLM_NET_FAILED;
    f_check_wait(ms);
    if (!host || !host[0] || port < 1 || port > 65535) f_check(0, "OPEN without host or port");
    if (p->told) f_check(0, "OPEN after it has failed");
    if (f_hit(K_OPEN, c->id)) {
        f_note_fault(p);
        if (fi.fault.what == W_NOTHING) {
            p->stuck[0] = fi.fault.lasts != ONCE;
            if (ms > 0) f_clock(w.now + (uint64_t)ms);
            return 0;
        }
        p->told = 1;
        return fi.fault.what == W_TWO ? 2 : fi.fault.what;
    }
    if (w.broken) return LLM_NET_REFUSED;
    if (p->open_at > w.now && ms > 0) f_clock(p->open_at < w.now + (uint64_t)ms ? p->open_at : w.now + (uint64_t)ms);
    return p->open_at <= w.now;
}

/* A result of SEND or RECV that was injected. */
static long f_injected(f_peer *p, size_t n, int ms) {
    f_note_fault(p);
    if (fi.fault.what == W_NOTHING) {
        p->stuck[fi.fault.kind == K_SEND ? 1 : 2] |= fi.fault.lasts != ONCE;
        if (ms > 0) f_clock(w.now + (uint64_t)ms);
        return 0;
    }
    p->told = 1;
    switch (fi.fault.what) {
    case W_TOO_MANY: return (long)n + 1;
    case W_HUGE: return LONG_MAX;
    case W_LEAST: return LONG_MIN;
    case W_TOOK: return LLM_NET_FAILED;
    default: return fi.fault.what;
    }
}

static long f_send(void *ctx, f_net *c, const char *from, size_t n, int ms) {
    f_peer *p = f_peer_of(ctx, c);
    if (!p) return LLM_NET_FAILED;
    f_check_wait(ms);
    if (!from || n == 0) f_check(0, "SEND of nothing");
    if (p->told_recv)
        f_check(0, "SEND on a connection that RECV has called over");
    else if (p->told)
        f_check(0, "SEND on a connection on which SEND has failed");
    if (f_hit(K_SEND, c->id)) {
        if (fi.fault.what == W_TOOK) {
            f_note_fault(p);
            f_take(p, from, n);
        }
        return f_injected(p, n, ms);
    }
    n = f_piece(w.send_max, n);
    if (!p->end) f_take(p, from, n);
    return (long)n;
}

static long f_recv(void *ctx, f_net *c, char *to, size_t n, int ms) {
    f_peer *p = f_peer_of(ctx, c);
    uint64_t until = w.now + (uint64_t)(ms > 0 ? ms : 0), due;
    size_t k;
    if (!p) return LLM_NET_FAILED;
    f_check_wait(ms);
    if (!to || n == 0) f_check(0, "RECV of nothing");
    if (p->told_recv) f_check(0, "RECV on a connection that it has called over");
    if (f_hit(K_RECV, c->id)) {
        long r = f_injected(p, n, ms);
        p->told_recv = p->told;
        return r;
    }
    for (;;) {
        k = f_ready(p, &due);
        if (k > 0) break;
        if (due == w.now) {
            p->told = p->told_recv = 1;
            return p->end;
        }
        if (due > until) {
            f_clock(until);
            return 0;
        }
        f_clock(due);
    }
    k = f_piece(w.recv_max, k < n ? k : n);
    memcpy(to, p->out.p + p->given, k);
    p->given += k;
    w.last = p;
    return (long)k;
}

static void f_close(void *ctx, f_net *c) {
    f_peer *p = f_peer_of(ctx, c);
    if (!p) return;
    if (f_plant == P_NO_CLOSE) return;
    p->closed = 1;
    if (f_plant == P_CLOSED_TWICE) (void)f_peer_of(ctx, c);
    if (f_plant == P_USED_AFTER_CLOSE) (void)f_send(ctx, c, "", 1, 0);
}

static int f_fd(void *ctx, f_net *c) {
    f_peer *p;
    if (c->id == 0) return -1;
    p = f_peer_of(ctx, c);
    if (!p || f_hit(K_FD, c->id)) return -1;
    return 100 + c->id % 3; /* numbers come again, as real ones do */
}

/* When this connection can go on; UINT64_MAX: never by itself. */
static uint64_t f_due(const f_net *c, int wants) {
    f_peer *p = c->id >= 1 && c->id <= w.peers ? &w.peer[c->id - 1] : NULL;
    uint64_t due;
    if (!p) return w.now;
    if (p->open_at > w.now) return p->stuck[0] ? UINT64_MAX : p->open_at;
    if (p->stuck[0]) return UINT64_MAX;
    if ((wants & LLM_WANT_WRITE) && !p->stuck[1]) return w.now;
    if (!(wants & LLM_WANT_READ) || p->stuck[2]) return UINT64_MAX;
    (void)f_ready(p, &due);
    return due;
}

static int f_wait(void *ctx, void *list, size_t n, int ms) {
    llm_wait_item *items = (llm_wait_item *)list;
    uint64_t first = ms < 0 ? UINT64_MAX : w.now + (uint64_t)ms;
    size_t i;
    int ready = 0;
    f_hook(ctx);
    if (f_hit(K_WAIT, 0)) {
        if (fi.fault.what == W_NOTHING) f_clock(w.now + (uint64_t)(ms < 0 || ms > 1000 ? 1000 : ms));
        if (fi.fault.what != W_LIES) return fi.fault.what == W_NOTHING ? 0 : fi.fault.what;
        f_clock(w.now + 1);
        for (i = 0; i < n; i++) items[i].ready = 1;
        return (int)n;
    }
    for (i = 0; i < n; i++) {
        uint64_t due = items[i].conn ? f_due(items[i].conn, items[i].wants) : UINT64_MAX;
        if (due < first) first = due;
    }
    if (first == UINT64_MAX) f_stop("llm_wait() would wait for ever");
    f_clock(first);
    for (i = 0; i < n; i++) {
        items[i].ready = items[i].conn && f_due(items[i].conn, items[i].wants) <= w.now;
        ready += items[i].ready;
    }
    return ready;
}
#endif

#ifdef F_SYSCALLS
static uint64_t f_fd_due(int fd, int wants); /* when it is ready, UINT64_MAX never by itself */
static void f_fds_closed(void);              /* checks that all are */
static void f_fds_reset(void);
#endif

/* ---- scenarios ---------------------------------------------------------------------------------------------- */

enum { BLOCK = 1, POLL = 2, WAIT = 4 }; /* how it is driven; the last two never let a hook wait */
enum { CHAT, STREAM, TOOLS, TOOLS_STREAM };
enum { DIRECT, THROUGH, REFUSES };
enum { F_CALLS = 4 };

struct f_scenario;

typedef struct f_run {
    const struct f_scenario *s;
    int driver;
    llm_client *client;
    llm_conversation *v;
    llm_status status;
    llm_error error; /* of the call that failed */
    int at_new;      /* llm_client_new() failed */
    t_text digest;   /* what must come out alike */
    t_text usage;    /* '?' for each that is not known */
    t_text talk;     /* the conversation, a line for each message */
    t_text content[F_CALLS];
    int calls;
    t_text told; /* text of the events of this call */
    int told_kind;
    int wait_memory; /* llm_wait() had no memory; the call goes on */
    uint64_t took;   /* of the scripted clock */
    long handshakes;
} f_run;

typedef struct f_scenario {
    const char *name;
    int drivers;
    int creates; /* run() makes the client and frees it */
    int secure;
    int proxy;        /* THROUGH one, that REFUSES */
    llm_status clean; /* what it comes to */
    void (*serve)(f_peer *p, const char *head, const char *body);
    void (*config)(llm_config *c);
    llm_status (*setup)(f_run *r);
    llm_status (*run)(f_run *r);
    const size_t *talk; /* the numbers of messages a conversation may have, 0 last */
    size_t memory;      /* steps between the sizes of config.memory, 0 none */
    long handshakes;    /* full TLS handshakes of a clean run */
    const char *other;  /* another text that an answer may begin with: of a round before the last */
} f_scenario;

static int f_same(const t_text *a, const t_text *b) {
    return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

static int f_holds(const char *p, size_t n, const char *s) {
    return n > 0 && memmem(p, n, s, strlen(s)) != NULL;
}

static void f_clear(t_text *t) {
    t->n = 0;
    t_add(t, "", 0);
}

static int f_on_event(void *user, const llm_event *ev) {
    f_run *r = (f_run *)user;
    char b[60];
    if (ev->kind <= LLM_EVENT_REFUSAL) {
        if (!ev->text || ev->len == 0) f_check(0, "an event without text");
        if (r->told_kind != (int)ev->kind) {
            snprintf(b, sizeof b, "[%d]", (int)ev->kind);
            t_adds(&r->digest, b);
        }
        t_add(&r->digest, ev->text, ev->len);
        if (ev->kind == LLM_EVENT_TEXT) t_add(&r->told, ev->text, ev->len);
        r->told_kind = (int)ev->kind;
    } else if (ev->kind == LLM_EVENT_RETRY) {
        if (!ev->error || ev->error->status >= 0 || !ev->error->message[0]) f_check(0, "a retry without an error");
        if (r->told.n > 0 && !r->s->other) f_check(0, "a retry after text was told");
    } else {
        if (!ev->tool_call || !ev->tool_call->id || !ev->tool_call->name || !ev->tool_call->arguments) {
            f_check(0, "an event of a tool call without it");
            return 0;
        }
        t_adds(&r->digest, ev->kind == LLM_EVENT_TOOL_CALL ? "[call " : "[result ");
        t_adds(&r->digest, ev->tool_call->id);
        t_adds(&r->digest, ev->tool_call->name);
        t_adds(&r->digest, ev->tool_call->arguments);
        if (ev->len) t_add(&r->digest, ev->text, ev->len);
        t_adds(&r->digest, "]");
        r->told_kind = -1;
    }
    return f_hit(K_EVENT, 0) ? 1 : 0;
}

/* What an event loop of the caller's own would do after LLM_PENDING. */
static void f_tick(f_run *r, llm_call *call) {
    int fd = llm_call_fd(call), wants = llm_call_wants(call), ms = llm_call_timeout_ms(call);
    uint64_t due = UINT64_MAX;
    (void)llm_call_fd_serial(call);
    (void)r;
#ifdef F_SYSCALLS
    if (fd >= 0) due = f_fd_due(fd, wants);
#else
    if (fd >= 0) due = f_due(&call->conn->net, wants);
#endif
    if (ms >= 0 && due > w.now + (uint64_t)ms) due = w.now + (uint64_t)ms;
    if (due == UINT64_MAX) f_stop("nothing to wait for: the call hangs");
    f_clock(due);
}

static llm_status f_next(llm_call *call, llm_event *ev) {
    llm_status s;
    w.no_wait = 1;
    s = llm_next(call, ev, f_plant == P_BLOCKING_STEP ? -1 : 0);
    w.no_wait = 0;
    return s;
}

static llm_status f_drive(f_run *r, llm_call *call, llm_response *out) {
    llm_event ev;
    llm_status s;
    while ((s = f_next(call, &ev)) == LLM_OK || s == LLM_PENDING) {
        if (s == LLM_OK) {
            if (f_on_event(r, &ev)) return llm_finish(call, out);
        } else if (r->driver == POLL) {
            f_tick(r, call);
        } else {
            s = llm_wait(&call, 1, -1);
            if (s < 0) {
                const llm_error *e = llm_last_error(r->client);
                if (e->status != s || !e->message[0]) f_check(0, "llm_wait() failed without a message");
                if (s != LLM_ERR_MEMORY && s != LLM_ERR_CONNECTION) f_check(0, "llm_wait() failed with another status");
                r->wait_memory |= s == LLM_ERR_MEMORY;
                f_tick(r, call);
            } else if (s != LLM_OK) {
                f_check(0, "llm_wait() without a bound came back with nothing");
            }
        }
    }
    if (f_next(call, &ev) != s) f_check(0, "llm_next() does not repeat its end");
    return llm_finish(call, out);
}

static void f_add_usage(f_run *r, const llm_usage *u) {
    char b[200];
    if (!u->known) {
        t_adds(&r->usage, "?;");
        return;
    }
    snprintf(b, sizeof b, "%lld %lld %lld %lld %.9f %d;", (long long)u->input_tokens, (long long)u->output_tokens,
             (long long)u->total_tokens, (long long)u->cached_tokens, u->cost_usd, (int)u->cost_source);
    t_adds(&r->usage, b);
}

static void f_no_secret(const char *s, size_t n, const char *what) {
    if (f_holds(s, n, F_KEY) || f_holds(s, n, F_PASS) || f_holds(s, n, F_BASIC)) f_check(0, what);
}

static void f_check_error(const llm_error *e, llm_status s) {
    if (e->status != s) f_check(0, "the error has another status than was returned");
    if (s == LLM_OK) return;
    if (!e->message[0]) f_check(0, "an error without a message");
    if (!memchr(e->message, 0, sizeof e->message)) f_check(0, "a message without an end");
    f_no_secret((const char *)e, sizeof *e, "the key or a password is in an error");
    if (f_holds((const char *)e, sizeof *e, F_PROMPT)) f_check(0, "the prompt is in an error");
    if (e->attempts < 0 || e->attempts > 7) f_check(0, "an impossible number of attempts");
}

/* Looks at every field that a caller may. */
static void f_check_response(f_run *r, llm_status s, const llm_response *o) {
    size_t i, k;
    if (o->status != s) f_check(0, "the response has another status than was returned");
    f_check_error(&o->error, s);
    if (!o->content || !o->id || !o->model || !o->request_id) {
        f_check(0, "a field of the response is NULL");
        return;
    }
    if (strlen(o->content) != o->content_len) f_check(0, "content_len is not the length of content");
    if ((int)o->finish_reason < LLM_FINISH_NONE || o->finish_reason > LLM_FINISH_OTHER) f_check(0, "finish_reason");
    if (o->choice_count > 0 && !o->choices) f_check(0, "choices is NULL");
    f_no_secret(o->content, o->content_len, "the key is in the content");
    for (i = 0; i < o->choice_count; i++) {
        const llm_choice *c = &o->choices[i];
        if (!c->content || strlen(c->content) != c->content_len) f_check(0, "a choice's content");
        if ((c->tool_call_count > 0) != (c->tool_calls != NULL)) f_check(0, "a choice's tool_calls");
        for (k = 0; k < c->tool_call_count; k++) {
            const llm_tool_call *t = &c->tool_calls[k];
            if (!t->id || !t->name || !t->arguments) f_check(0, "a field of a tool call is NULL");
        }
    }
    if (o->choice_count > 0 && o->choices[0].content != o->content) f_check(0, "content is not that of choice 0");
    if (!o->usage.known && (o->usage.input_tokens | o->usage.output_tokens | o->usage.total_tokens) != 0 &&
        o->iterations <= 1) {
        f_check(0, "tokens of a usage that is not known");
    }
    if (r->calls >= F_CALLS) f_stop("too many calls");
    t_add(&r->content[r->calls], o->content, o->content_len);
}

/* A call is over: looks at its response, writes it into the digest, frees it. */
static void f_result(f_run *r, int kind, llm_status s, llm_response *o) {
    char b[100];
    if (f_plant == P_KEY_IN_MESSAGE && s != LLM_OK) memcpy(o->error.message, F_KEY, sizeof F_KEY);
    if (f_plant == P_EMPTY_MESSAGE) o->error.message[0] = 0;
    f_check_response(r, s, o);
    /* what was told is what is kept; who cancels at the first event of a delta is not told the second */
    if (kind == STREAM && !f_same(&r->told, &r->content[r->calls]) &&
        !(s == LLM_ERR_CANCELLED && r->told.n < o->content_len && strncmp(r->told.p, o->content, r->told.n) == 0)) {
        f_check(0, "the events told another text than was kept");
    }
    r->calls++;
    r->error = o->error;
    snprintf(b, sizeof b, "{%d %d %zu %d ", (int)s, (int)o->finish_reason, o->tool_call_count, o->iterations);
    t_adds(&r->digest, b);
    t_adds(&r->digest, o->content);
    t_adds(&r->digest, o->id);
    t_adds(&r->digest, o->model);
    if (f_plant == P_OTHER_RESULT && w.ever_fired) t_adds(&r->digest, "more");
    if (f_plant == P_CONTENT && s != LLM_OK) t_adds(&r->content[r->calls - 1], "more");
    t_adds(&r->digest, "}");
    f_add_usage(r, &o->usage);
    llm_response_free(o);
    if (o->content_len != 0 || !o->content || o->choices) f_check(0, "llm_response_free() left something");
    llm_response_free(o);
}

/* A call that could not be started. */
static void f_no_call(f_run *r, llm_status s, const llm_call *call, llm_response *o) {
    if (call) f_check(0, "a call that could not be started");
    memset(o, 0, sizeof *o);
    o->content = o->id = o->model = o->request_id = "";
    o->status = s;
    o->error = *llm_last_error(r->client);
}

/* One call, its result into the digest. */
static llm_status f_call(f_run *r, int kind, const llm_request *request) {
    llm_response o;
    llm_call *call = NULL;
    llm_status s;
    llm_request q = *request;
    q.cancel = w.with_cancel ? &w.cancel : NULL;
    memset(&o, 0xEE, sizeof o);
    f_clear(&r->told);
    r->told_kind = -1;
    if (r->driver == BLOCK) {
        if (kind == CHAT)
            s = llm_chat(r->client, &q, &o);
        else if (kind == STREAM)
            s = llm_chat_stream(r->client, &q, f_on_event, r, &o);
        else
            s = llm_chat_with_tools(r->client, &q, 0, kind == TOOLS ? NULL : f_on_event, r, &o);
    } else {
        s = kind == STREAM ? llm_start(r->client, &q, &call) : llm_start_with_tools(r->client, &q, 0, &call);
        if (s == LLM_OK) {
            s = f_drive(r, call, &o);
        } else {
            f_no_call(r, s, call, &o);
        }
    }
    f_result(r, kind, s, &o);
    return s;
}

/* The conversation, a line for each message. */
static void f_add_talk(f_run *r) {
    size_t i, k;
    char b[40];
    f_clear(&r->talk);
    for (i = 0; r->v && i < r->v->count; i++) {
        const llm_message *m = &r->v->list[i].m;
        snprintf(b, sizeof b, "%d ", (int)m->role);
        t_adds(&r->talk, b);
        t_adds(&r->talk, m->content ? m->content : "-");
        t_adds(&r->talk, m->tool_call_id ? m->tool_call_id : "-");
        for (k = 0; k < m->tool_call_count; k++) {
            t_adds(&r->talk, m->tool_calls[k].id);
            t_adds(&r->talk, m->tool_calls[k].name);
            t_adds(&r->talk, m->tool_calls[k].arguments);
        }
        t_adds(&r->talk, "\n");
    }
}

static void f_run_reset(f_run *r, const f_scenario *s, int driver) {
    int i;
    r->s = s;
    r->driver = driver;
    r->status = LLM_OK;
    r->at_new = r->wait_memory = r->calls = 0;
    r->told_kind = -1;
    llmi_error_init(&r->error);
    f_clear(&r->digest);
    f_clear(&r->usage);
    f_clear(&r->talk);
    f_clear(&r->told);
    for (i = 0; i < F_CALLS; i++) f_clear(&r->content[i]);
}

static uint32_t f_seed; /* of the lots */

static void f_world_reset(const f_scenario *s) {
    t_text log = w.log, req[F_REQS];
    memcpy(req, w.req, sizeof req);
    f_drop_peers();
    f_drop_blocks();
#ifdef F_SYSCALLS
    f_fds_reset();
#endif
    memset(&w, 0, sizeof w);
    w.log = log;
    memcpy(w.req, req, sizeof req);
    f_clear(&w.log);
    w.now = 1000000;
    w.unix_time = 1800000000; /* January 2027 */
    w.seed = 1;
    w.lot = f_seed;
    w.serve = s->serve;
    w.secure = s->secure;
    w.refuse = s->proxy == REFUSES;
    memset(&fi, 0, sizeof fi);
}

static void f_config(const f_scenario *s, llm_config *c) {
    *c = llm_config_init();
    c->hook_ctx = f_ctx();
    c->api_key = F_KEY;
    c->base_url = s->secure ? "https://localhost/v1" : s->proxy ? "http://api.test/v1" : "http://127.0.0.1:8080/v1";
    c->allow_plaintext_key = s->proxy != DIRECT;
    if (s->proxy) c->proxy = "http://user:" F_PASS "@proxy.test:3128";
    c->model = "gpt-4o-mini";
    c->connect_timeout_ms = 3000;
    c->idle_timeout_ms = 5000;
    c->max_retries = s->secure ? 2 : 4; /* a handshake takes its time */
    if (s->config) s->config(c);
}

/* The scenario once. Armed or not is the caller's. */
static void f_play(f_run *r) {
    uint64_t start = w.now;
    long before = w.handshakes;
    w.served = 0;
    w.reqs = 0;
    w.cancel = 0;
    w.kept = r->client ? &r->client->idle_count : NULL;
    r->status = r->s->run(r);
    w.kept = NULL;
    fi.armed = 0;
    r->took = w.now - start;
    r->handshakes = w.handshakes - before;
    f_add_talk(r);
    if (r->status != LLM_OK) f_check_error(&r->error, r->status);
}

/* ---- after each run ----------------------------------------------------------------------------------------- */

static struct f_reference {
    f_run run;
    t_text req[F_REQS];
    int reqs;
    long count[K_MOST];
} f_ref;

static void f_check_pool(const llm_client *c) {
    const llmi_conn *n;
    int count = 0;
    for (n = c->idle; n && count <= 100; n = n->next) count++;
    if (count != c->idle_count + (f_plant == P_POOL_COUNT))
        f_check(0, "idle_count is not the number of kept connections");
    if (count > (c->config.max_idle < 0 ? 0 : c->config.max_idle)) f_check(0, "more kept connections than max_idle");
#ifndef F_SYSCALLS
    for (n = c->idle; n && count-- > 0; n = n->next) {
        const f_peer *p = n->net.id >= 1 && n->net.id <= w.peers ? &w.peer[n->net.id - 1] : NULL;
        if (!p || p->closed || p->told + (f_plant == P_DEAD_IN_POOL)) f_check(0, "a dead connection is kept");
    }
#endif
}

static void f_check_secrets(void) {
    if (f_plant == P_PROMPT_IN_LOG) t_adds(&w.log, F_PROMPT);
    f_no_secret(w.log.p, w.log.n, "the key or a password is in the log");
    if (f_holds(w.log.p, w.log.n, F_PROMPT) || f_holds(w.log.p, w.log.n, "canary")) {
        f_check(0, "a prompt or an answer is in the log");
    }
}

/* Nothing of a failed round is in the conversation, and nothing else was touched. */
static void f_check_talk(f_run *r) {
    const f_run *ref = &f_ref.run;
    size_t n = r->v ? r->v->count : 0;
    const size_t *t = r->s->talk;
    if (!r->v || !t) return;
    if (f_plant == P_CONVERSATION && r->status != LLM_OK) t_adds(&r->talk, "5 one more\n");
    while (*t != n && *t != 0) t++;
    if (*t != n) f_check(0, "the conversation holds a part of a round");
    if (fi.fault.kind == K_TOOL) return;
    if (r->talk.n > ref->talk.n || (r->talk.n > 0 && memcmp(r->talk.p, ref->talk.p, r->talk.n) != 0)) {
        f_check(0, "the conversation is no beginning of the clean one");
    }
    if (r->status == r->s->clean && !f_same(&r->talk, &ref->talk)) f_check(0, "the conversation lacks something");
}

/* A call that went well in spite of a fault, or in pieces, has the clean result; one that failed a part of it. */
static void f_check_result(f_run *r) {
    const f_run *ref = &f_ref.run;
    int i;
    if (r->status == r->s->clean) {
        if (fi.fault.kind != K_TOOL && !f_same(&r->digest, &ref->digest)) {
            f_check(0, "the call went well, with another result");
            if (f_show()) fprintf(stderr, "    is:     %s\n    wanted: %s\n", r->digest.p, ref->digest.p);
        }
        if (!f_same(&r->usage, &ref->usage) && !memchr(r->usage.p, '?', r->usage.n)) f_check(0, "the usage is wrong");
        if (!f_same(&r->usage, &ref->usage) && fi.phase == PH_BEFORE && fi.fault.kind != K_NOW)
            f_check(0, "the usage is lost");
    }
    for (i = 0; i < r->calls; i++) {
        const t_text *is = &r->content[i], *was = &ref->content[i];
        if (r->s->other && strncmp(r->s->other, is->p, is->n) == 0) continue;
        if (is->n > was->n || (is->n > 0 && memcmp(is->p, was->p, is->n) != 0)) {
            f_check(0, "what was kept of the answer is no beginning of it");
        }
    }
}

/* Whatever was sent again is what was sent in a clean run. */
static void f_check_requests(void) {
    int i, k;
    if (f_plant == P_OTHER_REQUEST && w.reqs > 0) t_adds(&w.req[0], " ");
    if (fi.fault.kind == K_TOOL || fi.fault.kind == K_ENV) return;
    for (i = 0; i < w.reqs; i++) {
        for (k = 0; k < f_ref.reqs && !f_same(&w.req[i], &f_ref.req[k]); k++) continue;
        if (k == f_ref.reqs) f_check(0, "the server got a request that is none of the clean run's");
    }
}

static void f_check_ends(long live, size_t bytes) {
    int i;
#ifdef F_SYSCALLS
    f_fds_closed();
#endif
    for (i = 0; i < w.peers; i++) {
        if (!w.peer[i].closed) f_check(0, "a connection was not closed");
    }
    if (w.live != live || w.bytes != bytes) f_check(0, "memory leaked");
}

/* The function itself: t_wrap.h's reads the environment, which is not what is counted here. */
#undef llm_client_new
static llm_status f_make_client(f_run *r, const llm_config *c) {
    llm_error e;
    llm_status s;
    t_note_key(F_KEY);
    t_note_proxy("http://user:" F_PASS "@proxy.test:3128");
    s = llm_client_new(&r->client, c, &e);
    if (s != LLM_OK) t_check_error(&e, "the error of llm_client_new()");
    if ((s == LLM_OK) != (r->client != NULL)) f_check(0, "llm_client_new() and *out disagree");
    if (s != LLM_OK) {
        r->error = e;
        r->at_new = 1;
    }
    return s;
}

/* ---- one run with one fault --------------------------------------------------------------------------------- */

#define F_BIT(s) (1ull << -(int)(s))

typedef unsigned long long (*f_allowed_fn)(const f_scenario *s, const f_run *r);
static f_allowed_fn f_allowed;

enum { F_MOST_MS = 600000 }; /* of the scripted clock: beyond it something waits for ever */

typedef struct f_line {
    long points, tried, faults;
    long outcome[64];
} f_line;

static void f_setup(f_run *r, const llm_config *c) {
    if (!r->s->creates && f_make_client(r, c) != LLM_OK) f_stop(r->error.message);
    if (r->s->setup && r->s->setup(r) != LLM_OK) f_stop("no setup");
}

static void f_teardown(f_run *r) {
    llm_conversation_free(r->v);
    r->v = NULL;
    if (!r->s->creates) llm_client_free(r->client);
    r->client = NULL;
}

/* A run without a fault, in the world as it is: it must come to the clean result. */
static void f_again(f_run *r) {
    f_run_reset(r, r->s, r->driver);
    memset(&fi, 0, sizeof fi);
    if (w.with_cancel) w.cancel = 0;
    if (f_plant == P_BROKEN_CLIENT) w.broken = 1;
    w.recv_max = w.send_max = 0;
    if (r->s->setup && r->v) {
        llm_conversation_free(r->v);
        r->v = NULL;
        (void)r->s->setup(r);
    }
    f_play(r);
    if (r->status != r->s->clean) {
        f_check(0, "the client does not work after the fault");
        if (f_show()) fprintf(stderr, "    %s\n", r->error.message);
    } else {
        f_check_result(r);
        if (!f_same(&r->usage, &f_ref.run.usage)) f_check(0, "the usage is wrong after the fault");
        if (!f_same(&r->talk, &f_ref.run.talk)) f_check(0, "the conversation is wrong after the fault");
    }
}

static void f_name(const f_scenario *s, int driver, const char *kind, const f_fault *fault, long at) {
    static const char *const lasts[] = {"once", "on this connection from then on", "from then on"};
    snprintf(f_where, sizeof f_where, "%s (%s), %s %ld: %s %s", s->name,
             driver == BLOCK  ? "block"
             : driver == POLL ? "poll"
                              : "wait",
             kind, at, fault ? fault->name : "no fault", fault ? lasts[fault->lasts] : "");
}

/* Returns the status. fault NULL: none; then at is how to slice what is sent and received. */
static llm_status f_one(const f_scenario *s, int driver, const f_fault *fault, long at, int with_cancel) {
    static f_run r;
    llm_config c;
    long live;
    size_t bytes;
    llm_status status;
    unsigned long long allowed = F_BIT(s->clean);
    f_runs++;
    f_findings = 0;
    f_world_reset(s);
    f_run_reset(&r, s, driver);
    w.with_cancel = with_cancel;
    f_config(s, &c);
    live = w.live;
    bytes = w.bytes;
    f_setup(&r, &c);
    if (!fault) w.recv_max = w.send_max = (size_t)at;
    fi.armed = 1;
    if (fault) fi.fault = *fault;
    fi.at = at;
    f_play(&r);
    w.ever_fired = fi.fired > 0;
    status = r.status;
    if (f_plant == P_WRONG_STATUS) r.status = status = LLM_ERR_INTERNAL;
    if (fault) {
        if (fi.fired == 0) f_check(0, "the fault was not reached");
        allowed = f_allowed(s, &r);
    }
    if (status > 0 || status < -63 || !(allowed & F_BIT(status))) {
        f_check(0, llm_status_name(status));
        if (f_show()) {
            fprintf(stderr, "    phase %d, secure %d, attempts %d: %s\n", fi.phase, fi.secure, r.error.attempts,
                    r.error.message);
        }
    }
    f_check(r.took < F_MOST_MS + (fi.fault.what == W_LATE || fi.fault.what == W_AHEAD ? 36000000u : 0u),
            "it took too long");
    f_check_result(&r);
    f_check_requests();
    f_check_secrets();
    f_check_talk(&r);
    if (r.client) f_check_pool(r.client);
    f_again(&r);
    if (r.client) f_check_pool(r.client);
    f_teardown(&r);
    f_check_secrets();
    f_check_ends(live, bytes);
    return status;
}

/* The clean run that all others are compared with. */
static void f_measure(const f_scenario *s, int driver, int with_cancel) {
    llm_config c;
    int i;
    f_run *r = &f_ref.run;
    f_findings = 0;
    f_name(s, driver, "clean run", NULL, 0);
    f_world_reset(s);
    f_run_reset(r, s, driver);
    w.with_cancel = with_cancel;
    f_config(s, &c);
    f_setup(r, &c);
    fi.armed = 1;
    f_play(r);
    memcpy(f_ref.count, fi.count, sizeof f_ref.count);
    for (i = 0; i < w.reqs; i++) {
        f_ref.req[i].n = 0;
        t_add(&f_ref.req[i], w.req[i].p, w.req[i].n);
    }
    f_ref.reqs = w.reqs;
    if (r->status != s->clean) {
        f_check(0, "the clean run has another status");
        fprintf(stderr, "    %s\n", r->error.message);
    }
    f_check(r->handshakes == s->handshakes, "the clean run has another number of full TLS handshakes");
    f_check_secrets();
    f_teardown(r);
    f_check_ends(0, 0);
}

/* ---- all runs of a scenario --------------------------------------------------------------------------------- */

static const char *f_kind_name(int kind);

static void f_print(const f_scenario *s, int driver, const char *kind, const f_line *l) {
    int i, first = 1;
    printf("%-12s %-5s %-13s %4ld points x %2ld faults = %5ld runs: ", s->name,
           driver == BLOCK  ? "block"
           : driver == POLL ? "poll"
                            : "wait",
           kind, l->points, l->faults, l->tried);
    for (i = 0; i < 64; i++) {
        if (l->outcome[i] == 0) continue;
        printf("%s%ld %s", first ? "" : ", ", l->outcome[i], llm_status_name((llm_status)-i));
        first = 0;
    }
    printf("\n");
}

/* Every fault of this kind at every point that the clean run has. */
static void f_kind(const f_scenario *s, int driver, int kind, const f_fault *list, size_t n) {
    f_line l;
    size_t i;
    long at, tried;
    char why[100];
    memset(&l, 0, sizeof l);
    l.points = f_ref.count[kind];
    for (i = 0; i < n; i++) {
        if (list[i].kind != kind) continue;
        l.faults++;
        tried = 0;
        for (at = 1; at <= l.points - (f_plant == P_ONE_TOO_FEW); at++) {
            llm_status status;
            f_name(s, driver, f_kind_name(kind), &list[i], at);
            status = f_one(s, driver, &list[i], at, kind == K_CANCEL);
            tried += w.ever_fired;
            if (status <= 0 && status > -64) l.outcome[-status]++;
        }
        l.tried += tried;
        if (tried != l.points) {
            f_findings = 0;
            snprintf(why, sizeof why, "%ld faults fired, %ld points counted", tried, l.points);
            f_check(0, why);
        }
    }
    if (l.points > 0 && l.faults == 0) f_check(0, "there is no fault for calls of this kind");
    if (l.points > 0 && f_plant == P_NONE) f_print(s, driver, f_kind_name(kind), &l);
}

/* Bytes one by one, then in pieces by lot, then all at once again. */
static void f_slices(const f_scenario *s, int driver) {
    static const long cuts[] = {1, 2, 3, 7, 100, -1, -1, -1, -1, -1, -1, -1, -1, 0};
    f_line l;
    size_t i;
    memset(&l, 0, sizeof l);
    l.points = (long)(sizeof cuts / sizeof cuts[0]);
    l.faults = 1;
    for (i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        llm_status status;
        f_name(s, driver, "slices of", NULL, cuts[i]);
        f_seed = (uint32_t)i;
        status = f_one(s, driver, NULL, cuts[i], 0);
        l.tried++;
        if (status <= 0 && status > -64) l.outcome[-status]++;
    }
    f_print(s, driver, "slices", &l);
}

#define K_BIT(kind) (1ull << (kind))

/* The suite's: the kinds that a clean run of this scenario must reach; a hook that is called no longer is found so. */
static unsigned long long (*f_must)(const f_scenario *s, int driver);

static void f_kinds_reached(const f_scenario *s, int driver) {
    int kind;
    char why[100];
    for (kind = 1; kind < K_MOST; kind++) {
        if (!f_must || !(f_must(s, driver) & K_BIT(kind)) || f_ref.count[kind] > 0) continue;
        f_findings = 0;
        snprintf(f_where, sizeof f_where, "%s, driver %d", s->name, driver);
        snprintf(why, sizeof why, "no call of kind %s was made", f_kind_name(kind));
        f_check(0, why);
    }
}

static void f_scenario_all(const f_scenario *s, int driver, const f_fault *list, size_t n) {
    int kind;
    f_measure(s, driver, 0);
    f_kinds_reached(s, driver);
    for (kind = 1; kind < K_MOST; kind++) {
        if (kind != K_CANCEL && f_ref.count[kind] > 0) f_kind(s, driver, kind, list, n);
    }
    f_slices(s, driver);
    f_measure(s, driver, 1);
    f_kind(s, driver, K_CANCEL, list, n);
}

/* ---- config.memory of every size ---------------------------------------------------------------------------- */

enum { F_GUARD = 64 };

/* All that was handed out has come back. */
static int f_pool_empty(const llmi_mem *m) {
    const llmi_block *b = m->pool_size > LLMI_UNIT ? (const llmi_block *)(const void *)m->pool : NULL;
    size_t at = 0;
    while (b && at < m->pool_size) {
        if (b->used) return 0;
        at += LLMI_UNIT + b->size;
        b = (const llmi_block *)(const void *)(m->pool + at);
    }
    return at == m->pool_size || !b;
}

/* The scenario three times in a block of that size: well or LLM_ERR_MEMORY. */
static llm_status f_in_block(const f_scenario *s, int driver, size_t size) {
    static f_run r;
    llm_config c;
    llmi_mem mem;
    llm_status status = LLM_OK, last = LLM_OK;
    size_t shift = size / 7 % 16, used = 0, i;
    unsigned char *raw = (unsigned char *)malloc(size + 2 * F_GUARD + 16), *block;
    int round, kept = 0;
    if (!raw) exit(1);
    memset(raw, 0xC3, size + 2 * F_GUARD + 16);
    block = raw + F_GUARD + shift;
    f_runs++;
    f_findings = 0;
    f_world_reset(s);
    f_run_reset(&r, s, driver);
    f_config(s, &c);
    c.memory = block;
    c.memory_size = size;
    status = f_make_client(&r, &c);
    if (status == LLM_OK) {
        mem = r.client->mem;
        for (round = 0; round < 3; round++) {
            f_run_reset(&r, s, driver);
            r.v = NULL;
            last = status;
            status = s->setup ? s->setup(&r) : LLM_OK;
            if (status == LLM_OK) {
                f_play(&r);
                status = r.status;
                f_check_result(&r);
            }
            if (!f_check(status == s->clean || status == LLM_ERR_MEMORY, llm_status_name(status)) && f_show()) {
                fprintf(stderr, "    round %d: %s\n", round, r.error.message);
            }
            f_check_pool(r.client);
            llm_conversation_free(r.v);
            r.v = NULL;
            if (round == 2 && status == last && kept == r.client->idle_count && used != r.client->mem.used) {
                f_check(0, "a round left something in config.memory");
            }
            used = r.client->mem.used;
            kept = r.client->idle_count;
        }
        llm_client_free(r.client);
        r.client = NULL;
        f_check(f_pool_empty(&mem), "memory leaked in config.memory");
    } else {
        f_check(status == LLM_ERR_MEMORY, llm_status_name(status));
        f_check_error(&r.error, status);
    }
    if (f_plant == P_OVERRUN) block[size] = 0;
    if (f_plant == P_MALLOC) LLM_FREE(f_ctx(), LLM_MALLOC(f_ctx(), 1), 1);
    for (i = 0; i < F_GUARD + shift; i++) f_check(raw[i] == 0xC3, "a byte outside of config.memory was written");
    for (i = 0; i < F_GUARD + 16 - shift; i++)
        f_check(block[size + i] == 0xC3, "a byte outside of config.memory was written");
    f_check(w.allocs == 0, "LLM_MALLOC was called in spite of config.memory");
    f_check_secrets();
    f_check_ends(0, 0);
    free(raw);
    return status;
}

static inline void f_sizes(const f_scenario *s, int driver) {
    llm_config c;
    size_t size, top, smallest = 0, fails = 0;
    f_line l;
    memset(&l, 0, sizeof l);
    f_measure(s, driver, 0);
    f_config(s, &c);
    top = (llm_memory_needed(&c) / s->memory + 2) * s->memory;
    while (top < 1 << 20) {
        f_name(s, driver, "bytes", NULL, (long)top);
        if (f_in_block(s, driver, top) == s->clean) break;
        top += top / 2 / s->memory * s->memory;
    }
    for (size = top + s->memory; size > 0;) {
        llm_status status;
        size -= s->memory;
        f_name(s, driver, "bytes", NULL, (long)size);
        status = f_in_block(s, driver, size);
        if (status == s->clean)
            smallest = size;
        else if (fails == 0)
            fails = size;
        l.tried++;
        if (status <= 0 && status > -64) l.outcome[-status]++;
    }
    l.points = l.tried;
    l.faults = 1;
    f_check(smallest > 0 && fails > 0, "no size was too small, or none was large enough");
    f_print(s, driver, "memory", &l);
    printf("%-12s %-5s %-13s sizes %zu to 0 in steps of %zu; works from %zu on, fails from %zu down; "
           "llm_memory_needed() %zu\n",
           "", "", "", top, s->memory, smallest, fails, llm_memory_needed(&c));
}

/* ---- proofs ------------------------------------------------------------------------------------------------- */

typedef struct f_proof {
    int plant;
    const char *name, *expected;
    int driver, kind, what;
} f_proof;

/* Plants each defect in turn: the checks must find it, by name. s: a stream. */
static void f_prove(const f_scenario *s, const f_proof *list, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) {
        const f_proof *p = &list[i];
        f_fault fault;
        memset(&fault, 0, sizeof fault);
        fault.kind = p->kind;
        fault.what = p->what;
        fault.lasts = ONCE;
        fault.name = p->name;
        f_measure(s, p->driver, 0);
        f_plant = p->plant;
        f_gone = p->kind;
        f_expected = p->expected;
        f_proved = 0;
        if (p->plant == P_HOOK_GONE) {
            f_measure(s, p->driver, 0);
            f_kinds_reached(s, p->driver);
        } else if (p->kind == K_NONE)
            (void)f_in_block(s, p->driver, 65536);
        else
            f_kind(s, p->driver, p->kind, &fault, 1);
        f_plant = P_NONE;
        f_world_reset(s);
        printf("planted: %-60s found %ld times\n", p->name, f_proved);
        snprintf(f_where, sizeof f_where, "planted: %s", p->name);
        f_check(f_proved > 0, "was not found");
    }
}
#endif
