/* SPDX-License-Identifier: MIT */
/* A map is bytes, least significant bit first, so that on x86 the first eight
 * of them are a uint64_t. Tools size maps by max_cpu_id and round them up. */
#include "guest/bitmap.h"

#include "arch/cpu.h"
#include "guest/copy.h"

enum {
    WORD_BYTES = 8,
    MAP_BYTES_LIMIT = 4096, /* nobody has that many CPUs */
};
BUILD_ASSERT(MAX_CPUS <= 8 * WORD_BYTES, "one word holds all CPUs");

static uint64_t map_address(const struct xenctl_bitmap *map)
{
    return (uintptr_t)map->bitmap.p;
}

static uint64_t map_bytes(const struct xenctl_bitmap *map)
{
    return DIV_ROUND_UP((uint64_t)map->nr_bits, 8);
}

int bitmap_from_guest(struct vcpu *v, const struct xenctl_bitmap *map,
                      uint64_t *bits)
{
    size_t bytes = MIN(map_bytes(map), (uint64_t)WORD_BYTES);

    int rc;

    *bits = 0;
    rc = copy_from_guest(v, bits, map_address(map), bytes);
    if (rc) {
        return rc;
    }
    if (map->nr_bits < 8 * WORD_BYTES) {
        *bits &= BIT(map->nr_bits) - 1;
    }
    return 0;
}

int bitmap_to_guest(struct vcpu *v, const struct xenctl_bitmap *map,
                    uint64_t bits)
{
    uint64_t bytes = MIN(map_bytes(map), (uint64_t)MAP_BYTES_LIMIT);
    int rc = 0;

    if (map->nr_bits < 8 * WORD_BYTES) {
        bits &= BIT(map->nr_bits) - 1;
    }
    for (uint64_t at = 0; !rc && at < bytes; at += WORD_BYTES) {
        uint64_t word = at == 0 ? bits : 0;

        rc = copy_to_guest(v, map_address(map) + at, &word,
                           MIN(bytes - at, (uint64_t)WORD_BYTES));
    }
    return rc;
}

uint64_t bitmap_all_cpus(void)
{
    return ~0ULL >> (64 - arch_cpu_count());
}
