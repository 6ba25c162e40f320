/* hostile_vfs.h - VFs that say and do what the input wants, before a PF whose administrator
 * does the same: whatever was granted keeps the policies, no VF has what is another's, and the
 * PF's driver breaks no rule of the document.  Two chips of a family live through all inputs (VFs
 * take long to make); in the end of each their VFs are as new.
 *
 * For a harness of its own for each master driver, which says before: `models`, two of them, and
 * `model`; MODEL(), CHIP_0 and CHIP_1, MESSAGE; V_MAILBOX, a VF's register; VFS, and `infos` of
 * them; TYPES of messages, a mask; FRAME_MOST, VLANS_MOST of a VF; may_receive(vf),
 * check_filters(), and `ranges` of registers that VFs change. */
#pragma once

#include "apps/forward/access.h"
#include "kernel/time.h"
#include "nic/intel/vf_server.h"
#include "tests/fuzz/harness.h"
#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

#define PACKETS 512u
#define STRIKES 4u               /* until a VF is muted (vf_server.c) */
#define AGE_US (1024 * US_PER_S) /* longer than anything waits */
#define V_CTRL 0u
#define PF_CHANGES 7u /* a step that all VFs feel */
#define V_CTRL_RST 0x04000000u

TABLE_DECLARE(pci_drivers, struct pci_driver);

static const uint8_t address[MAC_LEN] = { 0x52, 0x54, 0, 1, 2, 3 };
static const uint8_t other_address[MAC_LEN] = { 0x52, 0x54, 0, 1, 2, 4 };
static struct packet_pool *pool;
static struct packet_cache cache;
static struct port *port;
static unsigned touched; /* VFs of the present input, a bit each */
static unsigned struck;  /* and those that were malicious */

/* What must hold ------------------------------------------------------------------- */

static struct vf_info info_of(unsigned vf)
{
    struct vf_info info;
    port->vf->info(port, vf, &info);
    return info;
}

static void check_vf(unsigned vf)
{
    struct vf_info info = infos[vf];
    bool up = may_receive(vf);
    must(!(info.mac[0] & 1) && memcmp(info.mac, port->mac, MAC_LEN));
    must(info.frame >= VF_FRAME_MIN && info.frame <= FRAME_MOST);
    must(info.macs <= VF_MACS && info.vlans < VLANS_MOST);
    must(info.policy.trust || !info.promiscuous);
    must(!info.policy.mac_set || info.policy.trust ||
         (!memcmp(info.mac, info.policy.mac, MAC_LEN) && !info.macs));
    must(!info.policy.vlan || !info.vlans);
    must(!up || (info.mailbox != VF_MAILBOX_CLOSED && info.mailbox != VF_MAILBOX_MUTED));
    must(!up || info.policy.link != VF_LINK_DOWN);
    must(info.refused + info.invalid <= 2 * info.messages + 1000);
    for (unsigned i = 0; i < vf; i++)
        must(memcmp(infos[i].mac, info.mac, MAC_LEN));
}

static void check(void)
{
    if (port->state != PORT_RUNNING || !port->vf_count)
        return;
    for (unsigned vf = 0; vf < VFS; vf++)
        infos[vf] = info_of(vf);
    for (unsigned vf = 0; vf < VFS; vf++)
        check_vf(vf);
    check_filters();
    must(!MODEL(pf_violations)(model));
}

static void tell_outcome(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++)
        outcome(&model->regs[ranges[i].first / 4], ranges[i].last - ranges[i].first + 4);
}

/* What happens ------------------------------------------------------------------------ */

static void polls(unsigned n)
{
    while (n--) {
        host_advance_us(US_PER_MS);
        port_poll(port, time_us());
    }
}

/* Types that exist, mostly, and words that mean something now and then. */
static void vf_says(struct input *in, unsigned vf)
{
    uint32_t words[MBX_WORDS], n = 1 + (uint32_t)take_value(in, 1) % MBX_WORDS;
    words[0] = (uint32_t)take_value(in, 4);
    if (words[0] & 0x8000)
        words[0] &= 0x00ff0000 | TYPES;
    for (unsigned i = 1; i < n; i++)
        words[i] = (uint32_t)take_value(in, 2);
    if (n > 2 && (words[0] & 0x10))
        memcpy(&words[1], info_of((vf + 1) % VFS).mac, MAC_LEN);
    MODEL(vf_send)(model, vf, words, n);
}

static void administrator(struct input *in, unsigned vf)
{
    struct vf_policy policy = info_of(vf).policy;
    const char *why = NULL;
    uint32_t what = (uint32_t)take_value(in, 1);
    policy.trust = what & 1;
    policy.spoofcheck = what & 2;
    policy.link = (enum vf_link)(what >> 2 & 3);
    if (policy.link > VF_LINK_DOWN)
        policy.link = VF_LINK_AUTO;
    if (what & 0x10) {
        policy.mac[0] = (uint8_t)take_value(in, 1);
        policy.mac[5] = (uint8_t)take_value(in, 1);
        policy.mac_set = true;
    }
    if (what & 0x20)
        policy.vlan = (uint16_t)(take_value(in, 2) % 5000);
    if (what & 0x40)
        policy.rate_mbps = (uint32_t)take_value(in, 2);
    must(!port->vf->set(port, vf, &policy, &why) || why);
}

static void pf_changes(struct input *in)
{
    const struct port_rx_mode mode = { .promiscuous = take_value(in, 1) & 1 };
    switch (take_value(in, 1) % 5) {
    case 0:
        port_stop(port);
        break;
    case 1:
        port_start(port);
        MODEL(set_link)(model, true);
        break;
    case 2:
        MODEL(set_link)(model, take_value(in, 1) & 1);
        break;
    case 3:
        port_set_rx_mode(port, &mode);
        break;
    case 4:
        access_set_vlan(port, (uint16_t)take_value(in, 2));
        break;
    }
}

static void something(struct input *in)
{
    uint32_t what = (uint32_t)take_value(in, 1), words[MESSAGE];
    unsigned vf = what >> 4 & 3;
    vf = vf < VFS ? vf : 0;
    touched |= (what & 15) == PF_CHANGES ? (1u << VFS) - 1 : 1u << vf;
    switch (what & 15) {
    case 0:
        MODEL(vf_flr)(model, vf);
        break;
    case 1:
        MODEL(vf_write)(model, vf, V_CTRL, V_CTRL_RST);
        break;
    case 2:
        MODEL(vf_hold)(model, vf, take_value(in, 1) & 1);
        break;
    case 3:
        MODEL(vf_write)(model, vf, V_MAILBOX, (uint32_t)take_value(in, 1) & 7);
        break;
    case 4:
        MODEL(vf_receive)(model, vf, words);
        break;
    case 5:
        MODEL(malicious)(model, vf);
        struck |= 1u << vf;
        break;
    case 6:
        administrator(in, vf);
        break;
    case PF_CHANGES:
        pf_changes(in);
        break;
    case 8:
        words[0] = MBX_VF_RESET;
        MODEL(vf_send)(model, vf, words, 1);
        polls(1);
        break;
    case 9:
        polls((unsigned)take_value(in, 1) & 31);
        break;
    default:
        vf_says(in, vf);
        polls(what >> 6);
        break;
    }
}

/* Life ---------------------------------------------------------------------------------- */

static void begin(void)
{
    const char *why;
    host_reset();
    port_reset_registry();
    pcispace_reset();
    host_advance_us(US_PER_S);
    pool = packet_pool_create(PACKETS);
    packet_cache_init(&cache, pool);
    MODEL(attach)(&models[0], CHIP_0, address, 4);
    MODEL(attach)(&models[1], CHIP_1, other_address, 5);
    must(pci_scan() == 4);
    MODEL(found)(&models[0]);
    MODEL(found)(&models[1]);
    must(pci_probe_drivers() == 2);
    for (unsigned n = 0; n < 2; n++) {
        port = port_get(n);
        for (unsigned i = 0; i < port_queues_limit(port); i++)
            port->rxq[i]->cache = port->txq[i]->cache = &cache;
        must(!port_start(port));
        MODEL(set_link)(&models[n], true);
        must(!port->vf->enable(port, VFS, true, &why));
    }
}

/* Until they are muted: afterwards none counts against them. */
static void strike_out(void)
{
    for (unsigned i = 0; struck && i < STRIKES; i++) {
        for (unsigned vf = 0; vf < VFS; vf++)
            if (struck >> vf & 1)
                MODEL(malicious)(model, vf);
        host_advance_us(US_PER_S);
        polls(1);
    }
}

/* Of the VFs that the input touched, for it takes long; whatever else it changed. */
static void as_new(void)
{
    const struct port_rx_mode mode = { 0 };
    const char *why;
    MODEL(set_link)(model, true);
    must(!port_start(port));
    if (port->rx_mode.promiscuous)
        must(!port_set_rx_mode(port, &mode));
    if (port->vlan)
        must(!access_set_vlan(port, 0));
    for (unsigned vf = 0; vf < VFS; vf++) {
        struct vf_policy policy = { .spoofcheck = true, .mac = { 2, 0, 0, 0, 9, (uint8_t)vf } };
        MODEL(vf_hold)(model, vf, false);
        if (touched >> vf & 1)
            must(!port->vf->set(port, vf, &policy, &why));
    }
    polls(20); /* events that nobody looked at yet */
    strike_out();
    host_advance_us(VF_MUTED_US);
    for (unsigned vf = 0; vf < VFS; vf++)
        if (touched >> vf & 1)
            MODEL(vf_flr)(model, vf);
    polls(2);
}

/* A flood of messages has an end: then a VF that behaves is served. */
static void check_service(void)
{
    uint32_t words[MESSAGE] = { MBX_VF_RESET };
    host_advance_us(400 * US_PER_MS);
    polls(5);
    for (unsigned vf = 0; vf < VFS; vf++) {
        MODEL(vf_receive)(model, vf, words);
        if (!(touched >> vf & 1))
            continue;
        words[0] = MBX_VF_RESET;
        must(MODEL(vf_send)(model, vf, words, 1));
        polls(1);
        must(MODEL(vf_receive)(model, vf, words) && words[0] == (MBX_VF_RESET | MBX_ACK));
    }
    host_advance_us(VF_MUTED_US); /* whatever happens every so often is due at once */
    polls(1);
    host_set_time_us(ALIGN_UP(time_us() + AGE_US, AGE_US)); /* and again in the next input */
}

/* As they are between inputs. */
static uint32_t as_before[2][sizeof models[0].regs / 4];

static void check_nothing_left(void)
{
    const uint32_t *before = as_before[model - models];
    for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++)
        must(!memcmp(&before[ranges[i].first / 4], &model->regs[ranges[i].first / 4],
                     ranges[i].last - ranges[i].first + 4));
    for (unsigned vf = 0; vf < VFS; vf++) {
        struct vf_info info = info_of(vf);
        must(info.mailbox == VF_MAILBOX_OPEN && !info.promiscuous && !info.all_multicast);
        must(!info.macs && !info.vlans && !info.multicast && !info.policy.mac_set);
    }
}

static void choose(unsigned which)
{
    model = &models[which];
    port = port_get(which);
}

static void end(void)
{
    polls(2);
    check();
    as_new();
    check_service();
}

static void first(void)
{
    begin();
    for (unsigned which = 0; which < 2; which++) {
        choose(which);
        touched = (1u << VFS) - 1;
        end();
        memcpy(as_before[which], model->regs, sizeof model->regs);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    if (!pool)
        first();
    choose(take_value(&in, 1) & 1);
    touched = struck = 0;
    while (in.size) {
        something(&in);
        check();
        tell_outcome();
    }
    end();
    check_nothing_left();
    return 0;
}
