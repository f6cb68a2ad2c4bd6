/* SPDX-License-Identifier: MIT */
/* How long something has been up, as text. */
#include "uptime.h"

#include <stdio.h>

void uptime_format(uint64_t seconds, char text[UPTIME_TEXT_SIZE])
{
    unsigned long days = (unsigned long)(seconds / 86400);
    unsigned int rest = (unsigned int)(seconds % 86400);
    char day_text[24] = "";

    if (days) {
        snprintf(day_text, sizeof(day_text), "%lu day%s, ", days,
                 days == 1 ? "" : "s");
    }
    snprintf(text, UPTIME_TEXT_SIZE, "%s%2u:%02u:%02u", day_text, rest / 3600,
             rest / 60 % 60, rest % 60);
}
