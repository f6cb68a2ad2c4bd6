/* SPDX-License-Identifier: MIT */
/*
 * From real mode to 64-bit mode by way of all others, writing down what is
 * seen. The 16-bit part is copied to TRAMPOLINE; the rest runs where it is.
 * DS points at the record's page from the start, so that addresses in 16-bit
 * code are offsets into it.
 */
#include "layout.h"
#include "modes/modes.h"

#define TSS32 0x20

    .section .rodata
    .code16
    .balign 16
    .global modes_code, modes_code_end
modes_code:
    call    1f                  /* pushes the address of 1 at 0:FFFE */
1:  mov     %ds, %cx
    mov     $(MODES_RECORD >> 4), %bx
    mov     %bx, %ds
    mov     %cx, REC_DS
    mov     %es, REC_ES
    mov     %ss, REC_SS
    mov     %cs, REC_CS
    pushf
    pop     %ax
    mov     %ax, REC_FLAGS
    pop     %ax
    sub     $(1b - modes_code), %ax
    mov     %ax, REC_IP
    mov     %sp, REC_SP
    mov     %cr0, %eax
    mov     %eax, REC_CR0

    /* Vectors of real mode are at address 0. */
    xor     %ax, %ax
    mov     %ax, %es
    movw    $(divide_error - modes_code), %es:0
    mov     %cs, %es:2
    movw    $(software - modes_code), %es:(4 * 0x40)
    mov     %cs, %es:(4 * 0x40 + 2)
    int     $0x40
    xor     %cx, %cx
    div     %cx
    movw    $(general_protection - modes_code), %es:(4 * 13)
    mov     %cs, %es:(4 * 13 + 2)
    mov     $MODES_NO_MSR, %ecx
    rdmsr                       /* the hypervisor's #GP: no error code here */
    movl    $MODES_STAGE_REAL, REC_STAGE

    mov     %cs, %ax
    mov     %ax, %ds
    cli
    lgdtl   (pointer - modes_code)
    mov     $CR0_PE, %eax
    mov     %eax, %cr0
    ljmpl   $CODE32_CS, $protected

software:
    incl    REC_INTS
    iret

general_protection:
    incl    REC_GPS
    jmp     1f
divide_error:
    incl    REC_DIVS
1:  push    %bp
    mov     %sp, %bp
    addw    $2, 2(%bp)          /* behind the instruction, of 2 bytes */
    pop     %bp
    iret

/* 16-bit code in protected mode: addresses have 16 bits. */
protected16:
    mov     %cs, %ax
    mov     %eax, MODES_RECORD + REC_CODE16
    ljmpl   $CODE32_CS, $back_from_16

/* Virtual-8086 mode: DS is the record's as in real mode, and CLI is not for it. */
virtual86:
    mov     %cs, %ax
    movzwl  %ax, %eax
    mov     %eax, REC_V86_CS
virtual86_cli:
    cli
    jmp     virtual86_cli

    .balign 8
pointer:
    .word   8 * 8 - 1
    .long   gdt
modes_code_end:

    .text
    .code32
protected:
    mov     $KERNEL_DS, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    mov     $stack_top, %esp
    xor     %eax, %eax
    cpuid
    mov     %eax, MODES_RECORD + REC_CPUID32
    call    version
    mov     %eax, MODES_RECORD + REC_VERS32
    movl    $MODES_STAGE_32, MODES_RECORD + REC_STAGE

    ljmp    $CODE16_CS, $(TRAMPOLINE + (protected16 - modes_code))
back_from_16:
    movl    $MODES_STAGE_16, MODES_RECORD + REC_STAGE

    /* A task to come back to from virtual-8086 mode, by #GP. */
    mov     $tss32, %eax
    movw    %ax, gdt32 + TSS32 + 2
    shr     $16, %eax
    movb    %al, gdt32 + TSS32 + 4
    movb    %ah, gdt32 + TSS32 + 7
    mov     $left_virtual86, %eax
    movw    %ax, idt32 + 13 * 8
    shr     $16, %eax
    movw    %ax, idt32 + 13 * 8 + 6
    lgdt    gdt32_pointer
    lidt    idt32_pointer
    mov     $TSS32, %eax
    ltr     %ax
    pushl   $0                  /* GS, FS */
    pushl   $0
    pushl   $(MODES_RECORD >> 4)
    pushl   $0                  /* ES, SS */
    pushl   $0
    pushl   $0x6ff0
    pushl   $0x20002            /* VM */
    pushl   $(TRAMPOLINE >> 4)
    pushl   $(virtual86 - modes_code)
    iretl

left_virtual86:
    mov     $KERNEL_DS, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    mov     4(%esp), %eax
    sub     $(virtual86_cli - modes_code), %eax
    mov     %eax, MODES_RECORD + REC_V86_IP
    mov     12(%esp), %eax
    mov     %eax, MODES_RECORD + REC_V86_FLG
    mov     $stack_top, %esp
    movl    $MODES_STAGE_V86, MODES_RECORD + REC_STAGE

    /* Two-level tables, by pages of 4 MiB and one small one. */
    mov     MODES_RECORD + REC_2L_CR3, %eax
    mov     %eax, %cr3
    mov     $CR4_PSE, %eax
    mov     %eax, %cr4
    mov     $(CR0_PG | CR0_ET | CR0_PE), %eax
    mov     %eax, %cr0
    mov     0x40000000, %eax
    mov     %eax, MODES_RECORD + REC_2L_VAL
    incl    0x40000000
    mov     $(CR0_ET | CR0_PE), %eax
    mov     %eax, %cr0
    movl    $MODES_STAGE_2LEV, MODES_RECORD + REC_STAGE

    /* Three-level tables, and a page that is elsewhere with them. */
    mov     MODES_RECORD + REC_PAE_CR3, %eax
    mov     %eax, %cr3
    mov     $CR4_PAE, %eax
    mov     %eax, %cr4
    mov     $(CR0_PG | CR0_ET | CR0_PE), %eax
    mov     %eax, %cr0
    mov     0x40000000, %eax
    mov     %eax, MODES_RECORD + REC_PAE_VAL
    incl    0x40000000
    mov     %cr0, %eax
    mov     %eax, MODES_RECORD + REC_PAE_CR0
    and     $~CR0_PG, %eax
    mov     %eax, %cr0
    movl    $MODES_STAGE_PAE, MODES_RECORD + REC_STAGE

    /* Long mode; CS is still a 32-bit one: compatibility mode. */
    mov     $boot_l4, %eax
    mov     %eax, %cr3
    mov     $MSR_EFER, %ecx
    rdmsr
    or      $EFER_LME, %eax
    wrmsr
    mov     $(CR0_PG | CR0_ET | CR0_PE), %eax
    mov     %eax, %cr0
    mov     $MSR_EFER, %ecx
    rdmsr
    mov     %eax, MODES_RECORD + REC_EFER
    call    version
    mov     %eax, MODES_RECORD + REC_VERSC
    movl    $MODES_STAGE_LONG, MODES_RECORD + REC_STAGE
    ljmp    $KERNEL_CS, $long_mode

/* xen_version(XENVER_version) with the 32-bit registers. */
version:
    mov     $17, %eax
    xor     %ebx, %ebx
    xor     %ecx, %ecx
    cmpb    $0, hypercall_by_vmcall
    jne     1f
    vmmcall
    ret
1:  vmcall
    ret

    .code64
long_mode:
    movl    $MODES_STAGE_DONE, MODES_RECORD + REC_STAGE
1:  cli
    hlt
    jmp     1b

    .data
    .balign 8
gdt32:
    .quad   0
    .quad   0x00af9b000000ffff  /* KERNEL_CS, as in lib/start.S */
    .quad   0x00cf93000000ffff  /* KERNEL_DS */
    .quad   0x00cf9b000000ffff  /* CODE32_CS */
    .quad   0x0000890000000067  /* TSS32, with its base to be filled in */
gdt32_pointer:
    .word   . - gdt32 - 1
    .long   gdt32
    .balign 8
idt32:
    .skip   13 * 8
    .word   0, CODE32_CS, 0x8e00, 0 /* #GP */
idt32_pointer:
    .word   . - idt32 - 1
    .long   idt32
    .balign 8
tss32:
    .long   0, stack_top, KERNEL_DS /* back link, ESP0, SS0 */
    .skip   0x68 - 12

    .bss
    .balign 16
    .skip   1024
stack_top:

    .section .note.GNU-stack, "", @progbits
