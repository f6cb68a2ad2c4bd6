/* SPDX-License-Identifier: MIT */
/*
 * Random operations on the allocator beside a flat model: an array that says
 * for each frame who has it, and a handful of counts. After each step the
 * audit runs and both sides must agree.
 */
#include "machine.h"
#include "ops.h"
#include "types/bits.h"
#include "types/error.h"

#define PAGES    0x400
#define ACCOUNTS 3
#define BLOCKS   80
#define STEPS    1500
#define KEEPER   2   /* the account that keeps its claim */
#define CREDIT   150 /* pages that each account may borrow */

enum kind {
    NOTHING,
    HEAP,
    TABLE,
    SPECIAL,
    GUEST,
    CACHE,
};

/* On what grounds an account gets a page. */
enum how {
    BY_RIGHT,
    CLAIMED,
    BORROWED,
};

/* Something that was handed out. */
struct block {
    enum kind kind;
    struct page *head;
    unsigned order;
    unsigned account;
    enum how how; /* GUEST: when it was taken */
    unsigned
        extra; /* GUEST of order 0, SPECIAL: references besides the first */
};

static struct {
    struct block block[BLOCKS];
    struct account account[ACCOUNTS];
    uint64_t charged[ACCOUNTS], claimed[ACCOUNTS], owed[ACCOUNTS];
    uint64_t free;
    uint8_t taken[0x400 + PAGES]; /* by frame */
} m;

static uint64_t rnd;

static unsigned below(unsigned limit)
{
    return (unsigned)unit_random_below(&rnd, limit);
}

static uint64_t all_claims(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < ACCOUNTS; i++) {
        sum += m.claimed[i];
    }
    return sum;
}

static bool uses_claim(const struct block *b)
{
    return b->how == CLAIMED || (b->how == BY_RIGHT && b->account != KEEPER);
}

static bool uses_claim_if_short(const struct block *b)
{
    return b->kind == TABLE || b->kind == SPECIAL;
}

static void model_take(struct block *b)
{
    m.free -= BIT(b->order);
    for (uint64_t i = 0; i < BIT(b->order); i++) {
        uint64_t mfn = page_to_mfn(&b->head[i]).v;

        EXPECT(!m.taken[mfn]);
        m.taken[mfn] = true;
    }
    EXPECT(machine_is_zero(b->head, b->order));
    if (b->kind == GUEST) {
        uint64_t used = MIN(m.claimed[b->account], BIT(b->order));

        m.charged[b->account] += BIT(b->order);
        m.claimed[b->account] -= uses_claim(b) ? used : 0;
        m.owed[b->account] += b->how == BORROWED ? BIT(b->order) : 0;
    }
    /* What is not charged uses the claim when there is nothing else. */
    if (uses_claim_if_short(b) && all_claims() > m.free) {
        m.claimed[b->account] -= all_claims() - m.free;
    }
}

static void model_free(struct block *b)
{
    m.free += BIT(b->order);
    for (uint64_t i = 0; i < BIT(b->order); i++) {
        m.taken[page_to_mfn(&b->head[i]).v] = false;
    }
    if (b->kind == GUEST || b->kind == CACHE) {
        m.charged[b->account] -= BIT(b->order);
        m.owed[b->account] -= MIN(m.owed[b->account], BIT(b->order));
    }
    b->kind = NOTHING;
}

/* Would the specification let this request have its pages, were they in one
 * piece? */
static bool model_allows(const struct block *b)
{
    uint64_t room = m.free - all_claims();

    if (uses_claim_if_short(b)) {
        room += m.claimed[b->account];
    }
    if (b->kind == GUEST) {
        uint64_t own = m.charged[b->account] - m.owed[b->account];

        room += uses_claim(b) ? m.claimed[b->account] : 0;
        if (b->how == BORROWED) {
            return m.owed[b->account] + BIT(b->order) <= CREDIT &&
                   BIT(b->order) <= room;
        }
        if (b->how == CLAIMED) {
            return BIT(b->order) <= m.claimed[b->account];
        }
        own += b->account == KEEPER ? m.claimed[KEEPER] : 0;
        if (own + BIT(b->order) > m.account[b->account].max_pages) {
            return false;
        }
    }
    return BIT(b->order) <= room;
}

static struct page *take_guest(const struct block *b)
{
    struct account *a = &m.account[b->account];

    switch (b->how) {
    case CLAIMED:
        return page_alloc_claimed(a, b->order);
    case BORROWED:
        return page_borrow(a, b->order, CREDIT);
    default:
        return page_alloc_guest(a, b->order);
    }
}

static struct page *take(const struct block *b)
{
    struct account *a = &m.account[b->account];

    switch (b->kind) {
    case HEAP:
        return page_alloc(PAGE_HEAP, b->order);
    case TABLE:
        return page_alloc_table(a);
    case SPECIAL:
        return page_alloc_special(a);
    default:
        return take_guest(b);
    }
}

static void do_take(struct block *b)
{
    b->kind = HEAP + below(4);
    b->account = below(ACCOUNTS);
    b->how = below(3) ? BY_RIGHT : CLAIMED + below(2);
    b->order = b->kind == HEAP || b->kind == GUEST ? below(7) : 0;
    if (b->kind == GUEST && !below(8)) {
        b->order = 9;
    }
    b->extra = 0;
    b->head = take(b);
    if (!b->head) {
        /* Fragmentation may deny a large block, but nothing else may. */
        EXPECT(b->order || !model_allows(b));
        b->kind = NOTHING;
        return;
    }
    EXPECT(model_allows(b));
    model_take(b);
    if (below(2)) {
        machine_scribble(b->head, b->order);
    }
}

static void put_guest_block(struct block *b)
{
    if (below(2)) {
        page_release(b->head, BIT(b->order));
        return;
    }
    for (uint64_t i = 0; i < BIT(b->order); i++) {
        EXPECT(page_put_allocated(&b->head[i]));
    }
}

static void do_free(struct block *b)
{
    switch (b->kind) {
    case HEAP:
        page_free(b->head, b->order);
        break;
    case TABLE:
        page_free_table(&m.account[b->account], b->head);
        break;
    case CACHE:
        page_free_cache(b->head, b->order);
        break;
    case SPECIAL:
    case GUEST:
        if (b->extra) {
            b->extra--;
            page_put(b->head);
            return;
        }
        if (b->kind == SPECIAL) {
            page_put(b->head);
        } else {
            put_guest_block(b);
        }
        break;
    default:
        return;
    }
    model_free(b);
}

static void do_reference(struct block *b)
{
    unsigned other = (b->account + 1) % ACCOUNTS;

    EXPECT(!page_get(b->head, &m.account[other]));
    if (b->kind == SPECIAL || b->kind == GUEST) {
        EXPECT(page_get(b->head, &m.account[b->account]));
        b->extra++;
    } else {
        EXPECT(!page_get(b->head, &m.account[b->account]));
    }
}

static void do_cache(struct block *b)
{
    if (b->kind == GUEST && !b->extra) {
        page_guest_to_cache(b->head, b->order);
        b->kind = CACHE;
    } else if (b->kind == CACHE) {
        /* As the supplier does: what was not zeroed is cleared. */
        for (uint64_t i = 0; i < BIT(b->order); i++) {
            arch_page_clear(page_map(&b->head[i]));
            if (b->head[i].state == PAGE_CACHE) {
                b->head[i].flags |= PAGE_ZEROED;
            }
        }
        if (b->order && below(2)) {
            page_split_block(b->head);
        }
        page_cache_to_guest(b->head, b->order);
        b->kind = GUEST;
    }
}

static void do_keep_claim(uint64_t pages)
{
    uint64_t others = all_claims() - m.claimed[KEEPER];
    uint64_t own = m.charged[KEEPER] - m.owed[KEEPER];
    int rc = page_claim_keep(&m.account[KEEPER], pages);

    if (pages > m.claimed[KEEPER] &&
        own + pages > m.account[KEEPER].max_pages) {
        EXPECT_EQ(rc, -EINVAL);
    } else if (pages <= m.claimed[KEEPER] || pages <= m.free - others) {
        EXPECT_EQ(rc, 0);
        m.claimed[KEEPER] = pages;
    } else {
        EXPECT_EQ(rc, -ENOMEM);
    }
    EXPECT_EQ(page_claim(&m.account[KEEPER], 0), -EINVAL);
}

/* The right to what is charged grows, if it may. */
static void do_cover(unsigned account)
{
    uint64_t right = below(400);

    if (right <= m.account[account].max_pages) {
        page_loan_cover(&m.account[account], right);
        m.owed[account] =
            MIN(m.owed[account],
                m.charged[account] - MIN(m.charged[account], right));
    }
}

static void do_claim(unsigned account)
{
    struct account *a = &m.account[account];
    uint64_t pages = below(3) ? m.charged[account] + below(300) : 0;
    uint64_t more = pages - m.charged[account];
    bool valid = pages && !m.claimed[account] && pages > m.charged[account] &&
                 pages <= a->max_pages;
    int rc = page_claim(a, pages);

    if (!pages) {
        EXPECT_EQ(rc, 0);
        m.claimed[account] = 0;
    } else if (valid && more <= m.free - all_claims()) {
        EXPECT_EQ(rc, 0);
        m.claimed[account] = more;
    } else {
        EXPECT(rc < 0);
    }
}

static void compare(void)
{
    struct page_alloc_info info = page_alloc_info();

    EXPECT_EQ(info.free, m.free);
    EXPECT_EQ(info.claimed, all_claims());
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        EXPECT_EQ(m.account[i].page_count, m.charged[i]);
        EXPECT_EQ(m.account[i].claimed, m.claimed[i]);
        EXPECT_EQ(m.account[i].borrowed, m.owed[i]);
    }
    machine_check();
}

/* Its arguments are the seed of all that it chooses. */
static int op_step(const uint32_t *arg)
{
    struct block *b = &m.block[arg[0] % BLOCKS];
    unsigned what = arg[1] % 16;

    rnd = arg[2];
    fake_set_cpu(below(4)); /* each has a stock of its own */
    if (what == 0) {
        do_claim(below(KEEPER));
        do_keep_claim(below(400));
        do_cover(below(ACCOUNTS));
    } else if (what == 1) {
        page_stock_return();
        page_scrub_some(below(64));
    } else if (b->kind == NOTHING) {
        do_take(b);
    } else if (what < 4) {
        do_reference(b);
    } else if (what < 7) {
        do_cache(b);
    } else {
        do_free(b);
    }
    return 0;
}

static void free_all(void)
{
    uint64_t total = page_alloc_info().total;

    for (unsigned i = 0; i < BLOCKS; i++) {
        while (m.block[i].kind != NOTHING) {
            do_free(&m.block[i]);
        }
    }
    for (unsigned i = 0; i < KEEPER; i++) {
        EXPECT_EQ(page_claim(&m.account[i], 0), 0);
        m.claimed[i] = 0;
    }
    do_keep_claim(0);
    compare();
    EXPECT_EQ(m.free, total);
}

static void start(void)
{
    machine_start(PAGES);
    m.free = page_alloc_info().free;
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        machine_account(&m.account[i], (domid_t)i, 200 + 200 * i);
    }
    do_keep_claim(0);
}

static void start_with_junk(void)
{
    start();
    page_alloc_set_junk(true);
}

enum {
    OP_STEP,
};

static const struct op_kind kinds[] = {[OP_STEP] = {"OP_STEP", 1, op_step}};

static const struct model pages = {
    .name = "pages",
    .kinds = kinds,
    .kind_count = ARRAY_COUNT(kinds),
    .start = start,
    .check = compare,
    .finish = free_all,
};

static const struct model pages_with_junk = {
    .name = "pages_with_junk",
    .kinds = kinds,
    .kind_count = ARRAY_COUNT(kinds),
    .start = start_with_junk,
    .check = compare,
    .finish = free_all,
};

TEST(random_operations_agree_with_the_model)
{
    for (unsigned i = 0; i < 24; i++) {
        ops_random(i % 2 ? &pages : &pages_with_junk, 20261121 + i, STEPS);
    }
}
