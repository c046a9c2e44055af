#!/bin/sh
# test_prices.sh - the price table in the header is what prices.json gives, and prices.pl refuses bad data.
exec sh ../tools/prices/selftest.sh "${HDR:-..}/llm_openai.h"
