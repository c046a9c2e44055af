/* LlmOpenai.cpp - the hooks of llm_openai.h for Arduino. */
#include "LlmOpenai.h"

static Client *the_client;
static bool (*the_random)(void *data, size_t len);
static long long (*the_time)(void);
static bool in_use;

void llmBegin(Client &client, bool (*fill_random)(void *data, size_t len), long long (*unix_time)(void)) {
    the_client = &client;
    the_random = fill_random;
    the_time = unix_time;
}

extern "C" {

int llm_arduino_open(const char *host, int port) {
    if (the_client == NULL || in_use || !the_client->connect(host, (uint16_t)port)) return 0;
    in_use = true;
    return 1;
}

long llm_arduino_send(const void *data, size_t len, int timeout_ms) {
    unsigned long from = millis();
    for (;;) {
        size_t n = the_client->write((const uint8_t *)data, len);
        if (n > 0) return (long)n;
        if (!the_client->connected()) return LLM_NET_FAILED;
        if (timeout_ms >= 0 && millis() - from >= (unsigned long)timeout_ms) return 0;
        delay(1);
    }
}

long llm_arduino_receive(void *data, size_t len, int timeout_ms) {
    unsigned long from = millis();
    while (the_client->available() <= 0) {
        if (!the_client->connected()) return the_client->available() > 0 ? 0 : LLM_NET_CLOSED;
        if (timeout_ms >= 0 && millis() - from >= (unsigned long)timeout_ms) return 0;
        delay(1);
    }
    int n = the_client->read((uint8_t *)data, len);
    return n > 0 ? n : LLM_NET_FAILED;
}

void llm_arduino_close(int *open) {
    if (*open != 1) return;
    the_client->stop();
    in_use = false;
    *open = 0;
}

uint64_t llm_arduino_now(void) {
    static unsigned long last, high;
    unsigned long now = millis();
    if (now < last) high++;              /* it wraps after 49 days */
    last = now;
    return (uint64_t)high << 32 | now;
}

int64_t llm_arduino_time(void) {
    return the_time != NULL ? the_time() : 0;
}

void llm_arduino_sleep(int ms) {
    delay((unsigned long)ms);
}

int llm_arduino_random(void *data, size_t len) {
    return the_random != NULL && the_random(data, len);
}

}
