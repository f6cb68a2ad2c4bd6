/* SPDX-License-Identifier: MIT */
/* Whole numbers as a user types them. */
#include "number.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "message.h"

/* strtoul would take leading blanks and a minus sign. */
bool number_argument(const char *text, uint32_t *number)
{
    unsigned long value;
    char *end;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || value > UINT32_MAX) {
        error("'%s' is not a number", text);
        return false;
    }
    *number = (uint32_t)value;
    return true;
}
