/* needs: bearssl bundle mock native */
/* test_small.c - LLM_NO_MESSAGES, LLM_TLS_SMALL, no memo: the same statuses and fields, texts only from the server; both
   kinds of key, P-256 and P-384, and neither X25519 nor ChaCha20-Poly1305. */
#define LLM_NO_MESSAGES
#define LLM_MEMO_SIZE 1
#define LLM_TLS_SMALL
#include "t.h"
#include "mock.h"

#define KEY "sk-0123456789abcdefABCDEF"

static t_mock m;

static llm_client *client(const char *base, const char *ca) {
    llm_config f = llm_config_init();
    llm_client *c = NULL;
    llm_error e;
    f.api_key = KEY;
    f.base_url = base;
    f.ca_file = ca;
    f.model = "gpt-4o";
    f.max_retries = -1;
    f.connect_timeout_ms = f.idle_timeout_ms = 60000; /* no test hangs */
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_OK);
    if (c == NULL) exit(1);
    return c;
}

static llm_status ask(llm_client *c, const char *model, const char *prompt, llm_response *out) {
    llm_request r = llm_request_init();
    r.prompt = prompt;
    r.model = model;
    return llm_chat(c, &r, out);
}

static void test_handshakes(void) {
    static const struct {
        const char *cert, *says;
        llm_status status;
    } list[] = {
        {"ec", "hello", LLM_OK},
        {"rsa", "hello", LLM_OK},
        {"p384", "hello", LLM_OK},
        {"no-intermediate", "LLM_ERR_TLS 62", LLM_ERR_TLS},
        {"expired", "LLM_ERR_TLS 54", LLM_ERR_TLS},
        {"wrong-name", "LLM_ERR_TLS 62", LLM_ERR_TLS}, /* refused by us: BearSSL is told "not trusted" */
        {"client-auth", "LLM_ERR_TLS 62", LLM_ERR_TLS},
        {"data/tls/by521.pem", "LLM_ERR_TLS 62", LLM_ERR_TLS}, /* signed on a curve that is not there */
    };
    size_t i;
    for (i = 0; i < sizeof list / sizeof list[0]; i++) {
        const char *args[] = {"--cert", NULL, NULL};
        llm_response o;
        llm_client *c;
        char *stats;
        t_case = args[1] = list[i].cert;
        if (!t_mock_start(&m, args)) exit(1);
        c = client(m.https_base, strchr(list[i].cert, '/') ? "data/tls/roots.pem" : m.ca_file);
        CHECK_INT(ask(c, NULL, "echo: hello", &o), list[i].status);
        CHECK_STR(list[i].status == LLM_OK ? o.content : o.error.message, list[i].says);
        CHECK_INT(o.error.retryable, 0);
        stats = t_mock_ask(&m, "GET", "stats", NULL);
        if (list[i].status == LLM_OK) {
            CHECK(strstr(stats, "suite=c0") != NULL && strstr(stats, "curve=23 ") != NULL); /* AES-GCM, P-256 */
        }
        free(stats);
        llm_response_free(&o);
        llm_client_free(c);
        t_mock_stop(&m);
    }
    t_case = "";
}

/* Records of 16 KiB, in the buffer that the X.509 state shared during the handshake; in a block of memory and without. */
static void test_large_records(void) {
    static char block[160 * 1024], text[40000];
    int pooled;
    memcpy(text, "echo: ", 6);
    memset(text + 6, 'x', sizeof text - 7);
    if (!t_mock_start(&m, NULL)) exit(1);
    for (pooled = 0; pooled < 2; pooled++) {
        llm_config f = llm_config_init();
        llm_client *c = NULL;
        llm_response o;
        llm_error e;
        int i;
        f.api_key = KEY;
        f.base_url = m.https_base;
        f.ca_file = m.ca_file;
        f.model = "gpt-4o";
        f.max_retries = -1;
        f.memory = pooled ? block : NULL;
        f.memory_size = pooled ? sizeof block : 0;
        f.tls_out_size = 597;
        CHECK_INT(llm_client_new(&c, &f, &e), LLM_OK);
        for (i = 0; i < 3; i++) {
            CHECK_INT(ask(c, NULL, text, &o), LLM_OK);
            CHECK_STR(o.content, text + 6);
            llm_response_free(&o);
            {
                llm_request r = llm_request_init();
                r.prompt = "count to 12";
                CHECK_INT(llm_chat_stream(c, &r, NULL, NULL, &o), LLM_OK);
                CHECK_STR(o.content, "1 2 3 4 5 6 7 8 9 10 11 12");
                llm_response_free(&o);
            }
        }
        CHECK(llm_memory_needed(&f) > sizeof(llmi_tls) + sizeof(llmi_tls_x509) + 16709 + 597);
        llm_client_free(c);
    }
    CHECK_INT(t_mock_stat(&m, "tls_full"), 2);
    t_mock_stop(&m);
}

static void test_messages(void) {
    static const struct {
        const char *model, *answer, *message, *code;
        llm_status status;
    } list[] = {
        {"mock:status-401", NULL, NULL, "invalid_api_key", LLM_ERR_AUTH},
        {"mock:status-503", NULL, NULL, "server_is_overloaded", LLM_ERR_SERVER},
        {NULL, "status 429\n body {\"error\":{\"message\":\"slow down\",\"type\":\"requests\",\"code\":\"rate_limit_exceeded\"}}\n",
         "slow down", "rate_limit_exceeded", LLM_ERR_RATE_LIMIT},
        {NULL, "status 502\n body\n", "LLM_ERR_SERVER", "", LLM_ERR_SERVER},
        {NULL, "status 302\n header Location: https://elsewhere.test/\n", "LLM_ERR_API", "", LLM_ERR_API},
        {NULL, "status 200\n body {\"choices\":[}\n", "LLM_ERR_PROTOCOL", "", LLM_ERR_PROTOCOL},
        {NULL, "plain-head\n raw HTTP/1.1 200 OK\\r\\nContent-Length: x\\r\\n\\r\\n\n", "LLM_ERR_PROTOCOL", "", LLM_ERR_PROTOCOL},
        {NULL, "cut 0\n body {}\n", "LLM_ERR_CONNECTION", "", LLM_ERR_CONNECTION},
        {NULL, "status 200\n event {\"error\":{\"message\":\"it broke\",\"code\":\"server_error\"}}\n", "it broke", "server_error",
         LLM_ERR_SERVER},
    };
    llm_response o;
    llm_client *c;
    size_t i;
    if (!t_mock_start(&m, NULL)) exit(1);
    c = client(m.http_base, NULL);
    for (i = 0; i < sizeof list / sizeof list[0]; i++) {
        char script[400];
        t_case = list[i].model ? list[i].model : list[i].answer;
        if (list[i].answer) {
            snprintf(script, sizeof script, "exchange\n%s", list[i].answer);
            CHECK(t_mock_script(&m, script));
        }
        CHECK_INT(ask(c, list[i].model, "hi", &o), list[i].status);
        CHECK_INT(o.status, list[i].status);
        if (list[i].message) CHECK_STR(o.error.message, list[i].message);
        else CHECK(strlen(o.error.message) > 10 && strncmp(o.error.message, "LLM_", 4) != 0);
        CHECK_STR(o.error.code, list[i].code);
        llm_response_free(&o);
    }
    t_case = "";
    CHECK_INT(llm_chat(c, NULL, &o), LLM_ERR_USAGE);
    CHECK_STR(o.error.message, "LLM_ERR_USAGE");
    llm_response_free(&o);
    llm_client_free(c);
    t_mock_stop(&m);
}

int main(void) {
    test_handshakes();
    test_large_records();
    test_messages();
    CHECK_INT(t_live, 0);
    return t_done();
}
