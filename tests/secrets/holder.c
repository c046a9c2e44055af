/* holder.c - a program whose memory is searched: search.c starts it, sends it the key and orders through a pipe, and
   looks through all of its memory whenever it waits. It keeps no copy of its own: a frame is read by read(2) into one
   place, and that place is wiped before the answer. Default hooks; a log and events that go nowhere.

   A frame is 256 bytes, an order and its text:
       H S P M C  text = key   makes a client: HTTP, HTTPS, a port where nobody listens, HTTP in a block of memory,
                               HTTPS in a block of memory
       X          text = key   HTTPS through the proxy whose URL stands in the frame from byte 80 on
       k          text = key   llm_client_set_key()
       c s t e x               chat, stream, tools, chat through llm_start and llm_next, a stream cancelled at its first event
       b g                     begins a stream and reads its first event; goes on to the end
       w                       begins a stream and sends the request: no answer yet. `g` or `a` follow
       a                       gives the call up
       i                       a key with a blank inside is refused
       f                       llm_client_free()
   The answer is the status, four digits and a line end. */
#if !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE)
    #define _GNU_SOURCE 1
#endif
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static size_t logged;
#define LLM_LOG(ctx, level, p, n) ((void)(ctx), (void)(level), (void)(p), (void)(logged += (n)))
#define LLM_OPENAI_STATIC
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"

static const char *http_base, *https_base, *closed_base, *ca_file;
static llm_client *client;
static llm_call *call;
static char frame[256];
static char block[400000];

/* A defect for the search to find: the first 16 bytes of each key stay in a register, and nowhere else. */
#if defined(KEEP_IN_REGISTER) && defined(__x86_64__)
static unsigned char masked[16];      /* the key's bytes, each xor 0x55 */
static void mask_frame(void) {
    size_t i;
    if (strchr("HSPMCXk", frame[0]) == NULL) return;
    for (i = 0; i < sizeof masked; i++) masked[i] = (unsigned char)(frame[1 + i] ^ 0x55);
}
static long read_frame(void *p, size_t n) {
    static const unsigned char mask[16] = {0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55,
                                           0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55};
    long r = 0;
    __asm__ volatile("movdqu (%4), %%xmm15\n\tmovdqu (%5), %%xmm14\n\tpxor %%xmm14, %%xmm15\n\tsyscall\n\tpxor %%xmm15, %%xmm15"
                     : "+a"(r) : "D"(0L), "S"(p), "d"(n), "r"(masked), "r"(mask)
                     : "rcx", "r11", "xmm14", "xmm15", "memory");
    return r;
}
#else
#define mask_frame() ((void)0)
#define read_frame(p, n) read(0, (p), (n))
#endif

static void wipe_frame(void) {
    volatile char *p = frame;
    size_t i;
    for (i = 0; i < sizeof frame; i++) p[i] = 0;
}

static int on_event(void *user, const llm_event *ev) {
    int *stop = (int *)user;
    return ev->kind == LLM_EVENT_TEXT && stop != NULL && *stop;
}

static llm_status handler(void *user, const llm_tool_call *tc, llm_text *result) {
    (void)user;
    (void)tc;
    return llm_text_add(result, "18 degrees");
}

static llm_status make(char kind) {
    llm_config f = llm_config_init();
    llm_error e;
    f.api_key = frame + 1;
    f.base_url = kind == 'S' || kind == 'C' || kind == 'X' ? https_base : kind == 'P' ? closed_base : http_base;
    f.ca_file = ca_file;
    f.model = "gpt-4o";
    f.idle_timeout_ms = 20000;
    if (kind == 'X') f.proxy = frame + 80;
    f.max_retries = kind == 'P' ? 1 : 2;
    if (kind == 'M' || kind == 'C') {
        f.memory = block;
        f.memory_size = sizeof block;
    }
    return llm_client_new(&client, &f, &e);
}

static llm_status end_of(llm_call *c) {
    llm_event ev;
    llm_status s;
    while ((s = llm_next(c, &ev, -1)) == LLM_OK) {}
    return llm_finish(c, NULL);
}

static llm_status obey(char order) {
    llm_request q = llm_request_init();
    llm_response r;
    llm_tool tool;
    llm_event ev;
    llm_status s = LLM_ERR_INTERNAL;
    int stop = order == 'x';
    memset(&r, 0, sizeof r);
    memset(&tool, 0, sizeof tool);
    tool.name = "read_temperature";
    tool.handler = handler;
    q.prompt = "What is the temperature?";
    switch (order) {
    case 'H': case 'S': case 'P': case 'M': case 'C': case 'X': return make(order);
    case 'k': return llm_client_set_key(client, frame + 1);
    case 'i': return llm_client_set_key(client, frame + 1);
    case 'c': s = llm_chat(client, &q, &r); break;
    case 's': case 'x': s = llm_chat_stream(client, &q, on_event, &stop, &r); break;
    case 't':
        q.tools = &tool;
        q.tool_count = 1;
        s = llm_chat_with_tools(client, &q, 3, on_event, NULL, &r);
        break;
    case 'e':
        s = llm_start(client, &q, &call);
        return s == LLM_OK ? end_of(call) : s;
    case 'b': case 'w':
        s = llm_start(client, &q, &call);
        if (s != LLM_OK) return s;
        if (order == 'b') return llm_next(call, &ev, -1);
        while (call->state != LLMI_CALL_HEAD) {
            s = llm_next(call, &ev, 10);
            if (s != LLM_PENDING) break;
        }
        return s;
    case 'g': return end_of(call);
    case 'a': return llm_finish(call, NULL);
    case 'f':
        llm_client_free(client);
        client = NULL;
        return LLM_OK;
    default: return LLM_ERR_INTERNAL;
    }
    llm_response_free(&r);
    return s;
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    http_base = argv[1];
    https_base = argv[2];
    closed_base = argv[3];
    ca_file = argv[4];
    for (;;) {
        size_t n = 0;
        llm_status s;
        char out[8];
        while (n < sizeof frame) {
            ssize_t got = (ssize_t)read_frame(frame + n, sizeof frame - n);
            if (got <= 0) return 0;
            n += (size_t)got;
        }
        s = obey(frame[0]);
        mask_frame();
        wipe_frame();
        snprintf(out, sizeof out, "%05d\n", (int)s);
        if (write(1, out, 6) != 6) return 1;
    }
}
