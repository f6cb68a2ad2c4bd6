/* SPDX-License-Identifier: MIT */
#include "arch/fake/fake.h"
#include "base/console.h"
#include "base/panic.h"
#include "base/trace.h"
#include "lib/string.h"
#include "unit.h"

#define SECOND 1000000000ULL

static void dom0_says(const char *text)
{
    console_write_guest(text, strlen(text));
}

TEST(a_line_is_one_record)
{
    fake_start(NULL);
    log_line(LOG_INFO, "hello %d", 7);
    EXPECT_TEXT(fake_console_output(), "\x1e(podium) hello 7\r\n");
}

TEST(a_record_in_the_middle_of_a_line_begins_a_new_one)
{
    fake_start(NULL);
    dom0_says("login: ");
    log_line(LOG_INFO, "one");
    log_line(LOG_INFO, "two");
    dom0_says("root\r\n");
    log_line(LOG_INFO, "three");
    EXPECT_TEXT(fake_console_output(),
                "login: \x1e\r\n(podium) one\r\n\x1e(podium) two\r\n"
                "root\r\n\x1e(podium) three\r\n");
}

TEST(nobody_fakes_a_record)
{
    fake_start(NULL);
    dom0_says("a\x1e(podium) b\n");
    log_guest(3, LOG_ERROR, "%s", "x\n\x1e(podium) y\x7f");
    EXPECT_TEXT(fake_console_output(),
                "a(podium) b\n\x1e(podium) d3: x?\?(podium) y?\r\n");
}

TEST(levels)
{
    enum log_level level;

    fake_start(NULL);
    log_line(LOG_DEBUG, "no");
    log_guest(1, LOG_INFO, "no");
    EXPECT_TEXT(fake_console_output(), "");
    console_set_levels(LOG_DEBUG, LOG_DEBUG);
    log_line(LOG_DEBUG, "yes");
    log_guest(1, LOG_INFO, "yes");
    EXPECT_TEXT(fake_console_output(),
                "\x1e(podium) yes\r\n\x1e(podium) d1: yes\r\n");
    EXPECT(console_level_by_name("warning", &level) && level == LOG_WARNING);
    EXPECT(console_level_by_name("all", &level) && level == LOG_DEBUG);
    EXPECT(!console_level_by_name("loud", &level));
}

static unsigned lines_of(const char *text)
{
    unsigned lines = 0;

    for (; *text; text++) {
        lines += *text == '\n';
    }
    return lines;
}

TEST(guests_may_cause_20_lines_a_second)
{
    fake_start(NULL);
    for (int i = 0; i < 50; i++) {
        log_guest((domid_t)(i % 3), LOG_ERROR, "bad %d", i);
    }
    EXPECT_EQ(lines_of(fake_console_output()), 20);
    log_line(LOG_INFO, "the host may always");
    EXPECT_EQ(lines_of(fake_console_output()), 21);
    fake_advance(SECOND);
    fake_console_clear();
    log_guest(1, LOG_ERROR, "again");
    EXPECT_TEXT(fake_console_output(),
                "\x1e(podium) 30 lines about guests were left out\r\n"
                "\x1e(podium) d1: again\r\n");
}

static const char *ring_text(uint32_t *index, bool clear, bool incremental)
{
    static char buf[200];
    size_t n =
        console_ring_read(buf, sizeof(buf) - 1, index, clear, incremental);

    buf[n] = '\0';
    return buf;
}

TEST(the_ring_keeps_all_levels)
{
    uint32_t index = 0;

    fake_start(NULL);
    log_line(LOG_DEBUG, "a");
    log_line(LOG_ERROR, "b");
    EXPECT_TEXT(ring_text(&index, false, false), "(podium) a\n(podium) b\n");
    EXPECT_TEXT(ring_text(&index, false, true), "");
    log_line(LOG_ERROR, "c");
    EXPECT_TEXT(ring_text(&index, true, true), "(podium) c\n");
    index = 0;
    EXPECT_TEXT(ring_text(&index, false, false), "");
    log_line(LOG_ERROR, "d");
    EXPECT_TEXT(ring_text(&index, false, false), "(podium) d\n");
}

TEST(the_ring_keeps_the_newest)
{
    static char buf[100000];
    uint32_t index = 0;
    size_t n;

    fake_start(NULL);
    for (int i = 0; i < 5000; i++) {
        log_line(LOG_DEBUG, "line number %06d", i);
    }
    n = console_ring_read(buf, sizeof(buf) - 1, &index, false, false);
    EXPECT_EQ(n, 65536);
    buf[n] = '\0';
    EXPECT_TEXT(buf + n - 28, "(podium) line number 004999\n");
    /* A reader with an index out of nowhere gets no more than that either. */
    index = 12345678;
    EXPECT(console_ring_read(buf, sizeof(buf), &index, false, true) <= 65536);
}

TEST(panic_prints_and_stops)
{
    enum fake_end how;

    fake_start(NULL);
    fake_set_cpu(2);
    panic_set_noreboot(true);
    trace(TRACE_POPULATE, 1, 0x2000, 0x3000, 0);
    FAKE_RUN_TO_END(how, panic("out of %s", "luck"));
    EXPECT_EQ(how, FAKE_HALTED);
    EXPECT(strstr(fake_console_output(), "Panic on CPU 2: out of luck\r\n"));
    EXPECT(strstr(fake_console_output(), "populate  1 2000 3000 0"));
}

TEST(panic_reboots_unless_told_otherwise)
{
    enum fake_end how;

    fake_start(NULL);
    FAKE_RUN_TO_END(how, CHECK(1 == 2));
    EXPECT_EQ(how, FAKE_REBOOTED);
    EXPECT(strstr(fake_console_output(), "CHECK(1 == 2) failed at "));
}

TEST(trace_dumps_the_newest_in_order)
{
    const char *first, *last;

    fake_start(NULL);
    for (unsigned i = 0; i < 1000; i++) {
        trace(TRACE_EXIT, i, 0, 0, 0);
    }
    trace_dump(0, 3);
    EXPECT_EQ(lines_of(fake_console_output()), 3);
    first = strstr(fake_console_output(), "exit      3e5 ");
    last = strstr(fake_console_output(), "exit      3e7 ");
    EXPECT(first && last && first < last);
}
