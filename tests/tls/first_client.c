/* first_client.c - for more_tls_other.sh: the first client sets the TLS library of its net hooks up. Without its CA
   certificates none is made, however often one tries; with those of FILE the next one is, and asks. */
#define _GNU_SOURCE
#include "llm_openai.h"
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    llm_config config = {0};
    llm_request request = {0};
    llm_response answer;
    llm_client *client;
    llm_error error;
    int i;
    if (argc != 2) return 2;
    config.model = "any";
    setenv("SSL_CERT_FILE", "/nowhere/roots.pem", 1);
    for (i = 0; i < 2; i++) {
        llm_status status = llm_client_new(&client, &config, &error);
        printf("%s\n", llm_status_name(status));
        if (status == LLM_OK) llm_client_free(client);
    }
    setenv("SSL_CERT_FILE", argv[1], 1);
    if (llm_client_new(&client, &config, &error) != LLM_OK) {
        printf("%s\n", error.message);
        return 1;
    }
    request.prompt = "echo: fine";
    (void)llm_chat(client, &request, &answer);
    printf("%s\n", answer.status == LLM_OK ? answer.content : answer.error.message);
    llm_response_free(&answer);
    llm_client_free(client);
    return 0;
}
