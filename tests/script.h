/* script.h - a network, a clock, an environment and a log of the test's own: no socket is opened, nobody waits.
   A suite includes this instead of t.h. A server is a list of connections, each a list of steps:

       sc_reset();
       sc_conn();                                   what the next LLM_NET_OPEN finds
       sc_await();                                  until one more whole request has come
       sc_give("HTTP/1.1 200 OK\r\n...", -1);       bytes (-1: up to the NUL)
       sc_pause(500);                               half a second of the scripted clock
       sc_close();                                  or sc_rst(); without either the server is silent from there

   sc_answer() and sc_stream() write whole answers. What the client sent is in sc.req[]. A hook that may wait moves the
   scripted clock to what it waits for, and never beyond its time-out; with time-out 0 the test moves it: sc_tick(). */
#ifndef SCRIPT_H
#define SCRIPT_H

#if !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE)
    #define _GNU_SOURCE 1
#endif
#include <stddef.h>
#include <stdint.h>

typedef struct sc_net {
    int id;
} sc_net; /* 0 = never opened, else 1 + number of the connection */

static int sc_hook_open(void *ctx, sc_net *c, const char *host, int port, int ms);
static long sc_hook_send(void *ctx, sc_net *c, const char *p, size_t n, int ms);
static long sc_hook_recv(void *ctx, sc_net *c, char *p, size_t n, int ms);
static void sc_hook_close(void *ctx, sc_net *c);
static int sc_hook_fd(const sc_net *c);
static int sc_hook_wait(void *items, size_t n, int ms);
static uint64_t sc_hook_now(void);
static int64_t sc_hook_unix(void);
static void sc_hook_sleep(int ms);
static int sc_hook_random(void *p, size_t n);
static const char *sc_hook_getenv(const char *name);
static void sc_hook_log(int level, const char *p, size_t n);

#define LLM_NET_CONN                         sc_net
#define LLM_NET_OPEN(ctx, c, host, port, ms) sc_hook_open((ctx), (c), (host), (int)(port), (ms))
#define LLM_NET_SEND(ctx, c, p, n, ms)       sc_hook_send((ctx), (c), (p), (n), (ms))
#define LLM_NET_RECV(ctx, c, p, n, ms)       sc_hook_recv((ctx), (c), (p), (n), (ms))
#define LLM_NET_CLOSE(ctx, c)                sc_hook_close((ctx), (c))
#define LLM_NET_FD(ctx, c)                   ((void)(ctx), sc_hook_fd(c))
#define LLM_NET_WAIT(ctx, items, n, ms)      ((void)(ctx), sc_hook_wait((items), (n), (ms)))
#define LLM_NOW_MS(ctx)                      ((void)(ctx), sc_hook_now())
#define LLM_UNIX_TIME(ctx)                   ((void)(ctx), sc_hook_unix())
#define LLM_SLEEP_MS(ctx, ms)                ((void)(ctx), sc_hook_sleep(ms))
#define LLM_RANDOM(ctx, p, n)                ((void)(ctx), sc_hook_random((p), (n)))
#define LLM_GETENV(ctx, name)                ((void)(ctx), sc_hook_getenv(name))
#define LLM_LOG(ctx, level, p, n)            ((void)(ctx), sc_hook_log((level), (p), (n)))

#include "t.h"
#include "t_cases.h"

enum { SC_GIVE, SC_AWAIT, SC_PAUSE, SC_SHUT, SC_RST };
enum { SC_CONNS = 64, SC_STEPS = 4096, SC_REQS = 64 };

typedef struct sc_step {
    int kind;
    char *p;
    size_t n;
    int ms;
} sc_step;

typedef struct sc_conn_t {
    int first, last;          /* its steps */
    int open_result, open_ms; /* what OPEN says, and after how long; < 0: never */
    size_t send_block_at;     /* SEND takes no byte behind this (0 = no such place) */
    size_t send_fail_at;      /* SEND fails once so many bytes were taken, + 1 */
    /* state */
    int opened, closed, at, paused, fresh_requests;
    uint64_t open_at, ready_at, send_at;
    size_t used, given, sent;
    t_text in; /* bytes of the request that is not whole yet */
    size_t need;
    const char *rest; /* what the next SEND must be given: SEND took nothing or not all */
    size_t rest_n, held_at;
    t_text held; /* those bytes, from held_at on */
} sc_conn_t;

typedef struct sc_request {
    int conn;
    t_text all;
    const char *head, *body;
} sc_request;

static struct sc_t {
    uint64_t now;
    int64_t unix_time;
    sc_conn_t conn[SC_CONNS];
    int conns, opens, closes;
    sc_step step[SC_STEPS];
    int steps;
    sc_request req[SC_REQS];
    int reqs;
    size_t recv_max, send_max; /* bytes of one RECV, one SEND; 0 = all */
    int send_every;            /* a slow line: so many milliseconds lie between two SENDs that take anything */
    size_t split_at;           /* of a connection's bytes: nothing behind it before a millisecond has passed */
    long hooks, fail_at;       /* net hook calls; this one fails .. */
    int fail_with;             /* .. with this */
    char failed_in;            /* 'o', 's', 'r': which one that was */
    long recvs, sends, slept;
    int wait_fails;      /* LLM_NET_WAIT does */
    unsigned char random;
    int random_fails;
    const char *env[16]; /* name, value, name, value, .. NULL */
    int (*taker)(sc_conn_t *c, const char *p, size_t n); /* gets what is sent first; 1 = it was for it alone */
    t_text log;
    char host[300];
    int port;
    volatile int *flag; /* set to 1 .. */
    uint64_t flag_at;   /* .. when the clock comes here: another thread or a signal handler */
} sc;

/* what the last script took; a leak checker counts it otherwise */
static inline void sc_free(void) {
    int i;
    for (i = 0; i < sc.steps; i++) free(sc.step[i].p);
    for (i = 0; i < sc.conns; i++) free(sc.conn[i].in.p);
    for (i = 0; i < sc.conns; i++) free(sc.conn[i].held.p);
    for (i = 0; i < sc.reqs; i++) free(sc.req[i].all.p);
    free(sc.log.p);
    memset(&sc, 0, sizeof sc);
}

static inline void sc_reset(void) {
    static int first = 1;
    if (first) atexit(sc_free);
    first = 0;
    sc_free();
    sc.now = 1000000;
    sc.unix_time = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110 5.6.7 */
    t_add(&sc.log, "", 0);
}

/* ---- writing a script ------------------------------------------------------------------------------------- */

static inline sc_conn_t *sc_conn(void) {
    sc_conn_t *c = &sc.conn[sc.conns++];
    if (sc.conns > SC_CONNS) exit(1);
    c->first = c->last = c->at = sc.steps;
    c->open_result = 1;
    return c;
}

static inline sc_step *sc_add(int kind) {
    sc_step *s = &sc.step[sc.steps++];
    if (sc.steps > SC_STEPS || sc.conns == 0) exit(1);
    s->kind = kind;
    sc.conn[sc.conns - 1].last = sc.steps;
    return s;
}

static inline void sc_await(void) {
    sc_add(SC_AWAIT);
}
static inline void sc_pause(int ms) {
    sc_add(SC_PAUSE)->ms = ms;
}
static inline void sc_close(void) {
    sc_add(SC_SHUT);
}
static inline void sc_rst(void) {
    sc_add(SC_RST);
}

static inline void sc_give(const char *p, long n) {
    sc_step *s = sc_add(SC_GIVE);
    s->n = n < 0 ? strlen(p) : (size_t)n;
    s->p = (char *)malloc(s->n + 1);
    if (!s->p) exit(1);
    memcpy(s->p, p, s->n);
}

/* A whole answer with Content-Length. head: further header lines, each with CR LF, or "". */
static inline void sc_answer_n(int status, const char *head, const char *body, size_t n) {
    char b[256];
    sc_await();
    snprintf(b, sizeof b, "HTTP/1.1 %d Said\r\nContent-Length: %lu\r\n", status, (unsigned long)n);
    sc_give(b, -1);
    if (!strstr(head, "ontent-Type:")) sc_give("Content-Type: application/json\r\n", -1);
    sc_give(head, -1);
    sc_give("\r\n", -1);
    sc_give(body, (long)n);
}

static inline void sc_answer(int status, const char *head, const char *body) {
    sc_answer_n(status, head, body, strlen(body));
}

#define SC_SSE_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

static inline void sc_chunk(const char *p, size_t n) {
    char b[32];
    snprintf(b, sizeof b, "%lx\r\n", (unsigned long)n);
    sc_give(b, -1);
    sc_give(p, (long)n);
    sc_give("\r\n", -1);
}

static inline void sc_chunk_s(const char *s) {
    sc_chunk(s, strlen(s));
}

/* A stream as one HTTP chunk and the last one. */
static inline void sc_stream(const char *sse) {
    sc_await();
    sc_give(SC_SSE_HEAD, -1);
    sc_chunk(sse, strlen(sse));
    sc_give("0\r\n\r\n", -1);
}

#define SC_OK_JSON(text)                                                                                               \
    "{\"id\":\"r1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"" text \
    "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}"
#define SC_DELTA(text) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define SC_STOP        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define SC_DONE        "data: [DONE]\n\n"

/* ---- the server ------------------------------------------------------------------------------------------- */

static inline void sc_clock(uint64_t to) {
    if (to > sc.now) sc.now = to;
    if (sc.flag && sc.now >= sc.flag_at) *sc.flag = 1;
}

static inline int sc_fails(char hook, int *with) {
    if (++sc.hooks != sc.fail_at) return 0;
    sc.failed_in = hook;
    *with = sc.fail_with;
    return 1;
}

/* Takes what the client has sent: a whole request moves to sc.req. */
static inline void sc_take(sc_conn_t *c, const char *p, size_t n) {
    const char *end, *len;
    sc_request *r;
    if (sc.taker && sc.taker(c, p, n)) return;
    t_add(&c->in, p, n);
    end = strstr(c->in.p, "\r\n\r\n");
    if (!end) return;
    len = strstr(c->in.p, "\r\nContent-Length: ");
    c->need = (size_t)(end - c->in.p) + 4 + (len && len < end ? strtoul(len + 18, NULL, 10) : 0);
    if (c->in.n < c->need) return;
    if (sc.reqs == SC_REQS) exit(1);
    r = &sc.req[sc.reqs++];
    r->conn = (int)(c - sc.conn);
    r->all = c->in;
    r->head = r->all.p;
    r->body = r->all.p + c->need - (c->need - ((size_t)(end - c->in.p) + 4));
    memset(&c->in, 0, sizeof c->in);
    c->fresh_requests++;
}

/* What a RECV would find now. Returns SC_GIVE with bytes, SC_SHUT, SC_RST, SC_PAUSE with *when the time to look again,
   SC_AWAIT for silence. */
static inline int sc_look(sc_conn_t *c, const char **p, size_t *n, uint64_t *when) {
    for (; c->at < c->last; c->at++, c->used = 0) {
        sc_step *s = &sc.step[c->at];
        if (c->ready_at > sc.now) {
            *when = c->ready_at;
            return SC_PAUSE;
        }
        if (s->kind == SC_AWAIT) {
            if (c->fresh_requests == 0) return SC_AWAIT;
            c->fresh_requests--;
        } else if (s->kind == SC_PAUSE) {
            if (!c->paused) {
                c->paused = 1;
                c->ready_at = sc.now + (uint64_t)s->ms;
                *when = c->ready_at;
                if (s->ms > 0) return SC_PAUSE;
            }
            c->paused = 0;
        } else if (s->kind == SC_GIVE) {
            if (c->used == s->n) continue;
            *p = s->p + c->used;
            *n = s->n - c->used;
            if (sc.split_at > c->given && *n > sc.split_at - c->given) *n = sc.split_at - c->given;
            return SC_GIVE;
        } else {
            return s->kind;
        }
    }
    return SC_AWAIT;
}

static inline sc_conn_t *sc_of(const sc_net *c) {
    if (c->id < 1 || c->id > sc.conns || sc.conn[c->id - 1].closed) {
        fprintf(stderr, "script.h: a net hook was called for a connection that is not open\n");
        abort();
    }
    return &sc.conn[c->id - 1];
}

static inline int sc_hook_open(void *ctx, sc_net *net, const char *host, int port, int ms) {
    sc_conn_t *c;
    int with;
    uint64_t due;
    (void)ctx;
    if (net->id == 0) {
        net->id = ++sc.opens;
        if (sc.opens > sc.conns) { /* nobody wrote a script for it: refused */
            sc_conn();
            sc.conns = sc.opens;
            sc.conn[sc.opens - 1].open_result = LLM_NET_REFUSED;
        }
        snprintf(sc.host, sizeof sc.host, "%s", host);
        sc.port = port;
        sc.conn[net->id - 1].open_at = sc.now;
    }
    c = sc_of(net);
    if (sc_fails('o', &with)) return with;
    due = c->open_ms < 0 ? UINT64_MAX : c->open_at + (uint64_t)c->open_ms;
    if (due > sc.now && ms > 0) sc_clock(due < sc.now + (uint64_t)ms ? due : sc.now + (uint64_t)ms);
    if (due > sc.now) return 0;
    c->opened = 1;
    return c->open_result;
}

/* The promise at LLM_NET_SEND: what was not taken is given again, from the same place. Of long ones the first 4096
   bytes are compared: the others come to the front later. */
static inline void sc_send_again(sc_conn_t *c, const char *p, size_t n) {
    size_t front = n < 4096 ? n : 4096;
    if (c->rest != NULL && (p != c->rest || n != c->rest_n || memcmp(p, c->held.p + c->held_at, front) != 0)) {
        fprintf(stderr, "script.h: SEND has not got what the one before left%s%s\n", t_case[0] ? " in " : "", t_case);
        abort();
    }
    if (c->rest == NULL) {
        c->held.n = c->held_at = 0;
        t_add(&c->held, p, n);
    }
    c->rest = p;
    c->rest_n = n;
}

static inline void sc_sent(sc_conn_t *c, size_t n) {
    c->rest = n < c->rest_n ? c->rest + n : NULL;
    c->rest_n -= n;
    c->held_at += n;
}

static inline long sc_hook_send(void *ctx, sc_net *net, const char *p, size_t n, int ms) {
    sc_conn_t *c = sc_of(net);
    int with;
    (void)ctx;
    sc.sends++;
    sc_send_again(c, p, n);
    if (sc_fails('s', &with)) return with;
    if (c->send_fail_at && c->sent + 1 >= c->send_fail_at) return LLM_NET_FAILED;
    if (sc.send_max && n > sc.send_max) n = sc.send_max;
    if (c->send_fail_at && c->sent + n + 1 > c->send_fail_at) n = c->send_fail_at - 1 - c->sent;
    if (c->send_block_at && c->sent + n > c->send_block_at) n = c->send_block_at - c->sent;
    if (c->send_at > sc.now && n > 0 && ms > 0) {
        sc_clock(c->send_at < sc.now + (uint64_t)ms ? c->send_at : sc.now + (uint64_t)ms);
        ms = 0;
    }
    if (n == 0 || c->send_at > sc.now) {
        if (ms > 0) sc_clock(sc.now + (uint64_t)ms);
        return 0;
    }
    c->send_at = sc.now + (uint64_t)sc.send_every;
    c->sent += n;
    sc_sent(c, n);
    sc_take(c, p, n);
    return (long)n;
}

static inline long sc_hook_recv(void *ctx, sc_net *net, char *to, size_t n, int ms) {
    sc_conn_t *c = sc_of(net);
    uint64_t end = sc.now + (uint64_t)(ms > 0 ? ms : 0), when = 0;
    const char *p = NULL;
    size_t got = 0, room = sc.recv_max && n > sc.recv_max ? sc.recv_max : n, k = 0;
    int with, kind;
    (void)ctx;
    sc.recvs++;
    if (sc_fails('r', &with)) return with;
    while ((kind = sc_look(c, &p, &k, &when)) == SC_PAUSE && when <= end) sc_clock(when);
    if (kind == SC_SHUT) return LLM_NET_CLOSED;
    if (kind == SC_RST) return LLM_NET_FAILED;
    if (kind != SC_GIVE) {
        sc_clock(end);
        return 0;
    }
    while (kind == SC_GIVE && got < room) {
        if (k > room - got) k = room - got;
        memcpy(to + got, p, k);
        got += k;
        c->used += k;
        c->given += k;
        if (sc.split_at && c->given == sc.split_at) {
            c->ready_at = sc.now + 1;
            break;
        }
        kind = sc_look(c, &p, &k, &when);
    }
    return (long)got;
}

static inline void sc_hook_close(void *ctx, sc_net *net) {
    (void)ctx;
    sc_of(net)->closed = 1;
    sc.closes++;
}

static inline int sc_hook_fd(const sc_net *net) {
    return net->id == 0 || !sc_of(net)->opened ? -1 : 100 + net->id % 3; /* numbers come again, as real ones do */
}

/* When this connection can go on; UINT64_MAX: never by itself. */
static inline uint64_t sc_due(const sc_net *net, int wants) {
    sc_conn_t *c = sc_of(net);
    const char *p;
    size_t n;
    uint64_t when = 0;
    if (!c->opened) return c->open_ms < 0 ? UINT64_MAX : c->open_at + (uint64_t)c->open_ms;
    if ((wants & LLM_WANT_WRITE) && !(c->send_block_at && c->sent >= c->send_block_at)) {
        return c->send_at > sc.now ? c->send_at : sc.now;
    }
    switch (sc_look(c, &p, &n, &when)) {
    case SC_PAUSE: return when;
    case SC_AWAIT: return UINT64_MAX;
    default: return sc.now;
    }
}

static inline int sc_hook_wait(void *items, size_t n, int ms) {
    llm_wait_item *w = (llm_wait_item *)items;
    uint64_t end = ms < 0 ? UINT64_MAX : sc.now + (uint64_t)ms, first = end;
    size_t i;
    int ready = 0;
    if (sc.wait_fails) return -1;
    for (i = 0; i < n; i++) {
        uint64_t due = sc_due(w[i].conn, w[i].wants);
        if (due < first) first = due;
    }
    if (first == UINT64_MAX) {
        fprintf(stderr, "script.h: llm_wait() would wait for ever\n");
        abort();
    }
    sc_clock(first);
    for (i = 0; i < n; i++) {
        w[i].ready = sc_due(w[i].conn, w[i].wants) <= sc.now;
        ready += w[i].ready;
    }
    return ready;
}

static inline uint64_t sc_hook_now(void) {
    return sc.now;
}
static inline int64_t sc_hook_unix(void) {
    return sc.unix_time ? sc.unix_time + (int64_t)((sc.now - 1000000) / 1000) : 0;
}
static inline void sc_hook_sleep(int ms) {
    sc.slept += ms;
    sc_clock(sc.now + (uint64_t)ms);
}
static inline int sc_hook_random(void *p, size_t n) {
    memset(p, sc.random, n);
    return !sc.random_fails;
}
static inline const char *sc_hook_getenv(const char *name) {
    int i;
    for (i = 0; i < 14 && sc.env[i]; i += 2) {
        if (strcmp(sc.env[i], name) == 0) return sc.env[i + 1];
    }
    return NULL;
}
static inline void sc_hook_log(int level, const char *p, size_t n) {
    char b[16];
    t_log(level, p, n);
    snprintf(b, sizeof b, "%d ", level);
    t_adds(&sc.log, b);
    t_add(&sc.log, p, n);
    t_adds(&sc.log, "\n");
}

/* ---- driving a call without blocking ---------------------------------------------------------------------- */

/* After LLM_PENDING: moves the clock to what an event loop of the test's own would have waited for, which is what
   llm_call_wants() and llm_call_timeout_ms() say and not what the script knows. 0: it would wait for ever. */
static inline int sc_tick(const llm_call *call) {
    int ms = llm_call_timeout_ms(call);
    uint64_t due = UINT64_MAX;
    if (llm_call_fd(call) >= 0) due = sc_due(&call->conn->net, llm_call_wants(call));
    if (ms >= 0 && due > sc.now + (uint64_t)ms) due = sc.now + (uint64_t)ms;
    if (due == UINT64_MAX) return 0;
    sc_clock(due);
    return 1;
}

/* The blocking end of the same: to the end of the call, without blocking. on_event as in llm_chat_stream(). */
static inline llm_status sc_drive(llm_call *call, llm_event_fn on_event, void *user, llm_response *out) {
    llm_event ev;
    llm_status s;
    long rounds = 0;
    while ((s = llm_next(call, &ev, 0)) == LLM_OK || s == LLM_PENDING) {
        if (s == LLM_OK) {
            if (on_event && on_event(user, &ev)) break;
        } else if (!sc_tick(call) || ++rounds > 2000000) {
            fprintf(stderr, "script.h: the call hangs%s%s\n", t_case[0] ? " in " : "", t_case);
            t_failed++;
            break;
        }
    }
    return llm_finish(call, out);
}

/* A client on this network. config may be NULL. */
static inline llm_client *sc_client(const llm_config *config) {
    llm_config c = config ? *config : llm_config_init();
    llm_client *client = NULL;
    llm_error e;
    if (!c.api_key) c.api_key = "sk-0123456789abcdefABCDEF";
    if (!c.base_url) c.base_url = "http://127.0.0.1:8080/v1";
    if (!c.model) c.model = "m";
    if (llm_client_new(&client, &c, &e) != LLM_OK) {
        fprintf(stderr, "llm_client_new: %s\n", e.message);
        exit(1);
    }
    return client;
}

/* long enough to be looked for in the log */
#define SC_PROMPT "hi, yellow parrot of the mine"

static inline llm_request sc_hi(void) {
    llm_request r = llm_request_init();
    r.prompt = SC_PROMPT;
    return r;
}

/* Does p[0..n) hold s? For memory and texts with NULs in them. */
static inline int sc_holds(const void *p, size_t n, const char *s) {
    return n > 0 && memmem(p, n, s, strlen(s)) != NULL;
}
#endif
