/* SPDX-License-Identifier: MIT */
/* Writes JSON, indented. */
#include "json.h"

#include <stddef.h>

#define INDENT 4

void json_start(struct json *j, FILE *out)
{
    *j = (struct json){.out = out};
}

void json_finish(struct json *j)
{
    fputc('\n', j->out);
}

static void new_line(const struct json *j)
{
    fprintf(j->out, "\n%*s", (int)(j->depth * INDENT), "");
}

/* How many bytes from `text` on are one character in UTF-8; 0: none is. The
 * bytes after the first are 10xxxxxx; what could be shorter is not valid. */
static size_t utf8_length(const unsigned char *text)
{
    static const struct {
        unsigned char mask, is;
        uint32_t from;
    } forms[] = {{0x80, 0x00, 0},
                 {0xe0, 0xc0, 0x80},
                 {0xf0, 0xe0, 0x800},
                 {0xf8, 0xf0, 0x10000}};

    for (size_t more = 0; more < sizeof(forms) / sizeof(forms[0]); more++) {
        uint32_t code = text[0] & (unsigned char)~forms[more].mask;
        size_t i = 1;

        if ((text[0] & forms[more].mask) != forms[more].is) {
            continue;
        }
        for (; i <= more && (text[i] & 0xc0) == 0x80; i++) {
            code = code << 6 | (text[i] & 0x3f);
        }
        return i == more + 1 && code >= forms[more].from && code <= 0x10ffff &&
                       (code < 0xd800 || code > 0xdfff)
                   ? i
                   : 0;
    }
    return 0;
}

static void put_text(const struct json *j, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    fputc('"', j->out);
    while (*at) {
        size_t length = utf8_length(at);

        if (*at == '"' || *at == '\\') {
            fprintf(j->out, "\\%c", *at);
        } else if (*at == '\n') {
            fputs("\\n", j->out);
        } else if (*at < 0x20 || *at == 0x7f || !length) {
            fprintf(j->out, "\\u%04x", *at);
        } else {
            fwrite(at, 1, length, j->out);
        }
        at += length ? length : 1;
    }
    fputc('"', j->out);
}

/* All that stands before a value. */
static void begin(struct json *j, const char *key)
{
    if (j->any) {
        fputc(',', j->out);
    }
    if (j->depth) {
        new_line(j);
    }
    if (key) {
        put_text(j, key);
        fputs(": ", j->out);
    }
    j->any = true;
}

static void open_level(struct json *j, const char *key, char bracket)
{
    begin(j, key);
    fputc(bracket, j->out);
    j->depth++;
    j->any = false;
}

static void close_level(struct json *j, char bracket)
{
    j->depth--;
    if (j->any) {
        new_line(j);
    }
    fputc(bracket, j->out);
    j->any = true;
}

void json_object_begin(struct json *j, const char *key)
{
    open_level(j, key, '{');
}

void json_object_end(struct json *j)
{
    close_level(j, '}');
}

void json_array_begin(struct json *j, const char *key)
{
    open_level(j, key, '[');
}

void json_array_end(struct json *j)
{
    close_level(j, ']');
}

void json_string(struct json *j, const char *key, const char *text)
{
    if (!text) {
        json_null(j, key);
        return;
    }
    begin(j, key);
    put_text(j, text);
}

void json_number(struct json *j, const char *key, uint64_t number)
{
    begin(j, key);
    fprintf(j->out, "%llu", (unsigned long long)number);
}

void json_bool(struct json *j, const char *key, bool value)
{
    begin(j, key);
    fputs(value ? "true" : "false", j->out);
}

void json_null(struct json *j, const char *key)
{
    begin(j, key);
    fputs("null", j->out);
}
