/* SPDX-License-Identifier: MIT */
/* Every command of xl: a row each. */
#ifndef XL_CMDTABLE_H
#define XL_CMDTABLE_H

#include <stddef.h>

#include "libxc/xc.h"

#include "args.h"

/* Exit status: fine, the command failed, or it was called wrongly. */
enum {
    XL_OK = 0,
    XL_FAILED = 1,
    XL_USAGE = 2
};

#define ANY_WORDS 1000

struct command {
    const char *name;
    int (*run)(struct xc *xc, const struct args *args);
    const char *options; /* for getopt */
    int min_words, max_words;
    const char *usage; /* after the name */
    const char *summary;
    const char *help; /* the options, one a line; or NULL */
};

extern const struct command command_table[];
extern const size_t command_count;

int cmd_console(struct xc *xc, const struct args *args);
int cmd_create(struct xc *xc, const struct args *args);
int cmd_debug_keys(struct xc *xc, const struct args *args);
int cmd_destroy(struct xc *xc, const struct args *args);
int cmd_dmesg(struct xc *xc, const struct args *args);
int cmd_domid(struct xc *xc, const struct args *args);
int cmd_domname(struct xc *xc, const struct args *args);
int cmd_help(struct xc *xc, const struct args *args);
int cmd_info(struct xc *xc, const struct args *args);
int cmd_list(struct xc *xc, const struct args *args);
int cmd_mem_max(struct xc *xc, const struct args *args);
int cmd_mem_set(struct xc *xc, const struct args *args);
int cmd_pause(struct xc *xc, const struct args *args);
int cmd_pod(struct xc *xc, const struct args *args);
int cmd_reboot(struct xc *xc, const struct args *args);
int cmd_rename(struct xc *xc, const struct args *args);
int cmd_shutdown(struct xc *xc, const struct args *args);
int cmd_sysrq(struct xc *xc, const struct args *args);
int cmd_trigger(struct xc *xc, const struct args *args);
int cmd_unpause(struct xc *xc, const struct args *args);
int cmd_vcpu_list(struct xc *xc, const struct args *args);
int cmd_vcpu_set(struct xc *xc, const struct args *args);
int cmd_vm_list(struct xc *xc, const struct args *args);

#endif
