/* t_wrap.h - the functions that take a key or a prompt, or give something back, as the suites call them: t_canary.h says
   what is noted and looked for. After llm_openai.h. */
#ifndef T_WRAP_H
#define T_WRAP_H

static inline void t_check_error(const llm_error *e, const char *where) {
    if (e == NULL) return;
    t_no_key_n((const char *)e, sizeof *e, T_PART, where);
}

static inline void t_no_answer_in_log(const char *s) {
    if (s != NULL) t_no_answer_in_log_n(s, strlen(s), 0);
}

static inline void t_check_calls(const llm_tool_call *calls, size_t n, const char *where) {
    size_t i;
    for (i = 0; calls != NULL && i < n; i++) {
        t_no_key_s(calls[i].id, where);
        t_no_key_s(calls[i].name, where);
        t_no_key_s(calls[i].arguments, where);
        t_no_answer_in_log(calls[i].arguments);
    }
}

static inline void t_check_response(const llm_response *r) {
    size_t i;
    if (r == NULL) return;
    t_check_error(&r->error, "a response's error");
    t_no_key_s(r->id, "a response's id");
    t_no_key_s(r->model, "a response's model");
    t_no_key_s(r->request_id, "a response's request_id");
    for (i = 0; i < r->choice_count; i++) {
        t_no_key_s(r->choices[i].content, "a response's content");
        t_no_key_s(r->choices[i].reasoning, "a response's reasoning");
        t_no_key_s(r->choices[i].refusal, "a response's refusal");
        t_no_answer_in_log(r->choices[i].content);
        t_no_answer_in_log(r->choices[i].reasoning);
        t_no_answer_in_log(r->choices[i].refusal);
        t_check_calls(r->choices[i].tool_calls, r->choices[i].tool_call_count, "a response's tool call");
    }
}

static inline void t_check_event(const llm_event *ev) {
    t_no_key(ev->text, ev->text != NULL ? ev->len : 0, "an event's text");
    if (ev->tool_call != NULL) t_check_calls(ev->tool_call, 1, "an event's tool call");
    t_check_error(ev->error, "an event's error");
    t_note_said(ev->text, ev->text != NULL ? ev->len : 0);
    if (ev->kind == LLM_EVENT_TOOL_RESULT) t_note_prompt_n(ev->text, ev->text != NULL ? ev->len : 0);
}

static inline void t_note_message(const llm_message *m) {
    size_t i;
    t_note_prompt(m->content);
    t_note_prompt(m->content_json);
    for (i = 0; m->tool_calls != NULL && i < m->tool_call_count; i++) t_note_prompt(m->tool_calls[i].arguments);
}

static inline void t_note_request(const llm_request *q) {
    size_t i;
    if (q == NULL) return;
    t_note_prompt(q->prompt);
    t_note_prompt(q->system);
    for (i = 0; q->messages != NULL && i < q->message_count; i++) t_note_message(&q->messages[i]);
    for (i = 0; q->conversation != NULL && i < q->conversation->count; i++) t_note_message(&q->conversation->list[i].m);
}

static inline llm_status t_client_new(llm_client **out, const llm_config *config, llm_error *error) {
    static const char *const proxies[] = {"https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"};
    llm_status s;
    size_t i;
    if (config != NULL) {
        t_note_key(config->api_key != NULL ? config->api_key : LLM_GETENV(config->hook_ctx, "OPENAI_API_KEY"));
        t_note_proxy(config->proxy);
        for (i = 0; config->proxy == NULL && i < sizeof proxies / sizeof proxies[0]; i++) {
            t_note_proxy(LLM_GETENV(config->hook_ctx, proxies[i]));
        }
    }
    s = llm_client_new(out, config, error);
    if (s != LLM_OK) t_check_error(error, "the error of llm_client_new()");
    return s;
}

static inline llm_status t_set_key(llm_client *client, const char *key) {
    llm_status s;
    t_note_key(key);
    s = llm_client_set_key(client, key);
    if (s != LLM_OK && client != NULL) t_check_error(llm_last_error(client), "the error of llm_client_set_key()");
    return s;
}

static inline const llm_error *t_last_error(const llm_client *client) {
    const llm_error *e = llm_last_error(client);
    t_check_error(e, "llm_last_error()");
    return e;
}

typedef struct t_listener { llm_event_fn fn; void *user; } t_listener;

static inline int t_on_event(void *user, const llm_event *ev) {
    const t_listener *l = (const t_listener *)user;
    t_check_event(ev);
    return l->fn(l->user, ev);
}

static inline llm_status t_chat(llm_client *client, const llm_request *q, llm_response *out) {
    llm_status s;
    t_note_request(q);
    s = llm_chat(client, q, out);
    t_check_response(out);
    return s;
}

static inline llm_status t_chat_stream(llm_client *client, const llm_request *q, llm_event_fn fn, void *user, llm_response *out) {
    t_listener l;
    llm_status s;
    l.fn = fn;
    l.user = user;
    t_note_request(q);
    s = llm_chat_stream(client, q, fn != NULL ? t_on_event : NULL, fn != NULL ? (void *)&l : user, out);
    t_check_response(out);
    return s;
}

static inline llm_status t_chat_with_tools(llm_client *client, const llm_request *q, int most, llm_event_fn fn, void *user,
                                           llm_response *out) {
    t_listener l;
    llm_status s;
    size_t i;
    l.fn = fn;
    l.user = user;
    t_note_request(q);
    s = llm_chat_with_tools(client, q, most, fn != NULL ? t_on_event : NULL, fn != NULL ? (void *)&l : user, out);
    for (i = 0; q != NULL && q->conversation != NULL && i < q->conversation->count; i++) {
        t_no_answer_in_log(q->conversation->list[i].m.content);    /* the tools' results too */
    }
    t_check_response(out);
    return s;
}

static inline llm_status t_start(llm_client *client, const llm_request *q, llm_call **out) {
    t_note_request(q);
    return llm_start(client, q, out);
}

static inline llm_status t_start_with_tools(llm_client *client, const llm_request *q, int most, llm_call **out) {
    t_note_request(q);
    return llm_start_with_tools(client, q, most, out);
}

static inline llm_status t_next(llm_call *call, llm_event *ev, int ms) {
    llm_status s = llm_next(call, ev, ms);
    if (s == LLM_OK && ev != NULL) t_check_event(ev);
    return s;
}

static inline llm_status t_finish(llm_call *call, llm_response *out) {
    llm_status s = llm_finish(call, out);
    t_check_response(out);
    return s;
}

#define llm_client_new       t_client_new
#define llm_client_set_key   t_set_key
#define llm_last_error       t_last_error
#define llm_chat             t_chat
#define llm_chat_stream      t_chat_stream
#define llm_chat_with_tools  t_chat_with_tools
#define llm_start            t_start
#define llm_start_with_tools t_start_with_tools
#define llm_next             t_next
#define llm_finish           t_finish
#endif
