/* SPDX-License-Identifier: MIT */
/*
 * The parser of xl.cfg text, by recursive descent:
 *
 *   text        assignments between newlines or semicolons
 *   assignment  KEY = VALUE or KEY += VALUE, where KEY is letters, digits, _
 * and . value       number | 'string' | "string" | [ value, value, ... ]
 *
 * A # starts a comment that ends with the line. Inside a list newlines mean
 * nothing, and a comma may follow the last item. In a string a backslash
 * gives the character after it a meaning, as in C.
 */
#include "cfgparse.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

/* Deeper nesting has no use and would only grow our stack. */
#define LIST_DEPTH_MAX 8

/* How much of an unexpected word a message quotes. */
#define WORD_SHOWN_MAX 40

static int parse_value(struct cfg_parser *p, struct cfg_value *value);

static bool is_key_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.';
}

/* The characters that end a word, whatever the word is. */
static bool is_word_end(char c)
{
    return !c || isspace((unsigned char)c) || strchr(";,[]='\"#", c);
}

/* What stands at the parser's place, in words for a message. */
static void describe_next(const struct cfg_parser *p, char *out, size_t size)
{
    int length = 0;

    if (!*p->at) {
        snprintf(out, size, "the end of the text");
        return;
    }
    if (*p->at == '\n' || *p->at == '#') {
        snprintf(out, size, "the end of the line");
        return;
    }
    if (*p->at == '\'' || *p->at == '"') {
        snprintf(out, size, "a quotation mark");
        return;
    }
    while (length < WORD_SHOWN_MAX && !is_word_end(p->at[length])) {
        length++;
    }
    length = length ? length : 1;
    if (iscntrl((unsigned char)*p->at)) {
        snprintf(out, size, "the character 0x%02x", (unsigned char)*p->at);
    } else {
        snprintf(out, size, "'%.*s'", length, p->at);
    }
}

static int fail(struct cfg_parser *p, const char *expected)
{
    char found[WORD_SHOWN_MAX + 16];

    describe_next(p, found, sizeof(found));
    snprintf(p->err->text, sizeof(p->err->text), "%s:%u: found %s; expected %s",
             p->file, p->line, found, expected);
    return -EINVAL;
}

static void skip_comment(struct cfg_parser *p)
{
    if (*p->at == '#') {
        p->at += strcspn(p->at, "\n");
    }
}

/* Blanks within a line. Inside a list, line ends and comments as well. */
static void skip_blanks(struct cfg_parser *p)
{
    for (;;) {
        if (p->depth) {
            skip_comment(p);
        }
        if (*p->at == '\n' && p->depth) {
            p->line++;
        } else if (*p->at == '\n' || !isspace((unsigned char)*p->at)) {
            return;
        }
        p->at++;
    }
}

/* Everything that may stand between two assignments. */
static void skip_separators(struct cfg_parser *p)
{
    for (;;) {
        skip_comment(p);
        if (*p->at == '\n') {
            p->line++;
        } else if (*p->at != ';' && !isspace((unsigned char)*p->at)) {
            return;
        }
        p->at++;
    }
}

static char *copy_range(const char *from, const char *to)
{
    return must_format("%.*s", (int)(to - from), from);
}

/* The value of the escape sequence after a backslash; moves past it. */
static char parse_escape(struct cfg_parser *p)
{
    static const char letters[] = "abfnrtv", meanings[] = "\a\b\f\n\r\t\v";
    const char *letter = strchr(letters, *p->at);
    unsigned int code = 0;
    int digits = 0;

    if (letter && *letter) {
        p->at++;
        return meanings[letter - letters];
    }
    if (*p->at == 'x' && isxdigit((unsigned char)p->at[1])) {
        char hex[3] = {p->at[1], p->at[2], '\0'};

        p->at += isxdigit((unsigned char)hex[1]) ? 3 : 2;
        return (char)strtoul(hex, NULL, 16);
    }
    while (digits < 3 && *p->at >= '0' && *p->at <= '7') {
        code = code * 8 + (unsigned int)(*p->at++ - '0');
        digits++;
    }
    return digits ? (char)code : *p->at++;
}

static int parse_string(struct cfg_parser *p, struct cfg_value *value)
{
    char quote = *p->at++;
    size_t length = 0;

    value->type = CFG_STRING;
    value->text = must_realloc(NULL, strlen(p->at) + 1);
    while (*p->at != quote) {
        char c = *p->at;

        if (!c || c == '\n' || (c == '\\' && !p->at[1])) {
            p->at += c == '\\';
            return fail(p, quote == '"' ? "a closing \" of the string"
                                        : "a closing ' of the string");
        }
        p->at++;
        value->text[length++] = c == '\\' ? parse_escape(p) : c;
    }
    p->at++;
    value->text[length] = '\0';
    return 0;
}

static int parse_number(struct cfg_parser *p, struct cfg_value *value)
{
    const char *start = p->at, *end = start;
    char *number_end;

    while (!is_word_end(*end)) {
        end++;
    }
    strtoul(start, &number_end, 0);
    if (number_end != end) {
        return fail(p, "a number (or quotes around a string)");
    }
    value->type = CFG_NUMBER;
    value->text = copy_range(start, end);
    p->at = end;
    return 0;
}

/*
 * A string without quotes: up to a semicolon or the end of the line, less the
 * blanks before that. It may hold anything else, as cmdline=console=hvc0 ro.
 * What looks like a number is one.
 */
static int parse_bare(struct cfg_parser *p, struct cfg_value *value)
{
    const char *end = p->at + strcspn(p->at, ";\n");
    const char *next = end;
    char *number_end;

    while (end > p->at && isspace((unsigned char)end[-1])) {
        end--;
    }
    value->text = copy_range(p->at, end);
    strtoul(value->text, &number_end, 0);
    value->type = isdigit((unsigned char)value->text[0]) && !*number_end
                      ? CFG_NUMBER
                      : CFG_STRING;
    p->at = next;
    return 0;
}

static int parse_item(struct cfg_parser *p, struct cfg_value *list)
{
    size_t size = (list->item_count + 1) * sizeof(*list->items);
    struct cfg_value *item;

    list->items = must_realloc(list->items, size);
    item = &list->items[list->item_count++];
    memset(item, 0, sizeof(*item));
    return parse_value(p, item);
}

static int parse_list(struct cfg_parser *p, struct cfg_value *value)
{
    int rc;

    value->type = CFG_LIST;
    if (p->depth == LIST_DEPTH_MAX) {
        return fail(p, "fewer lists inside one another");
    }
    p->at++;
    p->depth++;
    skip_blanks(p);
    while (*p->at != ']') {
        rc = parse_item(p, value);
        if (rc) {
            return rc;
        }
        skip_blanks(p);
        if (*p->at != ',' && *p->at != ']') {
            return fail(p, "',' or ']' in a list");
        }
        p->at += *p->at == ',';
        skip_blanks(p);
    }
    p->at++;
    p->depth--;
    return 0;
}

static int parse_value(struct cfg_parser *p, struct cfg_value *value)
{
    value->file = p->file;
    value->line = p->line;
    if (*p->at == '\'' || *p->at == '"') {
        return parse_string(p, value);
    }
    if (*p->at == '[') {
        return parse_list(p, value);
    }
    if (p->bare && !p->depth) {
        return parse_bare(p, value);
    }
    if (isdigit((unsigned char)*p->at)) {
        return parse_number(p, value);
    }
    return fail(p, "a number, a quoted string or a list");
}

static int parse_key(struct cfg_parser *p, char **key, bool *adds)
{
    const char *start = p->at, *end = start;

    if (!isalpha((unsigned char)*start) && *start != '_') {
        return fail(p, "KEY = VALUE");
    }
    while (is_key_char(*end)) {
        end++;
    }
    *key = copy_range(start, end);
    p->at = end;
    skip_blanks(p);
    *adds = p->at[0] == '+' && p->at[1] == '=';
    p->at += *adds;
    if (*p->at != '=') {
        return fail(p, "'=' after a key");
    }
    p->at++;
    skip_blanks(p);
    return 0;
}

int cfg_parse_assignment(struct cfg_parser *p, char **key,
                         struct cfg_value *value)
{
    int rc;

    skip_separators(p);
    if (!*p->at) {
        return 0;
    }
    rc = parse_key(p, key, &value->adds);
    if (!rc) {
        rc = parse_value(p, value);
    }
    if (rc) {
        return rc;
    }
    skip_blanks(p);
    if (*p->at && !strchr("\n;#", *p->at)) {
        return fail(p, "a new line or ';' after a value");
    }
    return 1;
}
