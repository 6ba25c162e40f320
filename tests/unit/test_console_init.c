/* kernel/console_init.c: `console=` as docs/console.md has it, and the default. */
#include "kernel/console.h"

#include "kernel/acpi.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/uart_model.h"

#include <errno.h>
#include <string.h>

static struct uart_model com1, com2, elsewhere;

static uint64_t ones(void *ctx, uint64_t offset, unsigned size)
{
    return UINT64_MAX;
}
static void ignore(void *ctx, uint64_t offset, unsigned size, uint64_t value) {}

/* A machine without VGA and debug port; serial ports as each test says. */
static int setup(void **state)
{
    host_reset();
    console_reset();
    acpi_init(0);
    uart_model_init(&com1);
    uart_model_init(&com2);
    uart_model_init(&elsewhere);
    host_add_pio(&(struct host_window){ 0x3c0, 0x20, ones, ignore, NULL });
    host_add_pio(&(struct host_window){ 0xe9, 1, ones, ignore, NULL });
    return 0;
}

static void both_ports(void)
{
    uart_model_add_pio(&com1, 0x3f8);
    uart_model_add_pio(&com2, 0x2f8);
}

/* SPCR for this place: GAS space, width, access size, address. */
static void add_spcr(uint8_t space, uint8_t width, uint8_t access, uint64_t address)
{
    uint8_t bytes[4096] = "RSD PTR ";
    struct {
        uint32_t at, length;
    } tables[] = { { 0, 20 }, { 64, 40 }, { 128, 80 } };
    bytes[17] = 0x10; /* RSDT at 0x1000 + 64 */
    bytes[16] = 64;
    memcpy(bytes + 64, "RSDT\x28", 5);
    bytes[64 + 37] = 0x10; /* SPCR at 0x1000 + 128 */
    bytes[64 + 36] = 128;
    memcpy(bytes + 128, "SPCR\x50", 5);
    bytes[128 + 40] = space;
    bytes[128 + 41] = width;
    bytes[128 + 43] = access;
    memcpy(bytes + 128 + 44, &address, 8);
    bytes[128 + 58] = 7; /* 115200 */
    for (unsigned i = 0; i < 3; i++) {
        uint8_t sum = 0;
        for (unsigned n = 0; n < tables[i].length; n++)
            sum = (uint8_t)(sum + bytes[tables[i].at + n]);
        bytes[tables[i].at + (i ? 9 : 8)] = (uint8_t)-sum;
    }
    host_add_memory(0x1000, bytes, sizeof bytes);
    assert_int_equal(acpi_init(0x1000), 0);
}

static void say(const char *text)
{
    console_write(text, strlen(text));
    console_poll();
}

static void default_is_ttys0(void **state)
{
    both_ports();
    console_init_default();
    assert_true(console_has("ttyS0"));
    assert_false(console_has("ttyS1"));
    assert_false(console_has("vga"));
    assert_int_equal(com1.dll, 12); /* the speed stays */
    say("hello");
    assert_string_equal(uart_model_sent(&com1), "hello");
    assert_int_equal(com2.writes, 0);
}

static void default_is_what_spcr_names(void **state)
{
    both_ports();
    add_spcr(1, 8, 1, 0x2f8);
    console_init_default();
    assert_true(console_has("ttyS1"));
    assert_false(console_has("ttyS0"));
    assert_int_equal(com2.dll, 12);

    setup(NULL);
    both_ports();
    elsewhere.stride = elsewhere.access = 4;
    uart_model_add_mmio(&elsewhere, 0xfedc9000);
    add_spcr(0, 32, 3, 0xfedc9000);
    console_init_default();
    assert_true(console_has("spcr"));
    assert_int_equal(elsewhere.dll, 12);
    say("mmio");
    assert_string_equal(uart_model_sent(&elsewhere), "mmio");
}

static void ttys0_when_spcr_names_nothing_real(void **state)
{
    uart_model_add_pio(&com1, 0x3f8);
    uart_model_add_nothing(0x2f8);
    add_spcr(1, 8, 1, 0x2f8);
    console_init_default();
    assert_true(console_has("ttyS0"));
    assert_false(console_has("ttyS1"));
}

static void a_port_and_its_speed(void **state)
{
    both_ports();
    add_spcr(1, 8, 1, 0x3f8);
    assert_int_equal(console_init("ttyS1,9600"), 0);
    assert_true(console_has("ttyS1"));
    assert_false(console_has("ttyS0")); /* the option wins over SPCR */
    assert_int_equal(com2.dll, 12);
    setup(NULL);
    both_ports();
    assert_int_equal(console_init("ttyS0,115200"), 0);
    assert_int_equal(com1.dll, 1);
    setup(NULL);
    both_ports();
    assert_int_equal(console_init("ttyS0"), 0);
    assert_int_equal(com1.dll, 12);
}

static void several_options_and_one_twice(void **state)
{
    both_ports();
    assert_int_equal(console_init("ttyS0"), 0);
    assert_int_equal(console_init("ttyS1"), 0);
    say("both");
    unsigned writes = com1.writes;
    assert_int_equal(console_init("ttyS0,9600"), 0);
    assert_int_equal(com1.writes, writes); /* it is in use: left alone */
    assert_string_equal(uart_model_sent(&com1), "both");
    assert_string_equal(uart_model_sent(&com2), "both");
}

static void wrong_words_are_told_and_the_default_taken(void **state)
{
    static const char *const wrong[] = { "",
                                         "ttyS",
                                         "ttyS4",
                                         "ttyS01",
                                         "ttyS0,",
                                         "ttyS0,0",
                                         "ttyS0,49",
                                         "ttyS0,115201",
                                         "ttyS0,76800",
                                         "ttyS0,100000",
                                         "ttyS0,9x",
                                         "ttyS0,-9600",
                                         "ttyS0,+50",
                                         "ttyS0, 50",
                                         "tty",
                                         "vga,9600",
                                         "hvc4",
                                         "ttyS0x",
                                         "ttyS0,99999999999999999999" };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        setup(NULL);
        both_ports();
        assert_int_equal(console_init(wrong[i]), -EINVAL);
        console_init_default();
        assert_true(host_log_contains("error: console="));
        assert_true(console_has("ttyS0"));
        assert_int_equal(com1.dll, 12);
    }
}

static void what_is_not_there_is_told(void **state)
{
    uart_model_add_pio(&com1, 0x3f8);
    uart_model_add_nothing(0x2f8);
    assert_int_equal(console_init("ttyS1"), -ENODEV);
    console_init_default();
    assert_true(host_log_contains("error: console=ttyS1: no such device here"));
    assert_true(console_has("ttyS0"));
    setup(NULL);
    uart_model_add_pio(&com1, 0x3f8);
    assert_int_equal(console_init("vga"), -ENODEV);
    assert_false(console_is_wanted("hvc0"));
    console_init_default();
    assert_true(console_is_wanted("hvc0")); /* nobody else may be there */
    assert_true(console_has("ttyS0"));
}

/* No terminal at all: the machine runs on without. */
static void nothing_at_all(void **state)
{
    uart_model_add_nothing(0x3f8);
    console_init_default();
    assert_false(console_has(NULL));
    say("to nobody");
    console_flush();
    assert_int_equal(console_getc(console_terminal(0)), -1);
}

/* Linux, Documentation/admin-guide/kernel-parameters: console=uart8250. */
static void a_16550_is_where_the_option_says(void **state)
{
    elsewhere.stride = elsewhere.access = 4;
    uart_model_add_mmio(&elsewhere, 0xfe000000);
    assert_int_equal(console_init("uart8250,mmio32,0xfe000000,9600n8"), 0);
    assert_true(console_has("uart0"));
    assert_false(console_has("ttyS0"));
    assert_int_equal(elsewhere.dll, 12); /* 115200 / 9600 */
    setup(NULL);
    uart_model_add_pio(&elsewhere, 0x2e0);
    assert_int_equal(console_init("uart,io,0x2e0"), 0);
    assert_true(console_has("uart0"));
    assert_int_equal(elsewhere.dll, 12); /* as it was */
    say("x");
    assert_int_equal(elsewhere.sent_count, 1);
}

/* One port has one device, whatever it is called; two places have two. */
static void a_place_is_opened_once(void **state)
{
    both_ports();
    uart_model_add_pio(&elsewhere, 0x2e0);
    assert_int_equal(console_init("ttyS0"), 0);
    assert_int_equal(console_init("uart8250,io,0x3f8"), 0);
    assert_int_equal(console_init("uart8250,io,0x2f8"), 0);
    assert_int_equal(console_init("uart8250,io,0x2e0"), 0);
    say("x");
    assert_string_equal(uart_model_sent(&com1), "x");
    assert_string_equal(uart_model_sent(&com2), "x");
    assert_string_equal(uart_model_sent(&elsewhere), "x");
    assert_true(console_has("uart0") && console_has("uart1") && !console_has("uart2"));
}

/* What an option names is not opened for another that is not there. */
static void the_first_that_is_absent_opens_no_other(void **state)
{
    uart_model_add_pio(&com1, 0x3f8);
    uart_model_add_nothing(0x2f8);
    assert_int_equal(console_init("ttyS1"), -ENODEV);
    assert_int_equal(console_init("hvc0"), 0);
    console_init_default();
    assert_false(console_has(NULL));
    setup(NULL);
    uart_model_add_pio(&com1, 0x3f8);
    uart_model_add_nothing(0x2f8);
    assert_int_equal(console_init("ttyS1"), -ENODEV);
    assert_int_equal(console_init("ttyS0,19200"), 0);
    console_init_default();
    assert_int_equal(com1.dll, 6);
}

/* A virtio console is there only when its driver has it: until then nothing else is opened. */
static void a_late_console_is_waited_for(void **state)
{
    both_ports();
    assert_int_equal(console_init("hvc1"), 0);
    console_init_default();
    assert_false(console_has(NULL));
    assert_true(console_is_wanted("hvc1"));
    assert_false(console_is_wanted("hvc0"));
    console_settle(); /* no driver had one */
    assert_true(host_log_contains("console=hvc1: no such device here"));
    assert_true(console_has("ttyS0"));
}

static void without_an_option_every_late_console_is_wanted(void **state)
{
    both_ports();
    console_init_default();
    assert_true(console_is_wanted("hvc0"));
    setup(NULL);
    both_ports();
    assert_int_equal(console_init("ttyS0"), 0);
    assert_false(console_is_wanted("hvc0"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
    const struct CMUnitTest tests[] = {
        T(default_is_ttys0),
        T(default_is_what_spcr_names),
        T(ttys0_when_spcr_names_nothing_real),
        T(a_port_and_its_speed),
        T(several_options_and_one_twice),
        T(wrong_words_are_told_and_the_default_taken),
        T(what_is_not_there_is_told),
        T(nothing_at_all),
        T(a_16550_is_where_the_option_says),
        T(a_place_is_opened_once),
        T(the_first_that_is_absent_opens_no_other),
        T(a_late_console_is_waited_for),
        T(without_an_option_every_late_console_is_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
