/* test_url.c - >>url: base URLs against RFC 3986, addresses against RFC 3986 3.2.2 and RFC 4291 2.2. */
#include "t.h"

static void test_good(void) {
    static const struct { const char *text; int secure, ip, port; const char *host, *path, *query; } good[] = {
        {"https://api.openai.com/v1", 1, 0, 443, "api.openai.com", "/v1", ""},
        {"https://api.openai.com/v1/", 1, 0, 443, "api.openai.com", "/v1", ""},
        {"https://api.openai.com/v1//", 1, 0, 443, "api.openai.com", "/v1", ""},
        {"https://api.openai.com", 1, 0, 443, "api.openai.com", "", ""},
        {"https://api.openai.com/", 1, 0, 443, "api.openai.com", "", ""},
        {"HTTP://LocalHost:8080/V1", 0, 0, 8080, "localhost", "/V1", ""},
        {"http://h", 0, 0, 80, "h", "", ""},
        {"http://h:", 0, 0, 80, "h", "", ""},             /* RFC 3986 3.2.3: port = *DIGIT */
        {"https://h:/v1", 1, 0, 443, "h", "/v1", ""},
        {"https://h:80", 1, 0, 80, "h", "", ""},
        {"http://h:0065535", 0, 0, 65535, "h", "", ""},
        {"http://h:1?x=1", 0, 0, 1, "h", "", "x=1"},
        {"https://h/v1?api-version=2024-10-21&a=b/c?d", 1, 0, 443, "h", "/v1", "api-version=2024-10-21&a=b/c?d"},
        {"https://h/v1/?", 1, 0, 443, "h", "/v1", ""},
        {"https://h/a%20b/c@d:e!$&'()*+,;=-._~", 1, 0, 443, "h", "/a%20b/c@d:e!$&'()*+,;=-._~", ""},
        {"https://h./v1", 1, 0, 443, "h.", "/v1", ""},
        {"https://my_service-2.x.INTERNAL/", 1, 0, 443, "my_service-2.x.internal", "", ""},
        {"https://3com.1a/", 1, 0, 443, "3com.1a", "", ""},
        {"https://1.2.3.4x/", 1, 0, 443, "1.2.3.4x", "", ""},
        {"http://127.0.0.1:11434/v1", 0, 4, 11434, "127.0.0.1", "/v1", ""},
        {"http://0.0.0.0", 0, 4, 80, "0.0.0.0", "", ""},
        {"http://[::1]:8080/v1", 0, 6, 8080, "::1", "/v1", ""},
        {"http://[::1]", 0, 6, 80, "::1", "", ""},
        {"https://[2001:DB8::FFFF:1.2.3.4]/", 1, 6, 443, "2001:db8::ffff:1.2.3.4", "", ""},
    };
    size_t i;
    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        llmi_url u;
        llm_error e;
        char *text = t_guarded(good[i].text, strlen(good[i].text) + 1);
        t_case = good[i].text;
        llmi_error_init(&e);
        CHECK(llmi_url_parse(&u, text, &e) == LLM_OK && e.status == LLM_OK);
        CHECK_INT(u.secure, good[i].secure);
        CHECK_INT(u.ip, good[i].ip);
        CHECK_INT(u.port, good[i].port);
        CHECK_STR(u.host, good[i].host);
        CHECK(u.path && llmi_is(u.path, u.path_len, good[i].path));
        CHECK(u.query && llmi_is(u.query, u.query_len, good[i].query));
        CHECK(u.path >= text && u.query <= text + strlen(text));
        t_unguard(text, strlen(good[i].text) + 1);
    }
    t_case = "";
}

static void test_bad(void) {
    static const struct { const char *text, *word; } bad[] = {
        {"", "https://"},
        {"api.openai.com/v1", "https://"},
        {"//api.openai.com/v1", "https://"},
        {"localhost:8080", "https://"},
        {"https:/h", "https://"},
        {"https:h", "https://"},
        {"https", "https://"},
        {"https:", "https://"},
        {"https:/", "https://"},
        {"://h", "https://"},
        {"ftp://h/v1", "scheme"},
        {"httpss://h/v1", "scheme"},
        {"h://x", "scheme"},
        {"unix:///run/x", "scheme"},
        {"https://user@h/v1", "user name"},
        {"https://user:secret@h/v1", "user name"},
        {"https://sk-secret@api.openai.com", "user name"},
        {"https://:@h", "user name"},
        {"https://h:0/v1", "port is 0"},
        {"https://h:000", "port is 0"},
        {"https://h:65536/v1", "65535"},
        {"https://h:70000", "65535"},
        {"https://h:99999999999999999999", "65535"},
        {"https://h:x", "not a number"},
        {"https://h:80x", "not a number"},
        {"https://h:-1", "not a number"},
        {"https://h:+1", "not a number"},
        {"https://h:8:9", "more than one ':'"},
        {"https:// h", "blank"},
        {" https://h", "blank"},
        {"https://h ", "blank"},
        {"https://h/v1\t", "blank"},
        {"https://h/v1\r\nX: y", "line end"},
        {"https://h/v1\n", "line end"},
        {"https://h/\x01", "control"},
        {"https://h/\x7F", "control"},
        {"https://h\xC3\xA9/v1", "xn--"},
        {"https://h/\x80", "xn--"},
        {"https://", "no host"},
        {"https:///v1", "no host"},
        {"https://?x", "no host"},
        {"https://:443/v1", "no host"},
        {"https://.", "no host"},
        {"https://h/v1#x", "fragment"},
        {"https://h#", "fragment"},
        {"https://[::1/v1", "not closed"},
        {"https://[", "not closed"},
        {"https://[]", "IPv6"},
        {"https://[::1]x", "bracket"},
        {"https://[::1]x:80", "bracket"},
        {"https://[::1]:0", "port is 0"},
        {"https://[::1]:x", "not a number"},
        {"https://[1.2.3.4]", "IPv6"},
        {"https://[h]", "IPv6"},
        {"https://[v1.x]", "IPv6"},
        {"https://[fe80::1%25eth0]", "IPv6"},
        {"https://[::1]]", "bracket"},
        {"https://::1/v1", "brackets"},
        {"https://2001:db8::1", "brackets"},
        {"https://h]", "character"},
        {"https://h[1]", "character"},
        {"https://a..b", "dots"},
        {"https://.a", "dots"},
        {"https://a..", "dots"},
        {"https://-a.b", "starts with"},
        {"https://a.-b", "starts with"},
        {"https://a-.b", "ends with"},
        {"https://a.b-", "ends with"},
        {"https://a%2eb", "character"},
        {"https://a\\b", "character"},
        {"https://a*b", "character"},
        {"https://1.2.3", "IPv4"},
        {"https://1.2.3.4.5", "IPv4"},
        {"https://1.2.3.256", "IPv4"},
        {"https://1.2.3.04", "IPv4"},
        {"https://127.1", "IPv4"},
        {"https://2130706433", "IPv4"},
        {"https://127.0.0.1.", "IPv4"},
        {"https://0x7f.0x1", "IPv4"},
        {"https://0x7F000001", "IPv4"},
        {"https://a.0X", "IPv4"},
        {"https://h/a\\b", "%XX"},
        {"https://h/a|b", "%XX"},
        {"https://h/\"", "%XX"},
        {"https://h/<x>", "%XX"},
        {"https://h/{x}", "%XX"},
        {"https://h/v1?a=^", "%XX"},
        {"https://h/v1?a=[1]", "%XX"},
        {"https://h/%", "two hexadecimal"},
        {"https://h/%4", "two hexadecimal"},
        {"https://h/%4g", "two hexadecimal"},
    };
    size_t i;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        llmi_url u;
        llm_error e;
        char *text = t_guarded(bad[i].text, strlen(bad[i].text) + 1);
        t_case = bad[i].text;
        llmi_error_init(&e);
        CHECK(llmi_url_parse(&u, text, &e) == LLM_ERR_USAGE);
        CHECK(e.status == LLM_ERR_USAGE && strncmp(e.message, "base_url: ", 10) == 0);
        if (!CHECK(strstr(e.message, bad[i].word) != NULL)) fprintf(stderr, "    %s\n", e.message);
        CHECK(strstr(e.message, "secret") == NULL);
        CHECK(u.host[0] == 0 && u.port == 0 && u.path == NULL);
        t_unguard(text, strlen(bad[i].text) + 1);
    }
    t_case = "";
    CHECK(llmi_url_parse(&(llmi_url){0}, "x", NULL) == LLM_ERR_USAGE);
}

/* RFC 1035 2.3.4: labels of 63 bytes, names of 253 as text. */
static void test_lengths(void) {
    char text[700];
    llmi_url u;
    llm_error e;
    int label, total;
    for (label = 62; label <= 65; label++) {
        int ok = label <= 63;
        snprintf(text, sizeof text, "https://%0*d.example", label, 0);
        CHECK(llmi_url_parse(&u, text, &e) == (ok ? LLM_OK : LLM_ERR_USAGE));
    }
    for (total = 240; total <= 300; total++) {
        int i, dot;
        for (dot = 0; dot < 2; dot++) {
            memcpy(text, "https://", 8);
            for (i = 0; i < total; i++) text[8 + i] = i % 50 == 49 && i != total - 1 ? '.' : 'a';
            strcpy(text + 8 + total, dot ? "." : "");
            CHECK(llmi_url_parse(&u, text, &e) == (total <= 253 ? LLM_OK : LLM_ERR_USAGE));
        }
    }
}

/* Every byte in every place: only what RFC 3986 has there. */
static void test_bytes(void) {
    int c;
    for (c = 1; c < 256; c++) {
        char text[40];
        llmi_url u;
        int alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        snprintf(text, sizeof text, "https://h/a%cb", c);
        CHECK((llmi_url_parse(&u, text, NULL) == LLM_OK) == (alnum || strchr("-._~!$&'()*+,;=:@/?", c) != NULL));
        snprintf(text, sizeof text, "https://a%cb", c);
        CHECK((llmi_url_parse(&u, text, NULL) == LLM_OK) == (alnum || strchr("-._/?", c) != NULL));
    }
}

static void test_ip4(void) {
    static const char *const good[] = {"0.0.0.0", "255.255.255.255", "1.20.100.9", "127.0.0.1"};
    static const char *const bad[] = {"", "1", "1.2", "1.2.3", "1.2.3.", "1.2.3.4.", ".1.2.3.4", "1..2.3", "1.2.3.256",
                                      "01.2.3.4", "1.2.3.00", "1.2.3.1000", "1.2.3.a", "1.2.3.4 ", " 1.2.3.4",
                                      "1,2.3.4", "0x1.2.3.4", "+1.2.3.4", "1.2.3.-4", "1.2.3.4.5"};
    unsigned char ip[4];
    size_t i;
    for (i = 0; i < sizeof good / sizeof good[0]; i++) CHECK(llmi_ip4_parse(good[i], strlen(good[i]), ip));
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        t_case = bad[i];
        CHECK(!llmi_ip4_parse(bad[i], strlen(bad[i]), ip));
    }
    t_case = "";
    CHECK(llmi_ip4_parse("192.0.2.33", 10, ip) && memcmp(ip, "\xC0\x00\x02\x21", 4) == 0);
    CHECK(llmi_ip4_parse("192.0.2.33", 9, ip) && ip[3] == 3);
}

static void test_ip6(void) {
    static const struct { const char *text, *bytes; } good[] = {
        {"::", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"},
        {"::1", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"},
        {"1::", "\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0"},
        {"1:2:3:4:5:6:7:8", "\0\1\0\2\0\3\0\4\0\5\0\6\0\7\0\x08"},
        {"ABCD:ef01:2345:6789:abcd:EF01:2345:6789",
         "\xAB\xCD\xEF\x01\x23\x45\x67\x89\xAB\xCD\xEF\x01\x23\x45\x67\x89"},
        {"2001:db8::8:800:200c:417a", "\x20\x01\x0D\xB8\0\0\0\0\0\x08\x08\0\x20\x0C\x41\x7A"},
        {"1:2:3:4:5:6:7::", "\0\1\0\2\0\3\0\4\0\5\0\6\0\7\0\0"},
        {"::2:3:4:5:6:7:8", "\0\0\0\2\0\3\0\4\0\5\0\6\0\7\0\x08"},
        {"1::3:4:5:6:7:8", "\0\1\0\0\0\3\0\4\0\5\0\6\0\7\0\x08"},
        {"::ffff:129.144.52.38", "\0\0\0\0\0\0\0\0\0\0\xFF\xFF\x81\x90\x34\x26"},
        {"::13.1.68.3", "\0\0\0\0\0\0\0\0\0\0\0\0\x0D\x01\x44\x03"},
        {"1:2:3:4:5:6:1.2.3.4", "\0\1\0\2\0\3\0\4\0\5\0\6\1\2\3\4"},
        {"1::1.2.3.4", "\0\1\0\0\0\0\0\0\0\0\0\0\1\2\3\4"},
        {"0001:0:00:000:0000::f", "\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\x0F"},
    };
    static const char *const bad[] = {"", ":", ":::", "1", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8:", ":1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1::2::3", "1:::2",
        ":1", "1:", "12345::", "g::", "::g", "::1 ", " ::1", "::1%1", "::1/64", "1.2.3.4", "::1.2.3",
        "::1.2.3.256", "::01.2.3.4", "::1.2.3.4:5", "1.2.3.4::", "1:2:3:4:5:6:7:1.2.3.4",
        "::1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:1.2.3.4", "[::1]", "::-1", "::.1.2.3"};
    unsigned char ip[24];
    size_t i;
    memset(ip, 0xAA, sizeof ip);
    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        char *text = t_guarded(good[i].text, strlen(good[i].text));
        t_case = good[i].text;
        CHECK(llmi_ip6_parse(text, strlen(good[i].text), ip) && memcmp(ip, good[i].bytes, 16) == 0);
        t_unguard(text, strlen(good[i].text));
    }
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        t_case = bad[i];
        CHECK(!llmi_ip6_parse(bad[i], strlen(bad[i]), ip));
        CHECK(memcmp(ip + 16, "\xAA\xAA\xAA\xAA\xAA\xAA\xAA\xAA", 8) == 0);   /* nothing written behind it */
    }
    t_case = "";
}

static void test_loopback(void) {
    static const char *const yes[] = {"http://localhost", "http://LOCALHOST.:80", "http://a.b.localhost",
        "http://127.0.0.1", "http://127.255.255.254", "http://[::1]", "http://[0:0:0:0:0:0:0:1]",
        "http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:2]"};
    static const char *const no[] = {"http://localhost.example", "http://notlocalhost", "http://localhos",
        "http://128.0.0.1", "http://126.255.255.255", "http://0.0.0.0", "http://[::]", "http://[::2]", "http://[1::1]",
        "http://10.0.0.1", "http://[::ffff:128.0.0.1]", "http://[::127.0.0.1]", "http://127.0.0.1.nip.io",
        "http://xlocalhost.", "http://h"};
    llmi_url u;
    size_t i;
    for (i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        t_case = yes[i];
        CHECK(llmi_url_parse(&u, yes[i], NULL) == LLM_OK && llmi_url_loopback(&u));
    }
    for (i = 0; i < sizeof no / sizeof no[0]; i++) {
        t_case = no[i];
        CHECK(llmi_url_parse(&u, no[i], NULL) == LLM_OK && !llmi_url_loopback(&u));
    }
    t_case = "";
}

int main(void) {
    test_good();
    test_bad();
    test_lengths();
    test_bytes();
    test_ip4();
    test_ip6();
    test_loopback();
    return t_done();
}
