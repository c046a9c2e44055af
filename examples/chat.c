/* chat.c: one question, one answer, its tokens and its price.

       cc -std=c99 -Os -I../build chat.c llm_openai.c -o chat
       OPENAI_API_KEY=... ./chat "Why is the sky blue?"

   OPENAI_BASE_URL and OPENAI_MODEL choose another server and another model. */
#include "llm_openai.h"
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    llm_config config = {0};   /* all zero: key and URL come from the environment */
    llm_request request = {0};
    llm_response answer;
    llm_client *client;
    llm_error error;
    const char *model = getenv("OPENAI_MODEL");
    int failed;

    config.model = model != NULL ? model : "gpt-6-luna";
    if (llm_client_new(&client, &config, &error) != LLM_OK) {
        fprintf(stderr, "chat: %s\n", error.message);
        return 1;
    }

    request.system = "Answer in one sentence.";
    request.prompt = argc > 1 ? argv[1] : "Why is the sky blue?";
    failed = llm_chat(client, &request, &answer) != LLM_OK;
    if (failed) {
        fprintf(stderr, "chat: %s: %s\n", llm_status_name(answer.status), answer.error.message);
    } else {
        puts(answer.refusal != NULL ? answer.refusal : answer.content);
        if (answer.finish_reason == LLM_FINISH_LENGTH) puts("[cut off: the token limit]");
        if (answer.usage.known) {
            printf("[%s: %lld tokens in, %lld out", answer.model, (long long)answer.usage.input_tokens,
                   (long long)answer.usage.output_tokens);
            if (answer.usage.cost_source != LLM_COST_UNKNOWN) printf(", $%.6f", answer.usage.cost_usd);
            puts("]");
        }
    }
    llm_response_free(&answer);
    llm_client_free(client);
    return failed;
}
