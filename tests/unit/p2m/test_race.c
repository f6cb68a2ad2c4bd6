/* SPDX-License-Identifier: MIT */
/*
 * Several CPUs at one p2m. Pages are written through references only, as the
 * hypervisor does it, and each CPU has gfns of its own for that, so it knows
 * what must be there; touching, ballooning and the sweep go everywhere.
 */
#include <pthread.h>

#include "guest.h"

#define CPUS    4
#define GFNS    2048U
#define STRIPES 8U /* every 8th gfn is never ballooned: a CPU's own */

static struct guest g;
static uint64_t rounds;

struct cpu {
    unsigned number;
    uint64_t seed;
    uint64_t value[GFNS]; /* at this CPU's own gfns */
    const char *wrong;
};

static bool is_own(const struct cpu *c, uint64_t gfn)
{
    return gfn % STRIPES == c->number;
}

static bool is_common(uint64_t gfn)
{
    return gfn % STRIPES >= CPUS;
}

/* The page at gfn, if the cache or the sweep has one for it. */
static struct page *get(uint64_t gfn)
{
    struct p2m_search search = {0};

    for (unsigned i = 0; i < 64; i++) {
        struct p2m_entry e;
        struct page *pg = p2m_get_page(&g.p2m, GFN(gfn), &e);

        if (pg || e.type != P2M_POD) {
            return pg;
        }
        if (p2m_fault(&g.p2m, GFN(gfn), true, false) == P2M_NEED_PAGE &&
            p2m_sweep(&g.p2m, &search) == P2M_SWEEP_NOTHING) {
            return NULL;
        }
    }
    return NULL;
}

static void use_own(struct cpu *c, uint64_t gfn)
{
    struct page *pg = get(gfn);
    uint64_t *word;

    if (!pg) {
        return;
    }
    word = page_map(pg);
    if (*word != c->value[gfn]) {
        c->wrong = "a write was lost";
    }
    *word = c->value[gfn] =
        unit_random_below(&c->seed, 4) ? 0 : c->number + 1 + (gfn << 32);
    page_put(pg);
}

static void use_common(struct cpu *c, uint64_t gfn)
{
    uint64_t list[8];
    struct page *pg;
    unsigned done;
    int rc;

    switch (unit_random_below(&c->seed, 4)) {
    case 0:
        pg = get(gfn);
        if (pg) {
            *(uint64_t *)page_map(pg) = gfn + 1;
            page_put(pg);
        }
        return;
    case 1:
        rc = p2m_mark_pod(&g.p2m, GFN(gfn), 0);
        if (rc != 0 && rc != -EBUSY) {
            c->wrong = "mark";
        }
        return;
    case 2:
        p2m_batch_begin(&g.p2m);
        for (unsigned i = 0; i < 8; i++) {
            list[i] = (gfn + i * STRIPES) % GFNS;
        }
        rc = p2m_decrease_list(&g.p2m, list, 8, &done);
        p2m_batch_end(&g.p2m);
        if (rc != 0 && rc != -ENOENT) {
            c->wrong = "decrease";
        }
        return;
    default:
        rc = p2m_remove(&g.p2m, GFN(gfn), INVALID_MFN);
        if (rc != 0 && rc != -ENOENT) {
            c->wrong = "remove";
        }
        return;
    }
}

static void grow(struct cpu *c)
{
    uint64_t promised = READ_ONCE(g.pod.entry_count);
    uint64_t cached = READ_ONCE(g.pod.cache_count);

    if (promised > cached + 64 && cached < 20 &&
        pod_set_cache(&g.pod, cached + 4, 512) == -ENOMEM) {
        c->wrong = "grow";
    }
}

/* An idle CPU's search, and a recount while the others are at work. */
static void look_around(struct cpu *c, uint64_t round)
{
    static struct p2m_search search = {.gentle = true, .enough = ~0ULL};

    if (c->number == 0) {
        p2m_sweep(&g.p2m, &search);
        if (round % 2048 == 0 && p2m_audit(&g.p2m)) {
            c->wrong = fake_console_output();
        }
    }
}

static void *run_cpu(void *context)
{
    struct cpu *c = context;

    fake_set_cpu(c->number);
    for (uint64_t i = 0; i < rounds && !c->wrong; i++) {
        uint64_t gfn = unit_random_below(&c->seed, GFNS);

        if (is_own(c, gfn)) {
            use_own(c, gfn);
        } else if (is_common(gfn)) {
            use_common(c, gfn);
        } else if (i % 64 == 0) {
            grow(c);
        }
        if (i % 16 == 0) {
            look_around(c, i);
        }
    }
    return NULL;
}

TEST(cpus_at_one_p2m)
{
    static struct cpu cpus[CPUS];
    pthread_t threads[CPUS];

    rounds = 60000 * unit_long();
    guest_start_pod(&g, 11, 900);
    for (unsigned i = 0; i < CPUS; i++) {
        cpus[i].number = i;
        cpus[i].seed = unit_seed(42) + i;
        EXPECT(!pthread_create(&threads[i], NULL, run_cpu, &cpus[i]));
    }
    for (unsigned i = 0; i < CPUS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (unsigned i = 0; i < CPUS; i++) {
        if (cpus[i].wrong) {
            FAIL("CPU %u: %s", i, cpus[i].wrong);
        }
    }
    EXPECT(g.pod.counters.populate_4k > 100);
    EXPECT(g.pod.counters.steals > 100);
    guest_check(&g);
    for (unsigned i = 0; i < CPUS; i++) {
        for (uint64_t gfn = i; gfn < GFNS; gfn += STRIPES) {
            use_own(&cpus[i], gfn);
        }
        EXPECT(!cpus[i].wrong);
    }
    guest_end(&g);
}

/* A region is put together and scattered again, again and again, while other
 * CPUs write to its pages. */
static bool gathering;

static void scatter_again(void)
{
    struct page *pg = page_alloc_guest(&g.account, 0);

    EXPECT(pg);
    guest_decrease(&g, 511, 0);
    EXPECT_EQ(p2m_add_ram(&g.p2m, GFN(511), pg, 0), 0);
}

/* As the guest's own instructions do it: a flush waits for the end of one. */
static void store_own(struct cpu *c, uint64_t gfn)
{
    struct guest_exit exit;
    uint64_t *word;

    arch_guest_tlb_read_begin(&g.p2m.tlb);
    word = fake_guest_access(&g.p2m.tlb, g.p2m.root, gpa_from_gfn(GFN(gfn)),
                             FAKE_WRITE, &exit);
    if (word && *word != c->value[gfn]) {
        c->wrong = "a store was lost";
    }
    if (word) {
        *word = c->value[gfn] = c->number + 1 + (unit_random(&c->seed) << 8);
    }
    arch_guest_tlb_read_end(&g.p2m.tlb);
    if (!word && p2m_fault(&g.p2m, GFN(gfn), true, false) != P2M_OK) {
        c->wrong = "a fault that is none";
    }
}

/* CPU 1 is in the guest, the others are in the hypervisor. */
static void *run_writer(void *context)
{
    struct cpu *c = context;

    fake_set_cpu(c->number);
    while (READ_ONCE(gathering) && !c->wrong) {
        uint64_t gfn = (unit_random_below(&c->seed, 504) & ~7ULL) + c->number;

        if (c->number == 1) {
            store_own(c, gfn);
        } else {
            use_own(c, gfn);
        }
    }
    return NULL;
}

static uint64_t gather_for(uint64_t count)
{
    uint64_t done = 0, tries = 0;

    while (done < count && tries++ < 1000 * count) {
        gfn_t gfn = GFN(0);
        struct page *block;

        if (p2m_gather_find(&g.p2m, &gfn) != P2M_GATHER_FOUND) {
            continue;
        }
        block = page_begin_move(&g.account, ORDER_2M);
        EXPECT(block);
        if (p2m_gather(&g.p2m, gfn, block)) {
            done++;
            scatter_again();
        } else {
            page_end_move(&g.account);
            page_release(block, 512);
        }
    }
    return done;
}

TEST(pages_move_while_cpus_write_to_them)
{
    static struct cpu cpus[CPUS];
    pthread_t threads[CPUS];
    uint64_t done;

    guest_start_pod(&g, 9, 512);
    guest_write_all(&g, 0, 512, 0);
    scatter_again();
    gathering = true;
    for (unsigned i = 1; i < CPUS; i++) {
        cpus[i].number = i;
        cpus[i].seed = unit_seed(43) + i;
        EXPECT(!pthread_create(&threads[i], NULL, run_writer, &cpus[i]));
    }
    done = gather_for(40 * unit_long());
    WRITE_ONCE(gathering, false);
    for (unsigned i = 1; i < CPUS; i++) {
        pthread_join(threads[i], NULL);
        if (cpus[i].wrong) {
            FAIL("CPU %u: %s", i, cpus[i].wrong);
        }
    }
    EXPECT(done);
    EXPECT_EQ(g.account.page_count, 512);
    guest_check(&g);
    guest_end(&g);
}
