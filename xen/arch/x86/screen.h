/* SPDX-License-Identifier: MIT */
/*
 * The screen as a place to write on: VGA's text mode, or a picture of 32-bit
 * points as UEFI has it. It shows what the serial port says.
 */
#ifndef ARCH_X86_SCREEN_H
#define ARCH_X86_SCREEN_H

#include "types/frame.h"

#include <stdbool.h>

struct screen_mode {
    paddr_t memory;
    uint32_t pitch;         /* bytes from a row to the next one */
    uint32_t width, height; /* points, or characters if is_text */
    uint8_t bits;           /* of a point or character */
    bool is_text;
};

/* Use the screen from now on, if it is of a kind that we know; what was on it
 * is gone. Beyond 4 GiB it appears only with screen_map(). */
void screen_init(const struct screen_mode *mode);

/* Call once when the final page tables are there. */
void screen_map(void);

/* A byte of the console, under whose lock it is. Nothing without a screen. */
void screen_putc(char c);

#endif
