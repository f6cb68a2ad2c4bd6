/* SPDX-License-Identifier: MIT */
/*
 * The user's terminal as a screen.
 *
 * Only sequences that every terminal since the VT100 knows: clear, home, hide
 * and show the cursor, and do not wrap, so that a long line is cut and not
 * continued. What a shell expects comes back in any case.
 */
#include "screen.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define BEGIN "\033[?25l\033[?7l"
#define END   "\033[?7h\033[?25h"

static struct termios saved;
static volatile sig_atomic_t is_open;
static sigset_t waiting; /* what is blocked while we wait */
static bool has_keys;    /* stdin is a terminal whose settings were changed */

bool screen_is_there(void)
{
    return isatty(STDOUT_FILENO);
}

static void give_back(void)
{
    if (is_open) {
        is_open = 0;
        if (has_keys) {
            tcsetattr(STDIN_FILENO, TCSANOW, &saved);
        }
        (void)!write(STDOUT_FILENO, END, sizeof(END) - 1);
    }
}

static void on_signal(int number)
{
    give_back();
    signal(number, SIG_DFL);
    raise(number);
}

/* Only so that screen_wait() ends. It comes then alone: one that came before is
 * not lost. */
static void on_resize(int number)
{
    (void)number;
}

static void catch_resize(void)
{
    sigset_t resize;

    sigemptyset(&resize);
    sigaddset(&resize, SIGWINCH);
    sigprocmask(SIG_BLOCK, &resize, &waiting);
    sigdelset(&waiting, SIGWINCH);
    signal(SIGWINCH, on_resize);
}

void screen_open(void)
{
    struct termios keys;

    has_keys = !tcgetattr(STDIN_FILENO, &saved);
    if (has_keys) {
        keys = saved;
        keys.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &keys);
    }
    is_open = 1;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGHUP, on_signal);
    catch_resize();
    fputs(BEGIN, stdout);
}

void screen_close(void)
{
    fflush(stdout);
    give_back();
}

void screen_clear(void)
{
    fputs("\033[H\033[J", stdout);
}

unsigned int screen_lines(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row) {
        return 24;
    }
    return size.ws_row;
}

int screen_wait(int ms)
{
    struct pollfd file = {.fd = STDIN_FILENO, .events = POLLIN};
    const struct timespec limit = {.tv_sec = ms / 1000,
                                   .tv_nsec = ms % 1000 * 1000000L};
    unsigned char key;
    int ready;

    fflush(stdout);
    ready = ppoll(&file, 1, &limit, &waiting);
    if (ready <= 0) {
        return SCREEN_TIMEOUT; /* or a signal: the window has another size */
    }
    return read(STDIN_FILENO, &key, 1) == 1 ? key : SCREEN_END;
}
