/* test_proxy_off.c - LLM_NO_PROXY: a proxy in the config is refused by name, the environment's is not looked at. */
#define LLM_NO_PROXY
#include "script.h"

int main(void) {
    static const struct {
        const char *proxy;
        llm_status status;
    } row[] = {{NULL, LLM_OK}, {"", LLM_OK}, {"proxy.test:3128", LLM_ERR_USAGE}, {"http://u:canary@p:1", LLM_ERR_USAGE}};
    size_t i;
    for (i = 0; i < sizeof row / sizeof row[0]; i++) {
        llm_config f = llm_config_init();
        llm_request r = sc_hi();
        llm_client *c = NULL;
        llm_response o;
        llm_error e;
        sc_reset();
        sc.env[0] = "http_proxy", sc.env[1] = "one.test";
        sc.env[2] = "ALL_PROXY", sc.env[3] = "socks5://two.test";
        f.api_key = "";
        f.base_url = "http://a.test/v1";
        f.model = "m";
        f.proxy = row[i].proxy;
        CHECK_INT(llm_client_new(&c, &f, &e), row[i].status);
        if (row[i].status == LLM_OK) {
            sc_conn();
            sc_answer(200, "", SC_OK_JSON("direct"));
            CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
            CHECK_STR(sc.host, "a.test");
            CHECK(strncmp(sc.req[0].head, "POST /v1/", 9) == 0);
            llm_response_free(&o);
        } else {
            CHECK(strstr(e.message, "config.proxy") != NULL && strstr(e.message, "LLM_NO_PROXY") != NULL);
            CHECK(strstr(e.message, "canary") == NULL);
        }
        llm_client_free(c);
        CHECK_INT(t_live, 0);
    }
    sc_reset();
    return t_done();
}
