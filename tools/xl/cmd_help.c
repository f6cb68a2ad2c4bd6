/* SPDX-License-Identifier: MIT */
/*
 * Help. All that it says stands in the command table, from which the manual
 * (tools/manual/) is made too.
 */
#include "cmd_help.h"

#include <string.h>

#include "message.h"

#define LINE_WIDTH 79
#define HELP_AT    22 /* the column of an option's sentences */

/* Words of `text` from column `at` on, in lines that begin at `indent`. */
static void print_filled(FILE *out, size_t at, size_t indent, const char *text)
{
    while (*text) {
        size_t length = strcspn(text, " ");

        if (at > indent && at + 1 + length > LINE_WIDTH) {
            fputc('\n', out);
            at = 0;
        }
        if (at < indent) {
            fprintf(out, "%*s", (int)(indent - at), "");
            at = indent;
        } else if (at > indent) {
            fputc(' ', out);
            at++;
        }
        fprintf(out, "%.*s", (int)length, text);
        at += length;
        text += length + strspn(text + length, " ");
    }
    fputc('\n', out);
}

static void print_explained(FILE *out, const char *head, const char *text)
{
    size_t at = strlen(head);

    fputs(head, out);
    if (at >= HELP_AT) {
        fputc('\n', out);
        at = 0;
    }
    print_filled(out, at, HELP_AT, text);
}

static void print_option(FILE *out, const struct command_option *o)
{
    char head[80];
    const char *argument = o->argument ? o->argument : "";

    if (o->name) {
        snprintf(head, sizeof(head), "  -%c, --%s%s%s", o->letter, o->name,
                 o->argument ? "=" : "", argument);
    } else {
        snprintf(head, sizeof(head), "  -%c%s%s", o->letter,
                 o->argument ? " " : "", argument);
    }
    print_explained(out, head, o->help);
}

void help_list(FILE *out)
{
    fputs("Usage: xl [-vftTN] COMMAND [OPTIONS] [WORDS]\n\n"
          "xl full list of subcommands:\n\n",
          out);
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &command_table[i];

        fprintf(out, " %-14s %s\n", c->name, c->summary);
    }
    fputs("\nOptions:\n", out);
    for (int i = 0; global_options[i].letter; i++) {
        print_option(out, &global_options[i]);
    }
    fputs("\n\"xl help COMMAND\" explains one. A DOMAIN is a name or an id.\n",
          out);
}

static void print_terms(FILE *out, const struct command_term *terms)
{
    for (int i = 0; terms[i].word; i++) {
        char head[80];

        snprintf(head, sizeof(head), "  %s", terms[i].word);
        print_explained(out, head, terms[i].meaning);
    }
}

void help_command(FILE *out, const struct command *c)
{
    static const struct command_option help = {'h', "help", NULL,
                                               "Print this."};

    fprintf(out, "Usage: xl [-vftTN] %s%s%s\n\n%s.\n", c->name,
            *c->usage ? " " : "", c->usage, c->summary);
    if (c->text) {
        fputc('\n', out);
        print_filled(out, 0, 0, c->text);
    }
    if (c->terms) {
        fputc('\n', out);
        print_terms(out, c->terms);
    }
    fputs("\nOptions:\n", out);
    for (int i = 0; c->options && c->options[i].letter; i++) {
        print_option(out, &c->options[i]);
    }
    print_option(out, &help);
}

const struct command *command_find(const char *name)
{
    const struct command *found = NULL;
    unsigned int match_count = 0;

    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &command_table[i];

        if (!strcmp(c->name, name)) {
            return c;
        }
        if (!strncmp(c->name, name, strlen(name))) {
            found = c;
            match_count++;
        }
    }
    if (match_count == 1) {
        return found;
    }
    error("%s command '%s'; \"xl help\" lists what there is",
          match_count ? "ambiguous" : "unknown", name);
    return NULL;
}

int cmd_help(struct xc *xc, const struct args *args)
{
    const struct command *c;

    (void)xc;
    if (!args->word_count) {
        help_list(stdout);
        return XL_OK;
    }
    c = command_find(args->words[0]);
    if (!c) {
        return XL_FAILED;
    }
    help_command(stdout, c);
    return XL_OK;
}
