/* VFs of the i40e model and their switch, without a driver: the test is PF and VFs.  What works,
 * and that whatever no PF's driver may do is counted. */
#include "kernel/time.h"
#include "pci/pci_regs.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/i40e_by_hand.h"

#include <string.h>

#define VFS 3u
#define QUEUES 4u /* of a VF */
#define FIRST(vf) (8 + QUEUES * (vf))
#define PF 9u /* in the answers of arrived(), */
#define WIRE 10u
#define LOOPS VSI_ALLOW_LOOPBACK
#define CHECKED (VSI_CHECK_MAC | VSI_CHECK_VLAN)
#define IGNORE_VLAN 0x0004u
#define PERFECT 0x0001u

static struct i40e_model *const m = &i4hand.model;
static uint16_t veb, seid[VFS], number[VFS], set[VFS];

/* Firmware ---------------------------------------------------------------------------------- */

static void must(uint16_t result)
{
    assert_int_equal(result, 0);
}

static void make_veb(void)
{
    uint8_t p[128] = { 0 };
    config_put(p, 1, 2); /* the switch's section alone */
    config_put(p + VSI_SWITCH, LOOPS, 2);
    must(i4hand_command(0x0211, (uint16_t[8]){ m->vsi[0].seid }, p, 128, true));
    must(i4hand_command(0x0230, (uint16_t[8]){ m->vsi[0].uplink, m->vsi[0].seid, 4, 1 }, NULL, 0,
                        false));
    veb = i4hand.answer[3];
}

/* The answer's code; which section is set, and with what, is up to the caller. */
static uint16_t add_vsi(unsigned vf, uint16_t flags, uint8_t checks)
{
    uint8_t p[128] = { 0 };
    config_put(p, 0x47, 2); /* switch, security, VLAN, queues */
    config_put(p + VSI_SWITCH, flags, 2);
    p[VSI_SECURITY] = checks;
    p[VSI_PORT_VLAN] = VSI_TAGGED | VSI_UNTAGGED | VSI_STRIPS_NOT;
    config_put(p + VSI_MAPPING, 0, 2);
    config_put(p + VSI_QUEUES, FIRST(vf), 2);
    config_put(p + VSI_CLASSES, 2u << 9, 2); /* four */
    uint16_t result =
        i4hand_command(0x0210, (uint16_t[8]){ veb, 1, (uint16_t)vf, 0 }, p, 128, true);
    if (vf < VFS && !result) {
        seid[vf] = i4hand.answer[0];
        number[vf] = i4hand.answer[1];
        set[vf] = i40e_le16(p + VSI_HANDLES);
    }
    return result;
}

static void set_vlan(unsigned vf, uint16_t pvid, uint8_t flags)
{
    uint8_t p[128] = { 0 };
    config_put(p, 4, 2);
    config_put(p + VSI_PVID, pvid, 2);
    p[VSI_PORT_VLAN] = flags;
    must(i4hand_command(0x0211, (uint16_t[8]){ seid[vf] }, p, 128, true));
}

static void filter(uint16_t of, const uint8_t *mac, int vlan, bool add)
{
    uint8_t e[16] = { 0 };
    memcpy(e, mac, MAC_LEN);
    config_put(e + 6, vlan < 0 ? 0 : (unsigned)vlan, 2);
    config_put(e + 8, PERFECT | (vlan >= 0 ? 0 : add ? IGNORE_VLAN : 8), 2);
    must(i4hand_command(add ? 0x0250 : 0x0251, (uint16_t[8]){ 1, of | 0x8000 }, e, 16, true));
}

static void hear(uint16_t of, uint16_t modes, uint16_t valid)
{
    must(i4hand_command(0x0254, (uint16_t[8]){ modes, valid, of, 0 }, NULL, 0, false));
}

/* VFs as their PF makes them ------------------------------------------------------------------- */

static void mac_of(unsigned vf, uint8_t mac[MAC_LEN])
{
    const uint8_t all[MAC_LEN] = { 0x02, 0, 0, 0, 0x10, (uint8_t)vf };
    memcpy(mac, vf == PF ? i4hand_mac : all, MAC_LEN);
}

static struct pci_function *function_of(unsigned vf)
{
    return m->function->sriov->vf[vf];
}

static void vf_write(unsigned vf, uint32_t reg, uint32_t value)
{
    m->vf[vf].device.bar_write(&m->vf[vf], 0, reg, 4, value);
}

static uint64_t vf_read(unsigned vf, uint32_t reg)
{
    return m->vf[vf].device.bar_read(&m->vf[vf], 0, reg, 4);
}

static void map_queues(unsigned vf)
{
    i4hand_write(R_VSILAN_QBASE(number[vf]), QBASE_TABLE);
    i4hand_write(R_VPLAN_MAPENA(vf), 1);
    for (unsigned i = 0; i < QUEUES; i++)
        i4hand_write(R_VPLAN_QTABLE(i, vf), FIRST(vf) + i);
    for (unsigned i = 0; i < 8; i++)
        i4hand_write(R_VSILAN_QTABLE(i, number[vf]),
                     i < QUEUES / 2 ? (FIRST(vf) + 2 * i + 1) << 16 | (FIRST(vf) + 2 * i)
                                    : LIST_END << 16 | LIST_END);
}

static void reset_vf(unsigned vf)
{
    i4hand_write(R_VPGEN_VFRTRIG(vf), VFRTRIG_VFSWR);
    assert_true(i4hand_read(R_VPGEN_VFRSTAT(vf)) & VFRSTAT_VFRD);
    i4hand_write(R_CIAA, 0xaau | vf << 12);
    assert_false(i4hand_read(R_CIAD) & 0x20);
    i4hand_write(R_VPGEN_VFRTRIG(vf), 0);
}

static void configure(unsigned vf, unsigned i)
{
    unsigned n = FIRST(vf) + i;
    i4hand_context(function_of(vf), true, n, 0);
    i4hand_context(function_of(vf), false, n, set[vf]);
    i4hand_write(R_QTX_CTL(n), QTX_CTL_KIND_VF | FIELD_PUT(QTX_CTL_VF, vf));
}

static void queue_on(unsigned vf, unsigned i)
{
    unsigned n = FIRST(vf) + i;
    configure(vf, i);
    vf_write(vf, 0x2000 + 4 * i, i4hand_give(n, I4HAND_RING - 1));
    assert_true(i4hand_queue(true, n, true));
    assert_true(i4hand_queue(false, n, true));
}

static void vf_up(unsigned vf)
{
    uint8_t mac[MAC_LEN];
    mac_of(vf, mac);
    reset_vf(vf);
    must(add_vsi(vf, LOOPS, CHECKED));
    map_queues(vf);
    filter(seid[vf], mac, -1, true);
    hear(seid[vf], PROMISC_BROADCAST, PROMISC_BROADCAST);
    i4hand_write(R_VFGEN_RSTAT1(vf), VIRTCHNL_ACTIVE);
    assert_int_equal(vf_read(vf, 0x8800), VIRTCHNL_ACTIVE); /* VFGEN_RSTAT: it knows */
    pci_bus_master(function_of(vf), true);
    queue_on(vf, 0);
}

static void pf_up(void)
{
    i4hand_context(m->function, true, 0, 0);
    i4hand_context(m->function, false, 0, i40e_le16(m->vsi[0].properties + VSI_HANDLES));
    i4hand_write(R_QTX_CTL(0), QTX_CTL_KIND_PF);
    assert_true(i4hand_queue(true, 0, true));
    assert_true(i4hand_queue(false, 0, true));
    i4hand_write(R_QRX_TAIL(0), i4hand_give(0, I4HAND_RING - 1));
}

static int set_up_chip(void **state)
{
    const char *why = "";
    i4hand_power_on(I40E_MODEL_X710);
    make_veb();
    if (pci_sriov_enable(m->function, VFS, false, &why))
        fail_msg("%s", why);
    i40e_model_found_vfs(m);
    return 0;
}

static int set_up(void **state)
{
    set_up_chip(state);
    pf_up();
    for (unsigned vf = 0; vf < VFS; vf++)
        vf_up(vf);
    assert_int_equal(i40e_model_violations(m), 0);
    return 0;
}

static int tear_down(void **state)
{
    i4hand_power_off();
    return 0;
}

static int tear_down_good(void **state)
{
    assert_int_equal(i40e_model_violations(m), 0);
    return tear_down(state);
}

/* So many things were forbidden since; they were meant to be. */
static void were_forbidden(unsigned n)
{
    assert_int_equal(i40e_model_violations(m), n);
    m->violations = 0;
}

/* Frames --------------------------------------------------------------------------- */

static uint8_t frame[128], got[I40E_MODEL_FRAME];
static int tag;

static uint32_t make(const uint8_t *to, unsigned from, int vlan)
{
    uint32_t length = 60;
    memset(frame, 0x55, sizeof frame);
    memcpy(frame, to, MAC_LEN);
    mac_of(from, frame + MAC_LEN);
    if (vlan >= 0) {
        memcpy(frame + 12, (uint8_t[]){ 0x81, 0, (uint8_t)(vlan >> 8), (uint8_t)vlan }, VLAN_TAG);
        length += VLAN_TAG;
    }
    memcpy(frame + length - 48, (uint8_t[]){ 0x88, 0xb5 }, 2);
    return length;
}

static void sends(unsigned from, const uint8_t *to, int vlan)
{
    uint32_t length = make(to, from, vlan);
    if (from == WIRE)
        i40e_model_inject(m, frame, length);
    else if (from == PF)
        i4hand_write(R_QTX_TAIL(0), i4hand_put(0, frame, length));
    else
        vf_write(from, 0, i4hand_put(FIRST(from), frame, length));
}

static void sends_to(unsigned from, unsigned to)
{
    uint8_t mac[MAC_LEN];
    mac_of(to, mac);
    sends(from, mac, -1);
}

/* Who has it now, a bit each; what the last one of them got is in `got`. */
static unsigned arrived(void)
{
    uint8_t wire[I40E_MODEL_FRAME];
    unsigned who = i40e_model_take(m, wire, sizeof wire) ? 1u << WIRE : 0;
    if (i4hand_got(0, got, &tag))
        who |= 1u << PF;
    for (unsigned vf = 0; vf < VFS; vf++)
        if (i4hand.rx[FIRST(vf)].function && i4hand_got(FIRST(vf), got, &tag))
            who |= 1u << vf;
    if (who == 1u << WIRE)
        memcpy(got, wire, sizeof wire);
    return who;
}

static void only(unsigned who)
{
    assert_int_equal(arrived(), who);
    assert_int_equal(arrived(), 0);
}

static const uint8_t everybody[MAC_LEN] = { 255, 255, 255, 255, 255, 255 };
static const uint8_t nobody[MAC_LEN] = { 0x02, 0, 0, 0, 0x99, 0x99 };
static const uint8_t group[MAC_LEN] = { 0x01, 0, 0x5e, 0, 0, 1 };

static void unicast_inside_stays_inside(void **state)
{
    sends_to(0, 1);
    only(1u << 1);
    sends_to(PF, 2);
    only(1u << 2);
    sends_to(2, PF);
    only(1u << PF);
    sends_to(WIRE, 0);
    only(1u << 0);
    sends(1, nobody, -1);
    only(1u << WIRE);
    sends(WIRE, nobody, -1);
    only(0);
}

static void broadcasts_go_everywhere_but_back(void **state)
{
    sends(0, everybody, -1);
    only(1u << 1 | 1u << 2 | 1u << PF | 1u << WIRE);
    sends(PF, everybody, -1);
    only(1u << 0 | 1u << 1 | 1u << 2 | 1u << WIRE);
    sends(WIRE, everybody, -1);
    only(1u << 0 | 1u << 1 | 1u << 2 | 1u << PF);
    sends(1, group, -1);
    only(1u << WIRE);
    filter(seid[2], group, -1, true);
    sends(1, group, -1);
    only(1u << 2 | 1u << WIRE);
    sends(WIRE, group, -1);
    only(1u << 2);
}

static void who_is_promiscuous_hears_what_its_flags_say(void **state)
{
    hear(seid[1], PROMISC_UNICAST, PROMISC_UNICAST);
    sends(0, nobody, -1);
    only(1u << 1 | 1u << WIRE);
    sends_to(0, 2);
    only(1u << 1 | 1u << 2);
    hear(seid[1], PROMISC_UNICAST | PROMISC_RX_ONLY, PROMISC_UNICAST | PROMISC_RX_ONLY);
    sends(0, nobody, -1);
    only(1u << WIRE);
    sends(WIRE, nobody, -1);
    only(1u << 1);
    hear(seid[1], PROMISC_MULTICAST, PROMISC_UNICAST | PROMISC_MULTICAST);
    sends(0, group, -1);
    only(1u << 1 | 1u << WIRE);
}

static void without_loopback_all_goes_out(void **state)
{
    uint8_t p[128] = { 1 };
    must(i4hand_command(0x0211, (uint16_t[8]){ seid[0] }, p, 128, true));
    sends_to(0, 1);
    only(1u << WIRE);
    sends_to(1, 0);
    only(1u << 0);
}

static void spoofed_frames_go_nowhere(void **state)
{
    uint8_t p[128] = { 2 };
    make(nobody, 1, -1); /* with VF 1's address */
    vf_write(0, 0, i4hand_put(FIRST(0), frame, 60));
    only(0);
    assert_int_equal(m->spoofed, 1);
    must(i4hand_command(0x0211, (uint16_t[8]){ seid[0] }, p, 128, true)); /* no checks */
    vf_write(0, 0, i4hand_put(FIRST(0), frame, 60));
    only(1u << WIRE);
}

static void vlans_part_who_has_entries_for_them(void **state)
{
    uint8_t mac[MAC_LEN];
    for (unsigned vf = 0; vf < 2; vf++) {
        mac_of(vf, mac);
        filter(seid[vf], mac, -1, false);
        filter(seid[vf], mac, 7, true);
    }
    mac_of(1, mac);
    sends(0, mac, 7);
    only(1u << 1);
    assert_int_equal(got[12] << 8 | got[13], 0x8100); /* tags are kept */
    sends(0, mac, 8); /* it has no such VLAN, and its tags are checked */
    only(0);
    assert_int_equal(m->spoofed, 1);
    sends(WIRE, mac, 7);
    only(1u << 1);
    sends(WIRE, mac, 8);
    only(0);
    sends(WIRE, mac, -1);
    only(0);
    set_vlan(1, 0, VSI_TAGGED | VSI_UNTAGGED); /* tags go to the descriptor */
    sends(WIRE, mac, 7);
    only(1u << 1);
    assert_int_equal(tag, 7);
}

static void port_vlans_are_put_in_and_hidden(void **state)
{
    uint8_t mac[MAC_LEN];
    for (unsigned vf = 0; vf < 2; vf++) {
        mac_of(vf, mac);
        set_vlan(vf, 0x2064, VSI_TAGGED | VSI_INSERT_PVID | VSI_HIDES); /* VLAN 100, priority 1 */
        filter(seid[vf], mac, -1, false);
        filter(seid[vf], mac, 100, true);
    }
    sends_to(0, 1);
    only(1u << 1);
    assert_int_equal(got[12] << 8 | got[13], 0x88b5);
    assert_int_equal(tag, -1);
    sends(0, nobody, -1);
    only(1u << WIRE);
    assert_int_equal(got[14] << 8 | got[15], 0x2064);
    sends(0, nobody, 5); /* a tag of its own as well */
    only(0);
    assert_int_equal(m->spoofed, 1);
    sends_to(2, 1); /* from outside of that VLAN */
    only(1u << WIRE);
    mac_of(1, mac);
    sends(WIRE, mac, 100);
    only(1u << 1);
}

static void a_vf_spreads_by_its_own_table(void **state)
{
    uint8_t flow[60] = { 0 };
    unsigned seen = 0;
    queue_on(1, 1);
    for (unsigned i = 0; i < 13; i++)
        i4hand_write(R_VF_HKEY(i, 1), 0x6d5a56da + 0x01234567 * i);
    i4hand_write(R_VF_HENA(0, 1), 1u << 31);
    for (unsigned i = 0; i < 16; i++)
        vf_write(1, 0xd000 + 4 * i, 0x01000100); /* what the PF sees is what the VF sees */
    assert_int_equal(i4hand_read(R_VF_HLUT(3, 1)), 0x01000100);
    mac_of(1, flow);
    memcpy(flow + 12, (uint8_t[]){ 8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17 }, 12);
    for (unsigned i = 0; i < 16; i++) {
        flow[30] = (uint8_t)i;
        assert_true(i40e_model_inject(m, flow, sizeof flow));
        seen |= i4hand_got(FIRST(1), got, &tag) ? 1 : 0;
        seen |= i4hand_got(FIRST(1) + 1, got, &tag) ? 2 : 0;
    }
    assert_int_equal(seen, 3);
}

static void every_vsi_has_its_counters(void **state)
{
    unsigned index = m->vsi[2].properties[VSI_COUNTER];
    uint32_t received = i4hand_read(0x36c000 + 8 * index), sent = i4hand_read(0x33c000 + 8 * index);
    uint32_t errors = i4hand_read(0x344000 + 8 * index);
    sends_to(0, 1);
    sends_to(1, 2);
    make(nobody, 2, -1);
    vf_write(1, 0, i4hand_put(FIRST(1), frame, 60));
    while (arrived())
        ;
    assert_int_equal(i4hand_read(0x36c000 + 8 * index), received + 1);
    assert_int_equal(i4hand_read(0x33c000 + 8 * index), sent + 1);
    assert_int_equal(i4hand_read(0x344000 + 8 * index), errors + 1);
}

/* Where nothing may be lost who sends waits for those that are used, and not for those that have no
 * buffers because nothing ever comes. */
static void senders_wait_for_room_inside(void **state)
{
    unsigned n = FIRST(2) + 1;
    m->patient = true;
    configure(2, 1);
    assert_true(i4hand_queue(true, n, true)); /* without a buffer */
    for (unsigned i = 0; i < I4HAND_RING - 1; i++)
        sends_to(0, 1);
    unsigned taken = 0;
    i40e_model_take(m, got, sizeof got);
    while (i4hand_got(FIRST(1), got, &tag))
        taken++;
    assert_in_range(taken, 8, I4HAND_RING - 2);
    vf_write(1, 0x2000, i4hand_give(FIRST(1), taken));
    i40e_model_take(m, got, sizeof got);
    while (i4hand_got(FIRST(1), got, &tag))
        taken++;
    assert_int_equal(taken, I4HAND_RING - 1);
}

static void rates_are_kept(void **state)
{
    must(i4hand_command(0x0400, (uint16_t[8]){ seid[1], 0, 20, 0, 4 }, NULL, 0, false));
    assert_int_equal(i40e_model_vsi_of_vf(m, 1)->credit, 20);
}

static void vectors_are_those_of_the_lists(void **state)
{
    i4hand_write(R_QINT_RQCTL(FIRST(1)), 2 | QINT_CAUSE | QINT_NEXT);
    i4hand_write(R_VF_LNKLSTN(4 * 1 + 1), FIRST(1));
    vf_write(1, 0x3804, DYN_INTENA);
    sends_to(0, 1);
    only(1u << 1);
    assert_int_equal(m->vf[1].device.interrupts[2], 1);
    i4hand_write(R_VF_LNKLSTN(4 * 1 + 1), LIST_END);
    vf_write(1, 0x3804, DYN_INTENA);
    sends_to(0, 1);
    only(1u << 1);
    assert_int_equal(m->vf[1].device.interrupts[2], 1);
}

/* Resets --------------------------------------------------------------------------- */

static void resets_take_everything_from_a_vf(void **state)
{
    unsigned n = FIRST(1);
    i4hand_write(R_VPGEN_VFRTRIG(1), VFRTRIG_VFSWR);
    assert_int_equal(i4hand_read(R_VFGEN_RSTAT1(1)), VIRTCHNL_RESETTING);
    assert_int_equal(i4hand_read(R_VPLAN_MAPENA(1)), 0);
    assert_true(i4hand_read(R_QRX_ENA(n)) & QENA_STAT); /* as it was, and nothing happens: */
    sends_to(0, 1);
    only(0);
    assert_true(i4hand_queue(true, n, false));
    assert_true(i4hand_queue(false, n, false));
    must(i4hand_command(0x0243, (uint16_t[8]){ seid[1] }, NULL, 0, false));
    i4hand_write(R_VPGEN_VFRTRIG(1), 0);
    vf_up(1);
    sends_to(0, 1);
    only(1u << 1);
}

static void resets_by_the_vf_are_told(void **state)
{
    i4hand_write(R_ICR0_ENA, ICR0_VFLR);
    i40e_model_vf_flr(m, 2);
    assert_int_equal(i4hand_read(R_VFLRSTAT(0)), 1u << 2);
    assert_true(i4hand_read(R_ICR0) & ICR0_VFLR);
    i4hand_write(R_VFLRSTAT(0), 1u << 2);
    assert_int_equal(i4hand_read(R_VFLRSTAT(0)), 0);
    assert_true(i4hand_queue(true, FIRST(2), false));
    assert_true(i4hand_queue(false, FIRST(2), false));
    must(i4hand_command(0x0243, (uint16_t[8]){ seid[2] }, NULL, 0, false));
    vf_up(2);
    sends_to(0, 2);
    only(1u << 2);
}

static void resets_have_their_order(void **state)
{
    unsigned n = FIRST(1);
    m->vfr_takes_us = 10000;
    m->vf_pending_us = 20000;
    i4hand_write(R_VPGEN_VFRTRIG(1), VFRTRIG_VFSWR);
    i4hand_write(R_VPGEN_VFRTRIG(1), 0); /* early: not done, transactions pending, queues on */
    were_forbidden(3);
    assert_int_equal(i4hand_read(R_VPGEN_VFRSTAT(1)), 0);
    i4hand_write(R_CIAA, 0xaau | 1u << 12);
    assert_true(i4hand_read(R_CIAD) & 0x20);
    host_advance_us(20000);
    assert_int_equal(i4hand_read(R_VPGEN_VFRSTAT(1)), VFRSTAT_VFRD);
    assert_false(i4hand_read(R_CIAD) & 0x20);
    were_forbidden(0);
    i4hand_queue(true, n, false);
    i4hand_queue(false, n, false);
    m->vfr_takes_us = m->vf_pending_us = 0;
    i4hand_write(R_VPGEN_VFRTRIG(1), VFRTRIG_VFSWR);
    must(i4hand_command(0x0243, (uint16_t[8]){ seid[1] }, NULL, 0, false));
    i4hand_write(R_VFGEN_RSTAT1(1), VIRTCHNL_ACTIVE); /* in reset, no queues, no VSI */
    were_forbidden(3);
    map_queues(1);
    i4hand_queue(true, n, true); /* for a VF in reset */
    were_forbidden(1);
}

static void a_pf_reset_is_one_of_its_vfs(void **state)
{
    i4hand_write(R_PFGEN_CTRL, PFGEN_CTRL_PFSWR);
    for (unsigned vf = 0; vf < VFS; vf++) {
        assert_int_equal(i4hand_read(R_VFGEN_RSTAT1(vf)), VIRTCHNL_RESETTING);
        assert_int_equal(i4hand_read(R_VPLAN_QTABLE(0, vf)), LIST_END);
        assert_false(m->vf[vf].rx[0].on);
        assert_null(i40e_model_vsi_of_vf(m, vf));
    }
}

static void a_reset_of_the_chip_is_dead_beef(void **state)
{
    i40e_model_reset_begin(m, I40E_RESET_CORE);
    host_advance_us(1500);
    i4hand_read(R_GLGEN_RSTAT);
    assert_int_equal(vf_read(0, 0x8800), 0xdeadbeef);
    host_advance_us(1000);
    i4hand_read(R_GLGEN_RSTAT);
    assert_int_equal(vf_read(0, 0x8800), VIRTCHNL_RESETTING);
}

/* Messages ------------------------------------------------------------------------- */

static void messages_carry_who_and_what(void **state)
{
    static uint8_t bytes[I40E_AQ_BUFFER];
    struct i40e_aq_desc d;
    i40e_model_vf_play(m, 1);
    i40e_model_vf_say(m, 1, VIRTCHNL_VERSION, "\1\0\0\0\1\0\0\0", 8);
    assert_true(i4hand_event(&d, bytes));
    assert_int_equal(d.opcode, 0x0801);
    assert_int_equal(d.result, 1);
    assert_int_equal(d.cookie_high, VIRTCHNL_VERSION);
    assert_int_equal(d.length, 8);
    assert_int_equal(bytes[4], 1);
    must(i4hand_tell(1, VIRTCHNL_VERSION, -5, "abcd", 4));
    assert_int_equal(m->told.vf, 1);
    assert_int_equal(m->told.op, VIRTCHNL_VERSION);
    assert_int_equal(m->told.status, -5);
    assert_memory_equal(m->told.bytes, "abcd", 4);
}

static void more_messages_than_wait_are_lost(void **state)
{
    static uint8_t bytes[I40E_AQ_BUFFER];
    struct i40e_aq_desc d;
    for (unsigned i = 0; i < 31 + I40E_MODEL_EVENTS + 5; i++)
        i40e_model_vf_say(m, 0, i + 1, "1234", 4);
    assert_int_equal(m->messages_lost, 5);
    for (unsigned i = 0; i < 31 + I40E_MODEL_EVENTS; i++) {
        assert_true(i4hand_event(&d, bytes));
        assert_int_equal(d.cookie_high, i + 1);
    }
    assert_false(i4hand_event(&d, bytes));
}

static void who_does_not_listen_is_busy(void **state)
{
    assert_int_equal(i4hand_tell(0, VIRTCHNL_EVENT, 0, "1234", 4), AQ_EBUSY);
    assert_int_equal(i4hand_tell(0, VIRTCHNL_VERSION, 0, NULL, 0), AQ_EBUSY);
    were_forbidden(0);
    i4hand_write(R_VPGEN_VFRTRIG(0), VFRTRIG_VFSWR);
    assert_int_equal(i4hand_tell(0, VIRTCHNL_EVENT, 0, "1234", 4), AQ_EBUSY);
    were_forbidden(0);
    assert_int_equal(i4hand_tell(0, VIRTCHNL_VERSION, 0, "1234", 4), AQ_EBUSY);
    were_forbidden(1);
    assert_int_equal(i4hand_tell(VFS, VIRTCHNL_EVENT, 0, "1234", 4), AQ_EINVAL);
    were_forbidden(1);
}

/* What may not be ------------------------------------------------------------------ */

static void queues_are_of_whom_the_tables_say(void **state)
{
    i4hand_write(R_VPLAN_QTABLE(0, 1), FIRST(1) + 3); /* one that is on is taken away */
    were_forbidden(1);
    i4hand_write(R_VPLAN_QTABLE(5, 1), FIRST(2)); /* and one that is on given */
    were_forbidden(1);
    i4hand_write(R_VPLAN_QTABLE(5, 1), m->queues);
    were_forbidden(1);
    i4hand_write(R_VPLAN_QTABLE(5, 1), LIST_END);
    i4hand_write(R_VPLAN_QTABLE(6, 1), FIRST(2) + 1); /* VF 2's as well */
    configure(2, 1);
    i4hand_queue(true, FIRST(2) + 1, true);
    were_forbidden(1);
    configure(1, 2);
    i4hand_write(R_QTX_CTL(FIRST(1) + 2), QTX_CTL_KIND_VF | FIELD_PUT(QTX_CTL_VF, 2));
    i4hand_queue(false, FIRST(1) + 2, true);
    were_forbidden(1);
    i4hand_context(m->function, false, 30, i40e_le16(m->vsi[0].properties + VSI_HANDLES));
    i4hand_write(R_QTX_CTL(30), QTX_CTL_KIND_VF);
    i4hand_queue(false, 30, true); /* in no VF's table */
    were_forbidden(1);
    i4hand_write(R_QRX_TAIL(FIRST(0)), 3);
    were_forbidden(1);
    i4hand_write(R_VPLAN_MAPENA(0), 0);
    were_forbidden(1);
}

static bool takes(unsigned vf, uint32_t length)
{
    static uint8_t sent[I40E_MODEL_FRAME];
    memset(sent, 0x55, sizeof sent);
    mac_of(vf, sent);
    i40e_model_inject(m, sent, length);
    return i4hand_got(FIRST(vf), got, &tag);
}

/* As Linux's i40e lets Linux's iavf have it; what needs a sixth buffer is lost all the same. */
static void a_vfs_queue_may_want_longer_frames_than_it_takes(void **state)
{
    unsigned n = FIRST(0);
    assert_true(i4hand_queue(true, n, false));
    configure(0, 0);
    i4hand_want_long(n, 1536, I40E_FRAME_MAX);
    vf_write(0, 0x2000, i4hand_give(n, I4HAND_RING - 1));
    assert_true(i4hand_queue(true, n, true));
    were_forbidden(0);
    assert_false(takes(0, 5 * 1536 + 1));
    assert_true(takes(0, 5 * 1536));
    i4hand_context(m->function, true, 1, 0);
    i4hand_want_long(1, 1536, I40E_FRAME_MAX);
    i4hand_queue(true, 1, true); /* the PF's */
    were_forbidden(1);
}

static void a_vsi_has_queues_of_its_vf(void **state)
{
    i4hand_write(R_VSILAN_QTABLE(0, number[1]), FIRST(2));
    sends_to(0, 1);
    only(0);
    were_forbidden(1);
}

static void vsis_are_of_vfs_and_hang_on_the_switch(void **state)
{
    uint16_t was = veb;
    assert_int_equal(i4hand_command(0x0243, (uint16_t[8]){ veb }, NULL, 0, false), AQ_EBUSY);
    add_vsi(1, LOOPS, 0); /* it has one */
    were_forbidden(1);
    veb = m->vsi[0].seid;
    must(i4hand_command(0x0243, (uint16_t[8]){ seid[1] }, NULL, 0, false));
    add_vsi(1, LOOPS, 0);
    were_forbidden(3); /* from under queues, a second one still, and in the wrong place */
    veb = was;
    add_vsi(VFS, LOOPS, 0);
    were_forbidden(1);
    must(i4hand_command(0x0243, (uint16_t[8]){ seid[2] }, NULL, 0, false));
    were_forbidden(1);
}

static void vfs_are_those_that_there_are(void **state)
{
    i4hand_write(R_CIAA, 0xaau | VFS << 12);
    assert_int_equal(i4hand_read(R_CIAD), UINT32_MAX);
    were_forbidden(1);
    i4hand_write(R_CIAD, 0);
    were_forbidden(1);
    i4hand_write(R_VPGEN_VFRSTAT(0), 0);
    were_forbidden(1);
}

static void accusations_name_the_vf(void **state)
{
    i40e_model_malicious_vf(m, 1, 0);
    assert_int_equal(i4hand_read(R_VP_MDET_TX(1)), 1);
    assert_int_equal(i4hand_read(R_GL_MDET_TX) & 0x1ff000, 1u << 12);
    assert_int_equal(i4hand_read(R_GL_MDET_TX) & 0xfff, FIRST(1));
    i4hand_write(R_VP_MDET_TX(1), 0xffff);
    assert_int_equal(i4hand_read(R_VP_MDET_TX(1)), 0);
    sends_to(1, 0);
    only(0);
}

static void ports_share_the_vfs(void **state)
{
    static const struct {
        enum i40e_model_chip chip;
        uint16_t vfs;
    } cards[] = { { I40E_MODEL_XL710_ONE, 128 },
                  { I40E_MODEL_XL710, 64 },
                  { I40E_MODEL_X710_FOUR, 32 } };
    for (unsigned i = 0; i < ARRAY_SIZE(cards); i++) {
        const char *why = "";
        i4hand_power_on(cards[i].chip);
        assert_int_equal(m->function->sriov->total_vfs, cards[i].vfs);
        assert_int_equal(pci_sriov_enable(m->function, cards[i].vfs, false, &why), 0);
        assert_non_null(function_of(cards[i].vfs - 1u));
        pci_sriov_disable(m->function);
        assert_int_equal(i40e_model_violations(m), 0);
        i4hand_power_off();
    }
}

#define GOOD(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down_good)
#define BAD(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        GOOD(unicast_inside_stays_inside),
        GOOD(broadcasts_go_everywhere_but_back),
        GOOD(who_is_promiscuous_hears_what_its_flags_say),
        GOOD(without_loopback_all_goes_out),
        GOOD(spoofed_frames_go_nowhere),
        GOOD(vlans_part_who_has_entries_for_them),
        GOOD(port_vlans_are_put_in_and_hidden),
        GOOD(a_vf_spreads_by_its_own_table),
        GOOD(every_vsi_has_its_counters),
        GOOD(senders_wait_for_room_inside),
        GOOD(rates_are_kept),
        GOOD(vectors_are_those_of_the_lists),
        GOOD(resets_take_everything_from_a_vf),
        GOOD(resets_by_the_vf_are_told),
        BAD(resets_have_their_order),
        GOOD(a_pf_reset_is_one_of_its_vfs),
        GOOD(a_reset_of_the_chip_is_dead_beef),
        GOOD(messages_carry_who_and_what),
        GOOD(more_messages_than_wait_are_lost),
        BAD(who_does_not_listen_is_busy),
        BAD(queues_are_of_whom_the_tables_say),
        BAD(a_vfs_queue_may_want_longer_frames_than_it_takes),
        BAD(a_vsi_has_queues_of_its_vf),
        BAD(vsis_are_of_vfs_and_hang_on_the_switch),
        BAD(vfs_are_those_that_there_are),
        GOOD(accusations_name_the_vf),
        cmocka_unit_test(ports_share_the_vfs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
