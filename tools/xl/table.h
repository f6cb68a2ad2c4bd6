/* SPDX-License-Identifier: MIT */
/* Rows of text under headings, in columns as wide as their longest cell. */
#ifndef XL_TABLE_H
#define XL_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum table_align {
    TABLE_LEFT,
    TABLE_RIGHT
};

struct table_column {
    const char *heading;
    enum table_align align;
};

struct table {
    const struct table_column *columns;
    size_t column_count;
    char **cells; /* row by row; the last row may be unfinished */
    size_t cell_count;
    size_t cell_room;
};

void table_init(struct table *t, const struct table_column *columns,
                size_t column_count);

/* Add the next cell. Cells fill a row from the left, then the next row. */
void table_add(struct table *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void table_print(const struct table *t, FILE *out);
void table_free(struct table *t);

#endif
