/* SPDX-License-Identifier: MIT */
/*
 * What the hypervisor tells of transcendent memory, for people and programs.
 * Its text is lines X=tag:value,tag:value; each kind of line and each tag has a
 * row in a table here. What has none is passed over.
 */
#ifndef XL_TMEM_TEXT_H
#define XL_TMEM_TEXT_H

#include <stdio.h>

/* Line by line, each number with what it is. */
void tmem_text_explain(const char *text, FILE *out);

/* One object: host, times, shared_pools, and clients with their pools. */
void tmem_text_json(const char *text, FILE *out);

#endif
