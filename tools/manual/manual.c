/* SPDX-License-Identifier: MIT */
/*
 *     manual xl.1 | xl.cfg.5 | xl.conf.5 | completion
 *
 * Prints a page of the manual, or what makes bash complete xl's words, out of
 * the tables that xl itself uses: its commands with their options (cmdtable.c)
 * and the keys of its configurations (guestkeys.c, hostkeys.c). It runs where
 * Podium is built, not in domain 0.
 */
#include <stdio.h>
#include <string.h>

#include "xl/cmdtable.h"
#include "xl/configkey.h"

#include "completion.h"
#include "roff.h"

/* ---- xl(1) ------------------------------------------------------------- */

static void option_item(const struct command_option *o)
{
    char head[80];

    if (o->name) {
        snprintf(head, sizeof(head), "-%c, --%s%s", o->letter, o->name,
                 o->argument ? "=" : "");
    } else {
        snprintf(head, sizeof(head), "-%c%s", o->letter,
                 o->argument ? " " : "");
    }
    roff_item(head, o->argument, o->help);
}

static void option_items(const struct command_option *options)
{
    for (; options && options->letter; options++) {
        option_item(options);
    }
}

static void command_section(const struct command *c)
{
    char text[2000];

    snprintf(text, sizeof(text), "%s%s%s", c->name, *c->usage ? " " : "",
             c->usage);
    roff_subsection(text);
    snprintf(text, sizeof(text), "%s.%s%s", c->summary, c->text ? " " : "",
             c->text ? c->text : "");
    roff_paragraph(text);
    for (int i = 0; c->terms && c->terms[i].word; i++) {
        roff_item(c->terms[i].word, NULL, c->terms[i].meaning);
    }
    option_items(c->options);
}

static void page_xl(void)
{
    roff_page("xl", 1, "create, watch and end domains");
    roff_section("synopsis");
    roff_paragraph("xl [-vftTN] COMMAND [OPTIONS] [WORDS]");
    roff_section("description");
    roff_paragraph(
        "xl runs in domain 0. A DOMAIN is a name or an id. Results go to "
        "stdout and messages to stderr, each on one line. Long work shows its "
        "progress when xl runs in the foreground of a terminal. A command may "
        "be shortened as long as it stays clear which one is meant.");
    roff_section("global options");
    option_items(global_options);
    roff_section("commands");
    roff_paragraph("Every command also knows -h and --help.");
    for (size_t i = 0; i < command_count; i++) {
        command_section(&command_table[i]);
    }
    roff_section("exit status");
    roff_paragraph("0, or 1 when the command failed, or 2 when it was called "
                   "wrongly.");
    roff_section("see also");
    roff_paragraph("xl.cfg(5), xl.conf(5)");
}

/* ---- xl.cfg(5) and xl.conf(5) ------------------------------------------ */

static void key_item(const struct config_key *key)
{
    char head[80], text[2000];

    snprintf(head, sizeof(head), "%s=", key->name);
    if (key->standard) {
        snprintf(text, sizeof(text), "%s Default: %s.", key->text,
                 key->standard);
    } else {
        snprintf(text, sizeof(text), "%s Required.", key->text);
    }
    roff_item(head, key->form, text);
}

static void key_sections(const struct config_keys *keys)
{
    char absent[4000] = "";

    roff_section("keys");
    for (size_t i = 0; i < keys->count; i++) {
        const struct config_key *key = &keys->keys[i];

        if (key->use != KEY_ABSENT) {
            key_item(key);
        } else {
            size_t used = strlen(absent);

            snprintf(absent + used, sizeof(absent) - used, "%s%s",
                     used ? ", " : "", key->name);
        }
    }
    roff_section("keys that are ignored");
    roff_paragraph("These belong to things that do not exist here. Each is "
                   "warned about, unless its value is an empty list:");
    roff_paragraph(absent);
    roff_paragraph("A key that nobody knows is warned about too. A wrong "
                   "value of a key that is read is an error, and a line says "
                   "where it is and what was expected.");
}

static void syntax_section(void)
{
    roff_section("syntax");
    roff_paragraph(
        "A pair KEY=VALUE ends with its line or with a semicolon. A # begins "
        "a comment, which ends with the line. The last value of a key counts; "
        "KEY+=VALUE puts a string or a list behind the one that the key had. "
        "A VALUE is");
    roff_item("\"TEXT\", 'TEXT'", NULL,
              "a string, with the backslash escapes of C;");
    roff_item("NUMBER", NULL,
              "decimal, octal with a leading 0, or hexadecimal with 0x; where "
              "a BOOLEAN is asked for, 0 is no and all else yes;");
    roff_item("[VALUE, VALUE, ...]", NULL,
              "a list, which may go over several lines and end with a comma.");
}

static void page_cfg(void)
{
    roff_page("xl.cfg", 5, "a guest's configuration");
    roff_section("description");
    roff_paragraph("What xl create makes a guest from: a file, usually in "
                   "/etc/xen, or words of its command line.");
    roff_example("name   = \"demo\"; vcpus = 2\n"
                 "kernel = \"/boot/vmlinuz\"\n"
                 "extra  = \"console=hvc0\"\n"
                 "memory = 128        # what it is given, in MiB\n"
                 "maxmem = 1024       # what it is promised\n");
    syntax_section();
    key_sections(&guest_keys);
    roff_section("see also");
    roff_paragraph("xl(1), xl.conf(5)");
}

static void page_conf(void)
{
    roff_page("xl.conf", 5, "settings of xl for all guests");
    roff_section("description");
    roff_paragraph("/etc/xen/xl.conf is read whenever a guest is made. Without "
                   "the file, or without a key, the defaults hold.");
    syntax_section();
    key_sections(&host_keys);
    roff_section("see also");
    roff_paragraph("xl(1), xl.cfg(5)");
}

static const struct {
    const char *name;
    void (*print)(void);
} pages[] = {
    {"xl.1", page_xl},
    {"xl.cfg.5", page_cfg},
    {"xl.conf.5", page_conf},
    {"completion", completion_print},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (!strcmp(argv[1], pages[i].name)) {
            pages[i].print();
            return fflush(stdout) || ferror(stdout);
        }
    }
    fprintf(stderr, "usage: manual xl.1|xl.cfg.5|xl.conf.5|completion\n");
    return 2;
}
