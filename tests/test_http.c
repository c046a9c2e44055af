/* test_http.c - >>http: request heads; responses against tests/data/http, at once, byte by byte and at every split;
   the end of the connection at every byte. Limits are small here so that the data file can pass them. */
#define LLM_MAX_HEAD 1024
#define LLM_MAX_HEADERS 12
#include "t.h"
#include "t_cases.h"

/* ---- feeding a response and writing down what came ---------------------------------------------------------- */
typedef struct run {
    llmi_http h;
    t_text    log, body;
    char      id[128];       /* as the head had it */
    int       head, ended;
    size_t    rest;          /* bytes left after the end */
} run;

static void flush_body(run *r) {
    if (r->body.n == 0) return;
    t_adds(&r->log, "BODY ");
    t_add_escaped(&r->log, r->body.p, r->body.n);
    t_adds(&r->log, "\n");
    r->body.n = 0;
}

static void log_head(run *r) {
    const llmi_http *h = &r->h;
    char b[400];
    snprintf(b, sizeof b, "HEAD %d", h->status);
    t_adds(&r->log, b);
    if (h->keep_alive) t_adds(&r->log, " keep");
    if (h->sse) t_adds(&r->log, " sse");
    if (h->json) t_adds(&r->log, " json");
    if (h->should_retry >= 0) t_adds(&r->log, h->should_retry ? " should-retry" : " should-not-retry");
    if (h->retry_after_ms >= 0) {
        snprintf(b, sizeof b, " after %lld ms", (long long)h->retry_after_ms);
        t_adds(&r->log, b);
    }
    if (h->retry_after_at != 0) {
        snprintf(b, sizeof b, " after @%lld", (long long)h->retry_after_at);
        t_adds(&r->log, b);
    }
    if (h->request_id[0]) {
        snprintf(b, sizeof b, " id %s", h->request_id);
        t_adds(&r->log, b);
    }
    if (h->location[0]) {
        snprintf(b, sizeof b, " to %s", h->location);
        t_adds(&r->log, b);
    }
    t_adds(&r->log, "\n");
}

static void log_event(run *r, llmi_http_event e) {
    char b[300];
    if (e == LLMI_HTTP_BODY) {
        if (r->h.body_len == 0) t_check(0, "a slice is never empty", __FILE__, __LINE__);
        t_add(&r->body, r->h.body, r->h.body_len);
        return;
    }
    flush_body(r);
    if (e == LLMI_HTTP_HEAD) {
        r->head = 1;
        log_head(r);
        memcpy(r->id, r->h.request_id, sizeof r->id);
    } else if (e == LLMI_HTTP_END) {
        r->ended = 1;
        if (strcmp(r->id, r->h.request_id) != 0) t_check(0, "trailers change nothing", __FILE__, __LINE__);
        snprintf(b, sizeof b, "END%s\n", r->h.keep_alive ? "" : " close");
        t_adds(&r->log, b);
    } else {
        r->ended = 1;
        if (r->h.keep_alive) t_check(0, "a broken connection is not kept", __FILE__, __LINE__);
        snprintf(b, sizeof b, "ERROR %s %s\n", llm_status_name(r->h.error_status), r->h.why);
        t_adds(&r->log, b);
    }
}

static void feed(run *r, const char *bytes, size_t n) {
    const char *start = t_at_edge(bytes, n), *p = start, *end = start + n;
    while (!r->ended) {
        llmi_http_event e = llmi_http_next(&r->h, &p, end);
        if (e == LLMI_HTTP_MORE) {
            if (p != end) t_check(0, "MORE with input left", __FILE__, __LINE__);
            return;
        }
        log_event(r, e);
        if (r->ended) {   /* the end repeats and takes nothing */
            const char *q = p;
            if (llmi_http_next(&r->h, &q, end) != e || q != p) t_check(0, "the end repeats", __FILE__, __LINE__);
        }
    }
    if (r->h.state == LLMI_HTTP_DONE) r->rest += (size_t)(end - p);
}

static void start(run *r) {
    r->log.n = r->body.n = 0;
    r->head = r->ended = 0;
    r->rest = 0;
    t_add(&r->log, "", 0);
    llmi_http_init(&r->h);
}

/* After the last byte: what the end of the connection means, in order or not. */
static void finish(run *r) {
    char b[40];
    if (r->rest > 0) {
        snprintf(b, sizeof b, "LEFT %zu\n", r->rest);
        t_adds(&r->log, b);
    }
    flush_body(r);
    if (!r->ended) {
        run copy = *r;
        t_adds(&r->log, "EOF ");
        log_event(r, llmi_http_eof(&r->h, 1));
        memset(&r->body, 0, sizeof r->body);
        r->body = copy.body;
        r->h = copy.h;
        t_adds(&r->log, "CUT ");
        log_event(r, llmi_http_eof(&r->h, 0));
    }
}

static void check_case(const t_block *b) {
    static run whole, parts;
    size_t i;
    int same = 1;
    start(&whole);
    feed(&whole, b->input.p, b->input.n);
    finish(&whole);
    CHECK_STR(whole.log.p, b->wanted.p);
    start(&parts);
    for (i = 0; i < b->input.n; i++) feed(&parts, b->input.p + i, 1);
    finish(&parts);
    CHECK_STR(parts.log.p, b->wanted.p);
    for (i = 0; i <= b->input.n && same; i++) {
        start(&parts);
        feed(&parts, b->input.p, i);
        feed(&parts, b->input.p + i, 0);
        feed(&parts, b->input.p + i, b->input.n - i);
        finish(&parts);
        same = strcmp(parts.log.p, b->wanted.p) == 0;
    }
    CHECK(same);
}

/* Promise: an answer that breaks off is told apart by where. */
static void check_cuts(const t_block *b) {
    static run r;
    size_t i;
    int clean, good = 1;
    for (i = 0; i <= b->input.n && good; i++) {
        for (clean = 0; clean < 2; clean++) {
            llmi_http_event e;
            start(&r);
            feed(&r, b->input.p, i);
            if (r.ended) continue;
            e = llmi_http_eof(&r.h, clean);
            good = good && e == llmi_http_eof(&r.h, clean);
            if (!r.head) good = good && e == LLMI_HTTP_ERROR && r.h.error_status == LLM_ERR_CONNECTION;
            else if (e == LLMI_HTTP_ERROR) good = good && r.h.error_status == LLM_ERR_TRUNCATED;
            else good = good && e == LLMI_HTTP_END && !r.h.keep_alive;
        }
    }
    CHECK(good);
}

/* Each verdict stands beside its rule, "(9112 7.1)", and the line behind the name says why. */
static void test_reasons(void) {
    char *file = t_read_file("data/http/responses.txt", NULL);
    const char *p;
    char name[160];
    for (p = strstr(file, "\n== "); p; p = strstr(p + 1, "\n== ")) {
        const char *end = strchr(p + 1, '\n'), *rule;
        snprintf(name, sizeof name, "%.*s", (int)(end - p - 4), p + 4);
        t_case = name;
        rule = strrchr(name, '(');
        CHECK(rule && (strspn(rule + 1, "0123456789") == 4 || !strcmp(rule, "(not in an RFC)")));
        CHECK(end[1] == '#' && end[2] == ' ' && strchr(end + 1, '\n') - end > 5);
    }
    t_case = "";
    free(file);
}

static void test_responses(void) {
    char *file = t_read_file("data/http/responses.txt", NULL);
    const char *at = file;
    static t_block b;
    int n = 0;
    while (t_next_block(&at, &b)) {
        t_case = b.name;
        check_case(&b);
        check_cuts(&b);
        n++;
    }
    t_case = "";
    CHECK(n > 200);
    free(file);
}

/* ---- what a data file says badly ---------------------------------------------------------------------------- */
static void test_sizes(void) {
    static run r;
    static char big[300];
    char size[64];
    int i;
    CHECK(sizeof(llmi_http) <= 600);
    /* any 16 digits are a size, and a body of that size is never complete */
    start(&r);
    feed(&r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx", 66);
    CHECK(!r.ended && r.h.left == (uint64_t)-2);
    start(&r);
    feed(&r, "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nx", 58);
    CHECK(!r.ended && r.h.left == (uint64_t)-2);
    /* one-byte chunks for ever are no attack; 200 bytes of extension for each byte are */
    start(&r);
    feed(&r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 47);
    for (i = 0; i < 200000; i++) feed(&r, "1\r\nx\r\n", 6);
    CHECK(!r.ended && r.h.state == LLMI_HTTP_SIZE);
    start(&r);
    feed(&r, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 47);
    memset(big, 'e', sizeof big);
    memcpy(big, "1;", 2);
    memcpy(big + 200, "\r\nx\r\n", 5);
    for (i = 0; i < 2000 && !r.ended; i++) feed(&r, big, 205);
    CHECK(r.ended && r.h.error_status == LLM_ERR_PROTOCOL);
    CHECK(i >= 300 && i < 400);   /* 64 KiB, 196 spent each time */
    /* interim answers for ever pass the limit of a head */
    start(&r);
    for (i = 0; i < 2000 && !r.ended; i++) feed(&r, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    CHECK(r.ended && r.h.error_status == LLM_ERR_LIMIT && i == LLM_MAX_HEAD / 25 + 1);
    for (i = 0; i < 600; i++) {   /* the only statuses are 100 to 599 */
        snprintf(size, sizeof size, "HTTP/1.1 %03d\r\nContent-Length: 0\r\n\r\n", i);
        start(&r);
        feed(&r, size, strlen(size));
        if (i < 100 || i == 101) CHECK(r.h.error_status == LLM_ERR_PROTOCOL);
        else if (i < 200) CHECK(!r.ended && !r.head);
        else CHECK(r.ended && r.h.status == i && r.h.error_status == LLM_OK && r.h.keep_alive);
    }
}

/* Against the C library's calendar. */
static void test_dates(void) {
    static const char *const days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static const char *const bad[] = {
        "Sun, 06 Nov 1994 08:49:37", "Sun, 6 Nov 1994 08:49:37 GMT", "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT", "Sun, 29 Feb 2023 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 100000 08:49:37 GMT", "Sunday, 06 Nov 1994 08:49:37 GMT", "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 06 08:49:37 94", "Sonntag, 06-Nov-94 08:49:37 GMT", "Sun", "Sunday", "",
        "Sun, -6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08-49-37 GMT"};
    int64_t t;
    size_t i;
    char text[64];
    int wrong = 0;
    for (t = 3; t < 7258118400; t += 9000007) {
        time_t tt = (time_t)t;
        struct tm g;
        if ((int64_t)tt != t) break;   /* a time_t of 32 bits */
        g = *gmtime(&tt);
        snprintf(text, sizeof text, "%.3s, %02d %s %04d %02d:%02d:%02d GMT", days[g.tm_wday], g.tm_mday,
                 months[g.tm_mon], g.tm_year + 1900, g.tm_hour, g.tm_min, g.tm_sec);
        wrong += llmi_http_date(text, strlen(text)) != t;
        snprintf(text, sizeof text, "%.3s %s %2d %02d:%02d:%02d %04d", days[g.tm_wday], months[g.tm_mon], g.tm_mday,
                 g.tm_hour, g.tm_min, g.tm_sec, g.tm_year + 1900);
        wrong += llmi_http_date(text, strlen(text)) != t;
        if (t >= 3155760000) continue;   /* 2070 */
        snprintf(text, sizeof text, "%s, %02d-%s-%02d %02d:%02d:%02d GMT", days[g.tm_wday], g.tm_mday,
                 months[g.tm_mon], g.tm_year % 100, g.tm_hour, g.tm_min, g.tm_sec);
        wrong += llmi_http_date(text, strlen(text)) != t;
    }
    CHECK_INT(wrong, 0);
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        t_case = bad[i];
        CHECK_INT(llmi_http_date(bad[i], strlen(bad[i])), 0);
    }
    t_case = "";
    CHECK_INT(llmi_http_date("Sun, 06 Nov 1994 08:49:37 GMT", 29), 784111777);
    CHECK_INT(llmi_http_date("Tue, 29 Feb 2000 23:59:60 GMT", 29), 951868800);
    CHECK_INT(llmi_http_date("Mon, 01 Jan 0001 00:00:00 GMT", 29), 1);   /* long past, but a date */
    CHECK_INT(llmi_http_date("Fri, 31 Dec 9999 23:59:59 GMT", 29), 253402300799);
}

/* Any bytes: no crash, the same log at once and byte by byte. The pieces make valid starts likely. */
static void test_noise(void) {
    static const char *const pieces[] = {
        "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100\r\n\r\n", "HTTP/1.0 204 x\n", "Content-Length: 3\r\n", "\r\n", "\n", "\r",
        "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "Retry-After: 1.5\r\n", "3\r\nabc\r\n", "0\r\n\r\n",
        "5;a=\"b\"\r\nhello\r\n", "x-request-id: r\r\n", " ", ":", "\0", "\xFF", "A", "1", "ffffffffffffffff", "\t"};
    static run whole, parts;
    unsigned seed = 1;
    int i, same = 1;
    for (i = 0; i < 20000 && same; i++) {
        char input[400];
        size_t n = 0, k;
        while (n < 300) {
            const char *s;
            seed = seed * 1103515245u + 12345u;
            s = pieces[n == 0 && (seed & 0x3000) != 0 ? 0 : (seed >> 16) % 22];
            k = *s ? strlen(s) : 1;
            memcpy(input + n, s, k);
            n += k;
            if ((seed >> 8 & 15) == 0) break;
        }
        start(&whole);
        feed(&whole, input, n);
        finish(&whole);
        start(&parts);
        for (k = 0; k < n; k++) feed(&parts, input + k, 1);
        finish(&parts);
        same = strcmp(whole.log.p, parts.log.p) == 0;
    }
    CHECK(same);
}

/* ---- requests ----------------------------------------------------------------------------------------------- */
static llmi_url the_url;
static llmi_http_request request(const char *url, const char *key) {
    llmi_http_request r;
    memset(&r, 0, sizeof r);
    CHECK(llmi_url_parse(&the_url, url, NULL) == LLM_OK);
    r.url = &the_url;
    r.method = "POST";
    r.path = "/chat/completions";
    r.content_length = 17;
    r.key = key;
    r.key_len = key ? strlen(key) : 0;
    return r;
}

static void check_head(const llmi_http_request *r, const char *wanted) {
    char buf[2000];
    llm_text t;
    llmi_text_fixed(&t, buf, sizeof buf);
    llmi_http_write_head(&t, r);
    CHECK(t.err == LLM_OK);
    CHECK_STR(llmi_text_cstr(&t), wanted);
    llmi_text_counting(&t);
    llmi_http_write_head(&t, r);
    CHECK_INT(t.n, strlen(wanted));
}

static void test_requests(void) {
    static const llm_header own[] = {{"X-One", "1"}, {"user-AGENT", "mine/2"}, {"Authorization", "Basic eDp5"},
                                     {"X-One", "2"}, {"accept", "*/*"}, {"X-Empty", ""}};
    llmi_http_request r = request("https://api.openai.com/v1/", "sk-test");
    check_head(&r, "POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"
                   "User-Agent: llm_openai.h/" LLM_VERSION_STRING "\r\nAccept: application/json\r\n"
                   "Content-Type: application/json\r\nContent-Length: 17\r\nAuthorization: Bearer sk-test\r\n\r\n");
    r = request("http://[2001:DB8::1]:8080?a=b&c", NULL);
    r.stream = 1;
    r.content_length = 0;
    r.organization = "org-1";
    r.project = "proj_2";
    check_head(&r, "POST /chat/completions?a=b&c HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n"
                   "User-Agent: llm_openai.h/" LLM_VERSION_STRING "\r\nAccept: text/event-stream, application/json\r\n"
                   "Content-Type: application/json\r\nContent-Length: 0\r\n"
                   "OpenAI-Organization: org-1\r\nOpenAI-Project: proj_2\r\n\r\n");
    r = request("https://h:80/a/b?v=1", "");
    r.method = "GET";
    r.path = "/models?limit=2";
    r.content_length = 0;
    r.organization = r.project = "";
    check_head(&r, "GET /a/b/models?limit=2&v=1 HTTP/1.1\r\nHost: h:80\r\n"
                   "User-Agent: llm_openai.h/" LLM_VERSION_STRING "\r\nAccept: application/json\r\n\r\n");
    r = request("http://h", "sk-test");
    r.headers = own;
    r.header_count = sizeof own / sizeof own[0];
    check_head(&r, "POST /chat/completions HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
                   "Content-Length: 17\r\nX-One: 1\r\nuser-AGENT: mine/2\r\nAuthorization: Basic eDp5\r\nX-One: 2\r\n"
                   "accept: */*\r\nX-Empty: \r\n\r\n");
}

static void test_header_rules(void) {
    static const char *const reserved[] = {"Content-Length", "TRANSFER-ENCODING", "host", "Connection", "te", "Trailer",
                                           "Upgrade", "Expect", "Keep-Alive", "Proxy-Connection",
                                           "Proxy-Authorization"};
    size_t i;
    int c;
    for (i = 0; i < sizeof reserved / sizeof reserved[0]; i++) CHECK(llmi_http_header_reserved(reserved[i]));
    CHECK(!llmi_http_header_reserved("Authorization") && !llmi_http_header_reserved("Host-X") &&
          !llmi_http_header_reserved("") && !llmi_http_header_reserved("Accept-Encoding"));
    CHECK(llmi_http_header_ok("X-A", "") && llmi_http_header_ok("x", "a b\tc~"));
    CHECK(!llmi_http_header_ok("", "a") && !llmi_http_header_ok(NULL, "a") && !llmi_http_header_ok("X", NULL));
    for (c = 1; c < 256; c++) {   /* RFC 9110 5.6.2 and 5.5 */
        char s[4] = {'a', (char)c, 'b', 0};
        int alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        CHECK(llmi_http_header_ok(s, "v") == (alnum || strchr("!#$%&'*+-.^_`|~", c) != NULL));
        CHECK(llmi_http_header_ok("N", s) == (c == '\t' || (c >= 0x20 && c <= 0x7E)));
    }
}

int main(void) {
    test_requests();
    test_header_rules();
    test_reasons();
    test_responses();
    test_sizes();
    test_dates();
    test_noise();
    return t_done();
}
