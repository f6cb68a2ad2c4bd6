/* SPDX-License-Identifier: MIT */
/*
 * One lock covers the UART, the ring and the knowledge of where the operator's
 * cursor stands. Text is formatted before the lock is taken. A line that came
 * from a guest's doing may hold anything, so bytes that are no printable ASCII
 * go out as '?': no log line can fake another line or a record's end.
 */
#include "base/console.h"
#include "arch/hw_console.h"
#include "arch/timer.h"
#include "base/lock.h"
#include "lib/printf.h"
#include "lib/string.h"

#define RECORD_START 0x1e
#define LINE_MAX     256

#define RING_SIZE 65536u /* a power of two: indices wrap around with it */

#define GUEST_LINES_PER_SECOND 20
#define SECOND_NS              1000000000ULL

static struct lock console_lock = LOCK_INIT(RANK_CONSOLE);
static bool locks_broken;

static enum log_level host_level = LOG_INFO;
static enum log_level guest_level = LOG_WARNING;

/* All bytes ever logged are numbered; the ring keeps the last RING_SIZE. */
static char ring[RING_SIZE];
static uint32_t ring_end;
static uint32_t ring_cleared;

/* Is the cursor behind something that dom0 wrote and did not end? */
static bool mid_line;

static uint64_t guest_second; /* the second that guest_lines counts */
static unsigned guest_lines;
static unsigned guest_lines_dropped;

static const char *const level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARNING] = "warning",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};

static void take_console(void)
{
    if (!READ_ONCE(locks_broken)) {
        lock(&console_lock);
    }
}

static void release_console(void)
{
    if (!READ_ONCE(locks_broken)) {
        unlock(&console_lock);
    }
}

void console_break_locks(void)
{
    WRITE_ONCE(locks_broken, true);
}

void console_set_levels(enum log_level host, enum log_level guest)
{
    host_level = host;
    guest_level = guest;
}

bool console_level_by_name(const char *name, enum log_level *level)
{
    if (strcmp(name, "all") == 0) {
        *level = LOG_DEBUG;
        return true;
    }
    for (unsigned i = 0; i < ARRAY_COUNT(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static void uart_text(const char *text)
{
    while (*text) {
        arch_console_putc(*text++);
    }
}

static void ring_text(const char *text)
{
    while (*text) {
        ring[ring_end++ % RING_SIZE] = *text++;
    }
}

static void make_printable(char *text)
{
    for (; *text; text++) {
        if ((*text < ' ' && *text != '\t') || *text > '~') {
            *text = '?';
        }
    }
}

/* One line, printable and without an end of line, to the ring and, if `show`,
 * as a record to the UART. The console is held. */
static void emit(const char *text, bool show)
{
    ring_text("(podium) ");
    ring_text(text);
    ring_text("\n");
    if (!show) {
        return;
    }
    arch_console_putc(RECORD_START);
    if (mid_line) {
        uart_text("\r\n");
        mid_line = false;
    }
    uart_text("(podium) ");
    uart_text(text);
    uart_text("\r\n");
}

/* At the first line of a new second: say what was left out before. */
static void start_guest_second(void)
{
    uint64_t now = arch_time_ns() / SECOND_NS;
    char text[80];

    if (now == guest_second) {
        return;
    }
    guest_second = now;
    guest_lines = 0;
    if (guest_lines_dropped) {
        format_text(text, sizeof(text), "%u lines about guests were left out",
                    guest_lines_dropped);
        guest_lines_dropped = 0;
        emit(text, true);
    }
}

void log_line(enum log_level level, const char *fmt, ...)
{
    char text[LINE_MAX];
    va_list args;

    va_start(args, fmt);
    format_text_v(text, sizeof(text), fmt, args);
    va_end(args);
    make_printable(text);
    take_console();
    start_guest_second();
    emit(text, level <= host_level);
    release_console();
}

void log_guest(domid_t domain, enum log_level level, const char *fmt, ...)
{
    char text[LINE_MAX];
    size_t length;
    va_list args;

    length = format_text(text, sizeof(text), "d%u: ", domain);
    va_start(args, fmt);
    format_text_v(text + length, sizeof(text) - length, fmt, args);
    va_end(args);
    make_printable(text);
    take_console();
    start_guest_second();
    if (guest_lines < GUEST_LINES_PER_SECOND) {
        guest_lines++;
        emit(text, level <= guest_level);
    } else {
        guest_lines_dropped++;
    }
    release_console();
}

/* A record's first byte in dom0's output would make a reader of the UART take
 * dom0's text for the log, so it is left out. */
void console_write_guest(const char *text, size_t length)
{
    take_console();
    for (size_t i = 0; i < length; i++) {
        if (text[i] != RECORD_START) {
            arch_console_putc(text[i]);
            mid_line = text[i] != '\n';
        }
    }
    release_console();
}

size_t console_ring_read(char *buf, size_t size, uint32_t *index, bool clear,
                         bool incremental)
{
    uint32_t start;
    size_t n = 0;

    take_console();
    start = ring_cleared;
    if (incremental && (int32_t)(*index - start) > 0) {
        start = *index;
    }
    if (ring_end - start > RING_SIZE) {
        start = ring_end - RING_SIZE;
    }
    while (n < size && start != ring_end) {
        buf[n++] = ring[start++ % RING_SIZE];
    }
    *index = start;
    if (clear) {
        ring_cleared = ring_end;
    }
    release_console();
    return n;
}
