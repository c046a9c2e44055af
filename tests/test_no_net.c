/* test_no_net.c - LLM_NO_SOCKETS without net hooks: everything compiles, and a client says what is missing. */
#define LLM_NO_SOCKETS
#include "t.h"

int main(void) {
    llm_config f = llm_config_init();
    llm_client *c = (llm_client *)&f;
    llm_error e;
    f.api_key = "k";
    f.base_url = "http://127.0.0.1/v1";
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_ERR_USAGE);
    CHECK(c == NULL && strstr(e.message, "LLM_NET_ hooks") != NULL);
    CHECK_INT(t_live, 0);
    return t_done();
}
