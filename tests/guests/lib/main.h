/* SPDX-License-Identifier: MIT */
/* What the loader told the guest. */
#ifndef GUEST_MAIN_H
#define GUEST_MAIN_H

#include "types/check.h"

#include <xen/arch-x86/hvm/start_info.h>

extern const struct hvm_start_info *start_info;

/* The domain may use domctl, sysctl and other domains' memory. */
bool is_privileged(void);

/* Its own id, by CPUID (CP-2). */
uint16_t own_domid(void);

/* The value of "name=" on the command line, NULL: it is not there. Ends at a
 * space or at the end of the line. */
const char *argument(const char *name);

/* Ends the test with SKIP where the guest is not privileged. */
void need_privilege(void);

#endif
