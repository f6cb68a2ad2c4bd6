/* SPDX-License-Identifier: MIT */
/*
 * The text of the last failure, and progress. Depends on nothing, so that the
 * parts of the library that only compute can be tested without a hypervisor.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libxc/handle.h"

/* strerror() speaks of processes and files where we mean domains. */
static const char *describe(int rc)
{
    switch (-rc) {
    case ENOTCONN:
        return "this kernel has no Xen interface (/dev/xen/privcmd), or you "
               "are not root";
    case ESRCH:
        return "no such domain";
    case ENOSYS:
        return "this hypervisor does not support it";
    case EACCES:
        return "refused (another interface version, or no permission)";
    default:
        return strerror(-rc);
    }
}

static void set_error(struct xc *xc, const char *fmt, va_list args)
{
    /* An argument may be the old text itself. */
    char text[sizeof(xc->error)];

    vsnprintf(text, sizeof(text), fmt, args);
    memcpy(xc->error, text, sizeof(text));
}

int xc_fail(struct xc *xc, int rc, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    set_error(xc, fmt, args);
    va_end(args);
    return rc;
}

int xc_fail_errno(struct xc *xc, int rc, const char *fmt, ...)
{
    va_list args;
    size_t used;

    /* Whatever was wanted: without Xen that is all there is to say. */
    if (rc == -ENOTCONN) {
        return xc_fail(xc, rc, "%s", describe(rc));
    }
    va_start(args, fmt);
    set_error(xc, fmt, args);
    va_end(args);
    used = strlen(xc->error);
    snprintf(xc->error + used, sizeof(xc->error) - used, ": %s", describe(rc));
    return rc;
}

const char *xc_error(const struct xc *xc)
{
    return xc->error;
}

void xc_set_progress(struct xc *xc, xc_progress_fn *fn, void *arg)
{
    xc->progress = fn;
    xc->progress_arg = arg;
}

void xc_report(struct xc *xc, const char *what, uint64_t done, uint64_t total)
{
    if (xc->progress) {
        xc->progress(xc->progress_arg, what, done, total);
    }
}
