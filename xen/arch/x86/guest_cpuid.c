/* SPDX-License-Identifier: MIT */
/*
 * What guests may know of this processor: the host's CPUID, with features
 * kept only where a guest can use them without our help (CP-27). Lists say
 * what is kept, so that a newer processor's news stay hidden.
 */
#include "arch/guest_run.h"
#include "arch/timer.h"
#include "arch/x86/asm.h"
#include "arch/x86/machine.h"
#include "arch/x86/spec.h"

/* clang-format off */
#define LEAF1_ECX                                                              \
    (BIT(0)  /* SSE3 */     | BIT(1)  /* PCLMUL */ | BIT(9)  /* SSSE3 */ |     \
     BIT(12) /* FMA */      | BIT(13) /* CX16 */   | BIT(17) /* PCID */ |      \
     BIT(19) /* SSE4.1 */   | BIT(20) /* SSE4.2 */ | BIT(22) /* MOVBE */ |     \
     BIT(23) /* POPCNT */   | BIT(25) /* AES */    | BIT(26) /* XSAVE */ |     \
     BIT(28) /* AVX */      | BIT(29) /* F16C */   | BIT(30) /* RDRAND */)
#define LEAF1_EDX                                                              \
    (BIT(0)  /* FPU */  | BIT(1)  /* VME */  | BIT(2)  /* DE */ |              \
     BIT(3)  /* PSE */  | BIT(4)  /* TSC */  | BIT(5)  /* MSR */ |             \
     BIT(6)  /* PAE */  | BIT(8)  /* CX8 */  | BIT(9)  /* APIC */ |            \
     BIT(11) /* SEP */  | BIT(12) /* MTRR */ | BIT(13) /* PGE */ |             \
     BIT(15) /* CMOV */ | BIT(16) /* PAT */  | BIT(17) /* PSE36 */ |           \
     BIT(19) /* CLFL */ | BIT(23) /* MMX */  | BIT(24) /* FXSR */ |            \
     BIT(25) /* SSE */  | BIT(26) /* SSE2 */)
#define LEAF7_EBX                                                              \
    (BIT(0)  /* FSGSBASE */ | BIT(3)  /* BMI1 */   | BIT(5)  /* AVX2 */ |      \
     BIT(7)  /* SMEP */     | BIT(8)  /* BMI2 */   | BIT(9)  /* ERMS */ |      \
     BIT(10) /* INVPCID */  | BIT(18) /* RDSEED */ | BIT(19) /* ADX */ |       \
     BIT(20) /* SMAP */     | BIT(23) /* CLFLUSHOPT */ | BIT(24) /* CLWB */ |  \
     BIT(29) /* SHA */)
#define LEAF7_ECX                                                              \
    (BIT(2)  /* UMIP */ | BIT(8) /* GFNI */ | BIT(9) /* VAES */ |              \
     BIT(10) /* VPCLMULQDQ */ | BIT(22) /* RDPID */)
#define LEAF7_EDX (BIT(4) /* FSRM */)
/* AVX-512: with its state components only. */
#define AVX512_EBX                                                             \
    (BIT(16) /* F */ | BIT(17) /* DQ */ | BIT(21) /* IFMA */ |                 \
     BIT(28) /* CD */ | BIT(30) /* BW */ | BIT(31) /* VL */)
#define AVX512_ECX                                                             \
    (BIT(1) /* VBMI */ | BIT(6) /* VBMI2 */ | BIT(11) /* VNNI */ |             \
     BIT(12) /* BITALG */ | BIT(14) /* VPOPCNTDQ */)
#define XCR0_AVX512 (BIT(5) | BIT(6) | BIT(7))
#define EXT1_ECX                                                               \
    (BIT(0)  /* LAHF */      | BIT(5) /* ABM */ | BIT(6) /* SSE4A */ |         \
     BIT(7)  /* MISALIGN */  | BIT(8) /* 3DNOWPREFETCH */)
#define EXT1_EDX                                                               \
    (LEAF1_EDX_COMMON | BIT(11) /* SYSCALL */ | BIT(20) /* NX */ |             \
     BIT(22) /* MMXEXT */    | BIT(25) /* FFXSR */ | BIT(26) /* 1 GiB */ |     \
     BIT(27) /* RDTSCP */    | BIT(29) /* LM */)
#define LEAF1_EDX_COMMON                                                       \
    (BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(8) |   \
     BIT(9) | BIT(12) | BIT(13) | BIT(15) | BIT(16) | BIT(17) | BIT(23) |      \
     BIT(24))
/* clang-format on */

#define XSAVEOPT         BIT(0)
#define XSAVEC           BIT(1)
#define XGETBV1          BIT(2)
#define GFN_ADDRESS_BITS 48

static void mask_xsave(uint32_t subleaf, struct cpuid_regs *r)
{
    if (subleaf == 0) {
        r->eax &= (uint32_t)fpu_guest_xcr0;
        r->edx = 0;
        r->ecx = fpu_area_size(fpu_guest_xcr0);
    } else if (subleaf == 1) {
        r->eax &= XSAVEOPT | XSAVEC | XGETBV1;
        r->ecx = r->edx = 0;
    } else if (subleaf >= 64 || !(fpu_guest_xcr0 & BIT(subleaf))) {
        *r = (struct cpuid_regs){0};
    }
}

static void mask_basic(uint32_t leaf, uint32_t subleaf, struct cpuid_regs *r)
{
    static const struct cpuid_regs nothing;
    bool avx512;

    switch (leaf) {
    case 0:
        r->eax = r->eax < 0xD ? r->eax : 0xD;
        break;
    case 1:
        r->ecx &= LEAF1_ECX;
        r->ecx |= BIT(21) | BIT(31); /* x2APIC; a hypervisor is here */
        r->edx &= LEAF1_EDX;
        r->ebx &= 0xFF00; /* the ids are each vCPU's own */
        r->ebx |= 1 << 16;
        break;
    case 2:
    case 4:
        break;
    case 7:
        r->eax = 0;
        avx512 = fpu_guest_xcr0 & XCR0_AVX512;
        r->ebx &= LEAF7_EBX | (avx512 ? AVX512_EBX : 0);
        r->ecx &= LEAF7_ECX | (avx512 ? AVX512_ECX : 0);
        r->edx &= LEAF7_EDX | spec_guest_leaf7_edx();
        if (subleaf) {
            *r = nothing;
        }
        break;
    case 0xD:
        mask_xsave(subleaf, r);
        break;
    default:
        *r = nothing;
        break;
    }
}

static void mask_extended(uint32_t leaf, struct cpuid_regs *r)
{
    static const struct cpuid_regs nothing;

    switch (leaf) {
    case 0x80000000:
        r->eax = r->eax < 0x80000008 ? r->eax : 0x80000008;
        break;
    case 0x80000001:
        r->ecx &= EXT1_ECX;
        r->edx &= EXT1_EDX;
        break;
    case 0x80000002 ... 0x80000006:
        break;
    case 0x80000007:
        *r = (struct cpuid_regs){.edx = arch_tsc_invariant() ? BIT(8) : 0};
        break;
    case 0x80000008:
        if ((r->eax & 0xFF) > GFN_ADDRESS_BITS) {
            r->eax = (r->eax & ~0xFFU) | GFN_ADDRESS_BITS;
        }
        r->eax &= 0xFFFF;
        r->ebx = spec_guest_ext8_ebx();
        r->ecx = r->edx = 0;
        break;
    default:
        *r = nothing;
        break;
    }
}

struct cpuid_regs arch_guest_cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs r;

    cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
    if (leaf >= 0x80000000) {
        mask_extended(leaf, &r);
    } else {
        mask_basic(leaf, subleaf, &r);
    }
    return r;
}
