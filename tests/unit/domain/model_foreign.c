/* SPDX-License-Identifier: MIT */
/*
 * Three domains that map each other's memory, against a flat model: for each
 * gfn of each, a hole, RAM with a number in it, or a page of another domain.
 * A page lives as long as anybody has it: what the owner gave up is seen by
 * those who map it until they let go, and its number does not change.
 */
#include "domains.h"
#include "machine.h"
#include "ops.h"
#include "types/error.h"

#define DOMAINS  3U
#define GFNS     24U /* of each that are played with */
#define PROMISED 4U  /* of them, the first ones begin as placeholders */

enum state {
    HOLE,
    PROMISE,
    MEMORY,
    FOREIGN,
};

struct slot {
    enum state state;
    uint64_t number; /* MEMORY, FOREIGN: which page; what it begins with */
};

static struct domain *domains[DOMAINS];
static struct slot slots[DOMAINS][GFNS];
static uint64_t next_number;

static struct slot *slot_of(uint32_t d, uint32_t i)
{
    return &slots[d % DOMAINS][i % GFNS];
}

static struct domain *domain_of(uint32_t d)
{
    return domains[d % DOMAINS];
}

/* Far from each other, so that many need tables of their own. */
static gfn_t gfn_of(uint32_t i)
{
    i %= GFNS;
    return GFN(((uint64_t)(i % 4) << ORDER_1G) + i * 0x1a1);
}

/* What is in the page now, whoever has it. */
static uint64_t *word_of(uint32_t d, uint32_t i)
{
    return domain_page(domain_of(d), gfn_of(i).v);
}

/* A promise that is kept becomes a page with nothing in it: number it. It may
 * be kept although what it was kept for was not done in the end. */
static void note_populated(uint32_t d, uint32_t i)
{
    struct slot *s = slot_of(d, i);
    uint64_t *word = word_of(d, i);

    if (s->state == PROMISE && word) {
        EXPECT_EQ(*word, 0);
        *word = ++next_number;
        *s = (struct slot){MEMORY, next_number};
    }
}

/* Memory may be short before anything else is found to be wrong. */
static void expect_rc(int rc, int expected)
{
    if (rc != -ENOMEM) {
        EXPECT_EQ((int64_t)rc, (int64_t)expected);
    }
}

static int op_populate(const uint32_t *arg)
{
    struct slot *s = slot_of(arg[0], arg[1]);
    int rc = memory_populate(domain_of(arg[0]), gfn_of(arg[1]), 0);

    /* RAM may take the place of a promise. */
    expect_rc(rc, s->state == HOLE || s->state == PROMISE ? 0 : -EEXIST);
    if (!rc) {
        *word_of(arg[0], arg[1]) = ++next_number;
        *s = (struct slot){MEMORY, next_number};
    }
    return rc;
}

static int op_decrease(const uint32_t *arg)
{
    struct slot *s = slot_of(arg[0], arg[1]);
    int rc = memory_decrease(domain_of(arg[0]), gfn_of(arg[1]), 0);

    expect_rc(rc, s->state == HOLE      ? -ENOENT
                  : s->state == FOREIGN ? -EPERM
                                        : 0);
    if (!rc) {
        *s = (struct slot){HOLE, 0};
    }
    return rc;
}

static int op_remove(const uint32_t *arg)
{
    struct slot *s = slot_of(arg[0], arg[1]);
    int rc = memory_remove(domain_of(arg[0]), gfn_of(arg[1]));

    expect_rc(rc, s->state == HOLE ? -ENOENT : 0);
    if (!rc) {
        *s = (struct slot){HOLE, 0};
    }
    return rc;
}

static int op_move(const uint32_t *arg)
{
    struct slot *from = slot_of(arg[0], arg[1]), *to = slot_of(arg[0], arg[2]);
    bool ok = from->state == PROMISE || from->state == MEMORY;
    int rc =
        memory_move(domain_of(arg[0]), gfn_of(arg[1]), gfn_of(arg[2]), NULL);

    if (rc != -ERESTART) {
        expect_rc(rc, ok ? 0 : -EINVAL);
    }
    if (!rc && from != to) {
        *to = *from;
        *from = (struct slot){HOLE, 0};
        note_populated(arg[0], arg[2]);
    } else {
        note_populated(arg[0], arg[1]);
    }
    return rc;
}

/* arg[0] maps the page of arg[1] that is at arg[2], at arg[3]. */
static int op_map(const uint32_t *arg)
{
    struct slot *theirs = slot_of(arg[1], arg[2]);
    struct slot *ours = slot_of(arg[0], arg[3]);
    bool ok = theirs->state == PROMISE || theirs->state == MEMORY;
    int rc = memory_map_foreign(domain_of(arg[0]), gfn_of(arg[3]),
                                domain_of(arg[1]), gfn_of(arg[2]));

    if (domain_of(arg[0]) == domain_of(arg[1])) {
        EXPECT_EQ(rc, -EINVAL);
        return rc;
    }
    note_populated(arg[1], arg[2]);
    if (rc != -ERESTART) {
        expect_rc(rc, ok ? 0 : -EINVAL);
    }
    if (!rc) {
        *ours = (struct slot){FOREIGN, theirs->number};
    }
    return rc;
}

static void check_slot(uint32_t d, uint32_t i)
{
    static const enum p2m_type types[] = {
        [HOLE] = P2M_HOLE,
        [PROMISE] = P2M_POD,
        [MEMORY] = P2M_RAM,
        [FOREIGN] = P2M_FOREIGN,
    };
    const struct slot *s = slot_of(d, i);
    struct p2m_entry e = p2m_get(&domain_of(d)->p2m, gfn_of(i));

    EXPECT_EQ(e.type, types[s->state]);
    if (s->number) {
        EXPECT_EQ(*word_of(d, i), s->number);
    }
}

static void check(void)
{
    for (uint32_t d = 0; d < DOMAINS; d++) {
        const struct p2m *p2m = &domains[d]->p2m;

        for (uint32_t i = 0; i < GFNS; i++) {
            check_slot(d, i);
        }
        EXPECT_EQ(fake_stale_translations(&p2m->tlb, p2m->root), 0);
    }
    domains_check();
}

static void start(void)
{
    machine_start(0x2000);
    for (uint32_t d = 0; d < DOMAINS; d++) {
        domains[d] = domain_new(d, 1);
        EXPECT_EQ(memory_set_pod_target(domains[d], PROMISED), 0);
        for (uint32_t i = 0; i < PROMISED; i++) {
            EXPECT_EQ(memory_mark_pod(domains[d], gfn_of(i), 0), 0);
            slots[d][i].state = PROMISE;
        }
    }
}

/* One after the other; those that are left see what they mapped to the end. */
static void finish(void)
{
    for (uint32_t d = 0; d < DOMAINS; d++) {
        while (domain_kill(domains[d]) == -ERESTART) {
            continue;
        }
        for (uint32_t other = d + 1; other < DOMAINS; other++) {
            for (uint32_t i = 0; i < GFNS; i++) {
                check_slot(other, i);
            }
        }
        machine_check();
    }
    for (uint32_t d = 0; d < DOMAINS; d++) {
        domain_put(domains[d]);
        domain_reap_soon();
    }
    domain_reap();
    EXPECT(!domain_get_next(0));
    machine_check();
}

enum {
    OP_POPULATE,
    OP_DECREASE,
    OP_REMOVE,
    OP_MOVE,
    OP_MAP,
};

static const struct op_kind kinds[] = {
    [OP_POPULATE] = {"OP_POPULATE", 5, op_populate},
    [OP_DECREASE] = {"OP_DECREASE", 2, op_decrease},
    [OP_REMOVE] = {"OP_REMOVE", 3, op_remove},
    [OP_MOVE] = {"OP_MOVE", 3, op_move},
    [OP_MAP] = {"OP_MAP", 8, op_map},
};

static const struct model foreign = {
    .name = "foreign",
    .kinds = kinds,
    .kind_count = ARRAY_COUNT(kinds),
    .may_be_short = true,
    .start = start,
    .check = check,
    .finish = finish,
};

TEST(mappings_at_random_agree_with_the_model)
{
    ops_random(&foreign, 1, 600);
}

TEST(mappings_at_random_agree_with_the_model_again)
{
    ops_random(&foreign, 2, 600);
}
