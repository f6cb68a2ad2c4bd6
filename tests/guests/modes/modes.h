/* SPDX-License-Identifier: MIT */
/* What ap_modes.S and modes.c share: a record at a fixed address that 16-bit
 * code reaches, one page below the code. */
#ifndef MODES_MODES_H
#define MODES_MODES_H

#define MODES_RECORD 0x7000
#define MODES_MAGIC  0x6d6f6465
#define MODES_NO_MSR 0x12345678

#define MODES_STAGE_REAL 1
#define MODES_STAGE_32   2
#define MODES_STAGE_16   3
#define MODES_STAGE_V86  4
#define MODES_STAGE_2LEV 5
#define MODES_STAGE_PAE  6
#define MODES_STAGE_LONG 7
#define MODES_STAGE_DONE 8

/* Offsets into struct modes_record. */
#define REC_STAGE   0
#define REC_CS      4
#define REC_IP      6
#define REC_CR0     8
#define REC_FLAGS   12
#define REC_DS      16
#define REC_ES      18
#define REC_SS      20
#define REC_SP      22
#define REC_INTS    24
#define REC_DIVS    28
#define REC_CPUID32 32
#define REC_VERS32  36
#define REC_PAE_VAL 40
#define REC_PAE_CR0 44
#define REC_EFER    48
#define REC_VERSC   52
#define REC_PAE_CR3 56
#define REC_PAE_TGT 64
#define REC_GPS     72
#define REC_CODE16  76
#define REC_V86_FLG 80
#define REC_V86_IP  84
#define REC_V86_CS  88
#define REC_2L_CR3  92
#define REC_2L_VAL  96

#ifndef __ASSEMBLER__
#include "types/check.h"

struct modes_record {
    uint32_t stage;
    uint16_t cs, ip;
    uint32_t cr0, flags;
    uint16_t ds, es, ss, sp;
    uint32_t software_interrupts, divide_errors;
    uint32_t cpuid32_max;
    int32_t version32;
    uint32_t pae_value, pae_cr0;
    uint32_t compat_efer;
    int32_t compat_version;
    uint64_t pae_cr3, pae_target; /* in */
    uint32_t general_protections;
    uint32_t code16_cs; /* seen in 16-bit protected code */
    uint32_t v86_flags, v86_ip, v86_cs;
    uint32_t two_level_cr3; /* in */
    uint32_t two_level_value;
};

BUILD_ASSERT(offsetof(struct modes_record, cs) == REC_CS, "asm");
BUILD_ASSERT(offsetof(struct modes_record, sp) == REC_SP, "asm");
BUILD_ASSERT(offsetof(struct modes_record, version32) == REC_VERS32, "asm");
BUILD_ASSERT(offsetof(struct modes_record, compat_efer) == REC_EFER, "asm");
BUILD_ASSERT(offsetof(struct modes_record, pae_target) == REC_PAE_TGT, "asm");
BUILD_ASSERT(offsetof(struct modes_record, general_protections) == REC_GPS,
             "asm");
BUILD_ASSERT(offsetof(struct modes_record, v86_cs) == REC_V86_CS, "asm");
BUILD_ASSERT(offsetof(struct modes_record, two_level_value) == REC_2L_VAL,
             "asm");

extern const char modes_code[], modes_code_end[];
#endif

#endif
