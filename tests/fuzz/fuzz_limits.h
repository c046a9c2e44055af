/* Small limits, so that inputs of a few kilobytes pass them. */
#define LLM_MAX_HEAD 1536
#define LLM_MAX_HEADERS 20
#define LLM_MAX_BODY ((size_t)8192)
#define LLM_MAX_EVENT ((size_t)2048)
#define LLM_MAX_TEXT ((size_t)1500)
#define LLM_MAX_REQUEST ((size_t)16384)
#define LLM_MAX_JSON_DEPTH 16
#define LLM_MAX_CHOICES 3
#define LLM_MAX_TOOL_CALLS 4
#define LLM_READ_SIZE 700
