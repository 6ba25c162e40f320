/* ixgbevf.c: the PF is lost and found (vf_recovery.h), and found busy. */
#include "tests/models/ixgbevf_bench.h"

#include "tests/models/vf_recovery.h"

/* Until it is answered, and one turn no longer. */
static void greeting_is_answered(void)
{
    unsigned before = model.pf.seen[MBX_VF_RESET];
    for (unsigned i = 0; i < 100 && model.pf.seen[MBX_VF_RESET] == before; i++)
        turn();
    assert_int_equal(model.pf.seen[MBX_VF_RESET], before + 1);
}

/* A loaded host's PF takes the address back that it has granted: it is asked for once more. */
static void a_reset_found_behind_its_greeting_takes_no_address(void **state)
{
    start();
    for (unsigned i = 0; i < 3; i++) {
        greeting_is_answered();
        ixgbe_model_pf_finds_reset(&model);
        assert_in_range(link_comes_within(100), 1, 50);
        settle();
        assert_memory_equal(port->mac, given, MAC_LEN);
        traffic_flows();
        MODEL(pf_ping)(&model, false); /* the PF's driver begins anew */
        turn();
    }
}

/* Whoever refuses what he has given means what he gave. */
static void a_pf_that_refuses_what_it_gave_is_lived_with(void **state)
{
    model.pf.refused = 1u << MBX_VF_SET_MAC;
    start_and_link();
    settle();
    uint64_t resets = counter("resets");
    run_ms(2000);
    assert_int_equal(counter("resets"), resets);
    assert_memory_equal(port->mac, given, MAC_LEN);
    traffic_flows();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECOVERY_TESTS,
        TEST(a_reset_found_behind_its_greeting_takes_no_address),
        TEST(a_pf_that_refuses_what_it_gave_is_lived_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
