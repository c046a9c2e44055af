/* Cortex-M3 start-up: the vectors. */
#include "board.h"

extern uint32_t stack_top;
void reset_handler(void);

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
    board_begin();
}
