/* test_pricing_off.c - LLM_NO_PRICING: the functions stay, the table is gone. */
#define LLM_NO_PRICING
#include "test_pricing.c"
