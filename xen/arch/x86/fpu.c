/* SPDX-License-Identifier: MIT */
/*
 * FPU, vector state, debug registers and TSC_AUX of guests: what neither VMRUN
 * nor VMLOAD switches. The hypervisor itself uses none of it (it is compiled
 * for general registers only; page.S puts back what it uses, and foreign.c is
 * before the first guest), so all of it stays in the registers from one run of
 * a vCPU to the next, and is written back when another one comes
 * (arch_guest_unload): switched late, but always whole, so that nothing of one
 * guest is there when another runs.
 *
 * State components that guests get (`fpu_guest_xcr0`) are saved and loaded. One
 * that they do not get cannot be enabled (virt_xsetbv()); only QEMU 7.2 lets
 * SVM guests change XCR0 without asking, so XCR0 is read back, and what was
 * enabled behind our backs is put into its initial state. PKRU needs CR4.PKE
 * alone, which SVM guests can set: it is cleared where there is one.
 *
 * XSAVES would save room, not time: there is one page for each vCPU, and no
 * supervisor component is offered.
 */
#include "arch/x86/asm.h"
#include "arch/x86/virt.h"
#include "lib/string.h"

#define XCR0_X87    BIT(0)
#define XCR0_SSE    BIT(1)
#define XCR0_AVX    BIT(2)
#define XCR0_AVX512 (BIT(5) | BIT(6) | BIT(7))
#define XCR0_SAVED  (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)
#define LEAF_XSTATE 0xD
#define HEAD_SIZE   576U /* FXSAVE's area and the header */
/* The layout of FXSAVE's area, which XSAVE's begins with. */
#define FCW_OFFSET     0
#define FSW_OFFSET     2
#define MXCSR_OFFSET   24
#define PRESENT_OFFSET 512 /* XSTATE_BV */
#define FSW_PENDING    BIT(7)

uint64_t fpu_guest_xcr0;
static uint64_t all_xcr0; /* that this processor has */
static bool has_xsaveopt, has_pkru;
/* AMD's XRSTOR and FXRSTOR leave the x87's last pointers as they are if no x87
 * exception is pending. */
static bool keeps_pointers;
static const uint8_t initial[PAGE_SIZE] __attribute__((aligned(64)));

/* Where the area ends that these components need in the standard format. */
uint32_t fpu_area_size(uint64_t components)
{
    uint32_t end = HEAD_SIZE;

    for (unsigned i = 2; i < 63; i++) {
        uint32_t size, offset, c, d;

        if (components & BIT(i)) {
            cpuid_count(LEAF_XSTATE, i, &size, &offset, &c, &d);
            end = MAX(end, offset + size);
        }
    }
    return end;
}

static bool pointers_are_kept(void)
{
    uint32_t a, b, c, d;

    cpuid_count(0, 0, &a, &b, &c, &d);
    if (b != 0x68747541 && b != 0x6F677948) { /* "Auth", "Hygo" */
        return false;
    }
    cpuid_count(0x80000008, 0, &a, &b, &c, &d);
    return !(b & BIT(2));
}

void fpu_init_boot(void)
{
    uint32_t a, b, c, d;

    keeps_pointers = pointers_are_kept();
    cpuid_count(1, 0, &a, &b, &c, &d);
    if (!(c & BIT(26))) {
        return;
    }
    cpuid_count(7, 0, &a, &b, &c, &d);
    has_pkru = c & BIT(3);
    cpuid_count(LEAF_XSTATE, 1, &a, &b, &c, &d);
    has_xsaveopt = a & BIT(0);
    cpuid_count(LEAF_XSTATE, 0, &a, &b, &c, &d);
    all_xcr0 = a | (uint64_t)d << 32;
    fpu_guest_xcr0 = all_xcr0 & XCR0_SAVED;
    if ((fpu_guest_xcr0 & XCR0_AVX512) != XCR0_AVX512 ||
        fpu_area_size(fpu_guest_xcr0) > PAGE_SIZE) {
        fpu_guest_xcr0 &= ~XCR0_AVX512;
    }
}

bool fpu_xcr0_is_valid(uint64_t v)
{
    uint64_t avx512 = v & XCR0_AVX512;

    if ((v & ~fpu_guest_xcr0) || !(v & XCR0_X87)) {
        return false;
    }
    if ((v & XCR0_AVX) && !(v & XCR0_SSE)) {
        return false;
    }
    return !avx512 || (avx512 == XCR0_AVX512 && (v & XCR0_AVX));
}

void fpu_reset(struct guest_cpu *gc)
{
    uint16_t fcw = 0x40;
    uint32_t mxcsr = 0x1F80;

    memcpy((char *)gc->xsave + FCW_OFFSET, &fcw, sizeof(fcw));
    memcpy((char *)gc->xsave + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
    if (fpu_guest_xcr0) {
        /* x87 and SSE come from the area, all else is initial. */
        uint64_t present = XCR0_X87 | XCR0_SSE;

        memcpy((char *)gc->xsave + PRESENT_OFFSET, &present, sizeof(present));
    }
    gc->xcr0 = XCR0_X87;
}

static void xrstor(const void *area, uint64_t components)
{
    __asm__ volatile("xrstorq (%0)"
                     :
                     : "r"(area), "a"((uint32_t)components),
                       "d"((uint32_t)(components >> 32))
                     : "memory");
}

/* What a guest enabled that nobody offered: as if it never had. */
static void wipe_others(struct guest_cpu *gc)
{
    xsetbv0(all_xcr0);
    xrstor(initial, all_xcr0 & ~fpu_guest_xcr0);
    gc->xcr0 &= fpu_guest_xcr0;
}

static void clear_pkru(void)
{
    write_cr4(read_cr4() | CR4_PKE);
    __asm__ volatile("wrpkru" : : "a"(0), "c"(0), "d"(0));
    write_cr4(read_cr4() & ~CR4_PKE);
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
    if (unlikely(gc->xcr0 & ~fpu_guest_xcr0)) {
        wipe_others(gc);
    }
    if (has_pkru) {
        clear_pkru();
    }
    xsetbv0(fpu_guest_xcr0);
    if (has_xsaveopt) {
        __asm__ volatile("xsaveoptq (%0)"
                         :
                         : "r"(gc->xsave), "a"(~0U), "d"(~0U)
                         : "memory");
    } else {
        __asm__ volatile("xsaveq (%0)"
                         :
                         : "r"(gc->xsave), "a"(~0U), "d"(~0U)
                         : "memory");
    }
    xsetbv0(gc->xcr0);
}

/* The last instruction and operand are those of this FILD then. */
static void forget_pointers(const struct guest_cpu *gc)
{
    static const uint32_t zero;
    uint16_t fsw;

    memcpy(&fsw, (const char *)gc->xsave + FSW_OFFSET, sizeof(fsw));
    if (keeps_pointers && !(fsw & FSW_PENDING)) {
        __asm__ volatile("fnclex; ffree %%st(7); fildl %0" : : "m"(zero));
    }
}

void fpu_load(struct guest_cpu *gc)
{
    write_dr0(gc->dr[0]);
    write_dr1(gc->dr[1]);
    write_dr2(gc->dr[2]);
    write_dr3(gc->dr[3]);
    wrmsr(MSR_TSC_AUX, gc->tsc_aux);
    forget_pointers(gc);
    if (!fpu_guest_xcr0) {
        __asm__ volatile("fxrstorq (%0)" : : "r"(gc->xsave) : "memory");
        return;
    }
    xsetbv0(fpu_guest_xcr0);
    xrstor(gc->xsave, ~0ULL);
    xsetbv0(gc->xcr0);
}
