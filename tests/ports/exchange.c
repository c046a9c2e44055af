/* exchange.c BASE_URL CA_FILE [NAME] - a chat, a streamed chat and a tool loop over one connection, against
   build/mock_server; says what came. C99 and C++11, so that every compiler and every way to include can be given it:
     -DEXCHANGE_IMPLEMENTATION   the file holds the implementation
     -DEXCHANGE_STATIC           ... with every function static
     -DEXCHANGE_PEM              the library reads no files: CA_FILE is read here
     -DEXCHANGE=name             the function is called so, and there is no main() */
#if defined(EXCHANGE_STATIC)
#define LLM_OPENAI_STATIC
#endif
#if defined(EXCHANGE_STATIC) || defined(EXCHANGE_IMPLEMENTATION)
#define LLM_OPENAI_IMPLEMENTATION
#endif
#include "llm_openai.h"
#include <stdio.h>

#ifndef EXCHANGE
#define EXCHANGE exchange
#define EXCHANGE_MAIN
#endif
#ifdef __cplusplus
extern "C" {
#endif
int EXCHANGE(const char *url, const char *ca_file);

static llm_status read_sensor(void *user, const llm_tool_call *call, llm_text *result) {
    char room[16];
    ++*(int *)user;
    if (llm_json_string(call->arguments, "/room", room, sizeof room) != LLM_OK) return LLM_ERR_USAGE;
    return llm_text_addf(result, "{\"room\":%q,\"celsius\":%d}", room, 21);
}

static int print_text(void *user, const llm_event *event) {
    ++*(int *)user;
    if (event->kind == LLM_EVENT_TEXT) printf("%.*s", (int)event->len, event->text);
    return 0;
}
#ifdef __cplusplus
}
#endif

static int over(const char *what, llm_status status, llm_response *response, int times) {
    if (status == LLM_OK) {
        printf("\n%s: %d%s %d requests\n", what, (int)response->finish_reason, times > 0 ? " and called," : ",",
               response->iterations);
    } else {
        printf("%s: %s: %s\n", what, llm_status_name(status), response->error.message);
    }
    llm_response_free(response);
    return status != LLM_OK;
}

int EXCHANGE(const char *url, const char *ca_file) {
    static const char room[] = "{\"type\":\"object\",\"properties\":{\"room\":{\"enum\":[\"hall\"]}}}";
    llm_config config = llm_config_init();
    llm_request request = llm_request_init();
    llm_client *client;
    llm_response response;
    llm_error error;
    llm_tool tool = {"read_sensor", "The temperature of a room.", room, 0, read_sensor, NULL};
    llm_status status;
    int calls = 0, events = 0, failed;
    config.api_key = "key-of-the-exchange";
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
    config.model = "gpt-4o-mini";
    if (llm_client_new(&client, &config, &error) != LLM_OK) {
        printf("%s: %s\n", llm_status_name(error.status), error.message);
        return 1;
    }
    request.prompt = "echo: an answer in one piece";
    status = llm_chat(client, &request, &response);
    if (status == LLM_OK) printf("%s", response.content);
    failed = over("chat", status, &response, 0);

    request.prompt = "count to 5";
    status = llm_chat_stream(client, &request, print_text, &events, &response);
    failed |= over("stream", status, &response, events);

    tool.user = &calls;
    request.prompt = "How warm is the hall?";
    request.tools = &tool;
    request.tool_count = 1;
    status = llm_chat_with_tools(client, &request, 0, print_text, &events, &response);
    failed |= over("tools", status, &response, calls);
    llm_client_free(client);
    return failed;
}

#ifdef EXCHANGE_MAIN
int main(int argc, char **argv) {
    return argc < 3 ? 2 : EXCHANGE(argv[1], argv[2]);
}
#endif
