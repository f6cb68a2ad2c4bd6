/* SPDX-License-Identifier: MIT */
/* Values for all registers, and the instructions that move them. */
#ifndef FPU_FPU_H
#define FPU_FPU_H

#include "types/check.h"

struct fpu_values {
    uint64_t vector[16][2]; /* at 0: XMM0 .. XMM15 */
    uint64_t high[16][2];   /* at 256: the upper halves of YMM */
    uint64_t x87;           /* at 512: the number on the stack */
    uint32_t mxcsr;         /* at 520 */
    uint16_t control;       /* at 524 */
    uint16_t pad;
    uint64_t fs_base;
    uint64_t debug0;
    /* AVX-512, at 544: what AVX does not have of ZMM0, all of ZMM31, K0 .. K7
     */
    uint64_t zmm0_high[8], zmm31[8], mask[8];
};

/* Of both halves, from the start on. */
#define FPU_VECTOR_WORDS 64

BUILD_ASSERT(offsetof(struct fpu_values, x87) == 512, "asm");
BUILD_ASSERT(offsetof(struct fpu_values, control) == 524, "asm");
BUILD_ASSERT(offsetof(struct fpu_values, zmm0_high) == 544, "asm");

void fpu_load(const struct fpu_values *v);
void fpu_store(struct fpu_values *v);
void fpu_load_avx(const struct fpu_values *v);
void fpu_store_avx(struct fpu_values *v);
void fpu_load_avx512(const struct fpu_values *v);
void fpu_store_avx512(struct fpu_values *v);
void fpu_set_xcr0(uint64_t value);
uint64_t fpu_get_xcr0(void);

#endif
