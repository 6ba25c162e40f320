/* e1000_ring.c over both chips' models: the VLAN of an access port, and what the
 * device says of IPv4 headers.  Sections: 8254x SDM. */
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"
#include "tests/models/e1000_model.h"

#include <errno.h>
#include <string.h>

#define POOL_PACKETS 2048u
#define VLAN 0x123u
#define TAG 4u

static const uint8_t address[MAC_LEN] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
static struct e1000_model model;
static struct port *port;
static void (*const inits[])(struct e1000_model *, const uint8_t *) = { e1000_model_init,
                                                                        e1000e_model_init };
static unsigned chip;

/* Conformance of an access port: the far end tags what it sends and takes no other. */
static struct port *create(struct packet_cache *cache)
{
    inits[chip](&model, address);
    if (pci_probe_drivers() != 1)
        return NULL;
    port = port_get(0);
    port->rxq[0]->cache = port->txq[0]->cache = cache;
    assert_int_equal(port_set_vlan(port, VLAN), 0);
    return port;
}

static void destroy(void)
{
    model.function->driver->remove(model.function);
    assert_int_equal(host_dma_mapped(&model.function->dma), 0);
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
    return inject_tagged(frame, length, VLAN);
}

static uint32_t take(uint8_t *frame, uint32_t size)
{
    static uint8_t bytes[20000];
    uint32_t length = e1000_model_take(&model, bytes, sizeof bytes);
    if (!length)
        return 0;
    assert_memory_equal(bytes + 12, ((uint8_t[]){ 0x81, 0, VLAN >> 8, VLAN & 255 }), TAG);
    memmove(bytes + 12, bytes + 12 + TAG, length - 12 - TAG);
    length = length - TAG < size ? length - TAG : size;
    memcpy(frame, bytes, length);
    return length;
}

static void set_link(bool up)
{
    e1000_model_set_link(&model, up);
}

static unsigned violations(void)
{
    return e1000_model_violations(&model);
}

static int conformance(const char *name, unsigned which)
{
    chip = which;
    return conformance_run(
        &(struct conformance_subject){ .name = name,
                                       .flags = CONFORMANCE_FILTERS | CONFORMANCE_PADS,
                                       .create = create,
                                       .destroy = destroy,
                                       .inject = inject,
                                       .take = take,
                                       .set_link = set_link,
                                       .violations = violations });
}

/* What the rest stands on ---------------------------------------------------- */

static struct packet_pool *pool;
static struct packet_cache cache;

static int set_up(void **state)
{
    host_reset();
    port_reset_registry();
    chip = *state ? 1 : 0;
    pool = packet_pool_create(POOL_PACKETS);
    packet_cache_init(&cache, pool);
    inits[chip](&model, address);
    assert_int_equal(pci_probe_drivers(), 1);
    port = port_get(0);
    port->rxq[0]->cache = port->txq[0]->cache = &cache;
    return 0;
}

static int tear_down(void **state)
{
    destroy();
    packet_cache_flush(&cache);
    assert_int_equal(packet_pool_available(pool), POOL_PACKETS);
    packet_pool_destroy(pool);
    assert_int_equal(host_dma_refused(), 0);
    assert_int_equal(violations(), 0);
    return 0;
}

static void start(void)
{
    assert_int_equal(port_start(port), 0);
}

static void ordinary(uint8_t frame[100])
{
    memset(frame, 0, 100);
    memcpy(frame, address, MAC_LEN);
    frame[12] = 0x88;
    frame[13] = 0xb5;
}

static struct packet *receive(void)
{
    struct packet *p = NULL;
    return port_rx_burst(port->rxq[0], &p, 1) ? p : NULL;
}

static bool received(void)
{
    struct packet *p = receive();
    packet_free(&cache, p);
    return p;
}

static uint64_t filtered(void)
{
    struct port_counter rows[32];
    unsigned n = port->ops->counters(port, rows, 32);
    assert_string_equal(rows[n - 1].name, "other_vlan");
    return rows[n - 1].value;
}

static uint32_t reg(uint32_t offset)
{
    return model.regs[offset / 4];
}

/* VLAN ----------------------------------------------------------------------- */

/* 9.3: VFE, VME, VFTA; nothing of it on a port without a VLAN. */
static void the_filter_is_programmed_and_taken_back(void **state)
{
    start();
    assert_int_equal(reg(E1000_RCTL) & E1000_RCTL_VFE, 0);
    assert_int_equal(reg(E1000_CTRL) & E1000_CTRL_VME, 0);
    assert_int_equal(port_set_vlan(port, VLAN), 0);
    assert_int_equal(port->state, PORT_RUNNING);
    assert_true(reg(E1000_RCTL) & E1000_RCTL_VFE);
    assert_true(reg(E1000_CTRL) & E1000_CTRL_VME);
    assert_int_equal(reg(E1000_VET), 0x8100);
    for (uint32_t i = 0; i < E1000_VFTA_REGS; i++)
        assert_int_equal(reg(E1000_VFTA(i)), i == VLAN / 32 ? 1u << VLAN % 32 : 0);
    assert_int_equal(port_set_vlan(port, 0), 0);
    assert_int_equal(reg(E1000_RCTL) & E1000_RCTL_VFE, 0);
    assert_int_equal(reg(E1000_CTRL) & E1000_CTRL_VME, 0);
}

static void without_a_vlan_tags_are_none_of_its_business(void **state)
{
    uint8_t frame[100];
    ordinary(frame);
    start();
    assert_true(inject_tagged(frame, sizeof frame, VLAN));
    struct packet *p = receive();
    assert_int_equal(p->frame_length, 104);
    assert_int_equal(p->data[12], 0x81);
    assert_int_equal(port_tx_burst(port->txq[0], &p, 1), 1);
    assert_int_equal(e1000_model_take(&model, frame, sizeof frame), 100);
    assert_int_equal(frame[15], VLAN & 255);
}

static void frames_of_its_vlan_come_and_go_without_their_tag(void **state)
{
    uint8_t frame[100], sent[100];
    ordinary(frame);
    assert_int_equal(port_set_vlan(port, VLAN), 0);
    start();
    /* its priority and drop eligibility bits say nothing about the VLAN */
    assert_true(inject_tagged(frame, sizeof frame, 0xf000 | VLAN));
    struct packet *p = receive();
    assert_int_equal(p->frame_length, sizeof frame);
    assert_memory_equal(p->data, frame, sizeof frame);
    assert_int_equal(port->rxq[0]->bytes, sizeof frame);
    assert_int_equal(port_tx_burst(port->txq[0], &p, 1), 1);
    assert_int_equal(take(sent, sizeof sent), sizeof frame); /* looks at the tag */
    assert_memory_equal(sent, frame, sizeof frame);
}

/* Tagged otherwise: the device's filter.  Untagged: ours, and counted. */
static void other_frames_are_filtered_out(void **state)
{
    static const uint16_t others[] = { VLAN + 1, 0, VLAN | 0x800, 1 };
    uint8_t frame[100];
    ordinary(frame);
    assert_int_equal(port_set_vlan(port, VLAN), 0);
    start();
    for (unsigned promiscuous = 0; promiscuous < 2; promiscuous++) {
        port_set_rx_mode(port, &(struct port_rx_mode){ .promiscuous = promiscuous });
        for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
            assert_true(inject_tagged(frame, sizeof frame, others[i]));
        assert_false(received());
        assert_int_equal(filtered(), promiscuous);
        assert_true(e1000_model_inject(&model, frame, sizeof frame));
        assert_false(received());
        assert_int_equal(filtered(), promiscuous + 1);
    }
    assert_int_equal(port->rxq[0]->errors, 0);
    assert_int_equal(port->rxq[0]->packets, 0);
}

/* A device whose filter leaks, or that says VP of what had another tag. */
static void a_filter_that_leaks_is_not_believed(void **state)
{
    assert_int_equal(port_set_vlan(port, VLAN), 0);
    start();
    assert_true(e1000_model_rx_return(&model, E1000_RXD_DD | E1000_RXD_EOP | E1000_RXD_VP | 60 |
                                                  (uint64_t)(VLAN ^ 1) << 48));
    assert_true(
        e1000_model_rx_return(&model, E1000_RXD_DD | E1000_RXD_EOP | 60 | (uint64_t)VLAN << 48));
    assert_false(received());
    assert_int_equal(filtered(), 2);
    assert_true(e1000_model_rx_return(&model, E1000_RXD_DD | E1000_RXD_EOP | E1000_RXD_VP | 60 |
                                                  (uint64_t)VLAN << 48));
    assert_true(received());
}

/* port.h: one tag on top of the MTU, here besides the port's own. */
static void the_longest_frames_fit_with_both_tags(void **state)
{
    static const uint32_t mtus[] = { 1500, 4000, 9198 };
    static uint8_t frame[FRAME_MAX];
    assert_int_equal(port_set_vlan(port, VLAN), 0);
    start();
    unsigned starts = model.rctl_writes;
    for (unsigned i = 0; i < ARRAY_SIZE(mtus); i++) {
        uint32_t length = mtus[i] + ETHERNET_HEADER + VLAN_TAG;
        assert_int_equal(port_set_mtu(port, (uint16_t)mtus[i]), 0);
        memset(frame, 0x5a, sizeof frame);
        memcpy(frame, address, MAC_LEN);
        assert_true(inject(frame, length));
        struct packet *p = receive();
        assert_non_null(p);
        assert_int_equal(p->frame_length, length);
        assert_int_equal(port_tx_burst(port->txq[0], &p, 1), 1);
        memset(frame, 0, sizeof frame);
        assert_int_equal(take(frame, sizeof frame), length);
        assert_int_equal(frame[length - 1], 0x5a);
    }
    assert_int_equal(model.rctl_writes, starts); /* long frames all along: no restart */
}

/* What waited for the old VLAN does not come out on the new one. */
static void a_change_of_vlan_leaks_nothing(void **state)
{
    uint8_t frame[100];
    ordinary(frame);
    assert_int_equal(port_set_vlan(port, VLAN), 0);
    start();
    struct packet *p = conformance_packet(&cache, frame, sizeof frame, sizeof frame);
    assert_int_equal(port_tx_burst(port->txq[0], &p, 1), 1);
    assert_true(inject(frame, sizeof frame));
    assert_int_equal(port_set_vlan(port, VLAN + 1), 0);
    assert_int_equal(e1000_model_take(&model, frame, sizeof frame), 0);
    assert_false(received());
}

static void a_vlan_outlives_stop_and_start(void **state)
{
    uint8_t frame[100];
    ordinary(frame);
    assert_int_equal(port_set_vlan(port, VLAN), 0);
    start();
    port_stop(port);
    start();
    assert_true(inject(frame, sizeof frame));
    assert_true(received());
    assert_int_equal(port_set_vlan(port, VLAN_MAX + 1), -EINVAL);
    assert_int_equal(port->vlan, VLAN);
}

static void a_restart_that_fails_fails_the_port(void **state)
{
    start();
    model.reset_sticks = true;
    assert_int_equal(port_set_vlan(port, VLAN), -EIO);
    assert_int_equal(port->state, PORT_FAILED);
    assert_int_equal(port->vlan, 0);
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
    struct packet *p = receive();
    assert_non_null(p);
    uint8_t flags = p->flags;
    packet_free(&cache, p);
    return flags;
}

#define GOOD_SUM 0xf692u /* of the header above, RFC 791 3.1 */

static void the_devices_word_about_ip_headers_is_passed_on(void **state)
{
    uint8_t frame[100];
    start();
    datagram(frame, GOOD_SUM);
    assert_int_equal(flags_of(frame, sizeof frame, 0), PACKET_IP_CHECKSUM_GOOD);
    assert_int_equal(flags_of(frame, sizeof frame, VLAN), PACKET_IP_CHECKSUM_GOOD);
    datagram(frame, GOOD_SUM ^ 0x100);
    assert_int_equal(flags_of(frame, sizeof frame, 0), PACKET_IP_CHECKSUM_BAD);
    assert_int_equal(flags_of(frame, sizeof frame, VLAN), PACKET_IP_CHECKSUM_BAD);
    assert_int_equal(port->rxq[0]->errors, 0); /* the router decides */
    assert_int_equal(port_set_vlan(port, VLAN), 0);
    assert_int_equal(flags_of(frame, sizeof frame, VLAN), PACKET_IP_CHECKSUM_BAD);
}

/* IXSM: then IPCS and IPE mean nothing. */
static void what_nobody_looked_at_is_neither_good_nor_bad(void **state)
{
    uint8_t frame[100];
    start();
    ordinary(frame);
    assert_int_equal(flags_of(frame, sizeof frame, 0), 0);
    datagram(frame, GOOD_SUM);
    frame[14] = 0x65;
    assert_int_equal(flags_of(frame, sizeof frame, 0), 0);
}

static void jumbo_frames_carry_it_from_their_last_descriptor(void **state)
{
    static uint8_t frame[5000];
    start();
    assert_int_equal(port_set_mtu(port, 9000), 0);
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
        BOTH(the_filter_is_programmed_and_taken_back),
        BOTH(without_a_vlan_tags_are_none_of_its_business),
        BOTH(frames_of_its_vlan_come_and_go_without_their_tag),
        BOTH(other_frames_are_filtered_out),
        BOTH(a_filter_that_leaks_is_not_believed),
        BOTH(the_longest_frames_fit_with_both_tags),
        BOTH(a_change_of_vlan_leaks_nothing),
        BOTH(a_vlan_outlives_stop_and_start),
        BOTH(a_restart_that_fails_fails_the_port),
        BOTH(the_devices_word_about_ip_headers_is_passed_on),
        BOTH(what_nobody_looked_at_is_neither_good_nor_bad),
        BOTH(jumbo_frames_carry_it_from_their_last_descriptor),
    };
    int failed = conformance("e1000_access_port", 0);
    failed += conformance("e1000e_access_port", 1);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
