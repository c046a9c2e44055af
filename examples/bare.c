/* bare.c: what the bare boards here have in common. The memory of a program at its start; because they are QEMU's,
   random bytes and the date from the host by semihosting, in whose place a real part has its random generator and its
   RTC; and what they report at the end. */
#include "board.h"

extern uint32_t image_data, data_start, data_end, bss_start, bss_end, stack_top;
int main(void);

/* ---- memory: the unused RAM is painted, so that the stack's depth can be read afterwards */
#define PAINT 0xA5A5A5A5u

void board_begin(void) {
    uint32_t *from = &image_data, *to;
    uint32_t *sp = (uint32_t *)__builtin_frame_address(0);
    for (to = &data_start; to < &data_end; ) *to++ = *from++;
    for (to = &bss_start; to < &bss_end; ) *to++ = 0;
    for (to = &bss_end; to < sp - 32; ) *to++ = PAINT;
    board_exit(main());
}

static uint32_t stack_peak(void) {
    uint32_t *p = &bss_end;
    while (p < &stack_top && *p == PAINT) p++;
    return (uint32_t)((char *)&stack_top - (char *)p);
}

/* ---- the host */
void board_exit(int status) {
    volatile uint32_t a[2];
    a[0] = 0x20026;                            /* ADP_Stopped_ApplicationExit */
    a[1] = (uint32_t)status;
    (void)board_semihost(0x20, a);
    for (;;) { }
}

int board_random(void *data, size_t len) {
    static const char name[] = "/dev/urandom";
    volatile uint32_t a[3];
    int file, left;
    a[0] = (uint32_t)name;
    a[1] = 1;                                  /* "rb" */
    a[2] = sizeof name - 1;
    file = board_semihost(0x01, a);
    if (file < 0) return 0;
    a[0] = (uint32_t)file;
    a[1] = (uint32_t)data;
    a[2] = (uint32_t)len;
    left = board_semihost(0x06, a);
    a[0] = (uint32_t)file;
    (void)board_semihost(0x02, a);
    return left == 0;
}

int64_t board_unix_time(void) {
    return (int64_t)(uint32_t)board_semihost(0x11, 0);
}

/* ---- the report: bytes of .data and .bss, bytes of stack, the time */
static void print_figure(const char *name, uint32_t v) {
    char digits[12], *p = digits + sizeof digits - 1;
    size_t n = 0;
    *p = '\n';
    do *--p = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    while (name[n] != 0) n++;
    board_print(name, n);
    board_print(p, (size_t)(digits + sizeof digits - p));
}

void board_report(void) {
    print_figure("static ", (uint32_t)((char *)&bss_end - (char *)&data_start));
    print_figure("stack ", stack_peak());
    print_figure("ms ", (uint32_t)board_now_ms());
}
