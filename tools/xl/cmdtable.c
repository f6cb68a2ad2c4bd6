/* SPDX-License-Identifier: MIT */
/*
 * Every command of xl: a row each.
 *
 * The row says all that the rest of the program needs to know: how to call
 * the command, which options and how many words it takes, and what help, the
 * manual and the shell's completion say. Sentences are filled into lines
 * where they are printed.
 */
#include "cmdtable.h"

#define OPTIONS(...)                                                           \
    (const struct command_option[])                                            \
    {                                                                          \
        __VA_ARGS__,                                                           \
        {                                                                      \
            0                                                                  \
        }                                                                      \
    }

#define TERMS(...)                                                             \
    (const struct command_term[])                                              \
    {                                                                          \
        __VA_ARGS__,                                                           \
        {                                                                      \
            0                                                                  \
        }                                                                      \
    }

#define SIZE_TEXT                                                              \
    "A SIZE is a number of MiB, or a number with t, g, m, k or b behind it."

const struct command_option global_options[] = {
    {'v', NULL, NULL, "Say more."},
    {'f', NULL, NULL, "Accepted; there is no other toolstack to get past."},
    {'t', NULL, NULL, "Show progress even when stderr is no terminal."},
    {'T', NULL, NULL, "Accepted; there are no messages with a time in them."},
    {'N', NULL, NULL, "A dry run, which create alone has: as its -n."},
    {0},
};

const struct command command_table[] = {
    {
        .name = "create",
        .run = cmd_create,
        .options = OPTIONS(
            {'c', NULL, NULL,
             "Attach to the new domain's console. It is opened before the "
             "guest runs, so that nothing is missed."},
            {'p', NULL, NULL, "Leave the domain paused."},
            {'F', NULL, NULL, "Stay in the foreground until it is gone."},
            {'e', NULL, NULL,
             "Leave nobody behind to watch the domain: its on_ keys then do "
             "nothing."},
            {'f', "defconfig", "FILE", "Use this configuration file."},
            {'n', "dryrun", NULL,
             "Check the configuration and print what was understood; create "
             "nothing."},
            {'q', "quiet", NULL, "Print nothing but warnings and errors."},
            {'d', NULL, NULL, "Accepted."},
            {'V', NULL, NULL, "Accepted; a guest here has no screen."}),
        .max_words = ANY_WORDS,
        .first_word = WORD_FILE,
        .usage = "[OPTIONS] [CONFIGFILE] [KEY=VALUE ...]",
        .summary = "Create a domain from a configuration file",
        .text = "Each KEY=VALUE changes one key of the configuration; without "
                "a file all keys are given so. Quotes around a string may be "
                "left out there: the value then ends at a semicolon. "
                "xl.cfg(5) has the keys.",
    },
    {
        .name = "list",
        .run = cmd_list,
        .options =
            OPTIONS({'l', "long", NULL, "All that is known of each, as JSON."},
                    {'v', "verbose", NULL,
                     "Also show UUIDs, the reason of a shutdown, and labels."},
                    {'c', "cpupool", NULL, "Also show the CPU pool."},
                    {'n', "numa", NULL, "Also show the memory nodes."},
                    {'Z', "context", NULL,
                     "Also show security labels, of which there are none."}),
        .max_words = ANY_WORDS,
        .first_word = WORD_DOMAIN,
        .usage = "[OPTIONS] [DOMAIN ...]",
        .summary = "List all domains or some",
        .text = "Shown are name, id, memory in MiB, virtual CPUs online, "
                "state, and seconds of CPU time. The six places of the state "
                "are:",
        .terms = TERMS({"r", "running"}, {"b", "blocked: it waits for work"},
                       {"p", "paused"}, {"s", "shut down"}, {"c", "crashed"},
                       {"d", "dying"}),
    },
    {
        .name = "destroy",
        .run = cmd_destroy,
        .options = OPTIONS(
            {'f', NULL, NULL, "Accepted; domain 0 cannot be destroyed."}),
        .min_words = 1,
        .max_words = 1,
        .first_word = WORD_DOMAIN,
        .usage = "DOMAIN",
        .summary = "End a domain at once and free its memory",
        .text = "When the command returns the memory is free, apart from "
                "pages that other domains still have mapped.",
    },
    {
        .name = "shutdown",
        .run = cmd_shutdown,
        .options = OPTIONS(
            {'a', "all", NULL, "All domains except 0."},
            {'w', "wait", NULL,
             "Wait until it has shut down; given twice, until it is gone."},
            {'F', NULL, NULL,
             "Accepted; guests here have no power button to fall back on."}),
        .max_words = 1,
        .first_word = WORD_DOMAIN,
        .usage = "[OPTIONS] -a | DOMAIN",
        .summary = "Ask a domain to shut down",
        .text = "The request goes to the guest's kernel, which follows when "
                "it can. What happens to the domain then is said by its "
                "configuration's on_poweroff.",
    },
    {
        .name = "reboot",
        .run = cmd_reboot,
        .options = OPTIONS(
            {'a', "all", NULL, "All domains except 0."},
            {'w', "wait", NULL, "Wait until the old domain has shut down."},
            {'F', NULL, NULL,
             "Accepted; guests here have no reset button to fall back on."}),
        .max_words = 1,
        .first_word = WORD_DOMAIN,
        .usage = "[OPTIONS] -a | DOMAIN",
        .summary = "Ask a domain to reboot",
        .text = "The request goes to the guest's kernel, which follows when "
                "it can. What happens to the domain then is said by its "
                "configuration's on_reboot.",
    },
    {
        .name = "pause",
        .run = cmd_pause,
        .min_words = 1,
        .max_words = 1,
        .first_word = WORD_DOMAIN,
        .usage = "DOMAIN",
        .summary = "Stop running a domain",
        .text = "It keeps its memory and goes on where it was after unpause.",
    },
    {
        .name = "unpause",
        .run = cmd_unpause,
        .min_words = 1,
        .max_words = 1,
        .first_word = WORD_DOMAIN,
        .usage = "DOMAIN",
        .summary = "Run a paused domain again",
    },
    {
        .name = "dump-core",
        .run = cmd_dump_core,
        .min_words = 2,
        .max_words = 2,
        .first_word = WORD_DOMAIN,
        .usage = "DOMAIN FILE",
        .summary = "Write a domain's memory and registers to a file",
        .text = "The file is an ELF core in Xen's dump-core format, and only "
                "its owner may read it. The domain runs on; pause it first for "
                "a picture of one moment. Promised memory that was never "
                "touched is read as zeros and stays promised. Pages of zeros "
                "take no room in the file.",
    },
    {
        .name = "console",
        .run = cmd_console,
        .options = OPTIONS(
            {'t', NULL, "TYPE", "Must be pv, the only kind of console here."},
            {'n', NULL, "NUMBER", "Must be 0, likewise."}),
        .min_words = 1,
        .max_words = 1,
        .first_word = WORD_DOMAIN,
        .usage = "[OPTIONS] DOMAIN",
        .summary = "Attach to a domain's console; Ctrl-] leaves",
        .text = "The end of the input leaves too. Every other key goes to "
                "the guest.",
    },
    {
        .name = "mem-set",
        .run = cmd_mem_set,
        .min_words = 2,
        .max_words = 2,
        .first_word = WORD_DOMAIN,
        .usage = "DOMAIN SIZE",
        .summary = "Set how much memory a domain should use",
        .text = "The guest's balloon driver follows by itself; pod shows how "
                "far it is. " SIZE_TEXT,
    },
    {
        .name = "mem-max",
        .run = cmd_mem_max,
        .min_words = 2,
        .max_words = 2,
        .first_word = WORD_DOMAIN,
        .usage = "DOMAIN SIZE",
        .summary = "Set how much memory a domain may use",
        .text = SIZE_TEXT,
    },
    {
        .name = "pod",
        .run = cmd_pod,
        .options = OPTIONS(
            {'l', "long", NULL,
             "All numbers as JSON, with every counter of the hypervisor's."},
            {'a', "audit", NULL,
             "Have the hypervisor recount all that it keeps about the domains, "
             "or without one about the host and all of them. Prints how many "
             "differences there are, and of the first which rule does not "
             "hold, where, and both values; fails if there is one. The host "
             "goes on, though slower."}),
        .max_words = ANY_WORDS,
        .first_word = WORD_DOMAIN,
        .usage = "[-l|-a] [DOMAIN ...]",
        .summary = "Show how much of the promised memory exists",
        .text = "Domain 0 is listed only when it is named. A dash means that "
                "a number is not known. The columns, in KiB:",
        .terms = TERMS(
            {"Max", "what the guest was promised: its maxmem"},
            {"Target", "what it should use now"},
            {"Populated", "pages that it has"},
            {"Promised", "pages that it was promised but never touched"},
            {"Cached", "pages set aside to honour those promises"},
            {"Deficit", "promised pages with nothing set aside; 0 once the "
                        "guest's balloon has reached its target"},
            {"Ballooned", "pages that the guest gave back"},
            {"Swept", "zero pages that were taken back to honour promises"}),
    },
    {
        .name = "pod-set",
        .run = cmd_pod_set,
        .min_words = 2,
        .max_words = ANY_WORDS,
        .first_word = WORD_DOMAIN,
        .usage = "DOMAIN KEY=VALUE ...",
        .summary = "Set what a domain does when it finds no memory",
        .text = "The keys are those of xl.cfg; what is not named stays. vCPUs "
                "that wait look again at once. It lasts as long as the domain; "
                "after a reboot its configuration holds again.",
        .terms = TERMS(
            {"pod_on_empty=wait|borrow|crash",
             "the vCPU waits for memory, the domain borrows what is free in "
             "the host, or it is ended"},
            {"pod_borrow=MIB",
             "how much it may owe the host; if nothing was said yet, its "
             "maximum less its target. Below what it owes already it gets no "
             "more"}),
    },
    {
        .name = "vcpu-list",
        .run = cmd_vcpu_list,
        .max_words = ANY_WORDS,
        .first_word = WORD_DOMAIN,
        .usage = "[DOMAIN ...]",
        .summary = "List the virtual CPUs of all domains or some",
        .text = "Shown are the CPU on which each runs or ran last, its state "
                "(r running, b blocked, p offline), its CPU time, and where it "
                "may and would rather run.",
    },
    {
        .name = "vcpu-set",
        .run = cmd_vcpu_set,
        .options = OPTIONS({'i', "ignore-host", NULL,
                            "Accepted; there may be more of them than the host "
                            "has CPUs."}),
        .min_words = 2,
        .max_words = 2,
        .first_word = WORD_DOMAIN,
        .usage = "[OPTIONS] DOMAIN COUNT",
        .summary = "Set how many virtual CPUs a domain should use",
        .text = "The guest's kernel follows by itself, at least when it has "
                "to give some up. COUNT is at most the maxvcpus of its "
                "configuration.",
    },
    {
        .name = "vcpu-pin",
        .run = cmd_vcpu_pin,
        .options = OPTIONS(
            {'f', "force", NULL,
             "Also undo a pinning that the domain's own kernel asked for."}),
        .min_words = 3,
        .max_words = 4,
        .first_word = WORD_DOMAIN,
        .usage = "[OPTIONS] DOMAIN VCPU|all HARD [SOFT]",
        .summary = "Set on which CPUs a virtual CPU may run",
        .text =
            "HARD is where it may run; SOFT where it would rather run, "
            "which counts when several CPUs are idle. A dash leaves either as it "
            "is. CPUs are written as",
        .terms = TERMS({"all", "all CPUs of the host"},
                       {"0-3,5,^1", "some; ^ takes away"},
                       {"node:0", "those of a memory node; also nodes:0-1"}),
    },
    {
        .name = "sched-credit2",
        .run = cmd_sched_credit2,
        .options = OPTIONS(
            {'d', "domain", "DOMAIN", "Show or change this domain only."},
            {'w', "weight", "WEIGHT",
             "Its weight, 1 to 65535. Each of its virtual CPUs gets twice the "
             "time of one that has half of it, when there is not enough for "
             "all. 256 at first."},
            {'c', "cap", "PERCENT",
             "Of one CPU: what all its virtual CPUs may use together, even if "
             "CPUs are idle. At most 100 for each of them; 0 is no cap."},
            {'s', "schedparam", NULL, "Show what holds for a whole pool."},
            {'r', "ratelimit_us", "MICROSECONDS",
             "With -s: for how long one runs at least before another one that "
             "wakes takes its place. 0, or 100 to 500000; 0 at first."},
            {'p', "cpupool", "POOL", "Only this CPU pool."}),
        .usage = "[OPTIONS]",
        .summary = "Show or change weights and caps of domains",
    },
    {
        .name = "vm-list",
        .run = cmd_vm_list,
        .usage = "",
        .summary = "List guests by UUID, without domain 0",
    },
    {
        .name = "domid",
        .run = cmd_domid,
        .min_words = 1,
        .max_words = 1,
        .first_word = WORD_DOMAIN,
        .usage = "NAME",
        .summary = "Print the id of the domain with this name",
    },
    {
        .name = "domname",
        .run = cmd_domname,
        .min_words = 1,
        .max_words = 1,
        .usage = "ID",
        .summary = "Print the name of the domain with this id",
    },
    {
        .name = "rename",
        .run = cmd_rename,
        .min_words = 2,
        .max_words = 2,
        .first_word = WORD_DOMAIN,
        .usage = "DOMAIN NEWNAME",
        .summary = "Give a domain another name",
    },
    {
        .name = "top",
        .run = cmd_top,
        .options = OPTIONS(
            {'d', "delay", "SECONDS", "Between two pictures; 3."},
            {'b', "batch", NULL,
             "Print one picture after the other; so it is also when the "
             "output is no terminal."},
            {'n', "iterations", "COUNT", "End after so many pictures."}),
        .usage = "[OPTIONS]",
        .summary = "Watch the memory and CPU time of all domains",
        .text = "CPU(%) is of one CPU, since the last picture. PROMISED(k) is "
                "memory that was promised and does not exist yet, DEFICIT(k) "
                "the part of it with nothing set aside; see pod. Keys:",
        .terms = TERMS({"q", "quit"}, {"c", "most CPU time first"},
                       {"m", "most memory first"}, {"i", "by id"}),
    },
    {
        .name = "uptime",
        .run = cmd_uptime,
        .options = OPTIONS({'s', "short", NULL,
                            "A line for each that also has the time of day."}),
        .max_words = ANY_WORDS,
        .first_word = WORD_DOMAIN,
        .usage = "[OPTIONS] [DOMAIN ...]",
        .summary = "Show for how long domains have been up",
        .text = "That is since the domain was created, not since its kernel "
                "was booted.",
    },
    {
        .name = "claims",
        .run = cmd_claims,
        .usage = "",
        .summary = "List domains with the memory that they have claimed",
        .text = "A claim is memory that a domain is sure to get while it is "
                "being built. Mem includes it. The sum is info's "
                "outstanding_claims. The line below says what may still be "
                "claimed: free memory, and what transcendent memory would give "
                "up for it.",
    },
    {
        .name = "sharing",
        .run = cmd_sharing,
        .max_words = ANY_WORDS,
        .first_word = WORD_DOMAIN,
        .usage = "[DOMAIN ...]",
        .summary = "Show how much memory domains share with others",
        .text = "Pages are shared only when a program in domain 0 has asked "
                "for it; usually all numbers are 0. In MiB.",
    },
    {
        .name = "tmem-list",
        .run = cmd_tmem_list,
        .options = OPTIONS(
            {'a', "all", NULL, "All domains, and the host's own numbers."},
            {'l', "long", NULL, "All numbers."},
            {'r', "readable", NULL, "Each number with what it is."},
            {'j', "json", NULL, "As JSON."}),
        .max_words = 1,
        .first_word = WORD_DOMAIN,
        .usage = "[-l] [-r | -j] -a | DOMAIN",
        .summary = "Show what guests keep in transcendent memory",
        .text = "The lines are those of Xen's tools: a letter for what it is "
                "about, and numbers with two letters each. The letters:",
        .terms = TERMS({"G", "the host"}, {"S", "a pool that domains share"},
                       {"C", "a domain"}, {"P", "a pool of its own"},
                       {"T", "how long calls take, in processor cycles"}),
    },
    {
        .name = "tmem-freeze",
        .run = cmd_tmem_freeze,
        .options = OPTIONS({'a', "all", NULL, "All domains that use it."}),
        .max_words = 1,
        .first_word = WORD_DOMAIN,
        .usage = "-a | DOMAIN",
        .summary = "Let no more pages into transcendent memory",
        .text = "The guest still gets and flushes what it put before.",
    },
    {
        .name = "tmem-thaw",
        .run = cmd_tmem_thaw,
        .options = OPTIONS({'a', "all", NULL, "All domains that use it."}),
        .max_words = 1,
        .first_word = WORD_DOMAIN,
        .usage = "-a | DOMAIN",
        .summary = "Let pages into transcendent memory again",
    },
    {
        .name = "tmem-set",
        .run = cmd_tmem_set,
        .options = OPTIONS(
            {'a', "all", NULL, "All domains that use it."},
            {'w', "weight", "WEIGHT",
             "Its share of the ephemeral pages, against the others' weights: "
             "whoever has most above his share gives way first. 0: none."},
            {'c', "cap", "KIB", "How much ephemeral memory it may have."},
            {'P', "persistent", "KIB",
             "How much persistent memory it may have. For both, 0 is no "
             "limit."},
            {'p', "compress", "0|1", "Whether its pages are compressed."}),
        .max_words = 1,
        .first_word = WORD_DOMAIN,
        .usage = "[OPTIONS] -a | DOMAIN",
        .summary = "Change what a domain may have in transcendent memory",
        .text = "At least one of -w, -c, -P and -p is needed.",
    },
    {
        .name = "tmem-shared-auth",
        .run = cmd_tmem_shared_auth,
        .options = OPTIONS(
            {'a', "all", NULL, "All domains that use it."},
            {'u', "uuid", "UUID", "The shared pool's."},
            {'A', "auth", "0|1", "1: it may, 0: it may not, as at first."}),
        .max_words = 1,
        .first_word = WORD_DOMAIN,
        .usage = "-u UUID -A 0|1 -a | DOMAIN",
        .summary = "Say who may join a shared pool of transcendent memory",
        .text = "A guest that asks for a pool that it may not join gets one of "
                "its own, and cannot tell. What it has joined it keeps.",
    },
    {
        .name = "tmem-freeable",
        .run = cmd_tmem_freeable,
        .usage = "",
        .summary = "Show how much transcendent memory would give way, in MiB",
        .text = "Whoever needs memory gets it without asking for it.",
    },
    {
        .name = "cpupool-list",
        .run = cmd_cpupool_list,
        .options =
            OPTIONS({'c', "cpus", NULL, "Show the CPUs of each by number."}),
        .max_words = 1,
        .usage = "[OPTIONS] [POOL]",
        .summary = "List the CPU pools",
        .text = "There is one, Pool-0, with all CPUs.",
    },
    {
        .name = "sysrq",
        .run = cmd_sysrq,
        .min_words = 2,
        .max_words = 2,
        .first_word = WORD_DOMAIN,
        .usage = "DOMAIN LETTER",
        .summary = "Send a Linux SysRq letter to a domain",
        .text = "The guest's kernel must allow it: sysrq_always_enabled.",
    },
    {
        .name = "trigger",
        .run = cmd_trigger,
        .min_words = 2,
        .max_words = 3,
        .first_word = WORD_DOMAIN,
        .second_words = "nmi reset init power sleep",
        .usage = "DOMAIN nmi|reset|init|power|sleep [VCPU]",
        .summary = "Send a hardware event to a domain",
        .text = "PVH guests know nmi alone; the hypervisor refuses the "
                "others. VCPU is 0 unless it is given.",
    },
    {
        .name = "info",
        .run = cmd_info,
        .options = OPTIONS(
            {'n', "numa", NULL, "Also show each CPU and each memory node."}),
        .usage = "[OPTIONS]",
        .summary = "Show what the host is and has",
        .text = "Memory is in MiB; free_memory is without what is claimed, and "
                "without freeable_memory, which transcendent memory gives up "
                "whenever somebody needs it.",
    },
    {
        .name = "dmesg",
        .run = cmd_dmesg,
        .options = OPTIONS({'c', "clear", NULL, "Also clear them."}),
        .usage = "[OPTIONS]",
        .summary = "Print the hypervisor's messages",
    },
    {
        .name = "trace",
        .run = cmd_trace,
        .options = OPTIONS(
            {'j', "json", NULL, "As JSON."},
            {'w', "writes", "on|off",
             "Print nothing, but switch whether each write of an entry of "
             "guests' memory tables is recorded, too: off at first."}),
        .usage = "[-j | -w on|off]",
        .summary = "Show what the host's CPUs did last",
        .text = "The last 127 exits and hypercalls of each CPU, and the last "
                "127 changes of guests' memory, by time since the host's boot. "
                "Sizes are in KiB; frame numbers count 4 KiB.",
        .terms =
            TERMS({"exit", "a guest left for the hypervisor"},
                  {"hypercall", "a guest asked it for something"},
                  {"populate", "a promised page was touched and came"},
                  {"reclaim", "a page full of zeros became a promise again"},
                  {"splinter", "a large entry became 512 smaller ones"},
                  {"decrease", "a guest gave memory back"},
                  {"flush", "old translations were dropped on all CPUs"},
                  {"p2m-write", "an entry was written; see -w"}),
    },
    {
        .name = "debug-keys",
        .run = cmd_debug_keys,
        .min_words = 1,
        .max_words = 1,
        .usage = "KEYS",
        .summary = "Send debug keys to the hypervisor; see xl dmesg",
        .text = "The key h prints the list of them.",
    },
    {
        .name = "help",
        .run = cmd_help,
        .options = OPTIONS(
            {'l', "long", NULL, "Accepted; the list is always complete."}),
        .max_words = 1,
        .first_word = WORD_COMMAND,
        .usage = "[COMMAND]",
        .summary = "List the commands or explain one",
    },
};

const size_t command_count = sizeof(command_table) / sizeof(command_table[0]);
