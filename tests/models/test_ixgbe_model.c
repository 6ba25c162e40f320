/* The model of the 82599 and X540 itself, without a driver: NVM, module, rings, offloads,
 * interrupts, strictness.  Pools and mailboxes: test_ixgbe_switch.c. */
#include "kernel/mmio.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/ixgbe_by_hand.h"

#include <string.h>

static const uint8_t broadcast[MAC_LEN] = { 255, 255, 255, 255, 255, 255 };

static int set_up(void **state)
{
    ixhand_power_on(IXGBE_MODEL_82599);
    return 0;
}

static int set_up_x540(void **state)
{
    ixhand_power_on(IXGBE_MODEL_X540);
    return 0;
}

static int tear_down(void **state)
{
    assert_int_equal(ixgbe_model_violations(&ixhand.model), 0);
    return 0;
}

/* For tests of strictness. */
static int tear_down_lax(void **state)
{
    return 0;
}

/* NVM, semaphores, module, PHY ---------------------------------------------------- */

static uint16_t nvm_word(uint32_t word)
{
    ixhand_write(R_EERD, word << 2 | EERD_START);
    host_advance_us(ixhand.model.nvm_takes_us);
    assert_true(ixhand_read(R_EERD) & EERD_DONE);
    return (uint16_t)(ixhand_read(R_EERD) >> 16);
}

/* As drivers add it up: words 0 to 3eh, and what pointers 3 to 0eh lead to. */
static void nvm_adds_up(void **state)
{
    uint16_t sum = 0;
    ixhand.model.nvm_takes_us = 50;
    ixhand_write(R_EERD, EERD_START);
    assert_false(ixhand_read(R_EERD) & EERD_DONE);
    for (uint32_t i = 0; i <= 0x3f; i++)
        sum = (uint16_t)(sum + nvm_word(i));
    for (uint32_t i = 3; i < 0xf; i++) {
        uint16_t at = nvm_word(i), n = at && at != 0xffff ? nvm_word(at) : 0;
        for (uint32_t k = 1; k <= n; k++)
            sum = (uint16_t)(sum + nvm_word(at + k));
    }
    assert_int_equal(sum, 0xbaba);
    assert_int_equal(ixhand_read(R_RAL(0)), 0x12005452);
    assert_int_equal(ixhand_read(R_RAH(0)), RAH_AV | 0x5634);
}

static void semaphores_are_taken_by_reading(void **state)
{
    assert_int_equal(ixhand_read(R_SWSM) & SWSM_SMBI, 0);
    assert_int_equal(ixhand_read(R_SWSM) & SWSM_SMBI, SWSM_SMBI);
    ixhand_write(R_SWSM, SWSM_SMBI | SWSM_SWESMBI);
    ixhand_write(R_SW_FW_SYNC, SYNC_CSR);
    ixhand_write(R_SW_FW_SYNC, 0);
    ixhand_write(R_SWSM, 0);
    assert_int_equal(ixhand_read(R_SWSM) & SWSM_SMBI, 0);
}

static void lines(bool clock, bool data)
{
    ixhand_write(R_I2CCTL, (clock ? I2C_CLOCK_OUT : 0) | (data ? I2C_DATA_OUT : 0));
}

static bool bit_in(void)
{
    lines(true, true);
    bool bit = ixhand_read(R_I2CCTL) & I2C_DATA_IN;
    lines(false, true);
    return bit;
}

/* Eight bits, most significant first; the module's acknowledgement (low). */
static bool byte_out(uint8_t value)
{
    for (unsigned i = 8; i--;) {
        bool bit = value >> i & 1;
        lines(false, bit);
        lines(true, bit);
        lines(false, bit);
    }
    lines(false, true);
    return !bit_in();
}

static void start(void)
{
    lines(false, true);
    lines(true, true);
    lines(true, false);
    lines(false, false);
}

static int module_byte(uint8_t at)
{
    int value = 0;
    start();
    if (!byte_out(0xa0) || !byte_out(at))
        return -1;
    start();
    if (!byte_out(0xa1))
        return -1;
    for (unsigned i = 0; i < 8; i++)
        value = value << 1 | bit_in();
    bit_in(); /* not acknowledged: the last one */
    lines(false, false);
    lines(true, false);
    lines(true, true);
    return value;
}

static void module_is_read_bit_by_bit(void **state)
{
    ixhand_write(R_SWSM, SWSM_SMBI | SWSM_SWESMBI);
    ixhand_write(R_SW_FW_SYNC, SYNC_PHY0);
    assert_int_equal(module_byte(0), 0x03);
    assert_int_equal(module_byte(3), 0x10);
    assert_int_equal(module_byte(37), 0x00);
    assert_int_equal(module_byte(38), 0x1b);
    assert_int_equal(module_byte(39), 0x21);
    ixhand.model.i2c_dead = true;
    assert_int_equal(module_byte(0), -1);
}

static void phy_is_behind_mdio(void **state)
{
    ixhand_write(R_MSCA, MSCA_COMMAND | 1u << 16 | 2);
    assert_false(ixhand_read(R_MSCA) & MSCA_COMMAND);
    ixhand_write(R_MSCA, MSCA_COMMAND | FIELD_PUT(MSCA_OP, 3u) | 1u << 16 | 2);
    assert_int_equal(ixhand_read(R_MSRWD) >> 16, 0x0154);
}

/* Reset and link -------------------------------------------------------------------- */

static void reset_takes_its_time_and_everything(void **state)
{
    ixhand.model.reset_takes_us = 1000;
    ixhand.model.master_takes_us = 100;
    ixhand_write(R_MAXFRS, 9000u << 16);
    ixhand_write(R_CTRL, CTRL_MASTER_OFF);
    assert_true(ixhand_read(R_STATUS) & STATUS_MASTER);
    host_advance_us(100);
    assert_false(ixhand_read(R_STATUS) & STATUS_MASTER);
    ixhand_write(R_CTRL, CTRL_MASTER_OFF | CTRL_RST);
    host_advance_us(10);
    assert_true(ixhand_read(R_CTRL) & CTRL_RST);
    assert_false(ixhand_read(R_EEC) & EEC_ARD);
    host_advance_us(1000);
    assert_false(ixhand_read(R_CTRL) & CTRL_RST);
    assert_true(ixhand_read(R_EEC) & EEC_ARD);
    assert_int_equal(ixhand_read(R_MAXFRS) >> 16, 1518);
}

static void link_follows_the_cable(void **state)
{
    assert_int_equal(ixhand_read(R_LINKS) & (LINKS_UP | LINKS_10G), LINKS_UP | LINKS_10G);
    ixhand_write(R_GPIE, GPIE_MSIX);
    ixhand_write(R_IVAR_MISC, (IVAR_VALID | 9) << 8);
    ixhand_write(R_EIMS, EICR_LSC);
    ixgbe_model_set_link(&ixhand.model, false);
    assert_false(ixhand_read(R_LINKS) & LINKS_UP);
    assert_int_equal(ixhand.model.device.interrupts[9], 1);
    assert_int_equal(ixhand_read(R_EICS), EICR_LSC);
    assert_int_equal(ixhand_read(R_EICR), EICR_LSC);
    assert_int_equal(ixhand_read(R_EICR), 0);
}

/* Receive --------------------------------------------------------------------------- */

static void frames_come_into_buffers(void **state)
{
    static uint8_t frame[5000];
    struct ixhand_ring r = ixhand_ring_on(ixhand.model.function, ixhand.bar + R_RX(0), true);
    ixhand_write(R_HLREG0, ixhand_read(R_HLREG0) | HLREG0_JUMBO);
    ixhand_write(R_MAXFRS, 9000u << 16);
    ixhand_write(R_FCTRL, FCTRL_BAM);
    ixhand_receiver_on();
    ixhand_rx_give(&r, 6);
    ixhand_make_frame(frame, ixhand_mac, 1);
    assert_true(ixgbe_model_inject(&ixhand.model, frame, 100));
    assert_int_equal(ixhand_result(&r, 0, 1), 100ull << 32 | 3);
    assert_memory_equal(r.data.va, frame, 100);
    assert_true(ixgbe_model_inject(&ixhand.model, frame, 5000)); /* three buffers of 2 KiB */
    assert_int_equal(ixhand_result(&r, 1, 1), 2048ull << 32 | 1);
    assert_int_equal(ixhand_result(&r, 2, 1), 2048ull << 32 | 1);
    assert_int_equal(ixhand_result(&r, 3, 1), 904ull << 32 | 3);
    mmio_write32(r.block + Q_CTL, CTL_ENABLE | CTL_VME);
    memcpy(frame + 12, "\x81\0\x20\x05\x88\xb5", 6);
    assert_true(ixgbe_model_inject(&ixhand.model, frame, 64));
    assert_int_equal(ixhand_result(&r, 4, 1), 0x2005ull << 48 | 60ull << 32 | 0x0b);
    frame[5] ^= 1; /* not ours */
    assert_true(ixgbe_model_inject(&ixhand.model, frame, 64));
    assert_int_equal(mmio_read32(r.block + Q_HEAD), 5);
    assert_int_equal(ixhand_read(R_GPRC), 3);
    assert_int_equal(ixhand_read(R_GPRC), 0);
    assert_int_equal(ixhand_read(R_GORCL), 100 + 5000 + 64); /* without what was stripped */
    assert_int_equal(ixhand_read(R_GORCL + 4), 0);
    assert_int_equal(ixhand_read(R_QPRC(0)), 3);
    ixhand_write(R_RQSMR(0), 7); /* queue 0 counts in the eighth of sixteen from now on */
    frame[5] ^= 1;
    assert_true(ixgbe_model_inject(&ixhand.model, frame, 64));
    assert_int_equal(ixhand_read(R_QPRC(0)), 0);
    assert_int_equal(ixhand_read(R_QPRC(7)), 1);
    ixhand_ring_off(&r);
}

static void without_buffers_frames_are_missed(void **state)
{
    uint8_t frame[100];
    struct ixhand_ring r = ixhand_ring_on(ixhand.model.function, ixhand.bar + R_RX(0), true);
    ixhand_receiver_on();
    ixhand_make_frame(frame, ixhand_mac, 1);
    ixhand_rx_give(&r, 1);
    assert_true(ixgbe_model_inject(&ixhand.model, frame, 100));
    assert_false(ixgbe_model_inject(&ixhand.model, frame, 100));
    assert_int_equal(ixhand_read(R_MPC(0)), 1);
    ixhand_write(R_QDE, QDE_WRITE | QDE_DROP);
    assert_false(ixgbe_model_inject(&ixhand.model, frame, 100));
    assert_int_equal(ixhand_read(R_MPC(0)), 0);
    assert_int_equal(ixhand_read(R_QPRDC(0)), 1);
    ixhand.model.patient = true;
    assert_false(ixgbe_model_inject(&ixhand.model, frame, 100));
    assert_int_equal(ixhand_read(R_QPRDC(0)), 0);
    ixhand_ring_off(&r);
}

static void put_ip4(uint8_t *frame, uint16_t from_port)
{
    static const uint8_t ip[40] = { 0x45, 0, 0, 40, 0, 0, 0,    0, 64, 6, 0x66, 0xce, 10,
                                    0,    0, 1, 10, 0, 0, 2,    0, 0,  0, 9,    0,    0,
                                    0,    0, 0, 0,  0, 0, 0x50, 0, 0,  0, 0,    0 };
    ixhand_make_frame(frame, ixhand_mac, 1);
    frame[12] = 8;
    frame[13] = 0;
    memcpy(frame + 14, ip, sizeof ip);
    frame[34] = (uint8_t)(from_port >> 8);
    frame[35] = (uint8_t)from_port;
}

/* Sixteen queues, each found by somebody's hash, which the descriptor tells. */
static void hash_chooses_the_queue(void **state)
{
    uint8_t frame[100];
    uint32_t seen = 0;
    struct ixhand_ring rings[16];
    ixhand_write(R_RXCSUM, RXCSUM_PCSD);
    ixhand_write(R_MRQC, MRQC_RSS | 0x00330000);
    for (uint32_t i = 0; i < 32; i++)
        ixhand_write(R_RETA(i), 0x03020100 + 0x04040404 * (i % 4));
    for (uint32_t i = 0; i < 10; i++)
        ixhand_write(R_RSSRK(i), 0x6d5a56da * (i + 1));
    for (unsigned q = 0; q < 16; q++) {
        rings[q] = ixhand_ring_on(ixhand.model.function, ixhand.bar + R_RX(q), true);
        ixhand_rx_give(&rings[q], 7);
    }
    ixhand_receiver_on();
    for (uint16_t port = 1; port < 100 && seen != 0xffff; port++) {
        put_ip4(frame, port);
        ixgbe_model_inject(&ixhand.model, frame, 60);
        for (unsigned q = 0; q < 16; q++)
            seen |= mmio_read32(rings[q].block + Q_HEAD) ? 1u << q : 0;
    }
    assert_int_equal(seen, 0xffff);
    for (unsigned q = 0; q < 16; q++) {
        assert_int_equal(ixhand_result(&rings[q], 0, 0) & 0xfff, 0x110 | 1); /* IPv4, TCP; TCP4 */
        assert_int_equal(ixhand_result(&rings[q], 0, 0) >> 32 & 15, q);
        assert_int_equal(ixhand_result(&rings[q], 0, 1) & 0xc0000060, 0x40000060); /* TCP's bad */
        ixhand_ring_off(&rings[q]);
    }
}

static void filters_choose(void **state)
{
    uint8_t frame[100], group[MAC_LEN] = { 1, 0, 0x5e, 0, 0x12, 0x34 };
    struct ixhand_ring r = ixhand_ring_on(ixhand.model.function, ixhand.bar + R_RX(0), true);
    ixhand_receiver_on();
    ixhand_rx_give(&r, 7);
    ixhand_make_frame(frame, broadcast, 1);
    assert_true(ixgbe_model_inject(&ixhand.model, frame, 100));
    ixhand_make_frame(frame, group, 1);
    assert_true(ixgbe_model_inject(&ixhand.model, frame, 100));
    assert_int_equal(mmio_read32(r.block + Q_HEAD), 0);
    ixhand_write(R_MCSTCTRL, MCSTCTRL_MFE);
    ixhand_write(R_MTA(0x341 >> 5), 1u << (0x341 & 31));
    assert_true(ixgbe_model_inject(&ixhand.model, frame, 100));
    assert_int_equal(mmio_read32(r.block + Q_HEAD), 1);
    ixhand_write(R_VLNCTRL, VLNCTRL_VFE | 0x8100);
    ixhand_make_frame(frame, ixhand_mac, 1);
    memcpy(frame + 12, "\x81\0\0\x05\x88\xb5", 6);
    assert_true(ixgbe_model_inject(&ixhand.model, frame, 100));
    assert_int_equal(mmio_read32(r.block + Q_HEAD), 1);
    ixhand_write(R_VFTA(0), 1u << 5);
    assert_true(ixgbe_model_inject(&ixhand.model, frame, 100));
    assert_int_equal(mmio_read32(r.block + Q_HEAD), 2);
    ixhand_ring_off(&r);
}

/* Transmit -------------------------------------------------------------------------- */

static struct ixhand_ring tx_on(unsigned queue)
{
    ixhand_write(R_DMATXCTL, ixhand_read(R_DMATXCTL) | DMATXCTL_TE);
    return ixhand_ring_on(ixhand.model.function, ixhand.bar + R_TX(queue), false);
}

static void frames_leave_in_order_and_are_reported(void **state)
{
    uint8_t frame[100], out[100];
    struct ixhand_ring r = tx_on(2);
    ixhand_write(R_TQSM(0), 5u << 16); /* of queue 2 */
    for (uint8_t i = 0; i < 3; i++) {
        ixhand_make_frame(frame, broadcast, i);
        ixhand_tx_put(&r, frame, sizeof frame, IXHAND_GOOD);
    }
    for (uint8_t i = 0; i < 3; i++) {
        assert_int_equal(ixhand_result(&r, i, 1) >> 32 & 1, 0);
        assert_int_equal(ixgbe_model_take(&ixhand.model, out, sizeof out), 100);
        assert_int_equal(out[11], i);
        assert_int_equal(ixhand_result(&r, i, 1) >> 32 & 1, 1);
    }
    assert_int_equal(ixgbe_model_take(&ixhand.model, out, sizeof out), 0);
    assert_int_equal(ixhand_read(R_GPTC), 3);
    assert_int_equal(ixhand_read(R_GOTCL), 312);
    assert_int_equal(ixhand_read(R_GOTCL + 4), 0);
    assert_int_equal(ixhand_read(R_QPTC(5)), 3);
    ixhand_ring_off(&r);
}

static uint32_t sum(const uint8_t *bytes, uint32_t n, uint32_t start)
{
    for (uint32_t i = 0; i < n; i++)
        start += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
    while (start >> 16)
        start = (start & 0xffff) + (start >> 16);
    return start;
}

/* IP header 20 bytes, TCP 20: both checksums; then a tag. */
static void checksums_and_tags_are_inserted(void **state)
{
    uint8_t frame[100], out[100];
    struct ixhand_ring r = tx_on(0);
    put_ip4(frame, 7);
    frame[24] = frame[25] = 0;
    uint32_t pseudo = sum(frame + 26, 8, 6 + 20);
    frame[50] = (uint8_t)(pseudo >> 8);
    frame[51] = (uint8_t)pseudo;
    ixhand_tx_context(&r, 0x0123u << 16 | 14u << 9 | 20, 1u << 11 | 1u << 10);
    ixhand_tx_put(&r, frame, 54, IXHAND_GOOD | 0x40000000u | (uint64_t)0x300 << 32);
    assert_int_equal(ixgbe_model_take(&ixhand.model, out, sizeof out), 64);
    assert_memory_equal(out + 12, "\x81\0\x01\x23\x08\0", 6);
    assert_int_equal(sum(out + 18, 20, 0), 0xffff);
    assert_int_equal(sum(out + 38, 20, sum(out + 30, 8, 6 + 20)), 0xffff);
    ixhand_ring_off(&r);
}

static void segments_are_cut(void **state)
{
    static uint8_t frame[2054], out[2000];
    struct ixhand_ring r = tx_on(0);
    put_ip4(frame, 7);
    frame[14 + 20 + 13] = 0x19; /* FIN, PSH, ACK */
    uint32_t pseudo = sum(frame + 26, 8, 6);
    frame[50] = (uint8_t)(pseudo >> 8);
    frame[51] = (uint8_t)pseudo;
    for (unsigned i = 54; i < sizeof frame; i++)
        frame[i] = (uint8_t)i;
    ixhand_tx_context(&r, 14u << 9 | 20,
                      (uint64_t)(900u << 16 | 20u << 8) << 32 | 1u << 11 | 1u << 10);
    ixhand_tx_put(&r, frame, sizeof frame,
                  IXHAND_GOOD | 0x80000000u | 2000ull << 46 | (uint64_t)0x300 << 32);
    static const uint32_t pieces[] = { 900, 900, 200 };
    for (uint32_t i = 0, done = 0; i < 3; done += pieces[i++]) {
        assert_int_equal(ixgbe_model_take(&ixhand.model, out, sizeof out), 54 + pieces[i]);
        assert_int_equal(out[40] << 8 | out[41], done);
        assert_int_equal(out[47], i == 2 ? 0x19 : 0x10);
        assert_int_equal(out[16] << 8 | out[17], 40 + pieces[i]);
        assert_memory_equal(out + 54, frame + 54 + done, pieces[i]);
        assert_int_equal(sum(out + 14, 20, 0), 0xffff);
        assert_int_equal(sum(out + 34, 20 + pieces[i], sum(out + 26, 8, 6 + 20 + pieces[i])),
                         0xffff);
    }
    ixhand_ring_off(&r);
}

/* Interrupts ------------------------------------------------------------------------ */

static void queues_interrupt_by_their_vectors(void **state)
{
    uint8_t frame[100];
    struct ixhand_ring r = ixhand_ring_on(ixhand.model.function, ixhand.bar + R_RX(3), true);
    ixhand_write(R_MRQC, MRQC_RSS | 0x00330000);
    for (uint32_t i = 0; i < 32; i++)
        ixhand_write(R_RETA(i), 0x03030303);
    ixhand_write(R_GPIE, GPIE_MSIX | GPIE_EIAME);
    ixhand_write(R_EIAM_EX(0), ~0u);
    ixhand_write(R_IVAR(1), (IVAR_VALID | 5u) << 16);
    ixhand_receiver_on();
    ixhand_rx_give(&r, 7);
    put_ip4(frame, 1);
    assert_true(ixgbe_model_inject(&ixhand.model, frame, 60));
    assert_int_equal(ixhand.model.device.interrupts[5], 0);
    ixhand_write(R_EIMS_EX(0), 1u << 5); /* it has come in the meantime */
    assert_int_equal(ixhand.model.device.interrupts[5], 1);
    assert_int_equal(ixhand_read(R_EIMS_EX(0)), 0);
    assert_true(ixgbe_model_inject(&ixhand.model, frame, 60));
    assert_int_equal(ixhand.model.device.interrupts[5], 1);
    ixhand_ring_off(&r);
}

/* Strictness ------------------------------------------------------------------------ */

static void queue_with_ring(void)
{
    ixhand_write(R_RX(1) + Q_BAL, 0x1000);
    ixhand_write(R_RX(1) + Q_LEN, 128);
    ixhand_write(R_RX(1) + Q_SRRCTL, 2 | 1u << 25);
    ixhand_write(R_RX(1) + Q_CTL, CTL_ENABLE);
    ixhand_receiver_on();
}

static void what_is_forbidden_is_counted(void **state)
{
    static const struct {
        uint32_t reg, value;
        bool with_ring;
    } cases[] = {
        { R_FCTRL, 0x00000001, false }, /* reserved */
        { R_FCTRL, FCTRL_SBP, false },  /* bad frames */
        { R_STATUS, 1, false },         /* read-only */
        { R_GPRC, 1, false },           /* a counter */
        { 0x0e40, 0, false },           /* nothing is there */
        { R_MAXFRS, 0x4000u << 16, false },
        { R_RXPBSIZE(0), 0x000ffc00, false },
        { R_TXPBSIZE(1), 0x000ffc00, false },
        { R_MRQC, 2, false },
        { R_MTQC, 0, false }, /* arbiter on */
        { R_RETA(3), 0x00001000, false },
        { R_RXCTRL, RXCTRL_EN, false }, /* path not stopped */
        { R_PFMBMEM(0), 1, false },     /* not ours */
        { R_PFMAILBOX(0), PFMB_VFU, false },
        { R_RTTBCNRC, RTTBCNRC_ON, false }, /* two: factor, limit */
        { R_RX(2) + Q_LEN, 100, false },
        { R_RX(2) + Q_HEAD, 1, false },
        { R_RX(2) + Q_TAIL, 1, false },         /* two: past the ring, and off */
        { R_RX(2) + Q_CTL, CTL_ENABLE, false }, /* two: no ring, no type */
        { R_TX(2) + Q_CTL, CTL_ENABLE, false }, /* two: no ring, transmitter off */
        { R_RX(1) + Q_BAL, 0x2000, true },
        { R_RX(1) + Q_TAIL, 8, true }, /* two: past the ring, not waited */
        { R_RX(1) + Q_TAIL, 4, true }, /* not waited */
        { R_MRQC, MRQC_RSS, true },    /* while receiving */
        { R_SW_FW_SYNC, 1, false },
        { R_EERD, (IXGBE_MODEL_WORDS << 2) | EERD_START, false },
    };
    ixhand.model.quiet = true;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        ixhand_power_on(IXGBE_MODEL_82599);
        ixhand.model.quiet = true;
        if (cases[i].with_ring)
            queue_with_ring();
        assert_int_equal(ixgbe_model_violations(&ixhand.model), 0);
        ixhand_write(cases[i].reg, cases[i].value);
        if (!ixgbe_model_violations(&ixhand.model) || ixgbe_model_violations(&ixhand.model) > 2)
            fail_msg("case %u: %u", i, ixgbe_model_violations(&ixhand.model));
    }
}

static void wrong_widths_and_times_are_counted(void **state)
{
    mmio_read16(ixhand.bar + R_STATUS);
    mmio_write8(ixhand.bar + R_FCTRL, 0);
    assert_int_equal(ixhand.model.violations, 2);
    ixhand_read(R_GORCL + 4);
    assert_int_equal(ixhand.model.violations, 3);
    ixhand_read(R_EIMC);
    assert_int_equal(ixhand.model.violations, 4);
    host_advance_us(1);
    ixhand_write(R_CTRL, CTRL_RST);
    ixhand_read(R_STATUS);
    assert_int_equal(ixhand.model.violations, 5);
}

static void bad_descriptors_are_counted(void **state)
{
    uint8_t frame[100], out[100];
    static const struct {
        uint64_t command;
        uint32_t length;
    } cases[] = {
        { IXHAND_GOOD, 16 },                         /* too short */
        { IXHAND_GOOD & ~0x20000000u, 60 },          /* legacy */
        { IXHAND_GOOD & ~0x02000000u, 60 },          /* no FCS */
        { IXHAND_GOOD | 0x40000000u, 60 },           /* tag of no context */
        { IXHAND_GOOD | (uint64_t)0x200 << 32, 60 }, /* checksum of no context */
        { IXHAND_GOOD | 0x04000000u, 60 },           /* reserved */
        { IXHAND_GOOD | 1ull << 46, 61 },            /* PAYLEN */
        { IXHAND_GOOD & ~0x01000000u, 60 },          /* no end */
    };
    ixhand_make_frame(frame, broadcast, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        ixhand_power_on(IXGBE_MODEL_82599);
        ixhand.model.quiet = true;
        struct ixhand_ring r = tx_on(0);
        ixhand_tx_put(&r, frame, cases[i].length & ~1u, cases[i].command);
        assert_int_equal(ixgbe_model_take(&ixhand.model, out, sizeof out), 0);
        assert_int_equal(ixhand.model.violations, 1);
        ixhand_ring_off(&r);
    }
}

static void dma_where_it_may_not_is_counted(void **state)
{
    uint8_t frame[100];
    struct ixhand_ring r = ixhand_ring_on(ixhand.model.function, ixhand.bar + R_RX(0), true);
    ixhand_receiver_on();
    ixhand_rx_give(&r, 7);
    ixhand_make_frame(frame, ixhand_mac, 1);
    ixhand.model.quiet = true;
    uint64_t nowhere[2] = { 0x123456000, 0 };
    memcpy(r.descriptors.va, nowhere, sizeof nowhere);
    ixgbe_model_inject(&ixhand.model, frame, sizeof frame);
    assert_int_equal(ixhand.model.violations, 1);
    pci_bus_master(ixhand.model.function, false);
    ixgbe_model_inject(&ixhand.model, frame, sizeof frame);
    assert_int_equal(ixgbe_model_violations(&ixhand.model), 2);
    ixhand_ring_off(&r);
}

static void reset_under_dma_is_counted(void **state)
{
    struct ixhand_ring r = ixhand_ring_on(ixhand.model.function, ixhand.bar + R_RX(0), true);
    ixhand_receiver_on();
    ixhand.model.quiet = true;
    ixhand_write(R_CTRL, CTRL_RST);
    assert_int_equal(ixhand.model.violations, 1);
    host_advance_us(2);
    ixhand_write(R_CTRL, CTRL_MASTER_OFF);
    ixhand_write(R_CTRL, CTRL_MASTER_OFF | CTRL_RST);
    assert_int_equal(ixhand.model.violations, 1);
    ixhand_ring_off(&r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define LAX(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down_lax)
#define X540(f) cmocka_unit_test_setup_teardown(f, set_up_x540, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nvm_adds_up),
        TEST(semaphores_are_taken_by_reading),
        TEST(module_is_read_bit_by_bit),
        X540(phy_is_behind_mdio),
        TEST(reset_takes_its_time_and_everything),
        X540(reset_takes_its_time_and_everything),
        TEST(link_follows_the_cable),
        TEST(frames_come_into_buffers),
        TEST(without_buffers_frames_are_missed),
        TEST(hash_chooses_the_queue),
        X540(hash_chooses_the_queue),
        TEST(filters_choose),
        TEST(frames_leave_in_order_and_are_reported),
        TEST(checksums_and_tags_are_inserted),
        TEST(segments_are_cut),
        TEST(queues_interrupt_by_their_vectors),
        LAX(what_is_forbidden_is_counted),
        LAX(wrong_widths_and_times_are_counted),
        LAX(bad_descriptors_are_counted),
        LAX(dma_where_it_may_not_is_counted),
        LAX(reset_under_dma_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
