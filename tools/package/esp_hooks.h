#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "esp_random.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "lwip/netdb.h"
#include "lwip/sockets.h"

#define LLM_NO_SOCKETS                   /* the header's own resolver wants files that are not there */
#define LLM_NO_FILES
#define LLM_READ_SIZE 1024
#define LLM_NOW_MS(ctx)       ((void)(ctx), (uint64_t)esp_timer_get_time() / 1000)
#define LLM_UNIX_TIME(ctx)    ((void)(ctx), time(NULL) < 1700000000 ? (int64_t)0 : (int64_t)time(NULL))  /* not set */
#define LLM_SLEEP_MS(ctx, ms) ((void)(ctx), vTaskDelay(pdMS_TO_TICKS(ms) > 0 ? pdMS_TO_TICKS(ms) : 1))
#define LLM_RANDOM(ctx, p, n) ((void)(ctx), esp_fill_random((p), (n)), 1)      /* RF or bootloader entropy must be on */

typedef struct esp_conn {
    int              fd, state;          /* state: 0 new, 1 connects, 2 open, 3 neither */
    unsigned         serial;
    struct addrinfo *list, *next;        /* the server's addresses; the one to try if this one is none */
    int64_t          since_ms;           /* it is tried */
} esp_conn;
#define ESP_TRY_MS 3000                  /* for each address but the last, which has all the time that is left */
#define LLM_NET_CONN                                   esp_conn
#define LLM_NET_OPEN(ctx, c, host, port, timeout_ms)   ((void)(ctx), esp_open((c), (host), (port), (timeout_ms)))
#define LLM_NET_SEND(ctx, c, p, n, timeout_ms)         ((void)(ctx), esp_send((c), (p), (n), (timeout_ms)))
#define LLM_NET_RECV(ctx, c, p, n, timeout_ms)         ((void)(ctx), esp_recv((c), (p), (n), (timeout_ms)))
#define LLM_NET_CLOSE(ctx, c)                          ((void)(ctx), esp_close(c))
#define LLM_NET_FD(ctx, c)                             ((void)(ctx), (c)->state == 1 || (c)->state == 2 ? (c)->fd : -1)
#define LLM_NET_SERIAL(ctx, c)                         ((void)(ctx), (c)->serial)
#define LLM_NET_WANTS(ctx, c)                          ((void)(ctx), (void)(c), LLM_WANT_WRITE)
#define LLM_NET_TIMER_MS(ctx, c)                       ((void)(ctx), esp_patience(c))
#include "llm_openai.h"

/* 1 = ready, 0 = the time is over */
static int esp_wait(int fd, int to_write, int timeout_ms) {
    fd_set set;
    struct timeval t;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    t.tv_sec = timeout_ms / 1000;
    t.tv_usec = timeout_ms % 1000 * 1000;
    return select(fd + 1, to_write ? NULL : &set, to_write ? &set : NULL, NULL, timeout_ms < 0 ? NULL : &t) > 0;
}

/* how long the address that is tried may still take, -1 = no bound */
static int esp_patience(const esp_conn *c) {
    int64_t left;
    if (c->state != 1 || c->next == NULL) return -1;
    left = c->since_ms + ESP_TRY_MS - esp_timer_get_time() / 1000;
    return left > 0 ? (int)left : 0;
}

/* Begins with the next address. 1 = one that can be waited for; else what happened to the last one. */
static int esp_try(esp_conn *c) {
    int result = LLM_NET_FAILED;
    while (c->next != NULL) {
        struct addrinfo *a = c->next;
        c->next = a->ai_next;
        c->fd = socket(a->ai_family, SOCK_STREAM, 0);
        if (c->fd < 0) continue;
        if (fcntl(c->fd, F_SETFL, O_NONBLOCK) == 0 &&
            (connect(c->fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS)) {
            c->state = 1;
            c->serial++;
            c->since_ms = esp_timer_get_time() / 1000;
            return 1;
        }
        result = errno == ECONNREFUSED ? LLM_NET_REFUSED : LLM_NET_FAILED;
        close(c->fd);
    }
    return result;
}

/* getaddrinfo() blocks for as long as it takes; the connection does not. */
static int esp_open(esp_conn *c, const char *host, int port, int timeout_ms) {
    int64_t until;
    int result = 1;
    if (c->state == 0) {
        struct addrinfo hints;
        char service[8];
        c->state = 3;
        memset(&hints, 0, sizeof hints);
        hints.ai_socktype = SOCK_STREAM;
        snprintf(service, sizeof service, "%d", port);
        if (getaddrinfo(host, service, &hints, &c->list) != 0 || c->list == NULL) return LLM_NET_NO_HOST;
        c->next = c->list;
        result = esp_try(c);
    }
    until = esp_timer_get_time() / 1000 + timeout_ms;
    while (result == 1) {
        int64_t left = until - esp_timer_get_time() / 1000;
        int patience = esp_patience(c), error = -1;
        socklen_t n = sizeof error;
        if (left < 0) left = 0;
        if (!esp_wait(c->fd, 1, patience >= 0 && patience < left ? patience : (int)left)) {
            if (esp_patience(c) != 0) {
                if (left == 0 || esp_timer_get_time() / 1000 >= until) return 0;
                continue;
            }
        } else if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && error == 0) {
            c->state = 2;
            return 1;
        }
        close(c->fd);
        c->state = 3;
        result = c->next != NULL ? esp_try(c) : error == ECONNREFUSED ? LLM_NET_REFUSED : LLM_NET_FAILED;
    }
    return result;
}

static long esp_send(esp_conn *c, const void *p, size_t n, int timeout_ms) {
    long sent;
    if (!esp_wait(c->fd, 1, timeout_ms)) return 0;
    sent = (long)send(c->fd, p, n, 0);
    if (sent > 0) return sent;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : LLM_NET_FAILED;
}

static long esp_recv(esp_conn *c, void *p, size_t n, int timeout_ms) {
    long got;
    if (!esp_wait(c->fd, 0, timeout_ms)) return 0;
    got = (long)recv(c->fd, p, n, 0);
    if (got > 0) return got;
    if (got == 0) return LLM_NET_CLOSED;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : LLM_NET_FAILED;
}

static void esp_close(esp_conn *c) {
    if (c->state == 1 || c->state == 2) close(c->fd);
    if (c->list != NULL) freeaddrinfo(c->list);
    c->list = c->next = NULL;
    c->state = 3;
}
