/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 7, platform_op: the control domain's kernel looks after the
 * machine. There is little to look after: it sets the clock (D0-3) and may ask
 * which CPUs there are (D0-4).
 */
#include "arch/cpu.h"
#include "domain/time.h"
#include "guest/copy.h"
#include "guest/hypercall.h"
#include "types/error.h"

#include <xen/platform.h>
#include <xen/xen.h>

BUILD_ASSERT(sizeof(struct xen_platform_op) == 136, "platform_op ABI");

enum {
    NS_PER_S = 1000000000,
};

static int set_time(uint64_t seconds, uint32_t ns, uint64_t at)
{
    if (ns >= NS_PER_S) {
        return -EINVAL;
    }
    time_set_wallclock(seconds, ns, at);
    return 0;
}

static int set_time_64(const struct xen_platform_op *op)
{
    const struct xenpf_settime64 *t = &op->u.settime64;

    return t->mbz ? -EINVAL : set_time(t->secs, t->nsecs, t->system_time);
}

static int set_time_32(const struct xen_platform_op *op)
{
    const struct xenpf_settime32 *t = &op->u.settime32;

    return set_time(t->secs, t->nsecs, t->system_time);
}

/* Numbers as in the domain's own MADT: CPU n has local APIC id 2 * n. */
static int get_cpu(struct xen_platform_op *op)
{
    struct xenpf_pcpuinfo *p = &op->u.pcpu_info;

    p->max_present = arch_cpu_count() - 1;
    if (p->xen_cpuid >= arch_cpu_count()) {
        p->flags = XEN_PCPU_FLAGS_INVALID;
        return 0;
    }
    p->flags = XEN_PCPU_FLAGS_ONLINE;
    p->apic_id = 2 * p->xen_cpuid;
    p->acpi_id = p->xen_cpuid;
    return 0;
}

int64_t hc_platform_op(struct vcpu *v, const uint64_t args[6])
{
    struct xen_platform_op op;
    int rc;

    rc = hypercall_control_op(v, &op, args[0], sizeof(op),
                              XENPF_INTERFACE_VERSION);
    if (rc) {
        return rc;
    }
    switch (op.cmd) {
    case XENPF_settime64:
        return set_time_64(&op);
    case XENPF_settime32:
        return set_time_32(&op);
    case XENPF_get_cpuinfo:
        rc = get_cpu(&op);
        return rc ? rc : copy_to_guest(v, args[0], &op, sizeof(op));
    default:
        return -ENOSYS;
    }
}
