/* Advanced error reporting, polled: PCIe 6.2 and 7.8.4. */
#include "tests/host/test.h"

#include "apps/console/command.h"
#include "kernel/time.h"
#include "pci/aer.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/models/made_pf.h"

#include <string.h>

#define MALFORMED (1u << 18)
#define UNSUPPORTED (1u << 20)
#define POISONED (1u << 12)
#define BAD_TLP (1u << 6)
#define REPLAY_TIMEOUT (1u << 12)

static struct made_pf one, other;
static struct pcispace_device port;

static int set_up(void **state)
{
    host_reset();
    pcispace_reset();
    memset(&port, 0, sizeof port);
    made_pf_init(&one, 0x10c9, 8, 16384);
    made_pf_init(&other, 0x10c9, 8, 16384);
    made_port_init(&port, 4, true, true);
    pcispace_add(&port, NULL, 1, 0);
    made_pf_add(&one, &port, 0);
    made_pf_add(&other, &port, 1);
    return 0;
}

static int tear_down(void **state)
{
    assert_int_equal(pcispace_violations(), 0);
    pci_reset();
    pci_set_access(NULL);
    return 0;
}

static const struct pci_aer *aer_of(unsigned function)
{
    return pci_find(PCI_BDF(0, 1, 0, function))->aer;
}

/* As the control slice does: often, for so many seconds. */
static void pass(unsigned seconds)
{
    for (unsigned i = 0; i < seconds * 100; i++) {
        host_advance_us(10 * US_PER_MS);
        pci_aer_poll(time_us());
    }
}

static void errors_are_counted_and_cleared(void **state)
{
    pci_scan();
    made_pf_error(&one, UNSUPPORTED | POISONED, BAD_TLP);
    made_pf_error(&other, MALFORMED, 0);
    pass(2);
    assert_int_equal(one.uncorrectable | one.correctable, 0);
    assert_int_equal(other.uncorrectable, 0);
    assert_int_equal(aer_of(0)->count[PCI_AER_NON_FATAL], 2);
    assert_int_equal(aer_of(0)->count[PCI_AER_FATAL], 0);
    assert_int_equal(aer_of(0)->count[PCI_AER_CORRECTED], 1);
    assert_int_equal(aer_of(0)->uncorrectable[20], 1);
    assert_int_equal(aer_of(0)->correctable[6], 1);
    assert_int_equal(aer_of(1)->count[PCI_AER_FATAL], 1);
    made_pf_error(&one, 0, BAD_TLP);
    pass(2);
    assert_int_equal(aer_of(0)->correctable[6], 2);
}

/* What firmware left, and what questions for absent functions left, is none of ours. */
static void errors_before_the_scan_are_forgotten(void **state)
{
    made_pf_error(&one, UNSUPPORTED, BAD_TLP);
    pci_scan();
    assert_int_equal(one.uncorrectable | one.correctable, 0);
    pass(2);
    assert_int_equal(aer_of(0)->count[PCI_AER_NON_FATAL], 0);
    assert_false(host_log_contains("error"));
}

static void severity_decides_how_it_is_told(void **state)
{
    pci_scan();
    made_pf_error(&one, MALFORMED, 0);
    made_pf_error(&other, UNSUPPORTED, 0);
    pass(2);
    assert_true(host_log_contains("pci 0000:01:00.0: fatal error: malformed, header 11111111 "
                                  "22222222 33333333 44444444, 1 since the last line"));
    assert_true(host_log_contains("pci 0000:01:00.1: non-fatal error: unsupported"));
}

static void correctable_errors_are_not_alarming(void **state)
{
    pci_scan();
    made_pf_error(&one, 0, BAD_TLP | REPLAY_TIMEOUT);
    pass(2);
    assert_true(host_log_contains("corrected error: bad-TLP replay-timeout, 2 since"));
    assert_false(host_log_contains("fatal"));
}

static void lines_are_limited_and_sum_up(void **state)
{
    pci_scan();
    for (unsigned i = 0; i < 9; i++) {
        made_pf_error(&one, 0, BAD_TLP);
        pass(1);
    }
    assert_true(host_log_contains("bad-TLP, 1 since the last line"));
    assert_false(host_log_contains("bad-TLP, 8 since the last line"));
    pass(2);
    made_pf_error(&one, 0, BAD_TLP);
    pass(2);
    assert_int_equal(aer_of(0)->correctable[6], 10);
    assert_true(host_log_contains("bad-TLP, 9 since the last line"));
}

/* 7.8.4.3: what is masked is nobody's business, but still counted. */
static void masked_errors_are_counted_silently(void **state)
{
    pci_scan();
    memset(one.device.config + MADE_PF_AER + PCI_AER_UNCORRECTABLE_MASK, 0xff, 4);
    memset(one.device.config + MADE_PF_AER + PCI_AER_CORRECTABLE_MASK, 0xff, 4);
    made_pf_error(&one, UNSUPPORTED, BAD_TLP);
    pass(2);
    assert_int_equal(aer_of(0)->count[PCI_AER_NON_FATAL], 1);
    assert_int_equal(aer_of(0)->header[0], 0);
    assert_false(host_log_contains("error"));
}

/* A configuration access costs a microsecond: at most one function a turn, each once a second. */
static void one_function_a_turn(void **state)
{
    pci_scan();
    pass(2);
    unsigned before = pcispace_reads(), most = 0, all = 0;
    for (unsigned i = 0; i < 1000; i++) {
        unsigned reads = pcispace_reads();
        host_advance_us(US_PER_MS);
        pci_aer_poll(time_us());
        reads = pcispace_reads() - reads;
        most = reads > most ? reads : most;
    }
    all = pcispace_reads() - before;
    assert_int_equal(most, 2);
    assert_in_range(all, 4, 8);
}

/* All ones is no error: the function is gone. */
static void absent_function_has_no_errors(void **state)
{
    pci_scan();
    port.config[PCI_SECONDARY_BUS] = 9;
    port.config[PCI_SUBORDINATE_BUS] = 9;
    pass(2);
    assert_int_equal(aer_of(0)->count[PCI_AER_FATAL] + aer_of(0)->count[PCI_AER_NON_FATAL], 0);
}

static void capability_that_is_cut_off_is_none(void **state)
{
    memset(one.device.config + MADE_PF_AER, 0, 4);
    one.device.config[MADE_PF_AER] = 0x0b;
    one.device.config[MADE_PF_AER + 2] = 0x01;
    one.device.config[MADE_PF_AER + 3] = 0xfe;
    one.device.config[0xfe0] = PCI_EXT_AER;
    one.device.config[0xfe2] = 1;
    pci_scan();
    assert_null(aer_of(0));
    pass(1);
}

static void functions_may_come_and_go(void **state)
{
    pci_scan();
    pci_aer_poll(time_us());
    pci_reset();
    pass(2);
    pci_scan();
    made_pf_error(&one, MALFORMED, 0);
    pass(2);
    assert_int_equal(aer_of(0)->count[PCI_AER_FATAL], 1);
}

static char shown[16384];

static void collect(struct out *out, const char *text, size_t n)
{
    strncat(shown, text, n);
}

static void counts_are_shown(void **state)
{
    struct out out = { .write = collect };
    pci_scan();
    made_pf_error(&one, MALFORMED, BAD_TLP);
    pass(2);
    shown[0] = '\0';
    assert_int_equal(command_run("show pci 01:00.0", &out, "test", 0), 0);
    assert_non_null(
        strstr(shown, "so far 1 fatal, 0 non-fatal, 1 corrected: malformed 1, bad-TLP 1"));
    shown[0] = '\0';
    assert_int_equal(command_run("show pci 01:00.1", &out, "test", 0), 0);
    assert_non_null(strstr(shown, "so far 0 fatal, 0 non-fatal, 0 corrected\n"));
}

static void every_bit_has_a_name(void **state)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        assert_non_null(pci_aer_name(true, bit));
        assert_non_null(pci_aer_name(false, bit));
    }
    assert_string_equal(pci_aer_name(false, 4), "data-link-protocol");
    assert_string_equal(pci_aer_name(false, 21), "ACS-violation");
    assert_string_equal(pci_aer_name(true, 0), "receiver");
    assert_string_equal(pci_aer_name(true, 3), "reserved");
    assert_string_equal(pci_aer_name(true, 32), "reserved");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(errors_are_counted_and_cleared),
        TEST(errors_before_the_scan_are_forgotten),
        TEST(severity_decides_how_it_is_told),
        TEST(correctable_errors_are_not_alarming),
        TEST(lines_are_limited_and_sum_up),
        TEST(masked_errors_are_counted_silently),
        TEST(one_function_a_turn),
        TEST(absent_function_has_no_errors),
        TEST(capability_that_is_cut_off_is_none),
        TEST(functions_may_come_and_go),
        TEST(counts_are_shown),
        TEST(every_bit_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
