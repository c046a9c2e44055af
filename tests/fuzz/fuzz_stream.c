/* fuzz_stream.c - the bytes of an answer, within a head that is right: streams, JSON texts and error bodies to events.
   Two bytes of options, then the body, which is sent once or 200 times in a row. At once,
   byte by byte and cut, with each way of driving it. */
#include "fuzz_limits.h"
#include "fuzz_net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const heads[] = {
        "200 OK\r\nContent-Type: text/event-stream\r\n", "200 OK\r\nContent-Type: application/json\r\n",
        "400 No\r\nContent-Type: application/json\r\n", "429 No\r\nContent-Type: text/html\r\nRetry-After: 1\r\n"
    };
    fuzz_in in = {data, size};
    fuzz_text script = {NULL, 0, 0};
    fc_opts o;
    fc_run first, r;
    unsigned b = fuzz_byte(&in), how = fuzz_byte(&in), kind = b & 7;
    size_t i, times = fn_times(in.n, (b & 0xE0) == 0xE0 ? 200 : 1);
    char chunk[80];
    memset(&o, 0, sizeof o);
    o.stream = (b & 8) == 0;
    o.discard = (b & 0xF0) == 0x10;
    fuzz_adds(&script, "HTTP/1.1 ");
    fuzz_adds(&script, heads[kind < 5 ? 0 : kind - 4]);
    snprintf(chunk, sizeof chunk, how & 1 ? "Content-Length: %zu\r\n\r\n" : "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", in.n * times);
    if (in.n == 0) snprintf(chunk, sizeof chunk, "\r\n");
    fuzz_adds(&script, chunk);
    fn_body(&script, in.p, in.n, times);
    if ((how & 1) == 0 && in.n) fuzz_adds(&script, "\r\n0\r\n\r\n");
    if (in.n == 0 || (how & 2)) fuzz_adds(&script, "\xFF" "c");
    fc_go(&first, &o, (const uint8_t *)script.p, script.n);
    o.once = 1;
    for (i = 0; i < 3; i++) {
        o.way = (int)((how >> 2) + i) % FC_WAYS;
        o.recv_most = i == 0 ? 1 : i == 1 ? 2 + how % 60 : how;
        fc_go(&r, &o, (const uint8_t *)script.p, script.n);
        fuzz_same(&first.log, &r.log, "the same at every split and however it is driven");
        fc_free(&r);
    }
    fc_free(&first);
    free(script.p);
    return 0;
}
