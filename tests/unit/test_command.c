/* apps/console/command.c: the grammar of contract.md, "Configuration" and "Commands".
 * Its own rows stand beside the appliance's; their first words are not used there. */
#include "apps/console/command.h"
#include "tests/host/host.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What the last commands did. */
static char trace[4096];
static unsigned runs;

static void note(const char *fmt, ...)
{
    va_list args;
    size_t n = strlen(trace);

    va_start(args, fmt);
    vsnprintf(trace + n, sizeof trace - n, fmt, args);
    va_end(args);
    runs++;
}

COMMAND(run_add, "zroute add PREFIX via ADDRESS", "Add");
static int run_add(struct command_call *call)
{
    note("add %u/%u via %u;", call->arg[0].prefix.bytes[3], call->arg[0].prefix.length,
         call->arg[1].prefix.bytes[3]);
    return 0;
}

COMMAND(run_number, "zset NUMBER on|off|auto", "Set");
static int run_number(struct command_call *call)
{
    if (call->arg[0].number > 100)
        return command_error(call, "%s is too much, expected 0 to 100", call->arg[0].word);
    note("set %" PRIu64 " %u %s;", call->arg[0].number, call->arg[1].choice, call->arg[1].word);
    return 0;
}

COMMAND(run_count, "zset count", "Count");
static int run_count(struct command_call *call)
{
    note("count;");
    return 0;
}

COMMAND(run_mac, "zmac MAC", "Mac");
static int run_mac(struct command_call *call)
{
    note("mac %02x;", call->arg[0].mac[5]);
    return 0;
}

COMMAND(run_port_s, "zroute ports", "Ports");
static int run_port_s(struct command_call *call)
{
    note("ports;");
    return 0;
}

COMMAND(run_port_one, "zroute port NUMBER", "Port");
static int run_port_one(struct command_call *call)
{
    note("port %" PRIu64 ";", call->arg[0].number);
    return 0;
}

COMMAND(run_line_rest, "zline LINE", "Line");
static int run_line_rest(struct command_call *call)
{
    note("line <%s>;", call->arg[0].word);
    return 0;
}

COMMAND(run_word, "zword WORD", "Word");
static int run_word(struct command_call *call)
{
    note("word <%s>;", call->arg[0].word);
    return 0;
}

COMMAND(run_groups, "zping ADDRESS [count NUMBER] [size NUMBER] [up|down] [sticky]", "Ping");
static int run_groups(struct command_call *call)
{
    const struct command_arg *count = command_option(call, "count");
    const struct command_arg *size = command_option(call, "size");

    note("ping %u", call->arg[0].prefix.bytes[3]);
    if (count)
        note(" count %" PRIu64, count->number);
    if (size)
        note(" size %" PRIu64, size->number);
    if (call->arg[3].word)
        note(" %s %u", call->arg[3].word, call->arg[3].choice);
    assert_int_equal(command_given(call, "count"), count != NULL);
    assert_false(command_given(call, "coun"));
    assert_false(command_given(call, "countx"));
    assert_null(command_option(call, "sticky"));
    note("%s;", command_given(call, "sticky") ? " sticky" : "");
    return 0;
}

COMMAND(run_middle, "zmiddle [one NUMBER] NUMBER [rest LINE]", "Middle");
static int run_middle(struct command_call *call)
{
    if (command_option(call, "one"))
        note("one %" PRIu64 " ", command_option(call, "one")->number);
    note("%" PRIu64, call->arg[1].number);
    if (command_option(call, "rest"))
        note(" <%s>", command_option(call, "rest")->word);
    note(";");
    return 0;
}

COMMAND(run_bridge_add, "zbridge add NAME", "Add a bridge");
static int run_bridge_add(struct command_call *call)
{
    if (command_is_keyword("zbridge", call->arg[0].word))
        return command_error(call, "'%s' is a keyword", call->arg[0].word);
    note("add <%s>;", call->arg[0].word);
    return 0;
}

COMMAND(run_bridge, "zbridge NAME port NUMBER [vlan NUMBER]", "Give a bridge a port");
static int run_bridge(struct command_call *call)
{
    note("<%s> port %" PRIu64 ";", call->arg[0].word, call->arg[1].number);
    return 0;
}

static char output[1 << 20];
static size_t output_length;

static void write_output(struct out *out, const char *text, size_t n)
{
    assert_true(output_length + n < sizeof output);
    memcpy(output + output_length, text, n);
    output_length += n;
    output[output_length] = 0;
}

static struct out out = { .write = write_output };

static int setup(void **state)
{
    host_reset();
    trace[0] = output[0] = 0;
    output_length = runs = 0;
    return 0;
}

static void forget(void)
{
    setup(NULL);
}

static void accepts(const char *line, const char *expected)
{
    forget();
    assert_int_equal(command_run(line, &out, NULL, 0), 0);
    assert_string_equal(output, "");
    assert_string_equal(trace, expected);
}

static void refuses(const char *line, const char *expected)
{
    forget();
    assert_true(command_run(line, &out, NULL, 0) < 0);
    assert_string_equal(output, expected);
    assert_string_equal(trace, "");
}

static void runs_what_was_typed(void **state)
{
    accepts("zroute add 192.0.2.4/24 via 198.51.100.2", "add 4/24 via 2;");
    accepts("  zset \t 0x10   on  ", "set 16 0 on;");
    accepts("zset 5 auto", "set 5 2 auto;");
    accepts("zmac 02:00:00:00:00:09", "mac 09;");
    accepts("zword a/b:c", "word <a/b:c>;");
}

static void blank_lines_and_comments_do_nothing(void **state)
{
    accepts("", "");
    accepts(" \t ", "");
    accepts("# zset count", "");
    accepts("   # b\xc3\xa4r", "");
    accepts("zset count # and so on", "count;");
    accepts("zset count\r", "count;");
}

static void unique_abbreviations(void **state)
{
    accepts("zr a 192.0.2.4/24 v 198.51.100.2", "add 4/24 via 2;");
    accepts("zs c", "count;");
    accepts("zset 7 of", "set 7 1 of;");
    refuses("zset 7 o", "error: 'zset 7 o' is ambiguous, expected off, on\n");
    refuses("zroute po", "error: 'zroute po' is ambiguous, expected port, ports\n");
    refuses("z",
            "error: 'z' is ambiguous, expected zbridge, zline, zmac, zmiddle, zping, zroute, zset, "
            "zword\n");
}

static void groups_may_be_left_out(void **state)
{
    accepts("zping 10.0.0.1", "ping 1;");
    accepts("zping 10.0.0.1 count 3", "ping 1 count 3;");
    accepts("zping 10.0.0.1 size 9", "ping 1 size 9;");
    accepts("zping 10.0.0.1 count 3 size 9", "ping 1 count 3 size 9;");
    accepts("zping 10.0.0.1 down", "ping 1 down 1;");
    accepts("zping 10.0.0.1 sticky", "ping 1 sticky;");
    accepts("zping 10.0.0.1 count 3 up sticky", "ping 1 count 3 up 0 sticky;");
    accepts("zmiddle 5", "5;");
    accepts("zmiddle one 4 5", "one 4 5;");
    accepts("zmiddle one 4 5 rest a  b", "one 4 5 <a  b>;");
    accepts("zmiddle 5 rest a", "5 <a>;");
}

static void groups_are_abbreviated_and_told_like_all_words(void **state)
{
    accepts("zp 10.0.0.1 c 3 siz 9 d st", "ping 1 count 3 size 9 d 1 sticky;");
    refuses("zping 10.0.0.1 s 3",
            "error: 'zping 10.0.0.1 s' is ambiguous, expected size, sticky\n");
    accepts("zping 10.0.0.1 size 3 s", "ping 1 size 3 sticky;");
    refuses("zping 10.0.0.1 count",
            "error: 'zping 10.0.0.1 count' is incomplete, expected NUMBER such as 1500\n");
    refuses("zping 10.0.0.1 count x", "error: wrong 'x' after 'zping 10.0.0.1 count', "
                                      "expected NUMBER such as 1500\n");
    refuses("zping 10.0.0.1 7", "error: wrong '7' after 'zping 10.0.0.1', "
                                "expected count, down, size, sticky, up, end of line\n");
    refuses("zping 10.0.0.1 size 3 count 3", "error: wrong 'count' after 'zping 10.0.0.1 size 3', "
                                             "expected down, sticky, up, end of line\n");
    refuses("zping 10.0.0.1 count 3 count 4",
            "error: wrong 'count' after 'zping 10.0.0.1 count 3', "
            "expected down, size, sticky, up, end of line\n");
    refuses("zping 10.0.0.1 sticky 3",
            "error: wrong '3' after 'zping 10.0.0.1 sticky', expected end of line\n");
    refuses("zping", "error: 'zping' is incomplete, expected ADDRESS such as 192.0.2.1\n");
    refuses("zmiddle", "error: 'zmiddle' is incomplete, expected one, NUMBER such as 1500\n");
}

/* contract.md: "no keyword of its place; where a NAME may stand keywords are not abbreviated" */
static void names(void **state)
{
    accepts("zbridge add br0", "add <br0>;");
    accepts("zbridge a port 3", "<a> port 3;");
    accepts("zbridge ad port 3 vlan 7", "<ad> port 3;");
    accepts("zbridge a p 3", "<a> port 3;"); /* only where it may stand */
    refuses("zbridge add add", "error: 'add' is a keyword\n");
    accepts("zbridge add ad", "add <ad>;");
    accepts("zbridge add a23456789_12-45", "add <a23456789_12-45>;");
    refuses("zbridge add a23456789_12-456",
            "error: wrong 'a23456789_12-456' after 'zbridge add', expected NAME such as br0\n");
    refuses("zbridge add 0br",
            "error: wrong '0br' after 'zbridge add', expected NAME such as br0\n");
    refuses("zbridge add Br0",
            "error: wrong 'Br0' after 'zbridge add', expected NAME such as br0\n");
    refuses("zbridge add br0.10",
            "error: wrong 'br0.10' after 'zbridge add', expected NAME such as br0\n");
    refuses("zbridge", "error: 'zbridge' is incomplete, expected add, NAME such as br0\n");
    assert_true(command_is_keyword("zbridge br0", "port"));
    assert_false(command_is_keyword("zbridge br0", "por"));
    assert_false(command_is_keyword("zbridge br0", "NUMBER"));
    assert_false(command_is_keyword("nonsense", "port"));
}

/* A whole keyword means itself, also when it begins another. */
static void exact_keyword_wins(void **state)
{
    accepts("zroute port 3", "port 3;");
    accepts("zroute ports", "ports;");
}

static void the_rest_of_the_line(void **state)
{
    accepts("zline one", "line <one>;");
    accepts("zline one  two three # four", "line <one  two three>;");
    accepts("zline 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
            "line <1 2 3 4 5 6 7 8 9 10 11 12 13 14 15>;");
    refuses("zline", "error: 'zline' is incomplete, expected LINE such as any text\n");
}

static void errors_say_what_and_what_was_expected(void **state)
{
    refuses("foo bar", "error: unknown command 'foo', expected one that 'help' lists\n");
    refuses("zsetx", "error: unknown command 'zsetx', expected one that 'help' lists\n");
    refuses("zroute x", "error: wrong 'x' after 'zroute', expected add, port, ports\n");
    refuses("zroute add 192.0.2.0/33 via 198.51.100.2",
            "error: wrong '192.0.2.0/33' after 'zroute add', "
            "expected PREFIX such as 192.0.2.0/24\n");
    refuses("zroute add",
            "error: 'zroute add' is incomplete, expected PREFIX such as 192.0.2.0/24\n");
    refuses("zset", "error: 'zset' is incomplete, expected count, NUMBER such as 1500\n");
    refuses("zset count more", "error: wrong 'more' after 'zset count', expected end of line\n");
    refuses("zset 5 maybe", "error: wrong 'maybe' after 'zset 5', expected auto, off, on\n");
    refuses("zset 500 on", "error: 500 is too much, expected 0 to 100\n");
    refuses("zmac 02:00:00:00:00",
            "error: wrong '02:00:00:00:00' after 'zmac', expected MAC such as 02:00:00:00:00:01\n");
}

/* The answer is one line: what is echoed is cut and printable. */
static void hostile_lines_get_one_printable_line(void **state)
{
    char line[6000];

    refuses("zset \x01\x1b[2J\xff count",
            "error: unprintable bytes in 'zset ??[2J? count', expected plain text\n");
    memset(line, 'x', sizeof line);
    line[5000] = 0;
    refuses(line, "error: line is too long, expected at most 1023 characters\n");
    line[COMMAND_LINE_MAX] = 0;
    refuses(line, "error: line is too long, expected at most 1023 characters\n");
    line[COMMAND_LINE_MAX - 1] = 0;
    refuses(line, "error: unknown command 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...', "
                  "expected one that 'help' lists\n");
    memcpy(line, "zword ", 6);
    forget();
    assert_int_equal(command_run(line, &out, NULL, 0), 0);
    assert_int_equal(strlen(trace), 1023 - 6 + strlen("word <>;"));
}

static void every_short_junk_line_gets_at_most_one_line(void **state)
{
    uint32_t seed = 1;

    for (unsigned i = 0; i < 20000; i++) {
        char line[16];
        forget();
        for (unsigned k = 0; k < sizeof line; k++) {
            seed = seed * 1664525 + 1013904223;
            line[k] = seed & 1u << 30 ? (char)(seed >> 24) : "z 1/:.#srl"[(seed >> 20) % 10];
        }
        line[0] = 'z'; /* the rows above, not `reboot` */
        line[sizeof line - 1] = 0;
        command_run(line, &out, NULL, 0);
        const char *newline = strchr(output, '\n');
        assert_true(!newline || !newline[1]);
    }
}

static void errors_name_source_and_line(void **state)
{
    static const char text[] = "zset count\n\n# fine\nzset\nzset 3 on\r\nfoo";

    assert_int_equal(command_run_text(text, sizeof text - 1, '\n', &out, "configuration"), 2);
    assert_string_equal(output,
                        "error: configuration line 4: 'zset' is incomplete, expected count, "
                        "NUMBER such as 1500\n"
                        "error: configuration line 6: unknown command 'foo', "
                        "expected one that 'help' lists\n");
    assert_string_equal(trace, "count;set 3 0 on;");
}

static unsigned run_commands(const char *text)
{
    forget();
    return command_run_text(text, strlen(text), ';', &out, "command line");
}

static void semicolons_separate(void **state)
{
    assert_int_equal(run_commands("zset count; zset 3 on;;zword x"), 0);
    assert_string_equal(trace, "count;set 3 0 on;word <x>;");
    /* GRUB and iPXE cut at a bare ';'. */
    assert_int_equal(run_commands("zset count\\; zset 3 on\\;zword x"), 0);
    assert_string_equal(trace, "count;set 3 0 on;word <x>;");
    assert_int_equal(run_commands("zset count; foo"), 1);
    assert_string_equal(output, "error: command line: unknown command 'foo', "
                                "expected one that 'help' lists\n");
}

static void one_pair_of_quotes_is_stripped(void **state)
{
    assert_int_equal(run_commands("\"zset count; zset 3 on\""), 0);
    assert_string_equal(trace, "count;set 3 0 on;");
    assert_int_equal(run_commands(" 'zset count;zset 3 on' "), 0);
    assert_string_equal(trace, "count;set 3 0 on;");
    assert_int_equal(run_commands("\"\""), 0);
    assert_int_equal(run_commands("\""), 1);
    assert_int_equal(run_commands("\"zset count'"), 1);
    assert_int_equal(run_commands("\"\"zset count\"\""), 1); /* one pair */
}

/* Text without a terminator and with NUL bytes inside. */
static void text_is_bounded_by_its_length(void **state)
{
    static const char text[] = "zset count\nzset\0count\nzset countx";

    assert_int_equal(command_run_text(text, sizeof text - 2, '\n', &out, "configuration"), 1);
    assert_string_equal(trace, "count;count;");
    assert_string_equal(output, "error: configuration line 2: unprintable bytes in "
                                "'zset?count', expected plain text\n");
}

static void ten_thousand_lines(void **state)
{
    static char text[1 << 20];
    size_t n = 0;

    for (unsigned i = 0; i < 10000; i++)
        n += (size_t)sprintf(text + n,
                             i % 1000 == 999 ? "zroute bad %u\n"
                                             : "zroute add 10.%u.%u.0/24 via 10.0.0.1\n",
                             i / 256, i % 256);
    assert_int_equal(command_run_text(text, n, '\n', &out, "configuration"), 10);
    assert_int_equal(runs, 9990);
    assert_non_null(strstr(output, "error: configuration line 10000: wrong 'bad'"));
}

/* Completion ---------------------------------------------------------------- */

static void complete(void *ctx, const char *word, const char *help)
{
    size_t n = strlen(output);
    sprintf(output + n, "%s%s%s ", word, help ? "=" : "", help ? help : "");
}

static void completes(const char *line, const char *expected)
{
    forget();
    command_complete(line, complete, NULL);
    assert_string_equal(output, expected);
}

static void completion_offers_what_may_follow(void **state)
{
    completes("z", "zbridge zline zmac zmiddle zping zroute zset zword ");
    completes("zro", "zroute ");
    completes("zroute ", "add port ports ");
    completes("zr p", "port ports ");
    completes("zset ", "count NUMBER ");
    completes("zset 7 ", "auto off on ");
    completes("zset 7 o", "off on ");
    completes("zset 7 on ", "");
    completes("foo ", "");
    completes("zroute x ", "");
    completes("zset 7", "");
    completes("zline zro", "zroute "); /* LINE is a line itself */
    completes("zline zset 7 o", "off on ");
    completes("zlin", "zline ");
    completes("zping 10.0.0.1 ", "count down size sticky up ");
    completes("zping 10.0.0.1 s", "size sticky ");
    completes("zping 10.0.0.1 c", "count ");
    completes("zping 10.0.0.1 count ", "NUMBER ");
    completes("zping 10.0.0.1 size 3 ", "down sticky up ");
    completes("zping 10.0.0.1 sticky ", "");
    completes("zmiddle ", "one NUMBER ");
    completes("zmiddle 4 rest zset 7 o", "off on ");
    completes("zbridge ", "add NAME ");
    completes("zbridge a ", "port ");
    completes("help zse", "zset ");
}

static void helps(const char *line, const char *expected)
{
    struct command_call call = { .out = &out };
    forget();
    command_help(&call, line);
    assert_string_equal(output, expected);
}

static void help_lists_rows(void **state)
{
    helps("zroute", "zroute add PREFIX via ADDRESS                  Add\n"
                    "zroute port NUMBER                             Port\n"
                    "zroute ports                                   Ports\n");
    helps("zping 10.0.0.1 count",
          "zping ADDRESS [count NUMBER] [size NUMBER] [up|down] [sticky] Ping\n");
    helps("zbridge a", "zbridge NAME port NUMBER [vlan NUMBER]         Give a bridge a port\n");
    helps("zs 5", "zset NUMBER on|off|auto                        Set\n");
    helps("zs foo bar",
          "error: no command begins with 'zs foo bar', expected one that 'help' lists\n");
    forget();
    assert_int_equal(command_run("help", &out, NULL, 0), 0);
    assert_non_null(strstr(output, "\nzword WORD  "));
    assert_non_null(strstr(output, "\nshow version  "));
}

/* The whole table ------------------------------------------------------------ */

static bool known_word(const char *word)
{
    TABLE_FOR_EACH (command_words, struct command_word, type)
        if (!strcmp(word, type->name))
            return true;
    return word[strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_-|")] == 0;
}

/* One blank between words, brackets at words, none within another, no empty one. */
static bool groups_are_well_formed(const char *pattern)
{
    bool inside = false;
    for (const char *p = pattern; *p; p++) {
        if (*p == '[' && (inside || p == pattern || p[-1] != ' ' || p[1] == ' ' || p[1] == ']'))
            return false;
        if (*p == ']' && (!inside || p[-1] == ' ' || (p[1] && p[1] != ' ')))
            return false;
        inside = *p == '[' || (inside && *p != ']');
    }
    return !inside;
}

static void every_pattern_is_well_formed_and_unique(void **state)
{
    assert_true((size_t)(__stop_table_commands - __start_table_commands) <= COMMAND_ROWS_MAX);
    TABLE_FOR_EACH (commands, struct command, row) {
        char pattern[256];
        unsigned words = 0, arguments = 0;
        assert_true(strlen(row->pattern) <= COMMAND_PATTERN_MAX);
        assert_true(groups_are_well_formed(row->pattern));
        snprintf(pattern, sizeof pattern, "%s", row->pattern);
        for (char *word = strtok(pattern, " []"); word; word = strtok(NULL, " []")) {
            if (!known_word(word))
                fail_msg("'%s' in the pattern '%s'", word, row->pattern);
            for (const char *k = word; *k; k += strspn(k, "|")) {
                assert_true(strcspn(k, "|") < 40);
                k += strcspn(k, "|");
            }
            words++;
            arguments += strchr(word, '|') || (*word >= 'A' && *word <= 'Z');
        }
        assert_in_range(words, 1, COMMAND_WORDS);
        assert_in_range(arguments, 0, COMMAND_ARGS);
        assert_null(strstr(row->pattern, "  "));
        assert_in_range(row->pattern[0], 'a', 'z');
        assert_int_equal(row->pattern[strcspn(row->pattern, " |")] == '|', 0); /* a keyword */
        assert_non_null(row->help);
        assert_non_null(row->run);
        TABLE_FOR_EACH (commands, struct command, other)
            if (other != row && !strcmp(row->pattern, other->pattern))
                fail_msg("two rows for '%s'", row->pattern);
    }
}

/* "every command" of docs/console.md, and none forgotten. */
static void every_command_is_documented(void **state)
{
    static char page[1 << 16];
    FILE *file = fopen("docs/console.md", "r");

    assert_non_null(file);
    page[fread(page, 1, sizeof page - 1, file)] = 0;
    fclose(file);
    TABLE_FOR_EACH (commands, struct command, row) {
        char cell[512] = "\n| `";
        for (const char *p = row->pattern; *p; p++) /* a table's cell wants \\| */
            sprintf(cell + strlen(cell), *p == '|' ? "\\|" : "%c", *p);
        strcat(cell, "` |");
        if (*row->pattern != 'z' && !strstr(page, cell))
            fail_msg("docs/console.md has no row %s", cell + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(runs_what_was_typed, setup),
        cmocka_unit_test_setup(blank_lines_and_comments_do_nothing, setup),
        cmocka_unit_test_setup(unique_abbreviations, setup),
        cmocka_unit_test_setup(groups_may_be_left_out, setup),
        cmocka_unit_test_setup(groups_are_abbreviated_and_told_like_all_words, setup),
        cmocka_unit_test_setup(names, setup),
        cmocka_unit_test_setup(exact_keyword_wins, setup),
        cmocka_unit_test_setup(the_rest_of_the_line, setup),
        cmocka_unit_test_setup(errors_say_what_and_what_was_expected, setup),
        cmocka_unit_test_setup(hostile_lines_get_one_printable_line, setup),
        cmocka_unit_test_setup(every_short_junk_line_gets_at_most_one_line, setup),
        cmocka_unit_test_setup(errors_name_source_and_line, setup),
        cmocka_unit_test_setup(semicolons_separate, setup),
        cmocka_unit_test_setup(one_pair_of_quotes_is_stripped, setup),
        cmocka_unit_test_setup(text_is_bounded_by_its_length, setup),
        cmocka_unit_test_setup(ten_thousand_lines, setup),
        cmocka_unit_test_setup(completion_offers_what_may_follow, setup),
        cmocka_unit_test_setup(help_lists_rows, setup),
        cmocka_unit_test_setup(every_pattern_is_well_formed_and_unique, setup),
        cmocka_unit_test_setup(every_command_is_documented, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
