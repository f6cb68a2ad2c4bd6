/* SPDX-License-Identifier: MIT */
/*
 * A command's own options and words.
 *
 * What getopt has to be told is made from the command's list of options,
 * which is also what help and the manual print: so an option that is parsed is
 * always one that is explained.
 */
#include "args.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <string.h>

#include "message.h"

#define OPTIONS_MAX 16

/* Both forms of the options; the lists are large enough for any command. */
struct spellings {
    char letters[2 * OPTIONS_MAX + 5];
    struct option names[OPTIONS_MAX + 2];
};

static void spellings_fill(struct spellings *s,
                           const struct command_option *options, bool leading)
{
    struct option *name = s->names;
    char *letter = s->letters;

    if (leading) {
        *letter++ = '+'; /* getopt stops at the first word */
    }
    *letter++ = ':'; /* and leaves it to us to say what is wrong */
    *letter++ = 'h';
    *name++ = (struct option){"help", no_argument, NULL, 'h'};
    for (int i = 0; options && options[i].letter && i < OPTIONS_MAX; i++) {
        const struct command_option *o = &options[i];

        *letter++ = o->letter;
        if (o->argument) {
            *letter++ = ':';
        }
        if (o->name) {
            *name++ = (struct option){
                o->name, o->argument ? required_argument : no_argument, NULL,
                o->letter};
        }
    }
}

/* word: the one with what getopt does not like in it. */
static void complain(bool value_missing, const char *word)
{
    bool is_long = !strncmp(word, "--", 2);

    if (value_missing) {
        error("option '%s' needs a value", word);
    } else if (is_long && optopt) {
        error("option '%s' takes no value", word);
    } else if (is_long) {
        error("there is no option '%s'", word);
    } else {
        error("there is no option '-%c'", optopt);
    }
}

static int parse(struct args *args, int argc, char **argv,
                 const struct command_option *options, bool leading)
{
    struct spellings s = {0};
    int letter;

    memset(args, 0, sizeof(*args));
    spellings_fill(&s, options, leading);
    optind = 0; /* begin anew: another argv may have been parsed before */
    while ((letter = getopt_long(argc, argv, s.letters, s.names, NULL)) != -1) {
        if (letter == '?' || letter == ':') {
            complain(letter == ':', argv[optind - 1]);
            return -EINVAL;
        }
        args->given[letter]++;
        args->value[letter] = optarg;
    }
    args->words = argv + optind;
    args->word_count = argc - optind;
    return 0;
}

int args_parse(struct args *args, int argc, char **argv,
               const struct command_option *options)
{
    return parse(args, argc, argv, options, false);
}

int args_parse_leading(struct args *args, int argc, char **argv,
                       const struct command_option *options)
{
    return parse(args, argc, argv, options, true);
}
