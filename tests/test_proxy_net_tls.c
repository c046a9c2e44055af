/* test_proxy_net_tls.c - LLM_NET_TLS: the net hooks make the connection, so a proxy in the config is refused by name and
   the environment's is not looked at. */
#define LLM_NET_TLS 1
#define LLM_NET_CONN int
#define LLM_NET_OPEN(ctx, c, host, port, ms, secure) ((void)(ctx), (void)(port), (void)(ms), dial((c), (host), (secure)))
#define LLM_NET_SEND(ctx, c, p, n, ms) ((void)(ctx), (void)(c), (void)(p), (void)(ms), (long)(n))
#define LLM_NET_RECV(ctx, c, p, n, ms) ((void)(ctx), (void)(c), (void)(p), (void)(n), (void)(ms), (long)LLM_NET_CLOSED)
#define LLM_NET_CLOSE(ctx, c) ((void)(ctx), (void)(c))
#define LLM_NET_WHY(ctx, c) ((void)(ctx), (void)(c), t_why)
#define LLM_NOW_MS(ctx) ((void)(ctx), t_now)
#define LLM_UNIX_TIME(ctx) ((void)(ctx), (int64_t)0)
#define LLM_SLEEP_MS(ctx, ms) ((void)(ctx), t_now += (uint64_t)(ms))
#define LLM_GETENV(ctx, name) ((void)(ctx), strcmp((name), "HTTPS_PROXY") == 0 ? "one.test" : NULL)
#define _GNU_SOURCE 1
#include <stdint.h>
static int dial(int *c, const char *host, int secure);
static uint64_t t_now = 1;
static const char *t_why = "it has expired";
#include "t.h"

static int dials, outcome = 1;

static int dial(int *c, const char *host, int secure) {
    *c = ++dials;
    CHECK_STR(host, "a.test");
    CHECK_INT(secure, 1);
    return outcome;
}

/* What the hooks say of a connection that does not come about. */
static void test_outcome(int result, llm_status status, int retries, const char *text) {
    llm_config f = llm_config_init();
    llm_request r = llm_request_init();
    llm_client *c = NULL;
    llm_response o;
    llm_error e;
    f.api_key = "sk-0123456789";
    f.base_url = "https://a.test/v1";
    f.model = "m";
    f.max_retries = 2;
    r.prompt = "hi, wild-geese";
    outcome = result;
    dials = 0;
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_OK);
    CHECK_INT(llm_chat(c, &r, &o), status);
    CHECK_INT(dials, 1 + retries);
    CHECK_INT(o.error.attempts, 1 + retries);
    CHECK(strstr(o.error.message, text) != NULL);
    CHECK_INT(o.error.retryable, retries > 0);
    llm_response_free(&o);
    llm_client_free(c);
    CHECK_INT(t_live, 0);
}

int main(void) {
    static const char *const proxy[] = {NULL, "", "proxy.test:3128"};
    int i;
    for (i = 0; i < 3; i++) {
        llm_config f = llm_config_init();
        llm_request r = llm_request_init();
        llm_client *c = NULL;
        llm_response o;
        llm_error e;
        f.api_key = "sk-0123456789";
        f.base_url = "https://a.test/v1";
        f.model = "m";
        f.proxy = proxy[i];
        f.max_retries = -1;
        r.prompt = "hi, wild-geese";
        CHECK_INT(llm_client_new(&c, &f, &e), i == 2 ? LLM_ERR_USAGE : LLM_OK);
        if (i == 2) {
            CHECK(strstr(e.message, "config.proxy") != NULL && strstr(e.message, "LLM_NET_TLS") != NULL);
        } else {
            CHECK_INT(llm_chat(c, &r, &o), LLM_ERR_CONNECTION);
            llm_response_free(&o);
        }
        llm_client_free(c);
        CHECK_INT(t_live, 0);
    }
    CHECK_INT(dials, 2);
    for (i = 0; i < 4; i++) {      /* trust is the hooks' too */
        static const llm_anchor anchor = {(const unsigned char *)"x", 1};
        static const char *const pins[] = {"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="};
        llm_config f = llm_config_init();
        llm_client *c = NULL;
        llm_error e;
        f.api_key = "sk-0123456789";
        f.base_url = "https://a.test/v1";
        if (i == 0) {
            f.anchors = &anchor;
            f.anchor_count = 1;
        }
        if (i == 1) f.ca_pem = "x";
        if (i == 2) f.ca_file = "x";
        if (i == 3) {
            f.pins = pins;
            f.pin_count = 1;
        }
        CHECK_INT(llm_client_new(&c, &f, &e), LLM_ERR_USAGE);
        CHECK(c == NULL && strstr(e.message, "the net hooks check the certificate") != NULL);
    }
    test_outcome(LLM_NET_UNTRUSTED, LLM_ERR_TLS, 0, "no trusted connection to a.test port 443: it has expired");
    test_outcome(LLM_NET_FAILED, LLM_ERR_CONNECTION, 2, "cannot connect to a.test port 443: it has expired");
    t_why = "";
    test_outcome(LLM_NET_UNTRUSTED, LLM_ERR_TLS, 0, "no trusted connection to a.test port 443");
    test_outcome(LLM_NET_REFUSED, LLM_ERR_CONNECTION, 2, "a.test refused the connection on port 443");
    return t_done();
}
