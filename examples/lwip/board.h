/* board.h for firmware.c: ../cortex-m3's board with its network instead of a UART as pipe. */
#ifndef BOARD_LWIP_H
#define BOARD_LWIP_H
#include "lwip_hooks.h"
#ifndef FIRMWARE_BLOCK
#define FIRMWARE_BLOCK 37000                 /* ../cortex-m3's, a connection's ring, and the gap that it leaves: a
                                                connection that follows it may come to lie elsewhere */
#endif
#include "../cortex-m3/board.h"
#endif
