/* needs: bearssl mock native */
/* test_netfaults.c - the whole library, with its own sockets and TLS, against build/mock_server behind
   build/chaos_proxy: a fault at every byte of an exchange, and a table of faults by place. What must come out is
   computed from the bytes of the answer, by the rules below; nothing is compared with what the library says itself.

   Of plain HTTP every byte of the response is taken. Of HTTPS, with NETFAULTS_ALL=1 in the environment
   (more_netfaults.sh), every byte is harmed both ways, a short stream is broken at every byte, another answer at every
   7th, and stalls come at every 5th; without it, at every 19th to 41st. */
#include "t.h"
#include "mock.h"
#include "chaos.h"
#include <dirent.h>

#define KEY         "sk-0123456789abcdefABCDEF"
#define WRONG(what) t_check(0, (what), __FILE__, __LINE__)

static t_mock m;
static t_chaos plain, tls; /* proxies in front of its two ports */
static char dir[] = "/tmp/llm_netfaults.XXXXXX";
static int all;     /* NETFAULTS_ALL */
static int planted; /* what is wrong now is meant to be */

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- an answer and what of it can be known after N of its bytes ------------------------------------------------- */

typedef struct answer {
    const char *name;
    int stream;
    char wire[4000];
    size_t n, head_end;
    size_t finish;      /* with so many bytes finish_reason has come; for an answer that is no stream: all of it .. */
    size_t finish_sure; /* .. and with so many its whole event */
    char text[200];     /* its content */
    size_t text_n;
    size_t seen[200];   /* with so many bytes its byte i has come (with the others of its character) .. */
    size_t sure[200];   /* .. and with so many the whole event (WHATWG HTML 9.2.6: half of one is none) */
    char framing[4000]; /* 1 = this byte of the wire is head or chunk framing */
} answer;

static void put(answer *a, const char *s, int framing) {
    size_t n = strlen(s);
    memset(a->framing + a->n, framing, n);
    memcpy(a->wire + a->n, s, n);
    a->n += n;
}

/* The content, in JSON; only what needs no escape. A character counts when its last byte is there. */
static void put_text(answer *a, const char *s) {
    size_t i, end, n = strlen(s);
    for (i = 0; i < n; i = end) {
        for (end = i + 1; end < n && ((unsigned char)s[end] & 0xC0) == 0x80;) end++;
        for (; i < end; i++) {
            a->text[a->text_n] = s[i];
            a->seen[a->text_n++] = a->n + end;
        }
    }
    put(a, s, 0);
}

/* An event in an HTTP chunk of its own; text NULL = none. */
static void put_event(answer *a, const char *before, const char *text, const char *after) {
    char size[20];
    size_t k = a->text_n;
    snprintf(size, sizeof size, "%lx\r\n",
             (unsigned long)(6 + strlen(before) + (text ? strlen(text) : 0) + strlen(after) + 2));
    put(a, size, 1);
    put(a, "data: ", 0);
    put(a, before, 0);
    if (text) put_text(a, text);
    put(a, after, 0);
    put(a, "\n\n", 0);
    for (; k < a->text_n; k++) a->sure[k] = a->n;
    put(a, "\r\n", 1);
}

#define CHOICE                                                                                                         \
    "{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":"
#define DELTA CHOICE "{\"content\":\""
static void put_finish(answer *a) {
    put_event(a, CHOICE "{},\"finish_reason\":\"stop\"}]}", NULL, "");
    a->finish_sure = a->n - 2;
    a->finish = (size_t)(strstr(a->wire, "\"stop\"") - a->wire) + 6;
}

static const answer *stream_answer(void) {
    static answer a;
    if (a.n) return &a;
    a.name = "stream";
    a.stream = 1;
    put(&a, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n", 1);
    a.head_end = a.n;
    put_event(&a, CHOICE "{\"role\":\"assistant\",\"content\":\"", "", "\"},\"finish_reason\":null}]}");
    put_event(&a, DELTA, "Hello", "\"},\"finish_reason\":null}]}");
    put_event(&a, DELTA, ", w\xC3\xB6rld \xE2\x82\xAC", "\"},\"finish_reason\":null}]}");
    put_finish(&a);
    put_event(
        &a, "{\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}",
        NULL, "");
    put_event(&a, "[DONE]", NULL, "");
    put(&a, "0\r\n\r\n", 1);
    return &a;
}

static const answer *short_answer(void) {
    static answer a;
    if (a.n) return &a;
    a.name = "short stream";
    a.stream = 1;
    put(&a, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n", 1);
    a.head_end = a.n;
    put_event(&a, DELTA, "Hello", "\"}}]}");
    put_finish(&a);
    put_event(&a, "[DONE]", NULL, "");
    put(&a, "0\r\n\r\n", 1);
    return &a;
}

static const answer *whole_answer(void) {
    static answer a;
    char head[200];
    static const char before[] =
        "{\"id\":\"c1\",\"object\":\"chat.completion\",\"model\":\"m\",\"choices\":[{\"index\":0,"
        "\"message\":{\"role\":\"assistant\",\"content\":\"",
                      text[] = "Hello, w\xC3\xB6rld \xE2\x82\xAC",
                      after[] = "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,"
                                "\"completion_tokens\":4,\"total_tokens\":7}}";
    if (a.n) return &a;
    a.name = "whole";
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %lu\r\n\r\n",
             (unsigned long)(sizeof before + sizeof text + sizeof after - 3));
    put(&a, head, 1);
    a.head_end = a.n;
    put(&a, before, 0);
    put_text(&a, text);
    put(&a, after, 0);
    memcpy(a.sure, a.seen, sizeof a.sure); /* what came is kept, to the byte */
    a.finish = a.finish_sure = a.n;
    return &a;
}

/* The mock server gives it to every request of the model mock:raw. */
static void serve(const answer *a, const char *more) {
    static char script[20000];
    size_t i, n;
    n = (size_t)snprintf(script, sizeof script, "exchange raw\ntimes always\nframing none\n%s\nraw ", more ? more : "");
    for (i = 0; i < a->n; i++) {
        unsigned char c = (unsigned char)a->wire[i];
        if (c < 0x20 || c >= 0x7F || c == '\\')
            n += (size_t)sprintf(script + n, "\\x%02X", c);
        else
            script[n++] = (char)c;
    }
    script[n++] = '\n';
    script[n] = 0;
    if (!t_mock_script(&m, script)) exit(1);
}

/* Promise 5, for an answer of which `got` bytes arrived before the connection broke. */
static llm_status verdict(const answer *a, size_t got) {
    if (got < a->head_end) return LLM_ERR_CONNECTION;
    return got < a->finish_sure ? LLM_ERR_TRUNCATED : LLM_OK;
}

/* Bytes of the text that may have been kept; with sure, of those that must have been. */
static size_t text_of(const answer *a, size_t got, int sure) {
    size_t i = 0;
    while (i < a->text_n && (sure ? a->sure : a->seen)[i] <= got) i++;
    return i;
}

/* ---- one call and how it ended ---------------------------------------------------------------------------------- */

typedef struct outcome {
    llm_status status;
    char text[400]; /* kept */
    char told[400]; /* in events */
    char message[512];
    int attempts, http, usage, rounds;
    long ms;
} outcome;

static llm_config config(int port, int secure, char base[64]) {
    llm_config f = llm_config_init();
    snprintf(base, 64, "http%s://127.0.0.1:%d/v1", secure ? "s" : "", port);
    f.base_url = base;
    f.api_key = KEY;
    f.ca_file = m.ca_file;
    f.model = "mock:raw";
    f.max_retries = -1;
    f.connect_timeout_ms = f.idle_timeout_ms = 5000 * T_SLOW;
    return f;
}

static llm_client *client(const llm_config *f) {
    llm_client *c = NULL;
    llm_error e;
    if (llm_client_new(&c, f, &e) != LLM_OK) {
        fprintf(stderr, "llm_client_new: %s\n", e.message);
        exit(1);
    }
    return c;
}

static void done(llm_client *c) {
    llm_client_free(c);
    CHECK_INT(t_live, 0);
    t_live = 0;
}

static void tell(outcome *u, const llm_event *ev) {
    if (ev->kind == LLM_EVENT_TEXT && ev->choice == 0 && strlen(u->told) + ev->len < sizeof u->told)
        strncat(u->told, ev->text, ev->len);
}

static int on_event(void *user, const llm_event *ev) {
    tell((outcome *)user, ev);
    return 0;
}

/* What holds for every ending. */
static void take(outcome *u, llm_response *o, int streamed) {
    const llm_error *e = &o->error;
    u->status = o->status;
    u->attempts = e->attempts;
    u->http = e->http_status;
    u->usage = o->usage.known;
    u->rounds = o->iterations;
    snprintf(u->text, sizeof u->text, "%s", o->content);
    snprintf(u->message, sizeof u->message, "%s", e->message);
    if (strstr(e->message, KEY) || strstr(o->content, KEY)) WRONG("the key came out");
    if (u->status != LLM_OK && e->message[0] == 0) WRONG("an error without a message");
    if (u->status == LLM_ERR_INTERNAL || u->status == LLM_ERR_USAGE) WRONG("no such error may come of the network");
    if (streamed && strcmp(u->told, u->text) != 0) CHECK_STR(u->told, u->text);
    llm_response_free(o);
}

static llm_status weather(void *user, const llm_tool_call *call, llm_text *result) {
    (void)call;
    ++*(int *)user;
    return llm_text_add(result, "sunny");
}

enum { CHAT, STREAM, TOOLS };

static outcome ask(llm_client *c, int mode, const char *model, const char *prompt, int timeout_ms) {
    outcome u;
    llm_request r = llm_request_init();
    llm_response o;
    llm_tool t;
    int runs = 0;
    long start = now_ms();
    memset(&u, 0, sizeof u);
    memset(&t, 0, sizeof t);
    r.model = model;
    r.prompt = prompt;
    r.timeout_ms = timeout_ms;
    t.name = "weather";
    t.handler = weather;
    t.user = &runs;
    if (mode == TOOLS) {
        r.tools = &t;
        r.tool_count = 1;
        (void)llm_chat_with_tools(c, &r, 0, on_event, &u, &o);
    } else if (mode == STREAM) {
        (void)llm_chat_stream(c, &r, on_event, &u, &o);
    } else {
        (void)llm_chat(c, &r, &o);
    }
    u.ms = now_ms() - start;
    take(&u, &o, mode == STREAM);
    return u;
}

/* ---- many calls at once, each on a connection of its own with its own fault ------------------------------------- */

typedef struct sweep sweep;
struct sweep {
    const answer *a;
    const char *rule; /* without the place */
    long step;
    int secure, request; /* which direction the rule harms */
    int none;            /* no rule at all */
    t_chaos *x;          /* where the rule is; NULL: in front of the server */
    const char *proxy;   /* the way to the server */
    int at_once, connect_ms, idle_ms;
    void (*judge)(sweep *s, long at, const outcome *u);
    /* results */
    long count, by[8], wrong, harmless;
    long slowest, began;
};

static const char *const by_name[8] = {"ok", "connection", "tls", "truncated", "timeout", "protocol", "api", "other"};

static int kind_of(llm_status s) {
    return s == LLM_OK               ? 0
           : s == LLM_ERR_CONNECTION ? 1
           : s == LLM_ERR_TLS        ? 2
           : s == LLM_ERR_TRUNCATED  ? 3
           : s == LLM_ERR_TIMEOUT    ? 4
           : s == LLM_ERR_PROTOCOL   ? 5
           : llm_is(s, LLM_ERR_API)  ? 6
                                     : 7;
}

/* The first few findings in full, all of them counted. */
static void wrong(sweep *s, long at, const outcome *u, const char *why) {
    char line[1200];
    if (s->wrong++ >= 5 || planted) return;
    snprintf(line, sizeof line, "%s at byte %ld: %s: %s, kept '%s' (%s)", s->rule, at, why, llm_status_name(u->status),
             u->text, u->message);
    t_case = line;
    WRONG("the right outcome");
    t_case = "";
}

/* Bytes of connection `which` as they came in. */
static unsigned char *recorded(int secure, long which, int request, size_t *n) {
    char path[100];
    snprintf(path, sizeof path, "%s/%s.%ld.%s", dir, secure ? "tls" : "plain", which, request ? "request" : "response");
    return (unsigned char *)t_read_file(path, n);
}

static void forget(int secure, long which) {
    char path[100];
    int k;
    for (k = 0; k < 2; k++) {
        snprintf(path, sizeof path, "%s/%s.%ld.%s", dir, secure ? "tls" : "plain", which, k ? "request" : "response");
        unlink(path);
    }
}

static void clear_dir(void) {
    DIR *d = opendir(dir);
    struct dirent *e;
    char path[400];
    while (d && (e = readdir(d)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        (void)unlink(path);
    }
    if (d) closedir(d);
    (void)rmdir(dir);
}

enum { AT_ONCE = 256 };

static void ended(sweep *s, long first, long place, const outcome *u) {
    s->count++;
    s->by[kind_of(u->status)]++;
    if (u->ms > s->slowest) s->slowest = u->ms;
    s->judge(s, place, u);
    forget(s->secure, (place - first) / s->step + 1);
}

static void run_sweep(sweep *s, long first, long end) {
    t_chaos *x = s->x ? s->x : s->secure ? &tls : &plain;
    char base[64], rules[100];
    llm_config f = config(s->x ? m.https_port : x->port, s->secure, base);
    llm_client *c;
    llm_request r = llm_request_init();
    llm_call *call[AT_ONCE];
    long place[AT_ONCE], started[AT_ONCE], next = first;
    outcome *u = (outcome *)calloc(AT_ONCE, sizeof *u);
    int n = 0, i;
    if (!u) exit(1);
    s->began = now_ms();
    snprintf(rules, sizeof rules, "%s %s %ld+%ld", s->request ? "request" : "response", s->rule, first, s->step);
    t_chaos_set(x, s->none ? "" : rules);
    f.max_idle = -1;
    f.connect_timeout_ms = s->connect_ms;
    f.idle_timeout_ms = s->idle_ms;
    f.proxy = s->proxy;
    c = client(&f);
    r.prompt = "a wild-goose chase";
    while (n > 0 || next < end) {
        if (!s->a->stream && s->at_once == 1) { /* blocking */
            *u = ask(c, CHAT, NULL, "a wild-goose chase", 0);
            ended(s, first, next, u);
            next += s->step;
            continue;
        }
        while (n < s->at_once && next < end) {
            llm_event ev;
            if (llm_start(c, &r, &call[n]) != LLM_OK) exit(1);
            memset(&u[n], 0, sizeof u[n]);
            started[n] = now_ms();
            (void)llm_next(call[n], &ev, 0); /* connects now: the order of calls is that of connections */
            place[n++] = next;
            next += s->step;
        }
        (void)llm_wait(call, (size_t)n, 200);
        for (i = 0; i < n; i++) {
            llm_event ev;
            llm_response o;
            llm_status st;
            while ((st = llm_next(call[i], &ev, 0)) == LLM_OK) tell(&u[i], &ev);
            if (st == LLM_PENDING) continue;
            (void)llm_finish(call[i], &o);
            u[i].ms = now_ms() - started[i];
            take(&u[i], &o, 1);
            ended(s, first, place[i], &u[i]);
            n--;
            call[i] = call[n];
            place[i] = place[n];
            started[i] = started[n];
            u[i] = u[n];
            i--;
        }
    }
    free(u);
    done(c);
    t_chaos_report(x);
}

static void print_sweep(const sweep *s, const char *what) {
    int k;
    printf("%-44s %5ld calls:", what, s->count);
    for (k = 0; k < 8; k++) {
        if (s->by[k]) printf(" %ld %s,", s->by[k], by_name[k]);
    }
    printf(" slowest %ld ms, all %ld ms\n", s->slowest, now_ms() - s->began);
    fflush(stdout);
}

/* What holds of the text whatever was harmed, as long as no byte of it was changed: the beginning of the whole. */
static int is_beginning(const answer *a, const char *text) {
    return strlen(text) <= a->text_n && memcmp(a->text, text, strlen(text)) == 0;
}

/* ---- cut, reset or stalled at byte N ---------------------------------------------------------------------------- */

/* Plaintext that `n` bytes of a TLS stream hold; *handshake = bytes up to the end of the server's Finished, which is
   the record behind ChangeCipherSpec (RFC 5246 7.1, 7.3). */
static size_t plaintext_in(const unsigned char *p, size_t n, size_t overhead, size_t *handshake) {
    size_t at = 0, sum = 0;
    int changed = 0;
    *handshake = (size_t)-1;
    while (at + 5 <= n) {
        size_t len = (size_t)p[at + 3] << 8 | p[at + 4];
        if (n - at - 5 < len) break;
        if (p[at] == 23) sum += len - overhead;
        at += 5 + len;
        if (changed && *handshake == (size_t)-1) *handshake = at;
        if (p[at - 5 - len] == 20) changed = 1;
    }
    return sum;
}

/* What a TLS record holds beside its plaintext: the explicit nonce and the tag of AES-GCM, 8 + 16 (RFC 5288 3), or the
   tag of ChaCha20-Poly1305, 16 (RFC 7905 2). */
static size_t overhead;

#define PIECE 90 /* of an answer, in each TLS record */
#define SPLIT "split-every 90"

static void judge_break(sweep *s, long at, const outcome *u) {
    size_t got = (size_t)at, n, handshake = 0;
    llm_status want;
    const char *why = NULL;
    int silent = strncmp(s->rule, "stall", 5) == 0;
    if (s->secure) {
        unsigned char *p = recorded(1, at / s->step + 1, 0, &n);
        got = plaintext_in(p, n < (size_t)at ? n : (size_t)at, overhead, &handshake);
        free(p);
        if (n < (size_t)at && strncmp(s->rule, "stall", 5) != 0) got = s->a->n; /* beyond the end */
    }
    if (got > s->a->n) got = s->a->n;
    want = verdict(s->a, got);
    if (silent && want != LLM_OK) want = LLM_ERR_TIMEOUT;
    if (s->secure && handshake == (size_t)-1) {
        if (u->status != (silent ? LLM_ERR_TIMEOUT : LLM_ERR_TLS)) why = "not the handshake's error";
    } else if (u->status != want && !(u->status == LLM_OK && got >= s->a->finish && got < s->a->finish_sure)) {
        why = llm_status_name(want);
    }
    if (u->http != (got >= s->a->head_end && u->status != LLM_OK ? 200 : 0)) why = "http_status";
    if (!is_beginning(s->a, u->text) || strlen(u->text) > text_of(s->a, got, 0)) why = "more than came";
    if (strlen(u->text) < text_of(s->a, got, 1)) why = "less than came";
    if (u->attempts != 1) why = "attempts";
    if (u->ms > (silent ? s->connect_ms : 0) + 4000 * T_SLOW) why = "too late";
    if (silent && u->status == LLM_ERR_TIMEOUT && u->ms < s->idle_ms - 20) why = "too early";
    if (why) wrong(s, at, u, why);
}

/* The bytes of a whole exchange over TLS; a word says which side. */
static size_t measure(const answer *a, int request) {
    char base[64];
    llm_config f = config(tls.port, 1, base);
    llm_client *c = client(&f);
    unsigned char *p;
    size_t n, handshake, records;
    outcome u;
    t_chaos_set(&tls, "");
    f.max_idle = -1;
    u = ask(c, a->stream ? STREAM : CHAT, NULL, "a wild-goose chase", 0);
    if (!CHECK_INT(u.status, LLM_OK)) fprintf(stderr, "    %s\n", u.message);
    done(c);
    p = recorded(1, 1, 0, &n);
    records = (a->n + PIECE - 1) / PIECE;
    overhead = (plaintext_in(p, n, 0, &handshake) - a->n) / records;
    CHECK(overhead == 24 || overhead == 16);
    CHECK_INT(plaintext_in(p, n, overhead, &handshake), a->n);
    free(p);
    if (request) free(recorded(1, 1, 1, &n));
    forget(1, 1);
    return n;
}

/* Every place of the response, and a few behind its end. */
static void sweep_breaks(const answer *a, int secure, const char *rule, long step, int at_once, int ms,
                         const char *name) {
    sweep s;
    long end = (long)a->n + 3, faults;
    char what[100];
    t_chaos *x = secure ? &tls : &plain;
    memset(&s, 0, sizeof s);
    s.a = a;
    s.rule = rule;
    s.secure = secure;
    s.step = step;
    s.at_once = at_once;
    s.connect_ms = s.idle_ms = ms * T_SLOW;
    s.judge = judge_break;
    serve(a, secure ? SPLIT : NULL);
    if (secure) end = (long)measure(a, 0) + 8; /* signatures differ by a byte or two */
    run_sweep(&s, 0, end);
    snprintf(what, sizeof what, "%s, %s: %s at every %s", a->name, secure ? "HTTPS" : "HTTP", name,
             step == 1 ? "byte" : "n-th byte");
    print_sweep(&s, what);
    CHECK_INT(s.wrong, 0);
    CHECK_INT(s.count, (end + step - 1) / step);
    CHECK_INT(x->connections, s.count); /* each call had a connection of its own, and no second one */
    faults = ((long)a->n + step - 1) / step;
    if (!secure)
        CHECK_INT(x->fired, faults);
    else
        CHECK(x->fired > faults);
}

/* ---- a byte flipped or left out, HTTPS -------------------------------------------------------------------------- */

typedef struct place {
    int type;     /* of the record: 20 change cipher spec, 21 alert, 22 handshake, 23 data; -1 beyond the end */
    size_t in;    /* which byte of it; 0 to 4 are its head: type, version, length */
    int clear;    /* handshake in clear: no ChangeCipherSpec stands before */
    size_t plain; /* plaintext of the data records before it */
} place;

static place place_of(const unsigned char *p, size_t n, size_t at) {
    size_t from = 0;
    place r = {-1, 0, 1, 0};
    while (from + 5 <= n) {
        size_t len = (size_t)p[from + 3] << 8 | p[from + 4];
        if (at < from + 5 + len) {
            r.type = p[from];
            r.in = at - from;
            return r;
        }
        if (p[from] == 20) r.clear = 0;
        if (p[from] == 23) r.plain += len - overhead;
        from += 5 + len;
    }
    return r;
}

/* A harmed byte must never pass for the answer. What it is instead follows from where it stands:
   - in the handshake: LLM_ERR_TLS
   - in the request: the server gives up: LLM_ERR_CONNECTION or LLM_ERR_TLS
   - in the answer: LLM_ERR_TLS before there is a head, LLM_ERR_TRUNCATED behind it, LLM_OK if finish_reason came
     before
   - LLM_ERR_TIMEOUT where one side may wait for bytes that do not come: a byte less than the length says, or a length
     that was changed, of a record or of a handshake message in clear
   - the closing alert, or what stands behind the end: the answer as it was */
static void judge_harm(sweep *s, long at, const outcome *u) {
    size_t n, got;
    unsigned char *p = recorded(1, at / s->step + 1, s->request, &n);
    place r = place_of(p, n, (size_t)at);
    const char *why = NULL;
    int flip = strncmp(s->rule, "flip", 4) == 0, finished;
    free(p);
    got = s->request ? 0 : r.plain;
    if (s->request && flip && at == 2) r.type = -1; /* any version {3, x} is taken in a ClientHello, RFC 5246 E.1 */
    if (r.type == 21 || r.type == -1) {
        s->harmless++;
        if (u->status != LLM_OK || strcmp(u->text, s->a->text) != 0) why = "an answer that was not harmed";
    } else {
        finished = got >= s->a->finish;
        if (!is_beginning(s->a, u->text) || strlen(u->text) > text_of(s->a, got, 0)) why = "more than came whole";
        if (strlen(u->text) < text_of(s->a, got, 1)) why = "less than came";
        if (u->status == LLM_ERR_TIMEOUT) {
            if (flip && !(r.in == 3 || r.in == 4 || (r.clear && r.type == 22))) why = "a time-out without a reason";
            if (finished) why = "a time-out behind the end";
        } else if (finished) {
            if (u->status != LLM_OK) why = "the answer was over";
        } else if (got >= s->a->head_end) {
            if (u->status != LLM_ERR_TRUNCATED) why = "neither TRUNCATED nor TIMEOUT";
        } else if (u->status != LLM_ERR_TLS && !(s->request && r.type == 23 && u->status == LLM_ERR_CONNECTION)) {
            why = "neither TLS nor TIMEOUT";
        }
        if (u->http != (got >= s->a->head_end && u->status != LLM_OK ? 200 : 0)) why = "http_status";
    }
    if (u->attempts != 1) why = "attempts";
    if (u->ms > s->connect_ms + s->idle_ms + 4000 * T_SLOW) why = "too late";
    if (why) wrong(s, at, u, why);
}

static void sweep_harm(const char *rule, int request, long step, int at_once) {
    sweep s;
    char what[100];
    memset(&s, 0, sizeof s);
    s.a = short_answer();
    s.rule = rule;
    s.secure = 1;
    s.request = request;
    s.step = step;
    s.at_once = at_once;
    /* a flip seldom leads to a wait */
    s.connect_ms = s.idle_ms = (all || strcmp(rule, "flip") == 0 ? 6000 : 3000) * T_SLOW;
    s.judge = judge_harm;
    serve(s.a, SPLIT);
    run_sweep(&s, 0, (long)measure(s.a, request) + 6); /* signatures differ by a byte or two */
    snprintf(what, sizeof what, "HTTPS: %s at %s of the %s", rule, step == 1 ? "every byte" : "every n-th byte",
             request ? "request" : "response");
    print_sweep(&s, what);
    CHECK_INT(s.wrong, 0);
    CHECK_INT(tls.connections, s.count);
    CHECK(tls.fired <= s.count && tls.fired >= s.count - 12 - 40 / step);
    CHECK(s.by[kind_of(LLM_OK)] >= s.harmless && s.by[kind_of(LLM_ERR_TLS)] > s.count / (request ? 8 : 2));
}

/* ---- the same, HTTP --------------------------------------------------------------------------------------------- */

static char plain_ok[4000]; /* places after which the call ended well, and may have kept its connection */

/* Nothing protects the text. But head and chunk framing are no text: what ends well in spite of a harm there has the
   whole text (RFC 9112 7.1: a chunk ends where its size says, and CR LF follows). */
static void judge_plain(sweep *s, long at, const outcome *u) {
    const char *why = NULL;
    int ok = u->status == LLM_OK;
    plain_ok[at] = (char)(ok && u->ms < s->idle_ms); /* a wait for more closes it */
    if (ok && s->a->framing[at] && strcmp(u->text, s->a->text) != 0) why = "another text";
    if (u->status == LLM_ERR_TLS || u->status == LLM_ERR_LIMIT || u->status == LLM_ERR_MEMORY) why = "no such error";
    if (u->ms > s->connect_ms + s->idle_ms + 4000 * T_SLOW) why = "too late";
    if (why) wrong(s, at, u, why);
}

static void sweep_plain_harm(const answer *a, const char *rule) {
    sweep s;
    char what[100], base[64], line[100];
    llm_config f = config(plain.port, 0, base);
    size_t i;
    long probes = 0, wrongs = 0;
    memset(&s, 0, sizeof s);
    memset(plain_ok, 0, sizeof plain_ok);
    s.a = a;
    s.rule = rule;
    s.step = 1;
    s.at_once = 100;
    s.connect_ms = 5000 * T_SLOW;
    s.idle_ms = 2000 * T_SLOW;
    s.judge = judge_plain;
    serve(a, NULL);
    run_sweep(&s, 0, (long)a->n);
    snprintf(what, sizeof what, "%s, HTTP: %s at every byte of the response", a->name, rule);
    print_sweep(&s, what);
    CHECK_INT(s.wrong, 0);
    CHECK_INT(plain.fired, a->n);
    /* What ended well may have left its connection open: the next answer must not be the rest of this one (RFC 9112
       9.3: a connection is used again only when the whole of the last answer was read). */
    for (i = 0; i < a->n; i++) {
        llm_client *c;
        outcome u;
        if (!plain_ok[i]) continue;
        snprintf(line, sizeof line, "#1 response %s %lu", rule, (unsigned long)i);
        t_chaos_set(&plain, line);
        c = client(&f);
        (void)ask(c, STREAM, NULL, "a wild-goose chase", 0);
        u = ask(c, CHAT, "gpt-4o", "echo: probe", 0);
        if (u.status != LLM_OK || strcmp(u.text, "probe") != 0) {
            if (wrongs++ < 5)
                fprintf(stderr, "    after %s at byte %lu: %s '%s' %s\n", rule, (unsigned long)i,
                        llm_status_name(u.status), u.text, u.message);
        }
        llm_client_free(c);
        forget(0, 1);
        forget(0, 2);
        probes++;
    }
    printf("    %ld of them followed by another request: %ld wrong\n", probes, wrongs);
    CHECK_INT(wrongs, 0);
    if (strcmp(rule, "flip") == 0) CHECK(probes > 100);
}

/* ---- faults by place -------------------------------------------------------------------------------------------- */

/* One call through a proxy. In rules and texts {head} is where the body begins, {mid} the middle of the second event
   with text, {fin} the end of the event with finish_reason, {end} the end: of the streamed answer, in the clear. */
typedef struct row {
    const char *where;
    int secure; /* 0 HTTP, 1 HTTPS, 2 one after the other */
    int mode;
    const char *answers; /* NULL: the streamed answer above; "brain": the server's own; else a script */
    const char *rules;
    int retries, connect_ms, idle_ms, total_ms;
    const char *want; /* status, or several with | between them */
    const char *text; /* kept; with * at its end: any beginning of the rest */
    const char *says; /* stands in the message */
    int attempts;     /* 0 = not looked at */
    int fired;
    int least_ms, most_ms;
} row;

#define BIG "BIG" /* as the text: a prompt of 12 MB */
#define JSON200                                                                                                        \
    "exchange\ntimes always\nplain-head\nheader Content-Type: application/json\nbody "                                 \
    "{\"choices\":[{\"message\":{\"content\":\"whole\"},\"finish_reason\":\"stop\"}]}\n"

/* clang-format off */
static const row rows[] = {
    /* connecting */
    {"refused after accept", 2, CHAT, "brain", "#1 refuse", -1, 4000, 4000, 0, "LLM_ERR_CONNECTION|LLM_ERR_TLS", "",
     "127.0.0.1", 1, 1, 0, 2000},
    {"two refused, then well", 2, CHAT, "brain", "#1-2 refuse", 2, 4000, 4000, 0, "LLM_OK", "fine", "", 3, 2, 1100,
     5000},
    {"all refused", 2, CHAT, "brain", "refuse", 1, 4000, 4000, 0, "LLM_ERR_CONNECTION|LLM_ERR_TLS", "", "127.0.0.1", 2,
     2, 370, 3000},
    {"black hole", 0, CHAT, "brain", "hole", -1, 4000, 400, 0, "LLM_ERR_TIMEOUT", "", "idle_timeout_ms", 1, 1, 400,
     2000},
    {"black hole", 1, CHAT, "brain", "hole", -1, 400, 4000, 0, "LLM_ERR_TIMEOUT", "", "connect_timeout_ms", 1, 1, 400,
     2000},
    {"black hole, total deadline", 2, CHAT, "brain", "hole", 5, 4000, 4000, 500, "LLM_ERR_TIMEOUT", "", "timeout_ms",
     1, 1, 500, 2000},
    {"one black hole, then well", 1, CHAT, "brain", "#1 hole", 1, 400, 4000, 0, "LLM_OK", "fine", "", 2, 1, 770, 4000},
    /* the handshake */
    {"silence before ServerHello", 1, CHAT, "brain", "stall 0", -1, 400, 4000, 0, "LLM_ERR_TIMEOUT", "",
     "connect_timeout_ms", 1, 1, 400, 2000},
    {"silence in the record's head", 1, CHAT, "brain", "stall 3", -1, 400, 4000, 0, "LLM_ERR_TIMEOUT", "",
     "connect_timeout_ms", 1, 1, 400, 2000},
    {"silence in the certificate", 1, CHAT, "brain", "stall 500", -1, 400, 4000, 0, "LLM_ERR_TIMEOUT", "",
     "connect_timeout_ms", 1, 1, 400, 2000},
    {"ClientHello never arrives whole", 1, CHAT, "brain", "request stall 60", -1, 400, 4000, 0, "LLM_ERR_TIMEOUT", "",
     "connect_timeout_ms", 1, 1, 400, 2000},
    {"the handshake trickles", 1, CHAT, "brain", "slice 1\ndelay 5", -1, 500, 4000, 0, "LLM_ERR_TIMEOUT", "",
     "connect_timeout_ms", 1, 0, 500, 2000},
    {"the handshake trickles, fast enough", 1, CHAT, "brain", "slice 3\ndelay 1", -1, 8000, 8000, 0, "LLM_OK", "fine",
     "", 1, 0, 0, 8000},
    {"end of stream in the certificate", 1, CHAT, "brain", "#1 cut 500", 1, 4000, 4000, 0, "LLM_OK", "fine", "", 2, 1,
     370, 3000},
    {"reset in the certificate", 1, CHAT, "brain", "reset 500", -1, 4000, 4000, 0, "LLM_ERR_TLS", "",
     "during the handshake", 1, 1, 0, 1000},
    {"a bit of the certificate", 1, CHAT, "brain", "flip 300", 3, 4000, 4000, 0, "LLM_ERR_TLS", "",
     "TLS with 127.0.0.1 failed", 0, 1, 0, 4000},
    {"ClientHello is cut off", 1, CHAT, "brain", "request cut 60", -1, 4000, 4000, 0, "LLM_ERR_TLS", "", "127.0.0.1",
     1, 1, 0, 1000},
    /* the request */
    {"the request is cut off", 0, CHAT, "brain", "request cut 100", -1, 4000, 4000, 0,
     "LLM_ERR_CONNECTION|LLM_ERR_BAD_REQUEST", "", "127.0.0.1", 1, 1, 0, 1000},
    {"reset in the request", 2, CHAT, "brain", "request reset 250", -1, 4000, 4000, 0, "LLM_ERR_CONNECTION", "",
     "127.0.0.1", 1, 1, 0, 1000},
    {"reset in the request, then well", 2, CHAT, "brain", "#1 request reset 250", 1, 4000, 4000, 0, "LLM_OK", "fine",
     "", 2, 1, 370, 3000},
    {"the request never arrives whole", 2, CHAT, "brain", "request stall 250", -1, 4000, 400, 0, "LLM_ERR_TIMEOUT", "",
     "idle_timeout_ms", 1, 1, 400, 2000},
    {"a large request, nobody reads on", 2, CHAT, "brain", "request stall 300000", -1, 4000, 500, 0, "LLM_ERR_TIMEOUT",
     BIG, "idle_timeout_ms", 1, 1, 500, 6000},
    {"a large request, total deadline", 2, CHAT, "brain", "request stall 300000", 2, 4000, -1, 3000, "LLM_ERR_TIMEOUT",
     BIG, "timeout_ms", 1, 1, 3000, 7000},
    {"a large request is reset", 2, CHAT, "brain", "request reset 300000", -1, 4000, 4000, 0, "LLM_ERR_CONNECTION",
     BIG, "127.0.0.1", 1, 1, 0, 5000},
    {"an early answer to a large request", 2, CHAT,
     "exchange\n early\n status 413\n body {\"error\":{\"message\":\"it is too big\"}}\n", "", -1, 4000, 4000, 0,
     "LLM_ERR_API", BIG, "it is too big", 1, 0, 0, 5000},
    {"the request trickles", 0, CHAT, "brain", "request slice 5\nrequest delay 1", -1, 4000, 4000, 0, "LLM_OK", "fine",
     "", 1, 0, 0, 4000},
    /* the head */
    {"silence before the head", 0, STREAM, NULL, "stall 0", -1, 4000, 400, 0, "LLM_ERR_TIMEOUT", "", "idle_timeout_ms",
     1, 1, 400, 2000},
    {"silence in the head", 0, STREAM, NULL, "stall 40", -1, 4000, 400, 0, "LLM_ERR_TIMEOUT", "", "idle_timeout_ms", 1,
     1, 400, 2000},
    {"silence in the head, then well", 0, CHAT, "brain", "#1 stall 40", 1, 4000, 400, 0, "LLM_OK", "fine", "", 2, 1,
     770, 4000},
    {"the head trickles", 0, STREAM, NULL, "slice 1\ndelay 20", 2, 4000, 4000, 600, "LLM_ERR_TIMEOUT", "",
     "timeout_ms", 1, 0, 600, 2000},
    {"end of stream in the head, then well", 0, CHAT, "brain", "#1 cut 40", 1, 4000, 4000, 0, "LLM_OK", "fine", "", 2,
     1, 370, 3000},
    {"a byte of the head is lost", 0, STREAM, NULL, "drop 3", 2, 4000, 4000, 0, "LLM_ERR_PROTOCOL", "", "127.0.0.1", 0,
     1, 0, 3000},
    /* the body */
    {"silence behind the head", 0, STREAM, NULL, "stall {head}", 2, 4000, 400, 0, "LLM_ERR_TIMEOUT", "",
     "idle_timeout_ms", 1, 1, 400, 2000},
    {"silence within an event", 0, STREAM, NULL, "stall {mid}", 2, 4000, 400, 0, "LLM_ERR_TIMEOUT", "Hello*",
     "idle_timeout_ms", 1, 1, 400, 2000},
    {"end of stream within an event", 0, STREAM, NULL, "cut {mid}", 2, 4000, 4000, 0, "LLM_ERR_TRUNCATED", "Hello*",
     "broke off", 1, 1, 0, 1000},
    {"reset within an event", 0, STREAM, NULL, "reset {mid}", 2, 4000, 4000, 0, "LLM_ERR_TRUNCATED", "Hello*",
     "broke off", 1, 1, 0, 1000},
    {"the stream trickles", 0, STREAM, NULL, "slice 5\ndelay 20", 2, 4000, 4000, 1600, "LLM_ERR_TIMEOUT", "*",
     "timeout_ms", 1, 0, 1600, 3500},
    {"the stream trickles, fast enough", 0, STREAM, NULL, "slice 5\ndelay 2", -1, 4000, 4000, 0, "LLM_OK", "ALL", "",
     1, 0, 200, 5000},
    {"a stream in pieces of 1", 2, STREAM, NULL, "slice 1", -1, 4000, 4000, 0, "LLM_OK", "ALL", "", 1, 0, 0, 4000},
    {"silence behind finish_reason", 0, STREAM, NULL, "stall {fin}", 2, 4000, 400, 0, "LLM_OK", "ALL", "", 1, 1, 400,
     2000},
    {"silence behind finish_reason, total", 0, STREAM, NULL, "stall {fin}", 2, 4000, 4000, 400, "LLM_OK", "ALL", "", 1,
     1, 400, 2000},
    {"end of stream behind finish_reason", 0, STREAM, NULL, "cut {fin}", 2, 4000, 4000, 0, "LLM_OK", "ALL", "", 1, 1,
     0, 1000},
    {"reset behind finish_reason", 0, STREAM, NULL, "reset {fin}", 2, 4000, 4000, 0, "LLM_OK", "ALL", "", 1, 1, 0,
     1000},
    {"silence behind [DONE]", 0, STREAM, NULL, "stall {done}", 2, 4000, 4000, 0, "LLM_OK", "ALL", "", 1, 1, 0, 1000},
    {"silence within an answer", 0, CHAT, JSON200, "stall 110", 2, 4000, 400, 0, "LLM_ERR_TIMEOUT", "*",
     "idle_timeout_ms", 1, 1, 400, 2000},
    {"end of stream within an answer", 0, CHAT, JSON200, "cut 110", 2, 4000, 4000, 0, "LLM_ERR_TRUNCATED", "*",
     "broke off", 1, 1, 0, 1000},
    /* TLS: the server's own faults, behind the head */
    {"silence within an event", 1, STREAM, "exchange\n chunk Hello\n chunk more\n stall\n", "", 2, 4000, 400, 0,
     "LLM_ERR_TIMEOUT", "Hellomore", "idle_timeout_ms", 1, 0, 400, 2000},
    {"end of stream without close_notify", 1, STREAM, "exchange\n chunk Hello\n cut\n", "", 2, 4000, 4000, 0,
     "LLM_ERR_TRUNCATED", "Hello", "broke off", 1, 0, 0, 1000},
    {"silence behind finish_reason", 1, STREAM, "exchange\n chunk Hello\n finish\n stall\n", "", 2, 4000, 400, 0,
     "LLM_OK", "Hello", "", 1, 0, 400, 2000},
    /* the tool loop: a fault in its second round, on the connection that was kept and on a new one */
    {"tools, nothing wrong", 2, TOOLS, "brain", "", -1, 4000, 4000, 0, "LLM_OK", "TOOLS", "", 1, 0, 0, 2000},
    {"tools, second round is reset", 2, TOOLS, "exchange\n brain\nexchange\n reset 0\nexchange\n brain\n", "", 1, 4000,
     4000, 0, "LLM_OK", "TOOLS", "", 0, 0, 0, 3000},
    {"tools, second round breaks in the head", 2, TOOLS, "exchange\n brain\nexchange\n cut 30\n body {}\n", "", -1,
     4000, 4000, 0, "LLM_ERR_CONNECTION", "*", "within the response head", 1, 0, 0, 2000},
    {"tools, second round breaks in the body", 2, TOOLS, "exchange\n brain\nexchange\n chunk It is\n cut\n", "", 2,
     4000, 4000, 0, "LLM_ERR_TRUNCATED", "It is", "broke off", 1, 0, 0, 2000},
    {"tools, second round is silent", 2, TOOLS, "exchange\n brain\nexchange\n stall 0\n body {}\n", "", -1, 4000, 400,
     0, "LLM_ERR_TIMEOUT", "*", "idle_timeout_ms", 1, 0, 400, 2000},
    {"tools, total deadline over both rounds", 2, TOOLS,
     "exchange\n delay 400\n brain\nexchange\n delay 3000\n brain\n", "", 2, 4000, 4000, 900, "LLM_ERR_TIMEOUT", "*",
     "timeout_ms", 1, 0, 900, 2500},
    {"tools, slowly", 2, TOOLS, "brain", "slice 9\ndelay 1", -1, 8000, 8000, 0, "LLM_OK", "TOOLS", "", 1, 0, 0, 8000},
};
/* clang-format on */

/* The row's rules with their places filled in. */
static void fill_places(char *out, size_t cap, const char *rules) {
    const answer *a = stream_answer();
    size_t mid = (size_t)(strstr(a->wire, "rld") - a->wire), n = 0;
    size_t done_at = (size_t)(strstr(a->wire, "[DONE]\n\n") - a->wire) + 8;
    for (; *rules && n + 20 < cap; rules++) {
        if (*rules != '{') {
            out[n++] = *rules;
            continue;
        }
        n += (size_t)sprintf(out + n, "%lu",
                             (unsigned long)(strncmp(rules, "{head}", 6) == 0   ? a->head_end
                                             : strncmp(rules, "{mid}", 5) == 0  ? mid
                                             : strncmp(rules, "{fin}", 5) == 0  ? a->finish_sure
                                             : strncmp(rules, "{done}", 6) == 0 ? done_at
                                                                                : (size_t)-1));
        rules = strchr(rules, '}');
    }
    out[n] = 0;
}

static int is_wanted(const char *list, llm_status s) {
    const char *name = llm_status_name(s), *at = list;
    size_t n = strlen(name);
    while ((at = strstr(at, name)) != NULL) {
        if ((at == list || at[-1] == '|') && (at[n] == 0 || at[n] == '|')) return 1;
        at += n;
    }
    return 0;
}

static int text_fits(const row *r, const char *text) {
    size_t n = strlen(r->text);
    const char *whole = stream_answer()->text;
    if (strcmp(r->text, BIG) == 0) return text[0] == 0;
    if (strcmp(r->text, "ALL") == 0) return strcmp(text, whole) == 0;
    if (strcmp(r->text, "TOOLS") == 0) return strstr(text, "sunny") != NULL;
    if (n > 0 && r->text[n - 1] == '*') {
        if (strncmp(text, r->text, n - 1) != 0) return 0;
        return r->answers != NULL || is_beginning(stream_answer(), text);
    }
    return strcmp(text, r->text) == 0;
}

/* 1 if it came out as the row says. */
static int run_row(const row *r, int secure) {
    static char *big;
    t_chaos *x = secure ? &tls : &plain;
    char base[64], rules[200];
    llm_config f = config(x->port, secure, base);
    llm_client *c;
    outcome u;
    long fired;
    int slow = planted ? 1 : T_SLOW; /* total deadlines end what would go on: they are as they stand */
    const char *why = NULL, *prompt = r->mode == TOOLS ? "what is it like in Oslo?" : "echo: fine";
    if (strcmp(r->text, BIG) == 0) {
        if (!big) {
            big = (char *)malloc((size_t)12 << 20);
            if (!big) exit(1);
            memset(big, 'x', (size_t)12 << 20);
            big[((size_t)12 << 20) - 1] = 0;
        }
        prompt = big;
    }
    t_mock_reset(&m);
    if (!r->answers)
        serve(stream_answer(), NULL);
    else if (strcmp(r->answers, "brain") != 0 && !t_mock_script(&m, r->answers))
        exit(1);
    fill_places(rules, sizeof rules, r->rules);
    t_chaos_set(x, rules);
    f.model = r->answers ? "gpt-4o" : "mock:raw";
    f.max_retries = r->retries;
    f.connect_timeout_ms = r->connect_ms * slow;
    f.idle_timeout_ms = r->idle_ms * slow;
    c = client(&f);
    u = ask(c, r->mode, NULL, prompt, r->total_ms);
    t_chaos_report(x);
    fired = x->fired;
    if (!is_wanted(r->want, u.status))
        why = r->want;
    else if (!text_fits(r, u.text))
        why = "another text";
    else if (!strstr(u.message, r->says))
        why = r->says;
    else if (r->attempts && u.attempts != r->attempts)
        why = "attempts";
    else if (fired != r->fired)
        why = "the faults that happened";
    else if (u.ms < r->least_ms - 20)
        why = "too early";
    else if (u.ms > r->most_ms * slow + (planted ? 0 : 1500))
        why = "too late"; /* the machine may be busy */
    if (why && !planted) {
        fprintf(stderr, "    %s %s: not %s: %s '%.60s' after %ld ms, %d attempts, %ld faults (%s)\n",
                secure ? "HTTPS" : "HTTP", r->where, why, llm_status_name(u.status), u.text, u.ms, u.attempts, fired,
                u.message);
    }
    if (u.status != LLM_OK) { /* the client works on */
        t_chaos_set(x, "");
        t_mock_reset(&m);
        u = ask(c, CHAT, "gpt-4o", "echo: again", 0);
        if (u.status != LLM_OK || strcmp(u.text, "again") != 0) why = "a client that works on";
    }
    done(c);
    return why == NULL;
}

enum { SHARES = 6 };

static void test_rows(int share) {
    size_t i;
    int secure;
    for (i = (size_t)share; i < sizeof rows / sizeof rows[0]; i += SHARES) {
        for (secure = 0; secure <= 1; secure++) {
            if (rows[i].secure != 2 && rows[i].secure != secure) continue;
            t_case = rows[i].where;
            CHECK(run_row(&rows[i], secure));
        }
    }
    t_case = "";
}

/* Nobody listens; nobody answers a SYN; both only for a while. */
static void test_doors(int share) {
    static const struct {
        const char *option, *ms;
        int retries, connect_ms, total_ms;
        llm_status want;
        const char *says;
        int least_ms, most_ms;
    } door[] = {
        {"--closed", "0", -1, 4000, 0, LLM_ERR_CONNECTION, "refused the connection", 0, 1000},
        {"--closed", "0", 1, 4000, 0, LLM_ERR_CONNECTION, "refused the connection", 370, 2000},
        {"--closed", "600", 4, 4000, 0, LLM_OK, "", 370, 6000},
        {"--deaf", "0", -1, 400, 0, LLM_ERR_TIMEOUT, "connect_timeout_ms (400 ms)", 400, 2000},
        {"--deaf", "0", 1, 300, 0, LLM_ERR_TIMEOUT, "connect_timeout_ms (300 ms)", 970, 3000},
        {"--deaf", "0", 1, -1, 500, LLM_ERR_TIMEOUT, "timeout_ms", 500, 2000},
        {"--deaf", "300", -1, 8000, 0, LLM_OK, "", 300, 8000}, /* the system repeats the SYN after a second */
    };
    size_t i;
    int secure;
    (void)share;
    for (i = 0; i < sizeof door / sizeof door[0]; i++) {
        for (secure = 0; secure <= 1; secure++) {
            const char *extra[] = {door[i].option, door[i].ms, NULL};
            char base[64];
            llm_config f;
            llm_client *c;
            outcome u;
            t_chaos x;
            if (secure && i > 2) continue; /* there is no TLS yet */
            t_case = door[i].says;
            if (!t_chaos_start(&x, secure ? m.https_port : m.http_port, extra)) exit(1);
            f = config(x.port, secure, base);
            f.max_retries = door[i].retries;
            f.connect_timeout_ms = door[i].connect_ms;
            c = client(&f);
            u = ask(c, CHAT, "gpt-4o", "echo: fine", door[i].total_ms);
            if (!CHECK_INT(u.status, door[i].want)) fprintf(stderr, "    %s\n", u.message);
            CHECK(strstr(u.message, door[i].says) != NULL);
            if (!CHECK(u.ms >= door[i].least_ms - 20 && u.ms <= door[i].most_ms * T_SLOW)) fprintf(stderr, "    %ld ms\n", u.ms);
            done(c);
            t_chaos_stop(&x);
        }
    }
    t_case = "";
}

/* ---- the way through a proxy ------------------------------------------------------------------------------------ */

static const char tunnel_head[] = "HTTP/1.1 200 Connection established\r\nProxy-Agent: test\r\n\r\n";

/* Carries bytes both ways until one side has ended. */
static void relay(int a, int b) {
    static char buf[16384];
    struct pollfd p[2];
    int k;
    p[0].fd = a;
    p[1].fd = b;
    p[0].events = p[1].events = POLLIN;
    while (poll(p, 2, 20000) > 0) {
        for (k = 0; k < 2; k++) {
            ssize_t n = p[k].revents ? recv(p[k].fd, buf, sizeof buf, 0) : 0;
            if (p[k].revents && (n <= 0 || !t_mock_write(p[!k].fd, buf, (size_t)n))) return;
        }
    }
}

/* A proxy that knows CONNECT and nothing else: a process for each connection. Returns its port. */
static int start_proxy(pid_t *pid) {
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    pid_t parent = getpid();
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 300) ||
        getsockname(fd, (struct sockaddr *)&a, &len))
        exit(1);
    fflush(NULL);
    *pid = fork();
    if (*pid != 0) {
        close(fd);
        return ntohs(a.sin_port);
    }
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        struct pollfd p;
        int one;
        p.fd = fd;
        p.events = POLLIN;
        if (getppid() != parent) _exit(0); /* nothing stays behind */
        if (poll(&p, 1, 500) != 1 || (one = accept(fd, NULL, NULL)) < 0) continue;
        if (fork() == 0) {
            char head[2000] = "";
            size_t n = 0;
            int to;
            while (n + 1 < sizeof head && !strstr(head, "\r\n\r\n") && recv(one, head + n, 1, 0) == 1) head[++n] = 0;
            to = strncmp(head, "CONNECT 127.0.0.1:", 18) == 0 ? t_mock_connect(atoi(head + 18)) : -1;
            if (to >= 0 && !strstr(head, "Authorization") && t_mock_write(one, tunnel_head, sizeof tunnel_head - 1))
                relay(one, to);
            _exit(0);
        }
        close(one);
    }
}

/* Within the proxy's answer to CONNECT: nothing of it may pass for the server's. A harm that leaves a 2xx head is none
   (RFC 9110 9.3.6: any 2xx; 15.1: only its class has to be known). */
static void judge_tunnel(sweep *s, long at, const outcome *u) {
    const char *why = NULL;
    int harm = strncmp(s->rule, "flip", 4) == 0 || strncmp(s->rule, "drop", 4) == 0;
    if (u->status == LLM_OK) {
        s->harmless++;
        if (!harm || strcmp(u->text, s->a->text) != 0) why = "no such end";
        if (at < 10) why = "a status line that is broken"; /* "HTTP/1.1 2" */
    } else {
        if (u->http != 0 || u->text[0] != 0) why = "the proxy's word passes for the server's";
        if (!llm_is(u->status, LLM_ERR_CONNECTION) &&
            !(u->status == LLM_ERR_TIMEOUT && strncmp(s->rule, "cut", 3) != 0))
            why = "neither CONNECTION nor TIMEOUT";
        if (u->status == LLM_ERR_TRUNCATED) why = "TRUNCATED without an answer";
        if (strncmp(s->rule, "stall", 5) == 0 && u->status != LLM_ERR_TIMEOUT) why = "not TIMEOUT";
        if (strncmp(s->rule, "cut", 3) == 0 && u->status == LLM_ERR_TLS) why = "TLS before there is a tunnel";
    }
    if (u->attempts != 1) why = "attempts";
    if (u->ms > s->connect_ms + 4000 * T_SLOW) why = "too late";
    if (why) wrong(s, at, u, why);
}

static void test_tunnel(int share) {
    static const char *const rule[] = {"cut", "reset", "stall", "flip", "drop"};
    t_chaos x;
    pid_t pid;
    char proxy[64], what[100];
    sweep s;
    size_t i;
    (void)share;
    if (!t_chaos_start(&x, start_proxy(&pid), NULL)) exit(1);
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", x.port);
    serve(short_answer(), NULL);
    for (i = 0; i < sizeof rule / sizeof rule[0]; i++) {
        memset(&s, 0, sizeof s);
        s.a = short_answer();
        s.rule = rule[i];
        s.secure = 1;
        s.x = &x;
        s.proxy = proxy;
        s.step = 1;
        s.at_once = 30;
        s.connect_ms = s.idle_ms = 2500 * T_SLOW;
        s.judge = judge_tunnel;
        run_sweep(&s, 0, (long)sizeof tunnel_head - 1);
        snprintf(what, sizeof what, "CONNECT: %s at every byte of its answer", rule[i]);
        print_sweep(&s, what);
        CHECK_INT(s.wrong, 0);
        CHECK_INT(x.fired, sizeof tunnel_head - 1);
        CHECK_INT(x.connections, s.count);
        CHECK(i < 3 ? s.harmless == 0 : s.harmless > 10);
    }
    t_chaos_stop(&x);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* ---- the checks above must be able to fail ---------------------------------------------------------------------- */

static long wrongs_of(const answer *a, int secure, const char *rule, void (*judge)(sweep *, long, const outcome *)) {
    sweep s;
    memset(&s, 0, sizeof s);
    s.none = strcmp(rule, "none") == 0;
    s.a = a;
    s.rule = rule;
    s.secure = secure;
    s.step = secure ? 40 : 5;
    s.at_once = 1;
    s.connect_ms = s.idle_ms = 3000 * T_SLOW;
    s.judge = judge;
    run_sweep(&s, 0, secure ? (long)measure(stream_answer(), 0) : (long)a->n);
    return s.wrong;
}

static void test_planted(int share) {
    static const row wrong_rows[] = {
        {"a fault is claimed, none is set", 0, CHAT, "brain", "", -1, 4000, 4000, 0, "LLM_OK", "fine", "", 1, 1, 0,
         2000},
        {"another status", 0, CHAT, "brain", "#1 refuse", -1, 4000, 4000, 0, "LLM_ERR_TIMEOUT", "", "", 1, 1, 0, 2000},
        {"another text", 0, STREAM, NULL, "cut {mid}", -1, 4000, 4000, 0, "LLM_ERR_TRUNCATED", "Hello, other*", "", 1,
         1, 0, 2000},
        {"another text, all of it", 0, STREAM, NULL, "cut {mid}", -1, 4000, 4000, 0, "LLM_ERR_TRUNCATED", "ALL", "", 1,
         1, 0, 2000},
        {"the deadline is far away", 0, STREAM, NULL, "stall {mid}", -1, 4000, 900, 0, "LLM_ERR_TIMEOUT", "Hello*", "",
         1, 1, 300, 700},
        {"the deadline is too near", 0, STREAM, NULL, "stall {mid}", -1, 4000, 100, 0, "LLM_ERR_TIMEOUT", "Hello*", "",
         1, 1, 400, 2000},
        {"another message", 0, CHAT, "brain", "#1 refuse", -1, 4000, 4000, 0, "LLM_ERR_CONNECTION", "", "the moon", 1,
         1, 0, 2000},
        {"another number of attempts", 0, CHAT, "brain", "#1 refuse", 1, 4000, 4000, 0, "LLM_OK", "fine", "", 1, 1, 0,
         2000},
    };
    static answer other;
    size_t i;
    (void)share;
    planted = 1;
    for (i = 0; i < sizeof wrong_rows / sizeof wrong_rows[0]; i++) {
        t_case = wrong_rows[i].where;
        CHECK(!run_row(&wrong_rows[i], 0));
    }
    t_case = "planted";
    t_mock_config(&m, "session-cache 0\n");
    serve(stream_answer(), SPLIT);
    CHECK_INT(wrongs_of(stream_answer(), 0, "cut", judge_break), 0);
    CHECK(wrongs_of(stream_answer(), 0, "flip", judge_break) > 0); /* another fault than the verdict is for */
    CHECK(wrongs_of(stream_answer(), 0, "none", judge_break) > 0); /* none at all: LLM_OK everywhere */
    CHECK_INT(wrongs_of(stream_answer(), 1, "flip", judge_harm), 0);
    CHECK(wrongs_of(stream_answer(), 1, "none", judge_harm) > 0);
    CHECK(wrongs_of(stream_answer(), 1, "none", judge_break) > 0);
    other = *stream_answer(); /* a verdict that expects finish_reason an event later, or another text */
    other.finish = other.finish_sure += 100;
    CHECK(wrongs_of(&other, 0, "cut", judge_break) > 0);
    other = *stream_answer();
    other.text[2] = 'L';
    CHECK(wrongs_of(&other, 0, "cut", judge_break) > 0);
    CHECK(wrongs_of(&other, 1, "flip", judge_harm) > 0);
    CHECK(wrongs_of(&other, 0, "flip", judge_plain) > 0);
    t_case = "";
    planted = 0;
}

/* ---- all of it, side by side: most of the time somebody waits for a deadline ------------------------------------ */

static void plain_breaks(int share) {
    (void)share;
    sweep_breaks(stream_answer(), 0, "cut", 1, 1, 5000, "cut");
    sweep_breaks(stream_answer(), 0, "reset", 1, 1, 5000, "reset");
    sweep_breaks(whole_answer(), 0, "cut", 1, 1, 5000, "cut");
    sweep_breaks(whole_answer(), 0, "reset", 1, 1, 5000, "reset");
    sweep_breaks(stream_answer(), 0, "stall", 1, 200, 2000, "stall");
}

static void plain_harms(int share) {
    (void)share;
    sweep_plain_harm(stream_answer(), "flip");
    sweep_plain_harm(stream_answer(), "drop");
    sweep_plain_harm(whole_answer(), "flip");
    sweep_plain_harm(whole_answer(), "drop");
}

static void tls_breaks(int share) {
    const char *how = share ? "reset" : "cut";
    sweep_breaks(short_answer(), 1, how, all ? 1 : 23, 1, 5000, how);
    sweep_breaks(whole_answer(), 1, how, all ? 7 : 41, 1, 5000, how);
}

static void tls_stalls(int share) {
    (void)share;
    sweep_breaks(stream_answer(), 1, "stall", all ? 5 : 29, 100, 3000, "stall");
}

static void tls_harms(int request) {
    sweep_harm("flip", request, all ? 1 : 19, 50);
    sweep_harm("drop", request, all ? 1 : 19, 100);
}

static const struct {
    void (*run)(int share);
    int share;
} jobs[] = {
    {plain_breaks, 0}, {plain_harms, 0},  {tls_breaks, 0}, {tls_breaks, 1},  {tls_stalls, 0}, {tls_harms, 0},
    {tls_harms, 1},    {test_planted, 0}, {test_doors, 0}, {test_tunnel, 0}, {test_rows, 0},  {test_rows, 1},
    {test_rows, 2},    {test_rows, 3},    {test_rows, 4},  {test_rows, 5},
};
enum { JOBS = sizeof jobs / sizeof jobs[0] };

/* One job with servers of its own, in a process of its own. */
static void run_job(int job, int result) {
    char prefix[2][64];
    const char *extra[2][3];
    int k, count[2];
    t_passed = t_failed = 0; /* those of the jobs that are over already */
    if (!mkdtemp(dir) || atexit(clear_dir) || !t_mock_start(&m, NULL)) exit(1);
    for (k = 0; k < 2; k++) {
        snprintf(prefix[k], sizeof prefix[k], "%s/%s", dir, k ? "tls" : "plain");
        extra[k][0] = "--record";
        extra[k][1] = prefix[k];
        extra[k][2] = NULL;
        if (!t_chaos_start(k ? &tls : &plain, k ? m.https_port : m.http_port, extra[k])) exit(1);
    }
    /* rows take up old sessions too; where every byte counts, each handshake is a full one */
    if (jobs[job].run != test_rows) t_mock_config(&m, "session-cache 0\n");
    jobs[job].run(jobs[job].share);
    t_chaos_stop(&plain);
    t_chaos_stop(&tls);
    CHECK(t_mock_stop(&m));
    count[0] = t_passed;
    count[1] = t_failed;
    exit(write(result, count, sizeof count) == (ssize_t)sizeof count ? 0 : 1);
}

int main(void) {
    pid_t pid[JOBS];
    int result[JOBS][2], count[2], status, i, next = 0, running = 0;
    long start = now_ms();
    all = getenv("NETFAULTS_ALL") != NULL;
    while (next < JOBS || running > 0) {
        pid_t gone;
        if (next < JOBS && running < (all ? 4 : JOBS)) { /* all: handshakes keep the processors busy, not deadlines */
            fflush(NULL);
            if (pipe(result[next])) return 1;
            fcntl(result[next][0], F_SETFD, FD_CLOEXEC);
            fcntl(result[next][1], F_SETFD, FD_CLOEXEC);
            pid[next] = fork();
            if (pid[next] == 0) run_job(next, result[next][1]);
            close(result[next++][1]);
            running++;
            continue;
        }
        gone = wait(&status);
        running--;
        for (i = 0; i < next && pid[i] != gone; i++) {
        }
        count[0] = 0;
        count[1] = 1;
        if (i < next && read(result[i][0], count, sizeof count) == (ssize_t)sizeof count && status == 0) {
            t_passed += count[0];
            t_failed += count[1];
        } else {
            fprintf(stderr, "job %d ended with status %d\n", i, status);
            t_failed++;
        }
        if (i < next) close(result[i][0]);
    }
    printf("%d faults by place (HTTP, HTTPS or both); %d jobs, %ld ms\n", (int)(sizeof rows / sizeof rows[0]),
           (int)JOBS, now_ms() - start);
    return t_done();
}
