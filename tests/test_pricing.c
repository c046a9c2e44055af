/* test_pricing.c - finding a model's price and what a usage costs.
   data/pricing/: match_cases and cost_cases are the reference cases, the _more files what else was thought
   of, rates the figures of picked rows. They change when the figures in tools/prices/prices.json do. */
#include "t.h"

/* Splits a line of a table at its tabs, in place. Returns the number of cells. */
static size_t cells(char *line, char **cell, size_t max) {
    size_t n = 0;
    while (n < max) {
        char *tab = strchr(line, '\t');
        cell[n++] = line;
        if (tab == NULL) break;
        *tab = 0;
        line = tab + 1;
    }
    return n;
}

/* Calls fn for each line of the file that is no comment; fails if a line has not that many cells. */
static void each_line(const char *path, size_t columns, void (*fn)(char **cell)) {
    char *text = t_read_file(path, NULL), *line = text, *cell[24];
    size_t lines = 0;
    while (*line != 0) {
        char *end = strchr(line, '\n');
        if (end != NULL) *end = 0;
        if (line[0] != '#') {
            CHECK_INT(cells(line, cell, 24), columns);
            fn(cell);
            lines++;
        }
        if (end == NULL) break;
        line = end + 1;
    }
    CHECK(lines > 0);
    t_case = "";
    free(text);
}

static llm_cost_source find(const char *host, const char *id, llm_price *out) {
    return llmi_price_find(NULL, 0, host[0] == '-' && host[1] == 0 ? NULL : host, id, out);
}

#if LLMI_HAS_PRICING

/* Equal as doubles, also where the compiler keeps more digits in a register. */
static int same(double a, double b) {
    volatile double x = a, y = b;
    return x == y;
}

static const char *kind_name(llm_cost_source k) {
    static const char *const name[] = { "UNKNOWN", "PREFIX", "SNAPSHOT", "EXACT", "PROVIDER" };
    return name[k];
}

static int is_none(const llm_price *p) {
    return p->model == NULL && p->input < 0 && p->cached_input < 0 && p->output < 0 && p->cache_write < 0 &&
           p->audio_input < 0 && p->audio_output < 0 && p->flex_input < 0 && p->flex_cached_input < 0 &&
           p->flex_output < 0 && p->priority_input < 0 && p->priority_cached_input < 0 &&
           p->priority_output < 0 && p->long_context_tokens == 0 && p->long_input < 0 &&
           p->long_cached_input < 0 && p->long_cache_write < 0 && p->long_output < 0;
}

/* ---- finding: the files -------------------------------------------------------------------------------- */

static void match_case(char **cell) {
    llm_price p;
    llm_cost_source kind;
    size_t n = strlen(cell[0]) + 1;
    char *id = t_guarded(cell[0], n);
    t_case = cell[0];
    kind = find("-", id, &p);
    if (strcmp(cell[1], "NONE") == 0) {
        CHECK(kind == LLM_COST_UNKNOWN || kind == LLM_COST_PREFIX);
        CHECK(kind == LLM_COST_PREFIX || is_none(&p));
    } else {
        CHECK_STR(p.model, cell[1]);
        CHECK(kind == LLM_COST_EXACT || kind == LLM_COST_SNAPSHOT);
        if (strncmp(cell[2], "table key +", 11) == 0) CHECK_INT(kind, LLM_COST_SNAPSHOT);
        if (strncmp(cell[2], "exact id", 8) == 0) CHECK_INT(kind, LLM_COST_EXACT);
    }
    t_unguard(id, n);
}

static void match_more(char **cell) {
    llm_price p;
    size_t n = strlen(cell[1]) + 1;
    char *id = t_guarded(cell[1], n);
    t_case = cell[1];
    CHECK_STR(kind_name(find(cell[0], id, &p)), cell[2]);
    CHECK_STR(p.model != NULL ? p.model : "-", cell[3]);
    t_unguard(id, n);
}

/* "1.25" as picodollars per token, or as USD with 12 decimals: exact. -1 for "-" and UNKNOWN. */
static int64_t fixed(const char *s, int decimals) {
    int64_t v = 0;
    if (*s == '-' || *s == 'U') return -1;
    while (llmi_is_digit(*s)) v = v * 10 + (*s++ - '0');
    if (*s == '.') s++;
    for (; decimals > 0; decimals--) v = v * 10 + (llmi_is_digit(*s) ? *s++ - '0' : 0);
    CHECK(*s == 0);
    return v;
}

/* A rate is the very double that the source text 1.25 gives, not one near it. */
static void same_rate(double is, const char *text) {
    if (strcmp(text, "-") == 0) CHECK(is == -1.0);
    else CHECK(same(is, strtod(text, NULL)));
    CHECK_INT(is < 0 ? -1 : llmi_price_pico(is), fixed(text, 6));
}

static void rates(char **cell) {
    llm_price p;
    t_case = cell[1];
    CHECK_STR(kind_name(find(cell[0], cell[1], &p)), cell[2]);
    CHECK_STR(p.model, cell[3]);
    CHECK_INT(p.long_context_tokens, fixed(cell[4], 0));
    same_rate(p.input, cell[5]);
    same_rate(p.cached_input, cell[6]);
    same_rate(p.output, cell[7]);
    same_rate(p.cache_write, cell[8]);
    same_rate(p.audio_input, cell[9]);
    same_rate(p.audio_output, cell[10]);
    same_rate(p.flex_input, cell[11]);
    same_rate(p.flex_cached_input, cell[12]);
    same_rate(p.flex_output, cell[13]);
    same_rate(p.priority_input, cell[14]);
    same_rate(p.priority_cached_input, cell[15]);
    same_rate(p.priority_output, cell[16]);
    same_rate(p.long_input, cell[17]);
    same_rate(p.long_cached_input, cell[18]);
    same_rate(p.long_cache_write, cell[19]);
    same_rate(p.long_output, cell[20]);
}

/* ---- finding: the table is sound, and what no file can hold -------------------------------------------- */

static void test_table(void) {
    const char *id = llmi_price_ids, *alias = llmi_price_aliases;
    size_t rows = sizeof llmi_price_rows / sizeof llmi_price_rows[0], i, n = 0;
    for (i = 0; *id != 0; i++, id += strlen(id) + 1) {
        const llmi_price_row *r = &llmi_price_rows[i];
        t_case = id;
        CHECK(strlen(id) <= 128);
        CHECK(r->cached <= r->input);
        CHECK(r->flex <= sizeof llmi_price_tiers / sizeof llmi_price_tiers[0]);
        CHECK(r->priority <= sizeof llmi_price_tiers / sizeof llmi_price_tiers[0]);
        CHECK(r->longer <= sizeof llmi_price_longs / sizeof llmi_price_longs[0]);
        CHECK(r->extra <= sizeof llmi_price_extras / sizeof llmi_price_extras[0]);
        if (i < LLMI_PRICE_OPENAI_ROWS) {   /* every row can be found by its own id */
            llm_price p;
            CHECK_INT(find("-", id, &p), LLM_COST_EXACT);
            CHECK_STR(p.model, id);
            CHECK(p.model == id);
        }
    }
    CHECK_INT(i, rows);
    for (; *alias != 0; n++, alias += strlen(alias) + 1) CHECK(llmi_price_alias_rows[n] < rows);
    CHECK_INT(n, sizeof llmi_price_alias_rows);
    n = 0;
    for (alias = llmi_price_hosts; *alias != 0; n++, alias += strlen(alias) + 1) {
        t_case = alias;
        CHECK(llmi_price_host_rows[n][0] >= LLMI_PRICE_OPENAI_ROWS);
        CHECK(llmi_price_host_rows[n][0] < llmi_price_host_rows[n][1]);
        CHECK(llmi_price_host_rows[n][1] <= rows);
        for (i = llmi_price_host_rows[n][0], id = llmi_price_ids; i > 0; i--) id += strlen(id) + 1;
        for (i = llmi_price_host_rows[n][0]; i < llmi_price_host_rows[n][1]; i++, id += strlen(id) + 1) {
            llm_price p;
            CHECK_INT(find(alias, id, &p), LLM_COST_EXACT);
            CHECK(p.model == id);
        }
    }
    CHECK_INT(n, sizeof llmi_price_host_rows / sizeof llmi_price_host_rows[0]);
    t_case = "";
}

static void test_odd_ids(void) {
    char id[300];
    llm_price p;
    size_t n;
    int c;
    CHECK_INT(find("-", "", &p), LLM_COST_UNKNOWN);
    CHECK(is_none(&p));
    CHECK_INT(llmi_price_find(NULL, 0, NULL, NULL, &p), LLM_COST_UNKNOWN);
    CHECK(is_none(&p));
    CHECK_INT(llmi_price_find(NULL, 0, "", "gpt-4o", NULL), LLM_COST_EXACT);   /* only the kind is wanted */
    CHECK_INT(llmi_price_find(NULL, 5, NULL, "gpt-4o", &p), LLM_COST_EXACT);   /* a count, no table */

    /* every length around the limit: 128 bytes are still an id */
    for (n = 6; n < sizeof id; n++) {
        memset(id, 'x', n);
        memcpy(id, "gpt-4o-", 7);
        id[n] = 0;
        if (n > 6) CHECK_INT(find("-", id, &p), n <= 128 ? LLM_COST_PREFIX : LLM_COST_UNKNOWN);
    }
    /* every byte in an id: only one outside 0x21..0x7E, '/' and ':' keep it from being guessed */
    for (c = 1; c < 256; c++) {
        memcpy(id, "gpt-4o-?x", 10);
        id[7] = (char)c;
        n = c >= 0x21 && c <= 0x7E && c != '/' && c != ':';
        CHECK_INT(find("-", id, &p), n ? LLM_COST_PREFIX : LLM_COST_UNKNOWN);
    }
    CHECK_STR(llm_prices_date(), LLMI_PRICE_DATE);
    CHECK_INT(strlen(llm_prices_date()), 10);
}

/* ---- a table of the user's ----------------------------------------------------------------------------- */

static const llm_price own[] = {
    { "my-model", 1.0, 0.5, 2.0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
    { "gpt-4o", 7, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
    { "qwen3:8b", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
    { "vendor/Model A", 3, 1e-9, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
    { NULL, 3, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
    { "my-model-large", 10, 5, 20, 12, 40, 80, 5, 2, 10, 20, 10, 40, 1000, 20, 10, 24, 30 }
};

static llm_cost_source find_own(const char *host, const char *id, llm_price *out) {
    return llmi_price_find(own, sizeof own / sizeof own[0], host, id, out);
}

static void test_own(void) {
    volatile double zero = 0;
    llm_price p, bad[1];
    CHECK_INT(find_own(NULL, "my-model", &p), LLM_COST_EXACT);
    CHECK(p.input == 1.0 && p.cached_input == 0.5 && p.output == 2.0);
    CHECK(p.cache_write == -1 && p.audio_input == -1 && p.audio_output == -1);
    CHECK(p.flex_input == -1 && p.flex_cached_input == -1 && p.flex_output == -1);
    CHECK(p.priority_input == -1 && p.priority_cached_input == -1 && p.priority_output == -1);
    CHECK(p.long_context_tokens == 0 && p.long_input == -1 && p.long_cached_input == -1);
    CHECK(p.long_cache_write == -1 && p.long_output == -1);
    CHECK(p.model == own[0].model);

    CHECK_INT(find_own(NULL, "my-model-2026-11-01", &p), LLM_COST_SNAPSHOT);
    CHECK_STR(p.model, "my-model");
    CHECK_INT(find_own(NULL, "my-model-small", &p), LLM_COST_PREFIX);
    CHECK_STR(p.model, "my-model");
    CHECK_INT(find_own(NULL, "my-model-large-2", &p), LLM_COST_PREFIX);
    CHECK_STR(p.model, "my-model-large");
    CHECK_INT(find_own("api.groq.com", "My-Model", &p), LLM_COST_EXACT);   /* at every host */

    /* its rows go before the built-in ones, and their snapshots too; a longer built-in id is not theirs */
    CHECK_INT(find_own(NULL, "gpt-4o", &p), LLM_COST_EXACT);
    CHECK(p.input == 7 && p.cached_input == -1);
    CHECK_INT(find_own(NULL, "openai/gpt-4o", &p), LLM_COST_EXACT);
    CHECK(p.input == 7);
    CHECK_INT(find_own(NULL, "gpt-4o-2024-05-13", &p), LLM_COST_SNAPSHOT);
    CHECK(p.input == 7);
    CHECK_INT(find_own(NULL, "gpt-4o-mini", &p), LLM_COST_EXACT);
    CHECK(same(p.input, 0.15));
    CHECK_INT(find_own(NULL, "gpt-4o-mini-2024-07-18", &p), LLM_COST_SNAPSHOT);
    CHECK(same(p.input, 0.15));
    CHECK_INT(find_own(NULL, "gpt-4o-mini-x", &p), LLM_COST_PREFIX);
    CHECK(same(p.input, 0.15));
    CHECK_INT(find_own(NULL, "gpt-4o-x", &p), LLM_COST_PREFIX);
    CHECK(p.input == 7);

    /* an id that no built-in table has in this form is found as it stands, and nothing is guessed from it */
    CHECK_INT(find_own(NULL, "qwen3:8b", &p), LLM_COST_EXACT);
    CHECK(p.input == 0 && p.output == 0);
    CHECK_INT(find_own(NULL, "Vendor/model a", &p), LLM_COST_EXACT);
    CHECK_INT(find_own(NULL, "vendor/Model A-x", &p), LLM_COST_UNKNOWN);
    CHECK(is_none(&p));
    CHECK_INT(find_own(NULL, "qwen3:8b-x", &p), LLM_COST_UNKNOWN);
    CHECK_INT(find_own(NULL, "", &p), LLM_COST_UNKNOWN);

    memset(bad, 0, sizeof bad);   /* what is no number of dollars is an unknown rate */
    bad[0].model = "bad";
    bad[0].input = zero / zero;
    bad[0].output = -3;
    bad[0].cached_input = zero / zero;
    CHECK_INT(llmi_price_find(bad, 1, NULL, "bad", &p), LLM_COST_EXACT);
    CHECK(p.input == -1 && p.output == -1 && p.cached_input == -1);
}

static llm_usage tokens(int64_t in, int64_t out) {
    llm_usage u;
    memset(&u, 0, sizeof u);
    u.known = 1;
    u.input_tokens = in;
    u.output_tokens = out;
    return u;
}

/* Short rows: what was not given. And the same before and after llm_price_lookup(). */
static void test_own_cost(void) {
    llm_usage u = tokens(1000, 100);
    llm_price p;
    size_t i;
    CHECK_INT(llmi_price_cost(&own[0], &u), INT64_C(1200000000));
    u.cached_tokens = 400;
    CHECK_INT(llmi_price_cost(&own[0], &u), INT64_C(1000000000));
    CHECK_INT(llmi_price_cost(&own[1], &u), INT64_C(7900000000));   /* cached not given: full input */
    CHECK_INT(llmi_price_cost(&own[2], &u), 0);                     /* a free model */
    CHECK_INT(llmi_price_cost(&own[3], &u), INT64_C(2200000000));   /* 1e-9: cached tokens are free */
    u.cache_write_tokens = 100;
    CHECK_INT(llmi_price_cost(&own[0], &u), INT64_C(1000000000));   /* no fee for writing */
    CHECK_INT(llmi_price_cost(&own[5], &u), (500 * 10 + 400 * 5 + 100 * 12 + 100 * 20) * INT64_C(1000000));
    u.audio_input_tokens = 50;
    CHECK_INT(llmi_price_cost(&own[0], &u), -1);
    CHECK_INT(llmi_price_cost(&own[5], &u),
              (450 * 10 + 400 * 5 + 100 * 12 + 100 * 20 + 50 * 40) * INT64_C(1000000));
    u.audio_input_tokens = 0;
    u.input_tokens++;                                               /* 1001: long */
    CHECK_INT(llmi_price_cost(&own[5], &u), (501 * 20 + 400 * 10 + 100 * 24 + 100 * 30) * INT64_C(1000000));
    memcpy(u.service_tier, "flex", 5);                              /* long and flex: half */
    CHECK_INT(llmi_price_cost(&own[5], &u), (501 * 10 + 400 * 4 + 100 * 12 + 100 * 15) * INT64_C(1000000));
    CHECK_INT(llmi_price_cost(&own[0], &u), -1);                    /* flex not given */
    for (i = 0; i < sizeof own / sizeof own[0]; i++) {
        int k;
        if (own[i].model == NULL) continue;
        for (k = 0; k < 16; k++) {
            static const char *const tier[] = { "", "flex", "priority", "batch" };
            u = tokens(1000 + (k & 1), 100);
            u.cached_tokens = (k & 2) ? 400 : 0;
            strcpy(u.service_tier, tier[k >> 2]);
            CHECK_INT(find_own(NULL, own[i].model, &p), LLM_COST_EXACT);
            CHECK_INT(llmi_price_cost(&p, &u), llmi_price_cost(&own[i], &u));
        }
    }
}

/* ---- the cost ------------------------------------------------------------------------------------------ */

/* The number behind "name": in s, 0 if it is absent. */
static int64_t field(const char *s, const char *name) {
    const char *at = strstr(s, name);
    int64_t v = 0;
    int minus;
    if (at == NULL) return 0;
    at += strlen(name) + 2;
    minus = *at == '-';
    for (at += minus; llmi_is_digit(*at); at++) v = v * 10 + (*at - '0');
    return minus ? -v : v;
}

static llm_usage usage_of(char *json) {
    llm_usage u;
    char *tier = strstr(json, "\"service_tier\":\"");
    char *out = strstr(json, "\"completion_tokens_details\"");
    memset(&u, 0, sizeof u);
    u.known = 1;
    if (out != NULL) {   /* both details have audio_tokens */
        u.audio_output_tokens = field(out, "audio_tokens");
        u.reasoning_tokens = field(out, "reasoning_tokens");
        *out = 0;
    }
    u.input_tokens = field(json, "prompt_tokens");
    u.output_tokens = field(json, "completion_tokens");
    u.total_tokens = field(json, "total_tokens");
    u.cached_tokens = field(json, "cached_tokens");
    u.cache_write_tokens = field(json, "cache_write_tokens");
    u.audio_input_tokens = field(json, "audio_tokens");
    if (tier != NULL) {
        size_t n = 0;
        for (tier += 16; *tier != '"' && n < sizeof u.service_tier; n++) u.service_tier[n] = *tier++;
    }
    return u;
}

static void one_cost(const char *host, const char *model, char *json, const char *usd) {
    llm_price p;
    llm_usage u = usage_of(json);
    int64_t want = fixed(usd, 12);
    CHECK(find(host, model, &p) >= LLM_COST_SNAPSHOT);
    CHECK_INT(llmi_price_cost(&p, &u), want);
    CHECK(same(llm_cost(&p, &u), want < 0 ? -1.0 : (double)want / 1e12));
    u.known = 0;
    CHECK_INT(llmi_price_cost(&p, &u), -1);
    CHECK(llm_cost(&p, &u) == -1.0);
}

static void cost_case(char **cell) {
    t_case = cell[3];
    one_cost("-", cell[0], cell[1], cell[2]);
}

static void cost_more(char **cell) {
    t_case = cell[4];
    one_cost(cell[0], cell[1], cell[2], cell[3]);
}

static void test_bad_rates(void) {
    volatile double zero = 0;
    double nan = zero / zero, inf = 1 / zero;
    llm_price p;
    llm_usage u = tokens(10, 0);
    CHECK_INT(llmi_price_pico(0), 0);
    CHECK_INT(llmi_price_pico(-0.0), 0);
    CHECK_INT(llmi_price_pico(2.5), 2500000);
    CHECK_INT(llmi_price_pico(0.0000004), 0);
    CHECK_INT(llmi_price_pico(0.0000006), 1);
    CHECK_INT(llmi_price_pico(1e9), INT64_C(1000000000000000));
    CHECK_INT(llmi_price_pico(1e9 + 1), -1);
    CHECK_INT(llmi_price_pico(-1e-9), -1);
    CHECK_INT(llmi_price_pico(inf), -1);
    CHECK_INT(llmi_price_pico(-inf), -1);
    CHECK_INT(llmi_price_pico(nan), -1);
    CHECK_INT(llmi_price_given(0), -1);
    CHECK_INT(llmi_price_given(nan), -1);
    CHECK(llmi_price_usd(-1) == -1.0);
    CHECK(llmi_price_usd(0) == 0.0);
    CHECK(same(llmi_price_usd(INT64_C(1250000000000)), 1.25));
    CHECK(same(llmi_price_usd(INT64_C(160000)), 0.00000016));
    { /* the nearest double, as strtod() finds it; the powers of two and their neighbours, then anything */
        uint64_t x = 88172645463325252u;
        int k;
        for (k = 0; k < 20000; k++) {
            char text[40];
            int64_t pico;
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            pico = k < 189 ? (int64_t)((uint64_t)1 << (k / 3)) + k % 3 - 1 : (int64_t)(x >> (1 + k % 63));
            if (pico < 0) continue;
            snprintf(text, sizeof text, "%llde-12", (long long)pico);
            if (!CHECK(same(llmi_price_usd(pico), strtod(text, NULL)))) fprintf(stderr, "    %s\n", text);
        }
        CHECK(same(llmi_price_usd(INT64_MAX), 9223372.036854775807));
    }

    llmi_price_none(&p);
    CHECK_INT(llmi_price_cost(&p, &u), -1);
    p.input = 2;
    CHECK_INT(llmi_price_cost(&p, &u), 20000000);    /* no output, so its rate is not needed */
    u.output_tokens = 1;
    CHECK_INT(llmi_price_cost(&p, &u), -1);
    p.output = nan;
    CHECK_INT(llmi_price_cost(&p, &u), -1);
    p.output = 3;
    p.cached_input = nan;
    u.cached_tokens = 5;
    CHECK_INT(llmi_price_cost(&p, &u), 23000000);    /* NaN is not given: the input rate */
    p.long_context_tokens = 9;
    CHECK_INT(llmi_price_cost(&p, &u), -1);          /* long, and its rates were not given */
    p.long_context_tokens = -9;
    CHECK_INT(llmi_price_cost(&p, &u), 23000000);
    CHECK_INT(llmi_price_cost(NULL, &u), -1);
    CHECK_INT(llmi_price_cost(&p, NULL), -1);
    CHECK(llm_cost(NULL, NULL) == -1.0);
    u.input_tokens = -1;
    CHECK_INT(llmi_price_cost(&p, &u), -1);
    u.input_tokens = 1;
    u.output_tokens = -1;
    CHECK_INT(llmi_price_cost(&p, &u), -1);
}

static void test_scale(void) {
    CHECK_INT(llmi_price_scale(10, 3, 4), 8);              /* 7.5 is rounded up */
    CHECK_INT(llmi_price_scale(9, 3, 4), 7);               /* 6.75 */
    CHECK_INT(llmi_price_scale(9, 1, 4), 2);               /* 2.25 */
    CHECK_INT(llmi_price_scale(0, 5, 0), 5);               /* free, then this tier's rate */
    CHECK_INT(llmi_price_scale(3, 5, 0), -1);
    CHECK_INT(llmi_price_scale(3, 0, 2), 0);
    CHECK_INT(llmi_price_scale(-1, 5, 5), -1);
    CHECK_INT(llmi_price_scale(5, -1, 5), -1);
    CHECK_INT(llmi_price_scale(5, 5, -1), -1);
    CHECK_INT(llmi_price_scale(INT64_MAX, 2, 4), -1);
    CHECK_INT(llmi_price_scale(INT64_MAX, INT64_MAX, 1), -1);
    CHECK_INT(llmi_price_scale(INT64_MAX, INT64_MAX, INT64_MAX), INT64_MAX);
    CHECK_INT(llmi_price_scale(INT64_C(3037000499), INT64_C(3037000499), 2), INT64_C(4611686015463124501));
}

/* No count that a server can send may overflow: each field at each extreme, all together. Run with
   -fsanitize=undefined this proves it; here the answer must be a cost or "unknown". */
static void test_extremes(void) {
    static const int64_t v[] = { INT64_MIN, -1, 0, 1, 272001, INT64_MAX / 600000000, INT64_MAX - 1,
                                 INT64_MAX };
    static const char *const tier[] = { "", "flex", "priority", "batch", "scale" };
    static const char *const model[] = { "gpt-6.1-sol", "gpt-audio", "o1-pro", "text-embedding-3-small" };
    size_t m, t, i, bad = 0;
    uint32_t seed = 1;
    for (m = 0; m < 4; m++) {
        llm_price p;
        find("-", model[m], &p);
        for (t = 0; t < 5; t++) {
            for (i = 0; i < 4096; i++) {
                llm_usage u = tokens(v[i & 7], v[(i >> 3) & 7]);
                int64_t cost;
                u.total_tokens = v[(i >> 6) & 7];
                u.cached_tokens = v[(i >> 9) & 7];
                seed = seed * 1664525u + 1013904223u;
                u.cache_write_tokens = v[seed >> 29];
                u.audio_input_tokens = v[(seed >> 26) & 7];
                u.audio_output_tokens = v[(seed >> 23) & 7];
                strcpy(u.service_tier, tier[t]);
                cost = llmi_price_cost(&p, &u);
                if (cost < -1 || (u.input_tokens < 0 && cost != -1)) bad++;
            }
        }
    }
    CHECK_INT(bad, 0);
}

static void test_tier_names(void) {
    llm_usage u = tokens(1000, 0);
    llm_price p;
    find("-", "gpt-5", &p);
    memcpy(u.service_tier, "priorityprioritypriority", 16);   /* all 16 bytes, no NUL */
    CHECK_INT(llmi_price_cost(&p, &u), -1);
    strcpy(u.service_tier, "priority");
    CHECK_INT(llmi_price_cost(&p, &u), INT64_C(2500000000));
    strcpy(u.service_tier, "Priority");
    CHECK_INT(llmi_price_cost(&p, &u), -1);
    strcpy(u.service_tier, "flex2");
    CHECK_INT(llmi_price_cost(&p, &u), -1);
}

int main(void) {
    each_line("data/pricing/pricing_match_cases.tsv", 3, match_case);
    each_line("data/pricing/match_more.tsv", 5, match_more);
    each_line("data/pricing/rates.tsv", 21, rates);
    test_table();
    test_odd_ids();
    test_own();
    test_own_cost();
    each_line("data/pricing/pricing_cost_cases.tsv", 4, cost_case);
    each_line("data/pricing/cost_more.tsv", 5, cost_more);
    test_bad_rates();
    test_scale();
    test_extremes();
    test_tier_names();
    return t_done();
}

#else /* LLM_NO_PRICING: everything is there, and knows nothing */

static void off_case(char **cell) {
    llm_price p;
    CHECK_INT(find("-", cell[0], &p), LLM_COST_UNKNOWN);
    CHECK(p.model == NULL && p.input == -1 && p.output == -1);
    CHECK(p.long_output == -1 && p.long_context_tokens == 0);
}

int main(void) {
    static const llm_price own = { "my-model", 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    llm_usage u;
    llm_price p;
    memset(&u, 0, sizeof u);
    u.known = 1;
    u.input_tokens = 1;
    each_line("data/pricing/pricing_match_cases.tsv", 3, off_case);
    CHECK_INT(llmi_price_find(&own, 1, NULL, "my-model", &p), LLM_COST_UNKNOWN);
    CHECK_INT(llmi_price_find(&own, 1, NULL, "my-model", NULL), LLM_COST_UNKNOWN);
    CHECK(p.input == -1);
    CHECK_INT(llmi_price_cost(&own, &u), -1);
    CHECK(llm_cost(&own, &u) == -1.0);
    CHECK_STR(llm_prices_date(), "");
    return t_done();
}

#endif
