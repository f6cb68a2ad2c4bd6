/* SPDX-License-Identifier: MIT */
/*
 * LZ4 by Debian's library, which is code of an ordinary program: see
 * arch/foreign.h. It takes no memory of its own: the state of the compressor is
 * the caller's, one for each CPU. Unpacking checks all bounds.
 */
#include <lz4.h>

#include "arch/foreign.h"
#include "overcommit/tmem_internal.h"

#define ACCELERATION 1 /* the best that it packs at its usual speed */

struct work {
    void *state;
    const void *from;
    void *to;
    int from_size, to_size;
    int result;
};

size_t lz4_state_size(void)
{
    return (size_t)LZ4_sizeofState();
}

static void pack(void *context)
{
    struct work *w = context;

    w->result = LZ4_compress_fast_extState(
        w->state, w->from, w->to, w->from_size, w->to_size, ACCELERATION);
}

static void unpack(void *context)
{
    struct work *w = context;

    w->result = LZ4_decompress_safe(w->from, w->to, w->from_size, w->to_size);
}

uint32_t lz4_pack(void *state, const void *page, void *to, uint32_t size)
{
    struct work w = {state, page, to, (int)PAGE_SIZE, (int)size, 0};

    arch_call_foreign_here(pack, &w);
    return w.result > 0 ? (uint32_t)w.result : 0;
}

bool lz4_unpack(const void *bytes, uint32_t length, void *page)
{
    struct work w = {NULL, bytes, page, (int)length, (int)PAGE_SIZE, 0};

    arch_call_foreign_here(unpack, &w);
    return w.result == (int)PAGE_SIZE;
}
