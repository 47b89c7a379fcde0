/*
 * fuzz.h - the entry point that libFuzzer calls: the parser must come back, whatever the bytes are.
 */
#ifndef PACE_TEST_FUZZ_H
#define PACE_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#endif
