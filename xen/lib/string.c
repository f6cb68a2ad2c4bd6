/* SPDX-License-Identifier: MIT */
/*
 * The C library's part of lib/string.h, for the freestanding build only: the
 * compiler emits calls to some of these by itself. Copies go by words, because
 * a byte at a time is what hurts under an emulator.
 *
 * KEEP_LOOP hides the loop from the pass that turns loops into calls of the
 * very functions that are defined here.
 */
#include "lib/string.h"

typedef uint64_t __attribute__((may_alias, aligned(1))) any_word;

#define KEEP_LOOP(p) __asm__ volatile("" : "+r"(p))

void *memcpy(void *to, const void *from, size_t n)
{
    unsigned char *t = to;
    const unsigned char *f = from;

    for (; n >= sizeof(any_word); n -= sizeof(any_word)) {
        *(any_word *)(void *)t = *(const any_word *)(const void *)f;
        t += sizeof(any_word);
        f += sizeof(any_word);
        KEEP_LOOP(t);
    }
    while (n--) {
        *t++ = *f++;
        KEEP_LOOP(t);
    }
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    unsigned char *t = to;
    const unsigned char *f = from;

    if ((uintptr_t)t - (uintptr_t)f >= n) {
        return memcpy(to, from, n);
    }
    while (n--) {
        t[n] = f[n];
        KEEP_LOOP(t);
    }
    return to;
}

void *memset(void *to, int c, size_t n)
{
    unsigned char *t = to;
    uint64_t word = 0x0101010101010101ULL * (unsigned char)c;

    for (; n >= sizeof(any_word); n -= sizeof(any_word)) {
        *(any_word *)(void *)t = word;
        t += sizeof(any_word);
        KEEP_LOOP(t);
    }
    while (n--) {
        *t++ = (unsigned char)c;
        KEEP_LOOP(t);
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;

    for (; n; n--, x++, y++) {
        if (*x != *y) {
            return *x - *y;
        }
        KEEP_LOOP(x);
    }
    return 0;
}

size_t strlen(const char *s)
{
    const char *end = s;

    while (*end) {
        end++;
        KEEP_LOOP(end);
    }
    return (size_t)(end - s);
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n; n--, a++, b++) {
        if (*a != *b) {
            return (unsigned char)*a - (unsigned char)*b;
        }
        if (!*a) {
            break;
        }
    }
    return 0;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c) {
            return (char *)(uintptr_t)s;
        }
        if (!*s) {
            return NULL;
        }
    }
}
