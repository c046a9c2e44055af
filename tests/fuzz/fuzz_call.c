/* fuzz_call.c - a whole call over a scripted network: data, silence, short sends, closes and resets at any point.
   Eight bytes of options, then the script (fuzz_net.h). */
#include "fuzz_limits.h"
#include "fuzz_net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int times[] = {0, 200, 1000, 30000};
    fuzz_in in = {data, size};
    fc_opts o;
    unsigned b;
    memset(&o, 0, sizeof o);
    b = fuzz_byte(&in);
    o.way = (int)(b & 3);
    o.stream = (b & 4) != 0;
    o.discard = (b & 0x30) == 0x30;
    o.conversation = (b & 0x40) != 0;
    b = fuzz_byte(&in);
    o.recv_most = b;
    b = fuzz_byte(&in);
    o.send_most = b < 64 ? 0 : b;
    b = fuzz_byte(&in);
    o.retries = (int)(b & 3);
    o.connect_ms = times[b >> 2 & 3];
    o.idle_ms = times[b >> 4 & 3];
    o.total_ms = times[b >> 6 & 3];
    b = fuzz_byte(&in);
    if (b >= 128) o.fail_at = (long)b - 127;
    else o.extra = (int)b;
    b = fuzz_byte(&in);
    if (b >= 128) o.pool = 2000 + (b - 128) * 97;
    b = fuzz_byte(&in);
    if (b >= 192) o.stop_after = (int)b - 191;
    b = fuzz_byte(&in);
    if (b >= 192) o.cancel_after = (int)b - 191;
    fc_compare(&o, in.p, in.n);
    return 0;
}
