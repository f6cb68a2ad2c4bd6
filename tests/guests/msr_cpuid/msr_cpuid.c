/* SPDX-License-Identifier: MIT */
//! cpus: 1
/*
 * What CPUID says and which MSRs there are (CP-1, CP-2, AP-4, AP-25 .. AP-27).
 *
 * Features that the hypervisor cannot give are hidden, its own leaves are
 * there, and an MSR is either on the known list, with the effect that the
 * manual gives, or accessing it is #GP: never silence. Nothing that a guest
 * reads may show the host's own state. (Addresses in MSRs that the processor
 * itself guards are not tried: QEMU does not check them.)
 */
#include "console.h"
#include "hypercall.h"
#include "lib/string.h"
#include "main.h"
#include "memory.h"
#include "smp.h"
#include "test.h"
#include "trap.h"

#include <xen/features.h>
#include <xen/version.h>

static uint32_t leaf(uint32_t number, uint32_t sub, char reg)
{
    uint32_t r[4];

    cpuid(number, sub, r);
    return r[reg - 'a'];
}

struct hidden {
    uint32_t leaf, sub;
    char reg;
    uint8_t bit;
    const char *name;
};

/* AP-27 */
static const struct hidden hidden[] = {
    {1, 0, 'c', 3, "MONITOR"},
    {1, 0, 'c', 5, "VMX"},
    {1, 0, 'c', 24, "TSC deadline"},
    {7, 0, 'b', 2, "SGX"},
    {7, 0, 'c', 16, "five-level tables"},
    {0x80000001, 0, 'c', 2, "SVM"},
    {0x80000001, 0, 'c', 10, "IBS"},
    {0x80000001, 0, 'c', 12, "SKINIT"},
    {0x80000001, 0, 'c', 23, "performance counters"},
};

static const struct hidden shown[] = {
    {1, 0, 'c', 21, "x2APIC"},
    {1, 0, 'c', 31, "hypervisor"},
    {1, 0, 'd', 4, "TSC"},
    {1, 0, 'd', 5, "MSRs"},
    {1, 0, 'd', 9, "APIC"},
    {1, 0, 'd', 25, "SSE"},
    {1, 0, 'd', 26, "SSE2"},
    {0x80000001, 0, 'd', 20, "NX"},
    {0x80000001, 0, 'd', 29, "long mode"},
};

static void expect_bits(const struct hidden *list, unsigned count, bool is_set)
{
    for (unsigned i = 0; i < count; i++) {
        const struct hidden *h = &list[i];
        bool bit = leaf(h->leaf, h->sub, h->reg) >> h->bit & 1;

        if (!EXPECT_EQ(bit, is_set)) {
            print("  %s\n", h->name);
        }
    }
}

static void test_features(void)
{
    test_section("features");
    EXPECT(leaf(0, 0, 'a') >= 7);
    expect_bits(hidden, ARRAY_COUNT(hidden), false);
    expect_bits(shown, ARRAY_COUNT(shown), true);
    if (leaf(0, 0, 'a') >= 0xa) {
        EXPECT_EQ(leaf(0xa, 0, 'a'), 0);
    }
    /* OSXSAVE is the guest's CR4, not the host's. */
    EXPECT_EQ(leaf(1, 0, 'c') >> 27 & 1, 0);
    if (leaf(1, 0, 'c') >> 26 & 1) {
        write_cr4(read_cr4() | CR4_OSXSAVE);
        EXPECT_EQ(leaf(1, 0, 'c') >> 27 & 1, 1);
        write_cr4(read_cr4() & ~CR4_OSXSAVE);
        EXPECT_EQ(leaf(1, 0, 'c') >> 27 & 1, 0);
    }
    EXPECT((leaf(0x80000008, 0, 'a') & 0xff) >= 36);
    EXPECT_EQ(leaf(0x8000000a, 0, 'd'), 0); /* SVM's own */
}

static void test_own_leaves(void)
{
    uint32_t base = hypervisor_leaf_base();

    test_section("the hypervisor's leaves");
    EXPECT_EQ(base, 0x40000000);
    EXPECT(leaf(base, 0, 'a') >= base + 4);
    EXPECT_EQ(leaf(base + 1, 0, 'a'), 0x00040011);
    EXPECT_EQ(leaf(base + 2, 0, 'a'), 1);
    EXPECT_EQ(leaf(base + 2, 0, 'b'), 0x40000000);
    EXPECT_EQ(leaf(base + 4, 0, 'a') & 8, 8); /* vCPU id in EBX */
    EXPECT_EQ(leaf(base + 4, 0, 'b'), 0);
    EXPECT_EQ(leaf(base + 4, 0, 'a') & 16, 16); /* domain id in ECX */
    EXPECT(leaf(base + 3, 0, 'c') > 1000);      /* TSC kHz */
    EXPECT(leaf(base + 3, 2, 'a') > 1000);
    for (uint32_t other = 0x40000100; other < 0x40000400; other += 0x100) {
        EXPECT_EQ(leaf(other, 0, 'b'), 0);
    }
}

static void test_features_hypercall(void)
{
    struct xen_feature_info info = {.submap_idx = 0};
    uint32_t wanted = is_privileged() ? 0x12b05 : 0x12305;

    test_section("features by hypercall");
    EXPECT_EQ(version_op(XENVER_get_features, &info), 0);
    if (hypervisor_is_podium()) {
        EXPECT_EQ(info.submap, wanted); /* CP-8 */
    }
    EXPECT(info.submap >> XENFEAT_auto_translated_physmap & 1);
    EXPECT(info.submap >> XENFEAT_hvm_callback_vector & 1);
    EXPECT(info.submap >> XENFEAT_hvm_safe_pvclock & 1);
    info.submap_idx = 1;
    EXPECT_EQ(version_op(XENVER_get_features, &info), -EINVAL);
}

/* --- The hypercall page (CP-4) --- */

static void test_hypercall_page(void)
{
    uint8_t *page = page_alloc();
    int64_t (*xen_version)(uint64_t, uint64_t) =
        (void *)(page + 32 * __HYPERVISOR_xen_version);
    uint64_t value;

    test_section("the hypercall page");
    EXPECT(!rdmsr_faults(0x40000000, &value));
    EXPECT(!wrmsr_faults(0x40000000, (uint64_t)page));
    EXPECT_EQ(page[32 * __HYPERVISOR_xen_version], 0xb8); /* MOV EAX */
    EXPECT_EQ(xen_version(XENVER_version, 0), 0x00040011);
    EXPECT(wrmsr_faults(0x40000000, (uint64_t)page | 1)); /* one page only */
    EXPECT(wrmsr_faults(0x40000000, hole_alloc(1) << PAGE_SHIFT));
    EXPECT(wrmsr_faults(0x40000000, 1UL << 51));
}

/* --- MSRs --- */

struct kept {
    uint32_t msr;
    uint64_t value;
};

/* What is written stays, and nothing else. */
static const struct kept kept[] = {
    {0xc0000081, 0x0023001000000000}, /* STAR */
    {0xc0000082, 0xffff800012345678}, /* LSTAR */
    {0xc0000083, 0xffff800012345679}, /* CSTAR */
    {0xc0000084, 0x0000000000047700}, /* SFMASK */
    {0xc0000100, 0xffff8000aaaa0000}, /* FS base */
    {0xc0000102, 0xffff8000bbbb0000}, /* kernel GS base */
    {0xc0000103, 0x5},                /* TSC_AUX */
    {0x174, 0x10},                    /* SYSENTER */
    {0x175, 0xffff8000cccc0000},
    {0x176, 0xffff8000dddd0000},
    {0x277, 0x0007040600070406}, /* PAT */
};

static bool is_missing(uint32_t msr)
{
    return msr == 0xc0000103 && !(leaf(0x80000001, 0, 'd') >> 27 & 1);
}

static void test_kept(void)
{
    test_section("MSRs that keep what is written");
    for (unsigned i = 0; i < ARRAY_COUNT(kept); i++) {
        uint64_t before, value = 0;

        if (is_missing(kept[i].msr)) {
            continue;
        }
        EXPECT(!rdmsr_faults(kept[i].msr, &before));
        EXPECT(!wrmsr_faults(kept[i].msr, kept[i].value));
        EXPECT(!rdmsr_faults(kept[i].msr, &value));
        if (!EXPECT_EQ(value, kept[i].value)) {
            print("  MSR %x\n", kept[i].msr);
        }
        wrmsr(kept[i].msr, before);
    }
}

static const uint32_t readable[] = {0x10,       0x1b,       0x8b,
                                    0xc0000080, 0xc0010010, 0xc0010015,
                                    0xc001001f, 0xc0011029};

/* Another's machine: SVM's and VMX's own, power, thermal, debugging, and
 * numbers that no processor has. */
static const uint32_t refused[] = {
    0xc0010114, 0xc0010117, 0x480, 0x3a8,      0x1,   0x12345, 0x40000001,
    0x40000100, 0xc0002fff, 0x900, 0xffffffff, 0x80e, 0x831,   0x7ff,
};

static void test_list(void)
{
    uint64_t value;

    test_section("MSRs that are there, and others");
    for (unsigned i = 0; i < ARRAY_COUNT(readable); i++) {
        if (!EXPECT(!rdmsr_faults(readable[i], &value))) {
            print("  MSR %x\n", readable[i]);
        }
    }
    for (unsigned i = 0; i < ARRAY_COUNT(refused); i++) {
        if (!EXPECT(rdmsr_faults(refused[i], &value)) ||
            !EXPECT(wrmsr_faults(refused[i], 0))) {
            print("  MSR %x\n", refused[i]);
        }
    }
}

static void test_efer(void)
{
    uint64_t efer = rdmsr(MSR_EFER);

    test_section("EFER");
    EXPECT_EQ(efer, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
    EXPECT(wrmsr_faults(MSR_EFER, efer | BIT(12))); /* SVM enable */
    EXPECT(wrmsr_faults(MSR_EFER, efer | BIT(40)));
    EXPECT(wrmsr_faults(MSR_EFER, efer & ~EFER_LME)); /* while paging */
    EXPECT_EQ(rdmsr(MSR_EFER), efer);
    wrmsr(MSR_EFER, efer & ~EFER_SCE);
    EXPECT_EQ(rdmsr(MSR_EFER), efer & ~EFER_SCE);
    wrmsr(MSR_EFER, efer);
}

static void test_pat(void)
{
    uint64_t before = rdmsr(0x277);

    test_section("PAT");
    EXPECT(wrmsr_faults(0x277, 0x0203));         /* types 2 and 3 */
    EXPECT(wrmsr_faults(0x277, BIT(63) | 0x06)); /* reserved bits */
    EXPECT_EQ(rdmsr(0x277), before);
}

/* --- Speculation: MSRs are there exactly if CPUID says so --- */

#define SPEC_CTRL      0x48
#define PRED_CMD       0x49
#define CAPABILITIES   0x10a
#define FLUSH_CMD      0x10b
#define VIRT_SPEC_CTRL 0xc001011f

/* Takes commands, and cannot be read. */
static void expect_command(uint32_t msr, bool there)
{
    uint64_t value;

    EXPECT(rdmsr_faults(msr, &value));
    EXPECT_EQ(wrmsr_faults(msr, 1), !there);
    EXPECT_EQ(wrmsr_faults(msr, 0), !there);
    EXPECT(wrmsr_faults(msr, 2));
}

static void expect_control(uint32_t msr, uint64_t bits)
{
    uint64_t value = ~0ULL;

    EXPECT_EQ(rdmsr_faults(msr, &value), !bits);
    if (bits) {
        EXPECT_EQ(value, 0); /* at first */
        EXPECT(!wrmsr_faults(msr, bits));
        EXPECT_EQ(rdmsr(msr), bits);
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        if (!(bits >> bit & 1)) {
            EXPECT(wrmsr_faults(msr, BIT(bit)));
        }
    }
    EXPECT_EQ(wrmsr_faults(msr, 0), !bits);
}

static void test_speculation(void)
{
    uint32_t intel = leaf(7, 0, 'd'), amd = leaf(0x80000008, 0, 'b');
    bool ibrs = (intel >> 26 & 1) || (amd >> 14 & 1);
    bool stibp = (intel >> 27 & 1) || (amd >> 15 & 1);
    bool ssbd = (intel >> 31 & 1) || (amd >> 24 & 1);
    uint64_t value;

    test_section("speculation controls");
    print("leaf 7: %x, leaf 0x80000008: %x\n", intel, amd);
    expect_control(SPEC_CTRL, ibrs | stibp << 1 | ssbd << 2);
    expect_command(PRED_CMD, (intel >> 26 & 1) || (amd >> 12 & 1));
    expect_command(FLUSH_CMD, intel >> 28 & 1);
    expect_control(VIRT_SPEC_CTRL, (amd >> 25 & 1) << 2);
    EXPECT_EQ(rdmsr_faults(CAPABILITIES, &value), !(intel >> 29 & 1));
    EXPECT(wrmsr_faults(CAPABILITIES, 0));
}

/* --- x2APIC (AP-4) --- */

static void test_x2apic(void)
{
    static const uint32_t read_only[] = {0x802, 0x803, 0x80d, 0x810, 0x820};
    uint64_t value;

    test_section("x2APIC");
    EXPECT_EQ(rdmsr(0x802), 0);
    EXPECT_EQ(rdmsr(0x803) & 0xff, 0x14);
    EXPECT_EQ(rdmsr(0x80d), 1);
    for (unsigned i = 0; i < ARRAY_COUNT(read_only); i++) {
        EXPECT(wrmsr_faults(read_only[i], 0));
    }
    for (uint32_t msr = 0x810; msr < 0x828; msr++) {
        EXPECT_EQ(rdmsr(msr), 0);
    }
    EXPECT(!wrmsr_faults(0x80b, 0)); /* EOI with nothing in service */
    EXPECT(wrmsr_faults(0x80b, 1));
    EXPECT(rdmsr_faults(0x80b, &value));
    EXPECT(!wrmsr_faults(0x808, 0x20));
    EXPECT_EQ(rdmsr(0x808), 0x20);
    EXPECT(wrmsr_faults(0x808, 0x100));
    wrmsr(0x808, 0);
    EXPECT(rdmsr_faults(0x83f, &value));
    EXPECT(wrmsr_faults(0x83f, 0x100));
    /* Leaving x2APIC mode for xAPIC is not a way that there is. */
    EXPECT(wrmsr_faults(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) & ~0x400ULL));
}

void test_main(void)
{
    test_features();
    test_own_leaves();
    test_features_hypercall();
    test_hypercall_page();
    test_kept();
    test_list();
    test_efer();
    test_pat();
    test_speculation();
    test_x2apic();
}
