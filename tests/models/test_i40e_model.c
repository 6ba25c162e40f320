/* The model of the X710 is strict: what no driver may do is counted, each time; and what its
 * firmware and its MAC keep for themselves reaches nobody.  The driver brings it up, then the test
 * misbehaves in its place. */
#include "nic/intel/i40e/i40e.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/i40e_rig.h"

#include <errno.h>
#include <string.h>

static struct i40e_rig *const rig = &i40e_rig;

static int set_up(void **state)
{
    i40e_rig_set_up(state);
    i40e_rig_run(1);
    rig->model.quiet = true;
    return 0;
}

/* Whatever was done to the chip: only a reset makes it good. */
static int tear_down(void **state)
{
    rig->model.pf_reset_sticks = false;
    i40e_model_reset_begin(&rig->model, I40E_RESET_GLOBAL);
    i40e_rig_turn(100 * 1000);
    rig->model.violations = 0;
    return i40e_rig_tear_down(state);
}

static void write32(uint32_t reg, uint32_t value)
{
    rig->model.device.bar_write(&rig->model, 0, reg, 4, value);
}

static uint64_t read(uint64_t offset, unsigned size)
{
    return rig->model.device.bar_read(&rig->model, 0, offset, size);
}

static void is_forbidden(uint32_t reg, uint32_t value)
{
    unsigned before = rig->model.violations;
    write32(reg, value);
    assert_int_equal(rig->model.violations, before + 1);
}

static void is_allowed(uint32_t reg, uint32_t value)
{
    unsigned before = rig->model.violations;
    write32(reg, value);
    assert_int_equal(rig->model.violations, before);
}

/* Registers ------------------------------------------------------------------------ */

static void registers_are_those_that_there_are(void **state)
{
    is_forbidden(0x99990, 0);          /* nothing is there */
    is_forbidden(I40E_GLGEN_RSTAT, 0); /* read only */
    is_forbidden(0x30000, 0x1000);     /* PFINT_ITRN: twelve bits */
    is_allowed(0x30000, 0xfff);
    is_forbidden(I40E_PFINT_LNKLSTN(200), 0); /* the PF has fewer vectors */
    unsigned before = rig->model.violations;
    read(0x99990, 4);
    read(I40E_GLGEN_RSTAT, 8);
    read(I40E_GLGEN_RSTAT + 2, 2);
    assert_int_equal(rig->model.violations, before + 3);
}

static void counters_are_read_in_halves_or_at_once(void **state)
{
    assert_true(nic_exchange());
    uint64_t octets = rig->model.counter[0] & 0xffffffffffffull;
    assert_true(read(0x300000, 8) == octets);
    assert_true((read(0x300004, 4) << 32 | read(0x300000, 4)) == octets);
    unsigned before = rig->model.violations;
    read(0x300600, 8); /* RDPC has 32 bits */
    assert_int_equal(rig->model.violations, before + 1);
}

static void receive_filters_are_firmwares_while_frames_come_in(void **state)
{
    is_forbidden(I40E_PFQF_CTL_0, 0);
    is_forbidden(I40E_PFQF_HENA(0), 0);
    is_allowed(I40E_PFQF_HLUT, 0);
}

static void one_reset_at_a_time(void **state)
{
    rig->model.pf_reset_sticks = true;
    is_allowed(I40E_PFGEN_CTRL, I40E_PFGEN_CTRL_PFSWR);
    is_forbidden(I40E_PFGEN_CTRL, I40E_PFGEN_CTRL_PFSWR);
}

/* Queues and private memory --------------------------------------------------------- */

static void queues_go_on_and_off_as_announced(void **state)
{
    is_forbidden(I40E_QTX_ENA(0), 0);
    is_forbidden(I40E_GLLAN_TXPRE_QDIS(6), I40E_TXPRE_SET);       /* another PF's */
    is_forbidden(I40E_GLLAN_TXPRE_QDIS(0), 0);                    /* neither */
    is_forbidden(I40E_GLLAN_TXPRE_QDIS(0), 200 | I40E_TXPRE_SET); /* 128 a register */
    is_forbidden(I40E_QRX_TAIL(0), 0x1fff);
    is_forbidden(I40E_QTX_TAIL(1), 1); /* it is off */
    is_allowed(I40E_QRX_TAIL(1), 1);
    unsigned before = rig->model.violations;
    write32(I40E_QTX_HEAD(1), 7);
    write32(I40E_QTX_ENA(1), I40E_QENA_REQ); /* unannounced, nobody's, head 7, an empty context */
    assert_in_range(rig->model.violations, before + 4, before + 9);
}

static void private_memory_is_what_was_given(void **state)
{
    is_forbidden(I40E_QRX_ENA(nic.port->rx_queues), I40E_QENA_REQ); /* a context beyond */
    assert_true(read(I40E_PFHMC_ERRORINFO, 4) & 0x80000000u);
    is_forbidden(I40E_PFHMC_SDCMD, I40E_PFHMC_SDCMD_WRITE); /* from under a queue */
    is_forbidden(I40E_PFHMC_SDCMD, I40E_PFHMC_SDCMD_WRITE | 77);
    rig->model.sd[0].valid = false;
    is_forbidden(I40E_QRX_ENA(2), I40E_QENA_REQ);
}

/* Firmware --------------------------------------------------------------------------- */

static uint16_t command(uint16_t opcode, void *bytes, uint16_t n, bool write, unsigned wrong)
{
    struct i40e *e = nic.port->priv;
    struct i40e_aq_desc d = { .opcode = opcode };
    unsigned before = rig->model.violations;
    i40e_command(e, &d, bytes, n, write, UINT32_MAX);
    assert_int_equal(rig->model.violations, before + wrong);
    return d.result;
}

static void commands_have_their_form(void **state)
{
    uint8_t bytes[256] = { 0 };
    assert_int_equal(command(0x1234, NULL, 0, false, 1), 3);
    assert_int_equal(command(I40E_OP_VERSION, bytes, 64, false, 1), 14);
    assert_int_equal(command(I40E_OP_UPDATE_VSI, bytes, 128, false, 1), 14);
    assert_int_equal(command(I40E_OP_UPDATE_VSI, bytes, 64, true, 1), 14);
    assert_int_equal(command(I40E_OP_UPDATE_VSI, bytes, 128, true, 0), 2); /* no such VSI */
    assert_int_equal(command(I40E_OP_ADD_MACVLAN, bytes, 16, true, 1), 2);
    command(I40E_AQ_SHUTDOWN, NULL, 0, false, 0);
    command(I40E_OP_VERSION, NULL, 0, false, 1);
}

/* Switch ----------------------------------------------------------------------------- */

static bool arrives(uint16_t type, uint32_t length)
{
    static uint8_t frame[I40E_MODEL_FRAME];
    memset(frame, 0, sizeof frame);
    memcpy(frame, nic.port->mac, MAC_LEN);
    frame[12] = (uint8_t)(type >> 8);
    frame[13] = (uint8_t)type;
    i40e_model_inject(&rig->model, frame, length);
    return nic_poll(0) == 1;
}

static void what_firmware_and_mac_keep_reaches_nobody(void **state)
{
    assert_true(arrives(0x88b5, 60));
    assert_false(arrives(0x88cc, 60)); /* LLDP has an agent */
    rig->model.lldp_agent = false;
    assert_true(arrives(0x88cc, 60));
    assert_false(arrives(0x8808, 60)); /* pause frames are the MAC's */
    uint64_t before = nic_stats().rx_errors;
    rig->model.max_frame = 1000;
    assert_true(arrives(0x88b5, 996));
    assert_false(arrives(0x88b5, 997));
    assert_int_equal(nic_stats().rx_errors, before + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(registers_are_those_that_there_are),
        TEST(counters_are_read_in_halves_or_at_once),
        TEST(receive_filters_are_firmwares_while_frames_come_in),
        TEST(one_reset_at_a_time),
        TEST(queues_go_on_and_off_as_announced),
        TEST(private_memory_is_what_was_given),
        TEST(commands_have_their_form),
        TEST(what_firmware_and_mac_keep_reaches_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
