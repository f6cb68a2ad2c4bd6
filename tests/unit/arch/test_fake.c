/* SPDX-License-Identifier: MIT */
/* The fake machine must be as strict as a real one, or tests on it prove
 * nothing: what it should catch is done to it here. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arch/fake/fake.h"
#include "arch/timer.h"
#include "types/error.h"
#include "unit.h"

#define ROOT     0x400ULL /* the first frames of RAM serve as tables */
#define LEVEL3   0x401ULL
#define LEVEL2   0x402ULL
#define LEVEL1   0x403ULL
#define DATA     0x410ULL
#define GUEST_2M 0x600ULL

static struct guest_tlb tlb;
static struct guest_exit fault;

static uint64_t *slot(uint64_t table, unsigned index)
{
    return (uint64_t *)arch_map(MFN(table)) + index;
}

/* Tables down to one of 4 KiB leaves for the guest's first 2 MiB. */
static void start(void)
{
    const struct pte_format *f = arch_pte_format;

    fake_start(NULL);
    arch_guest_tlb_init(&tlb);
    arch_pte_write(slot(ROOT, 0), f->make_table(MFN(LEVEL3)));
    arch_pte_write(slot(LEVEL3, 0), f->make_table(MFN(LEVEL2)));
    arch_pte_write(slot(LEVEL2, 0), f->make_table(MFN(LEVEL1)));
}

static void map(unsigned gfn, uint64_t mfn, unsigned rights)
{
    arch_pte_write(slot(LEVEL1, gfn),
                   arch_pte_format->make_leaf(MFN(mfn), rights, 1, ORDER_4K));
}

static char *reach(uint64_t gpa, enum fake_access access)
{
    return fake_guest_access(&tlb, MFN(ROOT), GPA(gpa), access, &fault);
}

/* Its translations were for the one that was there before. */
TEST(a_new_guest_at_the_same_place_has_no_translations)
{
    start();
    map(1, DATA, PTE_RW);
    EXPECT(reach(0x1000, FAKE_WRITE));
    EXPECT_EQ(fake_stale_translations(&tlb, MFN(ROOT)), 0);
    arch_guest_tlb_init(&tlb);
    map(1, DATA + 1, PTE_R);
    EXPECT_EQ(fake_stale_translations(&tlb, MFN(ROOT)), 0);
    EXPECT(!reach(0x1000, FAKE_WRITE));
}

TEST(entries_survive_the_round_trip)
{
    const struct pte_format *f = arch_pte_format;
    static const unsigned orders[] = {ORDER_4K, ORDER_2M, ORDER_1G};
    static const unsigned rights[] = {PTE_NONE, PTE_R, PTE_RW, PTE_RWX,
                                      PTE_R | PTE_X};
    struct fake_config config = {
        .first_mfn = 1 << 18, .page_count = 1 << 18, .cpu_count = 1};

    fake_start(&config);
    for (unsigned level = 1; level <= 3; level++) {
        for (unsigned tag = 0; tag < 64; tag++) {
            for (unsigned r = 0; r < ARRAY_COUNT(rights); r++) {
                uint64_t e = f->make_leaf(MFN(1 << 18), rights[r], tag,
                                          orders[level - 1]);
                struct pte_fields got = f->decode(e, level);

                EXPECT(!got.is_table);
                EXPECT_EQ(got.dirty, rights[r] != PTE_NONE);
                EXPECT_EQ(got.tag, tag);
                EXPECT_EQ(got.rights, rights[r]);
                EXPECT_EQ(got.mfn.v, rights[r] ? 1ULL << 18 : ~0ULL);
            }
        }
        EXPECT(!f->decode(0, level).is_table);
        EXPECT_EQ(f->decode(0, level).tag, 0);
    }
    EXPECT(f->decode(f->make_table(MFN(1 << 18)), 2).is_table);
    EXPECT_EQ(f->make_leaf(INVALID_MFN, PTE_NONE, 0, ORDER_2M), 0);
}

/* There is no panic() right of base: a CHECK ends the process. */
static bool survives_leaf(uint64_t mfn)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        fclose(stderr);
        arch_pte_format->make_leaf(MFN(mfn), PTE_RWX, 1, ORDER_2M);
        _exit(0);
    }
    waitpid(child, &status, 0);
    return status == 0;
}

TEST(a_large_leaf_must_be_aligned)
{
    start();
    EXPECT(survives_leaf(GUEST_2M));
    EXPECT(!survives_leaf(GUEST_2M + 1));
}

static bool is_dirty(uint64_t gfn)
{
    return arch_pte_format->decode(*slot(LEVEL1, gfn), 1).dirty;
}

/* A CPU that cached a dirty leaf writes without a word until it is flushed. */
TEST(guests_set_dirty_bits)
{
    char *p;

    start();
    map(3, DATA, PTE_RW);
    EXPECT(is_dirty(3));
    p = reach(0x3123, FAKE_READ);
    EXPECT(p == (char *)arch_map(MFN(DATA)) + 0x123);
    arch_pte_clear(slot(LEVEL1, 3), arch_pte_format->dirty);
    EXPECT_EQ(fake_stale_translations(&tlb, MFN(ROOT)), 1);
    EXPECT(reach(0x3123, FAKE_WRITE) == p);
    EXPECT(!is_dirty(3));
    arch_guest_tlb_flush(&tlb);
    EXPECT_EQ(fake_stale_translations(&tlb, MFN(ROOT)), 0);
    EXPECT(reach(0x3123, FAKE_READ) == p);
    EXPECT(!is_dirty(3));
    EXPECT(reach(0x3123, FAKE_WRITE) == p);
    EXPECT(is_dirty(3));
}

TEST(entries_are_replaced_only_as_they_were)
{
    uint64_t *entry, old, dirty = arch_pte_format->dirty;

    start();
    map(3, DATA, PTE_RW);
    entry = slot(LEVEL1, 3);
    old = 0;
    EXPECT(!arch_pte_replace(entry, &old, 0));
    EXPECT_EQ(old, *entry);
    EXPECT(arch_pte_replace(entry, &old, *entry & ~dirty));
    EXPECT(!is_dirty(3));
}

TEST(guests_reach_memory)
{
    start();
    map(3, DATA, PTE_RW);
    EXPECT(!reach(0x3123, FAKE_EXECUTE));
    EXPECT(fault.fault.present && fault.fault.execute);
    EXPECT(!reach(0x4000, FAKE_WRITE));
    EXPECT_EQ(fault.reason, EXIT_FAULT);
    EXPECT_EQ(fault.fault.gpa.v, 0x4000);
    EXPECT(fault.fault.write && !fault.fault.present);
    EXPECT(!reach(1ULL << 50, FAKE_READ));
}

TEST(large_leaves_reach_every_page)
{
    start();
    arch_pte_write(slot(LEVEL2, 1), arch_pte_format->make_leaf(
                                        MFN(GUEST_2M), PTE_RWX, 1, ORDER_2M));
    EXPECT(reach((512 + 77) * PAGE_SIZE + 5, FAKE_EXECUTE) ==
           (char *)arch_map(MFN(GUEST_2M + 77)) + 5);
}

TEST(a_translation_lives_on_until_the_flush)
{
    char *p;

    start();
    map(0, DATA, PTE_RW);
    p = reach(0, FAKE_WRITE);
    EXPECT_EQ(fake_stale_translations(&tlb, MFN(ROOT)), 0);
    map(0, DATA + 1, PTE_RW);
    EXPECT(reach(0, FAKE_WRITE) == p);
    EXPECT_EQ(fake_stale_translations(&tlb, MFN(ROOT)), 1);
    arch_guest_tlb_flush(&tlb);
    EXPECT_EQ(fake_stale_translations(&tlb, MFN(ROOT)), 0);
    EXPECT(reach(0, FAKE_WRITE) == p + PAGE_SIZE);
    /* Each CPU has a cache of its own. */
    fake_set_cpu(1);
    EXPECT(reach(0, FAKE_READ) == p + PAGE_SIZE);
    map(0, DATA + 1, PTE_NONE);
    fake_set_cpu(0);
    EXPECT_EQ(fake_stale_translations(&tlb, MFN(ROOT)), 2);
}

TEST(gaining_rights_needs_no_flush)
{
    start();
    map(0, DATA, PTE_R);
    EXPECT(reach(0, FAKE_READ));
    EXPECT(!reach(0, FAKE_WRITE));
    map(0, DATA, PTE_RW);
    EXPECT_EQ(fake_stale_translations(&tlb, MFN(ROOT)), 0);
    EXPECT(reach(0, FAKE_WRITE));
}

static unsigned visited;
static uint64_t visited_mfn[8];

static void visit(mfn_t mfn, unsigned order, bool is_table)
{
    visited_mfn[visited++] =
        mfn.v | (uint64_t)order << 32 | (uint64_t)is_table << 40;
}

TEST(history_tells_what_is_not_flushed_yet)
{
    size_t before;

    start();
    before = fake_pte_write_count();
    EXPECT_EQ(before, 3);
    map(0, DATA, PTE_RW);
    arch_guest_tlb_flush(&tlb);
    map(0, DATA, PTE_R); /* the frame stays */
    map(1, DATA + 1, PTE_RW);
    map(1, DATA + 1, PTE_NONE);
    arch_pte_write(slot(LEVEL2, 0), 0);
    EXPECT_EQ(fake_pte_write_count(), before + 5);
    EXPECT(fake_pte_write_at(before)->slot == slot(LEVEL1, 0));
    EXPECT_EQ(fake_pte_write_at(before + 4)->flushes_before, 1);
    fake_visit_unflushed(visit);
    EXPECT_EQ(visited, 2);
    EXPECT_EQ(visited_mfn[0], LEVEL1 | 1ULL << 40);
    EXPECT_EQ(visited_mfn[1], DATA + 1);
    arch_guest_tlb_flush(&tlb);
    fake_visit_unflushed(visit);
    EXPECT_EQ(visited, 2);
}

static struct guest_cpu *create(void)
{
    void *page = arch_map(MFN(DATA));

    return arch_guest_create(&page, MFN(ROOT), &tlb);
}

TEST(a_script_of_exits)
{
    static const struct guest_exit script[] = {
        {.reason = EXIT_CPUID, .length = 2},
        {.reason = EXIT_HYPERCALL, .length = 3},
    };
    struct guest_regs regs = {.rflags = RFLAGS_IF};
    struct guest_cpu *gc;
    struct guest_exit exit;
    uint32_t stop = 0;

    start();
    gc = create();
    fake_guest_script(gc, script, ARRAY_COUNT(script));
    arch_guest_offer_irq(gc, 0x31);
    EXPECT(arch_guest_inject_nmi(gc));
    EXPECT(!arch_guest_inject_exception(gc, 6, -1, 0));
    arch_guest_run(gc, &regs, &stop, &exit);
    EXPECT_EQ(exit.reason, EXIT_CPUID);
    EXPECT(arch_guest_irq_taken(gc));
    EXPECT_EQ(fake_injected(gc).irq, 0x31);
    EXPECT(fake_injected(gc).nmi);
    arch_guest_skip(gc, &regs, exit.length);
    EXPECT_EQ(regs.rip, 2);
    stop = 1;
    arch_guest_run(gc, &regs, &stop, &exit);
    EXPECT_EQ(exit.reason, EXIT_NONE);
    stop = 0;
    regs.rflags = 0;
    arch_guest_offer_irq(gc, 0x32);
    arch_guest_run(gc, &regs, &stop, &exit);
    EXPECT_EQ(exit.reason, EXIT_HYPERCALL);
    EXPECT(!arch_guest_irq_taken(gc));
    arch_guest_run(gc, &regs, &stop, &exit);
    EXPECT_EQ(exit.reason, EXIT_HLT);
    EXPECT_EQ(fake_guest_run_count(gc), 3);
    EXPECT_EQ(tlb.running, 0);
}

TEST(msrs_and_state)
{
    struct guest_state s;
    struct guest_cpu *gc;
    uint64_t value;

    start();
    gc = create();
    EXPECT_EQ(arch_guest_msr_write(gc, 0xc0000082, 0x1234), 0);
    EXPECT_EQ(arch_guest_msr_read(gc, 0xc0000082, &value), 0);
    EXPECT_EQ(value, 0x1234);
    EXPECT_EQ(arch_guest_msr_read(gc, 0x10, &value), -ENOENT);
    arch_guest_get_state(gc, &s);
    EXPECT_EQ(s.lstar, 0x1234);
    s.seg[SEG_CS].selector = 3;
    arch_guest_set_state(gc, &s);
    EXPECT_EQ(arch_guest_cpl(gc), 3);
}

static bool never(void)
{
    return false;
}

TEST(time_moves_when_told)
{
    start();
    EXPECT_EQ(arch_time_ns(), 0);
    fake_advance(500);
    EXPECT_EQ(arch_tsc() - arch_tsc_origin(), 1000);
    arch_timer_set(2000);
    EXPECT_EQ(fake_deadline(0), 2000);
    arch_cpu_kick(0);
    arch_cpu_idle(never);
    EXPECT_EQ(arch_time_ns(), 500);
    arch_cpu_idle(never);
    EXPECT_EQ(arch_time_ns(), 2000);
}
