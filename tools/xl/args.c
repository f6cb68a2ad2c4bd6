/* SPDX-License-Identifier: MIT */
/*
 * A command's own options and words.
 *
 * A row of the command table names the letters that its command takes. Long
 * names are spellings of letters, the same for all commands, and are known
 * only where their letter is: --numa for info and list, nowhere else.
 */
#include "args.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <string.h>

#include "message.h"

static const struct option long_options[] = {
    {"all", no_argument, NULL, 'a'},
    {"clear", no_argument, NULL, 'c'},
    {"cpupool", no_argument, NULL, 'c'},
    {"defconfig", required_argument, NULL, 'f'},
    {"dryrun", no_argument, NULL, 'n'},
    {"long", no_argument, NULL, 'l'},
    {"numa", no_argument, NULL, 'n'},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"wait", no_argument, NULL, 'w'},
};

#define LONG_COUNT (sizeof(long_options) / sizeof(long_options[0]))

static void long_options_select(struct option *chosen, const char *options)
{
    size_t count = 0;

    for (size_t i = 0; i < LONG_COUNT; i++) {
        if (strchr(options, long_options[i].val)) {
            chosen[count++] = long_options[i];
        }
    }
    memset(&chosen[count], 0, sizeof(chosen[count]));
}

int args_parse(struct args *args, int argc, char **argv, const char *options)
{
    struct option chosen[LONG_COUNT + 1];
    int letter;

    memset(args, 0, sizeof(*args));
    long_options_select(chosen, options);
    optind = 0; /* the global options were parsed before */
    while ((letter = getopt_long(argc, argv, options, chosen, NULL)) != -1) {
        if (letter == '?') {
            return -EINVAL; /* getopt has said why */
        }
        args->given[letter]++;
        args->value[letter] = optarg;
    }
    args->words = argv + optind;
    args->word_count = argc - optind;
    return 0;
}
