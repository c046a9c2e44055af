/* eva.h - what the drivers for frama-c's EVA share (tests/more_eva.sh runs them). The header is included with hooks that
   do nothing; with CUT defined it is a copy in which the definitions of some small functions have another name, NAME_own,
   and what stands here and in the driver takes their place: anything that their contract allows. That the functions keep
   to it is shown by the drivers *_leaf.c, which call them as they are. Why: EVA does not relate variables (p <= end, or
   n + len <= 64) unless it follows every value of them, which is too much for a whole reader and easy for a small function.

   An input always ends at the end of its array, a constant; where it begins is unknown. So reading behind the input is
   reading out of bounds, and p < end bounds p. */
#include "__fc_builtin.h"
#define LLM_NO_TLS
#define LLM_NO_SOCKETS
#define LLM_NO_MALLOC
#define LLM_NO_ENV
#define LLM_NO_FILES
#define LLM_NO_PRICING
#define LLM_NOW_MS(ctx) 0
#define LLM_UNIX_TIME(ctx) 0
#define LLM_SLEEP_MS(ctx, ms) ((void)0)
#define LLM_RANDOM(ctx, buf, n) 0
#define LLM_NET_CONN int
#define LLM_NET_OPEN(ctx, conn, host, port, timeout_ms) LLM_NET_FAILED
#define LLM_NET_SEND(ctx, conn, buf, n, timeout_ms) LLM_NET_FAILED
#define LLM_NET_RECV(ctx, conn, buf, n, timeout_ms) LLM_NET_FAILED
#define LLM_NET_CLOSE(ctx, conn) ((void)0)
#define LLM_OPENAI_IMPLEMENTATION
#define LLM_OPENAI_STATIC
#define LLMI_KEEP_MACROS

/*@ requires w != 0;
    assigns \result \from w;
    ensures 0 <= \result <= 63; */
int eva_ctzl(unsigned long w);
#define __builtin_ctzl(w) eva_ctzl(w)

static int eva_any(int lo, int hi) {
    return Frama_C_interval(lo, hi);
}

#ifdef CUT
static const char *eva_within(const char *p, const char *end) {
    const char *r = p + Frama_C_interval(0, 64);
    //@ admit r <= end;
    return r;
}
static const char *llmi_plain_end(const char *p, const char *end) {
    return eva_within(p, end);
}
static const char *llmi_json_run(const char *p, const char *end) {
    return eva_within(p, end);
}
static const char *llmi_http_below(const char *p, const char *end, unsigned char least) {
    (void)least;
    return eva_within(p, end);
}
struct llmi_json;
struct llmi_http;
static unsigned llmi_json_in_number(struct llmi_json *j, const char **pp, const char *end);
static unsigned llmi_json_in_word(struct llmi_json *j, const char **pp, const char *end);
static void llmi_http_take(struct llmi_http *h);
#endif
#include "llm_openai.h"
