/* SPDX-License-Identifier: MIT */
/*
 * xl: creates, watches and ends domains, from domain 0.
 *
 *     xl [-vftTN] COMMAND [OPTIONS] [WORDS]
 *
 * The way of a command: this file takes the global options and finds the
 * command's row (cmdtable.c), args.c takes the command's own options, and the
 * row's function (cmd_*.c) does the work through libxc/xc.h, the only thing
 * here that knows how to talk to the hypervisor and to xenstore.
 *
 * Results go to stdout, messages to stderr. Exit status: 0, 1 for a command
 * that failed, 2 for one that was called wrongly.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cmdtable.h"
#include "message.h"

#define GLOBAL_OPTIONS "+vftTNh"

static bool dry_run; /* -N: only create knows what that would mean */

static void help_list(FILE *out)
{
    fputs("Usage: xl [-vftTN] COMMAND [OPTIONS] [WORDS]\n\n"
          "xl full list of subcommands:\n\n",
          out);
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &command_table[i];

        fprintf(out, " %-14s %s\n", c->name, c->summary);
    }
    fputs("\n\"xl help COMMAND\" explains one. A DOMAIN is a name or an id.\n",
          out);
}

static void help_command(FILE *out, const struct command *c)
{
    const char *line = c->help;

    fprintf(out, "Usage: xl [-vftTN] %s %s\n\n%s.\n", c->name, c->usage,
            c->summary);
    if (!line) {
        return;
    }
    fputc('\n', out);
    while (*line) {
        int length = (int)strcspn(line, "\n");

        fprintf(out, "  %.*s\n", length, line);
        line += length + (line[length] == '\n');
    }
}

/*
 * The row of `name`, which may be shortened as long as it stays clear what is
 * meant: "cons" is console, "d" is nothing. NULL after a message.
 */
static const struct command *command_find(const char *name)
{
    const struct command *found = NULL;
    unsigned int match_count = 0;

    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &command_table[i];

        if (!strcmp(c->name, name)) {
            return c;
        }
        if (!strncmp(c->name, name, strlen(name))) {
            found = c;
            match_count++;
        }
    }
    if (match_count == 1) {
        return found;
    }
    error("%s command '%s'; \"xl help\" lists what there is",
          match_count ? "ambiguous" : "unknown", name);
    return NULL;
}

int cmd_help(struct xc *xc, const struct args *args)
{
    const struct command *c;

    (void)xc;
    if (!args->word_count) {
        help_list(stdout);
        return XL_OK;
    }
    c = command_find(args->words[0]);
    if (!c) {
        return XL_FAILED;
    }
    help_command(stdout, c);
    return XL_OK;
}

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

static int command_start(int argc, char **argv)
{
    const struct command *c = command_find(argv[0]);
    struct args args;
    int status = XL_USAGE;

    if (!c) {
        return XL_FAILED;
    }
    if (argc > 1 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))) {
        help_command(stdout, c);
        return XL_OK;
    }
    if (!args_parse(&args, argc, argv, c->options) && word_count_ok(c, &args)) {
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
    return command_start(argc - optind, argv + optind);
}
