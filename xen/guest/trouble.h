/* SPDX-License-Identifier: MIT */
/* What becomes of what the machine noticed (arch/trouble.h). */
#ifndef GUEST_TROUBLE_H
#define GUEST_TROUBLE_H

#include "domain/domain.h"

/* Xen's option nmi=: an NMI from outside is logged in any case. */
enum nmi_policy {
    NMI_IGNORE,
    NMI_DOM0,  /* vCPU 0 of domain 0 gets it, too */
    NMI_FATAL, /* and the host ends */
};
void trouble_set_nmi_policy(enum nmi_policy policy);

/* Look at this CPU's troubles; v: who ran here last, or NULL. Takes locks.
 * Cheap when there are none. */
void trouble_look(struct vcpu *v);

/* Into the log: how many there were of each kind. */
void trouble_report(void);

#endif
