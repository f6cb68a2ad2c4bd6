/* SPDX-License-Identifier: MIT */
/*
 * Manual pages in roff. Text passes through put_text(), so that nothing in it
 * can be taken for a request: a backslash, and a line that begins with a dot
 * or a quotation mark. A dash is a minus, or it could not be copied from the
 * page and pasted into a shell.
 */
#include "roff.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>

static void put_char(char c)
{
    if (c == '\\') {
        fputs("\\e", stdout);
    } else if (c == '-') {
        fputs("\\-", stdout);
    } else if (c == '^') {
        fputs("\\(ha", stdout);
    } else if (c == '~') {
        fputs("\\(ti", stdout);
    } else if (c == '"') {
        fputs("\\(dq", stdout); /* also inside a macro's argument */
    } else {
        putchar(c);
    }
}

static void put_text(const char *text)
{
    bool at_start = true;

    for (; *text; text++) {
        if (at_start && (*text == '.' || *text == '\'')) {
            fputs("\\&", stdout);
        }
        put_char(*text);
        at_start = *text == '\n';
    }
}

static void put_upper(const char *text)
{
    for (; *text; text++) {
        put_char((char)toupper((unsigned char)*text));
    }
}

void roff_page(const char *title, int section, const char *summary)
{
    printf(
        ".\\\" Generated from the tables of tools/xl by tools/manual.\n.TH ");
    put_upper(title);
    printf(" %d \"\" Podium \"\"\n.SH NAME\n", section);
    put_text(title);
    printf(" \\- %s\n", summary);
}

void roff_section(const char *name)
{
    printf(".SH \"");
    put_upper(name);
    printf("\"\n");
}

void roff_subsection(const char *name)
{
    printf(".SS \"");
    put_text(name);
    printf("\"\n");
}

void roff_paragraph(const char *text)
{
    printf(".PP\n");
    put_text(text);
    putchar('\n');
}

void roff_item(const char *head, const char *argument, const char *text)
{
    printf(".TP\n\\fB");
    put_text(head);
    printf("\\fR");
    if (argument) {
        printf("\\fI");
        put_text(argument);
        printf("\\fR");
    }
    putchar('\n');
    put_text(text);
    putchar('\n');
}

void roff_example(const char *text)
{
    printf(".PP\n.nf\n");
    put_text(text);
    printf(".fi\n");
}
