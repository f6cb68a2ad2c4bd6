/* SPDX-License-Identifier: MIT */
/* A command line of xl, run against the fake host. */
#ifndef TESTS_TOOLS_XL_RUN_H
#define TESTS_TOOLS_XL_RUN_H

/* The exit status of "xl LINE". Words of LINE are between single blanks. */
int xl_run(const char *line);

/* What that run printed, and its messages. */
extern char xl_output[65536], xl_messages[4096];

#endif
