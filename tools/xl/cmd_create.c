/* SPDX-License-Identifier: MIT */
/*
 * The create command.
 *
 *     configuration (cfgfile.c) -> checked guest (guestcfg.c)
 *       -> paused domain (launch.c) -> a monitor for it (monitor.c)
 *       -> unpause -> the console, if it was asked for
 *
 * The console is opened before the guest runs, so that nothing is missed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd_console.h"
#include "cmdtable.h"
#include "domainarg.h"
#include "guestcfg.h"
#include "launch.h"
#include "message.h"
#include "monitor.h"

/* The words of the command are the file, if it comes first, and KEY=VALUEs. */
static bool has_file_word(const struct args *args)
{
    return args->word_count && !strchr(args->words[0], '=');
}

static int read_file(struct cfg *cfg, const struct args *args,
                     struct cfg_error *err)
{
    const char *path = args->value['f'];

    if (path && has_file_word(args)) {
        snprintf(err->text, sizeof(err->text),
                 "found two configuration files, '%s' and '%s'; expected one",
                 path, args->words[0]);
        return -EINVAL;
    }
    path = path ? path : has_file_word(args) ? args->words[0] : NULL;
    if (!path) {
        return 0;
    }
    if (!arg_given(args, 'q')) {
        printf("Parsing config from %s\n", path);
        fflush(stdout);
    }
    return cfg_parse_file(cfg, path, err);
}

static int read_overrides(struct cfg *cfg, const struct args *args,
                          struct cfg_error *err)
{
    int first = has_file_word(args) ? 1 : 0;

    for (int i = first; i < args->word_count; i++) {
        int rc =
            cfg_parse_text(cfg, "command line", (unsigned int)(i - first + 1),
                           args->words[i], CFG_BARE, err);

        if (rc) {
            return rc;
        }
    }
    return 0;
}

static int guest_from_args(struct cfg *cfg, struct guest *guest,
                           const struct args *args)
{
    struct cfg_error err;
    int rc;

    memset(guest, 0, sizeof(*guest));
    rc = read_file(cfg, args, &err);
    if (!rc) {
        rc = read_overrides(cfg, args, &err);
    }
    if (!rc) {
        rc = guest_read(guest, cfg, &err);
    }
    if (rc) {
        error("%s", err.text);
    }
    return rc;
}

/* Nobody will look after this guest: do not leave it behind. */
static int give_up(struct xc *xc, uint32_t domid)
{
    xc_domain_destroy(xc, domid);
    return XL_FAILED;
}

/* A restarted guest is the same guest: it keeps a UUID made up for the first.
 */
static void keep_uuid(struct xc *xc, struct guest *guest, uint32_t domid)
{
    struct xc_domain info;

    if (!xc_domain_info(xc, domid, &info)) {
        memcpy(guest->config.uuid, info.uuid, sizeof(info.uuid));
    }
}

/* Attach in a process of its own: this one watches the domain. */
static pid_t console_start(int console)
{
    pid_t pid = fork();

    if (!pid) {
        _exit(console_attach(console));
    }
    close(console);
    return pid;
}

static int stay_in_foreground(struct xc *xc, const struct guest *guest,
                              uint32_t domid, int console)
{
    pid_t child = console >= 0 ? console_start(console) : 0;
    int rc = monitor_run(xc, guest, domid);

    if (child > 0) {
        waitpid(child, NULL, 0);
    }
    return rc ? XL_FAILED : XL_OK;
}

/* Everything after the domain has been built. */
static int run_guest(struct xc *xc, const struct guest *guest, uint32_t domid,
                     const struct args *args)
{
    bool foreground = arg_given(args, 'F');
    int console = -1;

    if (arg_given(args, 'c')) {
        console = console_open(xc, domid);
        if (console < 0) {
            return give_up(xc, domid);
        }
    }
    if (!foreground && !arg_given(args, 'e') && monitor_start(guest, domid)) {
        return give_up(xc, domid);
    }
    if (!arg_given(args, 'p') && xc_domain_unpause(xc, domid)) {
        failed(xc, "cannot start '%s'", guest->config.name);
        return give_up(xc, domid);
    }
    if (foreground) {
        return stay_in_foreground(xc, guest, domid, console);
    }
    return console >= 0 ? console_attach(console) : XL_OK;
}

int cmd_create(struct xc *xc, const struct args *args)
{
    int status = XL_FAILED;
    struct guest guest;
    uint32_t domid;
    struct cfg cfg;

    if (arg_given(args, 'V')) {
        warn("a guest here has no screen: -V is ignored");
    }
    cfg_init(&cfg);
    if (!guest_from_args(&cfg, &guest, args)) {
        if (arg_given(args, 'n')) {
            guest_print(&guest, stdout);
            status = XL_OK;
        } else if (!launch_build(xc, &guest, &domid)) {
            keep_uuid(xc, &guest, domid);
            status = run_guest(xc, &guest, domid, args);
        }
    }
    guest_free(&guest);
    cfg_free(&cfg);
    return status;
}
