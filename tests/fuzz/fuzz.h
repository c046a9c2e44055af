/* fuzz.h - what every fuzzer shares: hooks that count, fail and check, the bytes of the input, logs to compare.
   A fuzzer defines its limits, includes this (the implementation comes with it) and defines LLVMFuzzerTestOneInput().
   It looks for more than crashes: FUZZ_CHECK() ends the program, which is what a finding is.

   FUZZ_NET    before the include: the scripted network of fuzz_net.h, else nothing is ever opened
   FUZZ_TLS    with BearSSL, else LLM_NO_TLS */
#ifndef FUZZ_H
#define FUZZ_H

#if !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE 1
#endif
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_bug(const char *what, const char *file, int line) {
    fprintf(stderr, "%s:%d: FUZZ_CHECK failed: %s\n", file, line, what);
    abort();
}
#define FUZZ_CHECK(x) ((x) ? (void)0 : fuzz_bug(#x, __FILE__, __LINE__))

/* ---- memory: live bytes have a limit and are none at the end; sizes must come back as they were given ------------- */

#ifndef FUZZ_MEMORY
#define FUZZ_MEMORY ((size_t)1 << 20)
#endif
static struct { size_t live, blocks; long calls, fail_at; } fuzz_mem;

static inline void *fuzz_malloc(size_t n) {
    size_t *p;
    if (++fuzz_mem.calls == fuzz_mem.fail_at) return NULL;
    FUZZ_CHECK(n > 0 && n < FUZZ_MEMORY);
    p = (size_t *)malloc(n + 16);
    if (!p) abort();
    p[0] = n;
    memset((char *)p + 16, 0xA5, n);
    fuzz_mem.live += n;
    fuzz_mem.blocks++;
    FUZZ_CHECK(fuzz_mem.live < FUZZ_MEMORY);
    return (char *)p + 16;
}

static inline void fuzz_free(void *p, size_t n) {
    size_t *q = (size_t *)(void *)((char *)p - 16);
    if (!p) return;
    FUZZ_CHECK(q[0] == n);
    fuzz_mem.live -= n;
    fuzz_mem.blocks--;
    free(q);
}

static inline void *fuzz_realloc(void *p, size_t old, size_t n) {
    void *q = fuzz_malloc(n);      /* always moves: who kept the old address is found */
    if (q && p) memcpy(q, p, old < n ? old : n);
    if (q) fuzz_free(p, old);
    return q;
}

static inline void fuzz_mem_start(void) {
    memset(&fuzz_mem, 0, sizeof fuzz_mem);
}

/* Everything was given back. */
static inline void fuzz_mem_end(void) {
    fuzz_mem.fail_at = 0;
    FUZZ_CHECK(fuzz_mem.live == 0 && fuzz_mem.blocks == 0);
}

#define LLM_MALLOC(ctx, n) ((void)(ctx), fuzz_malloc(n))
#define LLM_REALLOC(ctx, p, old, n) ((void)(ctx), fuzz_realloc((p), (old), (n)))
#define LLM_FREE(ctx, p, n) ((void)(ctx), fuzz_free((p), (n)))

/* ---- clock, randomness, environment, files, log ------------------------------------------------------------------- */

#define FUZZ_KEY "sk-sk-CANARY-sk-sk-CANARX"    /* repeats its own beginning; must never come out of the library but in the Authorization line */
#define FUZZ_PROMPT "CANARY-PROMPT-93f1"        /* never in a log */
#define FUZZ_REPLY "CANARY-REPLY-51c7"          /* servers say it: never in a log */

static struct {
    uint64_t now;
    int64_t unix_time;
    int may_wait;                /* a hook may be called with a time to wait, and LLM_SLEEP_MS at all */
    const char *file;            /* what every path holds */
    size_t file_size, file_most; /* one LLM_FILE_READ gives at most so much; 0 = all */
    const char *resolv;          /* what resolv.conf holds instead, if not NULL */
} fuzz_sys;

/* Does p[0..n) hold s? */
static inline int fuzz_holds(const void *p, size_t n, const char *s) {
    return n > 0 && memmem(p, n, s, strlen(s)) != NULL;
}

static inline void fuzz_sleep(int ms) {
    FUZZ_CHECK(fuzz_sys.may_wait && ms >= 0);
    fuzz_sys.now += (uint64_t)ms;
}

static inline long fuzz_file_read(const char *path, size_t offset, void *buf, size_t n) {
    int resolv = fuzz_sys.resolv != NULL && strstr(path, "resolv") != NULL;
    const char *file = resolv ? fuzz_sys.resolv : fuzz_sys.file;
    size_t size = resolv ? strlen(file) : fuzz_sys.file_size;
    if (file == NULL) return -1;
    if (offset >= size) return 0;
    if (n > size - offset) n = size - offset;
    if (fuzz_sys.file_most && n > fuzz_sys.file_most) n = fuzz_sys.file_most;
    memcpy(buf, file + offset, n);
    return (long)n;
}

/* No eight consecutive characters of the key, and no prompt. */
static inline void fuzz_log(const char *p, size_t n) {
    size_t i;
    for (i = 0; i + 8 <= strlen(FUZZ_KEY); i++) FUZZ_CHECK(n < 8 || memmem(p, n, &FUZZ_KEY[i], 8) == NULL);
    FUZZ_CHECK(n == strlen(p) && !fuzz_holds(p, n, FUZZ_PROMPT) && !fuzz_holds(p, n, FUZZ_REPLY));
}

#define LLM_NOW_MS(ctx) ((void)(ctx), fuzz_sys.now)
#define LLM_UNIX_TIME(ctx) ((void)(ctx), fuzz_sys.unix_time)
#define LLM_SLEEP_MS(ctx, ms) ((void)(ctx), fuzz_sleep(ms))
#define LLM_RANDOM(ctx, p, n) ((void)(ctx), memset((p), 0x5A, (n)), 1)
#define LLM_GETENV(ctx, name) ((void)(ctx), (void)(name), (const char *)NULL)
#define LLM_FILE_READ(ctx, path, offset, buf, n) ((void)(ctx), fuzz_file_read((path), (offset), (buf), (n)))
#define LLM_LOG(ctx, level, p, n) ((void)(ctx), (void)(level), fuzz_log((p), (n)))

#ifdef FUZZ_NET
typedef struct fuzz_conn { int id; } fuzz_conn;      /* 0 = never opened, else 1 + its number */
static int fuzz_open(fuzz_conn *c, const char *host, int port, int ms);
static long fuzz_send(fuzz_conn *c, const char *p, size_t n, int ms);
static long fuzz_recv(fuzz_conn *c, char *p, size_t n, int ms);
static void fuzz_close(fuzz_conn *c);
static int fuzz_fd(const fuzz_conn *c);
static int fuzz_wait(void *items, size_t n, int ms);
#define LLM_NET_CONN fuzz_conn
#define LLM_NET_OPEN(ctx, c, host, port, ms) ((void)(ctx), fuzz_open((c), (host), (int)(port), (ms)))
#define LLM_NET_SEND(ctx, c, p, n, ms) ((void)(ctx), fuzz_send((c), (p), (n), (ms)))
#define LLM_NET_RECV(ctx, c, p, n, ms) ((void)(ctx), fuzz_recv((c), (p), (n), (ms)))
#define LLM_NET_CLOSE(ctx, c) ((void)(ctx), fuzz_close(c))
#define LLM_NET_FD(ctx, c) ((void)(ctx), fuzz_fd(c))
#define LLM_NET_WAIT(ctx, items, n, ms) ((void)(ctx), fuzz_wait((items), (n), (ms)))
#endif

#ifndef FUZZ_TLS
#define LLM_NO_TLS
#endif
#define LLMI_KEEP_MACROS
#define LLM_OPENAI_STATIC
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"

/* ---- logs ---------------------------------------------------------------------------------------------------------- */

typedef struct fuzz_text { char *p; size_t n, cap; } fuzz_text;

static inline void fuzz_add(fuzz_text *t, const void *p, size_t n) {
    if (t->n + n + 1 > t->cap) {
        t->cap = (t->n + n + 1) * 2;
        t->p = (char *)realloc(t->p, t->cap);
        if (!t->p) abort();
    }
    if (n) memcpy(t->p + t->n, p, n);
    t->n += n;
    t->p[t->n] = 0;
}

static inline void fuzz_adds(fuzz_text *t, const char *s) { fuzz_add(t, s, strlen(s)); }

static inline void fuzz_addi(fuzz_text *t, const char *name, long long v) {
    char b[64];
    fuzz_add(t, b, (size_t)snprintf(b, sizeof b, " %.30s %lld", name, v));
}

static inline void fuzz_clear(fuzz_text *t) {
    t->n = 0;
    fuzz_add(t, "", 0);
}

/* Two ways of reading the same bytes. */
static inline void fuzz_same(const fuzz_text *a, const fuzz_text *b, const char *what) {
    if (a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0)) return;
    fprintf(stderr, "---- one way:\n%s\n---- the other:\n%s\n----\n", a->n ? a->p : "", b->n ? b->p : "");
    fuzz_bug(what, "fuzz_same", 0);
}

/* ---- the input: options from its first bytes ------------------------------------------------------------------------ */

typedef struct fuzz_in { const uint8_t *p; size_t n; } fuzz_in;

static inline unsigned fuzz_byte(fuzz_in *in) {
    if (in->n == 0) return 0;
    in->n--;
    return *in->p++;
}

/* How an input is cut: 0 not at all, 1 byte by byte, else into pieces of up to that many bytes, 255 into two. */
typedef struct fuzz_cut { unsigned how, seed; size_t n; } fuzz_cut;

static inline fuzz_cut fuzz_cut_of(unsigned how, size_t n) {
    fuzz_cut c;
    c.how = how;
    c.seed = how * 2654435761u + (unsigned)n;
    c.n = n;
    return c;
}

static inline size_t fuzz_cut_next(fuzz_cut *c, size_t left) {
    size_t k;
    c->seed = c->seed * 1103515245u + 12345u;
    if (c->how == 0) k = left;
    else if (c->how == 1) k = 1;
    else if (c->how == 255) k = left == c->n ? (c->seed >> 8) % (left + 1) : left;
    else k = 1 + (c->seed >> 16) % c->how;
    return k < left ? k : left;
}

/* A piece of exactly its size: a byte too far is found. */
static inline char *fuzz_piece(const void *p, size_t n) {
    char *q = (char *)malloc(n ? n : 1);
    if (!q) abort();
    if (n) memcpy(q, p, n);
    return q;
}

/* A NUL-terminated copy; bytes behind a NUL of the input are left out. */
static inline char *fuzz_string(const void *p, size_t n) {
    char *q = (char *)malloc(n + 1);
    if (!q) abort();
    if (n) memcpy(q, p, n);
    q[n] = 0;
    return q;
}
#endif
