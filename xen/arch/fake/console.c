/* SPDX-License-Identifier: MIT */
/* What is sent is kept in a buffer, of which the newest half stays when it is
 * full. */
#include <stdio.h>
#include <string.h>

#include "arch/fake/internal.h"
#include "arch/hw_console.h"

#define OUTPUT_SIZE 65536

static char output[OUTPUT_SIZE + 1];
static size_t output_length;
static const char *typed = "";
static bool echoing;

void fake_console_start(void)
{
    fake_console_clear();
    typed = "";
}

const char *fake_console_output(void)
{
    return output;
}

void fake_console_clear(void)
{
    output_length = 0;
    output[0] = '\0';
}

void fake_console_type(const char *text)
{
    typed = text;
}

void fake_console_echo(bool echo)
{
    echoing = echo;
}

void arch_console_putc(char c)
{
    if (echoing) {
        fputc(c, stderr);
    }
    if (output_length == OUTPUT_SIZE) {
        output_length = OUTPUT_SIZE / 2;
        memmove(output, output + OUTPUT_SIZE / 2, output_length);
    }
    output[output_length++] = c;
    output[output_length] = '\0';
}

int arch_console_getc(void)
{
    return *typed ? (unsigned char)*typed++ : -1;
}

bool arch_console_input_arrived(void)
{
    return false;
}
