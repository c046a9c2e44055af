/* sys/mman.h for Windows: as much of it as t.h needs, and memmem(), so that suites run under Wine. */
#ifndef WINDOWS_SYS_MMAN_H
#define WINDOWS_SYS_MMAN_H
#include <stddef.h>
#include <string.h>

#define PROT_NONE 0
#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_PRIVATE 0
#define MAP_ANONYMOUS 0
#define MAP_FAILED ((void *)-1)
#define _SC_PAGESIZE 0

/* of kernel32; windows.h would bring names that suites have too */
__declspec(dllimport) void *__stdcall VirtualAlloc(void *, size_t, unsigned long, unsigned long);
__declspec(dllimport) int __stdcall VirtualFree(void *, size_t, unsigned long);
__declspec(dllimport) int __stdcall VirtualProtect(void *, size_t, unsigned long, unsigned long *);

static inline long sysconf(int what) {
    (void)what;
    return 4096;
}

static inline void *mmap(void *at, size_t n, int prot, int flags, int fd, long offset) {
    void *p = VirtualAlloc(at, n, 0x3000, 0x04);       /* MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE */
    (void)prot, (void)flags, (void)fd, (void)offset;
    return p != NULL ? p : MAP_FAILED;
}

static inline int munmap(void *p, size_t n) {
    (void)n;
    return VirtualFree(p, 0, 0x8000) ? 0 : -1;         /* MEM_RELEASE */
}

static inline int mprotect(void *p, size_t n, int prot) {
    unsigned long old;
    (void)prot;
    return VirtualProtect(p, n, 0x01, &old) ? 0 : -1;  /* PAGE_NOACCESS */
}

static inline void *memmem(const void *in, size_t n, const void *what, size_t len) {
    const char *p = (const char *)in;
    for (; n >= len; p++, n--) {
        if (memcmp(p, what, len) == 0) return (void *)p;
    }
    return NULL;
}
#endif
