/* SPDX-License-Identifier: MIT */
/* What xl says to its user beside a command's result, all on stderr. */
#ifndef XL_MESSAGE_H
#define XL_MESSAGE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Set from the global options -v and -t. */
extern bool message_verbose;
extern bool message_progress_always;

/* One line that says what is wrong. */
void error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line about something that is odd but does not stop the command. */
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line that only -v shows. */
void verbose(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * How far a long job is: overwrites its own line on a terminal and is silent
 * elsewhere. total 0 means that only the step's name is known.
 */
void progress(const char *step, unsigned long done, unsigned long total);
void progress_end(void);

/* malloc and friends that end the program when there is no memory. */
void *must_realloc(void *old, size_t size);
char *must_strdup(const char *text);
char *must_vformat(const char *format, va_list args);
char *must_format(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif
