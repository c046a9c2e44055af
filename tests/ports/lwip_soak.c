/* lwip_soak.c - for more_lwip.sh: many calls over lwIP, each on a connection of its own, some given up at any moment; an
   answer of the name server that comes too late; a stream that nobody reads for a while, beside another call; frames
   that are lost. At the end all of lwIP's memory must be free again: no pbuf, segment or question of a name server may
   be left. */
#include "board.h"
#include "llm_openai.h"
#include "llm_anchors.h"
#include "lwip/mem.h"
#include "lwip/memp.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "netif/ethernet.h"
#include <string.h>

static char block[72000];              /* two connections at a time */
static llm_response answer;
static int failed;

static void print(const char *text) {
    size_t n = 0;
    while (text[n] != 0) n++;
    board_print(text, n);
}

static void check(int ok, const char *what) {
    if (ok) return;
    failed++;
    print("FAILED ");
    print(what);
    print("\n");
}

/* how many of them can be had */
static int pool(void) {
    static struct pbuf *p[PBUF_POOL_SIZE + 1];
    int n = 0, i;
    while (n <= PBUF_POOL_SIZE && (p[n] = pbuf_alloc(PBUF_RAW, 1, PBUF_POOL)) != NULL) n++;
    for (i = 0; i < n; i++) pbuf_free(p[i]);
    return n;
}

static int segments(void) {
    static void *p[MEMP_NUM_TCP_SEG + 1];
    int n = 0, i;
    while (n <= MEMP_NUM_TCP_SEG && (p[n] = memp_malloc(MEMP_TCP_SEG)) != NULL) n++;
    for (i = 0; i < n; i++) memp_free(MEMP_TCP_SEG, p[i]);
    return n;
}

static int udp(void) {
    static void *p[MEMP_NUM_UDP_PCB + 1];
    int n = 0, i;
    while (n <= MEMP_NUM_UDP_PCB && (p[n] = memp_malloc(MEMP_UDP_PCB)) != NULL) n++;
    for (i = 0; i < n; i++) memp_free(MEMP_UDP_PCB, p[i]);
    return n;
}

static int heap(void) {
    void *p = mem_malloc(MEM_SIZE - 64);
    mem_free(p);
    return p != NULL;
}

static err_t deaf(struct pbuf *p, struct netif *ni) {
    (void)ni;
    pbuf_free(p);
    return ERR_OK;
}

/* A call is given up while the name server is asked, and its memory is used for something else: the answer, when it
   comes, must not be written there. */
static void answered_too_late(const llm_config *config) {
    llm_request request = {0};
    llm_client *client;
    llm_call *call;
    llm_event event;
    size_t i;
    request.prompt = "never sent";
    if (llm_client_new(&client, config, &answer.error) != LLM_OK || llm_start(client, &request, &call) != LLM_OK) {
        check(0, "llm_start() of the call that is given up");
        return;
    }
    netif_default->input = deaf;         /* not even its own address is known yet: lwIP asks again after a second */
    check(llm_next(call, &event, 0) == LLM_PENDING, "llm_next()");
    check(llm_finish(call, NULL) == LLM_ERR_CANCELLED, "llm_finish()");
    netif_default->input = ethernet_input;
    llm_client_free(client);
    check(udp() == MEMP_NUM_UDP_PCB - 1, "the name server is not asked");
    memset(block, 0xA5, sizeof block);
    for (i = 0; i < 500 && udp() != MEMP_NUM_UDP_PCB; i++) lwip_hook_sleep(10);
    check(udp() == MEMP_NUM_UDP_PCB, "the name server does not answer");
    for (i = 0; i < sizeof block && (unsigned char)block[i] == 0xA5; i++) { }
    check(i == sizeof block, "a late answer of the name server is written into memory that is no longer the call's");
}

/* A stream of many small frames; when its first event has come nobody reads it for longer than it takes them to come.
   They must not be in the way of another call. */
static void one_is_not_read(llm_client *client) {
    llm_request request = {0};
    llm_call *call;
    llm_event event;
    llm_status s;
    int pieces = 0;
    request.prompt = "read me later";
    request.model = "mock:slow";
    if (llm_start(client, &request, &call) != LLM_OK) {
        check(0, "llm_start() of the stream");
        return;
    }
    do s = llm_next(call, &event, -1); while (s == LLM_OK && event.kind != LLM_EVENT_TEXT);
    check(s == LLM_OK, "the stream does not begin");
    lwip_hook_sleep(1500);
    check(pool() == PBUF_POOL_SIZE, "what is not read holds pbufs of the pool");
    request.prompt = "echo: meanwhile";
    request.timeout_ms = 5000;
    request.model = NULL;
    s = llm_chat(client, &request, &answer);
    check(s == LLM_OK, "another call beside a stream that is not read");
    llm_response_free(&answer);
    do pieces++; while ((s = llm_next(call, &event, -1)) == LLM_OK && event.kind == LLM_EVENT_TEXT);
    while (s == LLM_OK) s = llm_next(call, &event, -1);
    check(llm_finish(call, NULL) == LLM_OK && pieces == 14, "the stream that was read later");
}

/* every 8th frame that comes is lost */
static err_t lossy(struct pbuf *p, struct netif *ni) {
    static int n;
    if (++n % 8 != 0) return ethernet_input(p, ni);
    pbuf_free(p);
    return ERR_OK;
}

static void some_are_lost(llm_client *client) {
    llm_request request = {0};
    int i;
    request.prompt = "count to 400";
    request.model = "mock:lossy";
    netif_default->input = lossy;
    for (i = 0; i < 2; i++) {
        check(llm_chat(client, &request, &answer) == LLM_OK, "a call when frames are lost");
        llm_response_free(&answer);
    }
    netif_default->input = ethernet_input;
}

/* One RECV takes all that is there, also where the ring begins again: an event loop takes less for the end of it. */
static void ring_begins_again(void) {
    static lwip_hook_conn c;
    char got[40];
    unsigned i, good = 1;
    c.state = LWIP_HOOK_OPEN;
    c.rx_at = sizeof c.rx - 10;
    c.rx_len = 30;
    for (i = 0; i < 30; i++) c.rx[(c.rx_at + i) % sizeof c.rx] = (char)(i + 1);
    check(lwip_hook_recv(&c, got, sizeof got, 0) == 30 && c.rx_len == 0 && c.rx_at == 20, "RECV over the ring's end");
    for (i = 0; i < 30; i++) good &= got[i] == (char)(i + 1);
    check((int)good, "what RECV took over the ring's end");
}

int main(void) {
    llm_config config = {0};
    llm_request request = {0};
    llm_client *client;
    llm_call *call;
    llm_event event;
    llm_status s;
    int i, whole = 0, broken = 0, given_up = 0;
    board_start();
    config.base_url = FIRMWARE_URL;
    config.api_key = "none";
    config.model = "gpt-4o-mini";
    config.memory = block;
    config.memory_size = sizeof block;
    config.anchors = llm_anchors;
    config.anchor_count = llm_anchors_count;
    config.max_retries = -1;
    config.max_idle = -1;                /* a connection for each call */
    config.connect_timeout_ms = 30000;   /* where frames are lost lwIP waits for seconds */
    check(lwip_port_start(), "the network");
    check(pool() == PBUF_POOL_SIZE && segments() == MEMP_NUM_TCP_SEG && udp() == MEMP_NUM_UDP_PCB && heap(), "the start");
    ring_begins_again();
    answered_too_late(&config);
    if (llm_client_new(&client, &config, &answer.error) != LLM_OK) return 2;
    one_is_not_read(client);
    if (failed) return 1;
    some_are_lost(client);
    request.prompt = "count to 400";
    for (i = 0; i < 36; i++) {
        int steps = 0, most = i % 3 == 2 ? i * 7 : -1;     /* every third one is given up after so many steps */
        if (llm_start(client, &request, &call) != LLM_OK) {
            check(0, "llm_start()");
            break;
        }
        while (((s = llm_next(call, &event, 5)) == LLM_OK || s == LLM_PENDING) && (most < 0 || steps < most)) steps++;
        if (s == LLM_OK || s == LLM_PENDING) given_up++;
        s = llm_finish(call, &answer);
        if (s == LLM_OK) whole++;
        else if (s == LLM_ERR_TRUNCATED || s == LLM_ERR_CONNECTION || s == LLM_ERR_TLS) broken++;
        else check(s == LLM_ERR_CANCELLED, llm_status_name(s));
        llm_response_free(&answer);
    }
    llm_client_free(client);
    lwip_hook_sleep(3000);               /* the last FINs, and what still comes of what was given up */
    check(whole >= 8, "hardly a call went well");
    check(broken >= 5, "hardly a call was broken by the server");
    check(given_up >= 5, "hardly a call was given up");
    check(pool() == PBUF_POOL_SIZE, "pbufs are not given back");
    check(segments() == MEMP_NUM_TCP_SEG, "segments are not given back");
    check(udp() == MEMP_NUM_UDP_PCB, "a question's UDP is not given back");
    check(heap(), "lwIP's heap is not empty");
    check(tcp_active_pcbs == NULL, "a connection is left");
    print(failed == 0 ? "soaked\n" : "");
    return failed != 0;
}
