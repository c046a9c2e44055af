/* port.c - lwIP on QEMU's mps2-an385: the LAN9118 network chip, polled, and a fixed address in the network that QEMU
   makes: 10.0.2.15; 10.0.2.2 is the host's loopback, gateway and name server. On your board, replace this file.

   To see it run: build/mock_server, and with the port that it says after https

       make -C examples lwip FIRMWARE="-DFIRMWARE_URL='\"https://localhost:PORT/v1\"'"
       qemu-system-arm -M mps2-an385 -kernel build/examples/lwip/firmware.elf -display none -monitor none \
           -semihosting-config enable=on,target=native -serial stdio -nic user,model=lan9118

   It asks a name server on the host's port 53, or another one with -DDNS_SERVER_PORT=, for the address of the server:
   tests/ports/dns.pl is one that answers 10.0.2.2. */
#include "board.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"
#include <string.h>

#define REG(offset) (*(volatile uint32_t *)(0x40200000u + (offset)))
#define RX_DATA     REG(0x00)
#define TX_DATA     REG(0x20)
#define RX_STATUS   REG(0x40)
#define BYTE_TEST   REG(0x64)
#define TX_CFG      REG(0x70)
#define HW_CFG      REG(0x74)
#define RX_FIFO_INF REG(0x7C)
#define TX_FIFO_INF REG(0x80)
#define MAC_COMMAND REG(0xA4)
#define MAC_DATA    REG(0xA8)
enum { MAC_CONTROL = 1, MAC_ADDRESS_HIGH = 2, MAC_ADDRESS_LOW = 3, MAC_RECEIVE = 4, MAC_TRANSMIT = 8 };

static struct netif interface;

static uint32_t mac_read(uint32_t reg) {
    MAC_COMMAND = 0xC0000000u | reg;
    while (MAC_COMMAND & 0x80000000u) { }
    return MAC_DATA;
}

static void mac_write(uint32_t reg, uint32_t value) {
    MAC_DATA = value;
    MAC_COMMAND = 0x80000000u | reg;
    while (MAC_COMMAND & 0x80000000u) { }
}

/* The chip takes a frame in parts of any length and alignment: the pbufs of a chain as they lie. p is the caller's. */
static err_t send_frame(struct netif *ni, struct pbuf *p) {
    struct pbuf *q;
    uint32_t need = 0;
    (void)ni;
    for (q = p; q != NULL; q = q->next) need += 8 + 8 + q->len;
    if ((TX_FIFO_INF & 0xFFFF) < need) return ERR_MEM;      /* TCP sends it again */
    for (q = p; q != NULL; q = q->next) {
        uint32_t skip = (uint32_t)((uintptr_t)q->payload & 3), words = (skip + q->len + 3) / 4, i;
        const uint32_t *from = (const uint32_t *)((uintptr_t)q->payload - skip);
        TX_DATA = skip << 16 | (q == p ? 0x2000u : 0) | (q->next == NULL ? 0x1000u : 0) | q->len;
        TX_DATA = p->tot_len;
        for (i = 0; i < words; i++) TX_DATA = from[i];
    }
    return ERR_OK;
}

/* The frames that wait, each into pbufs of lwIP's pool, whose memory is free again when input() has dealt with it. */
static void receive_frames(void) {
    while ((RX_FIFO_INF >> 16 & 0xFF) != 0) {
        uint32_t status = RX_STATUS, len = status >> 16 & 0x3FFF, words = (len + 3) / 4, word;
        struct pbuf *p = NULL, *q;
        if ((status & 0x8000u) == 0 && len > 4) p = pbuf_alloc(PBUF_RAW, (u16_t)(len - 4), PBUF_POOL);
        for (q = p; q != NULL; q = q->next) {
            u16_t at;
            for (at = 0; at < q->len; at = (u16_t)(at + 4)) {
                u16_t left = (u16_t)(q->len - at);
                word = RX_DATA;
                words--;
                /* a part that is not the last is a multiple of 4, as PBUF_POOL_BUFSIZE is */
                memcpy((char *)q->payload + at, &word, left < 4 ? left : 4);
            }
        }
        for (; words > 0; words--) word = RX_DATA;          /* its checksum, or a frame that there is no room for */
        (void)word;
        if (p != NULL && interface.input(p, &interface) != ERR_OK) pbuf_free(p);
    }
}

static err_t start_interface(struct netif *ni) {
    uint32_t high, low;
    ni->name[0] = 'e';
    ni->name[1] = 'n';
    ni->output = etharp_output;
    ni->linkoutput = send_frame;
    ni->mtu = 1500;
    ni->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    ni->hwaddr_len = 6;
    HW_CFG = 1;
    while (HW_CFG & 1) { }
    high = mac_read(MAC_ADDRESS_HIGH);
    low = mac_read(MAC_ADDRESS_LOW);
    memcpy(ni->hwaddr, &low, 4);
    memcpy(ni->hwaddr + 4, &high, 2);
    TX_CFG = 2;
    mac_write(MAC_CONTROL, mac_read(MAC_CONTROL) | MAC_RECEIVE | MAC_TRANSMIT);
    return ERR_OK;
}

int lwip_port_start(void) {
    static int started;
    ip4_addr_t address, mask, gateway;
    ip_addr_t server;
    if (started) return 1;
    if (BYTE_TEST != 0x87654321u) return 0;                 /* no such chip */
    lwip_init();
    IP4_ADDR(&address, 10, 0, 2, 15);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 10, 0, 2, 2);
    IP_ADDR4(&server, 10, 0, 2, 2);
    if (netif_add(&interface, &address, &mask, &gateway, NULL, start_interface, ethernet_input) == NULL) return 0;
    netif_set_default(&interface);
    netif_set_up(&interface);
    dns_setserver(0, &server);
    started = 1;
    return 1;
}

void lwip_port_poll(void) {
    receive_frames();
    sys_check_timeouts();
}

void lwip_port_idle(void) {
    if ((RX_FIFO_INF >> 16 & 0xFF) == 0) __asm volatile("wfi");      /* the tick wakes it after a millisecond */
}

u32_t sys_now(void) {
    return board_ticks;
}

unsigned lwip_port_random(void) {
    unsigned n = 0;
    if (!board_random(&n, sizeof n)) board_exit(79);
    return n;
}
