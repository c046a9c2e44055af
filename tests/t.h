/* t.h - what every test suite needs: checks, files, memory that fails, input against an unreadable page, a log, and an
   eye on keys and prompts that come out (t_canary.h).
   A suite includes this first. It brings the implementation in as static code, so that private functions can be
   called; -DT_NO_LIB leaves it out. Suites end with `return t_done();`. */
#ifndef T_H
#define T_H

#if !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE 1
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef T_SLOW          /* how much slower than usual this build may be, where time is real: more_dynamic.sh says 10 */
#define T_SLOW 1
#endif

static int t_passed, t_failed;
static const char *t_case = "";   /* named in the report of a failing check */

static inline int t_check(int ok, const char *what, const char *file, int line) {
    if (ok) {
        t_passed++;
    } else {
        t_failed++;
        fprintf(stderr, "%s:%d: FAILED %s%s%s\n", file, line, what, t_case[0] ? " in " : "", t_case);
    }
    return ok;
}

static inline int t_check_str(const char *a, const char *b, const char *what, const char *file, int line) {
    int ok = a && b && strcmp(a, b) == 0;
    if (!t_check(ok, what, file, line)) fprintf(stderr, "    is:     %s\n    wanted: %s\n", a ? a : "NULL", b ? b : "NULL");
    return ok;
}

static inline int t_check_int(long long a, long long b, const char *what, const char *file, int line) {
    int ok = a == b;
    if (!t_check(ok, what, file, line)) fprintf(stderr, "    is: %lld, wanted: %lld\n", a, b);
    return ok;
}

#define CHECK(x)        t_check(!!(x), #x, __FILE__, __LINE__)
#define CHECK_STR(a, b) t_check_str((a), (b), #a " == " #b, __FILE__, __LINE__)
#define CHECK_INT(a, b) t_check_int((long long)(a), (long long)(b), #a " == " #b, __FILE__, __LINE__)

/* A suite that checked nothing has failed. */
static inline int t_done(void) {
    if (t_passed + t_failed == 0) t_failed = 1;
    printf("%d passed, %d failed\n", t_passed, t_failed);
    fflush(stdout);
    return t_failed ? 1 : 0;
}

/* The whole file, NUL-terminated; free() it. Ends the program if there is none: a test without its data proves
   nothing. */
static inline char *t_read_file(const char *path, size_t *len) {
    FILE *f = fopen(path, "rb");
    char *p;
    long n;
    if (!f || fseek(f, 0, SEEK_END) || (n = ftell(f)) < 0 || fseek(f, 0, SEEK_SET)) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    p = (char *)malloc((size_t)n + 1);
    if (!p || fread(p, 1, (size_t)n, f) != (size_t)n) exit(1);
    fclose(f);
    p[n] = 0;
    if (len) *len = (size_t)n;
    return p;
}

/* A copy of p[0..n) that ends where a page starts that cannot be read: one byte too far is a crash. */
static inline char *t_guarded(const char *p, size_t n) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (n + page - 1) / page * page;
    char *m = (char *)mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m == (char *)MAP_FAILED || mprotect(m + size, page, PROT_NONE)) exit(1);
    if (n) memcpy(m + size - n, p, n);
    return m + size - n;
}

static inline void t_unguard(char *p, size_t n) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (n + page - 1) / page * page;
    munmap(p - (size - n), size + page);
}

#ifndef T_NO_LIB
/* Memory hooks that count, check sizes, and fail at one chosen call: t_fail_at = k makes the k-th call fail. */
static long t_allocs, t_fail_at, t_live;
static inline void *t_malloc(size_t n) {
    size_t *p;
    if (++t_allocs == t_fail_at) return NULL;
    p = (size_t *)malloc(n + 16);
    if (!p) exit(1);
    p[0] = n;
    t_live++;
    memset((char *)p + 16, 0xA5, n);
    return (char *)p + 16;
}
static inline void t_free(void *p, size_t n) {
    if (!p) return;
    if (*(size_t *)(void *)((char *)p - 16) != n) {
        fprintf(stderr, "freed with %zu, allocated with %zu\n", n, *(size_t *)(void *)((char *)p - 16));
        abort();
    }
    t_live--;
    free((char *)p - 16);
}
static inline void *t_realloc(void *p, size_t old, size_t n) {
    void *q = t_malloc(n);
    if (q && p) memcpy(q, p, old < n ? old : n);
    if (q) t_free(p, old);
    return q;
}
#ifndef T_NO_MEMORY_HOOKS
#define LLM_MALLOC(ctx, n) ((void)(ctx), t_malloc(n))
#define LLM_REALLOC(ctx, p, old, n) ((void)(ctx), t_realloc((p), (old), (n)))
#define LLM_FREE(ctx, p, n) ((void)(ctx), t_free((p), (n)))
#endif
#include "t_canary.h"
#ifndef LLM_LOG
#define LLM_LOG(ctx, level, p, n) ((void)(ctx), t_log((level), (p), (n)))
#endif
#define LLMI_KEEP_MACROS
#define LLM_OPENAI_STATIC
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"
#include "t_wrap.h"
#endif
#endif
