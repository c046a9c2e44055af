/* fuzz_json.c - the reader at every split, the writer against the reader, pointers against a plain recursive look-up,
   numbers against the C library. Two bytes of options, then the text. */
#define LLM_MAX_JSON_DEPTH 16
#include "fuzz.h"

typedef struct run { llmi_json j; fuzz_text log, text; int ok, in_string; } run;

/* One event as a line: strings whole, in hexadecimal where they would break the line. */
static void put(fuzz_text *t, const char *kind, const char *p, size_t n) {
    fuzz_adds(t, kind);
    fuzz_addi(t, "", (long long)n);
    fuzz_adds(t, ":");
    fuzz_add(t, p, n);
    fuzz_adds(t, "\n");
}

static void take(run *r, llmi_json_event e) {
    const llmi_json *j = &r->j;
    FUZZ_CHECK(j->depth >= 0 && j->depth <= LLM_MAX_JSON_DEPTH);
    switch (e) {
    case LLMI_JSON_OBJECT: fuzz_adds(&r->log, "{\n"); break;
    case LLMI_JSON_OBJECT_END: fuzz_adds(&r->log, "}\n"); break;
    case LLMI_JSON_ARRAY: fuzz_adds(&r->log, "[\n"); break;
    case LLMI_JSON_ARRAY_END: fuzz_adds(&r->log, "]\n"); break;
    case LLMI_JSON_KEY:
        FUZZ_CHECK(j->len <= LLMI_JSON_KEY_MAX + 1);
        if (j->len > LLMI_JSON_KEY_MAX) put(&r->log, "longkey", "", 0);
        else put(&r->log, "key", j->text, j->len);
        break;
    case LLMI_JSON_STRING:
        fuzz_add(&r->text, j->text, j->len);
        r->in_string = !j->last;
        if (!j->last) break;
        put(&r->log, "string", r->text.p, r->text.n);
        fuzz_clear(&r->text);
        break;
    case LLMI_JSON_NUMBER: put(&r->log, j->cut ? "cut" : "number", j->text, j->len); break;
    case LLMI_JSON_TRUE: fuzz_adds(&r->log, "true\n"); break;
    case LLMI_JSON_FALSE: fuzz_adds(&r->log, "false\n"); break;
    case LLMI_JSON_NULL: fuzz_adds(&r->log, "null\n"); break;
    default: FUZZ_CHECK(!"an event that does not exist");
    }
}

/* skip_at: the container that is the so-many-th is skipped; 0 = none. */
static void read_all(run *r, const char *data, size_t n, unsigned how, int skip_at) {
    fuzz_cut cut = fuzz_cut_of(how, n);
    size_t at = 0;
    int containers = 0, broken = 0;
    memset(r, 0, sizeof *r);
    fuzz_clear(&r->log);
    fuzz_clear(&r->text);
    llmi_json_init(&r->j);
    while (at < n && !broken) {
        size_t k = fuzz_cut_next(&cut, n - at);
        char *piece = fuzz_piece(data + at, k);
        const char *p = piece, *end = piece + k;
        llmi_json_event e;
        while ((e = llmi_json_next(&r->j, &p, end)) != LLMI_JSON_MORE && e != LLMI_JSON_ERROR) {
            FUZZ_CHECK(p <= end);
            take(r, e);
            if ((e == LLMI_JSON_OBJECT || e == LLMI_JSON_ARRAY) && ++containers == skip_at) {
                llmi_json_skip(&r->j);
                fuzz_adds(&r->log, "skipped\n");
            }
        }
        broken = e == LLMI_JSON_ERROR;
        FUZZ_CHECK(broken || p == end);
        FUZZ_CHECK(!broken || llmi_json_next(&r->j, &p, end) == LLMI_JSON_ERROR);
        at += k;
        free(piece);
    }
    r->ok = llmi_json_end(&r->j);
    if (r->ok && r->j.depth == 0 && n > 0 && (unsigned char)(data[n - 1] - '0') < 10) {
        const char *p = data;                      /* a number up to the end of the text has no event */
        while (p < data + n && (llmi_is_blank(*p) || (unsigned char)*p >= 0x80)) p++;
        if (*p == '-' || llmi_is_digit((unsigned char)*p)) put(&r->log, r->j.cut ? "cut" : "number", r->j.text, r->j.len);
    }
    fuzz_addi(&r->log, "end", r->ok);
    FUZZ_CHECK(r->ok == !broken || (!broken && r->j.status == LLM_ERR_PROTOCOL));
    if (!r->ok) {
        fuzz_addi(&r->log, "at", (long long)r->j.pos);
        fuzz_adds(&r->log, r->j.why);
        if (!broken && r->text.n) put(&r->log, "rest", r->text.p, r->text.n);
        FUZZ_CHECK(r->j.pos <= n && llm_is(r->j.status, LLM_ERR));
    }
    FUZZ_CHECK(!r->ok || r->j.pos == n);
}

static void run_free(run *r) {
    free(r->log.p);
    free(r->text.p);
}

/* ---- the writer: a good text is written again from its events, and reads the same -------------------------------- */

static void write_again(const char *data, size_t n, const run *wanted) {
    const char *p = data, *end = data + n;
    llmi_mem mem;
    llm_text t;
    llmi_json j;
    llmi_json_event e;
    fuzz_text s = {NULL, 0, 0};
    run again;
    int comma = 0;
    if (memmem(wanted->log.p, wanted->log.n, "longkey", 7) || memmem(wanted->log.p, wanted->log.n, "cut ", 4)) return;
    llmi_mem_init(&mem, NULL, NULL, 0);
    llmi_text_init(&t, &mem, (size_t)-1);
    llmi_json_init(&j);
    fuzz_clear(&s);
    for (;;) {
        e = llmi_json_next(&j, &p, end);
        if (e == LLMI_JSON_MORE) {
            if (j.state == LLMI_JS_IN_NUMBER && llmi_json_end(&j)) llmi_text_put(&t, j.text, j.len);
            break;
        }
        if (comma && e != LLMI_JSON_OBJECT_END && e != LLMI_JSON_ARRAY_END && s.n == 0) llmi_text_putc(&t, ',');
        comma = 1;
        switch (e) {
        case LLMI_JSON_OBJECT: llmi_text_putc(&t, '{'); comma = 0; break;
        case LLMI_JSON_OBJECT_END: llmi_text_putc(&t, '}'); break;
        case LLMI_JSON_ARRAY: llmi_text_putc(&t, '['); comma = 0; break;
        case LLMI_JSON_ARRAY_END: llmi_text_putc(&t, ']'); break;
        case LLMI_JSON_KEY:
            llmi_text_quote(&t, j.text, j.len);
            llmi_text_putc(&t, ':');
            comma = 0;
            break;
        case LLMI_JSON_STRING:
            fuzz_add(&s, j.text, j.len);
            if (!j.last) {
                fuzz_add(&s, "", 0);
                if (s.n == 0) comma = 0;
                break;
            }
            llmi_text_quote(&t, s.p, s.n);
            fuzz_clear(&s);
            break;
        case LLMI_JSON_NUMBER: llmi_text_put(&t, j.text, j.len); break;
        case LLMI_JSON_TRUE: llmi_text_puts(&t, "true"); break;
        case LLMI_JSON_FALSE: llmi_text_puts(&t, "false"); break;
        case LLMI_JSON_NULL: llmi_text_puts(&t, "null"); break;
        default: FUZZ_CHECK(!"a text that was good is not");
        }
    }
    FUZZ_CHECK(t.err == LLM_OK);
    read_all(&again, t.p, t.n, 0, 0);
    fuzz_same(&wanted->log, &again.log, "written and read again");
    run_free(&again);
    free(s.p);
    llmi_text_free(&t);
}

/* Of n bytes at p: how many are one character (*good = 1), or are one error: the longest beginning of a character, or one
   byte. From RFC 3629 4 and table 3-7 of the Unicode standard, 3.9; the errors as in its "substitution of maximal
   subparts". */
static size_t utf8(const char *s, size_t n, int *good) {
    static const struct { unsigned char first, last, low, high; size_t len; } row[] = {
        {0x00, 0x7F, 0, 0, 1},          {0xC2, 0xDF, 0x80, 0xBF, 2},    {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3},    {0xED, 0xED, 0x80, 0x9F, 3},    {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4},    {0xF1, 0xF3, 0x80, 0xBF, 4},    {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    const unsigned char *p = (const unsigned char *)s;
    size_t i, k;
    *good = 0;
    for (i = 0; i < sizeof row / sizeof row[0] && !(p[0] >= row[i].first && p[0] <= row[i].last); i++) continue;
    if (i == sizeof row / sizeof row[0]) return 1;
    for (k = 1; k < row[i].len; k++) {
        if (k == n || p[k] < (k == 1 ? row[i].low : 0x80) || p[k] > (k == 1 ? row[i].high : 0xBF)) return k;
    }
    *good = 1;
    return k;
}

/* Any bytes as a string: valid JSON, which reads back as the bytes with U+FFFD for what is no UTF-8. */
static void quote(const char *data, size_t n) {
    llmi_mem mem;
    llm_text t;
    run r, once;
    fuzz_text wanted = {NULL, 0, 0};
    size_t i = 0, k;
    int good;
    llmi_mem_init(&mem, NULL, NULL, 0);
    llmi_text_init(&t, &mem, (size_t)-1);
    FUZZ_CHECK(llm_text_add_json_string(&t, data, n) == LLM_OK);
    read_all(&r, t.p, t.n, 0, 0);
    FUZZ_CHECK(r.ok && memcmp(r.log.p, "string", 6) == 0);
    while (i < n) {
        k = utf8(data + i, n - i, &good);
        if (good) fuzz_add(&wanted, data + i, k);
        else fuzz_adds(&wanted, "\xEF\xBF\xBD");
        i += k;
    }
    memset(&once, 0, sizeof once);
    put(&once.log, "string", wanted.n ? wanted.p : "", wanted.n);
    fuzz_addi(&once.log, "end", 1);
    fuzz_same(&r.log, &once.log, "quoted and read again");
    free(wanted.p);
    run_free(&once);
    run_free(&r);
    llmi_text_free(&t);
}

/* ---- pointers: a recursive reader of good texts is the judge ----------------------------------------------------- */

static const char *blanks(const char *p) {
    while (*p && strchr(" \t\r\n", *p)) p++;
    return p;
}

static const char *skip_string(const char *p) {
    for (p++; *p != '"'; p++) p += *p == '\\';
    return p + 1;
}

static const char *skip_value(const char *p) {
    if (*p == '"') return skip_string(p);
    if (*p == '{' || *p == '[') {
        int object = *p == '{';
        p = blanks(p + 1);
        while (*p != '}' && *p != ']') {
            if (object) p = blanks(blanks(skip_string(p)) + 1);
            p = blanks(skip_value(p));
            if (*p == ',') p = blanks(p + 1);
        }
        return p + 1;
    }
    while (*p && !strchr(" \t\r\n,]}", *p)) p++;
    return p;
}

static unsigned hex4(const char *p) {
    char b[5] = {p[0], p[1], p[2], p[3], 0};
    return (unsigned)strtoul(b, NULL, 16);
}

static void add_char(fuzz_text *t, unsigned c) {
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4, i;           /* RFC 3629 3 */
    char b[4];
    if (c >= 0xD800 && c <= 0xDFFF) c = 0xFFFD;
    for (i = n; i-- > 1; c >>= 6) b[i] = (char)(0x80 | (c & 0x3F));
    b[0] = (char)(n == 1 ? c : (0xF00u >> n & 0xFF) | c);
    fuzz_add(t, b, n);
}

/* The string at p, which is good, unescaped. */
static void unescape(const char *p, fuzz_text *out) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    fuzz_clear(out);
    for (p++; *p != '"'; p++) {
        if (*p != '\\') {
            fuzz_add(out, p, 1);
        } else if (*++p != 'u') {
            fuzz_add(out, to + (strchr(from, *p) - from), 1);
        } else {
            unsigned c = hex4(p + 1);
            p += 4;
            if (c >= 0xD800 && c < 0xDC00 && p[1] == '\\' && p[2] == 'u' && hex4(p + 3) >= 0xDC00 && hex4(p + 3) < 0xE000) {
                c = 0x10000 + ((c - 0xD800) << 10) + (hex4(p + 3) - 0xDC00);
                p += 6;
            }
            add_char(out, c);
        }
    }
}

/* The events of a good text, by another reader. */
static void judge(const char *text, size_t n, const run *r) {
    const char *p = n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? text + 3 : text;
    fuzz_text log = {NULL, 0, 0}, s = {NULL, 0, 0};
    fuzz_clear(&log);
    while (*(p = blanks(p)) != 0) {
        const char *end = p + 1;
        char c[3] = {*p, '\n', 0};
        if (strchr("{}[]", *p)) {
            fuzz_adds(&log, c);
        } else if (*p == '"') {
            end = skip_string(p);
            unescape(p, &s);
            if (*blanks(end) != ':') put(&log, "string", s.p, s.n);
            else if (s.n > LLMI_JSON_KEY_MAX) put(&log, "longkey", "", 0);
            else put(&log, "key", s.p, s.n);
        } else if (*p != ',' && *p != ':') {
            end = skip_value(p);
            if (*p == '-' || (*p >= '0' && *p <= '9')) {
                size_t k = (size_t)(end - p);
                put(&log, k > LLMI_JSON_BUF ? "cut" : "number", p, k > LLMI_JSON_BUF ? LLMI_JSON_BUF : k);
            } else {
                fuzz_add(&log, p, (size_t)(end - p));
                fuzz_adds(&log, "\n");
            }
        }
        p = end;
    }
    fuzz_addi(&log, "end", 1);
    fuzz_same(&r->log, &log, "as another reader has it");
    free(log.p);
    free(s.p);
}

/* The value of the token in the container at p, NULL none. */
static const char *member(const char *p, const char *token, size_t n) {
    const char *found = NULL;
    fuzz_text key = {NULL, 0, 0};
    size_t index = 0;
    int object = *p == '{';
    char number[24];
    if (*p != '{' && *p != '[') return NULL;
    p = blanks(p + 1);
    while (*p != '}' && *p != ']') {
        int match;
        if (object) {
            unescape(p, &key);
            match = key.n == n && memcmp(key.p, token, n) == 0;
            p = blanks(blanks(skip_string(p)) + 1);
        } else {
            match = (size_t)snprintf(number, sizeof number, "%zu", index++) == n && memcmp(number, token, n) == 0;
        }
        if (match) found = p;
        p = blanks(skip_value(p));
        if (*p == ',') p = blanks(p + 1);
    }
    free(key.p);
    return found;
}

/* A path into the text, chosen by the seed; also through members that a later one of the same name replaces. */
static void pointer(const char *text, size_t n, unsigned seed) {
    fuzz_text at = {NULL, 0, 0}, key = {NULL, 0, 0};
    const char *root = blanks(n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? text + 3 : text), *v = root, *wanted = root;
    llm_json got;
    llm_status s;
    char number[24];
    size_t i;
    fuzz_clear(&at);
    while ((*v == '{' || *v == '[') && seed % 7 != 0) {
        const char *p = blanks(v + 1);
        unsigned want;
        int object = *v == '{';
        seed = seed * 1103515245u + 12345u;
        want = (seed >> 16) % 4;
        for (i = 0; *p != '}' && *p != ']' && i < want; i++) {
            if (object) p = blanks(blanks(skip_string(p)) + 1);
            p = blanks(skip_value(p));
            if (*p == ',') p = blanks(p + 1);
        }
        if (*p == '}' || *p == ']') break;
        if (object) unescape(p, &key);
        else {
            fuzz_clear(&key);
            fuzz_add(&key, number, (size_t)snprintf(number, sizeof number, "%zu", i));
        }
        if (memchr(key.p, 0, key.n)) break;
        v = object ? blanks(blanks(skip_string(p)) + 1) : p;
        fuzz_adds(&at, "/");
        for (i = 0; i < key.n; i++) {
            if (key.p[i] == '~') fuzz_adds(&at, "~0");
            else if (key.p[i] == '/') fuzz_adds(&at, "~1");
            else fuzz_add(&at, key.p + i, 1);
        }
        if (wanted != NULL) wanted = member(wanted, key.p, key.n);
    }
    s = llm_json_get(text, n, at.p, &got);
    if (wanted == NULL) FUZZ_CHECK(s == LLM_ERR_USAGE && got.text == NULL);
    else FUZZ_CHECK(s == LLM_OK && got.text == wanted && got.text + got.len == skip_value(wanted));
    fuzz_adds(&at, "/nothing here");
    if (wanted == NULL || member(wanted, "nothing here", 12) == NULL) {
        FUZZ_CHECK(llm_json_get(text, n, at.p, &got) == LLM_ERR_USAGE);
    }
    free(at.p);
    free(key.p);
}

/* ---- numbers --------------------------------------------------------------------------------------------------------- */

static void shortest(double v) {
    char buf[64], ref[64];
    llm_text t;
    uint64_t a, b;
    double back;
    int digits = 0, i, most;
    memcpy(&a, &v, sizeof a);
    if ((a >> 52 & 0x7FF) == 0x7FF) return;
    llmi_text_fixed(&t, buf, sizeof buf);
    llmi_text_double(&t, v);
    FUZZ_CHECK(t.err == LLM_OK && t.n > 0);
    FUZZ_CHECK(llmi_json_check(buf, t.n, NULL));
    buf[t.n] = 0;
    back = strtod(buf, NULL);
    memcpy(&b, &back, sizeof b);
    FUZZ_CHECK(a == b || (v == 0.0 && back == 0.0));
    FUZZ_CHECK(llmi_json_double(buf, t.n, &back) && memcmp(&back, &v, sizeof v) == 0);
    for (most = 1; most < 18; most++) {
        snprintf(ref, sizeof ref, "%.*e", most - 1, v);
        if (strtod(ref, NULL) == v) break;
    }
    for (i = 0; buf[i] && buf[i] != 'e'; i++) {
        if (digits || (buf[i] >= '1' && buf[i] <= '9')) digits += buf[i] != '.';
    }
    while (i > 0 && (buf[i - 1] == '0' || buf[i - 1] == '.') && digits > 0) digits -= buf[--i] == '0';   /* of an integer */
    FUZZ_CHECK(digits <= most);
}

static void number(const char *p, size_t n) {
    char *s = fuzz_string(p, n);
    double ours = 0, theirs = strtod(s, NULL);
    int64_t whole, scaled;
    int ok = llmi_json_double(s, n, &ours);
    FUZZ_CHECK(ok == !(theirs > 1.7976931348623157e308 || theirs < -1.7976931348623157e308));
    FUZZ_CHECK(!ok || memcmp(&ours, &theirs, sizeof ours) == 0);
    if (strpbrk(s, ".eE") == NULL && n < 19) FUZZ_CHECK(llmi_json_int(s, n, &whole) && whole == strtoll(s, NULL, 10));
    else if (llmi_json_int(s, n, &whole) && n < 60) FUZZ_CHECK((double)whole == theirs);
    if (llmi_json_scaled(s, n, 6, &scaled) && n < 60) {
        long double want = strtold(s, NULL) * 1e6L;
        FUZZ_CHECK((long double)scaled - want <= 0.5001L + 1e-18L * (want < 0 ? -want : want) &&
                   want - (long double)scaled <= 0.5001L + 1e-18L * (want < 0 ? -want : want));
    }
    free(s);
}

static void numbers(const char *data, size_t n) {
    const char *p = data, *end = data + n;
    llmi_json j;
    llmi_json_event e;
    llmi_json_init(&j);
    while ((e = llmi_json_next(&j, &p, end)) != LLMI_JSON_MORE && e != LLMI_JSON_ERROR) {
        if (e == LLMI_JSON_NUMBER && !j.cut) number(j.text, j.len);
    }
    if (e == LLMI_JSON_MORE && j.state == LLMI_JS_IN_NUMBER && llmi_json_end(&j) && !j.cut) number(j.text, j.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_in in = {data, size};
    unsigned how = fuzz_byte(&in), skip = fuzz_byte(&in);
    char *text = fuzz_string(in.p, in.n);
    run a, b;
    double v;
    int i;
    fuzz_mem_start();
    read_all(&a, text, in.n, 0, 0);
    for (i = 0; i < 2; i++) {
        read_all(&b, text, in.n, i == 0 ? 1 : how, 0);
        fuzz_same(&a.log, &b.log, "the same at every split");
        run_free(&b);
    }
    FUZZ_CHECK(llmi_json_check(text, in.n, NULL) == a.ok);
    if (skip % 8 != 0) {            /* what is skipped is checked as strictly */
        run c;
        read_all(&b, text, in.n, 0, (int)(skip % 8));
        FUZZ_CHECK(b.ok == a.ok && (a.ok || (b.j.pos == a.j.pos && b.j.why == a.j.why)));
        read_all(&c, text, in.n, how, (int)(skip % 8));
        fuzz_same(&b.log, &c.log, "the same at every split, skipped");
        run_free(&b);
        run_free(&c);
    }
    if (a.ok) {
        judge(text, in.n, &a);
        write_again(text, in.n, &a);
        pointer(text, in.n, skip * 77 + how);
    }
    numbers(text, in.n);
    quote(text, in.n);
    if (in.n >= 8) {
        memcpy(&v, text, 8);
        shortest(v);
    }
    {
        char *where = fuzz_string(in.p, in.n < 20 ? in.n : 20);
        llm_json got;
        llm_status s = llm_json_get(text, in.n, where, &got);
        FUZZ_CHECK(s == LLM_OK || s == LLM_ERR_USAGE || s == LLM_ERR_PROTOCOL || s == LLM_ERR_LIMIT);
        FUZZ_CHECK(s == LLM_OK ? got.text >= text && got.len <= in.n : got.text == NULL);
        free(where);
    }
    run_free(&a);
    free(text);
    fuzz_mem_end();
    return 0;
}
