/* SPDX-License-Identifier: MIT */
/*
 * Runs a command: its options and words must be right before it is started,
 * and what it printed must have arrived before it counts as done.
 */
#include "command.h"

#include <stdio.h>
#include <string.h>

#include "cmd_help.h"
#include "message.h"

static bool word_count_ok(const struct command *c, const struct args *args)
{
    if (args->word_count < c->min_words) {
        error("'xl %s' requires at least %d argument%s", c->name, c->min_words,
              c->min_words == 1 ? "" : "s");
        return false;
    }
    if (args->word_count > c->max_words) {
        error("'xl %s' does not know what to do with '%s'", c->name,
              args->words[c->max_words]);
        return false;
    }
    return true;
}

static void show_progress(void *arg, const char *what, uint64_t done,
                          uint64_t total)
{
    (void)arg;
    progress(what, done, total);
}

static int command_run(const struct command *c, const struct args *args)
{
    struct xc *xc = xc_open();
    int status;

    if (!xc) {
        error("out of memory");
        return XL_FAILED;
    }
    xc_set_progress(xc, show_progress, NULL);
    status = c->run(xc, args);
    progress_end();
    xc_close(xc);
    if (fflush(stdout) || ferror(stdout)) {
        error("cannot write the result");
        return XL_FAILED;
    }
    return status;
}

int command_start(int argc, char **argv, bool dry_run)
{
    const struct command *c = command_find(argv[0]);
    struct args args;
    int status = XL_USAGE;

    if (!c) {
        return XL_FAILED;
    }
    if (args_parse(&args, argc, argv, c->options)) {
        help_command(stderr, c);
        return XL_USAGE;
    }
    if (arg_given(&args, 'h')) {
        help_command(stdout, c);
        return XL_OK;
    }
    if (word_count_ok(c, &args)) {
        if (dry_run && strcmp(c->name, "create")) {
            error("'xl %s' has no dry run", c->name);
            return XL_FAILED;
        }
        args.given['n'] += dry_run;
        status = command_run(c, &args);
    }
    if (status == XL_USAGE) {
        help_command(stderr, c);
    }
    return status;
}
