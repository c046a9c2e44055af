/* The library with this board's hooks. */
#include "board.h"
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"

/* lwip_hooks.c stands on its own: the results that it returns are these */
typedef char lwip_hooks_are_right[LLM_NET_CLOSED == -1 && LLM_NET_FAILED == -2 && LLM_NET_REFUSED == -3 &&
                                  LLM_NET_NO_HOST == -4 ? 1 : -1];
