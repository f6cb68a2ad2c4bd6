/* SPDX-License-Identifier: MIT */
/*
 * Ports: there are no devices. Reads give all ones and writes are dropped, but
 * for the few ports of 5.3 (AP-16..22) where Linux would otherwise wait.
 */
#include "base/console.h"
#include "domain/domain.h"
#include "guest/run.h"
#include "types/bits.h"

#include <xen/sched.h>

#define PORT_PIT2      0x42
#define PORT_KEYBOARD  0x64
#define PORT_DEBUG     0xE9
#define KEYBOARD_RESET 0xFE
#define PM1A_FIRST     0xB000
#define PM1A_LAST      0xB00B
#define GPE0_FIRST     0xAFE0
#define GPE0_LAST      0xAFE3
#define DEBUG_LINE     120

/* Whether reads of this port give zeros rather than ones. */
static bool reads_zero(uint16_t port)
{
    return port == PORT_PIT2 || port == PORT_KEYBOARD ||
           (port >= PM1A_FIRST && port <= PM1A_LAST) ||
           (port >= GPE0_FIRST && port <= GPE0_LAST);
}

static void port_in(struct vcpu *v, const struct guest_exit *e)
{
    uint64_t mask = e->io.size == 4 ? 0xFFFFFFFF : BIT(e->io.size * 8) - 1;
    uint64_t value = reads_zero(e->io.port) ? 0 : mask;

    if (e->io.size == 4) {
        v->regs.rax = value;
    } else {
        v->regs.rax = (v->regs.rax & ~mask) | value;
    }
}

/* A guest's early console: whole lines into the log. */
static void debug_out(struct domain *d, char c)
{
    if (c != '\n' && d->debug_length < DEBUG_LINE) {
        d->debug_line[d->debug_length++] = c;
        return;
    }
    d->debug_line[d->debug_length] = '\0';
    d->debug_length = 0;
    log_guest(d->id, LOG_INFO, "%s", d->debug_line);
}

static void port_out(struct vcpu *v, const struct guest_exit *e)
{
    struct domain *d = v->domain;
    uint8_t value = (uint8_t)v->regs.rax;

    if (e->io.port == PORT_DEBUG) {
        lock(&d->lock);
        debug_out(d, (char)value);
        unlock(&d->lock);
    } else if (e->io.port == PORT_KEYBOARD && value == KEYBOARD_RESET) {
        domain_shutdown(d, SHUTDOWN_reboot);
    }
}

/* INS and OUTS move nothing: there is nobody at the other end. Their counts
 * are used up, as the processor would. */
static void string_io(struct vcpu *v, const struct guest_exit *e)
{
    if (e->io.rep) {
        v->regs.rcx = 0;
    }
}

void io_handle(struct vcpu *v, const struct guest_exit *e)
{
    if (e->io.string) {
        string_io(v, e);
    } else if (e->io.in) {
        port_in(v, e);
    } else {
        port_out(v, e);
    }
    arch_guest_skip(v->gc, &v->regs, e->length);
}
