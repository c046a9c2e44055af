/* log_guard.h - for small programs that stand outside the suites: LLM_LOG ends the program when a line holds eight
   consecutive characters of KEY, or PROMPT. Stands before the implementation. LOG_GUARD_STOP() is what it does then, for
   programs that have no abort(). */
#include <string.h>
#ifndef LOG_GUARD_STOP
#include <stdlib.h>
#define LOG_GUARD_STOP() abort()
#endif

#define KEY "sk-of-the-wild-geese-4711"
#define PROMPT "how do geese find their way?"

static int log_holds(const char *p, size_t n, const char *what, size_t len) {
    size_t i;
    for (i = 0; i + len <= n; i++) {
        if (memcmp(p + i, what, len) == 0) return 1;
    }
    return 0;
}

static void log_line(const char *p, size_t n) {
    size_t i;
    for (i = 0; i + 8 <= strlen(KEY); i++) {
        if (log_holds(p, n, &KEY[i], 8)) LOG_GUARD_STOP();
    }
    if (log_holds(p, n, PROMPT, strlen(PROMPT))) LOG_GUARD_STOP();
}
#define LLM_LOG(ctx, level, p, n) ((void)(ctx), (void)(level), log_line((p), (n)))
