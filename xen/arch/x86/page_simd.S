/* SPDX-License-Identifier: MIT */
/*
 * bool page_scan_sse2(const void *page)
 * bool page_scan_avx2(const void *page)
 * void page_clear_movnti(void *page)
 *
 * Vector registers are a guest's while the hypervisor runs, so what is used is
 * put back: XMM0 and XMM1, whose upper parts SSE2 leaves alone; YMM0. A page is
 * looked at in pieces of 256 bytes, and left at the first that is not zero.
 */
        .text
        .code64
        .globl  page_scan_sse2, page_scan_avx2, page_clear_movnti

page_scan_sse2:
        subq    $32, %rsp
        movups  %xmm0, (%rsp)
        movups  %xmm1, 16(%rsp)
        leaq    4096(%rdi), %rsi
        xorl    %eax, %eax
1:      movdqa  (%rdi), %xmm0
        movdqa  16(%rdi), %xmm1
        .irp    offset, 32, 64, 96, 128, 160, 192, 224
        por     \offset(%rdi), %xmm0
        por     16+\offset(%rdi), %xmm1
        .endr
        por     %xmm1, %xmm0
        pxor    %xmm1, %xmm1
        pcmpeqb %xmm1, %xmm0
        pmovmskb %xmm0, %ecx
        cmpl    $0xFFFF, %ecx
        jne     2f
        addq    $256, %rdi
        cmpq    %rsi, %rdi
        jne     1b
        incl    %eax
2:      movups  (%rsp), %xmm0
        movups  16(%rsp), %xmm1
        addq    $32, %rsp
        ret

page_scan_avx2:
        subq    $32, %rsp
        vmovdqu %ymm0, (%rsp)
        leaq    4096(%rdi), %rsi
        xorl    %eax, %eax
1:      vmovdqa (%rdi), %ymm0
        .irp    offset, 32, 64, 96, 128, 160, 192, 224
        vpor    \offset(%rdi), %ymm0, %ymm0
        .endr
        vptest  %ymm0, %ymm0
        jnz     2f
        addq    $256, %rdi
        cmpq    %rsi, %rdi
        jne     1b
        incl    %eax
2:      vmovdqu (%rsp), %ymm0
        addq    $32, %rsp
        ret

page_clear_movnti:
        leaq    4096(%rdi), %rsi
        xorl    %eax, %eax
1:      .irp    offset, 0, 8, 16, 24, 32, 40, 48, 56
        movnti  %rax, \offset(%rdi)
        .endr
        addq    $64, %rdi
        cmpq    %rsi, %rdi
        jne     1b
        sfence
        ret

        .section .note.GNU-stack, "", @progbits
