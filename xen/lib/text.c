/* SPDX-License-Identifier: MIT */
/* Our own part of lib/string.h: bounded copies, and numbers out of options. */
#include "lib/string.h"
#include "types/overflow.h"

size_t string_copy(char *to, const char *from, size_t size)
{
    size_t length = strlen(from);

    if (size) {
        size_t n = length < size ? length : size - 1;

        memcpy(to, from, n);
        to[n] = '\0';
    }
    return length;
}

/* The value of a digit in any base up to 16; 16 if c is none. */
static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return (unsigned)(c - 'a') + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return (unsigned)(c - 'A') + 10;
    }
    return 16;
}

bool string_number(const char **s, uint64_t *value)
{
    const char *p = *s;
    unsigned base = 10;
    uint64_t n = 0;

    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
        base = 16;
        p += 2;
    }
    if (digit_value(*p) >= base) {
        return false;
    }
    for (; digit_value(*p) < base; p++) {
        if (mul_overflows(n, base, &n) ||
            add_overflows(n, digit_value(*p), &n)) {
            return false;
        }
    }
    *s = p;
    *value = n;
    return true;
}

/* The shift that a size's suffix stands for; -1 if it is none. */
static int suffix_shift(char c, unsigned default_shift)
{
    switch (c) {
    case '\0':
        return (int)default_shift;
    case 'b':
    case 'B':
        return 0;
    case 'k':
    case 'K':
        return 10;
    case 'm':
    case 'M':
        return 20;
    case 'g':
    case 'G':
        return 30;
    case 't':
    case 'T':
        return 40;
    default:
        return -1;
    }
}

bool string_size(const char *s, unsigned default_shift, uint64_t *bytes)
{
    uint64_t n;
    int shift;

    if (!string_number(&s, &n)) {
        return false;
    }
    shift = suffix_shift(*s, default_shift);
    if (shift < 0 || (s[0] && s[1])) {
        return false;
    }
    return !mul_overflows(n, 1ULL << shift, bytes);
}
