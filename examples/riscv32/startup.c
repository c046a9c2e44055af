/* RISC-V start-up: stack, global pointer, traps, memory. The unused RAM is painted, so that the stack's depth can be
   read afterwards. */
#include "board.h"

extern uint32_t image_data, data_start, data_end, bss_start, bss_end, stack_top;
int main(void);
void reset_handler(void);
void board_reset(void);
void board_on_trap(void);

#define PAINT 0xA5A5A5A5u

__attribute__((section(".reset"), naked, used)) void reset_handler(void) {
    __asm volatile(".option push\n"
                   ".option norelax\n"
                   ".option arch, +zicsr\n"            /* for csrw: every such core has it */
                   "la gp, __global_pointer$\n"
                   "la sp, stack_top\n"
                   "la t0, board_on_trap\n"
                   "csrw mtvec, t0\n"
                   ".option pop\n"
                   "j board_reset");
}

__attribute__((aligned(4), used)) void board_on_trap(void) {
    board_exit(77);
}

__attribute__((used)) void board_reset(void) {
    uint32_t *from = &image_data, *to;
    uint32_t *sp;
    for (to = &data_start; to < &data_end; ) *to++ = *from++;
    for (to = &bss_start; to < &bss_end; ) *to++ = 0;
    __asm volatile("mv %0, sp" : "=r"(sp));
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
