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

/* What all that is allocated together may come to, however much a server sends: the structures, what was read, a head,
   an event and its larger copy, the texts of an answer with the same and what they are read into. A loop over tools holds
   its conversation besides, which is no longer than a request, and its larger copy; TLS its two buffers. */
#ifdef FUZZ_TLS
#define FUZZ_MEMORY_TLS ((size_t)32 * 1024)
#else
#define FUZZ_MEMORY_TLS ((size_t)0)
#endif
#ifdef FUZZ_LOOP
#define FUZZ_MEMORY_LOOP (2 * LLM_MAX_REQUEST)
#else
#define FUZZ_MEMORY_LOOP ((size_t)0)
#endif
#define FUZZ_MEMORY ((size_t)8192 + LLM_READ_SIZE + LLM_MAX_HEAD + 2 * LLM_MAX_EVENT + 3 * LLM_MAX_TEXT \
    + FUZZ_MEMORY_TLS + FUZZ_MEMORY_LOOP)
