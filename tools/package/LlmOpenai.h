/* LlmOpenai.h - llm_openai.h for Arduino: include this one. */
#ifndef LLM_OPENAI_ARDUINO_H
#define LLM_OPENAI_ARDUINO_H
#include <Arduino.h>
#include <Client.h>
#include "llm_openai.h"

/* Before llm_client_new(). client is one that does no TLS (EthernetClient, WiFiClient): TLS is the library's. One
   connection is open at a time. fill_random fills all of it from a cryptographic source and returns true: a sum of
   analogRead() is none. unix_time gives the seconds since 1970; NULL = there is no clock, set config.no_clock. */
void llmBegin(Client &client, bool (*fill_random)(void *data, size_t len), long long (*unix_time)(void));
#endif
