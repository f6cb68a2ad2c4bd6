/* SPDX-License-Identifier: MIT */
/*
 * MSRs that guests may touch (AP-4, AP-26): the local APIC's, those in the
 * machine's own state, a few with fixed answers, the MTRRs (kept but without
 * effect: nested paging makes all of it write-back), and the hypercall page's.
 * Everything else is #GP.
 */
#include "arch/timer.h"
#include "domain/domain.h"
#include "domain/memory.h"
#include "guest/run.h"
#include "lib/string.h"
#include "types/bits.h"
#include "types/error.h"

#define EXCEPTION_GP 13

enum {
    MSR_TSC = 0x10,
    MSR_APIC_BASE = 0x1B,
    MSR_PATCH_LEVEL = 0x8B,
    MSR_MTRR_CAP = 0xFE,
    MSR_MCG_CAP = 0x179,
    MSR_MCG_STATUS = 0x17A,
    MSR_MISC_ENABLE = 0x1A0,
    MSR_DEBUGCTL = 0x1D9,
    MSR_MTRR_PHYS_FIRST = 0x200,
    MSR_MTRR_PHYS_LAST = 0x20F,
    MSR_MTRR_FIX64K = 0x250,
    MSR_MTRR_FIX16K_FIRST = 0x258,
    MSR_MTRR_FIX16K_LAST = 0x259,
    MSR_MTRR_FIX4K_FIRST = 0x268,
    MSR_MTRR_FIX4K_LAST = 0x26F,
    MSR_MTRR_DEFAULT = 0x2FF,
    MSR_X2APIC_FIRST = 0x800,
    MSR_X2APIC_LAST = 0x8FF,
    MSR_XEN_HYPERCALL = 0x40000000,
    MSR_AMD_SYSCFG = 0xC0010010,
    MSR_AMD_HWCR = 0xC0010015,
    MSR_AMD_NB_CFG = 0xC001001F,
    MSR_AMD_INT_PENDING = 0xC0010055,
    MSR_AMD_DE_CFG = 0xC0011029,
};

#define MTRR_CAP_VALUE     0x508ULL /* 8 variable ranges, fixed, WC */
#define MTRR_DEFAULT_VALUE 0xC06ULL /* enabled, fixed enabled, write-back */
#define MTRR_FIXED_VALUE   0x0606060606060606ULL
#define HWCR_TSC_FREQ      BIT(24)
#define DE_CFG_LFENCE      BIT(1)
#define HYPERCALL_SLOT     32
#define HYPERCALL_IRET     23

static bool is_fixed_mtrr(uint32_t msr)
{
    return msr == MSR_MTRR_FIX64K ||
           (msr >= MSR_MTRR_FIX16K_FIRST && msr <= MSR_MTRR_FIX16K_LAST) ||
           (msr >= MSR_MTRR_FIX4K_FIRST && msr <= MSR_MTRR_FIX4K_LAST);
}

/* Answers that never change. */
static int read_constant(uint32_t msr, uint64_t *value)
{
    if (is_fixed_mtrr(msr)) {
        *value = MTRR_FIXED_VALUE;
        return 0;
    }
    switch (msr) {
    case MSR_MTRR_CAP:
        *value = MTRR_CAP_VALUE;
        return 0;
    case MSR_MTRR_DEFAULT:
        *value = MTRR_DEFAULT_VALUE;
        return 0;
    case MSR_AMD_HWCR:
        *value = HWCR_TSC_FREQ;
        return 0;
    case MSR_AMD_DE_CFG:
        *value = DE_CFG_LFENCE;
        return 0;
    case MSR_MTRR_PHYS_FIRST ... MSR_MTRR_PHYS_LAST:
    case MSR_PATCH_LEVEL:
    case MSR_MCG_CAP:
    case MSR_MCG_STATUS:
    case MSR_MISC_ENABLE:
    case MSR_DEBUGCTL:
    case MSR_XEN_HYPERCALL:
    case MSR_AMD_SYSCFG:
    case MSR_AMD_NB_CFG:
    case MSR_AMD_INT_PENDING:
        *value = 0;
        return 0;
    default:
        return -EINVAL;
    }
}

static int msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    int rc;

    if (msr == MSR_APIC_BASE ||
        (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST)) {
        return vlapic_msr_read(v, msr, value);
    }
    if (msr == MSR_TSC) {
        *value = arch_tsc() + v->domain->tsc_offset;
        return 0;
    }
    rc = arch_guest_msr_read(v->gc, msr, value);
    return rc == -ENOENT ? read_constant(msr, value) : rc;
}

/*
 * The hypercall page (CP-4): slots of 32 bytes, each "mov $n, %eax; vmmcall;
 * ret". VMCALL on Intel is the machine's affair: it fills in the opcode.
 */
static void fill_hypercall_page(uint8_t *page)
{
    for (uint32_t n = 0; n < PAGE_SIZE / HYPERCALL_SLOT; n++) {
        uint8_t *slot = page + (size_t)n * HYPERCALL_SLOT;

        if (n == HYPERCALL_IRET) {
            slot[0] = 0x0F; /* UD2 */
            slot[1] = 0x0B;
            continue;
        }
        slot[0] = 0xB8;
        memcpy(slot + 1, &n, sizeof(n));
        memcpy(slot + 5, arch_hypercall_opcode(), 3);
        slot[8] = 0xC3;
    }
}

static int write_hypercall_page(struct vcpu *v, uint64_t value)
{
    struct page *pg;
    int rc;

    if (value & (PAGE_SIZE - 1)) {
        return -EINVAL;
    }
    rc = memory_get_own_page(v, gfn_from_gpa(GPA(value)), true, &pg);
    if (rc) {
        return rc;
    }
    memset(page_map(pg), 0, PAGE_SIZE);
    fill_hypercall_page(page_map(pg));
    page_put(pg);
    return 0;
}

/* Writes that are taken and have no effect. */
static bool write_ignored(uint32_t msr)
{
    uint64_t value;

    return msr != MSR_MTRR_CAP && msr != MSR_MCG_CAP &&
           !read_constant(msr, &value);
}

static int msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    int rc;

    if (msr == MSR_APIC_BASE ||
        (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST)) {
        return vlapic_msr_write(v, msr, value);
    }
    if (msr == MSR_XEN_HYPERCALL) {
        return write_hypercall_page(v, value);
    }
    if (msr == MSR_TSC) {
        return 0; /* one offset for all vCPUs of a domain (AP-14) */
    }
    rc = arch_guest_msr_write(v->gc, msr, value);
    if (rc == -ENOENT) {
        rc = write_ignored(msr) ? 0 : -EINVAL;
    }
    return rc;
}

void msr_handle(struct vcpu *v, const struct guest_exit *e)
{
    uint32_t msr = (uint32_t)v->regs.rcx;
    uint64_t value = 0;
    int rc;

    if (e->reason == EXIT_MSR_READ) {
        rc = msr_read(v, msr, &value);
        if (!rc) {
            v->regs.rax = (uint32_t)value;
            v->regs.rdx = value >> 32;
        }
    } else {
        value = (uint32_t)v->regs.rax | v->regs.rdx << 32;
        rc = msr_write(v, msr, value);
    }
    if (rc == -ERESTART) {
        return; /* the instruction is run again */
    }
    if (rc) {
        arch_guest_inject_exception(v->gc, EXCEPTION_GP, 0, 0);
        return;
    }
    arch_guest_skip(v->gc, &v->regs, e->length);
}
