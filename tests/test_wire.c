/* test_wire.c - Chat Completions answers from the socket to the caller: golden event logs in data/chat/, each answer
   given at once, byte by byte and at every two-way split of the whole HTTP response, blocking and not (promise 3), and
   the key out of everything that leaves the library (promise 1). */
#include "script.h"

#define KEY "sk-0123456789abcdefABCDEF"

typedef struct mode {
    int status, stream, sse, discard;
    enum { WHOLE, CUT, RST, END } ending;
} mode;

static mode mode_of(const char *name) {
    mode m;
    memset(&m, 0, sizeof m);
    m.status = 200;
    m.sse = strncmp(name, "sse", 3) == 0;
    m.stream = m.sse;
    if (name[0] >= '1' && name[0] <= '9')
        m.status = atoi(name);
    else if (!m.sse && strncmp(name, "json", 4) != 0) {
        fprintf(stderr, "the case \"%s\" does not say how it is served\n", name);
        exit(1);
    }
    name += strcspn(name, ":/ ");
    if (strncmp(name, "/cut", 4) == 0)
        m.ending = CUT;
    else if (strncmp(name, "/rst", 4) == 0)
        m.ending = RST;
    else if (strncmp(name, "/eof", 4) == 0)
        m.ending = END;
    else if (strncmp(name, " in stream", 10) == 0)
        m.stream = 1;
    else if (strncmp(name, " in chat", 8) == 0)
        m.stream = 0;
    else if (strncmp(name, " discard", 8) == 0)
        m.discard = 1;
    else if (name[0] != ':')
        exit(1);
    return m;
}

/* Writes the connection; returns how many bytes the response has. */
static size_t serve(const mode *m, const t_text *body) {
    char b[256];
    int i;
    size_t n = 0;
    sc_reset();
    sc_conn();
    sc_await();
    snprintf(b, sizeof b, "HTTP/1.1 %d Said\r\nContent-Type: %s\r\n", m->status,
             m->sse ? "text/event-stream" : "application/json");
    sc_give(b, -1);
    if (m->status == 301) sc_give("Location: https://other.example/v1\r\n", -1);
    if (m->ending == END)
        snprintf(b, sizeof b, "\r\n");
    else if (m->sse)
        snprintf(b, sizeof b, "Transfer-Encoding: chunked\r\n\r\n");
    else
        snprintf(b, sizeof b, "Content-Length: %lu\r\n\r\n", (unsigned long)body->n + (m->ending == WHOLE ? 0 : 7));
    sc_give(b, -1);
    if (m->sse && m->ending != END) {
        size_t half = body->n / 2; /* two chunks: their edge lies anywhere in an event */
        if (half) sc_chunk(body->p, half);
        if (body->n > half) sc_chunk(body->p + half, body->n - half);
        if (m->ending == WHOLE) sc_give("0\r\n\r\n", -1);
    } else {
        sc_give(body->p, (long)body->n);
    }
    if (m->ending == RST)
        sc_rst();
    else if (m->ending != WHOLE)
        sc_close();
    for (i = 0; i < sc.steps; i++) n += sc.step[i].n;
    return n;
}

static void put(t_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(t_text *t, const char *format, ...) {
    char b[1024];
    va_list a;
    va_start(a, format);
    vsnprintf(b, sizeof b, format, a);
    va_end(a);
    t_adds(t, b);
}

static void put_text(t_text *t, const char *name, const char *p, size_t n) {
    put(t, "%s\"", name);
    t_add_escaped(t, p, n);
    t_adds(t, "\"");
}

static void put_call(t_text *t, const char *what, int choice, const llm_tool_call *c) {
    int made = strlen(c->id) == 9 && c->id[0] == 'c' && strspn(c->id + 1, "0123456789abcdef") == 8;
    put(t, "%s %d %s %s ", what, choice, made ? "(made up)" : c->id, c->name);
    t_add_escaped(t, c->arguments, strlen(c->arguments));
    if (!c->arguments[0]) t_adds(t, "(none)");
    t_adds(t, "\n");
}

static int on_event(void *user, const llm_event *ev) {
    t_text *t = (t_text *)user;
    char b[40];
    switch (ev->kind) {
    case LLM_EVENT_TEXT:
    case LLM_EVENT_REASONING:
    case LLM_EVENT_REFUSAL:
        snprintf(b, sizeof b, "%s %d ",
                 ev->kind == LLM_EVENT_TEXT        ? "text"
                 : ev->kind == LLM_EVENT_REASONING ? "reasoning"
                                                   : "refusal",
                 ev->choice);
        put_text(t, b, ev->text, ev->len);
        t_adds(t, "\n");
        break;
    case LLM_EVENT_TOOL_CALL: put_call(t, "tool", ev->choice, ev->tool_call); break;
    case LLM_EVENT_TOOL_RESULT:
    case LLM_EVENT_RETRY:
    default: t_adds(t, "unexpected event\n"); break;
    }
    return 0;
}

static void put_count(t_text *t, const char *name, int64_t v) {
    if (v) put(t, " %s %ld", name, (long)v);
}

static void put_usage(t_text *t, const llm_usage *u) {
    if (!u->known) return;
    put(t, "usage in %ld out %ld total %ld", (long)u->input_tokens, (long)u->output_tokens, (long)u->total_tokens);
    put_count(t, "cached", u->cached_tokens);
    put_count(t, "written", u->cache_write_tokens);
    put_count(t, "audio-in", u->audio_input_tokens);
    put_count(t, "reasoning", u->reasoning_tokens);
    put_count(t, "audio-out", u->audio_output_tokens);
    if (u->service_tier[0]) put(t, " tier %s", u->service_tier);
    if (u->cost_source == LLM_COST_PROVIDER) put(t, " cost %.10g", u->cost_usd);
    t_adds(t, "\n");
}

static void put_response(t_text *t, llm_status s, const llm_response *o, const char *wanted) {
    static const char *const finish[] = {"none", "stop", "length", "tool_calls", "content_filter", "other"};
    size_t i, k;
    const char *p;
    put(t, "end %s\n", llm_status_name(s));
    if (o->status != s) put(t, "response.status is %s\n", llm_status_name(o->status));
    if (s != LLM_OK) {
        put(t, "error http %d", o->error.http_status);
        if (o->error.type[0]) put(t, " type %s", o->error.type);
        if (o->error.code[0]) put(t, " code %s", o->error.code);
        if (o->error.param[0]) put(t, " param %s", o->error.param);
        put(t, "%s\n", o->error.retryable ? " retryable" : "");
        /* the words that are wanted are repeated when the message holds them, else the message itself is */
        for (p = wanted; (p = strstr(p, "\nsays ")) != NULL;) {
            t_text words = {NULL, 0, 0};
            size_t n = strcspn(p + 6, "\n");
            t_add(&words, "", 0);
            t_add_raw(&words, p + 6, p + 6 + n);
            t_adds(t, "says ");
            if (strstr(o->error.message, words.p))
                t_add(t, p + 6, n);
            else
                t_adds(t, o->error.message);
            t_adds(t, "\n");
            free(words.p);
            p += 6 + n;
        }
    }
    if (o->id[0] || o->model[0]) {
        put(t, "id %s", o->id);
        if (o->model[0]) put(t, " model %s", o->model);
        t_adds(t, "\n");
    }
    for (i = 0; i < o->choice_count; i++) {
        const llm_choice *c = &o->choices[i];
        put(t, "choice %d %s ", c->index, finish[c->finish_reason]);
        put_text(t, "", c->content, c->content_len);
        if (strlen(c->content) != c->content_len) put(t, " content_len is %lu", (unsigned long)c->content_len);
        if (c->reasoning) put_text(t, " reasoning ", c->reasoning, strlen(c->reasoning));
        if (c->refusal) put_text(t, " refusal ", c->refusal, strlen(c->refusal));
        t_adds(t, "\n");
        for (k = 0; k < c->tool_call_count; k++) put_call(t, "call", c->index, &c->tool_calls[k]);
    }
    put_usage(t, &o->usage);
}

/* One run of one case: the log. */
static void run(const mode *m, int blocking, t_text *log, const char *wanted) {
    llm_config c = llm_config_init();
    llm_request r = sc_hi();
    llm_response o;
    llm_client *client;
    llm_status s;
    log->n = 0;
    t_add(log, "", 0);
    c.max_retries = -1;
    client = sc_client(&c);
    r.discard_text = m->discard;
    if (!blocking) {
        llm_call *call = NULL;
        llm_error e;
        s = llmi_call_new(client, &r, m->stream, 0, &call, &e);
        CHECK_INT(s, LLM_OK);
        s = sc_drive(call, m->stream ? on_event : NULL, log, &o);
    } else if (m->stream) {
        s = llm_chat_stream(client, &r, on_event, log, &o);
    } else {
        s = llm_chat(client, &r, &o);
    }
    put_response(log, s, &o, wanted);
    if (strstr(log->p, KEY) || sc_holds(&o, sizeof o, KEY) || sc_holds(sc.log.p, sc.log.n, KEY)) {
        t_adds(log, "the key got out\n"); /* promise 1 */
    }
    if (s == LLM_OK && o.choice_count > 0 &&
        (o.content != o.choices[0].content || o.tool_calls != o.choices[0].tool_calls)) {
        t_adds(log, "the response does not show choices[0]\n");
    }
    llm_response_free(&o);
    llm_response_free(&o);
    llm_client_free(client);
    if (t_live != 0) put(log, "%ld blocks were not freed\n", t_live);
    if (sc.opens != sc.closes) put(log, "%d connections opened, %d closed\n", sc.opens, sc.closes);
    if (sc.reqs != 1) put(log, "%d requests\n", sc.reqs);
    t_live = 0;
}

static void test_file(const char *path) {
    size_t len;
    char *text = t_read_file(path, &len);
    const char *at = text;
    t_block b;
    t_text log = {NULL, 0, 0};
    memset(&b, 0, sizeof b);
    while (t_next_block(&at, &b)) {
        mode m = mode_of(b.name);
        size_t n = serve(&m, &b.input), i, step;
        int blocking, ok = 1;
        t_case = b.name;
        t_canary_parts_ok = strstr(b.name, "only begins like") != NULL;
        for (blocking = 0; blocking <= 1; blocking++) {
            serve(&m, &b.input);
            run(&m, blocking, &log, b.wanted.p);
            ok &= CHECK_STR(log.p, b.wanted.p);
        }
        for (i = 2; ok && i < 80; i += i < 9 ? 1 : 13) { /* small pieces of every size */
            serve(&m, &b.input);
            sc.recv_max = i;
            run(&m, (int)i & 1, &log, b.wanted.p);
            ok &= CHECK_STR(log.p, b.wanted.p);
        }
        step = n > 4000 ? 7 : 1;
        for (i = 0; ok && i < n; i += step) {
            for (blocking = 0; ok && blocking <= 1; blocking++) {
                serve(&m, &b.input);
                if (i == 0)
                    sc.recv_max = 1;
                else
                    sc.split_at = i;
                run(&m, blocking, &log, b.wanted.p);
                ok = strcmp(log.p, b.wanted.p) == 0;
                if (!ok) {
                    fprintf(stderr, "split at %lu of %lu (0: byte by byte), %s:\n", (unsigned long)i, (unsigned long)n,
                            blocking ? "blocking" : "not blocking");
                    CHECK_STR(log.p, b.wanted.p);
                }
            }
        }
        CHECK(ok);
    }
    t_case = "";
    t_canary_parts_ok = 0;
    free(text);
    free(b.input.p);
    free(b.wanted.p);
    free(log.p);
}

/* ---- promise 7: nothing is allocated per chunk ------------------------------------------------------------ */

typedef struct flat {
    long at_event, first, last, events;
} flat;

static int flat_event(void *user, const llm_event *ev) {
    flat *f = (flat *)user;
    (void)ev;
    if (++f->events == f->at_event) f->first = t_allocs;
    f->last = t_allocs;
    return 0;
}

static long allocations(int chunks, int discard, size_t recv_max) {
    llm_request r = sc_hi();
    llm_response o;
    llm_client *c;
    flat f = {20, 0, 0, 0};
    int i;
    sc_reset();
    sc_conn();
    sc_await();
    sc_give(SC_SSE_HEAD, -1);
    for (i = 0; i < chunks; i++) {
        static const char chunk[] =
            "data: {\"id\":\"r1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"abcdefgh\"}}]}\n\n";
        sc_chunk(chunk, sizeof chunk - 1);
    }
    sc_chunk(SC_STOP, sizeof SC_STOP - 1);
    sc_give("0\r\n\r\n", -1);
    sc.recv_max = recv_max;
    c = sc_client(NULL);
    r.discard_text = discard;
    CHECK_INT(llm_chat_stream(c, &r, flat_event, &f, &o), LLM_OK);
    CHECK_INT(f.events, chunks);
    CHECK_INT(o.content_len, discard ? 0 : chunks * 8);
    llm_response_free(&o);
    llm_client_free(c);
    return f.last - f.first;
}

static void test_flat(void) {
    /* promise 7: the kept text doubles, so four times the chunks cost two allocations more; without it none */
    CHECK_INT(allocations(1000, 1, 0), 0);
    CHECK_INT(allocations(1000, 1, 13), 0);
    CHECK(allocations(1200, 0, 0) <= 8);
    CHECK(allocations(1200, 0, 0) - allocations(300, 0, 0) <= 2);
}

/* Made-up ids: unique within a response and over the responses of a client. */
static void test_made_up_ids(void) {
    llm_request r = sc_hi();
    llm_response o[3];
    char seen[6][16];
    int i, k, n = 0;
    llm_client *c;
    sc_reset();
    sc_conn();
    for (i = 0; i < 3; i++) {
        sc_answer(200, "",
                  "{\"choices\":[{\"message\":{\"tool_calls\":[{\"function\":{\"name\":\"a\",\"arguments\":\"\"}},"
                  "{\"function\":{\"name\":\"b\",\"arguments\":\"\"}}]},\"finish_reason\":\"tool_calls\"}]}");
    }
    c = sc_client(NULL);
    for (i = 0; i < 3; i++) {
        CHECK_INT(llm_chat(c, &r, &o[i]), LLM_OK);
        CHECK_INT(o[i].tool_call_count, 2);
        for (k = 0; k < 2 && o[i].tool_call_count == 2; k++) snprintf(seen[n++], 16, "%s", o[i].tool_calls[k].id);
    }
    for (i = 0; i < n; i++) {
        CHECK_INT(strlen(seen[i]), 9); /* what Mistral takes: nine letters and digits */
        CHECK_INT(strspn(seen[i], "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"), 9);
        for (k = 0; k < i; k++) CHECK(strcmp(seen[i], seen[k]) != 0);
    }
    for (i = 0; i < 3; i++) llm_response_free(&o[i]);
    llm_client_free(c);
}

/* The message field is 512 bytes: wherever the key lies across its end, no eight bytes of it come out (promise 1). */
static void test_key_at_the_cut(void) {
    size_t at;
    for (at = 120; at < 560; at++) {
        t_text body = {NULL, 0, 0};
        llm_request r = sc_hi();
        llm_response o;
        llm_client *c;
        size_t i;
        int html;
        for (html = 0; html <= 1; html++) {
            body.n = 0;
            t_adds(&body, html ? "<p>" : "{\"error\":{\"message\":\"");
            for (i = 0; i < at; i++) t_adds(&body, "x");
            t_adds(&body, KEY);
            for (i = 0; i < 80; i++) t_adds(&body, "y");
            t_adds(&body, html ? "</p>" : "\"}}");
            sc_reset();
            sc_conn();
            sc_answer(401, "", body.p);
            c = sc_client(NULL);
            CHECK_INT(llm_chat(c, &r, &o), LLM_ERR_AUTH);
            if (strstr(o.error.message, "sk-01234")) {
                t_check(0, "no eight bytes of the key in the message", __FILE__, __LINE__);
                fprintf(stderr, "    key at %lu, %s\n    %s\n", (unsigned long)at, html ? "HTML" : "JSON",
                        o.error.message);
                at = 10000;
            }
            llm_response_free(&o);
            llm_client_free(c);
        }
        free(body.p);
    }
}

/* A whole answer in one long text: it moves instead of being copied, and the key is out of it as well. */
static void test_long_text(void) {
    llm_request r = sc_hi();
    llm_response o;
    t_text body = {NULL, 0, 0}, want = {NULL, 0, 0};
    llm_client *c;
    int i;
    t_adds(&body, "{\"choices\":[{\"message\":{\"content\":\"");
    for (i = 0; i < 500; i++) t_adds(&want, "0123456789");
    t_add(&body, want.p, want.n);
    t_adds(&body, "\"},\"finish_reason\":\"stop\"}]}");
    sc_reset();
    sc_conn();
    sc_answer(200, "", body.p);
    sc_answer(200, "", SC_OK_JSON("next"));
    body.n = 0;
    t_adds(&body, "{\"choices\":[{\"message\":{\"content\":\"");
    t_add(&body, want.p, want.n);
    t_adds(&body, KEY);
    t_add(&body, want.p, want.n);
    t_adds(&body, "\"},\"finish_reason\":\"stop\"}]}");
    sc_answer(200, "", body.p);
    c = sc_client(NULL);
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
    CHECK_INT(o.content_len, 5000);
    CHECK_STR(o.content, want.p);
    llm_response_free(&o);
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
    CHECK_STR(o.content, "next");
    llm_response_free(&o);
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
    CHECK(strstr(o.content, KEY) == NULL && o.content_len >= 10000);
    CHECK(strncmp(o.content, want.p, 5000) == 0);
    CHECK_STR(o.content + o.content_len - 5000, want.p);
    llm_response_free(&o);
    llm_client_free(c);
    CHECK_INT(t_live, 0);
    free(body.p);
    free(want.p);
}

/* What stands before the text of each event is longer than what is remembered of it. */
static void test_long_events(void) {
    llm_request r = sc_hi();
    llm_response o;
    t_text body = {NULL, 0, 0}, filler = {NULL, 0, 0};
    llm_client *c;
    int i, k;
    for (i = 0; i < LLM_MEMO_SIZE / 10 + 2; i++) t_adds(&filler, "0123456789");
    for (k = 0; k < 3; k++) {      /* before the text, between it and the end of its choice, behind that */
        body.n = 0;
        for (i = 0; i < 4; i++) {
            t_adds(&body, "data: {\"x\":\"");
            if (k == 0) t_add(&body, filler.p, filler.n);
            t_adds(&body, "\",\"choices\":[{\"delta\":{\"content\":\"ab\"},\"y\":\"");
            if (k == 1) t_add(&body, filler.p, filler.n);
            t_adds(&body, "\"}],\"z\":\"");
            if (k == 2) t_add(&body, filler.p, filler.n);
            t_adds(&body, "\"}\n\n");
        }
        t_adds(&body, SC_STOP SC_DONE);
        sc_reset();
        sc_conn();
        sc_stream(body.p);
        c = sc_client(NULL);
        CHECK_INT(llm_chat_stream(c, &r, NULL, NULL, &o), LLM_OK);
        CHECK_STR(o.content, "abababab");
        llm_response_free(&o);
        llm_client_free(c);
    }
    free(body.p);
    free(filler.p);
}

/* The reader alone, as another owner could use it: what the engine does not do. */
static void test_reader_alone(void) {
    static const char bad[] = "{\"choices\":]";
    const char *p = bad, *end = bad + sizeof bad - 1;
    llmi_mem mem;
    llmi_reply reply;
    llmi_secret secret;
    llmi_wire w;
    llm_error e;
    llm_event ev;
    llm_status why = LLM_OK;
    int i;
    memset(&w, 0, sizeof w);
    llmi_wire_free(&w);                                   /* never made */
    memset(&secret, 0, sizeof secret);
    llmi_error_init(&e);
    llmi_mem_init(&mem, NULL, NULL, 0);
    llmi_reply_init(&reply, &mem, 1, 0);
    llmi_wire_init(&w, &reply, &secret, &e);
    llmi_wire_begin(&w);
    CHECK(!llmi_wire_event(&w, &ev));                     /* nothing to tell yet */
    while (p < end && w.status == LLM_OK) (void)llmi_wire_next(&w, &p, end);
    CHECK_INT(w.status, LLM_ERR_PROTOCOL);
    CHECK_INT(llmi_wire_next(&w, &p, end), LLMI_WIRE_FAILED);     /* it stays so */
    CHECK(!llmi_wire_end(&w));
    w.status = LLM_OK;
    while (w.depth < LLMI_WIRE_DEPTH && llmi_wire_push(&w, LLMI_IN_PARTS)) continue;
    CHECK(w.depth == LLMI_WIRE_DEPTH && !llmi_wire_push(&w, LLMI_IN_PARTS));      /* deeper than any that there is */
    CHECK_INT(w.status, LLM_ERR_LIMIT);
    llmi_wire_free(&w);
    for (i = 0; i < LLM_MAX_CHOICES; i++) CHECK(llmi_reply_choice(&reply, i, &why) != NULL);
    CHECK(llmi_reply_choice(&reply, i, &why) == NULL);
    CHECK_INT(why, LLM_ERR_LIMIT);
    llmi_reply_clear(&reply);
    CHECK_INT(t_live, 0);
}

int main(void) {
    test_file("data/chat/accumulate.txt");
    test_file("data/chat/edges.txt");
    test_file("data/chat/providers.txt");
    test_file("data/chat/endings.txt");
    test_file("data/chat/statuses.txt");
    test_flat();
    test_made_up_ids();
    test_key_at_the_cut();
    test_long_text();
    test_long_events();
    test_reader_alone();
    CHECK_INT(t_live, 0);
    sc_reset();
    return t_done();
}
