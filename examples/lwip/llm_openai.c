/* The library with this board's hooks. */
#include "board.h"
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"
