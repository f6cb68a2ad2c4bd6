/* SPDX-License-Identifier: MIT */
/* The hypervisor's options, with Xen's names. */
#ifndef BOOT_CMDLINE_H
#define BOOT_CMDLINE_H

#include "base/console.h"
#include "guest/trouble.h"
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
    bool has_extra_cpu;  /* try to start that one, too: for tests */
    uint32_t extra_cpu;  /* its APIC id */
    bool spare_boot_cpu; /* run everything on the others */
    bool repeat_timer;   /* as timer_repeat() says */
    bool no_reboot;
    enum nmi_policy nmi;
    bool no_x2apic;
    char page_scan[8], page_clear[8]; /* names; empty: as it is best */
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
