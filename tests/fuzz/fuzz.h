/* SPDX-License-Identifier: MIT */
/* A driver is a function that is given bytes at random and that ends the
 * process if something is wrong. It returns 0. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* For drivers whose bytes are choices: where they come from, whether any are
 * left, and the next: 0 .. limit - 1, or any word if limit is 0. It takes as
 * few bytes as the limit needs, so that inputs stay short. */
void fuzz_choices(const uint8_t *data, size_t size);
bool fuzz_more(void);
uint64_t fuzz_choose(uint64_t limit);

#endif
