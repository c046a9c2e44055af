/* A bare RV32IMAC core (the class of the ESP32-C3), as QEMU's `virt` machine has it: its UART as byte pipe to the
   server, the timer, and, because it is QEMU, random bytes, the date and a console from the host by semihosting. On a
   real part these are its random generator, its RTC and another UART. */
#ifndef BOARD_H
#define BOARD_H
#include <stddef.h>
#include <stdint.h>

void board_start(void);
void board_print(const char *text, size_t len);
void board_report(void);

int board_pipe_open(void);
long board_pipe_send(const void *data, size_t len);
long board_pipe_receive(void *data, size_t len, int timeout_ms);
uint64_t board_now_ms(void);
int64_t board_unix_time(void);
void board_sleep(int ms);
int board_random(void *data, size_t len);      /* 1 = all filled */

/* ---- between startup.c and board.c */
void board_exit(int status);
uint32_t board_static_ram(void);               /* bytes of .data and .bss */
uint32_t board_stack_peak(void);

/* ---- llm_openai.h: what is left out, smaller limits, and the hooks */
#define LLM_NO_SOCKETS
#define LLM_NO_FILES
#define LLM_NO_ENV
#define LLM_NO_MALLOC                          /* all memory is config.memory */
#define LLM_NO_PRICING
#define LLM_NO_PROXY
#define LLM_NO_MESSAGES
#define LLM_TLS_SMALL
#define LLM_READ_SIZE 256
#define LLM_MEMO_SIZE 1
#define LLM_NET_CONN                                 int
#define LLM_NET_OPEN(ctx, conn, host, port, timeout) ((void)(ctx), (void)(timeout), board_pipe_open())
#define LLM_NET_SEND(ctx, conn, data, len, timeout)  ((void)(ctx), (void)(timeout), board_pipe_send(data, len))
#define LLM_NET_RECV(ctx, conn, data, len, timeout)  ((void)(ctx), board_pipe_receive(data, len, timeout))
#define LLM_NET_CLOSE(ctx, conn)                     ((void)(ctx))
#define LLM_NOW_MS(ctx)                              ((void)(ctx), board_now_ms())
#define LLM_UNIX_TIME(ctx)                           ((void)(ctx), board_unix_time())
#define LLM_SLEEP_MS(ctx, ms)                        ((void)(ctx), board_sleep(ms))
#define LLM_RANDOM(ctx, data, len)                   ((void)(ctx), board_random(data, len))

/* ---- firmware.c: what "block" says is enough with some room; with records of 512 bytes 12,000 less */
#ifndef FIRMWARE_BLOCK
#define FIRMWARE_BLOCK 29500
#endif
#endif
