/* test_json.c - the tokenizer (events at every split, refusals with their place), numbers, JSON pointer, writing */
#include "t.h"
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>

/* ---- event logs ---------------------------------------------------------------------------------------------- */

typedef struct log_t {
    char   text[16384];
    size_t n;
} log_t;

static void say(log_t *l, const char *s, size_t n) {
    if (l->n + n + 1 > sizeof l->text) exit(1);
    memcpy(l->text + l->n, s, n);
    l->n += n;
    l->text[l->n] = 0;
}

static void say_shown(log_t *l, const char *s, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        char out[4];
        if (c > 0x20 && c < 0x7F && c != '%') {
            say(l, s + i, 1);
        } else {
            snprintf(out, sizeof out, "%%%02X", c);
            say(l, out, 3);
        }
    }
}

static size_t unshow(const char *s, size_t n, char *out) {
    size_t i, len = 0;
    for (i = 0; i < n; i++) {
        if (s[i] == '%' && i + 2 < n) {
            out[len++] = (char)(llmi_hex(s[i + 1]) * 16 + llmi_hex(s[i + 2]));
            i += 2;
        } else {
            out[len++] = s[i];
        }
    }
    return len;
}

static const char *const names[] = {"more", "object", "object-end", "array", "array-end", "key", "string", "number",
                                    "true", "false", "null", "error"};

/* Reads [p, end) to its end and writes what comes. in_string goes from piece to piece. */
static llmi_json_event feed(llmi_json *j, log_t *l, const char *p, const char *end, int *in_string) {
    llmi_json_event e;
    while ((e = llmi_json_next(j, &p, end)) != LLMI_JSON_MORE && e != LLMI_JSON_ERROR) {
        if (e == LLMI_JSON_KEY && j->len > LLMI_JSON_KEY_MAX) {
            if (j->len != LLMI_JSON_KEY_MAX + 1) exit(1);
            say(l, "key-too-long\n", 13);
            continue;
        }
        if (!*in_string) {
            say(l, names[e], strlen(names[e]));
            if (e == LLMI_JSON_KEY || e == LLMI_JSON_STRING || e == LLMI_JSON_NUMBER) say(l, " ", 1);
        }
        if (e == LLMI_JSON_KEY || e == LLMI_JSON_STRING || e == LLMI_JSON_NUMBER) say_shown(l, j->text, j->len);
        *in_string = e == LLMI_JSON_STRING && !j->last;
        if (!*in_string) say(l, "\n", 1);
    }
    if (e == LLMI_JSON_MORE && p != end) exit(1);
    return e;
}

/* Errors are one line, "error STATUS PLACE WHY"; the events before the fault stay in the log. */
static void finish(llmi_json *j, log_t *l, llmi_json_event e) {
    char line[160];
    const char *p = "x";
    if (e == LLMI_JSON_MORE && llmi_json_end(j)) {
        if (j->state != LLMI_JS_AFTER) exit(1);
        return;
    }
    if (e == LLMI_JSON_MORE && llmi_json_next(j, &p, p + 1) != LLMI_JSON_ERROR) exit(1);
    if (e == LLMI_JSON_ERROR && (llmi_json_next(j, &p, p) != LLMI_JSON_ERROR || llmi_json_end(j))) exit(1);
    snprintf(line, sizeof line, "error %s %lld %s\n", llm_status_name(j->status), (long long)j->pos, j->why);
    say(l, line, strlen(line));
}

/* The text in pieces of `step` bytes, the first one of `first`. skip: the whole value is skipped. */
static void run(const char *s, size_t n, size_t first, size_t step, int skip, log_t *l) {
    llmi_json j;
    llmi_json_event e = LLMI_JSON_MORE;
    size_t at = 0, m;
    int in_string = 0;
    l->n = 0;
    l->text[0] = 0;
    llmi_json_init(&j);
    if (skip) llmi_json_skip(&j);
    for (m = first; at < n && e == LLMI_JSON_MORE; at += m, m = step) {
        if (m > n - at) m = n - at;
        e = feed(&j, l, s + at, s + at + m, &in_string);
    }
    finish(&j, l, e);
}

static log_t one, two;

/* Every way of reading gives the same log as reading it at once, and `one` holds that. */
static void all_ways(const char *text, size_t n) {
    char *s = t_guarded(text, n);
    size_t i, same = 0, ways = 0;
    run(s, n, n, n, 0, &one);
    for (i = 1; i <= n; i++) {       /* i = n: byte by byte */
        run(s, n, i < n ? i : 1, i < n ? n : 1, 0, &two);
        ways++;
        same += strcmp(one.text, two.text) == 0;
    }
    for (i = 2; i < 9; i++) {
        run(s, n, i, i, 0, &two);
        ways++;
        same += strcmp(one.text, two.text) == 0;
    }
    CHECK_INT(same, ways);
    t_unguard(s, n);
}

/* Each part of a two-way split stands alone in front of a page that cannot be read. */
static void guarded_halves(const char *text, size_t n) {
    size_t i, same = 0;
    run(text, n, n, n, 0, &one);
    for (i = 0; i <= n; i++) {
        char *a = t_guarded(text, i), *b = t_guarded(text + i, n - i);
        llmi_json j;
        llmi_json_event e;
        int in_string = 0;
        two.n = 0;
        two.text[0] = 0;
        llmi_json_init(&j);
        e = feed(&j, &two, a, a + i, &in_string);
        if (e == LLMI_JSON_MORE) e = feed(&j, &two, b, b + (n - i), &in_string);
        finish(&j, &two, e);
        same += strcmp(one.text, two.text) == 0;
        t_unguard(a, i);
        t_unguard(b, n - i);
    }
    CHECK_INT(same, n + 1);
}

/* ---- the data files -------------------------------------------------------------------------------------------- */

static void test_texts(void) {
    size_t len, n;
    char *data = t_read_file("data/json/texts.txt", &len), *line, *next, text[512], place[32], *c;
    int count = 0;
    for (line = data; *line; line = next) {
        next = strchr(line, '\n');
        *next++ = 0;
        if (*line == '#') continue;
        t_case = line;
        count++;
        snprintf(place, sizeof place, "%s", line + 2);
        c = strchr(place, ' ');
        if (c) *c = 0;
        c = strchr(line + 2, ' ') + 1;
        n = unshow(c, strlen(c), text);
        all_ways(text, n);
        guarded_halves(text, n);
        c = strstr(one.text, "error ");
        CHECK((line[0] == 'y') == (c == NULL));
        if (c) {
            char wanted[64];
            if (!strcmp(place, "end")) snprintf(place, sizeof place, "%d", (int)n);
            snprintf(wanted, sizeof wanted, "error LLM_ERR_PROTOCOL %s ", place);
            if (!CHECK(!strncmp(c, wanted, strlen(wanted)))) fprintf(stderr, "    is: %s    wanted: %s\n", c, wanted);
        }
        /* skipped, the same fault is found at the same place, and nothing else is reported */
        {
            char wanted[256] = "";
            if (c) strncat(wanted, c, sizeof wanted - 1);
            run(text, n, n, n, 1, &one);
            CHECK_STR(one.text, wanted);
            run(text, n, 1, 1, 1, &one);
            CHECK_STR(one.text, wanted);
        }
        CHECK_INT(llmi_json_check(text, n, NULL), line[0] == 'y');
    }
    CHECK(count > 150);
    t_case = "";
    free(data);
}

/* The line behind the value that begins at `line`. */
static const char *behind(const char *line) {
    int depth = 0;
    do {
        if (!strncmp(line, "object\n", 7) || !strncmp(line, "array\n", 6)) depth++;
        if (!strncmp(line, "object-end", 10) || !strncmp(line, "array-end", 9)) depth--;
        line = strchr(line, '\n') + 1;
    } while (depth > 0);
    return line;
}

/* Skips after the k-th line of the log where that is allowed; then the rest of that value must be missing. */
static int skip_at(const char *s, size_t n, const char *events, int k, size_t piece) {
    static log_t wanted, got;
    llmi_json j;
    llmi_json_event e = LLMI_JSON_MORE;
    const char *line = events, *rest;
    size_t at = 0;
    int i, in_string = 0, done = 0;
    for (i = 0; i < k && *line; i++) line = strchr(line, '\n') + 1;
    if (!*line) return 0;
    if (strncmp(line, "key", 3) && strncmp(line, "object\n", 7) && strncmp(line, "array\n", 6)) return 1;
    rest = strncmp(line, "key", 3) ? behind(line) : behind(strchr(line, '\n') + 1);
    wanted.n = got.n = 0;
    wanted.text[0] = got.text[0] = 0;
    say(&wanted, events, (size_t)(strchr(line, '\n') + 1 - events));
    say(&wanted, rest, strlen(rest));
    llmi_json_init(&j);
    i = 0;
    while (at < n && e != LLMI_JSON_ERROR) {
        size_t m = piece < n - at ? piece : n - at;
        const char *p = s + at, *end = p + m;
        at += m;
        while ((e = llmi_json_next(&j, &p, end)) != LLMI_JSON_MORE && e != LLMI_JSON_ERROR) {
            if (!in_string) {
                int key = e == LLMI_JSON_KEY && j.len > LLMI_JSON_KEY_MAX;
                say(&got, key ? "key-too-long" : names[e], key ? 12 : strlen(names[e]));
                if (key) j.len = 0;
                else if (e == LLMI_JSON_KEY || e == LLMI_JSON_STRING || e == LLMI_JSON_NUMBER) say(&got, " ", 1);
            }
            if (e == LLMI_JSON_KEY || e == LLMI_JSON_STRING || e == LLMI_JSON_NUMBER) say_shown(&got, j.text, j.len);
            in_string = e == LLMI_JSON_STRING && !j.last;
            if (in_string) continue;
            say(&got, "\n", 1);
            if (i++ == k && !done) {
                llmi_json_skip(&j);
                done = 1;
            }
        }
    }
    if (!CHECK(done && llmi_json_end(&j))) return 0;
    CHECK_STR(got.text, wanted.text);
    return 1;
}

/* A copy made right after a KEY goes on in other memory as the original does: a remembered prefix is used again. */
static void copies(const char *s, size_t n) {
    llmi_json j, copy;
    const char *p = s;
    llmi_json_event e;
    llmi_json_init(&j);
    while ((e = llmi_json_next(&j, &p, s + n)) != LLMI_JSON_MORE && e != LLMI_JSON_ERROR) {
        if (e == LLMI_JSON_KEY) {
            size_t left = (size_t)(s + n - p);
            char *rest = t_guarded(p, left);
            int in_string = 0;
            llmi_json before = j;
            copy = j;
            one.n = two.n = 0;
            one.text[0] = two.text[0] = 0;
            finish(&copy, &one, feed(&copy, &one, rest, rest + left, &in_string));
            in_string = 0;
            finish(&before, &two, feed(&before, &two, p, s + n, &in_string));
            CHECK_STR(one.text, two.text);
            CHECK_INT(copy.pos, n);
            t_unguard(rest, left);
        }
    }
}

static void test_events(void) {
    size_t len, n;
    char *data = t_read_file("data/json/events.txt", &len), *line, *end, text[2048], *events;
    int k, count = 0;
    for (line = strstr(data, "\ntext "); line; line = strstr(end, "\ntext ")) {
        line += 6;
        events = strchr(line, '\n');
        n = unshow(line, (size_t)(events - line), text);
        *events++ = 0;
        end = strstr(events, "\n\n") + 1;
        *end++ = 0;
        end--;
        t_case = line;
        count++;
        all_ways(text, n);
        CHECK_STR(one.text, events);
        guarded_halves(text, n);
        for (k = 0; skip_at(text, n, events, k, n) && (n > 300 || skip_at(text, n, events, k, 1)); k++) {}
        copies(text, n);
        *end = '\n';
        end--;
        *end = '\n';
    }
    CHECK(count >= 35);
    t_case = "";
    free(data);
}

/* ---- limits, UTF-8, halves -------------------------------------------------------------------------------------- */

static void test_depth(void) {
    static char s[30001];
    static const char *const opens[] = {"[", "{\"a\":"};
    llmi_json j;
    size_t i, k, n;
    for (k = 0; k < 2; k++) {
        size_t m = strlen(opens[k]);
        size_t depths[] = {LLM_MAX_JSON_DEPTH, LLM_MAX_JSON_DEPTH + 1, 5000};
        for (i = 0; i < 3; i++) {
            int skip;
            for (n = 0; n < depths[i] * m; n += m) memcpy(s + n, opens[k], m);
            for (skip = 0; skip < 2; skip++) {
                const char *p = s;
                llmi_json_event e;
                llmi_json_init(&j);
                if (skip) llmi_json_skip(&j);
                while ((e = llmi_json_next(&j, &p, s + n)) != LLMI_JSON_MORE && e != LLMI_JSON_ERROR) {}
                if (i == 0) {
                    CHECK_INT(e, LLMI_JSON_MORE);
                    CHECK_INT(j.depth, LLM_MAX_JSON_DEPTH);
                } else {
                    CHECK_INT(e, LLMI_JSON_ERROR);
                    CHECK_INT(j.status, LLM_ERR_LIMIT);
                    CHECK_INT(j.pos, LLM_MAX_JSON_DEPTH * m);
                }
            }
        }
    }
    memset(s, '[', 10000);
    memset(s + 10000, ']', 10000);
    {
        llm_json v;
        CHECK_INT(llm_json_get(s, 20000, "", &v), LLM_ERR_LIMIT);
        CHECK_INT(llm_json_get(s, 10000, "", &v), LLM_ERR_LIMIT);
    }
    CHECK(sizeof(llmi_json) <= 256);
}

/* What RFC 3629 says of these n bytes, by arithmetic: 1 = one whole character or more than one, 0 = ill-formed. */
static int utf8_ok(const unsigned char *s, size_t n) {
    size_t i = 0;
    while (i < n) {
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        unsigned more = s[i] < 0x80 ? 1 : s[i] >= 0xC0 && s[i] < 0xE0 ? 2 : s[i] >= 0xE0 && s[i] < 0xF0 ? 3
                      : s[i] >= 0xF0 && s[i] < 0xF8 ? 4 : 0;
        uint32_t c = s[i];
        unsigned k;
        if (more == 0 || more > n - i) return 0;
        if (more > 1) c = s[i] & (0x7Fu >> more);
        for (k = 1; k < more; k++) {
            if ((s[i + k] & 0xC0) != 0x80) return 0;
            c = c << 6 | (s[i + k] & 0x3Fu);
        }
        if (c < least[more] || (c >= 0xD800 && c < 0xE000) || c > 0x10FFFF) return 0;
        i += more;
    }
    return 1;
}

static void test_utf8(void) {
    static const unsigned char edges[] = {0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
    unsigned char s[16];
    size_t a, b, c, d, n, bad = 0, good = 0;
    for (a = 0x80; a < 0x100; a++) for (b = 0; b < 10; b++) for (c = 0; c < 10; c++) for (d = 0; d < 10; d++)
    for (n = 1; n <= 4; n++) {
        int ok, way;
        if ((n < 2 && b) || (n < 3 && c) || (n < 4 && d)) continue;
        s[0] = '"';
        s[1] = (unsigned char)a;
        s[2] = edges[b];
        s[3] = edges[c];
        s[4] = edges[d];
        ok = utf8_ok(s + 1, n);
        s[n + 1] = '"';
        for (way = 0; way < 4; way++) {
            run((char *)s, n + 2, way & 1 ? 1 : n + 2, way & 1 ? 1 : n + 2, way / 2, &one);
            if ((strstr(one.text, "error") == NULL) != ok) bad++;
        }
        good += (size_t)ok;
    }
    CHECK_INT(bad, 0);
    CHECK(good > 100);
}

/* The second string of a channel goes on where the first one ended. */
static void test_halves(void) {
    static const struct { const char *first, *second, *text; unsigned left; } cases[] = {
        {"\"x\\ud83d\"", "\"\\ude00y\"", "x|\xF0\x9F\x98\x80y", 0},
        {"\"\\uD83D\"", "\"\\uDE00\"", "|\xF0\x9F\x98\x80", 0},
        {"\"\\ud83d\"", "\"y\"", "|\xEF\xBF\xBDy", 0},
        {"\"\\ud83d\"", "\"\\n\"", "|\xEF\xBF\xBD\n", 0},
        {"\"\\ud83d\"", "\"\xC3\xA9\"", "|\xEF\xBF\xBD\xC3\xA9", 0},
        {"\"\\ud83d\"", "\"\\u0041\"", "|\xEF\xBF\xBD" "A", 0},
        {"\"\\ud83d\"", "\"\\ud83d\"", "|\xEF\xBF\xBD", 0xD83D},
        {"\"\\ud83d\"", "\"\"", "|", 0xD83D},
        {"\"\\ud83d\\ude00\"", "\"\\ude00\"", "\xF0\x9F\x98\x80|\xEF\xBF\xBD", 0},
        {"\"a\\ud83db\"", "\"c\"", "a\xEF\xBF\xBD" "b|c", 0},
    };
    size_t i, step;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) for (step = 1; step < 32; step++) {
        log_t *l = &one;
        unsigned half = 0;
        int k;
        l->n = 0;
        for (k = 0; k < 2; k++) {
            char text[64];
            size_t n, at = 0;
            llmi_json j;
            llmi_json_event e;
            n = (size_t)snprintf(text, sizeof text, "{\"t\":%s,\"u\":[\"\\ude00\"]}", k ? cases[i].second : cases[i].first);
            llmi_json_init(&j);
            j.keep_half = 1;
            if (k) say(l, "|", 1);
            while (at < n) {
                size_t m = step < n - at ? step : n - at;
                const char *p = text + at;
                while ((e = llmi_json_next(&j, &p, text + at + m)) != LLMI_JSON_MORE) {
                    if (e == LLMI_JSON_ERROR) exit(1);
                    if (e == LLMI_JSON_KEY) j.high = (uint16_t)(j.text[0] == 't' ? half : 0);
                    if (e == LLMI_JSON_STRING && j.depth == 1) {
                        say(l, j.text, j.len);
                        if (j.last) half = j.high;
                    } else if (e == LLMI_JSON_STRING && j.len > 0) {
                        CHECK(j.len == 3 && !memcmp(j.text, "\xEF\xBF\xBD", 3));   /* nothing leaks into it */
                    }
                }
                at += m;
            }
        }
        CHECK_STR(l->text, cases[i].text);
        CHECK_INT(half, cases[i].left);
    }
    {   /* a key is never continued */
        static const char s[] = "{\"\\ud83d\":1}";
        const char *p = s;
        llmi_json j;
        llmi_json_init(&j);
        j.keep_half = 1;
        CHECK_INT(llmi_json_next(&j, &p, s + sizeof s - 1), LLMI_JSON_OBJECT);
        CHECK_INT(llmi_json_next(&j, &p, s + sizeof s - 1), LLMI_JSON_KEY);
        CHECK(j.len == 3 && !memcmp(j.text, "\xEF\xBF\xBD", 3) && j.high == 0);
    }
    {   /* a half that is set before another kind of value is not used */
        static const char s[] = "{\"t\":[\"\\ude00\"],\"u\":1,\"v\":\"\\ude00\"}";
        const char *p = s;
        llmi_json j;
        llmi_json_event e;
        one.n = 0;
        llmi_json_init(&j);
        while ((e = llmi_json_next(&j, &p, s + sizeof s - 1)) != LLMI_JSON_MORE) {
            if (e == LLMI_JSON_KEY && j.text[0] != 'v') j.high = 0xD83D;
            if (e == LLMI_JSON_STRING) say_shown(&one, j.text, j.len);
        }
        CHECK_STR(one.text, "%EF%BF%BD%EF%BF%BD");
    }
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static uint64_t bits_of(double v) {
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}

static double of_bits(uint64_t u) {
    double v;
    memcpy(&v, &u, sizeof v);
    return v;
}

static const char *printed(double v) {
    static char buf[40];
    llm_text t;
    llmi_text_fixed(&t, buf, sizeof buf);
    llmi_text_double(&t, v);
    return t.err == LLM_OK ? llmi_text_cstr(&t) : "error";
}

static uint64_t seed = 88172645463325252u;
static uint64_t any(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

/* Against libc: what is printed reads back, no shorter one would, and both readers agree on a longer form. */
static void test_round_trip(void) {
    long i, bad = 0, longer = 0;
    for (i = 0; i < 200000; i++) {
        uint64_t u = any();
        char s[64], *e;
        const char *p;
        double v, r;
        int digits = 0, n;
        if (i % 4 == 1) u = bits_of((double)(int64_t)u / 1000.0);   /* the numbers that people write */
        if (i % 4 == 2) u = bits_of((double)(int64_t)(u >> 40) / 100.0);
        if (i % 16 == 3) u &= ~(uint64_t)0 >> 12;                   /* subnormal */
        if ((u >> 52 & 0x7FF) == 0x7FF) continue;
        v = of_bits(u);
        snprintf(s, sizeof s, "%s", printed(v));
        r = strtod(s, &e);
        if (*e || bits_of(r) != u || !llmi_json_check(s, strlen(s), NULL)) bad++;
        if (!llmi_json_double(s, strlen(s), &r) || bits_of(r) != u) bad++;
        for (p = s + strspn(s, "-0."); *p && *p != 'e'; p++) digits += *p != '.';
        while (digits > 0 && (s[strcspn(s, "e") - 1] == '0') && !strpbrk(s, ".e") && digits > 1) {
            digits--;
            s[strlen(s) - 1] = 0;
        }
        if (digits > 1 && (u << 12) != 0) {
            char shorter[64];
            snprintf(shorter, sizeof shorter, "%.*e", digits - 2, v);
            if (bits_of(strtod(shorter, NULL)) == u) longer++;
        }
        n = snprintf(s, sizeof s, "%.*e", (int)(u % 25), v);
        if (isfinite(strtod(s, NULL)) && (!llmi_json_double(s, (size_t)n, &r) || bits_of(r) != bits_of(strtod(s, NULL)))) bad++;
    }
    CHECK_INT(bad, 0);
    CHECK_INT(longer, 0);
}

static void test_print(void) {
    static const struct { double v; const char *s; } cases[] = {   /* Python's repr(), without its ".0", "+" and "e0" */
        {0.0, "0"}, {-0.0, "-0"}, {1, "1"}, {-1, "-1"}, {0.1, "0.1"}, {0.7, "0.7"}, {-2.5, "-2.5"}, {100, "100"},
        {0.30000000000000004, "0.30000000000000004"}, {1.0 / 3, "0.3333333333333333"}, {123456.789, "123456.789"},
        {999999999999999.0, "999999999999999"}, {1e15, "1000000000000000"}, {9007199254740991.0, "9007199254740991"},
        {9007199254740992.0, "9007199254740992"}, {1e16, "1e16"}, {12345678901234567890.0, "1.2345678901234567e19"},
        {1e21, "1e21"}, {1e23, "1e23"}, {0.001, "0.001"}, {0.0001, "0.0001"}, {0.00001, "1e-5"}, {1.5e-7, "1.5e-7"},
        {5e-324, "5e-324"}, {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {2.225073858507201e-308, "2.225073858507201e-308"}, {1.7976931348623157e308, "1.7976931348623157e308"},
        {5.6843418860808015e-14 /* 2^-44 */, "5.684341886080802e-14"}, {9.5367431640625e-07, "9.5367431640625e-7"},
        {4.35, "4.35"}, {1.1, "1.1"}, {0.3, "0.3"}, {2e-3, "0.002"}, {144115188075855870.0, "1.4411518807585587e17"},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) CHECK_STR(printed(cases[i].v), cases[i].s);
    for (i = 0; i < 2046; i++) {   /* every power of two: the gap below is half the gap above */
        double v = of_bits((uint64_t)(i + 1) << 52), r;
        if (!llmi_json_double(printed(v), strlen(printed(v)), &r) || bits_of(r) != bits_of(v)) CHECK(0);
    }
}

static void test_read_double(void) {
    static const struct { const char *s; uint64_t bits; } cases[] = {
        {"0", 0}, {"-0", (uint64_t)1 << 63}, {"-0.0e-5", (uint64_t)1 << 63}, {"0e999999999999999999999", 0},
        {"1", 0x3FF0000000000000u}, {"10e-1", 0x3FF0000000000000u}, {"0.1", 0x3FB999999999999Au},
        {"9007199254740993", 0x4340000000000000u},                          /* halves: to even */
        {"9007199254740993.0000000000000000000000000000000001", 0x4340000000000001u},
        {"9007199254740995", 0x4340000000000002u},
        {"1.7976931348623158e308", 0x7FEFFFFFFFFFFFFFu},                    /* below half of the next step */
        {"4.9406564584124654e-324", 1}, {"2.4703282292062328e-324", 1}, {"2.4703282292062327e-324", 0},
        {"2.2250738585072011e-308", 0x000FFFFFFFFFFFFFu}, {"2.2250738585072012e-308", 0x0010000000000000u},
        {"1e-400", 0}, {"-1e-99999999999999999999", (uint64_t)1 << 63}, {"1E+2", 0x4059000000000000u},
        {"1797693134862315807937289714053034150799341327100378269361737789804449682927647509466490179775872070"
         "9633028641669288791094655554785194040263065748867150582068190890200070838367627385484581771153176447"
         "5730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880177904"
         "174497791", 0x7FEFFFFFFFFFFFFFu},
        {"5764607523034234880e0", 0x43D4000000000000u},
    };
    static const char *const too_large[] = {"1e309", "-1e309", "1.7976931348623159e308", "1e99999999999999999999",
        "1797693134862315807937289714053034150799341327100378269361737789804449682927647509466490179775872070"
        "9633028641669288791094655554785194040263065748867150582068190890200070838367627385484581771153176447"
        "5730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880177904"
        "174497792"};
    static char s[6000];
    double v;
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        t_case = cases[i].s;
        CHECK(llmi_json_double(cases[i].s, strlen(cases[i].s), &v));
        CHECK(bits_of(v) == cases[i].bits);
        CHECK(bits_of(strtod(cases[i].s, NULL)) == cases[i].bits);
    }
    for (i = 0; i < 5; i++) CHECK(!llmi_json_double(too_large[i], strlen(too_large[i]), &v));
    t_case = "";
    /* the middle between 1 and the next double, in full; a digit far behind it decides */
    memset(s, '0', sizeof s);
    memcpy(s, "1.00000000000000011102230246251565404236316680908203125", 55);
    CHECK(llmi_json_double(s, 5000, &v) && bits_of(v) == 0x3FF0000000000000u);
    s[4999] = '1';
    CHECK(llmi_json_double(s, 5000, &v) && bits_of(v) == 0x3FF0000000000001u);
    /* the smallest subnormal and a half: 767 digits and more */
    {
        int n = snprintf(s, sizeof s, "%.1100e", of_bits(1));
        CHECK(llmi_json_double(s, (size_t)n, &v) && bits_of(v) == 1);
        n = snprintf(s, sizeof s, "%.766e", of_bits(0x000FFFFFFFFFFFFFu));
        CHECK(llmi_json_double(s, (size_t)n, &v) && bits_of(v) == 0x000FFFFFFFFFFFFFu);
    }
    s[0] = '1';
    memset(s + 1, '0', 5000);
    memcpy(s + 5001, "e-5000", 7);
    CHECK(llmi_json_double(s, 5007, &v) && v == 1);
    memcpy(s, "0.", 2);
    memset(s + 2, '0', 4999);
    memcpy(s + 5001, "1e5000", 7);
    CHECK(llmi_json_double(s, 5007, &v) && v == 1);
}

static void test_integers(void) {
    static const struct { const char *s; int ok; int64_t v; } ints[] = {
        {"0", 1, 0}, {"-0", 1, 0}, {"12", 1, 12}, {"-12", 1, -12}, {"12.0", 1, 12}, {"1.2e1", 1, 12}, {"1200e-2", 1, 12},
        {"0.0012e4", 1, 12}, {"12.5", 0, 0}, {"1e-1", 0, 0}, {"9223372036854775807", 1, INT64_MAX},
        {"9223372036854775808", 0, 0}, {"-9223372036854775808", 1, INT64_MIN}, {"-9223372036854775809", 0, 0},
        {"9223372036854775807.000", 1, INT64_MAX}, {"1e18", 1, 1000000000000000000}, {"1e19", 0, 0}, {"1e400", 0, 0},
        {"0e400", 1, 0}, {"0.000e-400", 1, 0}, {"1e-400", 0, 0}, {"18446744073709551616", 0, 0},
        {"99999999999999999999", 0, 0}, {"1e99999999999999999999", 0, 0},
    };
    static const struct { const char *s; int digits, ok; int64_t v; } scaled[] = {
        {"0.00015", 12, 1, 150000000}, {"1", 12, 1, 1000000000000}, {"0.0000000000005", 12, 1, 1},
        {"0.00000000000049999999", 12, 1, 0}, {"0.0000000000015", 12, 1, 2}, {"-0.0000000000005", 12, 1, -1},
        {"5e-13", 12, 1, 1}, {"4.9e-13", 12, 1, 0}, {"5e-14", 12, 1, 0}, {"9e-14", 12, 1, 0}, {"0", 12, 1, 0},
        {"9223372.036854775807", 12, 1, INT64_MAX}, {"9223372.0368547758074", 12, 1, INT64_MAX},
        {"9223372.0368547758075", 12, 0, 0}, {"-9223372.0368547758085", 12, 0, 0}, {"1e7", 12, 0, 0},
        {"2.5", 0, 1, 3}, {"2.49", 0, 1, 2}, {"1234", -2, 1, 12}, {"1250", -2, 1, 13}, {"1e-99999999999", 12, 1, 0},
    };
    size_t i;
    int64_t v;
    for (i = 0; i < sizeof ints / sizeof ints[0]; i++) {
        t_case = ints[i].s;
        CHECK_INT(llmi_json_int(ints[i].s, strlen(ints[i].s), &v), ints[i].ok);
        if (ints[i].ok) CHECK_INT(v, ints[i].v);
    }
    for (i = 0; i < sizeof scaled / sizeof scaled[0]; i++) {
        t_case = scaled[i].s;
        CHECK_INT(llmi_json_scaled(scaled[i].s, strlen(scaled[i].s), scaled[i].digits, &v), scaled[i].ok);
        if (scaled[i].ok) CHECK_INT(v, scaled[i].v);
    }
    t_case = "";
}

/* The reader keeps a number's first bytes, and says so. */
static void test_long_number(void) {
    static const char s[] = "[1234567890123456789012345678901234567890123456789012345678901234567890,"
                            "1234567890123456789012345678901234567890123456789012345678901234]";
    size_t step;
    for (step = 1; step < sizeof s; step++) {
        llmi_json j;
        size_t at = 0;
        int count = 0;
        llmi_json_init(&j);
        while (at < sizeof s - 1) {
            size_t m = step < sizeof s - 1 - at ? step : sizeof s - 1 - at;
            const char *p = s + at;
            llmi_json_event e;
            while ((e = llmi_json_next(&j, &p, s + at + m)) != LLMI_JSON_MORE) {
                if (e != LLMI_JSON_NUMBER) continue;
                CHECK(j.len == 64 && !memcmp(j.text, s + 1, 64));
                CHECK_INT(j.cut, count == 0);
                count++;
            }
            at += m;
        }
        CHECK(count == 2 && llmi_json_end(&j));
    }
    {   /* at top level the end of the input ends it */
        llmi_json j;
        const char *p = s + 1;
        llmi_json_init(&j);
        CHECK_INT(llmi_json_next(&j, &p, s + 5), LLMI_JSON_MORE);
        CHECK(llmi_json_end(&j) && j.len == 4 && !memcmp(j.text, "1234", 4));
    }
}

/* ---- pointers and the public functions ------------------------------------------------------------------------- */

static const char doc6901[] =      /* RFC 6901 section 5 */
    "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}";

static void test_pointer(void) {
    static const struct { const char *json, *pointer; int status; const char *slice; } cases[] = {
        {doc6901, "", LLM_OK, doc6901}, {doc6901, "/foo", LLM_OK, "[\"bar\",\"baz\"]"}, {doc6901, "/foo/0", LLM_OK, "\"bar\""},
        {doc6901, "/", LLM_OK, "0"}, {doc6901, "/a~1b", LLM_OK, "1"}, {doc6901, "/c%d", LLM_OK, "2"},
        {doc6901, "/e^f", LLM_OK, "3"}, {doc6901, "/g|h", LLM_OK, "4"}, {doc6901, "/i\\j", LLM_OK, "5"},
        {doc6901, "/k\"l", LLM_OK, "6"}, {doc6901, "/ ", LLM_OK, "7"}, {doc6901, "/m~0n", LLM_OK, "8"},
        {doc6901, "/foo/1", LLM_OK, "\"baz\""}, {doc6901, "/foo/2", LLM_ERR_USAGE, ""}, {doc6901, "/foo/-", LLM_ERR_USAGE, ""},
        {doc6901, "/foo/00", LLM_ERR_USAGE, ""}, {doc6901, "/foo/01", LLM_ERR_USAGE, ""}, {doc6901, "/foo/+1", LLM_ERR_USAGE, ""},
        {doc6901, "/foo/", LLM_ERR_USAGE, ""}, {doc6901, "/foo/0/0", LLM_ERR_USAGE, ""}, {doc6901, "/fo", LLM_ERR_USAGE, ""},
        {doc6901, "/fooo", LLM_ERR_USAGE, ""}, {doc6901, "//", LLM_ERR_USAGE, ""}, {doc6901, "foo", LLM_ERR_USAGE, ""},
        {doc6901, "/m~n", LLM_ERR_USAGE, ""}, {doc6901, "/m~", LLM_ERR_USAGE, ""}, {doc6901, "/m~2n", LLM_ERR_USAGE, ""},
        {doc6901, "/foo/18446744073709551616", LLM_ERR_USAGE, ""}, {doc6901, "/foo/18446744073709551615", LLM_ERR_USAGE, ""},
        {"12", "", LLM_OK, "12"}, {" 12 ", "", LLM_OK, "12"}, {"\xEF\xBB\xBF 12", "", LLM_OK, "12"}, {"12", "/a", LLM_ERR_USAGE, ""},
        {" \"a b\" ", "", LLM_OK, "\"a b\""}, {" [ 1 , 2 ] ", "", LLM_OK, "[ 1 , 2 ]"}, {"[[1,[2,3]],4]", "/0/1/1", LLM_OK, "3"},
        {"[[1,[2,3]],4]", "/1", LLM_OK, "4"}, {"[ { \"a\" : [ 5 ] } , 6 ]", "/0/a/0", LLM_OK, "5"},
        {"[[],[[]],{\"a\":[]}]", "/2/a", LLM_OK, "[]"}, {"[1,2,3,4,5,6,7,8,9,10,11,12]", "/11", LLM_OK, "12"},
        {"{\"a\":1,\"a\":2}", "/a", LLM_OK, "2"}, {"{\"a\":{\"b\":1},\"a\":{\"b\":2}}", "/a/b", LLM_OK, "2"},
        {"{\"a\":{\"b\":1},\"a\":{}}", "/a/b", LLM_ERR_USAGE, ""}, {"{\"a\":{\"b\":1},\"a\":3}", "/a/b", LLM_ERR_USAGE, ""},
        {"{\"a\":{\"b\":1},\"c\":{\"b\":2}}", "/a/b", LLM_OK, "1"}, {"{\"a\":{\"b\":1},\"b\":2}", "/b", LLM_OK, "2"},
        {"{\"x\":{\"a\":1},\"y\":[{\"a\":2}],\"a\":\"3\"}", "/a", LLM_OK, "\"3\""},
        {"{\"\\u0061\\u00e9\":true}", "/a\xC3\xA9", LLM_OK, "true"}, {"{\"a\\/b\":null}", "/a~1b", LLM_OK, "null"},
        {"{\"a\\u0000b\":1,\"a\":2}", "/a", LLM_OK, "2"}, {"{\"a\\u0000b\":1}", "/a", LLM_ERR_USAGE, ""},
        {"{\"~1\":1}", "/~01", LLM_OK, "1"}, {"{\"0\":1}", "/0", LLM_OK, "1"}, {"{\"-\":1}", "/-", LLM_OK, "1"},
        {"[{\"x\":1},{\"b\":2}]", "/0/b", LLM_ERR_USAGE, ""}, {"[[1],[2,3]]", "/0/1", LLM_ERR_USAGE, ""},
        {"{\"a\":[{\"b\":[[7]]},8]}", "/a/0/b/0/0", LLM_OK, "7"}, {"{\"a\":[{\"b\":[[7]]},8]}", "/a/1", LLM_OK, "8"},
        {"", "", LLM_ERR_PROTOCOL, ""}, {"{\"a\":1", "/a", LLM_ERR_PROTOCOL, ""}, {"{\"a\":1}x", "/a", LLM_ERR_PROTOCOL, ""},
        {"{\"a\":1,\"b\":\"\xFF\"}", "/a", LLM_ERR_PROTOCOL, ""}, {"[1,", "/0", LLM_ERR_PROTOCOL, ""},
        {"{\"a\":[1,2", "/a", LLM_ERR_PROTOCOL, ""}, {"{\"a\":01}", "/a", LLM_ERR_PROTOCOL, ""}, {"nope", "", LLM_ERR_PROTOCOL, ""},
    };
    char long_doc[800], key[203], slice[256];
    llm_json v;
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t n = strlen(cases[i].json);
        char *g = t_guarded(cases[i].json, n);
        llm_error e;
        t_case = cases[i].pointer;
        CHECK_STR(llm_status_name(llm_json_get(g, n, cases[i].pointer, &v)), llm_status_name((llm_status)cases[i].status));
        snprintf(slice, sizeof slice, "%.*s", (int)v.len, v.text ? v.text : "");
        CHECK_STR(slice, cases[i].slice);
        if (cases[i].status) CHECK(v.text == NULL && v.len == 0);
        llmi_error_init(&e);
        CHECK_INT(llmi_json_get(g, n, cases[i].pointer, &v, &e), cases[i].status);
        CHECK_INT(e.status, cases[i].status);
        CHECK((e.message[0] != 0) == (cases[i].status != 0));
        t_unguard(g, n);
    }
    t_case = "";
    /* keys longer than a KEY event holds: told apart to the last byte */
    memset(key, 'k', sizeof key);
    key[0] = '/';
    key[202] = 0;
    snprintf(long_doc, sizeof long_doc, "{\"%.200s\":1,\"%.201s\":2,\"%.199sx\":3}", key + 1, key + 1, key + 1);
    CHECK(llm_json_get(long_doc, strlen(long_doc), key, &v) == LLM_OK && v.len == 1 && v.text[0] == '2');
    key[201] = 0;
    CHECK(llm_json_get(long_doc, strlen(long_doc), key, &v) == LLM_OK && v.len == 1 && v.text[0] == '1');
    key[200] = 'x';
    CHECK(llm_json_get(long_doc, strlen(long_doc), key, &v) == LLM_OK && v.len == 1 && v.text[0] == '3');
    key[200] = 'y';
    CHECK_INT(llm_json_get(long_doc, strlen(long_doc), key, &v), LLM_ERR_USAGE);
    CHECK_INT(llm_json_get(NULL, 0, "", &v), LLM_ERR_USAGE);
    CHECK_INT(llm_json_get("1", 1, NULL, &v), LLM_ERR_USAGE);
    CHECK_INT(llm_json_get("1", 1, "", NULL), LLM_ERR_USAGE);
    {
        static const struct { const char *s; llm_json_type type; } types[] = {{"null", LLM_JSON_NULL}, {"true", LLM_JSON_BOOL},
            {" false ", LLM_JSON_BOOL}, {"-1", LLM_JSON_NUMBER}, {"\"\"", LLM_JSON_STRING}, {" []", LLM_JSON_ARRAY},
            {"\xEF\xBB\xBF\n{}", LLM_JSON_OBJECT}};
        for (i = 0; i < sizeof types / sizeof types[0]; i++) {
            llm_json_type type = LLM_JSON_NULL;
            CHECK(llm_json_get(types[i].s, strlen(types[i].s), "", &v) == LLM_OK && v.type == types[i].type);
            CHECK(llmi_json_check(types[i].s, strlen(types[i].s), &type) && type == types[i].type);
            CHECK_INT(llmi_json_is_object(types[i].s, strlen(types[i].s)), i == 6);
        }
    }
}

static void test_values(void) {
    static const char s[] = "{\"s\":\"a\\n\\u00e9\\ud83d\\ude00\",\"n\":-12.5e1,\"t\":true,\"f\":false,\"z\":null,"
                            "\"nul\":\"a\\u0000b\",\"big\":1e999,\"e\":\"\",\"half\":\"\\ud83d\"}";
    char buf[32];
    double d = 7;
    int b = 7;
    CHECK_INT(llm_json_string(s, "/s", buf, sizeof buf), LLM_OK);
    CHECK_STR(buf, "a\n\xC3\xA9\xF0\x9F\x98\x80");
    CHECK_INT(llm_json_string(s, "/s", buf, 9), LLM_OK);
    CHECK_STR(buf, "a\n\xC3\xA9\xF0\x9F\x98\x80");
    CHECK_INT(llm_json_string(s, "/s", buf, 8), LLM_ERR_LIMIT);
    CHECK_STR(buf, "");
    CHECK_INT(llm_json_string(s, "/s", buf, 0), LLM_ERR_LIMIT);
    CHECK_INT(llm_json_string(s, "/e", buf, 1), LLM_OK);
    CHECK_STR(buf, "");
    CHECK_INT(llm_json_string(s, "/half", buf, sizeof buf), LLM_OK);
    CHECK_STR(buf, "\xEF\xBF\xBD");
    CHECK_INT(llm_json_string(s, "/nul", buf, sizeof buf), LLM_ERR_USAGE);
    CHECK_STR(buf, "");
    CHECK_INT(llm_json_string(s, "/n", buf, sizeof buf), LLM_ERR_USAGE);
    CHECK_INT(llm_json_string(s, "/absent", buf, sizeof buf), LLM_ERR_USAGE);
    CHECK_INT(llm_json_string("{", "", buf, sizeof buf), LLM_ERR_PROTOCOL);
    CHECK_INT(llm_json_string(NULL, "", buf, sizeof buf), LLM_ERR_USAGE);
    CHECK_INT(llm_json_string(s, NULL, buf, sizeof buf), LLM_ERR_USAGE);
    CHECK_INT(llm_json_string(s, "/s", NULL, 4), LLM_ERR_USAGE);
    CHECK_INT(llm_json_number(s, "/n", &d), LLM_OK);
    CHECK(d == -125);
    CHECK_INT(llm_json_number(s, "/s", &d), LLM_ERR_USAGE);
    CHECK_INT(llm_json_number(s, "/big", &d), LLM_ERR_LIMIT);
    CHECK_INT(llm_json_number(s, "/n", NULL), LLM_ERR_USAGE);
    CHECK(d == -125);
    CHECK_INT(llm_json_bool(s, "/t", &b), LLM_OK);
    CHECK_INT(b, 1);
    CHECK_INT(llm_json_bool(s, "/f", &b), LLM_OK);
    CHECK_INT(b, 0);
    CHECK_INT(llm_json_bool(s, "/z", &b), LLM_ERR_USAGE);
    CHECK_INT(llm_json_bool(s, "/t", NULL), LLM_ERR_USAGE);
}

static void test_members(void) {
    static const struct { const char *s, *inner; } cases[] = {
        {"{}", ""}, {" { } ", ""}, {"{\"a\":1}", "\"a\":1"}, {"\n{ \"a\" : {} , \"b\":\"}\" }\n", "\"a\" : {} , \"b\":\"}\""},
    };
    size_t i, n;
    for (i = 0; i < 4; i++) {
        const char *p = llmi_json_members(cases[i].s, strlen(cases[i].s), &n);
        CHECK(n == strlen(cases[i].inner) && !memcmp(p, cases[i].inner, n));
    }
    {
        static const char s[] = " {\"a\":{\"b\":1},\"c\":[{\"d\":2}],\"\\u0065\":3,\"k\":\"x\"}";
        CHECK(llmi_json_has(s, sizeof s - 1, "a") && llmi_json_has(s, sizeof s - 1, "c") && llmi_json_has(s, sizeof s - 1, "e"));
        CHECK(llmi_json_has(s, sizeof s - 1, "k"));
        CHECK(!llmi_json_has(s, sizeof s - 1, "b") && !llmi_json_has(s, sizeof s - 1, "d") && !llmi_json_has(s, sizeof s - 1, "x"));
        CHECK(!llmi_json_has(s, sizeof s - 1, "") && !llmi_json_has("[]", 2, "a") && !llmi_json_has("", 0, "a"));
    }
}

/* ---- text ---------------------------------------------------------------------------------------------------------- */

static llm_status write_all(llm_text *t) {
    int i;
    (void)llm_text_add(t, "{\"list\":[");
    for (i = 0; i < 40; i++) (void)llm_text_addf(t, "%s%d", i ? "," : "", i * 1000);
    (void)llm_text_add(t, "],\"text\":");
    (void)llm_text_add_json_string(t, "q\" b\\ \x01\n\xC3\xA9\xFF\0", 12);
    (void)llm_text_add(t, ",\"number\":");
    (void)llm_text_add_number(t, -0.25);
    return llm_text_addf(t, ",%q:[%lld,%zu,\"%%\"]}", "k\"", (long long)INT64_MIN, (size_t)7);
}

static void test_text(void) {
    llmi_mem m;
    llm_text t;
    long calls;
    static const char end[] = "39000],\"text\":\"q\\\" b\\\\ \\u0001\\n\xC3\xA9\xEF\xBF\xBD\\u0000\",\"number\":-0.25,"
                              "\"k\\\"\":[-9223372036854775808,7,\"%\"]}";
    llmi_mem_init(&m, NULL, NULL, 0);
    t_allocs = t_fail_at = 0;
    llmi_text_init(&t, &m, 100000);
    CHECK_INT(write_all(&t), LLM_OK);
    CHECK(t.n > sizeof end && !strcmp(llmi_text_cstr(&t) + t.n - (sizeof end - 1), end));
    CHECK(llmi_json_check(t.p, t.n, NULL));
    llmi_text_free(&t);
    calls = t_allocs;
    CHECK(calls > 2);
    for (t_fail_at = 1; t_fail_at <= calls; t_fail_at++) {   /* every one of them fails once; a shorter try may then do */
        llm_status s;
        t_allocs = 0;
        llmi_text_init(&t, &m, 100000);
        s = write_all(&t);
        CHECK(s == LLM_ERR_MEMORY || (s == LLM_OK && llmi_json_check(t.p, t.n, NULL)));
        CHECK_INT(llm_text_add(&t, "x"), s);
        llmi_text_free(&t);
        CHECK_INT(t_live, 0);
    }
    t_fail_at = 0;
    llmi_text_init(&t, &m, 50);
    CHECK_INT(write_all(&t), LLM_ERR_LIMIT);
    CHECK_INT(llm_text_add_number(&t, 1), LLM_ERR_LIMIT);
    CHECK(t.n <= 50);
    llmi_text_free(&t);
    {   /* wrong calls stick, too */
        int k;
        for (k = 0; k < 8; k++) {
            llm_status s = LLM_OK;
            llmi_text_init(&t, &m, 1000);
            CHECK_INT(llm_text_add(&t, "ok"), LLM_OK);
            if (k == 0) s = llm_text_add_number(&t, (double)NAN);
            if (k == 1) s = llm_text_add_number(&t, (double)INFINITY);
            if (k == 2) s = llm_text_add_number(&t, -(double)INFINITY);
            if (k == 3) s = llm_text_add(&t, NULL);
            if (k == 4) s = llm_text_add_json_string(&t, NULL, 1);
            if (k == 5) s = llm_text_addf(&t, NULL);
            if (k == 6) s = llm_text_addf(&t, "%x", 1);
            if (k == 7) s = llm_text_addf(&t, "a%");
            CHECK_INT(s, LLM_ERR_USAGE);
            CHECK_INT(llm_text_add(&t, "x"), LLM_ERR_USAGE);
            CHECK_INT(llm_text_addf(&t, "x"), LLM_ERR_USAGE);
            CHECK_INT(llm_text_add_json_string(&t, "x", 1), LLM_ERR_USAGE);
            llmi_text_free(&t);
        }
        CHECK_INT(llm_text_add(NULL, "x"), LLM_ERR_USAGE);
        CHECK_INT(llm_text_add_json_string(NULL, "x", 1), LLM_ERR_USAGE);
        CHECK_INT(llm_text_add_number(NULL, 1), LLM_ERR_USAGE);
        CHECK_INT(llm_text_addf(NULL, "x"), LLM_ERR_USAGE);
        llmi_text_init(&t, &m, 1000);
        CHECK_INT(llm_text_add_json_string(&t, NULL, 0), LLM_OK);
        CHECK_STR(llmi_text_cstr(&t), "\"\"");
        llmi_text_free(&t);
    }
    CHECK_INT(t_live, 0);
}

/* The word scan stops at the right byte wherever it stands, and never looks past the end. */
static void test_plain_end(void) {
    size_t at, n, c, bad = 0;
    char s[40];
    for (n = 1; n <= sizeof s; n++) {
        char *g = t_guarded(s, n);
        memset(g, 'a', n);
        for (c = 0; c < 256; c++) for (at = 0; at < n; at++) {
            int stops = c < 0x20 || c >= 0x80 || c == '"' || c == '\\';
            g[at] = (char)c;
            if (at + 1 < n) g[at + 1] = c % 2 ? '"' : (char)0x80;      /* a second one behind it must not matter */
            if (llmi_plain_end(g, g + n) != g + (stops || at + 1 == n ? at + !stops : at + 1)) bad++;
            g[at] = 'a';
            if (at + 1 < n) g[at + 1] = 'a';
        }
        t_unguard(g, n);
    }
    CHECK_INT(bad, 0);
}

/* Zero has no bits. */
static void test_big_zero(void) {
    llmi_big z;
    uint32_t w[1] = {1};
    memset(&z, 0, sizeof z);
    z.w = w;
    CHECK_INT(llmi_big_bits(&z), 0);
    z.n = 1;
    CHECK_INT(llmi_big_bits(&z), 1);
    z.w[0] = 0x80000000u;
    CHECK_INT(llmi_big_bits(&z), 32);
}

int main(void) {
    test_big_zero();
    test_plain_end();
    test_texts();
    test_events();
    test_depth();
    test_utf8();
    test_halves();
    test_print();
    test_read_double();
    test_integers();
    test_long_number();
    test_round_trip();
    test_pointer();
    test_values();
    test_members();
    test_text();
    return t_done();
}
