/* SPDX-License-Identifier: MIT */
/*
 * Bring a configured guest to life.
 *
 * A half built domain that nobody finishes would keep its memory for ever.
 * The library removes it when building fails, but it cannot when the process
 * is killed; so the signals with which a user ends a command are held back
 * while building, and looked at when the domain is whole and easy to remove.
 */
#include "launch.h"

#include <errno.h>
#include <signal.h>

#include "createlock.h"
#include "message.h"

static void fill_ending_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
}

static bool ending_signal_came(void)
{
    sigset_t pending;

    sigpending(&pending);
    return sigismember(&pending, SIGHUP) || sigismember(&pending, SIGINT) ||
           sigismember(&pending, SIGTERM);
}

int launch_build(struct xc *xc, const struct guest *guest, uint32_t *domid)
{
    int lock = create_lock();
    sigset_t ending, before;
    int rc;

    fill_ending_signals(&ending);
    sigprocmask(SIG_BLOCK, &ending, &before);
    rc = xc_domain_create(xc, &guest->config, domid);
    progress_end();
    if (rc) {
        error("cannot create '%s': %s", guest->config.name, xc_error(xc));
    } else if (ending_signal_came()) {
        xc_domain_destroy(xc, *domid);
        rc = -EINTR;
    }
    create_unlock(lock);
    sigprocmask(SIG_SETMASK, &before, NULL); /* here the signal ends us */
    return rc;
}
