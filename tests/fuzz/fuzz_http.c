/* fuzz_http.c - responses: one byte says how they are cut, one how the connection ends. */
#define LLM_MAX_HEAD 1024
#define LLM_MAX_HEADERS 12
#include "fuzz.h"

typedef struct run { llmi_http h; fuzz_text log, body; int head, over; size_t rest; const uint8_t *data; size_t n; } run;

/* The first final status of these bytes: RFC 9112 4, three digits; RFC 9110 15, from 100 to 599, 1xx are not final. */
static int final_status(const uint8_t *p, size_t n) {
    const uint8_t *end = p + n, *q;
    int status;
    for (;; p = q + 1) {
        q = p < end ? (const uint8_t *)memchr(p, '\n', (size_t)(end - p)) : NULL;
        if (q == NULL) return 0;
        if (q - p < 12 || memcmp(p, "HTTP/1.", 7) != 0) continue;
        status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
        if (status >= 200) return status;
    }
}

static void log_head(run *r) {
    const llmi_http *h = &r->h;
    FUZZ_CHECK(!r->head && h->status >= 200 && h->status <= 599);      /* 1xx are passed over */
    FUZZ_CHECK(h->status == final_status(r->data, r->n));
    r->head = 1;
    fuzz_addi(&r->log, "head", h->status);
    fuzz_addi(&r->log, "keep", h->keep_alive);
    fuzz_addi(&r->log, "sse", h->sse);
    fuzz_addi(&r->log, "json", h->json);
    fuzz_addi(&r->log, "retry", h->should_retry);
    fuzz_addi(&r->log, "after", (long long)h->retry_after_ms);
    fuzz_addi(&r->log, "at", (long long)h->retry_after_at);
    fuzz_adds(&r->log, h->request_id);
    fuzz_adds(&r->log, " ");
    fuzz_adds(&r->log, h->location);
    FUZZ_CHECK(!(h->sse && h->json) && h->should_retry >= -1 && h->should_retry <= 1);
    FUZZ_CHECK(h->retry_after_ms >= -1 && h->retry_after_at >= 0);
    FUZZ_CHECK(strlen(h->request_id) < sizeof h->request_id && strlen(h->location) < sizeof h->location);
    FUZZ_CHECK(strchr(h->location, '@') == NULL);                      /* no user info */
}

static void take(run *r, llmi_http_event e) {
    if (e == LLMI_HTTP_BODY) {
        FUZZ_CHECK(r->head && r->h.body_len > 0);
        fuzz_add(&r->body, r->h.body, r->h.body_len);
    } else if (e == LLMI_HTTP_HEAD) {
        log_head(r);
    } else {
        FUZZ_CHECK(e == LLMI_HTTP_END || e == LLMI_HTTP_ERROR);
        r->over = 1;
        fuzz_addi(&r->log, "over", (long long)e);
        fuzz_addi(&r->log, "keep", r->h.keep_alive);
        if (e == LLMI_HTTP_ERROR) {
            FUZZ_CHECK(!r->h.keep_alive && r->h.why != NULL && llm_is(r->h.error_status, LLM_ERR));
            fuzz_addi(&r->log, "status", (long long)r->h.error_status);
            fuzz_adds(&r->log, r->h.why);
        } else {
            FUZZ_CHECK(r->head);
        }
    }
}

static void run_all(run *r, const uint8_t *data, size_t n, unsigned how, int clean) {
    fuzz_cut cut = fuzz_cut_of(how, n);
    size_t at = 0;
    memset(r, 0, sizeof *r);
    r->data = data;
    r->n = n;
    fuzz_clear(&r->log);
    fuzz_clear(&r->body);
    llmi_http_init(&r->h);
    while (at < n && !r->over) {
        size_t k = fuzz_cut_next(&cut, n - at);
        char *piece = fuzz_piece(data + at, k);
        const char *p = piece, *end = piece + k;
        llmi_http_event e;
        while (!r->over && (e = llmi_http_next(&r->h, &p, end)) != LLMI_HTTP_MORE) {
            FUZZ_CHECK(p >= piece && p <= end);
            take(r, e);
            if (r->over) {
                const char *q = p;
                FUZZ_CHECK(llmi_http_next(&r->h, &q, end) == e && q == p);      /* the end repeats and takes nothing */
            }
        }
        FUZZ_CHECK(r->over || p == end);
        at += (size_t)(p - piece);
        free(piece);
    }
    if (!r->over) take(r, llmi_http_eof(&r->h, clean));
    if (r->h.state == LLMI_HTTP_DONE) r->rest = n - at;
    fuzz_addi(&r->log, "rest", (long long)r->rest);
    FUZZ_CHECK(r->body.n + r->rest <= n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_in in = {data, size};
    unsigned how = fuzz_byte(&in), clean = fuzz_byte(&in) & 1, i;
    run a, b;
    run_all(&a, in.p, in.n, 0, (int)clean);
    for (i = 0; i < 2; i++) {
        run_all(&b, in.p, in.n, i == 0 ? 1 : how, (int)clean);
        fuzz_same(&a.log, &b.log, "the same at every split");
        fuzz_same(&a.body, &b.body, "the same body at every split");
        free(b.log.p);
        free(b.body.p);
    }
    free(a.log.p);
    free(a.body.p);
    return 0;
}
