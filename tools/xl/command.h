/* SPDX-License-Identifier: MIT */
/* From a command's words to its exit status. */
#ifndef XL_COMMAND_H
#define XL_COMMAND_H

#include <stdbool.h>

/* argv[0] is the command's name. Returns the exit status (cmdtable.h). */
int command_start(int argc, char **argv, bool dry_run);

#endif
