/* SPDX-License-Identifier: MIT */
/*
 * No code: the sizes and numbers that the rest is built on, checked against the
 * public headers (HD-4, HD-5). When one of these fails, the installed
 * libxen-dev is not of Xen 4.17.
 */
#include "domain/domain.h"
#include "types/error.h"

#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sysctl.h>
#include <xen/vcpu.h>
#include <xen/xen.h>

#include <xen/arch-x86/hvm/start_info.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/hvm_vcpu.h>
#include <xen/hvm/params.h>
#include <xen/hvm/save.h>
#include <xen/io/console.h>
#include <xen/io/xs_wire.h>

#define SIZE(type, bytes) BUILD_ASSERT(sizeof(type) == (bytes), #type)
#define ERROR(name)       BUILD_ASSERT((int)(name) == (int)XEN_##name, #name)

SIZE(struct xen_domctl, 144);
SIZE(struct xen_sysctl, 136);
SIZE(struct xen_platform_op, 136);
SIZE(struct xen_domctl_createdomain, 64);
SIZE(struct xen_domctl_getdomaininfo, 112);
SIZE(struct xen_arch_domainconfig, 8);
SIZE(struct xen_domctl_vcpuaffinity, 40);
SIZE(struct xen_sysctl_physinfo, 112);
SIZE(struct xen_sysctl_cpupool_op, 40);
SIZE(struct xen_memory_reservation, 32);
SIZE(struct xen_add_to_physmap, 24);
SIZE(struct xen_add_to_physmap_batch, 32);
SIZE(struct xen_remove_from_physmap, 16);
SIZE(struct xen_mem_acquire_resource, 32);
SIZE(struct xen_pod_target, 40);
SIZE(struct xen_hvm_param, 16);
SIZE(struct shared_info, 3136);
SIZE(struct vcpu_info, 64);
SIZE(struct vcpu_time_info, 32);
SIZE(struct vcpu_runstate_info, 48);
SIZE(struct vcpu_hvm_context, 128);
SIZE(struct evtchn_status, 24);
SIZE(struct physdev_map_pirq, 40);
SIZE(struct hvm_start_info, 56);
SIZE(struct hvm_save_descriptor, 8);
SIZE(struct hvm_save_header, 24);
SIZE(struct hvm_hw_cpu, 1032);
SIZE(struct hvm_hw_lapic, 24);
SIZE(struct hvm_hw_lapic_regs, 1024);
SIZE(struct xencons_interface, 3088);
SIZE(struct xenstore_domain_interface, 2076);

BUILD_ASSERT(offsetof(struct shared_info, evtchn_pending) == 2048, "HC-31");
BUILD_ASSERT(offsetof(struct shared_info, evtchn_mask) == 2560, "HC-31");
BUILD_ASSERT(offsetof(struct shared_info, wc_version) == 3072, "HC-31");
BUILD_ASSERT(offsetof(struct shared_info, wc_sec) == 3076, "HC-31");
BUILD_ASSERT(offsetof(struct shared_info, wc_nsec) == 3080, "HC-31");
BUILD_ASSERT(offsetof(struct vcpu_info, evtchn_pending_sel) == 8, "HC-31");
BUILD_ASSERT(offsetof(struct vcpu_info, time) == 32, "HC-31");

BUILD_ASSERT(XEN_DOMCTL_INTERFACE_VERSION == 0x15, "HD-5");
BUILD_ASSERT(XEN_SYSCTL_INTERFACE_VERSION == 0x15, "HD-5");
BUILD_ASSERT(XENPF_INTERFACE_VERSION == 0x03000001, "HD-5");

/* What the layers below repeat because they do not see these headers. */
BUILD_ASSERT(DOMID_LIMIT == DOMID_FIRST_RESERVED, "domain ids");
BUILD_ASSERT(HVM_PARAM_COUNT == HVM_NR_PARAMS, "HVM parameters");
BUILD_ASSERT(VIRQ_LIMIT == NR_VIRQS, "VIRQs");
BUILD_ASSERT(EVENT_PORT_LIMIT == EVTCHN_2L_NR_CHANNELS, "ports");

ERROR(EPERM);
ERROR(ENOENT);
ERROR(ESRCH);
ERROR(EIO);
ERROR(ENXIO);
ERROR(E2BIG);
ERROR(EBADF);
ERROR(EAGAIN);
ERROR(ENOMEM);
ERROR(EACCES);
ERROR(EFAULT);
ERROR(EBUSY);
ERROR(EEXIST);
ERROR(EXDEV);
ERROR(ENODEV);
ERROR(EINVAL);
ERROR(ENOSPC);
ERROR(EMLINK);
ERROR(EDOM);
ERROR(ERANGE);
ERROR(ENOSYS);
ERROR(ENOTEMPTY);
ERROR(ENODATA);
ERROR(ETIME);
ERROR(EOVERFLOW);
ERROR(EILSEQ);
ERROR(ERESTART);
ERROR(EOPNOTSUPP);
ERROR(ENOBUFS);
