/* test_call_limits.c - every LLM_MAX_ that the engine keeps, tiny: one byte more is LLM_ERR_LIMIT, and the client
   works on (promise 3: bounded memory). */
#define LLM_MAX_HEAD           300
#define LLM_MAX_HEADERS        6
#define LLM_MAX_BODY           600
#define LLM_MAX_EVENT          200
#define LLM_MAX_TEXT           150
#define LLM_MAX_REQUEST        900
#define LLM_MAX_JSON_DEPTH     16
#define LLM_MAX_CHOICES        2
#define LLM_MAX_TOOL_CALLS     2
#define LLM_MAX_RETRY_AFTER_MS 1000
#define LLM_READ_SIZE          64
#include "script.h"

static llm_status serve(int stream, const char *says, llm_response *o) {
    llm_request r = sc_hi();
    llm_client *c;
    llm_status s;
    sc_conn();
    sc_answer(200, "", SC_OK_JSON("next"));
    c = sc_client(NULL);
    s = stream ? llm_chat_stream(c, &r, NULL, NULL, o) : llm_chat(c, &r, o);
    if (s != LLM_OK && !strstr(o->error.message, says)) CHECK_STR(o->error.message, says);
    CHECK_INT(sc.reqs, 1); /* a limit is not retried */
    {
        llm_response next;
        CHECK_INT(llm_chat(c, &r, &next), LLM_OK);
        CHECK_STR(next.content, "next");
        llm_response_free(&next);
    }
    llm_response_free(o);
    llm_client_free(c);
    CHECK_INT(t_live, 0);
    CHECK_INT(sc.opens, sc.closes);
    return s;
}

static const char *fill(char *b, size_t n) {
    memset(b, 'x', n);
    b[n] = 0;
    return b;
}

static llm_status with_head(size_t value, int lines) {
    char b[1000], x[600];
    llm_response o;
    int i;
    sc_reset();
    sc_conn();
    sc_await();
    snprintf(b, sizeof b, "HTTP/1.1 200 OK\r\nX: %s\r\n", fill(x, value));
    sc_give(b, -1);
    for (i = 0; i < lines; i++) sc_give("A: b\r\n", -1);
    snprintf(b, sizeof b, "Connection: close\r\nContent-Length: %d\r\n\r\n%s", (int)strlen(SC_OK_JSON("a")),
             SC_OK_JSON("a"));
    sc_give(b, -1);
    return serve(0, "", &o);
}

static llm_status with_body(size_t text) {
    char b[2000], x[1000];
    llm_response o;
    sc_reset();
    sc_conn();
    snprintf(b, sizeof b, "{\"x\":\"%s\",\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}",
             fill(x, text));
    sc_answer(200, "Connection: close\r\n", b);
    return serve(0, "LLM_MAX_BODY", &o);
}

static llm_status with_event(size_t ignored, size_t text, const char *says) {
    char b[2000], x[1000], y[1000];
    llm_response o;
    sc_reset();
    sc_conn();
    snprintf(b, sizeof b, "data: {\"x\":\"%s\",\"choices\":[{\"delta\":{\"content\":\"%s\"}}]}\n\n" SC_STOP SC_DONE,
             fill(x, ignored), fill(y, text));
    sc_await();
    sc_give("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n", -1);
    sc_give(b, -1);
    sc_close();
    return serve(1, says, &o);
}

static llm_status with_texts(int pieces) {
    char b[4000] = "";
    llm_response o;
    int i;
    sc_reset();
    sc_conn();
    for (i = 0; i < pieces; i++) strcat(b, SC_DELTA("0123456789"));
    strcat(b, SC_STOP);
    sc_await();
    sc_give("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n", -1);
    sc_give(b, -1);
    sc_close();
    return serve(1, "LLM_MAX_TEXT", &o);
}

static llm_status with_json(const char *json, const char *says) {
    llm_response o;
    sc_reset();
    sc_conn();
    sc_answer(200, "Connection: close\r\n", json);
    return serve(0, says, &o);
}

static llm_status with_depth(int depth) {
    char b[500] = "{\"x\":";
    int i;
    for (i = 0; i < depth; i++) strcat(b, "[");
    for (i = 0; i < depth; i++) strcat(b, "]");
    strcat(b, ",\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}");
    return with_json(b, "deep");
}

static llm_status with_tools(int n) {
    char b[1000] = "{\"choices\":[{\"message\":{\"tool_calls\":[";
    int i;
    for (i = 0; i < n; i++) strcat(b, i ? ",{\"id\":\"c\"}" : "{\"id\":\"c\"}");
    strcat(b, "]},\"finish_reason\":\"tool_calls\"}]}");
    return with_json(b, "LLM_MAX_TOOL_CALLS");
}

static llm_status with_tool_deltas(int n) {
    char b[4000] = "", one[200];
    llm_response o;
    int i;
    sc_reset();
    sc_conn();
    for (i = 0; i < n; i++) {
        snprintf(one, sizeof one, "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%d,\"id\":\"c%d\",\"function\":{\"name\":\"f\"}}]}}]}\n\n", i, i);
        strcat(b, one);
    }
    strcat(b, SC_STOP);
    sc_await();
    sc_give("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n", -1);
    sc_give(b, -1);
    sc_close();
    return serve(1, "LLM_MAX_TOOL_CALLS", &o);
}

/* All that is kept of an answer counts, wherever it stands. */
static llm_status with_arguments(int n) {
    char b[2000], x[400];
    fill(x, (size_t)n);
    snprintf(b, sizeof b, "{\"choices\":[{\"message\":{\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"%s\"}},"
             "{\"id\":\"d\",\"function\":{\"name\":\"f\",\"arguments\":\"%s\"}}]},\"finish_reason\":\"tool_calls\"}]}", x, x);
    return with_json(b, "LLM_MAX_TEXT");
}

static llm_status with_extra(int n) {
    char b[2000], x[400];
    snprintf(b, sizeof b, "{\"choices\":[{\"message\":{\"tool_calls\":[{\"id\":\"c\",\"extra_content\":{\"x\":\"%s\"},\"function\":"
             "{\"name\":\"f\",\"arguments\":\"\"}}]},\"finish_reason\":\"tool_calls\"}]}", fill(x, (size_t)n));
    return with_json(b, "LLM_MAX_TEXT");
}

static llm_status with_deltas(const char *delta, int pieces) {
    char b[4000] = "";
    llm_response o;
    int i;
    sc_reset();
    sc_conn();
    for (i = 0; i < pieces; i++) {
        strcat(b, "data: {\"choices\":[{\"delta\":{");
        strcat(b, delta);
        strcat(b, "}}]}\n\n");
    }
    strcat(b, SC_STOP);
    sc_await();
    sc_give("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n", -1);
    sc_give(b, -1);
    sc_close();
    return serve(1, "LLM_MAX_TEXT", &o);
}

/* The tool loop's own two: what it sends grows, and a tool may say too much. */
static llm_status long_result(void *user, const llm_tool_call *call, llm_text *result) {
    char x[400];
    (void)call;
    return llm_text_add(result, fill(x, (size_t)*(int *)user));
}

static llm_status with_result(int n, int rounds) {
    llm_request r = sc_hi();
    llm_response o;
    llm_client *c;
    llm_status s;
    llm_tool tool;
    int i;
    memset(&tool, 0, sizeof tool);
    tool.name = "f";
    tool.handler = long_result;
    tool.user = &n;
    r.tools = &tool;
    r.tool_count = 1;
    sc_reset();
    sc_conn();
    for (i = 0; i < rounds; i++) {
        sc_answer(200, "", "{\"choices\":[{\"message\":{\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
                  "\"finish_reason\":\"tool_calls\"}]}");
    }
    sc_answer(200, "", SC_OK_JSON("a"));
    c = sc_client(NULL);
    s = llm_chat_with_tools(c, &r, 0, NULL, NULL, &o);
    if (s != LLM_OK) CHECK(strstr(o.error.message, "LLM_MAX_REQUEST") != NULL && strstr(o.error.message, "LLM_MAX_TEXT") != NULL);
    llm_response_free(&o);
    llm_client_free(c);
    CHECK_INT(t_live, 0);
    return s;
}

static llm_status with_choices(int n) {
    char b[1000] = "{\"choices\":[", one[80];
    int i;
    for (i = 0; i < n; i++) {
        snprintf(one, sizeof one, "%s{\"index\":%d,\"message\":{\"content\":\"a\"}}", i ? "," : "", i);
        strcat(b, one);
    }
    strcat(b, "]}");
    return with_json(b, "");
}

static llm_status with_request(size_t n) {
    char x[1000];
    llm_request r = sc_hi();
    llm_response o;
    llm_client *c;
    llm_status s;
    sc_reset();
    sc_conn();
    sc_answer(200, "", SC_OK_JSON("a"));
    c = sc_client(NULL);
    r.prompt = fill(x, n);
    s = llm_chat(c, &r, &o);
    if (s != LLM_OK) {
        CHECK(strstr(o.error.message, "LLM_MAX_REQUEST") != NULL);
        CHECK_INT(sc.opens, 0);
    }
    llm_response_free(&o);
    llm_client_free(c);
    CHECK_INT(t_live, 0);
    return s;
}

/* The edge: works below it, LLM_ERR_LIMIT above it, never anything else, and it lies between the two. */
#define EDGE(call, below, above)                                                                                       \
    do {                                                                                                               \
        int i_, limit_ = 0;                                                                                            \
        t_case = #call;                                                                                                \
        for (i_ = 0; i_ <= (above); i_++) {                                                                            \
            int n = i_;                                                                                                \
            llm_status s_ = (call);                                                                                    \
            if (s_ == LLM_ERR_LIMIT && !limit_) limit_ = i_;                                                           \
            CHECK_INT(s_, limit_ ? LLM_ERR_LIMIT : LLM_OK);                                                            \
        }                                                                                                              \
        CHECK(limit_ > (below));                                                                                       \
        if (limit_ <= (below)) fprintf(stderr, "    the limit is at %d\n", limit_);                                    \
        t_case = "";                                                                                                   \
    } while (0)

int main(void) {
    llm_response o;
    llm_request r = sc_hi();
    llm_client *c;
    EDGE(with_head((size_t)n, 0), 200, 300);
    EDGE(with_head(0, n), 2, 7); /* X, Connection, Content-Length and the others: 6 in all */
    EDGE(with_body((size_t)n), 500, 600);
    EDGE(with_event((size_t)n, 0, "LLM_MAX_EVENT"), 130, 200);
    EDGE(with_event(0, (size_t)n, "LLM_MAX_"), 100, 200);
    EDGE(with_texts(n + 1), 12, 16);
    EDGE(with_depth(n + 1), 13, 20);
    EDGE(with_tools(n), 2, 4);
    EDGE(with_tool_deltas(n), 2, 4);
    EDGE(with_arguments(n), 60, 100);
    EDGE(with_extra(n), 100, 200);
    EDGE(with_deltas("\"refusal\":\"0123456789\"", n + 1), 12, 16);
    EDGE(with_deltas("\"reasoning\":\"0123456789\"", n + 1), 12, 16);
    EDGE(with_deltas("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"0123456789\"}}]", n + 1), 12, 16);
    EDGE(with_result(n, 1), 100, 399);
    EDGE(with_result(10, n), 1, 6);
    EDGE(with_request((size_t)n), 150, 900);
    CHECK_INT(with_choices(2), LLM_OK);
    CHECK_INT(with_choices(3), LLM_ERR_PROTOCOL); /* their indexes are bounded by it */
    CHECK_INT(with_depth(15), LLM_OK);            /* 16 with the outer object */
    CHECK_INT(with_depth(16), LLM_ERR_LIMIT);
    /* a longer wait than LLM_MAX_RETRY_AFTER_MS is not kept */
    sc_reset();
    sc_conn();
    sc_answer(429, "Retry-After: 2\r\n", "{}");
    c = sc_client(NULL);
    CHECK_INT(llm_chat(c, &r, &o), LLM_ERR_RATE_LIMIT);
    CHECK_INT(o.error.retry_after_ms, 2000);
    CHECK_INT(sc.reqs, 1);
    llm_response_free(&o);
    llm_client_free(c);
    sc_reset();
    return t_done();
}
