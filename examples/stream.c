/* stream.c: prints the answer while it is made. Ctrl-C stops it and keeps what has come.

       cc -std=c99 -Os -I../build stream.c llm_openai.c -o stream
       OPENAI_API_KEY=... ./stream "Tell me a story." */
#include "llm_openai.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static volatile int interrupted;

static void on_signal(int number) {
    (void)number;
    interrupted = 1;
}

static int on_event(void *user, const llm_event *event) {
    (void)user;
    if (event->kind == LLM_EVENT_TEXT) fwrite(event->text, 1, event->len, stdout);
    if (event->kind == LLM_EVENT_RETRY) fprintf(stderr, "stream: %s; trying again\n", event->error->message);
    return fflush(stdout);   /* not 0: nobody reads any more, so stop paying for it */
}

int main(int argc, char **argv) {
    llm_config config = {0};   /* all zero: key and URL come from the environment */
    llm_request request = {0};
    llm_response answer;
    llm_client *client;
    llm_error error;
    llm_status status;
    const char *model = getenv("OPENAI_MODEL");

    config.model = model != NULL ? model : "gpt-6-luna";
    if (llm_client_new(&client, &config, &error) != LLM_OK) {
        fprintf(stderr, "stream: %s\n", error.message);
        return 1;
    }
    signal(SIGINT, on_signal);

    request.prompt = argc > 1 ? argv[1] : "In two sentences: how does a computer learn the time?";
    request.cancel = &interrupted;
    status = llm_chat_stream(client, &request, on_event, NULL, &answer);
    puts("");
    if (status != LLM_OK) fprintf(stderr, "stream: %s: %s\n", llm_status_name(status), answer.error.message);
    if (answer.usage.known) {
        printf("[%s: %lld tokens in, %lld out", answer.model, (long long)answer.usage.input_tokens,
               (long long)answer.usage.output_tokens);
        if (answer.usage.cost_source != LLM_COST_UNKNOWN) printf(", $%.6f", answer.usage.cost_usd);
        puts("]");
    }
    llm_response_free(&answer);
    llm_client_free(client);
    return status != LLM_OK;
}
