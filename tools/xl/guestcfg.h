/* SPDX-License-Identifier: MIT */
/* What a configuration says about a guest, checked and typed. */
#ifndef XL_GUESTCFG_H
#define XL_GUESTCFG_H

#include <stdio.h>

#include "libxc/xc.h"

#include "cfgfile.h"

/* What to do with a guest that has stopped. */
enum guest_action {
    GUEST_DESTROY,
    GUEST_RESTART,
    GUEST_PRESERVE
};

struct guest {
    struct xc_guest_config config; /* its strings belong to cfg or to us */
    char *kernel, *ramdisk; /* from the root, for a restart from elsewhere */
    bool has_on_empty, has_borrow; /* or else xl.conf's count */
    enum guest_action on_poweroff, on_reboot, on_crash, on_watchdog;
    bool has_weight, has_cap;
    struct xc_share share; /* as far as they say */
    char *cmdline;         /* put together from root and extra, or NULL */
    const struct cfg_value *cpus, *cpus_soft; /* cfg's; NULL: anywhere */
};

/*
 * Read a guest's description out of `cfg`, which must live as long as the
 * guest. Keys that mean nothing here are warned about. 0, or -EINVAL with
 * `err` filled in.
 */
int guest_read(struct guest *guest, const struct cfg *cfg,
               struct cfg_error *err);
void guest_free(struct guest *guest);

/* pod_on_empty and pod_borrow, which xl.conf has, too. An absent key leaves the
 * value as it was, and is not found. */
int guest_read_on_empty(const struct cfg *cfg, enum xc_on_empty *on_empty,
                        bool *found, struct cfg_error *err);
int guest_read_borrow(const struct cfg *cfg, uint64_t *kib, bool *found,
                      struct cfg_error *err);

/* What to do after a shutdown with this code (enum xc_shutdown). */
enum guest_action guest_action_after(const struct guest *guest,
                                     unsigned int shutdown_code);
const char *guest_action_name(enum guest_action action);

/* The guest as create understood it, as a configuration. */
void guest_print(const struct guest *guest, FILE *out);

#endif
