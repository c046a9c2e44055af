/* The library, compiled once for the whole program. */
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"
