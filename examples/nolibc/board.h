/* Linux on x86-64 with nothing on top: no C library, no heap; the hooks are system calls. It stands for any system
   that has calls of its own and no POSIX. */
#ifndef BOARD_H
#define BOARD_H
#include <stddef.h>
#include <stdint.h>

void board_start(void);
void board_print(const char *text, size_t len);
void board_report(void);

typedef struct board_conn { int fd, opened; } board_conn;      /* zeroed before the first call of OPEN */

int board_open(board_conn *c, const char *host, int port, int timeout_ms);
long board_send(board_conn *c, const void *data, size_t len, int timeout_ms);
long board_receive(board_conn *c, void *data, size_t len, int timeout_ms);
void board_close(board_conn *c);
uint64_t board_now_ms(void);
int64_t board_unix_time(void);
void board_sleep(int ms);
int board_random(void *data, size_t len);      /* 1 = all filled */

/* ---- llm_openai.h: what is left out, and the hooks */
#define LLM_NO_FILES
#define LLM_NO_ENV
#define LLM_NO_MALLOC                          /* all memory is config.memory */
#define LLM_NO_PRICING
#define LLM_NO_PROXY
#define LLM_NET_CONN                                 board_conn
#define LLM_NET_OPEN(ctx, conn, host, port, timeout) ((void)(ctx), board_open(conn, host, port, timeout))
#define LLM_NET_SEND(ctx, conn, data, len, timeout)  ((void)(ctx), board_send(conn, data, len, timeout))
#define LLM_NET_RECV(ctx, conn, data, len, timeout)  ((void)(ctx), board_receive(conn, data, len, timeout))
#define LLM_NET_CLOSE(ctx, conn)                     ((void)(ctx), board_close(conn))
#define LLM_NOW_MS(ctx)                              ((void)(ctx), board_now_ms())
#define LLM_UNIX_TIME(ctx)                           ((void)(ctx), board_unix_time())
#define LLM_SLEEP_MS(ctx, ms)                        ((void)(ctx), board_sleep(ms))
#define LLM_RANDOM(ctx, data, len)                   ((void)(ctx), board_random(data, len))
#endif
