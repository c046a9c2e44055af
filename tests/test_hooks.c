/* test_hooks.c - the default hooks for clock, randomness and files when the system fails them: an old kernel without
   getrandom(), signals, descriptors that are used up. The system calls are this file's own. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* What the calls do: a letter for each, the last one stays. '.' works, 'i' is interrupted, 'f' fails, '0' is at the end,
   '1' gives one byte. */
static const char *h_random = ".", *h_open = ".", *h_read = ".", *h_pread = ".", *h_clock = ".";
static int h_opened, h_slept;

static char h_next(const char **s) {
    char c = **s;
    if ((*s)[1] != 0) ++*s;
    return c;
}

static ssize_t h_bytes(char how, void *p, size_t n) {
    if (how == 'i' || how == 'f') {
        errno = how == 'i' ? EINTR : how == 'f' ? ENOSYS : 0;
        return -1;
    }
    if (how == '0') return 0;
    if (how == '1') n = 1;
    memset(p, 'r', n);
    return (ssize_t)n;
}

static ssize_t h_getrandom(void *p, size_t n, unsigned flags) {
    (void)flags;
    return h_bytes(h_next(&h_random), p, n);
}
static int h_open_file(const char *path, int flags) {
    (void)path;
    (void)flags;
    if (h_next(&h_open) == 'f') return -1;
    h_opened++;
    return 77;
}
static ssize_t h_read_file(int fd, void *p, size_t n) {
    (void)fd;
    return h_bytes(h_next(&h_read), p, n);
}
static ssize_t h_pread_file(int fd, void *p, size_t n, off_t at) {
    (void)fd;
    (void)at;
    return h_bytes(h_next(&h_pread), p, n);
}
static int h_close_file(int fd) {
    if (fd == 77) h_opened--;
    return 0;
}
static int h_gettime(clockid_t clock, struct timespec *t) {
    if (clock != CLOCK_MONOTONIC || h_next(&h_clock) == 'f') return -1;
    t->tv_sec = 5;
    t->tv_nsec = 999999999;
    return 0;
}
static int h_nanosleep(const struct timespec *t, struct timespec *rest) {
    (void)rest;
    h_slept = (int)(t->tv_sec * 1000 + t->tv_nsec / 1000000);
    return 0;
}

#define getrandom(p, n, flags) h_getrandom((p), (n), (flags))
#define open(path, flags) h_open_file((path), (flags))
#define read(fd, p, n) h_read_file((fd), (p), (n))
#define pread(fd, p, n, at) h_pread_file((fd), (p), (n), (at))
#define close(fd) h_close_file(fd)
#define clock_gettime(clock, t) h_gettime((clock), (t))
#define nanosleep(t, rest) h_nanosleep((t), (rest))
#define LLM_NO_SOCKETS
#include "t.h"

/* What LLM_RANDOM says of 300 bytes, and whether it filled them all. */
static int random_with(const char *system, const char *device_opens, const char *device) {
    unsigned char b[301];
    int ok;
    size_t i, filled = 0;
    h_random = system;
    h_open = device_opens;
    h_read = device;
    memset(b, 0, sizeof b);
    ok = LLM_RANDOM(NULL, b, 300);
    for (i = 0; i < 300; i++) filled += b[i] == 'r';
    CHECK(!ok || filled == 300);
    CHECK_INT(b[300], 0);
    CHECK_INT(h_opened, 0);
    return ok;
}

int main(void) {
    char b[8];
    CHECK(random_with(".", "f", "f"));
    CHECK(random_with("iii.", "f", "f"));            /* signals */
    CHECK(random_with("1i1.", "f", "f"));            /* in pieces */
    CHECK(random_with("f", ".", "."));               /* a kernel older than 3.17: the device */
    CHECK(random_with("1f", ".", "1i1."));
    CHECK(!random_with("f", "f", "."));
    CHECK(!random_with("f", ".", "f"));
    CHECK(!random_with("f", ".", "10"));             /* a device that ends: too little is nothing */
    CHECK_INT(LLM_NOW_MS(NULL), 5999);
    h_clock = "f";
    CHECK_INT(LLM_NOW_MS(NULL), 0);
    h_slept = -1;
    LLM_SLEEP_MS(NULL, 0);
    LLM_SLEEP_MS(NULL, -5);
    CHECK_INT(h_slept, -1);
    LLM_SLEEP_MS(NULL, 1234);
    CHECK_INT(h_slept, 1234);
    h_open = "f";
    CHECK_INT(LLM_FILE_READ(NULL, "x", 0, b, sizeof b), -1);
    h_open = ".";
    h_pread = "ii.";
    CHECK_INT(LLM_FILE_READ(NULL, "x", 0, b, sizeof b), (long)sizeof b);
    h_pread = "if";
    CHECK_INT(LLM_FILE_READ(NULL, "x", 0, b, sizeof b), -1);
    h_pread = "0";
    CHECK_INT(LLM_FILE_READ(NULL, "x", 0, b, sizeof b), 0);
    CHECK_INT(h_opened, 0);
    return t_done();
}
