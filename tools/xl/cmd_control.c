/* SPDX-License-Identifier: MIT */
/* Commands that act on a running domain from outside. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmdtable.h"
#include "domainarg.h"
#include "message.h"
#include "number.h"

/* How often `shutdown -ww` looks whether a shut down domain is gone. */
#define GONE_POLL_US 100000

int cmd_pause(struct xc *xc, const struct args *args)
{
    uint32_t domid;

    if (!domain_find(xc, args->words[0], &domid)) {
        return XL_FAILED;
    }
    if (xc_domain_pause(xc, domid)) {
        return failed(xc, "cannot pause domain '%s'", args->words[0]);
    }
    return XL_OK;
}

int cmd_unpause(struct xc *xc, const struct args *args)
{
    uint32_t domid;

    if (!domain_find(xc, args->words[0], &domid)) {
        return XL_FAILED;
    }
    if (xc_domain_unpause(xc, domid)) {
        return failed(xc, "cannot unpause domain '%s'", args->words[0]);
    }
    return XL_OK;
}

int cmd_dump_core(struct xc *xc, const struct args *args)
{
    uint32_t domid;

    if (!domain_find(xc, args->words[0], &domid)) {
        return XL_FAILED;
    }
    if (!domid) {
        error("domain 0 cannot be dumped: it is this one");
        return XL_FAILED;
    }
    if (xc_domain_dump(xc, domid, args->words[1])) {
        return failed(xc, "cannot dump domain '%s'", args->words[0]);
    }
    return XL_OK;
}

/*
 * The domain's own monitor (monitor.c) may be destroying it as well, when it
 * has just shut down: whoever comes second finds it gone, which is what was
 * asked for.
 */
int cmd_destroy(struct xc *xc, const struct args *args)
{
    uint32_t domid;
    int rc;

    if (!domain_find(xc, args->words[0], &domid)) {
        return XL_FAILED;
    }
    if (!domid) {
        error("domain 0 cannot be destroyed: it is this one");
        return XL_FAILED;
    }
    rc = xc_domain_destroy(xc, domid);
    if (rc && rc != -ESRCH) {
        return failed(xc, "cannot destroy domain '%s'", args->words[0]);
    }
    return XL_OK;
}

/* Given once, -w waits for the shutdown; twice, until the domain is gone. */
static int wait_for_end(struct xc *xc, uint32_t domid, bool gone)
{
    struct xc_domain info;
    char *step = must_format("waiting for domain %u to shut down", domid);
    int rc;

    progress(step, 0, 0);
    free(step);
    do {
        rc = xc_domain_wait(xc, domid, -1, &info);
    } while (rc == -EINTR);
    if (rc) {
        return failed(xc, "cannot wait for domain %u", domid);
    }
    while (gone && xc_domain_info(xc, domid, &info) != -ESRCH) {
        usleep(GONE_POLL_US);
    }
    return XL_OK;
}

static int ask_one(struct xc *xc, uint32_t domid, const char *how)
{
    char name[XC_NAME_MAX];
    int rc = xc_domain_shutdown(xc, domid, how);

    if (!rc) {
        return XL_OK;
    }
    domain_name_of(xc, domid, name);
    if (rc == -ENOTSUP) {
        error("domain '%s' does not listen for a %s request (yet?); "
              "\"xl destroy\" ends it at once",
              name, how);
        return XL_FAILED;
    }
    return failed(xc, "cannot ask domain '%s' for a %s", name, how);
}

/* Ask all the domains first, then wait for each. */
static int ask_domains(struct xc *xc, const struct args *args,
                       const struct xc_domain *list, size_t count,
                       const char *how)
{
    unsigned int wait = args->given['w'];
    int status = XL_OK;

    for (size_t i = 0; i < count; i++) {
        if (list[i].domid || !arg_given(args, 'a')) {
            status |= ask_one(xc, list[i].domid, how);
        }
    }
    for (size_t i = 0; i < count && wait && status == XL_OK; i++) {
        if (list[i].domid) {
            status = wait_for_end(xc, list[i].domid, wait > 1);
        }
    }
    return status;
}

static int ask_and_wait(struct xc *xc, const struct args *args, const char *how)
{
    struct xc_domain *list;
    size_t count;
    int status;

    if (arg_given(args, 'a') == (args->word_count > 0)) {
        error("expected either one domain or -a");
        return XL_USAGE;
    }
    if (!domain_select(xc, args, &list, &count)) {
        return XL_FAILED;
    }
    status = ask_domains(xc, args, list, count, how);
    free(list);
    return status;
}

int cmd_shutdown(struct xc *xc, const struct args *args)
{
    return ask_and_wait(xc, args, "poweroff");
}

int cmd_reboot(struct xc *xc, const struct args *args)
{
    return ask_and_wait(xc, args, "reboot");
}

int cmd_sysrq(struct xc *xc, const struct args *args)
{
    uint32_t domid;

    if (strlen(args->words[1]) != 1) {
        error("invalid sysrq '%s'; expected one letter", args->words[1]);
        return XL_USAGE;
    }
    if (!domain_find(xc, args->words[0], &domid)) {
        return XL_FAILED;
    }
    if (xc_domain_sysrq(xc, domid, args->words[1][0])) {
        return failed(xc, "cannot send sysrq to '%s'", args->words[0]);
    }
    return XL_OK;
}

static const char *const trigger_names[] = {
    [XC_TRIGGER_NMI] = "nmi",     [XC_TRIGGER_RESET] = "reset",
    [XC_TRIGGER_INIT] = "init",   [XC_TRIGGER_POWER] = "power",
    [XC_TRIGGER_SLEEP] = "sleep",
};

#define TRIGGER_COUNT (sizeof(trigger_names) / sizeof(trigger_names[0]))

int cmd_trigger(struct xc *xc, const struct args *args)
{
    uint32_t domid, vcpu = 0;
    size_t what = 0;

    while (what < TRIGGER_COUNT &&
           strcmp(trigger_names[what], args->words[1]) != 0) {
        what++;
    }
    if (what == TRIGGER_COUNT) {
        error("invalid trigger '%s'", args->words[1]);
        return XL_USAGE;
    }
    if ((args->word_count > 2 && !number_argument(args->words[2], &vcpu)) ||
        !domain_find(xc, args->words[0], &domid)) {
        return XL_FAILED;
    }
    if (xc_domain_trigger(xc, domid, (enum xc_trigger)what, vcpu)) {
        return failed(xc, "cannot send trigger %s to '%s'", args->words[1],
                      args->words[0]);
    }
    return XL_OK;
}
