/* SPDX-License-Identifier: MIT */
/* See console_input.h. The bytes stay in the UART until domain 0 reads them
 * by console_io. */
#include "guest/console_input.h"

#include "arch/hw_console.h"
#include "domain/event.h"

#include <xen/xen.h>

void console_input_poll(void)
{
    if (arch_console_input_arrived()) {
        event_raise_global_virq(VIRQ_CONSOLE);
    }
}
