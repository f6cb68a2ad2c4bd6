/* SPDX-License-Identifier: MIT */
/* How long something has been up, as text: "3 days,  4:05:06", "3 days,  4:05".
 */
#ifndef XL_UPTIME_H
#define XL_UPTIME_H

#include <stdbool.h>
#include <stdint.h>

#define UPTIME_TEXT_SIZE 40

void uptime_format(uint64_t seconds, bool brief, char text[UPTIME_TEXT_SIZE]);

#endif
