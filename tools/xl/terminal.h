/* SPDX-License-Identifier: MIT */
/* Connects the user's terminal with a guest's console. */
#ifndef XL_TERMINAL_H
#define XL_TERMINAL_H

/* Ctrl-] */
#define TERMINAL_LEAVE 0x1d

/*
 * Open the console at `path`. The file, or a negative errno value.
 */
int terminal_open(const char *path);

/*
 * Pass characters between stdin, stdout and `console` until the user leaves
 * by Ctrl-] or the end of stdin (0), the console ends (0), or a failure
 * (-errno). stdin's terminal is restored. Closes `console`.
 */
int terminal_attach(int console);

#endif
