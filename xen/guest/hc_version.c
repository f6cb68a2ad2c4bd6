/* SPDX-License-Identifier: MIT */
/*
 * xen_version (CP-8, CP-9): what we claim to be, Xen 4.17, and which features
 * a PVH guest may build on. Whatever is text goes out as one array of the
 * size that the ABI gives it, zeroes behind the text.
 */
#include "guest/copy.h"
#include "guest/hypercall.h"
#include "lib/string.h"
#include "public/podium.h"
#include "types/error.h"

#include <xen/version.h>

#define ABI_VERSION (4 << 16 | 17)
#define CAPABILITIES                                                           \
    "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 "
/* Where a 64-bit PV guest would find the hypervisor; asked for by all. */
#define VIRT_START 0xffff800000000000ULL

#define FEATURE(name) (1U << XENFEAT_##name)
#define FEATURES                                                               \
    (FEATURE(writable_page_tables) | FEATURE(auto_translated_physmap) |        \
     FEATURE(hvm_callback_vector) | FEATURE(hvm_safe_pvclock) |                \
     FEATURE(memory_op_vnode_supported) | FEATURE(not_direct_mapped))

BUILD_ASSERT(FEATURES == 0x12305, "CP-8, domU");
BUILD_ASSERT((FEATURES | FEATURE(dom0)) == 0x12b05, "CP-8, control domain");

#define TEXT_LIMIT 128 /* longest array filled in one piece */

static const char *command_line = "";

void version_set_command_line(const char *text)
{
    command_line = text;
}

/* Text, then zeroes up to size. */
static int put_text(struct vcpu *v, uint64_t gva, const char *text, size_t size)
{
    char part[TEXT_LIMIT];
    size_t length = MIN(strlen(text), size - 1);

    for (size_t done = 0; done < size; done += sizeof(part)) {
        size_t n = MIN(size - done, sizeof(part));
        int rc;

        memset(part, 0, n);
        if (done < length) {
            memcpy(part, text + done, MIN(length - done, n));
        }
        rc = copy_answer(v, gva + done, part, n);
        if (rc) {
            return rc;
        }
    }
    return 0;
}

static int put_compile_info(struct vcpu *v, uint64_t gva)
{
    struct xen_compile_info info;

    memset(&info, 0, sizeof(info));
    string_copy(info.compiler, "gcc " __VERSION__, sizeof(info.compiler));
    string_copy(info.compile_by, "podium", sizeof(info.compile_by));
    return copy_answer(v, gva, &info, sizeof(info));
}

static int put_platform(struct vcpu *v, uint64_t gva)
{
    struct xen_platform_parameters p = {.virt_start = VIRT_START};

    return copy_answer(v, gva, &p, sizeof(p));
}

static int put_features(struct vcpu *v, uint64_t gva)
{
    struct xen_feature_info info;
    int rc = copy_from_guest(v, &info, gva, sizeof(info));

    if (rc) {
        return rc;
    }
    if (info.submap_idx != 0) {
        return -EINVAL;
    }
    info.submap = FEATURES;
    if (vcpu_domain(v)->privileged) {
        info.submap |= FEATURE(dom0);
    }
    return copy_answer(v, gva, &info, sizeof(info));
}

int64_t hc_xen_version(struct vcpu *v, const uint64_t args[6])
{
    uint64_t gva = args[1];

    switch ((uint32_t)args[0]) {
    case XENVER_version:
        return ABI_VERSION;
    case XENVER_extraversion:
        return put_text(v, gva, PODIUM_EXTRAVERSION, XEN_EXTRAVERSION_LEN);
    case XENVER_compile_info:
        return put_compile_info(v, gva);
    case XENVER_capabilities:
        return put_text(v, gva, CAPABILITIES, XEN_CAPABILITIES_INFO_LEN);
    case XENVER_changeset:
        return put_text(v, gva, "unavailable", XEN_CHANGESET_INFO_LEN);
    case XENVER_platform_parameters:
        return put_platform(v, gva);
    case XENVER_get_features:
        return put_features(v, gva);
    case XENVER_pagesize:
        return PAGE_SIZE;
    case XENVER_guest_handle:
        return copy_answer(v, gva, vcpu_domain(v)->handle,
                           sizeof(vcpu_domain(v)->handle));
    case XENVER_commandline:
        return put_text(v, gva, command_line, sizeof(xen_commandline_t));
    case XENVER_build_id:
        return -ENODATA;
    default:
        return -ENOSYS;
    }
}
