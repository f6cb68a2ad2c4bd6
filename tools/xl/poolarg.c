/* SPDX-License-Identifier: MIT */
#include "poolarg.h"

#include <errno.h>
#include <string.h>

#include "cmdtable.h"
#include "domainarg.h"
#include "message.h"

int pool_each(struct xc *xc, const char *wanted, pool_show *show, void *context)
{
    struct xc_cpupool pool;
    bool any = false;
    uint32_t from = 0;
    int rc;

    while (!(rc = xc_cpupool_next(xc, from, &pool))) {
        if (!wanted || !strcmp(wanted, pool.name)) {
            any = true;
            if (!show(xc, &pool, context)) {
                return XL_FAILED;
            }
        }
        from = pool.id + 1;
    }
    if (rc != -ENOENT) {
        return failed(xc, "cannot list the CPU pools");
    }
    if (wanted && !any) {
        error("CPU pool '%s' does not exist", wanted);
        return XL_FAILED;
    }
    return XL_OK;
}
