/* SPDX-License-Identifier: MIT */
/* tools/xl/json.c */
#include "xl/json.h"

#include <stdlib.h>

#include "check.h"

static char *text;
static size_t size;
static struct json j;

static void begin(void)
{
    json_start(&j, open_memstream(&text, &size));
}

static void expect(const char *wanted)
{
    json_finish(&j);
    fclose(j.out);
    EXPECT_TEXT(text, wanted);
    free(text);
}

static void test_structure(void)
{
    begin();
    json_array_begin(&j, NULL);
    json_object_begin(&j, NULL);
    json_number(&j, "n", UINT64_MAX);
    json_bool(&j, "t", true);
    json_bool(&j, "f", false);
    json_null(&j, "z");
    json_string(&j, "s", "x");
    json_string(&j, "none", NULL);
    json_array_begin(&j, "a");
    json_number(&j, NULL, 1);
    json_number(&j, NULL, 2);
    json_array_end(&j);
    json_object_end(&j);
    json_object_begin(&j, NULL);
    json_object_end(&j);
    json_array_end(&j);
    expect("[\n"
           "    {\n"
           "        \"n\": 18446744073709551615,\n"
           "        \"t\": true,\n"
           "        \"f\": false,\n"
           "        \"z\": null,\n"
           "        \"s\": \"x\",\n"
           "        \"none\": null,\n"
           "        \"a\": [\n"
           "            1,\n"
           "            2\n"
           "        ]\n"
           "    },\n"
           "    {}\n"
           "]\n");
}

static void expect_string(const char *from, const char *wanted)
{
    begin();
    json_string(&j, NULL, from);
    expect(wanted);
}

static void test_strings(void)
{
    expect_string("", "\"\"\n");
    expect_string("a\"b\\c/", "\"a\\\"b\\\\c/\"\n");
    expect_string("\n\t\x7f\x01", "\"\\n\\u0009\\u007f\\u0001\"\n");
    expect_string("\xc3\xbc\xe2\x82\xac\xf0\x9f\x90\x9f",
                  "\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x90\x9f\"\n");
    /* Cut off, too long, a surrogate, beyond the last character. */
    expect_string("\xe2\x82", "\"\\u00e2\\u0082\"\n");
    expect_string("\xc0\x80", "\"\\u00c0\\u0080\"\n");
    expect_string("\xed\xa0\x80", "\"\\u00ed\\u00a0\\u0080\"\n");
    expect_string("\xf4\x90\x80\x80", "\"\\u00f4\\u0090\\u0080\\u0080\"\n");
    expect_string("\xff", "\"\\u00ff\"\n");
}

static const struct check checks[] = {
    {"json: structure", test_structure},
    {"json: strings", test_strings},
};

CHECK_MAIN(checks)
