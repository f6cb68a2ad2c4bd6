/* SPDX-License-Identifier: MIT */
/* What the operator types goes to domain 0 (D0-2). */
#ifndef GUEST_CONSOLE_INPUT_H
#define GUEST_CONSOLE_INPUT_H

/* Tell domain 0 if bytes came since the last call. Cheap when none did. */
void console_input_poll(void);

#endif
