/* SPDX-License-Identifier: MIT */
/*
 * The measures of spec_decide.c, done.
 *
 * At a CPU's change to another domain's vCPU: IBPB. What a domain has taught
 * the predictors is of no use to the next one. Between vCPUs of one domain, and
 * for the hypervisor in between, none is needed.
 *
 * At entries and exits, if the processor needs any of it: SPEC_CTRL, the return
 * stack (in svm_run.S and vmx_run.S, before the first RET), buffers, L1D. On a
 * processor that does not, and under emulators, an entry does not even ask:
 * virt.c has another way in.
 *
 * A guest's SPEC_CTRL is intercepted and kept; only bits that it was offered
 * can be set. What it has of it is loaded last and taken out first.
 */
#include "arch/x86/spec.h"
#include "arch/x86/asm.h"
#include "arch/x86/layout.h"
#include "arch/x86/machine.h"
#include "base/console.h"
#include "types/error.h"

#define MSR_SPEC_CTRL         0x48
#define MSR_PRED_CMD          0x49
#define MSR_ARCH_CAPABILITIES 0x10A
#define MSR_FLUSH_CMD         0x10B
#define MSR_VIRT_SPEC_CTRL    0xC001011F

#define CTRL_IBRS  BIT(0)
#define CTRL_STIBP BIT(1)
#define CTRL_SSBD  BIT(2)
#define PRED_IBPB  BIT(0)
#define FLUSH_L1D  BIT(0)
#define VIRT_SSBD  BIT(2)
#define GUEST_LEAF7                                                            \
    (SPEC7_MD_CLEAR | SPEC7_IBRS | SPEC7_STIBP | SPEC7_L1D_FLUSH |             \
     SPEC7_CAPABILITIES | SPEC7_SSBD)
#define GUEST_EXT8                                                             \
    (SPEC8_IBPB | SPEC8_IBRS | SPEC8_STIBP | SPEC8_SSBD | SPEC8_VIRT_SSBD |    \
     SPEC8_SSB_NO)
/* Bits that say that something is not needed or is so: no controls. */
#define GUEST_CAPABILITIES                                                     \
    (CAP_RDCL_NO | CAP_IBRS_ALL | CAP_RSBA | CAP_L1D_NO | BIT(4) |             \
     CAP_MDS_NO | BIT(6) | CAP_TAA_NO | BIT(13) | BIT(14) | BIT(15) |          \
     CAP_FB_CLEAR | BIT(19) | BIT(20) | CAP_PBRSB_NO | BIT(26) | BIT(27) |     \
     BIT(28))

bool spec_at_entry;
uint8_t spec_stuff_returns;
static struct spec_facts facts;
static uint32_t measures;
static uint64_t host_ctrl;
static uint64_t guest_ctrl_bits;

static struct spec_switches here[MAX_CPUS];

static void gather_facts(bool vmx)
{
    uint32_t a, b, c, d, max;

    cpuid_count(0, 0, &max, &b, &c, &d);
    facts.intel = b == 0x756E6547; /* "Genu" */
    facts.vmx = vmx;
    if (max >= 7) {
        cpuid_count(7, 0, &a, &b, &c, &facts.leaf7_edx);
    }
    if (facts.leaf7_edx & SPEC7_CAPABILITIES) {
        facts.capabilities = rdmsr(MSR_ARCH_CAPABILITIES);
    }
    cpuid_count(0x80000000, 0, &max, &b, &c, &d);
    if (max >= 0x80000008) {
        cpuid_count(0x80000008, 0, &a, &facts.ext8_ebx, &c, &d);
    }
}

static uint64_t offered_ctrl(void)
{
    uint64_t bits = 0;

    if ((facts.leaf7_edx & SPEC7_IBRS) || (facts.ext8_ebx & SPEC8_IBRS)) {
        bits |= CTRL_IBRS;
    }
    if ((facts.leaf7_edx & SPEC7_STIBP) || (facts.ext8_ebx & SPEC8_STIBP)) {
        bits |= CTRL_STIBP;
    }
    if ((facts.leaf7_edx & SPEC7_SSBD) || (facts.ext8_ebx & SPEC8_SSBD)) {
        bits |= CTRL_SSBD;
    }
    return bits;
}

void spec_init_boot(bool vmx)
{
    gather_facts(vmx);
    measures = spec_decide(&facts);
    host_ctrl = measures & SPEC_HOST_IBRS ? CTRL_IBRS : 0;
    guest_ctrl_bits = offered_ctrl();
    spec_stuff_returns = !!(measures & SPEC_STUFF_RETURNS);
    spec_at_entry = measures & (SPEC_SWITCH_CTRL | SPEC_STUFF_RETURNS |
                                SPEC_CLEAR_BUFFERS | SPEC_FLUSH_L1D);
    log_line(LOG_INFO, "speculation:%s%s%s%s%s%s%s",
             measures ? "" : " this processor has no controls",
             measures & SPEC_IBPB ? " IBPB between domains" : "",
             measures & SPEC_SWITCH_CTRL ? ", SPEC_CTRL is each vCPU's" : "",
             measures & SPEC_HOST_IBRS ? ", IBRS is the host's" : "",
             measures & SPEC_STUFF_RETURNS ? ", returns stuffed" : "",
             measures & SPEC_CLEAR_BUFFERS ? ", buffers cleared" : "",
             measures & SPEC_FLUSH_L1D ? ", L1D flushed" : "");
}

void spec_init_this_cpu(void)
{
    if (measures & SPEC_SWITCH_CTRL) {
        wrmsr(MSR_SPEC_CTRL, host_ctrl);
    }
}

void spec_enter(struct guest_cpu *gc)
{
    static const uint16_t selector = SEL_DATA;

    if (measures & SPEC_FLUSH_L1D) {
        wrmsr(MSR_FLUSH_CMD, FLUSH_L1D);
    }
    if ((measures & SPEC_SWITCH_CTRL) && gc->spec_ctrl != host_ctrl) {
        wrmsr(MSR_SPEC_CTRL, gc->spec_ctrl);
    }
    if (measures & SPEC_CLEAR_BUFFERS) {
        __asm__ volatile("verw %0" : : "m"(selector) : "cc");
    }
}

void spec_leave(struct guest_cpu *gc)
{
    if ((measures & SPEC_SWITCH_CTRL) && gc->spec_ctrl != host_ctrl) {
        wrmsr(MSR_SPEC_CTRL, host_ctrl);
    }
}

void spec_load(const struct guest_cpu *gc)
{
    if (spec_note_domain(&here[this_cpu()->index], gc->tlb->number, measures)) {
        wrmsr(MSR_PRED_CMD, PRED_IBPB);
    }
    if (measures & SPEC_VIRT_CTRL) {
        wrmsr(MSR_VIRT_SPEC_CTRL, gc->virt_spec_ctrl);
    }
}

void spec_unload(void)
{
    if (measures & SPEC_VIRT_CTRL) {
        wrmsr(MSR_VIRT_SPEC_CTRL, 0);
    }
}

struct guest_changes arch_guest_changes(unsigned cpu)
{
    return (struct guest_changes){READ_ONCE(here[cpu].changes),
                                  READ_ONCE(here[cpu].barriers)};
}

int spec_msr_read(const struct guest_cpu *gc, uint32_t msr, uint64_t *value)
{
    switch (msr) {
    case MSR_SPEC_CTRL:
        *value = gc->spec_ctrl;
        return guest_ctrl_bits ? 0 : -ENOENT;
    case MSR_ARCH_CAPABILITIES:
        *value = facts.capabilities & GUEST_CAPABILITIES;
        return facts.leaf7_edx & SPEC7_CAPABILITIES ? 0 : -ENOENT;
    case MSR_VIRT_SPEC_CTRL:
        *value = gc->virt_spec_ctrl;
        return measures & SPEC_VIRT_CTRL ? 0 : -ENOENT;
    default:
        return -ENOENT;
    }
}

/* A command: 1 has it done, 0 is nothing, all else is #GP. */
static int command(bool offered, uint32_t msr, uint64_t value)
{
    if (!offered) {
        return -ENOENT;
    }
    if (value > 1) {
        return -EINVAL;
    }
    if (value) {
        wrmsr(msr, value);
    }
    return 0;
}

int spec_msr_write(struct guest_cpu *gc, uint32_t msr, uint64_t value)
{
    switch (msr) {
    case MSR_SPEC_CTRL:
        if (!guest_ctrl_bits) {
            return -ENOENT;
        }
        if (value & ~guest_ctrl_bits) {
            return -EINVAL;
        }
        gc->spec_ctrl = value;
        return 0;
    case MSR_PRED_CMD:
        return command(measures & SPEC_IBPB, msr, value);
    case MSR_FLUSH_CMD:
        return command(facts.leaf7_edx & SPEC7_L1D_FLUSH, msr, value);
    case MSR_VIRT_SPEC_CTRL:
        if (!(measures & SPEC_VIRT_CTRL)) {
            return -ENOENT;
        }
        if (value & ~VIRT_SSBD) {
            return -EINVAL;
        }
        gc->virt_spec_ctrl = value;
        wrmsr(MSR_VIRT_SPEC_CTRL, value);
        return 0;
    default:
        return -ENOENT;
    }
}

uint32_t spec_guest_leaf7_edx(void)
{
    return facts.leaf7_edx & (uint32_t)GUEST_LEAF7;
}

uint32_t spec_guest_ext8_ebx(void)
{
    return facts.ext8_ebx & (uint32_t)GUEST_EXT8;
}
