/* SPDX-License-Identifier: MIT */
/* Internal to cfgfile.c: the parser of one piece of configuration text. */
#ifndef XL_CFGPARSE_H
#define XL_CFGPARSE_H

#include <stdbool.h>

#include "cfgfile.h"

struct cfg_parser {
    const char *at; /* the next character */
    const char *file;
    unsigned int line;
    unsigned int depth; /* lists around the value being read */
    bool bare;          /* unquoted strings are allowed */
    struct cfg_error *err;
};

/*
 * Read the next KEY = VALUE. Returns 1 with both filled in, 0 at the end of
 * the text, or -EINVAL with the parser's err filled in. In every case the
 * caller frees *key and *value.
 */
int cfg_parse_assignment(struct cfg_parser *p, char **key,
                         struct cfg_value *value);

#endif
