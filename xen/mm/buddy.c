/* SPDX-License-Identifier: MIT */
/* Free blocks: see buddy.h. */
#include "mm/buddy.h"
#include "types/bits.h"

struct buddy buddy = {.lock = LOCK_INIT(RANK_PAGE_ALLOC)};

static bool is_zeroed(const struct page *head, unsigned order)
{
    return first_dirty(head) == BIT(order);
}

static void insert_block(struct page *head, unsigned order)
{
    bool zeroed = is_zeroed(head, order);

    head->order = (uint8_t)order;
    page_list_add(&buddy.blocks[zeroed][order], head);
    WRITE_ONCE(buddy.nonempty[zeroed], buddy.nonempty[zeroed] | 1U << order);
}

static void remove_block(struct page *head)
{
    unsigned order = head->order;
    bool zeroed = is_zeroed(head, order);

    page_list_del(&buddy.blocks[zeroed][order], head);
    if (page_list_empty(&buddy.blocks[zeroed][order])) {
        WRITE_ONCE(buddy.nonempty[zeroed],
                   buddy.nonempty[zeroed] & ~(1U << order));
    }
    head->order = ORDER_NOT_HEAD;
}

/* Is that frame the head of a free block of `order`? A frame that is not free
 * may change under our eyes (its owner needs no lock for that), but all at
 * once: hence one load, not one of the state and one of the order. */
static bool is_free_block(uint64_t frame, unsigned order)
{
    union page_word w;

    if (frame >= frame_count) {
        return false;
    }
    w.bits = READ_ONCE(frame_table[frame].w.bits);
    return w.state == PAGE_FREE && w.order == order;
}

void buddy_put_locked(struct page *head, unsigned order)
{
    uint64_t first = page_to_mfn(head).v;

    for (; order < MAX_ORDER; order++) {
        uint64_t other = first ^ BIT(order);
        struct page *low, *high;

        if (!is_free_block(other, order)) {
            break;
        }
        remove_block(&frame_table[other]);
        low = &frame_table[MIN(first, other)];
        high = &frame_table[MAX(first, other)];
        if (is_zeroed(low, order)) {
            set_first_dirty(low, BIT(order) + first_dirty(high));
        }
        first = MIN(first, other);
    }
    insert_block(&frame_table[first], order);
}

void buddy_put_run_locked(struct page *first, uint64_t count)
{
    while (count) {
        uint64_t mfn = page_to_mfn(first).v;
        unsigned order = (unsigned)__builtin_ctzll(mfn | BIT(MAX_ORDER));

        while (BIT(order) > count) {
            order--;
        }
        buddy_put_locked(first, order);
        first += BIT(order);
        count -= BIT(order);
    }
}

void buddy_halve_locked(struct page *head)
{
    unsigned order = head->order - 1U;
    struct page *high = head + BIT(order);

    if (first_dirty(head) > BIT(order)) {
        set_first_dirty(high, first_dirty(head) - BIT(order));
        set_first_dirty(head, BIT(order));
    } else {
        set_first_dirty(high, 0); /* it was never looked at so far */
    }
    head->order = (uint8_t)order;
    insert_block(high, order);
}

struct page *buddy_keep_upper_locked(struct page *head)
{
    unsigned order = head->order - 1U;
    uint64_t offset = first_dirty(head);
    struct page *high = head + BIT(order);

    set_first_dirty(high, offset > BIT(order) ? offset - BIT(order) : 0);
    high->state = PAGE_BUSY;
    high->order = (uint8_t)order;
    set_first_dirty(head, MIN(offset, BIT(order)));
    head->state = PAGE_FREE;
    head->order = ORDER_NOT_HEAD;
    buddy_put_locked(head, order);
    return high;
}

/* A whole block off the lists. `order` has to be non-empty. */
static struct page *take_block(bool zeroed, unsigned order)
{
    struct page *head = page_list_first(&buddy.blocks[zeroed][order]);

    remove_block(head);
    head->state = PAGE_BUSY;
    head->order = (uint8_t)order;
    return head;
}

/* Best fit before zeroed: clearing a page now costs what scrubbing it would
 * have cost later, whereas a large block that was cut up is gone. */
struct page *buddy_take_locked(unsigned order)
{
    uint32_t dirty = buddy.nonempty[0] & (~0U << order);
    uint32_t zeroed = buddy.nonempty[1] & (~0U << order);
    uint32_t any = dirty | zeroed;
    unsigned found;
    struct page *head;

    if (!any) {
        return NULL;
    }
    found = (unsigned)__builtin_ctz(any);
    head = take_block(zeroed & BIT(found), found);
    while (head->order > order) {
        buddy_halve_locked(head);
    }
    return head;
}

static struct page *take_block_of(mfn_t mfn)
{
    for (unsigned order = 0; order <= MAX_ORDER; order++) {
        uint64_t first = mfn.v & ~(BIT(order) - 1);

        if (is_free_block(first, order)) {
            remove_block(&frame_table[first]);
            frame_table[first].state = PAGE_BUSY;
            frame_table[first].order = (uint8_t)order;
            return &frame_table[first];
        }
    }
    return NULL;
}

struct page *buddy_take_at_locked(mfn_t mfn, unsigned order)
{
    struct page *head = take_block_of(mfn);

    order = MIN(order, (unsigned)__builtin_ctzll(mfn.v | BIT(MAX_ORDER)));
    while (head && head->order > order) {
        if (mfn.v & BIT(head->order - 1)) {
            head = buddy_keep_upper_locked(head);
        } else {
            buddy_halve_locked(head);
        }
    }
    return head;
}

struct page *buddy_take_dirty_locked(void)
{
    if (!buddy.nonempty[0]) {
        return NULL;
    }
    return take_block(false, 31U - (unsigned)__builtin_clz(buddy.nonempty[0]));
}

/* The dirty count may fall here, without the lock, because pages of a BUSY
 * block are in it still. */
static uint64_t leave_dirty_count(struct page *head, bool clear)
{
    uint64_t count = BIT(head->order);
    uint64_t dirty = 0;

    for (uint64_t i = first_dirty(head); i < count; i++) {
        if (!(head[i].flags & PAGE_ZEROED)) {
            if (clear) {
                arch_page_clear(page_map(&head[i]));
            }
            head[i].flags |= PAGE_ZEROED;
            dirty++;
        }
    }
    set_first_dirty(head, count);
    if (dirty) {
        __atomic_fetch_sub(&buddy.dirty, dirty, __ATOMIC_RELAXED);
    }
    return dirty;
}

uint64_t buddy_clear(struct page *head)
{
    return leave_dirty_count(head, true);
}

void buddy_leave_dirty(struct page *head)
{
    (void)leave_dirty_count(head, false);
}

/* The word goes last and whole: from then on page_get() may find the page. */
void page_start(struct page *pg, enum page_state state,
                const struct account *owner, unsigned order, unsigned flags)
{
    union page_word new = {
        .references = 1,
        .flags = (uint8_t)flags,
        .owner = owner ? owner->number : NO_ACCOUNT,
        .state = (uint8_t)state,
        .order = (uint8_t)order,
    };

    pg->gfn = ~0ULL;
    __atomic_store_n(&pg->w.bits, new.bits, __ATOMIC_RELEASE);
}

void page_retire(struct page *pg, bool zeroed)
{
    union page_word new = {
        .references = zeroed, /* first_dirty of a block of one page */
        .flags = zeroed ? PAGE_ZEROED : 0,
        .state = PAGE_FREE,
        .order = ORDER_NOT_HEAD,
    };

    __atomic_store_n(&pg->w.bits, new.bits, __ATOMIC_RELEASE);
}
