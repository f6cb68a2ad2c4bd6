/* SPDX-License-Identifier: MIT */
/* A command's own options and words, after the shell and getopt. */
#ifndef XL_ARGS_H
#define XL_ARGS_H

#include <stdbool.h>

/* An option that a command takes. A list of them ends with a letter of 0. */
struct command_option {
    char letter;
    const char *name;     /* the long spelling; NULL: there is none */
    const char *argument; /* what its value is called; NULL: it takes none */
    const char *help;     /* sentences */
};

struct args {
    unsigned int given[128]; /* how often each option letter was given */
    const char *value[128];  /* of the option given last, if it takes one */
    char **words;            /* what is not an option */
    int word_count;
};

/*
 * Split a command's argv. `options` may be NULL; -h and --help are known to
 * every command. -EINVAL after a message for an unknown option.
 */
int args_parse(struct args *args, int argc, char **argv,
               const struct command_option *options);

/* The same for options before the first word; all else are words. */
int args_parse_leading(struct args *args, int argc, char **argv,
                       const struct command_option *options);

static inline bool arg_given(const struct args *args, char letter)
{
    return args->given[(unsigned char)letter] != 0;
}

#endif
