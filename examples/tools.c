/* tools.c: the model reads a sensor and sets the heating. Build and run it as chat.c says. */
#include "llm_openai.h"
#include <stdio.h>
#include <stdlib.h>

static const char room[] = "{\"type\":\"object\",\"properties\":{\"room\":{\"enum\":[\"kitchen\",\"hall\"]}}}";
static const char heating[] = "{\"type\":\"object\",\"properties\":{\"celsius\":{\"type\":\"number\"}}}";

/* A handler reads JSON and writes what the model is told. Another status than LLM_OK: the tool has failed. */
static llm_status read_temperature(void *user, const llm_tool_call *call, llm_text *result) {
    char name[32];
    if (llm_json_string(call->arguments, "/room", name, sizeof name) != LLM_OK) return LLM_ERR_USAGE;
    return llm_text_addf(result, "{\"room\":%q,\"celsius\":%d}", name, *(const int *)user);
}

static llm_status set_heating(void *user, const llm_tool_call *call, llm_text *result) {
    double celsius;
    (void)user;
    if (llm_json_number(call->arguments, "/celsius", &celsius) == LLM_OK && celsius >= 5 && celsius <= 25)
        return llm_text_add(result, "{\"ok\":true}");
    llm_text_add(result, "celsius must be a number from 5 to 25");
    return LLM_ERR_USAGE;
}

static int on_event(void *user, const llm_event *e) {
    (void)user;
    if (e->kind == LLM_EVENT_TEXT) fwrite(e->text, 1, e->len, stdout);
    if (e->kind == LLM_EVENT_TOOL_CALL) printf("-> %s %s\n", e->tool_call->name, e->tool_call->arguments);
    if (e->kind == LLM_EVENT_TOOL_RESULT) printf("<- %s %.*s\n", e->tool_call->name, (int)e->len, e->text);
    return fflush(stdout);
}

int main(void) {
    int sensor = 18, failed;
    const llm_tool tools[] = {
        {"read_temperature", "The temperature of a room.", room, 0, read_temperature, &sensor},
        {"set_heating", "Sets the heating of all rooms.", heating, 0, set_heating, NULL}};
    llm_config config = {0};   /* all zero: key and URL come from the environment */
    llm_request request = {0};
    llm_response answer;
    llm_client *client;
    llm_error error;
    config.model = getenv("OPENAI_MODEL") != NULL ? getenv("OPENAI_MODEL") : "gpt-6-luna";
    if (llm_client_new(&client, &config, &error) != LLM_OK) {
        fprintf(stderr, "tools: %s\n", error.message);
        return 1;
    }
    request.prompt = "Set the heating to 21 degrees. How warm is the kitchen now?";
    request.tools = tools;
    request.tool_count = sizeof tools / sizeof tools[0];
    failed = llm_chat_with_tools(client, &request, 0, on_event, NULL, &answer) != LLM_OK;
    if (failed) fprintf(stderr, "\ntools: %s: %s\n", llm_status_name(answer.status), answer.error.message);
    else printf("\n[%d requests, %lld tokens", answer.iterations, (long long)answer.usage.total_tokens);
    if (!failed && answer.usage.cost_source != LLM_COST_UNKNOWN) printf(", $%.6f", answer.usage.cost_usd);
    if (!failed) puts("]");
    llm_response_free(&answer);
    llm_client_free(client);
    return failed;
}
