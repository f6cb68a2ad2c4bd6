/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: who may call, what is called, and how a long one goes on.
 *
 * A handler decodes first (checks everything, changes nothing), then acts. It
 * returns the value for RAX, or HYPERCALL_CONTINUE: then the instruction is
 * executed again, and hypercall_set_arg() or the state of what it worked on
 * says where to go on. -ERESTART from below, before anything was changed, may
 * be returned as it is and means the same.
 */
#ifndef GUEST_HYPERCALL_H
#define GUEST_HYPERCALL_H

#include "domain/domain.h"

#define HYPERCALL_CONTINUE INT64_MIN /* far outside the range of errno */

typedef int64_t hypercall_fn(struct vcpu *v, const uint64_t args[6]);

/* Handle the hypercall that v's registers ask for. True: done, RAX is set, skip
 * the instruction. False: execute it again. */
bool must_check hypercall(struct vcpu *v);

/* One call with arguments in memory (multicall): hypercall_set_arg() changes
 * `args` meanwhile. May return HYPERCALL_CONTINUE. */
int64_t hypercall_nested(struct vcpu *v, uint64_t number, uint64_t args[6]);

/* Change an argument (0..5) that the call sees when it goes on. */
void hypercall_set_arg(struct vcpu *v, unsigned index, uint64_t value);

/* Is there something else to do on this CPU? Long calls ask now and then, when
 * they have come a step further. */
bool hypercall_preempt(const struct vcpu *v);

/*
 * The domain that a call is about, with a reference: DOMID_SELF, the caller's
 * own id, or any for the control domain (TS-67). -ESRCH, -EPERM.
 */
int must_check hypercall_domain(struct vcpu *v, domid_t id, struct domain **d);

/* Any domain, whoever asks; DOMID_SELF too. -ESRCH. */
int must_check hypercall_any_domain(struct vcpu *v, domid_t id,
                                    struct domain **d);

/*
 * The start of a call for the control domain only: reads `op`, of `size` bytes
 * at gva, which begins with its command and its interface's version, both of 32
 * bits. -EPERM: not the control domain; -EACCES: not this version; errors as of
 * copy_from_guest().
 */
int must_check hypercall_control_op(struct vcpu *v, void *op, uint64_t gva,
                                    size_t size, uint32_t version);

/* What XENVER_commandline answers; `text` stays where it is. */
void version_set_command_line(const char *text);

hypercall_fn hc_xen_version;
hypercall_fn hc_memory_op;
hypercall_fn hc_event_channel_op;
hypercall_fn hc_grant_table_op;
hypercall_fn hc_console_io;
hypercall_fn hc_multicall;
hypercall_fn hc_vcpu_op;
hypercall_fn hc_sched_op;
hypercall_fn hc_set_timer_op;
hypercall_fn hc_vm_assist;
hypercall_fn hc_hvm_op;
hypercall_fn hc_domctl;
hypercall_fn hc_sysctl;
hypercall_fn hc_platform_op;
hypercall_fn hc_tmem_op;
hypercall_fn hc_mca;

#endif
