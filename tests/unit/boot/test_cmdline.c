/* SPDX-License-Identifier: MIT */
#include "boot/cmdline.h"

#include "machine.h"

static struct options options;

static void parse(const char *text)
{
    fake_start(NULL);
    cmdline_parse(text, &options);
    cmdline_report();
}

static void expect_complaint(const char *text, const char *word)
{
    parse(text);
    if (!strstr(fake_console_output(), word)) {
        FAIL("no complaint about \"%s\" of \"%s\"", word, text);
    }
}

static uint64_t dom0_mem(const char *value)
{
    char text[80] = "dom0_mem=";

    strcat(text, value);
    parse(text);
    return options.dom0_mem >> 20;
}

TEST(has_defaults)
{
    parse("");
    EXPECT_EQ(options.console_com, 1);
    EXPECT(!options.use_screen);
    EXPECT_EQ(options.console_baud, 115200);
    EXPECT_EQ(options.dom0_mem, 0);
    EXPECT_EQ(options.dom0_max_vcpus, 0);
    EXPECT(!options.no_reboot);
    EXPECT(!options.spare_boot_cpu);
    EXPECT_TEXT(fake_console_output(), "");
}

TEST(takes_xens_ways_to_say_dom0_mem)
{
    EXPECT_EQ(dom0_mem("512M"), 512);
    EXPECT_EQ(dom0_mem("1048576"), 1024); /* KiB */
    EXPECT_EQ(dom0_mem("max:2G"), 2048);
    EXPECT_EQ(dom0_mem("1G,max:2G"), 1024);
    EXPECT_EQ(dom0_mem("min:512M,max:2G"), 2048);
    EXPECT_EQ(dom0_mem("max:2G,min:512M,1G"), 1024);
    EXPECT_EQ(dom0_mem("min:512M"), 512);
    EXPECT_TEXT(fake_console_output(), "");
    EXPECT_EQ(dom0_mem("max:"), 0);
    EXPECT_EQ(dom0_mem("0"), 0);
    EXPECT_EQ(dom0_mem("1G,much"), 0);
    EXPECT(strstr(fake_console_output(), "dom0_mem=1G,much"));
}

/* GRUB_CMDLINE_XEN of a Debian host, and what its entries add. */
TEST(takes_a_debian_hosts_line)
{
    parse("dom0_mem=4096M,max:4096M dom0_max_vcpus=1-4 com2=57600,8n1 "
          "console=vga,com2 loglvl=all guest_loglvl=all no-real-mode edd=off");
    EXPECT_TEXT(fake_console_output(), "");
    EXPECT_EQ(options.dom0_mem, 4ULL << 30);
    EXPECT_EQ(options.dom0_max_vcpus, 4);
    EXPECT_EQ(options.console_com, 2);
    EXPECT(options.use_screen);
    EXPECT_EQ(options.console_baud, 57600);
}

TEST(reports_what_it_does_not_know)
{
    expect_complaint("dom0_mem=1G ucode=scan", "\"ucode=scan\" is unknown");
    EXPECT_EQ(options.dom0_mem, 1 << 30);
    expect_complaint("console=com3", "console=com3");
    expect_complaint("maxcpus=none", "maxcpus=none");
}

TEST(takes_yes_and_no)
{
    parse("noreboot spare-boot-cpu repeat-timer background");
    EXPECT(!options.no_background);
    EXPECT(options.no_reboot);
    EXPECT(options.spare_boot_cpu);
    EXPECT(options.repeat_timer);
    parse("noreboot=no spare-boot-cpu=0 repeat-timer=no background=no");
    EXPECT(options.no_background);
    EXPECT(!options.no_reboot);
    EXPECT(!options.repeat_timer);
    EXPECT(!options.spare_boot_cpu);
    EXPECT_TEXT(fake_console_output(), "");
}

TEST(takes_what_xen_says_of_tmem)
{
    parse("");
    EXPECT(!options.no_tmem && !options.tmem_compress);
    EXPECT_EQ(options.tmem_policy, TMEM_WEIGHTED);
    parse("tmem tmem_compress tmem_dedup=1 tmem_tze tmem_policy=clock");
    EXPECT(!options.no_tmem && options.tmem_compress);
    EXPECT_EQ(options.tmem_policy, TMEM_CLOCK);
    EXPECT_TEXT(fake_console_output(), "");
    parse("tmem=no tmem_compress=0");
    EXPECT(options.no_tmem && !options.tmem_compress);
    expect_complaint("tmem_policy=best", "tmem_policy");
}

TEST(takes_what_to_do_with_an_nmi)
{
    parse("");
    EXPECT_EQ(options.nmi, NMI_IGNORE);
    EXPECT(!options.has_extra_cpu);
    parse("nmi=dom0 extra-cpu=200");
    EXPECT_EQ(options.nmi, NMI_DOM0);
    EXPECT(options.has_extra_cpu);
    EXPECT_EQ(options.extra_cpu, 200);
    parse("nmi=fatal");
    EXPECT_EQ(options.nmi, NMI_FATAL);
    EXPECT_TEXT(fake_console_output(), "");
    expect_complaint("nmi=maybe", "nmi=maybe");
    expect_complaint("extra-cpu=", "extra-cpu=");
}
