/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 35, sysctl: the control domain asks about the host. Nothing here
 * changes a domain but its policy about memory, which has a lock of its own,
 * so calls need not come one at a time.
 */
#include "guest/sysctl.h"

#include "guest/copy.h"
#include "guest/hypercall.h"
#include "types/error.h"

BUILD_ASSERT(sizeof(struct xen_sysctl) == 136, "sysctl ABI");
BUILD_ASSERT(sizeof(struct xen_sysctl_physinfo) == 112, "sysctl ABI");
BUILD_ASSERT(sizeof(struct xen_sysctl_cpupool_op) == 40, "sysctl ABI");

static const struct sysctl_family *const families[] = {
    &sysctl_host,
    &sysctl_info,
    &sysctl_podium,
    &sysctl_tmem,
};

static sysctl_handler find_handler(uint32_t cmd)
{
    for (unsigned f = 0; f < ARRAY_COUNT(families); f++) {
        for (unsigned i = 0; i < families[f]->count; i++) {
            if (families[f]->rows[i].cmd == cmd) {
                return families[f]->rows[i].handler;
            }
        }
    }
    return NULL;
}

int64_t hc_sysctl(struct vcpu *v, const uint64_t args[6])
{
    struct sysctl c = {.caller = v};
    sysctl_handler handler;
    int rc;

    rc = hypercall_control_op(v, &c.op, args[0], sizeof(c.op),
                              XEN_SYSCTL_INTERFACE_VERSION);
    if (rc) {
        return rc;
    }
    handler = find_handler(c.op.cmd);
    if (!handler) {
        return -ENOSYS;
    }
    rc = handler(&c);
    return rc ? rc : copy_to_guest(v, args[0], &c.op, sizeof(c.op));
}
