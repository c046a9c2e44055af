/* test_faults.c - every allocation and every hook call of whole scenarios fails, in every way that it can: blocking and
   not, through proxies, with memory of the caller's own. See faults.h for what is done and checked. The table says how
   many points were counted and how many runs were made: all of them. Over HTTP; test_faults_tls.c is the same over
   HTTPS, test_faults_tunnel.c through a proxy's tunnel. A word on the command line is the one scenario to run, or
   "proofs". */
#include "faults.h"
#ifndef F_TUNNEL
    #define F_TUNNEL 0
#endif

#if LLMI_HAS_TLS
/* ---- the server's TLS, by BearSSL --------------------------------------------------------------------------- */

typedef struct blob {
    unsigned char data[4096];
    size_t len;
} blob;

static struct {
    blob objects[5];
    br_skey_decoder_context key;
    br_x509_certificate chain[4];
    size_t chain_len;
    br_ssl_session_cache_lru cache;
    unsigned char store[4000];
    char *roots;
    size_t roots_len;
} pki;

static void blob_add(void *to, const void *p, size_t n) {
    blob *b = (blob *)to;
    if (b->len + n > sizeof b->data) f_stop("a certificate is too large");
    memcpy(b->data + b->len, p, n);
    b->len += n;
}

static void pki_load(void) {
    size_t len, at = 0, count = 0, i;
    char *text = t_read_file("data/pki/rsa.pem", &len);
    br_pem_decoder_context pem;
    br_pem_decoder_init(&pem);
    while (at < len) {
        at += br_pem_decoder_push(&pem, text + at, len - at);
        switch (br_pem_decoder_event(&pem)) {
        case BR_PEM_BEGIN_OBJ: br_pem_decoder_setdest(&pem, blob_add, &pki.objects[count]); break;
        case BR_PEM_END_OBJ: count++; break;
        case BR_PEM_ERROR: f_stop("rsa.pem");
        default: break;
        }
    }
    free(text);
    br_skey_decoder_init(&pki.key);
    br_skey_decoder_push(&pki.key, pki.objects[0].data, pki.objects[0].len);
    if (count < 2 || br_skey_decoder_key_type(&pki.key) != BR_KEYTYPE_RSA) f_stop("rsa.pem");
    for (i = 1; i < count; i++) {
        pki.chain[i - 1].data = pki.objects[i].data;
        pki.chain[i - 1].data_len = pki.objects[i].len;
    }
    pki.chain_len = count - 1;
    pki.roots = t_read_file("data/pki/roots.pem", &pki.roots_len);
}

/* In the place of BearSSL's: no other source of randomness than LLM_RANDOM, so that all runs are alike. Weak: where
   BearSSL is linked as objects its own stands beside it. */
__attribute__((weak)) br_prng_seeder br_prng_seeder_system(const char **name) {
    if (name) *name = "none";
    return 0;
}

/* The policy counts full handshakes (a resumed one signs nothing) and signs nothing twice: in thousands of runs with
   the same random numbers the same is asked for again and again. */
static const br_ssl_server_policy_class *real_policy;
static int count_choose(const br_ssl_server_policy_class **ctx, const br_ssl_server_context *cc,
                        br_ssl_server_choices *choices) {
    w.handshakes++;
    return real_policy->choose(ctx, cc, choices);
}
static uint32_t pass_keyx(const br_ssl_server_policy_class **ctx, unsigned char *data, size_t *len) {
    return real_policy->do_keyx(ctx, data, len);
}
static size_t sign_once(const br_ssl_server_policy_class **ctx, unsigned algo_id, unsigned char *data, size_t hv_len,
                        size_t len) {
    static struct {
        unsigned algo;
        unsigned char hash[64], sig[256];
        size_t hash_len, sig_len;
    } known[256], *k;
    unsigned slot = 0;
    size_t i;
    for (i = 0; i < hv_len; i++) slot = slot * 31 + data[i];
    k = &known[slot % 256];
    if (k->sig_len > 0 && k->algo == algo_id && k->hash_len == hv_len && memcmp(k->hash, data, hv_len) == 0) {
        memcpy(data, k->sig, k->sig_len);
        return k->sig_len;
    }
    k->algo = algo_id;
    k->hash_len = hv_len;
    memcpy(k->hash, data, hv_len);
    k->sig_len = real_policy->do_sign(ctx, algo_id, data, hv_len, len);
    if (k->sig_len > sizeof k->sig) f_stop("a signature is too large");
    memcpy(k->sig, data, k->sig_len);
    return k->sig_len;
}

/* A server is made once and copied: which instructions the processor has is a slow question. */
static void f_tls_begin(f_peer *p) {
    static const uint16_t suite[] = {BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256};
    static br_ssl_server_policy_class counting;
    static br_ssl_server_context model;
    br_ssl_server_context *sc;
    if (!real_policy) {
        br_ssl_server_init_full_rsa(&model, pki.chain, pki.chain_len, br_skey_decoder_get_rsa(&pki.key));
        br_ssl_engine_set_ec(&model.eng, &br_ec_c25519_m31);
        br_ssl_engine_set_suites(&model.eng, suite, 1);
        real_policy = model.chain_handler.vtable;
        counting = *real_policy;
        counting.choose = count_choose;
        counting.do_keyx = pass_keyx;
        counting.do_sign = sign_once;
        model.chain_handler.vtable = &counting;
        br_ssl_server_set_cache(&model, &pki.cache.vtable);
    }
    p->tls = (f_tls *)malloc(sizeof *p->tls);
    if (!p->tls) exit(1);
    sc = &p->tls->sc;
    *sc = model;
    br_ssl_server_set_policy(sc, &sc->chain_handler.vtable);
    br_ssl_engine_set_buffer(&sc->eng, p->tls->buf, sizeof p->tls->buf, 1);
    br_ssl_engine_inject_entropy(&sc->eng, &w.peers, sizeof w.peers); /* no two sessions have the same id */
    br_ssl_server_reset(sc);
}
#endif

/* ---- what can go wrong -------------------------------------------------------------------------------------- */

#define THREE(kind, what, name)                                                                                        \
    {kind, what, ONCE, name}, {kind, what, CONN, name}, {                                                              \
        kind, what, ALWAYS, name                                                                                       \
    }
#define PAIR(kind, what, name)                                                                                         \
    {kind, what, ONCE, name}, {                                                                                        \
        kind, what, ALWAYS, name                                                                                       \
    }

static const f_fault faults[] = {
    PAIR(K_ALLOC, W_NULL, "NULL"),
    {K_INIT, W_NOTHING, ONCE, "0"},
    THREE(K_OPEN, LLM_NET_NO_HOST, "NO_HOST"),
    THREE(K_OPEN, LLM_NET_REFUSED, "REFUSED"),
    THREE(K_OPEN, LLM_NET_FAILED, "FAILED"),
    THREE(K_OPEN, W_NOTHING, "in progress"),
    PAIR(K_OPEN, -99, "-99"),
    PAIR(K_OPEN, W_TWO, "2"),
    THREE(K_SEND, LLM_NET_CLOSED, "CLOSED"),
    THREE(K_SEND, LLM_NET_FAILED, "FAILED"),
    THREE(K_SEND, W_NOTHING, "would block"),
    {K_SEND, W_TOOK, ONCE, "FAILED after it took all"},
    PAIR(K_SEND, W_TOO_MANY, "n + 1"),
    PAIR(K_SEND, W_HUGE, "LONG_MAX"),
    PAIR(K_SEND, W_LEAST, "LONG_MIN"),
    THREE(K_RECV, LLM_NET_CLOSED, "CLOSED"),
    THREE(K_RECV, LLM_NET_FAILED, "FAILED"),
    THREE(K_RECV, W_NOTHING, "would block"),
    PAIR(K_RECV, -99, "-99"),
    PAIR(K_RECV, W_TOO_MANY, "n + 1"),
    PAIR(K_RECV, W_HUGE, "LONG_MAX"),
    PAIR(K_RECV, W_LEAST, "LONG_MIN"),
    PAIR(K_NOW, W_BACK, "10 s back"),
    PAIR(K_NOW, W_AHEAD, "1 h ahead"),
    PAIR(K_UNIX, W_NOTHING, "0"),
    PAIR(K_UNIX, W_LEAST, "-1"),
    PAIR(K_UNIX, W_1970, "1970"),
    PAIR(K_UNIX, W_2121, "2121"),
    PAIR(K_SLEEP, W_EARLY, "returns early"),
    PAIR(K_SLEEP, W_LATE, "returns late"),
    PAIR(K_RANDOM, W_NOTHING, "0"),
    PAIR(K_FILE, -1, "-1"),
    PAIR(K_FILE, W_NOTHING, "0"),
    PAIR(K_FILE, W_TOO_MANY, "n + 1"),
    PAIR(K_FILE, W_HUGE, "LONG_MAX"),
    PAIR(K_FILE, W_LEAST, "LONG_MIN"),
    PAIR(K_ENV, W_NULL, "NULL"),
    PAIR(K_ENV, W_EMPTY, "empty"),
    PAIR(K_ENV, W_BLANK, "blank"),
    PAIR(K_FD, -1, "-1"),
    PAIR(K_WAIT, -1, "-1"),
    PAIR(K_WAIT, W_NOTHING, "0"),
    PAIR(K_WAIT, W_LIES, "ready when it is not"),
    PAIR(K_EVENT, W_TWO, "cancels"),
    PAIR(K_TOOL, W_STATUS + 1, "LLM_ERR"),
    PAIR(K_TOOL, W_STATUS + 10, "LLM_ERR_API"),
    PAIR(K_TOOL, W_STATUS + 40, "LLM_ERR_TIMEOUT"),
    PAIR(K_TOOL, W_STATUS + 41, "LLM_ERR_CANCELLED"),
    PAIR(K_TOOL, W_STATUS + 42, "LLM_ERR_MEMORY"),
    PAIR(K_TOOL, W_STATUS + 43, "LLM_ERR_USAGE"),
    PAIR(K_TOOL, W_STATUS + 44, "LLM_ERR_LIMIT"),
    PAIR(K_TOOL, W_STATUS + 45, "LLM_ERR_MAX_ITERATIONS"),
    PAIR(K_TOOL, W_STATUS - 1, "LLM_PENDING"),
    PAIR(K_TOOL, W_STATUS - 2, "LLM_DONE"),
    PAIR(K_TOOL, W_STATUS + 400, "no status at all"),
    {K_CANCEL, W_TWO, ONCE, "cancel is set"},
};

static const char *f_kind_name(int kind) {
    static const char *const names[] = {"",       "alloc", "init", "open", "send", "recv",  "now",  "unix",  "sleep",
                                        "random", "file",  "env",  "fd",   "wait", "event", "tool", "cancel"};
    return names[kind];
}

/* ---- scenarios ---------------------------------------------------------------------------------------------- */

#define USAGE "\"usage\":{\"prompt_tokens\":31,\"completion_tokens\":12,\"total_tokens\":43}"
#define WHOLE(message, why)                                                                                            \
    "{\"id\":\"r1\",\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\"," message  \
    "},\"finish_reason\":\"" why "\"}]," USAGE "}"
#define DELTA(delta) "{\"id\":\"r1\",\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{" delta "}}]}"
#define STOP(why)    "{\"id\":\"r1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" why "\"}]}"
#define LAST         "{\"id\":\"r1\",\"model\":\"gpt-4o-mini\",\"choices\":[]," USAGE "}"
#define WORD         "A word before. "
#define TEXT(s)      DELTA("\"content\":\"" s "\"")

static const char *const text_events[] = {TEXT(F_SAID),
                                          DELTA("\"reasoning_content\":\"Hm. \",\"content\":\"in more \""),
                                          TEXT("than one piece: \\u00e9\\ud83d\\ude00 "),
                                          TEXT("and some more of it, so that the text must grow, and grow again."),
                                          STOP("stop"),
                                          LAST,
                                          NULL};
#define TEXT_WHOLE                                                                                                     \
    WHOLE("\"content\":\"" F_SAID "in one piece, of more than a hundred bytes, so that the text that is "              \
          "kept of it must grow at least twice.\"",                                                                    \
          "stop")

static void serve_text(f_peer *p, const char *head, const char *body) {
    (void)head;
    if (strstr(body, "\"stream\":true"))
        f_stream(p, text_events, 4);
    else
        f_answer(p, 200, "x-request-id: q1\r\n", TEXT_WHOLE);
}

static llm_request ask(f_run *r) {
    llm_request q = llm_request_init();
    q.prompt = F_PROMPT;
    q.conversation = r->v;
    return q;
}

static llm_status setup_talk(f_run *r) {
    llm_status s = llm_conversation_new(r->client, &r->v);
    return s == LLM_OK ? llm_conversation_add(r->v, LLM_SYSTEM, "Be brief.") : s;
}
static const size_t talk_one[] = {1, 0};

static llm_status run_chat(f_run *r) {
    llm_request q = ask(r);
    return f_call(r, CHAT, &q);
}

static llm_status run_stream(f_run *r) {
    llm_request q = ask(r);
    return f_call(r, STREAM, &q);
}

/* Three rounds: two tools, one tool, the answer. What has been answered says which it is: so a request that comes
   twice gets the same answer twice. */
static const char *const round1_events[] = {
    DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"clock\",\"arguments\":\"\"}}]"),
    DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"zone\\\":\"}}]"),
    DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\\\"UTC\\\"}\"}}]"),
    DELTA(
        "\"tool_calls\":[{\"index\":1,\"id\":\"c2\",\"function\":{\"name\":\"add\",\"arguments\":\"{\\\"a\\\":1}\"}}]"),
    STOP("tool_calls"),
    LAST,
    NULL};
static const char *const round2_events[] = {
    TEXT(WORD),
    DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"c3\",\"function\":{\"name\":\"add\",\"arguments\":\"{}\"}}]"),
    STOP("tool_calls"), LAST, NULL};
#define CALL(id, name, args)                                                                                           \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"arguments\":\"" args "\"}}"

static void serve_tools(f_peer *p, const char *head, const char *body) {
    int results = 0;
    const char *at;
    (void)head;
    for (at = body; (at = strstr(at, "\"role\":\"tool\"")) != NULL; at++) results++;
    if (strstr(body, "\"stream\":true")) {
        f_stream(p, results == 0 ? round1_events : results == 2 ? round2_events : text_events, results == 2 ? 2 : 4);
    } else if (results == 0) {
        f_answer(p, 200, "",
                 WHOLE("\"content\":null,\"tool_calls\":[" CALL("c1", "clock", "{\\\"zone\\\":\\\"UTC\\\"}") "," CALL(
                           "c2", "add", "{\\\"a\\\":1}") "]",
                       "tool_calls"));
    } else if (results == 2) {
        f_answer(p, 200, "",
                 WHOLE("\"content\":\"" WORD "\",\"tool_calls\":[" CALL("c3", "add", "{}") "]", "tool_calls"));
    } else {
        f_answer(p, 200, "", TEXT_WHOLE);
    }
}

static llm_status handler(void *user, const llm_tool_call *call, llm_text *result) {
    (void)user;
    w.handlers++;
    if (f_hit(K_TOOL, 0)) {
        (void)llm_text_add(result, "half of it");
        return (llm_status)(W_STATUS - fi.fault.what);
    }
    (void)llm_text_addf(result, "%s says %q, in a text that is longer than the first block of a text", call->name,
                        call->arguments);
    return LLM_OK;
}

static const llm_tool tool_list[] = {
    {"clock", "Tells the time", "{\"type\":\"object\"}", 0, handler, NULL},
    {"add", "Adds", NULL, 0, handler, NULL},
};

static llm_request ask_tools(f_run *r) {
    llm_request q = ask(r);
    q.tools = tool_list;
    q.tool_count = 2;
    return q;
}

static llm_status run_tools(f_run *r) {
    llm_request q = ask_tools(r);
    return f_call(r, TOOLS, &q);
}
static llm_status run_tools_stream(f_run *r) {
    llm_request q = ask_tools(r);
    return f_call(r, TOOLS_STREAM, &q);
}
static const size_t talk_rounds[] = {1, 5, 7, 8, 0}; /* ours; prompt, turn, two results; turn, result; answer */

/* 429 that asks for two seconds, 500, then the answer. */
static void serve_retry(f_peer *p, const char *head, const char *body) {
    if (w.served == 1)
        f_answer(p, 429, "Retry-After: 2\r\n", "{\"error\":{\"message\":\"slow down\",\"code\":null}}");
    else if (w.served == 2)
        f_answer(p, 500, "", "<html>An accident</html>");
    else
        serve_text(p, head, body);
}

/* Two calls; the server has closed the connection of the first before the second. */
static llm_status run_stale(f_run *r) {
    llm_request q = ask(r);
    llm_status s = f_call(r, STREAM, &q);
    if (s != LLM_OK) return s;
    f_server_closes(0);
    return f_call(r, STREAM, &q);
}

/* The same, but it closes when the second request is under way. */
static void serve_gone(f_peer *p, const char *head, const char *body) {
    if (w.served == 2)
        f_hang_up(p);
    else
        serve_text(p, head, body);
}
static llm_status run_twice(f_run *r) {
    llm_request q = ask(r);
    llm_status s = f_call(r, STREAM, &q);
    return s == LLM_OK ? f_call(r, STREAM, &q) : s;
}

/* Three streams at once, in one thread: what befalls one leaves the others alone. */
enum { AT_ONCE = 3 };
static llm_status run_three(f_run *r) {
    static f_run sub[AT_ONCE];
    llm_call *call[AT_ONCE], *open[AT_ONCE];
    llm_response o;
    llm_status status = LLM_OK, s;
    size_t i, n, left = 0;
    int failed = 0;
    for (i = 0; i < AT_ONCE; i++) {
        llm_request q = ask(r);
        q.cancel = w.with_cancel ? &w.cancel : NULL;
        f_run_reset(&sub[i], r->s, r->driver);
        sub[i].client = r->client;
        sub[i].status = llm_start(r->client, &q, &call[i]);
        if (sub[i].status == LLM_OK)
            left++;
        else
            f_no_call(r, sub[i].status, call[i], &o);
        if (sub[i].status != LLM_OK) f_result(&sub[i], STREAM, sub[i].status, &o);
    }
    while (left > 0) {
        for (i = n = 0; i < AT_ONCE; i++) {
            llm_event ev;
            if (!call[i]) continue;
            while ((s = f_next(call[i], &ev)) == LLM_OK && !f_on_event(&sub[i], &ev)) continue;
            if (s == LLM_PENDING) {
                open[n++] = call[i];
                continue;
            }
            sub[i].status = llm_finish(call[i], &o);
            f_result(&sub[i], STREAM, sub[i].status, &o);
            call[i] = NULL;
            left--;
        }
        if (n > 0 && (s = llm_wait(open, n, -1)) != LLM_OK) {
            r->wait_memory |= s == LLM_ERR_MEMORY;
            f_clock(w.now + 1);
        }
    }
    for (i = 0; i < AT_ONCE; i++) {
        t_add(&r->digest, sub[i].digest.p, sub[i].digest.n);
        t_add(&r->usage, sub[i].usage.p, sub[i].usage.n);
        t_add(&r->content[i], sub[i].content[0].p, sub[i].content[0].n);
        if (sub[i].status == LLM_OK) continue;
        failed++;
        status = sub[i].status;
        r->error = sub[i].error;
    }
    r->calls = AT_ONCE;
    if (fi.armed && fi.fault.lasts != ALWAYS && fi.fault.kind != K_CANCEL && failed > 1) {
        f_check(0, "one fault, and more than one call has failed");
    }
    return status;
}

static void serve_refusal(f_peer *p, const char *head, const char *body) {
    (void)head;
    (void)body;
    f_answer(p, 401, "x-request-id: q1\r\n",
             "{\"error\":{\"message\":\"Incorrect API key provided: " F_KEY ".\",\"type\":\"invalid_request_error\","
             "\"param\":null,\"code\":\"invalid_api_key\"}}");
}

/* Requests and answers of many buffers. */
static char long_prompt[9000], *long_answer;
static void serve_long(f_peer *p, const char *head, const char *body) {
    (void)head;
    (void)body;
    f_answer(p, 200, "", long_answer);
}
static llm_status run_long(f_run *r) {
    llm_request q = ask(r);
    q.system = long_prompt;
    return f_call(r, CHAT, &q);
}
static void make_long(void) {
    t_text t = {NULL, 0, 0};
    int i;
    for (i = 0; i < (int)sizeof long_prompt - 1; i++) long_prompt[i] = (char)(i % 60 == 59 ? '\n' : 'a' + i % 26);
    t_adds(&t, "{\"id\":\"r1\",\"choices\":[{\"message\":{\"content\":\"" F_SAID);
    for (i = 0; i < 400; i++) t_adds(&t, "and on and on, \\n\\u20ac ");
    t_adds(&t, "\"},\"finish_reason\":\"stop\"}]," USAGE "}");
    long_answer = t.p;
}

#if LLMI_HAS_TLS
/* HTTPS: a chat and a stream on one connection, which the server then closes; the next one resumes the session. */
static void config_pem(llm_config *c) {
    c->ca_pem = pki.roots;
    c->ca_pem_len = pki.roots_len;
}
static llm_status setup_https(f_run *r) {
    (void)r;
    br_ssl_session_cache_lru_init(&pki.cache, pki.store, sizeof pki.store);
    return LLM_OK;
}
static llm_status run_https(f_run *r) {
    llm_request q = ask(r);
    llm_status s = f_call(r, r->driver == BLOCK ? CHAT : STREAM, &q);
    if (s == LLM_OK) s = f_call(r, STREAM, &q);
    if (s != LLM_OK) return s;
    f_server_closes(0);
    return f_call(r, STREAM, &q);
}

static void config_file(llm_config *c) {
    c->ca_file = "the/roots.pem";
    w.file = pki.roots;
    w.file_len = pki.roots_len;
    w.file_path = "the/roots.pem";
}
static void config_env(llm_config *c) {
    static const char *const env[] = {"OPENAI_API_KEY",
                                      F_KEY,
                                      "OPENAI_BASE_URL",
                                      "https://localhost/v1",
                                      "OPENAI_ORG_ID",
                                      "org-1",
                                      "OPENAI_PROJECT_ID",
                                      "proj-1",
                                      "OPENAI_MODEL",
                                      "gpt-4o-mini",
                                      "SSL_CERT_FILE",
                                      "the/roots.pem",
                                      NULL};
    config_file(c);
    c->ca_file = NULL;
    c->api_key = c->base_url = c->model = NULL;
    memcpy(w.env, env, sizeof env);
}

#endif

/* The client is made and freed within: from PEM text, from a file, from the environment. */
static llm_status run_new(f_run *r) {
    llm_config c;
    llm_request q = ask(r);
    llm_status s;
    if (r->s->setup) (void)r->s->setup(r);
    f_config(r->s, &c);
    r->client = NULL;
    s = f_make_client(r, &c);
    if (s != LLM_OK) return s;
    s = f_call(r, CHAT, &q);
    f_check_pool(r->client);
    llm_client_free(r->client);
    r->client = NULL;
    return s;
}
/* What allocates without a connection: the conversation functions, llm_client_set_key(). */
static llm_status run_local(f_run *r) {
    static const llm_tool_call calls[] = {{"c1", "clock", "{}", NULL}, {"c2", "add", "{\"a\":1}", NULL}};
    llm_response o;
    llm_status s;
    size_t i;
    memset(&o, 0, sizeof o);
    o.content = "An answer";
    o.tool_calls = calls;
    o.tool_call_count = 2;
    for (i = 0; i < 3; i++) {
        s = llm_conversation_add(r->v, i == 1 ? LLM_ASSISTANT : LLM_USER, "a message");
        if (s == LLM_OK) s = llm_conversation_add_response(r->v, &o);
        if (s == LLM_OK) s = llm_conversation_add_tool_result(r->v, "c1", "noon");
        if (s == LLM_OK) s = llm_conversation_add_tool_result(r->v, "c2", "2");
        if (s == LLM_OK) s = llm_client_set_key(r->client, F_KEY);
        if (s != LLM_OK) {
            r->error = *llm_last_error(r->client);
            return s;
        }
    }
    return LLM_OK;
}
static const size_t talk_local[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0};

/* Through a proxy that stands in the environment; without the variable the call goes straight to the server. */
static void config_env_proxy(llm_config *c) {
    static const char *const env[] = {
        "no_proxy", " ", "NO_PROXY", "elsewhere.test", "HTTP_PROXY", "http://user:" F_PASS "@proxy.test:3128", NULL};
    c->proxy = NULL;
    memcpy(w.env, env, sizeof env);
}

static const f_scenario scenarios[] = {
    {"chat", BLOCK, 0, 0, 0, LLM_OK, serve_text, NULL, setup_talk, run_chat, talk_one, 16, 0, NULL},
    {"stream", BLOCK | POLL | WAIT, 0, 0, 0, LLM_OK, serve_text, NULL, setup_talk, run_stream, talk_one, 16, 0, NULL},
    {"long", BLOCK, 0, 0, 0, LLM_OK, serve_long, NULL, setup_talk, run_long, talk_one, 64, 0, NULL},
    {"tools", BLOCK, 0, 0, 0, LLM_OK, serve_tools, NULL, setup_talk, run_tools, talk_rounds, 16, 0, WORD},
    {"tools-stream", BLOCK | POLL | WAIT, 0, 0, 0, LLM_OK, serve_tools, NULL, setup_talk, run_tools_stream, talk_rounds,
     16, 0, WORD},
    {"retry", BLOCK | POLL | WAIT, 0, 0, 0, LLM_OK, serve_retry, NULL, setup_talk, run_stream, talk_one, 16, 0, NULL},
    {"stale", BLOCK | POLL | WAIT, 0, 0, 0, LLM_OK, serve_text, NULL, NULL, run_stale, NULL, 0, 0, NULL},
    {"gone", BLOCK | POLL | WAIT, 0, 0, 0, LLM_OK, serve_gone, NULL, NULL, run_twice, NULL, 0, 0, NULL},
    {"three", WAIT, 0, 0, 0, LLM_OK, serve_text, NULL, NULL, run_three, NULL, 16, 0, NULL},
    {"refused", BLOCK | POLL | WAIT, 0, 0, 0, LLM_ERR_AUTH, serve_refusal, NULL, setup_talk, run_stream, talk_one, 16,
     0, NULL},
    {"local", BLOCK, 0, 0, 0, LLM_OK, serve_text, NULL, setup_talk, run_local, talk_local, 16, 0, NULL},
    {"proxy", BLOCK | WAIT, 0, 0, THROUGH, LLM_OK, serve_text, NULL, NULL, run_stale, NULL, 16, 0, NULL},
    {"proxy-env", BLOCK, 1, 0, THROUGH, LLM_OK, serve_text, config_env_proxy, NULL, run_new, NULL, 0, 0, NULL},
    {"proxy-407", BLOCK | POLL, 0, 0, REFUSES, LLM_ERR_CONNECTION, serve_text, NULL, NULL, run_stream, NULL, 16, 0,
     NULL},
#if LLMI_HAS_TLS
    {"https", BLOCK | POLL | WAIT, 0, 1, 0, LLM_OK, serve_text, config_pem, setup_https, run_https, NULL, 256, 1, NULL},
    {"https-long", BLOCK, 0, 1, 0, LLM_OK, serve_long, config_pem, setup_https, run_long, NULL, 0, 1, NULL},
    {"new-pem", BLOCK, 1, 1, 0, LLM_OK, serve_text, config_pem, setup_https, run_new, NULL, 0, 1, NULL},
    {"new-file", BLOCK, 1, 1, 0, LLM_OK, serve_text, config_file, setup_https, run_new, NULL, 0, 1, NULL},
    {"tunnel", BLOCK | WAIT, 0, 1, THROUGH, LLM_OK, serve_text, config_pem, setup_https, run_https, NULL, 256, 1, NULL},
    {"tunnel-407", BLOCK | POLL, 0, 1, REFUSES, LLM_ERR_CONNECTION, serve_text, config_pem, setup_https, run_stream,
     NULL, 256, 0, NULL},
    {"new-env", BLOCK, 1, 1, 0, LLM_OK, serve_text, config_env, setup_https, run_new, NULL, 0, 1, NULL},
#endif
};

/* ---- how it may end ----------------------------------------------------------------------------------------- */

/* A connection fails: before the 2xx head another attempt is made, unless all fail alike; within the answer it is cut
   off; behind its end nobody cares. */
static unsigned long long network(int together, unsigned long long clean, unsigned long long dead,
                                  unsigned long long cut) {
    if (together && fi.fault.lasts == ALWAYS) return clean | dead | cut; /* of several calls, each at its own place */
    if (fi.phase == PH_INSIDE && fi.fault.kind == K_RECV) return cut;
    if (fi.phase == PH_REFUSED && clean != F_BIT(LLM_OK)) return clean; /* its head says enough */
    if (fi.fault.lasts != ALWAYS) return clean;
    return fi.phase == PH_AFTER ? clean | dead : dead;
}

static unsigned long long allowed(const f_scenario *s, const f_run *r) {
    unsigned long long clean = F_BIT(s->clean), dead = F_BIT(LLM_ERR_CONNECTION);
    int what = fi.fault.what, always = fi.fault.lasts == ALWAYS;
    if (s->secure) dead |= F_BIT(LLM_ERR_TLS); /* of the attempt after it */
    if (fi.secure && !s->proxy) dead = F_BIT(LLM_ERR_TLS);
    switch (fi.fault.kind) {
    case K_ALLOC: /* well only where it is at once content with less, or llm_wait() failed and not the call */
        if (r->wait_memory) return clean | F_BIT(LLM_ERR_MEMORY);
        if (fi.phase == PH_REFUSED && !always) return clean; /* what an error's body says is a comfort */
        if (fi.phase == PH_REFUSED && s->clean != LLM_OK) return clean;
        if (always || fi.nexts == 0) return F_BIT(LLM_ERR_MEMORY);
        if (fi.spare && fi.next_size == fi.size) return clean; /* a kept connection gave way */
        return F_BIT(LLM_ERR_MEMORY) | (fi.next_size < fi.size ? clean : 0);
    case K_INIT: return F_BIT(LLM_ERR_CONNECTION);
    case K_OPEN: /* a later attempt may find a kept connection, the last bytes of which have come meanwhile */
        if (!always) return clean;
        return F_BIT(what == W_NOTHING ? LLM_ERR_TIMEOUT : LLM_ERR_CONNECTION) | (fi.spare ? clean : 0);
    case K_SEND:
    case K_RECV:
        if (what == W_NOTHING && fi.fault.lasts == ONCE) return clean;
        if (what == W_NOTHING)
            return network(s->run == run_three, clean, F_BIT(LLM_ERR_TIMEOUT), F_BIT(LLM_ERR_TIMEOUT));
        return network(s->run == run_three, clean, dead, F_BIT(LLM_ERR_TRUNCATED));
    case K_NOW: return fi.at == 1 ? clean : clean | F_BIT(LLM_ERR_TIMEOUT); /* at the first nothing has begun */
    case K_UNIX: /* at a handshake it decides; elsewhere it only dates a session, which then may be resumed or not */
        if (fi.secure) return F_BIT(LLM_ERR_TLS);
        return fi.greeted == 0 ? clean : clean | F_BIT(LLM_ERR_TLS);
    case K_RANDOM: return fi.size > 2 ? F_BIT(LLM_ERR_TLS) : clean;
    case K_FILE: /* the first two readings are of the client's making; a certificate that is found may need no more */
        if (what == W_NOTHING && fi.left == 0) return always ? clean | F_BIT(LLM_ERR_TLS) : clean;
        return always || fi.at <= 2 ? F_BIT(LLM_ERR_TLS) : clean | F_BIT(LLM_ERR_TLS);
    case K_EVENT: return F_BIT(LLM_ERR_CANCELLED);
    case K_TOOL: return what == W_STATUS + 41 ? F_BIT(LLM_ERR_CANCELLED) : clean;
    case K_CANCEL: return clean | F_BIT(LLM_ERR_CANCELLED);
    case K_ENV:
        if (strcmp(fi.name, "OPENAI_API_KEY") == 0) return F_BIT(LLM_ERR_USAGE);
        if (strcmp(fi.name, "OPENAI_MODEL") == 0) return F_BIT(LLM_ERR_USAGE);
        if (strcmp(fi.name, "OPENAI_BASE_URL") == 0) return always ? F_BIT(LLM_ERR_USAGE) : F_BIT(LLM_ERR_TLS);
        if (strcmp(fi.name, "SSL_CERT_FILE") == 0) return F_BIT(LLM_ERR_TLS);
        if (s->creates && s->secure && always && strcmp(s->name, "new-env") == 0)
            return F_BIT(LLM_ERR_TLS) | F_BIT(LLM_ERR_USAGE);
        return clean;
    case K_WAIT: return what == W_NOTHING && always ? clean | F_BIT(LLM_ERR_TIMEOUT) : clean;
    case K_SLEEP:
    case K_FD:
    default: return clean;
    }
}

static unsigned long long must(const f_scenario *s, int driver) {
    unsigned long long kinds = K_BIT(K_ALLOC);
    if (s->creates) kinds |= K_BIT(K_INIT) | K_BIT(K_ENV);
    if (s->run == run_local) return kinds;
    kinds |= K_BIT(K_OPEN) | K_BIT(K_SEND) | K_BIT(K_RECV) | K_BIT(K_NOW);
    if (driver != BLOCK) kinds |= K_BIT(K_FD);
    if (driver == WAIT) kinds |= K_BIT(K_WAIT);
    if (s->run == run_stream && s->clean == LLM_OK) kinds |= K_BIT(K_EVENT);
    if (s->run == run_stale || s->run == run_twice || s->run == run_three) kinds |= K_BIT(K_EVENT);
    if (s->run == run_tools || s->run == run_tools_stream) kinds |= K_BIT(K_TOOL);
    if (s->run == run_tools_stream) kinds |= K_BIT(K_EVENT);
    /* a caller that waits has the last bytes of the first answer and keeps the connection: that it is gone takes no wait */
    if (s->serve == serve_retry || (s->serve == serve_gone && driver != BLOCK)) {
        kinds |= K_BIT(K_RANDOM);
        if (driver == BLOCK) kinds |= K_BIT(K_SLEEP);
    }
#if LLMI_HAS_TLS
    if (s->handshakes > 0) kinds |= K_BIT(K_UNIX) | K_BIT(K_RANDOM);
    if (s->run == run_https) kinds |= K_BIT(K_EVENT);
    if (s->config == config_file || s->config == config_env) kinds |= K_BIT(K_FILE);
#endif
    return kinds;
}

static const f_proof proofs[] = {
    {P_NEVER_FIRES, "an injector that never fires", "the fault was not reached", BLOCK, K_RECV, LLM_NET_FAILED},
    {P_NEVER_FIRES, "points that nothing happens at", "points counted", BLOCK, K_RECV, LLM_NET_FAILED},
    {P_HOOK_GONE, "a hook that is called no longer", "no call of kind recv", BLOCK, K_RECV, 0},
    {P_ONE_TOO_FEW, "a loop that ends one too early", "points counted", BLOCK, K_RECV, LLM_NET_FAILED},
    {P_LEAK, "a block that is not freed after a fault", "memory leaked", BLOCK, K_RECV, LLM_NET_FAILED},
    {P_WRONG_STATUS, "another status than is right", "LLM_ERR_INTERNAL", BLOCK, K_RECV, LLM_NET_FAILED},
    {P_EMPTY_MESSAGE, "an error without a message", "an error without a message", BLOCK, K_RECV, LLM_NET_FAILED},
    {P_KEY_IN_MESSAGE, "the key in a message", "is in an error", BLOCK, K_RECV, LLM_NET_FAILED},
    {P_PROMPT_IN_LOG, "the prompt in the log", "is in the log", BLOCK, K_RECV, LLM_NET_FAILED},
    {P_NO_CLOSE, "a connection that is not closed", "was not closed", BLOCK, K_RECV, LLM_NET_FAILED},
    {P_CLOSED_TWICE, "a connection that is closed twice", "after CLOSE", BLOCK, K_RECV, LLM_NET_FAILED},
    {P_USED_AFTER_CLOSE, "a hook that is called after CLOSE", "after CLOSE", BLOCK, K_RECV, LLM_NET_FAILED},
    {P_BROKEN_CLIENT, "a client that is broken after a fault", "does not work after", BLOCK, K_RECV, LLM_NET_FAILED},
    {P_OTHER_RESULT, "another result after a fault", "with another result", BLOCK, K_RECV, LLM_NET_FAILED},
    {P_POOL_COUNT, "a wrong number of kept connections", "idle_count", BLOCK, K_RECV, LLM_NET_FAILED},
    {P_DEAD_IN_POOL, "a dead connection that is kept", "a dead connection", BLOCK, K_RECV, W_NOTHING},
    {P_CONVERSATION, "a message of a failed call that stays", "no beginning of the clean", BLOCK, K_ALLOC, W_NULL},
    {P_OTHER_REQUEST, "a request that is changed by a retry", "none of the clean", BLOCK, K_OPEN, LLM_NET_FAILED},
    {P_BLOCKING_STEP, "llm_next(call, event, 0) that waits", "may wait within", POLL, K_RECV, LLM_NET_FAILED},
    {P_CONTENT, "text that did not come", "no beginning of it", BLOCK, K_RECV, LLM_NET_FAILED},
    {P_OVERRUN, "a byte behind config.memory", "outside of config.memory", BLOCK, K_NONE, 0},
    {P_MALLOC, "LLM_MALLOC besides config.memory", "in spite of config.memory", BLOCK, K_NONE, 0},
};

int main(int argc, char **argv) {
    size_t i;
    int driver;
#if LLMI_HAS_TLS
    pki_load();
#endif
    make_long();
    f_allowed = allowed;
    f_must = must;
    for (i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        const f_scenario *s = &scenarios[i];
        if (s->secure != LLMI_HAS_TLS || (s->secure && F_TUNNEL != (s->proxy != DIRECT))) continue;
        if (argc > 1 && strcmp(argv[1], s->name) != 0) continue;
        for (driver = BLOCK; driver <= WAIT; driver *= 2) {
            if (!(s->drivers & driver)) continue;
            f_scenario_all(s, driver, faults, sizeof faults / sizeof faults[0]);
            if (s->memory > 0) f_sizes(s, driver);
        }
    }
    if (!LLMI_HAS_TLS && (argc == 1 || strcmp(argv[1], "proofs") == 0))
        f_prove(&scenarios[1], proofs, sizeof proofs / sizeof proofs[0]);
    printf("%ld runs, %ld findings\n", f_runs, f_failed);
    t_passed = (int)f_runs; /* each is judged as a whole */
    t_failed = (int)f_failed;
    return t_done();
}
