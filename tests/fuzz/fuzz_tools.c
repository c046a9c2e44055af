/* fuzz_tools.c - the answers of a model that calls tools, to the tool loop. Four bytes of options, then the answers'
   bodies with a byte 0xFE between them; tools "echo", "stop" (cancels), "fail". */
#include "fuzz_limits.h"
#include "fuzz_net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_in in = {data, size};
    fuzz_text script = {NULL, 0, 0};
    fc_opts o;
    unsigned b = fuzz_byte(&in);
    int sse = (b & 8) != 0, rounds = 0;
    memset(&o, 0, sizeof o);
    o.tools = 1;
    o.way = (int)(b & 3);
    o.stream = (b & 4) != 0;
    o.conversation = (b & 16) != 0;
    o.iterations = (int)(b >> 5);
    o.recv_most = fuzz_byte(&in);
    b = fuzz_byte(&in);
    if (b >= 128) o.fail_at = (long)b - 127;
    b = fuzz_byte(&in);
    if (b >= 224) o.stop_after = (int)b - 223;
    else if (b >= 192) o.cancel_after = (int)b - 191;
    else if (b >= 160) o.pool = 4000 + (b - 160) * 301;
    while (in.n > 0 && rounds++ < 10) {
        const uint8_t *end = (const uint8_t *)memchr(in.p, 0xFE, in.n);
        size_t n = end ? (size_t)(end - in.p) : in.n, i;
        char head[200];
        snprintf(head, sizeof head, "%sHTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                 rounds > 1 ? "\xFF" "w" : "", sse ? "text/event-stream" : "application/json", n);
        fuzz_adds(&script, head);
        for (i = 0; i < n; i++) {
            fuzz_add(&script, in.p + i, 1);
            if (in.p[i] == 0xFF) fuzz_add(&script, in.p + i, 1);
        }
        in.p += n + (end != NULL);
        in.n -= n + (end != NULL);
    }
    fc_compare(&o, (const uint8_t *)script.p, script.n);
    free(script.p);
    return 0;
}
