/* conversation.c: a chat in the terminal that remembers. A line is a question; the end of the input ends it.

       cc -std=c99 -Os -I../build conversation.c llm_openai.c -o conversation
       OPENAI_API_KEY=... ./conversation */
#include "llm_openai.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int on_event(void *user, const llm_event *event) {
    (void)user;
    if (event->kind == LLM_EVENT_TEXT) fwrite(event->text, 1, event->len, stdout);
    return fflush(stdout);
}

int main(void) {
    llm_config config = {0};   /* all zero: key and URL come from the environment */
    llm_request request = {0};
    llm_response answer;
    llm_client *client;
    llm_conversation *talk;
    llm_error error;
    const char *model = getenv("OPENAI_MODEL");
    char line[4096];
    int failed = 0;

    config.model = model != NULL ? model : "gpt-6-luna";
    if (llm_client_new(&client, &config, &error) != LLM_OK) {
        fprintf(stderr, "conversation: %s\n", error.message);
        return 1;
    }
    failed = llm_conversation_new(client, &talk) != LLM_OK;
    request.system = "You are brief.";
    request.conversation = talk;
    while (!failed && printf("> ") > 0 && fflush(stdout) == 0 && fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = 0;
        request.prompt = line;   /* goes out after the conversation, and becomes part of it with its answer */
        if (llm_chat_stream(client, &request, on_event, NULL, &answer) != LLM_OK) {
            fprintf(stderr, "conversation: %s\n", answer.error.message);   /* nothing was added: ask again */
        } else {
            failed = llm_conversation_add(talk, LLM_USER, line) != LLM_OK ||
                     llm_conversation_add_response(talk, &answer) != LLM_OK;
        }
        puts("");
        llm_response_free(&answer);
    }
    puts("");
    if (failed) fprintf(stderr, "conversation: %s\n", llm_last_error(client)->message);
    llm_conversation_free(talk);
    llm_client_free(client);
    return failed;
}
