#!/bin/sh
# test_canary.sh: the eye that every suite keeps on keys and prompts (t_canary.h) sees: headers with a leak in them, one
# each, must fail their suite with the word for it, and the header as it is must not.
cd "$(dirname "$0")" || exit 1
. ./suite.sh
# leak NAME SUITE SED WANTED-LINE ('': none)
leak() {
    sed "$3" "$header/llm_openai.h" > "$T/llm_openai.h"
    if [ -n "$3" ] && cmp -s "$header/llm_openai.h" "$T/llm_openai.h"; then
        echo "nothing to change in the header" > "$T/out"
    elif $CC -std=gnu99 -O0 -w -DLLM_NO_TLS -I"$T" -o "$T/suite" "$2.c" -lm > "$T/out" 2>&1; then
        # the planted key is not for the log of this suite; a LEAK is counted as a failure, so the first one will do
        unset T_KEYS_FILE
        if [ -n "$4" ]; then
            if timeout 100 "$T/suite" 2>&1 | grep -am 1 "^LEAK: $4" > "$T/out"; then
                ok
                return
            fi
        elif timeout 100 "$T/suite" > "$T/out" 2>&1 && ! grep -aq '^LEAK' "$T/out"; then
            ok
            return
        fi
    fi
    { grep -a LEAK "$T/out" | head -n 3; cat "$T/out"; } > "$T/leaks"
    bad "$1" "$T/leaks" 8
}
leak "the header as it is" test_call '' ''
leak "the key in a log line" test_call 's/"request sent, %zu bytes", total)/"request sent, %zu bytes, %s", total, call->key->text)/' "a key in a log line"
leak "eight characters of the key in a log line" test_call \
    's/^    llmi_log(c, LLM_LOG_DEBUG, "HTTP %d", h->status);/    llmi_log(c, LLM_LOG_DEBUG, "%s", call->key->n > 12 ? call->key->text + call->key->n - 8 : "");/' "a key in a log line"
leak "a prompt in a log line" test_call 's/"request sent, %zu bytes", total)/"request sent: %s", call->text.p + call->head_room)/' "a prompt in a log line"
leak "the body is logged, with the prompt" test_tools 's/"request sent, %zu bytes", total)/"request sent: %s", call->text.p + call->head_room)/' "a prompt in a log line"
leak "the body is logged, with a conversation" test_conversation 's/"request sent, %zu bytes", total)/"request sent: %s", call->text.p + call->head_room)/' "a prompt in a log line"
leak "the key in an event" test_call 's/^        ev->len = w->told->text.channel..n - w->from.channel.;/&\n        if (w->secret != NULL \&\& w->secret->n > 12) { ev->text = w->secret->p; ev->len = w->secret->n; }/' \
    "a key in an event's text"
leak "a tool's result in a log line" test_tools 's/^        event->len = l->result.n;/&\n        llmi_log(call->client, LLM_LOG_DEBUG, "tool said %s", event->text);/' "an answer in the log"
leak "text that is not kept in a log line" test_call_edges 's/^        ev->len = w->told->text.channel..n - w->from.channel.;/&\n        LLM_LOG(NULL, 3, ev->text, ev->len);/' "an answer in the log"
leak "the key in an error" test_call \
    's/^    case LLM_ERR_AUTH: return .*/    case LLM_ERR_AUTH: return "";/;s/"HTTP %d from %s%s%s: %s%s", http, call->client->url.host,/"HTTP %d from %s (%s)%s%s: %s%s", http, call->client->url.host, call->key->text,/' \
    "a key in a response's error"
leak "nothing is redacted" test_wire '/^LLMI_FN size_t llmi_redact/,/^}/s/if (secret_len == 0.*) return n;/return n;/' "a key in a response"
leak "a redirect's target is not redacted" test_call '/^        to.llmi_redact(to, strlen/d' "a key in a response's error"
leak "x-request-id is not redacted" test_call \
    '/^    id_len = llmi_redact(/,/;$/d' "a key in"
leak "an answer in a log line" test_call \
    's/^    call->error.attempts = call->attempts;/&\n    if (state == LLMI_CALL_DONE) llmi_log(call->client, LLM_LOG_DEBUG, "said %s", call->reply.count > 0 ? llmi_text_cstr(\&call->reply.choices[0].text[0]) : "");/' \
    "an answer in the log"
finish
