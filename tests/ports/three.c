/* three.c BASE_URL [CA_FILE]: the three exchanges that every target must get right, over one kept connection: a chat, a
   streamed chat, a tool loop. Built with the bundled header alone. It prints what came, line by line, in a form that is
   the same on every machine (three.log); without CA_FILE it trusts what is compiled in (LLM_CA_PEM) or the system's. */
#ifdef __unix__
  #define _GNU_SOURCE 1
#endif
#include "../log_guard.h"
#ifdef THREE_DATE                      /* the date comes from the environment: what happens after 2038? */
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
static uint64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}
static int64_t date(void) {
    const char *s = getenv("THREE_DATE");
    return s != NULL ? (int64_t)strtoll(s, NULL, 10) : (int64_t)time(NULL);
}
#define LLM_NOW_MS(ctx)       ((void)(ctx), now_ms())
#define LLM_UNIX_TIME(ctx)    ((void)(ctx), date())
#define LLM_SLEEP_MS(ctx, ms) ((void)(ctx), (void)(ms))
#endif
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"
#include <stdio.h>

static const char room[] =
    "{\"type\":\"object\",\"properties\":{\"room\":{\"enum\":[\"kitchen\",\"hall\"]}},\"required\":[\"room\"]}";

static llm_status measure(void *user, const llm_tool_call *call, llm_text *result) {
    char name[32];
    (void)user;
    if (llm_json_string(call->arguments, "/room", name, sizeof name) != LLM_OK) return LLM_ERR_USAGE;
    return llm_text_addf(result, "{\"room\":%q,\"celsius\":%d}", name, -18);
}

static void line(const char *kind, const char *text, size_t len) {
    printf("  %s [%.*s]\n", kind, (int)len, text);
}

static int on_event(void *user, const llm_event *e) {
    (void)user;
    if (e->kind == LLM_EVENT_TEXT) line("text", e->text, e->len);
    if (e->kind == LLM_EVENT_TOOL_CALL) line(e->tool_call->name, e->tool_call->arguments, strlen(e->tool_call->arguments));
    if (e->kind == LLM_EVENT_TOOL_RESULT) line("result", e->text, e->len);
    return 0;
}

/* Prints how it came out; 1 = failed. The caller's response is freed. */
static int end(const char *what, llm_status s, llm_response *r) {
    const llm_usage *u = &r->usage;
    int failed = s != LLM_OK;
    if (failed) {
        printf("%s: %s: %s\n", what, llm_status_name(s), r->error.message);
    } else {
        line("content", r->content, r->content_len);
        printf("%s: finish %d, %d requests, tokens %d %d %d\n", what, (int)r->finish_reason, r->iterations,
               (int)u->input_tokens, (int)u->output_tokens, (int)u->total_tokens);
    }
    llm_response_free(r);
    return failed;
}

int main(int argc, char **argv) {
    const llm_tool tool = {"measure", "The temperature of a room.", room, 0, measure, NULL};
    llm_config config = {0};
    llm_request request = {0};
    llm_client *client;
    llm_response response;
    llm_error error;
    llm_status s;
    int failed;
    if (argc < 2) return 2;
    config.api_key = KEY;
    config.base_url = argv[1];
    config.ca_file = argc > 2 ? argv[2] : NULL;
    config.max_retries = -1;
    config.connect_timeout_ms = 60000;     /* emulators and a busy machine are slow */
    if (llm_client_new(&client, &config, &error) != LLM_OK) {
        printf("%s: %s\n", llm_status_name(error.status), error.message);
        return 1;
    }
    request.model = "m";
    request.prompt = PROMPT;
    s = llm_chat(client, &request, &response);
    failed = end("chat", s, &response);
    request.model = "m";
    if (!failed) {
        s = llm_chat_stream(client, &request, on_event, NULL, &response);
        failed = end("stream", s, &response);
    }
    request.model = "m";
    request.prompt = "How cold is it in the kitchen?";
    request.tools = &tool;
    request.tool_count = 1;
    if (!failed) {
        s = llm_chat_with_tools(client, &request, 0, on_event, NULL, &response);
        failed = end("tools", s, &response);
    }
    llm_client_free(client);
    return failed;
}
