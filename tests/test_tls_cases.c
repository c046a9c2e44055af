/* test_tls_cases.c - the certificate cases of data/tls/cases.txt, each a handshake with BearSSL's server, in memory. */
/* needs: bearssl */
/* test_tls_cases [FOLDER OF THE CERTIFICATES [CASE]] */
#define _GNU_SOURCE 1
#include <stddef.h>
#include <stdint.h>

static int64_t t_unix;
static uint64_t t_now(void) { return 0; }
static int t_random(void *p, size_t n);
#define LLM_NOW_MS(ctx) ((void)(ctx), t_now())
#define LLM_UNIX_TIME(ctx) ((void)(ctx), t_unix)
#define LLM_SLEEP_MS(ctx, ms) ((void)(ctx), (void)(ms))
#define LLM_RANDOM(ctx, buf, n) ((void)(ctx), t_random((buf), (n)))
#include "t.h"

static int t_random(void *p, size_t n) {
    static uint32_t seed = 1;
    unsigned char *b = (unsigned char *)p;
    while (n-- > 0) {
        seed = seed * 1664525u + 1013904223u;
        *b++ = (unsigned char)(seed >> 24);
    }
    return 1;
}

#define STOP(what) (fprintf(stderr, "%s:%d: cannot go on: %s\n", __FILE__, __LINE__, (what)), exit(1))
enum { MAX_CERTS = 400, MAX_KEYS = 30, MAX_CASES = 400, MAX_CHAIN = 20 };

/* ---- certificates and keys by name, read with BearSSL's own PEM decoder ----------------------------------------- */

typedef struct blob { unsigned char *p; size_t n; } blob;
typedef struct named { char name[40], key[20], pin[60]; blob der; const char *pem; size_t pem_len; } named;
static named certs[MAX_CERTS], keys[MAX_KEYS];
static size_t cert_count, key_count;

static void blob_add(void *to, const void *p, size_t n) {
    blob *b = (blob *)to;
    b->p = (unsigned char *)realloc(b->p, b->n + n);
    if (!b->p) STOP("memory");
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

/* Each object stands behind a line "# NAME [KEY PIN]". The text stays: pem points to it. */
static size_t read_named(const char *path, named *out, size_t max) {
    char *text = t_read_file(path, NULL), *at = text;
    size_t count = 0;
    while ((at = strstr(at, "\n# ")) != NULL) {
        named *d = &out[count++];
        br_pem_decoder_context pem;
        char *end;
        size_t i;
        if (count > max) STOP("too many");
        if (sscanf(at + 3, "%39[^ \n] %19[^ \n] %59[^ \n]", d->name, d->key, d->pin) < 1) STOP(path);
        d->pem = strstr(at, "-----BEGIN");
        end = d->pem ? strstr(d->pem, "-----END") : NULL;
        if (!end || !(end = strchr(end, '\n'))) STOP(path);
        d->pem_len = (size_t)(end + 1 - d->pem);
        br_pem_decoder_init(&pem);
        for (i = 0; i < d->pem_len;) {
            i += br_pem_decoder_push(&pem, d->pem + i, d->pem_len - i);
            if (br_pem_decoder_event(&pem) == BR_PEM_BEGIN_OBJ) br_pem_decoder_setdest(&pem, blob_add, &d->der);
        }
        at = end;
    }
    return count;
}

static const named *find(const named *list, size_t n, const char *name) {
    size_t i;
    for (i = 0; i < n; i++) {
        if (strcmp(list[i].name, name) == 0) return &list[i];
    }
    STOP(name);
    return NULL;
}

/* ---- cases ------------------------------------------------------------------------------------------------------ */

enum { C_ID, C_CHAIN, C_TRUST, C_HOST, C_OPTIONS, C_STATUS, C_WORDS, C_TWIN, C_OPENSSL, C_WHY, C_COLUMNS };
typedef struct test_case { char *col[C_COLUMNS]; } test_case;
static test_case cases[MAX_CASES];
static size_t case_count;

static char *trim(char *p) {
    char *end = p + strlen(p);
    while (*p == ' ') p++;
    while (end > p && end[-1] == ' ') *--end = 0;
    return p;
}

static void read_cases(const char *path) {
    char *line = t_read_file(path, NULL), *next, *bar;
    int k;
    for (; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = 0;
        if (line[0] == '#' || !line[0]) continue;
        if (case_count == MAX_CASES) STOP("too many cases");
        for (k = 0; k < C_COLUMNS; k++) {
            bar = k + 1 < C_COLUMNS ? strchr(line, '|') : NULL;
            if (!bar && k + 1 < C_COLUMNS) STOP(line);
            if (bar) *bar = 0;
            cases[case_count].col[k] = trim(line);
            line = bar + 1;
        }
        case_count++;
    }
}

static const test_case *case_of(const char *id) {
    size_t i;
    for (i = 0; i < case_count; i++) {
        if (strcmp(cases[i].col[C_ID], id) == 0) return &cases[i];
    }
    return NULL;
}

/* The k-th word of a list; 0 when there are fewer. */
static int word(const char *list, int k, char *out, size_t size) {
    for (;; list++) {
        const char *end;
        while (*list == ' ') list++;
        if (!*list) return 0;
        end = list + strcspn(list, " ");
        if (k-- == 0) {
            snprintf(out, size, "%.*s", (int)(end - list), list);
            return 1;
        }
        list = end;
        if (!*list) return 0;
    }
}

/* The value of an option: "" if it has none, NULL if it is not there. */
static const char *option(const test_case *c, const char *name) {
    static char w[60];
    size_t n = strlen(name);
    int k;
    for (k = 0; word(c->col[C_OPTIONS], k, w, sizeof w); k++) {
        if (strncmp(w, name, n) == 0 && (w[n] == 0 || w[n] == '=')) return w[n] ? w + n + 1 : w + n;
    }
    return NULL;
}

/* Options that say what a case is; "local" only says which server can send it. */
static void facts(const char *options, char *out, size_t cap) {
    char w[60];
    int i;
    size_t n = 0;
    out[0] = 0;
    for (i = 0; word(options, i, w, sizeof w); i++) {
        if (strcmp(w, "local") != 0) n += (size_t)snprintf(out + n, cap - n, "%s ", w);
    }
}

/* A case and its twin differ in one column; of the two that a root of another kind changes, in both. */
static int one_fact(char *const *a, char *const *b) {
    char x[200], y[200], w[60];
    int chain = strcmp(a[C_CHAIN], b[C_CHAIN]) != 0, trust = strcmp(a[C_TRUST], b[C_TRUST]) != 0, others;
    facts(a[C_OPTIONS], x, sizeof x);
    facts(b[C_OPTIONS], y, sizeof y);
    others = (strcmp(a[C_HOST], b[C_HOST]) != 0) + (strcmp(x, y) != 0);
    if (chain && trust) return others == 0 && !word(a[C_CHAIN], 1, w, sizeof w);
    return chain + trust + others == 1;
}

/* The table itself: what each column may hold, and every refused case has its accepted twin. */
static void check_table(void) {
    size_t i, accepted = 0;
    for (i = 0; i < case_count; i++) {
        char *const *c = cases[i].col;
        int ok = strcmp(c[C_STATUS], "LLM_OK") == 0;
        const test_case *twin = case_of(c[C_TWIN]);
        t_case = c[C_ID];
        accepted += (size_t)ok;
        CHECK(case_of(c[C_ID]) == &cases[i]);
        CHECK(ok || strcmp(c[C_STATUS], "LLM_ERR_TLS") == 0);
        CHECK(ok == !c[C_WORDS][0] && ok == !c[C_TWIN][0] && c[C_WHY][0]);
        CHECK(ok || (twin && strcmp(twin->col[C_STATUS], "LLM_OK") == 0 && one_fact(c, twin->col)));
        CHECK(strcmp(c[C_OPENSSL], "=") == 0 || strcmp(c[C_OPENSSL], "-") == 0 ||
              strcmp(c[C_OPENSSL], ok ? "refuses" : "accepts") == 0);
    }
    t_case = "";
    CHECK(accepted >= 30 && case_count - accepted >= 30);
    printf("%zu cases: %zu accepted, %zu refused\n", case_count, accepted, case_count - accepted);
}

/* ---- one handshake ---------------------------------------------------------------------------------------------- */

static struct {
    br_ssl_server_context sc;
    br_skey_decoder_context key;
    br_x509_certificate chain[MAX_CHAIN];
    unsigned char buf[BR_SSL_BUFSIZE_BIDI];
} srv;

static void server_start(const test_case *c) {
    char w[60];
    size_t n;
    const named *d, *key = NULL;
    for (n = 0; word(c->col[C_CHAIN], (int)n, w, sizeof w); n++) {
        if (n == MAX_CHAIN) STOP("long chain");
        d = find(certs, cert_count, w);
        if (n == 0) key = find(keys, key_count, d->key);
        srv.chain[n].data = d->der.p;
        srv.chain[n].data_len = d->der.n;
    }
    if (!key) STOP("no chain");
    br_skey_decoder_init(&srv.key);
    br_skey_decoder_push(&srv.key, key->der.p, key->der.n);
    switch (strcmp(key->name, "rsa4224") == 0 ? 0 : br_skey_decoder_key_type(&srv.key)) {
    case BR_KEYTYPE_RSA: br_ssl_server_init_full_rsa(&srv.sc, srv.chain, n, br_skey_decoder_get_rsa(&srv.key)); break;
    case BR_KEYTYPE_EC:
        br_ssl_server_init_full_ec(&srv.sc, srv.chain, n, BR_KEYTYPE_EC, br_skey_decoder_get_ec(&srv.key));
        break;
    default:   /* a key that BearSSL cannot use: any other does, the client does not come so far */
        key = find(keys, key_count, "leaf");
        br_skey_decoder_init(&srv.key);
        br_skey_decoder_push(&srv.key, key->der.p, key->der.n);
        br_ssl_server_init_full_ec(&srv.sc, srv.chain, n, BR_KEYTYPE_EC, br_skey_decoder_get_ec(&srv.key));
        break;
    }
    br_ssl_engine_set_buffer(&srv.sc.eng, srv.buf, sizeof srv.buf, 1);
    br_ssl_engine_inject_entropy(&srv.sc.eng, "this is a test, not a secret", 28);
    br_ssl_server_reset(&srv.sc);
}

/* What the filter gave the engine to check, seen by a class put before it. */
static struct { const br_x509_class *real; int starts; char name[256]; } spy;

/* The whole host, but for the dot that says that it is complete. */
static int spy_same(const char *name, const char *host) {
    size_t n = strlen(host);
    n -= n > 0 && host[n - 1] == '.';
    return n > 0 && strlen(name) == n && strncasecmp(name, host, n) == 0;
}

static void spy_start_chain(const br_x509_class **ctx, const char *name) {
    spy.starts++;
    snprintf(spy.name, sizeof spy.name, "%s", name ? name : "");
    *ctx = spy.real;
    spy.real->start_chain(ctx, name);
}

static void shuttle(llmi_tls *t) {
    int moved;
    do {
        size_t n, m;
        const char *out = llmi_tls_raw_out(t, &n);
        unsigned char *p;
        moved = 0;
        if (out && n > 0) {
            p = br_ssl_engine_recvrec_buf(&srv.sc.eng, &m);
            if (p && m > 0) {
                n = n < m ? n : m;
                memcpy(p, out, n);
                br_ssl_engine_recvrec_ack(&srv.sc.eng, n);
            }
            llmi_tls_raw_sent(t, n);
            moved = 1;
        }
        p = br_ssl_engine_sendrec_buf(&srv.sc.eng, &m);
        if (p && m > 0) {
            m = llmi_tls_put_raw(t, (const char *)p, m);
            if (m > 0) br_ssl_engine_sendrec_ack(&srv.sc.eng, m);
            moved |= m > 0;
        }
    } while (moved && llmi_tls_get_state(t) != LLMI_TLS_FAILED);
}

static long handshakes, names_by_engine, names_by_filter;

/* A signature costs most; the same question has the same answer. */
static br_ecdsa_vrfy real_ecdsa;
static uint32_t remembered_ecdsa(const br_ec_impl *impl, const void *hash, size_t n, const br_ec_public_key *key,
                                 const void *sig, size_t sig_len) {
    static struct { unsigned char ask[300]; size_t len; uint32_t answer; } memo[16];
    static size_t count;
    unsigned char ask[300];
    size_t i, len = n + key->qlen + sig_len;
    if (len > sizeof ask) return real_ecdsa(impl, hash, n, key, sig, sig_len);
    memcpy(ask, hash, n);
    memcpy(ask + n, key->q, key->qlen);
    memcpy(ask + n + key->qlen, sig, sig_len);
    for (i = 0; i < 16; i++) {
        if (memo[i].len == len && memcmp(memo[i].ask, ask, len) == 0) return memo[i].answer;
    }
    i = count++ % 16;
    memcpy(memo[i].ask, ask, len);
    memo[i].len = len;
    return memo[i].answer = real_ecdsa(impl, hash, n, key, sig, sig_len);
}

/* The chain through the filter alone, each certificate cut in two at `cut`: the engine's verdict, 0 = accepted. */
static unsigned present(llmi_tls *t, const test_case *c, size_t cut) {
    const br_x509_class **v = &t->x509->vtable;
    unsigned err;
    char w[60];
    int k;
    (*v)->start_chain(v, t->x509->name);
    for (k = 0; word(c->col[C_CHAIN], k, w, sizeof w); k++) {
        const blob *der = &find(certs, cert_count, w)->der;
        size_t at = cut < der->n ? cut : 1;
        char *a = t_guarded((const char *)der->p, at), *b = t_guarded((const char *)der->p + at, der->n - at);
        (*v)->start_cert(v, (uint32_t)der->n);
        (*v)->append(v, (unsigned char *)a, at);
        (*v)->append(v, (unsigned char *)b, der->n - at);
        (*v)->end_cert(v);
        t_unguard(a, at);
        t_unguard(b, der->n - at);
    }
    err = (*v)->end_chain(v);
    CHECK((err == 0) == ((*v)->get_pkey(v, NULL) != NULL));
    return err;
}

/* A handshake as the case says, for this host; the status, with e filled. With all_cuts the chain goes through the filter,
   cut everywhere, and no server takes part. */
static int all_cuts;
static llm_status handshake(const test_case *c, const char *host, llm_error *e) {
    static br_x509_class table;
    static char text[65536];
    static llm_anchor anchors[10];
    char pins[4][60], w[60];
    const char *pin_list[4], *clock = option(c, "clock");
    llm_config config;
    llmi_tls_shared shared;
    llmi_mem mem;
    llmi_tls *t;
    llm_status status;
    size_t n, len = 0, pin_count = 0;
    char path[] = "/tmp/llm_cases.XXXXXX";
    int fd, k;
    t_unix = clock ? (int64_t)strtoll(clock, NULL, 10) : 1800000000;
    memset(&config, 0, sizeof config);
    for (n = 0; word(c->col[C_TRUST], (int)n, w, sizeof w); n++) {
        const named *d = find(certs, cert_count, w);
        if (len + d->pem_len >= sizeof text || n == 10) STOP("trust");
        memcpy(text + len, d->pem, d->pem_len);
        len += d->pem_len;
        anchors[n].cert_der = d->der.p;
        anchors[n].cert_der_len = d->der.n;
    }
    text[len] = 0;
    if (option(c, "der")) {
        config.anchors = anchors;
        config.anchor_count = n;
    } else if (option(c, "pem")) {
        config.ca_pem = text;
    } else {
        fd = mkstemp(path);
        if (fd < 0 || write(fd, text, len) != (ssize_t)len) STOP("file");
        close(fd);
        config.ca_file = path;
    }
    for (k = 0; word(c->col[C_OPTIONS], k, w, sizeof w); k++) {
        if (strncmp(w, "pin=", 4) != 0) continue;
        snprintf(pins[pin_count], 60, "%s", strcmp(w + 4, "none") == 0 ? "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
                 : find(certs, cert_count, w + 4)->pin);
        pin_list[pin_count] = pins[pin_count];
        pin_count++;
    }
    config.pins = pin_list;
    config.pin_count = pin_count;
    config.no_clock = option(c, "no_clock") != NULL;
    llmi_mem_init(&mem, NULL, NULL, 0);
    llmi_tls_shared_init(&shared, &mem, &config);
    llmi_error_init(e);
    server_start(c);
    status = llmi_tls_new(&t, &shared, host, e);
    if (status == LLM_OK && all_cuts) {
        int want = strcmp(c->col[C_STATUS], "LLM_OK") == 0;
        size_t cut;
        real_ecdsa = t->x509->engine.iecdsa;
        t->x509->engine.iecdsa = remembered_ecdsa;
        word(c->col[C_CHAIN], 0, w, sizeof w);
        for (cut = 1; cut < find(certs, cert_count, w)->der.n; cut++) {
            if (!CHECK((present(t, c, cut) == 0) == want)) break;
        }
        llmi_tls_free(t);
    } else if (status == LLM_OK) {
        spy.real = t->x509->engine.vtable;
        spy.starts = 0;
        table = *spy.real;
        table.start_chain = spy_start_chain;
        t->x509->engine.vtable = &table;
        shuttle(t);
        if (llmi_tls_get_state(t) != LLMI_TLS_OPEN) {
            status = llmi_tls_fail(t, e, host);
        } else {
            /* exactly one of the two has looked at a name or an address: the engine, when the filter gave it this
               host's name (without one it checks none); the filter, when an address was wanted and found */
            int by_engine = spy.starts == 1 && spy_same(spy.name, host) && t->x509->engine.server_name == t->x509->name;
            int by_filter = t->x509->ip_len > 0;
            handshakes++;
            names_by_engine += by_engine;
            names_by_filter += by_filter;
            CHECK_INT(by_engine + by_filter, 1);
        }
        llmi_tls_free(t);
    }
    llmi_tls_shared_free(&shared);
    if (config.ca_file) unlink(path);
    return status;
}

static void check_words(const llm_error *e, const char *words) {
    char part[200];
    while (*words) {
        size_t n = strcspn(words, ";");
        snprintf(part, sizeof part, "%.*s", (int)n, words);
        if (!CHECK(strstr(e->message, trim(part)) != NULL)) {
            fprintf(stderr, "    %s\n    lacks: %s\n", e->message, trim(part));
        }
        words += n + (words[n] == ';');
    }
}

static void run_case(const test_case *c) {
    llm_error e;
    llm_status status;
    long live = t_live;
    t_case = c->col[C_ID];
    status = handshake(c, c->col[C_HOST], &e);
    printf("%-20s %-12s %s\n", c->col[C_ID], llm_status_name(status), status == LLM_OK ? "" : e.message);
    if (!CHECK_STR(llm_status_name(status), c->col[C_STATUS])) fprintf(stderr, "    %s\n", e.message);
    if (status != LLM_OK) {
        check_words(&e, c->col[C_WORDS]);
    } else {
        /* the name was not only given to somebody but looked at: the same for a host that is nobody's */
        int is_ip = strspn(c->col[C_HOST], "0123456789.") == strlen(c->col[C_HOST]) || strchr(c->col[C_HOST], ':');
        status = handshake(c, is_ip ? "203.0.113.99" : "nobody.invalid", &e);
        CHECK_STR(llm_status_name(status), "LLM_ERR_TLS");
        if (!CHECK(strstr(e.message, "is not for ") != NULL || strstr(e.message, "do not allow ") != NULL)) {
            fprintf(stderr, "    %s\n", e.message);
        }
    }
    CHECK_INT(t_live, live);
    t_case = "";
}

/* What is seen of a certificate must not depend on how it comes: cases for each thing that the filter does at a byte. */
static void test_cuts(void) {
    static const char *const ids[] = {
        "name-wild-last", "name-wild-tld", "nc-above", "nc-ip", "nc-other", "nc-not", "trust-self-known", "trust-self-forged",
        "eku-critical", "no-clock", "date-expired", "name-cn-only", "ext-twice-san", "ca-path-exceeded", "sig-inner", "pin-inter"
    };
    size_t i;
    llm_error e;
    all_cuts = 1;
    for (i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        const test_case *c = case_of(ids[i]);
        t_case = ids[i];
        if (!c) STOP(ids[i]);
        (void)handshake(c, c->col[C_HOST], &e);
    }
    all_cuts = 0;
    t_case = "";
}

int main(int argc, char **argv) {
    const char *dir = argc > 1 ? argv[1] : "data/tls";
    char path[300];
    size_t i;
    snprintf(path, sizeof path, "%s/cases_certs.pem", dir);
    cert_count = read_named(path, certs, MAX_CERTS);
    snprintf(path, sizeof path, "%s/cases_keys.pem", dir);
    key_count = read_named(path, keys, MAX_KEYS);
    read_cases("data/tls/cases.txt");
    check_table();
    if (argc > 2) {
        const test_case *c = case_of(argv[2]);
        if (!c) STOP(argv[2]);
        run_case(c);
        return t_done();
    }
    for (i = 0; i < case_count; i++) run_case(&cases[i]);
    test_cuts();
    CHECK(spy_same("a.test", "A.test.") && !spy_same("a.tes", "a.test") && !spy_same("", "a.test"));
    CHECK(!spy_same("a.test.test", "a.test") && !spy_same("", "."));
    printf("%ld handshakes: %ld names checked by the engine, %ld by the filter\n", handshakes, names_by_engine,
           names_by_filter);
    CHECK(handshakes > 80 && names_by_engine > 60 && names_by_filter >= 8);
    CHECK_INT(names_by_engine + names_by_filter, handshakes);
    return t_done();
}
