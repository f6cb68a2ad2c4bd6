/* SPDX-License-Identifier: MIT */
/*
 * tools/xl/terminal.c: the user's terminal and a guest's console, both played
 * by pseudo terminals. What the user types and what the guest prints is put
 * there beforehand; a child attaches, and the test looks at what came out.
 */
#include "xl/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "check.h"

#define PATIENCE_MS 5000

struct pair {
    int master; /* the far side: a person, or xenconsoled */
    int slave;  /* kept open: without any, the far side sees the end */
    char path[64];
};

static struct pair user, guest;

static void pair_open(struct pair *pair)
{
    pair->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    EXPECT(pair->master >= 0 && !grantpt(pair->master) &&
           !unlockpt(pair->master));
    snprintf(pair->path, sizeof(pair->path), "%s", ptsname(pair->master));
    pair->slave = open(pair->path, O_RDWR | O_NOCTTY);
    EXPECT(pair->slave >= 0);
}

static void type(struct pair *pair, const char *text)
{
    EXPECT(write(pair->master, text, strlen(text)) == (ssize_t)strlen(text));
}

/* What has arrived at the far side, once it contains `wanted`. */
static const char *arrived(struct pair *pair, const char *wanted)
{
    static char text[4096];
    struct pollfd file = {.fd = pair->master, .events = POLLIN};
    size_t length = 0;

    text[0] = '\0';
    while (!strstr(text, wanted) && poll(&file, 1, PATIENCE_MS) > 0) {
        ssize_t got =
            read(pair->master, text + length, sizeof(text) - 1 - length);

        if (got <= 0) {
            break;
        }
        length += (size_t)got;
        text[length] = '\0';
    }
    return text;
}

static void teardown(void)
{
    close(user.slave);
    close(guest.slave);
    close(user.master);
    close(guest.master);
}

/* A child with the user's terminal, or `input`, attached to the guest. */
static pid_t attach(int input)
{
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (!pid) {
        int terminal = open(user.path, O_RDWR | O_NOCTTY);
        int console = terminal_open(guest.path);

        close(user.master); /* the far sides are the parent's alone */
        close(guest.master);
        dup2(input >= 0 ? input : terminal, STDIN_FILENO);
        dup2(terminal, STDOUT_FILENO);
        _exit(console < 0 ? 99 : -terminal_attach(console));
    }
    return pid;
}

static int status_of(pid_t pid)
{
    int status = -1;

    EXPECT(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

/* The guest's pseudo terminal is raw, as xenconsoled makes its own. */
static void setup(void)
{
    struct termios raw;

    pair_open(&user);
    pair_open(&guest);
    EXPECT(!tcgetattr(guest.slave, &raw));
    cfmakeraw(&raw);
    EXPECT(!tcsetattr(guest.slave, TCSANOW, &raw));
}

/* Whether the user's terminal echoes and edits lines. */
static bool is_cooked(void)
{
    struct termios now;

    EXPECT(!tcgetattr(user.slave, &now));
    return (now.c_lflag & (ECHO | ICANON | ISIG)) == (ECHO | ICANON | ISIG);
}

static void both_ways_until_leaving(void)
{
    pid_t pid;

    setup();
    pid = attach(-1);
    type(&guest, "login: ");
    EXPECT(strstr(arrived(&user, "login: "), "login: "));
    EXPECT(!is_cooked());
    type(&user, "root\r\x03");
    EXPECT_TEXT(arrived(&guest, "\x03"), "root\r\x03");
    type(&user, "x\x1d"
                "lost");
    EXPECT_TEXT(arrived(&guest, "x"), "x");
    EXPECT(status_of(pid) == 0);
    EXPECT(is_cooked());
    teardown();
}

static void console_goes_away(void)
{
    pid_t pid;

    setup();
    pid = attach(-1);
    type(&guest, "halted");
    EXPECT(strstr(arrived(&user, "halted"), "halted"));
    close(guest.master);
    guest.master = -1;
    EXPECT(status_of(pid) == 0);
    EXPECT(is_cooked());
    teardown();
}

static void end_of_input(void)
{
    int pipe_ends[2];
    pid_t pid;

    setup();
    EXPECT(!pipe(pipe_ends));
    EXPECT(write(pipe_ends[1], "ls\n", 3) == 3);
    close(pipe_ends[1]);
    pid = attach(pipe_ends[0]);
    EXPECT_TEXT(arrived(&guest, "ls\n"), "ls\n");
    EXPECT(status_of(pid) == 0);
    close(pipe_ends[0]);
    teardown();
}

static void signal_restores_the_terminal(void)
{
    pid_t pid;

    setup();
    pid = attach(-1);
    type(&guest, "ready");
    EXPECT(strstr(arrived(&user, "ready"), "ready"));
    EXPECT(!is_cooked());
    kill(pid, SIGTERM);
    EXPECT(status_of(pid) == 1000);
    EXPECT(is_cooked());
    teardown();
}

static void no_such_console(void)
{
    EXPECT(terminal_open("/nonexistent/pts") == -ENOENT);
}

static const struct check checks[] = {
    {"terminal/both_ways_until_leaving", both_ways_until_leaving},
    {"terminal/console_goes_away", console_goes_away},
    {"terminal/end_of_input", end_of_input},
    {"terminal/signal_restores_the_terminal", signal_restores_the_terminal},
    {"terminal/no_such_console", no_such_console},
};

CHECK_MAIN(checks)
