/* test_error.c - statuses and their classes, filling an llm_error, shortening a message, keeping the key out of it.
   Expected values are the tables of the API page, RFC 9110 15 and naive implementations. */
#include "t.h"

/* The published names, values and parents; once published they never change. */
static const struct {
    const char *name;
    int value, parent, retryable;
} table[] = {
    {"LLM_OK", 0, 0, 0},
    {"LLM_PENDING", 1, 1, 0},
    {"LLM_DONE", 2, 2, 0},
    {"LLM_ERR", -1, -1, 0},
    {"LLM_ERR_API", -10, -1, 0},
    {"LLM_ERR_BAD_REQUEST", -11, -10, 0},
    {"LLM_ERR_AUTH", -12, -10, 0},
    {"LLM_ERR_PERMISSION", -13, -10, 0},
    {"LLM_ERR_NOT_FOUND", -14, -10, 0},
    {"LLM_ERR_CONFLICT", -15, -10, 1},
    {"LLM_ERR_RATE_LIMIT", -16, -10, 1},
    {"LLM_ERR_QUOTA", -17, -16, 0},
    {"LLM_ERR_SERVER", -18, -10, 1},
    {"LLM_ERR_PROTOCOL", -19, -10, 0},
    {"LLM_ERR_CONNECTION", -30, -1, 1},
    {"LLM_ERR_TLS", -31, -30, 0},
    {"LLM_ERR_TRUNCATED", -32, -30, 1},
    {"LLM_ERR_TIMEOUT", -40, -1, 1},
    {"LLM_ERR_CANCELLED", -41, -1, 0},
    {"LLM_ERR_MEMORY", -42, -1, 0},
    {"LLM_ERR_USAGE", -43, -1, 0},
    {"LLM_ERR_LIMIT", -44, -1, 0},
    {"LLM_ERR_MAX_ITERATIONS", -45, -1, 0},
    {"LLM_ERR_INTERNAL", -46, -1, 0},
};
enum { N = sizeof table / sizeof table[0] };

#define COUNT(name, value, parent) +1
enum { STATUSES = 0 LLM_STATUS_MAP(COUNT) };

static int parent_of(int value) {
    int i;
    for (i = 0; i < N; i++) {
        if (table[i].value == value) return table[i].parent;
    }
    return value;
}

/* Is `kind` s itself, or anywhere above it? */
static int naive_is(int s, int kind) {
    int i;
    for (i = 0; i < 5; i++, s = parent_of(s)) {
        if (s == kind) return 1;
    }
    return 0;
}

static void test_statuses(void) {
    int i, k, seen = 0;
    CHECK_INT(N, STATUSES);
    for (i = 0; i < N; i++) {
        t_case = table[i].name;
        CHECK_STR(llm_status_name((llm_status)table[i].value), table[i].name);
        CHECK_INT(llmi_status_parent((llm_status)table[i].value), table[i].parent);
        CHECK_INT(llmi_status_retryable((llm_status)table[i].value), table[i].retryable);
        for (k = 0; k < N; k++) {
            CHECK_INT(llm_is((llm_status)table[i].value, (llm_status)table[k].value),
                      naive_is(table[i].value, table[k].value));
        }
        CHECK_INT(llm_is((llm_status)table[i].value, LLM_ERR), table[i].value < 0);
    }
    t_case = "";
    for (i = -200; i <= 200; i++) { /* numbers that are no status: a name all the same, and of no class but their own */
        int known = strcmp(llm_status_name((llm_status)i), "LLM_ERR_UNKNOWN") != 0;
        seen += known;
        if (known) continue;
        CHECK(llm_is((llm_status)i, (llm_status)i));
        CHECK(!llm_is((llm_status)i, LLM_ERR) && !llm_is(LLM_ERR_AUTH, (llm_status)i));
        CHECK_INT(llmi_status_retryable((llm_status)i), 0);
    }
    CHECK_INT(seen, N);
    CHECK_STR(llm_status_name(LLM_STATUS_FORCE_INT), "LLM_ERR_UNKNOWN");
}

/* RFC 9110 15 and the API page. */
static llm_status class_of(int http) {
    static const struct {
        int http;
        llm_status s;
    } own[] = {
        {400, LLM_ERR_BAD_REQUEST}, {401, LLM_ERR_AUTH},        {402, LLM_ERR_QUOTA},
        {403, LLM_ERR_PERMISSION},  {404, LLM_ERR_NOT_FOUND},   {408, LLM_ERR_TIMEOUT},
        {409, LLM_ERR_CONFLICT},    {422, LLM_ERR_BAD_REQUEST}, {429, LLM_ERR_RATE_LIMIT},
    };
    size_t i;
    for (i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (own[i].http == http) return own[i].s;
    }
    return http / 100 == 5 ? LLM_ERR_SERVER : LLM_ERR_API;
}

static void test_http(void) {
    int http;
    char code[16];
    for (http = 0; http <= 1000; http++) {
        CHECK_INT(llmi_status_of_http(http), class_of(http));
        snprintf(code, sizeof code, "%03d", http);
        CHECK_INT(llmi_status_of_code(code), http >= 400 && http <= 599 ? class_of(http) : LLM_OK);
    }
    CHECK_INT(llmi_status_of_http(-401), LLM_ERR_API);
    CHECK_INT(llmi_status_of_http(2147483647), LLM_ERR_API);
}

static void test_codes(void) {
    static const struct {
        const char *code;
        llm_status s;
    } row[] = {
        {"invalid_api_key", LLM_ERR_AUTH},
        {"insufficient_quota", LLM_ERR_QUOTA},
        {"credit_balance_exhausted", LLM_ERR_QUOTA},
        {"billing_hard_limit_reached", LLM_ERR_QUOTA},
        {"rate_limit_exceeded", LLM_ERR_RATE_LIMIT},
        {"rate_limit_error", LLM_ERR_RATE_LIMIT},
        {"slow_down", LLM_ERR_RATE_LIMIT},
        {"server_error", LLM_ERR_SERVER},
        {"internal_error", LLM_ERR_SERVER},
        {"server_is_overloaded", LLM_ERR_SERVER},
        {"overloaded_error", LLM_ERR_SERVER},
        {"model_not_found", LLM_ERR_NOT_FOUND},
        {"context_length_exceeded", LLM_ERR_BAD_REQUEST},
        {"unsupported_parameter", LLM_ERR_BAD_REQUEST},
        {"unsupported_value", LLM_ERR_BAD_REQUEST},
        {"invalid_request_error", LLM_ERR_BAD_REQUEST},
        {"content_filter", LLM_ERR_BAD_REQUEST},
        /* no code of the API */
        {"", LLM_OK},
        {"x", LLM_OK},
        {"4", LLM_OK},
        {"40", LLM_OK},
        {"4011", LLM_OK},
        {"40x", LLM_OK},
        {"4x1", LLM_OK},
        {" 401", LLM_OK},
        {"401 ", LLM_OK},
        {"-401", LLM_OK},
        {"301", LLM_OK},
        {"601", LLM_OK},
        {"200", LLM_OK},
        {"INVALID_API_KEY", LLM_OK},
        {"invalid_api_ke", LLM_OK},
        {"invalid_api_keys", LLM_OK},
        {"null", LLM_OK},
    };
    size_t i;
    int http;
    for (i = 0; i < sizeof row / sizeof row[0]; i++) {
        t_case = row[i].code;
        CHECK_INT(llmi_status_of_code(row[i].code), row[i].s);
        for (http = 100; http < 600; http++) {
            llm_status s = llmi_status_of_answer(http, row[i].code);
            if (http < 300) /* an error inside an answer that is none by its status */
                CHECK_INT(s, row[i].s == LLM_OK ? LLM_ERR_API : row[i].s);
            else if (http == 429 && row[i].s == LLM_ERR_QUOTA)
                CHECK_INT(s, LLM_ERR_QUOTA);
            else
                CHECK_INT(s, class_of(http));
        }
    }
    t_case = "";
}

/* ---- messages --------------------------------------------------------------------------------------------- */

static void test_copy_cut(void) {
    static const char s[] = "a\xC3\xA9"
                            "b\xE2\x82\xAC"
                            "c\xF0\x9F\x98\x80"
                            "d\xC3\xA9\xC3\xA9";
    static const size_t border[] = {0, 1, 3, 4, 7, 8, 12, 13, 15, 17};
    const size_t borders = sizeof border / sizeof border[0];
    size_t k, cap;
    CHECK_INT(sizeof s - 1, 17);
    for (k = 0; k < borders; k++) {
        for (cap = 1; cap <= 20; cap++) {
            size_t n = border[k], i = k;
            char *given = t_guarded(s, n), out[32];
            while (border[i] >= cap) i--; /* the last border with room for a NUL behind it */
            memset(out, '#', sizeof out);
            llmi_copy_cut(out, cap, given, n);
            CHECK_INT(strlen(out), border[i]);
            CHECK(memcmp(out, s, border[i]) == 0);
            for (i = cap; i < sizeof out; i++) {
                if (out[i] != '#') CHECK(out[i] == '#');
            }
            t_unguard(given, n);
        }
    }
    { /* four bytes that only go on with no beginning: nothing is left, and nothing is read before the text */
        char *given = t_guarded("\x80\x80\x80\x80", 4), out[4];
        llmi_copy_cut(out, 3, given, 4);
        CHECK_STR(out, "");
        t_unguard(given, 4);
    }
}

static void test_fail(void) {
    llm_error e;
    char long_text[2000];
    size_t n;
    const size_t most = sizeof e.message - 1;
    int width;
    llmi_error_init(&e);
    CHECK_INT(e.retry_after_ms, -1);
    CHECK(e.status == LLM_OK && e.message[0] == 0 && e.http_status == 0 && e.attempts == 0 && e.retryable == 0);
    CHECK_INT(llmi_fail(NULL, LLM_ERR_AUTH, "nobody listens"), LLM_ERR_AUTH);
    e.http_status = 401;
    e.retry_after_ms = 7;
    e.attempts = 3;
    strcpy(e.request_id, "req_1");
    strcpy(e.type, "t");
    strcpy(e.code, "c");
    strcpy(e.param, "p");
    CHECK_INT(llmi_fail(&e, LLM_ERR_CONNECTION, "%s: %d of %zu, %q", "host", -4, (size_t)9, "a\"b"),
              LLM_ERR_CONNECTION);
    CHECK_STR(e.message, "host: -4 of 9, \"a\\\"b\"");
    CHECK_INT(e.status, LLM_ERR_CONNECTION);
    CHECK_INT(e.retryable, 1);
    CHECK(e.http_status == 401 && e.retry_after_ms == 7 && e.attempts == 3); /* what is known of the call stays */
    CHECK_STR(e.request_id, "req_1");
    CHECK(e.type[0] == 0 && e.code[0] == 0 && e.param[0] == 0); /* what another answer said does not */
    CHECK_INT(llmi_fail_memory(&e), LLM_ERR_MEMORY);
    CHECK(strstr(e.message, "config.memory") && e.retryable == 0);
    llmi_fail(&e, LLM_ERR_USAGE, "it %s: %s", "said", e.message); /* its own text as an argument */
    CHECK(strncmp(e.message, "it said: out of memory", 22) == 0);
    /* what is too long ends in "..." between two characters: one, two, three and four bytes wide */
    for (width = 1; width <= 4; width++) {
        static const char *const c[] = {"x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
        size_t w = (size_t)width, i;
        for (n = most - 6; n <= most + 6; n++) {
            size_t at = n % w; /* some ASCII first, so that every place of the cut comes up */
            memset(long_text, 'a', at);
            for (i = at; i + w <= n; i += w) memcpy(long_text + i, c[width - 1], w);
            long_text[i] = 0;
            llmi_fail(&e, LLM_ERR_API, "%s", long_text);
            if (i <= most) {
                CHECK_STR(e.message, long_text);
            } else {
                size_t kept = strlen(e.message) - 3;
                CHECK(kept + 3 <= most && kept + 3 + w >= most); /* as much as has room */
                CHECK_INT((kept - at) % w, 0);
                CHECK(strncmp(e.message, long_text, kept) == 0);
                CHECK_STR(e.message + kept, "...");
            }
        }
    }
    memset(long_text, 'y', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    llmi_fail(&e, LLM_ERR_API, "%s and %d more", long_text, 5); /* the end that did not fit is not behind the dots */
    CHECK_STR(e.message + strlen(e.message) - 4, "y...");
}

/* ---- the key: promise 1 ------------------------------------------------------------------------------------ */

/* Another way to the same: build the answer from left to right in a buffer of its own. */
static size_t naive_redact(char *out, const char *s, size_t n, const char *secret, size_t k, int cut_off) {
    size_t to = 0, i = 0, part;
    while (i < n) {
        if (k && n - i >= k && memcmp(s + i, secret, k) == 0) {
            size_t stars = k < 3 ? k : 3;
            while (stars--) out[to++] = '*';
            i += k;
        } else {
            out[to++] = s[i++];
        }
    }
    if (cut_off && k) {
        for (part = 8; part < k && part <= to; part++) {
            size_t most = 0, p;
            for (p = part; p < k && p <= to; p++) {
                if (memcmp(out + to - p, secret, p) == 0) most = p;
            }
            return most ? to - most : to;
        }
    }
    return to;
}

static void check_redact(const char *s, size_t n, const char *secret, size_t k, int cut_off) {
    char *given = t_guarded(s, n), *wanted = (char *)malloc(n + 1);
    char *key = t_guarded(secret, k);
    size_t got, w;
    if (!wanted) exit(1);
    w = naive_redact(wanted, s, n, secret, k, cut_off);
    got = llmi_redact(given, n, key, k, cut_off);
    if (!(got == w && memcmp(given, wanted, w) == 0)) {
        CHECK_INT(got, w);
        fprintf(stderr, "    text %.*s, secret %.*s: %.*s\n", (int)n, s, (int)k, secret, (int)got, given);
    } else {
        t_passed++;
    }
    free(wanted);
    t_unguard(given, n);
    t_unguard(key, k);
}

static void test_redact(void) {
    static const char key[] = "sk-0123456789abcdef";
    const size_t k = sizeof key - 1;
    char s[200];
    size_t n, at, part;
    unsigned x = 1;
    int i, cut;
    struct {
        const char *s, *wanted;
    } row[] = {
        {"", ""},
        {"no secret here", "no secret here"},
        {"sk-0123456789abcdef", "***"},
        {"sk-0123456789abcdefsk-0123456789abcdef", "******"},
        {"Bearer sk-0123456789abcdef.", "Bearer ***."},
        {"sk-sk-0123456789abcdef"
         "0123456789abcdef",
         "sk-***0123456789abcdef"},
        {"sk-0123456789abcdeX", "sk-0123456789abcdeX"},
    };
    for (i = 0; i < (int)(sizeof row / sizeof row[0]); i++) {
        char *p = t_guarded(row[i].s, strlen(row[i].s));
        n = llmi_redact(p, strlen(row[i].s), key, k, 0);
        CHECK_INT(n, strlen(row[i].wanted));
        CHECK(memcmp(p, row[i].wanted, n) == 0);
        t_unguard(p, strlen(row[i].s));
    }
    /* at every place of a text, the first and the last included; and the beginning of one at its end */
    for (at = 0; at <= 30; at++) {
        for (part = 0; part <= k; part++) {
            memset(s, 'x', at);
            memcpy(s + at, key, part);
            for (cut = 0; cut <= 1; cut++) check_redact(s, at + part, key, k, cut);
            if (part < k) {
                n = llmi_redact(s, at + part, key, k, 1);
                CHECK_INT(n, part >= 8 ? at : at + part); /* seven bytes of a key are nobody's secret */
            }
        }
    }
    memcpy(s, key, k); /* cut off behind a whole one */
    memcpy(s + k, key, 10);
    CHECK_INT(llmi_redact(NULL, 0, key, k, 1), 0);      /* a text that never grew */
    n = llmi_redact(s, k + 10, key, k, 1);
    CHECK(n == 3 && memcmp(s, "***", 3) == 0);
    check_redact("anything", 8, "", 0, 1); /* no key */
    check_redact("aaaa", 4, "a", 1, 1);
    check_redact("abababab", 8, "ab", 2, 1);
    /* few letters, so that near misses and overlaps come up */
    for (i = 0; i < 20000; i++) {
        char secret[20];
        size_t j, len;
        x = x * 1664525u + 1013904223u;
        len = 1 + (x >> 20) % 14;
        n = (x >> 8) % 60;
        for (j = 0; j < len; j++) x = x * 1664525u + 1013904223u, secret[j] = (char)('a' + ((x >> 24) & 1));
        for (j = 0; j < n; j++) {
            x = x * 1664525u + 1013904223u;
            s[j] = (x >> 28) < 12 && j >= len ? secret[j % len] : (char)('a' + ((x >> 24) & 1));
        }
        if (i % 20 == 0) {
            check_redact(s, n, secret, len, i & 1);
        } else {
            char wanted[64];
            size_t w = naive_redact(wanted, s, n, secret, len, i & 1);
            CHECK(llmi_redact(s, n, secret, len, i & 1) == w && memcmp(s, wanted, w) == 0);
        }
    }
}

int main(void) {
    test_statuses();
    test_http();
    test_codes();
    test_copy_cut();
    test_fail();
    test_redact();
    return t_done();
}
