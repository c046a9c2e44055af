/* arch/cc.h - what lwIP wants to know of compiler and board. */
#ifndef ARCH_CC_H
#define ARCH_CC_H
#include <stdint.h>
#include <stdlib.h>
unsigned lwip_port_random(void);         /* for what a question to a name server carries: not to be guessed */
void board_exit(int status);
#define LWIP_NO_UNISTD_H       1
#define LWIP_NO_CTYPE_H        1
#define LWIP_RAND()            ((u32_t)lwip_port_random())
#define LWIP_PLATFORM_DIAG(x)  do { } while (0)
#define LWIP_PLATFORM_ASSERT(x) board_exit(78)
#endif
