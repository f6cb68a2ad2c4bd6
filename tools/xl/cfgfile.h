/* SPDX-License-Identifier: MIT */
/*
 * The xl.cfg syntax: KEY = VALUE pairs on lines of their own or between
 * semicolons. A value is a number, a quoted string, or a list of values. With
 * += a string is put behind the one that the key had, a list likewise.
 */
#ifndef XL_CFGFILE_H
#define XL_CFGFILE_H

#include <stdbool.h>
#include <stddef.h>

enum cfg_type {
    CFG_NUMBER,
    CFG_STRING,
    CFG_LIST
};

struct cfg_value {
    enum cfg_type type;
    char *text; /* a string's characters, or a number as it was written */
    struct cfg_value *items; /* of a list */
    size_t item_count;
    bool adds;        /* written KEY += VALUE */
    const char *file; /* where it was found; the name is owned by struct cfg */
    unsigned int line;
};

struct cfg_entry {
    char *key;
    struct cfg_value value;
};

struct cfg {
    struct cfg_entry *entries; /* one per key: the last assignment counts */
    size_t entry_count;
    char **files; /* names that values point to */
    size_t file_count;
};

/* FILE:LINE: what was found; what was expected. */
struct cfg_error {
    char text[320];
};

/* How strings may be written. */
enum cfg_quoting {
    CFG_QUOTED, /* in a file: quotes are required */
    CFG_BARE,   /* on a command line, where the shell has eaten them: a value
                   that starts like nothing else runs to the next semicolon */
};

void cfg_init(struct cfg *cfg);
void cfg_free(struct cfg *cfg);

/*
 * Add the assignments of `text` or of the file `path` to `cfg`. `line` is the
 * number of the text's first line in messages. Returns 0, or -EINVAL with
 * `err` filled in, or -errno of reading the file, also with `err` filled in.
 * After an error cfg holds what came before it.
 */
int cfg_parse_text(struct cfg *cfg, const char *name, unsigned int line,
                   const char *text, enum cfg_quoting quoting,
                   struct cfg_error *err);
int cfg_parse_file(struct cfg *cfg, const char *path, struct cfg_error *err);

const struct cfg_value *cfg_find(const struct cfg *cfg, const char *key);

/*
 * Typed reading. A key that is absent leaves *out as it was and is no error;
 * a value of another type or outside [min, max] is -EINVAL with `err` filled
 * in. Numbers and strings stand in for one another as far as they can:
 * memory="256" and name=7 both work.
 */
int cfg_get_string(const struct cfg *cfg, const char *key, const char **out,
                   struct cfg_error *err);
int cfg_get_number(const struct cfg *cfg, const char *key, unsigned long min,
                   unsigned long max, unsigned long *out,
                   struct cfg_error *err);

/* Fill in `err` with VALUE's place and a message of the caller's. */
void cfg_value_error(struct cfg_error *err, const struct cfg_value *value,
                     const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
