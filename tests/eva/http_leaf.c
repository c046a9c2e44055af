/* http_leaf.c - the search for a control character at every length up to 70, and what reads the value of each header
   line, with any bytes, at every length that the loops below count through. */
#include "eva.h"
#define LONG  70
#define SHORT 12 /* holds "keep-alive", and a comma and a blank */
#define DATE  30
static char line[LONG], value[SHORT], date[DATE];
static llmi_http h;

static void below(void) {
    const char *p, *q, *end = line + LONG;
    unsigned char least = (unsigned char)eva_any(0, 128);
    int at;
    //@ loop unroll 71;
    for (at = 0; at <= LONG; at++) {
        p = line + at;
        q = llmi_http_below(p, end, least);
        //@ assert below: p <= q <= end;
    }
}

/* what is left of LLM_MAX_HEAD is more than the input, as much, or less */
static void limit(void) {
    static const char text[] = "HTTP/1.1 200 OK\r\n";
    const char *p;
    size_t left;
    //@ loop unroll 20;
    for (left = 0; left <= sizeof text; left++) {
        llmi_http_init(&h);
        h.head_left = left;
        p = text;
        (void)llmi_http_next(&h, &p, text + sizeof text - 1);
        //@ assert limit: p <= (char const *)&text[0] + sizeof(text) - 1;
    }
}

static void any_head(void) {
    llmi_http_init(&h);
    h.flags = (unsigned)eva_any(0, 511);
    h.left = ((uint64_t)eva_any(0, 0x7FFFFFFF) << 32) + (uint64_t)eva_any(0, 0x7FFFFFFF);
    h.value_over = (unsigned char)eva_any(0, 1);
}

static void values(int which) {
    const char *p, *end = value + SHORT;
    int at;
    //@ loop unroll 13;
    for (at = 0; at <= SHORT; at++) {
        p = value + at;
        any_head();
        switch (which) {
        case 1: llmi_http_connection(&h, p, end); break;
        case 2: llmi_http_length(&h, p, end); break;
        case 3: llmi_http_content_type(&h, p, end); break;
        case 4: llmi_http_location(&h, p, end); break;
        case 5: llmi_http_retry_after(&h, p, end); break;
        case 6: llmi_http_retry_after_ms(&h, p, end); break;
        default: llmi_http_request_id(&h, p, end); break;
        }
    }
}

static void dates(void) {
    const char *p, *end = date + DATE;
    int at;
    //@ loop unroll 31;
    for (at = 0; at <= DATE; at++) {
        p = date + at;
        (void)llmi_http_date(p, (size_t)(end - p));
    }
}

int main(void) {
    int which;
    Frama_C_make_unknown(line, LONG);
    Frama_C_make_unknown(value, SHORT);
    Frama_C_make_unknown(date, DATE);
    below();
#ifdef ONLY
    return 0;
#endif
    limit();
    dates();
    //@ loop unroll 7;
    for (which = 1; which <= 7; which++) values(which);
    return 0;
}
