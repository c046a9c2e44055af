/* test_tls_small.c - the part of test_tls.c that depends on where the X.509 state lies: in the record buffer's end. */
/* needs: bearssl */
#define LLM_TLS_SMALL
#define T_ONLY_EARLY 1
#include "test_tls.c"
