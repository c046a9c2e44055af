/* The library, compiled once for the whole program. With -Ibuild this is the one file that `make -C tools bundle` writes. */
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"
