/* SPDX-License-Identifier: MIT */
/*
 * What xl says to its user beside a command's result.
 *
 * Results go to stdout, everything here goes to stderr, so that scripts can
 * keep them apart. A progress line is overwritten in place with a carriage
 * return; any other message first ends it, so that lines never mix.
 */
#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool message_verbose;
bool message_progress_always;

static size_t progress_length; /* columns of the line being overwritten */
static unsigned long progress_percent;
static char progress_step[64];

static void line_print(const char *prefix, const char *format, va_list args)
{
    progress_end();
    fputs(prefix, stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    line_print("xl: ", format, args);
    va_end(args);
}

void warn(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    line_print("xl: warning: ", format, args);
    va_end(args);
}

void verbose(const char *format, ...)
{
    va_list args;

    if (!message_verbose) {
        return;
    }
    va_start(args, format);
    line_print("xl: ", format, args);
    va_end(args);
}

/*
 * On the terminal that a user sits at: stderr is one, and we are in its
 * foreground. A console that a boot script writes to is nobody's. Asked each
 * time, because the monitor of a guest loses its terminal on the way.
 */
static bool progress_wanted(void)
{
    return message_progress_always || tcgetpgrp(STDERR_FILENO) == getpgrp();
}

/* A line per percent is enough; a line per page would cost more than the job.
 */
static bool progress_is_news(const char *step, unsigned long percent)
{
    if (!strcmp(step, progress_step) && percent == progress_percent) {
        return false;
    }
    snprintf(progress_step, sizeof(progress_step), "%s", step);
    progress_percent = percent;
    return true;
}

void progress(const char *step, unsigned long done, unsigned long total)
{
    unsigned long percent = total ? done * 100 / total : 0;
    size_t length;
    char line[100];

    if (!progress_wanted() || !progress_is_news(step, percent)) {
        return;
    }
    if (total) {
        snprintf(line, sizeof(line), "xl: %s: %lu%%", step, percent);
    } else {
        snprintf(line, sizeof(line), "xl: %s", step);
    }
    length = strlen(line);
    fprintf(stderr, "\r%-*s", (int)progress_length, line);
    fflush(stderr);
    progress_length = length > progress_length ? length : progress_length;
}

/* Leaves an empty line behind: a finished job speaks by its result. */
void progress_end(void)
{
    if (!progress_length) {
        return;
    }
    fprintf(stderr, "\r%*s\r", (int)progress_length, "");
    fflush(stderr);
    progress_length = 0;
    progress_step[0] = '\0';
}

static void die_without_memory(void)
{
    error("out of memory");
    exit(1);
}

void *must_realloc(void *old, size_t size)
{
    void *new = realloc(old, size);

    if (!new &&size) {
        die_without_memory();
    }
    return new;
}

char *must_strdup(const char *text)
{
    return must_format("%s", text);
}

char *must_vformat(const char *format, va_list args)
{
    char *text;

    if (vasprintf(&text, format, args) < 0) {
        die_without_memory();
    }
    return text;
}

char *must_format(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = must_vformat(format, args);
    va_end(args);
    return text;
}
