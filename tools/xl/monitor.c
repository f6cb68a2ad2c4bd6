/* SPDX-License-Identifier: MIT */
/*
 * Watches one guest and does what its configuration says when it stops.
 *
 * A guest that has powered off still holds all its memory, so that it can be
 * looked at; someone must destroy it. As with xl elsewhere, that is a small
 * process per guest, left behind by create.
 *
 * It shares the guest with any other xl that is run meanwhile. The rule that
 * keeps them apart: a domain that is dying or gone belongs to whoever killed
 * it, and the monitor then only leaves. If both start to destroy the same
 * domain, the second finds it gone, which is no error for either. Only the
 * monitor restarts, and only what it has destroyed itself.
 *
 * It also writes down when the guest waits for memory, and what would help. It
 * looks every few seconds instead of listening to the hypervisor's event,
 * which one process of domain 0 can have, and there is one of us per guest.
 */
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch.h"
#include "message.h"

#define LOG_DIRECTORY "/var/log/xen"
#define LOOK_MS       5000

/*
 * Make a stopped guest's successor. *domid becomes the new one's. -ESRCH if
 * another destroyed the old one first: then no successor is wanted.
 */
static int restart(struct xc *xc, const struct guest *guest, uint32_t *domid)
{
    int rc = xc_domain_destroy(xc, *domid);

    if (rc == -ESRCH) {
        return rc;
    }
    if (!rc) {
        rc = launch_build(xc, guest, domid);
    } else {
        error("cannot destroy domain %u: %s", *domid, xc_error(xc));
    }
    if (!rc) {
        rc = xc_domain_unpause(xc, *domid);
        verbose("restarted as domain %u", *domid);
    }
    return rc;
}

static int destroy(struct xc *xc, uint32_t domid)
{
    int rc = xc_domain_destroy(xc, domid);

    if (rc && rc != -ESRCH) {
        error("cannot destroy domain %u: %s", domid, xc_error(xc));
        return rc;
    }
    return 0;
}

/* True when there is nothing more to watch; *rc is then the result. */
static bool act(struct xc *xc, const struct guest *guest,
                const struct xc_domain *info, uint32_t *domid, int *rc)
{
    enum guest_action action;

    if (info->dying) {
        verbose("domain %u is gone", *domid);
        return true;
    }
    action = guest_action_after(guest, info->shutdown_code);
    verbose("domain %u has stopped (%s): %s", *domid,
            xc_shutdown_name(info->shutdown_code), guest_action_name(action));
    switch (action) {
    case GUEST_RESTART:
        *rc = restart(xc, guest, domid);
        if (*rc == -ESRCH) {
            *rc = 0;
            return true;
        }
        return *rc != 0;
    case GUEST_DESTROY:
        *rc = destroy(xc, *domid);
        return true;
    default:
        return true;
    }
}

/* What was seen when we looked last. */
struct seen {
    uint64_t waits;           /* how often it had begun to wait */
    uint64_t next_target_kib; /* what it waited for; 0: it did not */
};

static void tell_if_it_waits(struct xc *xc, uint32_t domid, struct seen *seen)
{
    struct seen before = *seen;
    struct xc_pod pod;

    if (xc_pod_info(xc, domid, &pod)) {
        return;
    }
    seen->waits = pod.waits;
    seen->next_target_kib = pod.next_target_kib;
    if (pod.next_target_kib) {
        if (pod.next_target_kib != before.next_target_kib) {
            verbose("domain %u waits for memory (%u vCPUs, %lu KiB promised "
                    "and not backed): a target of %lu KiB would let it go on, "
                    "%lu KiB would keep all promises",
                    domid, pod.waiting_vcpus, (unsigned long)pod.deficit_kib,
                    (unsigned long)pod.next_target_kib,
                    (unsigned long)pod.all_target_kib);
        }
    } else if (before.next_target_kib || pod.waits > before.waits) {
        verbose("domain %u has waited for memory", domid);
    }
}

int monitor_run(struct xc *xc, const struct guest *guest, uint32_t domid)
{
    struct xc_domain info;
    struct seen seen = {0};
    int rc;

    verbose("watching '%s', domain %u, as process %d", guest->config.name,
            domid, (int)getpid());
    do {
        rc = xc_domain_wait(xc, domid, LOOK_MS, &info);
        if (!rc || rc == -ETIMEDOUT) {
            /* Also when it has stopped: it may have waited since we looked. */
            tell_if_it_waits(xc, domid, &seen);
        } else if (rc != -EINTR) {
            error("cannot watch domain %u: %s", domid, xc_error(xc));
            return rc;
        }
    } while (rc || !act(xc, guest, &info, &domid, &rc));
    return rc;
}

/* The log of this guest's monitors, or /dev/null when there can be none. */
static int open_log(const char *name)
{
    char *path = must_format("%s/xl-%s.log", LOG_DIRECTORY, name);
    int fd;

    mkdir("/var/log", 0755);
    mkdir(LOG_DIRECTORY, 0755);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0644);
    free(path);
    return fd >= 0 ? fd : open("/dev/null", O_WRONLY);
}

/* Let go of the terminal, the directory and whoever waits for our output. */
static void leave_foreground(const char *name)
{
    int in = open("/dev/null", O_RDONLY), out = open_log(name);

    setsid();
    if (chdir("/")) {
        warn("cannot leave the directory: %s", strerror(errno));
    }
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    if (in > STDERR_FILENO) {
        close(in);
    }
    if (out > STDERR_FILENO) {
        close(out);
    }
    message_verbose = true;
}

int monitor_start(const struct guest *guest, uint32_t domid)
{
    struct xc *xc;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid < 0) {
        error("cannot start a process to watch domain %u: %s", domid,
              strerror(errno));
        return -errno;
    }
    if (pid > 0) {
        return 0;
    }
    leave_foreground(guest->config.name);
    xc = xc_open();
    _exit(xc && !monitor_run(xc, guest, domid) ? 0 : 1);
}
