/* switches.c HTTP-URL HTTPS-URL CA_FILE - what each switch of the header drops returns LLM_ERR_USAGE or what the guide
   says, and all else works. The library is a file of its own; this one is compiled with the same -D switches, but only to
   know what to expect: they change nothing of the declarations. For more_switches.sh, which looks into the guide for
   switches that this file does not know. The environment has OPENAI_MODEL and LLM_TEST_... of the library's variables. */
#define T_NO_LIB
#include "../t.h"
#include "llm_openai.h"
#include "../log_guard.h"

void switches_log(const char *p, size_t n);      /* LLM_LOG of the library's file */
void switches_log(const char *p, size_t n) {
    log_line(p, n);
}

#ifdef LLM_NO_TLS
#define HAS_TLS 0
#else
#define HAS_TLS 1
#endif
#ifdef LLM_NO_SOCKETS
#define HAS_NET 0
#else
#define HAS_NET 1
#endif
#ifdef LLM_NO_MESSAGES
#define SAYS(message, text) (strcmp((message), "LLM_ERR_") != 0)
#else
#define SAYS(message, text) (strstr((message), (text)) != NULL)
#endif

static char block[512 * 1024];
static const char *url[2], *ca_pem;

static llm_config settings(int secure) {
    llm_config f = llm_config_init();
    f.api_key = KEY;
    f.base_url = url[secure];
    f.model = "gpt-4o-mini";
    f.ca_pem = secure ? ca_pem : NULL;
    f.max_retries = -1;
#ifdef LLM_NO_MALLOC
    f.memory = block;
    f.memory_size = sizeof block;
#endif
    return f;
}

static int on_event(void *user, const llm_event *event) {
    if (event->kind == LLM_EVENT_TEXT) {
        strncat((char *)user, event->text, event->len);
    }
    return 0;
}

static llm_status sensor(void *user, const llm_tool_call *call, llm_text *result) {
    (void)call;
    ++*(int *)user;
    return llm_text_add(result, "21 degrees");
}

/* Chat, stream, tools, cost. */
static void exchange(int secure) {
    llm_config f = settings(secure);
    llm_request r = llm_request_init();
    llm_client *c;
    llm_response o;
    llm_error e;
    llm_price own = {"gpt-4o-mini", 1000000.0, 0, 1000000.0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, found;
    llm_tool tool = {"sensor", "A sensor.", NULL, 0, sensor, NULL};
    llm_call *call = (llm_call *)&f;
    char text[256] = "";
    int called = 0;
    if (!HAS_NET || (secure && !HAS_TLS)) {
        CHECK_INT(llm_client_new(&c, &f, &e), LLM_ERR_USAGE);
        CHECK(c == NULL);
        CHECK(SAYS(e.message, HAS_NET ? "LLM_NO_TLS" : "LLM_NO_SOCKETS"));
        return;
    }
    if (!CHECK_INT(llm_client_new(&c, &f, &e), LLM_OK)) {
        fprintf(stderr, "%s\n", e.message);
        return;
    }
    r.prompt = "echo: one two three";
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
    CHECK_STR(o.content, "one two three");
    CHECK_STR(o.error.message, "");
    CHECK_INT(o.usage.known, 1);
#ifdef LLM_NO_PRICING
    CHECK_INT(o.usage.cost_source, LLM_COST_UNKNOWN);
    CHECK(o.usage.cost_usd == 0.0);
    CHECK_INT(llm_price_lookup(NULL, "gpt-4o-mini", &found), LLM_COST_UNKNOWN);
    CHECK(found.model == NULL);
#else
    CHECK(o.usage.cost_source > LLM_COST_UNKNOWN && o.usage.cost_usd > 0.0);
    CHECK_INT(llm_price_lookup(NULL, "gpt-4o-mini", &found), LLM_COST_EXACT);
#endif
    llm_response_free(&o);

    r.prompt = "count to 7";
    CHECK_INT(llm_chat_stream(c, &r, on_event, text, &o), LLM_OK);
    CHECK_STR(text, "1 2 3 4 5 6 7");
    llm_response_free(&o);

    tool.user = &called;
    r.tools = &tool;
    r.tool_count = 1;
    r.prompt = "How warm is it?";
#ifdef LLM_NO_TOOLS
    CHECK_INT(llm_chat_with_tools(c, &r, 0, NULL, NULL, &o), LLM_ERR_USAGE);
    CHECK_INT(o.status, LLM_ERR_USAGE);
    CHECK(SAYS(o.error.message, "LLM_NO_TOOLS"));
    CHECK_INT(called, 0);
    llm_response_free(&o);
    CHECK_INT(llm_start_with_tools(c, &r, 0, &call), LLM_ERR_USAGE);
    CHECK(call == NULL);
    CHECK_INT(llm_last_error(c)->status, LLM_ERR_USAGE);
#else
    CHECK_INT(llm_chat_with_tools(c, &r, 0, NULL, NULL, &o), LLM_OK);
    CHECK_INT(called, 1);
    CHECK_INT(o.iterations, 2);
    CHECK(strstr(o.content, "21 degrees") != NULL);
    llm_response_free(&o);
    CHECK_INT(llm_start_with_tools(c, &r, 0, &call), LLM_OK);
    CHECK_INT(llm_finish(call, &o), LLM_ERR_CANCELLED);
    llm_response_free(&o);
#endif
    /* a round by hand: the tool loop is a convenience */
    r.prompt = "How warm is it?";
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
    CHECK_INT(o.tool_call_count, 1);
    CHECK_INT(o.finish_reason, LLM_FINISH_TOOL_CALLS);
    llm_response_free(&o);
    r.tools = NULL;
    r.tool_count = 0;

    /* an error of the server, with its words */
    r.model = "mock:status-401";
    CHECK_INT(llm_chat(c, &r, &o), LLM_ERR_AUTH);
    CHECK_INT(o.error.http_status, 401);
    CHECK(o.error.message[0] != 0);
    llm_response_free(&o);
    llm_client_free(c);

    /* prices of the program's own */
    f.prices = &own;
    f.price_count = 1;
    r.model = NULL;
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_OK);
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
#ifdef LLM_NO_PRICING
    CHECK_INT(o.usage.cost_source, LLM_COST_UNKNOWN);
#else
    CHECK_INT(o.usage.cost_source, LLM_COST_EXACT);
    CHECK(o.usage.cost_usd == (double)o.usage.total_tokens);
#endif
    llm_response_free(&o);
    llm_client_free(c);
}

static void proxy(void) {
    llm_config f = settings(0);
    llm_request r = llm_request_init();
    llm_client *c;
    llm_response o;
    llm_error e;
    if (!HAS_NET) return;
    r.prompt = PROMPT;
    f.proxy = "http://127.0.0.1:1";        /* nobody is there */
#ifdef LLM_NO_PROXY
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_ERR_USAGE);
    CHECK(c == NULL && SAYS(e.message, "LLM_NO_PROXY"));
    f.proxy = "";
#endif
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_OK);
#ifdef LLM_NO_PROXY
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
#else
    CHECK_INT(llm_chat(c, &r, &o), LLM_ERR_CONNECTION);
#ifdef LLM_NO_MESSAGES
    CHECK_STR(o.error.message, "LLM_ERR_CONNECTION");
#else
    CHECK(strstr(o.error.message, "proxy") != NULL && strstr(o.error.message, "port 1:") != NULL);
#endif
#endif
    llm_response_free(&o);
    llm_client_free(c);
}

/* OPENAI_MODEL is in the environment; the file is one that can be read */
static void environment_and_files(const char *ca_file) {
    llm_config f = settings(0);
    llm_request r = llm_request_init();
    llm_client *c;
    llm_response o;
    llm_error e;
    llm_status s;
    if (!HAS_NET) return;
    f.model = NULL;
    r.prompt = "echo: x";
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_OK);
    s = llm_chat(c, &r, &o);
#ifdef LLM_NO_ENV
    CHECK_INT(s, LLM_ERR_USAGE);
#else
    CHECK_INT(s, LLM_OK);
#endif
    llm_response_free(&o);
    llm_client_free(c);
    if (!HAS_TLS) return;
    f = settings(1);
    f.ca_pem = NULL;
    f.ca_file = ca_file;
    s = llm_client_new(&c, &f, &e);
    CHECK_INT(s, LLM_OK);
    if (s != LLM_OK) return;
    s = llm_chat(c, &r, &o);
#ifdef LLM_NO_FILES
    CHECK_INT(s, LLM_ERR_TLS);
#else
    CHECK_INT(s, LLM_OK);
#endif
    llm_response_free(&o);
    llm_client_free(c);
}

static void memory(void) {
    llm_config f = settings(0);
    llm_client *c;
    llm_error e;
    if (!HAS_NET) return;
    f.memory = NULL;
    f.memory_size = 0;
#ifdef LLM_NO_MALLOC
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_ERR_MEMORY);
    CHECK(c == NULL);
#else
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_OK);
    llm_client_free(c);
    f.memory = block;
    f.memory_size = sizeof block;
    CHECK_INT(llm_client_new(&c, &f, &e), LLM_OK);
    llm_client_free(c);
#endif
}

/* LLM_USE_GETADDRINFO and LLM_TLS_SMALL are not seen from here but in that names are found and handshakes go well: the
   script looks at what was linked, and at what the server says of the handshake. */
int main(int argc, char **argv) {
    if (argc != 4) return 2;
    url[0] = argv[1];
    url[1] = argv[2];
    ca_pem = t_read_file(argv[3], NULL);
    exchange(0);
    exchange(1);
    proxy();
    environment_and_files(argv[3]);
    memory();
    CHECK(strcmp(llm_status_name(LLM_ERR_AUTH), "LLM_ERR_AUTH") == 0);
    return t_done();
}
