/* SPDX-License-Identifier: MIT */
/* top: pictures from samples, and the command in both of its modes. */
#include "xl/topview.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "check.h"
#include "fake_host.h"
#include "xl/cmdtable.h"
#include "xl/command.h"
#include "xl_run.h"

#define SECOND UINT64_C(1000000000)

static struct top_domain first[3], second[3];
static struct top_sample before, now;

/* Three domains; in two seconds they use 0, 1 and 3 seconds of CPU time. */
static void samples(void)
{
    static const uint64_t memory[] = {500, 100, 300};

    memset(first, 0, sizeof(first));
    for (uint32_t i = 0; i < 3; i++) {
        snprintf(first[i].name, sizeof(first[i].name), "dom%u", i);
        first[i].info.domid = i;
        first[i].info.current_kib = memory[i];
        first[i].info.max_kib = i ? 400 : UINT64_MAX;
        first[i].info.online_vcpus = i + 1;
    }
    memcpy(second, first, sizeof(second));
    second[1].info.cpu_time_ns = SECOND;
    second[2].info.cpu_time_ns = 3 * SECOND;
    second[2].info.running = true;
    second[1].info.blocked = true;
    second[1].pod.promised_kib = 77;
    before = (struct top_sample){
        .time_ns = 10 * SECOND, .domains = first, .count = 3};
    now = (struct top_sample){
        .time_ns = 12 * SECOND, .domains = second, .count = 3};
    now.host = (struct xc_host){.total_kib = 1000, .free_kib = 100, .cpus = 2};
}

static void test_percent(void)
{
    samples();
    EXPECT(top_cpu_percent(&before, &now, 0) == 0);
    EXPECT(top_cpu_percent(&before, &now, 1) == 50);
    EXPECT(top_cpu_percent(&before, &now, 2) == 150);
    /* New, another with the same number, a clock that stands. */
    before.count = 2;
    EXPECT(top_cpu_percent(&before, &now, 2) == 0);
    first[1].info.cpu_time_ns = 5 * SECOND;
    EXPECT(top_cpu_percent(&before, &now, 1) == 0);
    now.time_ns = before.time_ns;
    EXPECT(top_cpu_percent(&before, &now, 0) == 0);
}

/* The names in the order in which they are shown. */
static const char *order_of(enum top_order order, unsigned int lines)
{
    static char names[100];
    char *text, *at;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    top_print(out, &before, &now, order, lines);
    fclose(out);
    names[0] = '\0';
    for (at = text; (at = strstr(at, " dom")); at += 5) {
        if (at[4] < 'a') {
            strncat(names, at + 4, 1);
        }
    }
    free(text);
    return names;
}

static void test_order(void)
{
    samples();
    EXPECT_TEXT(order_of(TOP_BY_ID, 0), "012");
    EXPECT_TEXT(order_of(TOP_BY_CPU, 0), "210");
    EXPECT_TEXT(order_of(TOP_BY_MEMORY, 0), "021");
    EXPECT_TEXT(order_of(TOP_BY_CPU, 6), "21");
    EXPECT_TEXT(order_of(TOP_BY_CPU, 1), "");
}

static void test_picture(void)
{
    char *text, *from;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    samples();
    top_print(out, &before, &now, TOP_BY_ID, 0);
    fclose(out);
    from = strchr(text, '\n') + 1;
    EXPECT_TEXT(
        from,
        "3 domains: 1 running, 1 blocked, 0 paused, 0 crashed, 0 dying, 0 "
        "shutdown\n"
        "Mem: 1000k total, 900k used, 100k free    CPUs: 2 @ 0MHz\n"
        "           NAME   STATE   CPU(sec) CPU(%)     MEM(k) MEM(%)  "
        "MAXMEM(k) MAXMEM(%) VCPUS PROMISED(k) DEFICIT(k)\n"
        "           dom0  ------          0    0.0        500   50.0   "
        "no limit       n/a     1           0          0\n"
        "           dom1  --b---          1   50.0        100   10.0        "
        "400      40.0     2          77          0\n"
        "           dom2  -----r          3  150.0        300   30.0        "
        "400      40.0     3           0          0\n");
    free(text);
}

static void test_batch(void)
{
    fake_host_reset();
    fake_host_guest();
    EXPECT(xl_run("top -b -n 2 -d 1") == XL_OK);
    EXPECT(strstr(xl_output, "       Domain-0  -----r         12    0.0"));
    EXPECT(strstr(strstr(xl_output, "guest") + 1, "guest"));
    EXPECT(!strchr(xl_output, '\033'));
    EXPECT(xl_run("top -n 0") == XL_FAILED);
    EXPECT_TEXT(xl_messages,
                "xl: -n 0: expected a number from 1 to 4294967295\n");
    EXPECT(xl_run("top -d soon") == XL_FAILED);
    EXPECT(xl_run("top guest") == XL_USAGE);
}

/* Reads on until all that came has `wanted` in it `times` times. */
static void read_until(int master, char *text, size_t size, const char *wanted,
                       int times)
{
    size_t length = strlen(text);

    for (;;) {
        struct pollfd file = {.fd = master, .events = POLLIN};
        const char *at = text;
        int found = 0;

        while ((at = strstr(at, wanted)) != NULL) {
            at++;
            found++;
        }
        if (found >= times || poll(&file, 1, 5000) <= 0) {
            return;
        }
        length += (size_t)read(master, text + length, size - 1 - length);
        text[length] = '\0';
    }
}

/* On a terminal, until q: its settings are what they were. Another size is
 * seen at once, not after the minute between pictures. */
static void test_terminal(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
    const struct winsize small = {.ws_row = 5, .ws_col = 80};
    struct termios then, after;
    char text[8192] = "", *first_heading;
    int status = -1;
    pid_t pid;

    EXPECT(!grantpt(master) && !unlockpt(master));
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    tcgetattr(slave, &then);
    pid = fork();
    if (!pid) {
        char name[] = "top", delay[] = "-d60", *argv[] = {name, delay, NULL};

        fake_host_reset();
        fake_host_guest();
        dup2(slave, STDIN_FILENO);
        dup2(slave, STDOUT_FILENO);
        _exit(command_start(2, argv, false));
    }
    read_until(master, text, sizeof(text), "guest", 1);
    EXPECT(strstr(text, "\033[H\033[J"));
    EXPECT(strstr(text, "guest"));
    EXPECT(!ioctl(master, TIOCSWINSZ, &small) && !kill(pid, SIGWINCH));
    read_until(master, text, sizeof(text), "PROMISED", 2);
    first_heading = strstr(text, "PROMISED");
    EXPECT(first_heading && strstr(first_heading + 1, "PROMISED"));
    EXPECT(write(master, "cq", 2) == 2);
    EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
    tcgetattr(slave, &after);
    EXPECT(then.c_lflag == after.c_lflag);
    close(slave);
    close(master);
}

static const struct check checks[] = {
    {"top: percent", test_percent},        {"top: order", test_order},
    {"top: picture", test_picture},        {"top: batch", test_batch},
    {"top: on a terminal", test_terminal},
};

CHECK_MAIN(checks)
