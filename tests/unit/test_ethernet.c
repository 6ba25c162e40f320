/* nic/ethernet.h, kernel/limit.h and counter_add(): facts that several rooms lean on. */
#include "kernel/compiler.h"
#include "kernel/limit.h"
#include "nic/ethernet.h"
#include "tests/host/test.h"

static void a_station_has_an_individual_address(void **state)
{
    const uint8_t zero[MAC_LEN] = { 0 }, group[MAC_LEN] = { 1 },
                  last[MAC_LEN] = { 0, 0, 0, 0, 0, 1 };
    assert_true(mac_is_station(last));
    assert_false(mac_is_station(zero));
    assert_false(mac_is_station(group));
    assert_false(mac_is_station(mac_broadcast));
    assert_true(mac_equal(last, last));
    assert_false(mac_equal(last, zero));
}

static void addresses_as_text(void **state)
{
    const uint8_t mac[MAC_LEN] = { 0x02, 0, 0xab, 0x10, 0xff, 9 };
    char text[MAC_TEXT];
    assert_ptr_equal(mac_format(mac, text), text);
    assert_string_equal(text, "02:00:ab:10:ff:09");
}

/* At 4 a second with bursts of 3: three at once, then one every 250 ms, and never more saved. */
static void a_bucket_holds_a_burst_and_fills_at_its_rate(void **state)
{
    struct limit l = { 0 };
    for (uint64_t now = 1000000; now < 90000000; now += 80000000) {
        for (unsigned i = 0; i < 3; i++) {
            assert_true(limit_allows(&l, now, 4, 3));
            limit_take(&l, now, 4);
        }
        assert_false(limit_allows(&l, now, 4, 3));
        assert_false(limit_allows(&l, now + 249999, 4, 3));
        assert_true(limit_allows(&l, now + 250000, 4, 3));
    }
}

static void a_counter_adds(void **state)
{
    uint64_t counter = UINT32_MAX;
    counter_add(&counter, 1);
    counter_add(&counter, 41);
    assert_int_equal(counter, UINT32_MAX + 42ull);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_station_has_an_individual_address),
        cmocka_unit_test(addresses_as_text),
        cmocka_unit_test(a_counter_adds),
        cmocka_unit_test(a_bucket_holds_a_burst_and_fills_at_its_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
