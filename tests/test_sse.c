/* test_sse.c - >>sse: tests/data/sse at once, byte by byte, at every split and against an unreadable page; a second
   decoder, which works on the whole input, as the judge of random streams; limits; when an event is reported. */
#define LLM_MAX_EVENT ((size_t)100000)
#include "t.h"
#include "t_cases.h"

typedef struct run {
    llmi_sse s;
    t_text   log, payload;
    int      pieces, broken;
} run;

static void start(run *r) {
    r->log.n = r->payload.n = 0;
    t_add(&r->log, "", 0);
    t_add(&r->payload, "", 0);
    r->pieces = r->broken = 0;
    llmi_sse_init(&r->s);
}

static void log_event(run *r, const char *name) {
    t_adds(&r->log, "EVENT ");
    t_adds(&r->log, name[0] ? name : "-");
    t_adds(&r->log, " \"");
    t_add_escaped(&r->log, r->payload.p, r->payload.n);
    t_adds(&r->log, "\"\n");
    r->payload.n = 0;
    r->pieces = 0;
}

static void log_one(run *r, llmi_sse_event e) {
    if (e == LLMI_SSE_DATA) {
        if (r->s.len == 0) t_check(0, "a piece is never empty", __FILE__, __LINE__);
        if (r->s.first != (r->pieces == 0)) t_check(0, "first", __FILE__, __LINE__);
        r->pieces++;
        t_add(&r->payload, r->s.data, r->s.len);
    } else if (e == LLMI_SSE_EVENT) {
        log_event(r, r->s.name);
    } else if (e == LLMI_SSE_DONE) {
        if (r->pieces > 0) t_check(0, "nothing of [DONE] is given out", __FILE__, __LINE__);
        t_adds(&r->log, "DONE\n");
    } else if (e == LLMI_SSE_ERROR && !r->broken) {
        r->broken = 1;
        t_adds(&r->log, "ERROR\n");
    }
}

static void feed(run *r, const char *bytes, size_t n) {
    const char *at = t_at_edge(bytes, n), *p = at, *end = at + n;
    llmi_sse_event e;
    while ((e = llmi_sse_next(&r->s, &p, end)) != LLMI_SSE_MORE) {
        log_one(r, e);
        if (e == LLMI_SSE_ERROR) return;
    }
    if (p != end) t_check(0, "MORE with input left", __FILE__, __LINE__);
}

/* The end of the input; `quiet` leaves out that nothing was left. */
static void finish(run *r, int quiet) {
    llmi_sse_event e = llmi_sse_eof(&r->s);
    if (e == LLMI_SSE_ERROR) {
        log_one(r, e);
        return;
    }
    if (e == LLMI_SSE_MORE && quiet) return;
    t_adds(&r->log, "EOF ");
    if (e == LLMI_SSE_MORE) t_adds(&r->log, "-\n");
    else log_one(r, e);
    if (llmi_sse_eof(&r->s) != LLMI_SSE_MORE) t_check(0, "the end comes once", __FILE__, __LINE__);
}

static void test_golden(void) {
    char *file = t_read_file("data/sse/events.txt", NULL);
    const char *at = file;
    static t_block b;
    static run r;
    int n = 0;
    while (t_next_block(&at, &b)) {
        int quiet = strstr(b.wanted.p, "EOF") == NULL, same = 1;
        size_t i;
        t_case = b.name;
        start(&r);
        feed(&r, b.input.p, b.input.n);
        finish(&r, quiet);
        CHECK_STR(r.log.p, b.wanted.p);
        start(&r);
        for (i = 0; i < b.input.n; i++) {
            feed(&r, b.input.p + i, 1);
            feed(&r, b.input.p + i, 0);
        }
        finish(&r, quiet);
        CHECK_STR(r.log.p, b.wanted.p);
        for (i = 0; i <= b.input.n && same; i++) {
            start(&r);
            feed(&r, b.input.p, i);
            feed(&r, b.input.p + i, b.input.n - i);
            finish(&r, quiet);
            same = strcmp(r.log.p, b.wanted.p) == 0;
        }
        CHECK(same);
        n++;
    }
    t_case = "";
    CHECK(n > 50);
    free(file);
}

/* An event is reported with the byte that completes it, not with the next one: a CR that ends the blank line too. */
static void test_no_delay(void) {
    static const char *const ends[] = {"\n\n", "\r\r", "\r\n\r\n", "\n\r", "\r\n\r", "\r\n\n", "\n\r\n"};
    static run r;
    size_t i, k;
    for (i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char text[40];
        size_t first = strlen(ends[i]);
        if (first >= 2 && ends[i][first - 1] == '\n' && ends[i][first - 2] == '\r') first--;   /* that CR is enough */
        snprintf(text, sizeof text, "data: 1%s", ends[i]);
        start(&r);
        for (k = 0; k < 7 + first - 1; k++) feed(&r, text + k, 1);
        CHECK_STR(r.log.p, "");
        feed(&r, text + k, 1);
        CHECK_STR(r.log.p, "EVENT - \"1\"\n");
        for (k++; k < strlen(text); k++) feed(&r, text + k, 1);
        finish(&r, 0);
        CHECK_STR(r.log.p, "EVENT - \"1\"\nEOF -\n");
    }
}

/* Pieces are the input itself, as long as they can be; a piece goes out as soon as it is there. */
static void test_pieces(void) {
    static const char text[] = "data: {\"content\":\"abc\"}\n\n";
    const char *p = text, *end = text + sizeof text - 1;
    llmi_sse s;
    llmi_sse_init(&s);
    CHECK(llmi_sse_next(&s, &p, end) == LLMI_SSE_DATA && s.data == text + 6 && s.len == 17 && s.first);
    CHECK(llmi_sse_next(&s, &p, end) == LLMI_SSE_EVENT && p == end && s.name[0] == 0);
    CHECK(llmi_sse_next(&s, &p, end) == LLMI_SSE_MORE);
    p = text;
    CHECK(llmi_sse_next(&s, &p, text + 10) == LLMI_SSE_DATA && s.data == text + 6 && s.len == 4 && s.first);
    CHECK(llmi_sse_next(&s, &p, text + 10) == LLMI_SSE_MORE);
    CHECK(llmi_sse_next(&s, &p, text + 12) == LLMI_SSE_DATA && s.data == text + 10 && s.len == 2 && !s.first);
}

/* ---- limits ------------------------------------------------------------------------------------------------- */
/* Feeds `n` bytes of `fill` between `before` and `after`, in pieces of `step`. */
static int feed_long(run *r, const char *before, size_t n, const char *fill, const char *after, size_t step) {
    t_text t = {NULL, 0, 0};
    size_t i, k = strlen(fill);
    t_adds(&t, before);
    for (i = 0; i < n; i += k) t_add(&t, fill, k);
    t_adds(&t, after);
    for (i = 0; i < t.n && !r->broken; i += step) feed(r, t.p + i, t.n - i < step ? t.n - i : step);
    free(t.p);
    return r->broken;
}

static void test_limits(void) {
    static const size_t steps[] = {1, 97, 4093, 1 << 19};
    static run r;
    size_t i;
    CHECK(sizeof(llmi_sse) <= 200);
    for (i = 0; i < 4; i++) {
        size_t step = steps[i];
        char name[32];
        snprintf(name, sizeof name, "steps of %zu", step);
        t_case = name;
        /* exactly the limit, "data: " included, and one more: what fits is given out before the error */
        start(&r);
        CHECK(!feed_long(&r, "data: ", 100000 - 6, "x", "\n\n", step) && r.payload.n == 0 && r.log.n > 90000);
        start(&r);
        CHECK(feed_long(&r, "data: ", 100000 - 5, "x", "\n\n", step));
        CHECK_INT(r.payload.n, 100000 - 6);
        CHECK(llmi_sse_eof(&r.s) == LLMI_SSE_ERROR);
        /* lines that mean nothing: without an end they pass the limit, complete ones leave nothing behind */
        start(&r);
        CHECK(feed_long(&r, ":", 100000, "x", "", step));
        start(&r);
        CHECK(feed_long(&r, "id: ", 100000, "x", "", step));
        start(&r);
        CHECK(feed_long(&r, "event: ", 100000, "x", "", step));
        start(&r);
        CHECK(feed_long(&r, "data: ", 100000, " ", "", step));
        start(&r);
        CHECK(!feed_long(&r, "", 300000, ": ping\nid: 1\r\nevent: x\rfoo\n", "data: 1\n\n", step));
        CHECK_STR(r.log.p, "EVENT x \"1\"\n");
        start(&r);
        CHECK(!feed_long(&r, "", 300000, "\r\n: x\n", "data: 1\n\n", step));
        CHECK_STR(r.log.p, "EVENT - \"1\"\n");
        /* data lines of one event add up, those of several do not */
        start(&r);
        CHECK(feed_long(&r, "", 120000, "data: x\n", "", step));
        start(&r);
        CHECK(feed_long(&r, "", 150000, "data\n", "", step));
        start(&r);
        CHECK(!feed_long(&r, "", 300000, "data: x\n\n", "", step));
        CHECK(!feed_long(&r, "", 300000, "data\n\n", "", step));
    }
    t_case = "";
}

/* ---- a second opinion --------------------------------------------------------------------------------------- */
/* The standard's algorithm on the whole input, line by line, with our lenient rules at the dispatch. More than 16
   blanks before a payload do not occur in it. */
typedef struct judge { t_text data; char name[64]; int has_data; } judge;

static void judge_line(judge *j, const char *p, size_t n) {
    const char *colon = (const char *)memchr(p, ':', n);
    size_t field = colon ? (size_t)(colon - p) : n;
    const char *value = colon ? colon + 1 : p + n;
    size_t len = (size_t)(p + n - value);
    if (len > 0 && *value == ' ') value++, len--;
    if (field == 4 && memcmp(p, "data", 4) == 0) {
        if (j->has_data) t_add(&j->data, "\n", 1);
        t_add(&j->data, value, len);
        j->has_data = 1;
    } else if (field == 5 && memcmp(p, "event", 5) == 0) {
        snprintf(j->name, 32, "%.*s", (int)len, value);
    }
}

static void judge_dispatch(judge *j, run *out) {
    const char *p = j->data.p, *end = p + j->data.n;
    while (p < end && strchr(" \t\n", *p)) p++;
    while (end > p && strchr(" \t\n", end[-1])) end--;
    if (end - p == 6 && memcmp(p, "[DONE]", 6) == 0) {
        t_adds(&out->log, "DONE\n");
    } else if (p < end || strcmp(j->name, "error") == 0) {
        if (p < end) t_add(&out->payload, j->data.p, j->data.n);
        log_event(out, j->name);
    }
    j->data.n = 0;
    j->has_data = 0;
    j->name[0] = 0;
}

static void judge_stream(const char *p, size_t n, run *out) {
    judge j;
    const char *end = p + n;
    memset(&j, 0, sizeof j);
    t_add(&j.data, "", 0);
    start(out);
    if (n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0) p += 3;
    while (p < end) {
        const char *line = p;
        while (p < end && *p != '\r' && *p != '\n') p++;
        if (p == line) judge_dispatch(&j, out);
        else judge_line(&j, line, (size_t)(p - line));
        if (*p++ == '\r' && p < end && *p == '\n') p++;
    }
    free(j.data.p);
}

static void test_random(void) {
    static const char *const pieces[] = {"data", "data: ", "data:", "event: ", "event", "error", ":", " ", "\n", "\r",
                                         "\r\n", "\n\n", "[DONE]", "[DO", "NE]", "{\"a\":1}", "id: 1", "\t", "x",
                                         "d", "e", "\xEF\xBB\xBF", "\xEF", "\n\ndata: [DONE]\n\n", "retry: 1", "\r\r"};
    static run wanted, got;
    unsigned seed = 7;
    int i, same = 1;
    for (i = 0; i < 60000 && same; i++) {
        char input[300];
        size_t n = 0, k, parts;
        seed = seed * 1103515245u + 12345u;
        for (parts = (seed >> 16) % 24; parts > 0; parts--) {
            const char *s;
            seed = seed * 1103515245u + 12345u;
            s = pieces[(seed >> 16) % (sizeof pieces / sizeof pieces[0])];
            memcpy(input + n, s, strlen(s));
            n += strlen(s);
        }
        memcpy(input + n, "\n\n", 2);   /* the end of the input has its golden cases */
        n += 2;
        judge_stream(input, n, &wanted);
        for (k = 0; k < 3 && same; k++) {
            size_t step = k == 0 ? n : k == 1 ? 1 : (seed >> 8) % 7 + 1, at;
            start(&got);
            for (at = 0; at < n; at += step) feed(&got, input + at, n - at < step ? n - at : step);
            same = strcmp(got.log.p, wanted.log.p) == 0 && llmi_sse_eof(&got.s) == LLMI_SSE_MORE;
        }
        if (!same) {
            t_text t = {NULL, 0, 0};
            t_add_escaped(&t, input, n);
            fprintf(stderr, "    input:  %s\n    is:     %s    wanted: %s", t.p, got.log.p, wanted.log.p);
            free(t.p);
        }
    }
    CHECK(same);
}

int main(void) {
    test_golden();
    test_no_delay();
    test_pieces();
    test_limits();
    test_random();
    return t_done();
}
