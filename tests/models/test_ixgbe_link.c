/* ixgbe_link.c and ixgbe_module.c over the model: SFP+ modules of every kind, none and hostile
 * ones, what is set up for them, backplanes, and the X540's PHY. */
#include "kernel/time.h"
#include "nic/intel/ixgbe/ixgbe.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/ixgbe_rig.h"

#include <string.h>

#define SFP_LIST 0x300u /* of the model's NVM */

static struct ixgbe_rig *const rig = &ixgbe_rig;

/* Bytes of the module's memory: SFF-8472. */
static void module(uint8_t id, uint8_t ten, uint8_t one, uint8_t cable, uint8_t spec)
{
    memset(rig->model.sfp, 0, sizeof rig->model.sfp);
    rig->model.sfp[0] = id;
    rig->model.sfp[3] = ten;
    rig->model.sfp[6] = one;
    rig->model.sfp[8] = cable;
    rig->model.sfp[60] = spec;
    rig->model.sfp[38] = 0x1b; /* 00-1B-21 is Intel's */
    rig->model.sfp[39] = 0x21;
}

static void optical(void)
{
    module(3, 0x10, 0, 0, 0);
}

static uint32_t link_mode(void)
{
    return FIELD_GET(IXGBE_AUTOC_LMS, ixgbe_rig_reg(IXGBE_AUTOC));
}

/* The port runs all the same, and says why it has no link. */
static void no_link(const char *why)
{
    if (!nic.port || nic.port->state != PORT_RUNNING)
        ixgbe_rig_run(1);
    ixgbe_rig_turn(20000);
    assert_int_equal(nic.port->state, PORT_RUNNING);
    assert_false(nic.port->link.up);
    assert_non_null(nic.port->link.why);
    assert_string_equal(nic.port->link.why, why);
    assert_true(host_log_contains(why));
}

/* Modules -------------------------------------------------------------------------- */

static void modules_get_the_settings_of_their_kind(void **state)
{
    static const struct {
        uint8_t ten, one, cable, spec, mode;
        uint16_t last; /* word that CORECTL got */
    } kinds[] = {
        { 0x10, 0, 0, 0, IXGBE_LMS_10G_SERIAL, 0x0404 },    /* SR */
        { 0x20, 0, 0, 0, IXGBE_LMS_10G_SERIAL, 0x0404 },    /* LR */
        { 0x10, 0x01, 0, 0, IXGBE_LMS_10G_SERIAL, 0x0404 }, /* of two rates */
        { 0, 0, 0x04, 0, IXGBE_LMS_10G_SERIAL, 0x0202 },    /* passive cable */
        { 0, 0, 0x08, 0x04, IXGBE_LMS_10G_SERIAL, 0x0404 }, /* limiting cable */
        { 0, 0x01, 0, 0, IXGBE_LMS_1G_AN, 0x0404 },         /* SX */
        { 0, 0x02, 0, 0, IXGBE_LMS_1G_AN, 0x0404 },         /* LX */
        { 0, 0x08, 0, 0, IXGBE_LMS_1G_AN, 0x0404 },         /* 1000BASE-T */
    };
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        ixgbe_rig_make(IXGBE_MODEL_82599);
        module(3, kinds[i].ten, kinds[i].one, kinds[i].cable, kinds[i].spec);
        ixgbe_rig_run(1);
        ixgbe_rig_turn(20000);
        assert_true(nic.port->link.up);
        assert_null(nic.port->link.why);
        assert_int_equal(ixgbe_rig_reg(IXGBE_CORECTL), kinds[i].last);
        assert_int_equal(link_mode(), kinds[i].mode);
        assert_int_equal(ixgbe_rig_reg(IXGBE_ESDP) & IXGBE_ESDP_TX_DISABLE, 0);
        assert_int_equal(ixgbe_model_violations(&rig->model), 0);
    }
}

static void empty_cage_is_told_and_looked_at_again(void **state)
{
    rig->model.no_module = true;
    no_link("no SFP+ module");
    ixgbe_rig_turn(3000000);
    assert_false(nic.port->link.up);
    rig->model.no_module = false;
    ixgbe_model_set_link(&rig->model, true);
    ixgbe_rig_turn(3000000);
    assert_true(nic.port->link.up);
    assert_int_equal(ixgbe_rig_reg(IXGBE_CORECTL), 0x0404);
    assert_true(nic_exchange());
}

/* A light in an empty cage is no link. */
static void module_that_goes_is_told(void **state)
{
    ixgbe_rig_run(1);
    ixgbe_rig_turn(20000);
    assert_true(nic.port->link.up);
    rig->model.no_module = true;
    ixgbe_model_set_link(&rig->model, false);
    ixgbe_rig_turn(3000000);
    no_link("no SFP+ module");
    ixgbe_model_set_link(&rig->model, true);
    ixgbe_rig_turn(20000);
    assert_false(nic.port->link.up);
}

static void another_module_gets_its_own_settings(void **state)
{
    ixgbe_rig_run(1);
    assert_int_equal(ixgbe_rig_reg(IXGBE_CORECTL), 0x0404);
    ixgbe_model_set_link(&rig->model, false);
    module(3, 0, 0, 0x04, 0);
    ixgbe_rig_turn(3000000);
    assert_int_equal(ixgbe_rig_reg(IXGBE_CORECTL), 0x0202);
    ixgbe_model_set_link(&rig->model, true);
    ixgbe_rig_turn(20000);
    assert_true(nic.port->link.up);
}

static void foreign_things_are_refused(void **state)
{
    static const char *const why = "unsupported SFP+ module: neither 10 Gb/s nor 1 Gb/s Ethernet";
    module(0x0d, 0x10, 0, 0, 0); /* QSFP+ */
    no_link(why);
    ixgbe_rig_make(IXGBE_MODEL_82599);
    module(3, 0, 0, 0, 0); /* Fibre Channel, say */
    no_link(why);
    ixgbe_rig_make(IXGBE_MODEL_82599);
    module(3, 0, 0, 0x08, 0); /* an active cable that does not limit */
    no_link(why);
    optical(); /* and the next one is taken */
    ixgbe_rig_turn(3000000);
    assert_true(nic.port->link.up);
}

static void kinds_without_settings_are_refused(void **state)
{
    static const char *const why = "unsupported SFP+ module: the NVM has no settings for its kind";
    rig->model.nvm[SFP_LIST + 3] = 0x77; /* the optical one's number */
    ixgbe_model_nvm_seal(&rig->model);
    no_link(why);
    ixgbe_rig_make(IXGBE_MODEL_82599);
    rig->model.nvm[IXGBE_NVM_MODULES] = 0xffff;
    ixgbe_model_nvm_seal(&rig->model);
    no_link(why);
    ixgbe_rig_make(IXGBE_MODEL_82599);
    rig->model.nvm[SFP_LIST + 4] = 0xffff; /* where its words are */
    ixgbe_model_nvm_seal(&rig->model);
    no_link(why);
}

/* A list without an end, and words without one. */
static void settings_without_end_end(void **state)
{
    for (unsigned i = 1; i < 0x200; i++)
        rig->model.nvm[SFP_LIST + i] = 0x77;
    ixgbe_model_nvm_seal(&rig->model);
    no_link("unsupported SFP+ module: the NVM has no settings for its kind");
    ixgbe_rig_make(IXGBE_MODEL_82599);
    for (unsigned i = 12; i < 0x200; i++)
        rig->model.nvm[SFP_LIST + i] = 0x0505;
    ixgbe_model_nvm_seal(&rig->model);
    ixgbe_rig_run(1);
    assert_int_equal(ixgbe_rig_reg(IXGBE_CORECTL), 0x0505);
}

static void other_vendors_are_taken_with_a_warning(void **state)
{
    static const char *const warning = "the SFP+ module is none of Intel's";
    ixgbe_rig_run(1);
    assert_false(host_log_contains(warning));
    ixgbe_rig_make(IXGBE_MODEL_82599);
    rig->model.sfp[38] = 0;
    rig->model.nvm[IXGBE_NVM_CAPABILITIES] |= IXGBE_NVM_ANY_MODULE;
    ixgbe_model_nvm_seal(&rig->model);
    ixgbe_rig_run(1);
    assert_false(host_log_contains(warning));
    ixgbe_rig_make(IXGBE_MODEL_82599);
    rig->model.sfp[38] = 0;
    ixgbe_rig_run(1);
    assert_true(host_log_contains(warning));
    ixgbe_rig_turn(20000);
    assert_true(nic.port->link.up);
}

static void silent_bus_is_an_empty_cage(void **state)
{
    rig->model.i2c_dead = true;
    no_link("no SFP+ module");
}

/* Firmware is at the module's bus when the port starts, and lets go. */
static void firmware_at_the_bus_is_waited_for(void **state)
{
    assert_true(nic_probe());
    rig->model.reset_does_nothing = true;
    ixgbe_model_set_reg(&rig->model, IXGBE_SW_FW_SYNC, IXGBE_SYNC_PHY(0) << IXGBE_SYNC_FIRMWARE);
    ixgbe_rig_run(1);
    assert_true(host_log_contains("SW_FW_SYNC is 00000040"));
    ixgbe_rig_turn(20000);
    assert_false(nic.port->link.up);
    ixgbe_model_set_reg(&rig->model, IXGBE_SW_FW_SYNC, 0);
    ixgbe_rig_turn(3000000);
    assert_true(nic.port->link.up);
}

/* The MAC's mode ---------------------------------------------------------------------- */

static void link_that_is_there_stays_over_a_restart(void **state)
{
    ixgbe_rig_run(1);
    assert_int_equal(port_set_mtu(nic.port, 9000), 0);
    assert_int_equal(ixgbe_rig_reg(IXGBE_AUTOC) & IXGBE_AUTOC_RESTART, 0);
    ixgbe_model_set_link(&rig->model, false);
    assert_int_equal(port_set_mtu(nic.port, MTU_DEFAULT), 0);
    assert_true(ixgbe_rig_reg(IXGBE_AUTOC) & IXGBE_AUTOC_RESTART);
}

static void link_that_the_nvm_holds_down_is_let_go(void **state)
{
    assert_true(nic_probe());
    rig->model.reset_does_nothing = true;
    ixgbe_model_set_reg(&rig->model, IXGBE_AUTOC2, 0x700a0000);
    ixgbe_rig_run(1);
    assert_int_equal(ixgbe_rig_reg(IXGBE_AUTOC2), 0x000a0000);
}

static void speeds_are_told(void **state)
{
    static const uint32_t speeds[] = { 100, 1000, 10000 };
    ixgbe_rig_run(1);
    for (uint32_t i = 0; i < 3; i++) {
        ixgbe_model_set_reg(&rig->model, IXGBE_LINKS,
                            IXGBE_LINKS_UP | FIELD_PUT(IXGBE_LINKS_SPEED, i + 1));
        port_poll_link(nic.port);
        assert_true(nic.port->link.up && nic.port->link.full_duplex);
        assert_int_equal(nic.port->link.speed_mbps, speeds[i]);
    }
}

/* No cage, nothing to identify; the NVM's mode stays. */
static void backplane_is_left_to_the_nvm(void **state)
{
    ixgbe_rig_make(IXGBE_MODEL_82599_KX4);
    rig->model.i2c_dead = true;
    uint32_t before = link_mode();
    ixgbe_model_set_link(&rig->model, false);
    ixgbe_rig_run(1);
    assert_int_equal(link_mode(), before);
    assert_true(ixgbe_rig_reg(IXGBE_AUTOC) & IXGBE_AUTOC_RESTART);
    ixgbe_model_set_link(&rig->model, true);
    ixgbe_rig_turn(20000);
    assert_true(nic.port->link.up);
    assert_int_equal(rig->model.i2c.address, 0);
}

/* 10GBASE-T --------------------------------------------------------------------------- */

static void sleeping_phy_is_woken(void **state)
{
    ixgbe_rig_make(IXGBE_MODEL_X540);
    rig->model.phy[IXGBE_MDIO_VENDOR][0] = IXGBE_MDIO_VENDOR_LOW_POWER | 0x0012;
    rig->model.phy[IXGBE_MDIO_AN][0] = 0;
    ixgbe_rig_run(1);
    assert_int_equal(rig->model.phy[IXGBE_MDIO_VENDOR][0], 0x0012);
    assert_int_equal(rig->model.phy[IXGBE_MDIO_AN][0],
                     IXGBE_MDIO_AN_ENABLE | IXGBE_MDIO_AN_RESTART);
    ixgbe_rig_turn(20000);
    assert_true(nic.port->link.up);
}

static void phy_that_negotiates_is_left_alone(void **state)
{
    ixgbe_rig_make(IXGBE_MODEL_X540);
    rig->model.phy[IXGBE_MDIO_AN][0] = IXGBE_MDIO_AN_ENABLE;
    ixgbe_rig_run(1);
    assert_int_equal(rig->model.phy[IXGBE_MDIO_AN][0], IXGBE_MDIO_AN_ENABLE);
}

static void silent_phy_is_told(void **state)
{
    ixgbe_rig_make(IXGBE_MODEL_X540);
    rig->model.mdi_dead = true;
    ixgbe_rig_run(1);
    assert_true(host_log_contains("MSCA is"));
    assert_true(host_log_contains("the PHY does not answer"));
    assert_true(nic_exchange()); /* the MAC sees a link all the same */
    rig->model.mdi_dead = false;
    rig->model.phy[IXGBE_MDIO_PMA][IXGBE_MDIO_ID] = 0xffff;
    port_stop(nic.port);
    ixgbe_model_set_link(&rig->model, false);
    no_link("the PHY does not answer");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, ixgbe_rig_set_up, ixgbe_rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(modules_get_the_settings_of_their_kind),
        TEST(empty_cage_is_told_and_looked_at_again),
        TEST(module_that_goes_is_told),
        TEST(another_module_gets_its_own_settings),
        TEST(foreign_things_are_refused),
        TEST(kinds_without_settings_are_refused),
        TEST(settings_without_end_end),
        TEST(other_vendors_are_taken_with_a_warning),
        TEST(silent_bus_is_an_empty_cage),
        TEST(firmware_at_the_bus_is_waited_for),
        TEST(link_that_is_there_stays_over_a_restart),
        TEST(link_that_the_nvm_holds_down_is_let_go),
        TEST(speeds_are_told),
        TEST(backplane_is_left_to_the_nvm),
        TEST(sleeping_phy_is_woken),
        TEST(phy_that_negotiates_is_left_alone),
        TEST(silent_phy_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
