/* unwritten.h - put before a suite (-include) that is built with -fsanitize=memory, or with -DT_VALGRIND for valgrind.
   t.h fills new memory with 0xA5, which counts as written; here it is unwritten again, so that reading it is found. */
#define T_NO_MEMORY_HOOKS
#ifdef T_VALGRIND
  #include <valgrind/memcheck.h>
  #define T_UNWRITTEN(p, n) VALGRIND_MAKE_MEM_UNDEFINED((p), (n))
#else
  #include <sanitizer/msan_interface.h>
  #define T_UNWRITTEN(p, n) __msan_poison((p), (n))
#endif
#include <stddef.h>

static inline void *t_unwritten(void *p, size_t from, size_t n) {
    if (p && n > from) T_UNWRITTEN((char *)p + from, n - from);
    return p;
}

#define LLM_MALLOC(ctx, n) ((void)(ctx), t_unwritten(t_malloc(n), 0, (n)))
#define LLM_REALLOC(ctx, p, old, n) ((void)(ctx), t_unwritten(t_realloc((p), (old), (n)), (old), (n)))
#define LLM_FREE(ctx, p, n) ((void)(ctx), t_free((p), (n)))
