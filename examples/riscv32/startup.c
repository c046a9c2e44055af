/* RISC-V start-up: stack, global pointer, traps. */
#include "board.h"

void reset_handler(void);
void board_on_trap(void);

__attribute__((section(".reset"), naked, used)) void reset_handler(void) {
    __asm volatile(".option push\n"
                   ".option norelax\n"
                   ".option arch, +zicsr\n"            /* for csrw: every such core has it */
                   "la gp, __global_pointer$\n"
                   "la sp, stack_top\n"
                   "la t0, board_on_trap\n"
                   "csrw mtvec, t0\n"
                   ".option pop\n"
                   "j board_begin");
}

__attribute__((aligned(4), used)) void board_on_trap(void) {
    board_exit(77);
}
