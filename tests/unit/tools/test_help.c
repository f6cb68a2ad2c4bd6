/* SPDX-License-Identifier: MIT */
/* The command table as help tells it, and wrong calls. */
#include "check.h"
#include "xl/cmdtable.h"
#include "xl_run.h"

static void test_every_command_explains_itself(void)
{
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &command_table[i];
        char line[100], help[sizeof(xl_output)];

        snprintf(line, sizeof(line), "help %s", c->name);
        EXPECT(xl_run(line) == XL_OK);
        EXPECT(strstr(xl_output, c->summary));
        EXPECT(xl_messages[0] == '\0');
        strcpy(help, xl_output);
        snprintf(line, sizeof(line), "%s -h", c->name);
        EXPECT(xl_run(line) == XL_OK);
        EXPECT_TEXT(xl_output, help);
        snprintf(line, sizeof(line), "%s --help", c->name);
        EXPECT(xl_run(line) == XL_OK);
        EXPECT_TEXT(xl_output, help);
    }
}

static void test_no_line_of_help_is_too_long(void)
{
    for (size_t i = 0; i < command_count; i++) {
        char line[100];
        const char *at = xl_output;

        snprintf(line, sizeof(line), "help %s", command_table[i].name);
        xl_run(line);
        while (*at) {
            size_t length = strcspn(at, "\n");

            EXPECT(length < 80);
            EXPECT(length == 0 || at[length - 1] != ' ');
            at += length + (at[length] == '\n');
        }
    }
}

/* Each option is explained, by a sentence, and none twice. */
static void test_options_are_sound(void)
{
    for (size_t i = 0; i < command_count; i++) {
        const struct command_option *o = command_table[i].options;
        bool used[128] = {['h'] = true};

        for (; o && o->letter; o++) {
            size_t length = strlen(o->help);

            EXPECT(!used[(int)o->letter]);
            used[(int)o->letter] = true;
            EXPECT(length && o->help[length - 1] == '.');
        }
    }
}

static void test_short_names(void)
{
    EXPECT(xl_run("hel") == XL_OK);
    EXPECT(xl_run("d") == XL_FAILED);
    EXPECT_TEXT(xl_messages,
                "xl: ambiguous command 'd'; \"xl help\" lists what there is\n");
    EXPECT(xl_run("frobnicate") == XL_FAILED);
    EXPECT(strstr(xl_messages, "unknown command 'frobnicate'"));
    EXPECT(xl_run("help frobnicate") == XL_FAILED);
}

static void test_called_wrongly(void)
{
    EXPECT(xl_run("pause") == XL_USAGE);
    EXPECT(strstr(xl_messages, "'xl pause' requires at least 1 argument\n"));
    EXPECT(strstr(xl_messages, "Usage: xl"));
    EXPECT(xl_run("pause a b") == XL_USAGE);
    EXPECT(strstr(xl_messages, "does not know what to do with 'b'"));
    EXPECT(xl_run("pause -x a") == XL_USAGE);
    EXPECT(strstr(xl_messages, "xl: there is no option '-x'\nUsage") ==
           xl_messages);
    EXPECT(xl_run("create --defconfig") == XL_USAGE);
    EXPECT(strstr(xl_messages, "xl: option '--defconfig' needs a value\n"));
    EXPECT(xl_run("list --numb") == XL_USAGE);
    EXPECT(strstr(xl_messages, "xl: there is no option '--numb'\n"));
    EXPECT(xl_run("list --numa=3") == XL_USAGE);
    EXPECT(strstr(xl_messages, "xl: option '--numa=3' takes no value\n"));
    EXPECT(xl_output[0] == '\0');
}

static const struct check checks[] = {
    {"help: every command explains itself", test_every_command_explains_itself},
    {"help: no line is too long", test_no_line_of_help_is_too_long},
    {"help: options are sound", test_options_are_sound},
    {"help: short names", test_short_names},
    {"help: called wrongly", test_called_wrongly},
};

CHECK_MAIN(checks)
