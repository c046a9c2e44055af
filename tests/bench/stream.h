/* stream.h: the answer that both sides of the benchmark read, piece by piece: piece 0 is the head and the
   first event, pieces 1 to n one content event each, piece n + 1 the end. Every event is one HTTP chunk of
   about 340 bytes. */
#ifndef BENCH_STREAM_H
#define BENCH_STREAM_H
#include <stdio.h>
#include <string.h>

#define PIECE_MAX 4096

static inline size_t bench_chunk(char *out, const char *event) {
    return (size_t)sprintf(out, "%zx\r\n%s\r\n", strlen(event), event);
}

static inline size_t bench_event(char *out, const char *delta, const char *finish, const char *filler) {
    char event[1024];
    snprintf(event, sizeof event,
             "data: {\"id\":\"chatcmpl-BenchQ2f8Xk31LmN0pR7sT5vW9\",\"object\":\"chat.completion.chunk\","
             "\"created\":1790000000,\"model\":\"bench-model-2026-03-17\",\"service_tier\":\"default\","
             "\"system_fingerprint\":\"fp_0b9c8d7e6f\",\"choices\":[{\"index\":0,\"delta\":%s,"
             "\"logprobs\":null,\"finish_reason\":%s}],\"usage\":null,\"obfuscation\":\"%s\"}\n\n",
             delta, finish, filler);
    return bench_chunk(out, event);
}

/* Writes piece i of a stream of n content events, returns its length. */
static inline size_t bench_piece(char *out, int i, int n) {
    static const char *const words[] = {
        " the", " river", ",", " which", " had", " been", " quiet", " \\\"for",
        " a\\n", " while", "\xC3\xBC" "ber", " mountains", ".", " Then", " it", " rose"};
    static const char filler[] = "kT3vWq9ZsB1x";
    char delta[128];
    if (i == 0) {
        static const char head[] =
            "HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\n"
            "Content-Type: text/event-stream; charset=utf-8\r\n"
            "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\nCache-Control: no-store\r\n"
            "x-request-id: req_5f0c2b7e9a\r\nopenai-processing-ms: 321\r\nopenai-version: 2020-10-01\r\n"
            "x-ratelimit-limit-requests: 10000\r\nx-ratelimit-remaining-requests: 9999\r\n"
            "strict-transport-security: max-age=31536000; includeSubDomains; preload\r\n\r\n";
        memcpy(out, head, sizeof head - 1);
        strcpy(delta, "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}");
        return sizeof head - 1 + bench_event(out + sizeof head - 1, delta, "null", filler);
    }
    if (i <= n) {
        snprintf(delta, sizeof delta, "{\"content\":\"%s\"}", words[(i * 7 + i / 16) % 16]);
        return bench_event(out, delta, "null", filler + i % 8);
    }
    {
        size_t at = bench_event(out, "{}", "\"stop\"", filler);
        char event[512];
        snprintf(event, sizeof event,
                 "data: {\"id\":\"chatcmpl-BenchQ2f8Xk31LmN0pR7sT5vW9\",\"object\":\"chat.completion.chunk\","
                 "\"created\":1790000000,\"model\":\"bench-model-2026-03-17\",\"choices\":[],"
                 "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n",
                 n, n + 9);
        at += bench_chunk(out + at, event);
        at += bench_chunk(out + at, "data: [DONE]\n\n");
        return at + (size_t)sprintf(out + at, "0\r\n\r\n");
    }
}

/* What was received: length and a hash of the text, the same for every client. */
typedef struct bench_sum {
    unsigned long bytes, hash;
} bench_sum;

static inline void bench_add(bench_sum *s, const char *p, size_t n) {
    s->bytes += n;
    while (n-- > 0) s->hash = (s->hash * 31 + (unsigned char)*p++) & 0xFFFFFFFFul;
}
#endif
