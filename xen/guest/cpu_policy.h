/* SPDX-License-Identifier: MIT */
/*
 * CPU policies: lists of CPUID leaves that tools read, edit and hand back
 * (TS-23). The domain's own is d->cpuid; guest/cpuid.c serves it.
 */
#ifndef GUEST_CPU_POLICY_H
#define GUEST_CPU_POLICY_H

#include "domain/domain.h"

/* What this machine can offer a guest: every leaf with all its subleaves.
 * Returns how many there are; at most `room` are written. */
unsigned cpu_policy_host(struct cpuid_leaf *leaves, unsigned room);

/*
 * Put `leaf` into a list of *count leaves, in place of the one of the same
 * number or behind the last, with feature bits cut to what the machine has.
 * -E2BIG: no room for CPUID_LEAF_LIMIT.
 */
int must_check cpu_policy_merge(struct cpuid_leaf *leaves, unsigned *count,
                                const struct cpuid_leaf *leaf);

/* The feature words of the ABI (arch-x86/cpufeatureset.h), from the host's. */
#define CPU_FEATURE_WORDS 12
void cpu_policy_features(uint32_t words[CPU_FEATURE_WORDS]);

#endif
