/* chat.c BASE_URL CA_FILE: one streamed chat, for more_musl.sh. Built with the bundled header alone, linked
   statically, run where there is no other file than the trust anchors. Prints the text as it comes, then a
   line with the usage. */
#define _GNU_SOURCE 1
#include "../log_guard.h"
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"
#include <stdio.h>

static int on_event(void *user, const llm_event *event) {
    (void)user;
    if (event->kind == LLM_EVENT_TEXT) printf("[%.*s]", (int)event->len, event->text);
    return 0;
}

int main(int argc, char **argv) {
    llm_config config = {0};
    llm_request request = {0};
    llm_client *client;
    llm_response response;
    llm_error error;
    llm_status s;
    if (argc != 3) return 2;
    config.api_key = KEY;
    config.base_url = argv[1];
    config.ca_file = argv[2];
    config.model = "mock";
    config.max_retries = -1;
    request.prompt = PROMPT;
    if (llm_client_new(&client, &config, &error) != LLM_OK) {
        printf("%s: %s\n", llm_status_name(error.status), error.message);
        return 1;
    }
    s = llm_chat_stream(client, &request, on_event, NULL, &response);
    if (s == LLM_OK) {
        printf(" %d %d finish %d\n", (int)response.usage.input_tokens, (int)response.usage.output_tokens,
               (int)response.finish_reason);
    } else {
        printf("%s: %s\n", llm_status_name(s), response.error.message);
    }
    llm_response_free(&response);
    llm_client_free(client);
    return s == LLM_OK ? 0 : 1;
}
