/* fuzz_tools.c - the answers of a model that calls tools, to the tool loop. Four bytes of options, then the answers'
   bodies with a byte 0xFE between them, each sent once or up to 200 times in a row; tools "echo", "stop" (cancels), "fail". */
#define FUZZ_LOOP
#include "fuzz_limits.h"
#include "fuzz_net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_in in = {data, size};
    fuzz_text script = {NULL, 0, 0};
    fc_opts o;
    unsigned b = fuzz_byte(&in);
    int sse = (b & 8) != 0, rounds = 0;
    size_t most = 1;
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
    else if (b >= 128) most = b == 159 ? 200 : b - 127;
    while (in.n > 0 && rounds++ < 10) {
        const uint8_t *end = (const uint8_t *)memchr(in.p, 0xFE, in.n);
        size_t n = end ? (size_t)(end - in.p) : in.n, times = fn_times(n, most);
        char head[200];
        snprintf(head, sizeof head, "%sHTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                 rounds > 1 ? "\xFF" "w" : "", sse ? "text/event-stream" : "application/json", n * times);
        fuzz_adds(&script, head);
        fn_body(&script, in.p, n, times);
        in.p += n + (end != NULL);
        in.n -= n + (end != NULL);
    }
    fc_compare(&o, (const uint8_t *)script.p, script.n);
    free(script.p);
    return 0;
}
