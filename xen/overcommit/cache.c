/* SPDX-License-Identifier: MIT */
/*
 * Blocks of cached pages, merged and cut: see cache.h.
 *
 * Where a page's other half is, and whether it is one of ours, is read from the
 * frame table, as the page allocator does it (mm/buddy.c): a step per order,
 * and no memory is needed for it. A count per 2 MiB would tell better which
 * range is most broken, but it has no place: the range's other frames may be
 * anybody's.
 *
 * Blocks that begin with a zeroed page are at the front of their list. When
 * the last page of a superpage comes, and some of its pages are known to be
 * zero and others not, those are cleared: afterwards one flag speaks for all,
 * and the zeros would have to be written twice otherwise. So each page is
 * cleared once at most between two uses.
 *
 * Single pages are taken from one block until it is used up, without cutting it
 * each time: it becomes the run, which is on no list. Before anybody looks for
 * neighbours or for the smallest block, what is left of the run is made the
 * blocks that cutting would have left.
 */
#include "overcommit/cache.h"
#include "mm/block.h"
#include "types/bits.h"

static void link_block(struct pod *pod, struct page *head, unsigned order)
{
    struct page_list *l = &pod->blocks[order];

    WRITE_ONCE(head->order, (uint8_t)order);
    head->flags |= PAGE_POOLED;
    if (head->flags & PAGE_ZEROED) {
        page_list_add(l, head);
    } else {
        page_list_add_tail(l, head);
    }
    pod->counters.superpages_cached += order == ORDER_2M;
}

static void unlink_block(struct pod *pod, struct page *head, unsigned order)
{
    page_list_del(&pod->blocks[order], head);
    head->flags &= (uint8_t)~PAGE_POOLED;
    pod->counters.superpages_cached -= order == ORDER_2M;
}

/* Pages of others change meanwhile, but a page's word in one piece; and what is
 * ours in it only we change, as its lock is held. */
static inline bool is_block(const struct pod *pod, uint64_t mfn, unsigned order)
{
    static const union page_word mask = {
        .state = 0xff, .order = 0xff, .flags = PAGE_POOLED, .owner = 0xffff};
    union page_word ours = {.state = PAGE_CACHE,
                            .order = (uint8_t)order,
                            .flags = PAGE_POOLED,
                            .owner = pod->account->number};

    return (READ_ONCE(frame_table[mfn].w.bits) & mask.bits) == ours.bits;
}

bool cache_is_block(const struct pod *pod, uint64_t mfn, unsigned order)
{
    return page_from_mfn(MFN(mfn)) && is_block(pod, mfn, order);
}

static void end_run(struct pod *pod)
{
    struct page *head = pod->run;
    uint64_t left = pod->run_count;

    pod->run_count = 0;
    while (left) {
        uint64_t mfn = page_to_mfn(head).v;
        unsigned order = (unsigned)__builtin_ctzll(mfn | BIT(ORDER_2M));

        while (BIT(order) > left) {
            order--;
        }
        link_block(pod, head, order);
        head += BIT(order);
        left -= BIT(order);
    }
}

static void clear_rest(struct pod *pod, struct page *head)
{
    unsigned zeroed = 0;

    for (unsigned i = 0; i < BLOCK_PAGES; i++) {
        zeroed += head[i].flags & PAGE_ZEROED ? 1 : 0;
    }
    if (!zeroed) {
        return;
    }
    for (unsigned i = 0; i < BLOCK_PAGES; i++) {
        if (!(head[i].flags & PAGE_ZEROED)) {
            arch_page_clear(page_map(&head[i]));
            head[i].flags |= PAGE_ZEROED;
        }
    }
    pod->counters.pages_cleared += BLOCK_PAGES - zeroed;
}

static void form_superpage(struct pod *pod, struct page *head)
{
    clear_rest(pod, head);
    page_form_cached_block(head);
    pod->counters.superpages_reformed++;
}

void cache_put(struct pod *pod, struct page *head, unsigned order)
{
    bool whole = order == ORDER_2M;

    end_run(pod);
    pod->cache_count += BIT(order);
    while (order < ORDER_2M) {
        uint64_t mfn = page_to_mfn(head).v, other = mfn ^ BIT(order);

        if (!cache_is_block(pod, other, order)) {
            break;
        }
        unlink_block(pod, &frame_table[other], order);
        WRITE_ONCE(frame_table[mfn | other].order, ORDER_NOT_HEAD);
        head = &frame_table[mfn & other];
        order++;
    }
    if (order == ORDER_2M && !whole) {
        form_superpage(pod, head);
    }
    link_block(pod, head, order);
}

/* A superpage that is off its list becomes a block of single pages. */
static void break_superpage(struct pod *pod, struct page *head)
{
    page_split_block(head);
    for (unsigned i = 1; i < BLOCK_PAGES; i++) {
        head[i].order = ORDER_NOT_HEAD;
    }
    pod->counters.superpages_broken++;
}

/* Unlink a block and cut it down to the part of order `to` in which mfn lies;
 * the other parts go to their lists. */
static struct page *unlink_part(struct pod *pod, struct page *head,
                                unsigned order, unsigned to, uint64_t mfn)
{
    unlink_block(pod, head, order);
    if (order == ORDER_2M && to < ORDER_2M) {
        break_superpage(pod, head);
    }
    while (order > to) {
        struct page *upper = &head[BIT(--order)];

        if (mfn & BIT(order)) {
            link_block(pod, head, order);
            head = upper;
        } else {
            link_block(pod, upper, order);
        }
    }
    WRITE_ONCE(head->order, (uint8_t)to);
    CHECK(pod->cache_count >= BIT(to));
    pod->cache_count -= BIT(to);
    return head;
}

unsigned cache_smallest(struct pod *pod)
{
    unsigned order = 0;

    end_run(pod);
    while (order <= ORDER_2M && page_list_empty(&pod->blocks[order])) {
        order++;
    }
    return order;
}

/* The smallest block becomes the run. False: nothing is cached. */
static bool begin_run(struct pod *pod)
{
    unsigned order = cache_smallest(pod);

    if (order > ORDER_2M) {
        return false;
    }
    pod->run = page_list_first(&pod->blocks[order]);
    pod->run_count = BIT(order);
    unlink_block(pod, pod->run, order);
    if (order == ORDER_2M) {
        break_superpage(pod, pod->run);
    }
    pod->run->order = ORDER_NOT_HEAD;
    return true;
}

struct page *cache_take(struct pod *pod, unsigned order)
{
    unsigned found = order;
    struct page *head;

    if (order == ORDER_4K) {
        return pod->run_count || begin_run(pod) ? cache_take_run(pod) : NULL;
    }
    end_run(pod);
    while (found <= ORDER_2M && page_list_empty(&pod->blocks[found])) {
        found++;
    }
    if (found > ORDER_2M) {
        return NULL;
    }
    head = page_list_first(&pod->blocks[found]);
    return unlink_part(pod, head, found, order, page_to_mfn(head).v);
}

struct page *cache_take_elsewhere(struct pod *pod, mfn_t mfn)
{
    struct page *pg = page_from_mfn(mfn);

    if (!pg) {
        return NULL;
    }
    if (pod->run_count && pg >= pod->run && pg < pod->run + pod->run_count) {
        end_run(pod);
    }
    for (unsigned order = 0; order <= ORDER_2M; order++) {
        uint64_t head = mfn.v & ~(BIT(order) - 1);

        if (is_block(pod, head, order)) {
            return unlink_part(pod, &frame_table[head], order, ORDER_4K, mfn.v);
        }
    }
    return NULL;
}
