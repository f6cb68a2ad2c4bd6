/* SPDX-License-Identifier: MIT */
/* Counters, and the files that show them. */
#include "counters.h"

#include <linux/atomic.h>
#include <linux/device.h>
#include <linux/sysfs.h>

static atomic64_t counters[COUNTERS];

void count(enum counter id)
{
    atomic64_inc(&counters[id]);
}

struct counter_file {
    struct device_attribute attribute;
    enum counter id;
};

static ssize_t show(struct device *device, struct device_attribute *attribute,
                    char *text)
{
    const struct counter_file *file =
        container_of(attribute, struct counter_file, attribute);

    return sysfs_emit(text, "%lld\n", atomic64_read(&counters[file->id]));
}

#define COUNTER_FILE(name, id)                                                 \
    static struct counter_file name = {__ATTR(name, 0444, show, NULL), id}

COUNTER_FILE(puts, PUTS);
COUNTER_FILE(refused, REFUSED);
COUNTER_FILE(gets, GETS);
COUNTER_FILE(flushes, FLUSHES);
COUNTER_FILE(disk_writes, DISK_WRITES);
COUNTER_FILE(disk_reads, DISK_READS);

static struct attribute *files[] = {
    &puts.attribute.attr,
    &refused.attribute.attr,
    &gets.attribute.attr,
    &flushes.attribute.attr,
    &disk_writes.attribute.attr,
    &disk_reads.attribute.attr,
    NULL,
};

static const struct attribute_group group = {.name = "tmem", .attrs = files};

const struct attribute_group *counter_groups[] = {&group, NULL};
