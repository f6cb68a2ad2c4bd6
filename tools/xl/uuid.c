/* SPDX-License-Identifier: MIT */
/* UUIDs as text, sixteen bytes in the order in which they are written. */
#include "uuid.h"

#include <stdio.h>
#include <string.h>

void uuid_format(const uint8_t uuid[XC_UUID_BYTES], char text[UUID_TEXT_SIZE])
{
    for (int i = 0; i < XC_UUID_BYTES; i++) {
        bool dash = i == 4 || i == 6 || i == 8 || i == 10;

        text += sprintf(text, dash ? "-%02x" : "%02x", uuid[i]);
    }
}

bool uuid_parse(const char *text, uint8_t uuid[XC_UUID_BYTES])
{
    size_t used = 0;

    while (*text && used < XC_UUID_BYTES) {
        unsigned int byte;

        if (*text == '-') {
            text++;
            continue;
        }
        if (strspn(text, "0123456789abcdefABCDEF") < 2 ||
            sscanf(text, "%2x", &byte) != 1) {
            return false;
        }
        uuid[used++] = (uint8_t)byte;
        text += 2;
    }
    return used == XC_UUID_BYTES && !*text;
}
