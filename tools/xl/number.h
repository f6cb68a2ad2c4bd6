/* SPDX-License-Identifier: MIT */
/* Whole numbers as a user types them. */
#ifndef XL_NUMBER_H
#define XL_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* A whole decimal number, or false after a message. */
bool number_argument(const char *text, uint32_t *number);

#endif
