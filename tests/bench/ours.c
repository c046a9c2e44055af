/* ours.c N [discard]: reads a stream of N events through this library from memory, one event in each RECV.
   Prints the sum of the text and how often memory was asked for. With -DBENCH_SOCKET: ours N URL SIDE_PORT,
   over a socket, in step with server.c. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "stream.h"
#include "../log_guard.h"
#include <stdint.h>
#include <stdlib.h>

static unsigned long allocations;
static inline void *counted_malloc(size_t n) { allocations++; return malloc(n); }
static inline void *counted_realloc(void *p, size_t n) { allocations++; return realloc(p, n); }
#define LLM_MALLOC(ctx, n) ((void)(ctx), counted_malloc(n))
#define LLM_REALLOC(ctx, p, old, n) ((void)(ctx), (void)(old), counted_realloc((p), (n)))
#define LLM_FREE(ctx, p, n) ((void)(ctx), (void)(n), free(p))

#ifndef BENCH_SOCKET
typedef struct memory_conn { int piece; } memory_conn;
static char *pieces;          /* made before the measured part: PIECE_MAX bytes each */
static size_t *lengths;
static int events;
static long memory_recv(memory_conn *c, void *buf, size_t n);
#define LLM_NET_CONN memory_conn
#define LLM_NET_OPEN(ctx, conn, host, port, ms) \
    ((void)(ctx), (void)(host), (void)(port), (void)(ms), (conn)->piece = 0, 1)
#define LLM_NET_SEND(ctx, conn, buf, n, ms) ((void)(ctx), (void)(conn), (void)(buf), (void)(ms), (long)(n))
#define LLM_NET_RECV(ctx, conn, buf, n, ms) ((void)(ctx), (void)(ms), memory_recv((conn), (buf), (n)))
#define LLM_NET_CLOSE(ctx, conn) ((void)(ctx), (void)(conn))
#endif
#define LLM_NO_TLS
#define LLM_OPENAI_STATIC
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"

#ifndef BENCH_SOCKET
static long memory_recv(memory_conn *c, void *buf, size_t n) {
    size_t len;
    if (c->piece > events + 1) return LLM_NET_CLOSED;
    len = lengths[c->piece];
    if (len > n) return LLM_NET_FAILED;   /* a piece is to be one read: the receive buffer is too small */
    memcpy(buf, pieces + (size_t)c->piece * PIECE_MAX, len);
    c->piece++;
    return (long)len;
}
#else
#include "side.h"
static int side;
#endif

static int on_event(void *user, const llm_event *e) {
    if (e->kind == LLM_EVENT_TEXT) {
        bench_add((bench_sum *)user, e->text, e->len);
#ifdef BENCH_SOCKET
        side_step(side);
#endif
    }
    return 0;
}

/* The measured part: callgrind counts within this function only, as the pieces are made by the same program. */
int measured(const llm_config *config, const llm_request *request, bench_sum *sum);
#ifdef __clang__
__attribute__((noinline))
#else
__attribute__((noinline, noclone))
#endif
int measured(const llm_config *config, const llm_request *request, bench_sum *sum) {
    llm_response response;
    llm_client *client;
    llm_error error;
    int good;
    if (llm_client_new(&client, config, &error) != LLM_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 0;
    }
    good = llm_chat_stream(client, request, on_event, sum, &response) == LLM_OK;
    if (!good) fprintf(stderr, "%s\n", response.error.message);
    llm_response_free(&response);
    llm_client_free(client);
    return good;
}

int main(int argc, char **argv) {
    llm_config config = {0};
    llm_request request = {0};
    bench_sum sum = {0, 0};
    int n = argc > 1 ? atoi(argv[1]) : 0;
    if (n <= 0) return 2;
    config.api_key = KEY;
    config.model = "bench";
#ifndef BENCH_SOCKET
    request.discard_text = argc > 2;
    config.base_url = "http://127.0.0.1:9/v1";
    events = n;
    pieces = (char *)malloc((size_t)(n + 2) * PIECE_MAX);
    lengths = (size_t *)malloc((size_t)(n + 2) * sizeof *lengths);
    if (pieces == NULL || lengths == NULL) return 2;
    for (int i = 0; i < n + 2; i++) lengths[i] = bench_piece(pieces + (size_t)i * PIECE_MAX, i, n);
#else
    config.base_url = argv[2];
    side = side_open(atoi(argv[3]));
#endif
    request.prompt = PROMPT;
    if (!measured(&config, &request, &sum)) return 1;
    printf("bytes %lu hash %lx allocations %lu\n", sum.bytes, sum.hash, allocations);
    return 0;
}
