/* json.c - the tokenizer with any number of pieces of any bytes, at most N of them at once, llmi_json_skip() and a half
   of a surrogate pair at any time. */
#define CUT
#include "eva.h"
#define N 24
static char piece[N];
static llmi_json j;

/* contracts of what json_leaf.c shows; used in the place of the functions (-eva-use-spec) */
/*@ requires some: n >= 1 && \valid_read(s + (0 .. 0));
    assigns \result \from s[0], n;
    assigns *bad \from s[0], n;
    ensures used: \result <= 4;
    ensures bad: \initialized(bad) && *bad <= 3; */
static size_t llmi_utf8_next(const char *s, size_t n, size_t *bad);
/*@ requires kept: j->n <= 65;
    assigns j->n, j->buf[0 .. 63] \from j->n, n;
    ensures kept: j->n <= 65; */
static void llmi_json_keep(llmi_json *j, const char *s, size_t n);
/*@ requires kept: j->n <= 65;
    requires parts: j->parts <= 3;
    assigns \result, j->n, j->parts, j->part[0 .. 3], j->buf[0 .. 63] \from j->n, j->parts, c;
    ensures kept: j->n <= 65;
    ensures parts: j->parts <= 4; */
static int llmi_json_part(llmi_json *j, char c);

static unsigned llmi_json_in_number(llmi_json *s, const char **pp, const char *end) {
    *pp = eva_within(*pp, end);
    s->step = (unsigned char)eva_any(0, 8);
    s->n = (unsigned char)eva_any(0, 64);
    s->cut = (unsigned char)eva_any(0, 1);
    s->text = s->buf;
    s->len = (size_t)eva_any(0, 64);
    if (*pp == end) return LLMI_JSON_MORE;
    if (eva_any(0, 1)) return llmi_json_fail(s, LLM_ERR_PROTOCOL, "");
    s->state = LLMI_JS_AFTER;
    return LLMI_JSON_NUMBER;
}

static unsigned llmi_json_in_word(llmi_json *s, const char **pp, const char *end) {
    *pp = eva_within(*pp, end);
    s->step = (unsigned char)eva_any(0, 4);
    if (eva_any(0, 1)) {
        s->state = s->word == 3 ? LLMI_JS_VALUE : LLMI_JS_AFTER;
        return s->word == 3 ? LLMI_JSON_MORE : (unsigned)LLMI_JSON_TRUE + s->word;
    }
    return *pp == end ? LLMI_JSON_MORE : llmi_json_fail(s, LLM_ERR_PROTOCOL, "");
}

int main(void) {
    llmi_json_event e;
    const char *p, *end = piece + N;
    llmi_json_init(&j);
    j.keep_half = (unsigned char)eva_any(0, 1);
    /*@ loop widen_hints global:"all", 0, 1, 2, 3, 4, 5, 8, 16, 24, 56, 63, 64, 65; */
    for (;;) {
        //@ dynamic_split j.state;
        Frama_C_make_unknown(piece, N);
        p = piece + eva_any(0, N);
        e = llmi_json_next(&j, &p, end);
        //@ assert within: (char const *)&piece[0] <= p <= end;
        if (e == LLMI_JSON_KEY || e == LLMI_JSON_STRING || e == LLMI_JSON_NUMBER) {
            //@ assert given: \valid_read(j.text + (0 .. j.len - 1));
        }
        if (j.state == LLMI_JS_FAILED) break;
        //@ assert depth: 0 <= j.depth <= LLM_MAX_JSON_DEPTH && 0 <= j.skip <= LLM_MAX_JSON_DEPTH + 1;
        //@ assert n: j.n <= 65;
        //@ assert parts: j.parts <= 3;
        //@ assert step: j.step <= 8;
        if (eva_any(0, 1)) llmi_json_skip(&j);
        if (e == LLMI_JSON_KEY && eva_any(0, 1)) j.high = (uint16_t)eva_any(0xD800, 0xDBFF);
        if (eva_any(0, 1)) break;
    }
    return llmi_json_end(&j);
}
