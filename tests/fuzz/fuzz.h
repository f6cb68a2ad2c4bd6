/* SPDX-License-Identifier: MIT */
/* A driver is a function that is given bytes at random and that ends the
 * process if something is wrong. It returns 0. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
