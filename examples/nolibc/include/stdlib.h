/* The compiler's immintrin.h (AES instructions) wants these declared; nobody calls them. */
#ifndef STDLIB_H
#define STDLIB_H
#include <stddef.h>
void *malloc(size_t n);
void free(void *p);
#endif
