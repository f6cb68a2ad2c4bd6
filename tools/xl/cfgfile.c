/* SPDX-License-Identifier: MIT */
/*
 * Values of a guest's configuration, by key.
 *
 * cfgparse.c turns text into values; this file keeps them and hands them out
 * as the type that a caller wants. Every value remembers the file and line
 * that it came from, so that a complaint about it can be found, however late
 * the complaint is made.
 */
#include "cfgfile.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfgparse.h"
#include "message.h"

/* A configuration larger than this is some other file given by mistake. */
#define CFG_FILE_MAX ((size_t)1 << 20)

static const char *const type_names[] = {
    [CFG_NUMBER] = "a number",
    [CFG_STRING] = "a string",
    [CFG_LIST] = "a list",
};

static void value_free(struct cfg_value *value)
{
    for (size_t i = 0; i < value->item_count; i++) {
        value_free(&value->items[i]);
    }
    free(value->items);
    free(value->text);
}

static const char *file_remember(struct cfg *cfg, const char *name)
{
    size_t size = (cfg->file_count + 1) * sizeof(*cfg->files);

    cfg->files = must_realloc(cfg->files, size);
    cfg->files[cfg->file_count] = must_strdup(name);
    return cfg->files[cfg->file_count++];
}

void cfg_init(struct cfg *cfg)
{
    memset(cfg, 0, sizeof(*cfg));
}

void cfg_free(struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->entry_count; i++) {
        free(cfg->entries[i].key);
        value_free(&cfg->entries[i].value);
    }
    for (size_t i = 0; i < cfg->file_count; i++) {
        free(cfg->files[i]);
    }
    free(cfg->entries);
    free(cfg->files);
    cfg_init(cfg);
}

const struct cfg_value *cfg_find(const struct cfg *cfg, const char *key)
{
    for (size_t i = 0; i < cfg->entry_count; i++) {
        if (!strcmp(cfg->entries[i].key, key)) {
            return &cfg->entries[i].value;
        }
    }
    return NULL;
}

void cfg_value_error(struct cfg_error *err, const struct cfg_value *value,
                     const char *format, ...)
{
    va_list args;
    char *message;

    va_start(args, format);
    message = must_vformat(format, args);
    va_end(args);
    snprintf(err->text, sizeof(err->text), "%s:%u: %s", value->file,
             value->line, message);
    free(message);
}

/* What `more` points to becomes a part of `value`, its items or characters. */
static void value_add(struct cfg_value *value, struct cfg_value *more)
{
    if (value->type == CFG_LIST) {
        size_t count = value->item_count + more->item_count;

        value->items =
            must_realloc(value->items, (count + 1) * sizeof(*value->items));
        for (size_t i = 0; i < more->item_count; i++) {
            value->items[value->item_count + i] = more->items[i];
        }
        value->item_count = count;
        free(more->items);
    } else {
        char *whole = must_format("%s%s", value->text, more->text);

        free(value->text);
        free(more->text);
        value->text = whole;
    }
}

/* Numbers have nothing behind which another could be put. */
static int add_check(const char *key, const struct cfg_value *value,
                     const struct cfg_value *more, struct cfg_error *err)
{
    if (value->type == more->type && value->type != CFG_NUMBER) {
        return 0;
    }
    cfg_value_error(err, more,
                    "%s is %s and += has %s; expected two strings "
                    "or two lists",
                    key, type_names[value->type], type_names[more->type]);
    return -EINVAL;
}

/* Takes over `key` and what `value` points to, unless it fails. */
static int cfg_set(struct cfg *cfg, char *key, struct cfg_value *value,
                   struct cfg_error *err)
{
    size_t size = (cfg->entry_count + 1) * sizeof(*cfg->entries);

    for (size_t i = 0; i < cfg->entry_count; i++) {
        struct cfg_value *old = &cfg->entries[i].value;

        if (strcmp(cfg->entries[i].key, key) != 0) {
            continue;
        }
        if (value->adds && add_check(key, old, value, err)) {
            return -EINVAL;
        }
        free(key);
        if (value->adds) {
            value_add(old, value);
        } else {
            value_free(old);
            *old = *value;
        }
        return 0;
    }
    cfg->entries = must_realloc(cfg->entries, size);
    cfg->entries[cfg->entry_count].key = key;
    cfg->entries[cfg->entry_count].value = *value;
    cfg->entry_count++;
    return 0;
}

int cfg_parse_text(struct cfg *cfg, const char *name, unsigned int line,
                   const char *text, enum cfg_quoting quoting,
                   struct cfg_error *err)
{
    struct cfg_parser parser = {
        .at = text,
        .file = file_remember(cfg, name),
        .line = line,
        .bare = quoting == CFG_BARE,
        .err = err,
    };

    for (;;) {
        struct cfg_value value = {0};
        char *key = NULL;
        int rc = cfg_parse_assignment(&parser, &key, &value);

        if (rc > 0) {
            rc = cfg_set(cfg, key, &value, err) ?: 1;
        }
        if (rc <= 0) {
            free(key);
            value_free(&value);
            return rc;
        }
    }
}

static int file_error(struct cfg_error *err, const char *path, int rc)
{
    snprintf(err->text, sizeof(err->text), "%s: %s", path, strerror(-rc));
    return rc;
}

/* The whole file as text, or NULL with *rc = -errno. */
static char *file_read(FILE *f, int *rc)
{
    char *text = must_realloc(NULL, CFG_FILE_MAX + 1);
    size_t length = fread(text, 1, CFG_FILE_MAX + 1, f);

    *rc = 0;
    if (ferror(f)) {
        *rc = -errno;
    } else if (length > CFG_FILE_MAX) {
        *rc = -EFBIG;
    } else {
        text[length] = '\0';
    }
    if (!*rc && strlen(text) != length) {
        *rc = -EILSEQ; /* a NUL byte: not a text file */
    }
    if (*rc) {
        free(text);
        return NULL;
    }
    return text;
}

int cfg_parse_file(struct cfg *cfg, const char *path, struct cfg_error *err)
{
    FILE *f = fopen(path, "r");
    char *text;
    int rc;

    if (!f) {
        return file_error(err, path, -errno);
    }
    text = file_read(f, &rc);
    fclose(f);
    if (!text) {
        return file_error(err, path, rc);
    }
    rc = cfg_parse_text(cfg, path, 1, text, CFG_QUOTED, err);
    free(text);
    return rc;
}

int cfg_get_string(const struct cfg *cfg, const char *key, const char **out,
                   struct cfg_error *err)
{
    const struct cfg_value *value = cfg_find(cfg, key);

    if (!value) {
        return 0;
    }
    if (value->type == CFG_LIST) {
        cfg_value_error(err, value, "%s is %s; expected a quoted string", key,
                        type_names[value->type]);
        return -EINVAL;
    }
    *out = value->text;
    return 0;
}

/* Decimal, octal with a leading 0, hexadecimal with 0x; nothing around it. */
static bool number_read(const char *text, unsigned long *out)
{
    char *end;

    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    errno = 0;
    *out = strtoul(text, &end, 0);
    return !errno && !*end;
}

int cfg_get_number(const struct cfg *cfg, const char *key, unsigned long min,
                   unsigned long max, unsigned long *out, struct cfg_error *err)
{
    const struct cfg_value *value = cfg_find(cfg, key);
    unsigned long number;

    if (!value) {
        return 0;
    }
    if (value->type == CFG_LIST) {
        cfg_value_error(err, value, "%s is %s; expected a number", key,
                        type_names[value->type]);
        return -EINVAL;
    }
    if (!number_read(value->text, &number)) {
        cfg_value_error(err, value, "%s is '%s'; expected a number", key,
                        value->text);
        return -EINVAL;
    }
    if (number < min || number > max) {
        cfg_value_error(err, value,
                        "%s is %lu; expected a number from %lu to %lu", key,
                        number, min, max);
        return -EINVAL;
    }
    *out = number;
    return 0;
}
