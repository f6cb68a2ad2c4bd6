/* SPDX-License-Identifier: MIT */
#include "domains.h"
#include "guest/copy.h"
#include "guest/pagetable.h"
#include "machine.h"
#include "types/bits.h"
#include "types/error.h"

#define KERNEL_HALF 0xffffffff80000000ULL
#define PATTERN     0xaaaaaaaaaaaaaaaaULL

static struct domain *d;
static struct vcpu *v;
static uint8_t buffer[3 * PAGE_SIZE];

/* RAM at gfns 0..63 and at 2M..2M+64K. */
static void start(void)
{
    machine_start(0x4000);
    d = domain_new(1, 1);
    v = d->vcpus[0];
    domain_fill(d, 0, 64);
    domain_fill(d, 512, 16);
    domain_paging_on(v);
}

static void change_state(void (*change)(struct guest_state *s))
{
    struct guest_state s;

    arch_guest_get_state(v->gc, &s);
    change(&s);
    arch_guest_set_state(v->gc, &s);
}

/* Within one exit of the guest. */
static int read_again(uint64_t gva)
{
    uint8_t byte;
    int rc = copy_from_guest(v, &byte, gva, 1);

    return rc ? rc : byte;
}

static int write_again(uint64_t gva)
{
    return copy_to_guest(v, gva, "x", 1);
}

/* After the guest has run. */
static int read_byte(uint64_t gva)
{
    pagetable_forget(v);
    return read_again(gva);
}

static int write_byte(uint64_t gva)
{
    pagetable_forget(v);
    return write_again(gva);
}

TEST(copies_across_pages)
{
    start();
    *domain_pte(d, 0x21) = 0x30ULL << PAGE_SHIFT | 3;
    memset(domain_page(d, 0x20), 0x20, PAGE_SIZE);
    memset(domain_page(d, 0x30), 0x30, PAGE_SIZE);
    EXPECT_EQ(copy_from_guest(v, buffer, 0x20ff0, 0x20), 0);
    EXPECT_EQ(buffer[0xf], 0x20);
    EXPECT_EQ(buffer[0x10], 0x30);
    memset(buffer, 0x77, sizeof(buffer));
    EXPECT_EQ(copy_to_guest(v, 0x20fff, buffer, 2), 0);
    EXPECT_EQ(((uint8_t *)domain_page(d, 0x20))[0xfff], 0x77);
    EXPECT_EQ(((uint8_t *)domain_page(d, 0x20))[0xffe], 0x20);
    EXPECT_EQ(((uint8_t *)domain_page(d, 0x30))[0], 0x77);
    EXPECT_EQ(((uint8_t *)domain_page(d, 0x30))[1], 0x30);
    EXPECT_EQ(copy_from_guest(v, buffer, 0x20000, 0), 0);
    domains_check();
}

TEST(large_pages_and_the_kernels_half)
{
    start();
    ((uint8_t *)domain_page(d, 512 + 3))[5] = 0x99;
    EXPECT_EQ(read_byte((2ULL << 20) + 0x3005), 0x99);
    ((uint8_t *)domain_page(d, 0x22))[7] = 0x88;
    EXPECT_EQ(read_byte(KERNEL_HALF + 0x22007), 0x88);
    EXPECT_EQ(read_byte((2ULL << 20) + (32 << 12)), -EFAULT); /* no RAM */
}

TEST(what_is_not_mapped_is_a_fault)
{
    start();
    EXPECT_EQ(read_byte(0x800000000000), -EFAULT); /* not canonical */
    EXPECT_EQ(read_byte(0xffff7fffffffffff), -EFAULT);
    EXPECT_EQ(read_byte(4ULL << 20), -EFAULT);
    EXPECT_EQ(read_byte(1ULL << 39), -EFAULT);
    EXPECT_EQ(read_byte(64ULL << 12), -EFAULT); /* mapped to a hole */
    *domain_pte(d, 0x20) &= ~1ULL;
    EXPECT_EQ(read_byte(0x20000), -EFAULT);
    *domain_pte(d, 0x21) = 0xfffffffffULL << PAGE_SHIFT | 3;
    EXPECT_EQ(read_byte(0x21000), -EFAULT);
    *domain_pte(d, 0x21) = ~0ULL;
    EXPECT_EQ(read_byte(0x21000), -EFAULT);
    EXPECT_EQ(copy_from_guest(v, buffer, 0x1ff80, 0x100), -EFAULT);
    EXPECT_EQ(read_byte(~0ULL), -EFAULT);
    domains_check();
}

static void wp_off(struct guest_state *s)
{
    s->cr0 &= ~BIT(16);
}

TEST(read_only_mappings)
{
    start();
    *domain_pte(d, 0x20) &= ~2ULL;
    EXPECT_EQ(read_byte(0x20000), 0);
    EXPECT_EQ(write_byte(0x20000), -EFAULT);
    change_state(wp_off);
    EXPECT_EQ(write_byte(0x20000), 0);
}

static void user_cs(struct guest_state *s)
{
    s->seg[SEG_CS].selector = 0x33;
}

/* privcmd's buffers are in user space, and SMAP is not looked at (CP-7). */
TEST(user_pages_can_be_reached)
{
    start();
    *domain_pte(d, 0x20) |= 4;
    EXPECT_EQ(write_byte(0x20000), 0);
    change_state(user_cs);
    EXPECT_EQ(write_byte(0x20000), 0);
}

TEST(accessed_and_dirty_are_set_in_the_leaf)
{
    start();
    EXPECT_EQ(*domain_pte(d, 0x20) & 0x60, 0);
    EXPECT_EQ(read_byte(0x20000), 0);
    EXPECT_EQ(*domain_pte(d, 0x20) & 0x60, 0x20);
    EXPECT_EQ(write_byte(0x20000), 0);
    EXPECT_EQ(*domain_pte(d, 0x20) & 0x60, 0x60);
}

/* As a TLB: what was found holds until the guest runs, and no longer. */
TEST(what_tables_say_is_remembered_in_an_exit)
{
    start();
    memset(domain_page(d, 0x20), 0x20, PAGE_SIZE);
    memset(domain_page(d, 0x30), 0x30, PAGE_SIZE);
    EXPECT_EQ(read_byte(0x20000), 0x20);
    *domain_pte(d, 0x20) = 0x30ULL << PAGE_SHIFT | 3;
    EXPECT_EQ(read_again(0x20ff8), 0x20);
    EXPECT_EQ(read_byte(0x20ff8), 0x30);
    /* Reading is not enough to write: Dirty is to be set, rights looked at. */
    *domain_pte(d, 0x20) = 0x20ULL << PAGE_SHIFT | 1;
    EXPECT_EQ(read_byte(0x20000), 0x20);
    EXPECT_EQ(write_again(0x20000), -EFAULT);
    *domain_pte(d, 0x20) |= 2;
    EXPECT_EQ(write_again(0x20000), 0);
    EXPECT_EQ(*domain_pte(d, 0x20) & 0x60, 0x60);
    /* Only so many are kept. */
    for (uint64_t i = 0x21; i < 0x2b; i++) {
        EXPECT_EQ(write_again(i << PAGE_SHIFT), 0);
        EXPECT_EQ(read_again(i << PAGE_SHIFT), 'x');
    }
    *domain_pte(d, 0x20) = 0;
    EXPECT_EQ(read_again(0x20000), -EFAULT);
    /* A large page is remembered as one. */
    ((uint8_t *)domain_page(d, 512 + 3))[5] = 0x99;
    EXPECT_EQ(read_byte(2ULL << 20), 0);
    *domain_pde(d, 1) = 0;
    EXPECT_EQ(read_again((2ULL << 20) + 0x3005), 0x99);
    EXPECT_EQ(read_byte((2ULL << 20) + 0x3005), -EFAULT);
    EXPECT_EQ(write_byte(0x2a000), 0);
    /* What is behind the frame is not remembered. */
    EXPECT_EQ(memory_decrease(d, GFN(0x2a), 0), 0);
    EXPECT_EQ(read_again(0x2a000), -EFAULT);
    domains_check();
}

TEST(placeholders_read_as_zeros_and_are_populated_when_written)
{
    struct page *pages[2];
    uint16_t offset;

    start();
    EXPECT_EQ(memory_mark_pod(d, GFN(0x50), 0), 0);
    EXPECT_EQ(memory_mark_pod(d, GFN(0x51), 0), 0);
    EXPECT_EQ(memory_set_pod_target(d, 80 + 2), 0);
    EXPECT_EQ(read_byte(0x50000), 0);
    memset(buffer, 1, sizeof(buffer));
    EXPECT_EQ(copy_from_guest(v, buffer, 0x50ff0, 0x20), 0);
    EXPECT(!buffer[0] && !buffer[0x1f] && buffer[0x20] == 1);
    EXPECT_EQ(d->pod.entry_count, 2);
    EXPECT_EQ(write_byte(0x51000), 0);
    EXPECT_EQ(((char *)domain_page(d, 0x51))[0], 'x');
    EXPECT_EQ(d->pod.entry_count, 1);
    /* Who keeps the page gets one. */
    EXPECT_EQ(copy_translate(v, 0x50000, 1, false, pages, &offset), 0);
    EXPECT_EQ(d->pod.entry_count, 0);
    page_put(pages[0]);
    domains_check();
}

TEST(a_page_table_that_is_only_promised_is_empty)
{
    start();
    EXPECT_EQ(memory_mark_pod(d, GFN(0x50), 0), 0);
    EXPECT_EQ(memory_set_pod_target(d, 80 + 1), 0);
    /* The entry of the second 2M in the table of level 2. */
    ((uint64_t *)domain_page(d, 0x12))[1] = 0x50ULL << PAGE_SHIFT | 3;
    EXPECT_EQ(read_byte(0x200000), -EFAULT);
    EXPECT_EQ(d->pod.entry_count, 1);
    domains_check();
}

static void set_on_empty(enum memory_on_empty on_empty)
{
    const struct memory_policy policy = {.on_empty = on_empty};

    EXPECT_EQ(memory_set_policy(d, &policy), 0);
}

/* RAM that is full of data, and a promise at 0x50 that cannot be kept. */
static void start_empty(enum memory_on_empty on_empty)
{
    start();
    set_on_empty(on_empty);
    for (unsigned i = 0; i < 64; i++) {
        ((uint8_t *)domain_page(d, i))[PAGE_SIZE - 1] = 1;
    }
    for (unsigned i = 512; i < 528; i++) {
        ((uint8_t *)domain_page(d, i))[PAGE_SIZE - 1] = 1;
    }
    EXPECT_EQ(memory_mark_pod(d, GFN(0x50), 0), 0);
    *domain_pte(d, 0x4f) = 0x3fULL << PAGE_SHIFT | 3;
    *domain_pte(d, 0x50) = 0x50ULL << PAGE_SHIFT | 3;
}

static bool waits(void)
{
    return v->hold & HOLD_MEMORY;
}

/* At 0x3e: to be read it needs a page, if there is none of the pattern that
 * could be shown, and there is none. */
static void promise_a_pattern(void)
{
    uint64_t *word = domain_page(d, 0x3e);

    d->pod.pattern = PATTERN;
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*word); i++) {
        word[i] = PATTERN;
    }
    EXPECT_EQ(write_byte(0x50000), 0);
    EXPECT_EQ(p2m_get(&d->p2m, GFN(0x3e)).type, P2M_POD_PATTERN);
    EXPECT_EQ(d->pod.entry_count, 1);
    EXPECT_EQ(d->pod.cache_count, 0);
}

TEST(out_of_promised_memory)
{
    start_empty(MEMORY_CRASH);
    EXPECT_EQ(read_byte(0x50000), 0);
    EXPECT_EQ(write_byte(0x50000), -ENOMEM);
    EXPECT_EQ(copy_answer(v, 0x50000, "x", 1), -ENOMEM);
    EXPECT_EQ(copy_prepare(v, 0x50000, 1), -ENOMEM);
    EXPECT(!waits());
    domains_check();
}

/* The hypercall is executed again when there is a page, and not before. */
TEST(who_may_execute_the_call_again_waits)
{
    struct page *pages[2];
    uint16_t offset;

    start_empty(MEMORY_WAIT);
    EXPECT_EQ(read_byte(0x50000), 0);
    EXPECT(!waits());
    EXPECT_EQ(copy_prepare(v, 0x4fffe, 3), -ERESTART);
    EXPECT(waits());
    EXPECT_EQ(d->wait.count, 1);
    EXPECT_EQ(v->wait.gfn.v, 0x50);
    /* Whoever does not mind the error, and goes on, does not wait twice. */
    EXPECT_EQ(copy_prepare(v, 0x4fffe, 3), -ERESTART);
    EXPECT_EQ(d->wait.count, 1);
    memory_wait_forget(v);
    EXPECT_EQ(copy_answer(v, 0x4fffe, "xyz", 3), -ERESTART);
    EXPECT(waits());
    memory_wait_forget(v);
    EXPECT_EQ(copy_translate(v, 0x50000, 8, false, pages, &offset), -ERESTART);
    EXPECT(waits());
    memory_wait_forget(v);
    EXPECT_EQ(copy_translate(v, 0x50000, 8, true, pages, &offset), -ERESTART);
    EXPECT(waits());
    EXPECT_EQ(memory_set_pod_target(d, 64 + 16 + 1), 0);
    EXPECT(!waits());
    EXPECT_EQ(copy_prepare(v, 0x4fffe, 3), 0);
    EXPECT_EQ(((char *)domain_page(d, 0x50))[0], 0);
    EXPECT_EQ(copy_answer(v, 0x4fffe, "xyz", 3), 0);
    EXPECT_EQ(((char *)domain_page(d, 0x50))[0], 'z');
    domains_check();
}

TEST(who_reads_a_promised_pattern_waits)
{
    start_empty(MEMORY_WAIT);
    promise_a_pattern();
    EXPECT_EQ(read_byte(0x3e000), -ERESTART);
    EXPECT(waits());
    EXPECT_EQ(v->wait.gfn.v, 0x3e);
    EXPECT_EQ(memory_set_pod_target(d, 64 + 16 + 1), 0);
    EXPECT(!waits());
    memset(buffer, 0, sizeof(buffer));
    EXPECT_EQ(copy_from_guest(v, buffer, 0x3e000, 2), 0);
    EXPECT(buffer[0] == (uint8_t)PATTERN && !buffer[2]);
    domains_check();
}

TEST(who_reads_a_promised_pattern_sees_it)
{
    uint8_t byte = 0;

    start_empty(MEMORY_WAIT);
    EXPECT_EQ(p2m_set_pattern(&d->p2m, PATTERN), 0);
    promise_a_pattern();
    EXPECT_EQ(copy_from_guest(v, buffer, 0x3e000, 2), 0);
    EXPECT(buffer[0] == (uint8_t)PATTERN && buffer[1] == buffer[0]);
    EXPECT_EQ(copy_code(v, &byte, 0x3e000, 1), 0);
    EXPECT_EQ(byte, (uint8_t)PATTERN);
    EXPECT_EQ(page_references(d->pod.pattern_page), 1);
    EXPECT(!waits());
    EXPECT_EQ(d->pod.entry_count, 1);
    EXPECT_EQ(write_byte(0x3e000), -ENOMEM);
    domains_check();
}

/* Results of what was done already, and code that is only looked at. */
TEST(who_may_not_does_not_wait)
{
    uint8_t byte;
    int rc;

    start_empty(MEMORY_WAIT);
    promise_a_pattern();
    EXPECT_EQ(write_byte(0x3e000), -ENOMEM);
    EXPECT_EQ(copy_to_gpa(d, GPA(0x3e000), "x", 1), -ENOMEM);
    do {
        rc = copy_code(v, &byte, 0x3e000, 1);
    } while (rc == -ERESTART);
    EXPECT_EQ(rc, -ENOMEM);
    do {
        rc = copy_from_gpa(d, &byte, GPA(0x3e000), 1);
    } while (rc == -ERESTART);
    EXPECT_EQ(rc, -ENOMEM);
    EXPECT(!waits());
    EXPECT_EQ(d->wait.count, 0);
    domains_check();
}

/* Page tables of the guest are memory like any other. */
TEST(a_walk_waits_for_a_table)
{
    start_empty(MEMORY_WAIT);
    promise_a_pattern();
    *domain_pte(d, 0x20) = 0x20ULL << PAGE_SHIFT | 3;
    ((uint64_t *)domain_page(d, 0x12))[2] = 0x3eULL << PAGE_SHIFT | 3;
    EXPECT_EQ(read_byte(4ULL << 20), -ERESTART);
    EXPECT(waits());
    EXPECT_EQ(v->wait.gfn.v, 0x3e);
    EXPECT_EQ(memory_set_pod_target(d, 64 + 16 + 1), 0);
    EXPECT(!waits());
    EXPECT_EQ(read_byte(4ULL << 20), -EFAULT); /* the pattern is not present */
    domains_check();
}

TEST(guest_physical)
{
    start();
    memset(buffer, 0x44, sizeof(buffer));
    EXPECT_EQ(copy_to_gpa(d, GPA(0x20800), buffer, 0x1000), 0);
    EXPECT_EQ(((uint8_t *)domain_page(d, 0x20))[0x7ff], 0);
    EXPECT_EQ(((uint8_t *)domain_page(d, 0x20))[0x800], 0x44);
    EXPECT_EQ(((uint8_t *)domain_page(d, 0x21))[0x7ff], 0x44);
    EXPECT_EQ(((uint8_t *)domain_page(d, 0x21))[0x800], 0);
    EXPECT_EQ(copy_from_gpa(d, buffer, GPA(64 << 12), 1), -EFAULT);
    EXPECT_EQ(copy_from_gpa(d, buffer, GPA(~0ULL), 1), -EFAULT);
}

TEST(areas_are_translated_with_references)
{
    struct page *pages[2];
    uint16_t offset;

    start();
    EXPECT_EQ(copy_translate(v, 0x20fe0, 48, true, pages, &offset), 0);
    EXPECT_EQ(offset, 0xfe0);
    EXPECT(page_map(pages[0]) == domain_page(d, 0x20));
    EXPECT(page_map(pages[1]) == domain_page(d, 0x21));
    EXPECT_EQ(page_references(pages[0]), 2);
    page_put(pages[0]);
    page_put(pages[1]);
    EXPECT_EQ(copy_translate(v, 0x20fd0, 48, true, pages, &offset), 0);
    EXPECT(!pages[1]);
    page_put(pages[0]);
    EXPECT_EQ(copy_translate(v, 0x3fff0, 48, true, pages, &offset), -EFAULT);
    domain_end(d);
    machine_check();
}

static void off(struct guest_state *s)
{
    s->cr0 = 1;
    s->efer = 0;
    s->seg[SEG_CS].attributes = 0xc9b;
}

TEST(paging_off)
{
    start();
    change_state(off);
    ((uint8_t *)domain_page(d, 0x22))[7] = 0x88;
    EXPECT_EQ(read_byte(0x22007), 0x88);
    EXPECT_EQ(read_byte(1ULL << 32), -EFAULT);
}

static void pae(struct guest_state *s)
{
    off(s);
    s->cr0 = 0x80010001;
    s->cr4 = 0x20;
    s->cr3 = 0x2e020; /* only 32-byte aligned */
}

TEST(paging_pae)
{
    uint64_t *top, *dir;

    start();
    top = (void *)((char *)domain_page(d, 0x2e) + 0x20);
    dir = domain_page(d, 0x2f);
    top[3] = 0x2f001; /* no rights in these */
    dir[0] = 0x13003; /* the table of domain_paging_on() */
    dir[1] = 2ULL << 20 | 0x83;
    change_state(pae);
    ((uint8_t *)domain_page(d, 0x22))[7] = 0x88;
    ((uint8_t *)domain_page(d, 512 + 3))[5] = 0x99;
    EXPECT_EQ(read_byte(0xc0022007), 0x88);
    EXPECT_EQ(write_byte(0xc0022007), 0);
    EXPECT_EQ(read_byte(0xc0203005), 0x99);
    EXPECT_EQ(read_byte(0x22007), -EFAULT);
}

static void two_levels(struct guest_state *s)
{
    off(s);
    s->cr0 = 0x80010001;
    s->cr4 = 0x10; /* PSE */
    s->cr3 = 0x2e000;
}

static void no_pse(struct guest_state *s)
{
    s->cr4 = 0;
}

TEST(paging_with_two_levels)
{
    uint32_t *dir, *tab;

    start();
    dir = domain_page(d, 0x2e);
    tab = domain_page(d, 0x2f);
    dir[0x300] = 0x2f003;
    dir[0x301] = 0x83; /* 4 MiB at 0 */
    tab[0x22] = 0x22003;
    tab[0x23] = 0x23001;
    change_state(two_levels);
    ((uint8_t *)domain_page(d, 0x22))[7] = 0x88;
    ((uint8_t *)domain_page(d, 512 + 3))[5] = 0x99;
    EXPECT_EQ(read_byte(0xc0022007), 0x88);
    EXPECT_EQ(write_byte(0xc0023007), -EFAULT);
    EXPECT_EQ(tab[0x22], 0x22023);
    EXPECT_EQ(read_byte(0xc0603005), 0x99);
    change_state(no_pse);
    EXPECT_EQ(read_byte(0xc0603005), -EFAULT); /* then gfn 0 is a table */
}

/* Results for which there is no page: the search is bounded, wherever it is. */
TEST(results_are_not_looked_a_place_for_without_end)
{
    const uint64_t regions = 70;
    uint64_t before;

    machine_start(0xa000);
    d = domain_new(1, 1);
    memory_set_max_pages(d, regions * 512);
    while (memory_set_pod_target(d, regions * 512) == -ERESTART) {
        continue;
    }
    EXPECT_EQ(memory_mark_pod(d, GFN(0), 16), 0);
    for (uint64_t gfn = 0; gfn < regions * 512; gfn++) {
        if (gfn % 512 == 0) {
            EXPECT_EQ(memory_fault(d, GFN(gfn), true, false), P2M_OK);
        }
        *(uint64_t *)domain_page(d, gfn) = gfn + 1;
    }
    before = d->pod.counters.sweep_pages_read;
    EXPECT_EQ(copy_to_gpa(d, GPA(50000ULL << PAGE_SHIFT), "x", 1), -EFAULT);
    EXPECT_EQ(d->pod.counters.sweep_pages_read - before, 64 * 512);
    /* It goes on there, and comes to its end. */
    EXPECT_EQ(copy_to_gpa(d, GPA(50000ULL << PAGE_SHIFT), "x", 1), -ENOMEM);
    EXPECT_EQ(d->pod.counters.sweep_pages_read - before, regions * 512);
    domains_check_memory();
}
