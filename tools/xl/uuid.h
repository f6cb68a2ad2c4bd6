/* SPDX-License-Identifier: MIT */
/* UUIDs as text: 01234567-89ab-cdef-0123-456789abcdef. */
#ifndef XL_UUID_H
#define XL_UUID_H

#include <stdbool.h>
#include <stdint.h>

#include "libxc/xc.h"

#define UUID_TEXT_SIZE 37 /* with the final 0 */

void uuid_format(const uint8_t uuid[XC_UUID_BYTES], char text[UUID_TEXT_SIZE]);

/* 32 hexadecimal digits, with dashes anywhere between bytes or without. */
bool uuid_parse(const char *text, uint8_t uuid[XC_UUID_BYTES]);

#endif
