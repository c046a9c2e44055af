/* uv_error.h: put before examples/libuv.c: every third time that libuv says "ready" it says "error" instead, and has stopped
   looking, as it does after POLLERR. The call goes on all the same. */
#define _GNU_SOURCE
#include <uv.h>

static uv_poll_cb uv_error_cb;

static void uv_error_or_not(uv_poll_t *poll, int status, int events) {
    static int times;
    if (++times % 3 != 0) {
        uv_error_cb(poll, status, events);
        return;
    }
    uv_poll_stop(poll);
    uv_error_cb(poll, UV_EBADF, 0);
}

static int uv_error_start(uv_poll_t *poll, int events, uv_poll_cb cb) {
    uv_error_cb = cb;
    return uv_poll_start(poll, events, uv_error_or_not);
}

#define uv_poll_start uv_error_start
