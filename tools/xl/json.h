/* SPDX-License-Identifier: MIT */
/*
 * Writes JSON (RFC 8259), indented. Inside an object each value has a key; at
 * the top and inside an array the key is NULL.
 */
#ifndef XL_JSON_H
#define XL_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    unsigned int depth;
    bool any; /* something stands before, on this level */
};

void json_start(struct json *j, FILE *out);
/* Ends the text with a new line. All that was begun must have ended. */
void json_finish(struct json *j);

void json_object_begin(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array_begin(struct json *j, const char *key);
void json_array_end(struct json *j);

/* NULL becomes null. Bytes that are not UTF-8 are taken for Latin-1. */
void json_string(struct json *j, const char *key, const char *text);
void json_number(struct json *j, const char *key, uint64_t number);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);

#endif
