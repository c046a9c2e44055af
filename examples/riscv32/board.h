/* A bare RV32IMAC core (the class of the ESP32-C3), as QEMU's `virt` machine has it: its UART as byte pipe to the
   server, the timer, a console of the host. Settings and hooks are those of the Cortex-M3. */
#ifndef BOARD_RISCV32_H
#define BOARD_RISCV32_H
#ifndef FIRMWARE_BLOCK
#define FIRMWARE_BLOCK 29500
#endif
#include "../cortex-m3/board.h"
#endif
