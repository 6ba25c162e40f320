/* igb_master.c - see igb_master.h. */
#include "tests/models/igb_master.h"

#include "kernel/time.h"
#include "nic/intel/igb/igb_pf.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <string.h>

TABLE_DECLARE(pci_drivers, struct pci_driver);

#define PACKETS 2048u
#define FRAME 60u

struct master master;
const uint8_t master_mac[MAC_LEN] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
static struct packet_pool *pool;
static struct packet_cache cache;

static const struct pci_driver *driver(void)
{
    TABLE_FOR_EACH (pci_drivers, struct pci_driver, d)
        if (!strcmp(d->name, "igb"))
            return d;
    return NULL;
}

void master_start_as(enum igb_model_chip chip, unsigned vfs, uint16_t subsystem_vendor)
{
    host_reset();
    port_reset_registry();
    host_advance_us(US_PER_S);
    pool = packet_pool_create(PACKETS);
    packet_cache_init(&cache, pool);
    igb_model_init(&master.model, chip, master_mac);
    master.model.function->subsystem_vendor = subsystem_vendor;
    assert_int_equal(pci_probe_drivers(), 1);
    master.port = port_get(0);
    for (unsigned i = 0; i < port_queues_limit(master.port); i++)
        master.port->rxq[i]->cache = master.port->txq[i]->cache = &cache;
    assert_int_equal(port_start(master.port), 0);
    igb_model_set_link(&master.model, true);
    if (vfs)
        assert_int_equal(master.port->vf->enable(master.port, vfs, false, &master.why), 0);
    for (unsigned i = 0; i < vfs; i++)
        igb_model_vf_play(&master.model, i);
    master_polls(20);
}

void master_start(enum igb_model_chip chip, unsigned vfs)
{
    master_start_as(chip, vfs, 0x8086);
}

void master_stop(void)
{
    driver()->remove(master.model.function);
    assert_int_equal(host_dma_mapped(&master.model.function->dma), 0);
    packet_cache_flush(&cache);
    assert_int_equal(packet_pool_available(pool), PACKETS);
    packet_pool_destroy(pool);
    assert_int_equal(igb_model_pf_violations(&master.model), 0);
    assert_int_equal(host_dma_refused(), 0);
}

void master_polls(unsigned times)
{
    while (times--) {
        host_advance_us(US_PER_MS);
        port_poll(master.port, time_us());
    }
}

bool master_hears(unsigned vf)
{
    memset(master.reply, 0, sizeof master.reply);
    return igb_model_vf_receive(&master.model, vf, master.reply);
}

bool master_ask(unsigned vf, const uint32_t *words, unsigned n)
{
    assert_true(igb_model_vf_send(&master.model, vf, words, n));
    master_polls(1);
    return master_hears(vf);
}

void master_reset_vf(unsigned vf)
{
    assert_true(MASTER_ASK(vf, MBX_VF_RESET));
    assert_int_equal(master.reply[0], MBX_VF_RESET | MBX_ACK);
}

bool master_acked(unsigned vf, uint32_t type)
{
    return (master.reply[0] & ~MBX_INFO) == (type | MBX_ACK | MBX_CTS);
}

bool master_nacked(uint32_t type)
{
    return (master.reply[0] & ~MBX_INFO) == (type | MBX_NACK | MBX_CTS);
}

struct vf_info master_info(unsigned vf)
{
    struct vf_info info;
    master.port->vf->info(master.port, vf, &info);
    return info;
}

int master_set(unsigned vf, void (*change)(struct vf_policy *policy, uint64_t value),
               uint64_t value)
{
    struct vf_policy policy = master_info(vf).policy;
    change(&policy, value);
    return master.port->vf->set(master.port, vf, &policy, &master.why);
}

void set_mac(struct vf_policy *policy, uint64_t value)
{
    for (unsigned i = 0; i < MAC_LEN; i++)
        policy->mac[i] = (uint8_t)(value >> (40 - 8 * i));
    policy->mac_set = true;
}

void set_vlan(struct vf_policy *policy, uint64_t value)
{
    policy->vlan = (uint16_t)value;
}

void set_rate(struct vf_policy *policy, uint64_t value)
{
    policy->rate_mbps = (uint32_t)value;
}

void set_link(struct vf_policy *policy, uint64_t value)
{
    policy->link = (enum vf_link)value;
}

void set_trust(struct vf_policy *policy, uint64_t value)
{
    policy->trust = value;
}

void set_spoofcheck(struct vf_policy *policy, uint64_t value)
{
    policy->spoofcheck = value;
}

uint32_t master_reg(uint32_t reg)
{
    return igb_model_reg(&master.model, reg);
}

/* Frames ------------------------------------------------------------------------- */

uint64_t mac_number(const uint8_t *mac)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < MAC_LEN; i++)
        number = number << 8 | mac[i];
    return number;
}

static uint32_t frame_build(uint8_t *frame, uint64_t to, uint64_t from, uint16_t vlan, uint8_t n)
{
    uint32_t at = 12;
    memset(frame, n, FRAME + VLAN_TAG);
    for (unsigned i = 0; i < MAC_LEN; i++) {
        frame[i] = (uint8_t)(to >> (40 - 8 * i));
        frame[MAC_LEN + i] = (uint8_t)(from >> (40 - 8 * i));
    }
    if (vlan) {
        memcpy(frame + at, (uint8_t[]){ 0x81, 0, (uint8_t)(vlan >> 8), (uint8_t)vlan }, VLAN_TAG);
        at += VLAN_TAG;
    }
    memcpy(frame + at, (uint8_t[]){ 0x88, 0xb5 }, 2);
    return FRAME + (vlan ? VLAN_TAG : 0);
}

void frame_from_wire(uint64_t to, uint64_t from, uint16_t vlan, uint8_t n)
{
    uint8_t frame[FRAME + VLAN_TAG];
    igb_model_inject(&master.model, frame, frame_build(frame, to, from, vlan, n));
}

bool frame_from_vf(unsigned vf, uint64_t to, uint64_t from, uint16_t vlan, uint8_t n)
{
    uint8_t frame[FRAME + VLAN_TAG];
    return igb_model_vf_transmit(&master.model, vf, frame, frame_build(frame, to, from, vlan, n),
                                 0);
}

void frame_from_pf(uint64_t to, uint64_t from, uint8_t n)
{
    struct packet *p = packet_alloc(&cache);
    assert_non_null(p);
    p->length = (uint16_t)frame_build(p->data, to, from, 0, n);
    p->frame_length = p->length;
    assert_int_equal(port_tx_burst(master.port->txq[0], &p, 1), 1);
}

static bool frame_is(const uint8_t *frame, uint32_t length, uint8_t n, uint16_t *vlan)
{
    bool tagged = frame[12] == 0x81 && !frame[13];
    if (!length)
        return false;
    assert_int_equal(frame[20], n);
    *vlan = tagged ? (uint16_t)(frame[14] << 8 | frame[15]) : 0;
    return true;
}

static bool at_pf(uint8_t n, uint16_t *vlan)
{
    bool got = false;
    struct packet *p;
    for (unsigned q = 0; q < master.port->rx_queues; q++)
        while (port_rx_burst(master.port->rxq[q], &p, 1)) {
            assert_false(got);
            got = frame_is(p->data, p->frame_length, n, vlan);
            packet_free(&cache, p);
        }
    return got;
}

unsigned frame_at(uint8_t n, uint16_t *vlan)
{
    uint8_t frame[IGB_MODEL_FRAME];
    unsigned at = 0;
    uint16_t unused;
    vlan = vlan ? vlan : &unused;
    if (frame_is(frame, igb_model_take(&master.model, frame, sizeof frame), n, vlan))
        at |= AT_WIRE;
    assert_int_equal(igb_model_take(&master.model, frame, sizeof frame), 0);
    for (unsigned i = 0; i < IGB_VFS_MAX; i++) {
        if (frame_is(frame, igb_model_vf_take(&master.model, i, frame, sizeof frame), n, vlan))
            at |= 1u << i;
        assert_int_equal(igb_model_vf_take(&master.model, i, frame, sizeof frame), 0);
    }
    return at_pf(n, vlan) ? at | AT_PF : at;
}
