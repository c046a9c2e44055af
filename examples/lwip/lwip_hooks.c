/* lwip_hooks.c - see lwip_hooks.h. */
#include "lwip_hooks.h"
#include "llm_openai.h"
#include "lwip/dns.h"
#include "lwip/pbuf.h"
#include "lwip/sys.h"
#include <string.h>

/* ---- waiting: 1 = go on, 0 = the time is over. A time-out of 0 pumps once. */
typedef struct patience { u32_t from; int ms; int polled; } patience;

static patience begin(int timeout_ms) {
    patience p;
    p.from = sys_now();
    p.ms = timeout_ms;
    p.polled = 0;
    return p;
}

static int wait_more(patience *p) {
    if (p->polled) {
        if (p->ms >= 0 && sys_now() - p->from >= (u32_t)p->ms) return 0;
        lwip_port_idle();
    }
    p->polled = 1;
    lwip_port_poll();
    return 1;
}

/* ---- names. lwIP cannot be told to forget a question, so that the answer goes to a place of its own, which knows
   whether somebody still waits for it. */
static struct lookup { lwip_hook_conn *owner; int busy; } lookups[DNS_TABLE_SIZE];

static void on_name(const char *name, const ip_addr_t *address, void *argument) {
    struct lookup *l = (struct lookup *)argument;
    lwip_hook_conn *c = l->owner;
    (void)name;
    l->busy = 0;
    l->owner = NULL;
    if (c == NULL) return;               /* closed in the meantime */
    c->lookup = NULL;
    if (address == NULL) {
        c->state = LWIP_HOOK_NO_HOST;
        return;
    }
    c->address = *address;
    c->state = LWIP_HOOK_RESOLVED;
}

static void resolve(lwip_hook_conn *c, const char *host) {
    struct lookup *l = lookups;
    err_t e;
    while (l < lookups + DNS_TABLE_SIZE && l->busy) l++;
    c->state = LWIP_HOOK_BROKEN;
    if (l == lookups + DNS_TABLE_SIZE) return;
    e = dns_gethostbyname(host, &c->address, on_name, l);
    if (e == ERR_OK) {                   /* an address, or a name that is remembered */
        c->state = LWIP_HOOK_RESOLVED;
    } else if (e == ERR_INPROGRESS) {
        l->busy = 1;
        l->owner = c;
        c->lookup = l;
        c->state = LWIP_HOOK_RESOLVE;
    } else if (e == ERR_ARG) {           /* longer than DNS_MAX_NAME_LENGTH */
        c->state = LWIP_HOOK_NO_HOST;
    }
}

/* ---- TCP: callbacks */
static err_t on_connected(void *argument, struct tcp_pcb *pcb, err_t e) {
    (void)pcb;
    (void)e;
    ((lwip_hook_conn *)argument)->state = LWIP_HOOK_OPEN;
    return ERR_OK;
}

/* NULL = the peer sends no more. Else p is ours, and one of the few pbufs that all connections and name servers share:
   it is copied and given back at once, so that nobody waits for a reader. What is read opens the window, and nothing
   else does, so there is room for all that comes. */
static err_t on_received(void *argument, struct tcp_pcb *pcb, struct pbuf *p, err_t e) {
    lwip_hook_conn *c = (lwip_hook_conn *)argument;
    size_t end, to_wrap;
    (void)pcb;
    (void)e;
    if (p == NULL) {
        c->state = LWIP_HOOK_CLOSED;
        return ERR_OK;
    }
    if (p->tot_len > sizeof c->rx - c->rx_len) return ERR_MEM;      /* more than the window: lwIP keeps it */
    end = (c->rx_at + c->rx_len) % sizeof c->rx;
    to_wrap = sizeof c->rx - end;
    if (to_wrap > p->tot_len) to_wrap = p->tot_len;
    (void)pbuf_copy_partial(p, c->rx + end, (u16_t)to_wrap, 0);
    (void)pbuf_copy_partial(p, c->rx, (u16_t)(p->tot_len - to_wrap), (u16_t)to_wrap);
    c->rx_len += p->tot_len;
    pbuf_free(p);
    return ERR_OK;
}

/* lwIP has freed the pcb: it must not be touched any more. What was received before stays ours. */
static void on_error(void *argument, err_t e) {
    lwip_hook_conn *c = (lwip_hook_conn *)argument;
    c->pcb = NULL;
    if (c->state == LWIP_HOOK_CONNECT && e == ERR_RST) c->state = LWIP_HOOK_REFUSED;
    else if (c->state != LWIP_HOOK_CLOSED) c->state = LWIP_HOOK_BROKEN;
}

static void connect_to(lwip_hook_conn *c, int port) {
    c->state = LWIP_HOOK_BROKEN;
    c->pcb = tcp_new_ip_type(IP_GET_TYPE(&c->address));
    if (c->pcb == NULL) return;
    tcp_arg(c->pcb, c);
    tcp_recv(c->pcb, on_received);
    tcp_err(c->pcb, on_error);
    tcp_nagle_disable(c->pcb);           /* the library sends whole requests */
    c->state = LWIP_HOOK_CONNECT;
    if (tcp_connect(c->pcb, &c->address, (u16_t)port, on_connected) != ERR_OK) c->state = LWIP_HOOK_BROKEN;
}

/* ---- the hooks */
int lwip_hook_open(lwip_hook_conn *c, const char *host, int port, int timeout_ms) {
    patience p = begin(timeout_ms);
    for (;;) {
        if (c->state == LWIP_HOOK_NEW) resolve(c, host);
        if (c->state == LWIP_HOOK_RESOLVED) connect_to(c, port);
        switch (c->state) {
        case LWIP_HOOK_RESOLVE:
        case LWIP_HOOK_CONNECT:
            if (!wait_more(&p)) return 0;
            break;
        case LWIP_HOOK_RESOLVED: break;
        case LWIP_HOOK_OPEN:
        case LWIP_HOOK_CLOSED: return 1;     /* also if it was closed at once: RECV will say so */
        case LWIP_HOOK_NO_HOST: return LLM_NET_NO_HOST;
        case LWIP_HOOK_REFUSED: return LLM_NET_REFUSED;
        default: return LLM_NET_FAILED;
        }
    }
}

/* One copy, into lwIP's buffers: the data must be there until it is acknowledged, and the library's are used again. */
long lwip_hook_send(lwip_hook_conn *c, const void *data, size_t len, int timeout_ms) {
    patience p = begin(timeout_ms);
    for (;;) {
        size_t n;
        if (c->pcb == NULL) return LLM_NET_FAILED;
        n = tcp_sndbuf(c->pcb);
        if (n > len) n = len;
        if (n > tcp_mss(c->pcb)) n = tcp_mss(c->pcb);
        if (n > 0) {
            err_t e = tcp_write(c->pcb, data, (u16_t)n, TCP_WRITE_FLAG_COPY);
            if (e == ERR_OK) {
                (void)tcp_output(c->pcb);    /* if it cannot go out now, lwIP's timer sends it */
                return (long)n;
            }
            if (e != ERR_MEM) return LLM_NET_FAILED;
        }
        if (!wait_more(&p)) return 0;        /* no room until the peer has acknowledged something */
    }
}

long lwip_hook_recv(lwip_hook_conn *c, void *data, size_t len, int timeout_ms) {
    patience p = begin(timeout_ms);
    size_t n, to_wrap;
    while (c->rx_len == 0) {
        if (c->state == LWIP_HOOK_CLOSED) return LLM_NET_CLOSED;
        if (c->pcb == NULL) return LLM_NET_FAILED;
        if (!wait_more(&p)) return 0;
    }
    n = c->rx_len < len ? c->rx_len : len;   /* all that is there: less would say that there is no more */
    to_wrap = sizeof c->rx - c->rx_at;
    if (to_wrap > n) to_wrap = n;
    memcpy(data, c->rx + c->rx_at, to_wrap);
    memcpy((char *)data + to_wrap, c->rx, n - to_wrap);
    c->rx_at = (c->rx_at + n) % sizeof c->rx;
    c->rx_len -= n;
    if (c->pcb != NULL) tcp_recved(c->pcb, (u16_t)n);
    return (long)n;
}

void lwip_hook_close(lwip_hook_conn *c) {
    if (c->lookup != NULL) ((struct lookup *)c->lookup)->owner = NULL;
    if (c->pcb != NULL) {
        /* from here on lwIP must not call back: the memory of c is the library's again */
        tcp_arg(c->pcb, NULL);
        tcp_recv(c->pcb, NULL);
        tcp_err(c->pcb, NULL);
        if (tcp_close(c->pcb) != ERR_OK) tcp_abort(c->pcb);     /* no memory for the FIN: a reset needs none */
    }
    c->lookup = NULL;
    c->rx_len = 0;
    c->pcb = NULL;
    c->state = LWIP_HOOK_BROKEN;
}

void lwip_hook_sleep(int ms) {
    patience p = begin(ms);
    while (wait_more(&p)) { }
}
