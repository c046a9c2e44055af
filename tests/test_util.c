/* test_util.c - the lowest section by itself: sizes, ASCII, scanning, UTF-8, wiping, the memory pool, the growing text
   and the formatter. Expected values are tables of the standards or naive loops. */
#include "t.h"

static unsigned seed = 1;
static unsigned rnd(unsigned n) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

/* A check that is made millions of times: the first failures are reported, and CHECK_INT(wrong, 0) ends the test. */
static long wrong;
static void quiet(int ok, const char *what, unsigned long at) {
    if (!ok && wrong++ < 10) fprintf(stderr, "    %s at 0x%lx\n", what, at);
}

/* ---- sizes and ASCII -------------------------------------------------------------------------------------- */

static void test_sizes(void) {
    const size_t most = (size_t)-1, half = most / 2;
    size_t r, a, b;
    CHECK(llmi_add_ok(0, 0, &r) && r == 0);
    CHECK(llmi_add_ok(most, 0, &r) && r == most);
    CHECK(llmi_add_ok(0, most, &r) && r == most);
    CHECK(llmi_add_ok(most - 1, 1, &r) && r == most);
    CHECK(!llmi_add_ok(most, 1, &r) && !llmi_add_ok(1, most, &r) && !llmi_add_ok(most, most, &r));
    CHECK(llmi_add_ok(half, half, &r) && r == most - 1);
    CHECK(!llmi_add_ok(half + 1, half + 1, &r));
    CHECK(llmi_mul_ok(0, most, &r) && r == 0);
    CHECK(llmi_mul_ok(most, 0, &r) && r == 0);
    CHECK(llmi_mul_ok(most, 1, &r) && r == most);
    CHECK(llmi_mul_ok(1, most, &r) && r == most);
    CHECK(llmi_mul_ok(half, 2, &r) && r == most - 1);
    CHECK(!llmi_mul_ok(half + 1, 2, &r) && !llmi_mul_ok(2, half + 1, &r) && !llmi_mul_ok(most, most, &r));
    for (a = 0; a < 40; a++) { /* around the square root of the largest, against a division */
        for (b = 0; b < 40; b++) {
            size_t root = (size_t)1 << (sizeof(size_t) * 4), x = root - 20 + a, y = root - 20 + b;
            CHECK_INT(llmi_mul_ok(x, y, &r), x <= most / y);
            CHECK(r == x * y);
        }
    }
    CHECK(llmi_min(1, 2) == 1 && llmi_min(2, 1) == 1 && llmi_min(most, 0) == 0 && llmi_min(7, 7) == 7);
}

static void test_ascii(void) {
    static const char tchar[] = /* RFC 9110 5.6.2 */
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char hex[] = "0123456789abcdef", upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    int c;
    for (c = -1; c < 256; c++) { /* in no locale, and a char that is negative is nothing */
        int shown = c > 0 && c < 128;
        const char *up = shown ? strchr(upper, c) : NULL, *h;
        int low = up ? 'a' + (int)(up - upper) : c;
        h = shown ? strchr(hex, low) : NULL;
        CHECK_INT(llmi_is_digit(c), shown && strchr("0123456789", c) != NULL);
        CHECK_INT(llmi_is_blank(c), shown && strchr(" \t\r\n", c) != NULL);
        CHECK_INT(llmi_lower(c), low);
        CHECK_INT(llmi_is_tchar(c), shown && strchr(tchar, c) != NULL);
        CHECK_INT(llmi_hex(c), h ? (int)(h - hex) : -1);
    }
    CHECK(llmi_streq("", "") && llmi_streq("abc", "abc") && !llmi_streq("abc", "abd") && !llmi_streq("abc", "ab") &&
          !llmi_streq("ab", "abc") && !llmi_streq("abc", "ABC") && !llmi_streq("", "a"));
    CHECK(llmi_is("GET x", 3, "GET") && !llmi_is("GETx", 4, "GET") && !llmi_is("get", 3, "GET") && llmi_is("", 0, ""));
    CHECK(llmi_is_nocase("chUNKed", 7, "Chunked") && !llmi_is_nocase("chunke", 6, "chunked") &&
          !llmi_is_nocase("chunkeds", 8, "chunked") && llmi_is_nocase("", 0, ""));
    CHECK(!llmi_is_nocase("\xE9", 1, "\xC9") && !llmi_is_nocase("[", 1, "{") && !llmi_is_nocase("@", 1, "`"));
}

/* ---- scanning a word at a time ---------------------------------------------------------------------------- */

static const char *naive_find(const char *p, const char *end, char c) {
    while (p < end && *p != c) p++;
    return p;
}

static const char *naive_plain(const char *p, const char *end) {
    for (; p < end; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c == 0x22 || c == 0x5C || c >= 0x80) break;
    }
    return p;
}

static void test_scanning(void) {
    enum { ROOM = 64 };
    static const char zero[ROOM] = "";
    char *base = t_guarded(zero, ROOM), *page = base + ROOM; /* the page that cannot be read */
    size_t from, at;
    int c, i;
    for (from = 0; from <= 24; from++) { /* every alignment and length, every byte, every place */
        for (at = from; at < ROOM; at += at < from + 20 ? 1 : 5) {
            for (c = 0; c < 256; c++) {
                memset(base, 'a', ROOM);
                base[at] = (char)c;
                quiet(llmi_plain_end(base + from, page) == naive_plain(base + from, page), "plain_end", (unsigned)c);
                quiet(llmi_find(base + from, page, (char)c) == naive_find(base + from, page, (char)c), "find",
                      (unsigned)c);
            }
        }
    }
    for (i = 0; i < 60000; i++) { /* several at once: a borrow from one byte must not reach another */
        static const char close_by[] = "!\"#[\\]\x1F\x20\x7F\x80\x81\x01\x02\x00\xFF\xA2\xDC";
        size_t n = rnd(ROOM + 1), k;
        for (k = 0; k < n; k++) page[-1 - (long)k] = rnd(3) ? (char)('a' + rnd(26)) : close_by[rnd(sizeof close_by)];
        quiet(llmi_plain_end(page - n, page) == naive_plain(page - n, page), "plain_end", n);
        c = close_by[rnd(sizeof close_by)];
        quiet(llmi_find(page - n, page, (char)c) == naive_find(page - n, page, (char)c), "find", n);
        k = rnd((unsigned)n + 1); /* an end in the middle of a word */
        quiet(llmi_plain_end(page - n, page - k) == naive_plain(page - n, page - k), "plain_end", n);
        quiet(llmi_find(page - n, page - k, (char)c) == naive_find(page - n, page - k, (char)c), "find", n);
    }
    t_unguard(base, ROOM);
    CHECK_INT(wrong, 0);
}

static void test_wipe(void) {
    unsigned char b[40];
    size_t from, n, i;
    for (from = 0; from < 9; from++) {
        for (n = 0; n <= 24; n++) {
            int right = 1;
            memset(b, 0xA5, sizeof b);
            llmi_wipe(b + from, n);
            for (i = 0; i < sizeof b; i++) right &= b[i] == (i >= from && i < from + n ? 0 : 0xA5);
            CHECK(right);
        }
    }
}

/* ---- UTF-8: Unicode 15 table 3-7, row by row -------------------------------------------------------------- */

static const unsigned char rows[][8] = {
    {0x00, 0x7F, 0, 0, 0, 0, 0, 0},
    {0xC2, 0xDF, 0x80, 0xBF, 0, 0, 0, 0},
    {0xE0, 0xE0, 0xA0, 0xBF, 0x80, 0xBF, 0, 0},
    {0xE1, 0xEC, 0x80, 0xBF, 0x80, 0xBF, 0, 0},
    {0xED, 0xED, 0x80, 0x9F, 0x80, 0xBF, 0, 0},
    {0xEE, 0xEF, 0x80, 0xBF, 0x80, 0xBF, 0, 0},
    {0xF0, 0xF0, 0x90, 0xBF, 0x80, 0xBF, 0x80, 0xBF},
    {0xF1, 0xF3, 0x80, 0xBF, 0x80, 0xBF, 0x80, 0xBF},
    {0xF4, 0xF4, 0x80, 0x8F, 0x80, 0xBF, 0x80, 0xBF},
};

/* Length, or 0 with *bad: bytes of the row that matched (at least 1), 0 if n ended before anything was wrong. */
static size_t naive_utf8(const unsigned char *p, size_t n, size_t *bad) {
    size_t i, k;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const unsigned char *r = rows[i];
        size_t len = r[2] == 0 ? 1 : r[4] == 0 ? 2 : r[6] == 0 ? 3 : 4;
        if (p[0] < r[0] || p[0] > r[1]) continue;
        for (k = 1; k < len; k++) {
            *bad = 0;
            if (k == n) return 0;
            *bad = k;
            if (p[k] < r[2 * k] || p[k] > r[2 * k + 1]) return 0;
        }
        return len;
    }
    *bad = 1;
    return 0;
}

static void check_utf8(const unsigned char *p, size_t n) {
    size_t bad = 99, wanted_bad = 99, len = llmi_utf8_next((const char *)p, n, &bad);
    size_t wanted = naive_utf8(p, n, &wanted_bad);
    quiet(len == wanted && (len > 0 || bad == wanted_bad), "utf8_next", (unsigned long)p[0] << 8 | p[n > 1]);
}

static void test_utf8(void) {
    static const unsigned char edge[] = {0x00, 0x41, 0x7F, 0x80, 0x81, 0x8F, 0x90, 0x9F,
                                         0xA0, 0xBE, 0xBF, 0xC0, 0xC2, 0xE0, 0xF4, 0xFF};
    unsigned char b[4];
    char out[4];
    unsigned a, c;
    size_t i, k, n, bad;
    unsigned long cp;
    for (a = 0; a < 256; a++) {
        b[0] = (unsigned char)a;
        check_utf8(b, 1);
        for (c = 0; c < 256; c++) {
            b[1] = (unsigned char)c;
            check_utf8(b, 2);
            for (i = 0; i < sizeof edge; i++) {
                b[2] = edge[i];
                check_utf8(b, 3);
                if (a < 0xE0 || c < 0x7E || c > 0xC2) continue;
                for (k = 0; k < sizeof edge; k++) {
                    b[3] = edge[k];
                    check_utf8(b, 4);
                }
            }
        }
    }
    for (cp = 0; cp <= 0x10FFFF; cp++) { /* every code point there and back, by arithmetic instead of shifts */
        unsigned char w[4];
        if (cp >= 0xD800 && cp <= 0xDFFF) continue;
        n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
        w[0] = (unsigned char)(n == 1 ? cp : n == 2 ? 192 + cp / 64 : n == 3 ? 224 + cp / 4096 : 240 + cp / 262144);
        if (n > 3) w[n - 3] = (unsigned char)(128 + cp / 4096 % 64);
        if (n > 2) w[n - 2] = (unsigned char)(128 + cp / 64 % 64);
        if (n > 1) w[n - 1] = (unsigned char)(128 + cp % 64);
        if (llmi_utf8_put(out, (uint32_t)cp) != n || memcmp(out, w, n) != 0 || llmi_utf8_next(out, n, &bad) != n)
            quiet(0, "utf8_put", cp);
    }
    CHECK_INT(wrong, 0);
}

/* ---- the pool: against a model that knows what each block must hold ------------------------------------------ */

typedef struct held {
    unsigned char *p;
    size_t n;
    unsigned char mark;
} held;

static int intact(const held *h, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) {
        if (h->p[i] != (unsigned char)(h->mark + i)) return 0;
    }
    return 1;
}

static void fill(held *h, size_t from) {
    for (; from < h->n; from++) h->p[from] = (unsigned char)(h->mark + from);
}

/* Aligned, inside the pool, apart from every other block. */
static int apart(const held *list, size_t count, size_t me, const char *pool, size_t size) {
    const unsigned char *p = list[me].p, *start = (const unsigned char *)pool;
    size_t i;
    if ((uintptr_t)p % (2 * sizeof(void *)) != 0 || p < start || p + list[me].n > start + size) return 0;
    for (i = 0; i < count; i++) {
        if (i != me && list[i].p && p < list[i].p + list[i].n && list[i].p < p + list[me].n) return 0;
    }
    return 1;
}

enum { HELD = 24 };

static void pool_step(llmi_mem *m, held *list, const char *pool, size_t size, size_t *used, size_t *peak) {
    held *h = &list[rnd(HELD)];
    size_t n = 1 + (rnd(4) ? rnd(60) : rnd(600)), old = h->n;
    if (h->p == NULL || (rnd(3) == 0 && intact(h, h->n))) {
        held fresh;
        fresh.n = n;
        if (h->p == NULL) {
            fresh.p = (unsigned char *)(rnd(2) ? llmi_mem_alloc(m, n) : llmi_mem_realloc(m, NULL, 0, n));
            if (fresh.p == NULL) return; /* full */
            fresh.mark = (unsigned char)rnd(256);
            *h = fresh;
            *used += n;
            fill(h, 0);
        } else {
            fresh.p = (unsigned char *)llmi_mem_realloc(m, h->p, old, n);
            if (fresh.p == NULL) { /* full: the old one is untouched */
                CHECK(n > old);
                CHECK(intact(h, old));
                return;
            }
            h->p = fresh.p;
            CHECK(intact(h, old < n ? old : n));
            h->n = n;
            fill(h, old < n ? old : n);
            *used = *used - old + n;
        }
        if (*used > *peak) *peak = *used;
        CHECK(apart(list, HELD, (size_t)(h - list), pool, size));
    } else {
        CHECK(intact(h, h->n));
        llmi_mem_free(m, h->p, h->n);
        *used -= h->n;
        memset(h, 0, sizeof *h);
    }
}

static void test_pool(void) {
    enum { MOST = 4096 };
    char *room = (char *)malloc(MOST + 64);
    size_t shift, size, i;
    if (!room) exit(1);
    for (shift = 0; shift < 17; shift += 3) {
        for (size = 256; size <= MOST; size *= 2) {
            llmi_mem m;
            held list[HELD];
            size_t used = 0, peak = 0, unit = 2 * sizeof(void *);
            size_t lost = (unit - (size_t)((uintptr_t)(room + shift) % unit)) % unit;
            size_t inside = (size - lost) / unit * unit - unit; /* one header */
            void *p;
            int step;
            memset(list, 0, sizeof list);
            memset(room, 0x5A, MOST + 64);
            llmi_mem_init(&m, NULL, room + shift, size);
            p = llmi_mem_alloc(&m, inside); /* all of it is one block */
            CHECK(p != NULL);
            CHECK(llmi_mem_alloc(&m, 1) == NULL);
            llmi_mem_free(&m, p, inside);
            CHECK(llmi_mem_alloc(&m, inside + 1) == NULL);
            CHECK(llmi_mem_alloc(&m, (size_t)-1) == NULL && llmi_mem_alloc(&m, (size_t)-1 - unit) == NULL);
            CHECK_INT(m.used, 0);
            CHECK_INT(m.peak, inside);
            m.peak = 0;
            for (step = 0; step < 1500; step++) {
                pool_step(&m, list, room + shift, size, &used, &peak);
                CHECK(m.used == used && m.peak == peak);
            }
            for (i = 0; i < HELD; i++) {
                if (!list[i].p) continue;
                CHECK(intact(&list[i], list[i].n));
                llmi_mem_free(&m, list[i].p, list[i].n);
            }
            llmi_mem_free(&m, NULL, 0);
            CHECK_INT(m.used, 0);
            p = llmi_mem_alloc(&m, inside); /* the free blocks are one again */
            CHECK(p != NULL);
            if (p) {
                CHECK(llmi_mem_realloc(&m, p, inside, (size_t)-1) == NULL);
                CHECK(llmi_mem_realloc(&m, p, inside, 1) == p); /* shrinking stays where it is .. */
                CHECK(llmi_mem_realloc(&m, p, 1, inside) == p); /* .. and growing again too */
                llmi_mem_free(&m, p, inside);
            }
            p = llmi_mem_alloc(&m, 1); /* one that cannot grow keeps nothing of the room behind it */
            if (CHECK(p != NULL)) {
                void *rest;
                CHECK(llmi_mem_realloc(&m, p, 1, inside + 1) == NULL);
                rest = llmi_mem_alloc(&m, inside - 2 * unit);
                CHECK(rest != NULL);
                llmi_mem_free(&m, rest, rest ? inside - 2 * unit : 0);
                llmi_mem_free(&m, p, 1);
            }
            for (i = 0; i < 64; i++) { /* nothing written before or behind */
                if (i < shift) CHECK(room[i] == 0x5A);
                if (shift + size + i < MOST + 64) CHECK(room[shift + size + i] == 0x5A);
            }
        }
    }
    for (size = 0; size <= 80; size++) { /* too small for anything is no crash */
        llmi_mem m;
        void *p;
        llmi_mem_init(&m, NULL, room + 1, size);
        p = llmi_mem_alloc(&m, 1);
        CHECK(p == NULL || size >= 2 * 2 * sizeof(void *));
        if (p) llmi_mem_free(&m, p, 1);
    }
    free(room);
}

static void test_hooks(void) {
    llmi_mem m;
    unsigned char *p, *q;
    int i, zero = 1;
    llmi_mem_init(&m, NULL, NULL, 0);
    p = (unsigned char *)llmi_mem_zalloc(&m, 100);
    for (i = 0; i < 100; i++) zero &= p[i] == 0;
    CHECK(zero);
    memset(p, 7, 100);
    t_fail_at = t_allocs + 1;
    CHECK(llmi_mem_realloc(&m, p, 100, 200) == NULL);
    CHECK(p[0] == 7 && p[99] == 7 && m.used == 100);
    q = (unsigned char *)llmi_mem_realloc(&m, p, 100, 200);
    CHECK(q && q[99] == 7 && m.used == 200 && m.peak == 200);
    t_fail_at = t_allocs + 1;
    CHECK(llmi_mem_zalloc(&m, 5) == NULL);
    t_fail_at = 0;
    llmi_mem_free(&m, q, 200);
    CHECK(m.used == 0 && m.peak == 200 && t_live == 0);
}

/* ---- the text --------------------------------------------------------------------------------------------- */

static void test_growing(void) {
    llmi_mem m;
    llm_text t;
    char model[3000];
    size_t n, i, moves = 0, cap = 0;
    long at;
    llmi_mem_init(&m, NULL, NULL, 0);
    llmi_text_init(&t, &m, 2000);
    CHECK_STR(llmi_text_cstr(&t), "");
    CHECK_INT(t_live, 0); /* nothing put, nothing allocated */
    for (n = 0; n < 2000; n += i) {
        i = 1 + rnd(9);
        if (i > 2000 - n) i = 2000 - n;
        memset(model + n, (int)('a' + rnd(26)), i);
        llmi_text_put(&t, model + n, i);
        llmi_text_put(&t, NULL, 0);
        if (t.cap != cap) moves++, cap = t.cap;
        if (t.n != n + i || memcmp(t.p, model, t.n) != 0 || t.cap <= t.n) CHECK(0 && "the text");
    }
    CHECK_INT(t.n, 2000);
    CHECK_INT(strlen(llmi_text_cstr(&t)), 2000);
    CHECK(moves < 12); /* it doubles: linear in all */
    CHECK_INT(t.err, LLM_OK);
    llmi_text_putc(&t, 'x'); /* one too many: it keeps what it has, and the error sticks */
    CHECK_INT(t.err, LLM_ERR_LIMIT);
    CHECK_INT(t.n, 2000);
    t.n = 0;
    llmi_text_puts(&t, "");
    llmi_text_puts(&t, "more");
    CHECK(t.n == 0 && t.err == LLM_ERR_LIMIT);
    llmi_text_free(&t);
    CHECK_INT(m.used, 0);
    CHECK_INT(t_live, 0);
    llmi_text_init(&t, &m, (size_t)-1); /* sizes that cannot be */
    llmi_text_putc(&t, 'a');
    CHECK(!llmi_text_reserve(&t, (size_t)-1) && t.err == LLM_ERR_LIMIT);
    t.err = LLM_OK;
    CHECK(!llmi_text_reserve(&t, (size_t)-2) && t.err == LLM_ERR_LIMIT);
    llmi_text_free(&t);
    for (at = 1; at < 30; at++) { /* every allocation fails once: what was put stays, nothing leaks */
        llmi_text_init(&t, &m, 5000);
        t_allocs = 0;
        t_fail_at = at;
        for (n = 0; n < 300; n++) {
            size_t before = t.n;
            llmi_text_put(&t, model + n * 10, 10);
            if (t.err != LLM_OK) {
                CHECK_INT(t.n, before);
                break;
            }
        }
        CHECK(t.err == LLM_OK || t.err == LLM_ERR_MEMORY);
        CHECK(memcmp(llmi_text_cstr(&t), model, t.n < 2000 ? t.n : 2000) == 0);
        t_fail_at = 0;
        llmi_text_free(&t);
        CHECK_INT(t_live, 0);
        if (t_allocs < at) break;
    }
    CHECK(at > 5 && at < 30);
}

/* A small pool: when twice as much does not fit, what is needed may. */
static void test_tight_pool(void) {
    char room[512];
    llmi_mem m;
    llm_text t;
    llmi_mem_init(&m, NULL, room, sizeof room);
    llmi_text_init(&t, &m, 10000);
    while (t.err == LLM_OK) llmi_text_putc(&t, 'x');
    CHECK_INT(t.err, LLM_ERR_MEMORY);
    CHECK(t.n > 400 && t.n < 512);
    CHECK_INT(strlen(llmi_text_cstr(&t)), t.n);
    llmi_text_free(&t);
    CHECK_INT(m.used, 0);
}

static void test_fixed(void) {
    size_t cap, n, i;
    for (cap = 1; cap <= 12; cap++) {
        for (n = 0; n <= 14; n++) {
            char *given = t_guarded("############", cap), model[20];
            llm_text t;
            llmi_text_fixed(&t, given, cap);
            CHECK_STR(llmi_text_cstr(&t), "");
            for (i = 0; i < n; i++) model[i] = (char)('a' + i);
            model[n < cap ? n : cap - 1] = 0;
            for (i = 0; i < n; i += 3) llmi_text_put(&t, &"abcdefghijklmno"[i], n - i < 3 ? n - i : 3);
            CHECK_STR(llmi_text_cstr(&t), model); /* what fits */
            CHECK_INT(t.err, n < cap ? LLM_OK : LLM_ERR_LIMIT);
            llmi_text_free(&t); /* frees nothing of the caller's */
            t_unguard(given, cap);
        }
    }
    CHECK_INT(t_live, 0);
}

static void test_counting(void) {
    llm_text t;
    llmi_text_counting(&t);
    llmi_text_puts(&t, "abc");
    llmi_text_int(&t, -100);
    llmi_text_quote(&t, "\n", 1);
    CHECK_INT(t.n, 11);
    CHECK_STR(llmi_text_cstr(&t), "");
    CHECK(llmi_text_reserve(&t, (size_t)-1 - 11));
    CHECK(!llmi_text_reserve(&t, (size_t)-1));
    CHECK_INT(t.err, LLM_ERR_LIMIT);
    llmi_text_free(&t);
}

static void check_number(uint64_t u, int64_t s) {
    char buf[64], wanted[64];
    llm_text t;
    llmi_text_fixed(&t, buf, sizeof buf);
    llmi_text_uint(&t, u);
    llmi_text_putc(&t, ' ');
    llmi_text_int(&t, s);
    snprintf(wanted, sizeof wanted, "%llu %lld", (unsigned long long)u, (long long)s);
    CHECK_STR(llmi_text_cstr(&t), wanted);
}

static void test_numbers(void) {
    uint64_t p = 1;
    int i;
    for (i = 0; i < 20; i++, p *= 10) {
        check_number(p, (int64_t)p);
        check_number(p - 1, -(int64_t)(p - 1));
    }
    for (i = 0; i < 64; i++) check_number((uint64_t)1 << i, (int64_t)((uint64_t)1 << i));
    check_number(UINT64_MAX, INT64_MIN);
    check_number(0, INT64_MAX);
}

/* ---- JSON strings: RFC 8259 7, and U+FFFD for each maximal ill-formed part -------------------------------------- */

static size_t naive_quote(char *out, const unsigned char *s, size_t n) {
    size_t i = 0, to = 0, bad, k;
    out[to++] = '"';
    while (i < n) {
        if (s[i] < 0x80) {
            if (s[i] == '"' || s[i] == '\\')
                to += (size_t)sprintf(out + to, "\\%c", s[i]);
            else if (s[i] == '\n' || s[i] == '\r' || s[i] == '\t')
                to += (size_t)sprintf(out + to, "\\%c", s[i] == '\n' ? 'n' : s[i] == '\r' ? 'r' : 't');
            else if (s[i] < 0x20)
                to += (size_t)sprintf(out + to, "\\u%04x", s[i]);
            else
                out[to++] = (char)s[i];
            i++;
        } else if ((k = naive_utf8(s + i, n - i, &bad)) > 0) {
            while (k--) out[to++] = (char)s[i++];
        } else {
            to += (size_t)sprintf(out + to, "\xEF\xBF\xBD");
            i += bad ? bad : n - i;
        }
    }
    out[to++] = '"';
    return to;
}

static void check_quote(const void *s, size_t n) {
    char *given = t_guarded((const char *)s, n), out[700], wanted[700];
    size_t w = naive_quote(wanted, (const unsigned char *)s, n);
    llm_text t;
    llmi_text_fixed(&t, out, sizeof out);
    llmi_text_quote(&t, given, n);
    quiet(t.err == LLM_OK && t.n == w && memcmp(out, wanted, w) == 0, "text_quote", ((const unsigned char *)s)[0]);
    t_unguard(given, n);
}

static void test_quote(void) {
    static const char piece[][5] = {"a",
                                    "\"",
                                    "\\",
                                    "\n",
                                    "\x01",
                                    "\x7F",
                                    "\xC3\xA9",
                                    "\xE2\x82\xAC",
                                    "\xF0\x9F\x98\x80",
                                    "\xF0\x9F\x98",
                                    "\xED\xA0",
                                    "\xC0",
                                    "\xFF",
                                    "\xE2\x82",
                                    "\x80",
                                    " "};
    unsigned char b[100];
    char out[40];
    llm_text t;
    int c, i;
    llmi_text_fixed(&t, out, sizeof out);
    llmi_text_quote(&t, "a\"\\/\b\n\0\x1f", 8);
    CHECK_STR(llmi_text_cstr(&t), "\"a\\\"\\\\/\\u0008\\n\\u0000\\u001f\"");
    for (c = 0; c < 256; c++) {
        b[0] = (unsigned char)c;
        check_quote(b, 1);
        memset(b, 'x', 20);
        b[c % 20] = (unsigned char)c;
        check_quote(b, 20);
    }
    check_quote("", 0);
    for (i = 0; i < 6000; i++) {
        size_t n = 0;
        while (n < 60 && rnd(30)) {
            const char *p = piece[rnd(16)];
            memcpy(b + n, p, strlen(p));
            n += strlen(p);
        }
        check_quote(b, n);
    }
    CHECK_INT(wrong, 0);
}

/* ---- the formatter ---------------------------------------------------------------------------------------- */

static int format(char *out, size_t cap, const char *f, ...) {
    llm_text t;
    va_list args;
    int known;
    llmi_text_fixed(&t, out, cap);
    va_start(args, f);
    known = llmi_text_vaddf(&t, f, args);
    va_end(args);
    (void)llmi_text_cstr(&t);
    return known;
}

static void test_format(void) {
    static const char *const unknown[] = {"%",   "%x",   "%u", "%ld", "%l", "%ll", "%llu", "%z", "%zd", "%5d",
                                          "%-s", "%.2s", "%i", "%c",  "%S", "%n",  "%p",   "%f", "% d"};
    char out[200];
    size_t i;
    CHECK(format(out, sizeof out, "plain"));
    CHECK_STR(out, "plain");
    CHECK(format(out, sizeof out, ""));
    CHECK_STR(out, "");
    CHECK(format(out, sizeof out, "%%%s%%%d%%%%", "s", 1));
    CHECK_STR(out, "%s%1%%");
    CHECK(format(out, sizeof out, "%d %d %lld %lld %zu", 2147483647, -2147483647 - 1, (long long)INT64_MIN,
                 (long long)INT64_MAX, (size_t)-1));
    snprintf(out + 100, 100, "2147483647 -2147483648 -9223372036854775808 9223372036854775807 %zu", (size_t)-1);
    CHECK_STR(out, out + 100);
    CHECK(format(out, sizeof out, "%q|%q|%q", "", "a\"b\n", "\xFF"));
    CHECK_STR(out, "\"\"|\"a\\\"b\\n\"|\"\xEF\xBF\xBD\"");
    CHECK(format(out, sizeof out, "%s %q", (const char *)NULL, (const char *)NULL));
    CHECK_STR(out, "(null) \"(null)\"");
    CHECK(format(out, sizeof out, "%s", "%d %n %s")); /* an argument is no format */
    CHECK_STR(out, "%d %n %s");
    for (i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        char f[20];
        t_case = unknown[i];
        snprintf(f, sizeof f, "ab%s", unknown[i]);
        CHECK(!format(out, sizeof out, f, 1, 2));
        CHECK_STR(out, "ab"); /* what stands before it */
        {                     /* the public one says so, and the error sticks */
            llm_text t;
            llmi_text_fixed(&t, out, sizeof out);
            CHECK_INT(llm_text_addf(&t, f, 1, 2), LLM_ERR_USAGE);
            CHECK_INT(llm_text_add(&t, "x"), LLM_ERR_USAGE);
        }
    }
    t_case = "";
    { /* out of memory in the middle: said at the end */
        llmi_mem m;
        llm_text t;
        llmi_mem_init(&m, NULL, NULL, 0);
        llmi_text_init(&t, &m, 5);
        llmi_text_addf(&t, "%s %d", "abc", 1234);
        CHECK_INT(t.err, LLM_ERR_LIMIT);
        llmi_text_free(&t);
    }
}

/* Sizes near the end of the address space, and a text that cannot take what it is given. */
static void test_extremes(void) {
    llmi_mem m;
    llm_text t;
    char buf[8];
    unsigned char random[600];
    memset(random, 0, sizeof random);
    CHECK(LLM_RANDOM(NULL, random, sizeof random));      /* more than one system call gives */
    CHECK(memchr(random + 590, 0, 10) == NULL || memcmp(random + 590, "\0\0\0\0\0\0\0\0\0", 10) != 0);
    llmi_mem_init(&m, NULL, NULL, 0);
    llmi_text_init(&t, &m, (size_t)-1);
    t.n = t.cap = (size_t)-1 / 2 + 10;      /* twice as much is no size */
    t_allocs = 0;
    t_fail_at = 1;
    CHECK(!llmi_text_reserve(&t, 10));
    t_fail_at = 0;
    CHECK_INT(t.err, LLM_ERR_MEMORY);
    llmi_text_fixed(&t, buf, sizeof buf);
    llmi_text_put_secret(&t, "0123456789", 10);
    CHECK_INT(t.err, LLM_ERR_LIMIT);
    CHECK_INT(t.n, 0);
}

int main(void) {
    test_extremes();
    test_sizes();
    test_ascii();
    test_scanning();
    test_wipe();
    test_utf8();
    test_pool();
    test_hooks();
    test_growing();
    test_tight_pool();
    test_fixed();
    test_counting();
    test_numbers();
    test_quote();
    test_format();
    CHECK_INT(t_live, 0);
    return t_done();
}
