/* board.c for QEMU's mps2-an385: the UARTs of Arm's CMSDK, SysTick, the call to the host. */
#include "board.h"

#define UART_PRINT 0x40004000u
#define UART_PIPE  0x40005000u
#define DATA(uart)   (*(volatile uint32_t *)((uart) + 0x0))
#define STATE(uart)  (*(volatile uint32_t *)((uart) + 0x4))     /* 1 send full, 2 receive full */
#define CTRL(uart)   (*(volatile uint32_t *)((uart) + 0x8))     /* 1 send, 2 receive, 8 receive interrupt */
#define INTR(uart)   (*(volatile uint32_t *)((uart) + 0xC))
#define BAUD(uart)   (*(volatile uint32_t *)((uart) + 0x10))

/* ---- semihosting */
int board_semihost(int operation, volatile void *arguments) {
    register int r0 __asm("r0") = operation;
    register volatile void *r1 __asm("r1") = arguments;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

/* ---- time */
uint64_t board_now_ms(void) {
    static uint32_t last, high;
    uint32_t now = board_ticks;
    if (now < last) high++;                    /* called far more often than every 49 days */
    last = now;
    return (uint64_t)high << 32 | now;
}

void board_sleep(int ms) {
    uint32_t from = board_ticks;
    while (board_ticks - from < (uint32_t)ms) __asm volatile("wfi");
}

/* ---- the pipe: filled by the interrupt, which is masked while the ring is full */
#define RING 512u
static volatile unsigned char ring[RING];
static volatile uint32_t ring_in, ring_out;

void board_on_pipe(void) {
    INTR(UART_PIPE) = 2;                       /* first this, then reading: the other order can lose a byte */
    while (STATE(UART_PIPE) & 2) {
        if (ring_in - ring_out >= RING) {
            CTRL(UART_PIPE) = 1;
            break;
        }
        ring[ring_in++ % RING] = (unsigned char)DATA(UART_PIPE);
    }
}

/* The other end is connected by whoever made the pipe: to open it is to begin to listen. */
int board_pipe_open(void) {
    ring_in = ring_out = 0;
    BAUD(UART_PIPE) = 16;
    CTRL(UART_PIPE) = 1 | 2 | 8;
    *(volatile uint32_t *)0xE000E100u = 1u << 2;       /* NVIC: IRQ 2 */
    return 1;
}

long board_pipe_send(const void *data, size_t len) {
    const unsigned char *p = (const unsigned char *)data;
    size_t i;
    for (i = 0; i < len; i++) {
        while (STATE(UART_PIPE) & 1) { }
        DATA(UART_PIPE) = p[i];
    }
    return (long)len;
}

long board_pipe_receive(void *data, size_t len, int timeout_ms) {
    unsigned char *p = (unsigned char *)data;
    uint32_t from = board_ticks;
    size_t n = 0;
    while (ring_in == ring_out) {
        if (timeout_ms >= 0 && board_ticks - from >= (uint32_t)timeout_ms) return 0;
        __asm volatile("wfi");                 /* the tick wakes it at the latest */
    }
    while (n < len && ring_in != ring_out) p[n++] = ring[ring_out++ % RING];
    if ((CTRL(UART_PIPE) & 2) == 0) {
        CTRL(UART_PIPE) = 1 | 2 | 8;
        __asm volatile("cpsid i");
        board_on_pipe();
        __asm volatile("cpsie i");
    }
    return (long)n;
}

/* ---- the console */
void board_print(const char *text, size_t len) {
    size_t i;
    for (i = 0; i < len; i++) {
        while (STATE(UART_PRINT) & 1) { }
        DATA(UART_PRINT) = (unsigned char)text[i];
    }
}

void board_start(void) {
    *(volatile uint32_t *)0xE000E014u = 25000 - 1;     /* SysTick: 25 MHz, one tick a millisecond */
    *(volatile uint32_t *)0xE000E018u = 0;
    *(volatile uint32_t *)0xE000E010u = 7;
    BAUD(UART_PRINT) = 16;
    CTRL(UART_PRINT) = 1;
}
