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
#include <stdio.h>

#include "cmd_help.h"
#include "command.h"
#include "message.h"

int main(int argc, char **argv)
{
    struct args args;

    if (args_parse_leading(&args, argc, argv, global_options)) {
        help_list(stderr);
        return XL_USAGE;
    }
    if (arg_given(&args, 'h')) {
        help_list(stdout);
        return XL_OK;
    }
    if (!args.word_count) {
        help_list(stderr);
        return XL_FAILED;
    }
    message_verbose = arg_given(&args, 'v');
    message_progress_always = arg_given(&args, 't');
    return command_start(args.word_count, args.words, arg_given(&args, 'N'));
}
