/* SPDX-License-Identifier: MIT */
/*
 * Text on the screen, one way: nothing is read back, as reading from a screen's
 * memory is slow, and so nothing scrolls. Lines go from the top to the bottom
 * and then begin at the top again; the line below the last one is empty, so
 * that one sees where that is.
 *
 * Bytes that are no letters move the place where the next one goes, or are
 * left out; so are a terminal's commands, from ESC to a letter.
 */
#include "arch/x86/screen.h"
#include "arch/hostmap.h"
#include "arch/x86/machine.h"
#include "types/bits.h"

#define FIRST_LETTER  ' '
#define LAST_LETTER   '~'
#define LETTER_WIDTH  8U
#define LETTER_HEIGHT 16U
#define GREY          0xC0C0C0U /* whichever order the colours are in */
#define TEXT_GREY     0x0700U
#define TAB           8U
#define ESC           27
#define BOOT_MAPPED   BIT(32) /* what the boot tables map */

extern const uint8_t screen_font[LAST_LETTER - FIRST_LETTER + 1][LETTER_HEIGHT];

static struct {
    struct screen_mode mode;
    char *memory; /* NULL: no screen, or not reached yet */
    unsigned columns, rows;
    unsigned x, y;
    enum {
        PLAIN,
        AFTER_ESC,
        IN_COMMAND,
    } state;
} screen;

static void draw_points(unsigned x, unsigned y, char c)
{
    const uint8_t *letter = screen_font[c - FIRST_LETTER];
    char *at = screen.memory + (uint64_t)y * LETTER_HEIGHT * screen.mode.pitch +
               (uint64_t)x * LETTER_WIDTH * sizeof(uint32_t);

    for (unsigned row = 0; row < LETTER_HEIGHT; row++) {
        volatile uint32_t *points = (volatile uint32_t *)(void *)at;

        for (unsigned n = 0; n < LETTER_WIDTH; n++) {
            points[n] = letter[row] & (0x80U >> n) ? GREY : 0;
        }
        at += screen.mode.pitch;
    }
}

static void draw(unsigned x, unsigned y, char c)
{
    char *row = screen.memory + (uint64_t)y * screen.mode.pitch;

    if (screen.mode.is_text) {
        ((volatile uint16_t *)(void *)row)[x] =
            (uint16_t)(TEXT_GREY | (uint8_t)c);
    } else {
        draw_points(x, y, c);
    }
}

static void clear_row(unsigned y)
{
    for (unsigned x = 0; x < screen.columns; x++) {
        draw(x, y, ' ');
    }
}

static void next_row(void)
{
    screen.x = 0;
    screen.y = (screen.y + 1) % screen.rows;
    clear_row(screen.y);
    clear_row((screen.y + 1) % screen.rows);
}

static void begin(void)
{
    for (unsigned y = 0; y < screen.rows; y++) {
        clear_row(y);
    }
}

static bool is_known(const struct screen_mode *mode)
{
    uint64_t size = (uint64_t)mode->bits / 8;

    return mode->memory.v && mode->bits == (mode->is_text ? 16 : 32) &&
           mode->pitch >= mode->width * size;
}

void screen_init(const struct screen_mode *mode)
{
    uint64_t end = mode->memory.v + (uint64_t)mode->pitch * mode->height;

    screen.memory = NULL;
    screen.columns = mode->width / (mode->is_text ? 1 : LETTER_WIDTH);
    screen.rows = mode->height / (mode->is_text ? 1 : LETTER_HEIGHT);
    if (!is_known(mode) || !screen.columns || screen.rows < 2) {
        screen.rows = 0;
        return;
    }
    screen.mode = *mode;
    screen.x = screen.y = 0;
    if (end <= BOOT_MAPPED) {
        screen.memory = (char *)arch_map(mfn_from_paddr(mode->memory)) +
                        mode->memory.v % PAGE_SIZE;
        begin();
    }
}

void screen_map(void)
{
    uint64_t first = screen.mode.memory.v, end;

    if (screen.memory || !screen.rows) {
        return;
    }
    end = first + (uint64_t)screen.mode.pitch * screen.mode.height;
    screen.memory = hostmap_device(PADDR(first));
    for (uint64_t a = ROUND_UP(first + 1, PAGE_SIZE); a < end; a += PAGE_SIZE) {
        hostmap_device(PADDR(a)); /* one behind the other */
    }
    begin();
}

/* True: it belongs to a command, and is not shown. */
static bool in_command(char c)
{
    if (c == ESC) {
        screen.state = AFTER_ESC;
        return true;
    }
    if (screen.state == AFTER_ESC) {
        screen.state = c == '[' ? IN_COMMAND : PLAIN;
        return true;
    }
    if (screen.state == IN_COMMAND) {
        if (c >= '@') {
            screen.state = PLAIN;
        }
        return true;
    }
    return false;
}

static void put_letter(char c)
{
    if (screen.x == screen.columns) {
        next_row();
    }
    draw(screen.x++, screen.y, c);
}

void screen_putc(char c)
{
    if (!screen.memory || in_command(c)) {
        return;
    }
    if (c >= FIRST_LETTER && c <= LAST_LETTER) {
        put_letter(c);
    } else if (c == '\n') {
        next_row();
    } else if (c == '\r') {
        screen.x = 0;
    } else if (c == '\b' && screen.x) {
        screen.x--;
    } else if (c == '\t') {
        screen.x = MIN(ROUND_UP(screen.x + 1, TAB), screen.columns);
    }
}
