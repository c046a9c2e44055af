/* fuzz_dns.c - DNS answers, the hosts file, resolv.conf. One byte says which, one how files are cut or what of the
   packet is made right (id, flags, question), so that what follows is read. */
#include "fuzz.h"

static void answer(fuzz_in in, unsigned opts) {
    static const char host[] = "api.example.com";
    unsigned char name[LLMI_DNS_NAME], query[LLMI_DNS_QUERY], end[LLMI_DNS_NAME], *p;
    unsigned type = opts & 1 ? LLMI_DNS_AAAA : LLMI_DNS_A, id = 0x1234;
    size_t name_len = llmi_dns_name_add(name, 0, host, sizeof host - 1), query_len, end_len = 0, n = in.n;
    llmi_ip_list list, again;
    llmi_dns_result r;
    int i;
    FUZZ_CHECK(name_len == sizeof host);
    name[name_len++] = 0;
    query_len = llmi_dns_query(query, id, name, name_len, type, opts & 2);
    FUZZ_CHECK(query_len <= sizeof query);
    if (n > LLMI_DNS_PACKET) n = LLMI_DNS_PACKET;
    p = (unsigned char *)fuzz_piece(in.p, n);
    if ((opts & 4) && n >= 12 + name_len + 4) {      /* an answer to this query; counts and records are the input's */
        unsigned char counts[6], rcode = p[3];
        memcpy(counts, p + 6, 6);
        memcpy(p, query, 12 + name_len + 4);
        memcpy(p + 6, counts, 6);
        p[2] = (unsigned char)(0x81 | (opts & 2));   /* QR, RD; TC */
        p[3] = opts & 8 ? rcode : 0;
    }
    memset(&list, 0xA5, sizeof list);
    r = llmi_dns_answer(p, n, id, name, name_len, type, end, &end_len, &list);
    FUZZ_CHECK(r >= LLMI_DNS_NOT_OURS && r <= LLMI_DNS_BAD);
    FUZZ_CHECK(list.n >= 0 && list.n <= LLMI_NET_ADDRS && (r == LLMI_DNS_FOUND) == (list.n > 0));
    for (i = 0; i < list.n; i++) FUZZ_CHECK(list.ip[i].v6 == (type == LLMI_DNS_AAAA));
    if (r == LLMI_DNS_ALIAS) FUZZ_CHECK(end_len > 0 && end_len <= LLMI_DNS_NAME && end[end_len - 1] == 0);
    if (r != LLMI_DNS_NOT_OURS) FUZZ_CHECK(n >= 12 && llmi_dns_u16(p) == id && (p[2] & 0x80));
    /* another id, name or type is never taken for ours */
    FUZZ_CHECK(llmi_dns_answer(p, n, id ^ 1, name, name_len, type, end, &end_len, &again) == LLMI_DNS_NOT_OURS);
    if (r != LLMI_DNS_NOT_OURS) {
        FUZZ_CHECK(llmi_dns_answer(p, n, id, name, name_len, type ^ 29, end, &end_len, &again) == LLMI_DNS_NOT_OURS);
        name[1] = 'b';
        FUZZ_CHECK(llmi_dns_answer(p, n, id, name, name_len, type, end, &end_len, &again) == LLMI_DNS_NOT_OURS);
    }
    free(p);
}

static void feed(llmi_words *w, const uint8_t *data, size_t n, unsigned how) {
    fuzz_cut cut = fuzz_cut_of(how, n);
    size_t at = 0;
    while (at < n) {
        size_t k = fuzz_cut_next(&cut, n - at);
        char *piece = fuzz_piece(data + at, k);
        llmi_words_feed(w, piece, k);
        free(piece);
        at += k;
    }
    llmi_words_end(w);
}

static void hosts(fuzz_in in, unsigned how, llmi_ip_list list[2]) {
    static const char host[] = "a.test";
    llmi_hosts h;
    llmi_words w;
    int f, i;
    memset(&h, 0, sizeof h);
    memset(list, 0, 2 * sizeof *list);
    h.host = host;
    h.host_len = sizeof host - 1;
    h.list = list;
    llmi_words_init(&w, llmi_hosts_word, &h);
    feed(&w, in.p, in.n, how);
    for (f = 0; f < 2; f++) {
        FUZZ_CHECK(list[f].n >= 0 && list[f].n <= LLMI_NET_ADDRS);
        for (i = 0; i < list[f].n; i++) FUZZ_CHECK(list[f].ip[i].v6 == f);
    }
    if (list[0].n + list[1].n > 0) FUZZ_CHECK(memmem(in.p, in.n, ".", 1) != NULL);
}

static void resolv(fuzz_in in, unsigned how, int want, llmi_resolv *r) {
    llmi_words w;
    llmi_resolv_init(r, want);
    llmi_words_init(&w, llmi_resolv_word, r);
    feed(&w, in.p, in.n, how);
    FUZZ_CHECK(r->servers >= 0 && r->servers <= LLMI_DNS_SERVERS && r->domain_len < sizeof r->domain + 1);
    FUZZ_CHECK(r->timeout_ms >= 1000 && r->timeout_ms <= 30000 && r->attempts >= 1 && r->attempts <= 5);
    FUZZ_CHECK(r->ndots >= 0 && r->ndots <= 15 && r->domains <= LLMI_DNS_SEARCH);
}

/* Names: on the wire and back. */
static void names(fuzz_in in) {
    unsigned char wire[LLMI_DNS_NAME], back[LLMI_DNS_NAME];
    size_t n = in.n < 300 ? in.n : 300, len, pos = 0, i, at;
    len = llmi_dns_name_add(wire, 0, (const char *)in.p, n);
    if (len == 0) return;
    FUZZ_CHECK(len < sizeof wire);
    wire[len++] = 0;
    FUZZ_CHECK(llmi_dns_name_get(wire, len, &pos, back) == len && pos == len && memcmp(wire, back, len) == 0);
    for (i = 0, at = 0; at < len - 1; i = at) {
        at += 1 + wire[at];
        FUZZ_CHECK(wire[i] >= 1 && wire[i] <= 63);
    }
    FUZZ_CHECK(len == n + 2 || (len == n + 1 && in.p[n - 1] == '.'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_in in = {data, size};
    unsigned kind = fuzz_byte(&in), how = fuzz_byte(&in);
    if (kind % 4 < 2) {
        answer(in, how);
    } else if (kind % 4 == 2) {
        llmi_ip_list a[2], b[2];
        hosts(in, 0, a);
        hosts(in, 1, b);
        FUZZ_CHECK(memcmp(a, b, sizeof a) == 0);
        hosts(in, how, b);
        FUZZ_CHECK(memcmp(a, b, sizeof a) == 0);
    } else {
        llmi_resolv a, b;
        int want = (int)(how % 8) - 1;
        resolv(in, 0, want, &a);
        resolv(in, 1, want, &b);
        FUZZ_CHECK(memcmp(&a, &b, sizeof a) == 0);
        resolv(in, how, want, &b);
        FUZZ_CHECK(memcmp(&a, &b, sizeof a) == 0);
    }
    names(in);
    return 0;
}
