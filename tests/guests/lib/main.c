/* SPDX-License-Identifier: MIT */
/* From start.S to the guest's own test_main(). */
#include "main.h"

#include "console.h"
#include "hypercall.h"
#include "lib/string.h"
#include "memory.h"
#include "smp.h"
#include "test.h"
#include "trap.h"

#include <xen/xen.h>

extern uint64_t start_info_address;
void main_start(void) noreturn_fn;

const struct hvm_start_info *start_info;

/* What check.h wants; library code of the hypervisor is linked in. */
void check_failed(const char *what, const char *file, int line)
{
    test_error("%s:%d: %s", file, line, what);
}

bool is_privileged(void)
{
    return start_info->flags & SIF_INITDOMAIN;
}

uint16_t own_domid(void)
{
    uint32_t r[4];

    cpuid(hypervisor_leaf_base() + 4, 0, r);
    return r[2];
}

const char *argument(const char *name)
{
    const char *at = (const char *)start_info->cmdline_paddr;
    size_t length = strlen(name);

    while (at && *at) {
        if (strncmp(at, name, length) == 0 && at[length] == '=') {
            return at + length + 1;
        }
        at = strchr(at, ' ');
        while (at && *at == ' ') {
            at++;
        }
    }
    return NULL;
}

void need_privilege(void)
{
    if (!is_privileged()) {
        test_skip("it makes other domains, so it must be the first");
    }
}

void main_start(void)
{
    trap_init(&cpus[0]);
    cpus[0].is_online = true;
    hypercall_init();
    start_info = (const void *)start_info_address;
    console_init(is_privileged());
    if (start_info->magic != XEN_HVM_START_MAGIC_VALUE ||
        start_info->version < 1) {
        test_error("start_info: magic 0x%x, version %u", start_info->magic,
                   start_info->version);
    }
    memory_init(start_info);
    smp_init();
    test_main();
    test_end();
}
