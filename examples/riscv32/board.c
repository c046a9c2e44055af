/* board.c for QEMU's virt: a 16550 UART, the timer of the CLINT, the call to the host. */
#include "board.h"

#define UART(reg)  (*(volatile uint8_t *)(0x10000000u + (reg)))     /* 0 data, 2 FIFO control, 5 line state */
#define RECEIVED   0x01
#define CAN_SEND   0x20
#define MTIME_LOW  (*(volatile uint32_t *)0x0200BFF8u)              /* counts at 10 MHz */
#define MTIME_HIGH (*(volatile uint32_t *)0x0200BFFCu)

/* ---- semihosting: these three instructions, not compressed and in one page, are the call */
int board_semihost(int operation, volatile void *arguments) {
    register int a0 __asm("a0") = operation;
    register volatile void *a1 __asm("a1") = arguments;
    __asm volatile(".option push\n"
                   ".option norvc\n"
                   ".balign 16\n"
                   "slli x0, x0, 0x1f\n"
                   "ebreak\n"
                   "srai x0, x0, 7\n"
                   ".option pop" : "+r"(a0) : "r"(a1) : "memory");
    return a0;
}

/* ---- time: two halves that are read one after the other, and again if the low one has wrapped between */
uint64_t board_now_ms(void) {
    uint32_t high, low;
    do {
        high = MTIME_HIGH;
        low = MTIME_LOW;
    } while (high != MTIME_HIGH);
    return ((uint64_t)high << 32 | low) / 10000;
}

void board_sleep(int ms) {
    uint64_t until = board_now_ms() + (uint64_t)ms;
    while (board_now_ms() < until) { }
}

/* ---- the pipe. QEMU waits until there is room in the UART's FIFO; a real line needs RTS and CTS, or an interrupt that
   fills a ring, as in ../cortex-m3: the library computes for some 100 ms between two calls of RECV. */
int board_pipe_open(void) {
    UART(2) = 0x07;                            /* FIFO on and emptied; while it is off, bytes are lost */
    return 1;
}

long board_pipe_send(const void *data, size_t len) {
    const unsigned char *p = (const unsigned char *)data;
    size_t i;
    for (i = 0; i < len; i++) {
        while ((UART(5) & CAN_SEND) == 0) { }
        UART(0) = p[i];
    }
    return (long)len;
}

long board_pipe_receive(void *data, size_t len, int timeout_ms) {
    unsigned char *p = (unsigned char *)data;
    uint64_t from = board_now_ms();
    size_t n = 0;
    while ((UART(5) & RECEIVED) == 0) {
        if (timeout_ms >= 0 && board_now_ms() - from >= (uint64_t)timeout_ms) return 0;
    }
    while (n < len && (UART(5) & RECEIVED) != 0) p[n++] = UART(0);
    return (long)n;
}

/* ---- the console */
void board_print(const char *text, size_t len) {
    volatile char c;
    size_t i;
    for (i = 0; i < len; i++) {
        c = text[i];
        (void)board_semihost(0x03, &c);
    }
}

void board_start(void) {
}
