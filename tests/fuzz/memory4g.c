/* SPDX-License-Identifier: MIT */
#include "memory4g.h"

#include <string.h>
#include <sys/mman.h>

#include "arch/hostmap.h"
#include "unit.h"

static uint8_t *memory;
static uint64_t filled_at, filled;

static void start(void)
{
    /* Pages that nobody may touch follow. */
    memory = mmap(NULL, 2 * MEMORY4G_LIMIT, PROT_NONE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT(memory != MAP_FAILED);
    EXPECT(!mprotect(memory, MEMORY4G_LIMIT + MEMORY4G_SLACK,
                     PROT_READ | PROT_WRITE));
}

void memory4g_fill(uint64_t address, const uint8_t *data, size_t size)
{
    if (!memory) {
        start();
    }
    memset(memory + filled_at, 0, filled);
    memcpy(memory + address, data, size);
    filled_at = address;
    filled = size;
}

void *arch_map(mfn_t m)
{
    return memory + (m.v << PAGE_SHIFT) % MEMORY4G_LIMIT;
}
