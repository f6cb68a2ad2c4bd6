/* SPDX-License-Identifier: MIT */
/* The console command, and the same for create -c. */
#include "cmd_console.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmdtable.h"
#include "domainarg.h"
#include "message.h"
#include "terminal.h"

/* How long xenconsoled may take to notice a new domain. */
#define CONSOLE_WAIT_MS 10000

int console_open(struct xc *xc, uint32_t domid)
{
    char path[128];
    int console;

    if (xc_domain_console(xc, domid, CONSOLE_WAIT_MS, path, sizeof(path))) {
        error("domain %u has no console: %s", domid, xc_error(xc));
        return -1;
    }
    progress_end();
    console = terminal_open(path);
    if (console < 0) {
        error("cannot open the console %s: %s", path, strerror(-console));
        return -1;
    }
    return console;
}

int console_attach(int console)
{
    int rc;

    if (isatty(STDIN_FILENO)) {
        fputs("(attached; Ctrl-] leaves)\r\n", stderr);
    }
    fflush(stdout);
    rc = terminal_attach(console);
    if (rc) {
        error("lost the console: %s", strerror(-rc));
        return XL_FAILED;
    }
    return XL_OK;
}

int cmd_console(struct xc *xc, const struct args *args)
{
    uint32_t domid;
    int console;

    if (arg_given(args, 't') && strcmp(args->value['t'], "pv") != 0) {
        error("console type supported is: pv");
        return XL_FAILED;
    }
    if (arg_given(args, 'n') && strcmp(args->value['n'], "0") != 0) {
        error("there is only console number 0");
        return XL_FAILED;
    }
    if (!domain_find(xc, args->words[0], &domid)) {
        return XL_FAILED;
    }
    console = console_open(xc, domid);
    return console < 0 ? XL_FAILED : console_attach(console);
}
