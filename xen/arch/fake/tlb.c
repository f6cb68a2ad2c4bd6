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
    __atomic_add_fetch(&flush_count, 1, __ATOMIC_SEQ_CST);
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

/* What a walk as the hardware would do it ends in. */
struct found {
    uint64_t *slot; /* NULL: no leaf is present */
    uint64_t raw;   /* what was read there */
    struct pte_fields leaf;
    mfn_t mfn;
};

static struct found walk(mfn_t root, uint64_t gfn)
{
    struct found f = {.slot = NULL};
    mfn_t table = root;

    if (gfn >> (arch_pte_format->levels * BITS_PER_LEVEL)) {
        return f;
    }
    for (unsigned level = arch_pte_format->levels; level >= 1; level--) {
        unsigned shift = (level - 1) * BITS_PER_LEVEL;
        uint64_t *slot = (uint64_t *)arch_map(table) + ((gfn >> shift) & 511);

        f.raw = READ_ONCE(*slot);
        f.leaf = arch_pte_format->decode(f.raw, level);
        if (!f.leaf.is_table) {
            f.mfn = mfn_add(f.leaf.mfn, gfn & (BIT(shift) - 1));
            f.slot = f.leaf.rights ? slot : NULL;
            return f;
        }
        table = f.leaf.mfn;
    }
    return f;
}

static struct cached *cached_for(unsigned cpu, uint64_t gfn)
{
    return &cache[cpu][gfn % CACHED_PER_CPU];
}

static bool is_live(const struct cached *c, const struct guest_tlb *tlb)
{
    return c->tlb == tlb && c->generation == READ_ONCE(tlb->generation);
}

/* The dirty bit is set in the entry that was read, or the walk begins anew. */
static bool note_write(struct found *f)
{
    if (f->leaf.dirty || !(f->leaf.rights & PTE_W)) {
        return true;
    }
    f->leaf.dirty = true;
    return arch_pte_replace(f->slot, &f->raw, f->raw | arch_pte_format->dirty);
}

static bool refill(struct cached *c, struct guest_tlb *tlb, mfn_t root,
                   uint64_t gfn, bool write)
{
    uint64_t generation = READ_ONCE(tlb->generation);
    struct found f;

    do {
        f = walk(root, gfn);
    } while (f.slot && write && !note_write(&f));
    if (!f.slot) {
        return false;
    }
    *c = (struct cached){
        .tlb = tlb,
        .generation = generation,
        .gfn = gfn,
        .mfn = f.mfn.v,
        .rights = f.leaf.rights,
        .dirty = f.leaf.dirty,
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
            struct found f;

            if (!is_live(c, tlb)) {
                continue;
            }
            f = walk(root, c->gfn);
            /* With a dirty one a CPU writes and nobody hears of it. */
            if (!f.slot || f.mfn.v != c->mfn || (c->rights & ~f.leaf.rights) ||
                (c->dirty && !f.leaf.dirty)) {
                stale++;
            }
        }
    }
    return stale;
}
