/* SPDX-License-Identifier: MIT */
/* Moves struct fpu_values to and from the registers. AVX: the upper halves of
 * YMM0 .. YMM15, beside the lower ones that fpu_load() has put there. */
    .text
    .code64
    .global fpu_load, fpu_store, fpu_load_avx, fpu_store_avx
    .global fpu_load_avx512, fpu_store_avx512
    .global fpu_set_xcr0, fpu_get_xcr0

fpu_load:
    fninit
    fldcw   524(%rdi)
    fildll  512(%rdi)
    ldmxcsr 520(%rdi)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movdqu  \n*16(%rdi), %xmm\n
    .endr
    ret

fpu_store:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movdqu  %xmm\n, \n*16(%rdi)
    .endr
    stmxcsr 520(%rdi)
    fnstcw  524(%rdi)
    fistpll 512(%rdi)
    ret

fpu_load_avx:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vinsertf128 $1, 256+\n*16(%rdi), %ymm\n, %ymm\n
    .endr
    ret

fpu_store_avx:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vextractf128 $1, %ymm\n, 256+\n*16(%rdi)
    .endr
    ret

/* zmm0_high: words 4 .. 7 of ZMM0, the rest of it is above. */
fpu_load_avx512:
    vinserti64x4 $1, 576(%rdi), %zmm0, %zmm0
    vmovdqu64 608(%rdi), %zmm31
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    kmovw   672+8*\n(%rdi), %k\n
    .endr
    ret

fpu_store_avx512:
    vextracti64x4 $1, %zmm0, 576(%rdi)
    vmovdqu64 %zmm31, 608(%rdi)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    kmovw   %k\n, 672+8*\n(%rdi)
    .endr
    ret

fpu_set_xcr0:
    xor     %ecx, %ecx
    mov     %rdi, %rax
    mov     %rdi, %rdx
    shr     $32, %rdx
    xsetbv
    ret

fpu_get_xcr0:
    xor     %ecx, %ecx
    xgetbv
    shl     $32, %rdx
    or      %rdx, %rax
    ret

    .section .note.GNU-stack, "", @progbits
