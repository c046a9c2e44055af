/* board.h for firmware.c: ../cortex-m3's board with its network instead of a UART as pipe. */
#ifndef BOARD_LWIP_H
#define BOARD_LWIP_H
#include "lwip_hooks.h"
#include "../cortex-m3/board.h"
#endif
