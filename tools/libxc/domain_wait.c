/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a domain: for its end, for its console. xenstored says when a
 * domain has ended (a watch on @releaseDomain); which one, and how, must be
 * asked. The event may also have gone before the watch was there, so we look
 * again now and then without one.
 */
#include <errno.h>
#include <stdbool.h>
#include <time.h>

#include "libxc/domain.h"
#include "libxc/handle.h"
#include "libxc/store.h"

#define RECHECK_MS 2000

void domain_sleep_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* True if there is nothing to wait for any more, or rc < 0 in *rc. */
static bool has_ended(struct xc *xc, uint32_t domid, struct xc_domain *info,
                      int *rc)
{
    *rc = domain_query(xc, domid, info);
    if (*rc == -ESRCH) {
        *info = (struct xc_domain){.domid = domid, .dying = true};
        *rc = 0;
        return true;
    }
    return *rc || info->shutdown || info->dying;
}

/* 0, or -Exxx other than that it took too long. Without xenstored nobody tells
 * that a domain has ended, but it can still be seen. */
static int wait_for_news(struct xc *xc, int64_t ms)
{
    int rc = store_wait(xc, (int)ms);

    if (rc == -ENOTCONN) {
        domain_sleep_ms((long)ms);
    }
    return rc == -ENOTCONN || rc == -ETIMEDOUT ? 0 : rc;
}

static int wait_for_end(struct xc *xc, uint32_t domid, int64_t until,
                        struct xc_domain *info)
{
    int rc;

    while (!has_ended(xc, domid, info, &rc)) {
        int64_t left = until < 0 ? RECHECK_MS : until - now_ms();

        if (left <= 0) {
            return xc_fail(xc, -ETIMEDOUT, "domain %u is still running", domid);
        }
        rc = wait_for_news(xc, left < RECHECK_MS ? left : RECHECK_MS);
        if (rc) {
            break;
        }
    }
    return rc ? xc_fail_errno(xc, rc, "waiting for domain %u", domid) : 0;
}

int xc_domain_wait(struct xc *xc, uint32_t domid, int timeout_ms,
                   struct xc_domain *info)
{
    int64_t until = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
    bool watched = store_watch(xc, "@releaseDomain") == 0;
    int rc = wait_for_end(xc, domid, until, info);

    if (watched) {
        store_unwatch(xc, "@releaseDomain");
    }
    return rc;
}

int xc_domain_console(struct xc *xc, uint32_t domid, int timeout_ms, char *path,
                      size_t size)
{
    int64_t until = now_ms() + timeout_ms;
    struct xc_domain info;
    int rc;

    for (;;) {
        rc = xc_domain_info(xc, domid, &info);
        if (!rc) {
            rc = store_read_string(xc, path, size,
                                   "/local/domain/%u/console/tty", domid);
        }
        if (rc && rc != -ENOENT) {
            return rc;
        }
        if (!rc && path[0]) {
            return 0;
        }
        if (now_ms() >= until) {
            return xc_fail(xc, -ETIMEDOUT,
                           "domain %u has no console yet: is xenconsoled "
                           "running?",
                           domid);
        }
        xc_report(xc, "waiting for the console", 0, 0);
        domain_sleep_ms(20);
    }
}
