/* SPDX-License-Identifier: MIT */
/*
 * Rows of text under headings.
 *
 * Cells are collected first and printed at the end, because a column is as
 * wide as its longest cell. Memory that cannot be had ends the program: there
 * is nothing useful to print without it.
 */
#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

static size_t column_width(const struct table *t, size_t column)
{
    size_t width = strlen(t->columns[column].heading);

    for (size_t i = column; i < t->cell_count; i += t->column_count) {
        size_t length = strlen(t->cells[i]);

        width = length > width ? length : width;
    }
    return width;
}

/* The last column is not padded when it is aligned left: no trailing blanks. */
static void cell_print(const struct table *t, FILE *out, size_t column,
                       const char *text, const size_t *widths)
{
    int width = (int)widths[column];
    const char *gap = column ? "  " : "";

    if (t->columns[column].align == TABLE_RIGHT) {
        fprintf(out, "%s%*s", gap, width, text);
    } else if (column + 1 == t->column_count) {
        fprintf(out, "%s%s", gap, text);
    } else {
        fprintf(out, "%s%-*s", gap, width, text);
    }
    if (column + 1 == t->column_count) {
        fputc('\n', out);
    }
}

void table_init(struct table *t, const struct table_column *columns,
                size_t column_count)
{
    memset(t, 0, sizeof(*t));
    t->columns = columns;
    t->column_count = column_count;
}

void table_add(struct table *t, const char *format, ...)
{
    va_list args;

    if (t->cell_count == t->cell_room) {
        t->cell_room = t->cell_room ? 2 * t->cell_room : 32;
        t->cells = must_realloc(t->cells, t->cell_room * sizeof(*t->cells));
    }
    va_start(args, format);
    t->cells[t->cell_count++] = must_vformat(format, args);
    va_end(args);
}

void table_print(const struct table *t, FILE *out)
{
    size_t *widths = must_realloc(NULL, t->column_count * sizeof(*widths));

    for (size_t c = 0; c < t->column_count; c++) {
        widths[c] = column_width(t, c);
    }
    for (size_t c = 0; c < t->column_count; c++) {
        cell_print(t, out, c, t->columns[c].heading, widths);
    }
    for (size_t i = 0, c = 0; i < t->cell_count; i++) {
        cell_print(t, out, c, t->cells[i], widths);
        c = c + 1 < t->column_count ? c + 1 : 0;
    }
    free(widths);
}

void table_free(struct table *t)
{
    for (size_t i = 0; i < t->cell_count; i++) {
        free(t->cells[i]);
    }
    free(t->cells);
    memset(t, 0, sizeof(*t));
}
