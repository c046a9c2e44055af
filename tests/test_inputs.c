/* test_inputs.c - bad input, by name: data/inputs.txt says what must come of each. Each gives its status and a message
   that says what to do; nothing leaks, and the client works on (promises 3 and 4). The rows that need real sockets or
   TLS are test_live_mock.c's. */
#include "script.h"
#include "inputs.h"
#include <math.h>

/* Every kind of row; a file without one of a kind has lost what it is for. */
typedef enum kind_group { CONFIG, REQUEST, SERVER, OTHER } kind_group;
static struct {
    const char *name;
    kind_group group;
    int rows;
} kinds[] = {
    {"key", CONFIG, 0},
    {"environment", CONFIG, 0},
    {"base_url", CONFIG, 0},
    {"header", CONFIG, 0},
    {"organization", CONFIG, 0},
    {"project", CONFIG, 0},
    {"proxy", CONFIG, 0},
    {"api", CONFIG, 0},
    {"azure", CONFIG, 0},
    {"model", REQUEST, 0},
    {"prompt", REQUEST, 0},
    {"max_tokens", REQUEST, 0},
    {"n", REQUEST, 0},
    {"temperature", REQUEST, 0},
    {"top_p", REQUEST, 0},
    {"extra_json", REQUEST, 0},
    {"stop", REQUEST, 0},
    {"tool_name", REQUEST, 0},
    {"parameters", REQUEST, 0},
    {"tool_choice", REQUEST, 0},
    {"role", REQUEST, 0},
    {"content_json", REQUEST, 0},
    {"response_format", REQUEST, 0},
    {"open", SERVER, 0},
    {"silence", SERVER, 0},
    {"raw", SERVER, 0},
    {"sse", SERVER, 0},
    {"status", SERVER, 0},
    {"reset_head", OTHER, 0},
    {"reset_body", OTHER, 0},
    {"cut_body", OTHER, 0},
    {"retry", OTHER, 0},
    {"tool", OTHER, 0},
    {"tool_forever", OTHER, 0},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static const in_row *row; /* the one that runs */
static t_text in;         /* its input, expanded */
static const char *text;  /* the same as a string, NULL for (none) */

static int is(const char *what) {
    return strcmp(row->what, what) == 0;
}

/* ---- long inputs ------------------------------------------------------------------------------------------ */

/* A good answer with something nested so deep beside it. As an event of a stream, or as a body. */
static void add_deep(long n, int sse) {
    long i;
    t_adds(&in, sse ? "data: {\"x\":" : "{\"x\":");
    for (i = 0; i < n; i++) t_adds(&in, i & 1 ? "{\"a\":" : "[");
    t_adds(&in, "1");
    while (--i >= 0) t_adds(&in, i & 1 ? "}" : "]");
    t_adds(&in, sse ? ",\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n"
                    : ",\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}");
}

static void add_event(long n) {
    size_t before;
    t_adds(&in, "data: ");
    before = in.n;
    t_adds(&in, "{\"choices\":[{\"delta\":{\"content\":\"");
    while (in.n - before + 30 < (size_t)n) t_adds(&in, "0123456789");
    t_adds(&in, "\"},\"finish_reason\":\"stop\"}]}\n\n");
}

static void expand(void) {
    long n = 0;
    in.n = 0;
    t_add(&in, "", 0);
    if (sscanf(row->input, "@depth %ld", &n) == 1) {
        add_deep(n, is("sse"));
    } else if (sscanf(row->input, "@event %ld", &n) == 1) {
        add_event(n);
    } else if (sscanf(row->input, "@head %ld", &n) == 1) {
        t_adds(&in, "HTTP/1.1 200 OK\r\nX-Long: ");
        while (in.n + 4 < (size_t)n) t_adds(&in, "x");
        t_adds(&in, "\r\n\r\n");
    } else if (sscanf(row->input, "@body %ld", &n) == 1) {
        t_adds(&in, "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}");
        while (in.n < (size_t)n) t_add(&in, " ", 1);
    } else {
        if (!CHECK(row->input[0] != '@')) exit(1);
        t_add_raw(&in, row->input, row->input + strlen(row->input));
    }
    text = strcmp(row->input, "(none)") == 0 ? NULL : in.p;
}

/* ---- one row ---------------------------------------------------------------------------------------------- */

static llm_config settings(void) {
    llm_config f = llm_config_init();
    f.api_key = "sk-0123456789abcdefABCDEF";
    f.base_url = "http://127.0.0.1:8080/v1";
    f.model = "m";
    f.max_retries = -1;
    f.idle_timeout_ms = f.connect_timeout_ms = 5000;
    return f;
}

static void finish(llm_client *c) {
    llm_client_free(c);
    CHECK_INT(t_live, 0);
    t_live = 0;
}

static llm_client *new_client(const llm_config *f) {
    llm_client *c = NULL;
    llm_error e;
    if (!CHECK_INT(llm_client_new(&c, f, &e), LLM_OK)) {
        fprintf(stderr, "    the message is: %s\n", e.message);
        exit(1);
    }
    return c;
}

/* After whatever happened the same client gets a good answer. */
static void works_on(llm_client *c) {
    llm_request q = sc_hi();
    llm_response o;
    int i;
    q.model = "m";
    for (i = 0; i < 2; i++) {
        sc_conn();
        sc_answer(200, "Connection: close\r\n", SC_OK_JSON("fine"));
    }
    CHECK_INT(llm_chat(c, &q, &o), LLM_OK);
    CHECK_STR(o.content, "fine");
    llm_response_free(&o);
}

static void split_at(char *p, char c, char **left, char **right) {
    char *at = strchr(p, c);
    if (!at) exit(1);
    *at = 0;
    *left = p;
    *right = at + 1 + (at[1] == ' ');
}

/* What a good request then says on the wire. */
static void check_sent(void) {
    if (is("key") && text[0]) {
        char line[IN_CAP + 40];
        const char *key = text + strspn(text, " \t\r\n");
        snprintf(line, sizeof line, "\r\nAuthorization: Bearer %.*s\r\n", (int)strcspn(key, " \t\r\n"), key);
        CHECK(strstr(sc.req[0].head, line) != NULL);
    }
    if (is("key") && text[0] == 0) CHECK(strstr(sc.req[0].head, "Authorization") == NULL);
    if (is("prompt") && in.n == 3) CHECK(strstr(sc.req[0].body, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"") != NULL);
    if (is("max_tokens")) CHECK(strstr(sc.req[0].body, "max_") == NULL);
    CHECK(strstr(sc.req[0].head, "Evil") == NULL);
}

static void test_config(void) {
    llm_config f = settings();
    llm_header h[1];
    llm_request q = sc_hi();
    llm_response o;
    llm_client *c = NULL;
    llm_error e;
    llm_status s;
    char buf[IN_CAP], *name, *value;
    snprintf(buf, sizeof buf, "%s", text ? text : "");
    if (is("key")) f.api_key = text;
    if (is("base_url")) f.base_url = text;
    if (is("organization")) f.organization = text;
    if (is("project")) f.project = text;
    if (is("proxy")) f.proxy = text;
    if (is("azure")) f.azure_api_version = text;
    if (is("api")) f.api = (llm_api)atoi(text);
    if (is("environment")) {
        split_at(buf, '=', &name, &value);
        sc.env[0] = name;
        sc.env[1] = value;
        f.api_key = NULL;
    }
    if (is("header")) {
        split_at(buf, ':', &name, &value);
        h[0].name = name;
        h[0].value = value;
        f.headers = h;
        f.header_count = 1;
    }
    s = llm_client_new(&c, &f, &e);
    in_check(row, s, &e);
    if (s == LLM_OK) {
        sc_conn();
        sc_answer(200, "Connection: close\r\n", SC_OK_JSON("fine"));
        CHECK_INT(llm_chat(c, &q, &o), LLM_OK);
        check_sent();
        llm_response_free(&o);
        works_on(c);
    } else {
        CHECK(c == NULL);
        if (is("key") && text && strlen(text) > 4) CHECK(strstr(e.message, "sk-abc") == NULL); /* promise 1 */
    }
    finish(c);
}

static void test_request(void) {
    llm_config f = settings();
    llm_request q = sc_hi();
    llm_message m[1];
    llm_tool tool[1];
    llm_client *c;
    llm_response o;
    llm_status s;
    memset(m, 0, sizeof m);
    memset(tool, 0, sizeof tool);
    tool[0].name = "f";
    m[0] = llm_msg(LLM_USER, "x");
    if (is("model")) f.model = text;
    if (is("prompt")) q.prompt = text;
    if (is("max_tokens")) q.max_tokens = atoi(text);
    if (is("n")) q.n = atoi(text);
    if (is("temperature")) q.temperature = llm_num(strtod(text, NULL));
    if (is("top_p")) q.top_p = llm_num(strtod(text, NULL));
    if (is("extra_json")) q.extra_json = text;
    if (is("response_format")) q.response_format = text;
    if (is("stop")) q.stop = text;
    if (is("tool_name")) tool[0].name = text;
    if (is("parameters")) tool[0].parameters = text;
    if (is("tool_choice")) q.tool_choice = text;
    if (is("tool_name") || is("parameters") || is("tool_choice")) q.tools = tool, q.tool_count = 1;
    if (is("role")) m[0].role = (llm_role)atoi(text);
    if (is("content_json")) m[0].content_json = text;
    if (is("role") || is("content_json")) q.messages = m, q.message_count = 1;
    c = new_client(&f);
    sc_conn();
    sc_answer(200, "Connection: close\r\n", SC_OK_JSON("fine"));
    s = llm_chat(c, &q, &o);
    in_check(row, s, &o.error);
    CHECK_INT(o.status, s);
    if (s == LLM_OK)
        check_sent();
    else
        CHECK_INT(sc.opens, 0); /* nothing was sent */
    llm_response_free(&o);
    works_on(c);
    finish(c);
}

static void play_silence(void) {
    if (strcmp(text, "open") == 0) sc.conn[0].open_ms = -1;
    if (strcmp(text, "send") == 0) sc.conn[0].send_block_at = 40;
    sc_await();
    if (strcmp(text, "status line") == 0) sc_give("HTTP/1.1 2", -1);
    if (strcmp(text, "body") == 0) sc_give("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", -1);
    if (strcmp(text, "stream") == 0) sc_give(SC_SSE_HEAD "5\r\ndata:", -1);
}

static void test_server(void) {
    llm_config f = settings();
    llm_client *c = new_client(&f);
    llm_request q = sc_hi();
    llm_response o;
    llm_status s;
    sc_conn();
    if (is("open")) {
        sc.conn[0].open_result = atoi(text);
    } else if (is("silence")) {
        play_silence();
    } else if (is("raw")) {
        sc_await();
        sc_give(in.p, (long)in.n);
        sc_close();
    } else if (is("sse")) {
        sc_await();
        sc_give("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", -1);
        sc_give(in.p, (long)in.n);
        sc_close();
    } else {
        sc_answer_n(atoi(row->what), "Connection: close\r\n", in.p, in.n);
    }
    s = is("sse") || (is("silence") && strcmp(text, "stream") == 0) ? llm_chat_stream(c, &q, NULL, NULL, &o)
                                                                    : llm_chat(c, &q, &o);
    in_check(row, s, &o.error);
    CHECK_INT(o.status, s);
    llm_response_free(&o);
    works_on(c);
    finish(c);
}

/* The input cut at every byte but the last: by a reset in the head or in the body, or by a Content-Length too small. */
static void test_every_byte(void) {
    size_t n;
    for (n = 0; n < in.n; n++) {
        llm_config f = settings();
        llm_client *c = new_client(&f);
        llm_request q = sc_hi();
        llm_response o;
        char head[80];
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %lu\r\n\r\n",
                 (unsigned long)(is("cut_body") ? n : in.n));
        sc_conn();
        sc_await();
        if (!is("reset_head")) sc_give(head, -1);
        sc_give(in.p, (long)n);
        if (!is("cut_body")) sc_rst();
        in_check(row, llm_chat(c, &q, &o), &o.error);
        llm_response_free(&o);
        works_on(c);
        finish(c);
        sc_reset();
    }
}

/* ---- a busy server: input is the status and a header; the first words are the delay, or that it was not retried -- */

typedef struct retries {
    int n;
    int64_t delay;
} retries;

static void on_retry(void *user, const llm_error *why, int64_t delay_ms) {
    retries *r = (retries *)user;
    (void)why;
    r->n++;
    r->delay = delay_ms;
}

static void test_retry(void) {
    llm_config f = settings();
    llm_client *c;
    llm_request q = sc_hi();
    llm_response o;
    retries seen = {0, -1};
    char head[IN_CAP + 4];
    const char *words = strchr(row->words, ';');
    long delay = -1;
    f.max_retries = 0; /* the default */
    f.on_retry = on_retry;
    f.on_retry_user = &seen;
    snprintf(head, sizeof head, "%s%s", text + 3 + (text[3] == ' '), text[3] ? "\r\n" : "");
    sc_conn();
    sc_answer(atoi(text), head, "{\"error\":{\"message\":\"slow down\"}}");
    sc_answer(200, "", SC_OK_JSON("fine"));
    c = new_client(&f);
    in_check_status(row, llm_chat(c, &q, &o), &o.error);
    if (sscanf(row->words, "delay %ld", &delay) == 1) {
        CHECK_INT(seen.n, 1);
        CHECK_INT(seen.delay, delay);
        CHECK_INT(sc.now - 1000000, delay); /* by the clock */
        CHECK_INT(sc.reqs, 2);
    } else {
        CHECK(strncmp(row->words, "not retried;", 12) == 0);
        CHECK_INT(seen.n, 0);
        CHECK_INT(sc.reqs, 1);
        in_check_words(row, words ? words + 1 : "", o.error.message);
    }
    llm_response_free(&o);
    works_on(c);
    finish(c);
}

/* ---- tool calls: input is the call as the model sends it, the words must be in what the model is told ------------ */

static int runs;

static llm_status good_tool(void *user, const llm_tool_call *call, llm_text *result) {
    (void)user;
    runs++;
    return llm_text_addf(result, "good: %s", call->arguments);
}

static llm_status failing_tool(void *user, const llm_tool_call *call, llm_text *result) {
    (void)user;
    (void)call;
    runs++;
    (void)llm_text_add(result, "disk full");
    return LLM_ERR;
}

static void answer_calls(void) {
    t_text body = {NULL, 0, 0};
    t_adds(&body, "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[");
    t_adds(&body, in.p);
    t_adds(&body, "]},\"finish_reason\":\"tool_calls\"}]}");
    sc_answer(200, "", body.p);
    free(body.p);
}

static void test_tool(void) {
    enum { ROUNDS = 4 };
    llm_config f = settings();
    llm_client *c = new_client(&f);
    llm_request q = sc_hi();
    llm_tool tool[2];
    llm_response o;
    llm_status s;
    char told[600];
    int i;
    memset(tool, 0, sizeof tool);
    tool[0].name = "good";
    tool[0].handler = good_tool;
    tool[1].name = "failing";
    tool[1].handler = failing_tool;
    q.tools = tool;
    q.tool_count = 2;
    runs = 0;
    sc_conn();
    for (i = 0; i < (is("tool") ? 1 : ROUNDS); i++) answer_calls();
    sc_answer(200, "Connection: close\r\n", SC_OK_JSON("fine"));
    s = llm_chat_with_tools(c, &q, ROUNDS, NULL, NULL, &o);
    if (is("tool")) {
        in_check_status(row, s, &o.error);
        CHECK_STR(o.content, "fine"); /* the call goes on */
        CHECK_INT(sc.reqs, 2);
        CHECK_INT(runs, strstr(row->words, "disk full") || strstr(row->words, "good:") ? 1 : 0);
        CHECK(row->words[0] != 0);
        CHECK_INT(llm_json_string(sc.req[1].body, "/messages/2/role", told, sizeof told), LLM_OK);
        CHECK_STR(told, "tool");
        CHECK_INT(llm_json_string(sc.req[1].body, "/messages/2/content", told, sizeof told), LLM_OK);
        in_check_words(row, row->words, told);
        CHECK_INT(llm_json_string(sc.req[1].body, "/messages/1/tool_calls/0/function/name", told, sizeof told), LLM_OK);
        CHECK(told[0] != 0); /* an API refuses an empty one */
    } else {
        in_check(row, s, &o.error);
        CHECK_INT(sc.reqs, ROUNDS);
        CHECK_INT(runs, ROUNDS);
    }
    llm_response_free(&o);
    works_on(c);
    finish(c);
}

static void test_row(in_row *r) {
    int i, status = 0;
    row = r;
    t_case = r->line;
    for (i = 0; i < KINDS && !is(kinds[i].name); i++) {
        if (strcmp(kinds[i].name, "status") == 0 && strlen(r->what) == 3 && (status = atoi(r->what)) >= 200) break;
    }
    if (i == KINDS) {
        fprintf(stderr, "data/inputs.txt: what is \"%s\"?\n", r->what);
        CHECK(i < KINDS);
        return;
    }
    expand();
    sc_reset();
    kinds[i].rows++;
    switch (kinds[i].group) {
    case CONFIG: test_config(); break;
    case REQUEST: test_request(); break;
    case SERVER: test_server(); break;
    case OTHER:
    default:
        if (is("retry"))
            test_retry();
        else if (is("tool") || is("tool_forever"))
            test_tool();
        else
            test_every_byte();
        break;
    }
    r->done = 1;
}

/* A JSON answer and a stream cut at every byte, ended in order, by the length and by a reset: never a crash, never
   LLM_OK with something missing (promise 3, promise 5). */
static void test_cut_anywhere(void) {
    static const char json[] =
        "{\"id\":\"r1\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hello "
        "\\u00e9\",\"tool_calls\":[{\"id\":\"c1\","
        "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"stop\"}],\"usage\":"
        "{\"prompt_tokens\":3,\"completion_tokens\":2}}";
    static const char stream[] = SC_DELTA("Hel") SC_DELTA("lo") SC_STOP SC_DONE;
    size_t n;
    int how;
    for (how = 0; how < 3; how++) {
        for (n = 0; n < sizeof json; n++) {
            llm_request q = sc_hi();
            llm_response o;
            llm_client *c;
            llm_status s, wanted = n == sizeof json - 1 ? LLM_OK : how == 0 ? LLM_ERR_PROTOCOL : LLM_ERR_TRUNCATED;
            sc_reset();
            sc_conn();
            if (how == 0) {
                sc_answer_n(200, "", json, n);
            } else {
                char b[100];
                sc_await();
                snprintf(b, sizeof b, "HTTP/1.1 200 OK\r\nContent-Length: %lu\r\n\r\n", (unsigned long)sizeof json - 1);
                sc_give(b, -1);
                sc_give(json, (long)n);
                if (how == 1)
                    sc_close();
                else
                    sc_rst();
            }
            c = sc_client(NULL);
            s = llm_chat(c, &q, &o);
            CHECK_INT(s, wanted);
            CHECK(strncmp(o.content, "Hello \xC3\xA9", strlen(o.content)) == 0);
            llm_response_free(&o);
            llm_client_free(c);
            CHECK_INT(t_live, 0);
        }
        for (n = 0; n < sizeof stream; n++) {
            llm_request q = sc_hi();
            llm_response o;
            llm_client *c;
            llm_status s;
            size_t finish = sizeof SC_DELTA("Hel") SC_DELTA("lo") SC_STOP - 1 - 4; /* its choice object has closed */
            sc_reset();
            sc_conn();
            sc_await();
            if (how == 0)
                sc_give("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", -1);
            else
                sc_give("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9999\r\n\r\n", -1);
            sc_give(stream, (long)n);
            if (how == 2)
                sc_rst();
            else
                sc_close();
            c = sc_client(NULL);
            s = llm_chat_stream(c, &q, NULL, NULL, &o);
            if (n >= finish)
                CHECK_INT(s, LLM_OK);
            else if (how > 0)
                CHECK_INT(s, LLM_ERR_TRUNCATED);
            else
                CHECK(s == LLM_OK || s == LLM_ERR_TRUNCATED);
            if (s == LLM_OK)
                CHECK(strcmp(o.content, "Hello") == 0 ||
                      (o.finish_reason == LLM_FINISH_NONE && strcmp(o.content, "Hel") == 0));
            llm_response_free(&o);
            llm_client_free(c);
            CHECK_INT(t_live, 0);
        }
    }
}

int main(void) {
    int i;
    in_read();
    for (i = 0; i < in_count; i++) {
        if (strcmp(in_list[i].what, "live") != 0) test_row(&in_list[i]);
    }
    in_check_done(0);
    for (i = 0; i < KINDS; i++) {
        t_case = kinds[i].name;
        CHECK(kinds[i].rows > 0);
    }
    t_case = "";
    test_cut_anywhere();
    free(in.p);
    sc_reset();
    return t_done();
}
