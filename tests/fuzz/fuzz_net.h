/* fuzz_net.h - a whole call over a network that the input scripts, and what must hold of it whatever came.

   The script is the bytes that servers send, with orders among them, each a byte 0xFF and a letter:
     FF 'p' n   silence of n * 20 + 7 ms                  FF 'c'   orderly close, FF 'r' reset
     FF 'n'     the next connection starts here           FF 'w'   wait for one more whole request
     FF 'o' n   OPEN: n % 8 of 1 refused, 2 no host, 3 failed, else open after n / 8 * 20 ms
     FF 'e'     do not wait for the request before answering
     FF 's' n   SEND fails after n * 8 bytes              FF 'b' n   SEND takes no byte behind n * 8 for 100 ms
     FF 'x' n   what was sent since the last order n times more, so that a short input fills what has a limit
     FF FF      the byte itself
   Behind the last order a connection is silent; connections that no script is left for are refused.

   With FUZZ_TLS the same over HTTPS: BearSSL's server in this process speaks the script's bytes, and what it sends can be
   changed on the way (fn_tls); or the script's bytes are what comes in place of TLS records. Through a proxy a server is
   behind a CONNECT that was answered well, and in place of TLS records stands the proxy's own answer. */
#ifndef FUZZ_NET_H
#define FUZZ_NET_H
#define FUZZ_NET
#include "fuzz.h"
#ifdef FUZZ_TLS
#include "fuzz_roots.h"      /* made by make_seeds: fuzz_root[], fuzz_servers[] */
#endif

enum { FN_GIVE, FN_PAUSE, FN_CLOSE, FN_RESET, FN_AWAIT };
enum { FN_CONNS = 16, FN_STEPS = 400, FN_REPEAT = 65536 };      /* FN_REPEAT: bytes that all repeats together send */

typedef struct fn_step { int kind, ms, more; size_t at, n; } fn_step;      /* more: how often it is sent again */

typedef struct fn_conn {
    int first, last;              /* its steps */
    int open_result, open_ms;
    size_t send_fail, send_block; /* 0 = never */
    /* state */
    int opened, closed, at, paused, again;
    uint64_t open_at, ready_at, block_until;
    size_t used, sent;
    int requests, answered;       /* whole requests that came; those that FN_AWAIT or the good server has seen */
    fuzz_text in;
    size_t good_at;               /* of the good server's answer */
    int secure;                   /* FN_TLS_.. */
    struct fn_server *tls;
    fuzz_text wire;               /* what the server sends: wire_at on is still to come */
    size_t wire_at;
    int records, cut, notified;
    int tunnel;                   /* CONNECT was read */
} fn_conn;

enum { FN_TLS_NONE, FN_TLS_SERVER, FN_TLS_RAW };
enum { FN_KEEP, FN_FLIP, FN_INSERT, FN_DELETE, FN_CUT, FN_CUT_RESET, FN_AGAIN, FN_DROP, FN_CHANGES };

typedef struct fn_tls {
    int secure;
    int server;                   /* which of fuzz_servers[]: 0 is the good one */
    int clean;                    /* close_notify before the end */
    size_t record;                /* bytes of application data in one record, 0 = as they come */
    int change;                   /* of what the first connection's server sends: FN_.. */
    size_t at;                    /* at this byte; FN_AGAIN, FN_DROP: this record */
    unsigned value;
} fn_tls;

static struct {
    char *bytes;
    size_t n;
    fn_step step[FN_STEPS];
    int steps;
    fn_conn conn[FN_CONNS];
    int conns, opens, closes;
    size_t repeated;
    size_t recv_most, send_most;
    int good;                     /* from here on every request gets a good answer */
    int unordered;                /* SEND stops while an answer is there already: which is seen first is chance */
    int requests;
    fuzz_text last_request;       /* the body */
    fn_tls tls;
    int no_key;
    int proxy;                    /* the connections are to one */
    fuzz_text clear;              /* all that a secure connection sent, as it went out */
} fn;

#define FN_PROXY_SECRET "proxy-CANARY:sesame-CANARY"
#define FN_PROXY_BASIC  "cHJveHktQ0FOQVJZOnNlc2FtZS1DQU5BUlk="     /* of base64(1) */

static const char fn_answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 71\r\n\r\n"
    "{\"choices\":[{\"message\":{\"content\":\"fine\"},\"finish_reason\":\"stop\"}]}    ";

static void fn_tls_free(fn_conn *c);

/* The bytes p[0..n) into a script, this many times; FF is escaped. */
static inline void fn_body(fuzz_text *script, const uint8_t *p, size_t n, size_t times) {
    size_t i;
    for (; times > 0; times--) {
        for (i = 0; i < n; i++) {
            fuzz_add(script, p + i, 1);
            if (p[i] == 0xFF) fuzz_add(script, p + i, 1);
        }
    }
}

/* How often a body of n bytes fits into FN_REPEAT; at least once. */
static inline size_t fn_times(size_t n, size_t times) {
    size_t most = n ? FN_REPEAT / n : 1;
    return times < most ? times : most;
}

static fn_conn *fn_new_conn(void) {
    fn_conn *c = &fn.conn[fn.conns++];
    FUZZ_CHECK(fn.conns <= FN_CONNS);
    c->first = c->last = c->at = fn.steps;
    c->open_result = 1;
    return c;
}

static fn_step *fn_add(int kind) {
    fn_step *s = &fn.step[fn.steps++];
    s->kind = kind;
    s->ms = 0;
    s->more = 0;
    s->n = 0;
    s->at = fn.n;
    fn.conn[fn.conns - 1].last = fn.steps;
    return s;
}

static void fn_start(const uint8_t *p, size_t n) {
    const uint8_t *end;
    fn_conn *c;
    fn_step *s;
    int i;
    for (i = 0; i < FN_CONNS; i++) {
        free(fn.conn[i].in.p);
        free(fn.conn[i].wire.p);
        fn_tls_free(&fn.conn[i]);
    }
    free(fn.bytes);
    free(fn.clear.p);
    free(fn.last_request.p);
    memset(&fn, 0, sizeof fn);
    if (n == 0) p = (const uint8_t *)"";      /* an empty input may be NULL */
    end = p + n;
    fn.bytes = (char *)malloc(n + 1);
    if (!fn.bytes) abort();
    c = fn_new_conn();
    fn_add(FN_AWAIT);
    while (p < end && fn.steps < FN_STEPS - 2) {
        unsigned arg = 0;
        int order = 0;
        if (*p == 0xFF && end - p >= 2 && p[1] != 0xFF) {
            order = p[1] ? p[1] : 1;
            p += 2;
            if (strchr("posbx", order) && order && p < end) arg = *p++;
        } else if (*p == 0xFF) {
            p += end - p >= 2;
        }
        switch (order) {
        case 'p': fn_add(FN_PAUSE)->ms = (int)arg * 20 + 7; break;
        case 'c': fn_add(FN_CLOSE); break;
        case 'r': fn_add(FN_RESET); break;
        case 'w': fn_add(FN_AWAIT); break;
        case 'e': if (c->last == c->first + 1) fn.step[c->first].kind = FN_GIVE; break;   /* of no bytes */
        case 's': c->send_fail = arg * 8 + 1; fn.unordered = 1; break;
        case 'b': c->send_block = arg * 8; fn.unordered = 1; break;
        case 'o':
            c->open_result = arg % 8 == 1 ? LLM_NET_REFUSED : arg % 8 == 2 ? LLM_NET_NO_HOST : arg % 8 == 3 ? LLM_NET_FAILED : 1;
            c->open_ms = (int)(arg / 8) * 20;
            break;
        case 'n':
            if (fn.conns == FN_CONNS) return;
            c = fn_new_conn();
            fn_add(FN_AWAIT);
            break;
        case 'x':
            s = &fn.step[fn.steps - 1];
            for (; arg > 0 && s->kind == FN_GIVE && s->n > 0 && s->n <= FN_REPEAT - fn.repeated; arg--) {
                fn.repeated += s->n;
                s->more++;
            }
            break;
        default:
            if (order) break;     /* an order that does not exist */
            s = &fn.step[fn.steps - 1];
            if (s->kind != FN_GIVE || s->more > 0) s = fn_add(FN_GIVE);
            fn.bytes[fn.n++] = (char)*p++;
            s->n++;
            break;
        }
    }
}

/* What a RECV would find now: FN_GIVE with bytes, FN_CLOSE, FN_RESET, FN_PAUSE with the time to look again, FN_AWAIT for
   silence. */
static int fn_look(fn_conn *c, const char **p, size_t *n, uint64_t *when) {
    for (; c->at < c->last; c->at++, c->used = 0, c->again = 0) {
        const fn_step *s = &fn.step[c->at];
        if (s->kind == FN_AWAIT) {
            if (fn.good || c->requests == c->answered) break;
            c->answered++;
        } else if (s->kind == FN_PAUSE) {
            if (fn.good) break;
            if (!c->paused) {
                c->paused = 1;
                c->ready_at = fuzz_sys.now + (uint64_t)s->ms;
            }
            *when = c->ready_at;
            if (fuzz_sys.now < c->ready_at) return FN_PAUSE;
            c->paused = 0;
        } else if (s->kind == FN_GIVE) {
            if (c->used == s->n) {
                if (c->again == s->more) continue;
                c->again++;
                c->used = 0;
            }
            *p = fn.bytes + s->at + c->used;
            *n = s->n - c->used;
            return FN_GIVE;
        } else {
            return s->kind;
        }
    }
    if (!fn.good || c->requests <= c->answered) return FN_AWAIT;
    *p = fn_answer + c->good_at;
    *n = sizeof fn_answer - 1 - c->good_at;
    return *n ? FN_GIVE : FN_AWAIT;
}

static void fn_took(fn_conn *c, const char *p, size_t n) {
    if (p < fn_answer || p >= fn_answer + sizeof fn_answer) c->used += n;
    else c->good_at += n;
}

/* ---- the server's side of TLS --------------------------------------------------------------------------------------- */

#ifdef FUZZ_TLS
typedef struct fn_server {
    br_ssl_server_context sc;
    unsigned char buf[BR_SSL_BUFSIZE_BIDI];
} fn_server;

/* Key and chain of each of fuzz_servers[], read once. */
typedef struct fn_identity {
    br_skey_decoder_context key;
    br_x509_certificate chain[4];
    size_t count;
} fn_identity;

static void fn_blob(void *to, const void *p, size_t n) { fuzz_add((fuzz_text *)to, p, n); }

static const fn_identity *fn_identity_of(int which) {
    static fn_identity all[FUZZ_SERVERS];
    fn_identity *id = &all[which];
    const char *text = fuzz_servers[which];
    size_t at = 0, len = strlen(text);
    br_pem_decoder_context pem;
    fuzz_text der = {NULL, 0, 0};
    if (id->count) return id;
    br_pem_decoder_init(&pem);
    br_skey_decoder_init(&id->key);
    while (at < len) {
        at += br_pem_decoder_push(&pem, text + at, len - at);
        switch (br_pem_decoder_event(&pem)) {
        case BR_PEM_BEGIN_OBJ:
            memset(&der, 0, sizeof der);
            br_pem_decoder_setdest(&pem, fn_blob, &der);
            break;
        case BR_PEM_END_OBJ:
            if (strstr(br_pem_decoder_name(&pem), "KEY")) {
                br_skey_decoder_push(&id->key, der.p, der.n);
                free(der.p);
            } else if (id->count < 4) {
                id->chain[id->count].data = (unsigned char *)der.p;
                id->chain[id->count++].data_len = der.n;
            }
            break;
        case BR_PEM_ERROR: abort();
        default: break;
        }
    }
    if (id->count == 0 || br_skey_decoder_key_type(&id->key) != BR_KEYTYPE_EC) abort();
    return id;
}

static struct { br_ssl_session_cache_lru lru; unsigned char store[1000]; int there; } fn_sessions;

static void fn_tls_new(fn_conn *c) {
    const fn_identity *id = fn_identity_of(fn.good ? 0 : fn.tls.server);
    fn_server *s = (fn_server *)malloc(sizeof *s);
    if (!s) abort();
    if (!fn_sessions.there) br_ssl_session_cache_lru_init(&fn_sessions.lru, fn_sessions.store, sizeof fn_sessions.store);
    fn_sessions.there = 1;
    br_ssl_server_init_full_ec(&s->sc, id->chain, id->count, BR_KEYTYPE_EC, br_skey_decoder_get_ec(&id->key));
    br_ssl_engine_set_buffer(&s->sc.eng, s->buf, sizeof s->buf, 1);
    if (fn.good || fn.tls.server == 0) br_ssl_server_set_cache(&s->sc, &fn_sessions.lru.vtable);
    br_ssl_engine_inject_entropy(&s->sc.eng, "no secret", 9);
    br_ssl_server_reset(&s->sc);
    c->tls = s;
}

static void fn_tls_free(fn_conn *c) {
    free(c->tls);
    fn_sessions.there = 0;
}

/* One record on its way. */
static void fn_tls_record(fn_conn *c, const unsigned char *p, size_t n) {
    const fn_tls *t = &fn.tls;
    int change = c == &fn.conn[0] && !c->cut ? t->change : FN_KEEP;
    size_t before = c->wire.n, at = t->at - before;
    int number = c->records++, here = t->at >= before && at < n;
    if (c->cut || (change == FN_DROP && (size_t)number == t->at)) return;
    fuzz_add(&c->wire, p, n);
    if (change == FN_AGAIN && (size_t)number == t->at) fuzz_add(&c->wire, p, n);
    if (!here || change < FN_FLIP || change > FN_CUT_RESET) return;
    if (change == FN_FLIP) {
        c->wire.p[t->at] = (char)(c->wire.p[t->at] ^ (char)(t->value ? t->value : 1));
    } else if (change == FN_INSERT) {
        char last = c->wire.p[c->wire.n - 1];
        memmove(c->wire.p + t->at + 1, c->wire.p + t->at, c->wire.n - t->at - 1);
        c->wire.p[t->at] = (char)t->value;
        fuzz_add(&c->wire, &last, 1);
    } else if (change == FN_DELETE) {
        memmove(c->wire.p + t->at, c->wire.p + t->at + 1, c->wire.n - t->at - 1);
        c->wire.n--;
    } else {
        c->wire.n = t->at;
        c->cut = change;
    }
}

static void fn_tls_pump(fn_conn *c) {
    br_ssl_engine_context *e = &c->tls->sc.eng;
    unsigned char *p;
    size_t n;
    while ((p = br_ssl_engine_sendrec_buf(e, &n)) != NULL) {
        fn_tls_record(c, p, n);
        br_ssl_engine_sendrec_ack(e, n);
    }
}

/* Bytes of the client. What a server that has closed does not take is lost, as in a network. */
static void fn_tls_take(fn_conn *c, const unsigned char *p, size_t n) {
    br_ssl_engine_context *e = &c->tls->sc.eng;
    unsigned char *to;
    size_t room;
    int rounds = 0;
    while (n > 0 && !(br_ssl_engine_current_state(e) & BR_SSL_CLOSED)) {
        to = br_ssl_engine_recvrec_buf(e, &room);
        if (to != NULL) {
            if (room > n) room = n;
            memcpy(to, p, room);
            br_ssl_engine_recvrec_ack(e, room);
            p += room;
            n -= room;
        }
        fn_tls_pump(c);
        while ((to = br_ssl_engine_recvapp_buf(e, &room)) != NULL) {
            fuzz_add(&c->in, to, room);
            br_ssl_engine_recvapp_ack(e, room);
        }
        FUZZ_CHECK(++rounds < 10000);
    }
}

/* Gives the server what the script has for it by now. Says what comes behind that. */
static int fn_tls_next(fn_conn *c, uint64_t *when) {
    br_ssl_engine_context *e = &c->tls->sc.eng;
    const char *p = NULL;
    unsigned char *to;
    size_t n = 0, room;
    int kind;
    for (;;) {
        fn_tls_pump(c);
        if (br_ssl_engine_current_state(e) & BR_SSL_CLOSED) return FN_CLOSE;
        to = br_ssl_engine_sendapp_buf(e, &room);
        if (to == NULL) return FN_AWAIT;                 /* the handshake waits for the client */
        kind = fn_look(c, &p, &n, when);
        if (kind == FN_CLOSE && fn.tls.clean && !c->notified) {
            c->notified = 1;
            br_ssl_engine_close(e);
            fn_tls_pump(c);
            return FN_CLOSE;
        }
        if (kind != FN_GIVE) return kind;
        if (n > room) n = room;
        if (fn.tls.record && n > fn.tls.record) n = fn.tls.record;
        memcpy(to, p, n);
        br_ssl_engine_sendapp_ack(e, n);
        br_ssl_engine_flush(e, 0);
        fn_took(c, p, n);
    }
}
#else
static void fn_tls_new(fn_conn *c) { (void)c; }
static void fn_tls_free(fn_conn *c) { (void)c; }
static void fn_tls_take(fn_conn *c, const unsigned char *p, size_t n) { (void)c; (void)p; (void)n; }
static int fn_tls_next(fn_conn *c, uint64_t *when) { (void)c; (void)when; return FN_AWAIT; }
#endif

static fn_conn *fn_of(const fuzz_conn *n) {
    FUZZ_CHECK(n->id >= 1 && n->id <= fn.opens && !fn.conn[n->id - 1].closed);
    return &fn.conn[n->id - 1];
}

static void fn_waits(int ms) {
    FUZZ_CHECK(ms >= 0 && (ms == 0 || fuzz_sys.may_wait));   /* promise: llm_next(call, ev, 0) does not wait */
}

static int fuzz_open(fuzz_conn *n, const char *host, int port, int ms) {
    fn_conn *c;
    uint64_t due;
    fn_waits(ms);
    FUZZ_CHECK(strcmp(host, fn.tls.secure && !fn.proxy ? "localhost" : "127.0.0.1") == 0 && port == 8080);
    if (n->id == 0) {
        if (fn.opens == FN_CONNS) {
            fprintf(stderr, "more connections than any call may open\n");
            abort();
        }
        n->id = ++fn.opens;
        if (fn.opens > fn.conns) {
            c = fn_new_conn();
            c->open_result = fn.good ? 1 : LLM_NET_REFUSED;
        }
        c = fn_of(n);
        if (fn.good && !c->opened) {
            c->open_result = 1;
            c->open_ms = 0;
            c->send_fail = c->send_block = 0;
            c->at = c->last;
        }
        c->open_at = fuzz_sys.now;
        c->secure = fn.good && fn.tls.secure ? FN_TLS_SERVER : fn.tls.secure;
        if (c->secure == FN_TLS_SERVER) fn_tls_new(c);
    }
    c = fn_of(n);
    FUZZ_CHECK(!c->opened);
    due = c->open_at + (uint64_t)c->open_ms;
    if (due > fuzz_sys.now && ms > 0) fuzz_sys.now = due < fuzz_sys.now + (uint64_t)ms ? due : fuzz_sys.now + (uint64_t)ms;
    if (due > fuzz_sys.now) return 0;
    if (c->open_result == 1) c->opened = 1;
    return c->open_result;
}

/* What comes before TLS on the way through a proxy. 1: it was that. */
static int fn_connect(fn_conn *c, const char *p, size_t len) {
    static const char head[] = "CONNECT localhost:8080 HTTP/1.1\r\nHost: localhost:8080\r\n";
    static const char opened[] = "HTTP/1.1 100 Wait\r\n\r\nHTTP/1.0 200 Opened\r\nContent-Length: 7\r\n\r\n";
    if (!fn.proxy || !c->secure || c->tunnel) return 0;
    fuzz_add(&c->in, p, len);
    if (c->in.n < 4 || memcmp(c->in.p + c->in.n - 4, "\r\n\r\n", 4) != 0) return 1;
    FUZZ_CHECK(strncmp(c->in.p, head, sizeof head - 1) == 0 && strstr(c->in.p, "\r\n\r\n") == c->in.p + c->in.n - 4);
    FUZZ_CHECK(strstr(c->in.p, "\r\nProxy-Authorization: Basic " FN_PROXY_BASIC "\r\n") != NULL);
    c->tunnel = 1;
    c->in.n = 0;
    if (c->secure == FN_TLS_SERVER) fuzz_adds(&c->wire, opened);
    else c->requests++;
    return 1;
}

/* Whole requests are counted and checked: the head is ours, the body is one JSON object, the key stands in one place. */
static void fn_request(fn_conn *c) {
    for (;;) {
        char *end = c->in.n ? strstr(c->in.p, "\r\n\r\n") : NULL, *len, *key;
        size_t body, head;
        if (!end) return;
        head = (size_t)(end - c->in.p) + 4;
        len = strstr(c->in.p, "\r\nContent-Length: ");
        if (fn.proxy && !c->secure) {
            FUZZ_CHECK(strncmp(c->in.p, "POST http://127.0.0.1:8080/v1/chat/completions HTTP/1.1\r\n", 57) == 0);
            key = strstr(c->in.p, "\r\nProxy-Authorization: Basic " FN_PROXY_BASIC "\r\n");
            FUZZ_CHECK(key != NULL && key < end);
        } else {
            FUZZ_CHECK(strncmp(c->in.p, "POST /v1/chat/completions HTTP/1.1\r\n", 36) == 0 && !strstr(c->in.p, "Proxy-"));
        }
        FUZZ_CHECK(len != NULL && len < end);
        body = strtoul(len + 18, NULL, 10);
        if (c->in.n < head + body) return;
        key = strstr(c->in.p, FUZZ_KEY);
        if (fn.no_key) FUZZ_CHECK((key == NULL || key > end) && strstr(c->in.p, "\r\nAuthorization") == NULL);
        else FUZZ_CHECK(key != NULL && key < end && memcmp(key - 22, "Authorization: Bearer ", 22) == 0 &&
                        !fuzz_holds(key + 1, c->in.n - (size_t)(key + 1 - c->in.p), FUZZ_KEY));
        FUZZ_CHECK(llmi_json_is_object(c->in.p + head, body));
        fuzz_clear(&fn.last_request);
        fuzz_add(&fn.last_request, c->in.p + head, body);
        memmove(c->in.p, c->in.p + head + body, c->in.n - head - body + 1);
        c->in.n -= head + body;
        c->requests++;
        c->good_at = 0;
        if (fn.good) c->answered = c->requests - 1;
        fn.requests++;
    }
}

static long fuzz_send(fuzz_conn *n, const char *p, size_t len, int ms) {
    fn_conn *c = fn_of(n);
    fn_waits(ms);
    FUZZ_CHECK(c->opened && len > 0);
    if (fn.send_most && len > fn.send_most) len = fn.send_most;
    if (c->send_fail) {
        if (c->sent + 1 >= c->send_fail) return c->send_fail % 16 == 1 ? LLM_NET_CLOSED : LLM_NET_FAILED;
        if (len > c->send_fail - 1 - c->sent) len = c->send_fail - 1 - c->sent;
    }
    if (c->send_block && c->sent + len > c->send_block) {
        if (c->sent < c->send_block) {
            len = c->send_block - c->sent;
        } else {
            if (c->block_until == 0) c->block_until = fuzz_sys.now + 100;
            if (fuzz_sys.now < c->block_until && ms > 0) {
                uint64_t to = fuzz_sys.now + (uint64_t)ms;
                fuzz_sys.now = to < c->block_until ? to : c->block_until;
            }
            if (fuzz_sys.now < c->block_until) return 0;
            c->send_block = 0;
        }
    }
    c->sent += len;
    if (c->secure) fuzz_add(&fn.clear, p, len);
    if (fn_connect(c, p, len)) return (long)len;
    if (c->secure == FN_TLS_RAW) c->requests++;      /* an AWAIT has seen something */
    else if (c->secure) fn_tls_take(c, (const unsigned char *)p, len);
    else fuzz_add(&c->in, p, len);
    if (c->in.n) fn_request(c);
    return (long)len;
}

/* What a RECV would find now, under TLS or not. */
static int fn_next(fn_conn *c, const char **p, size_t *n, uint64_t *when) {
    int kind = FN_GIVE;
    if (c->tls == NULL) return fn_look(c, p, n, when);
    if (!c->cut) kind = fn_tls_next(c, when);
    if (c->wire_at < c->wire.n) {
        *p = c->wire.p + c->wire_at;
        *n = c->wire.n - c->wire_at;
        return FN_GIVE;
    }
    return c->cut ? (c->cut == FN_CUT ? FN_CLOSE : FN_RESET) : kind;
}

static long fuzz_recv(fuzz_conn *n, char *to, size_t room, int ms) {
    fn_conn *c = fn_of(n);
    uint64_t end = fuzz_sys.now + (uint64_t)ms, when = 0;
    const char *p = NULL;
    size_t k = 0, got = 0;
    int kind;
    fn_waits(ms);
    FUZZ_CHECK(c->opened && room > 0);
    if (fn.recv_most && room > fn.recv_most) room = fn.recv_most;
    while ((kind = fn_next(c, &p, &k, &when)) == FN_PAUSE && when <= end) fuzz_sys.now = when;
    if (kind == FN_CLOSE) return LLM_NET_CLOSED;
    if (kind == FN_RESET) return LLM_NET_FAILED;
    if (kind != FN_GIVE) {
        fuzz_sys.now = end;
        return 0;
    }
    while (kind == FN_GIVE && got < room) {
        if (k > room - got) k = room - got;
        memcpy(to + got, p, k);
        got += k;
        if (c->tls) c->wire_at += k;
        else fn_took(c, p, k);
        kind = fn_next(c, &p, &k, &when);
    }
    return (long)got;
}

static void fuzz_close(fuzz_conn *n) {
    fn_of(n)->closed = 1;
    fn.closes++;
}

static int fuzz_fd(const fuzz_conn *n) {
    return n->id == 0 || !fn_of(n)->opened ? -1 : 100 + n->id % 3;
}

/* When this connection can go on, UINT64_MAX never by itself. */
static uint64_t fn_due(const fuzz_conn *n, int wants) {
    fn_conn *c = fn_of(n);
    const char *p;
    size_t k;
    uint64_t when = 0;
    if (!c->opened) return c->open_at + (uint64_t)c->open_ms;
    if ((wants & LLM_WANT_WRITE) && !(c->send_block && c->sent >= c->send_block)) return fuzz_sys.now;
    if ((wants & LLM_WANT_WRITE) && c->block_until > fuzz_sys.now) return c->block_until;
    if ((wants & LLM_WANT_WRITE)) return fuzz_sys.now;
    switch (fn_next(c, &p, &k, &when)) {
    case FN_PAUSE: return when;
    case FN_AWAIT: return UINT64_MAX;
    default: return fuzz_sys.now;
    }
}

static int fuzz_wait(void *items, size_t n, int ms) {
    llm_wait_item *w = (llm_wait_item *)items;
    uint64_t first = ms < 0 ? UINT64_MAX : fuzz_sys.now + (uint64_t)ms;
    size_t i;
    int ready = 0;
    FUZZ_CHECK(fuzz_sys.may_wait);
    for (i = 0; i < n; i++) {
        uint64_t due = fn_due(w[i].conn, w[i].wants);
        if (due < first) first = due;
    }
    FUZZ_CHECK(first != UINT64_MAX);      /* it would wait for ever */
    if (first > fuzz_sys.now) fuzz_sys.now = first;
    for (i = 0; i < n; i++) {
        w[i].ready = fn_due(w[i].conn, w[i].wants) <= fuzz_sys.now;
        ready += w[i].ready;
    }
    return ready;
}

/* ---- one call, its events and its answer as a log ------------------------------------------------------------------- */

enum { FC_PULL, FC_BLOCK, FC_CALLBACK, FC_WAIT, FC_WAYS };     /* llm_next(.., 0), llm_next(.., -1), llm_chat_..(), llm_wait() */

typedef struct fc_opts {
    int way, stream, discard, tools, conversation;
    int retries;
    int connect_ms, idle_ms, total_ms;
    unsigned recv_most, send_most;
    long fail_at;                 /* this allocation fails, 0 = none */
    size_t pool;                  /* bytes of config.memory, 0 = none */
    int stop_after;               /* events, then llm_finish(); 0 = never */
    int cancel_after;             /* events, then the flag is set; 0 = never */
    int iterations;
    int once;                     /* no second call */
    int extra;                    /* bits: 1 on_retry, 2 no kept connections, 4 headers, 8 n = 2, 16 prices, 32 no key, */
                                  /* 64 through a proxy */
    fn_tls tls;
} fc_opts;

typedef struct fc_run {
    fuzz_text log;
    fuzz_text seen[3][LLM_MAX_CHOICES];      /* text, reasoning, refusal: what events have said */
    size_t told;                             /* bytes of it, of all choices and rounds */
    fuzz_text calls;                         /* tool calls of the events */
    int events, results, runs, runnable, over;
    int stop_after, cancel_after;
    volatile int flag;
    llm_status status;
    int faulty;                              /* memory may run out */
    int retries;                             /* on_retry */
    int requests;                            /* whole ones that a server has read */
    uint64_t started;
    int timed;                               /* a deadline passed: ties depend on who waits */
} fc_run;

static void fc_free(fc_run *r) {
    int i, k;
    free(r->log.p);
    free(r->calls.p);
    for (k = 0; k < 3; k++) {
        for (i = 0; i < LLM_MAX_CHOICES; i++) free(r->seen[k][i].p);
    }
}

static int fc_keyless;     /* the client has no key: what the server says is no echo of it */

static void fc_no_key(const void *p, size_t n) {
    FUZZ_CHECK(fc_keyless || !fuzz_holds(p, n, FUZZ_KEY));
}

/* A fixed field that is a text: ended, UTF-8 or what the server sent, no key. */
static void fc_field(fuzz_text *t, const char *name, const char *p, size_t cap) {
    FUZZ_CHECK(memchr(p, 0, cap) != NULL);
    fc_no_key(p, strlen(p));
    fuzz_adds(t, name);
    fuzz_adds(t, p);
}

static void fc_error(fuzz_text *t, const llm_error *e) {
    fuzz_adds(t, llm_status_name(e->status));
    fuzz_addi(t, "http", e->http_status);
    fuzz_addi(t, "retryable", e->retryable);
    fuzz_addi(t, "after", (long long)e->retry_after_ms);
    fuzz_addi(t, "attempts", e->attempts);
    fc_field(t, " \"", e->message, sizeof e->message);
    fc_field(t, "\" type ", e->type, sizeof e->type);
    fc_field(t, " code ", e->code, sizeof e->code);
    fc_field(t, " param ", e->param, sizeof e->param);
    fc_field(t, " id ", e->request_id, sizeof e->request_id);
    fc_no_key(e, sizeof *e);
    if (fn.proxy) FUZZ_CHECK(!fuzz_holds(e, sizeof *e, "sesame-CANARY") && !fuzz_holds(e, sizeof *e, FN_PROXY_BASIC));
    FUZZ_CHECK(llm_is(e->status, LLM_ERR) && e->status != LLM_ERR_INTERNAL && strcmp(llm_status_name(e->status), "LLM_ERR_UNKNOWN"));
    FUZZ_CHECK(e->message[0] != 0 && e->retry_after_ms >= -1);
}

static void fc_tool_call(fuzz_text *t, const llm_tool_call *c) {
    fuzz_adds(t, c->id);
    fuzz_adds(t, " ");
    fuzz_adds(t, c->name);
    fuzz_adds(t, " ");
    fuzz_adds(t, c->arguments);
    fuzz_adds(t, "\n");
    FUZZ_CHECK(c->id[0] != 0);
    fc_no_key(c->id, strlen(c->id));
    fc_no_key(c->name, strlen(c->name));
    fc_no_key(c->arguments, strlen(c->arguments));
}

/* What the model is told is the result of this tool, and of no other. */
static void fc_result(fc_run *r, const llm_event *ev) {
    const char *args = ev->tool_call->arguments[0] ? ev->tool_call->arguments : "{}";
    int json = llmi_json_check(args, strlen(args), NULL);
    llmi_mem mem;
    llm_text want;
    llmi_mem_init(&mem, NULL, NULL, 0);
    llmi_text_init(&want, &mem, (size_t)-1);
    if (r->faulty) return;
    if (json && strcmp(ev->tool_call->name, "echo") == 0) {
        llmi_text_quote(&want, args, strlen(args));
        FUZZ_CHECK(ev->len == want.n && memcmp(ev->text, want.p, want.n) == 0);
    } else {
        FUZZ_CHECK(ev->len > 6 && memcmp(ev->text, "Error:", 6) == 0 && (strstr(ev->tool_call->name, "Error:") || memmem(ev->text + 1, ev->len - 1, "Error:", 6) == NULL));
    }
    llmi_text_free(&want);
}

static int fc_event(void *user, const llm_event *ev) {
    fc_run *r = (fc_run *)user;
    int k = (int)ev->kind - (int)LLM_EVENT_TEXT;
    FUZZ_CHECK(!r->over);                          /* no event behind the end */
    r->events++;
    fuzz_addi(&r->log, "event", (long long)ev->kind);
    fuzz_addi(&r->log, "choice", ev->choice);
    fuzz_adds(&r->log, " ");
    switch (ev->kind) {
    case LLM_EVENT_TEXT: case LLM_EVENT_REASONING: case LLM_EVENT_REFUSAL:
        FUZZ_CHECK(ev->text != NULL && ev->len > 0 && ev->choice >= 0 && ev->choice < LLM_MAX_CHOICES);
        fuzz_add(&r->seen[k][ev->choice], ev->text, ev->len);
        fc_no_key(r->seen[k][ev->choice].p, r->seen[k][ev->choice].n);
        r->told += ev->len;
        fuzz_add(&r->log, ev->text, ev->len);
        break;
    case LLM_EVENT_TOOL_CALL:
        fc_tool_call(&r->log, ev->tool_call);
        fc_tool_call(&r->calls, ev->tool_call);
        break;
    case LLM_EVENT_TOOL_RESULT:
        fc_tool_call(&r->log, ev->tool_call);
        fuzz_add(&r->log, ev->text, ev->len);
        fc_no_key(ev->text, ev->len);
        fc_result(r, ev);
        r->results++;
        for (k = 0; k < 3; k++) r->seen[k][0].n = 0;      /* what follows belongs to the next round */
        r->calls.n = 0;
        break;
    case LLM_EVENT_RETRY:
        FUZZ_CHECK(ev->error != NULL && ev->delay_ms >= 0 && ev->delay_ms <= LLM_MAX_RETRY_AFTER_MS);
        fuzz_addi(&r->log, "delay", (long long)ev->delay_ms);
        fc_error(&r->log, ev->error);
        if (ev->error->status == LLM_ERR_TIMEOUT && ev->error->http_status == 0) r->timed = 1;
        break;
    default: FUZZ_CHECK(!"an event that does not exist");
    }
    fuzz_adds(&r->log, "\n");
    if (r->cancel_after && r->events == r->cancel_after) r->flag = 1;
    return r->stop_after && r->events == r->stop_after;
}

static void fc_string(fuzz_text *t, const char *name, const char *s) {
    fuzz_adds(t, name);
    fuzz_adds(t, s ? s : "NULL");
    if (s) fc_no_key(s, strlen(s));
}

/* What events said is what the answer holds, or (an answer that failed) the beginning of it. */
static void fc_content(const fc_run *r, const fc_opts *o, const llm_choice *c, const char *text, int k) {
    const fuzz_text *seen = &r->seen[k][c->index];
    size_t n = text ? strlen(text) : 0;
    if (k == 0) FUZZ_CHECK(text != NULL);
    if (o->discard) {
        FUZZ_CHECK(k != 0 || c->content_len == 0);
        return;
    }
    if (k == 0) n = c->content_len;
    if (!o->stream) {
        FUZZ_CHECK(seen->n == 0);
        return;
    }
    if (r->status != LLM_OK && (o->tools || n < seen->n)) {
        FUZZ_CHECK(o->tools);
        return;
    }
    FUZZ_CHECK(seen->n <= n && (seen->n == 0 || memcmp(seen->p, text, seen->n) == 0));
    if (r->status == LLM_OK) FUZZ_CHECK(seen->n == n);
}

static void fc_response(fc_run *r, const fc_opts *o, const llm_response *out) {
    fuzz_text *t = &r->log;
    fuzz_text calls = {NULL, 0, 0};
    size_t i, k;
    fuzz_addi(t, "status", (long long)out->status);
    FUZZ_CHECK(out->content != NULL && out->content[out->content_len] == 0 && out->id && out->model && out->request_id);
    if (out->status != LLM_OK) {
        FUZZ_CHECK(out->error.status == out->status);
        fc_error(t, &out->error);
    } else {
        FUZZ_CHECK(out->error.status == LLM_OK && out->error.message[0] == 0);
    }
    fc_string(t, "\nid ", out->id);
    fc_string(t, " model ", out->model);
    fc_string(t, " request ", out->request_id);
    fc_string(t, " tier ", out->usage.service_tier);
    FUZZ_CHECK(out->choice_count <= LLM_MAX_CHOICES);
    for (i = 0; i < out->choice_count; i++) {
        const llm_choice *c = &out->choices[i];
        FUZZ_CHECK(c->index >= 0 && c->index < LLM_MAX_CHOICES && (i == 0 || c->index > out->choices[i - 1].index));
        fuzz_addi(t, "\nchoice", c->index);
        fuzz_addi(t, "finish", (long long)c->finish_reason);
        fuzz_add(t, c->content, c->content_len);
        fc_no_key(c->content, c->content_len);
        fc_string(t, " reasoning ", c->reasoning);
        fc_string(t, " refusal ", c->refusal);
        fuzz_adds(t, "\n");
        fc_content(r, o, c, c->content, 0);
        fc_content(r, o, c, c->reasoning, 1);
        fc_content(r, o, c, c->refusal, 2);
        FUZZ_CHECK(c->tool_call_count <= LLM_MAX_TOOL_CALLS);
        for (k = 0; k < c->tool_call_count; k++) {
            fc_tool_call(&calls, &c->tool_calls[k]);
            fc_tool_call(t, &c->tool_calls[k]);
        }
    }
    if (out->choice_count > 0) FUZZ_CHECK(out->content == out->choices[0].content && out->tool_calls == out->choices[0].tool_calls);
    if (out->status == LLM_OK && o->stream) {       /* each call once, as it is in the answer */
        FUZZ_CHECK(calls.n == r->calls.n && (calls.n == 0 || memcmp(calls.p, r->calls.p, calls.n) == 0));
    }
    free(calls.p);
    if (out->usage.known) {
        fuzz_addi(t, "\nusage", (long long)out->usage.input_tokens);
        fuzz_addi(t, "", (long long)out->usage.output_tokens);
        fuzz_addi(t, "", (long long)out->usage.total_tokens);
        fuzz_addi(t, "", (long long)out->usage.cached_tokens);
        FUZZ_CHECK(out->usage.input_tokens >= 0 && out->usage.output_tokens >= 0 && out->usage.cached_tokens >= 0);
    }
    FUZZ_CHECK(out->usage.cost_usd >= 0.0);
    fuzz_addi(t, "cost", (long long)out->usage.cost_source);
    fuzz_addi(t, "rounds", out->iterations);
}

static void fc_on_retry(void *user, const llm_error *why, int64_t delay_ms) {
    fc_run *r = (fc_run *)user;
    FUZZ_CHECK(why != NULL && llm_is(why->status, LLM_ERR) && why->retryable && delay_ms >= 0);
    fc_no_key(why, sizeof *why);
    r->retries++;
}

static llm_status fc_handler(void *user, const llm_tool_call *call, llm_text *result) {
    fc_run *r = (fc_run *)user;
    r->runs++;
    FUZZ_CHECK(llmi_json_check(call->arguments, strlen(call->arguments), NULL));
    if (strcmp(call->name, "echo") == 0) return llm_text_add_json_string(result, call->arguments, strlen(call->arguments));
    if (strcmp(call->name, "stop") == 0) return LLM_ERR_CANCELLED;
    (void)llm_text_add(result, "why");
    return LLM_ERR_USAGE;
}

/* After LLM_PENDING: the clock goes to what an event loop would have waited for. */
static void fc_tick(const llm_call *call) {
    int ms = llm_call_timeout_ms(call), fd = llm_call_fd(call), wants = llm_call_wants(call);
    uint64_t due = UINT64_MAX;
    (void)llm_call_fd_serial(call);
    if (fd >= 0) due = fn_due(&call->conn->net, wants);
    if (ms >= 0 && (due == UINT64_MAX || due > fuzz_sys.now + (uint64_t)ms)) due = fuzz_sys.now + (uint64_t)ms;
    FUZZ_CHECK(due != UINT64_MAX);        /* it would wait for ever */
    if (due > fuzz_sys.now) fuzz_sys.now = due;
}

static void fc_drive(fc_run *r, llm_call *call, int way, llm_response *out) {
    llm_event ev;
    llm_status s;
    long rounds = 0;
    for (;;) {
        fuzz_sys.may_wait = way == FC_BLOCK;
        memset(&ev, 0xA5, sizeof ev);
        s = llm_next(call, &ev, way == FC_BLOCK ? -1 : 0);
        FUZZ_CHECK(++rounds < 200000);    /* it hangs */
        if (s == LLM_OK) {
            if (fc_event(r, &ev)) break;
        } else if (s != LLM_PENDING) {
            int i;
            FUZZ_CHECK(s == LLM_DONE || llm_is(s, LLM_ERR));
            for (i = 0; i < 3; i++) FUZZ_CHECK(llm_next(call, &ev, i - 1) == s);     /* the last two repeat */
            break;
        } else if (way == FC_WAIT) {
            fuzz_sys.may_wait = 1;
            s = llm_wait(&call, 1, 1000);
            FUZZ_CHECK(s == LLM_OK || s == LLM_PENDING || (s == LLM_ERR_MEMORY && r->faulty));
            if (s == LLM_ERR_MEMORY) fc_tick(call);
        } else {
            FUZZ_CHECK(way != FC_BLOCK);
            fc_tick(call);
        }
    }
    fuzz_sys.may_wait = 0;
    r->status = llm_finish(call, out);
}

/* The client must work on: a good server answers now. */
static void fc_again(llm_client *client, llm_conversation *conv) {
    llm_request q = llm_request_init();
    llm_response out;
    fn.good = 1;
    fuzz_sys.may_wait = 1;
    q.prompt = FUZZ_PROMPT " again";
    q.conversation = conv;
    FUZZ_CHECK(llm_chat(client, &q, &out) == LLM_OK && strcmp(out.content, "fine") == 0);
    llm_response_free(&out);
}

/* The answer, whatever it was, into the conversation, and a result for each of its tool calls. */
static void fc_converse(const fc_run *r, llm_conversation *conv, const llm_response *out) {
    llm_status s = llm_conversation_add(conv, LLM_USER, FUZZ_PROMPT);
    size_t i;
    FUZZ_CHECK(s == LLM_OK || (s == LLM_ERR_MEMORY && r->faulty));
    s = llm_conversation_add_response(conv, out);
    FUZZ_CHECK(s == LLM_OK || s == LLM_ERR_USAGE || (s == LLM_ERR_MEMORY && r->faulty));
    if (s == LLM_ERR_USAGE) FUZZ_CHECK(out->choice_count == 0 || out->status != LLM_OK);
    if (s != LLM_OK) return;
    for (i = 0; i < out->tool_call_count; i++) {
        s = llm_conversation_add_tool_result(conv, out->tool_calls[i].id, "\"\\\x01 result");
        FUZZ_CHECK(s == LLM_OK || (s == LLM_ERR_MEMORY && r->faulty));
    }
}

/* The last body that was sent: every tool message answers a call of the assistant message before it. */
static void fc_check_messages(void) {
    const char *body = fn.last_request.p;
    size_t n = fn.last_request.n, i;
    long open = 0;
    if (n == 0) return;
    for (i = 0; i < 200; i++) {
        char at[64];
        llm_json v;
        snprintf(at, sizeof at, "/messages/%zu/role", i);
        if (llm_json_get(body, n, at, &v) != LLM_OK) break;
        if (v.len == 6 && memcmp(v.text, "\"tool\"", 6) == 0) {
            FUZZ_CHECK(--open >= 0);
        } else {
            FUZZ_CHECK(open == 0);
            for (;; open++) {
                snprintf(at, sizeof at, "/messages/%zu/tool_calls/%ld/id", i, open);
                if (llm_json_get(body, n, at, &v) != LLM_OK) break;
            }
        }
    }
    FUZZ_CHECK(i > 0 && open == 0);
}

static void fc_body(fc_run *r, const fc_opts *o, llm_client *client) {
    llm_tool tools[3];
    llm_request q = llm_request_init();
    llm_response out;
    llm_error e;
    llm_call *call = NULL;
    llm_conversation *conv = NULL;
    llm_status s;
    int way = o->way;
    memset(tools, 0, sizeof tools);
    tools[0].name = "echo";
    tools[1].name = "stop";
    tools[2].name = "fail";
    for (s = 0; (int)s < 3; s = (llm_status)((int)s + 1)) {
        tools[s].handler = fc_handler;
        tools[s].user = r;
    }
    q.prompt = FUZZ_PROMPT;
    q.discard_text = o->discard;
    q.timeout_ms = o->total_ms;
    if ((o->extra & 8) && !o->tools) q.n = 2;
    r->started = fuzz_sys.now;
    if (o->cancel_after) q.cancel = &r->flag;
    if (o->conversation && llm_conversation_new(client, &conv) == LLM_OK) q.conversation = conv;
    if (o->tools) {
        q.tools = tools;
        q.tool_count = 3;
    }
    memset(&out, 0xA5, sizeof out);
    if (way == FC_CALLBACK) {
        fuzz_sys.may_wait = 1;
        if (o->tools) s = llm_chat_with_tools(client, &q, o->iterations, o->stream ? fc_event : NULL, r, &out);
        else s = o->stream ? llm_chat_stream(client, &q, fc_event, r, &out) : llm_chat(client, &q, &out);
        r->status = s;
    } else {
        s = o->tools ? llmi_loop_new(client, &q, o->iterations, o->stream, &call, &e)
                     : llmi_call_new(client, &q, o->stream, 0, &call, &e);
        if (s != LLM_OK) {
            FUZZ_CHECK(s == LLM_ERR_MEMORY && (o->fail_at || o->pool));
            llm_conversation_free(conv);
            return;
        }
        fc_drive(r, call, way, &out);
    }
    FUZZ_CHECK(r->status == out.status && (r->status == LLM_OK || llm_is(r->status, LLM_ERR)));
    if (o->total_ms > 0) FUZZ_CHECK(fuzz_sys.now <= r->started + (uint64_t)o->total_ms);     /* whatever came */
    /* each retry was told, and one that was cancelled while it waited was told too */
    if (o->extra & 1) FUZZ_CHECK(o->tools || r->retries == out.error.attempts - 1 || r->faulty ||
                                 (r->status == LLM_ERR_CANCELLED && r->retries == out.error.attempts));
    if (r->status == LLM_ERR_MEMORY) FUZZ_CHECK(o->fail_at || o->pool);
    if (r->status == LLM_ERR_TIMEOUT && out.error.http_status != 408) r->timed = 1;
    /* a retry that was left out, as its delay would have passed the deadline: ten milliseconds earlier it would not have */
    if (o->total_ms > 0 && out.error.retryable && out.error.attempts <= o->retries) r->timed = 1;
    if (r->status == LLM_ERR_USAGE) FUZZ_CHECK(!"the request is good");
    r->over = 1;
    fc_response(r, o, &out);
    r->requests = fn.requests;
    FUZZ_CHECK(o->tools || (r->runs == 0 && r->results == 0));
    if (o->tools) fc_check_messages();
    if (conv && !o->tools) fc_converse(r, conv, &out);
    llm_response_free(&out);
    llm_response_free(&out);
    if (!o->fail_at && !o->pool && !o->once) fc_again(client, conv);
    llm_conversation_free(conv);
}

/* The whole of it: client, call, answer, another call, end. */
static void fc_go(fc_run *r, const fc_opts *o, const uint8_t *script, size_t n) {
    static const llm_header headers[] = {{"X-A", "1"}, {"User-Agent", "fuzz"}};
    static char pool[65536];
    llm_price prices[1];
    llm_config config = llm_config_init();
    llm_client *client = NULL;
    llm_error e;
    llm_status s;
    memset(r, 0, sizeof *r);
    fuzz_clear(&r->log);
    memset(prices, 0, sizeof prices);
    prices[0].model = "gpt-4o-mini";
    prices[0].input = 0.15;
    prices[0].output = 0.6;
    r->stop_after = o->stop_after;
    r->faulty = o->fail_at || o->pool;
    r->cancel_after = o->cancel_after;
    fn_start(script, n);
    fn.recv_most = o->recv_most;
    fn.send_most = o->send_most;
    fn.tls = o->tls;
    fn.no_key = (o->extra & 32) != 0;
    fn.proxy = (o->extra & 64) != 0;
    memset(&fuzz_sys, 0, sizeof fuzz_sys);
    fuzz_sys.now = 1000000;
    fuzz_sys.unix_time = o->tls.secure ? 1795305600 : 784111777;
    fuzz_mem_start();
    fuzz_mem.fail_at = o->fail_at;
    config.api_key = FUZZ_KEY;
    config.base_url = o->tls.secure ? "https://localhost:8080/v1" : "http://127.0.0.1:8080/v1";
#ifdef FUZZ_TLS
    config.ca_pem = fuzz_root;
#endif
    if (o->extra & 1) {
        config.on_retry = fc_on_retry;
        config.on_retry_user = r;
    }
    if (o->extra & 2) config.max_idle = -1;
    if (o->extra & 4) {
        config.headers = headers;
        config.header_count = 2;
        config.organization = "org-1";
        config.project = "proj-1";
    }
    if (o->extra & 16) {
        config.prices = prices;
        config.price_count = 1;
    }
    fc_keyless = (o->extra & 32) != 0;
    if (fc_keyless) config.api_key = "";
    if (o->extra & 64) config.proxy = "http://" FN_PROXY_SECRET "@127.0.0.1:8080";
    config.model = "gpt-4o-mini";
    config.max_retries = o->retries == 0 ? -1 : o->retries;
    config.connect_timeout_ms = o->connect_ms;
    config.idle_timeout_ms = o->idle_ms;
    if (o->pool) {
        config.memory = pool + o->pool % 16;
        config.memory_size = o->pool;
    }
    s = llm_client_new(&client, &config, &e);
    if (s != LLM_OK) FUZZ_CHECK(s == LLM_ERR_MEMORY && (o->fail_at || o->pool));
    else fc_body(r, o, client);
    if (client != NULL) {
        const llmi_conn *n;
        int kept = 0;
        for (n = client->idle; n != NULL; n = n->next, kept++) FUZZ_CHECK(n->opened && !n->eof && !n->no_send);
        FUZZ_CHECK(kept == client->idle_count);
    }
    llm_client_free(client);
    fuzz_mem_end();
    if (o->pool) FUZZ_CHECK(fuzz_mem.calls == 0);
    FUZZ_CHECK(fn.opens == fn.closes);
    FUZZ_CHECK(!fuzz_holds(fn.clear.p, fn.clear.n, FUZZ_KEY) && !fuzz_holds(fn.clear.p, fn.clear.n, FUZZ_PROMPT));
}

/* Another way of driving the same call: the same events, the same answer. */
static void fc_compare(const fc_opts *o, const uint8_t *script, size_t n) {
    fc_opts other = *o;
    fc_run a, b;
    fc_go(&a, o, script, n);
    if (!o->fail_at && !o->pool && !a.timed) {
        other.recv_most = o->recv_most ? 0 : 1;
        other.send_most = o->send_most ? 0 : 7;
        if (o->stream && !o->stop_after) other.way = (o->way + 1) % FC_WAYS;
        else if (o->way != FC_CALLBACK && !o->stop_after) other.way = o->way == FC_BLOCK ? FC_PULL : FC_BLOCK;   /* no callback, no events */
        fc_go(&b, &other, script, n);
        if (!b.timed && !fn.unordered) fuzz_same(&a.log, &b.log, "the same at every split and however it is driven");
        fc_free(&b);
    }
    fc_free(&a);
}
#endif
