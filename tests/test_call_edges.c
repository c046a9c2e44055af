/* test_call_edges.c - rare ways through the engine, the tool loop and the public functions: what a server does seldom,
   what a caller should not do, and what only another network layer does. */
#define _GNU_SOURCE 1
#include <stddef.h>
#include <stdint.h>
static int e_init = 1;         /* what LLM_NET_INIT says */
static int e_timer = -1;       /* what LLM_NET_TIMER_MS says */
#define LLM_NET_INIT(ctx)           ((void)(ctx), e_init)
#define LLM_NET_TIMER_MS(ctx, conn) ((void)(ctx), (void)(conn), e_timer)
#define LLM_MAX_RETRY_AFTER_MS      ((int64_t)1 << 40)
#define LLM_READ_SIZE               128
#include "script.h"

/* ---- requests that are refused before anything is sent, and some that are not ------------------------------------- */

static void refused_by(llm_client *c, const llm_request *r, int tools, const char *words) {
    llm_response o;
    int before = sc.reqs;
    llm_status s = tools ? llm_chat_with_tools(c, r, 0, NULL, NULL, &o) : llm_chat(c, r, &o);

    t_case = words;
    CHECK_INT(s, LLM_ERR_USAGE);
    CHECK(strstr(o.error.message, words) != NULL);
    CHECK_INT(sc.reqs, before);
    t_case = "";
    llm_response_free(&o);
}

static llm_status say(void *user, const llm_tool_call *call, llm_text *result) {
    (void)call;
    return llm_text_add(result, (const char *)user);
}

static void test_requests(void) {
    llm_client *c;
    llm_request r;
    llm_response o;
    llm_config f = llm_config_init();
    llm_tool tools[2];
    llm_message m;
    llm_tool_call call;
    llm_conversation *conv;
    llm_error e;
    sc_reset();
    sc_conn();
    c = sc_client(NULL);
    r = sc_hi();
    memset(tools, 0, sizeof tools);
    tools[0].name = tools[1].name = "same";
    tools[0].handler = tools[1].handler = say;
    r.tools = tools;
    r.tool_count = 2;
    refused_by(c, &r, 0, "holds same twice");
    r = sc_hi();
    r.max_tokens_key = "";
    refused_by(c, &r, 0, "max_tokens_key is empty");
    r = sc_hi();
    m = llm_msg(LLM_ASSISTANT, NULL);
    memset(&call, 0, sizeof call);
    call.id = "c1";
    call.name = "f";
    call.extra_content = "[1]";
    m.tool_calls = &call;
    m.tool_call_count = 1;
    r.messages = &m;
    r.message_count = 1;
    refused_by(c, &r, 0, "extra_content is not a JSON object");
    r = sc_hi();
    CHECK_INT(llm_conversation_new(c, &conv), LLM_OK);
    r.conversation = conv;
    r.discard_text = 1;
    refused_by(c, &r, 1, "discard_text");
    llm_conversation_free(conv);
    /* texts that are not given are empty ones */
    r = sc_hi();
    call.extra_content = NULL;
    call.arguments = NULL;
    r.messages = &m;
    r.message_count = 1;
    sc_answer(200, "", SC_OK_JSON("a"));
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
    CHECK(sc.reqs == 1 && strstr(sc.req[0].body, "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\","
                                 "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}") != NULL);
    llm_response_free(&o);
    m = llm_msg(LLM_USER, NULL);
    sc_answer(200, "", SC_OK_JSON("a"));
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
    CHECK(sc.reqs == 2 && strstr(sc.req[1].body, "{\"role\":\"user\",\"content\":\"\"}") != NULL);
    llm_response_free(&o);
    /* a message of nothing at all, in a conversation */
    CHECK_INT(llm_conversation_new(c, &conv), LLM_OK);
    CHECK_INT(llm_conversation_add(conv, LLM_USER, NULL), LLM_ERR_USAGE);
    m = llm_msg(LLM_ASSISTANT, NULL);
    CHECK_INT(llmi_conversation_push(conv, &m), LLM_OK);
    CHECK(conv->count == 1);
    llm_conversation_free(conv);
    llm_client_free(c);
    /* model and messages may come in extra_json alone; without them there is none */
    f.api_key = "k";
    f.base_url = "http://127.0.0.1:8080/v1";
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_OK);
    r = llm_request_init();
    r.extra_json = "{\"x\":1}";
    refused_by(c, &r, 0, "no model");
    r.model = "m";
    refused_by(c, &r, 0, "no message");
    r.model = NULL;
    r.extra_json = "{\"model\":\"mine\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
    sc_reset();
    sc_conn();
    sc_answer(200, "", SC_OK_JSON("a"));
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
    CHECK(sc.reqs == 1 && strstr(sc.req[0].body, "\"model\":\"mine\"") && strstr(sc.req[0].body, "\"content\":\"hi\""));
    llm_response_free(&o);
    llm_client_free(c);
}

/* max_tokens goes by another name to OpenAI's own host, and to no host that only ends alike. */
static void test_hosts(void) {
    static const struct { const char *url, *word; } hosts[] = {
        {"http://api.openai.com/v1", "\"max_completion_tokens\":5"}, {"http://eu.api.openai.com/v1", "\"max_completion_tokens\":5"},
        {"http://notapi.openai.com.example/v1", "\"max_tokens\":5"}, {"http://myapi.openai.com/v1", "\"max_tokens\":5"}};
    size_t i;
    for (i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        llm_config f = llm_config_init();
        llm_request r = sc_hi();
        llm_response o;
        llm_client *c;
        t_case = hosts[i].url;
        sc_reset();
        sc_conn();
        sc_answer(200, "", SC_OK_JSON("a"));
        f.base_url = hosts[i].url;
        f.allow_plaintext_key = 1;
        c = sc_client(&f);
        r.max_tokens = 5;
        CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
        CHECK(sc.reqs == 1 && strstr(sc.req[0].body, hosts[i].word) != NULL);
        llm_response_free(&o);
        llm_client_free(c);
    }
    t_case = "";
}

/* ---- clients ------------------------------------------------------------------------------------------------------ */

static void test_clients(void) {
    static const char *const key[] = {"OPENAI_API_KEY", "sk-env", "OPENAI_MODEL", "m"};
    llm_config f = llm_config_init();
    llm_client *c = NULL;
    llm_error e;
    CHECK_STR(llm_version(), LLM_VERSION_STRING);
    sc_reset();
    /* no configuration: the key is in the environment, the host OpenAI's, and this build has no TLS */
    memcpy(sc.env, key, sizeof key);
    CHECK_INT(llm_client_new(&c, NULL, &e), LLM_ERR_USAGE);
    CHECK(c == NULL && strstr(e.message, "LLM_NO_TLS") != NULL);
    f.base_url = "https://127.0.0.1/v1";
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_ERR_USAGE);
    CHECK(c == NULL && strstr(e.message, "no TLS") != NULL);
    f.base_url = "http://127.0.0.1:8080/v1";
    e_init = 0;
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_ERR_CONNECTION);
    CHECK(c == NULL && strstr(e.message, "could not be started") != NULL);
    e_init = 1;
    CHECK_INT(t_live, 0);
    /* a key that would go out in clear is refused also when it comes later */
    f.base_url = "http://far.example/v1";
    f.api_key = "";
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_OK);
    CHECK_INT(llm_client_set_key(c, "sk-late"), LLM_ERR_USAGE);
    CHECK(strstr(llm_last_error(c)->message, "readable on the way") != NULL);
    CHECK_INT(llm_client_set_key(c, ""), LLM_OK);
    CHECK_INT(llm_client_set_key(NULL, "k"), LLM_ERR_USAGE);
    CHECK(llm_memory_peak(c) > 0 && llm_memory_peak(NULL) == 0);
    llm_client_free(c);
    CHECK_INT(t_live, 0);
}

static void test_nulls(void) {
    llm_call *call = (llm_call *)&e_init;
    llm_request r = sc_hi();
    CHECK_INT(llm_start_with_tools(NULL, &r, 0, &call), LLM_ERR_USAGE);
    CHECK(call == NULL);
    CHECK(strstr(llmi_proxy_advice(407, 0), "wants user and password") && strstr(llmi_proxy_advice(407, 1), "does not accept"));
    CHECK_INT(llm_call_timeout_ms(NULL), -1);
    CHECK_INT(llm_call_wants(NULL), 0);
    CHECK_INT(llm_call_fd(NULL), -1);
    CHECK_INT(llm_call_fd_serial(NULL), 0);
    CHECK_INT(llm_conversation_add_response(NULL, NULL), LLM_ERR_USAGE);
    CHECK_INT(llm_conversation_add_tool_result(NULL, "c1", "x"), LLM_ERR_USAGE);
}

static void test_prices(void) {
    llm_config f = llm_config_init();
    llm_price own, p;
    llm_client *c;
    memset(&own, 0, sizeof own);
    own.model = "house";
    own.input = 1.0;
    own.output = 2.0;
    f.prices = &own;
    f.price_count = 1;
    sc_reset();
    c = sc_client(&f);
    CHECK_INT(llm_price_lookup(c, "house", &p), LLM_COST_EXACT);
    CHECK(p.input == 1.0 && p.output == 2.0);
    CHECK_INT(llm_price_lookup(c, "house", NULL), LLM_COST_EXACT);
    CHECK_INT(llm_price_lookup(NULL, "house", &p), LLM_COST_UNKNOWN);      /* only that client knows it */
    CHECK(p.model == NULL && p.input == 0.0 && p.output == 0.0);
    CHECK_INT(llm_price_lookup(NULL, "gpt-4o-mini", &p), LLM_COST_EXACT);
    CHECK_STR(p.model, "gpt-4o-mini");
    memset(&p, 0xA5, sizeof p);
    CHECK_INT(llm_price_lookup(c, NULL, &p), LLM_COST_UNKNOWN);
    CHECK(p.model == NULL && p.input == 0.0);
    llm_client_free(c);
}

/* ---- the engine --------------------------------------------------------------------------------------------------- */

/* A borrowed header that grows while the call runs: found before anything is written, at the first connection and at a
   kept one. */
static void test_changed_header(void) {
    char value[80] = "short";
    llm_header h;
    llm_config f = llm_config_init();
    llm_request r = sc_hi();
    llm_response o;
    llm_client *c;
    llm_call *call;
    llm_event ev;
    int kept;
    h.name = "X-Mine";
    h.value = value;
    for (kept = 0; kept < 2; kept++) {
        strcpy(value, "short");
        sc_reset();
        sc_conn();
        sc_answer(200, "", SC_OK_JSON("a"));
        f.headers = &h;
        f.header_count = 1;
        c = sc_client(&f);
        if (kept) {
            CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
            llm_response_free(&o);
        }
        CHECK_INT(llm_start(c, &r, &call), LLM_OK);
        strcpy(value, "a value that is a good deal longer than the one at the start was");
        CHECK_INT(llm_next(call, &ev, 0), LLM_ERR_USAGE);
        CHECK_INT(llm_finish(call, &o), LLM_ERR_USAGE);
        CHECK(strstr(o.error.message, "config.headers was changed") != NULL);
        CHECK_INT(sc.reqs, kept);
        llm_response_free(&o);
        llm_client_free(c);
        CHECK_INT(t_live, 0);
        CHECK_INT(sc.opens, sc.closes);
    }
}

/* The whole of an error page need not be read. */
static void test_long_error(void) {
    t_text body = {NULL, 0, 0};
    llm_request r = sc_hi();
    llm_response o;
    llm_client *c;
    int i;
    t_adds(&body, "{\"error\":{\"message\":\"it broke\"},\"x\":\"");
    for (i = 0; i < 7000; i++) t_adds(&body, "0123456789");
    t_adds(&body, "\"}");
    sc_reset();
    sc_conn();
    sc_answer(400, "", body.p);
    sc_conn();
    sc_answer(200, "", SC_OK_JSON("a"));
    c = sc_client(NULL);
    CHECK_INT(llm_chat(c, &r, &o), LLM_ERR_BAD_REQUEST);
    CHECK(strstr(o.error.message, "it broke") != NULL);
    llm_response_free(&o);
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK);      /* on another connection: the rest of that one was not read */
    CHECK_INT(sc.opens, 2);
    llm_response_free(&o);
    llm_client_free(c);
    free(body.p);
}

/* The request is stuck, and the peer goes away. */
static void test_reset_while_stuck(void) {
    llm_config f = llm_config_init();
    llm_request r = sc_hi();
    llm_response o;
    llm_client *c;
    sc_reset();
    sc_conn()->send_block_at = 40;
    sc_rst();
    f.max_retries = -1;
    c = sc_client(&f);
    CHECK_INT(llm_chat(c, &r, &o), LLM_ERR_CONNECTION);
    CHECK(strstr(o.error.message, "while the request was sent") != NULL);
    llm_response_free(&o);
    llm_client_free(c);
    CHECK_INT(t_live, 0);
}

/* One llm_next(call, ev, 0) does not go on for ever where bytes come that are no events. */
static void test_burst(void) {
    llm_request r = sc_hi();
    llm_response o;
    llm_client *c;
    llm_call *call;
    llm_event ev;
    llm_status s;
    int i, turns = 0;
    sc_reset();
    sc_conn();
    sc_await();
    sc_give("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", -1);
    for (i = 0; i < 3000; i++) sc_give(": ping\n\n", -1);
    sc_give(SC_DELTA("x") SC_STOP SC_DONE, -1);
    c = sc_client(NULL);
    CHECK_INT(llm_start(c, &r, &call), LLM_OK);
    while ((s = llm_next(call, &ev, 0)) == LLM_PENDING && turns < 1000) {
        turns++;
        if (llm_call_timeout_ms(call) != 0) CHECK(sc_tick(call));
    }
    CHECK_INT(s, LLM_OK);
    CHECK(turns >= 24000 / 128 / 64 && turns < 20);      /* 24,000 bytes, 128 at a time, 64 times each */
    CHECK_INT(sc_drive(call, NULL, NULL, &o), LLM_OK);
    CHECK_STR(o.content, "x");
    llm_response_free(&o);
    llm_client_free(c);
}

/* A kept connection whose last answer has not come to its end: what stands there decides whether it is of use. */
static void after_done(const char *rest, int more, int opens) {
    llm_request r = sc_hi();
    llm_response o;
    llm_client *c;
    int i;
    t_case = rest;
    sc_reset();
    sc_conn();
    sc_await();
    sc_give(SC_SSE_HEAD, -1);
    sc_chunk_s(SC_DELTA("x") SC_DONE);
    sc_pause(1);
    sc_give(rest, -1);
    for (i = 0; i < more; i++) sc_chunk_s(": 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\n");
    sc_answer(200, "", SC_OK_JSON("first"));
    sc_conn();
    sc_answer(200, "", SC_OK_JSON("second"));
    c = sc_client(NULL);
    CHECK_INT(llm_chat_stream(c, &r, NULL, NULL, &o), LLM_OK);
    CHECK_STR(o.content, "x");
    llm_response_free(&o);
    sc.now += 10;
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
    CHECK_INT(sc.opens, opens);
    CHECK_STR(o.content, opens == 1 ? "first" : "second");
    llm_response_free(&o);
    llm_client_free(c);
    CHECK_INT(t_live, 0);
    t_case = "";
}

static void test_after_done(void) {
    llm_request r = sc_hi();
    llm_response o;
    llm_client *c;
    int i;
    after_done("0\r\n\r\n", 0, 1);
    after_done("nonsense\r\n", 0, 2);
    after_done("", 100, 2);                          /* it goes on and on */
    /* an end that does not come: looked at a few times, then given up */
    sc_reset();
    sc_conn();
    sc_await();
    sc_give(SC_SSE_HEAD, -1);
    sc_chunk_s(SC_DELTA("x") SC_DONE);
    for (i = 0; i < 12; i++) {
        sc_conn();
        sc_answer(200, "Connection: close\r\n", SC_OK_JSON("a"));
    }
    c = sc_client(NULL);
    CHECK_INT(llm_chat_stream(c, &r, NULL, NULL, &o), LLM_OK);
    llm_response_free(&o);
    for (i = 0; i < 12; i++) {
        CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
        llm_response_free(&o);
    }
    CHECK_INT(sc.opens, 13);
    CHECK_INT(sc.closes, 13);
    llm_client_free(c);
}

/* What an event loop is told. */
static void test_timers(void) {
    static volatile int flag;
    llm_request r = sc_hi();
    llm_response o;
    llm_client *c;
    llm_call *call;
    llm_event ev;
    llm_config f = llm_config_init();
    sc_reset();
    sc_conn()->open_ms = 500;
    sc_answer(429, "Retry-After: 4000000\r\n", "{}");
    f.connect_timeout_ms = -1;
    f.idle_timeout_ms = -1;
    c = sc_client(&f);
    r.cancel = &flag;
    flag = 0;
    CHECK_INT(llm_start(c, &r, &call), LLM_OK);
    CHECK_INT(llm_next(call, &ev, 0), LLM_PENDING);
    CHECK_INT(llm_call_timeout_ms(call), 50);            /* nothing to poll */
    e_timer = 20;
    CHECK_INT(llm_call_timeout_ms(call), 20);            /* the network layer wants to be called earlier */
    e_timer = 80;
    CHECK_INT(llm_call_timeout_ms(call), 50);
    call->connect_ms = 10;
    e_timer = 20;
    CHECK_INT(llm_call_timeout_ms(call), 10);            /* the deadline is nearer */
    call->connect_ms = -1;
    e_timer = -1;
    sc.now += 500;
    CHECK_INT(llm_next(call, &ev, 0), LLM_OK);
    CHECK_INT(ev.kind, LLM_EVENT_RETRY);
    CHECK_INT(ev.delay_ms, 4000000000LL);
    CHECK_INT(llm_next(call, &ev, 0), LLM_PENDING);
    CHECK_INT(llm_call_timeout_ms(call), 100);           /* the flag is looked at */
    CHECK_INT(llm_call_wants(call), 0);
    call->cancel = NULL;
    CHECK_INT(llm_call_timeout_ms(call), 0x7FFFFFFF);    /* 46 days do not fit */
    call->cancel = &flag;
    flag = 1;
    CHECK_INT(llm_call_timeout_ms(call), 0);
    CHECK_INT(llm_next(call, &ev, 0), LLM_ERR_CANCELLED);
    CHECK_INT(llm_finish(call, &o), LLM_ERR_CANCELLED);
    llm_response_free(&o);
    /* a state that does not exist ends the call */
    CHECK_INT(llm_start(c, &r, &call), LLM_OK);
    call->cancel = NULL;
    call->state = (llmi_call_state)99;
    CHECK_INT(llm_next(call, &ev, 0), LLM_ERR_INTERNAL);
    CHECK_INT(llm_finish(call, NULL), LLM_ERR_INTERNAL);
    llm_client_free(c);
    CHECK_INT(t_live, 0);
}

/* The wait itself fails: said, and the calls go on. */
static void test_wait_fails(void) {
    llm_request r = sc_hi();
    llm_response o;
    llm_client *c;
    llm_call *call;
    llm_event ev;
    sc_reset();
    sc_conn();
    sc_pause(100);
    sc_answer(200, "", SC_OK_JSON("a"));
    c = sc_client(NULL);
    CHECK_INT(llm_start(c, &r, &call), LLM_OK);
    CHECK_INT(llm_next(call, &ev, 0), LLM_PENDING);
    sc.wait_fails = 1;
    CHECK_INT(llm_wait(&call, 1, 1000), LLM_ERR_CONNECTION);
    CHECK(strstr(llm_last_error(c)->message, "llm_wait") != NULL);
    sc.wait_fails = 0;
    CHECK_INT(llm_wait(&call, 1, 1000), LLM_OK);
    CHECK_INT(sc_drive(call, NULL, NULL, &o), LLM_OK);
    CHECK_STR(o.content, "a");
    llm_response_free(&o);
    llm_client_free(c);
}

/* No memory at each place in turn: a kept text, tool calls with and without ids, a conversation that grows. */
#define ALL_PARTS \
    "data: {\"choices\":[{\"delta\":{\"content\":\"some text\",\"reasoning\":\"why\",\"refusal\":\"no\",\"tool_calls\":[" \
    "{\"index\":0,\"id\":\"c1\",\"extra_content\":{\"a\":\"b\"},\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}," \
    "{\"index\":1,\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}\n\n"

static llm_status fine(void *user, const llm_tool_call *call, llm_text *result) {
    (void)user;
    (void)call;
    return llm_text_add(result, "fine");
}

/* The same in blocks of every size: there what failed once fails again, also when it asks for less. */
static void test_small_blocks(void) {
    static char block[60000];
    size_t size;
    int stream, ok = 0, no = 0;
    for (stream = 0; stream < 2; stream++) for (size = 6000; size < 30000; size += 8) {
        llm_config f = llm_config_init();
        llm_request r = sc_hi();
        llm_response o;
        llm_client *c = NULL;
        llm_error e;
        llm_status s;
        sc_reset();
        sc_conn();
        sc_stream(ALL_PARTS SC_DONE);
        f.api_key = "k";
        f.model = "m";
        f.base_url = "http://127.0.0.1:8080/v1";
        f.memory = block;
        f.memory_size = size;
        s = llm_client_new(&c, &f, &e);
        if (s == LLM_OK) {
            s = stream ? llm_chat_stream(c, &r, NULL, NULL, &o) : llm_chat(c, &r, &o);
            if (s == LLM_OK) CHECK(strcmp(o.content, "some text") == 0 && o.tool_call_count == 2);
            llm_response_free(&o);
        }
        if (s != LLM_OK) CHECK_INT(s, LLM_ERR_MEMORY);
        ok += s == LLM_OK;
        no += s != LLM_OK;
        llm_client_free(c);
        CHECK_INT(sc.opens, sc.closes);
    }
    CHECK(ok > 100 && no > 100);
}

/* Counts what is told, so that a call that only looks complete is found. */
static int count_events(void *user, const llm_event *ev) {
    (void)ev;
    ++*(int *)user;
    return 0;
}

static void test_no_memory(void) {
    long at, whole = 0;
    int tools, stream;
    for (tools = 0; tools < 2; tools++) for (stream = 0; stream < 2; stream++) for (at = 1, whole = 0; !whole; at++) {
        llm_request r = sc_hi();
        llm_response o;
        llm_client *c;
        llm_tool t;
        llm_conversation *conv = NULL;
        llm_status s;
        int events = 0;
        memset(&t, 0, sizeof t);
        t.name = "f";
        t.handler = fine;
        sc_reset();
        sc_conn();
        sc_stream(ALL_PARTS SC_DONE);
        sc_stream(SC_DELTA("done") SC_DONE);
        sc_answer(200, "", SC_OK_JSON("next"));
        sc_conn();
        sc_answer(200, "", SC_OK_JSON("next"));
        c = sc_client(NULL);
        CHECK_INT(llm_conversation_new(c, &conv), LLM_OK);
        if (tools) {
            r.tools = &t;
            r.tool_count = 1;
            r.conversation = conv;
        }
        t_allocs = 0;
        t_fail_at = at;
        if (tools) s = llm_chat_with_tools(c, &r, 0, stream ? count_events : NULL, &events, &o);
        else s = stream ? llm_chat_stream(c, &r, count_events, &events, &o) : llm_chat(c, &r, &o);
        whole = t_allocs < at;
        t_fail_at = 0;
        if (s != LLM_OK) CHECK_INT(s, LLM_ERR_MEMORY);
        if (whole) CHECK_INT(s, LLM_OK);
        if (s == LLM_OK) CHECK_STR(o.content, tools ? "done" : "some text");
        /* prompt, assistant, two results, assistant; a round that is whole stays, another leaves no trace */
        if (!tools) CHECK_INT(conv->count, 0);
        else if (s == LLM_OK) CHECK_INT(conv->count, 5);
        else CHECK(conv->count == 0 || conv->count == 4);
        llm_response_free(&o);
        llm_conversation_free(conv);
        llm_client_free(c);
        CHECK_INT(t_live, 0);
        CHECK_INT(sc.opens, sc.closes);
        if (at > 1000) break;
    }
    CHECK(at > 10 && at < 1000);
}

/* ---- the tool loop ------------------------------------------------------------------------------------------------ */

#define CALL_F \
    "{\"choices\":[{\"message\":{\"tool_calls\":[{\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}," \
    "\"finish_reason\":\"tool_calls\"}]}"

static llm_status bad_format(void *user, const llm_tool_call *call, llm_text *result) {
    (void)user;
    (void)call;
    return llm_text_addf(result, "%y", 1);
}

static llm_status ignores_it(void *user, const llm_tool_call *call, llm_text *result) {
    (void)bad_format(user, call, result);
    return LLM_OK;
}

static volatile int loop_flag;
static llm_status cancels(void *user, const llm_tool_call *call, llm_text *result) {
    (void)user;
    (void)call;
    loop_flag = 1;
    return llm_text_add(result, "done");
}

/* What the model is told when tool f, or no tool, answers. */
static llm_status loop_with(llm_tool_fn handler, const volatile int *cancel, const char *told) {
    llm_tool t;
    llm_request r = sc_hi();
    llm_response o;
    llm_client *c;
    llm_status s;
    memset(&t, 0, sizeof t);
    t.name = "f";
    t.handler = handler;
    if (handler) {
        r.tools = &t;
        r.tool_count = 1;
    }
    r.cancel = cancel;
    sc_reset();
    sc_conn();
    sc_answer(200, "", CALL_F);
    sc_answer(200, "", SC_OK_JSON("fine"));
    c = sc_client(NULL);
    s = llm_chat_with_tools(c, &r, 0, NULL, NULL, &o);
    if (told) CHECK(sc.reqs == 2 && strstr(sc.req[1].body, told) != NULL);
    else CHECK_INT(sc.reqs, 1);
    llm_response_free(&o);
    llm_client_free(c);
    CHECK_INT(t_live, 0);
    return s;
}

static void test_loop(void) {
    CHECK_INT(loop_with(NULL, NULL, "there is no tool \\\"f\\\". The tools are: none"), LLM_OK);
    CHECK_INT(loop_with(bad_format, NULL, "Error: the tool \\\"f\\\" failed."), LLM_OK);
    CHECK_INT(loop_with(ignores_it, NULL, "Error: the tool \\\"f\\\" failed."), LLM_OK);
    loop_flag = 0;
    CHECK_INT(loop_with(cancels, &loop_flag, NULL), LLM_ERR_CANCELLED);
}

int main(void) {
    test_requests();
    test_hosts();
    test_clients();
    test_nulls();
    test_prices();
    test_changed_header();
    test_long_error();
    test_reset_while_stuck();
    test_burst();
    test_after_done();
    test_timers();
    test_loop();
    test_wait_fails();
    test_no_memory();
    test_small_blocks();
    CHECK_INT(t_live, 0);
    sc_reset();
    return t_done();
}
