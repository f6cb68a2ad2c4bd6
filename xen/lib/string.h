/* SPDX-License-Identifier: MIT */
/* The part of the C library's string.h that the hypervisor uses; the same
 * meanings. On the host the C library supplies them. */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include "types/words.h"

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);

/* Copies at most size - 1 bytes and always terminates. Returns strlen(from). */
size_t string_copy(char *to, const char *from, size_t size);

/* Decimal or 0x hexadecimal number at *s; moves *s behind it. False: none. */
bool string_number(const char **s, uint64_t *value);

/* A size with suffix K M G T (default unit M, as dom0_mem= has it... the
 * caller says which shift), in bytes. False: malformed. */
bool string_size(const char *s, unsigned default_shift, uint64_t *bytes);

#endif
