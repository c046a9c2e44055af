/* test_tools.c - the tool loop: what goes over the wire, what the model is told, what is left behind. */
#include "script.h"

#define CALL(id, name, args)                                                                                           \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"arguments\":\"" args "\"}}"
#define CALLS(list)                                                                                                    \
    "{\"id\":\"r1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,"   \
    "\"tool_calls\":[" list                                                                                            \
    "]},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,"                   \
    "\"total_tokens\":15}}"
#define FINISHED(reason, list)                                                                                         \
    "{\"choices\":[{\"message\":{\"content\":\"cut\",\"tool_calls\":[" list "]},\"finish_reason\":\"" reason "\"}]}"

typedef struct tools {
    llm_tool t[4];
    int runs[4];
    char arguments[4][100], ids[4][40];
    llm_status answer; /* of the third */
    const char *text;
    llm_client *client;
    char events[2000];
} tools;

static int of(tools *x, const char *name) {
    int i;
    for (i = 0; i < 3 && strcmp(x->t[i].name, name) != 0; i++) {
    }
    return i;
}

static llm_status run(void *user, const llm_tool_call *call, llm_text *result) {
    tools *x = (tools *)user;
    int i = of(x, call->name);
    x->runs[i]++;
    snprintf(x->arguments[i], sizeof x->arguments[i], "%s", call->arguments);
    snprintf(x->ids[i], sizeof x->ids[i], "%s", call->id);
    if (i == 0) {
        double a = 0, b = 0;
        if (llm_json_number(call->arguments, "/a", &a) != LLM_OK ||
            llm_json_number(call->arguments, "/b", &b) != LLM_OK) {
            return LLM_ERR_USAGE;
        }
        return llm_text_add_number(result, a + b);
    }
    if (i == 1) return llm_text_addf(result, "{\"now\":%q,\"n\":%d}", "12:00 \"noon\"", 7);
    if (x->text) (void)llm_text_add(result, x->text);
    return x->answer;
}

static int on_event(void *user, const llm_event *ev) {
    tools *x = (tools *)user;
    size_t n = strlen(x->events);
    switch (ev->kind) {
    case LLM_EVENT_TEXT: snprintf(x->events + n, sizeof x->events - n, "text %.*s;", (int)ev->len, ev->text); break;
    case LLM_EVENT_TOOL_CALL:
        snprintf(x->events + n, sizeof x->events - n, "call %s %s;", ev->tool_call->name, ev->tool_call->arguments);
        break;
    case LLM_EVENT_TOOL_RESULT:
        snprintf(x->events + n, sizeof x->events - n, "result %s %.*s;", ev->tool_call->id, (int)ev->len, ev->text);
        break;
    case LLM_EVENT_RETRY: snprintf(x->events + n, sizeof x->events - n, "retry;"); break;
    case LLM_EVENT_REASONING:
    case LLM_EVENT_REFUSAL:
    default: snprintf(x->events + n, sizeof x->events - n, "other;"); break;
    }
    return 0;
}

static llm_request setup(tools *x) {
    static const char *const name[] = {"add", "now", "fail"};
    llm_request r = llm_request_init();
    int i;
    memset(x, 0, sizeof *x);
    for (i = 0; i < 3; i++) {
        x->t[i].name = name[i];
        x->t[i].handler = run;
        x->t[i].user = x;
    }
    x->t[0].parameters =
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\"},\"b\":{\"type\":\"number\"}}}";
    x->answer = LLM_ERR;
    r.prompt = "go, wild-geese";
    r.tools = x->t;
    r.tool_count = 3;
    sc_reset();
    sc_conn();
    x->client = sc_client(NULL);
    return r;
}

static void finish(tools *x, llm_response *o) {
    llm_response_free(o);
    llm_client_free(x->client);
    CHECK_INT(t_live, 0);
    CHECK_INT(sc.opens, sc.closes);
    t_live = 0;
}

/* The JSON value in the n-th request's body at a pointer, "(none)" if there is none. */
static const char *at(int n, const char *pointer) {
    static char b[8][600];
    static int k;
    llm_json v;
    char *out = b[k = (k + 1) % 8];
    if (n >= sc.reqs) return "(no such request)";
    if (llm_json_get(sc.req[n].body, strlen(sc.req[n].body), pointer, &v) != LLM_OK) return "(none)";
    snprintf(out, sizeof b[0], "%.*s", (int)v.len, v.text);
    return out;
}

static void test_order(void) {
    tools x;
    llm_response o;
    llm_conversation *v;
    int streamed;
    for (streamed = 0; streamed <= 1; streamed++) {
        llm_request r = setup(&x);
        sc_answer(200, "", CALLS(CALL("c1", "add", "{\\\"a\\\":1,\\\"b\\\":2}") "," CALL("c2", "now", "")));
        sc_answer(200, "", CALLS(CALL("c3", "add", "{\\\"a\\\":3,\\\"b\\\":4}")));
        sc_answer(200, "", SC_OK_JSON("seven"));
        CHECK_INT(llm_conversation_new(x.client, &v), LLM_OK);
        CHECK_INT(llm_conversation_add(v, LLM_SYSTEM, "sys"), LLM_OK);
        r.conversation = v;
        CHECK_INT(llm_chat_with_tools(x.client, &r, 0, streamed ? on_event : NULL, &x, &o), LLM_OK);
        CHECK_STR(o.content, "seven");
        CHECK_INT(o.iterations, 3);
        CHECK_INT(sc.reqs, 3);
        CHECK_INT(sc.opens, 1); /* one connection */
        CHECK_INT(x.runs[0], 2);
        CHECK_INT(x.runs[1], 1);
        CHECK_STR(x.arguments[1], "{}"); /* empty arguments are an empty object */
        CHECK_STR(x.ids[0], "c3");
        if (streamed) {
            CHECK_STR(
                x.events,
                "call add {\"a\":1,\"b\":2};call now ;result c1 3;result c2 {\"now\":\"12:00 \\\"noon\\\"\",\"n\":7};"
                "call add {\"a\":3,\"b\":4};result c3 7;text seven;");
        }
        /* usage of all rounds: 10+5 twice, 3+2 once */
        CHECK_INT(o.usage.input_tokens, 23);
        CHECK_INT(o.usage.output_tokens, 12);
        CHECK_INT(o.usage.total_tokens, 35);
        CHECK_INT(o.usage.known, 1);
        /* the wire: system, prompt, then each round's assistant turn with its results in order */
        CHECK_STR(at(0, "/messages"),
                  "[{\"role\":\"system\",\"content\":\"sys\"},{\"role\":\"user\",\"content\":\"go, wild-geese\"}]");
        CHECK_STR(at(1, "/messages/0/role"), "\"system\"");
        CHECK_STR(at(1, "/messages/1/content"), "\"go, wild-geese\"");
        CHECK_STR(at(1, "/messages/2/role"), "\"assistant\"");
        CHECK_STR(at(1, "/messages/2/content"), "null");
        CHECK_STR(at(1, "/messages/2/tool_calls/0/id"), "\"c1\"");
        CHECK_STR(at(1, "/messages/2/tool_calls/0/type"), "\"function\"");
        CHECK_STR(at(1, "/messages/2/tool_calls/0/function/arguments"), "\"{\\\"a\\\":1,\\\"b\\\":2}\"");
        CHECK_STR(at(1, "/messages/2/tool_calls/1/id"), "\"c2\"");
        CHECK_STR(at(1, "/messages/3"), "{\"role\":\"tool\",\"content\":\"3\",\"tool_call_id\":\"c1\"}");
        CHECK_STR(at(1, "/messages/4"),
                  "{\"role\":\"tool\",\"content\":\"{\\\"now\\\":\\\"12:00 \\\\\\\"noon\\\\\\\"\\\",\\\"n\\\":7}\","
                  "\"tool_call_id\":\"c2\"}");
        CHECK_STR(at(1, "/messages/5"), "(none)");
        CHECK_STR(at(2, "/messages/5/tool_calls/0/id"), "\"c3\"");
        CHECK_STR(at(2, "/messages/6"), "{\"role\":\"tool\",\"content\":\"7\",\"tool_call_id\":\"c3\"}");
        CHECK_STR(at(2, "/messages/7"), "(none)");
        CHECK_STR(at(2, "/tools/2/function/name"), "\"fail\""); /* sent with every request */
        CHECK_STR(at(2, "/stream"), streamed ? "true" : "(none)");
        /* and the conversation has all of it */
        CHECK_INT(v->count, 8);
        if (v->count == 8) {
            CHECK_INT(v->list[1].m.role, LLM_USER);
            CHECK_INT(v->list[2].m.tool_call_count, 2);
            CHECK_STR(v->list[3].m.tool_call_id, "c1");
            CHECK_STR(v->list[6].m.content, "7");
            CHECK_INT(v->list[7].m.role, LLM_ASSISTANT);
            CHECK_STR(v->list[7].m.content, "seven");
        }
        llm_conversation_free(v);
        finish(&x, &o);
    }
}

/* What goes wrong with a tool becomes a message that the model can read, and the loop goes on. */
static void test_bad_tools(void) {
    static const struct {
        const char *answer, *says;
        int runs;
    } row[] = {
        {CALLS(CALL("c1", "nope", "{}")), "there is no tool \\\"nope\\\"", 0},
        {CALLS(CALL("c1", "__proto__", "{}")), "there is no tool", 0},
        {CALLS(CALL("c1", "", "{}")), "there is no tool", 0},
        {CALLS("{\"id\":\"c1\",\"function\":{\"arguments\":\"{}\"}}"), "there is no tool", 0},
        {CALLS("{\"id\":\"c1\"}"), "there is no tool", 0},
        {CALLS(CALL("c1", "fail", "{\\\"a\\\":")), "not valid JSON", 0},
        {CALLS(CALL("c1", "fail", "hello")), "not valid JSON", 0},
        {CALLS(CALL("c1", "fail", "{}")), "failed", 1},
    };
    size_t i;
    for (i = 0; i < sizeof row / sizeof row[0]; i++) {
        tools x;
        llm_response o;
        llm_request r = setup(&x);
        t_case = row[i].answer;
        sc_answer(200, "", row[i].answer);
        sc_answer(200, "", SC_OK_JSON("sorry"));
        CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_OK);
        CHECK_STR(o.content, "sorry");
        CHECK_INT(x.runs[2], row[i].runs);
        CHECK_STR(at(1, "/messages/2/role"), "\"tool\"");
        CHECK_STR(at(1, "/messages/2/tool_call_id"), "\"c1\""); /* every id is answered */
        if (!strstr(at(1, "/messages/2/content"), row[i].says)) CHECK_STR(at(1, "/messages/2/content"), row[i].says);
        CHECK(strlen(at(1, "/messages/1/tool_calls/0/function/name")) > 2); /* an API refuses an empty name */
        finish(&x, &o);
    }
    t_case = "";
    { /* a failing handler: with and without words of its own; by a wrong format; by success with nothing */
        static const struct {
            llm_status answer;
            const char *text, *says;
        } fail[] = {
            {LLM_ERR, "the disk is full", "the disk is full"},
            {LLM_ERR_TIMEOUT, NULL, "LLM_ERR_TIMEOUT"},
            {LLM_ERR_MEMORY, "no", "LLM_ERR_MEMORY"},
            {LLM_OK, NULL, "\"\""},
            {(llm_status)99, NULL, "failed"},
        };
        for (i = 0; i < sizeof fail / sizeof fail[0]; i++) {
            tools x;
            llm_response o;
            llm_request r = setup(&x);
            x.answer = fail[i].answer;
            x.text = fail[i].text;
            sc_answer(200, "", CALLS(CALL("c1", "fail", "{}") "," CALL("c2", "now", "{}")));
            sc_answer(200, "", SC_OK_JSON("sorry"));
            CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_OK);
            CHECK(strstr(at(1, "/messages/2/content"), fail[i].says) != NULL);
            CHECK_STR(at(1, "/messages/3/tool_call_id"), "\"c2\"");
            CHECK_INT(x.runs[1], 1); /* the others still run */
            finish(&x, &o);
        }
    }
}

static void test_ids(void) {
    tools x;
    llm_response o;
    llm_request r = setup(&x);
    char a[60], b[60];
    /* without ids: made up, different, and the same on both sides */
    sc_answer(200, "",
              CALLS("{\"function\":{\"name\":\"now\",\"arguments\":\"{}\"}},{\"function\":{\"name\":\"now\","
                    "\"arguments\":\"{}\"}}"));
    sc_answer(200, "", SC_OK_JSON("ok"));
    CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_OK);
    CHECK_INT(x.runs[1], 2);
    snprintf(a, sizeof a, "%s", at(1, "/messages/1/tool_calls/0/id"));
    snprintf(b, sizeof b, "%s", at(1, "/messages/1/tool_calls/1/id"));
    CHECK_INT(strlen(a), 11);
    CHECK(strcmp(a, b) != 0);
    CHECK_STR(at(1, "/messages/2/tool_call_id"), a);
    CHECK_STR(at(1, "/messages/3/tool_call_id"), b);
    finish(&x, &o);
    /* two with the same id: each is run and answered */
    r = setup(&x);
    sc_answer(200, "", CALLS(CALL("c1", "add", "{\\\"a\\\":1,\\\"b\\\":2}") "," CALL("c1", "now", "{}")));
    sc_answer(200, "", SC_OK_JSON("ok"));
    CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_OK);
    CHECK_INT(x.runs[0], 1);
    CHECK_INT(x.runs[1], 1);
    CHECK_STR(at(1, "/messages/3/role"), "\"tool\"");
    CHECK_STR(at(1, "/messages/4/role"), "(none)");
    finish(&x, &o);
}

static void test_cancel(void) {
    tools x;
    llm_response o;
    llm_conversation *v;
    llm_request r = setup(&x);
    volatile int flag = 1;
    x.answer = LLM_ERR_CANCELLED;
    sc_answer(200, "", CALLS(CALL("c1", "fail", "{}") "," CALL("c2", "now", "{}")));
    CHECK_INT(llm_conversation_new(x.client, &v), LLM_OK);
    r.conversation = v;
    CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_ERR_CANCELLED);
    CHECK_INT(x.runs[1], 0); /* the rest do not run */
    CHECK_INT(sc.reqs, 1);
    CHECK_INT(v->count, 0);              /* a failed round leaves no trace */
    CHECK_INT(o.usage.total_tokens, 15); /* but what it cost is known */
    CHECK_INT(o.tool_call_count, 2);
    CHECK(strstr(o.error.message, "fail") != NULL);
    llm_conversation_free(v);
    finish(&x, &o);
    /* the flag, set while a handler runs */
    r = setup(&x);
    sc_answer(200, "", CALLS(CALL("c1", "now", "{}")));
    r.cancel = &flag;
    CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_ERR_CANCELLED);
    CHECK_INT(sc.reqs, 0);
    finish(&x, &o);
}

static llm_status slow(void *user, const llm_tool_call *call, llm_text *result) {
    (void)user;
    (void)call;
    sc_clock(sc.now + 5000);
    return llm_text_add(result, "late");
}

static void test_bounds(void) {
    tools x;
    llm_response o;
    llm_conversation *v;
    llm_request r;
    int i, max;
    for (max = 1; max <= 3; max++) { /* a model that never stops */
        r = setup(&x);
        for (i = 0; i < 4; i++) sc_answer(200, "", CALLS(CALL("c1", "now", "{}")));
        CHECK_INT(llm_conversation_new(x.client, &v), LLM_OK);
        r.conversation = v;
        CHECK_INT(llm_chat_with_tools(x.client, &r, max, NULL, NULL, &o), LLM_ERR_MAX_ITERATIONS);
        CHECK_INT(sc.reqs, max);
        CHECK_INT(o.iterations, max);
        CHECK_INT(x.runs[1], max);        /* the last handlers still run .. */
        CHECK_INT(v->count, 1 + max * 2); /* .. and their results are appended */
        CHECK_INT(o.usage.total_tokens, 15 * max);
        CHECK(strstr(o.error.message, "max_iterations") != NULL);
        llm_conversation_free(v);
        finish(&x, &o);
    }
    r = setup(&x); /* 0 is 10 */
    for (i = 0; i < 12; i++) sc_answer(200, "", CALLS(CALL("c1", "now", "{}")));
    CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_ERR_MAX_ITERATIONS);
    CHECK_INT(sc.reqs, 10);
    finish(&x, &o);
    r = setup(&x); /* the total deadline is one for all rounds, handlers included */
    x.t[1].handler = slow;
    r.timeout_ms = 4000;
    sc_answer(200, "", CALLS(CALL("c1", "now", "{}")));
    sc_answer(200, "", SC_OK_JSON("too late"));
    CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_ERR_TIMEOUT);
    CHECK_INT(sc.reqs, 1);
    finish(&x, &o);
}

static void test_truncated_answers(void) {
    static const char *const reason[] = {"length", "content_filter"};
    int i;
    for (i = 0; i < 2; i++) {
        tools x;
        llm_response o;
        llm_request r = setup(&x);
        llm_conversation *v;
        sc_answer(200, "",
                  i ? FINISHED("content_filter", CALL("c1", "now", "{}"))
                    : FINISHED("length", CALL("c1", "now", "{}")));
        CHECK_INT(llm_conversation_new(x.client, &v), LLM_OK);
        r.conversation = v;
        t_case = reason[i];
        CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_OK);
        CHECK_INT(x.runs[1], 0); /* its arguments may be cut */
        CHECK_INT(sc.reqs, 1);
        CHECK_INT(o.finish_reason, i ? LLM_FINISH_CONTENT_FILTER : LLM_FINISH_LENGTH);
        CHECK_STR(o.content, "cut");
        CHECK_INT(o.tool_call_count, 1);
        CHECK_INT(v->count, 0); /* calls without results are no whole round */
        llm_conversation_free(v);
        finish(&x, &o);
    }
    t_case = "";
    { /* cut on the way: no handler either, no trace */
        tools x;
        llm_response o;
        llm_request r = setup(&x);
        llm_conversation *v;
        sc_await();
        sc_give(SC_SSE_HEAD, -1);
        sc_chunk_s("data: "
                   "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\":{"
                   "\"name\":\"now\","
                   "\"arguments\":\"{}\"}}]}}]}\n\n");
        sc_rst();
        CHECK_INT(llm_conversation_new(x.client, &v), LLM_OK);
        r.conversation = v;
        CHECK_INT(llm_chat_with_tools(x.client, &r, 0, on_event, &x, &o), LLM_ERR_TRUNCATED);
        CHECK_INT(x.runs[1], 0);
        CHECK_INT(v->count, 0);
        CHECK_INT(o.tool_call_count, 1);
        llm_conversation_free(v);
        finish(&x, &o);
    }
}

/* A failed round leaves no trace; sent again, it goes on from there. */
static void test_failed_round(void) {
    tools x;
    llm_response o;
    llm_conversation *v;
    llm_request r = setup(&x);
    sc_answer(200, "", CALLS(CALL("c1", "now", "{}")));
    sc_answer(404, "", "{\"error\":{\"message\":\"gone\"}}");
    sc_answer(200, "", SC_OK_JSON("done"));
    CHECK_INT(llm_conversation_new(x.client, &v), LLM_OK);
    r.conversation = v;
    CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_ERR_NOT_FOUND);
    CHECK_INT(v->count, 3); /* prompt, call, result: the whole first round */
    CHECK_INT(o.usage.total_tokens, 15);
    llm_response_free(&o);
    r.prompt = NULL;
    CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_OK);
    CHECK_STR(o.content, "done");
    CHECK_STR(at(2, "/messages/2/tool_call_id"), "\"c1\"");
    CHECK_INT(v->count, 4);
    llm_conversation_free(v);
    finish(&x, &o);
    /* a retry within a round runs no handler twice */
    r = setup(&x);
    sc_answer(200, "", CALLS(CALL("c1", "now", "{}")));
    sc_answer(500, "", "{}");
    sc_answer(200, "", SC_OK_JSON("done"));
    CHECK_INT(llm_chat_with_tools(x.client, &r, 0, on_event, &x, &o), LLM_OK);
    CHECK_INT(x.runs[1], 1);
    CHECK_STR(sc.req[1].body, sc.req[2].body);
    CHECK(strstr(x.events, "retry;") != NULL);
    CHECK_INT(o.iterations, 2);
    finish(&x, &o);
}

/* The body of the request is kept for the next round: that is no leave to send it again (promise 5). */
static void test_no_retry(void) {
    int text;
    for (text = 0; text <= 1; text++) {
        tools x;
        llm_response o;
        llm_config f = llm_config_init();
        llm_request r = setup(&x);
        llm_client_free(x.client);
        f.idle_timeout_ms = 3000;
        x.client = sc_client(&f);
        sc_await();
        sc_give(SC_SSE_HEAD, -1);
        if (text)
            sc_chunk_s(SC_DELTA("once"));
        else
            sc_chunk_s(": nothing yet\n\n");
        sc_conn();
        sc_stream(SC_DELTA("twice") SC_STOP SC_DONE);
        CHECK_INT(llm_chat_with_tools(x.client, &r, 0, on_event, &x, &o), LLM_ERR_TIMEOUT);
        CHECK_INT(sc.reqs, 1);
        CHECK_STR(x.events, text ? "text once;" : "");
        CHECK_STR(o.content, text ? "once" : "");
        finish(&x, &o);
    }
}

static void test_choice_and_usage(void) {
    static const struct {
        const char *choice, *first, *second;
    } row[] = {
        {"required", "\"required\"", "\"auto\""},
        {"now", "{\"type\":\"function\",\"function\":{\"name\":\"now\"}}", "\"auto\""},
        {"{\"type\":\"function\",\"function\":{\"name\":\"now\"}}",
         "{\"type\":\"function\",\"function\":{\"name\":\"now\"}}", "\"auto\""},
        {"auto", "\"auto\"", "\"auto\""},
        {"none", "\"none\"", "\"none\""},
        {NULL, "(none)", "(none)"},
        {"{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\",\"tools\":[]}}",
         "{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\",\"tools\":[]}}",
         "{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\",\"tools\":[]}}"},
        {"{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"required\",\"tools\":[]}}",
         "{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"required\",\"tools\":[]}}", "\"auto\""},
    };
    size_t i;
    for (i = 0; i < sizeof row / sizeof row[0]; i++) {
        tools x;
        llm_response o;
        llm_request r = setup(&x);
        t_case = row[i].choice ? row[i].choice : "no choice";
        sc_answer(200, "", CALLS(CALL("c1", "now", "{}")));
        sc_answer(200, "", CALLS(CALL("c2", "now", "{}")));
        sc_answer(200, "", SC_OK_JSON("done"));
        r.tool_choice = row[i].choice;
        CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_OK);
        CHECK_STR(at(0, "/tool_choice"), row[i].first);
        CHECK_STR(at(1, "/tool_choice"), row[i].second);
        CHECK_STR(at(2, "/tool_choice"), row[i].second);
        CHECK(llmi_json_check(sc.req[2].body, strlen(sc.req[2].body), NULL));
        finish(&x, &o);
    }
    t_case = "";
    { /* a sum is known when its parts are, its cost as good as the weakest */
        tools x;
        llm_response o;
        llm_config f = llm_config_init();
        llm_price price[1];
        llm_request r = setup(&x);
        llm_client_free(x.client);
        memset(price, 0, sizeof price);
        price[0].model = "m";
        price[0].input = 1000000; /* a dollar a token */
        price[0].output = 2000000;
        f.prices = price;
        f.price_count = 1;
        x.client = sc_client(&f);
        sc_answer(200, "", CALLS(CALL("c1", "now", "{}"))); /* 10 in, 5 out: 20 USD */
        sc_answer(200, "", SC_OK_JSON("done"));             /* 3 in, 2 out: 7 USD */
        CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_OK);
        CHECK_INT(o.usage.cost_source, LLM_COST_EXACT);
        CHECK(o.usage.cost_usd > 26.999 && o.usage.cost_usd < 27.001);
        llm_response_free(&o);
        sc_answer(200, "",
                  "{\"model\":\"m\",\"choices\":[{\"message\":{\"tool_calls\":[" CALL(
                      "c1", "now", "{}") "]}}],\"usage\":"
                                         "{\"prompt_tokens\":1,\"completion_tokens\":1,\"cost\":0.5}}");
        sc_answer(200, "", SC_OK_JSON("done"));
        CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_OK);
        CHECK_INT(o.usage.cost_source, LLM_COST_EXACT); /* weaker than the provider's word */
        CHECK(o.usage.cost_usd > 7.499 && o.usage.cost_usd < 7.501);
        llm_response_free(&o);
        sc_answer(200, "", CALLS(CALL("c1", "now", "{}")));
        sc_answer(200, "", "{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}");
        CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_OK);
        CHECK_INT(o.usage.known, 0);
        CHECK_INT(o.usage.cost_source, LLM_COST_UNKNOWN);
        finish(&x, &o);
    }
    { /* a model without a price in every round; counts that do not fit are the largest number, not a negative one */
        tools x;
        llm_response o;
        llm_request r = setup(&x);
        r.model = "nobody-knows-this-one";
        sc_answer(200, "",
                  "{\"model\":\"nobody-knows-this-one\",\"choices\":[{\"message\":{\"tool_calls\":[" CALL(
                      "c1", "now", "{}") "]}}],\"usage\":{\"prompt_tokens\":9223372036854775807,\"completion_tokens\":1}}");
        sc_answer(200, "",
                  "{\"model\":\"nobody-knows-this-one\",\"choices\":[{\"message\":{\"content\":\"x\"},"
                  "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3}}");
        CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_OK);
        CHECK_INT(o.usage.cost_source, LLM_COST_UNKNOWN);
        CHECK(o.usage.cost_usd == 0.0);
        CHECK(o.usage.input_tokens == INT64_MAX);
        CHECK_INT(o.usage.output_tokens, 4);
        finish(&x, &o);
    }
}

static void test_usage_errors(void) {
    tools x;
    llm_response o;
    llm_call *call;
    llm_request r = setup(&x), bad;
    static const char *const extra[] = {"{\"messages\":[]}",
                                        "{\"tools\":[]}",
                                        "{\"tool_choice\":\"none\"}",
                                        "{\"n\":2}",
                                        "{\"stream\":true}",
                                        "{\"stream_options\":{}}",
                                        "[1]",
                                        "{\"a\":",
                                        ""};
    size_t i;
    for (i = 0; i < sizeof extra / sizeof extra[0]; i++) {
        t_case = extra[i];
        bad = r;
        bad.extra_json = extra[i];
        CHECK_INT(llm_chat_with_tools(x.client, &bad, 0, NULL, NULL, &o), LLM_ERR_USAGE);
        CHECK(strstr(o.error.message, "extra_json") != NULL);
        CHECK_INT(o.status, LLM_ERR_USAGE);
        llm_response_free(&o);
        CHECK_INT(llm_start_with_tools(x.client, &bad, 0, &call), LLM_ERR_USAGE);
        CHECK(call == NULL);
    }
    t_case = "";
    bad = r;
    bad.n = 2;
    CHECK_INT(llm_chat_with_tools(x.client, &bad, 0, NULL, NULL, &o), LLM_ERR_USAGE);
    CHECK(strstr(o.error.message, "request.n") != NULL);
    llm_response_free(&o);
    CHECK_INT(llm_chat_with_tools(x.client, &r, -1, NULL, NULL, &o), LLM_ERR_USAGE);
    llm_response_free(&o);
    x.t[1].handler = NULL;
    CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_ERR_USAGE);
    CHECK(strstr(o.error.message, "tools[1]") != NULL);
    llm_response_free(&o);
    x.t[1].handler = run;
    CHECK_INT(sc.opens, 0);
    /* other members of extra_json go with every request */
    sc_answer(200, "", CALLS(CALL("c1", "now", "{}")));
    sc_answer(200, "", SC_OK_JSON("done"));
    r.extra_json = "{\"seed\":7,\"parallel_tool_calls\":false}";
    CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_OK);
    CHECK_STR(at(0, "/seed"), "7");
    CHECK_STR(at(1, "/seed"), "7");
    llm_response_free(&o);
    /* no tools at all: one round */
    sc_answer(200, "", SC_OK_JSON("plain"));
    r = llm_request_init();
    r.prompt = "hi, wild-geese";
    CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_OK);
    CHECK_STR(o.content, "plain");
    finish(&x, &o);
}

static llm_status nested(void *user, const llm_tool_call *call, llm_text *result) {
    llm_client *c = (llm_client *)user;
    llm_request r = sc_hi();
    llm_response o;
    llm_status s = llm_chat(c, &r, &o);
    (void)call;
    CHECK_INT(s, LLM_OK);
    s = llm_text_add(result, o.content);
    llm_response_free(&o);
    return s;
}

/* Gemini's servers want the signature of a call back with it: the raw member goes along, into the next request and into
   the conversation. */
static void test_extra_content(void) {
    static const char raw[] = "{\"google\": {\"thought_signature\":\"a{b\\\"c\"} }";
    tools x;
    llm_response o;
    llm_conversation *v;
    llm_request r;
    size_t size;
    for (size = 1; size < 40; size++) {
        r = setup(&x);
        sc.recv_max = size;
        CHECK_INT(llm_conversation_new(x.client, &v), LLM_OK);
        r.conversation = v;
        sc_answer(200, "", CALLS("{\"id\":\"c1\",\"extra_content\": {\"google\": {\"thought_signature\":\"a{b\\\"c\"} },"
                                 "\"type\":\"function\",\"function\":{\"name\":\"now\",\"arguments\":\"{}\"}},"
                                 "{\"id\":\"c2\",\"extra_content\":null,\"function\":{\"name\":\"now\"}}"));
        sc_answer(200, "", SC_OK_JSON("ok"));
        CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_OK);
        CHECK_STR(at(1, "/messages/1/tool_calls/0/extra_content"), raw);
        CHECK_STR(at(1, "/messages/1/tool_calls/1/extra_content"), "(none)");
        CHECK_INT(v->count, 5);
        if (v->count == 5) {
            CHECK_STR(v->list[1].m.tool_calls[0].extra_content, raw);
            CHECK(v->list[1].m.tool_calls[1].extra_content == NULL);
        }
        llm_conversation_free(v);
        finish(&x, &o);
    }
}

static void test_more(void) {
    tools x;
    llm_response o;
    llm_call *call;
    llm_conversation *v;
    llm_request r = setup(&x);
    /* a handler that asks the model itself, on the same client; its connection is the loop's, kept */
    x.t[1].handler = nested;
    x.t[1].user = x.client;
    sc_answer(200, "", CALLS(CALL("c1", "now", "{}")));
    sc_answer(200, "", SC_OK_JSON("inner"));
    sc_answer(200, "", SC_OK_JSON("outer"));
    CHECK_INT(llm_chat_with_tools(x.client, &r, 0, NULL, NULL, &o), LLM_OK);
    CHECK_STR(o.content, "outer");
    CHECK_STR(at(2, "/messages/2/content"), "\"inner\"");
    CHECK_INT(sc.opens, 1);
    finish(&x, &o);
    /* not blocking; the request is gone when llm_start_with_tools() has returned */
    r = setup(&x);
    sc.recv_max = 7;
    sc_answer(200, "", CALLS(CALL("c1", "add", "{\\\"a\\\":1,\\\"b\\\":2}")));
    sc_answer(200, "", SC_OK_JSON("three"));
    CHECK_INT(llm_conversation_new(x.client, &v), LLM_OK);
    r.conversation = v;
    {
        char prompt[] = "go, wild-geese", name[] = "add";
        llm_tool t = x.t[0];
        llm_request gone = r;
        t.name = name;
        gone.prompt = prompt;
        gone.tools = &t;
        gone.tool_count = 1;
        CHECK_INT(llm_start_with_tools(x.client, &gone, 0, &call), LLM_OK);
        memset(prompt, 'Z', sizeof prompt - 1);
        memset(name, 'Z', 3);
        memset(&t, 0x5A, sizeof t);
        memset(&gone, 0x5A, sizeof gone);
    }
    CHECK_INT(sc_drive(call, on_event, &x, &o), LLM_OK);
    CHECK_STR(o.content, "three");
    CHECK_STR(x.events, "call add {\"a\":1,\"b\":2};result c1 3;text three;");
    CHECK_INT(o.iterations, 2);
    CHECK_INT(v->count, 4);
    if (v->count == 4) CHECK_STR(v->list[0].m.content, "go, wild-geese");
    llm_conversation_free(v);
    finish(&x, &o);
    /* discard_text: the caller has had the texts as events; the tools work all the same */
    r = setup(&x);
    r.discard_text = 1;
    sc_answer(200, "", CALLS(CALL("c1", "now", "{}")));
    sc_answer(200, "", SC_OK_JSON("three"));
    CHECK_INT(llm_chat_with_tools(x.client, &r, 0, on_event, &x, &o), LLM_OK);
    CHECK(strstr(x.events, "text three;") != NULL);
    CHECK_STR(o.content, "");
    CHECK_INT(x.runs[1], 1);
    finish(&x, &o);
    /* ended early in a round, between two handlers */
    r = setup(&x);
    sc_answer(200, "", CALLS(CALL("c1", "now", "{}") "," CALL("c2", "now", "{}")));
    CHECK_INT(llm_conversation_new(x.client, &v), LLM_OK);
    r.conversation = v;
    CHECK_INT(llm_start_with_tools(x.client, &r, 0, &call), LLM_OK);
    {
        llm_event ev;
        while (llm_next(call, &ev, -1) == LLM_OK && ev.kind != LLM_EVENT_TOOL_RESULT) {
        }
        CHECK_INT(llm_call_timeout_ms(call), 0); /* the next handler needs no network */
    }
    CHECK_INT(llm_finish(call, &o), LLM_ERR_CANCELLED);
    CHECK_INT(x.runs[1], 1);
    CHECK_INT(v->count, 0);
    CHECK_INT(o.tool_call_count, 2);
    CHECK_INT(o.usage.total_tokens, 15);
    llm_conversation_free(v);
    finish(&x, &o);
}

int main(void) {
    test_order();
    test_bad_tools();
    test_ids();
    test_cancel();
    test_bounds();
    test_truncated_answers();
    test_failed_round();
    test_no_retry();
    test_choice_and_usage();
    test_usage_errors();
    test_more();
    test_extra_content();
    sc_reset();
    return t_done();
}
