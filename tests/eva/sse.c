/* sse.c - the reader of server-sent events with any number of pieces of any bytes, at most N of them at once. */
#define LLM_MAX_EVENT 4096
#define CUT
#include "eva.h"
#define N 40
static char piece[N];
static llmi_sse s;

int main(void) {
    llmi_sse_event e;
    const char *p, *end = piece + N;
    llmi_sse_init(&s);
    /*@ loop widen_hints global:"all", 0, 1, 2, 3, 4, 5, 6, 16, 22, 24, 31, 32, 40; */
    for (;;) {
        //@ dynamic_split s.state;
        Frama_C_make_unknown(piece, N);
        p = piece + eva_any(0, N);
        e = llmi_sse_next(&s, &p, end);
        //@ assert within: (char const *)&piece[0] <= p <= end;
        //@ assert held: s.held_len <= 24 && s.name_len <= 31 && s.match <= 6;
        if (e == LLMI_SSE_DATA) {
            //@ assert given: \valid_read(s.data + (0 .. s.len - 1));
        }
        if (eva_any(0, 1)) break;
    }
    return (int)llmi_sse_eof(&s);
}
