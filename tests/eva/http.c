/* http.c - the response reader with any number of pieces of any bytes, at most N of them at once. */
#define CUT
#include "eva.h"
#define N 40
static char piece[N];
static llmi_http h;

/* A header line's value, which http_leaf.c reads: any outcome. */
static void llmi_http_take(llmi_http *t) {
    t->flags = (unsigned)eva_any(0, 511);
    t->left = ((uint64_t)eva_any(0, 0x7FFFFFFF) << 32) + (uint64_t)eva_any(0, 0x7FFFFFFF);
    t->sse = eva_any(0, 1);
    t->json = eva_any(0, 1);
    t->should_retry = eva_any(-1, 1);
    t->state = LLMI_HTTP_LINE;
}

int main(void) {
    const char *p, *end = piece + N;
    llmi_http_event e;
    llmi_http_init(&h);
    /*@ loop widen_hints global:"all", 0, 1, 2, 7, 9, 12, 13, 16, 20, 40, 99, 127, 128, 160, 256, 257, 599, 5999, 65536; */
    for (;;) {
        //@ dynamic_split h.state;
        Frama_C_make_unknown(piece, N);
        p = piece + eva_any(0, N);
        h.head_left = LLM_MAX_HEAD; /* a head of any length; at the limit: http_leaf.c */
        e = llmi_http_next(&h, &p, end);
        //@ assert within: (char const *)&piece[0] <= p <= end;
        if (e == LLMI_HTTP_BODY) {
            //@ assert given: \valid_read(h.body + (0 .. h.body_len - 1));
        }
        if (e == LLMI_HTTP_ERROR) break;
        //@ assert kept: h.name_len <= 20 && h.value_len <= 160;
        //@ assert framing: h.framing <= 65536;
        if (eva_any(0, 1)) break;
    }
    return (int)llmi_http_eof(&h, eva_any(0, 1));
}
