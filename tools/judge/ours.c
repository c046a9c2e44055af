/* ours.c - what the header says, in a form that judge.py and judge.mjs can compare with what they say themselves.
       ours utf8 LO HI     every byte string of 1 to 3 bytes whose first byte is LO to HI; LO 0: the empty one too
       ours utf8-long      sequences of 4 bytes at every boundary, with what can follow them
       ours json           texts on standard input, each behind its length (4 bytes, little-endian)
       ours print          doubles on standard input as 8 bytes, little-endian
   Every text is read at once and byte by byte; if the two differ the program ends. The answers:
       utf8, utf8-long     a byte: 1 = the JSON reader takes it inside a string; the writer's JSON string; a line feed
       json                a line: y, n or l (a limit), a blank, and the value as judge.py's walk() writes it
       print               a line: what llm_text_add_number() writes */
#if !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE)
    #define _GNU_SOURCE 1
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define LLM_NO_TLS
#define LLM_NO_SOCKETS
#define LLMI_KEEP_MACROS
#define LLM_OPENAI_STATIC
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"

static void die(const char *what) {
    fprintf(stderr, "ours: %s\n", what);
    exit(2);
}

static void put(const void *p, size_t n) {
    if (n && fwrite(p, 1, n, stdout) != n) die("cannot write");
}

/* ---- UTF-8 ---------------------------------------------------------------------------------------------------- */

/* One byte after the other, each in memory of its own size. */
static llm_status by_bytes(const char *s, size_t n) {
    llmi_json j;
    size_t i;
    llmi_json_init(&j);
    for (i = 0; i < n; i++) {
        const char *p = s + i;
        while (p != s + i + 1) {
            if (llmi_json_next(&j, &p, s + i + 1) == LLMI_JSON_ERROR) return j.status;
        }
    }
    return llmi_json_end(&j) ? LLM_OK : j.status;
}

static void one_string(const char *s, size_t n) {
    char text[16], out[64];
    llm_text t;
    llm_json v;
    llm_status status;
    text[0] = '"';
    memcpy(text + 1, s, n);
    text[n + 1] = '"';
    status = llm_json_get(text, n + 2, "", &v);
    if (by_bytes(text, n + 2) != status) die("byte by byte the verdict is another");
    llmi_text_fixed(&t, out + 1, sizeof out - 1);
    if (llm_text_add_json_string(&t, s, n) != LLM_OK) die("a string was not written");
    out[0] = status == LLM_OK;
    out[t.n + 1] = '\n';
    put(out, t.n + 2);
}

static void utf8(int lo, int hi) {
    char s[3];
    int a, b, c;
    if (lo == 0) one_string("", 0);
    for (a = lo; a <= hi; a++) {
        s[0] = (char)a;
        one_string(s, 1);
        for (b = 0; b < 256; b++) {
            s[1] = (char)b;
            one_string(s, 2);
            for (c = 0; c < 256; c++) {
                s[2] = (char)c;
                one_string(s, 3);
            }
        }
    }
}

/* judge.py and judge.mjs go through the same lists. */
static void utf8_long(void) {
    static const unsigned char lead[] = {0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF2,
                                         0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF};
    static const unsigned char edge[] = {0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xF4};
    static const char *const tail[] = {"", "a", "\xBF", "\xC2", "\xF0\x90\x80"};
    size_t a, b, c, d, e;
    char s[8];
    for (a = 0; a < sizeof lead; a++) for (b = 0; b < 256; b++)
    for (c = 0; c < sizeof edge; c++) for (d = 0; d < sizeof edge; d++)
    for (e = 0; e < 5; e++) {
        s[0] = (char)lead[a];
        s[1] = (char)b;
        s[2] = (char)edge[c];
        s[3] = (char)edge[d];
        memcpy(s + 4, tail[e], strlen(tail[e]));
        one_string(s, 4 + strlen(tail[e]));
    }
}

/* ---- JSON ----------------------------------------------------------------------------------------------------- */

static char *next_text(size_t *n) {
    unsigned char head[4];
    char *p;
    if (fread(head, 1, 4, stdin) != 4) return NULL;
    *n = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    p = (char *)malloc(*n ? *n : 1);
    if (!p || fread(p, 1, *n, stdin) != *n) die("the input breaks off");
    return p;
}

static void put_hex(llm_text *t, const char *p, size_t n) {
    static const char digits[] = "0123456789abcdef";
    size_t i;
    for (i = 0; i < n; i++) {
        llmi_text_putc(t, digits[(unsigned char)p[i] >> 4]);
        llmi_text_putc(t, digits[(unsigned char)p[i] & 15]);
    }
}

static void put_number(llm_text *t, const llmi_json *j) {
    double v;
    uint64_t bits;
    char hex[17];
    if (j->cut) {               /* the reader keeps 64 bytes of a number; llm_json_number() has the whole of it */
        llmi_text_puts(t, "#");
        return;
    }
    if (!llmi_json_double(j->text, j->len, &v)) {
        llmi_text_puts(t, "#inf");
        return;
    }
    memcpy(&bits, &v, sizeof bits);
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)bits);
    llmi_text_puts(t, "#");
    llmi_text_puts(t, hex);
}

/* The value as events say it: {k..:..} [..] s.. #bits T F N. Pieces of `step` bytes. */
static llm_status walk(llm_text *t, const char *s, size_t n, size_t step) {
    llmi_json j;
    llmi_json_event e;
    size_t at = 0;
    int open = 0;
    llmi_json_init(&j);
    for (;;) {
        size_t m = step < n - at ? step : n - at;
        const char *p = s + at, *end = p + m;
        while ((e = llmi_json_next(&j, &p, end)) != LLMI_JSON_MORE) {
            switch (e) {
            case LLMI_JSON_OBJECT: llmi_text_puts(t, "{"); break;
            case LLMI_JSON_OBJECT_END: llmi_text_puts(t, "}"); break;
            case LLMI_JSON_ARRAY: llmi_text_puts(t, "["); break;
            case LLMI_JSON_ARRAY_END: llmi_text_puts(t, "]"); break;
            case LLMI_JSON_KEY:
                llmi_text_puts(t, "k");
                if (j.len > LLMI_JSON_KEY_MAX) llmi_text_puts(t, "-");
                else put_hex(t, j.text, j.len);
                break;
            case LLMI_JSON_STRING:
                if (!open) llmi_text_puts(t, "s");
                put_hex(t, j.text, j.len);
                open = !j.last;
                break;
            case LLMI_JSON_NUMBER: put_number(t, &j); break;
            case LLMI_JSON_TRUE: llmi_text_puts(t, "T"); break;
            case LLMI_JSON_FALSE: llmi_text_puts(t, "F"); break;
            case LLMI_JSON_NULL: llmi_text_puts(t, "N"); break;
            default: return j.status;
            }
        }
        at += m;
        if (at == n) break;
    }
    {
        int number = j.state == LLMI_JS_IN_NUMBER;      /* at top level the end of the text ends it */
        if (!llmi_json_end(&j)) return j.status;
        if (number) put_number(t, &j);
    }
    return LLM_OK;
}

static void json(void) {
    static char a[1 << 20], b[1 << 20];
    size_t n;
    char *s;
    while ((s = next_text(&n)) != NULL) {
        llm_text t, u;
        llm_json v;
        llm_status status, whole;
        char word;
        llmi_text_fixed(&t, a, sizeof a);
        llmi_text_fixed(&u, b, sizeof b);
        status = walk(&t, s, n, n ? n : 1);
        if (walk(&u, s, n, 1) != status) die("byte by byte the verdict is another");
        if (t.err != LLM_OK || t.n != u.n || memcmp(a, b, t.n) != 0) die("byte by byte the value is another");
        whole = llm_json_get(s, n, "", &v);
        if (whole != status) die("llm_json_get() sees it otherwise");
        word = status == LLM_OK ? 'y' : status == LLM_ERR_LIMIT ? 'l' : status == LLM_ERR_PROTOCOL ? 'n' : '?';
        printf("%c %.*s", word, (int)(status == LLM_OK ? t.n : 0), a);
        if (status == LLM_OK && v.type == LLM_JSON_NUMBER) {    /* in full, however long it is */
            char *z = (char *)malloc(n + 1);
            double d;
            uint64_t bits;
            if (!z) die("no memory");
            memcpy(z, s, n);
            z[n] = 0;
            whole = llm_json_number(z, "", &d);
            memcpy(&bits, &d, sizeof bits);
            if (whole == LLM_OK) printf(" %016llx", (unsigned long long)bits);
            else printf(" %s", whole == LLM_ERR_LIMIT ? "inf" : llm_status_name(whole));
            free(z);
        }
        putchar('\n');
        free(s);
    }
}

static void print(void) {
    unsigned char in[8];
    while (fread(in, 1, 8, stdin) == 8) {
        uint64_t bits = 0;
        double v;
        char out[64];
        llm_text t;
        int i;
        for (i = 0; i < 8; i++) bits |= (uint64_t)in[i] << (8 * i);
        memcpy(&v, &bits, sizeof v);
        llmi_text_fixed(&t, out, sizeof out);
        if (llm_text_add_number(&t, v) == LLM_OK) puts(llmi_text_cstr(&t));
        else puts("refused");
    }
}

int main(int argc, char **argv) {
    static char out[1 << 16];
    setvbuf(stdout, out, _IOFBF, sizeof out);
    if (argc == 4 && !strcmp(argv[1], "utf8")) utf8(atoi(argv[2]), atoi(argv[3]));
    else if (argc == 2 && !strcmp(argv[1], "utf8-long")) utf8_long();
    else if (argc == 2 && !strcmp(argv[1], "json")) json();
    else if (argc == 2 && !strcmp(argv[1], "print")) print();
    else return 2;
    return fflush(stdout) || ferror(stdout);
}
