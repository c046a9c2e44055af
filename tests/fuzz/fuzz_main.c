/* fuzz_main.c - runs a fuzzer over files and folders of inputs without libFuzzer: under gcc, valgrind, on any machine.
   fuzz_main.c is linked with one fuzz_NAME.c. Prints "N passed, 0 failed"; a finding ends the program before that. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long passed;
static const char *quiet;

static void run_file(const char *path) {
    FILE *f = fopen(path, "rb");
    uint8_t *p;
    long n;
    if (!f || fseek(f, 0, SEEK_END) || (n = ftell(f)) < 0 || fseek(f, 0, SEEK_SET)) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    p = (uint8_t *)malloc(n ? (size_t)n : 1);      /* no byte more: valgrind sees a read behind it */
    if (!p || fread(p, 1, (size_t)n, f) != (size_t)n) exit(1);
    fclose(f);
    if (!quiet) {
        printf("%s\n", path);
        fflush(stdout);
    }
    (void)LLVMFuzzerTestOneInput(p, (size_t)n);
    free(p);
    passed++;
}

static void run_path(const char *path) {
    struct stat st;
    struct dirent *e;
    DIR *d;
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        run_file(path);
        return;
    }
    d = opendir(path);
    if (!d) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    while ((e = readdir(d)) != NULL) {
        char *sub = (char *)malloc(strlen(path) + strlen(e->d_name) + 2);
        if (!sub) exit(1);
        sprintf(sub, "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.') run_path(sub);
        free(sub);
    }
    closedir(d);
}

int main(int argc, char **argv) {
    int i;
    quiet = getenv("FUZZ_VERBOSE") ? NULL : "quiet";
    for (i = 1; i < argc; i++) run_path(argv[i]);
    if (passed == 0) {
        fprintf(stderr, "no input\n");
        return 1;
    }
    printf("%lu passed, 0 failed\n", passed);
    return 0;
}
