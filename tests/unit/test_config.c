/* apps/console/config.c: the three sources of contract.md, "Configuration". */
#include "apps/console/config.h"

#include "apps/console/command.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char trace[1024];

COMMAND(run_note, "xnote NUMBER", "Note");
static int run_note(struct command_call *call)
{
    size_t n = strlen(trace);
    if (n < sizeof trace - 32)
        sprintf(trace + n, "%" PRIu64 " ", call->arg[0].number);
    return 0;
}

static char text[1 << 21];
static size_t text_length;

static void write_text(struct out *out, const char *more, size_t n)
{
    assert_true(text_length + n < sizeof text);
    memcpy(text + text_length, more, n);
    text_length += n;
    text[text_length] = 0;
}

static struct out out = { .write = write_text };

static int setup(void **state)
{
    host_reset();
    text[0] = trace[0] = 0;
    text_length = 0;
    return 0;
}

static void no_options_mean_the_defaults(void **state)
{
    struct options o;
    const char *commands;

    assert_int_equal(config_parse_command_line("", &o, &commands, NULL), 0);
    assert_int_equal(o.consoles, 0);
    assert_int_equal(o.iommu, IOMMU_ON);
    assert_int_equal(o.log_level, LOG_INFO);
    assert_false(o.panic_halt);
    assert_false(o.rss_standard);
    assert_string_equal(commands, "");
}

static void every_option(void **state)
{
    struct options o;
    const char *commands;

    assert_int_equal(
        config_parse_command_line(" console=ttyS1,9600 console=vga\tiommu=strict "
                                  "loglevel=debug panic=halt rss=standard -- forward l2; start",
                                  &o, &commands, &out),
        0);
    assert_string_equal(text, "");
    assert_int_equal(o.consoles, 2);
    assert_string_equal(o.console[0], "ttyS1,9600");
    assert_string_equal(o.console[1], "vga");
    assert_int_equal(o.iommu, IOMMU_STRICT);
    assert_int_equal(o.log_level, LOG_DEBUG);
    assert_true(o.panic_halt);
    assert_true(o.rss_standard);
    assert_string_equal(commands, " forward l2; start");
}

static void linux_s_console_suffix_is_accepted(void **state)
{
    struct options o;
    const char *commands;

    assert_int_equal(config_parse_command_line("console=ttyS0,115200n8", &o, &commands, NULL), 0);
    assert_string_equal(o.console[0], "ttyS0,115200n8"); /* console_init() knows it as well */
}

static void wrong_options_get_one_line_and_change_nothing(void **state)
{
    static const struct {
        const char *option, *answer;
    } rows[] = {
        { "console=",
          "wrong option 'console=', expected console=ttyS0[,115200]|ttyS1|...|uart8250" },
        { "console=uart8250,mmio32", NULL },
        { "console=uart8250,mmio8,0xfe000000", NULL },
        { "console=uart8250,io,", NULL },
        { "console=uart8250,io,0", NULL },
        { "console=uart8250,io,0x3f8,", NULL },
        { "console=uart8250,io,0x3f8,49", NULL },
        { "console=uart8250,io,x3f8", NULL },
        { "console=tty0", NULL },
        { "console=ttyS", NULL },
        { "console=ttySx", NULL },
        { "console=ttyS0,", NULL },
        { "console=ttyS0,0", NULL },
        { "console=ttyS0,0x10", NULL },
        { "console=ttyS0,n8", NULL },
        { "console=ttyS0x", NULL },
        { "console=ttyS0,111111111111111111111111", NULL },
        { "cores=", "wrong option 'cores=', expected cores=1 to 64" },
        { "cores=0", "wrong option 'cores=0', expected cores=1 to 64" },
        { "cores=65", NULL },
        { "cores=-1", NULL },
        { "cores=2x", NULL },
        { "cores=99999999999999999999", NULL },
        { "iommu=maybe", "wrong option 'iommu=maybe', expected iommu=on|off|strict" },
        { "iommu",
          "unknown option 'iommu', expected ats=, console=, cores=, iommu=, loglevel=, panic=, "
          "poll=, rss=, virtio_mmio.device= or -- "
          "and commands" },
        { "loglevel=", "wrong option 'loglevel=', expected loglevel=error|warning|info|debug" },
        { "rss=on", "wrong option 'rss=on', expected rss=symmetric|standard" },
        { "poll=", "wrong option 'poll=', expected poll=busy|adaptive" },
        { "poll=lazy", NULL },
        { "panic=10", "wrong option 'panic=10', expected panic=halt" },
        { "quiet", NULL },
        { "---", NULL },
        { "\x1b[2J\xff=1", NULL },
        { "loglevel=debugdebugdebugdebugdebugdebugdebugdebugdebugdebugdebugdebugdebug", NULL },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        struct options o;
        const char *commands;
        char line[256];
        setup(NULL);
        snprintf(line, sizeof line, "%s loglevel=error", rows[i].option);
        assert_int_equal(config_parse_command_line(line, &o, &commands, &out), 1);
        assert_int_equal(strncmp(text, "error: command line: ", 21), 0);
        if (rows[i].answer)
            assert_non_null(strstr(text, rows[i].answer));
        assert_ptr_equal(strchr(text, '\n'), text + text_length - 1);
        for (size_t k = 0; k + 1 < text_length; k++)
            assert_in_range(text[k], ' ', '~');
        assert_int_equal(o.consoles, 0);
        assert_int_equal(o.iommu, IOMMU_ON);
        assert_int_equal(o.log_level, LOG_ERROR); /* the next one counts */
        assert_false(o.panic_halt);
        assert_int_equal(o.cores, 0);
    }
}

static void cores_are_counted(void **state)
{
    struct options o;
    const char *commands;
    assert_int_equal(config_parse_command_line("cores=1", &o, &commands, &out), 0);
    assert_int_equal(o.cores, 1);
    assert_int_equal(config_parse_command_line("cores=64", &o, &commands, &out), 0);
    assert_int_equal(o.cores, 64);
}

static void workers_rest_unless_they_are_not_to(void **state)
{
    struct options o;
    const char *commands;
    assert_int_equal(config_parse_command_line("", &o, &commands, &out), 0);
    assert_false(o.poll_busy);
    assert_int_equal(config_parse_command_line("poll=busy", &o, &commands, &out), 0);
    assert_true(o.poll_busy);
    assert_int_equal(config_parse_command_line("poll=busy poll=adaptive", &o, &commands, &out), 0);
    assert_false(o.poll_busy);
}

static void more_consoles_than_there_can_be(void **state)
{
    struct options o;
    const char *commands;

    assert_int_equal(config_parse_command_line("console=vga console=fb console=debugcon "
                                               "console=ttyS0 console=ttyS1 console=ttyS2 "
                                               "console=ttyS3",
                                               &o, &commands, NULL),
                     1);
    assert_int_equal(o.consoles, CONSOLE_DEVICES_MAX);
}

static unsigned run(const char *command_line, const char *lines, size_t size)
{
    const struct config_file file = { .source = "configuration", .text = lines, .size = size };
    return config_run(command_line, &file, 1, &out);
}

/* "Run before the command line's commands." */
static void the_file_runs_before_the_commands(void **state)
{
    static const char file[] = "\xef\xbb\xbf# comment\nxnote 1\nxnote 2\n";

    assert_int_equal(run("iommu=off -- xnote 3\\; xnote 4", file, sizeof file - 1), 0);
    assert_string_equal(trace, "1 2 3 4 ");
    assert_string_equal(text, "");
    setup(NULL);
    assert_int_equal(run("-- 'xnote 3;xnote 4'", NULL, 0), 0);
    assert_string_equal(trace, "3 4 ");
}

/* "after a configuration with errors one line counts them" */
static void errors_are_told_and_counted(void **state)
{
    static const char file[] = "xnote 1\nxnote one\nxnote 2\nbogus";

    assert_int_equal(run("quiet -- xnote 3; bogus", file, sizeof file - 1), 4);
    assert_string_equal(trace, "1 2 3 ");
    assert_string_equal(
        text,
        "error: command line: unknown option 'quiet', expected ats=, console=, cores=, iommu=, "
        "loglevel=, panic=, poll=, rss=, virtio_mmio.device= or -- and commands\n"
        "error: configuration line 2: wrong 'one' after 'xnote', "
        "expected NUMBER such as 1500\n"
        "error: configuration line 4: unknown command 'bogus', "
        "expected one that 'help' lists\n"
        "configuration: 2 errors\n"
        "error: command line: unknown command 'bogus', expected one that 'help' lists\n"
        "command line: 2 errors\n");
    setup(NULL);
    assert_int_equal(run("-- bogus", NULL, 0), 1);
    assert_non_null(strstr(text, "\ncommand line: 1 error\n"));
}

static void a_configuration_that_is_lost_is_an_error(void **state)
{
    const struct config_file file = { .source = "configuration",
                                      .lost = "the file is too long, expected at most 1 MiB" };
    assert_int_equal(config_run("", &file, 1, &out), 1);
    assert_string_equal(text, "error: configuration: the file is too long, expected at most 1 MiB\n"
                              "configuration: 1 error\n");
}

static void configurations_run_in_their_order(void **state)
{
    static const char first[] = "xnote 1\nbogus\n", second[] = "xnote 2";
    const struct config_file files[] = {
        { .source = "configuration", .text = first, .size = sizeof first - 1 },
        { .source = "nothing" },
        { .source = "another", .lost = "the other is lost" },
        { .source = "second", .text = second, .size = sizeof second - 1 },
    };

    assert_int_equal(config_run("-- xnote 3", files, ARRAY_SIZE(files), &out), 2);
    assert_string_equal(trace, "1 2 3 ");
    assert_string_equal(text, "error: configuration line 2: unknown command 'bogus', "
                              "expected one that 'help' lists\n"
                              "configuration: 1 error\n"
                              "error: another: the other is lost\n"
                              "another: 1 error\n");
}

static void a_corrupt_file_gets_a_line_per_line(void **state)
{
    static char file[1 << 16];
    unsigned lines = 0, told = 0;
    uint32_t seed = 3;

    for (size_t i = 0; i < sizeof file; i++) {
        seed = seed * 1664525 + 1013904223;
        file[i] = (char)(seed >> 24);
        lines += file[i] == '\n';
    }
    unsigned errors = run("", file, sizeof file);
    for (size_t i = 0; i < text_length; i++)
        told += text[i] == '\n';
    assert_in_range(errors, lines / 2, lines + 1);
    assert_int_equal(told, errors + 1);
}

/* The speed itself is tests/bench's to tell; here only that nothing is lost. */
static void ten_thousand_lines(void **state)
{
    size_t n = 0;
    char *file = malloc(1 << 20);

    for (unsigned i = 0; i < 10000; i++)
        n += (size_t)sprintf(file + n, i % 100 ? "xnote %u\n" : "xnote x%u\n", i);
    assert_int_equal(run("", file, n), 100);
    assert_non_null(strstr(text, "error: configuration line 9901: "));
    assert_non_null(strstr(text, "\nconfiguration: 100 errors\n"));
    free(file);
}

/* QEMU's microvm writes its devices behind everything that the user gave. */
static void devices_go_before_the_commands(void **state)
{
    static const char *const rows[][2] = {
        { "loglevel=debug -- a b; c virtio_mmio.device=512@1:2 virtio_mmio.device=512@3:4",
          "loglevel=debug virtio_mmio.device=512@1:2 virtio_mmio.device=512@3:4 -- a b; c" },
        { "-- a virtio_mmio.device=512@1:2", "virtio_mmio.device=512@1:2 -- a" },
        { "virtio_mmio.device=512@1:2 -- a", "virtio_mmio.device=512@1:2 -- a" },
        { "x virtio_mmio.device=512@1:2", "x virtio_mmio.device=512@1:2" },
        { "x-- a virtio_mmio.device=512@1:2", "x-- a virtio_mmio.device=512@1:2" },
        { "-- a", "-- a" },
        { "", "" },
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[128];
        strcpy(line, rows[i][0]);
        config_devices_first(line);
        assert_string_equal(line, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_go_before_the_commands),
        cmocka_unit_test_setup(no_options_mean_the_defaults, setup),
        cmocka_unit_test_setup(every_option, setup),
        cmocka_unit_test_setup(linux_s_console_suffix_is_accepted, setup),
        cmocka_unit_test_setup(wrong_options_get_one_line_and_change_nothing, setup),
        cmocka_unit_test_setup(cores_are_counted, setup),
        cmocka_unit_test_setup(workers_rest_unless_they_are_not_to, setup),
        cmocka_unit_test_setup(more_consoles_than_there_can_be, setup),
        cmocka_unit_test_setup(the_file_runs_before_the_commands, setup),
        cmocka_unit_test_setup(errors_are_told_and_counted, setup),
        cmocka_unit_test_setup(a_configuration_that_is_lost_is_an_error, setup),
        cmocka_unit_test_setup(configurations_run_in_their_order, setup),
        cmocka_unit_test_setup(a_corrupt_file_gets_a_line_per_line, setup),
        cmocka_unit_test_setup(ten_thousand_lines, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
