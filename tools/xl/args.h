/* SPDX-License-Identifier: MIT */
/* A command's own options and words, after the shell and getopt. */
#ifndef XL_ARGS_H
#define XL_ARGS_H

#include <stdbool.h>

struct args {
    unsigned int given[128]; /* how often each option letter was given */
    const char *value[128];  /* of the option given last, if it takes one */
    char **words;            /* what is not an option */
    int word_count;
};

/*
 * Split a command's argv. `options` is as for getopt(3); the long names of
 * its letters are known here. -EINVAL after a message for an unknown option.
 */
int args_parse(struct args *args, int argc, char **argv, const char *options);

static inline bool arg_given(const struct args *args, char letter)
{
    return args->given[(unsigned char)letter] != 0;
}

#endif
