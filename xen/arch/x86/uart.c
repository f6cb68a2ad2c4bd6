/* SPDX-License-Identifier: MIT */
/* A 16550 on COM1 or COM2 (8 data bits, no parity). Output is polled; input
 * raises an interrupt that only notes that there is some. A machine may have
 * none; then nothing waits for it. */
#include "arch/hw_console.h"
#include "arch/x86/asm.h"
#include "arch/x86/machine.h"
#include "types/bits.h"

enum {
    REG_DATA = 0,
    REG_IER = 1,
    REG_FCR = 2,
    REG_LCR = 3,
    REG_MCR = 4,
    REG_LSR = 5,
    REG_SCRATCH = 7,
    LSR_DATA = 0x01,
    LSR_ROOM = 0x20,
};

static uint16_t uart_port = 0x3F8;
static uint8_t uart_irq = 4;
static uint32_t uart_arrived;
static bool uart_missing;

/* A register that holds what is written to it, and does nothing. */
static bool scratch_holds(uint8_t value)
{
    outb(uart_port + REG_SCRATCH, value);
    return inb(uart_port + REG_SCRATCH) == value;
}

void uart_init(unsigned com, unsigned baud)
{
    unsigned divisor = baud ? 115200 / baud : 1;

    uart_port = com == 2 ? 0x2F8 : 0x3F8;
    uart_irq = com == 2 ? 3 : 4;
    uart_missing = !scratch_holds(0x5A) || !scratch_holds(0xA5);
    if (uart_missing) {
        return;
    }
    outb(uart_port + REG_IER, 0);
    outb(uart_port + REG_LCR, 0x80);
    outb(uart_port + REG_DATA, (uint8_t)divisor);
    outb(uart_port + REG_IER, (uint8_t)(divisor >> 8));
    outb(uart_port + REG_LCR, 0x03);
    outb(uart_port + REG_FCR, 0x07);
    outb(uart_port + REG_MCR, 0x0B);
}

void uart_enable_interrupt(void)
{
    if (uart_missing) {
        return;
    }
    apic_route_isa(uart_irq, VECTOR_UART);
    outb(uart_port + REG_IER, 1);
}

void uart_putc(char c)
{
    while (!uart_missing && !(inb(uart_port + REG_LSR) & LSR_ROOM)) {
        arch_cpu_relax();
    }
    outb(uart_port + REG_DATA, (uint8_t)c);
}

int arch_console_getc(void)
{
    if (uart_missing || !(inb(uart_port + REG_LSR) & LSR_DATA)) {
        return -1;
    }
    return inb(uart_port + REG_DATA);
}

void uart_interrupt(void)
{
    WRITE_ONCE(uart_arrived, 1);
}

bool arch_console_input_arrived(void)
{
    return READ_ONCE(uart_arrived) &&
           __atomic_exchange_n(&uart_arrived, 0, __ATOMIC_SEQ_CST);
}
