/* SPDX-License-Identifier: MIT */
/* Sets of the host's CPUs as a user writes them: "all", "0-3,5,^1". */
#ifndef XL_CPULIST_H
#define XL_CPULIST_H

#include "libxc/xc.h"

/* The host's CPUs, as far as lists can speak of them. */
struct cpulist_host {
    struct xc_cpu *cpus; /* free() */
    uint32_t count;
};

/* False after a message. */
bool cpulist_host_read(struct xc *xc, struct cpulist_host *host);

#define CPULIST_ERROR_SIZE 160

/*
 * The CPUs that `text` names: items between commas, each of which adds to the
 * set, or takes from it after a ^:
 *
 *     all        N        N-M        node:N        nodes:N-M
 *
 * With host NULL only the form is looked at, and *cpus is of no use. -EINVAL
 * with what is wrong in `error`, also when no CPU is left over.
 */
int cpulist_parse(const char *text, const struct cpulist_host *host,
                  struct xc_cpus *cpus, char error[CPULIST_ERROR_SIZE]);

/* "all", "none", or "0-1,3": of the first `count` CPUs. */
void cpulist_format(const struct xc_cpus *cpus, uint32_t count, char *text,
                    size_t size);
/* The same, but never "all". */
void cpulist_format_numbers(const struct xc_cpus *cpus, uint32_t count,
                            char *text, size_t size);

#endif
