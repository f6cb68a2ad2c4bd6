/* SPDX-License-Identifier: MIT */
/* How long something has been up, as text. */
#include "uptime.h"

#include <stdio.h>

void uptime_format(uint64_t seconds, bool brief, char text[UPTIME_TEXT_SIZE])
{
    unsigned long days = (unsigned long)(seconds / 86400);
    unsigned int rest = (unsigned int)(seconds % 86400);
    char day_text[24] = "", second_text[8] = "";

    if (days) {
        snprintf(day_text, sizeof(day_text), "%lu day%s, ", days,
                 days == 1 ? "" : "s");
    }
    if (!brief) {
        snprintf(second_text, sizeof(second_text), ":%02u", rest % 60);
    }
    snprintf(text, UPTIME_TEXT_SIZE, "%s%2u:%02u%s", day_text, rest / 3600,
             rest / 60 % 60, second_text);
}
