/* SPDX-License-Identifier: MIT */
/* What /etc/xen/xl.conf says, for all guests of this host. */
#ifndef XL_HOSTCFG_H
#define XL_HOSTCFG_H

#include <stdbool.h>

#include "libxc/xc.h"

#include "cfgfile.h"

enum autoballoon {
    AUTOBALLOON_OFF,
    AUTOBALLOON_ON,
    AUTOBALLOON_AUTO
};

struct host_config {
    enum autoballoon autoballoon;
    bool claim;
    const char *lockfile;
    enum xc_on_empty on_empty;
    uint64_t borrow_kib; /* 0: what is promised and not given */
    struct cfg cfg;      /* owns the strings */
};

/* Where the file is; a test has its own. */
extern const char *host_config_path;

/*
 * The file's settings, or the defaults if there is no such file. 0; or a
 * negative errno value after a message. To be freed in any case.
 */
int host_config_read(struct host_config *host);
void host_config_free(struct host_config *host);

#endif
