/* SPDX-License-Identifier: MIT */
/* The hypervisor's options, with Xen's names. */
#ifndef BOOT_CMDLINE_H
#define BOOT_CMDLINE_H

#include "base/console.h"
#include "overcommit/tmem.h"
#include "types/words.h"

struct options {
    unsigned console_com; /* 1 or 2 */
    unsigned console_baud;
    bool use_screen;
    enum log_level host_level, guest_level;
    uint64_t dom0_mem;       /* bytes; 0: not given */
    unsigned dom0_max_vcpus; /* 0: as many as CPUs */
    unsigned max_cpus;
    bool spare_boot_cpu; /* run everything on the others */
    bool no_reboot;
    bool no_background; /* zero pages are looked for by touches only */
    bool no_tmem;       /* no transcendent memory */
    bool tmem_compress; /* of new clients */
    enum tmem_policy tmem_policy;
};

/* Parse `text` over the defaults. Unknown or malformed options are kept for
 * cmdline_report(), since the console they may be about is not up yet. */
void cmdline_parse(const char *text, struct options *o);
void cmdline_report(void);

#endif
