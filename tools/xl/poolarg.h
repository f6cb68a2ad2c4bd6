/* SPDX-License-Identifier: MIT */
/* CPU pools as commands name them. */
#ifndef XL_POOLARG_H
#define XL_POOLARG_H

#include <stdbool.h>

#include "libxc/xc.h"

/* False after a message: it is the last pool that is shown. */
typedef bool pool_show(struct xc *xc, const struct xc_cpupool *pool,
                       void *context);

/* `show` for each pool, or for the one named `wanted`. XL_OK, or XL_FAILED
 * after a message. */
int pool_each(struct xc *xc, const char *wanted, pool_show *show,
              void *context);

#endif
