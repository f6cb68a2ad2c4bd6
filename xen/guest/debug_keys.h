/* SPDX-License-Identifier: MIT */
/* One-letter requests for the log: `xl debug-keys`, or the console's owner. */
#ifndef GUEST_DEBUG_KEYS_H
#define GUEST_DEBUG_KEYS_H

void debug_key(char key);

#endif
