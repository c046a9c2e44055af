/* lwip_soak.c - for more_lwip.sh: many calls over lwIP, each on a connection of its own, some given up at any moment. At
   the end all of lwIP's memory must be free again: no pbuf, segment or question of a name server may be left. */
#include "board.h"
#include "llm_openai.h"
#include "llm_anchors.h"
#include "lwip/mem.h"
#include "lwip/memp.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"

static char block[40000];
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
    if (llm_client_new(&client, &config, &answer.error) != LLM_OK) return 2;
    check(pool() == PBUF_POOL_SIZE && segments() == MEMP_NUM_TCP_SEG && udp() == MEMP_NUM_UDP_PCB && heap(), "the start");
    request.prompt = "count to 400";
    /* given up while the name server is asked: its answer comes to nobody */
    check(llm_start(client, &request, &call) == LLM_OK && llm_next(call, &event, 0) == LLM_PENDING, "llm_start()");
    check(llm_finish(call, NULL) == LLM_ERR_CANCELLED, "llm_finish()");
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
