/* SPDX-License-Identifier: MIT */
/* What is written on a screen, which is the fake machine's RAM. */
#include "arch/fake/fake.h"
#include "arch/x86/screen.h"
#include "unit.h"

#define AT      0x500000u
#define COLUMNS 10u
#define ROWS    4u

/* Each letter has a first row of its own, and nothing below. */
const uint8_t screen_font['~' - ' ' + 1][16] = {
    ['a' - ' '] = {0x81},
    ['b' - ' '] = {0x40},
};

static struct fake_config machine = {
    .first_mfn = 0x400, .page_count = 0x1000, .cpu_count = 1};

static const struct screen_mode text_mode = {
    .memory = {AT},
    .pitch = 32,
    .width = COLUMNS,
    .height = ROWS,
    .bits = 16,
    .is_text = true,
};

/* Not needed: what is below 4 GiB is reached at once. */
void *hostmap_device(paddr_t where);
void *hostmap_device(paddr_t where)
{
    unit_fail(__FILE__, __LINE__, "a device page at %lx", where.v);
    return NULL;
}

static uint8_t *memory(void)
{
    return arch_map(MFN(AT >> PAGE_SHIFT));
}

static void put(const char *text)
{
    while (*text) {
        screen_putc(*text++);
    }
}

static void begin(void)
{
    fake_start(&machine);
    memset(memory(), 0xEE, 0x10000);
    screen_init(&text_mode);
}

/* Row y of the text, without blanks at its end. */
static const char *row(unsigned y)
{
    static char text[COLUMNS + 1];
    unsigned n = 0;

    for (unsigned x = 0; x < COLUMNS; x++) {
        uint8_t *cell = memory() + y * 32 + x * 2;

        EXPECT_EQ(cell[1], 7);
        text[x] = (char)cell[0];
        n = cell[0] == ' ' ? n : x + 1;
    }
    text[n] = 0;
    return text;
}

TEST(it_is_cleared_and_nothing_beside_it)
{
    begin();
    for (unsigned y = 0; y < ROWS; y++) {
        EXPECT_TEXT(row(y), "");
        EXPECT_EQ(memory()[y * 32 + 2 * COLUMNS], 0xEE);
    }
    EXPECT_EQ(memory()[ROWS * 32], 0xEE);
}

TEST(lines)
{
    begin();
    put("one\r\n\x1etwo\rT\n3\b4\ta");
    EXPECT_TEXT(row(0), "one");
    EXPECT_TEXT(row(1), "Two");
    EXPECT_TEXT(row(2), "4       a");
}

TEST(a_long_line_goes_on_below)
{
    begin();
    put("0123456789abc");
    EXPECT_TEXT(row(0), "0123456789");
    EXPECT_TEXT(row(1), "abc");
    put("\r\t\t\tx");
    EXPECT_TEXT(row(2), "x");
}

TEST(from_the_top_again_with_an_empty_line_ahead)
{
    begin();
    put("1\n2\n3\n4\n5");
    EXPECT_TEXT(row(0), "5");
    EXPECT_TEXT(row(1), "");
    EXPECT_TEXT(row(2), "3");
    EXPECT_TEXT(row(3), "4");
}

TEST(a_terminals_commands_are_not_shown)
{
    begin();
    put("a\x1b[1;31mb\x1b[Kc\x1b(d");
    EXPECT_TEXT(row(0), "abcd");
    put("\r\b\x7f\x80\xff~");
    EXPECT_TEXT(row(0), "~bcd");
}

TEST(points)
{
    struct screen_mode mode = {{AT}, 128, 24, 49, 32, false};
    uint32_t *points;

    fake_start(&machine);
    points = (uint32_t *)memory();
    memset(points, 0xEE, 0x10000);
    screen_init(&mode);
    put("ab\nb");
    EXPECT(points[0] && !points[1] && points[7]);
    EXPECT(!points[8] && points[9] && !points[10]);
    EXPECT_EQ(points[24], 0xEEEEEEEE);
    EXPECT(!points[16 * 32] && points[16 * 32 + 1]);
    EXPECT_EQ(points[48 * 32], 0xEEEEEEEE);
}

TEST(modes_that_are_not_known_show_nothing)
{
    static const struct screen_mode modes[] = {
        {{0}, 0, 0, 0, 0, false},      {{AT}, 128, 24, 32, 24, false},
        {{AT}, 64, 24, 32, 32, false}, {{AT}, 128, 24, 16, 32, false},
        {{AT}, 128, 7, 32, 32, false}, {{0}, 128, 24, 32, 32, false},
    };

    fake_start(&machine);
    memset(memory(), 0xEE, 0x1000);
    for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        screen_init(&modes[i]);
        screen_map();
        put("ab\n");
    }
    EXPECT_EQ(memory()[0], 0xEE);
}
