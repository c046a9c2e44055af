/* Cortex-M3 start-up: vectors and memory. The unused RAM is painted, so that the stack's depth can be
   read afterwards. */
#include "board.h"

extern uint32_t image_data, data_start, data_end, bss_start, bss_end, stack_top;
int main(void);
void reset_handler(void);

#define PAINT 0xA5A5A5A5u

volatile uint32_t board_ticks;

static void on_tick(void) {
    board_ticks++;
}

static void on_fault(void) {
    board_exit(77);
}

__attribute__((section(".vectors"), used)) void (*const board_vectors[21])(void) = {
    (void (*)(void))&stack_top, reset_handler, on_fault, on_fault, on_fault, on_fault, on_fault,
    0, 0, 0, 0, on_fault, 0, 0, on_fault, on_tick,
    on_fault, on_fault, board_on_pipe,      /* IRQ 0: UART0 receive, 1: UART0 send, 2: UART1 receive */
    on_fault, on_fault
};

void reset_handler(void) {
    uint32_t *from = &image_data, *to;
    uint32_t *sp;
    for (to = &data_start; to < &data_end; ) *to++ = *from++;
    for (to = &bss_start; to < &bss_end; ) *to++ = 0;
    __asm volatile("mov %0, sp" : "=r"(sp));
    for (to = &bss_end; to < sp - 16; ) *to++ = PAINT;
    board_exit(main());
}

uint32_t board_stack_peak(void) {
    uint32_t *p = &bss_end;
    while (p < &stack_top && *p == PAINT) p++;
    return (uint32_t)((char *)&stack_top - (char *)p);
}

uint32_t board_static_ram(void) {
    return (uint32_t)((char *)&bss_end - (char *)&data_start);
}
