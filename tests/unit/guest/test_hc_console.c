/* SPDX-License-Identifier: MIT */
/* console_io: the operator's terminal as the control domain reads it. */
#include "guest/hypercall.h"
#include "types/error.h"
#include "world.h"

#include <xen/xen.h>

#define TEXT_AT 0x2000
#define NOWHERE (WORLD_RAM + 0x10000)

static int64_t console_at(unsigned command, uint32_t count, uint64_t at)
{
    const uint64_t args[6] = {command, count, at};

    return hc_console_io(world_vcpu, args);
}

TEST(reads_what_was_typed)
{
    world_start(0x4000);
    EXPECT_EQ(console_at(CONSOLEIO_read, 16, TEXT_AT), 0);
    fake_console_type("hello");
    EXPECT_EQ(console_at(CONSOLEIO_read, 0, TEXT_AT), 0);
    EXPECT_EQ(console_at(CONSOLEIO_read, 3, TEXT_AT), 3);
    EXPECT(!memcmp(world_ram(TEXT_AT), "hel", 3));
    /* Across the end of a page. */
    EXPECT_EQ(console_at(CONSOLEIO_read, 16, TEXT_AT + PAGE_SIZE - 1), 2);
    EXPECT(!memcmp(world_ram(TEXT_AT + PAGE_SIZE - 1), "l", 1));
    EXPECT(!memcmp(world_ram(TEXT_AT + PAGE_SIZE), "o", 1));
}

TEST(nothing_is_lost_where_there_is_no_room)
{
    world_start(0x4000);
    fake_console_type("hello");
    EXPECT_EQ(console_at(CONSOLEIO_read, 16, NOWHERE), -EFAULT);
    EXPECT_EQ(console_at(CONSOLEIO_read, 16, WORLD_RAM - 4), -EFAULT);
    EXPECT_EQ(console_at(CONSOLEIO_read, 4, WORLD_RAM - 4), 4);
    EXPECT(!memcmp(world_ram(WORLD_RAM - 4), "hell", 4));
    EXPECT_EQ(console_at(CONSOLEIO_read, 4, TEXT_AT), 1);
}

TEST(is_the_control_domains)
{
    world_start(0x4000);
    fake_console_type("x");
    world_control->privileged = false;
    EXPECT_EQ(console_at(CONSOLEIO_read, 1, TEXT_AT), -EPERM);
    world_control->privileged = true;
    EXPECT_EQ(console_at(CONSOLEIO_read, 1, TEXT_AT), 1);
    EXPECT_EQ(console_at(99, 1, TEXT_AT), -ENOSYS);
}
