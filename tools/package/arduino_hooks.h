/* The hooks over Arduino's Client, millis() and delay(): LlmOpenai.cpp. */
#define LLM_NO_SOCKETS
#define LLM_NO_FILES
#define LLM_NO_ENV
#define LLM_READ_SIZE 512
#define LLM_MEMO_SIZE 1
#include <stddef.h>
#include <stdint.h>
int llm_arduino_open(const char *host, int port);
long llm_arduino_send(const void *data, size_t len, int timeout_ms);
long llm_arduino_receive(void *data, size_t len, int timeout_ms);
void llm_arduino_close(int *open);
uint64_t llm_arduino_now(void);
int64_t llm_arduino_time(void);
void llm_arduino_sleep(int ms);
int llm_arduino_random(void *data, size_t len);
#define LLM_NET_CONN                                 int      /* 1 = it has the one Client that there is */
#define LLM_NET_OPEN(ctx, conn, host, port, timeout) \
    ((void)(ctx), (void)(timeout), (*(conn) = llm_arduino_open((host), (port))) == 1 ? 1 : LLM_NET_FAILED)
#define LLM_NET_SEND(ctx, conn, data, len, timeout) \
    ((void)(ctx), (void)(conn), llm_arduino_send((data), (len), (timeout)))
#define LLM_NET_RECV(ctx, conn, data, len, timeout) \
    ((void)(ctx), (void)(conn), llm_arduino_receive((data), (len), (timeout)))
#define LLM_NET_CLOSE(ctx, conn)                     ((void)(ctx), llm_arduino_close(conn))
#define LLM_NOW_MS(ctx)                              ((void)(ctx), llm_arduino_now())
#define LLM_UNIX_TIME(ctx)                           ((void)(ctx), llm_arduino_time())
#define LLM_SLEEP_MS(ctx, ms)                        ((void)(ctx), llm_arduino_sleep(ms))
#define LLM_RANDOM(ctx, data, len)                   ((void)(ctx), llm_arduino_random((data), (len)))
