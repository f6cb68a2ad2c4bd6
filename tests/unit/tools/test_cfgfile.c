/* SPDX-License-Identifier: MIT */
/* tools/xl/cfgfile.c and cfgparse.c: the syntax of guest configurations. */
#include "xl/cfgfile.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

/* What a test works on; made anew by parse(). */
static struct cfg cfg;
static struct cfg_error err;

static int parse_as(const char *text, enum cfg_quoting quoting)
{
    cfg_free(&cfg);
    memset(&err, 0, sizeof(err));
    return cfg_parse_text(&cfg, "g.cfg", 1, text, quoting, &err);
}

static int parse(const char *text)
{
    return parse_as(text, CFG_QUOTED);
}

static const char *text_of(const char *key)
{
    const struct cfg_value *value = cfg_find(&cfg, key);

    return value ? value->text : NULL;
}

static bool parses_to(const char *text, const char *expected)
{
    return !parse(text) && text_of("a") && !strcmp(text_of("a"), expected);
}

/* The message that `text` gives, or what was accepted. */
static const char *message_of(const char *text)
{
    return parse(text) == -EINVAL ? err.text : "no error";
}

static void strings(void)
{
    EXPECT(parses_to("a = \"x y\"", "x y"));
    EXPECT(parses_to("a='x \"y\"'", "x \"y\""));
    EXPECT(parses_to("a=''", ""));
    EXPECT(parses_to("a = 'it#s; not a comment'", "it#s; not a comment"));
    EXPECT(cfg_find(&cfg, "a")->type == CFG_STRING);
}

static void escapes(void)
{
    EXPECT(parses_to("a = 'don\\'t'", "don't"));
    EXPECT(parses_to("a = \"1\\n2\\t3\\\\\"", "1\n2\t3\\"));
    EXPECT(parses_to("a = \"\\x41\\102\\x4g\"", "AB\004g"));
    EXPECT(parses_to("a = \"\\q\"", "q"));
}

static void numbers(void)
{
    unsigned long n = 0;

    EXPECT(parses_to("a = 256", "256"));
    EXPECT(cfg_find(&cfg, "a")->type == CFG_NUMBER);
    EXPECT(!cfg_get_number(&cfg, "a", 0, 1000, &n, &err) && n == 256);
    EXPECT(!parse("a = 0x10") &&
           !cfg_get_number(&cfg, "a", 0, 1000, &n, &err) && n == 16);
    EXPECT(!parse("a = 010") && !cfg_get_number(&cfg, "a", 0, 1000, &n, &err) &&
           n == 8);
    EXPECT(!parse("a = '7'") && !cfg_get_number(&cfg, "a", 0, 1000, &n, &err) &&
           n == 7);
}

static void separators_and_comments(void)
{
    EXPECT(!parse("# top\n\n a = 1 # one\n; b=2;;c = 3\r\n\td=4 ;# end"));
    EXPECT(cfg.entry_count == 4);
    EXPECT_TEXT(text_of("a"), "1");
    EXPECT_TEXT(text_of("b"), "2");
    EXPECT_TEXT(text_of("c"), "3");
    EXPECT_TEXT(text_of("d"), "4");
    EXPECT(cfg_find(&cfg, "b")->line == 4);
}

static void nothing_at_all(void)
{
    EXPECT(!parse("") && !cfg.entry_count);
    EXPECT(!parse("\n# only a comment") && !cfg.entry_count);
    EXPECT(!cfg_find(&cfg, "a"));
}

static void lists(void)
{
    const struct cfg_value *a;

    EXPECT(!parse("a = [ 'x', 2, ]\nb=[]"));
    a = cfg_find(&cfg, "a");
    EXPECT(a->type == CFG_LIST && a->item_count == 2);
    EXPECT_TEXT(a->items[0].text, "x");
    EXPECT(a->items[1].type == CFG_NUMBER);
    EXPECT(cfg_find(&cfg, "b")->type == CFG_LIST);
    EXPECT(cfg_find(&cfg, "b")->item_count == 0);
}

static void lists_over_lines(void)
{
    const struct cfg_value *a;

    EXPECT(!parse("a = [ # first\n  'x',\n\n  ['y', 'z' # deep\n ]\n]\nb = 1"));
    a = cfg_find(&cfg, "a");
    EXPECT(a->item_count == 2);
    EXPECT(a->items[1].type == CFG_LIST && a->items[1].item_count == 2);
    EXPECT(a->items[1].items[1].line == 4);
    EXPECT(cfg_find(&cfg, "b")->line == 7);
}

static void last_assignment_counts(void)
{
    EXPECT(!parse("a = 1\na = 'two'"));
    EXPECT(cfg.entry_count == 1);
    EXPECT_TEXT(text_of("a"), "two");
    EXPECT(!cfg_parse_text(&cfg, "command line", 1, "a=3", CFG_BARE, &err));
    EXPECT_TEXT(text_of("a"), "3");
    EXPECT_TEXT(cfg_find(&cfg, "a")->file, "command line");
}

static void bare_strings(void)
{
    EXPECT(!parse_as("a=console=hvc0 ro ;b=12 ; c=\"q\";d=3com", CFG_BARE));
    EXPECT_TEXT(text_of("a"), "console=hvc0 ro");
    EXPECT(cfg_find(&cfg, "a")->type == CFG_STRING);
    EXPECT_TEXT(text_of("b"), "12");
    EXPECT(cfg_find(&cfg, "b")->type == CFG_NUMBER);
    EXPECT_TEXT(text_of("c"), "q");
    EXPECT_TEXT(text_of("d"), "3com");
    EXPECT(!parse_as("a=", CFG_BARE));
    EXPECT_TEXT(text_of("a"), "");
}

static void syntax_errors(void)
{
    EXPECT_TEXT(message_of("\na = foo"),
                "g.cfg:2: found 'foo'; expected a number, a quoted string or "
                "a list");
    EXPECT_TEXT(message_of("a 1"), "g.cfg:1: found '1'; expected '=' after a "
                                   "key");
    EXPECT_TEXT(message_of("= 1"), "g.cfg:1: found '='; expected KEY = VALUE");
    EXPECT_TEXT(message_of("a ="),
                "g.cfg:1: found the end of the text; expected a number, a "
                "quoted string or a list");
    EXPECT_TEXT(message_of("a = \nb = 2"),
                "g.cfg:1: found the end of the line; expected a number, a "
                "quoted string or a list");
    EXPECT_TEXT(message_of("a = 1 b = 2"),
                "g.cfg:1: found 'b'; expected a new line or ';' after a value");
    EXPECT_TEXT(message_of("a = 12x"), "g.cfg:1: found '12x'; expected a "
                                       "number (or quotes around a string)");
    EXPECT_TEXT(message_of("a = \x01"),
                "g.cfg:1: found the character 0x01; expected a number, a "
                "quoted string or a list");
}

static void unfinished_values(void)
{
    EXPECT_TEXT(message_of("a = 'x\nb = 1"),
                "g.cfg:1: found the end of the line; expected a closing ' of "
                "the string");
    EXPECT_TEXT(message_of("a = \"x"),
                "g.cfg:1: found the end of the text; expected a closing \" of "
                "the string");
    EXPECT_TEXT(message_of("a = 'x\\"),
                "g.cfg:1: found the end of the text; expected a closing ' of "
                "the string");
    EXPECT_TEXT(
        message_of("a = [ 'x'\n'y' ]"),
        "g.cfg:2: found a quotation mark; expected ',' or ']' in a list");
    EXPECT_TEXT(message_of("a = [\n'x',\n"),
                "g.cfg:3: found the end of the text; expected a number, a "
                "quoted string or a list");
}

static void nested_too_deeply(void)
{
    EXPECT(!parse("a = [[[[[[[[1]]]]]]]]"));
    EXPECT_TEXT(message_of("a = [[[[[[[[[1]]]]]]]]]"),
                "g.cfg:1: found '['; expected fewer lists inside one another");
}

static void wrong_types(void)
{
    const char *string = "untouched";
    unsigned long n = 77;

    EXPECT(!parse("a = 'x'\nb = [1]\nc = 5\nd='99999999999999999999'"));
    EXPECT(cfg_get_number(&cfg, "a", 0, 9, &n, &err) == -EINVAL);
    EXPECT_TEXT(err.text, "g.cfg:1: a is 'x'; expected a number");
    EXPECT(cfg_get_number(&cfg, "b", 0, 9, &n, &err) == -EINVAL);
    EXPECT_TEXT(err.text, "g.cfg:2: b is a list; expected a number");
    EXPECT(cfg_get_number(&cfg, "c", 1, 4, &n, &err) == -EINVAL);
    EXPECT_TEXT(err.text, "g.cfg:3: c is 5; expected a number from 1 to 4");
    EXPECT(cfg_get_number(&cfg, "d", 0, 9, &n, &err) == -EINVAL);
    EXPECT(cfg_get_string(&cfg, "b", &string, &err) == -EINVAL);
    EXPECT_TEXT(err.text, "g.cfg:2: b is a list; expected a quoted string");
    EXPECT(n == 77);
    EXPECT_TEXT(string, "untouched");
    EXPECT(!cfg_get_string(&cfg, "c", &string, &err));
    EXPECT_TEXT(string, "5");
}

static void absent_key_is_no_error(void)
{
    const char *string = "default";
    unsigned long n = 77;

    EXPECT(!parse("a = 1"));
    EXPECT(!cfg_get_number(&cfg, "b", 0, 9, &n, &err) && n == 77);
    EXPECT(!cfg_get_string(&cfg, "b", &string, &err));
    EXPECT_TEXT(string, "default");
}

/* Every prefix of a text is read to its end or refused, never beyond. */
static void every_prefix(void)
{
    static const char whole[] = "a = [ 'x\\x41', \"y\", [ 0x1, 2 ], ]; b='c'\n"
                                "# comment\nlong_key_2 = 12 # end";

    for (size_t length = 0; length < sizeof(whole); length++) {
        char *text = strndup(whole, length);
        int rc = parse(text);

        EXPECT(!rc || (rc == -EINVAL && err.text[0]));
        rc = parse_as(text, CFG_BARE);
        EXPECT(!rc || (rc == -EINVAL && err.text[0]));
        free(text);
    }
}

/* A file with these bytes, parsed; the caller reads err. */
static int parse_file_of(const char *bytes, size_t size)
{
    char path[] = "/tmp/test_cfgfile.XXXXXX";
    int fd = mkstemp(path), rc;

    cfg_free(&cfg);
    EXPECT(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
    rc = cfg_parse_file(&cfg, path, &err);
    unlink(path);
    return rc;
}

static void files(void)
{
    EXPECT(!parse_file_of("a = 1\nb = 'x'", 13));
    EXPECT_TEXT(text_of("b"), "x");
    EXPECT(parse_file_of("a = 1\0b", 7) == -EILSEQ);
    cfg_free(&cfg);
    EXPECT(cfg_parse_file(&cfg, "/nonexistent/g.cfg", &err) == -ENOENT);
    EXPECT_TEXT(err.text, "/nonexistent/g.cfg: No such file or directory");
    EXPECT(cfg_parse_file(&cfg, "/tmp", &err) == -EISDIR);
    EXPECT(!cfg_parse_file(&cfg, "/dev/null", &err));
    EXPECT(cfg_parse_file(&cfg, "/dev/zero", &err) < 0);
    cfg_free(&cfg);
}

static void additions(void)
{
    EXPECT(parses_to("a = 'x'\na += \" y\"", "x y"));
    EXPECT(parses_to("a += 'x'", "x"));
    EXPECT(parses_to("a = 'x'; a+='y'; a = 'z'", "z"));
    EXPECT(!parse("a = [1, 'two']\na += [[3]]\na += []"));
    EXPECT(cfg_find(&cfg, "a")->item_count == 3);
    EXPECT_TEXT(cfg_find(&cfg, "a")->items[1].text, "two");
    EXPECT(!parse("a = []\na += []"));
    EXPECT_TEXT(message_of("a = 1\na += 2"),
                "g.cfg:2: a is a number and += has a number; expected two "
                "strings or two lists");
    EXPECT_TEXT(message_of("a = []\n\na += 'x'"),
                "g.cfg:3: a is a list and += has a string; expected two "
                "strings or two lists");
    EXPECT_TEXT(message_of("a + = 1"),
                "g.cfg:1: found '+'; expected '=' after a key");
    EXPECT_TEXT(message_of("a +"),
                "g.cfg:1: found '+'; expected '=' after a key");
    EXPECT(!parse_as("a=x;a+=y z", CFG_BARE));
    EXPECT_TEXT(text_of("a"), "xy z");
    cfg_free(&cfg);
}

static const struct check checks[] = {
    {"cfgfile/strings", strings},
    {"cfgfile/escapes", escapes},
    {"cfgfile/numbers", numbers},
    {"cfgfile/separators_and_comments", separators_and_comments},
    {"cfgfile/nothing_at_all", nothing_at_all},
    {"cfgfile/lists", lists},
    {"cfgfile/lists_over_lines", lists_over_lines},
    {"cfgfile/last_assignment_counts", last_assignment_counts},
    {"cfgfile/bare_strings", bare_strings},
    {"cfgfile/syntax_errors", syntax_errors},
    {"cfgfile/unfinished_values", unfinished_values},
    {"cfgfile/nested_too_deeply", nested_too_deeply},
    {"cfgfile/wrong_types", wrong_types},
    {"cfgfile/absent_key_is_no_error", absent_key_is_no_error},
    {"cfgfile/every_prefix", every_prefix},
    {"cfgfile/additions", additions},
    {"cfgfile/files", files},
};

CHECK_MAIN(checks)
