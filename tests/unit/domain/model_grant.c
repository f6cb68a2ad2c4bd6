/* SPDX-License-Identifier: MIT */
/*
 * Three domains grant each other pages, against a flat model: what each entry
 * says, which mappings there are, and what number is in the page of each. The
 * granters are well-behaved, in that they leave an entry alone that is in use;
 * others are in guest/model_hypercall.c.
 */
#include "domains.h"
#include "machine.h"
#include "ops.h"
#include "types/bits.h"
#include "types/error.h"

#include <xen/grant_table.h>

#define DOMAINS  3U
#define REFS     6U
#define FRAMES   4U    /* gfns that may be granted */
#define FRAME    0x20U /* the first of them */
#define PLACES   8U    /* gfns to map at, each in a table of its own */
#define MAPPINGS 64U

struct grant {
    unsigned flags; /* as in the entry, without READING and WRITING */
    unsigned to, frame;
};

struct mapping {
    bool live, write, removed; /* by the mapper itself, behind our back */
    unsigned mapper, granter, ref, place;
    uint32_t handle;
    uint64_t number;
};

static struct domain *domains[DOMAINS];
static struct grant grants[DOMAINS][REFS];
static uint64_t numbers[DOMAINS][FRAMES]; /* 0: a hole */
static struct mapping mappings[MAPPINGS];
static uint64_t next_number;

static struct grant_entry_v1 *entry(unsigned d, unsigned ref)
{
    struct grant_entry_v1 *frame = page_map(domains[d]->grants.frames[0]);

    return &frame[ref];
}

static gfn_t place_of(unsigned place)
{
    return GFN(0x1000 + 0x2a0 * place);
}

static uint64_t gpa_of(unsigned place)
{
    return gpa_from_gfn(place_of(place)).v;
}

/* How many mappings of d's ref there are; write: only those that write. */
static unsigned pins(unsigned d, unsigned ref, bool write)
{
    unsigned count = 0;

    for (unsigned i = 0; i < MAPPINGS; i++) {
        const struct mapping *m = &mappings[i];

        count +=
            m->live && m->granter == d && m->ref == ref && (m->write || !write);
    }
    return count;
}

/* The mapping that is seen at d's place; NULL: a hole. */
static struct mapping *at_place(unsigned d, unsigned place)
{
    for (unsigned i = 0; i < MAPPINGS; i++) {
        struct mapping *m = &mappings[i];

        if (m->live && !m->removed && m->mapper == d && m->place == place) {
            return m;
        }
    }
    return NULL;
}

/* The page that is pinned already, or the one that the entry names. */
static uint64_t number_behind(unsigned d, unsigned ref)
{
    for (unsigned i = 0; i < MAPPINGS; i++) {
        const struct mapping *m = &mappings[i];

        if (m->live && m->granter == d && m->ref == ref) {
            return m->number;
        }
    }
    return grants[d][ref].frame < FRAMES ? numbers[d][grants[d][ref].frame] : 0;
}

/* Can a second writer be had of a page that is pinned for reading only, and
 * that its owner no longer has? It is looked for where it was. */
static bool page_is_there(unsigned d, unsigned ref, bool write)
{
    unsigned frame = grants[d][ref].frame;
    uint64_t number = number_behind(d, ref);

    if (pins(d, ref, false) && (pins(d, ref, true) || !write)) {
        return true;
    }
    return number && frame < FRAMES && numbers[d][frame] == number;
}

static int expected_status(unsigned user, unsigned d, unsigned ref, bool write)
{
    const struct grant *g = &grants[d][ref];

    if (g->flags != GTF_permit_access &&
        (g->flags != (GTF_permit_access | GTF_readonly) || write)) {
        return GNTST_general_error;
    }
    if (g->to != user) {
        return GNTST_general_error;
    }
    return page_is_there(d, ref, write) ? GNTST_okay : GNTST_bad_page;
}

static int op_grant(const uint32_t *arg)
{
    static const unsigned flags[] = {
        GTF_permit_access,
        GTF_permit_access,
        GTF_permit_access | GTF_readonly,
        GTF_accept_transfer,
        GTF_invalid,
    };
    unsigned d = arg[0] % DOMAINS, ref = arg[1] % REFS;
    struct grant *g = &grants[d][ref];

    if (pins(d, ref, false)) {
        return 0;
    }
    *g = (struct grant){
        .flags = flags[arg[2] % ARRAY_COUNT(flags)],
        .to = (d + 1 + arg[2] / 8 % 2) % DOMAINS,
        .frame = arg[3] % (FRAMES + 1), /* the last is no RAM */
    };
    entry(d, ref)->domid = g->to;
    entry(d, ref)->frame = FRAME + g->frame;
    entry(d, ref)->flags = g->flags;
    return 0;
}

/* The first that is free; NULL: enough of them. */
static struct mapping *mapping_new(void)
{
    for (unsigned i = 0; i < MAPPINGS; i++) {
        if (!mappings[i].live) {
            return &mappings[i];
        }
    }
    return NULL;
}

static int op_map(const uint32_t *arg)
{
    unsigned d = arg[0] % DOMAINS, user = (d + 1 + arg[1] % 2) % DOMAINS;
    struct mapping m = {
        .live = true,
        .write = arg[1] / 2 % 2,
        .mapper = user,
        .granter = d,
        .ref = arg[2] % REFS,
        .place = arg[3] % PLACES,
        .number = number_behind(d, arg[2] % REFS),
    };
    struct mapping *out = mapping_new();
    int expected = expected_status(user, d, m.ref, m.write), status;

    if (!out) {
        return 0;
    }
    status = grant_map(domains[user], domains[d]->id, m.ref,
                       GNTMAP_host_map | (m.write ? 0 : GNTMAP_readonly),
                       gpa_of(m.place), &m.handle);
    if (status == GNTST_no_space) {
        return -ENOMEM;
    }
    if (expected == GNTST_okay && at_place(user, m.place)) {
        expected = GNTST_bad_virt_addr;
    } else if (status == GNTST_bad_virt_addr) {
        EXPECT_EQ(expected, GNTST_okay);
        return -ENOMEM; /* a table was wanted */
    }
    EXPECT_EQ((int64_t)status, (int64_t)expected);
    if (status == GNTST_okay) {
        *out = m;
    }
    return 0;
}

static int op_unmap(const uint32_t *arg)
{
    struct mapping *m = &mappings[arg[0] % MAPPINGS];
    struct domain *d = domains[m->mapper];

    if (!m->live) {
        return 0;
    }
    if (arg[1] % 4 == 0) {
        EXPECT_EQ(
            (int64_t)grant_unmap(d, m->handle, gpa_of(m->place) + PAGE_SIZE),
            (int64_t)GNTST_bad_virt_addr);
        return 0;
    }
    EXPECT_EQ((int64_t)grant_unmap(d, m->handle, gpa_of(m->place)),
              (int64_t)GNTST_okay);
    m->live = false;
    EXPECT_EQ((int64_t)grant_unmap(d, m->handle, gpa_of(m->place)),
              (int64_t)GNTST_bad_handle);
    return 0;
}

/* The mapper takes the page out of its memory without saying so. */
static int op_remove(const uint32_t *arg)
{
    unsigned d = arg[0] % DOMAINS, place = arg[1] % PLACES;
    struct mapping *m = at_place(d, place);
    int rc = memory_remove(domains[d], place_of(place));

    if (rc != -ENOMEM) {
        EXPECT_EQ((int64_t)rc, m ? 0 : (int64_t)-ENOENT);
    }
    if (!rc) {
        m->removed = true;
    }
    return rc;
}

static int op_copy(const uint32_t *arg)
{
    unsigned d = arg[0] % DOMAINS, user = (d + 1 + arg[1] % 2) % DOMAINS;
    unsigned ref = arg[2] % REFS;
    bool write = arg[1] / 2 % 2;
    uint64_t number = number_behind(d, ref);
    struct page *pg;
    int status =
        grant_acquire_page(domains[user], domains[d]->id, ref, write, &pg);

    EXPECT_EQ((int64_t)status, (int64_t)expected_status(user, d, ref, write));
    if (status == GNTST_okay) {
        EXPECT_EQ(*(uint64_t *)page_map(pg), number);
        EXPECT(entry(d, ref)->flags & GTF_reading);
        grant_release_page(domains[d]->id, ref, write, pg);
    }
    return 0;
}

/* The granter gives a page up, or gets a new one there. */
static int op_change(const uint32_t *arg)
{
    unsigned d = arg[0] % DOMAINS, frame = arg[1] % FRAMES;
    uint64_t *number = &numbers[d][frame];
    gfn_t gfn = GFN(FRAME + frame);
    int rc = *number ? memory_decrease(domains[d], gfn, 0)
                     : memory_populate(domains[d], gfn, 0);

    EXPECT(!rc || rc == -ENOMEM);
    if (!rc) {
        *number = *number ? 0 : ++next_number;
    }
    if (!rc && *number) {
        *(uint64_t *)domain_page(domains[d], gfn.v) = *number;
    }
    return rc;
}

static void check_entry(unsigned d, unsigned ref)
{
    unsigned flags = grants[d][ref].flags;

    flags |= pins(d, ref, false) ? GTF_reading : 0;
    flags |= pins(d, ref, true) ? GTF_writing : 0;
    EXPECT_EQ(entry(d, ref)->flags, flags);
}

static void check_place(unsigned d, unsigned place)
{
    const struct mapping *m = at_place(d, place);
    struct p2m_entry e = p2m_get(&domains[d]->p2m, place_of(place));

    EXPECT_EQ(e.type, !m ? P2M_HOLE : m->write ? P2M_GRANT : P2M_GRANT_RO);
    if (m) {
        EXPECT_EQ(*(uint64_t *)arch_map(e.mfn), m->number);
    }
}

static void check(void)
{
    for (unsigned d = 0; d < DOMAINS; d++) {
        const struct p2m *p2m = &domains[d]->p2m;
        unsigned count = 0;

        for (unsigned ref = 0; ref < REFS; ref++) {
            check_entry(d, ref);
        }
        for (unsigned place = 0; place < PLACES; place++) {
            check_place(d, place);
        }
        for (unsigned i = 0; i < MAPPINGS; i++) {
            count += mappings[i].live && mappings[i].mapper == d;
        }
        EXPECT_EQ(domains[d]->grants.mapping_count, count);
        EXPECT_EQ(fake_stale_translations(&p2m->tlb, p2m->root), 0);
    }
    domains_check();
}

static void start(void)
{
    machine_start(0x2000);
    for (unsigned d = 0; d < DOMAINS; d++) {
        domains[d] = domain_new(d, 1);
        for (unsigned i = 0; i < FRAMES; i++) {
            const uint32_t arg[OP_ARGS] = {d, i};

            EXPECT_EQ(op_change(arg), 0);
        }
    }
}

static void finish(void)
{
    for (unsigned d = 0; d < DOMAINS; d++) {
        while (domain_kill(domains[d]) == -ERESTART) {
            continue;
        }
        EXPECT_EQ(domains[d]->grants.mapping_count, 0);
        machine_check();
    }
    for (unsigned d = 0; d < DOMAINS; d++) {
        domain_put(domains[d]);
        domain_reap_soon();
    }
    domain_reap();
    EXPECT(!domain_get_next(0));
    machine_check();
}

enum {
    OP_GRANT,
    OP_MAP,
    OP_UNMAP,
    OP_REMOVE,
    OP_COPY,
    OP_CHANGE,
};

static const struct op_kind kinds[] = {
    [OP_GRANT] = {"OP_GRANT", 10, op_grant},
    [OP_MAP] = {"OP_MAP", 12, op_map},
    [OP_UNMAP] = {"OP_UNMAP", 16, op_unmap},
    [OP_REMOVE] = {"OP_REMOVE", 1, op_remove},
    [OP_COPY] = {"OP_COPY", 4, op_copy},
    [OP_CHANGE] = {"OP_CHANGE", 12, op_change},
};

static const struct model granting = {
    .name = "granting",
    .kinds = kinds,
    .kind_count = ARRAY_COUNT(kinds),
    .may_be_short = true,
    .start = start,
    .check = check,
    .finish = finish,
};

TEST(grants_at_random_agree_with_the_model)
{
    ops_random(&granting, 1, 800);
}

TEST(grants_at_random_agree_with_the_model_again)
{
    ops_random(&granting, 2, 800);
}
