/* curl.c N URL SIDE_PORT: the same stream with libcurl and cJSON, as a careful program does it: a write
   callback that cuts lines without copying when it can, one parse for each event. */
#include "side.h"
#include "stream.h"
#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <stdlib.h>

typedef struct reader {
    char line[65536];
    size_t n;
    int side, done;
    bench_sum sum;
} reader;

static void on_line(reader *r, const char *p, size_t n) {
    cJSON *root, *choice, *content;
    if (n > 0 && p[n - 1] == '\r') n--;
    if (n < 6 || memcmp(p, "data: ", 6) != 0) return;
    if (n == 12 && memcmp(p, "data: [DONE]", 12) == 0) {
        r->done = 1;
        return;
    }
    root = cJSON_ParseWithLength(p + 6, n - 6);
    if (root == NULL) exit(1);
    choice = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(root, "choices"), 0);
    content = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(choice, "delta"), "content");
    if (cJSON_IsString(content) && content->valuestring[0] != 0) {
        bench_add(&r->sum, content->valuestring, strlen(content->valuestring));
        side_step(r->side);
    }
    cJSON_Delete(root);
}

static size_t on_data(char *p, size_t size, size_t count, void *user) {
    reader *r = (reader *)user;
    size_t n = size * count;
    char *end = p + n;
    while (p < end) {
        char *nl = (char *)memchr(p, '\n', (size_t)(end - p));
        size_t part = (size_t)((nl != NULL ? nl : end) - p);
        if (nl != NULL && r->n == 0) {
            on_line(r, p, part);
        } else {
            if (r->n + part > sizeof r->line) return 0;
            memcpy(r->line + r->n, p, part);
            r->n += part;
            if (nl != NULL) {
                on_line(r, r->line, r->n);
                r->n = 0;
            }
        }
        p += part + (nl != NULL);
    }
    return n;
}

int main(int argc, char **argv) {
    static reader r;
    struct curl_slist *headers = NULL;
    CURL *c;
    CURLcode code;
    long status = 0;
    if (argc != 4) return 2;
    r.side = side_open(atoi(argv[3]));
    curl_global_init(CURL_GLOBAL_DEFAULT);
    c = curl_easy_init();
    headers = curl_slist_append(headers, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Authorization: Bearer k");
    curl_easy_setopt(c, CURLOPT_URL, argv[2]);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS,
                     "{\"model\":\"bench\",\"messages\":[{\"role\":\"user\","
                     "\"content\":\"Tell me of the river.\"}],\"stream\":true,"
                     "\"stream_options\":{\"include_usage\":true}}");
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &r);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    code = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(c);
    curl_slist_free_all(headers);
    curl_global_cleanup();
    if (code != CURLE_OK || status != 200 || !r.done) {
        fprintf(stderr, "curl: %s, status %ld\n", curl_easy_strerror(code), status);
        return 1;
    }
    printf("bytes %lu hash %lx allocations 0\n", r.sum.bytes, r.sum.hash);
    return 0;
}
