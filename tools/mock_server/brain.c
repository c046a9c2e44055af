/* The built-in answers: what the API would say, from a server that has no model. Requests are checked as the
   API does it. */
#define _POSIX_C_SOURCE 200809L
#include "server.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- pieces of answers, also used by scripts ---- */

void api_error(buf *out, const char *message, const char *type, const char *param, const char *code) {
    buf_str(out, "{\n  \"error\": {\n    \"message\": ");
    buf_json(out, message, strlen(message));
    buf_fmt(out, ",\n    \"type\": \"%s\",\n    \"param\": ", type);
    if (param)
        buf_json(out, param, strlen(param));
    else
        buf_str(out, "null");
    buf_str(out, ",\n    \"code\": ");
    if (code)
        buf_json(out, code, strlen(code));
    else
        buf_str(out, "null");
    buf_str(out, "\n  }\n}\n");
}

static void chunk_head(buf *out, const chunk_meta *m) {
    buf_fmt(out, "{\"id\":\"%s\",\"object\":\"chat.completion.chunk\",\"created\":%ld,\"model\":", m->id,
            m->created);
    buf_json(out, m->model, strlen(m->model));
    buf_str(out, ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_mock\",");
}

void chat_chunk(buf *out, const chunk_meta *m, int index, const char *delta, const char *finish) {
    static const char pad[] = "iVBu7ZqQ0aXkT2";
    chunk_head(out, m);
    buf_fmt(out, "\"choices\":[{\"index\":%d,\"delta\":", index);
    buf_str(out, delta);
    buf_str(out, ",\"logprobs\":null,\"finish_reason\":");
    if (finish)
        buf_json(out, finish, strlen(finish));
    else
        buf_str(out, "null");
    buf_str(out, "}]");
    if (m->usage_null) buf_str(out, ",\"usage\":null");
    if (m->obfuscate) buf_fmt(out, ",\"obfuscation\":\"%s\"", pad + strlen(delta) % (sizeof pad - 4));
    buf_str(out, "}");
}

static void usage_json(buf *out, const usage *u) {
    buf_fmt(out, "{\"prompt_tokens\":%ld,\"completion_tokens\":%ld,\"total_tokens\":%ld,", u->prompt,
            u->completion, u->prompt + u->completion);
    buf_fmt(out, "\"prompt_tokens_details\":{\"cached_tokens\":%ld,\"audio_tokens\":0},", u->cached);
    buf_str(out, "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,"
                 "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}");
}

void chat_usage_chunk(buf *out, const chunk_meta *m, const usage *u) {
    chunk_head(out, m);
    buf_str(out, "\"choices\":[],\"usage\":");
    usage_json(out, u);
    if (m->obfuscate) buf_str(out, ",\"obfuscation\":\"\"");
    buf_str(out, "}");
}

/* ---- refusing requests ---- */

static int refuse(brain *b, int status, const char *param, const char *code, const char *message) {
    if (b->status) return 0;
    b->status = status;
    api_error(&b->body, message, "invalid_request_error", param, code);
    return 0;
}

static int bad_value(brain *b, const char *param, const char *message) {
    return refuse(b, 400, param, "invalid_value", message);
}

static int is_whole(const jnode *x) {
    return x && x->type == J_NUM && !memchr(x->text, '.', x->len) && !memchr(x->text, 'e', x->len) &&
           !memchr(x->text, 'E', x->len);
}

static int check_numbers(brain *b, const jdoc *d) {
    static const struct {
        const char *name;
        double low, high;
        int whole;
    } t[] = {{"temperature", 0, 2, 0},
             {"top_p", 0, 1, 0},
             {"frequency_penalty", -2, 2, 0},
             {"presence_penalty", -2, 2, 0},
             {"n", 1, 128, 1},
             {"max_tokens", 1, 1e9, 1},
             {"max_completion_tokens", 1, 1e9, 1},
             {"top_logprobs", 0, 20, 1},
             {"seed", -1e18, 1e18, 1}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        const jnode *x = json_get(d, d->n, t[i].name);
        char why[160];
        if (!x || x->type == J_NULL) continue;
        double v = json_num(x, 1e300);
        if (x->type != J_NUM || (t[i].whole && !is_whole(x)) || v < t[i].low || v > t[i].high) {
            snprintf(why, sizeof why, "Invalid '%s': expected %s between %g and %g.", t[i].name,
                     t[i].whole ? "an integer" : "a number", t[i].low, t[i].high);
            return bad_value(b, t[i].name, why);
        }
    }
    const jnode *old = json_get(d, d->n, "max_tokens"), *now = json_get(d, d->n, "max_completion_tokens");
    if (old && now && old->type == J_NUM && now->type == J_NUM)
        return bad_value(
            b, "max_tokens",
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.");
    return 1;
}

static int name_ok(const jnode *x) {
    if (!x || x->type != J_STR || x->len < 1 || x->len > 64) return 0;
    for (size_t i = 0; i < x->len; i++) {
        char c = x->text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
              c == '-'))
            return 0;
    }
    return 1;
}

static int check_tools(brain *b, const jdoc *d) {
    const jnode *tools = json_get(d, d->n, "tools"), *choice = json_get(d, d->n, "tool_choice");
    int any = tools && tools->type == J_ARR;
    if (tools && tools->type != J_NULL && (!any || !tools->count))
        return bad_value(b, "tools", "Invalid 'tools': expected a non-empty array.");
    for (const jnode *t = any ? json_child(d, tools) : NULL; t; t = json_next(d, t)) {
        const jnode *f = json_get(d, t, "function");
        if (json_is(json_get(d, t, "type"), "custom")) continue;
        if (!json_is(json_get(d, t, "type"), "function"))
            return bad_value(b, "tools[].type", "Invalid 'tools[].type': expected 'function' or 'custom'.");
        if (!name_ok(json_get(d, f, "name")))
            return bad_value(b, "tools[].function.name",
                             "Invalid 'tools[].function.name': 1 to 64 letters, digits, '_' or '-'.");
        const jnode *p = json_get(d, f, "parameters");
        if (p && p->type != J_OBJ && p->type != J_NULL)
            return bad_value(b, "tools[].function.parameters",
                             "Invalid schema for function: expected an object.");
    }
    if (choice && choice->type != J_NULL && !any)
        return bad_value(b, "tool_choice", "'tool_choice' is only allowed when 'tools' are specified.");
    return 1;
}

static int check_content(brain *b, const jdoc *d, const jnode *m, int may_be_null) {
    const jnode *c = json_get(d, m, "content");
    if (!c || c->type == J_NULL)
        return may_be_null ? 1
                           : refuse(b, 400, "messages.[].content", NULL,
                                    "Invalid value for 'content': expected a string, got null.");
    if (c->type == J_STR) return 1;
    if (c->type != J_ARR || !c->count)
        return refuse(b, 400, "messages.[].content", NULL,
                      "Invalid type for 'messages[].content': expected a string or an array of objects.");
    for (const jnode *p = json_child(d, c); p; p = json_next(d, p)) {
        const jnode *type = json_get(d, p, "type");
        if (!type || type->type != J_STR)
            return refuse(b, 400, "messages.[].content.[].type", NULL,
                          "Missing required parameter: 'messages[].content[].type'.");
        if (json_is(type, "text") && !json_get(d, p, "text"))
            return refuse(b, 400, "messages.[].content.[].text", NULL,
                          "Missing required parameter: 'messages[].content[].text'.");
    }
    return 1;
}

static int check_calls(brain *b, const jdoc *d, const jnode *calls) {
    if (calls->type != J_ARR || !calls->count)
        return bad_value(b, "messages.[].tool_calls", "Invalid 'messages[].tool_calls': empty array.");
    for (const jnode *c = json_child(d, calls); c; c = json_next(d, c)) {
        const jnode *id = json_get(d, c, "id"), *f = json_get(d, c, "function"),
                    *a = json_get(d, f, "arguments");
        if (!id || id->type != J_STR || !id->len)
            return bad_value(b, "messages.[].tool_calls.[].id",
                             "Missing required parameter: 'messages[].tool_calls[].id'.");
        if (!json_is(json_get(d, c, "type"), "function"))
            return bad_value(b, "messages.[].tool_calls.[].type",
                             "Missing required parameter: 'messages[].tool_calls[].type'.");
        if (!name_ok(json_get(d, f, "name")))
            return bad_value(b, "messages.[].tool_calls.[].function.name",
                             "Invalid 'messages[].tool_calls[].function.name'.");
        if (!a || a->type != J_STR)
            return bad_value(
                b, "messages.[].tool_calls.[].function.arguments",
                "Invalid type for 'messages[].tool_calls[].function.arguments': expected a string.");
    }
    return 1;
}

static int has_call(const jdoc *d, const jnode *calls, const jnode *id) {
    for (const jnode *c = json_child(d, calls); c; c = json_next(d, c)) {
        const jnode *x = json_get(d, c, "id");
        if (x && id && x->len == id->len && !memcmp(x->text, id->text, id->len)) return 1;
    }
    return 0;
}

/* Each call of an assistant turn has to be answered by the tool messages right behind it, and only those. */
static int check_answers(brain *b, const jdoc *d, const jnode *m) {
    const jnode *calls = json_get(d, m, "tool_calls");
    for (const jnode *c = json_child(d, calls); c; c = json_next(d, c)) {
        const jnode *id = json_get(d, c, "id");
        int found = 0;
        for (const jnode *t = json_next(d, m); t && json_is(json_get(d, t, "role"), "tool");
             t = json_next(d, t)) {
            const jnode *x = json_get(d, t, "tool_call_id");
            found |= x && x->type == J_STR && x->len == id->len && !memcmp(x->text, id->text, id->len);
        }
        if (!found)
            return refuse(b, 400, "messages", NULL,
                          "An assistant message with 'tool_calls' must be followed by tool messages "
                          "responding to each 'tool_call_id'.");
    }
    return 1;
}

static int check_message(brain *b, const jdoc *d, const jnode *m, const jnode **calls) {
    const jnode *role = json_get(d, m, "role"), *tc = json_get(d, m, "tool_calls");
    if (m->type != J_OBJ)
        return refuse(b, 400, "messages.[]", "invalid_type",
                      "Invalid type for 'messages[]': expected an object.");
    if (!role)
        return refuse(b, 400, "messages.[].role", "missing_required_parameter",
                      "Missing required parameter: 'messages[].role'.");
    if (json_is(role, "tool")) {
        const jnode *id = json_get(d, m, "tool_call_id");
        if (!id || id->type != J_STR)
            return refuse(b, 400, "messages.[].tool_call_id", "missing_required_parameter",
                          "Missing required parameter: 'messages[].tool_call_id'.");
        if (!*calls || !has_call(d, *calls, id))
            return refuse(b, 400, "messages.[].role", NULL,
                          "Invalid parameter: messages with role 'tool' must be a response to a preceding "
                          "message with 'tool_calls'.");
        return check_content(b, d, m, 0);
    }
    *calls = NULL;
    if (json_is(role, "assistant")) {
        if (tc && tc->type != J_NULL) {
            if (!check_calls(b, d, tc) || !check_answers(b, d, m)) return 0;
            *calls = tc;
        }
        return check_content(b, d, m, tc != NULL || json_get(d, m, "refusal") != NULL);
    }
    if (!json_is(role, "user") && !json_is(role, "system") && !json_is(role, "developer"))
        return refuse(b, 400, "messages.[].role", "invalid_value",
                      "Invalid value for 'messages[].role'. Supported values are: 'system', 'assistant', "
                      "'user', 'tool', and 'developer'.");
    return check_content(b, d, m, 0);
}

static int check_request(brain *b, const jdoc *d) {
    const jnode *root = d->n, *model = json_get(d, root, "model"), *messages = json_get(d, root, "messages");
    const jnode *stream = json_get(d, root, "stream"), *options = json_get(d, root, "stream_options"),
                *calls = NULL;
    if (root->type != J_OBJ) return refuse(b, 400, NULL, NULL, "Invalid type: expected an object.");
    if (!model) return refuse(b, 400, NULL, NULL, "you must provide a model parameter");
    if (model->type != J_STR || !model->len)
        return bad_value(b, "model", "Invalid type for 'model': expected a non-empty string.");
    if (json_is(model, "no-such-model"))
        return refuse(b, 404, NULL, "model_not_found",
                      "The model `no-such-model` does not exist or you do not have access to it.");
    if (!messages)
        return refuse(b, 400, "messages", "missing_required_parameter",
                      "Missing required parameter: 'messages'.");
    if (messages->type != J_ARR || !messages->count)
        return refuse(b, 400, "messages", "empty_array",
                      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an "
                      "empty array instead.");
    if (stream && stream->type != J_TRUE && stream->type != J_FALSE && stream->type != J_NULL)
        return refuse(b, 400, "stream", "invalid_type", "Invalid type for 'stream': expected a boolean.");
    if (options && options->type != J_NULL && (!stream || stream->type != J_TRUE))
        return bad_value(b, "stream_options",
                         "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
    if (!check_numbers(b, d) || !check_tools(b, d)) return 0;
    for (const jnode *m = json_child(d, messages); m; m = json_next(d, m)) {
        if (!check_message(b, d, m, &calls)) return 0;
    }
    return 1;
}

/* ---- arguments that fit a schema ---- */

/* A word of the prompt that looks like a name: capital letter, not the first word. */
static int name_in(const char *prompt, buf *out) {
    for (const char *p = prompt; *p; p++) {
        if (p == prompt || p[-1] != ' ' || *p < 'A' || *p > 'Z') continue;
        size_t n = strcspn(p, " .,?!;:\n");
        if (n > 1) {
            buf_put(out, p, n);
            return 1;
        }
    }
    return 0;
}

/* The longest run that looks like arithmetic. */
static int sum_in(const char *prompt, buf *out) {
    size_t best = 0;
    const char *at = NULL;
    for (const char *p = prompt; *p;) {
        size_t n = strspn(p, "0123456789+-*/(). ");
        size_t first = strspn(p, " .");
        while (n > first && (p[n - 1] == ' ' || p[n - 1] == '.')) n--;
        if (n > first && n - first > best && strpbrk(p, "0123456789") < p + n) {
            best = n - first;
            at = p + first;
        }
        p += n ? n : 1;
    }
    if (best < 2 || !strpbrk(at, "0123456789")) return 0;
    buf_put(out, at, best);
    return 1;
}

static void string_for(const jdoc *d, const jnode *schema, const jnode *key, const char *prompt, buf *out) {
    const jnode *one = json_child(d, json_get(d, schema, "enum"));
    buf t = {0};
    buf_put(&t, "", 0);
    if (one && one->type == J_STR)
        json_text(one, &t);
    else if (key && key->key_len >= 8 && !memcmp(key->key, "timezone", 8))
        buf_str(&t, "UTC");
    else if (key && key->key_len >= 4 && !memcmp(key->key, "expr", 4) && sum_in(prompt, &t))
        buf_put(&t, "", 0);
    else if (!name_in(prompt, &t))
        buf_str(&t, "example");
    buf_json(out, t.p, t.len);
    buf_free(&t);
}

static void number_for(const jdoc *d, const jnode *schema, const char *prompt, buf *out) {
    const jnode *low = json_get(d, schema, "minimum");
    const char *p = strpbrk(prompt, "0123456789");
    if (p)
        buf_fmt(out, "%ld", strtol(p, NULL, 10) % 1000000);
    else if (low && low->type == J_NUM)
        buf_put(out, low->text, low->len);
    else
        buf_str(out, "1");
}

static int is_type(const jdoc *d, const jnode *schema, const char *name) {
    const jnode *t = json_get(d, schema, "type");
    if (t && t->type == J_ARR) t = json_child(d, t);
    return json_is(t, name);
}

/* Depth is bounded: deeper objects come out empty. */
static void value_for(const jdoc *d, const jnode *schema, const jnode *key, const char *prompt, int depth,
                      buf *out) {
    const jnode *props = json_get(d, schema, "properties");
    if (is_type(d, schema, "object") || props) {
        int first = 1;
        buf_str(out, "{");
        for (const jnode *x = depth < 4 ? json_child(d, props) : NULL; x; x = json_next(d, x)) {
            if (!first) buf_str(out, ",");
            first = 0;
            buf_str(out, "\"");
            buf_put(out, x->key, x->key_len);
            buf_str(out, "\":");
            value_for(d, x, x, prompt, depth + 1, out);
        }
        buf_str(out, "}");
    } else if (is_type(d, schema, "integer") || is_type(d, schema, "number"))
        number_for(d, schema, prompt, out);
    else if (is_type(d, schema, "boolean"))
        buf_str(out, "true");
    else if (is_type(d, schema, "array"))
        buf_str(out, "[]");
    else if (is_type(d, schema, "null"))
        buf_str(out, "null");
    else
        string_for(d, schema, key, prompt, out);
}

/* ---- thinking ---- */

static void message_text(const jdoc *d, const jnode *m, buf *out) {
    const jnode *c = json_get(d, m, "content");
    buf_put(out, "", 0);
    if (c && c->type == J_STR) json_text(c, out);
    for (const jnode *p = c && c->type == J_ARR ? json_child(d, c) : NULL; p; p = json_next(d, p))
        json_text(json_get(d, p, "text"), out);
}

static unsigned long serial;

static void call_add(brain *b, const jdoc *d, const jnode *tool, const char *prompt) {
    const jnode *f = json_get(d, tool, "function"), *schema = json_get(d, f, "parameters");
    brain_call *calls = mem_get((size_t)(b->call_count + 1) * sizeof *calls);
    if (b->call_count) memcpy(calls, b->calls, (size_t)b->call_count * sizeof *calls);
    free(b->calls);
    b->calls = calls;
    brain_call *c = &calls[b->call_count];
    buf t = {0}, args = {0};
    json_text(json_get(d, f, "name"), &t);
    if (schema && schema->type == J_OBJ)
        value_for(d, schema, NULL, prompt, 0, &args);
    else
        buf_str(&args, "{}");
    snprintf(c->id, sizeof c->id, "call_mock%08lx", ++serial);
    c->name = t.p;
    c->args = args.p;
    b->call_count++;
}

/* Two tools at once when two are offered; a forced function alone. */
static void call_tools(brain *b, const jdoc *d, const char *prompt) {
    const jnode *tools = json_get(d, d->n, "tools"), *choice = json_get(d, d->n, "tool_choice");
    const jnode *forced = json_get(d, json_get(d, choice, "function"), "name");
    const jnode *parallel = json_get(d, d->n, "parallel_tool_calls");
    int most = parallel && parallel->type == J_FALSE ? 1 : 2;
    if (json_is(choice, "none")) return;
    for (const jnode *t = json_child(d, tools); t && b->call_count < most; t = json_next(d, t)) {
        const jnode *name = json_get(d, json_get(d, t, "function"), "name");
        if (!name) continue;
        if (forced && (forced->len != name->len || memcmp(forced->text, name->text, name->len))) continue;
        call_add(b, d, t, prompt);
    }
}

static const jnode *call_by_id(const jdoc *d, const jnode *messages, const jnode *id) {
    for (const jnode *m = json_child(d, messages); m; m = json_next(d, m)) {
        for (const jnode *c = json_child(d, json_get(d, m, "tool_calls")); c; c = json_next(d, c)) {
            const jnode *x = json_get(d, c, "id");
            if (x && id && x->len == id->len && !memcmp(x->text, id->text, id->len)) return c;
        }
    }
    return NULL;
}

static void quote_results(const jdoc *d, const jnode *messages, const jnode *first, buf *out) {
    buf_str(out, "The tools have answered.");
    for (const jnode *m = first; m; m = json_next(d, m)) {
        const jnode *call = call_by_id(d, messages, json_get(d, m, "tool_call_id"));
        buf_str(out, " ");
        json_text(json_get(d, json_get(d, call, "function"), "name"), out);
        buf_str(out, " says: ");
        message_text(d, m, out);
        if (out->p[out->len - 1] != '.') buf_str(out, ".");
    }
}

static void say(brain *b, const jdoc *d, const jnode *last, const jnode *tools_from) {
    const jnode *messages = json_get(d, d->n, "messages"), *format = json_get(d, d->n, "response_format");
    buf prompt = {0}, out = {0};
    message_text(d, last, &prompt);
    buf_put(&out, "", 0);
    const jnode *type = json_get(d, format, "type");
    if (!strncmp(prompt.p, "echo:", 5)) {
        size_t skip = prompt.p[5] == ' ' ? 6 : 5;
        buf_put(&out, prompt.p + skip, prompt.len - skip);
    } else if (!strncmp(prompt.p, "count to ", 9)) {
        b->count_to = strtol(prompt.p + 9, NULL, 10);
    } else if (tools_from) {
        quote_results(d, messages, tools_from, &out);
    } else if (json_is(type, "json_schema")) {
        value_for(d, json_get(d, json_get(d, format, "json_schema"), "schema"), NULL, prompt.p, 0, &out);
    } else if (json_is(type, "json_object")) {
        buf_str(&out, "{\"answer\":");
        buf_json(&out, prompt.p, prompt.len);
        buf_str(&out, "}");
    } else {
        call_tools(b, d, prompt.p);
        if (!b->call_count) {
            buf_fmt(&out,
                    "Hello from the mock server. There is no model in here, but I have read your %d "
                    "message%s, and the last one was: ",
                    messages->count, messages->count == 1 ? "" : "s");
            buf_json(&out, prompt.p, prompt.len);
        }
    }
    for (long i = 1; b->count_to && !b->stream && i <= b->count_to; i++)
        buf_fmt(&out, i > 1 ? " %ld" : "%ld", i);
    b->text = out.p;
    b->text_len = out.len;
    buf_free(&prompt);
}

static void apply_stop(brain *b, const jdoc *d) {
    const jnode *stop = json_get(d, d->n, "stop");
    for (const jnode *s = stop && stop->type == J_ARR ? json_child(d, stop) : stop; s; s = json_next(d, s)) {
        buf t = {0};
        json_text(s, &t);
        char *hit = t.len && b->text ? strstr(b->text, t.p) : NULL;
        if (hit) b->text_len = (size_t)(hit - b->text);
        buf_free(&t);
        if (s == stop) break;
    }
}

/* The next piece is a word with the blank before it; long words come in parts of at most 12 bytes, never cut
   inside a character. */
static size_t piece_len(const char *p, size_t left) {
    size_t n = left && (*p == ' ' || *p == '\n') ? 1 : 0;
    while (n < left && p[n] != ' ' && p[n] != '\n') {
        int k = utf8_len((const unsigned char *)p + n, left - n);
        if (!k) k = 1;
        if (n + (size_t)k > 12) break;
        n += (size_t)k;
    }
    return n;
}

static long count_pieces(const brain *b) {
    long n = 0;
    for (size_t at = 0; at < b->text_len; n++) at += piece_len(b->text + at, b->text_len - at);
    return n;
}

/* Cuts the text after max_pieces pieces. */
static void cut_text(brain *b) {
    size_t at = 0;
    for (long n = 0; n < b->max_pieces && at < b->text_len; n++)
        at += piece_len(b->text + at, b->text_len - at);
    b->text_len = at;
}

static const char *finish_of(const brain *b, int cut) {
    return cut ? "length" : b->call_count ? "tool_calls" : "stop";
}

static void whole_choice(brain *b, int index, const char *finish) {
    buf *o = &b->body;
    buf_fmt(o,
            "%s\n    {\n      \"index\": %d,\n      \"message\": {\n        \"role\": \"assistant\",\n       "
            " \"content\": ",
            index ? "," : "", index);
    if (b->call_count)
        buf_str(o, "null");
    else
        buf_json(o, b->text, b->text_len);
    for (int i = 0; i < b->call_count; i++) {
        brain_call *c = &b->calls[i];
        buf_str(o, i ? ",\n          {" : ",\n        \"tool_calls\": [\n          {");
        buf_fmt(o,
                "\n            \"id\": \"%s\",\n            \"type\": \"function\",\n            "
                "\"function\": {\n              \"name\": ",
                c->id);
        buf_json(o, c->name, strlen(c->name));
        buf_str(o, ",\n              \"arguments\": ");
        buf_json(o, c->args, strlen(c->args));
        buf_str(o, "\n            }\n          }");
        if (i + 1 == b->call_count) buf_str(o, "\n        ]");
    }
    buf_fmt(o,
            ",\n        \"refusal\": null,\n        \"annotations\": []\n      },\n      \"logprobs\": "
            "null,\n      \"finish_reason\": \"%s\"\n    }",
            finish);
}

static void whole_answer(brain *b, int cut) {
    buf *o = &b->body;
    buf_fmt(o, "{\n  \"id\": \"%s\",\n  \"object\": \"chat.completion\",\n  \"created\": %ld,\n  \"model\": ",
            b->meta.id, b->meta.created);
    buf_json(o, b->meta.model, strlen(b->meta.model));
    buf_str(o, ",\n  \"choices\": [");
    for (int i = 0; i < b->n; i++) whole_choice(b, i, finish_of(b, cut));
    buf_str(o, "\n  ],\n  \"usage\": ");
    usage_json(o, &b->use);
    buf_str(o, ",\n  \"service_tier\": \"default\",\n  \"system_fingerprint\": \"fp_mock\"\n}\n");
}

static void chat_options(brain *b, const jdoc *d) {
    const jnode *options = json_get(d, d->n, "stream_options"), *x;
    buf t = {0};
    json_text(json_get(d, d->n, "model"), &t);
    snprintf(b->meta.model, sizeof b->meta.model, "%s", t.p);
    buf_free(&t);
    snprintf(b->meta.id, sizeof b->meta.id, "chatcmpl-mock%08lx", ++serial);
    b->meta.created = (long)time(NULL);
    x = json_get(d, d->n, "stream");
    b->stream = x && x->type == J_TRUE;
    x = json_get(d, options, "include_usage");
    b->include_usage = b->meta.usage_null = x && x->type == J_TRUE;
    x = json_get(d, options, "include_obfuscation");
    b->meta.obfuscate = !(x && x->type == J_FALSE);
    b->n = (int)json_num(json_get(d, d->n, "n"), 1);
    b->max_pieces = (long)json_num(json_get(d, d->n, "max_completion_tokens"),
                                   json_num(json_get(d, d->n, "max_tokens"), 0));
}

static void chat(brain *b, const char *body, size_t len) {
    jdoc doc, *d = &doc;
    char why[200];
    if (!json_read(d, body, len)) {
        snprintf(why, sizeof why, "We could not parse the JSON body of your request: %s at byte %lu.",
                 d->error, (unsigned long)d->at);
        refuse(b, 400, NULL, NULL, why);
    } else if (check_request(b, d)) {
        const jnode *messages = json_get(d, d->n, "messages"), *last = NULL, *tools_from = NULL;
        chat_options(b, d);
        for (const jnode *m = json_child(d, messages); m; m = json_next(d, m)) {
            buf t = {0};
            message_text(d, m, &t);
            b->use.prompt += 3 + ((long)t.len + 3) / 4;
            buf_free(&t);
            int tool = json_is(json_get(d, m, "role"), "tool");
            if (!tool)
                tools_from = NULL;
            else if (!tools_from)
                tools_from = m;
            last = m;
        }
        b->use.cached = b->use.prompt >= 1024 ? b->use.prompt / 128 * 128 : 0;
        say(b, d, last, tools_from);
        apply_stop(b, d);
        b->status = 200;
        if (!b->stream) {
            int cut = b->max_pieces && !b->call_count && count_pieces(b) > b->max_pieces;
            if (cut) cut_text(b);
            b->use.completion = (b->call_count ? 12 * b->call_count : count_pieces(b)) * b->n;
            whole_answer(b, cut);
        }
    }
    json_free(d);
}

/* ---- streaming, one event at a time, so that a long answer costs no memory ---- */

static void event(brain *b, buf *out, const char *delta, const char *finish) {
    buf_str(out, "data: ");
    chat_chunk(out, &b->meta, b->turn, delta, finish);
    buf_str(out, "\n\n");
}

/* Both steps of a call: its head, then its arguments in two parts. */
static void call_event(brain *b, buf *out) {
    brain_call *c = &b->calls[b->call_at];
    size_t n = strlen(c->args), half = n / 2;
    buf t = {0};
    while (half && ((unsigned char)c->args[half] & 0xc0) == 0x80) half--;
    buf_fmt(&t, "{\"tool_calls\":[{\"index\":%d,", b->call_at);
    if (b->call_step == 0) {
        buf_fmt(&t, "\"id\":\"%s\",\"type\":\"function\",\"function\":{\"name\":", c->id);
        buf_json(&t, c->name, strlen(c->name));
        buf_str(&t, ",\"arguments\":\"\"}}]}");
    } else {
        buf_str(&t, "\"function\":{\"arguments\":");
        if (b->call_step == 1)
            buf_json(&t, c->args, half);
        else
            buf_json(&t, c->args + half, n - half);
        buf_str(&t, "}}]}");
    }
    event(b, out, t.p, NULL);
    buf_free(&t);
}

static int more_content(const brain *b) {
    if (b->call_count) return b->call_at < b->call_count;
    if (b->max_pieces && b->pieces >= b->max_pieces) return 0;
    return b->count_to ? b->counted < b->count_to : b->at < b->text_len;
}

static void content_event(brain *b, buf *out) {
    buf t = {0};
    char word[32];
    const char *p = word;
    size_t n;
    if (b->count_to)
        n = (size_t)snprintf(word, sizeof word, b->counted ? " %ld" : "%ld", b->counted + 1);
    else {
        p = b->text + b->at;
        n = piece_len(p, b->text_len - b->at);
    }
    buf_str(&t, "{\"content\":");
    buf_json(&t, p, n);
    buf_str(&t, "}");
    event(b, out, t.p, NULL);
    buf_free(&t);
    b->use.completion++;
    if (++b->turn < b->n) return;
    b->turn = 0;
    b->pieces++;
    if (b->count_to)
        b->counted++;
    else
        b->at += n;
}

static void next_call(brain *b) {
    if (++b->call_step < 3) return;
    b->call_step = 0;
    b->use.completion += 12;
    if (++b->call_at < b->call_count || b->turn + 1 == b->n) return;
    b->call_at = 0;
    b->turn++;
}

int brain_next(brain *b, buf *out) {
    if (b->phase == 0) {
        event(b, out,
              b->call_count ? "{\"role\":\"assistant\",\"content\":null,\"refusal\":null}"
                            : "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}",
              NULL);
        if (++b->turn == b->n) b->turn = 0, b->phase = 1;
        return 1;
    }
    if (b->phase == 1 && more_content(b)) {
        if (b->call_count) {
            call_event(b, out);
            next_call(b);
        } else {
            content_event(b, out);
        }
        return 1;
    }
    if (b->phase == 1) b->turn = 0, b->phase = 2;
    if (b->phase == 2) {
        int left = b->count_to ? b->counted < b->count_to : b->at < b->text_len;
        event(b, out, "{}", finish_of(b, left && !b->call_count));
        if (++b->turn == b->n) b->phase = 3;
        return 1;
    }
    if (b->phase == 3) {
        b->phase = 4;
        if (b->include_usage) {
            buf_str(out, "data: ");
            chat_usage_chunk(out, &b->meta, &b->use);
            buf_str(out, "\n\n");
            return 1;
        }
    }
    if (b->phase == 4) {
        buf_str(out, "data: [DONE]\n\n");
        b->phase = 5;
        return 1;
    }
    return 0;
}

/* ---- the paths ---- */

static const char *const models[] = {"mock-large", "mock-mini", "gpt-4o-mini"};

static void model_json(buf *out, const char *id) {
    buf_fmt(out, "{\"id\": \"%s\", \"object\": \"model\", \"created\": 1760000000, \"owned_by\": \"mock\"}",
            id);
}

static int ends_with(const char *path, size_t n, const char *tail) {
    size_t k = strlen(tail);
    return n >= k && !memcmp(path + n - k, tail, k);
}

static void list_models(brain *b) {
    buf_str(&b->body, "{\n  \"object\": \"list\",\n  \"data\": [\n    ");
    for (int i = 0; i < 3; i++) {
        if (i) buf_str(&b->body, ",\n    ");
        model_json(&b->body, models[i]);
    }
    buf_str(&b->body, "\n  ]\n}\n");
    b->status = 200;
}

/* mock:status-NNN and the like: an error as the API words it. */
static void status_answer(brain *b, int status) {
    static const struct {
        int status;
        const char *type, *code, *text;
    } t[] = {
        {401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."},
        {402, "insufficient_quota", "insufficient_quota",
         "You exceeded your current quota, please check your plan and billing details."},
        {403, "invalid_request_error", "unsupported_country_region_territory",
         "Country, region, or territory not supported."},
        {404, "invalid_request_error", "model_not_found",
         "The model does not exist or you do not have access to it."},
        {409, "invalid_request_error", NULL, "The resource was changed by another request."},
        {429, "requests", "rate_limit_exceeded", "Rate limit reached for requests. Please try again later."},
        {500, "server_error", NULL,
         "The server had an error while processing your request. Sorry about that!"},
        {503, "server_error", "server_is_overloaded",
         "The engine is currently overloaded, please try again later."}};
    b->status = status;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        if (t[i].status != status) continue;
        api_error(&b->body, t[i].text, t[i].type, NULL, t[i].code);
        return;
    }
    api_error(&b->body, "The mock server was asked for this status.",
              status >= 500 ? "server_error" : "invalid_request_error", NULL, NULL);
}

void brain_start(brain *b, const char *method, const char *path, const char *body, size_t len) {
    size_t n = strcspn(path, "?");
    const char *model = strstr(path, "/models/");
    char *name = NULL;
    memset(b, 0, sizeof *b);
    if (ends_with(path, n, "/chat/completions")) {
        if (strcmp(method, "POST")) {
            refuse(b, 405, NULL, NULL,
                   "Not allowed to use this method on /chat/completions. (HINT: use POST)");
        } else if ((name = brain_scenario(body, len)) != NULL && !strncmp(name, "status-", 7) &&
                   atoi(name + 7) > 99) {
            status_answer(b, atoi(name + 7));
        } else {
            chat(b, body, len);
        }
        free(name);
    } else if (ends_with(path, n, "/models") && !strcmp(method, "GET")) {
        list_models(b);
    } else if (model && !strcmp(method, "GET")) {
        for (int i = 0; i < 3 && !b->status; i++) {
            if (strcmp(model + 8, models[i])) continue;
            model_json(&b->body, models[i]);
            b->status = 200;
        }
        if (!b->status) refuse(b, 404, "model", "model_not_found", "The model does not exist.");
    } else {
        buf t = {0};
        buf_fmt(&t, "Invalid URL (%s %s)", method, path);
        refuse(b, 404, NULL, NULL, t.p);
        buf_free(&t);
    }
}

char *brain_scenario(const char *body, size_t len) {
    jdoc d;
    buf t = {0};
    char *name = NULL;
    if (json_read(&d, body, len)) {
        json_text(json_get(&d, d.n, "model"), &t);
        if (t.len > 5 && !memcmp(t.p, "mock:", 5)) name = mem_str(t.p + 5, t.len - 5);
    }
    buf_free(&t);
    json_free(&d);
    return name;
}

void brain_free(brain *b) {
    for (int i = 0; i < b->call_count; i++) {
        free(b->calls[i].name);
        free(b->calls[i].args);
    }
    free(b->calls);
    free(b->text);
    buf_free(&b->body);
    memset(b, 0, sizeof *b);
}
