/* chat.c - the whole library over a real socket, for servers.py.

     chat BASE_URL CA_FILE [CALLS [IN_SIZE]]

   Sends so many chat completions, each over a new connection, and prints a line for each: STATUS retryable|final TEXT, where
   the text is the answer's or the error's. T_SMALL_OUT=1: with the least buffer for what is sent. */
#define _GNU_SOURCE 1
#include <stdint.h>
#include "../log_guard.h"
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"
#include <stdio.h>

int main(int argc, char **argv) {
    llm_config config = llm_config_init();
    llm_client *client;
    llm_error e;
    int calls = argc > 3 ? atoi(argv[3]) : 1;
    if (argc < 3) return 2;
    config.api_key = KEY;
    config.base_url = argv[1];
    config.ca_file = argv[2];
    config.model = "m";
    config.max_retries = -1;
    config.max_idle = -1;
    config.connect_timeout_ms = 5000;
    config.idle_timeout_ms = 5000;
    config.tls_in_size = argc > 4 ? (size_t)atoi(argv[4]) : 0;
    if (getenv("T_SMALL_OUT") != NULL) config.tls_out_size = 597;
    if (llm_client_new(&client, &config, &e) != LLM_OK) {
        printf("%s final %s\n", llm_status_name(e.status), e.message);
        return 0;
    }
    while (calls-- > 0) {
        llm_request r = llm_request_init();
        llm_response out;
        llm_status s;
        r.prompt = PROMPT;
        s = llm_chat(client, &r, &out);
        printf("%s %s %s\n", llm_status_name(s), out.error.retryable ? "retryable" : "final",
               s == LLM_OK ? out.content : out.error.message);
        fflush(stdout);
        llm_response_free(&out);
    }
    llm_client_free(client);
    return 0;
}
