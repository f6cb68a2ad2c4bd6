/* SPDX-License-Identifier: MIT */
/*
 * Event channels, 2-level (HC-31): pending and mask bits in shared_info, a
 * selector word per vCPU, and an upcall by vector UPCALL_VECTOR (HC-38), whose
 * handler counts per port. Functions that return a port or a result return
 * -Exxx when the hypercall does.
 */
#ifndef GUEST_EVENT_H
#define GUEST_EVENT_H

#include "layout.h"
#include "types/check.h"

#include <xen/event_channel.h>
#include <xen/xen.h>

#define UPCALL_VECTOR 0xf3
#define EVENT_PORTS   4096

extern volatile struct shared_info *shared_info;

/* Maps shared_info, masks all ports, asks for upcalls. */
void events_init(void);

/* How often the handler found the port, and upcalls in all, on any vCPU. */
uint64_t event_count(unsigned port);
uint64_t event_upcalls(void);

/* Called by the upcall handler after counting. NULL: none. */
void event_set_handler(unsigned port, void (*handler)(unsigned port));

int event_bind_virq(unsigned virq, unsigned vcpu);
int event_bind_ipi(unsigned vcpu);
int event_alloc_unbound(domid_t domain, domid_t remote);
int event_bind_interdomain(domid_t remote, unsigned remote_port);
int event_bind_vcpu(unsigned port, unsigned vcpu);
int event_send(unsigned port);
int event_close(unsigned port);
int event_unmask(unsigned port); /* the hypercall */
int event_status(struct evtchn_status *status);

/* Bits of shared_info. */
bool event_is_pending(unsigned port);
bool event_is_masked(unsigned port);
void event_mask(unsigned port);
void event_clear_mask(unsigned port); /* the bit alone, without the hypercall */
void event_clear_pending(unsigned port);

/* Sleep, interrupts off on return, until the port was counted `count` times;
 * false after `nanoseconds`. */
bool event_wait(unsigned port, uint64_t count, uint64_t nanoseconds);

#endif
