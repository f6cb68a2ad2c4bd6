/* SPDX-License-Identifier: MIT */
/* vcpu_op, set_timer_op and vm_assist: HC-4, HC-9..11, HC-14, HC-15. */
#include "arch/timer.h"
#include "domain/memory.h"
#include "guest/copy.h"
#include "guest/hypercall.h"
#include "types/bits.h"
#include "types/error.h"

#include <xen/vcpu.h>
#include <xen/xen.h>

static int register_vcpu_info(struct vcpu *caller, struct vcpu *v, uint64_t arg)
{
    struct vcpu_register_vcpu_info info;
    struct page *pg;
    int rc;

    rc = copy_from_guest(caller, &info, arg, sizeof(info));
    if (rc) {
        return rc;
    }
    if (info.offset > PAGE_SIZE - sizeof(struct vcpu_info) || info.offset % 8) {
        return -EINVAL;
    }
    rc = memory_get_own_page(caller, GFN(info.mfn), true, &pg);
    if (rc) {
        return rc == -ERESTART ? rc : -EINVAL;
    }
    rc = event_register_vcpu_info(v, pg, info.offset);
    if (rc) {
        page_put(pg);
        return rc;
    }
    time_update_vcpu(v);
    return 0;
}

/* A virtual address is translated once, now (HC-11). */
static int translate_area(struct vcpu *caller, struct vcpu *v, uint64_t arg,
                          size_t size, struct time_area *area)
{
    uint64_t gva;
    struct page *pages[2];
    uint16_t offset;
    int rc;

    rc = copy_from_guest(caller, &gva, arg, sizeof(gva));
    if (rc) {
        return rc;
    }
    rc = copy_translate(caller, gva, size, true, pages, &offset);
    if (!rc) {
        time_set_area(v, area, pages[0], pages[1], offset);
    }
    return rc;
}

static int register_runstate(struct vcpu *caller, struct vcpu *v, uint64_t arg)
{
    int rc = translate_area(caller, v, arg, sizeof(struct vcpu_runstate_info),
                            &v->time.runstate_area);

    if (!rc) {
        time_publish_runstate(v);
    }
    return rc;
}

static int register_time(struct vcpu *caller, struct vcpu *v, uint64_t arg)
{
    int rc = translate_area(caller, v, arg, sizeof(struct vcpu_time_info),
                            &v->time.time_area);

    if (!rc) {
        time_update_vcpu(v);
    }
    return rc;
}

static int set_singleshot(struct vcpu *caller, struct vcpu *v, uint64_t arg)
{
    struct vcpu_set_singleshot_timer set;
    int rc;

    if (v != caller) {
        return -EINVAL;
    }
    rc = copy_from_guest(caller, &set, arg, sizeof(set));
    if (rc) {
        return rc;
    }
    if ((set.flags & VCPU_SSHOTTMR_future) &&
        set.timeout_abs_ns < arch_time_ns()) {
        return -ETIME;
    }
    time_set_singleshot(v, set.timeout_abs_ns);
    return 0;
}

static int get_runstate(struct vcpu *caller, struct vcpu *v, uint64_t arg)
{
    struct vcpu_runstate_info info = {
        .state = (int)v->time.state,
        .state_entry_time = v->time.state_entry,
    };

    for (unsigned i = 0; i < 4; i++) {
        info.time[i] = v->time.spent[i];
    }
    return copy_answer(caller, arg, &info, sizeof(info));
}

static int send_nmi(struct vcpu *v)
{
    v->vlapic.nmi_pending = true;
    vcpu_wake_for_event(v);
    return 0;
}

int64_t hc_vcpu_op(struct vcpu *caller, const uint64_t args[6])
{
    struct domain *d = caller->domain;
    struct vcpu *v;

    if (args[1] >= d->max_vcpus) {
        return -ENOENT;
    }
    v = d->vcpus[args[1]];
    switch ((uint32_t)args[0]) {
    case VCPUOP_up: /* PVH CPUs start by INIT/SIPI; resuming kernels ask */
    case VCPUOP_down:
        return 0;
    case VCPUOP_is_up:
        return !(READ_ONCE(v->hold) & HOLD_OFFLINE);
    case VCPUOP_get_runstate_info:
        return get_runstate(caller, v, args[2]);
    case VCPUOP_register_runstate_memory_area:
        return register_runstate(caller, v, args[2]);
    case VCPUOP_stop_periodic_timer:
        return 0; /* never runs */
    case VCPUOP_set_singleshot_timer:
        return set_singleshot(caller, v, args[2]);
    case VCPUOP_stop_singleshot_timer:
        if (v != caller) {
            return -EINVAL;
        }
        time_stop_singleshot(v);
        return 0;
    case VCPUOP_register_vcpu_info:
        return register_vcpu_info(caller, v, args[2]);
    case VCPUOP_register_vcpu_time_memory_area:
        return register_time(caller, v, args[2]);
    case VCPUOP_send_nmi:
        return send_nmi(v);
    default:
        return -ENOSYS;
    }
}

int64_t hc_set_timer_op(struct vcpu *v, const uint64_t args[6])
{
    if (args[0]) {
        time_set_singleshot(v, args[0]);
    } else {
        time_stop_singleshot(v);
    }
    return 0;
}

int64_t hc_vm_assist(struct vcpu *v, const uint64_t args[6])
{
    uint64_t bit;

    if (args[1] != VMASST_TYPE_runstate_update_flag) {
        return -EINVAL;
    }
    bit = BIT(args[1]);
    switch (args[0]) {
    case VMASST_CMD_enable:
        __atomic_fetch_or(&v->domain->vm_assist, bit, __ATOMIC_SEQ_CST);
        return 0;
    case VMASST_CMD_disable:
        __atomic_fetch_and(&v->domain->vm_assist, ~bit, __ATOMIC_SEQ_CST);
        return 0;
    default:
        return -ENOSYS;
    }
}
