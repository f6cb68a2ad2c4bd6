/* SPDX-License-Identifier: MIT */
/* Where a configured guest's virtual CPUs run: cpus and cpus_soft. */
#ifndef XL_GUESTPIN_H
#define XL_GUESTPIN_H

#include "cfgfile.h"
#include "guestcfg.h"

/* The form of a value; -EINVAL with `err` filled in. */
int guest_pin_check(const char *key, const struct cfg_value *value,
                    struct cfg_error *err);

/* What the two keys mean on this host. */
struct guest_pins {
    size_t hard_count, soft_count;
    struct xc_cpus *hard, *soft; /* of vCPU 0, 1, ... */
};

/*
 * Work out, before there is a domain, where each vCPU goes; then send them
 * there. 0, or -errno after a message. The pins are to be freed in any case.
 */
int guest_pins_read(struct guest_pins *pins, struct xc *xc,
                    const struct guest *guest);
int guest_pins_apply(const struct guest_pins *pins, struct xc *xc,
                     uint32_t domid);
void guest_pins_free(struct guest_pins *pins);

#endif
