/* marks.c: which of the marks that Windows puts beside a root of its store take the root from TLS. The marks come from
   here, as Wine keeps none of them. */
#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <windows.h>
#include <wincrypt.h>

typedef struct mark { DWORD id; const char *list; DWORD len; } mark;
static const mark *marks;

/* As CertGetCertificateContextProperty() is documented: the size alone where there is no room; ERROR_MORE_DATA where there
   is too little; CRYPT_E_NOT_FOUND where there is no such property. */
static BOOL kept_property(const CERT_CONTEXT *c, DWORD id, void *data, DWORD *len) {
    const mark *m = marks;
    DWORD room = *len;
    (void)c;
    while (m->id != 0 && m->id != id) m++;
    if (m->id == 0) {
        SetLastError((DWORD)CRYPT_E_NOT_FOUND);
        return FALSE;
    }
    *len = m->len;
    if (data != NULL && room < m->len) {
        SetLastError(ERROR_MORE_DATA);
        return FALSE;
    }
    if (data != NULL) CopyMemory(data, m->list, m->len);
    return TRUE;
}
#define CertGetCertificateContextProperty kept_property
#define LLM_OPENAI_STATIC
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"
#include <stdio.h>

#define TLS   "\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x01"
#define CODE  "\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x03"
#define LIST1(a) "\x30\x0A" a, 12
#define LIST2(a, b) "\x30\x14" a b, 22
#define DATE "\0\0\0\0\0\0\0\1", 8

int main(void) {
    static const char lots[4000];
    static const struct { const char *what; int marked; mark m[3]; } cases[] = {
        {"nothing", 0, {{0, 0, 0}}},
        {"another property", 0, {{11, "x", 1}}},
        {"disallowed since a date", 1, {{104, DATE}}},
        {"disallowed for TLS", 1, {{122, LIST1(TLS)}}},
        {"disallowed for programs and TLS", 1, {{122, LIST2(CODE, TLS)}}},
        {"disallowed for programs", 0, {{122, LIST1(CODE)}}},
        {"disallowed for more than is read", 1, {{122, lots, sizeof lots}}},
        {"nothing issued after a date", 1, {{126, DATE}}},
        {"nothing issued for TLS after a date", 1, {{126, DATE}, {127, LIST2(CODE, TLS)}}},
        {"nothing issued for programs after a date", 0, {{126, DATE}, {127, LIST1(CODE)}}},
        {"purposes without a date", 0, {{127, LIST1(TLS)}}}
    };
    static const CERT_CONTEXT none;
    unsigned i, failed = 0;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        marks = cases[i].m;
        if (llmi_trust_store_marked(&none) == cases[i].marked) continue;
        failed++;
        printf("FAILED %s: should%s be marked\n", cases[i].what, cases[i].marked ? "" : " not");
    }
    printf("%u passed, %u failed\n", i - failed, failed);
    return failed != 0;
}
