/* SPDX-License-Identifier: MIT */
/*
 * Formatting: one pass over the format; each conversion is parsed into a
 * struct spec, made into text, and put out with padding. What does not fit is
 * counted but not stored.
 */
#include "lib/printf.h"
#include "lib/string.h"
#include "types/bits.h"

struct output {
    char *buf;
    size_t size;
    size_t length; /* of the whole text, whether it fits or not */
};

struct spec {
    bool left, zero, plus;
    int width;
    int precision;  /* -1: none given */
    unsigned longs; /* number of l, 2 for ll; z counts as one */
    char conversion;
};

static void put(struct output *out, char c)
{
    if (out->length + 1 < out->size) {
        out->buf[out->length] = c;
    }
    out->length++;
}

static void put_repeated(struct output *out, char c, int count)
{
    while (count-- > 0) {
        put(out, c);
    }
}

/* text with padding; a sign or 0x in front of it stays in front of zeros. */
static void put_padded(struct output *out, const struct spec *spec,
                       const char *prefix, const char *text, size_t length)
{
    int padding = spec->width - (int)(length + strlen(prefix));

    if (!spec->left && !spec->zero) {
        put_repeated(out, ' ', padding);
    }
    while (*prefix) {
        put(out, *prefix++);
    }
    if (!spec->left && spec->zero) {
        put_repeated(out, '0', padding);
    }
    while (length--) {
        put(out, *text++);
    }
    if (spec->left) {
        put_repeated(out, ' ', padding);
    }
}

static void put_number(struct output *out, const struct spec *spec,
                       const char *prefix, uint64_t value, unsigned base)
{
    const char *digits =
        spec->conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[20]; /* 2^64 has 20 decimal digits */
    char *p = text + sizeof(text);

    do {
        *--p = digits[value % base];
        value /= base;
    } while (value);
    put_padded(out, spec, prefix, p, (size_t)(text + sizeof(text) - p));
}

static void put_signed(struct output *out, const struct spec *spec,
                       int64_t value)
{
    const char *sign = value < 0 ? "-" : spec->plus ? "+" : "";

    put_number(out, spec, sign, value < 0 ? -(uint64_t)value : (uint64_t)value,
               10);
}

static void put_string(struct output *out, struct spec *spec, const char *text)
{
    size_t length = 0;

    if (!text) {
        text = "(null)";
    }
    while ((spec->precision < 0 || length < (size_t)spec->precision) &&
           text[length]) {
        length++;
    }
    spec->zero = false;
    put_padded(out, spec, "", text, length);
}

/* A decimal number in the format, or * for one among the arguments. */
static int parse_count(const char **fmt, va_list *args)
{
    int n = 0;

    if (**fmt == '*') {
        (*fmt)++;
        return va_arg(*args, int);
    }
    for (; **fmt >= '0' && **fmt <= '9'; (*fmt)++) {
        n = n * 10 + (**fmt - '0');
    }
    return n;
}

static struct spec parse_spec(const char **fmt, va_list *args)
{
    struct spec spec = {.precision = -1};

    for (;; (*fmt)++) {
        if (**fmt == '-') {
            spec.left = true;
        } else if (**fmt == '0') {
            spec.zero = true;
        } else if (**fmt == '+') {
            spec.plus = true;
        } else {
            break;
        }
    }
    spec.width = parse_count(fmt, args);
    if (**fmt == '.') {
        (*fmt)++;
        spec.precision = parse_count(fmt, args);
    }
    for (; **fmt == 'l' || **fmt == 'z' || **fmt == 'h'; (*fmt)++) {
        spec.longs += **fmt != 'h';
    }
    spec.conversion = **fmt;
    return spec;
}

static void put_conversion(struct output *out, struct spec *spec, va_list *args)
{
    char c;

    switch (spec->conversion) {
    case 'd':
    case 'i':
        put_signed(out, spec,
                   spec->longs ? va_arg(*args, long) : va_arg(*args, int));
        break;
    case 'u':
    case 'x':
    case 'X':
        put_number(out, spec, "",
                   spec->longs ? va_arg(*args, unsigned long)
                               : va_arg(*args, unsigned),
                   spec->conversion == 'u' ? 10 : 16);
        break;
    case 'p':
        put_number(out, spec, "0x", (uintptr_t)va_arg(*args, void *), 16);
        break;
    case 's':
        put_string(out, spec, va_arg(*args, const char *));
        break;
    case 'c':
        c = (char)va_arg(*args, int);
        put_padded(out, spec, "", &c, 1);
        break;
    default: /* "%%", and nonsense as it stands */
        put(out, '%');
        if (spec->conversion != '%' && spec->conversion) {
            put(out, spec->conversion);
        }
    }
}

size_t format_text_v(char *buf, size_t size, const char *fmt, va_list args)
{
    struct output out = {.buf = buf, .size = size};
    va_list rest;

    va_copy(rest, args);
    for (; *fmt; fmt++) {
        struct spec spec;

        if (*fmt != '%') {
            put(&out, *fmt);
            continue;
        }
        fmt++;
        spec = parse_spec(&fmt, &rest);
        put_conversion(&out, &spec, &rest);
        if (!*fmt) {
            break;
        }
    }
    va_end(rest);
    if (size) {
        buf[MIN(out.length, size - 1)] = '\0';
    }
    return out.length;
}

size_t format_text(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    size_t length;

    va_start(args, fmt);
    length = format_text_v(buf, size, fmt, args);
    va_end(args);
    return length;
}
