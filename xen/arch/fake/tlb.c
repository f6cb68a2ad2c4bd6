/* SPDX-License-Identifier: MIT */
/*
 * Translations that a CPU holds on to as long as it may: until the guest's
 * generation moves on. Together with fake_stale_translations() that shows any
 * flush that was forgotten, at the first access that comes between.
 */
#include "arch/fake/internal.h"
#include "lib/string.h"

#define CACHED_PER_CPU 256 /* direct mapped by gfn */
#define BITS_PER_LEVEL 9

struct cached {
    const struct guest_tlb *tlb; /* NULL: empty */
    uint64_t generation;
    uint64_t gfn;
    uint64_t mfn;
    uint8_t rights;
    bool dirty;
};

static struct cached cache[MAX_CPUS][CACHED_PER_CPU];
static uint64_t flush_count;
static void (*flush_hook)(const struct guest_tlb *tlb);

void fake_tlb_start(void)
{
    memset(cache, 0, sizeof(cache));
    flush_count = 0;
    flush_hook = NULL;
}

uint64_t fake_flush_count(void)
{
    return flush_count;
}

void fake_on_flush(void (*hook)(const struct guest_tlb *tlb))
{
    flush_hook = hook;
}

/* A guest that was at the same place before is not this one. */
static void forget(const struct guest_tlb *tlb)
{
    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
        for (unsigned i = 0; i < CACHED_PER_CPU; i++) {
            if (cache[cpu][i].tlb == tlb) {
                cache[cpu][i].tlb = NULL;
            }
        }
    }
}

void arch_guest_tlb_init(struct guest_tlb *tlb)
{
    memset(tlb, 0, sizeof(*tlb));
    forget(tlb);
}

void arch_guest_tlb_read_begin(struct guest_tlb *tlb)
{
    unsigned cpu = arch_cpu();

    __atomic_fetch_or(&tlb->readers, BIT(cpu), __ATOMIC_SEQ_CST);
    __atomic_store_n(&tlb->seen[cpu],
                     __atomic_load_n(&tlb->generation, __ATOMIC_SEQ_CST),
                     __ATOMIC_SEQ_CST);
}

void arch_guest_tlb_read_end(struct guest_tlb *tlb)
{
    uint64_t before =
        __atomic_fetch_and(&tlb->readers, ~BIT(arch_cpu()), __ATOMIC_SEQ_CST);

    CHECK(before & BIT(arch_cpu()));
}

/* A CPU that plays a guest in another thread looks at the generation before
 * each access, so it needs no waiting for; readers do. */
void arch_guest_tlb_flush(struct guest_tlb *tlb)
{
    uint64_t running = READ_ONCE(tlb->running), generation;

    if (flush_hook) {
        flush_hook(tlb);
    }
    CHECK(!(READ_ONCE(tlb->readers) & BIT(arch_cpu())));
    generation = __atomic_add_fetch(&tlb->generation, 1, __ATOMIC_SEQ_CST);
    flush_count++;
    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
        if ((running & BIT(cpu)) && cpu != arch_cpu()) {
            arch_cpu_kick(cpu);
        }
        while ((__atomic_load_n(&tlb->readers, __ATOMIC_SEQ_CST) & BIT(cpu)) &&
               __atomic_load_n(&tlb->seen[cpu], __ATOMIC_SEQ_CST) <
                   generation) {
            arch_cpu_relax();
        }
    }
}

/* Walk as the hardware would. NULL if no leaf is present. */
static uint64_t *walk(mfn_t root, uint64_t gfn, struct pte_fields *leaf,
                      mfn_t *mfn)
{
    mfn_t table = root;

    if (gfn >> (arch_pte_format->levels * BITS_PER_LEVEL)) {
        return NULL;
    }
    for (unsigned level = arch_pte_format->levels; level >= 1; level--) {
        unsigned shift = (level - 1) * BITS_PER_LEVEL;
        uint64_t *slot = (uint64_t *)arch_map(table) + ((gfn >> shift) & 511);

        *leaf = arch_pte_format->decode(READ_ONCE(*slot), level);
        if (!leaf->is_table) {
            *mfn = mfn_add(leaf->mfn, gfn & (BIT(shift) - 1));
            return leaf->rights ? slot : NULL;
        }
        table = leaf->mfn;
    }
    return NULL;
}

static struct cached *cached_for(unsigned cpu, uint64_t gfn)
{
    return &cache[cpu][gfn % CACHED_PER_CPU];
}

static bool is_live(const struct cached *c, const struct guest_tlb *tlb)
{
    return c->tlb == tlb && c->generation == READ_ONCE(tlb->generation);
}

static bool refill(struct cached *c, struct guest_tlb *tlb, mfn_t root,
                   uint64_t gfn, bool write)
{
    struct pte_fields leaf;
    mfn_t mfn;
    uint64_t *slot = walk(root, gfn, &leaf, &mfn);

    if (!slot) {
        return false;
    }
    if (write && (leaf.rights & PTE_W)) {
        *slot = fake_pte_dirty(*slot);
    }
    *c = (struct cached){
        .tlb = tlb,
        .generation = READ_ONCE(tlb->generation),
        .gfn = gfn,
        .mfn = mfn.v,
        .rights = leaf.rights,
        .dirty = leaf.dirty || write,
    };
    return true;
}

static void fill_fault(struct guest_exit *fault, gpa_t gpa,
                       enum fake_access access, bool present)
{
    memset(fault, 0, sizeof(*fault));
    fault->reason = EXIT_FAULT;
    fault->fault.gpa = gpa;
    fault->fault.write = access == FAKE_WRITE;
    fault->fault.execute = access == FAKE_EXECUTE;
    fault->fault.present = present;
}

void *fake_guest_access(struct guest_tlb *tlb, mfn_t root, gpa_t gpa,
                        enum fake_access access, struct guest_exit *fault)
{
    static const uint8_t needed[] = {
        [FAKE_READ] = PTE_R,
        [FAKE_WRITE] = PTE_W,
        [FAKE_EXECUTE] = PTE_X,
    };
    uint64_t gfn = gfn_from_gpa(gpa).v;
    struct cached *c = cached_for(arch_cpu(), gfn);
    bool write = access == FAKE_WRITE;

    /* Hardware looks again before it faults, and to set the dirty bit. */
    if (!is_live(c, tlb) || c->gfn != gfn || !(c->rights & needed[access]) ||
        (write && !c->dirty)) {
        c->tlb = NULL;
        if (!refill(c, tlb, root, gfn, write)) {
            fill_fault(fault, gpa, access, false);
            return NULL;
        }
    }
    if (!(c->rights & needed[access])) {
        fill_fault(fault, gpa, access, true);
        return NULL;
    }
    return (char *)arch_map(MFN(c->mfn)) + gpa.v % PAGE_SIZE;
}

unsigned fake_stale_translations(const struct guest_tlb *tlb, mfn_t root)
{
    unsigned stale = 0;

    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
        for (unsigned i = 0; i < CACHED_PER_CPU; i++) {
            const struct cached *c = &cache[cpu][i];
            struct pte_fields leaf;
            mfn_t mfn;

            if (!is_live(c, tlb)) {
                continue;
            }
            if (!walk(root, c->gfn, &leaf, &mfn) || mfn.v != c->mfn ||
                (c->rights & ~leaf.rights)) {
                stale++;
            }
        }
    }
    return stale;
}
