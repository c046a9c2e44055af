/* QEMU's mps2-an385 (Cortex-M3) with a UART as byte pipe to the server, a UART to print to, and, because it is QEMU,
   random bytes and the date from the host by semihosting. On a real part these are its random generator and its RTC. */
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

/* ---- between startup.c, board.c and ../bare.c */
extern volatile uint32_t board_ticks;          /* milliseconds since reset; wraps */
void board_on_pipe(void);                      /* the interrupt */
void board_begin(void);                        /* where reset leads: memory, main(), board_exit() */
void board_exit(int status);
int board_semihost(int operation, volatile void *arguments);

/* ---- llm_openai.h: what is left out, smaller limits, and the hooks */
#define LLM_NO_SOCKETS
#define LLM_NO_FILES
#define LLM_NO_ENV
#define LLM_NO_MALLOC                          /* all memory is config.memory */
#define LLM_NO_PRICING
#define LLM_NO_PROXY
#define LLM_NO_MESSAGES                        /* 18 kB; without it errors say what to do */
#define LLM_TLS_SMALL                          /* 14 kB, and 6 kB of RAM */
#define LLM_READ_SIZE 256
#define LLM_MEMO_SIZE 1
#ifndef LLM_NET_CONN                           /* ../lwip has a network instead of the pipe */
#define LLM_NET_CONN                                 int
#define LLM_NET_OPEN(ctx, conn, host, port, timeout) ((void)(ctx), (void)(timeout), board_pipe_open())
#define LLM_NET_SEND(ctx, conn, data, len, timeout)  ((void)(ctx), (void)(timeout), board_pipe_send(data, len))
#define LLM_NET_RECV(ctx, conn, data, len, timeout)  ((void)(ctx), board_pipe_receive(data, len, timeout))
#define LLM_NET_CLOSE(ctx, conn)                     ((void)(ctx))
#endif
#define LLM_NOW_MS(ctx)                              ((void)(ctx), board_now_ms())
#define LLM_UNIX_TIME(ctx)                           ((void)(ctx), board_unix_time())
#ifndef LLM_SLEEP_MS
#define LLM_SLEEP_MS(ctx, ms)                        ((void)(ctx), board_sleep(ms))
#endif
#define LLM_RANDOM(ctx, data, len)                   ((void)(ctx), board_random(data, len))

/* ---- firmware.c: what "block" says is enough with some room; with records of 512 bytes 12,000 less */
#ifndef FIRMWARE_BLOCK
#define FIRMWARE_BLOCK 29000
#endif
#endif
