/* SPDX-License-Identifier: MIT */
/*
 * The machine's first 4 GiB as the boot code reaches them, for what is written
 * by boot loaders and firmware: all zeros but for what a fuzzer puts there.
 * They are trusted with where things are, so an address beyond is within
 * again; but nothing longer than MEMORY4G_SLACK may be read there.
 */
#ifndef FUZZ_MEMORY4G_H
#define FUZZ_MEMORY4G_H

#include "fuzz.h"

#define MEMORY4G_LIMIT (1ull << 32)
#define MEMORY4G_SLACK (1ull << 21)

/* Put the bytes at `address`, and zeros where those of the last time were. */
void memory4g_fill(uint64_t address, const uint8_t *data, size_t size);

#endif
