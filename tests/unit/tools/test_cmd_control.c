/* SPDX-License-Identifier: MIT */
/* Commands that act on a guest from outside. */

#include "check.h"
#include "fake_host.h"
#include "xl/cmdtable.h"
#include "xl/message.h"
#include "xl_run.h"

#include <xen/domctl.h>

static void fresh(void)
{
    fake_host_reset();
    fake_host_guest();
}

static void test_shutdown(void)
{
    fresh();
    EXPECT(xl_run("shutdown guest") == XL_OK);
    EXPECT_TEXT(fake_store_read("/local/domain/7/control/shutdown"),
                "poweroff");
    EXPECT(xl_run("reboot 7") == XL_OK);
    EXPECT_TEXT(fake_store_read("/local/domain/7/control/shutdown"), "reboot");
    EXPECT(xl_run("shutdown") == XL_USAGE);
    EXPECT(xl_run("shutdown -a guest") == XL_USAGE);
    EXPECT(xl_run("reboot nobody") == XL_FAILED);
}

/* A guest that never said that it listens is not asked. */
static void test_deaf(void)
{
    fresh();
    fake_store_write("/local/domain/7/control/feature-reboot", "");
    EXPECT(xl_run("reboot guest") == XL_FAILED);
    EXPECT(strstr(xl_messages, "does not listen for a reboot request"));
    EXPECT(!fake_store_read("/local/domain/7/control/shutdown"));
    EXPECT(xl_run("shutdown -a") == XL_OK);
    EXPECT_TEXT(fake_store_read("/local/domain/7/control/shutdown"),
                "poweroff");
}

static void test_sysrq(void)
{
    fresh();
    EXPECT(xl_run("sysrq guest h") == XL_OK);
    EXPECT_TEXT(fake_store_read("/local/domain/7/control/sysrq"), "h");
    EXPECT(xl_run("sysrq guest help") == XL_USAGE);
    EXPECT_TEXT(fake_store_read("/local/domain/7/control/sysrq"), "h");
}

static void test_trigger(void)
{
    fresh();
    EXPECT(xl_run("trigger guest nmi") == XL_OK);
    EXPECT(host.trigger == XEN_DOMCTL_SENDTRIGGER_NMI + 1);
    EXPECT(xl_run("trigger guest sleep 1") == XL_OK);
    EXPECT(host.trigger == XEN_DOMCTL_SENDTRIGGER_SLEEP + 1);
    EXPECT(xl_run("trigger guest nmi 9") == XL_FAILED);
    EXPECT(strstr(xl_messages, "domain 7 or its vCPU 9 does not exist"));
    EXPECT(xl_run("trigger guest bang") == XL_USAGE);
    EXPECT(xl_run("trigger guest nmi first") == XL_FAILED);
    EXPECT_TEXT(xl_messages, "xl: 'first' is not a number\n");
}

static void test_names(void)
{
    fresh();
    EXPECT(xl_run("domid guest") == XL_OK);
    EXPECT_TEXT(xl_output, "7\n");
    EXPECT(xl_run("domname 7") == XL_OK);
    EXPECT_TEXT(xl_output, "guest\n");
    EXPECT(xl_run("domname guest") == XL_FAILED);
    EXPECT_TEXT(xl_messages, "xl: 'guest' is not a domain id\n");
    EXPECT(xl_run("rename guest other") == XL_OK);
    EXPECT_TEXT(fake_store_read("/local/domain/7/name"), "other");
    EXPECT(xl_run("rename other Domain-0") == XL_FAILED);
    EXPECT(strstr(xl_messages, "the name 'Domain-0' is in use by domain 0"));
    EXPECT(xl_run("rename other 12") == XL_FAILED);
    EXPECT(xl_run("rename other a/b") == XL_FAILED);
    EXPECT_TEXT(fake_store_read("/local/domain/7/name"), "other");
}

static void test_destroy(void)
{
    fresh();
    EXPECT(xl_run("destroy 0") == XL_FAILED);
    EXPECT(xl_run("destroy guest") == XL_OK);
    EXPECT(!host.exists);
    EXPECT(xl_run("destroy guest") == XL_FAILED);
    EXPECT_TEXT(xl_messages, "xl: domain 'guest' does not exist\n");
}

/* What may take long says so, and cleans the line up after itself. */
static void test_progress(void)
{
    fresh();
    EXPECT(xl_run("destroy guest") == XL_OK);
    EXPECT_TEXT(xl_messages, "");
    fresh();
    message_progress_always = true;
    EXPECT(xl_run("destroy guest") == XL_OK);
    EXPECT_TEXT(xl_messages, "\rxl: freeing memory\r                  \r");
    message_progress_always = false;
}

static const struct check checks[] = {
    {"control: shutdown and reboot", test_shutdown},
    {"control: a guest that does not listen", test_deaf},
    {"control: sysrq", test_sysrq},
    {"control: trigger", test_trigger},
    {"control: names", test_names},
    {"control: destroy", test_destroy},
    {"control: progress", test_progress},
};

CHECK_MAIN(checks)
