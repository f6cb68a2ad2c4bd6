/* SPDX-License-Identifier: MIT */
/* A domain's console in two steps, so that create can unpause in between. */
#ifndef XL_CMD_CONSOLE_H
#define XL_CMD_CONSOLE_H

#include "libxc/xc.h"

/* The open console, or -1 after a message. */
int console_open(struct xc *xc, uint32_t domid);

/* Until the user leaves or the domain ends. An exit status. */
int console_attach(int console);

#endif
