/* SPDX-License-Identifier: MIT */
/*
 * The keys of xl.conf, in the order in which the manual has them. hostcfg.c
 * reads those that are KEY_READ. The others are in the file that Debian
 * installs, most of them as defaults of devices.
 */
#include "configkey.h"

#define ABSENT(key)                                                            \
    {                                                                          \
        .name = (key), .use = KEY_ABSENT                                       \
    }

static const struct config_key keys[] = {
    {"autoballoon", KEY_READ, "\"on\"|\"off\"|\"auto\"", "\"auto\"",
     "Whether domain 0 gives way when the host has not enough free memory for "
     "a new guest: its target is lowered by what is missing, and the guest is "
     "created once domain 0's balloon driver has followed. It never goes "
     "below 128 MiB, and when the guest cannot be created after all, it gets "
     "its target back. With auto it does so unless the hypervisor was told "
     "dom0_mem, which says how much domain 0 is meant to have. The memory "
     "does not go back to domain 0 by itself: xl mem-set 0 SIZE."},
    {"claim_mode", KEY_READ, "BOOLEAN", "1",
     "Whether a new guest's memory is claimed before any of it is allocated, "
     "so that a guest for which there is not enough is refused at once, and "
     "no other can take what it still needs. With 0 creation may fail "
     "half-way."},
    {"lockfile", KEY_READ, "\"PATH\"", "\"/run/lock/xl\"",
     "The file by which one creation waits for the other."},
    {"output_format", KEY_READ, "\"json\"", "\"json\"",
     "How list -l prints. There is one format."},
    {"pod_borrow", KEY_READ, "MIB", "maxmem - memory",
     "How much a guest may owe the host whose configuration does not say so."},
    {"pod_on_empty", KEY_READ, "\"wait\"|\"borrow\"|\"crash\"", "\"wait\"",
     "What becomes of a guest that touches what it was promised when there is "
     "no page, if its configuration does not say so; see xl.cfg(5)."},
    {"run_hotplug_scripts", KEY_IGNORED, "BOOLEAN", "1",
     "Accepted: there are no devices for which a script could be run."},
    ABSENT("blkdev_start"),
    ABSENT("colo.default.proxyscript"),
    ABSENT("defaultbridge"),
    ABSENT("domid_policy"),
    ABSENT("max_grant_frames"),
    ABSENT("max_grant_version"),
    ABSENT("max_maptrack_frames"),
    ABSENT("remus.default.netbufscript"),
    ABSENT("sxp_format"),
    ABSENT("vif.default.backend"),
    ABSENT("vif.default.bridge"),
    ABSENT("vif.default.gatewaydev"),
    ABSENT("vif.default.script"),
    ABSENT("vifscript"),
    ABSENT("vm.cpumask"),
    ABSENT("vm.hvm.cpumask"),
    ABSENT("vm.pv.cpumask"),
};

const struct config_keys host_keys = {keys, sizeof(keys) / sizeof(keys[0])};
