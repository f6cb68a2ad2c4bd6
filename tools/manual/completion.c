/* SPDX-License-Identifier: MIT */
/*
 * What makes bash complete xl's words. A row per command becomes a case that
 * sets its options, and what its words are; the rest of the script is the same
 * for all of them.
 */
#include "completion.h"

#include <stdio.h>

#include "xl/cmdtable.h"

static const char head[] =
    "# bash completion for xl. Generated from the tables of tools/xl by\n"
    "# tools/manual.\n"
    "\n"
    "_xl_domains() {\n"
    "    xl list 2>/dev/null | awk 'NR > 1 { print $1 }'\n"
    "}\n"
    "\n"
    "_xl() {\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} at=1 options='' words=''\n"
    "    local i before=0 second=''\n"
    "    while [[ ${COMP_WORDS[at]} == -* && $at -lt $COMP_CWORD ]]; do\n"
    "        at=$((at + 1))\n"
    "    done\n"
    "    COMPREPLY=()\n"
    "    if [[ $at -eq $COMP_CWORD ]]; then\n";

static const char middle[] =
    "        COMPREPLY=($(compgen -W \"$options $words\" -- \"$current\"))\n"
    "        return\n"
    "    fi\n"
    "    case ${COMP_WORDS[at]} in\n";

static const char tail[] =
    "    *) return ;;\n"
    "    esac\n"
    "    for ((i = at + 1; i < COMP_CWORD; i++)); do\n"
    "        [[ ${COMP_WORDS[i]} == -* ]] || before=$((before + 1))\n"
    "    done\n"
    "    if [[ $current == -* ]]; then\n"
    "        words=\"$options -h --help\"\n"
    "    elif [[ $before -eq 1 && $second ]]; then\n"
    "        words=$second\n"
    "    elif [[ $words == files ]]; then\n"
    "        COMPREPLY=($(compgen -f -- \"$current\"))\n"
    "        return\n"
    "    elif [[ $words == domains ]]; then\n"
    "        words=$(_xl_domains)\n"
    "    fi\n"
    "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
    "}\n"
    "\n"
    "complete -o default -F _xl xl\n";

static void put_options(const struct command_option *options)
{
    const char *blank = "";

    fputs("options='", stdout);
    for (; options && options->letter; options++) {
        printf("%s-%c", blank, options->letter);
        blank = " ";
        if (options->name) {
            printf(" --%s", options->name);
        }
    }
    putchar('\'');
}

static void put_commands(void)
{
    fputs("words='", stdout);
    for (size_t i = 0; i < command_count; i++) {
        printf("%s%s", i ? " " : "", command_table[i].name);
    }
    putchar('\'');
}

static void put_words(const struct command *c)
{
    switch (c->first_word) {
    case WORD_DOMAIN:
        fputs(" words=domains", stdout);
        break;
    case WORD_FILE:
        fputs(" words=files", stdout);
        break;
    case WORD_COMMAND:
        putchar(' ');
        put_commands();
        break;
    default:
        break;
    }
}

void completion_print(void)
{
    fputs(head, stdout);
    fputs("        ", stdout);
    put_options(global_options);
    fputs("\n        ", stdout);
    put_commands();
    putchar('\n');
    fputs(middle, stdout);
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &command_table[i];

        printf("    %s) ", c->name);
        put_options(c->options);
        put_words(c);
        if (c->second_words) {
            printf(" second='%s'", c->second_words);
        }
        fputs(" ;;\n", stdout);
    }
    fputs(tail, stdout);
}
