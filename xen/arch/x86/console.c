/* SPDX-License-Identifier: MIT */
/* Where the operator is: at the serial port, and at the screen if that is
 * asked for. Only the serial port has a keyboard. */
#include "arch/hw_console.h"
#include "arch/x86/machine.h"
#include "arch/x86/screen.h"

void arch_console_putc(char c)
{
    uart_putc(c);
    screen_putc(c);
}
