/* SPDX-License-Identifier: MIT */
/*
 * One walker for the paging modes of a guest: off, 2 levels of 4-byte entries,
 * PAE, and 4 levels (5-level paging is hidden from guests). Like a processor
 * it sets Accessed and Dirty in the entry that maps the page, so that the
 * guest's kernel sees that a page of its was written.
 *
 * And like a processor it remembers where it found a page, until the guest runs
 * again: a hypercall reaches for the same few pages many times. Another vCPU
 * that changes the tables meanwhile has to tell this one by an interrupt, as
 * it would because of the TLB, and that is taken after the hypercall. Only
 * what the guest's tables say is remembered; what is behind the guest frame is
 * looked up each time.
 */
#include "guest/pagetable.h"

#include "domain/memory.h"
#include "types/error.h"

#define CR0_WP   BIT(16)
#define CR0_PG   BIT(31)
#define CR4_PSE  BIT(4)
#define CR4_PAE  BIT(5)
#define EFER_LMA BIT(10)

#define PTE_PRESENT  BIT(0)
#define PTE_WRITE    BIT(1)
#define PTE_ACCESSED BIT(5)
#define PTE_DIRTY    BIT(6)
#define PTE_LARGE    BIT(7)
#define PTE_ADDRESS  0x000ffffffffff000ULL

/* Intel SDM volume 3, chapter 4. */
struct paging_mode {
    uint8_t levels;       /* 0: off */
    uint8_t entry_size;   /* bytes */
    uint8_t index_bits;   /* of a level; the rest for the top one */
    uint8_t large_levels; /* bit n: an entry of level n may map a page */
    uint8_t no_rights;    /* level whose entries have no rights; 0: none */
    uint64_t root_mask;   /* of CR3 */
};

static const struct paging_mode mode_off = {0};
static const struct paging_mode mode_2_level = {2, 4, 10, 0, 0, 0xfffff000};
static const struct paging_mode mode_2_level_pse = {2,      4, 10,
                                                    1 << 2, 0, 0xfffff000};
static const struct paging_mode mode_pae = {3, 8, 9, 1 << 2, 3, 0xffffffe0};
static const struct paging_mode mode_4_level = {
    4, 8, 9, 1 << 2 | 1 << 3, 0, PTE_ADDRESS};

static const struct paging_mode *mode_of_state(const struct guest_state *s)
{
    if (!(s->cr0 & CR0_PG)) {
        return &mode_off;
    }
    if (s->efer & EFER_LMA) {
        return &mode_4_level;
    }
    if (s->cr4 & CR4_PAE) {
        return &mode_pae;
    }
    return s->cr4 & CR4_PSE ? &mode_2_level_pse : &mode_2_level;
}

/* Fetching all state is slow; 64-bit code is always in one mode. */
static const struct paging_mode *mode_of(const struct vcpu *v)
{
    struct guest_state s;

    if (arch_guest_long_mode(v->gc)) {
        return &mode_4_level;
    }
    arch_guest_get_state(v->gc, &s);
    return mode_of_state(&s);
}

/* May the kernel write to read-only pages? */
static bool write_protect_is_off(const struct vcpu *v)
{
    struct guest_state s;

    arch_guest_get_state(v->gc, &s);
    return !(s.cr0 & CR0_WP);
}

static unsigned level_shift(const struct paging_mode *m, unsigned level)
{
    return PAGE_SHIFT + (level - 1) * m->index_bits;
}

/* Does gva fit the mode? Bits above must repeat the top one (64-bit), or the
 * address is 32 bits wide. */
static bool address_fits(const struct paging_mode *m, uint64_t gva)
{
    if (m->levels == 4) {
        return (uint64_t)((int64_t)(gva << 16) >> 16) == gva;
    }
    return gva >> 32 == 0;
}

static uint64_t entry_address(const struct paging_mode *m, uint64_t table,
                              uint64_t gva, unsigned level)
{
    uint64_t index = gva >> level_shift(m, level);

    index &= (1ULL << m->index_bits) - 1;
    if (m->levels == 3 && level == 3) {
        index &= 3; /* PAE: the top level has four entries */
    }
    return table + index * m->entry_size;
}

static uint64_t entry_load(const struct paging_mode *m, const void *slot)
{
    return m->entry_size == 8
               ? __atomic_load_n((const uint64_t *)slot, __ATOMIC_RELAXED)
               : __atomic_load_n((const uint32_t *)slot, __ATOMIC_RELAXED);
}

static int entry_read(struct vcpu *v, const struct paging_mode *m,
                      uint64_t address, bool may_wait, uint64_t *entry)
{
    gfn_t gfn = gfn_from_gpa(GPA(address));
    struct page *pg;
    int rc = may_wait ? memory_get_own_page_to_read(v, gfn, &pg)
                      : memory_get_page_to_read(vcpu_domain(v), gfn, &pg);

    if (!rc && !pg) {
        *entry = 0; /* a promise */
    } else if (!rc) {
        *entry = entry_load(m, (char *)page_map(pg) + (address & ~PAGE_MASK));
        page_put(pg);
    }
    return rc;
}

/*
 * Set bits that a processor sets, as it does: only in the entry that the walk
 * went by. Another vCPU may have changed it meanwhile, and bits in what is no
 * longer present would be read as something else. A table that is read-only is
 * left as it is.
 */
static void entry_mark(struct vcpu *v, const struct paging_mode *m,
                       uint64_t address, uint64_t entry, uint64_t bits)
{
    uint32_t small = (uint32_t)entry;
    struct page *pg;
    void *slot;

    if (memory_get_page(vcpu_domain(v), gfn_from_gpa(GPA(address)), true,
                        &pg)) {
        return;
    }
    slot = (char *)page_map(pg) + (address & ~PAGE_MASK);
    if (m->entry_size == 8) {
        __atomic_compare_exchange_n((uint64_t *)slot, &entry, entry | bits,
                                    false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    } else {
        __atomic_compare_exchange_n((uint32_t *)slot, &small,
                                    small | (uint32_t)bits, false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    }
    page_put(pg);
}

static bool is_leaf(const struct paging_mode *m, unsigned level, uint64_t entry)
{
    return level == 1 ||
           ((m->large_levels >> level & 1) && (entry & PTE_LARGE));
}

/* Of a page that a leaf of that level maps: the bits within it. */
static uint64_t page_offset(const struct paging_mode *m, unsigned level)
{
    return (1ULL << level_shift(m, level)) - 1;
}

static gpa_t leaf_gpa(const struct paging_mode *m, unsigned level,
                      uint64_t entry, uint64_t gva)
{
    uint64_t mask = page_offset(m, level);

    return GPA((entry & PTE_ADDRESS & ~mask) | (gva & mask));
}

#define WALKS ARRAY_COUNT(((struct vcpu_walks *)0)->walk)

void pagetable_forget(struct vcpu *v)
{
    v->walks.count = 0;
}

static bool is_remembered(const struct vcpu *v, uint64_t gva, bool write,
                          gpa_t *gpa)
{
    for (unsigned i = 0; i < MIN(v->walks.count, WALKS); i++) {
        uint64_t offset = gva & v->walks.walk[i].offset;

        if (v->walks.walk[i].gva == gva - offset &&
            (v->walks.walk[i].write || !write)) {
            *gpa = GPA(v->walks.walk[i].gpa + offset);
            return true;
        }
    }
    return false;
}

static void remember(struct vcpu *v, uint64_t gva, bool write, gpa_t gpa,
                     uint64_t offset)
{
    unsigned at = v->walks.count++ % WALKS;

    v->walks.walk[at].gva = gva & ~offset;
    v->walks.walk[at].gpa = gpa.v & ~offset;
    v->walks.walk[at].offset = offset;
    v->walks.walk[at].write = write;
}

static int walk(struct vcpu *v, uint64_t gva, bool write, bool may_wait,
                gpa_t *gpa)
{
    const struct paging_mode *m = mode_of(v);
    uint64_t table = arch_guest_cr3(v->gc) & m->root_mask;
    uint64_t used = PTE_ACCESSED | (write ? PTE_DIRTY : 0);
    uint64_t entry, address;
    bool writable = true;

    *gpa = GPA(gva);
    if (!address_fits(m, gva)) {
        return -EFAULT;
    }
    for (unsigned level = m->levels; level > 0; level--) {
        int rc;

        address = entry_address(m, table, gva, level);
        rc = entry_read(v, m, address, may_wait, &entry);
        if (rc) {
            return rc;
        }
        if (!(entry & PTE_PRESENT)) {
            return -EFAULT;
        }
        writable &= (entry & PTE_WRITE) || level == m->no_rights;
        if (is_leaf(m, level, entry)) {
            if (write && !writable && !write_protect_is_off(v)) {
                return -EFAULT;
            }
            if ((entry & used) != used) {
                entry_mark(v, m, address, entry, used);
            }
            *gpa = leaf_gpa(m, level, entry, gva);
            remember(v, gva, write, *gpa, page_offset(m, level));
            return 0;
        }
        table = entry & PTE_ADDRESS;
    }
    return 0;
}

int pagetable_translate(struct vcpu *v, uint64_t gva, bool write, bool may_wait,
                        gpa_t *gpa)
{
    return is_remembered(v, gva, write, gpa)
               ? 0
               : walk(v, gva, write, may_wait, gpa);
}
