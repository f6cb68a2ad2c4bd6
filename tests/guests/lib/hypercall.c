/* SPDX-License-Identifier: MIT */
#include "hypercall.h"

#include "cpu.h"
#include "lib/string.h"
#include "public/podium.h"

#include <xen/version.h>

bool hypercall_by_vmcall;

static bool is_vendor(const uint32_t r[4], const char *vendor)
{
    uint32_t text[3] = {r[1], r[3], r[2]};

    return memcmp(text, vendor, sizeof(text)) == 0;
}

void hypercall_init(void)
{
    uint32_t r[4];

    cpuid(0, 0, r);
    hypercall_by_vmcall =
        !is_vendor(r, "AuthenticAMD") && !is_vendor(r, "HygonGenuine");
}

uint32_t hypervisor_leaf_base(void)
{
    for (uint32_t base = 0x40000000; base < 0x40010000; base += 0x100) {
        uint32_t r[4];

        cpuid(base, 0, r);
        if (r[1] == 0x566e6558 && r[2] == 0x65584d4d && r[3] == 0x4d4d566e &&
            r[0] - base >= 2) {
            return base;
        }
    }
    return 0;
}

void hypervisor_extra_version(char text[16])
{
    if (version_op(XENVER_extraversion, text)) {
        text[0] = '\0';
    }
    text[15] = '\0';
}

bool hypervisor_is_podium(void)
{
    char text[16];

    hypervisor_extra_version(text);
    return strcmp(text, PODIUM_EXTRAVERSION) == 0;
}
