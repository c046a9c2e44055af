/* exchange.c BASE_URL [CA_FILE]: the three exchanges that every target, every compiler and every way to include the library
   must get right, over one kept connection: a chat, a streamed chat, a tool loop. It prints what came, line by line, in a
   form that is the same on every machine (exchange.log); without CA_FILE it trusts what is compiled in (LLM_CA_PEM) or the
   system's. C99 and C++11:
     -DEXCHANGE_IMPLEMENTATION   the file holds the implementation
     -DEXCHANGE_STATIC           ... with every function static
     -DEXCHANGE_DATE             ... and the date comes from the environment: what happens after 2038?
     -DEXCHANGE_PEM              the library reads no files: CA_FILE is read here
     -DEXCHANGE=name             the function is called so, and there is no main() */
#if defined(__unix__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE 1
#endif
#include "../log_guard.h"
#if defined(EXCHANGE_STATIC)
#define LLM_OPENAI_STATIC
#endif
#if defined(EXCHANGE_STATIC) || defined(EXCHANGE_IMPLEMENTATION)
#define LLM_OPENAI_IMPLEMENTATION
#endif
#ifdef EXCHANGE_DATE
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
static uint64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}
static int64_t date(void) {
    const char *s = getenv("EXCHANGE_DATE");
    return s != NULL ? (int64_t)strtoll(s, NULL, 10) : (int64_t)time(NULL);
}
#define LLM_NOW_MS(ctx)       ((void)(ctx), now_ms())
#define LLM_UNIX_TIME(ctx)    ((void)(ctx), date())
#define LLM_SLEEP_MS(ctx, ms) ((void)(ctx), (void)(ms))
#endif
#include "llm_openai.h"
#include <stdio.h>

#ifndef EXCHANGE
#define EXCHANGE exchange
#define EXCHANGE_MAIN
#endif

static void line(const char *kind, const char *text, size_t len) {
    printf("  %s [%.*s]\n", kind, (int)len, text);
}

#ifdef __cplusplus
extern "C" {
#endif
int EXCHANGE(const char *url, const char *ca_file);

static llm_status measure(void *user, const llm_tool_call *call, llm_text *result) {
    char name[32];
    ++*(int *)user;
    if (llm_json_string(call->arguments, "/room", name, sizeof name) != LLM_OK) return LLM_ERR_USAGE;
    return llm_text_addf(result, "{\"room\":%q,\"celsius\":%d}", name, -18);
}

static int on_event(void *user, const llm_event *e) {
    ++*(int *)user;
    if (e->kind == LLM_EVENT_TEXT) line("text", e->text, e->len);
    if (e->kind == LLM_EVENT_TOOL_CALL) line(e->tool_call->name, e->tool_call->arguments, strlen(e->tool_call->arguments));
    if (e->kind == LLM_EVENT_TOOL_RESULT) line("result", e->text, e->len);
    return 0;
}
#ifdef __cplusplus
}
#endif

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

int EXCHANGE(const char *url, const char *ca_file) {
    static const char room[] =
        "{\"type\":\"object\",\"properties\":{\"room\":{\"enum\":[\"kitchen\",\"hall\"]}},\"required\":[\"room\"]}";
    llm_tool tool = {"measure", "The temperature of a room.", room, 0, measure, NULL};
    llm_config config = llm_config_init();
    llm_request request = llm_request_init();
    llm_client *client;
    llm_response response;
    llm_error error;
    llm_status s;
    int failed, calls = 0, events = 0;
    (void)log_line;                        /* only an implementation calls it */
    config.api_key = KEY;
    config.base_url = url;
#ifdef EXCHANGE_PEM
    {
        static char pem[65536];
        FILE *f = fopen(ca_file, "rb");
        if (f == NULL || fread(pem, 1, sizeof pem - 1, f) == 0) return 2;
        fclose(f);
        config.ca_pem = pem;
    }
#else
    config.ca_file = ca_file;
#endif
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
    if (!failed) {
        s = llm_chat_stream(client, &request, on_event, &events, &response);
        failed = end("stream", s, &response);
    }
    tool.user = &calls;
    request.prompt = "How cold is it in the kitchen?";
    request.tools = &tool;
    request.tool_count = 1;
    if (!failed) {
        s = llm_chat_with_tools(client, &request, 0, on_event, &events, &response);
        failed = end("tools", s, &response);
        if (calls != 1 || events == 0) failed = 1;
    }
    llm_client_free(client);
    return failed;
}

#ifdef EXCHANGE_MAIN
int main(int argc, char **argv) {
    return argc < 2 ? 2 : EXCHANGE(argv[1], argc > 2 ? argv[2] : NULL);
}
#endif
