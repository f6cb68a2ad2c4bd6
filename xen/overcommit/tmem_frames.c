/* SPDX-License-Identifier: MIT */
/*
 * Frames: from the host, back to it, and what is kept in between.
 *
 * Ephemeral data and its records lie in frames that come 512 at a time where
 * the host has them: chunks, whole superpages of our own. What becomes free is
 * used from the youngest chunk and given back from the oldest, so that chunks
 * become empty, and go back whole (T-44). Where no superpage is free single
 * frames do; each counts for the chunk in which it lies. Persistent frames are
 * single ones, since they stay.
 *
 *   chunk.owned       frames in those 2 MiB that are ephemeral, or kept for it
 *   chunk.free_count  of them, those on chunk.free
 *   total = frames in use + kept;  kept = loose_count + sum of free_count
 *
 * What is in a kept frame is nobody's business: whoever takes it overwrites all
 * of it, and the page allocator clears what it hands to others (T-25).
 *
 * One node of memory is all there is; on a machine of more each would have a
 * struct node, and frame_take() would take that of its CPU (T-45).
 *
 * The host keeps `reserve` free pages, and what is held back.
 */
#include "base/audit.h"
#include "mm/block.h"
#include "mm/heap.h"
#include "mm/page_alloc.h"
#include "mm/page_list.h"
#include "overcommit/tmem_internal.h"
#include "types/error.h"

#define LOOSE_MAX     64 /* kept for persistent pages */
#define GIVE_AT_ONCE  32
#define RESERVE_SHARE 128 /* of memory, that is left to others */
#define ADDRESS_BITS  48

struct chunk {
    struct list with_free; /* youngest first */
    struct page_list free;
    uint16_t owned, free_count;
    bool emptying; /* nobody takes from it */
};

static struct node {
    struct lock lock;
    struct list chunks; /* with free frames, and not being emptied */
    struct page_list loose;
    uint64_t loose_count, kept, total, most;
} node = {.lock = LOCK_INIT(RANK_TMEM_FRAMES)};

static struct chunk *chunks; /* by frame number / 512 */
static uint64_t reserve;
static int64_t held_back;

static struct chunk *chunk_of(const struct page *frame)
{
    return &chunks[page_to_mfn(frame).v / BLOCK_PAGES];
}

int frames_start(void)
{
    uint64_t count = DIV_ROUND_UP(frame_count, BLOCK_PAGES);

    chunks = heap_alloc_array(count, sizeof(*chunks));
    if (!chunks) {
        return -ENOMEM;
    }
    for (uint64_t i = 0; i < count; i++) {
        list_init(&chunks[i].with_free);
    }
    node = (struct node){.lock = LOCK_INIT(RANK_TMEM_FRAMES)};
    list_init(&node.chunks);
    held_back = 0;
    reserve = page_alloc_info().total / RESERVE_SHARE;
    return 0;
}

void tmem_set_reserve(uint64_t pages)
{
    WRITE_ONCE(reserve, pages);
}

void tmem_hold_back(int64_t pages)
{
    __atomic_fetch_add(&held_back, pages, __ATOMIC_SEQ_CST);
}

static bool host_can_spare(uint64_t count)
{
    uint64_t left = READ_ONCE(reserve) + (uint64_t)READ_ONCE(held_back);

    if (page_unclaimed() >= left + count) {
        return true;
    }
    this_tmem_cpu()->counters.low_memory += count == 1;
    return false;
}

/* --- Under the lock --- */

static void chunk_add_free_locked(struct page *frame)
{
    struct chunk *c = chunk_of(frame);

    if (!c->free_count && !c->emptying) {
        list_add_tail(&node.chunks, &c->with_free);
    }
    page_list_add(&c->free, frame);
    c->free_count++;
    node.kept++;
}

static struct page *chunk_take_locked(struct chunk *c)
{
    struct page *frame = page_list_take(&c->free);

    node.kept--;
    if (--c->free_count == 0) {
        list_del(&c->with_free);
    }
    return frame;
}

static struct page *loose_take_locked(void)
{
    struct page *frame = page_list_take(&node.loose);

    if (frame) {
        node.loose_count--;
        node.kept--;
    }
    return frame;
}

static struct page *take_kept_locked(enum kind kind)
{
    struct page *frame;

    if (kind == EPHEMERAL && !list_empty(&node.chunks)) {
        return chunk_take_locked(
            list_first(&node.chunks, struct chunk, with_free));
    }
    frame = loose_take_locked();
    if (frame && kind == EPHEMERAL) {
        chunk_of(frame)->owned++;
    }
    return frame;
}

/* For a persistent page out of a chunk, when the host has nothing else. */
static struct page *take_from_chunk(void)
{
    struct page *frame = NULL;

    lock(&node.lock);
    if (!list_empty(&node.chunks)) {
        struct chunk *c = list_entry(node.chunks.prev, struct chunk, with_free);

        frame = chunk_take_locked(c);
        c->owned--;
    }
    unlock(&node.lock);
    return frame;
}

/* --- From the host --- */

static bool add_chunk(void)
{
    struct page *head =
        host_can_spare(BLOCK_PAGES) ? page_alloc_dirty(ORDER_2M) : NULL;
    struct chunk *c;

    if (!head) {
        return false;
    }
    c = chunk_of(head);
    lock(&node.lock);
    for (unsigned i = BLOCK_PAGES; i-- > 0;) {
        page_list_add(&c->free, &head[i]);
    }
    c->owned = c->free_count = BLOCK_PAGES;
    node.kept += BLOCK_PAGES;
    node.total += BLOCK_PAGES;
    node.most = MAX(node.most, node.total);
    list_add(&node.chunks, &c->with_free);
    unlock(&node.lock);
    return true;
}

static struct page *add_single(enum kind kind)
{
    struct page *frame = host_can_spare(1) ? page_alloc_dirty(ORDER_4K) : NULL;

    if (!frame) {
        return NULL;
    }
    lock(&node.lock);
    node.total++;
    node.most = MAX(node.most, node.total);
    if (kind == EPHEMERAL) {
        chunk_of(frame)->owned++;
    }
    unlock(&node.lock);
    return frame;
}

static struct page *take_kept(enum kind kind)
{
    struct page *frame;

    lock(&node.lock);
    frame = take_kept_locked(kind);
    unlock(&node.lock);
    return frame;
}

struct page *frame_take(enum kind kind)
{
    struct page *frame = take_kept(kind);

    /* Others may take what a new chunk has before we do. */
    while (!frame && kind == EPHEMERAL && add_chunk()) {
        frame = take_kept(kind);
    }
    if (!frame) {
        frame = add_single(kind);
    }
    if (!frame && kind == PERSISTENT) {
        frame = take_from_chunk();
    }
    if (!frame) {
        this_tmem_cpu()->counters.frames_failed++;
    }
    return frame;
}

void frame_put(struct page *frame, enum kind kind)
{
    lock(&node.lock);
    frame->flags &= (uint8_t)~PAGE_TMEM;
    if (kind == EPHEMERAL) {
        chunk_add_free_locked(frame);
    } else {
        page_list_add(&node.loose, frame);
        node.loose_count++;
        node.kept++;
    }
    unlock(&node.lock);
}

/* --- Back to the host --- */

static struct page *give_one_locked(void)
{
    struct page *frame = loose_take_locked();

    if (!frame && !list_empty(&node.chunks)) {
        struct chunk *c = list_entry(node.chunks.prev, struct chunk, with_free);

        frame = chunk_take_locked(c);
        c->owned--;
    }
    node.total -= frame != NULL;
    return frame;
}

uint64_t frames_give(uint64_t count)
{
    struct page *batch[GIVE_AT_ONCE];
    uint64_t given = 0;
    unsigned n;

    do {
        n = 0;
        lock(&node.lock);
        while (n < GIVE_AT_ONCE && given + n < count &&
               (batch[n] = give_one_locked())) {
            n++;
        }
        unlock(&node.lock);
        for (unsigned i = 0; i < n; i++) {
            page_free(batch[i], ORDER_4K);
        }
        given += n;
    } while (n == GIVE_AT_ONCE);
    return given;
}

static void disown_chunk_locked(struct chunk *c)
{
    if (!list_empty(&c->with_free)) {
        list_del(&c->with_free);
    }
    node.kept -= BLOCK_PAGES;
    node.total -= BLOCK_PAGES;
    c->owned = c->free_count = 0;
    c->free = (struct page_list){0, 0};
}

static struct page *first_of(const struct chunk *c)
{
    return &frame_table[(uint64_t)(c - chunks) * BLOCK_PAGES];
}

/* A chunk that is empty, but for the youngest of those. */
static struct page *spare_chunk_locked(void)
{
    struct chunk *c, *kept = NULL;

    list_for_each (c, &node.chunks, with_free) {
        if (c->free_count < BLOCK_PAGES) {
            continue;
        }
        if (kept) {
            disown_chunk_locked(c);
            return first_of(c);
        }
        kept = c;
    }
    return NULL;
}

void frames_trim(void)
{
    struct page *spare = NULL, *head = NULL;

    if (READ_ONCE(node.kept) <= LOOSE_MAX) {
        return;
    }
    lock(&node.lock);
    if (node.loose_count > LOOSE_MAX) {
        spare = loose_take_locked();
        node.total--;
    }
    if (node.kept >= 2 * BLOCK_PAGES) {
        head = spare_chunk_locked();
    }
    unlock(&node.lock);
    if (spare) {
        page_free(spare, ORDER_4K);
    }
    if (head) {
        page_free(head, ORDER_2M);
    }
}

uint64_t frames_kept(void)
{
    return READ_ONCE(node.kept);
}

uint64_t frames_total(void)
{
    return READ_ONCE(node.total);
}

uint64_t frames_most(void)
{
    return READ_ONCE(node.most);
}

/* --- Emptying a superpage --- */

struct page *chunk_choose(void)
{
    struct chunk *best = NULL;
    uint64_t count = DIV_ROUND_UP(frame_count, BLOCK_PAGES);

    lock(&node.lock);
    for (uint64_t i = 0; i < count; i++) {
        struct chunk *c = &chunks[i];

        if (c->owned == BLOCK_PAGES && !c->emptying &&
            (!best || c->free_count > best->free_count)) {
            best = c;
        }
    }
    if (best) {
        best->emptying = true;
        if (!list_empty(&best->with_free)) {
            list_del(&best->with_free);
        }
    }
    unlock(&node.lock);
    return best ? first_of(best) : NULL;
}

bool chunk_finish(struct page *first)
{
    struct chunk *c = chunk_of(first);
    bool empty;

    lock(&node.lock);
    c->emptying = false;
    empty = c->free_count == BLOCK_PAGES;
    if (empty) {
        disown_chunk_locked(c);
    } else if (c->free_count) {
        list_add_tail(&node.chunks, &c->with_free);
    }
    unlock(&node.lock);
    if (empty) {
        page_free(first, ORDER_2M);
    }
    return empty;
}

/* --- Whose it is: the word that a HEAP page has to spare --- */

void frame_set_user(struct page *frame, const struct tmem_store *store,
                    void *user)
{
    uint64_t low = (uint64_t)(uintptr_t)user & (BIT(ADDRESS_BITS) - 1);

    WRITE_ONCE(frame->use, (uint64_t)store->id << ADDRESS_BITS | low);
    frame->flags |= PAGE_TMEM;
}

void *frame_user(const struct page *frame, uint16_t *store_id)
{
    uint64_t use = READ_ONCE(frame->use);
    unsigned shift = 64 - ADDRESS_BITS;

    *store_id = (uint16_t)(use >> ADDRESS_BITS);
    /* Addresses have their top bits alike. */
    return (void *)(uintptr_t)((int64_t)(use << shift) >> shift);
}

/* --- Audit --- */

static unsigned differs(const char *what, uint64_t found, uint64_t expected)
{
    const struct audit_difference difference = {
        "X1",           what,  AUDIT_NO_DOMAIN, AUDIT_NO_FRAME,
        AUDIT_NO_FRAME, found, expected};

    if (found == expected) {
        return 0;
    }
    audit_differs(&difference);
    return 1;
}

unsigned frames_audit(uint64_t used, uint64_t used_in_chunks)
{
    uint64_t count = DIV_ROUND_UP(frame_count, BLOCK_PAGES);
    uint64_t owned = 0, free = 0;
    unsigned wrong = 0;

    lock(&node.lock);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t length = 0;
        struct page *frame;

        page_list_for_each (frame, &chunks[i].free) {
            length++;
        }
        wrong +=
            differs("free frames of a chunk", chunks[i].free_count, length);
        wrong += differs("a chunk with free frames is on the list",
                         !list_empty(&chunks[i].with_free),
                         length && !chunks[i].emptying);
        owned += chunks[i].owned;
        free += length;
    }
    wrong += differs("frames in all", node.total, used + node.kept);
    wrong += differs("kept frames", node.kept, free + node.loose_count);
    wrong += differs("frames in chunks", owned, used_in_chunks + free);
    unlock(&node.lock);
    return wrong;
}
