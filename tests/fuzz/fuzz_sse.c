/* fuzz_sse.c - server-sent events: one byte says how they are cut. Beside the splits a second decoder, which works on the
   whole input by the standard's algorithm, must agree. */
#define LLM_MAX_EVENT ((size_t)512)
#include "fuzz.h"

typedef struct run { llmi_sse s; fuzz_text log, payload; int pieces, broken; } run;

static void log_event(fuzz_text *log, fuzz_text *payload, const char *name) {
    fuzz_adds(log, "EVENT ");
    fuzz_adds(log, name);
    fuzz_addi(log, "bytes", (long long)payload->n);
    fuzz_add(log, payload->p, payload->n);
    fuzz_adds(log, "\n");
    fuzz_clear(payload);
}

static void take(run *r, llmi_sse_event e) {
    FUZZ_CHECK(!r->broken || e == LLMI_SSE_ERROR);
    if (e == LLMI_SSE_DATA) {
        FUZZ_CHECK(r->s.len > 0 && r->s.first == (r->pieces == 0));
        r->pieces++;
        fuzz_add(&r->payload, r->s.data, r->s.len);
    } else if (e == LLMI_SSE_EVENT) {
        FUZZ_CHECK(strlen(r->s.name) < sizeof r->s.name);
        FUZZ_CHECK(r->pieces > 0 || strcmp(r->s.name, "error") == 0);
        log_event(&r->log, &r->payload, r->s.name);
        r->pieces = 0;
    } else if (e == LLMI_SSE_DONE) {
        FUZZ_CHECK(r->pieces == 0);
        fuzz_adds(&r->log, "DONE\n");
    } else if (!r->broken) {
        FUZZ_CHECK(e == LLMI_SSE_ERROR);
        fuzz_addi(&r->log, "ERROR", (long long)r->payload.n);
        r->broken = 1;
    }
    FUZZ_CHECK(r->payload.n <= LLM_MAX_EVENT);
}

static void run_all(run *r, const char *data, size_t n, unsigned how) {
    fuzz_cut cut = fuzz_cut_of(how, n);
    size_t at = 0;
    memset(r, 0, sizeof *r);
    fuzz_clear(&r->log);
    fuzz_clear(&r->payload);
    llmi_sse_init(&r->s);
    while (at < n && !r->broken) {
        size_t k = fuzz_cut_next(&cut, n - at);
        char *piece = fuzz_piece(data + at, k);
        const char *p = piece, *end = piece + k;
        llmi_sse_event e;
        while (!r->broken && (e = llmi_sse_next(&r->s, &p, end)) != LLMI_SSE_MORE) take(r, e);
        FUZZ_CHECK(r->broken || p == end);
        at += k;
        free(piece);
    }
    fuzz_adds(&r->log, "EOF\n");
    if (!r->broken) {
        llmi_sse_event e = llmi_sse_eof(&r->s);
        FUZZ_CHECK(e == LLMI_SSE_EVENT || e == LLMI_SSE_DONE || e == LLMI_SSE_MORE);
        if (e == LLMI_SSE_EVENT) fuzz_addi(&r->log, "left", r->pieces > 0);
        if (e == LLMI_SSE_DONE) fuzz_adds(&r->log, "DONE\n");
        FUZZ_CHECK(llmi_sse_eof(&r->s) == LLMI_SSE_MORE);
    } else {
        FUZZ_CHECK(llmi_sse_eof(&r->s) == LLMI_SSE_ERROR);
    }
}

/* The judge. A payload may lose blanks of its beginning behind the sixteenth, and behind a [DONE] that turns out to
   be none: JSON does not see the first, and the second is no JSON. Such inputs, and those that come near the limit, are
   not compared. */
typedef struct judge { fuzz_text data, log; char name[64]; int has_data, strange; size_t line; } judge;

static void judge_line(judge *j, const char *p, size_t n) {
    const char *colon = (const char *)memchr(p, ':', n);
    size_t field = colon ? (size_t)(colon - p) : n;
    const char *value = colon ? colon + 1 : p + n;
    size_t len = (size_t)(p + n - value);
    if (n > 200) j->strange = 1;
    if (len > 0 && *value == ' ') value++, len--;
    if (field == 4 && memcmp(p, "data", 4) == 0) {
        if (j->has_data) fuzz_add(&j->data, "\n", 1);
        fuzz_add(&j->data, value, len);
        j->has_data = 1;
        j->line += n;
        if (j->line > 400) j->strange = 1;
    } else if (field == 5 && memcmp(p, "event", 5) == 0) {
        size_t most = len < 31 ? len : 31;
        memcpy(j->name, value, most);
        j->name[most] = 0;
        if (memchr(value, 0, most)) j->strange = 1;
    }
}

static void judge_dispatch(judge *j) {
    const char *p = j->data.p, *end = p + j->data.n;
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n')) p++;
    if (p - j->data.p > 16) j->strange = 1;
    if (end - p > 12 && memcmp(p, "[DONE]", 6) == 0) j->strange = 1;
    while (end > p && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\n')) end--;
    if (end - p == 6 && memcmp(p, "[DONE]", 6) == 0 && j->data.n < 18) {
        fuzz_adds(&j->log, "DONE\n");
    } else if (p < end || strcmp(j->name, "error") == 0) {
        if (end - p == 6 && memcmp(p, "[DONE]", 6) == 0) j->strange = 1;
        if (p == end) fuzz_clear(&j->data);
        log_event(&j->log, &j->data, j->name);
    }
    fuzz_clear(&j->data);
    j->has_data = 0;
    j->line = 0;
    j->name[0] = 0;
}

static void compare_judge(const run *r, const char *p, size_t n) {
    judge j;
    const char *end = p + n;
    char *eof = strstr(r->log.p, "EOF\n");
    fuzz_text got = {NULL, 0, 0};
    memset(&j, 0, sizeof j);
    fuzz_clear(&j.data);
    fuzz_clear(&j.log);
    if (n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0) p += 3;
    else if (n > 0 && (*p == '\xEF')) j.strange = 1;       /* a mark cut off is a line that means nothing: as here, or not */
    while (p < end && !j.strange) {
        const char *line = p;
        while (p < end && *p != '\r' && *p != '\n') p++;
        if (p == end) break;                               /* what is not ended is not dispatched */
        if (p == line) judge_dispatch(&j);
        else judge_line(&j, line, (size_t)(p - line));
        if (*p++ == '\r' && p < end && *p == '\n') p++;
    }
    if (!j.strange && !r->broken && eof != NULL && memchr(r->log.p, 0, r->log.n) == NULL && strstr(eof + 1, "EOF\n") == NULL) {
        fuzz_add(&got, r->log.p, (size_t)(eof - r->log.p));
        fuzz_same(&got, &j.log, "as the standard's algorithm has it");
    }
    free(got.p);
    free(j.data.p);
    free(j.log.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_in in = {data, size};
    unsigned how = fuzz_byte(&in), i;
    run a, b;
    run_all(&a, (const char *)in.p, in.n, 0);
    for (i = 0; i < 2; i++) {
        run_all(&b, (const char *)in.p, in.n, i == 0 ? 1 : how);
        fuzz_same(&a.log, &b.log, "the same at every split");
        free(b.log.p);
        free(b.payload.p);
    }
    compare_judge(&a, (const char *)in.p, in.n);
    free(a.log.p);
    free(a.payload.p);
    return 0;
}
