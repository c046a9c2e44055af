/* firmware.c: a chat, a streamed chat and a tool loop over one TLS connection, for boards without system, heap, printf.
   board.h gives what differs from board to board: the hooks of llm_openai.h, and
       void board_start(void)                              clock, interrupts, network
       void board_print(const char *text, size_t len)
       void board_report(void)                             what is known of static memory and stack, as figures
   cortex-m3/ is such a board; `make -C examples cortex-m3` builds it and says how it runs. */
#include "board.h"
#include "llm_openai.h"
#include "llm_anchors.h"               /* the CA certificates: make -C tools anchors FORM=table */

/* -D settings: */
#ifndef FIRMWARE_URL
#define FIRMWARE_URL "https://localhost/v1"
#endif
#ifndef FIRMWARE_KEY
#define FIRMWARE_KEY "none"
#endif
#ifndef FIRMWARE_RECORD
#define FIRMWARE_RECORD 0              /* 0 = records of 16 KiB; 837 if the server honours max_fragment_length */
#endif
#ifndef FIRMWARE_BLOCK
#define FIRMWARE_BLOCK 48000           /* what "block" below says is enough */
#endif

static char block[FIRMWARE_BLOCK];
static llm_response answer;            /* about 1 KB: not on the stack */

static void print(const char *text) {
    size_t n = 0;
    while (text[n] != 0) n++;
    board_print(text, n);
}

static void print_number(const char *name, size_t value) {
    char digits[24], *p = digits + sizeof digits - 1;
    *p = 0;
    do *--p = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    print(name);
    print(p);
    print("\n");
}

static int on_event(void *user, const llm_event *event) {
    (void)user;
    if (event->kind == LLM_EVENT_TEXT) board_print(event->text, event->len);
    return 0;
}

static llm_status read_sensor(void *user, const llm_tool_call *call, llm_text *result) {
    char room[16];
    (void)user;
    if (llm_json_string(call->arguments, "/room", room, sizeof room) != LLM_OK) return LLM_ERR_USAGE;
    return llm_text_addf(result, "{\"room\":%q,\"celsius\":%d}", room, 21);
}

/* Ends the line, says what went wrong, and forgets the answer. */
static int over(const char *what, llm_status status) {
    if (status != LLM_OK) {
        print(what);
        print(" failed: ");
        print(llm_status_name(status));
        print(" ");
        print(answer.error.message);
    }
    print("\n");
    llm_response_free(&answer);
    return status != LLM_OK;
}

static int talk(llm_client *client) {
    static const char room[] = "{\"type\":\"object\",\"properties\":{\"room\":{\"enum\":[\"hall\"]}}}";
    llm_tool tool = {0};
    llm_request request = {0};
    llm_status status;

    request.prompt = "echo: an answer in one piece";
    status = llm_chat(client, &request, &answer);
    if (status == LLM_OK) print(answer.content);
    if (over("chat", status)) return 1;

    request.prompt = "count to 20";
    if (over("stream", llm_chat_stream(client, &request, on_event, NULL, &answer))) return 1;

    tool.name = "read_sensor";
    tool.description = "The temperature of a room.";
    tool.parameters = room;
    tool.handler = read_sensor;
    request.prompt = "How warm is the hall?";
    request.tools = &tool;
    request.tool_count = 1;
    return over("tools", llm_chat_with_tools(client, &request, 0, on_event, NULL, &answer));
}

int main(void) {
    llm_config config = {0};
    llm_client *client;
    int failed;
    board_start();
    config.base_url = FIRMWARE_URL;
    config.api_key = FIRMWARE_KEY;
    config.model = "gpt-4o-mini";
    config.memory = block;
    config.memory_size = sizeof block;
    config.tls_in_size = FIRMWARE_RECORD;
    config.tls_out_size = 597;         /* the least: requests go out in records of 512 bytes */
    config.anchors = llm_anchors;
    config.anchor_count = llm_anchors_count;
    config.max_retries = -1;           /* a byte pipe may open only once */
    if (llm_client_new(&client, &config, &answer.error) != LLM_OK) return over("client", answer.error.status);
    failed = talk(client);
    print_number("block ", llm_memory_peak(client));
    llm_client_free(client);
    board_report();
    return failed;
}
