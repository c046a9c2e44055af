/* The mock server itself, through plain sockets: what the other tests lean on has to be right. */
/* needs: mock */
#define T_NO_LIB
#include "t.h"
#include "mock.h"

#include <errno.h>

static t_mock m;

/* Sends one chat request with these further header lines; the connection stays open. */
static int ask(int fd, const char *headers, const char *body) {
    char head[512];
    snprintf(head, sizeof head,
             "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
             "application/json\r\n%sContent-Length: %lu\r\n\r\n",
             headers, (unsigned long)strlen(body));
    return t_mock_write(fd, head, strlen(head)) && t_mock_write(fd, body, strlen(body));
}

/* One request on its own connection, everything until the end of it. */
static char *fetch(const char *headers, const char *body, size_t *len) {
    int fd = t_mock_connect(m.http_port);
    char all[256];
    snprintf(all, sizeof all, "%sConnection: close\r\n", headers);
    ask(fd, all, body);
    char *answer = t_mock_read_all(fd, len);
    close(fd);
    return answer;
}

static const char hello[] =
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"echo: hello\"}]}";

/* One answer with Content-Length from a connection that stays open; the body, free() it. */
static char *read_one(int fd, char *head, size_t cap) {
    size_t n = 0;
    head[0] = 0;
    while (n + 1 < cap && !strstr(head, "\r\n\r\n") && recv(fd, head + n, 1, 0) == 1) head[++n] = 0;
    const char *p = strstr(head, "Content-Length: ");
    size_t len = p ? strtoul(p + 16, NULL, 10) : 0, got = 0;
    char *body = (char *)malloc(len + 1);
    if (!body) exit(1);
    while (got < len) {
        ssize_t k = recv(fd, body + got, len - got, 0);
        if (k <= 0) break;
        got += (size_t)k;
    }
    body[got] = 0;
    return body;
}

/* Decodes a chunked body strictly; NULL if the framing is wrong. Trailers are left at *rest. */
static char *dechunk(const char *p, size_t *sizes, size_t most, size_t *count, const char **rest) {
    size_t n = 0;
    char *out = (char *)calloc(1, strlen(p) + 1);
    *count = 0;
    for (;;) {
        char *end;
        size_t k = strtoul(p, &end, 16);
        if (end == p || (*end != '\r' && *end != ';')) break;
        end = strstr(end, "\r\n");
        if (!end) break;
        p = end + 2;
        if (k == 0) {
            *rest = p;
            return out;
        }
        if (strlen(p) < k + 2 || p[k] != '\r' || p[k + 1] != '\n') break;
        memcpy(out + n, p, k);
        n += k;
        if (*count < most) sizes[*count] = k;
        ++*count;
        p += k + 2;
    }
    free(out);
    return NULL;
}

static void test_plain(void) {
    char head[2048];
    int fd = t_mock_connect(m.http_port);
    for (int i = 0; i < 3; i++) {
        ask(fd, "", hello);
        char *body = read_one(fd, head, sizeof head);
        CHECK(!strncmp(head, "HTTP/1.1 200 OK\r\n", 17));
        CHECK(strstr(head, "Connection: keep-alive\r\n") != NULL);
        CHECK(strstr(body, "\"content\": \"hello\"") != NULL);
        CHECK(strlen(body) > 2 && !strcmp(body + strlen(body) - 2, "}\n"));
        free(body);
    }
    CHECK_INT(t_mock_stat(&m, "connections"), 1);
    CHECK_INT(t_mock_stat(&m, "requests"), 3);
    CHECK_INT(t_mock_stat(&m, "responses"), 3);
    CHECK_INT(t_mock_stat(&m, "open"), 1);
    close(fd);
    CHECK_INT(t_mock_stat_until(&m, "open", 0, 2000), 0);
    CHECK_INT(t_mock_stat(&m, "client_aborts"), 0);
    CHECK_INT(t_mock_stat(&m, "bad_requests"), 0);
}

static void test_last(void) {
    size_t n;
    char *answer = fetch("X-One: 1\r\n", "{\"a\":\"\xff\x01\"}", &n), *head, *body;
    CHECK(!strncmp(answer, "HTTP/1.1 400", 12));
    free(answer);
    free(fetch("X-Two: 2\r\n", hello, &n));
    head = t_mock_last_head(&m, 1);
    body = t_mock_last_body(&m, 1, &n);
    CHECK(head && strstr(head, "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n") == head);
    CHECK(head && strstr(head, "X-One: 1\r\n") && !strcmp(head + strlen(head) - 4, "\r\n\r\n"));
    CHECK_INT(n, 10);
    CHECK(body && !memcmp(body, "{\"a\":\"\xff\x01\"}", 10));
    free(head);
    free(body);
    body = t_mock_last_body(&m, 0, &n);
    CHECK_STR(body, hello);
    free(body);
    CHECK(t_mock_last_body(&m, 2, &n) == NULL);
}

static void test_chunks(void) {
    static const char *const variants[] = {"",
                                           "chunk-size 7\n",
                                           "split-every 1\n",
                                           "chunk-ext a=\"b;c\"\nsplit-every 3\nsplit-delay 0.2\n",
                                           "trailer X-Sum: 1\nchunk-size 1\n",
                                           "split 1 2 10 200 201\n"};
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        char script[512];
        size_t n, sizes[512], count;
        const char *rest = NULL;
        t_case = variants[i];
        snprintf(script, sizeof script, "exchange\n%sevent {\"a\":1}\nxevent two\\nlines\nevent [DONE]\n",
                 variants[i]);
        CHECK(t_mock_script(&m, script));
        char *answer = fetch("", "{}", &n);
        CHECK(strstr(answer, "Transfer-Encoding: chunked\r\n") &&
              strstr(answer, "Content-Type: text/event-stream"));
        char *body = strstr(answer, "\r\n\r\n");
        char *text = body ? dechunk(body + 4, sizes, 512, &count, &rest) : NULL;
        CHECK_STR(text, "data: {\"a\":1}\n\ndata: two\nlines\n\ndata: [DONE]\n\n");
        CHECK_STR(rest, i == 4 ? "X-Sum: 1\r\n\r\n" : "\r\n");
        if (text) CHECK_INT(count, i == 1 ? 8 : i == 4 ? 46 : 3);
        free(text);
        free(answer);
    }
    t_case = "";
}

static void test_cuts(void) {
    static const char *const how[] = {"cut", "reset"};
    char script[256], got[4096];
    size_t whole;
    CHECK(t_mock_script(&m, "exchange\nplain-head\ntimes always\nevent one\nevent two\n"));
    char *all = fetch("", "{}", &whole);
    CHECK(whole > 60 && !strcmp(all + whole - 5, "0\r\n\r\n"));
    for (int k = 0; k < 2; k++) {
        for (size_t at = 0; at < whole; at++) {
            size_t n = 0;
            ssize_t r;
            snprintf(script, sizeof script, "exchange\nplain-head\nevent one\nevent two\n%s %lu\n", how[k],
                     (unsigned long)at);
            t_mock_script(&m, script);
            int fd = t_mock_connect(m.http_port);
            ask(fd, "Connection: close\r\n", "{}");
            while ((r = recv(fd, got + n, sizeof got - n, 0)) > 0) n += (size_t)r;
            int ended = k == 0 ? r == 0 : r < 0 && errno == ECONNRESET;
            close(fd);
            if (n != at || !ended || memcmp(got, all, n)) {
                CHECK_INT(n, at);
                CHECK(ended);
            }
        }
        t_case = how[k];
        CHECK(whole > 0);
    }
    t_case = "";
    free(all);
    CHECK(t_mock_script(&m, "exchange\nevent one\nstall 20\n"));
    int fd = t_mock_connect(m.http_port);
    struct pollfd p = {fd, POLLIN, 0};
    ask(fd, "", "{}");
    CHECK_INT(recv(fd, got, 20, MSG_WAITALL), 20);
    CHECK_INT(poll(&p, 1, 60), 0);
    CHECK_INT(t_mock_stat(&m, "open"), 1);
    close(fd);
    CHECK_INT(t_mock_stat_until(&m, "open", 0, 2000), 0);
}

static void test_waits(void) {
    char got[512];
    CHECK(t_mock_script(&m, "exchange\nframing close\nplain-head\nhead\nrepeat 5\nwait\nbody "
                            "[{i}]\nend-repeat\nwait end\nbody .\n"));
    int fd = t_mock_connect(m.http_port);
    struct pollfd p = {fd, POLLIN, 0};
    ask(fd, "", "{}");
    CHECK_INT(recv(fd, got, 19, MSG_WAITALL), 19); /* HTTP/1.1 200 OK and the blank line */
    CHECK_INT(t_mock_stat_until(&m, "waiting", 1, 2000), 1);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(poll(&p, 1, 20), 0);
        t_mock_continue(&m);
        CHECK_INT(recv(fd, got, 3, MSG_WAITALL), 3);
        CHECK(got[0] == '[' && got[1] == '0' + i);
    }
    t_mock_continue(&m); /* another point's token */
    CHECK_INT(poll(&p, 1, 20), 0);
    CHECK(t_mock_continue_at(&m, "end"));
    CHECK_INT(recv(fd, got, sizeof got, MSG_WAITALL), 1);
    close(fd);
    CHECK_INT(t_mock_stat(&m, "waiting"), 0);

    /* A token that comes before its wait point is kept. */
    CHECK(t_mock_script(&m, "exchange\nwait early\nbody ok\n"));
    CHECK(t_mock_continue_at(&m, "early"));
    size_t n;
    char *answer = fetch("", "{}", &n);
    CHECK(strstr(answer, "\r\n\r\nok") != NULL);
    free(answer);
}

static void test_bad_requests(void) {
    static const struct {
        const char *text, *words;
    } t[] = {{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
              "both Content-Length"},
             {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "chunked request"},
             {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
              "two Content-Length"},
             {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\n{}", "no number"},
             {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n{}", "no number"},
             {"POST / HTTP/1.1\nHost: a\nContent-Length: 2\n\n{}", "bare LF"},
             {"POST / HTTP/1.1\r\nHost: a\nContent-Length: 2\r\n\r\n{}", "bare LF"},
             {"POST / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", "bare CR"},
             {"POST / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n", "no token"},
             {"POST / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", "no token"},
             {"POST / HTTP/1.1\r\nHost: a\r\nX: a\x01\r\n\r\n", "control character in a header"},
             {"POST / HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n", "without a name"},
             {"POST / HTTP/1.1\r\n\r\n", "no Host"},
             {"POST / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "two Host"},
             {"POST / HTTP/2.0\r\nHost: a\r\n\r\n", "version"},
             {"POST  / HTTP/1.1\r\nHost: a\r\n\r\n", "request line"},
             {"POST /a b HTTP/1.1\r\nHost: a\r\n\r\n", "request line"},
             {"POST http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "target"},
             {"P(ST / HTTP/1.1\r\nHost: a\r\n\r\n", "method"},
             {"\r\nPOST / HTTP/1.1\r\nHost: a\r\n\r\n", "empty line"},
             {"POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
              "two Authorization"},
             {"GET /v1/models HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}x", "bytes after the body"}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        t_case = t[i].text;
        CHECK(t_mock_reset(&m));
        int fd = t_mock_connect(m.http_port);
        t_mock_write(fd, t[i].text, strlen(t[i].text));
        char *answer = t_mock_read_all(fd, NULL), *stats;
        close(fd);
        CHECK(!strncmp(answer, strstr(t[i].text, "models") ? "HTTP/1.1 200" : "HTTP/1.1 400", 12));
        free(answer);
        CHECK_INT(t_mock_stat(&m, "bad_requests"), 1);
        stats = t_mock_ask(&m, "GET", "stats", NULL);
        CHECK(stats && strstr(stats, t[i].words));
        free(stats);
    }
    /* Content-Length that promises too much, and a head that breaks off. */
    static const char *const cut[] = {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n{}",
                                      "POST / HTTP/1.1\r\nHost:"};
    for (int i = 0; i < 2; i++) {
        t_case = cut[i];
        CHECK(t_mock_reset(&m));
        int fd = t_mock_connect(m.http_port);
        t_mock_write(fd, cut[i], strlen(cut[i]));
        close(fd);
        CHECK_INT(t_mock_stat_until(&m, "bad_requests", 1, 2000), 1);
        CHECK_INT(t_mock_stat(&m, "requests"), 0);
    }
    t_case = "";
}

#define CHAT(x) "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]" x "}"
#define MSGS(x) "{\"model\":\"m\",\"messages\":[" x "]}"
#define CALL                                                                                                 \
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\","         \
    "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}"

static void test_api_checks(void) {
    static const struct {
        const char *body;
        int status;
        const char *words;
    } t[] = {
        {CHAT(""), 200, "chat.completion"},
        {"", 400, "parse the JSON"},
        {"{\"model\":\"m\",}", 400, "parse the JSON"},
        {CHAT("") " x", 400, "bytes after"},
        {"{\"model\":\"m\",\"model\":\"m\",\"messages\":[]}", 400, "twice"},
        {CHAT(",\"x\":\"\xc3\""), 400, "UTF-8"},
        {CHAT(",\"x\":01"), 400, "parse"},
        {"[]", 400, "object"},
        {"{\"messages\":[]}", 400, "model"},
        {"{\"model\":\"no-such-model\",\"messages\":[]}", 404, "model_not_found"},
        {"{\"model\":\"mock:nobody\",\"messages\":[]}", 404, "no_scenario"},
        {"{\"model\":\"mock:status-429\",\"messages\":[]}", 429, "rate_limit_exceeded"},
        {"{\"model\":\"mock:status-503\"}", 503, "overloaded"},
        {"{\"model\":\"m\"}", 400, "'messages'"},
        {MSGS(""), 400, "empty array"},
        {MSGS("{\"role\":\"user\"}"), 400, "content"},
        {MSGS("{\"role\":\"robot\",\"content\":\"a\"}"), 400, "role"},
        {MSGS("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}"), 200, "stop"},
        {MSGS("{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]}"), 400, "type"},
        {MSGS("{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"r\"}"), 400, "preceding message"},
        {MSGS(CALL), 400, "must be followed"},
        {MSGS(CALL ",{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":\"r\"}"), 400,
         "must be followed"},
        {MSGS(CALL ",{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"it rains\"}"), 200,
         "f says: it rains."},
        {CHAT(",\"temperature\":2.1"), 400, "temperature"},
        {CHAT(",\"n\":0"), 400, "'n'"},
        {CHAT(",\"max_tokens\":1.5"), 400, "max_tokens"},
        {CHAT(",\"max_tokens\":1,\"max_completion_tokens\":1"), 400, "same time"},
        {CHAT(",\"stream\":1"), 400, "stream"},
        {CHAT(",\"stream_options\":{\"include_usage\":true}"), 400, "stream_options"},
        {CHAT(",\"tools\":[]"), 400, "tools"},
        {CHAT(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a b\"}}]"), 400, "name"},
        {CHAT(",\"tool_choice\":\"auto\""), 400, "tool_choice"},
        {CHAT(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"}}],\"tool_choice\":\"none\""),
         200, "Hello from"},
        {CHAT(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"}}]"), 200, "\"tool_calls\""}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        size_t n;
        t_case = t[i].body;
        char *answer = fetch("", t[i].body, &n);
        CHECK_INT(strtol(answer + 9, NULL, 10), t[i].status);
        CHECK(strstr(answer, t[i].words) != NULL);
        free(answer);
    }
    t_case = "";
    CHECK_INT(t_mock_stat(&m, "bad_requests"), 0);
}

#define STREAM ",\"stream\":true"
#define TOOLS                                                                                                \
    ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":{\"type\":"        \
    "\"object\",\"properties\":{\"city\":{\"type\":\"string\"},\"unit\":{\"enum\":[\"c\",\"f\"]},"           \
    "\"days\":{\"type\":\"integer\"}}}}},{\"type\":\"function\",\"function\":{\"name\":\"clock\"}},"         \
    "{\"type\":\"function\",\"function\":{\"name\":\"third\"}}]"
#define SAY(text, more)                                                                                      \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"" text "\"}]" more "}"

/* The built-in answers; has and lacks are what must and must not stand in the answer. */
static void test_brain(void) {
    static const struct {
        const char *body, *has, *has_too, *lacks;
    } t[] = {
        {SAY("echo: caf\xc3\xa9 \\ud83d\\ude00", ""), "\"content\": \"caf\xc3\xa9 \xf0\x9f\x98\x80\"",
         "\"cached_tokens\":0", "obfuscation"},
        {SAY("count to 4", STREAM), "{\"content\":\" 4\"}", "\"finish_reason\":\"stop\"}],\"obfuscation\"",
         "usage"},
        {SAY("count to 4",
             STREAM ",\"stream_options\":{\"include_usage\":true,\"include_obfuscation\":false}"),
         "\"usage\":null}", "\"choices\":[],\"usage\":{\"prompt_tokens\":6,\"completion_tokens\":4,",
         "obfuscation"},
        {SAY("count to 9", STREAM ",\"max_tokens\":3"), "\"finish_reason\":\"length\"", "\" 3\"", "\" 4\""},
        {SAY("count to 9", ",\"max_completion_tokens\":3"), "\"content\": \"1 2 3\"",
         "\"finish_reason\": \"length\"", "3 4"},
        {SAY("echo: a b c", ",\"stop\":\" c\""), "\"content\": \"a b\"", "\"stop\"", " c\""},
        {SAY("echo: a", STREAM ",\"n\":2"), "{\"index\":1,\"delta\":{\"content\":\"a\"}",
         "{\"index\":1,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"", "\"index\":2"},
        {SAY("How warm is it in Paris for 3 days?", TOOLS),
         "\"arguments\": \"{\\\"city\\\":\\\"Paris\\\",\\\"unit\\\":\\\"c\\\",\\\"days\\\":3}\"",
         "\"name\": \"clock\"", "third"},
        {SAY("x", TOOLS STREAM), "{\"index\":1,\"id\":\"call_mock", "\"finish_reason\":\"tool_calls\"",
         "third"},
        {SAY("x", TOOLS ",\"parallel_tool_calls\":false"), "\"name\": \"weather\"", "tool_calls", "clock"},
        {SAY("x", TOOLS ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"third\"}}"),
         "\"name\": \"third\"", "tool_calls", "clock"},
        {SAY("x", ",\"response_format\":{\"type\":\"json_object\"}"), "{\\\"answer\\\":\\\"x\\\"}", "stop",
         "Hello"}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        size_t n, sizes[64], count;
        const char *rest;
        t_case = t[i].body;
        char *answer = fetch("", t[i].body, &n), *body = strstr(answer, "\r\n\r\n");
        if (body && strstr(answer, "Transfer-Encoding: chunked\r\n")) {
            char *text = dechunk(body + 4, sizes, 64, &count, &rest);
            CHECK(text && !strcmp(text + strlen(text) - 14, "data: [DONE]\n\n"));
            CHECK_STR(rest, "\r\n");
            free(answer);
            answer = body = text;
        }
        CHECK(body && strstr(body, t[i].has) != NULL);
        CHECK(body && strstr(body, t[i].has_too) != NULL);
        CHECK(body && strstr(body, t[i].lacks) == NULL);
        free(answer);
    }
    t_case = "";
    CHECK_INT(t_mock_stat(&m, "bad_requests"), 0);
}

static void test_key(void) {
    size_t n;
    CHECK(t_mock_config(&m, "key sk-test-0123456789"));
    char *answer = fetch("", hello, &n);
    CHECK(!strncmp(answer, "HTTP/1.1 401", 12) && strstr(answer, "didn't provide"));
    free(answer);
    answer = fetch("Authorization: Bearer sk-other-0123456789\r\n", hello, &n);
    CHECK(!strncmp(answer, "HTTP/1.1 401", 12) && strstr(answer, "sk-other****6789") &&
          !strstr(answer, "sk-other-0"));
    free(answer);
    answer = fetch("Authorization: Bearer sk-test-0123456789\r\n", hello, &n);
    CHECK(!strncmp(answer, "HTTP/1.1 200", 12));
    free(answer);
}

/* The head and body of one scripted answer. */
static void test_framing(void) {
    static const struct {
        const char *script, *head, *body;
    } t[] = {{"status 503 Gone Fishing\nheader Retry-After: 7\nbody <html>\n",
              "HTTP/1.1 503 Gone Fishing\r\n", "<html>"},
             {"header Retry-After: 7\nbody x\n", "Retry-After: 7\r\n", "x"},
             {"content-length 99\nbody x\n", "Content-Length: 99\r\n", "x"},
             {"framing close\nbody x\nbody y\n", "Connection: close\r\n", "xy"},
             {"framing chunked\nbody x\n", "Transfer-Encoding: chunked\r\n", "1\r\nx\r\n0\r\n\r\n"},
             {"framing chunked\nbody x\nraw zz\\x0d\\n\nclose\n", "chunked\r\n", "1\r\nx\r\nzz\r\n"},
             {"framing none\nraw HTTP/1.0 200 OK\\r\\n\\r\\nold\n", "HTTP/1.0 200 OK\r\n", "old"},
             {"raw HTTP/1.1 100 Continue\\r\\n\\r\\n\nplain-head\nbody x\n", "HTTP/1.1 100 Continue\r\n",
              "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"},
             {"status 204\n", "HTTP/1.1 204 No Content\r\n", ""},
             {"status 200\n", "Content-Length: 0\r\n", ""},
             {"body <<END\na\nb\nEND\nbody c\n", "Content-Length: 5\r\n", "a\nb\nc"},
             {"repeat 11\nbody {i},\nend-repeat\n", "Content-Length: 23\r\n", "0,1,2,3,4,5,6,7,8,9,10,"},
             {"repeat 2\nrepeat 2\nbody {i}\nend-repeat\nbody -{i} \nend-repeat\n", "Content-Length: 10\r\n",
              "01-0 01-1 "},
             {"xbody a\\x00\\\\n\\t\\q\n", "Content-Length: 7\r\n", "a"},
             {"header Content-Type: text/plain\nbody x\n", "Content-Type: text/plain\r\n", "x"}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        char script[512];
        size_t n;
        t_case = t[i].script;
        snprintf(script, sizeof script, "exchange\n%s", t[i].script);
        CHECK(t_mock_script(&m, script));
        char *answer = fetch("", "{}", &n);
        char *body = strstr(answer, "\r\n\r\n");
        CHECK(strstr(answer, t[i].head) != NULL);
        CHECK_STR(body ? body + 4 : NULL, t[i].body);
        free(answer);
    }
    t_case = "";
}

static void test_matching(void) {
    size_t n;
    char *a;
    CHECK(t_mock_script(&m,
                        "exchange\nbody first\nexchange\npath /v1/other\nbody other\nexchange\nbody second\n"
                        "exchange A\nbody a1\nexchange A\ntimes 2\nbody a2\nexchange ok\nbrain\n"));
    CHECK_INT(t_mock_stat(&m, "script_left"), 7);
    static const struct {
        const char *headers, *body, *words;
    } t[] = {{"", "{}", "first"},
             {"X-Mock: A\r\n", "{}", "a1"},
             {"", "{\"model\":\"mock:A\"}", "a2"},
             {"", "{}", "second"},
             {"X-Mock: A\r\n", "{}", "a2"},
             {"X-Mock: A\r\n", "{}", "no answer left"},
             {"", "{}", "no answer left"},
             {"X-Mock: ok\r\n", hello, "\"hello\""},
             {"X-Mock: B\r\n", "{}", "no such scenario"},
             {"X-Mock: status-402\r\n", hello, "quota"}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        t_case = t[i].words;
        a = fetch(t[i].headers, t[i].body, &n);
        CHECK(strstr(a, t[i].words) != NULL);
        free(a);
    }
    t_case = "";
    CHECK_INT(t_mock_stat(&m, "script_misses"), 3);
    CHECK_INT(t_mock_stat(&m, "script_left"), 1);
}

static void test_script_errors(void) {
    static const struct {
        const char *script, *words;
    } t[] = {{"body x\n", "line 1: a script begins with"},
             {"exchange\nbodi x\n", "line 2: unknown directive"},
             {"exchange\n\n# c\nstatus 99\n", "line 4: a status"},
             {"exchange\ndelay x\n", "line 2: milliseconds"},
             {"exchange\nrepeat 2\nbody x\n", "without end-repeat"},
             {"exchange\nend-repeat\n", "end-repeat without"},
             {"exchange\nbody <<E\nx\n", "is missing"},
             {"exchange\nsplit 5 4\n", "ascend"},
             {"exchange\nbrain\nbody x\n", "stands alone"},
             {"exchange\nframing odd\n", "framing is"},
             {"exchange\nbody-file /no/such\n", "cannot be read"},
             {"exchange\ncut x\n", "a number"}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        char error[256] = "";
        t_case = t[i].script;
        CHECK(t_mock_ask_error(&m, "POST", "script", t[i].script, NULL, error, sizeof error) == NULL);
        CHECK(strstr(error, t[i].words) != NULL);
    }
    t_case = "";
    char error[256] = "";
    CHECK(t_mock_ask_error(&m, "POST", "config", "pace 1\nspeed 2\n", NULL, error, sizeof error) == NULL);
    CHECK_STR(error, "unknown setting: speed\n");
}

static void test_keeping(void) {
    char head[2048];
    CHECK(t_mock_config(&m, "keepalive-max 2\n"));
    int fd = t_mock_connect(m.http_port);
    for (int i = 0; i < 2; i++) {
        ask(fd, "", hello);
        free(read_one(fd, head, sizeof head));
        CHECK(strstr(head, i ? "Connection: close\r\n" : "Connection: keep-alive\r\n") != NULL);
    }
    CHECK_INT(recv(fd, head, 1, 0), 0);
    close(fd);
    CHECK(t_mock_config(&m, "keepalive-max 0\nidle-close 30\n"));
    fd = t_mock_connect(m.http_port);
    ask(fd, "", hello);
    free(read_one(fd, head, sizeof head));
    CHECK_INT(recv(fd, head, 1, 0), 0); /* closed without a word */
    close(fd);
    CHECK(t_mock_config(&m, "idle-close 0\n"));
    fd = t_mock_connect(m.http_port);
    ask(fd, "", hello);
    free(read_one(fd, head, sizeof head));
    CHECK(t_mock_close_idle(&m));
    CHECK_INT(recv(fd, head, 1, 0), 0);
    close(fd);
}

static void test_accepting(void) {
    char b[64];
    CHECK(t_mock_config(&m, "on-accept reset 1\n"));
    int fd = t_mock_connect(m.http_port);
    CHECK(recv(fd, b, 1, 0) < 0 && errno == ECONNRESET);
    close(fd);
    CHECK(t_mock_config(&m, "on-accept fin 1\n"));
    fd = t_mock_connect(m.http_port);
    CHECK_INT(recv(fd, b, 1, 0), 0);
    close(fd);
    CHECK(t_mock_config(&m, "on-accept stall 1\n"));
    fd = t_mock_connect(m.http_port);
    struct pollfd p = {fd, POLLIN, 0};
    ask(fd, "", hello);
    CHECK_INT(poll(&p, 1, 50), 0);
    close(fd);
    size_t n;
    char *answer = fetch("", hello, &n); /* and the next one is served */
    CHECK(!strncmp(answer, "HTTP/1.1 200", 12));
    free(answer);
}

/* Answers after the head; the body, far larger than any socket buffer, is not read. */
static void test_early(void) {
    char got[4096];
    CHECK(t_mock_script(&m, "exchange\nearly\nstatus 413\nplain-head\nbody too large\n"));
    int fd = t_mock_connect(m.http_port);
    const char *head = "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n{";
    t_mock_write(fd, head, strlen(head));
    CHECK_INT(recv(fd, got, 62, MSG_WAITALL), 62);
    CHECK(!memcmp(got, "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 9\r\n\r\ntoo large", 62));
    close(fd);
    CHECK_INT(t_mock_stat(&m, "requests"), 1);
    CHECK_INT(t_mock_stat(&m, "bad_requests"), 0);
}

static void test_tls_alert(void) {
    unsigned char got[16];
    static const char hello_bytes[] = "\x16\x03\x01\x00\x40";
    CHECK(t_mock_config(&m, "tls-alert 70\n"));
    int fd = t_mock_connect(m.https_port);
    t_mock_write(fd, hello_bytes, 5);
    CHECK_INT(recv(fd, got, sizeof got, MSG_WAITALL), 7);
    CHECK(!memcmp(got, "\x15\x03\x03\x00\x02\x02\x46", 7));
    close(fd);
    CHECK_INT(t_mock_stat(&m, "tls_failed"), 1);
    CHECK(t_mock_config(&m, "tls-alert 0\n"));
    fd = t_mock_connect(m.https_port);
    t_mock_write(fd, "GET / HTTP/1.1\r\n\r\n", 18); /* no TLS at all */
    size_t n;
    free(t_mock_read_all(fd, &n));
    close(fd);
    CHECK_INT(t_mock_stat_until(&m, "tls_failed", 2, 2000), 2);
    static const char *const certs[] = {"rsa",
                                        "p384",
                                        "expired",
                                        "not-yet",
                                        "wrong-name",
                                        "self-signed",
                                        "unknown-ca",
                                        "no-intermediate",
                                        "no-eku",
                                        "client-auth",
                                        "critical-eku",
                                        "sha1",
                                        "rsa1024",
                                        "cn-only",
                                        "wildcard",
                                        "ip-only",
                                        "name-constraints",
                                        "name-constraints-broken",
                                        "intermediate-not-ca",
                                        "with-root",
                                        "wrong-order",
                                        "ec"};
    for (size_t i = 0; i < sizeof certs / sizeof *certs; i++) {
        char line[64];
        snprintf(line, sizeof line, "cert %s\n", certs[i]);
        t_case = certs[i];
        CHECK(t_mock_config(&m, line));
    }
    t_case = "";
}

/* Many streams at once, read in small turns. */
static void test_many(void) {
    enum { N = 200 };
    static int fd[N];
    static const char body[] =
        "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"count to 50\"}]}";
    int good = 0;
    for (int i = 0; i < N; i++) {
        fd[i] = t_mock_connect(m.http_port);
        ask(fd[i], "Connection: close\r\n", body);
    }
    for (int i = 0; i < N; i++) {
        size_t n, sizes[64], count = 0;
        const char *rest = "";
        char *answer = t_mock_read_all(fd[i], &n), *p = strstr(answer, "\r\n\r\n");
        char *text = p ? dechunk(p + 4, sizes, 64, &count, &rest) : NULL;
        good += text && count == 53 && strstr(text, "\"content\":\" 50\"") &&
                !strcmp(text + strlen(text) - 14, "data: [DONE]\n\n");
        free(text);
        free(answer);
        close(fd[i]);
    }
    CHECK_INT(good, N);
    CHECK_INT(t_mock_stat(&m, "responses"), N);
    CHECK_INT(t_mock_stat_until(&m, "open", 0, 2000), 0);
}

int main(void) {
    static void (*const tests[])(void) = {
        test_plain,      test_last,      test_chunks, test_cuts,      test_waits,    test_bad_requests,
        test_api_checks, test_brain,     test_key,    test_framing,   test_matching, test_script_errors,
        test_keeping,    test_accepting, test_early,  test_tls_alert, test_many};
    if (!t_mock_start(&m, NULL)) return 1;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        CHECK(t_mock_reset(&m));
        tests[i]();
    }
    CHECK_INT(t_mock_stop(&m), 1); /* it goes when its input ends */
    return t_done();
}
