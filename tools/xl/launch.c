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
#include "guestpin.h"
#include "hostcfg.h"
#include "message.h"
#include "room.h"

static const int ending_signals[] = {SIGHUP, SIGINT, SIGTERM};

#define ENDING_COUNT (sizeof(ending_signals) / sizeof(ending_signals[0]))

/* Signals that we were started to ignore, as by nohup or &, end nothing. */
static void fill_ending_signals(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < ENDING_COUNT; i++) {
        struct sigaction action;

        if (!sigaction(ending_signals[i], NULL, &action) &&
            action.sa_handler != SIG_IGN) {
            sigaddset(set, ending_signals[i]);
        }
    }
}

static bool ending_signal_came(const sigset_t *ending)
{
    sigset_t pending;

    sigpending(&pending);
    for (size_t i = 0; i < ENDING_COUNT; i++) {
        if (sigismember(&pending, ending_signals[i]) &&
            sigismember(ending, ending_signals[i])) {
            return true;
        }
    }
    return false;
}

/* What the configuration says of weight and cap; the rest stays as it is. */
static int apply_share(struct xc *xc, const struct guest *guest, uint32_t domid)
{
    struct xc_share share;
    int rc;

    if (!guest->has_weight && !guest->has_cap) {
        return 0;
    }
    rc = xc_share_get(xc, domid, &share);
    if (!rc) {
        share.weight = guest->has_weight ? guest->share.weight : share.weight;
        share.cap = guest->has_cap ? guest->share.cap : share.cap;
        rc = xc_share_set(xc, domid, &share);
    }
    if (rc) {
        error("%s", xc_error(xc));
    }
    return rc;
}

/* The domain, with its vCPUs where they should be; or none. */
static int build_and_pin(struct xc *xc, const struct guest *guest,
                         const struct host_config *host,
                         const struct guest_pins *pins, uint32_t *domid)
{
    struct xc_guest_config config = guest->config;
    int rc;

    config.no_claim = !host->claim;
    if (!guest->has_on_empty) {
        config.on_empty = host->on_empty;
    }
    if (!guest->has_borrow) {
        config.borrow_kib = host->borrow_kib;
    }
    rc = xc_domain_create(xc, &config, domid);
    progress_end();
    if (rc) {
        error("cannot create '%s': %s", config.name, xc_error(xc));
        return rc;
    }
    rc = guest_pins_apply(pins, xc, *domid);
    if (!rc) {
        rc = apply_share(xc, guest, *domid);
    }
    if (rc) {
        xc_domain_destroy(xc, *domid);
    }
    return rc;
}

static int build_in_room(struct xc *xc, const struct guest *guest,
                         const struct host_config *host,
                         const struct guest_pins *pins, uint32_t *domid)
{
    struct room room;
    int rc = room_make(&room, xc, host->autoballoon,
                       xc_guest_need_kib(&guest->config));

    if (!rc) {
        rc = build_and_pin(xc, guest, host, pins, domid);
    }
    if (rc) {
        room_give_back(&room, xc);
    }
    return rc;
}

/* With the signals held back, and nobody else creating. */
static int build_locked(struct xc *xc, const struct guest *guest,
                        const struct host_config *host, uint32_t *domid)
{
    struct guest_pins pins;
    int rc = guest_pins_read(&pins, xc, guest);

    if (!rc) {
        rc = build_in_room(xc, guest, host, &pins, domid);
    }
    guest_pins_free(&pins);
    return rc;
}

int launch_build(struct xc *xc, const struct guest *guest, uint32_t *domid)
{
    sigset_t ending, before;
    struct host_config host;
    int lock, rc = host_config_read(&host);

    if (rc) {
        host_config_free(&host);
        return rc;
    }
    lock = create_lock(host.lockfile);
    fill_ending_signals(&ending);
    sigprocmask(SIG_BLOCK, &ending, &before);
    rc = build_locked(xc, guest, &host, domid);
    if (!rc && ending_signal_came(&ending)) {
        xc_domain_destroy(xc, *domid);
        rc = -EINTR;
    }
    create_unlock(lock);
    host_config_free(&host);
    sigprocmask(SIG_SETMASK, &before, NULL); /* here the signal ends us */
    return rc;
}
