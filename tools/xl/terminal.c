/* SPDX-License-Identifier: MIT */
/*
 * Connects the user's terminal with a guest's console.
 *
 * The guest's own line editing is at work at the far end, so ours is switched
 * off: the terminal is raw while attached, and every key but one goes to the
 * guest. That includes Ctrl-C. The terminal comes back also when a signal ends
 * us, as a raw terminal would leave the user without echo.
 */
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved; /* the user's settings while ours are in force */
static volatile sig_atomic_t is_raw;

static void make_cooked(void)
{
    if (is_raw) {
        is_raw = 0;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
    }
}

static void on_signal(int number)
{
    make_cooked();
    signal(number, SIG_DFL);
    raise(number);
}

static void make_raw(void)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &saved)) {
        return; /* a pipe or a file: nothing to switch off */
    }
    raw = saved;
    cfmakeraw(&raw);
    signal(SIGTERM, on_signal);
    signal(SIGHUP, on_signal);
    is_raw = 1;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t written = write(fd, data, size);

        if (written < 0 && errno != EINTR) {
            return -errno;
        }
        if (written > 0) {
            data += written;
            size -= (size_t)written;
        }
    }
    return 0;
}

/* From the user to the guest. *done when the user leaves. */
static int pass_keys(int console, bool *done)
{
    char keys[256], *leave;
    ssize_t length = read(STDIN_FILENO, keys, sizeof(keys));

    if (length <= 0) {
        *done = length == 0;
        return length && errno != EINTR ? -errno : 0;
    }
    leave = memchr(keys, TERMINAL_LEAVE, (size_t)length);
    if (leave) {
        *done = true;
        length = leave - keys;
    }
    return write_all(console, keys, (size_t)length);
}

/* From the guest to the user. *done when there will be no more. */
static int pass_output(int console, bool *done)
{
    char text[2048];
    ssize_t length = read(console, text, sizeof(text));

    if (length > 0) {
        return write_all(STDOUT_FILENO, text, (size_t)length);
    }
    if (length < 0 && errno == EINTR) {
        return 0;
    }
    /* EIO: xenconsoled has closed its side, the domain is gone. */
    *done = true;
    return length && errno != EIO ? -errno : 0;
}

int terminal_open(const char *path)
{
    int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

int terminal_attach(int console)
{
    struct pollfd files[] = {
        {.fd = console, .events = POLLIN},
        {.fd = STDIN_FILENO, .events = POLLIN},
    };
    bool done = false;
    int rc = 0;

    make_raw();
    while (!done && !rc) {
        if (poll(files, 2, -1) < 0) {
            rc = errno == EINTR ? 0 : -errno;
            continue;
        }
        if (files[0].revents) {
            rc = pass_output(console, &done);
        }
        if (!rc && !done && files[1].revents) {
            rc = pass_keys(console, &done);
        }
    }
    make_cooked();
    close(console);
    return rc;
}
