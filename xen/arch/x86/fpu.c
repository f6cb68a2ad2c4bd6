/* SPDX-License-Identifier: MIT */
/*
 * FPU, SSE and AVX state, debug registers and TSC_AUX of guests: what neither
 * VMRUN nor VMLOAD switches. The hypervisor itself uses none of it (it is
 * compiled for general registers only; foreign.c is before the first guest and
 * leaves nothing that a guest gets), so all of it stays in the registers
 * from one run of a vCPU to the next, and is written back when another one
 * comes (arch_guest_unload).
 *
 * XCR0 is the guest's own while its state is loaded: QEMU 7.2 does not
 * intercept XSETBV, so it is read back rather than tracked.
 */
#include "arch/x86/asm.h"
#include "arch/x86/virt.h"
#include "lib/string.h"

#define XCR0_X87 BIT(0)
#define XCR0_SSE BIT(1)
#define XCR0_AVX BIT(2)
/* The layout of FXSAVE's area, which XSAVE's begins with. */
#define FCW_OFFSET   0
#define MXCSR_OFFSET 24

uint64_t fpu_guest_xcr0;

void fpu_init_boot(void)
{
    uint32_t a, b, c, d;

    cpuid_count(1, 0, &a, &b, &c, &d);
    if (!(c & BIT(26))) {
        return;
    }
    cpuid_count(0xD, 0, &a, &b, &c, &d);
    fpu_guest_xcr0 = a & (XCR0_X87 | XCR0_SSE | XCR0_AVX);
}

void fpu_reset(struct guest_cpu *gc)
{
    uint16_t fcw = 0x40;
    uint32_t mxcsr = 0x1F80;

    memcpy((char *)gc->xsave + FCW_OFFSET, &fcw, sizeof(fcw));
    memcpy((char *)gc->xsave + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
    if (fpu_guest_xcr0) {
        /* XSTATE_BV: x87 and SSE come from the area, AVX is initial. */
        uint64_t present = XCR0_X87 | XCR0_SSE;

        memcpy((char *)gc->xsave + 512, &present, sizeof(present));
    }
    gc->xcr0 = XCR0_X87;
}

void fpu_save(struct guest_cpu *gc)
{
    gc->dr[0] = read_dr0();
    gc->dr[1] = read_dr1();
    gc->dr[2] = read_dr2();
    gc->dr[3] = read_dr3();
    gc->tsc_aux = rdmsr(MSR_TSC_AUX);
    if (!fpu_guest_xcr0) {
        __asm__ volatile("fxsaveq (%0)" : : "r"(gc->xsave) : "memory");
        return;
    }
    gc->xcr0 = xgetbv0();
    xsetbv0(fpu_guest_xcr0);
    __asm__ volatile("xsaveq (%0)"
                     :
                     : "r"(gc->xsave), "a"(~0U), "d"(~0U)
                     : "memory");
    xsetbv0(gc->xcr0);
}

void fpu_load(struct guest_cpu *gc)
{
    write_dr0(gc->dr[0]);
    write_dr1(gc->dr[1]);
    write_dr2(gc->dr[2]);
    write_dr3(gc->dr[3]);
    wrmsr(MSR_TSC_AUX, gc->tsc_aux);
    if (!fpu_guest_xcr0) {
        __asm__ volatile("fxrstorq (%0)" : : "r"(gc->xsave) : "memory");
        return;
    }
    xsetbv0(fpu_guest_xcr0);
    __asm__ volatile("xrstorq (%0)"
                     :
                     : "r"(gc->xsave), "a"(~0U), "d"(~0U)
                     : "memory");
    xsetbv0(gc->xcr0);
}
