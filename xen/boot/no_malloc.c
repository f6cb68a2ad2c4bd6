/* SPDX-License-Identifier: MIT */
/*
 * The decoders' libraries name these, for callers that bring no memory. We do
 * bring some (decoders.c), so there is none to be had here. Not in the unit
 * tests, which have a C library.
 */
#include "types/words.h"

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void free(void *memory);

void *malloc(size_t size)
{
    return NULL;
}

void *calloc(size_t count, size_t size)
{
    return NULL;
}

void free(void *memory)
{
}
