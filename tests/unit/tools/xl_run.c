/* SPDX-License-Identifier: MIT */
#include "xl_run.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "xl/command.h"

#define WORDS_MAX 32

char xl_output[65536], xl_messages[4096];

/* From here on the stream writes to a file; what it wrote to is returned. */
static int divert(FILE *stream, FILE *file)
{
    int before = dup(fileno(stream));

    fflush(stream);
    dup2(fileno(file), fileno(stream));
    return before;
}

static void restore(FILE *stream, int before, FILE *file, char *text,
                    size_t size)
{
    size_t length;

    fflush(stream);
    dup2(before, fileno(stream));
    close(before);
    rewind(file);
    length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    fclose(file);
}

int xl_run(const char *line)
{
    FILE *output = tmpfile(), *messages = tmpfile();
    char words[1024], *argv[WORDS_MAX + 1], *at = words;
    int argc = 0, status, out, err;

    snprintf(words, sizeof(words), "%s", line);
    while (argc < WORDS_MAX && (argv[argc] = strsep(&at, " "))) {
        argc++;
    }
    argv[argc] = NULL;
    out = divert(stdout, output);
    err = divert(stderr, messages);
    status = command_start(argc, argv, false);
    restore(stdout, out, output, xl_output, sizeof(xl_output));
    restore(stderr, err, messages, xl_messages, sizeof(xl_messages));
    return status;
}
