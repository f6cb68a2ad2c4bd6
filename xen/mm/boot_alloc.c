/* SPDX-License-Identifier: MIT */
/*
 * Two short sorted lists of ranges of frames: RAM, and what of it (or of
 * anything else) is in use. An allocation is the lowest fit in RAM that
 * touches nothing in use, which it joins. Lowest, because the low part of RAM
 * is what the boot code can reach first; and neighbours join into one range,
 * so the lists stay short.
 */
#include "mm/boot_alloc.h"
#include "base/panic.h"
#include "lib/string.h"
#include "mm/buddy.h"
#include "types/bits.h"
#include "types/check.h"

#define MAX_RANGES 256

struct range {
    uint64_t start, end; /* frames [start, end) */
};

struct ranges {
    unsigned count;
    struct range range[MAX_RANGES]; /* sorted, disjoint, not touching */
};

static struct ranges ram;
static struct ranges used;

/* Join `new` with what it overlaps or touches. */
static void add_range(struct ranges *rs, struct range new)
{
    unsigned first = 0, last;

    if (new.start >= new.end) {
        return;
    }
    while (first < rs->count && rs->range[first].end < new.start) {
        first++;
    }
    for (last = first; last < rs->count && rs->range[last].start <= new.end;
         last++) {
        new.start = MIN(new.start, rs->range[last].start);
        new.end = MAX(new.end, rs->range[last].end);
    }
    if (rs->count + 1 - (last - first) > MAX_RANGES) {
        panic("the memory map has more than %u pieces", MAX_RANGES);
    }
    memmove(&rs->range[first + 1], &rs->range[last],
            (rs->count - last) * sizeof(new));
    rs->range[first] = new;
    rs->count += 1 - (last - first);
}

/* Take `gone` out: at most two pieces are left of each range that it cuts. */
static void remove_range(struct ranges *rs, struct range gone)
{
    struct ranges before = *rs;

    rs->count = 0;
    for (unsigned i = 0; i < before.count; i++) {
        struct range r = before.range[i];

        add_range(rs, (struct range){r.start, MIN(r.end, gone.start)});
        add_range(rs, (struct range){MAX(r.start, gone.end), r.end});
    }
}

/* What has no frame number of 32 bits is left alone. */
void boot_alloc_add(paddr_t start, uint64_t bytes)
{
    uint64_t end = (start.v + bytes) >> PAGE_SHIFT;

    add_range(&ram, (struct range){.start = ROUND_UP(start.v, PAGE_SIZE) >>
                                            PAGE_SHIFT,
                                   .end = MIN(end, FRAME_LIMIT)});
}

void boot_alloc_reserve(paddr_t start, uint64_t bytes)
{
    uint64_t end = ROUND_UP(start.v + bytes, PAGE_SIZE);

    add_range(&used, (struct range){.start = start.v >> PAGE_SHIFT,
                                    .end = end >> PAGE_SHIFT});
}

/* The first range in use that ends behind `frame`; NULL: none does. */
static const struct range *used_from(uint64_t frame)
{
    for (unsigned i = 0; i < used.count; i++) {
        if (used.range[i].end > frame) {
            return &used.range[i];
        }
    }
    return NULL;
}

/* The lowest place for `count` frames in `r` that is free; ~0: none. */
static uint64_t find_fit(const struct range *r, uint64_t count, uint64_t align)
{
    uint64_t start = ROUND_UP(r->start, align);

    while (start < r->end && count <= r->end - start) {
        const struct range *u = used_from(start);

        if (!u || u->start >= start + count) {
            return start;
        }
        start = ROUND_UP(u->end, align);
    }
    return ~0ULL;
}

static bool take(uint64_t count, uint64_t align, uint64_t *start)
{
    for (unsigned i = 0; i < ram.count; i++) {
        *start = find_fit(&ram.range[i], count, align);
        if (*start != ~0ULL) {
            add_range(&used, (struct range){*start, *start + count});
            return true;
        }
    }
    return false;
}

mfn_t boot_alloc_pages(uint64_t count, unsigned align_order)
{
    uint64_t start;

    if (!take(count, BIT(align_order), &start)) {
        panic("no %lu free pages of memory in a row", count);
    }
    for (uint64_t frame = start; frame < start + count; frame++) {
        arch_page_clear(arch_map(MFN(frame)));
    }
    return MFN(start);
}

bool boot_alloc_try(uint64_t count, mfn_t *first)
{
    return take(count, 1, &first->v);
}

void boot_alloc_free(mfn_t first, uint64_t count)
{
    remove_range(&used, (struct range){first.v, first.v + count});
}

/* Frames of RAM that stay with the hypervisor until they are released. */
static void mark_in_use(uint64_t start, uint64_t end)
{
    for (; start < end; start++) {
        page_start(&frame_table[start], PAGE_HEAP, NULL, 0, 0);
    }
}

static void hand_over(const struct range *r)
{
    uint64_t at = r->start;

    while (at < r->end) {
        const struct range *u = used_from(at);
        uint64_t free_end = u ? MIN(MAX(u->start, at), r->end) : r->end;

        if (free_end > at) {
            page_alloc_add(MFN(at), free_end - at);
        }
        at = u ? MIN(u->end, r->end) : r->end;
        mark_in_use(free_end, at);
    }
}

void boot_alloc_finish(void)
{
    uint64_t frames, bytes;
    mfn_t table;

    if (!ram.count) {
        panic("the machine has no memory");
    }
    /* Frame 0 is a fine place for mistakes to go unnoticed; and to page lists
     * it is none. */
    add_range(&used, (struct range){.start = 0, .end = 1});
    frames = ram.range[ram.count - 1].end;
    bytes = frames * sizeof(struct page);
    table = boot_alloc_pages(DIV_ROUND_UP(bytes, PAGE_SIZE), 0);
    frame_table = arch_map(table);
    frame_count = frames;
    for (unsigned i = 0; i < ram.count; i++) {
        hand_over(&ram.range[i]);
    }
}

/* Frames that are no RAM, or were not in use, are skipped: they are not ours
 * to give back. */
void boot_alloc_release(paddr_t start, uint64_t bytes)
{
    uint64_t frame = MAX(ROUND_UP(start.v, PAGE_SIZE) >> PAGE_SHIFT, 1U);
    uint64_t end = (start.v + bytes) >> PAGE_SHIFT;

    for (; frame < end; frame++) {
        struct page *pg = page_from_mfn(MFN(frame));

        if (pg && pg->state == PAGE_HEAP) {
            page_alloc_add(MFN(frame), 1);
        }
    }
}
