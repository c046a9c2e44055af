// Chat.ino - one streamed answer, printed as it comes. Not run on hardware: written for boards with an Ethernet or WiFi
// library, some 100 kB of flash and 45 kB of RAM to spare.
#include <LlmOpenai.h>
#include "board.h"   // yours: EthernetClient or WiFiClient `network`, boardBegin(), boardRandom(), boardTime(), ROOTS, KEY, URL

static char memory[36000];   // all memory of the library

static int onEvent(void *, const llm_event *event) {
    if (event->kind == LLM_EVENT_TEXT) Serial.write((const uint8_t *)event->text, event->len);
    return 0;
}

void setup() {
    Serial.begin(115200);
    boardBegin();
    llmBegin(network, boardRandom, boardTime);

    llm_config config = llm_config_init();
    config.api_key = KEY;
    config.base_url = URL;
    config.model = "gpt-6-luna";
    config.ca_pem = ROOTS;           // the CA certificates that you trust, as PEM text
    config.memory = memory;
    config.memory_size = sizeof memory;
    config.tls_out_size = 597;       // requests go out in records of 512 bytes

    llm_client *client;
    static llm_error error;          // large: not on the stack
    if (llm_client_new(&client, &config, &error) != LLM_OK) {
        Serial.println(error.message);
        return;
    }
    llm_request request = llm_request_init();
    request.prompt = "Why is the sky blue?";
    static llm_response response;
    if (llm_chat_stream(client, &request, onEvent, NULL, &response) != LLM_OK) Serial.print(response.error.message);
    Serial.println("");
    llm_response_free(&response);
    llm_client_free(client);
}

void loop() {
}
