/* Growing buffers, UTF-8, clock, files. */
#define _POSIX_C_SOURCE 200809L
#include "server.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void *checked(void *p) {
    if (!p) {
        fputs("mock_server: out of memory\n", stderr);
        exit(1);
    }
    return p;
}

void *mem_get(size_t n) {
    return checked(calloc(1, n ? n : 1));
}

char *mem_str(const char *s, size_t n) {
    char *p = mem_get(n + 1);
    if (n) memcpy(p, s, n);
    return p;
}

void buf_put(buf *b, const void *p, size_t n) {
    if (b->len + n + 1 > b->cap) {
        size_t cap = b->cap ? b->cap : 256;
        while (cap < b->len + n + 1) cap *= 2;
        b->p = checked(realloc(b->p, cap));
        b->cap = cap;
    }
    if (n) memcpy(b->p + b->len, p, n);
    b->len += n;
    b->p[b->len] = 0;
}

void buf_str(buf *b, const char *s) {
    buf_put(b, s, strlen(s));
}

void buf_fmt(buf *b, const char *format, ...) {
    char small[1024];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(small, sizeof small, format, ap);
    va_end(ap);
    if (n < 0) return;
    if ((size_t)n < sizeof small) {
        buf_put(b, small, (size_t)n);
        return;
    }
    char *big = mem_get((size_t)n + 1);
    va_start(ap, format);
    vsnprintf(big, (size_t)n + 1, format, ap);
    va_end(ap);
    buf_put(b, big, (size_t)n);
    free(big);
}

int utf8_len(const unsigned char *p, size_t n) {
    if (!n) return 0;
    if (p[0] < 0x80) return 1;
    int k = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
            : p[0] >= 0xe0 && p[0] <= 0xef ? 3
            : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                           : 0;
    if (!k || (size_t)k > n) return 0;
    for (int i = 1; i < k; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
    }
    if (p[0] == 0xe0 && p[1] < 0xa0) return 0; /* overlong */
    if (p[0] == 0xed && p[1] > 0x9f) return 0; /* surrogate */
    if (p[0] == 0xf0 && p[1] < 0x90) return 0; /* overlong */
    if (p[0] == 0xf4 && p[1] > 0x8f) return 0; /* beyond U+10FFFF */
    return k;
}

void buf_json(buf *b, const char *s, size_t n) {
    const unsigned char *p = (const unsigned char *)s;
    buf_put(b, "\"", 1);
    for (size_t i = 0; i < n;) {
        int k = utf8_len(p + i, n - i);
        if (k == 0) {
            buf_put(b, "\xef\xbf\xbd", 3);
            i++;
            continue;
        }
        if (k > 1)
            buf_put(b, p + i, (size_t)k);
        else if (p[i] == '"' || p[i] == '\\')
            buf_fmt(b, "\\%c", p[i]);
        else if (p[i] == '\n')
            buf_str(b, "\\n");
        else if (p[i] == '\r')
            buf_str(b, "\\r");
        else if (p[i] == '\t')
            buf_str(b, "\\t");
        else if (p[i] < 0x20)
            buf_fmt(b, "\\u%04x", p[i]);
        else
            buf_put(b, p + i, 1);
        i += (size_t)k;
    }
    buf_put(b, "\"", 1);
}

void buf_drop(buf *b, size_t n) {
    if (!n) return;
    memmove(b->p, b->p + n, b->len - n + 1);
    b->len -= n;
}

void buf_free(buf *b) {
    free(b->p);
    b->p = NULL;
    b->len = b->cap = 0;
}

uint64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

int file_read(const char *path, buf *out) {
    FILE *f = fopen(path, "rb");
    if (!f) return -1;
    char block[8192];
    size_t n;
    while ((n = fread(block, 1, sizeof block, f)) > 0) buf_put(out, block, n);
    int bad = ferror(f);
    fclose(f);
    return bad ? -1 : 0;
}
