/* SPDX-License-Identifier: MIT */
/*
 * Text goes the first way that there is:
 *
 *   privileged     console_io, the operator's terminal
 *   console page   the ring that xenconsoled reads and logs
 *   neither        port 0xE9, which the hypervisor logs
 */
#include "console.h"

#include "cpu.h"
#include "hypercall.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "types/bits.h"

#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/io/console.h>

#define DEBUG_PORT   0xe9
#define PATIENCE     100000 /* yields until a full ring is given up */
#define IDENTITY_END (BIT(32) >> PAGE_SHIFT)

static bool has_console_io;
static struct xencons_interface *ring;
static evtchn_port_t ring_port;
static bool is_locked;

static uint64_t get_param(uint32_t index)
{
    struct xen_hvm_param param = {.domid = DOMID_SELF, .index = index};
    int64_t rc =
        hypercall2(__HYPERVISOR_hvm_op, HVMOP_get_param, (uint64_t)&param);

    return rc ? 0 : param.value;
}

void console_init(bool is_privileged)
{
    uint64_t gfn;

    has_console_io = is_privileged;
    if (is_privileged) {
        return;
    }
    gfn = get_param(HVM_PARAM_CONSOLE_PFN);
    if (gfn && gfn < IDENTITY_END) {
        ring = (void *)(gfn << PAGE_SHIFT);
        ring_port = get_param(HVM_PARAM_CONSOLE_EVTCHN);
    }
}

static void ring_notify(void)
{
    struct evtchn_send send = {.port = ring_port};

    hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (uint64_t)&send);
}

/* Wait until at most `used` bytes are unread. */
static bool ring_wait(uint32_t used)
{
    for (unsigned i = 0; i < PATIENCE; i++) {
        if (ring->out_prod - READ_ONCE(ring->out_cons) <= used) {
            return true;
        }
        give_way();
    }
    return false;
}

static void ring_write(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!ring_wait(sizeof(ring->out) - 1)) {
            ring = NULL;
            return;
        }
        ring->out[MASK_XENCONS_IDX(ring->out_prod, ring->out)] = text[i];
        mem_barrier();
        ring->out_prod++;
    }
    ring_notify();
}

static void port_write(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        outb(DEBUG_PORT, text[i]);
    }
}

static void write(const char *text, size_t length)
{
    if (has_console_io) {
        hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, length,
                   (uint64_t)text);
    } else if (ring) {
        ring_write(text, length);
    } else {
        port_write(text, length);
    }
}

void console_flush(void)
{
    if (ring) {
        ring_wait(0);
    }
}

void print(const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    format_text_v(text, sizeof(text), format, args);
    va_end(args);
    spin_lock(&is_locked);
    write(text, strlen(text));
    spin_unlock(&is_locked);
}
