/* test_conversation.c - conversations own their messages; an add that fails changes nothing; only the tool loop
   appends. */
#include "script.h"

static void test_adds(void) {
    llm_client *c;
    llm_conversation *v;
    llm_request r = llm_request_init();
    llm_response o;
    char text[8] = "one";
    int i;
    sc_reset();
    sc_conn();
    sc_answer(200, "",
              "{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"function\":{\"name\":"
              "\"f\",\"arguments\":"
              "\"{\\\"a\\\":1}\"}}]},\"finish_reason\":\"tool_calls\"}]}");
    sc_answer(200, "", SC_OK_JSON("done"));
    sc_answer(200, "", SC_OK_JSON("done"));
    c = sc_client(NULL);
    CHECK_INT(llm_conversation_new(c, &v), LLM_OK);
    CHECK_INT(llm_conversation_add(v, LLM_SYSTEM, "be brief"), LLM_OK);
    CHECK_INT(llm_conversation_add(v, LLM_USER, text), LLM_OK);
    strcpy(text, "two"); /* it has its own copy */
    r.conversation = v;
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
    CHECK_STR(sc.req[0].body,
              "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},{\"role\":\"user\","
              "\"content\":\"one\"}]}");
    CHECK_INT(llm_conversation_add_response(v, &o), LLM_OK);
    llm_response_free(&o); /* of the response too */
    CHECK_INT(llm_conversation_add_tool_result(v, "c1", "7"), LLM_OK);
    r.prompt = "and now?";
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
    CHECK_STR(sc.req[1].body,
              "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},{\"role\":\"user\","
              "\"content\":\"one\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":"
              "\"function\",\"function\":"
              "{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}]},{\"role\":\"tool\",\"content\":\"7\",\"tool_call_"
              "id\":\"c1\"},"
              "{\"role\":\"user\",\"content\":\"and now?\"}]}");
    llm_response_free(&o);
    r.prompt = NULL;
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK); /* llm_chat() has added nothing */
    CHECK(strstr(sc.req[2].body, "and now?") == NULL);
    llm_response_free(&o);
    for (i = 0; i < 100; i++) CHECK_INT(llm_conversation_add(v, i & 1 ? LLM_USER : LLM_DEVELOPER, "more"), LLM_OK);
    llm_conversation_free(v);
    llm_conversation_free(NULL);
    llm_client_free(c);
    CHECK_INT(t_live, 0);
}

static void test_wrong_use(void) {
    llm_client *c;
    llm_conversation *v = NULL;
    llm_response o;
    llm_request r = llm_request_init();
    sc_reset();
    c = sc_client(NULL);
    CHECK_INT(llm_conversation_new(NULL, &v), LLM_ERR_USAGE);
    CHECK_INT(llm_conversation_new(c, NULL), LLM_ERR_USAGE);
    CHECK_INT(llm_conversation_new(c, &v), LLM_OK);
    CHECK_INT(llm_conversation_add(NULL, LLM_USER, "x"), LLM_ERR_USAGE);
    CHECK_INT(llm_conversation_add(v, LLM_USER, NULL), LLM_ERR_USAGE);
    CHECK_INT(llm_conversation_add(v, LLM_TOOL, "x"), LLM_ERR_USAGE); /* needs an id */
    CHECK_INT(llm_conversation_add(v, (llm_role)77, "x"), LLM_ERR_USAGE);
    CHECK_INT(llm_last_error(c)->status, LLM_ERR_USAGE);
    CHECK(strstr(llm_last_error(c)->message, "llm_conversation_add") != NULL);
    CHECK_INT(llm_conversation_add_tool_result(v, NULL, "x"), LLM_ERR_USAGE);
    CHECK_INT(llm_conversation_add_tool_result(v, "c", NULL), LLM_ERR_USAGE);
    CHECK_INT(llm_conversation_add_response(v, NULL), LLM_ERR_USAGE);
    memset(&o, 0, sizeof o);
    CHECK_INT(llm_conversation_add_response(v, &o), LLM_ERR_USAGE);
    CHECK_INT(v->count, 0);
    r.conversation = v;
    CHECK_INT(llm_chat(c, &r, &o), LLM_ERR_USAGE); /* an empty one is no message */
    llm_response_free(&o);
    llm_conversation_free(v);
    llm_client_free(c);
    CHECK_INT(t_live, 0);
}

/* promise 4: an add that fails changes nothing. */
static void test_failing_adds(void) {
    long at;
    int which;
    for (which = 0; which < 3; which++) {
        for (at = 1; at < 40; at++) {
            llm_client *c;
            llm_conversation *v;
            llm_response o;
            llm_tool_call tc;
            llm_status s;
            size_t before;
            int i;
            sc_reset();
            memset(&o, 0, sizeof o);
            memset(&tc, 0, sizeof tc);
            tc.id = "c";
            tc.name = "f";
            tc.arguments = "{}";
            o.content = "x";
            o.tool_calls = &tc;
            o.tool_call_count = 1;
            c = sc_client(NULL);
            CHECK_INT(llm_conversation_new(c, &v), LLM_OK);
            for (i = 0; i < 8; i++) CHECK_INT(llm_conversation_add(v, LLM_USER, "x"), LLM_OK);
            before = v->count;
            t_allocs = 0;
            t_fail_at = at;
            s = which == 0   ? llm_conversation_add(v, LLM_USER, "y")
                : which == 1 ? llm_conversation_add_response(v, &o)
                             : llm_conversation_add_tool_result(v, "c", "y");
            t_fail_at = 0;
            if (s != LLM_OK) {
                CHECK_INT(s, LLM_ERR_MEMORY);
                CHECK_INT(llm_last_error(c)->status, LLM_ERR_MEMORY);
                CHECK_INT(v->count, before);
                CHECK_INT(llm_conversation_add(v, LLM_USER, "z"), LLM_OK);
                CHECK_STR(v->list[before].m.content, "z");
            }
            llm_conversation_free(v);
            llm_client_free(c);
            CHECK_INT(t_live, 0);
            if (s == LLM_OK) break;
        }
        CHECK(at > 1 && at < 40);
    }
}

int main(void) {
    test_adds();
    test_wrong_use();
    test_failing_adds();
    sc_reset();
    return t_done();
}
