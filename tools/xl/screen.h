/* SPDX-License-Identifier: MIT */
/* The user's terminal as a screen that is drawn again and again. */
#ifndef XL_SCREEN_H
#define XL_SCREEN_H

#include <stdbool.h>

/* Whether stdout is a terminal that could be one. */
bool screen_is_there(void);

/*
 * Keys come one by one from now on, and are not shown. The terminal is as it
 * was after screen_close(), and also when a signal ends the program.
 */
void screen_open(void);
void screen_close(void);

/* Begin a picture in place of the last one. */
void screen_clear(void);
/* How many lines there are; 24 when nobody knows. */
unsigned int screen_lines(void);

enum screen_event {
    SCREEN_TIMEOUT = -1,
    SCREEN_END = -2, /* stdin has ended */
};

/* The next key that comes within `ms`, or an enum screen_event. */
int screen_wait(int ms);

#endif
