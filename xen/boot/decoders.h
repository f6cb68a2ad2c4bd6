/* SPDX-License-Identifier: MIT */
/*
 * The formats that kernels are packed in: gzip, xz, zstd and lz4, by Debian's
 * libraries of those names. They get all their memory from an arena.
 *
 * decoder_work() and decoder_run() are foreign code: arch_call_foreign().
 */
#ifndef BOOT_DECODERS_H
#define BOOT_DECODERS_H

#include "types/check.h"

/* Enough of an arena for decoder_work(), and for most of the formats. */
#define DECODER_WORK_MIN (512UL << 10)

/* Memory that is taken piece by piece and never given back. */
struct arena {
    uint8_t *bytes; /* aligned to 16 */
    size_t size, used;
};

void *arena_take(struct arena *a, size_t size);

struct decoder;

struct packed {
    const uint8_t *bytes;
    size_t size; /* with the four bytes that bzImages have at the end */
};

/* The format by the first bytes. NULL: unknown, or one that we cannot unpack,
 * whose name is in *name then. */
const struct decoder *decoder_find(struct packed in, const char **name);

/* How large an arena it takes to unpack `in`; 0: it is damaged. */
uint64_t decoder_work(const struct decoder *decoder, struct packed in,
                      struct arena *arena);

/* Unpack to exactly `size` bytes at `out`; false: it does not come to that. */
bool must_check decoder_run(const struct decoder *decoder, struct packed in,
                            uint8_t *out, size_t size, struct arena *arena);

#endif
