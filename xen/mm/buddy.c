/* SPDX-License-Identifier: MIT */
/* Free blocks: see buddy.h. */
#include "mm/buddy.h"
#include "mm/stock.h"
#include "types/bits.h"

struct buddy buddy = {.lock = LOCK_INIT(RANK_PAGE_ALLOC)};

static bool is_zeroed(const struct page *head, unsigned order)
{
    return first_dirty(head) == BIT(order);
}

/* At once: who merges looks at the words of frames that are not its own. */
static void set_word(struct page *pg, enum page_state state, unsigned order,
                     uint16_t mark)
{
    union page_word word = pg->w;

    word.owner = mark;
    word.state = (uint8_t)state;
    word.order = (uint8_t)order;
    __atomic_store_n(&pg->w.bits, word.bits, __ATOMIC_RELAXED);
}

void blocks_insert(struct free_lists *l, struct page *head, unsigned order)
{
    bool zeroed = is_zeroed(head, order);

    set_word(head, PAGE_FREE, order, l->mark);
    page_list_add(&l->blocks[zeroed][order], head);
    WRITE_ONCE(l->nonempty[zeroed], l->nonempty[zeroed] | 1U << order);
}

static void unlink_block(struct free_lists *l, struct page *head)
{
    unsigned order = head->order;
    bool zeroed = is_zeroed(head, order);

    page_list_del(&l->blocks[zeroed][order], head);
    if (page_list_empty(&l->blocks[zeroed][order])) {
        WRITE_ONCE(l->nonempty[zeroed], l->nonempty[zeroed] & ~(1U << order));
    }
}

void blocks_remove(struct free_lists *l, struct page *head)
{
    unlink_block(l, head);
    set_word(head, PAGE_FREE, ORDER_NOT_HEAD, NO_ACCOUNT);
}

void blocks_take_this(struct free_lists *l, struct page *head)
{
    unlink_block(l, head);
    set_word(head, PAGE_BUSY, head->order, NO_ACCOUNT);
}

void blocks_halve(struct free_lists *l, struct page *head)
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
    blocks_insert(l, high, order);
}

/* The halves of a BUSY block with their first_dirty, the upper one BUSY and the
 * lower one free, but on no list. */
static struct page *part(struct page *head)
{
    unsigned order = head->order - 1U;
    uint64_t offset = first_dirty(head);
    struct page *high = head + BIT(order);

    set_first_dirty(high, offset > BIT(order) ? offset - BIT(order) : 0);
    set_word(high, PAGE_BUSY, order, NO_ACCOUNT);
    set_first_dirty(head, MIN(offset, BIT(order)));
    set_word(head, PAGE_FREE, ORDER_NOT_HEAD, NO_ACCOUNT);
    return high;
}

struct page *blocks_keep_upper(struct free_lists *l, struct page *head)
{
    struct page *high = part(head);

    blocks_insert(l, head, high->order);
    return high;
}

/* A whole block off the lists. `order` has to be non-empty. */
static struct page *take_block(struct free_lists *l, bool zeroed,
                               unsigned order)
{
    struct page *head = page_list_first(&l->blocks[zeroed][order]);

    blocks_take_this(l, head);
    return head;
}

/* Best fit before zeroed: clearing a page now costs what scrubbing it would
 * have cost later, whereas a large block that was cut up is gone. */
struct page *blocks_take(struct free_lists *l, unsigned order)
{
    uint32_t dirty = l->nonempty[0] & (~0U << order);
    uint32_t zeroed = l->nonempty[1] & (~0U << order);
    uint32_t any = dirty | zeroed;
    unsigned found;
    struct page *head;

    if (!any) {
        return NULL;
    }
    found = (unsigned)__builtin_ctz(any);
    head = take_block(l, zeroed & BIT(found), found);
    while (head->order > order) {
        blocks_halve(l, head);
    }
    return head;
}

/* Is that frame the head of a free block of `order`? A frame that is not free
 * may change under our eyes (its owner needs no lock for that), but all at
 * once: hence one load, not one of the state and one of the order. */
static bool is_free_block(uint64_t frame, unsigned order, uint16_t mark)
{
    union page_word w;

    if (frame >= frame_count) {
        return false;
    }
    w.bits = READ_ONCE(frame_table[frame].w.bits);
    return w.state == PAGE_FREE && w.order == order && w.owner == mark;
}

void blocks_put(struct free_lists *l, struct page *head, unsigned order,
                unsigned max_order)
{
    uint64_t first = page_to_mfn(head).v;

    for (; order < max_order; order++) {
        uint64_t other = first ^ BIT(order);
        struct page *low, *high;

        if (!is_free_block(other, order, l->mark)) {
            break;
        }
        blocks_remove(l, &frame_table[other]);
        low = &frame_table[MIN(first, other)];
        high = &frame_table[MAX(first, other)];
        if (is_zeroed(low, order)) {
            set_first_dirty(low, BIT(order) + first_dirty(high));
        }
        first = MIN(first, other);
    }
    blocks_insert(l, &frame_table[first], order);
}

void buddy_put_locked(struct page *head, unsigned order)
{
    blocks_put(&buddy.lists, head, order, MAX_ORDER);
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

struct page *buddy_keep_upper_locked(struct page *head)
{
    struct page *high = part(head);

    buddy_put_locked(head, high->order);
    return high;
}

struct page *buddy_take_locked(unsigned order)
{
    return blocks_take(&buddy.lists, order);
}

static struct page *take_block_of(mfn_t mfn)
{
    for (unsigned order = 0; order <= MAX_ORDER; order++) {
        uint64_t first = mfn.v & ~(BIT(order) - 1);

        if (is_free_block(first, order, NO_ACCOUNT)) {
            blocks_take_this(&buddy.lists, &frame_table[first]);
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
            blocks_halve(&buddy.lists, head);
        }
    }
    return head;
}

struct page *buddy_take_dirty_locked(void)
{
    uint32_t dirty = buddy.lists.nonempty[0];

    if (!dirty) {
        return NULL;
    }
    return take_block(&buddy.lists, false,
                      31U - (unsigned)__builtin_clz(dirty));
}

/* Pages of a BUSY block are still counted as dirty. */
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
        stock_note_dirty(-dirty);
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
