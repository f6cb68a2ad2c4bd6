/* SPDX-License-Identifier: MIT */
/*
 * xl: creates, watches and ends domains, from domain 0.
 *
 *     xl [-vftTN] COMMAND [OPTIONS] [WORDS]
 *
 * The way of a command: this file takes the global options and finds the
 * command's row (cmdtable.c), command.c its options and words, and the row's
 * function (cmd_*.c) does the work through libxc/xc.h, the only thing
 * here that knows how to talk to the hypervisor and to xenstore.
 *
 * Results go to stdout, messages to stderr. Exit status: 0, 1 for a command
 * that failed, 2 for one that was called wrongly.
 */
#include <getopt.h>
#include <stdio.h>

#include "cmd_help.h"
#include "command.h"
#include "message.h"

#define GLOBAL_OPTIONS "+vftTNh"

static bool dry_run; /* -N: only create knows what that would mean */

/* False for an option that does not exist. */
static bool global_option(int letter)
{
    switch (letter) {
    case 'v':
        message_verbose = true;
        return true;
    case 't':
        message_progress_always = true;
        return true;
    case 'N':
        dry_run = true;
        return true;
    case 'f': /* about another toolstack of old */
    case 'T': /* time stamps in debug output, of which there is none */
        return true;
    default:
        return false;
    }
}

int main(int argc, char **argv)
{
    int letter;

    while ((letter = getopt(argc, argv, GLOBAL_OPTIONS)) != -1) {
        if (letter == 'h') {
            help_list(stdout);
            return XL_OK;
        }
        if (!global_option(letter)) {
            help_list(stderr);
            return XL_USAGE;
        }
    }
    if (optind == argc) {
        help_list(stderr);
        return XL_FAILED;
    }
    return command_start(argc - optind, argv + optind, dry_run);
}
