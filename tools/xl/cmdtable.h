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

/* A word that a command prints or takes, and what it means. A list ends with
 * a word of NULL. */
struct command_term {
    const char *word;
    const char *meaning;
};

/* What the first word of a command is, so that a shell can complete it. */
enum word_kind {
    WORD_OTHER,
    WORD_DOMAIN,
    WORD_FILE,
    WORD_COMMAND
};

struct command {
    const char *name;
    int (*run)(struct xc *xc, const struct args *args);
    const struct command_option *options; /* NULL: none */
    int min_words, max_words;
    enum word_kind first_word;
    const char *second_words; /* what the second may be, if that is a list */
    const char *usage;        /* after the name */
    const char *summary;
    const char *text; /* more sentences; or NULL */
    const struct command_term *terms;
};

/* Those that stand before the command's name. */
extern const struct command_option global_options[];

extern const struct command command_table[];
extern const size_t command_count;

/*
 * The row of `name`, which may be shortened as long as it stays clear what is
 * meant: "cons" is console, "d" is nothing. NULL after a message.
 */
const struct command *command_find(const char *name);

int cmd_claims(struct xc *xc, const struct args *args);
int cmd_console(struct xc *xc, const struct args *args);
int cmd_cpupool_list(struct xc *xc, const struct args *args);
int cmd_sched_credit2(struct xc *xc, const struct args *args);
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
int cmd_pod_set(struct xc *xc, const struct args *args);
int cmd_reboot(struct xc *xc, const struct args *args);
int cmd_rename(struct xc *xc, const struct args *args);
int cmd_sharing(struct xc *xc, const struct args *args);
int cmd_shutdown(struct xc *xc, const struct args *args);
int cmd_sysrq(struct xc *xc, const struct args *args);
int cmd_tmem_freeable(struct xc *xc, const struct args *args);
int cmd_tmem_freeze(struct xc *xc, const struct args *args);
int cmd_tmem_list(struct xc *xc, const struct args *args);
int cmd_tmem_set(struct xc *xc, const struct args *args);
int cmd_tmem_shared_auth(struct xc *xc, const struct args *args);
int cmd_tmem_thaw(struct xc *xc, const struct args *args);
int cmd_top(struct xc *xc, const struct args *args);
int cmd_trace(struct xc *xc, const struct args *args);
int cmd_trigger(struct xc *xc, const struct args *args);
int cmd_dump_core(struct xc *xc, const struct args *args);
int cmd_unpause(struct xc *xc, const struct args *args);
int cmd_uptime(struct xc *xc, const struct args *args);
int cmd_vcpu_list(struct xc *xc, const struct args *args);
int cmd_vcpu_pin(struct xc *xc, const struct args *args);
int cmd_vcpu_set(struct xc *xc, const struct args *args);
int cmd_vm_list(struct xc *xc, const struct args *args);

#endif
