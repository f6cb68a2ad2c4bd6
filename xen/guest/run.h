/* SPDX-License-Identifier: MIT */
/* The main loop of each CPU once the machine is up. */
#ifndef GUEST_RUN_H
#define GUEST_RUN_H

#include "domain/vcpu.h"

/* Run vCPUs on this CPU for ever. */
void guest_loop(void) __attribute__((noreturn));

/* guest/exit.c: act on what arch_guest_run() came back with. */
void exit_handle(struct vcpu *v, const struct guest_exit *e);

/* guest/fault.c: a second-stage fault. */
void fault_handle(struct vcpu *v, const struct guest_exit *e);

/* guest/io.c, msr.c, cpuid.c: emulate, and skip the instruction. */
void io_handle(struct vcpu *v, const struct guest_exit *e);
void msr_handle(struct vcpu *v, const struct guest_exit *e);
void cpuid_handle(struct vcpu *v, const struct guest_exit *e);

#endif
