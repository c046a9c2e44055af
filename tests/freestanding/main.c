/* main.c: the library on a system that has nothing: no C library, no heap, no sockets, no files. The hooks
   serve one recorded answer from memory, cut in two at every place in turn; each time the events must be
   those of the log that is compiled in (data.h, made from tests/data/freestanding by more_freestanding.sh).
   Linux x86-64 and aarch64 run it: two system calls are all that it needs to report. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct wire {         /* one connection: what it will say, and how far it is */
    size_t pos, cut;
    int waited, open;
} wire;

static int wire_open(void *ctx, wire *w);
static long wire_send(void *ctx, wire *w, const void *buf, size_t n);
static long wire_recv(void *ctx, wire *w, void *buf, size_t n);
static uint64_t ticks;
static int leaked;            /* a line of the log has held the key or the prompt */
#define LOG_GUARD_STOP() (leaked = 1)
#include "../log_guard.h"

#define LLM_NET_CONN wire
#define LLM_NET_OPEN(ctx, conn, host, port, ms) \
    ((void)(host), (void)(port), (void)(ms), wire_open((ctx), (conn)))
#define LLM_NET_SEND(ctx, conn, buf, n, ms) ((void)(ms), wire_send((ctx), (conn), (buf), (n)))
#define LLM_NET_RECV(ctx, conn, buf, n, ms) ((void)(ms), wire_recv((ctx), (conn), (buf), (n)))
#define LLM_NET_CLOSE(ctx, conn) ((void)(ctx), (void)((conn)->open = 0))
#define LLM_NOW_MS(ctx) ((void)(ctx), ticks)
#define LLM_UNIX_TIME(ctx) ((void)(ctx), (int64_t)0)
#define LLM_SLEEP_MS(ctx, ms) ((void)(ctx), (void)(ticks += (uint64_t)(ms)))
#define LLM_NO_TLS
#define LLM_NO_SOCKETS
#define LLM_NO_FILES
#define LLM_NO_ENV
#define LLM_OPENAI_STATIC
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"
#include "data.h"   /* answer[], answer_len, golden[], golden_len */

static size_t cut;            /* of the connection that is opened next */
static char sent[4096];       /* the request, as far as it fits */
static size_t sent_len;

static int wire_open(void *ctx, wire *w) {
    (void)ctx;
    w->pos = 0;
    w->cut = cut;
    w->waited = 0;
    w->open = 1;
    return 1;
}

/* Takes at most 100 bytes at once. */
static long wire_send(void *ctx, wire *w, const void *buf, size_t n) {
    (void)ctx;
    if (!w->open) return LLM_NET_FAILED;
    if (n > 100) n = 100;
    if (n > sizeof sent - sent_len) n = sizeof sent - sent_len;
    memcpy(sent + sent_len, buf, n);
    sent_len += n;
    return n > 0 ? (long)n : LLM_NET_FAILED;
}

static long wire_recv(void *ctx, wire *w, void *buf, size_t n) {
    size_t end = w->pos < w->cut ? w->cut : answer_len;
    (void)ctx;
    if (!w->open) return LLM_NET_FAILED;
    if (w->pos == w->cut && !w->waited) {
        w->waited = 1;
        return 0;
    }
    if (w->pos == answer_len) return LLM_NET_CLOSED;
    if (n > end - w->pos) n = end - w->pos;
    memcpy(buf, answer + w->pos, n);
    w->pos += n;
    return (long)n;
}

/* ---- the log ------------------------------------------------------------------------------------------- */
static char text[16384];
static size_t text_len;

static void put(const char *s, size_t n) {
    if (n > sizeof text - text_len) n = sizeof text - text_len;
    memcpy(text + text_len, s, n);
    text_len += n;
}

static void puts0(const char *s) {
    put(s, strlen(s));
}

static void put_number(long long v) {
    char d[20];
    size_t i = sizeof d;
    unsigned long long u = v < 0 ? 0u - (unsigned long long)v : (unsigned long long)v;
    do d[--i] = (char)('0' + (int)(u % 10));
    while ((u /= 10) != 0);
    if (v < 0) puts0("-");
    put(d + i, sizeof d - i);
}

static void log_event(const llm_event *e) {
    static const char *const names[] = {"text", "reasoning", "refusal", "tool_call", "tool_result", "retry"};
    puts0(names[e->kind]);
    puts0(" ");
    put_number(e->choice);
    puts0(" ");
    if (e->kind == LLM_EVENT_TOOL_CALL) {
        puts0(e->tool_call->id);
        puts0(" ");
        puts0(e->tool_call->name);
        puts0(" ");
        puts0(e->tool_call->arguments);
    } else if (e->kind == LLM_EVENT_RETRY) {
        puts0(e->error->message);
    } else {
        put(e->text, e->len);
    }
    puts0("\n");
}

static void log_response(const llm_response *r) {
    static const char *const reasons[] = {"none", "stop", "length", "tool_calls", "content_filter", "other"};
    puts0("status ");
    puts0(llm_status_name(r->status));
    if (r->status != LLM_OK) {
        puts0(" ");
        puts0(r->error.message);
    }
    puts0("\nid ");
    puts0(r->id);
    puts0("\nmodel ");
    puts0(r->model);
    puts0("\nrequest_id ");
    puts0(r->request_id);
    puts0("\nfinish ");
    puts0(reasons[r->finish_reason]);
    puts0("\nusage ");
    put_number(r->usage.input_tokens);
    puts0(" ");
    put_number(r->usage.cached_tokens);
    puts0(" ");
    put_number(r->usage.output_tokens);
    puts0(" ");
    put_number(r->usage.reasoning_tokens);
    puts0(" ");
    put_number(r->usage.total_tokens);
    puts0("\ncontent ");
    put(r->content, r->content_len);
    puts0("\n");
}

/* ---- one run ------------------------------------------------------------------------------------------- */
static uint64_t memory[128 * 1024 / 8];
static llm_response response;
static size_t peak;

static llm_status run(void) {
    llm_config config = {0};
    llm_request request = {0};
    llm_client *client = NULL;
    llm_call *call = NULL;
    llm_event event;
    llm_error error;
    llm_status s;
    int rounds = 0;
    config.api_key = KEY;
    config.base_url = "http://127.0.0.1:8080/v1";
    config.model = "m";
    config.memory = memory;
    config.memory_size = sizeof memory;
    config.max_idle = -1;
    request.prompt = PROMPT;
    text_len = sent_len = 0;
    s = llm_client_new(&client, &config, &error);
    if (s != LLM_OK) {
        puts0(error.message);
        return s;
    }
    s = llm_start(client, &request, &call);
    if (s != LLM_OK) puts0(llm_last_error(client)->message);
    while (s == LLM_OK || s == LLM_PENDING) {
        if (++rounds > 10000) break;
        s = llm_next(call, &event, 0);
        if (s == LLM_OK) log_event(&event);
    }
    if (call != NULL) {
        s = llm_finish(call, &response);
        log_response(&response);
        llm_response_free(&response);
    }
    if (llm_memory_peak(client) > peak) peak = llm_memory_peak(client);
    llm_client_free(client);
    return s;
}

/* ---- the two system calls ------------------------------------------------------------------------------ */
#if defined(__x86_64__)
static long system_call(long number, long a, const void *b, size_t c) {
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return r;
}
#define SYS_WRITE 1
#define SYS_EXIT 60
__asm__(".globl _start\n_start:\n\txorl %ebp, %ebp\n\tandq $-16, %rsp\n\tcall start\n\thlt\n");
#elif defined(__aarch64__)
static long system_call(long number, long a, const void *b, size_t c) {
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x2 __asm__("x2") = (long)c;
    register const void *x1 __asm__("x1") = b;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}
#define SYS_WRITE 64
#define SYS_EXIT 93
__asm__(".globl _start\n_start:\n\tbl start\n");
#endif

void start(void);
#ifdef SYS_WRITE
static void say(const char *s, size_t n) {
    while (n > 0) {
        long done = system_call(SYS_WRITE, 1, s, n);
        if (done <= 0) return;
        s += done;
        n -= (size_t)done;
    }
}

void start(void) {
    long long passed = 0, failed = 0;
    for (cut = 0; cut <= answer_len; cut++) {
        llm_status s = run();
        if (s == LLM_OK && !leaked && text_len == golden_len && memcmp(text, golden, golden_len) == 0) {
            passed++;
            continue;
        }
        if (failed++ == 0) {   /* the first one tells enough */
            say(text, text_len);
            text_len = 0;
            puts0("\n^ the log, with the answer cut at byte ");
            put_number((long long)cut);
            puts0("\n");
            say(text, text_len);
        }
    }
    text_len = 0;
    puts0("memory in use at most: ");
    put_number((long long)peak);
    puts0(" bytes\n");
    put_number(passed);
    puts0(" splits good, ");
    put_number(failed);
    puts0(" bad\n");
    say(text, text_len);
    (void)system_call(SYS_EXIT, failed != 0, NULL, 0);
}
#else
void start(void) {   /* only compiled, to see what it needs */
    (void)run();
}
#endif
