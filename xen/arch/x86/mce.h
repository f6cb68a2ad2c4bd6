/* SPDX-License-Identifier: MIT */
/*
 * Machine checks: the registers of the architecture (Intel SDM volume 3,
 * chapter 16; AMD APM volume 2, chapter 9), and what they mean.
 */
#ifndef ARCH_X86_MCE_H
#define ARCH_X86_MCE_H

#include "types/bits.h"
#include "types/check.h"

#define MSR_MCG_CAP    0x179
#define MSR_MCG_STATUS 0x17A
#define MSR_MCG_CTL    0x17B
#define MSR_MC0_CTL    0x400 /* + 4 * bank; then STATUS, ADDR, MISC */

#define MCG_CAP_BANKS    0xFFU
#define MCG_CAP_CTL      BIT(8)
#define MCG_RIPV         BIT(0) /* what was interrupted can go on */
#define MCG_IN_PROGRESS  BIT(2) /* another one now shuts the processor down */
#define MC_VALID         BIT(63)
#define MC_OVERFLOW      BIT(62)
#define MC_UNCORRECTED   BIT(61)
#define MC_HAS_ADDRESS   BIT(58)
#define MC_STATE_CORRUPT BIT(57)
/* Intel: action required; AMD: what was running is corrupt. */
#define MC_TASK_CORRUPT BIT(55)

/* What one bank's word asks for. */
enum mce_verdict {
    MCE_NOTHING,   /* the bank is empty */
    MCE_CORRECTED, /* to be logged */
    MCE_PAGE,      /* the page at the bank's address is lost */
    MCE_FATAL,     /* nobody can say what is still right */
};

/* mce_decode.c. from_guest: a guest was running, of which nothing is needed:
 * what ran is lost with it. */
enum mce_verdict mce_judge(uint64_t status, bool can_go_on, bool from_guest);

/* mce.c: banks on, and what was left in them is looked at. */
void mce_init_this_cpu(void);

/* A machine check came: by the exception, or as a guest's exit. */
void mce_handle(bool from_guest);

#endif
