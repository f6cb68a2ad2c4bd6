/* SPDX-License-Identifier: MIT */
/*
 * Memory for a new guest, out of domain 0's.
 *
 * Domain 0's target is lowered by what is missing. Its kernel's balloon driver
 * follows in its own time, and may stop early when it needs the memory itself;
 * so we look again and again how much the host has, and go on waiting as long
 * as it becomes more. Every way out but success gives the target back.
 */
#include "room.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "domainarg.h"
#include "message.h"
#include "size.h"

#define POLL_MS 100

unsigned int room_patience_ms = 10000;

static int free_kib(struct xc *xc, uint64_t *kib)
{
    struct xc_host host;
    int rc = xc_host_info(xc, &host);

    if (rc) {
        failed(xc, "cannot ask for the host's free memory");
        return rc;
    }
    *kib = host.freeable_kib;
    if (host.free_kib > host.outstanding_kib) {
        *kib += host.free_kib - host.outstanding_kib;
    }
    return 0;
}

/* Who sets dom0_mem has said how much domain 0 should have. */
static bool is_allowed(struct xc *xc, enum autoballoon mode)
{
    struct xc_version version;

    if (mode != AUTOBALLOON_AUTO) {
        return mode == AUTOBALLOON_ON;
    }
    return !xc_version(xc, &version) &&
           !strstr(version.commandline, "dom0_mem=");
}

/* What domain 0 is meant to have, or has if that is less. */
static int dom0_target(struct xc *xc, uint64_t *kib)
{
    struct xc_domain info;
    struct xc_memory memory;
    int rc = xc_domain_info(xc, 0, &info);

    if (rc) {
        failed(xc, "cannot ask for the memory of domain 0");
        return rc;
    }
    *kib = info.current_kib;
    if (!xc_memory_get(xc, 0, &memory) && memory.target_kib < *kib) {
        *kib = memory.target_kib;
    }
    return 0;
}

/* Whoever holds back the signals that end a command looks at them later. */
static bool signal_came(void)
{
    sigset_t pending;

    sigpending(&pending);
    return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
           sigismember(&pending, SIGHUP);
}

static int wait_for_memory(struct xc *xc, uint64_t need_kib, uint64_t start_kib)
{
    uint64_t now_kib = start_kib, best_kib = start_kib;
    unsigned int waited_ms = 0;
    int rc = 0;

    while (now_kib < need_kib && waited_ms < room_patience_ms) {
        progress("domain 0 gives memory", best_kib - start_kib,
                 need_kib - start_kib);
        usleep(POLL_MS * 1000);
        waited_ms += POLL_MS;
        if (signal_came()) {
            progress_end();
            return -EINTR;
        }
        rc = free_kib(xc, &now_kib);
        if (rc) {
            return rc;
        }
        if (now_kib > best_kib) {
            best_kib = now_kib;
            waited_ms = 0;
        }
    }
    progress_end();
    return now_kib < need_kib ? -ENOMEM : 0;
}

static int take(struct room *room, struct xc *xc, uint64_t need_kib,
                uint64_t have_kib)
{
    uint64_t missing_kib = need_kib - have_kib, before_kib;
    int rc = dom0_target(xc, &before_kib);

    if (rc) {
        return rc;
    }
    /* In whole MiB, so that targets stay readable; at least half of one more,
     * for the tables that it takes to give single pages out of large ones. */
    missing_kib += KIB_PER_MIB / 2;
    missing_kib = (missing_kib + KIB_PER_MIB - 1) & ~(KIB_PER_MIB - 1);
    verbose("%lu MiB are missing: domain 0 has to give them",
            (unsigned long)(missing_kib / KIB_PER_MIB));
    if (missing_kib >= before_kib ||
        xc_memory_set_target(xc, 0, before_kib - missing_kib)) {
        error("the host has not enough free memory: %lu MiB are missing, and "
              "domain 0 has %lu MiB and cannot give them",
              (unsigned long)(missing_kib / KIB_PER_MIB),
              (unsigned long)(before_kib / KIB_PER_MIB));
        return -ENOMEM;
    }
    room->dom0_before_kib = before_kib;
    rc = wait_for_memory(xc, need_kib, have_kib);
    if (rc == -ENOMEM) {
        error("the host has not enough free memory, and domain 0 did not give "
              "the %lu MiB that are missing",
              (unsigned long)(missing_kib / KIB_PER_MIB));
    }
    return rc;
}

int room_make(struct room *room, struct xc *xc, enum autoballoon mode,
              uint64_t need_kib)
{
    uint64_t have_kib;
    int rc;

    room->dom0_before_kib = 0;
    rc = free_kib(xc, &have_kib);
    if (rc || have_kib >= need_kib || !is_allowed(xc, mode)) {
        return rc;
    }
    rc = take(room, xc, need_kib, have_kib);
    if (rc) {
        room_give_back(room, xc);
    }
    return rc;
}

void room_give_back(struct room *room, struct xc *xc)
{
    if (room->dom0_before_kib &&
        xc_memory_set_target(xc, 0, room->dom0_before_kib)) {
        failed(xc, "cannot give domain 0 its memory back");
    }
    room->dom0_before_kib = 0;
}
