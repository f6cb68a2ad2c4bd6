/* SPDX-License-Identifier: MIT */
/* Help, as text for a terminal. */
#ifndef XL_CMD_HELP_H
#define XL_CMD_HELP_H

#include <stdio.h>

#include "cmdtable.h"

void help_list(FILE *out);
void help_command(FILE *out, const struct command *c);

#endif
