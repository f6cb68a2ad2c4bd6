/* SPDX-License-Identifier: MIT */
/* Manual pages in roff, by the man(7) macros. */
#ifndef MANUAL_ROFF_H
#define MANUAL_ROFF_H

/* The title line, and the NAME section. */
void roff_page(const char *title, int section, const char *summary);
void roff_section(const char *name);
void roff_subsection(const char *name);
void roff_paragraph(const char *text);
/* A head in bold, with an argument in italics unless that is NULL, and what
 * is said about it. */
void roff_item(const char *head, const char *argument, const char *text);
/* Lines as they are. */
void roff_example(const char *text);

#endif
