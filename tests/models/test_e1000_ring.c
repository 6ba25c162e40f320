/* e1000_ring.c over both chips' models: VLAN tags beside frames, and what the device
 * says of IPv4 headers.  Sections: 8254x SDM. */
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"
#include "tests/models/e1000_model.h"
#include "tests/models/nic_rig.h"

#include <string.h>

#define VLAN 0x123u
#define TAG 4u

static const uint8_t address[MAC_LEN] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
static struct e1000_model model;
static void (*const inits[])(struct e1000_model *, const uint8_t *) = { e1000_model_init,
                                                                        e1000e_model_init };
static unsigned chip;

static struct pci_function *function(void)
{
    return model.function;
}

static bool inject_tagged(const uint8_t *frame, uint32_t length, uint16_t tag)
{
    static uint8_t bytes[20000];
    memcpy(bytes, frame, 12);
    memcpy(bytes + 12, (uint8_t[]){ 0x81, 0, (uint8_t)(tag >> 8), (uint8_t)tag }, TAG);
    memcpy(bytes + 12 + TAG, frame + 12, length - 12);
    return e1000_model_inject(&model, bytes, length + TAG);
}

static bool inject(const uint8_t *frame, uint32_t length)
{
    return e1000_model_inject(&model, frame, length);
}

static uint32_t take(uint8_t *frame, uint32_t size)
{
    return e1000_model_take(&model, frame, size);
}

static unsigned violations(void)
{
    return e1000_model_violations(&model);
}

/* What the tests stand on ---------------------------------------------------- */

static struct nic_model e1000 = {
    .function = function, .inject = inject, .take = take, .violations = violations
};

static int set_up(void **state)
{
    chip = *state ? 1 : 0;
    e1000.driver = chip ? "e1000e" : "e1000";
    nic_set_up(&e1000);
    inits[chip](&model, address);
    assert_true(nic_probe());
    return 0;
}

static int tear_down(void **state)
{
    nic_tear_down();
    return 0;
}

static void ordinary(uint8_t frame[100])
{
    memset(frame, 0, 100);
    memcpy(frame, address, MAC_LEN);
    frame[12] = 0x88;
    frame[13] = 0xb5;
}

static bool received(void)
{
    struct packet *p = nic_receive();
    packet_free(&nic.cache, p);
    return p;
}

static uint32_t reg(uint32_t offset)
{
    return model.regs[offset / 4];
}

static void want(uint16_t vid, bool on)
{
    assert_int_equal(port_vlan_filter(nic.port, vid, on), 0);
}

static bool hears(uint16_t tci)
{
    uint8_t frame[100];
    ordinary(frame);
    assert_true(inject_tagged(frame, sizeof frame, tci));
    return received();
}

/* VLAN ----------------------------------------------------------------------- */

/* 13.5.4, RCTL.VFE.  Whose tag says a priority alone is in no VLAN. */
static void vlans_are_filtered_but_for_the_promiscuous(void **state)
{
    nic_run(1);
    assert_true(hears(0xe000) && !hears(VLAN) && !hears(1) && !hears(VLAN_MAX));
    want(VLAN, true);
    want(VLAN_MAX, true);
    assert_true(hears(0xe000 | VLAN) && hears(VLAN_MAX) && !hears(VLAN + 1) && !hears(VLAN + 32));
    assert_int_equal(port_set_rx_mode(nic.port, &(struct port_rx_mode){ .promiscuous = true }), 0);
    assert_true(hears(VLAN + 1) && hears(VLAN));
    want(VLAN, false);
    want(1, true);
    assert_true(hears(VLAN));
    assert_int_equal(port_set_rx_mode(nic.port, &(struct port_rx_mode){ 0 }), 0);
    assert_true(!hears(VLAN) && hears(1) && hears(VLAN_MAX));
    port_stop(nic.port);
    nic_run(1);
    assert_true(!hears(VLAN) && hears(1) && hears(VLAN_MAX) && hears(0));
}

#define STRIP PORT_OFFLOAD_VLAN_STRIP
#define INSERT PORT_OFFLOAD_VLAN_INSERT

static void offload(uint32_t offloads)
{
    assert_int_equal(port_set_offloads(nic.port, offloads), 0);
}

/* 9.1: VME; nothing of it on a port that is not asked.  It stays on for the tags in the ring. */
static void tag_handling_goes_on_when_asked_for(void **state)
{
    nic_run(1);
    assert_int_equal(reg(INTEL_CTRL) & INTEL_CTRL_VME, 0);
    offload(INSERT);
    assert_true(reg(INTEL_CTRL) & INTEL_CTRL_VME);
    assert_int_equal(reg(E1000_VET), 0x8100);
    assert_int_equal(nic.port->state, PORT_RUNNING);
    offload(0);
    assert_true(reg(INTEL_CTRL) & INTEL_CTRL_VME);
    port_stop(nic.port);
    nic_run(1);
    assert_int_equal(reg(INTEL_CTRL) & INTEL_CTRL_VME, 0);
    port_stop(nic.port);
    offload(STRIP);
    nic_run(1);
    assert_true(reg(INTEL_CTRL) & INTEL_CTRL_VME);
}

static void unasked_tags_are_left_where_they_are(void **state)
{
    uint8_t frame[100];
    ordinary(frame);
    want(VLAN, true);
    nic_run(1);
    assert_true(inject_tagged(frame, sizeof frame, VLAN));
    struct packet *p = nic_receive();
    assert_int_equal(p->frame_length, 104);
    assert_int_equal(p->data[12], 0x81);
    assert_int_equal(port_tx_burst(nic.port->txq[0], &p, 1), 1);
    assert_int_equal(e1000_model_take(&model, frame, sizeof frame), 100);
    assert_int_equal(frame[15], VLAN & 255);
}

/* A device that says VP where nobody asked for it. */
static void a_tag_that_nobody_asked_for_is_not_believed(void **state)
{
    nic_run(1);
    assert_true(e1000_model_rx_return(&model, E1000_RXD_DD | E1000_RXD_EOP | E1000_RXD_VP | 60 |
                                                  (uint64_t)VLAN << 48));
    struct packet *p = nic_receive();
    assert_int_equal(p->flags & PACKET_VLAN, 0);
    assert_int_equal(p->frame_length, chip ? 60 : 60 - ETHERNET_FCS);
    packet_free(&nic.cache, p);
}

/* port.h: lengths and limits count the tag, at any MTU and without a restart. */
static void the_longest_frames_leave_room_for_their_tag(void **state)
{
    static const uint32_t mtus[] = { 1500, 4000, 9198, 16110 };
    static uint8_t frame[FRAME_LONGEST + 1];
    const unsigned n = ARRAY_SIZE(mtus) - chip; /* the last one is for the 8254x alone */
    offload(STRIP | INSERT);
    want(VLAN, true);
    nic_run(1);
    unsigned starts = model.rctl_writes;
    for (unsigned i = 0; i < n; i++) {
        uint32_t length = FRAME_LIMIT(mtus[i]) - TAG;
        assert_int_equal(port_set_mtu(nic.port, (uint16_t)mtus[i]), 0);
        memset(frame, 0x5a, sizeof frame);
        memcpy(frame, address, MAC_LEN);
        assert_true(inject_tagged(frame, length, VLAN));
        struct packet *p = nic_receive();
        assert_non_null(p);
        assert_int_equal(p->frame_length, length);
        assert_int_equal(port_tx_burst(nic.port->txq[0], &p, 1), 1);
        assert_int_equal(e1000_model_take(&model, frame, sizeof frame), length + TAG);
        memset(frame, 0x5a, sizeof frame);
        memcpy(frame, address, MAC_LEN);
        assert_true(inject_tagged(frame, length + 1, VLAN));
        assert_false(received());
    }
    assert_int_equal(nic.port->rxq[0]->errors, n);
    assert_int_equal(model.rctl_writes, starts);
}

/* Checksums (3.2.3.1) ---------------------------------------------------------- */

static void datagram(uint8_t frame[100], uint16_t checksum)
{
    static const uint8_t header[20] = { 0x45, 0, 0,   86, 0, 1, 0,   0, 64, 17,
                                        0,    0, 192, 0,  2, 1, 192, 0, 2,  2 };
    ordinary(frame);
    frame[12] = 8;
    frame[13] = 0;
    memcpy(frame + 14, header, sizeof header);
    frame[24] = (uint8_t)(checksum >> 8);
    frame[25] = (uint8_t)checksum;
}

static uint8_t flags_of(const uint8_t *frame, uint32_t length, uint32_t tag)
{
    if (tag)
        assert_true(inject_tagged(frame, length, (uint16_t)tag));
    else
        assert_true(e1000_model_inject(&model, frame, length));
    struct packet *p = nic_receive();
    assert_non_null(p);
    uint8_t flags = p->flags;
    packet_free(&nic.cache, p);
    return flags;
}

#define GOOD_SUM 0xf692u /* of the header above, RFC 791 3.1 */

static void the_devices_word_about_ip_headers_is_passed_on(void **state)
{
    uint8_t frame[100];
    want(VLAN, true);
    nic_run(1);
    datagram(frame, GOOD_SUM);
    assert_int_equal(flags_of(frame, sizeof frame, 0), PACKET_IP_CHECKSUM_GOOD);
    assert_int_equal(flags_of(frame, sizeof frame, VLAN), PACKET_IP_CHECKSUM_GOOD);
    datagram(frame, GOOD_SUM ^ 0x100);
    assert_int_equal(flags_of(frame, sizeof frame, 0), PACKET_IP_CHECKSUM_BAD);
    assert_int_equal(flags_of(frame, sizeof frame, VLAN), PACKET_IP_CHECKSUM_BAD);
    assert_int_equal(nic.port->rxq[0]->errors, 0); /* the router decides */
    offload(STRIP);
    assert_int_equal(flags_of(frame, sizeof frame, VLAN), PACKET_IP_CHECKSUM_BAD | PACKET_VLAN);
}

/* IXSM: then IPCS and IPE mean nothing. */
static void what_nobody_looked_at_is_neither_good_nor_bad(void **state)
{
    uint8_t frame[100];
    nic_run(1);
    ordinary(frame);
    assert_int_equal(flags_of(frame, sizeof frame, 0), 0);
    datagram(frame, GOOD_SUM);
    frame[14] = 0x65;
    assert_int_equal(flags_of(frame, sizeof frame, 0), 0);
}

static void jumbo_frames_carry_it_from_their_last_descriptor(void **state)
{
    static uint8_t frame[5000];
    nic_run(1);
    assert_int_equal(port_set_mtu(nic.port, 9000), 0);
    datagram(frame, GOOD_SUM);
    assert_int_equal(flags_of(frame, sizeof frame, 0), PACKET_IP_CHECKSUM_GOOD);
    frame[24] ^= 1;
    assert_int_equal(flags_of(frame, sizeof frame, 0), PACKET_IP_CHECKSUM_BAD);
}

#define BOTH(f) \
    { #f "_e1000", f, set_up, tear_down, NULL }, \
    { \
#f "_e1000e", f, set_up, tear_down, &chip \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(vlans_are_filtered_but_for_the_promiscuous),
        BOTH(tag_handling_goes_on_when_asked_for),
        BOTH(unasked_tags_are_left_where_they_are),
        BOTH(a_tag_that_nobody_asked_for_is_not_believed),
        BOTH(the_longest_frames_leave_room_for_their_tag),
        BOTH(the_devices_word_about_ip_headers_is_passed_on),
        BOTH(what_nobody_looked_at_is_neither_good_nor_bad),
        BOTH(jumbo_frames_carry_it_from_their_last_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
