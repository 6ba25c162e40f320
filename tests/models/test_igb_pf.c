/* igb_pf.c over the model: VFs come and go, the switch and its filters, policies, events,
 * counters.  Messages are test_igb_mailbox.c's.  Sections: 82576 DS, but where others are named. */
#include "apps/forward/access.h"
#include "kernel/time.h"
#include "nic/intel/igb/igb_pf.h"
#include "pci/pci_regs.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/igb_master.h"

#include <errno.h>
#include <string.h>

#define STATION 0x020000000a01ull
#define NOBODY 0x020000000f0full
#define BROADCAST 0xffffffffffffull

static enum igb_model_chip chip;

static int set_up(void **state)
{
    master_start(chip, 3);
    return 0;
}

static int tear_down(void **state)
{
    master_stop();
    return 0;
}

static bool is_82576(void)
{
    return chip == IGB_MODEL_82576;
}

static uint64_t vf_mac(unsigned vf)
{
    struct vf_info info = master_info(vf);
    return mac_number(info.mac);
}

static uint32_t txswc(void)
{
    return master_reg(is_82576() ? IGB_DTXSWC : IGB_TXSWC);
}

static void all_up(void)
{
    for (unsigned i = 0; i < 3; i++)
        master_reset_vf(i);
}

static void promiscuous(bool on)
{
    const struct port_rx_mode mode = { .promiscuous = on, .all_multicast = on };
    assert_int_equal(port_set_rx_mode(master.port, &mode), 0);
}

/* VFs come and go --------------------------------------------------------------------- */

static void enabled_chip_is_as_the_document_wants(void **state)
{
    assert_int_equal(master.port->vf_count, 3);
    assert_int_equal(master_reg(IGB_MRQC) & IGB_MRQC_MODE, IGB_MRQC_MODE_VMDQ);
    assert_int_equal(FIELD_GET(IGB_VT_CTL_DEF_PL, master_reg(IGB_VT_CTL)), 3);
    assert_true(master_reg(IGB_VT_CTL) & IGB_VT_CTL_REP_EN);
    assert_int_equal(master_reg(IGB_VFRE), 1u << 3); /* the PF's pool alone */
    assert_int_equal(master_reg(IGB_VFTE), 1u << 3);
    assert_int_equal(master_reg(IGB_QDE), IGB_QDE_ALL);
    assert_int_equal(txswc(), IGB_TXSWC_LOOPBACK | 0x0707);
    assert_true(master_reg(INTEL_RCTL) & INTEL_RCTL_VFE);
    assert_int_equal(FIELD_GET(IGB_RAH_POOL, master_reg(IGB_RAH(0))), 1u << 3);
    assert_int_equal(master.model.function->sriov->num_vfs, 3);
}

/* 8.14: RSTD is what VFs wait for. */
static void vfs_see_the_reset_done(void **state)
{
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(igb_model_vf_read(&master.model, i, MBX_V2P) &
                             (MBX_V2P_RSTI | MBX_V2P_RSTD),
                         MBX_V2P_RSTD);
}

static void addresses_are_local_and_differ(void **state)
{
    for (unsigned i = 0; i < 3; i++) {
        struct vf_info info = master_info(i);
        assert_int_equal(info.policy.mac[0] & 3, 2); /* IEEE 802-2014 8.4 */
        assert_false(info.policy.mac_set);
        for (unsigned k = 0; k < i; k++)
            assert_true(vf_mac(k) != vf_mac(i));
    }
}

static void count_has_limits(void **state)
{
    const struct vf_ops *ops = master.port->vf;
    assert_int_equal(ops->enable(master.port, 1, false, &master.why), -EBUSY);
    assert_int_equal(master.port->vf_max, 7);
    ops->disable(master.port);
    assert_int_equal(ops->enable(master.port, 8, false, &master.why), -EINVAL);
    assert_int_equal(ops->enable(master.port, 0, false, &master.why), -EINVAL);
    assert_int_equal(ops->enable(master.port, 7, false, &master.why), 0);
    assert_int_equal(FIELD_GET(IGB_VT_CTL_DEF_PL, master_reg(IGB_VT_CTL)), 7);
}

static void disabled_chip_has_no_pools(void **state)
{
    all_up();
    master.port->vf->disable(master.port);
    assert_int_equal(master.port->vf_count, 0);
    assert_int_equal(master_reg(IGB_VT_CTL), 0);
    assert_int_equal(master_reg(IGB_MRQC) & IGB_MRQC_MODE, 0);
    assert_int_equal(txswc() & IGB_TXSWC_LOOPBACK, 0);
    for (unsigned i = 1; i < 24; i++)
        assert_int_equal(master_reg(IGB_RAH(i)) & INTEL_RAH_AV, 0);
    assert_int_equal(master.model.function->sriov->num_vfs, 0);
    assert_int_equal(master.port->state, PORT_RUNNING);
    igb_model_set_link(&master.model, true);
    frame_from_wire(mac_number(master_mac), STATION, 0, 1);
    assert_int_equal(frame_at(1, NULL), AT_PF);
}

/* 82576: not before 100 ms are over. */
static void queues_come_back_to_the_pf_later(void **state)
{
    uint64_t before = time_us();
    master.port->vf->disable(master.port);
    if (is_82576())
        assert_true(time_us() - before >= 100 * US_PER_MS);
    assert_int_equal(master.port->vf->enable(master.port, 2, false, &master.why), 0);
}

/* Without access control above it PCI refuses; then the PF is a port as before. */
static void refused_by_pci_leaves_no_pools(void **state)
{
    master.port->vf->disable(master.port);
    master.model.function->sriov->placed_vfs = 1;
    assert_int_equal(master.port->vf->enable(master.port, 2, false, &master.why), -ENOSPC);
    assert_non_null(master.why);
    assert_int_equal(master.port->vf_count, 0);
    assert_int_equal(master_reg(IGB_VT_CTL), 0);
    assert_int_equal(master.port->state, PORT_RUNNING);
}

static void a_stopped_pf_makes_vfs_for_later(void **state)
{
    master.port->vf->disable(master.port);
    port_stop(master.port);
    assert_int_equal(master.port->vf->enable(master.port, 2, false, &master.why), 0);
    master_polls(5);
    assert_int_equal(master_info(1).frame, 1522);
    assert_int_equal(master_info(1).mailbox, VF_MAILBOX_CLOSED);
    assert_int_equal(port_start(master.port), 0);
    igb_model_set_link(&master.model, true);
    igb_model_vf_play(&master.model, 1);
    master_reset_vf(1);
    assert_int_equal(FIELD_GET(IGB_VT_CTL_DEF_PL, master_reg(IGB_VT_CTL)), 2);
}

/* The switch (7.10.3) ----------------------------------------------------------------- */

static void frames_find_their_pool(void **state)
{
    all_up();
    frame_from_wire(vf_mac(1), STATION, 0, 1);
    assert_int_equal(frame_at(1, NULL), 1u << 1);
    frame_from_wire(mac_number(master_mac), STATION, 0, 2);
    assert_int_equal(frame_at(2, NULL), AT_PF);
    frame_from_wire(BROADCAST, STATION, 0, 3);
    assert_int_equal(frame_at(3, NULL), AT_PF | 7);
    frame_from_wire(NOBODY, STATION, 0, 4);
    assert_int_equal(frame_at(4, NULL), 0);
}

static void vfs_reach_each_other_inside_the_chip(void **state)
{
    all_up();
    assert_true(frame_from_vf(0, vf_mac(2), vf_mac(0), 0, 1));
    assert_int_equal(frame_at(1, NULL), 1u << 2);
    assert_true(frame_from_vf(0, mac_number(master_mac), vf_mac(0), 0, 2));
    assert_int_equal(frame_at(2, NULL), AT_PF);
    assert_true(frame_from_vf(1, STATION, vf_mac(1), 0, 3));
    assert_int_equal(frame_at(3, NULL), AT_WIRE);
    assert_true(frame_from_vf(1, BROADCAST, vf_mac(1), 0, 4));
    assert_int_equal(frame_at(4, NULL), AT_WIRE | AT_PF | 5);
    frame_from_pf(vf_mac(1), mac_number(master_mac), 5);
    assert_int_equal(frame_at(5, NULL), 1u << 1);
    frame_from_pf(BROADCAST, mac_number(master_mac), 6);
    assert_int_equal(frame_at(6, NULL), AT_WIRE | 7);
}

static void vfs_without_a_driver_get_and_send_nothing(void **state)
{
    master_reset_vf(0);
    frame_from_wire(BROADCAST, STATION, 0, 1);
    assert_int_equal(frame_at(1, NULL), AT_PF | 1);
    assert_false(frame_from_vf(1, BROADCAST, vf_mac(1), 0, 2));
    assert_int_equal(frame_at(2, NULL), 0);
    /* nor has the address of such a VF any effect: the frame is the wire's */
    assert_true(frame_from_vf(0, vf_mac(1), vf_mac(0), 0, 3));
    assert_int_equal(frame_at(3, NULL), AT_WIRE);
}

/* A bridge on the PF has to hear what VFs send to stations that only it may know. */
static void a_promiscuous_pf_hears_vfs_too(void **state)
{
    all_up();
    promiscuous(true);
    assert_true(frame_from_vf(0, NOBODY, vf_mac(0), 0, 1));
    assert_int_equal(frame_at(1, NULL), AT_WIRE | AT_PF);
    frame_from_wire(NOBODY, STATION, 0, 2);
    assert_int_equal(frame_at(2, NULL), AT_PF);
    frame_from_wire(0x01005e000001ull, STATION, 0, 3);
    assert_int_equal(frame_at(3, NULL), AT_PF);
    frame_from_wire(vf_mac(1), STATION, 0, 4); /* what is for a VF only on the I350 (UPE) */
    assert_int_equal(frame_at(4, NULL), is_82576() ? 2 : 2 | AT_PF);
    promiscuous(false);
    assert_true(frame_from_vf(0, NOBODY, vf_mac(0), 0, 5));
    assert_int_equal(frame_at(5, NULL), AT_WIRE);
    frame_from_wire(NOBODY, STATION, 0, 6);
    assert_int_equal(frame_at(6, NULL), 0);
}

/* With tags: those of VFs' VLANs by VLVF, others by the default pool (I350: VPE). */
static void a_promiscuous_pf_hears_every_vlan(void **state)
{
    uint16_t vlan;
    all_up();
    assert_int_equal(master_set(0, set_vlan, 100), 0);
    promiscuous(true);
    frame_from_wire(NOBODY, STATION, 100, 1);
    assert_int_equal(frame_at(1, &vlan), AT_PF);
    assert_int_equal(vlan, 100);
    frame_from_wire(NOBODY, STATION, 200, 2);
    assert_int_equal(frame_at(2, &vlan), AT_PF);
    assert_int_equal(vlan, 200);
    frame_from_wire(BROADCAST, STATION, 100, 3); /* its tag is stripped for VF 0 as well */
    assert_int_equal(frame_at(3, &vlan), AT_PF | 1);
    assert_int_equal(vlan, 100); /* as the PF's port, looked at last, had it */
}

static void the_pf_keeps_its_settings_among_vfs(void **state)
{
    static const uint8_t other[MAC_LEN] = { 2, 0, 0, 0, 0, 0x55 };
    static const uint8_t group[1][MAC_LEN] = { { 1, 0, 0x5e, 0, 0, 9 } };
    const struct port_rx_mode mode = { .multicast = group, .multicast_count = 1 };
    all_up();
    assert_int_equal(port_set_mac(master.port, other), 0);
    frame_from_wire(0x020000000055, STATION, 0, 1);
    assert_int_equal(frame_at(1, NULL), AT_PF);
    frame_from_wire(mac_number(master_mac), STATION, 0, 2);
    assert_int_equal(frame_at(2, NULL), 0);
    assert_int_equal(port_set_rx_mode(master.port, &mode), 0);
    frame_from_wire(0x01005e000009ull, STATION, 0, 3);
    assert_int_equal(frame_at(3, NULL), AT_PF);
    assert_int_equal(access_set_vlan(master.port, 30), 0);
    frame_from_wire(0x020000000055, STATION, 30, 4);
    assert_int_equal(frame_at(4, NULL), AT_PF);
    frame_from_wire(0x020000000055, STATION, 31, 5);
    assert_int_equal(frame_at(5, NULL), 0);
    frame_from_wire(BROADCAST, STATION, 0, 6);
    assert_int_equal(frame_at(6, NULL),
                     AT_PF | 7); /* the untagged are not the filter's to keep out */
}

/* Two queues of one pool: n and n + 8 (82576); the I350 has one. */
static void the_pf_uses_the_queues_of_its_pool(void **state)
{
    port_stop(master.port);
    assert_int_equal(port_set_queues(master.port, 4), 0);
    assert_int_equal(port_start(master.port), 0);
    igb_model_set_link(&master.model, true);
    assert_int_equal(master_reg(IGB_MRQC) & IGB_MRQC_MODE,
                     is_82576() ? IGB_MRQC_MODE_VMDQ_RSS : IGB_MRQC_MODE_VMDQ);
    assert_int_equal(!(master_reg(IGB_VMOLR(3)) & IGB_VMOLR_RSSE), !is_82576());
    assert_int_equal(master_reg(IGB_VMOLR(0)) & IGB_VMOLR_RSSE, 0);
}

/* QEMU's switch gives back what is sent to many: known again once, on QEMU's functions alone,
 * which are 82576s. */
static void what_comes_back_of_qemus_is_dropped(void **state)
{
    for (unsigned subsystem = 0; subsystem < 2; subsystem++) {
        bool qemu = subsystem && is_82576();
        master_stop();
        master_start_as(chip, 3, subsystem ? 0x1af4 : 0x8086);
        frame_from_pf(BROADCAST, STATION, 1);
        assert_int_equal(frame_at(1, NULL), AT_WIRE);
        frame_from_wire(BROADCAST, STATION, 0, 1); /* as if by the switch */
        assert_int_equal(frame_at(1, NULL), qemu ? 0 : AT_PF);
        frame_from_wire(BROADCAST, STATION, 0, 1);
        assert_int_equal(frame_at(1, NULL), AT_PF);
        frame_from_wire(BROADCAST, STATION, 0, 2);
        assert_int_equal(frame_at(2, NULL), AT_PF);
    }
}

/* Policies ---------------------------------------------------------------------------- */

static void spoofed_addresses_are_dropped_and_counted(void **state)
{
    all_up();
    assert_false(frame_from_vf(0, STATION, vf_mac(1), 0, 1));
    assert_int_equal(frame_at(1, NULL), 0);
    master_polls(11);
    assert_int_equal(master_info(0).spoofed, 1);
    assert_int_equal(master_info(1).spoofed, 0);
    assert_true(host_log_contains("VF 0: sent with a source address or VLAN that is not its own"));
    assert_int_equal(master_set(0, set_spoofcheck, false), 0);
    assert_true(frame_from_vf(0, STATION, vf_mac(1), 0, 2));
    assert_int_equal(frame_at(2, NULL), AT_WIRE);
    assert_int_equal(txswc() & 0xffff, 0x0606);
}

static void spoofed_vlans_are_dropped_and_counted(void **state)
{
    all_up();
    assert_true(MASTER_ASK(1, MBX_VF_SET_VLAN | 1u << 16, 200));
    assert_false(frame_from_vf(0, STATION, vf_mac(0), 200, 1));
    assert_true(frame_from_vf(1, STATION, vf_mac(1), 200, 2));
    assert_int_equal(frame_at(2, NULL), AT_WIRE);
    master_polls(11);
    assert_int_equal(master_info(0).spoofed, 1);
    assert_int_equal(master_info(1).spoofed, 0);
}

/* Out with its tag, in without it, and nothing of other VLANs: the VF knows nothing of it. */
static void a_vlan_is_put_on_and_taken_off(void **state)
{
    uint16_t vlan;
    all_up();
    assert_int_equal(master_set(1, set_vlan, 100), 0);
    assert_int_equal(master_set(2, set_vlan, 100), 0);
    assert_true(frame_from_vf(1, STATION, vf_mac(1), 0, 1));
    assert_int_equal(frame_at(1, &vlan), AT_WIRE);
    assert_int_equal(vlan, 100);
    frame_from_wire(vf_mac(1), STATION, 100, 2);
    assert_int_equal(frame_at(2, &vlan), 1u << 1);
    assert_int_equal(vlan, 0);
    frame_from_wire(vf_mac(1), STATION, 0, 3);
    assert_int_equal(frame_at(3, NULL), 0);
    frame_from_wire(vf_mac(1), STATION, 101, 4);
    assert_int_equal(frame_at(4, NULL), 0);
    frame_from_wire(BROADCAST, STATION, 100, 5);
    assert_int_equal(frame_at(5, &vlan), 6);
    assert_int_equal(vlan, 0);
    assert_true(frame_from_vf(1, vf_mac(2), vf_mac(1), 0, 6));
    assert_int_equal(frame_at(6, &vlan), 1u << 2);
    assert_int_equal(vlan, 0);
    assert_int_equal(master_set(1, set_vlan, 0), 0);
    frame_from_wire(vf_mac(1), STATION, 0, 7);
    assert_int_equal(frame_at(7, NULL), 1u << 1);
    assert_int_equal(master_reg(IGB_VMVIR(1)), 0);
}

static void vlan_filters_run_out(void **state)
{
    all_up();
    for (uint32_t i = 1; i <= 30; i++) {
        assert_true(MASTER_ASK(0, MBX_VF_SET_VLAN | 1u << 16, i));
        assert_true(master_acked(0, MBX_VF_SET_VLAN));
        master_polls(5);
    }
    assert_true(MASTER_ASK(0, MBX_VF_SET_VLAN | 1u << 16, 31)); /* one is kept for the PF */
    assert_true(master_nacked(MBX_VF_SET_VLAN));
    assert_string_equal(master_info(0).last_refusal, "all VLAN filters are taken");
    assert_int_equal(master_set(1, set_vlan, 99), -ENOSPC);
    assert_non_null(strstr(master.why, "32 VLAN filters"));
    assert_int_equal(master_info(1).policy.vlan, 0);
    assert_int_equal(master_set(1, set_vlan, 7), 0); /* shared with VF 0 */
    assert_int_equal(access_set_vlan(master.port, 31), 0);
    frame_from_wire(mac_number(master_mac), STATION, 31, 1);
    assert_int_equal(frame_at(1, NULL), AT_PF);
    assert_int_equal(access_set_vlan(master.port, 40), 0); /* all taken, and one is exchanged */
    frame_from_wire(mac_number(master_mac), STATION, 40, 2);
    assert_int_equal(frame_at(2, NULL), AT_PF);
    assert_true(MASTER_ASK(0, MBX_VF_SET_VLAN, 1)); /* one goes, one comes */
    master_polls(5);
    assert_true(MASTER_ASK(0, MBX_VF_SET_VLAN | 1u << 16, 32));
    assert_true(master_acked(0, MBX_VF_SET_VLAN));
}

static uint32_t rate_of(unsigned queue)
{
    return master.model.rate[queue];
}

/* Link speed over rate, 14 bits behind the point; the second queue gets next to nothing. */
static void a_rate_follows_the_link(void **state)
{
    if (!is_82576()) {
        assert_int_equal(master_set(0, set_rate, 100), -ENOTSUP);
        assert_string_equal(master.why, "the I350 has no rate limiter");
        return;
    }
    assert_int_equal(master_set(1, set_rate, 100), 0);
    assert_int_equal(rate_of(1), IGB_RTTBCNRC_RF_ENA | 10 * IGB_RTTBCNRC_RF_ONE);
    assert_int_equal(rate_of(9), IGB_RTTBCNRC_RF_ENA | IGB_RTTBCNRC_RF);
    assert_int_equal(rate_of(0) | rate_of(8), 0);
    assert_int_equal(master_set(1, set_rate, 300), 0);
    assert_int_equal(rate_of(1), IGB_RTTBCNRC_RF_ENA | 10 * IGB_RTTBCNRC_RF_ONE / 3);
    assert_int_equal(master_set(1, set_rate, 1000), 0); /* no faster than that anyway */
    assert_int_equal(rate_of(1) | rate_of(9), 0);
    assert_int_equal(master_set(1, set_rate, 50), 0);
    igb_model_set_link(&master.model, false);
    master_polls(20);
    assert_int_equal(rate_of(1), 0);
    igb_model_set_link(&master.model, true);
    master_polls(20);
    assert_int_equal(rate_of(1), IGB_RTTBCNRC_RF_ENA | 20 * IGB_RTTBCNRC_RF_ONE);
    assert_int_equal(master_set(1, set_rate, 0), 0);
    assert_int_equal(rate_of(1) | rate_of(9), 0);
    assert_int_equal(master_set(1, set_rate, 1001), -EINVAL);
    assert_string_equal(master.why, "the 82576 limits to 1 to 1000 Mb/s");
}

static void a_link_is_held_down(void **state)
{
    all_up();
    assert_int_equal(master_set(1, set_link, VF_LINK_DOWN), 0);
    frame_from_wire(BROADCAST, STATION, 0, 1);
    assert_int_equal(frame_at(1, NULL), AT_PF | 5);
    assert_false(frame_from_vf(1, STATION, vf_mac(1), 0, 2));
    master_polls(1);
    assert_true(master_hears(1)); /* a control message without CTS: start anew */
    assert_int_equal(master.reply[0], MBX_PF_CONTROL);
    assert_true(MASTER_ASK(1, MBX_VF_RESET));
    assert_int_equal(master.reply[0], MBX_VF_RESET | MBX_NACK);
    assert_int_equal(master_info(1).mailbox, VF_MAILBOX_CLOSED);
    assert_string_equal(master_info(1).last_refusal, "the administrator holds its link down");
    assert_false(frame_from_vf(1, STATION, vf_mac(1), 0, 2));
    assert_int_equal(master_set(1, set_link, VF_LINK_AUTO), 0);
    master_polls(1);
    assert_true(master_hears(1));
    assert_int_equal(master.reply[0], MBX_PF_CONTROL);
    master_reset_vf(1);
    assert_true(frame_from_vf(1, STATION, vf_mac(1), 0, 3));
    assert_int_equal(frame_at(3, NULL), AT_WIRE);
}

static void a_link_is_not_forced_up(void **state)
{
    assert_int_equal(master_set(0, set_link, VF_LINK_UP), -ENOTSUP);
    assert_non_null(strstr(master.why, "cannot force a link up while the wire is down"));
    assert_non_null(strstr(master.why, is_82576() ? "82576" : "I350"));
    assert_int_equal(master_info(0).policy.link, VF_LINK_AUTO);
}

static void an_address_is_given(void **state)
{
    all_up();
    assert_int_equal(master_set(1, set_mac, 0x020000000077), 0);
    master_polls(1);
    assert_true(master_hears(1));
    assert_int_equal(master.reply[0], MBX_PF_CONTROL); /* it has to learn that */
    master_reset_vf(1);
    assert_int_equal(vf_mac(1), 0x020000000077);
    assert_memory_equal((uint8_t *)&master.reply[1], ((uint8_t[]){ 2, 0, 0, 0, 0, 0x77 }), MAC_LEN);
    frame_from_wire(0x020000000077, STATION, 0, 1);
    assert_int_equal(frame_at(1, NULL), 1u << 1);
    /* the same again is news to nobody */
    assert_int_equal(master_set(1, set_mac, 0x020000000077), 0);
    master_polls(2);
    assert_false(master_hears(1));
}

static void an_address_is_refused(void **state)
{
    static const struct {
        uint64_t mac;
        const char *why;
    } wrong[] = { { 0x010000000001, "that is no station's address" },
                  { 0, "that is no station's address" },
                  { 0x525400123456, "that address is the PF's" } };
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_int_equal(master_set(0, set_mac, wrong[i].mac), -EINVAL);
        assert_string_equal(master.why, wrong[i].why);
    }
    assert_int_equal(master_set(0, set_mac, vf_mac(2)), -EINVAL);
    assert_string_equal(master.why, "another VF has that address");
    struct vf_info info = master_info(2);
    assert_int_equal(port_set_mac(master.port, info.mac), -EADDRINUSE); /* nor has the PF it */
    assert_memory_equal(master.port->mac, master_mac, MAC_LEN);
    assert_false(master_info(0).policy.mac_set);
}

/* All of it or nothing. */
static void a_policy_is_taken_as_a_whole(void **state)
{
    struct vf_policy before = master_info(0).policy, policy = before;
    policy.vlan = 12;
    policy.trust = true;
    policy.link = VF_LINK_UP;
    assert_int_equal(master.port->vf->set(master.port, 0, &policy, &master.why), -ENOTSUP);
    struct vf_info info = master_info(0);
    assert_memory_equal(&info.policy, &before, sizeof before);
    policy.link = VF_LINK_AUTO;
    assert_int_equal(master.port->vf->set(master.port, 0, &policy, &master.why), 0);
    assert_int_equal(master_info(0).policy.vlan, 12);
    assert_int_equal(master.port->vf->set(master.port, 3, &policy, &master.why), -EINVAL);
    policy.vlan = 4095;
    assert_int_equal(master.port->vf->set(master.port, 0, &policy, &master.why), -EINVAL);
}

/* What a VF got by trust goes with it; nothing else needs it to start anew. */
static void trust_that_goes_takes_along_what_it_gave(void **state)
{
    all_up();
    assert_int_equal(master_set(0, set_trust, true), 0);
    assert_int_equal(master_set(1, set_trust, true), 0);
    master_polls(1);
    for (unsigned i = 0; i < 2; i++) { /* it may ask for more now */
        assert_true(master_hears(i));
        assert_int_equal(master.reply[0], MBX_PF_CONTROL | MBX_CTS);
    }
    assert_true(MASTER_ASK(0, MBX_VF_SET_PROMISC | MBX_PROMISC_UNICAST << 16));
    assert_true(master_acked(0, MBX_VF_SET_PROMISC));
    frame_from_wire(NOBODY, STATION, 0, 1);
    assert_int_equal(frame_at(1, NULL), 1);
    assert_true(frame_from_vf(1, NOBODY, vf_mac(1), 0, 2));
    assert_int_equal(frame_at(2, NULL), AT_WIRE | 1);
    assert_int_equal(master_set(0, set_trust, false), 0);
    assert_int_equal(master_set(1, set_trust, false), 0);
    master_polls(1);
    assert_true(master_hears(0));
    assert_int_equal(master.reply[0], MBX_PF_CONTROL);
    assert_false(master_hears(1));
    assert_false(master_info(0).promiscuous);
    assert_int_equal(master_info(1).mailbox, VF_MAILBOX_OPEN);
}

/* Resets -------------------------------------------------------------------------------- */

static void policies_survive_the_pf(void **state)
{
    all_up();
    assert_int_equal(master_set(1, set_mac, 0x020000000066), 0);
    assert_int_equal(master_set(1, set_vlan, 100), 0);
    assert_int_equal(master_set(2, set_spoofcheck, false), 0);
    uint64_t mac = vf_mac(0);
    port_stop(master.port);
    master_polls(3);
    assert_int_equal(igb_model_vf_read(&master.model, 0, MBX_V2P) & MBX_V2P_RSTI, MBX_V2P_RSTI);
    assert_int_equal(master_info(1).mailbox, VF_MAILBOX_CLOSED);
    assert_int_equal(master_set(2, set_vlan, 7), 0); /* also while it is away */
    assert_int_equal(port_start(master.port), 0);
    igb_model_set_link(&master.model, true);
    vfs_see_the_reset_done(state);
    all_up();
    assert_int_equal(vf_mac(0), mac);
    assert_int_equal(vf_mac(1), 0x020000000066);
    assert_int_equal(master_reg(IGB_VMVIR(1)), IGB_VMVIR_VLANA_DEFAULT | 100);
    assert_int_equal(master_reg(IGB_VMVIR(2)), IGB_VMVIR_VLANA_DEFAULT | 7);
    assert_int_equal(txswc() & 0xff, 0x3);
    frame_from_wire(0x020000000066, STATION, 100, 1);
    assert_int_equal(frame_at(1, NULL), 2);
}

/* Long frames make igb.c reset the chip. */
static void vfs_are_told_of_a_reset_and_come_back(void **state)
{
    all_up();
    unsigned resets = master.model.resets;
    assert_int_equal(port_set_mtu(master.port, 9000), 0);
    assert_true(master.model.resets > resets);
    igb_model_set_link(&master.model, true);
    assert_int_equal(master_reg(IGB_VFRE), 1u << 3);
    assert_true(MASTER_ASK(0, MBX_VF_SET_LPE, 1522));
    assert_int_equal(master.reply[0], MBX_VF_SET_LPE | MBX_NACK); /* no CTS any more */
    all_up();
    frame_from_wire(BROADCAST, STATION, 0, 1);
    assert_int_equal(frame_at(1, NULL), AT_PF | 7);
}

static void a_function_reset_forgets_what_was_granted(void **state)
{
    all_up();
    uint64_t mac = vf_mac(0);
    assert_true(MASTER_ASK(0, MBX_VF_SET_MAC, MAC_WORDS(0x020000000099ull)));
    assert_true(MASTER_ASK(0, MBX_VF_SET_VLAN | 1u << 16, 5));
    assert_true(MASTER_ASK(0, MBX_VF_SET_MULTICAST | 1u << 16, 0x123));
    assert_true(MASTER_ASK(0, MBX_VF_SET_LPE, 9000));
    igb_model_set_reg(&master.model, IGB_TDWBAL(0), 0x12345001);
    igb_model_set_reg(&master.model, IGB_TDWBAH(0), 1);
    igb_model_vf_flr(&master.model, 0);
    master_polls(1);
    assert_int_equal(master_reg(IGB_TDWBAL(0)) | master_reg(IGB_TDWBAH(0)), 0);
    struct vf_info info = master_info(0);
    assert_int_equal(info.mailbox, VF_MAILBOX_CLOSED);
    assert_int_equal(mac_number(info.mac), mac);
    assert_int_equal(info.vlans + info.macs + info.multicast, 0);
    assert_int_equal(info.frame, 1522);
    assert_int_equal(master_reg(IGB_VFRE), 0xe);
    assert_int_equal(master_reg(IGB_RAH(1)) & INTEL_RAH_AV, 0);
    assert_true(MASTER_ASK(0, MBX_VF_SET_LPE, 1522));
    assert_int_equal(master.reply[0] & (MBX_NACK | MBX_CTS), MBX_NACK);
    master_reset_vf(0);
}

static void a_device_that_is_gone_is_left_alone(void **state)
{
    all_up();
    master.model.gone = true;
    assert_int_equal(master_info(0).rx_packets, 0); /* asked before the driver noticed */
    assert_int_equal(master_info(0).tx_bytes, 0);
    master_polls(30);
    assert_int_equal(master.port->state, PORT_FAILED);
    assert_int_equal(master_info(0).spoofed + master_info(0).messages, 1);
    assert_int_equal(master_info(0).rx_packets, 0); /* all ones are no counters */
    master.model.gone = false;
}

/* Events and counters -------------------------------------------------------------------- */

static void malice_is_answered_with_a_reset(void **state)
{
    all_up();
    igb_model_malicious(&master.model, 1);
    master_polls(11);
    if (is_82576()) {
        assert_int_equal(master_info(1).malicious, 0);
        return;
    }
    assert_int_equal(master_info(1).malicious, 1);
    assert_int_equal(master_info(0).malicious, 0);
    assert_true(host_log_contains("VF 1: malicious-driver detection stopped its queue"));
    assert_int_equal(master_info(1).mailbox, VF_MAILBOX_CLOSED);
    assert_int_equal(master_reg(IGB_VFTE), 0xd);
    assert_int_equal(master_reg(IGB_MDFB), 0);
    assert_true(master_hears(1));
    assert_int_equal(master.reply[0], MBX_PF_CONTROL);
    master_reset_vf(1);
    assert_true(frame_from_vf(1, STATION, vf_mac(1), 0, 1));
    assert_int_equal(frame_at(1, NULL), AT_WIRE);
}

static void malice_again_and_again_is_muted(void **state)
{
    all_up();
    for (unsigned i = 0; i < 4 && !is_82576(); i++) {
        assert_int_equal(master_info(1).mailbox, VF_MAILBOX_OPEN);
        igb_model_malicious(&master.model, 1);
        master_polls(12);
        master_hears(1);
        if (i < 3)
            master_reset_vf(1);
    }
    if (is_82576())
        return;
    assert_int_equal(master_info(1).mailbox, VF_MAILBOX_MUTED);
    assert_false(MASTER_ASK(1, MBX_VF_RESET));
    igb_model_vf_flr(&master.model, 1); /* too soon */
    master_polls(1);
    assert_int_equal(master_info(1).mailbox, VF_MAILBOX_MUTED);
    host_advance_us(VF_MUTED_US);
    assert_false(MASTER_ASK(1, MBX_VF_RESET));
    igb_model_vf_flr(&master.model, 1);
    master_polls(1);
    master_reset_vf(1);
    assert_int_equal(master_info(1).malicious, 4);
    assert_int_equal(master_info(0).mailbox, VF_MAILBOX_OPEN); /* all the while */
}

/* The chip's wrap at 32 bits, and begin anew with it (8.28). */
static void counters_only_grow(void **state)
{
    all_up();
    igb_model_count(&master.model, IGB_VF_COUNTER_BLOCK(0) + IGB_VFGORC, 0xfffffff0u);
    igb_model_count(&master.model, IGB_VF_COUNTER_BLOCK(0) + IGB_VFGPRC, 2);
    assert_int_equal(master_info(0).rx_bytes, 0xfffffff0ull - 8);
    igb_model_count(&master.model, IGB_VF_COUNTER_BLOCK(0) + IGB_VFGORC, 0x100);
    assert_int_equal(master_info(0).rx_bytes, 0x1000000f0ull - 8);
    igb_model_count(&master.model, IGB_VF_COUNTER_BLOCK(0) + IGB_VFGORC, 0x60000000);
    assert_int_equal(master_info(0).rx_bytes, 0x1600000f0ull - 8);
    igb_model_count(&master.model, IGB_VF_COUNTER_BLOCK(0) + IGB_VFGORC, 0x60000000);
    assert_int_equal(master_info(0).rx_bytes, 0x1c00000f0ull - 8);
    port_stop(master.port); /* from far up to 0: no wrap */
    assert_int_equal(port_start(master.port), 0);
    igb_model_set_link(&master.model, true);
    assert_int_equal(master_info(0).rx_bytes, 0x1c00000f0ull - 8);
    igb_model_count(&master.model, IGB_VF_COUNTER_BLOCK(0) + IGB_VFGOTC, 68);
    igb_model_count(&master.model, IGB_VF_COUNTER_BLOCK(0) + IGB_VFGPTC, 1);
    igb_model_count(&master.model, IGB_VF_COUNTER_BLOCK(0) + IGB_VFMPRC, 3);
    assert_int_equal(master_info(0).tx_bytes, 64);
    assert_int_equal(master_info(0).tx_packets, 1);
    assert_int_equal(master_info(0).rx_multicast, 3);
    assert_int_equal(master_info(1).rx_bytes, 0);
}

/* Nobody asks for minutes, and still none is lost: at 1 Gb/s octets wrap after 34 s. */
static void counters_are_read_often_enough(void **state)
{
    all_up();
    for (unsigned s = 0; s < 100; s++) {
        igb_model_count(&master.model, IGB_VF_COUNTER_BLOCK(2) + IGB_VFGORC, 125000000);
        igb_model_count(&master.model, IGB_VF_COUNTER_BLOCK(2) + IGB_VFGPRC, 1);
        host_advance_us(US_PER_S);
        master_polls(1);
    }
    assert_int_equal(master_info(2).rx_bytes, 100 * (125000000ull - 4));
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(enabled_chip_is_as_the_document_wants),
        T(vfs_see_the_reset_done),
        T(addresses_are_local_and_differ),
        T(count_has_limits),
        T(disabled_chip_has_no_pools),
        T(queues_come_back_to_the_pf_later),
        T(refused_by_pci_leaves_no_pools),
        T(a_stopped_pf_makes_vfs_for_later),
        T(frames_find_their_pool),
        T(vfs_reach_each_other_inside_the_chip),
        T(vfs_without_a_driver_get_and_send_nothing),
        T(a_promiscuous_pf_hears_vfs_too),
        T(a_promiscuous_pf_hears_every_vlan),
        T(the_pf_keeps_its_settings_among_vfs),
        T(the_pf_uses_the_queues_of_its_pool),
        T(what_comes_back_of_qemus_is_dropped),
        T(spoofed_addresses_are_dropped_and_counted),
        T(spoofed_vlans_are_dropped_and_counted),
        T(a_vlan_is_put_on_and_taken_off),
        T(vlan_filters_run_out),
        T(a_rate_follows_the_link),
        T(a_link_is_held_down),
        T(a_link_is_not_forced_up),
        T(an_address_is_given),
        T(an_address_is_refused),
        T(a_policy_is_taken_as_a_whole),
        T(trust_that_goes_takes_along_what_it_gave),
        T(policies_survive_the_pf),
        T(vfs_are_told_of_a_reset_and_come_back),
        T(a_function_reset_forgets_what_was_granted),
        T(a_device_that_is_gone_is_left_alone),
        T(malice_is_answered_with_a_reset),
        T(malice_again_and_again_is_muted),
        T(counters_only_grow),
        T(counters_are_read_often_enough),
    };
    chip = IGB_MODEL_82576;
    int failed = cmocka_run_group_tests_name("82576", tests, NULL, NULL);
    chip = IGB_MODEL_I350;
    return failed + cmocka_run_group_tests_name("I350", tests, NULL, NULL);
}
