/* SPDX-License-Identifier: MIT */
/* tools/xl/table.c: aligned columns. */
#include "xl/table.h"

#include <stdlib.h>

#include "check.h"

static const struct table_column columns[] = {
    {"Name", TABLE_LEFT},
    {"KiB", TABLE_RIGHT},
    {"Note", TABLE_LEFT},
};

static char *printed(const struct table *t)
{
    size_t size;
    char *text;
    FILE *out = open_memstream(&text, &size);

    table_print(t, out);
    fclose(out);
    return text;
}

static void headings_alone(void)
{
    struct table t;
    char *text;

    table_init(&t, columns, 3);
    text = printed(&t);
    EXPECT_TEXT(text, "Name  KiB  Note\n");
    free(text);
    table_free(&t);
}

static void columns_fit_their_cells(void)
{
    struct table t;
    char *text;

    table_init(&t, columns, 3);
    table_add(&t, "%s", "Domain-0");
    table_add(&t, "%d", 7);
    table_add(&t, "%s", "x");
    table_add(&t, "%s", "b");
    table_add(&t, "%d", 1048576);
    table_add(&t, "%s", "a long note");
    text = printed(&t);
    EXPECT_TEXT(text, "Name          KiB  Note\n"
                      "Domain-0        7  x\n"
                      "b         1048576  a long note\n");
    free(text);
    table_free(&t);
}

static void many_rows(void)
{
    struct table t;
    size_t lines = 0;
    char *text;

    table_init(&t, columns, 3);
    for (int i = 0; i < 100 * 3; i++) {
        table_add(&t, "%d", i);
    }
    text = printed(&t);
    for (char *at = text; *at; at++) {
        lines += *at == '\n';
    }
    EXPECT(lines == 101);
    free(text);
    table_free(&t);
}

static const struct check checks[] = {
    {"table/headings_alone", headings_alone},
    {"table/columns_fit_their_cells", columns_fit_their_cells},
    {"table/many_rows", many_rows},
};

CHECK_MAIN(checks)
