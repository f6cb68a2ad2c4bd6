/* SPDX-License-Identifier: MIT */
/*
 * The way in for hypercalls (CP-5): number in RAX, arguments in registers,
 * result in RAX; the kernel only (CPL 0).
 *
 * A call from 32-bit code has other registers, and other layouts of structs
 * with pointers in them: it gets only those calls whose structs are the same.
 *
 * Calls that take long leave and are executed again (CP-6): the guest takes
 * its interrupts in between, and the CPU is given to others.
 */
#include "guest/hypercall.h"

#include "arch/timer.h"
#include "base/trace.h"
#include "domain/sched.h"
#include "guest/copy.h"
#include "types/error.h"

#include <xen/xen.h>

struct hypercall_entry {
    hypercall_fn *handler;
    uint8_t arg_count;
    bool one_layout; /* the same for 32-bit callers */
};

static const struct hypercall_entry hypercalls[] = {
    [__HYPERVISOR_memory_op] = {hc_memory_op, 2, false},
    [__HYPERVISOR_multicall] = {hc_multicall, 2, false},
    [__HYPERVISOR_set_timer_op] = {hc_set_timer_op, 1, false},
    [__HYPERVISOR_xen_version] = {hc_xen_version, 2, true},
    [__HYPERVISOR_console_io] = {hc_console_io, 3, true},
    [__HYPERVISOR_grant_table_op] = {hc_grant_table_op, 3, false},
    [__HYPERVISOR_vm_assist] = {hc_vm_assist, 2, true},
    [__HYPERVISOR_vcpu_op] = {hc_vcpu_op, 3, false},
    [__HYPERVISOR_sched_op] = {hc_sched_op, 2, true},
    [__HYPERVISOR_event_channel_op] = {hc_event_channel_op, 2, true},
    [__HYPERVISOR_hvm_op] = {hc_hvm_op, 2, true},
    [__HYPERVISOR_sysctl] = {hc_sysctl, 1, false},
    [__HYPERVISOR_domctl] = {hc_domctl, 1, false},
    [__HYPERVISOR_platform_op] = {hc_platform_op, 1, false},
    [__HYPERVISOR_tmem_op] = {hc_tmem_op, 1, false},
    [__HYPERVISOR_arch_0] /* mca */ = {hc_mca, 1, false},
};

/* Argument arrays of calls inside a multicall; NULL: they are in registers. A
 * call stays on its CPU, so one place per CPU is enough. */
static uint64_t *nested_args[MAX_CPUS];

/* In the order of arguments, as indices of guest_regs.gpr. */
static const uint8_t arg_regs_64[6] = {7, 6, 2, 10, 8, 9};
static const uint8_t arg_regs_32[6] = {3, 1, 2, 6, 7, 5};

/* NULL: there is no such call, or not for that caller. */
static const struct hypercall_entry *find_entry(uint64_t number, bool wide)
{
    const struct hypercall_entry *e;

    if (number >= ARRAY_COUNT(hypercalls)) {
        return NULL;
    }
    e = &hypercalls[number];
    return e->handler && (wide || e->one_layout) ? e : NULL;
}

/* args: as many as it takes, and zeros. */
static int64_t call_entry(struct vcpu *v, const struct hypercall_entry *e,
                          const uint64_t args[6])
{
    int64_t result = e->handler(v, args);

    return result == -ERESTART ? HYPERCALL_CONTINUE : result;
}

int64_t hypercall_nested(struct vcpu *v, uint64_t number, uint64_t args[6])
{
    const struct hypercall_entry *e = find_entry(number, true);
    uint64_t used[6] = {0};
    int64_t result;

    if (!e) {
        return -ENOSYS;
    }
    for (unsigned i = 0; i < e->arg_count; i++) {
        used[i] = args[i];
    }
    nested_args[arch_cpu()] = args;
    result = call_entry(v, e, used);
    nested_args[arch_cpu()] = NULL;
    return result;
}

/* Interrupts are off while a call is at it, so that nobody sets v->work when
 * this CPU's own time has come: the clock is looked at, too. */
bool hypercall_preempt(const struct vcpu *v)
{
    uint64_t now;

    if (__atomic_load_n(&v->work, __ATOMIC_RELAXED)) {
        return true;
    }
    now = arch_time_ns();
    return sched_slice_over(now) || now >= time_next_deadline();
}

void hypercall_set_arg(struct vcpu *v, unsigned index, uint64_t value)
{
    uint64_t *args = nested_args[arch_cpu()];

    CHECK(index < 6);
    if (args) {
        args[index] = value;
    } else if (arch_guest_long_mode(v->gc)) {
        v->regs.gpr[arg_regs_64[index]] = value;
    } else {
        v->regs.gpr[arg_regs_32[index]] = (uint32_t)value;
    }
}

static void read_args(const struct vcpu *v, bool wide, unsigned count,
                      uint64_t args[6])
{
    for (unsigned i = 0; i < count; i++) {
        args[i] = wide ? v->regs.gpr[arg_regs_64[i]]
                       : (uint32_t)v->regs.gpr[arg_regs_32[i]];
    }
}

static int64_t call_number(struct vcpu *v, uint64_t number, bool wide,
                           uint64_t args[6])
{
    const struct hypercall_entry *e;

    if (arch_guest_cpl(v->gc) != 0) {
        return -EPERM;
    }
    e = find_entry(number, wide);
    if (!e) {
        return -ENOSYS;
    }
    read_args(v, wide, e->arg_count, args);
    return call_entry(v, e, args);
}

bool hypercall(struct vcpu *v)
{
    bool wide = arch_guest_long_mode(v->gc);
    uint64_t number = wide ? v->regs.rax : (uint32_t)v->regs.rax;
    uint64_t args[6] = {0};
    int64_t result = call_number(v, number, wide, args);

    trace(TRACE_HYPERCALL, (uint64_t)v->domain->id << 16 | v->id, number,
          args[0], (uint64_t)result);
    if (result == HYPERCALL_CONTINUE) {
        return false;
    }
    v->regs.rax = wide ? (uint64_t)result : (uint32_t)result;
    return true;
}

int hypercall_any_domain(struct vcpu *v, domid_t id, struct domain **d)
{
    *d = domain_get(id == DOMID_SELF ? vcpu_domain(v)->id : id);
    return *d ? 0 : -ESRCH;
}

int hypercall_domain(struct vcpu *v, domid_t id, struct domain **d)
{
    int rc = hypercall_any_domain(v, id, d);

    if (!rc && *d != vcpu_domain(v) && !vcpu_domain(v)->privileged) {
        domain_put(*d);
        rc = -EPERM;
    }
    return rc;
}

int hypercall_control_op(struct vcpu *v, void *op, uint64_t gva, size_t size,
                         uint32_t version)
{
    const uint32_t *head = op; /* command, version */
    int rc;

    if (!vcpu_domain(v)->privileged) {
        return -EPERM;
    }
    rc = copy_from_guest(v, op, gva, size);
    return rc ? rc : head[1] == version ? 0 : -EACCES;
}
