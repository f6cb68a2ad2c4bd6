/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_FILE_H
#define LIBXC_FILE_H

#include <stddef.h>
#include <stdint.h>

struct xc;

/* A file's contents in memory. */
struct file {
    uint8_t *data;
    size_t size;
};

/*
 * Reads the whole file. `what` ("kernel") is for the error text. Empty files,
 * and what is not a file, are errors; so is anything above 2 GiB.
 */
int file_read(struct xc *xc, const char *what, const char *path,
              struct file *file);
void file_free(struct file *file);

#endif
