/* SPDX-License-Identifier: MIT */
#ifndef MANUAL_COMPLETION_H
#define MANUAL_COMPLETION_H

/* A script for bash that completes xl's commands, options and domains. */
void completion_print(void);

#endif
