/* SPDX-License-Identifier: MIT */
/* What top shows: all domains at two moments, and what changed between. */
#ifndef XL_TOPVIEW_H
#define XL_TOPVIEW_H

#include <stdio.h>

#include "libxc/xc.h"

struct top_domain {
    struct xc_domain info;
    struct xc_pod pod; /* zeros when there is nothing to know */
    char name[XC_NAME_MAX];
};

struct top_sample {
    uint64_t time_ns;
    struct xc_host host;
    struct top_domain *domains; /* free() */
    size_t count;
};

enum top_order {
    TOP_BY_ID,
    TOP_BY_CPU,
    TOP_BY_MEMORY
};

/* Of one CPU. 0 for a domain that was not there before. */
double top_cpu_percent(const struct top_sample *before,
                       const struct top_sample *now, size_t index);

/* At most `lines` lines; 0: as many as there are. `before` may be empty. */
void top_print(FILE *out, const struct top_sample *before,
               const struct top_sample *now, enum top_order order,
               unsigned int lines);

#endif
