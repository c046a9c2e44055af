/* test_inputs.c - bad input, by name: data/inputs.txt says what must come of each. Each gives its status and a message
   that says what to do; nothing leaks, and the client works on (promises 3 and 4). TLS has its own suites. */
#include "script.h"
#include <math.h>

enum { FIELDS = 4, CAP = 400 };

typedef struct row {
    char what[40], input[CAP], status[40], words[CAP];
} row;

static void strip(char *out, const char *p, size_t n) {
    while (n && (*p == ' ' || *p == '\t')) p++, n--;
    while (n && (p[n - 1] == ' ' || p[n - 1] == '\t')) n--;
    snprintf(out, CAP < n + 1 ? CAP : n + 1, "%.*s", (int)n, p);
}

static int read_row(const char *line, row *r) {
    const char *p = line, *end = line + strcspn(line, "\n"), *q;
    char b[FIELDS][CAP];
    int i;
    if (line[0] == '#' || p == end) return 0;
    for (i = 0; i < FIELDS; i++, p = q + 2) {
        for (q = p;
             q < end && !(q[0] == '|' && (q + 1 == end || q[1] == ' ' || q[1] == '\n') && (q == line || q[-1] == ' '));
             q++) {
        }
        strip(b[i], p, (size_t)(q - p));
        if (q >= end && i < FIELDS - 1) {
            fprintf(stderr, "not a line of four: %.*s\n", (int)(end - line), line);
            exit(1);
        }
    }
    snprintf(r->what, sizeof r->what, "%.39s", b[0]);
    snprintf(r->input, sizeof r->input, "%s", b[1]);
    snprintf(r->status, sizeof r->status, "%.39s", b[2]);
    snprintf(r->words, sizeof r->words, "%s", b[3]);
    return 1;
}

static void check_error(const row *r, llm_status s, const llm_error *e) {
    const char *p = r->words;
    int ok = t_check_str(llm_status_name(s), r->status, "the status", __FILE__, __LINE__);
    if (!ok) fprintf(stderr, "    message: %s\n", e->message);
    if (s == LLM_OK) return;
    CHECK_INT(e->status, s);
    while (*p) {
        char word[CAP];
        size_t n = strcspn(p, ";");
        strip(word, p, n);
        if (!strstr(e->message, word))
            t_check_str(e->message, word, "the message holds the word", __FILE__, __LINE__);
        else
            t_passed++;
        p += n + (p[n] == ';');
    }
    CHECK(strlen(e->message) > 10);
}

/* Long inputs. */
static void expand(t_text *t, const char *input, int sse) {
    long n = 0, i;
    t->n = 0;
    t_add(t, "", 0);
    if (sscanf(input, "@depth %ld", &n) == 1) {
        t_adds(t, "{\"x\":");
        for (i = 0; i < n; i++) t_adds(t, i & 1 ? "{\"a\":" : "[");
        t_adds(t, "1");
        while (--i >= 0) t_adds(t, i & 1 ? "}" : "]");
        t_adds(t, ",\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}");
    } else if (sscanf(input, "@event %ld", &n) == 1) {
        size_t before;
        t_adds(t, "data: ");
        before = t->n;
        t_adds(t, "{\"choices\":[{\"delta\":{\"content\":\"");
        while (t->n - before + 30 < (size_t)n) t_adds(t, "0123456789");
        t_adds(t, "\"},\"finish_reason\":\"stop\"}]}\n\n");
    } else {
        t_add_raw(t, input, input + strlen(input));
    }
    (void)sse;
}

static void test_row(const row *r) {
    llm_config f = llm_config_init();
    llm_request q = sc_hi();
    llm_message m[1];
    llm_tool tool[1];
    llm_header h[1];
    llm_client *c = NULL;
    llm_error e;
    llm_status s;
    llm_response o;
    t_text in = {NULL, 0, 0};
    char name[CAP], *value;
    const char *text;
    int sse = strcmp(r->what, "sse") == 0, is_config = 0;
    expand(&in, r->input, sse);
    text = strcmp(r->input, "(none)") == 0 ? NULL : in.p;
    memset(m, 0, sizeof m);
    memset(tool, 0, sizeof tool);
    sc_reset();
    f.api_key = "sk-0123456789abcdefABCDEF";
    f.base_url = "http://127.0.0.1:8080/v1";
    f.model = "m";
    f.max_retries = -1;
    f.idle_timeout_ms = f.connect_timeout_ms = 5000;
    tool[0].name = "f";
    m[0] = llm_msg(LLM_USER, "x");
#define IS(w) (strcmp(r->what, w) == 0)
    /* the client */
    is_config = 1;
    if (IS("key"))
        f.api_key = text;
    else if (IS("environment")) {
        snprintf(name, sizeof name, "%s", text);
        value = strchr(name, '=');
        *value++ = 0;
        sc.env[0] = name;
        sc.env[1] = value;
        f.api_key = NULL;
    } else if (IS("base_url"))
        f.base_url = text;
    else if (IS("header")) {
        snprintf(name, sizeof name, "%s", text);
        value = strchr(name, ':');
        *value = 0;
        h[0].name = name;
        h[0].value = value + 1 + (value[1] == ' ');
        f.headers = h;
        f.header_count = 1;
    } else if (IS("organization"))
        f.organization = text;
    else if (IS("project"))
        f.project = text;
    else if (IS("proxy"))
        f.proxy = text;
    else if (IS("api"))
        f.api = (llm_api)atoi(text);
    else if (IS("azure"))
        f.azure_api_version = text;
    else
        is_config = 0;
    if (IS("model")) f.model = NULL;
    s = llm_client_new(&c, &f, &e);
    if (is_config && s != LLM_OK) {
        CHECK(c == NULL);
        check_error(r, s, &e);
        if (IS("key") && text && strlen(text) > 4) CHECK(strstr(e.message, "sk-abc") == NULL); /* promise 1 */
        llm_client_free(c);
        CHECK_INT(t_live, 0);
        t_live = 0;
        free(in.p);
        return;
    }
    if (!CHECK_INT(s, LLM_OK)) exit(1);
    /* the request */
    q.model = NULL;
    if (IS("model")) {
    } else if (IS("prompt"))
        q.prompt = text;
    else if (IS("max_tokens"))
        q.max_tokens = atoi(text);
    else if (IS("n"))
        q.n = atoi(text);
    else if (IS("temperature"))
        q.temperature = llm_num(strtod(text, NULL));
    else if (IS("top_p"))
        q.top_p = llm_num(strtod(text, NULL));
    else if (IS("extra_json"))
        q.extra_json = text;
    else if (IS("response_format"))
        q.response_format = text;
    else if (IS("stop"))
        q.stop = text;
    else if (IS("tool_name"))
        tool[0].name = text, q.tools = tool, q.tool_count = 1;
    else if (IS("parameters"))
        tool[0].parameters = text, q.tools = tool, q.tool_count = 1;
    else if (IS("tool_choice"))
        q.tool_choice = text, q.tools = tool, q.tool_count = 1;
    else if (IS("role"))
        m[0].role = (llm_role)atoi(text), q.messages = m, q.message_count = 1;
    else if (IS("content_json"))
        m[0].content_json = text, q.messages = m, q.message_count = 1;
    /* the server */
    sc_conn();
    if (IS("open"))
        sc.conn[0].open_result = atoi(text);
    else if (IS("silence")) {
        if (strcmp(text, "open") == 0) sc.conn[0].open_ms = -1;
        sc_await();
        if (strcmp(text, "body") == 0) sc_give("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", -1);
    } else if (IS("raw")) {
        sc_await();
        sc_give(in.p, (long)in.n);
        sc_close();
    } else if (sse) {
        sc_await();
        sc_give("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", -1);
        sc_give(in.p, (long)in.n);
        sc_close();
    } else if (r->what[0] >= '1' && r->what[0] <= '9') {
        sc_answer_n(atoi(r->what), "Connection: close\r\n", in.p, in.n);
    } else if (!is_config &&
               !strstr(
                   "model prompt max_tokens n temperature top_p extra_json response_format stop tool_name parameters "
                   "tool_choice role content_json",
                   r->what)) {
        fprintf(stderr, "data/inputs.txt: what is \"%s\"?\n", r->what);
        exit(1);
    } else {
        sc_answer(200, "Connection: close\r\n", SC_OK_JSON("fine"));
    }
    s = sse ? llm_chat_stream(c, &q, NULL, NULL, &o) : llm_chat(c, &q, &o);
    check_error(r, s, &o.error);
    CHECK_INT(o.status, s);
    if (s == LLM_ERR_USAGE) CHECK_INT(sc.opens, 0); /* nothing was sent */
    if (IS("prompt") && s == LLM_OK && in.n == 3)
        CHECK(strstr(sc.req[0].body, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"") != NULL);
    if (IS("max_tokens") && s == LLM_OK) CHECK(strstr(sc.req[0].body, "max_") == NULL);
    llm_response_free(&o);
    sc_conn();
    sc_answer(200, "Connection: close\r\n", SC_OK_JSON("fine"));
    sc_conn();
    sc_answer(200, "Connection: close\r\n", SC_OK_JSON("fine"));
    q = sc_hi();
    q.model = "m";
    CHECK_INT(llm_chat(c, &q, &o), LLM_OK); /* the client works on */
    CHECK_STR(o.content, "fine");
    llm_response_free(&o);
    llm_client_free(c);
    CHECK_INT(t_live, 0);
    t_live = 0;
    free(in.p);
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
    size_t len;
    char *text = t_read_file("data/inputs.txt", &len), *p;
    row r;
    int rows = 0;
    for (p = text; *p; p += *p == '\n') {
        char line[200];
        snprintf(line, sizeof line, "%.*s", (int)(strcspn(p, "\n") < 180 ? strcspn(p, "\n") : 180), p);
        if (read_row(p, &r)) {
            t_case = line;
            test_row(&r);
            rows++;
        }
        p += strcspn(p, "\n");
    }
    t_case = "";
    CHECK(rows > 100);
    test_cut_anywhere();
    free(text);
    sc_reset();
    return t_done();
}
