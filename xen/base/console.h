/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's log, and the operator's terminal that dom0 shares.
 *
 * Log lines carry a level; those at or above the threshold (loglvl=) go to the
 * UART, all go to a ring that `xl dmesg` reads. A line goes out as one record
 * that begins with byte 0x1e, so that a program which reads the UART can take
 * the log out of dom0's output again: "\x1e(podium) text\r\n", and in the
 * middle of a line of dom0's "\x1e\r\n(podium) text\r\n".
 */
#ifndef BASE_CONSOLE_H
#define BASE_CONSOLE_H

#include "types/check.h"

enum log_level {
    LOG_ERROR,   /* something is broken */
    LOG_WARNING, /* something is odd; the host goes on */
    LOG_INFO,
    LOG_DEBUG,
};

/* One line (a '\n' is added). The level is a threshold for loglvl=. */
printf_like(2, 3) void log_line(enum log_level level, const char *fmt, ...);

/* The same for what a guest can cause at will: guest_loglvl=, and at most 20
 * lines a second of all guests together; how many were left out is said
 * later. The line is prefixed with the domain: "d3: ...". */
printf_like(3, 4) void log_guest(domid_t domain, enum log_level level,
                                 const char *fmt, ...);

void console_set_levels(enum log_level host, enum log_level guest);
bool console_level_by_name(const char *name, enum log_level *level);

/* dom0's own output, as it comes: to the UART only. */
void console_write_guest(const char *text, size_t length);

/* Copy the ring's bytes from *index on (older ones are gone if overwritten)
 * to buf; returns how many, updates *index. clear: forget them for those who
 * do not pass an index. */
size_t console_ring_read(char *buf, size_t size, uint32_t *index, bool clear,
                         bool incremental);

/* Panic takes the console over: no locks any more. */
void console_break_locks(void);

#endif
