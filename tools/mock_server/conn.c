/* One connection: reads requests strictly, sends what an exchange says, cut and split where it says. */
#define _DEFAULT_SOURCE
#include "server.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
    #include <linux/sockios.h>
#endif

#define HEAD_MAX    65536
#define BODY_MAX    (64L << 20)
#define LINGER_US   2000000u
#define BURST_BYTES 16384

typedef enum state {
    CN_HEAD,   /* waits for the blank line behind a request's head        -> BODY | ANSWER | ENDING        */
    CN_BODY,   /* waits for the rest of the request's body                -> ANSWER | ENDING               */
    CN_ANSWER, /* sends; owns exchange, brain and out                     -> HEAD | ENDING                 */
    CN_ENDING, /* waits until everything has left, then does `after`      -> LINGER | STALL | DEAD         */
    CN_LINGER, /* FIN is sent; swallows what comes until the peer is gone -> DEAD                          */
    CN_STALL,  /* says nothing more; waits for the peer to go             -> DEAD                          */
    CN_ALERT,  /* waits for a ClientHello to answer with an alert         -> LINGER                        */
    CN_DEAD    /* is freed at the end of the loop's round                                                  */
} state;

struct conn {
    conn *prev, *next;
    int fd;
    side from;
    unsigned long serial;
    state st;
    tls *t;
    int tls_counted;
    unsigned watched;
    buf in, out;
    size_t out_at;
    int want_write, no_read, eof, waiting;
    int refused; /* what else the peer sends is not looked at */
    long wire_sent, wire_cut;
    /* the request */
    buf head;
    char method[16];
    char *target, *scenario, *auth, *ctype;
    size_t body_len;
    int keep, http10;
    long served;
    int quiet; /* a control request: not counted */
    /* the answer */
    script *sc; /* held while one of its exchanges runs */
    const exchange *ex;
    brain b;
    int brain_on;
    const char *answer_type;
    size_t pc;
    long rep[REPEAT_DEPTH];
    int rep_depth;
    int head_sent, ended;
    framing frame;
    uint64_t sent;
    size_t split_at;
    uint64_t due; /* nothing happens before; 0 = now */
    uint64_t idle_due;
    op_kind after;
};

static op brain_op = {OP_BRAIN, NULL, 0, 0, 0, 0};
static const exchange brain_exchange = {
    .times = -1, .length = -1, .cut_at = -1, .idle_us = -1, .ops = &brain_op, .op_count = 1, .brain = 1};

static conn *newest; /* end of the list that begins at srv.conns */

static const exchange *exchange_of(const conn *c) {
    return c->ex ? c->ex : &brain_exchange;
}

/* ---- wait points ---- */

static struct {
    char name[32];
    long n;
} credit[64];
static int credit_count;

static long *credit_for(const char *name) {
    for (int i = 0; i < credit_count; i++) {
        if (!strcmp(credit[i].name, name)) return &credit[i].n;
    }
    if (credit_count == 64) credit_count = 0;
    snprintf(credit[credit_count].name, sizeof credit[0].name, "%s", name);
    credit[credit_count].n = 0;
    return &credit[credit_count++].n;
}

void wait_clear(void) {
    credit_count = 0;
}

static void set_waiting(conn *c, int on) {
    if (c->waiting == on) return;
    c->waiting = on;
    srv.st.waiting += on ? 1 : -1;
}

/* ---- bytes in and out ---- */

static void die(conn *c) {
    set_waiting(c, 0);
    if (c->t && !c->tls_counted) {
        c->tls_counted = 1;
        srv.st.tls_failed++;
        snprintf(srv.st.tls_last, sizeof srv.st.tls_last, "failed: the connection ended in the handshake");
    }
    c->st = CN_DEAD;
}

static void end_with(conn *c, op_kind how) {
    set_waiting(c, 0);
    c->out.len = c->out_at = 0;
    c->due = 0;
    c->after = how;
    c->st = CN_ENDING;
}

static void count_in(conn *c, long n) {
    if (c->from != SIDE_CONTROL) srv.st.bytes_in += (uint64_t)n;
}

/* > 0 sent, 0 later or never */
static size_t raw_send(conn *c, const void *p, size_t n) {
    if (c->wire_cut >= 0) {
        long left = c->wire_cut - c->wire_sent;
        if (left <= 0) {
            if (c->st != CN_ENDING) end_with(c, srv.set.wire_how);
            return 0;
        }
        if ((size_t)left < n) n = (size_t)left;
    }
    ssize_t k = send(c->fd, p, n, MSG_NOSIGNAL);
    if (k > 0) {
        if (c->from != SIDE_CONTROL) srv.st.bytes_out += (uint64_t)k;
        c->wire_sent += (long)k;
        if (c->wire_cut >= 0 && c->wire_sent >= c->wire_cut) end_with(c, srv.set.wire_how);
        return (size_t)k;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        c->want_write = 1;
        return 0;
    }
    if (c->st == CN_ANSWER && !c->quiet) srv.st.client_aborts++;
    die(c);
    return 0;
}

static int wire_is_cut(const conn *c) {
    return c->wire_cut >= 0 && c->wire_sent >= c->wire_cut;
}

static void tls_count(conn *c) {
    if (c->tls_counted) return;
    if (tls_up(c->t)) {
        c->tls_counted = 1;
        if (tls_resumed(c->t))
            srv.st.tls_resumed++;
        else
            srv.st.tls_full++;
        tls_describe(c->t, srv.st.tls_last, sizeof srv.st.tls_last);
    } else if (tls_closed(c->t)) {
        c->tls_counted = 1;
        srv.st.tls_failed++;
        snprintf(srv.st.tls_last, sizeof srv.st.tls_last, "failed error=%d", tls_error(c->t));
    }
}

/* Sends what the TLS engine holds. 1 = nothing is left. */
static int drain(conn *c) {
    size_t n;
    const unsigned char *p;
    if (!c->t) return 1;
    while (c->st != CN_DEAD && (p = tls_out(c->t, &n)) != NULL && n) {
        size_t k = raw_send(c, p, n);
        if (!k) return wire_is_cut(c);
        tls_out_done(c->t, k);
        if (wire_is_cut(c)) return 1;
    }
    tls_count(c);
    return 1;
}

static void received(conn *c, ssize_t k) {
    if (k > 0)
        count_in(c, (long)k);
    else if (k == 0)
        c->eof = 1;
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        c->eof = 1;
}

static void fill_tls(conn *c) {
    size_t room;
    for (int i = 0; i < 64 && !c->eof; i++) {
        drain(c);
        if (c->st > CN_ANSWER) return;
        tls_take(c->t, &c->in);
        unsigned char *to = tls_in(c->t, &room);
        if (!to || !room) break;
        ssize_t k = recv(c->fd, to, room, 0);
        received(c, k);
        if (k <= 0) break;
        tls_in_done(c->t, (size_t)k);
    }
    drain(c);
    if (c->st > CN_ANSWER) return;
    tls_take(c->t, &c->in);
    tls_count(c);
    if (tls_closed(c->t)) c->eof = 1;
}

static void fill(conn *c) {
    char block[65536];
    if (c->no_read || c->eof) return;
    if (c->t) {
        fill_tls(c);
        return;
    }
    for (int i = 0; i < 16; i++) {
        ssize_t k = recv(c->fd, block, sizeof block, 0);
        received(c, k);
        if (k <= 0) break;
        buf_put(&c->in, block, (size_t)k);
        if ((size_t)k < sizeof block) break;
    }
}

static size_t conn_write(conn *c, const char *p, size_t n) {
    if (srv.set.record_max && n > srv.set.record_max) n = srv.set.record_max;
    if (!c->t) return raw_send(c, p, n);
    if (!drain(c) || c->st != CN_ANSWER) return 0;
    size_t k = tls_give(c->t, p, n);
    drain(c);
    return k;
}

/* ---- reading a request ---- */

static void copy_text(char **to, const char *p, size_t n) {
    free(*to);
    *to = mem_str(p, n);
}

static int token_char(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static int name_is(const char *p, size_t n, const char *name) {
    return strlen(name) == n && !strncasecmp(p, name, n);
}

static const char *request_line(conn *c, const char *p, size_t n) {
    const char *a = memchr(p, ' ', n), *end = p + n;
    const char *b = a ? memchr(a + 1, ' ', (size_t)(end - a - 1)) : NULL;
    if (!b || memchr(b + 1, ' ', (size_t)(end - b - 1)))
        return "the request line is not: METHOD target HTTP/1.1";
    if ((size_t)(a - p) >= sizeof c->method || a == p) return "the method is empty or too long";
    for (const char *q = p; q < a; q++) {
        if (!token_char(*q)) return "the method is no token";
    }
    for (const char *q = a + 1; q < b; q++) {
        if (*q <= ' ' || *q == 127) return "control character in the target";
    }
    if (b == a + 1 || a[1] != '/') return "the target does not begin with '/'";
    memcpy(c->method, p, (size_t)(a - p));
    c->method[a - p] = 0;
    copy_text(&c->target, a + 1, (size_t)(b - a - 1));
    c->http10 = end - b == 9 && !memcmp(b + 1, "HTTP/1.0", 8);
    if (!c->http10 && !(end - b == 9 && !memcmp(b + 1, "HTTP/1.1", 8))) return "the version is not HTTP/1.1";
    return NULL;
}

typedef struct head_facts {
    int hosts, lengths, codings;
} head_facts;

static const char *content_length(conn *c, const char *v, size_t n) {
    unsigned long sum = 0;
    if (!n || n > 18) return "Content-Length is no number";
    for (size_t i = 0; i < n; i++) {
        if (v[i] < '0' || v[i] > '9') return "Content-Length is no number";
        sum = sum * 10 + (unsigned long)(v[i] - '0');
    }
    if (sum > (unsigned long)BODY_MAX) return "the body is too long";
    c->body_len = (size_t)sum;
    return NULL;
}

static const char *header_line(conn *c, const char *p, size_t n, head_facts *f) {
    const char *colon = memchr(p, ':', n);
    if (!colon || colon == p) return "a header without a name";
    size_t k = (size_t)(colon - p);
    for (size_t i = 0; i < k; i++) {
        if (!token_char(p[i])) return "a header name that is no token (or a folded line)";
    }
    const char *v = colon + 1;
    size_t m = n - k - 1;
    while (m && (*v == ' ' || *v == '\t')) v++, m--;
    while (m && (v[m - 1] == ' ' || v[m - 1] == '\t')) m--;
    for (size_t i = 0; i < m; i++) {
        if (((unsigned char)v[i] < ' ' && v[i] != '\t') || v[i] == 127)
            return "control character in a header value";
    }
    if (name_is(p, k, "host")) {
        f->hosts++;
        if (!m) return "an empty Host";
    } else if (name_is(p, k, "content-length")) {
        if (f->lengths++) return "two Content-Length headers";
        return content_length(c, v, m);
    } else if (name_is(p, k, "transfer-encoding"))
        f->codings++;
    else if (name_is(p, k, "authorization")) {
        if (c->auth) return "two Authorization headers";
        copy_text(&c->auth, v, m);
    } else if (name_is(p, k, "content-type"))
        copy_text(&c->ctype, v, m);
    else if (name_is(p, k, "x-mock"))
        copy_text(&c->scenario, v, m);
    else if (name_is(p, k, "connection") && m == 5 && !strncasecmp(v, "close", 5))
        c->keep = 0;
    return NULL;
}

static const char *parse_head(conn *c, size_t n) {
    const char *p = c->in.p, *end = p + n, *why;
    head_facts f = {0, 0, 0};
    int first = 1;
    c->keep = 1;
    c->body_len = 0;
    if (memchr(p, 0, n)) return "a NUL byte in the head";
    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        if (!nl || nl == p || nl[-1] != '\r') return "a line that ends in a bare LF";
        size_t k = (size_t)(nl - p - 1);
        if (memchr(p, '\r', k)) return "a bare CR";
        if (!k) break;
        why = first ? request_line(c, p, k) : header_line(c, p, k, &f);
        if (why) return why;
        first = 0;
        p = nl + 1;
    }
    if (first) return "an empty line where a request is expected";
    if (f.hosts != 1 && !c->http10) return f.hosts ? "two Host headers" : "no Host header";
    if (f.codings && f.lengths) return "both Content-Length and Transfer-Encoding";
    if (f.codings) return "a chunked request: this server wants Content-Length";
    if (c->http10) c->keep = 0;
    return NULL;
}

/* Bytes up to and with the blank line; a bare LF ends it too, so that such a head is seen and refused. */
static size_t head_end(const buf *b) {
    const char *p = b->p, *end = b->p + b->len;
    while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        p++;
        if (p < end && *p == '\n') return (size_t)(p + 1 - b->p);
        if (p + 1 < end && p[0] == '\r' && p[1] == '\n') return (size_t)(p + 2 - b->p);
    }
    return 0;
}

static void request_clear(conn *c) {
    free(c->target);
    free(c->scenario);
    free(c->auth);
    free(c->ctype);
    c->target = c->scenario = c->auth = c->ctype = NULL;
    c->head.len = 0;
}

static void remember(conn *c) {
    seen *s = &srv.last[srv.seen_count++ % SEEN_MAX];
    s->head.len = s->body.len = 0;
    buf_put(&s->head, c->head.p, c->head.len);
    buf_put(&s->body, c->in.p ? c->in.p : "", c->in.len < c->body_len ? c->in.len : c->body_len);
    s->at_us = now_us() - srv.started_us;
    s->conn = c->serial;
    s->secure = c->t != NULL;
}

static void note_bad(conn *c, const char *why) {
    srv.st.bad_requests++;
    snprintf(srv.st.bad_reason, sizeof srv.st.bad_reason, "%s", why);
    c->keep = 0;
    c->refused = 1;
    if (srv.verbose) fprintf(stderr, "mock_server: bad request on connection %lu: %s\n", c->serial, why);
}

/* ---- choosing an answer ---- */

static void answer_reset(conn *c) {
    if (c->sc) script_release(c->sc);
    c->sc = NULL;
    c->ex = NULL;
    brain_free(&c->b);
    c->brain_on = c->head_sent = c->ended = c->rep_depth = 0;
    c->pc = c->split_at = 0;
    c->sent = 0;
    c->due = 0;
    c->answer_type = "application/json";
}

static void own_answer(conn *c, int status, const char *message, const char *code) {
    c->b.status = status;
    c->brain_on = 1;
    api_error(&c->b.body, message, status >= 500 ? "server_error" : "invalid_request_error", NULL, code);
}

static void take_exchange(conn *c, const exchange *x) {
    c->ex = x;
    c->sc = srv.sc;
    c->sc->refs++;
}

static int authorized(conn *c) {
    char want[300];
    buf t = {0};
    size_t n;
    if (!srv.set.key[0]) return 1;
    snprintf(want, sizeof want, "Bearer %s", srv.set.key);
    if (c->auth && !strcmp(c->auth, want)) return 1;
    if (!c->auth || strncmp(c->auth, "Bearer ", 7)) {
        own_answer(c, 401,
                   "You didn't provide an API key. You need to provide your API key in an Authorization "
                   "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
                   NULL);
    } else {
        n = strlen(c->auth + 7);
        buf_fmt(&t, "Incorrect API key provided: %.*s****%s.", n > 12 ? 8 : 0, c->auth + 7,
                n > 12 ? c->auth + 7 + n - 4 : "");
        own_answer(c, 401, t.p, "invalid_api_key");
        buf_free(&t);
    }
    return 0;
}

static void choose(conn *c) {
    const char *body = c->in.p ? c->in.p : "";
    int used_up = 0;
    char path[512];
    snprintf(path, sizeof path, "%.*s", (int)strcspn(c->target, "?"), c->target);
    if (!c->scenario) c->scenario = brain_scenario(body, c->body_len);
    exchange *x = script_find(srv.sc, c->scenario, c->method, path, 0, &used_up);
    if (x) {
        take_exchange(c, x);
    } else if (used_up) {
        srv.st.script_misses++;
        own_answer(c, 500, "mock_server: the script has no answer left for this request", "script_used_up");
    } else if (c->scenario && strncmp(c->scenario, "status-", 7)) {
        srv.st.script_misses++;
        own_answer(c, 404, "mock_server: the script has no such scenario", "no_scenario");
    } else if (c->scenario && atoi(c->scenario + 7) > 99 && strstr(c->target, "/chat/completions")) {
        buf t = {0}; /* the header X-Mock works like the model name */
        buf_fmt(&t, "{\"model\":\"mock:status-%d\"}", atoi(c->scenario + 7));
        brain_start(&c->b, c->method, c->target, t.p, t.len);
        c->brain_on = 1;
        buf_free(&t);
    }
}

static void begin_answer(conn *c, int early) {
    answer_reset(c);
    c->st = CN_ANSWER;
    c->idle_due = 0;
    if (!c->quiet) {
        srv.st.requests++;
        remember(c);
        if (srv.verbose) fprintf(stderr, "mock_server: %lu %s %s\n", c->serial, c->method, c->target);
    }
    if (early) return;
    if (c->quiet) {
        control_answer a = {200, "application/json", {NULL, 0, 0}};
        control_request(c->method, c->target, c->in.p ? c->in.p : "", c->body_len, &a);
        c->b.status = a.status;
        c->b.body = a.body;
        c->answer_type = a.type;
        c->brain_on = 1;
    } else if (authorized(c)) {
        choose(c);
        if (!c->ex && !c->brain_on && !strcmp(c->method, "POST") &&
            (!c->ctype || strncasecmp(c->ctype, "application/json", 16)))
            own_answer(c, 400,
                       "Unsupported content type: the request needs 'Content-Type: application/json'.", NULL);
    }
}

/* An exchange that wants no body is taken as soon as the head is there. */
static int try_early(conn *c) {
    int used_up;
    char path[512];
    if (c->quiet || !srv.sc) return 0;
    snprintf(path, sizeof path, "%.*s", (int)strcspn(c->target, "?"), c->target);
    exchange *x = script_find(srv.sc, c->scenario, c->method, path, 1, &used_up);
    if (!x) return 0;
    begin_answer(c, 1);
    take_exchange(c, x);
    c->no_read = 1;
    c->keep = 0;
    return 1;
}

static void refuse(conn *c, const char *why) {
    buf t = {0};
    note_bad(c, why);
    answer_reset(c);
    buf_fmt(&t, "mock_server: bad request: %s", why);
    own_answer(c, 400, t.p, "bad_request");
    buf_free(&t);
    c->in.len = 0;
    c->st = CN_ANSWER;
}

static int step_head(conn *c) {
    size_t n = c->in.len ? head_end(&c->in) : 0;
    if (!n && c->in.len > HEAD_MAX) {
        refuse(c, "the head is too long");
        return 1;
    }
    if (!n) {
        if (!c->eof) return 0;
        if (c->in.len) note_bad(c, "the connection ended inside a head");
        die(c);
        return 0;
    }
    request_clear(c);
    c->quiet = 0;
    const char *why = parse_head(c, n);
    if (why) {
        refuse(c, why);
        return 1;
    }
    buf_put(&c->head, c->in.p, n);
    buf_drop(&c->in, n);
    c->quiet = !strncmp(c->target, "/__mock/", 8);
    if (!try_early(c)) c->st = CN_BODY;
    return 1;
}

static int step_body(conn *c) {
    if (c->in.len < c->body_len) {
        if (!c->eof) return 0;
        note_bad(c, "the connection ended inside a body");
        die(c);
        return 0;
    }
    begin_answer(c, 0);
    if (!c->brain_on && (!c->ex || c->ex->brain)) {
        brain_start(&c->b, c->method, c->target, c->in.p ? c->in.p : "", c->body_len);
        c->brain_on = 1;
    }
    buf_drop(&c->in, c->body_len);
    return 1;
}

/* ---- sending an answer ---- */

static const char *reason_of(int status) {
    static const struct {
        int status;
        const char *text;
    } t[] = {{200, "OK"},
             {201, "Created"},
             {204, "No Content"},
             {301, "Moved Permanently"},
             {302, "Found"},
             {304, "Not Modified"},
             {307, "Temporary Redirect"},
             {308, "Permanent Redirect"},
             {400, "Bad Request"},
             {401, "Unauthorized"},
             {402, "Payment Required"},
             {403, "Forbidden"},
             {404, "Not Found"},
             {405, "Method Not Allowed"},
             {408, "Request Timeout"},
             {409, "Conflict"},
             {413, "Payload Too Large"},
             {422, "Unprocessable Entity"},
             {429, "Too Many Requests"},
             {500, "Internal Server Error"},
             {502, "Bad Gateway"},
             {503, "Service Unavailable"},
             {504, "Gateway Timeout"}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        if (t[i].status == status) return t[i].text;
    }
    return "Status";
}

static int header_is(const buf *headers, const char *name, const char *value) {
    size_t k = strlen(name);
    for (const char *p = headers->p; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
        if (!strncasecmp(p, name, k) && p[k] == ':') {
            p += k + 1;
            p += strspn(p, " ");
            if (!strncasecmp(p, value, strlen(value))) return 1;
        }
    }
    return 0;
}

static int has_header(const buf *headers, const char *name) {
    return header_is(headers, name, "");
}

static int last_on_connection(const conn *c) {
    return !c->keep || (!c->quiet && srv.set.keepalive_max > 0 && c->served + 1 >= srv.set.keepalive_max);
}

static void default_headers(conn *c, int status, int sse) {
    char date[64];
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    buf_fmt(&c->out, "Date: %s\r\n", date);
    if (!has_header(&exchange_of(c)->headers, "content-type"))
        buf_fmt(&c->out, "Content-Type: %s\r\n", sse ? "text/event-stream; charset=utf-8" : c->answer_type);
    if (c->quiet) return;
    if (!has_header(&exchange_of(c)->headers, "x-request-id"))
        buf_fmt(&c->out, "x-request-id: req_mock%08llx\r\n", (unsigned long long)srv.st.requests);
    if (sse) buf_str(&c->out, "Cache-Control: no-cache\r\n");
    buf_str(&c->out,
            "openai-organization: mock-org\r\nopenai-processing-ms: 12\r\nopenai-version: 2020-10-01\r\n");
    if (status < 400)
        buf_str(&c->out, "x-ratelimit-limit-requests: 10000\r\nx-ratelimit-remaining-requests: 9999\r\n"
                         "x-ratelimit-reset-requests: 6ms\r\nStrict-Transport-Security: max-age=31536000\r\n"
                         "X-Content-Type-Options: nosniff\r\nServer: mock_server\r\n");
}

static void put_head(conn *c) {
    const exchange *x = exchange_of(c);
    int status = x->status ? x->status : c->b.status;
    int sse = x->sse || (c->brain_on && c->b.stream && c->b.status == 200);
    if (c->head_sent) return;
    c->head_sent = 1;
    c->frame = x->frame;
    if (c->frame == FRAME_AUTO) c->frame = sse ? FRAME_CHUNKED : FRAME_LENGTH;
    if (c->frame == FRAME_NONE) return;
    if (c->http10 && c->frame == FRAME_CHUNKED) c->frame = FRAME_CLOSE;
    buf_fmt(&c->out, "HTTP/1.1 %d %s\r\n", status, x->reason && x->reason[0] ? x->reason : reason_of(status));
    if (!x->plain_head) default_headers(c, status, sse);
    if (x->headers.len) buf_put(&c->out, x->headers.p, x->headers.len);
    if (has_header(&x->headers, "connection")) {
        c->keep = c->keep && !header_is(&x->headers, "connection", "close");
    } else if (!x->plain_head) {
        buf_fmt(&c->out, "Connection: %s\r\n",
                last_on_connection(c) || c->frame == FRAME_CLOSE ? "close" : "keep-alive");
    }
    size_t n = c->brain_on ? c->b.body.len : script_length(x);
    if (c->frame == FRAME_CHUNKED)
        buf_str(&c->out, "Transfer-Encoding: chunked\r\n");
    else if (x->length >= 0)
        buf_fmt(&c->out, "Content-Length: %ld\r\n", x->length);
    else if (c->frame == FRAME_LENGTH && !has_header(&x->headers, "content-length") &&
             (n || (status != 204 && status != 304)))
        buf_fmt(&c->out, "Content-Length: %lu\r\n", (unsigned long)n);
    buf_str(&c->out, "\r\n");
}

static void put_body(conn *c, const char *p, size_t n) {
    const exchange *x = exchange_of(c);
    put_head(c);
    while (n && c->frame == FRAME_CHUNKED) {
        size_t k = x->chunk_max && x->chunk_max < n ? x->chunk_max : n;
        if (x->chunk_ext)
            buf_fmt(&c->out, "%lx;%s\r\n", (unsigned long)k, x->chunk_ext);
        else
            buf_fmt(&c->out, "%lx\r\n", (unsigned long)k);
        buf_put(&c->out, p, k);
        buf_str(&c->out, "\r\n");
        p += k;
        n -= k;
    }
    buf_put(&c->out, p, n);
}

/* 1 = the op is over */
static int run_brain(conn *c) {
    buf t = {0};
    int more = 1;
    if (!c->b.stream || c->b.status != 200) {
        put_body(c, c->b.body.p ? c->b.body.p : "", c->b.body.len);
        return 1;
    }
    do {
        t.len = 0;
        more = brain_next(&c->b, &t);
        if (more) put_body(c, t.p, t.len);
    } while (more && srv.set.burst && c->out.len < BURST_BYTES);
    buf_free(&t);
    if (more && srv.set.pace_us && c->b.phase < 5) c->due = now_us() + (uint64_t)srv.set.pace_us;
    return !more;
}

static void finish_framing(conn *c) {
    const exchange *x = exchange_of(c);
    c->ended = 1;
    put_head(c);
    if (c->frame != FRAME_CHUNKED) return;
    buf_str(&c->out, "0\r\n");
    if (x->trailers.len) buf_put(&c->out, x->trailers.p, x->trailers.len);
    buf_str(&c->out, "\r\n");
}

static int run_wait(conn *c, const op *o) {
    long *n = credit_for(o->data);
    if (*n <= 0) {
        set_waiting(c, 1);
        return 0;
    }
    --*n;
    set_waiting(c, 0);
    c->pc++;
    return 1;
}

static void run_repeat(conn *c, const op *o) {
    if (o->num == 0) {
        c->pc = o->jump + 1;
        return;
    }
    c->rep[c->rep_depth++] = 0;
    c->pc++;
}

static void run_end(conn *c, const exchange *x, const op *o) {
    if (++c->rep[c->rep_depth - 1] < x->ops[o->jump].num) {
        c->pc = o->jump + 1;
        return;
    }
    c->rep_depth--;
    c->pc++;
}

/* One op. 0 = it has to wait. */
static int run_op(conn *c, const exchange *x) {
    const op *o = &x->ops[c->pc];
    buf t = {0};
    switch (o->kind) {
    case OP_HEAD: put_head(c); break;
    case OP_BODY:
    case OP_RAW:
        op_text(o, c->rep_depth ? c->rep[c->rep_depth - 1] : 0, &t);
        if (o->kind == OP_BODY)
            put_body(c, t.p, t.len);
        else
            buf_put(&c->out, t.p, t.len);
        buf_free(&t);
        break;
    case OP_DELAY: c->due = now_us() + (uint64_t)o->num; break;
    case OP_WAIT: return run_wait(c, o);
    case OP_REPEAT: run_repeat(c, o); return 1;
    case OP_END: run_end(c, x, o); return 1;
    case OP_BRAIN:
        if (!run_brain(c)) return 1;
        break;
    default: end_with(c, o->kind); return 1;
    }
    c->pc++;
    return 1;
}

static void answer_done(conn *c) {
    const exchange *x = exchange_of(c);
    int last = last_on_connection(c) || c->frame == FRAME_CLOSE || c->no_read;
    long idle = x->idle_us >= 0 ? x->idle_us : srv.set.idle_us ? srv.set.idle_us : -1;
    if (!c->quiet) {
        srv.st.responses++;
        c->served++;
    }
    answer_reset(c);
    if (last) {
        end_with(c, OP_CLOSE);
        return;
    }
    c->idle_due = idle >= 0 ? now_us() + (uint64_t)idle : 0;
    c->st = CN_HEAD;
}

/* How many of n bytes may go out in one piece; 0 = the cut is here. */
static size_t piece(const conn *c, const exchange *x, size_t n) {
    uint64_t stop = UINT64_MAX;
    if (c->quiet) return n;
    if (c->split_at < x->split_count) stop = (uint64_t)x->split[c->split_at];
    if (x->split_every) {
        uint64_t next = (c->sent / (uint64_t)x->split_every + 1) * (uint64_t)x->split_every;
        if (next < stop) stop = next;
    }
    if (x->cut_at >= 0 && (uint64_t)x->cut_at < stop) stop = (uint64_t)x->cut_at;
    return stop - c->sent < n ? (size_t)(stop - c->sent) : n;
}

static int at_split(conn *c, const exchange *x) {
    if (c->split_at < x->split_count && c->sent == (uint64_t)x->split[c->split_at]) {
        c->split_at++;
        return 1;
    }
    return x->split_every && c->sent % (uint64_t)x->split_every == 0;
}

static int send_out(conn *c, const exchange *x) {
    size_t n = piece(c, x, c->out.len - c->out_at);
    if (!n) {
        end_with(c, x->cut_kind);
        return 1;
    }
    size_t k = conn_write(c, c->out.p + c->out_at, n);
    if (!k || c->st != CN_ANSWER) return c->st != CN_ANSWER && c->st != CN_DEAD;
    c->out_at += k;
    c->sent += k;
    if (at_split(c, x) && x->split_us) c->due = now_us() + (uint64_t)x->split_us;
    if (c->out_at == c->out.len) c->out.len = c->out_at = 0;
    return 1;
}

static int step_answer(conn *c) {
    const exchange *x = exchange_of(c);
    if (c->eof) {
        if (!c->quiet) srv.st.client_aborts++;
        die(c);
        return 0;
    }
    /* once all is sent the next request may come, whatever this end still has to do */
    int all_sent = c->ended && c->out.len == c->out_at && c->pc >= x->op_count;
    if (c->in.len && !c->no_read && c->st == CN_ANSWER && !all_sent) {
        if (!c->quiet && !c->refused) note_bad(c, "bytes after the body, or a request before the answer");
        c->in.len = 0;
    }
    if (c->due) {
        if (c->due > now_us()) return 0;
        c->due = 0;
    }
    if (c->out.len > c->out_at) return send_out(c, x);
    if (x->cut_at >= 0 && c->sent == (uint64_t)x->cut_at && c->head_sent) {
        end_with(c, x->cut_kind);
        return 1;
    }
    if (c->pc < x->op_count) return run_op(c, x);
    if (!c->ended) {
        finish_framing(c);
        return 1;
    }
    if (!drain(c)) return 0;
    answer_done(c);
    return 1;
}

/* ---- ending a connection ---- */

static void linger(conn *c) {
    shutdown(c->fd, SHUT_WR);
    c->no_read = 0;
    c->st = CN_LINGER;
    c->due = now_us() + LINGER_US;
}

/* What was sent must arrive before a reset, or the kernel would throw it away. */
static int unacknowledged(const conn *c) {
#ifdef SIOCOUTQ
    int n = 0;
    return ioctl(c->fd, SIOCOUTQ, &n) == 0 && n > 0;
#else
    (void)c;
    return 0;
#endif
}

static int step_ending(conn *c) {
    struct linger hard = {1, 0};
    if (!drain(c)) {
        if (c->eof) die(c);
        return 0;
    }
    if (c->st == CN_DEAD) return 0;
    switch (c->after) {
    case OP_CLOSE:
        if (c->t && !tls_closed(c->t) && !wire_is_cut(c)) {
            tls_end(c->t);
            drain(c);
            if (c->st == CN_DEAD) return 0;
        }
        linger(c);
        return 1;
    case OP_RESET:
        if (unacknowledged(c) && !c->eof) {
            c->due = now_us() + 500;
            return 0;
        }
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        die(c);
        return 0;
    case OP_STALL:
        c->st = CN_STALL;
        c->due = 0;
        return 1;
    default: linger(c); return 1;
    }
}

static int step_alert(conn *c) {
    unsigned char alert[7] = {21, 3, 3, 0, 2, 2, 0};
    if (c->in.len < 5) {
        if (c->eof) die(c);
        return 0;
    }
    alert[6] = (unsigned char)srv.set.tls_alert;
    srv.st.tls_failed++;
    raw_send(c, alert, sizeof alert);
    if (c->st != CN_DEAD) linger(c);
    return 1;
}

static int step(conn *c) {
    switch (c->st) {
    case CN_HEAD:
        if (c->in.len) c->idle_due = 0;
        if (c->idle_due && c->idle_due <= now_us() && !c->in.len) {
            end_with(c, OP_CLOSE);
            return 1;
        }
        return step_head(c);
    case CN_BODY: return step_body(c);
    case CN_ANSWER: return step_answer(c);
    case CN_ENDING: return step_ending(c);
    case CN_LINGER:
        c->in.len = 0;
        if (c->eof || c->due <= now_us()) die(c);
        return 0;
    case CN_STALL:
        c->in.len = 0;
        if (c->eof) die(c);
        return 0;
    case CN_ALERT: return step_alert(c);
    default: return 0;
    }
}

/* ---- what the loop calls ---- */

static void run(conn *c) {
    c->want_write = 0;
    if (c->t && c->st <= CN_ANSWER) drain(c);
    for (int i = 0; i < 256; i++) {
        if (!step(c)) break;
        if (i == 255) c->want_write = 1; /* others have a turn; the socket will say that it can go on */
    }
    if (c->t && c->st <= CN_ANSWER) {
        size_t n;
        const unsigned char *p = tls_out(c->t, &n);
        if (p && n && !wire_is_cut(c)) c->want_write = 1;
    }
    if (c->st != CN_DEAD) loop_watch(c);
}

void conn_event(conn *c, int readable, int writable, int gone) {
    (void)writable;
    if (c->st == CN_DEAD) return;
    if (gone && c->no_read) {
        if (c->st == CN_ANSWER) srv.st.client_aborts++;
        die(c);
        return;
    }
    if (readable) {
        if (c->st == CN_LINGER || c->st == CN_STALL || c->st == CN_ENDING) {
            char block[16384];
            ssize_t k = recv(c->fd, block, sizeof block, 0);
            received(c, k);
        } else {
            fill(c);
        }
    }
    run(c);
}

void wait_continue(const char *name, long n) {
    *credit_for(name) += n;
    for (conn *c = srv.conns; c; c = c->next) {
        if (c->waiting && c->st == CN_ANSWER) run(c);
    }
}

void conn_accept(int fd, side from) {
    int one = 1;
    op_kind how = OP_HEAD;
    if (from != SIDE_CONTROL) {
        srv.st.connections++;
        if (from == SIDE_HTTP)
            srv.st.http_connections++;
        else
            srv.st.https_connections++;
        srv.st.open++;
        if (srv.set.accept_count > 0) {
            srv.set.accept_count--;
            how = (op_kind)srv.set.accept_how;
        }
    }
    conn *c = mem_get(sizeof *c);
    c->fd = fd;
    c->from = from;
    c->serial = ++srv.conn_serial;
    c->wire_cut = from == SIDE_HTTPS ? srv.set.wire_cut : -1;
    c->answer_type = "application/json";
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (how != OP_HEAD) {
        end_with(c, how);
    } else if (from == SIDE_HTTPS && srv.set.tls_alert) {
        c->st = CN_ALERT;
    } else if (from == SIDE_HTTPS) {
        c->t = tls_new(srv.set.id, srv.set.tls_min, srv.set.tls_max, srv.set.session_cache);
    }
    c->prev = newest;
    if (newest)
        newest->next = c;
    else
        srv.conns = c;
    newest = c;
    run(c);
}

static void conn_free(conn *c) {
    if (c->prev)
        c->prev->next = c->next;
    else
        srv.conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    else
        newest = c->prev;
    if (c->from != SIDE_CONTROL) srv.st.open--;
    loop_forget(c);
    close(c->fd);
    if (c->t) tls_free(c->t);
    answer_reset(c);
    request_clear(c);
    buf_free(&c->head);
    buf_free(&c->in);
    buf_free(&c->out);
    free(c);
}

uint64_t conn_timers(void) {
    uint64_t now = now_us(), next = UINT64_MAX;
    for (conn *c = srv.conns, *after; c; c = after) {
        after = c->next;
        uint64_t due = c->st == CN_HEAD ? c->idle_due : c->due;
        if (c->st != CN_DEAD && due && due <= now) {
            run(c);
            due = c->st == CN_HEAD ? c->idle_due : c->due;
        }
        if (c->st == CN_DEAD)
            conn_free(c);
        else if (due && due < next)
            next = due;
    }
    return next;
}

int conn_fd(const conn *c, int *want_read, int *want_write) {
    *want_read = !c->no_read;
    *want_write = c->want_write;
    return c->fd;
}

unsigned *conn_watched(conn *c) {
    return &c->watched;
}

void conn_close_idle(void) {
    for (conn *c = srv.conns; c; c = c->next) {
        if (c->st == CN_HEAD && c->served && !c->in.len && c->from != SIDE_CONTROL) {
            end_with(c, OP_CLOSE);
            run(c);
        }
    }
}

void conn_close_all(void) {
    while (srv.conns) conn_free(srv.conns);
}
