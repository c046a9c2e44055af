/* pull.c: a stream without a callback. The program asks for the next event, waits as long as it likes,
   and does its own work in between: here it counts how often there was nothing yet.

       cc -std=c99 -Os -I../build pull.c llm_openai.c -o pull
       OPENAI_API_KEY=... ./pull "Tell me a story." */
#include "llm_openai.h"
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    llm_config config = {0};
    llm_request request = {0};
    llm_response answer;
    llm_client *client;
    llm_call *call;
    llm_event event;
    llm_error error;
    llm_status status;
    const char *model = getenv("OPENAI_MODEL");
    int pieces = 0, idle = 0;

    config.model = model != NULL ? model : "gpt-6-luna";
    if (llm_client_new(&client, &config, &error) != LLM_OK) {
        fprintf(stderr, "pull: %s\n", error.message);
        return 1;
    }
    request.prompt = argc > 1 ? argv[1] : "In two sentences: how does a computer learn the time?";
    if (llm_start(client, &request, &call) != LLM_OK) {
        fprintf(stderr, "pull: %s\n", llm_last_error(client)->message);
        llm_client_free(client);
        return 1;
    }

    while ((status = llm_next(call, &event, 20)) == LLM_OK || status == LLM_PENDING) {
        if (status == LLM_PENDING) {
            idle++;   /* nothing came for 20 ms: room for other work */
        } else if (event.kind == LLM_EVENT_TEXT) {
            pieces++;
            fwrite(event.text, 1, event.len, stdout);
            fflush(stdout);
        }
    }
    status = llm_finish(call, &answer);   /* always: it frees the call */
    puts("");
    if (status == LLM_OK) printf("[%d pieces, %d times nothing yet]\n", pieces, idle);
    else fprintf(stderr, "pull: %s: %s\n", llm_status_name(status), answer.error.message);
    llm_response_free(&answer);
    llm_client_free(client);
    return status != LLM_OK;
}
