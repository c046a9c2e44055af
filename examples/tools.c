/* tools.c: the model reads a sensor and sets the heating; the library runs the loop.

       cc -std=c99 -Os -I../build tools.c llm_openai.c -o tools
       OPENAI_API_KEY=... ./tools */
#include "llm_openai.h"
#include <stdio.h>
#include <stdlib.h>

/* A handler gets the arguments as JSON and writes what the model is to read. Another status than LLM_OK tells the model
   that the tool failed, with the text as the reason. */
static llm_status read_temperature(void *user, const llm_tool_call *call, llm_text *result) {
    char room[32];
    if (llm_json_string(call->arguments, "/room", room, sizeof room) != LLM_OK) return LLM_ERR_USAGE;
    llm_text_addf(result, "{\"room\":%q,\"celsius\":", room);
    llm_text_add_number(result, *(double *)user);
    return llm_text_add(result, "}");
}

static llm_status set_heating(void *user, const llm_tool_call *call, llm_text *result) {
    (void)user;
    double celsius;
    if (llm_json_number(call->arguments, "/celsius", &celsius) != LLM_OK || celsius < 5 || celsius > 25) {
        llm_text_add(result, "celsius must be a number from 5 to 25");
        return LLM_ERR_USAGE;
    }
    return llm_text_add(result, "{\"ok\":true}");
}

static int on_event(void *user, const llm_event *e) {
    (void)user;
    if (e->kind == LLM_EVENT_TEXT) fwrite(e->text, 1, e->len, stdout);
    if (e->kind == LLM_EVENT_TOOL_CALL) printf("-> %s %s\n", e->tool_call->name, e->tool_call->arguments);
    if (e->kind == LLM_EVENT_TOOL_RESULT) printf("<- %s %.*s\n", e->tool_call->name, (int)e->len, e->text);
    return fflush(stdout);
}
