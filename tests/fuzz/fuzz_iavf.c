/* iavf.c under a hostile PF, in virtchnl's words: any answer, in any order, late, twice or never;
 * announcements; resets of every origin at any time; and a hostile chip, whose admin queue, receive
 * and transmit descriptors are as the input says.  The port keeps hostile_port.h's rules.  What it
 * says to its PF is well-formed whatever it heard; nothing is asked while something else is under
 * way; what it makes of grants stays within what the driver can hold; memory of queues that may be
 * on is never given back; and when the PF behaves it is found again. */
#include "nic/intel/iavf/iavf.h"
#include "pci/pci_regs.h"
#include "tests/models/i40e_aq_device.h"
#include "tests/models/pcispace_config.h"

#define QUEUES 3u

#include "tests/fuzz/hostile_port.h"

#define CAPS_ALL \
    (VIRTCHNL_CAP_L2 | VIRTCHNL_CAP_RSS_REG | VIRTCHNL_CAP_WB_ON_ITR | VIRTCHNL_CAP_LINK_SPEED | \
     VIRTCHNL_CAP_REQUEST_QUEUES | VIRTCHNL_CAP_VLAN_V2 | VIRTCHNL_CAP_VLAN | \
     VIRTCHNL_CAP_RSS_PF | VIRTCHNL_CAP_FLEX_RX)
#define CHIP_FRAME 9728u /* with FCS, of these chips */
#define MBPS_MAX 1000000u
/* Pauses between resets grow to 5 s, and a reset may be missed. */
#define FOUND_US (30 * US_PER_S)

static struct i40e_aq_device aq;
static uint32_t regs[IAVF_BAR_SIZE / 4];
static uint32_t rstat;
static bool gone, dead; /* registers read ones, or deadbeef */
static enum { GRANTS, REFUSES, BABBLES, SILENT } pf;
static struct virtchnl_resources given;
static struct virtchnl_vlan_caps vlan_caps;
static uint32_t asked;        /* the operation that nothing has come for; 0: none */
static bool spoilt;           /* the input wrote into the admin queue since it was reset */
static uint32_t on_rx, on_tx; /* queues that may be on */
static struct virtchnl_queue_pair pairs[QUEUES];
static uint32_t returned[QUEUES], turn;
static uint64_t missed;

/* The chip --------------------------------------------------------------------- */

static void chip_reset(void)
{
    i40e_aq_device_reset(&aq);
    on_rx = on_tx = 0;
    asked = 0;
    spoilt = false;
    rstat = VIRTCHNL_RESETTING;
}

static void wrong(void *owner, const char *what, uint64_t value)
{
    must(spoilt);
}

static void news(void *owner) {}

/* An answer, or an event.  Whoever says that queues are off is believed: the fence does the rest.
 */
static void tell(uint32_t op, int32_t status, const void *bytes, uint16_t n)
{
    const struct i40e_aq_desc d = { .opcode = VIRTCHNL_TO_VF,
                                    .cookie_high = op,
                                    .cookie_low = (uint32_t)status };
    if (!i40e_aq_device_event(&aq, &d, bytes, n))
        return;
    if (op == VIRTCHNL_DISABLE_QUEUES && !status)
        on_rx = on_tx = 0;
    if (op == asked)
        asked = 0;
}

/* What was said ------------------------------------------------------------------ */

static uint32_t list_length(uint32_t head, uint32_t element, uint32_t count)
{
    return head + (count + 1) * element;
}

static void check_ring(uint64_t ring, uint32_t descriptors, uint32_t size)
{
    uint8_t byte;
    must(descriptors == RING);
    must(!host_dma_read(&function->dma, ring, &byte, 1));
    must(!host_dma_read(&function->dma, ring + descriptors * size - 1, &byte, 1));
}

static void heard_queues(const uint8_t *bytes, uint32_t n)
{
    struct virtchnl_queues head;
    memcpy(&head, bytes, sizeof head);
    must(head.pairs && head.pairs <= QUEUES && !on_rx && !on_tx);
    must(n == list_length(sizeof head, sizeof pairs[0], head.pairs));
    memcpy(pairs, bytes + sizeof head, head.pairs * sizeof pairs[0]);
    for (unsigned q = 0; q < head.pairs; q++) {
        must(pairs[q].rx.queue == q && pairs[q].tx.queue == q && pairs[q].rx.rxdid <= 2);
        must(pairs[q].rx.max_frame <= CHIP_FRAME && pairs[q].rx.buffer_size == PACKET_BUFFER_SIZE);
        check_ring(pairs[q].rx.ring, pairs[q].rx.length, 32);
        check_ring(pairs[q].tx.ring, pairs[q].tx.length, 16);
        returned[q] = 0;
    }
}

static void heard_vectors(const uint8_t *bytes, uint32_t n)
{
    struct virtchnl_vector v;
    uint16_t count;
    memcpy(&count, bytes, sizeof count);
    must(count && count <= QUEUES && n == list_length(sizeof count, sizeof v, count));
    for (unsigned i = 0; i < count; i++) {
        memcpy(&v, bytes + sizeof count + i * sizeof v, sizeof v);
        must(v.vector && !((v.rx_queues | v.tx_queues) >> QUEUES));
    }
}

static void heard_select(uint32_t op, const uint8_t *bytes, uint32_t n)
{
    struct virtchnl_queue_select s;
    memcpy(&s, bytes, sizeof s);
    must(n == sizeof s && s.rx && s.rx == s.tx && !(s.rx >> QUEUES));
    if (op == VIRTCHNL_ENABLE_QUEUES) {
        on_rx = s.rx;
        on_tx = s.tx;
    }
}

static void heard_macs(const uint8_t *bytes, uint32_t n)
{
    struct virtchnl_mac_list head;
    struct virtchnl_mac mac;
    memcpy(&head, bytes, sizeof head);
    must(head.count && head.count <= IAVF_GROUPS_MAX);
    must(n == list_length(sizeof head, sizeof mac, head.count));
    for (unsigned i = 0; i < head.count; i++) {
        memcpy(&mac, bytes + sizeof head + i * sizeof mac, sizeof mac);
        must(mac_is_station(mac.address) || mac.address[0] & 1);
    }
}

static void heard_vlans(uint32_t op, const uint8_t *bytes, uint32_t n)
{
    bool v2 = op == VIRTCHNL_ADD_VLAN_V2 || op == VIRTCHNL_DELETE_VLAN_V2;
    struct virtchnl_vlan_list_v2 head;
    struct virtchnl_vlan_filter f;
    uint16_t vid;
    memcpy(&head, bytes, sizeof head);
    memcpy(&f, bytes + sizeof head, sizeof f);
    memcpy(&vid, bytes + sizeof(struct virtchnl_vlan_list), sizeof vid);
    if (v2)
        vid = f.inner.tpid ? f.inner.tci : f.outer.tci;
    must(head.count == 1 && vid && vid <= VLAN_MAX);
    must(n == (v2 ? sizeof head + sizeof f
                  : list_length(sizeof(struct virtchnl_vlan_list), sizeof vid, 1)));
}

static void heard_rss(const uint8_t *bytes, uint32_t n)
{
    uint16_t head[2];
    memcpy(head, bytes, sizeof head);
    must(head[1] && n == list_length(sizeof head, 1, head[1]));
}

/* Whatever the PF made the VF believe. */
static void heard(uint32_t op, const uint8_t *bytes, uint32_t n)
{
    switch (op) {
    case VIRTCHNL_VERSION:
        must(n == sizeof(struct virtchnl_version));
        break;
    case VIRTCHNL_GET_RESOURCES:
        must(n == 0 || n == 4);
        break;
    case VIRTCHNL_CONFIG_QUEUES:
        heard_queues(bytes, n);
        break;
    case VIRTCHNL_CONFIG_IRQ_MAP:
        heard_vectors(bytes, n);
        break;
    case VIRTCHNL_ENABLE_QUEUES:
    case VIRTCHNL_DISABLE_QUEUES:
        heard_select(op, bytes, n);
        break;
    case VIRTCHNL_ADD_MAC:
    case VIRTCHNL_DELETE_MAC:
        heard_macs(bytes, n);
        break;
    case VIRTCHNL_ADD_VLAN:
    case VIRTCHNL_DELETE_VLAN:
    case VIRTCHNL_ADD_VLAN_V2:
    case VIRTCHNL_DELETE_VLAN_V2:
        heard_vlans(op, bytes, n);
        break;
    case VIRTCHNL_RSS_KEY:
    case VIRTCHNL_RSS_LUT:
        heard_rss(bytes, n);
        break;
    case VIRTCHNL_PROMISCUOUS:
        must(n == sizeof(struct virtchnl_promiscuous));
        break;
    case VIRTCHNL_GET_STATS:
        must(n == sizeof(struct virtchnl_queue_select));
        break;
    case VIRTCHNL_SET_RSS_HENA:
        must(n == sizeof(struct virtchnl_rss_hena));
        break;
    case VIRTCHNL_REQUEST_QUEUES:
        must(n == sizeof(struct virtchnl_queue_request));
        break;
    case VIRTCHNL_STRIP_ON_V2:
    case VIRTCHNL_STRIP_OFF_V2:
    case VIRTCHNL_INSERT_ON_V2:
    case VIRTCHNL_INSERT_OFF_V2:
        must(n == sizeof(struct virtchnl_vlan_setting));
        break;
    default:
        must(!n &&
             (op == VIRTCHNL_RESET_VF || op == VIRTCHNL_STRIP_ON || op == VIRTCHNL_STRIP_OFF ||
              op == VIRTCHNL_GET_RXDIDS || op == VIRTCHNL_GET_VLAN_CAPS));
        break;
    }
}

/* The PF -------------------------------------------------------------------------- */

static void vf_is_reset(void)
{
    chip_reset();
    gone = dead = false;
    rstat = VIRTCHNL_ACTIVE;
}

static void grant(uint32_t op, const uint8_t *bytes)
{
    const struct virtchnl_version version = { 1, given.caps ? 1 : 0 };
    const struct virtchnl_rxdids formats = { (uint64_t)given.caps >> 24 };
    const struct virtchnl_event up = { .code = VIRTCHNL_EVENT_LINK, .speed = 0x40, .up = 1 };
    switch (op) {
    case VIRTCHNL_VERSION:
        tell(op, 0, &version, sizeof version);
        break;
    case VIRTCHNL_GET_RESOURCES:
        tell(op, 0, &given, sizeof given);
        break;
    case VIRTCHNL_GET_RXDIDS:
        tell(op, 0, &formats, sizeof formats);
        break;
    case VIRTCHNL_GET_VLAN_CAPS:
        tell(op, 0, &vlan_caps, sizeof vlan_caps);
        break;
    case VIRTCHNL_GET_STATS: {
        const struct virtchnl_stats stats = { .rx_discards = take(2) };
        tell(op, 0, &stats, sizeof stats);
        break;
    }
    case VIRTCHNL_REQUEST_QUEUES:
        memcpy(&given.queue_pairs, bytes, sizeof given.queue_pairs);
        tell(op, 0, bytes, sizeof given.queue_pairs);
        vf_is_reset();
        break;
    case VIRTCHNL_RESET_VF:
        vf_is_reset();
        break;
    default:
        tell(op, 0, NULL, 0);
        if (op == VIRTCHNL_ENABLE_QUEUES)
            tell(VIRTCHNL_EVENT, 0, &up, sizeof up);
    }
}

static void babble(uint32_t op)
{
    uint8_t bytes[256];
    uint8_t how = (uint8_t)take(1);
    uint16_t n = (uint16_t)take(1);
    memset(bytes, 0, sizeof bytes);
    for (unsigned i = 0; i < n && in.size; i++)
        bytes[i] = (uint8_t)take(1);
    tell(how & 1 ? op : take(1), how & 2 ? -5 : 0, bytes,
         how & 4 ? n : sizeof(struct virtchnl_resources));
}

static void command(void *owner, struct i40e_aq_desc *desc, uint8_t bytes[I40E_AQ_BUFFER])
{
    uint32_t op = desc->cookie_high;
    if (spoilt) { /* it may be nobody's */
        tell(op, -5, NULL, 0);
        return;
    }
    must(desc->opcode == VIRTCHNL_TO_PF && op);
    must(!asked || asked == op || op == VIRTCHNL_RESET_VF);
    heard(op, bytes, desc->flags & I40E_AQ_BUF ? desc->length : 0);
    asked = op == VIRTCHNL_RESET_VF ? 0 : op; /* which has no answer */
    if (pf == GRANTS)
        grant(op, bytes);
    else if (pf == REFUSES)
        tell(op, -5, NULL, 0);
    else if (pf == BABBLES)
        babble(op);
}

/* Unasked. */
static void pf_says(unsigned which)
{
    struct virtchnl_event e = { .code = 1 + which % 3, .speed = 1u << which % 8, .up = which & 1 };
    if (which < 8)
        tell(VIRTCHNL_EVENT, 0, &e, sizeof e);
    else if (which < 11)
        tell(asked, which & 1 ? -5 : 0, &given, sizeof given);
    else if (which < 13)
        tell((uint32_t)take(1), (int32_t)take(1) - 1, &e, sizeof e);
    else
        babble(VIRTCHNL_EVENT);
}

static void pf_grants_otherwise(void)
{
    static const uint16_t queues[] = { 1, 2, 4, 16, 0, 3, 17, 65535 };
    uint8_t which = (uint8_t)take(1);
    given.queue_pairs = given.vsi[0].queue_pairs = queues[which & 7];
    given.caps = which & 8 ? (uint32_t)take(4) : which & 0x10 ? 0 : CAPS_ALL;
    given.vectors = which & 0x20 ? (uint16_t)take(1) : 5;
    given.max_frame = which & 0x40 ? (uint16_t)take(2) : 0;
    if (which & 0x80) {
        given.vsi[0].mac[0] = (uint8_t)take(1);
        given.rss_key_size = (uint32_t)take(2);
        given.rss_lut_size = (uint32_t)take(2);
        vlan_caps.strip.inner = vlan_caps.insert.inner = (uint32_t)take(2);
        vlan_caps.filter.outer = (uint32_t)take(1);
    }
}

/* Registers ----------------------------------------------------------------------- */

static uint64_t bar_read(void *ctx, unsigned bar, uint64_t offset, unsigned size)
{
    uint32_t value;
    must(size == 4 && !bar);
    if (gone || dead)
        return gone ? UINT32_MAX : IAVF_RESETTING;
    if (i40e_aq_device_read(&aq, (uint32_t)offset, &value))
        return value;
    return offset == IAVF_VFGEN_RSTAT ? rstat : regs[offset / 4];
}

static bool is_tail(uint64_t offset, uint32_t first)
{
    return offset >= first && offset < first + 4 * IAVF_QUEUES;
}

static void bar_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
    must(size == 4 && !bar);
    stirred = true;
    if (gone || dead || i40e_aq_device_write(&aq, (uint32_t)offset, (uint32_t)value))
        return;
    if (is_tail(offset, IAVF_QRX_TAIL(0)) || is_tail(offset, IAVF_QTX_TAIL(0)))
        must(value < RING && (offset & 0x3f) / 4 < QUEUES);
    regs[offset / 4] = (uint32_t)value;
}

static void config_written(void *ctx, uint16_t offset, unsigned size)
{
    unsigned at = config_find_express(&device) + PCI_EXPRESS_DEVICE_CTL;
    if (offset > at + 1 || offset + size <= at || !(config_get(device.config + at, 2) & CONFIG_FLR))
        return;
    config_put(device.config + at, 0, 2);
    config_put(device.config + PCI_COMMAND, 0, 2);
    vf_is_reset();
}

/* Who waits does so in large steps. */
static void yielded(void)
{
    host_advance_us(20 * US_PER_MS);
}

static void honest(void)
{
    static const struct virtchnl_resources usual = {
        .vsis = 1,
        .queue_pairs = 4,
        .vectors = 5,
        .caps = CAPS_ALL,
        .rss_key_size = 52,
        .rss_lut_size = 64,
        .vsi[0] = { .id = 7, .queue_pairs = 4, .type = VIRTCHNL_VSI_SRIOV, .mac = { 2, 3, 4 } }
    };
    const uint32_t tags = VIRTCHNL_VLAN_8100 | VIRTCHNL_VLAN_TOGGLE | VIRTCHNL_VLAN_L2TAG1;
    pf = GRANTS;
    given = usual;
    vlan_caps = (struct virtchnl_vlan_caps){ .strip.inner = tags, .insert.inner = tags };
}

static void plug(void)
{
    pcispace_reset();
    host_set_yield(yielded);
    host_set_look_us(20 * US_PER_MS);
    memset(regs, 0, sizeof regs);
    memset(returned, 0, sizeof returned);
    memset(pairs, 0, sizeof pairs);
    turn = 0;
    missed = 0;
    honest();
    pcispace_device_init(&device, 0x8086, 0x1889, 0x020000);
    device.config_size = PCI_EXTENDED_SIZE;
    device.capability_end = 0x70;
    config_add_express(&device, PCI_EXPRESS_ENDPOINT, true, false);
    device.bar[0] = (struct pcispace_bar){ IAVF_BAR_SIZE, .is64 = true, .prefetchable = true };
    device.bar_read = bar_read;
    device.bar_write = bar_write;
    device.config_written = config_written;
    aq = (struct i40e_aq_device){ .layout = &i40e_aq_regs_vf,
                                  .device = &device,
                                  .wrong = wrong,
                                  .command = command,
                                  .news = news };
    vf_is_reset();
    pcispace_add(&device, NULL, 3, 0);
    must(pci_scan() == 1);
    function = pci_first();
}

/* What happens ---------------------------------------------------------------------- */

static bool master(void)
{
    return device.config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

/* What is not mapped any more is not reached. */
static void scribble(uint64_t ring, uint32_t word, uint64_t value)
{
    if (master())
        host_dma_write(&function->dma, ring + 8ull * word, &value, sizeof value);
}

static void scribble_adminq(uint8_t how)
{
    const uint32_t *ring = how & 1 ? aq.send : aq.receive; /* base in 0 and 1 */
    uint64_t at = (uint64_t)ring[1] << 32 | ring[0];
    spoilt = true;
    scribble(at, (how >> 1) + 128 * (uint32_t)(take(1) & 7), take(8));
}

static void return_descriptor(void)
{
    static const uint16_t lengths[] = { 0, 60, 127, 128, 1514, 1518, 2048, 2049 };
    uint32_t q = turn++ % QUEUES;
    uint8_t how = (uint8_t)take(1);
    uint64_t length = how & 2 ? take(2) : lengths[how >> 2 & 7];
    uint64_t more = how & 0x40 ? take(8) : 0;
    bool flex = pairs[q].rx.rxdid == VIRTCHNL_RXDID_FLEX_NIC;
    uint32_t slot = how & 0x80 ? (uint32_t)take(1) % RING : returned[q]++ % RING;
    scribble(pairs[q].rx.ring, 4 * slot, flex ? FIELD_PUT(I40E_RXF_LENGTH, length) : more);
    scribble(pairs[q].rx.ring, 4 * slot + 1,
             I40E_RXD_DD | (how & 1 ? I40E_RXD_EOP : 0) | more |
                 (flex ? 0 : FIELD_PUT(I40E_RXD_LENGTH, length)));
}

static void transmit_all(unsigned q)
{
    for (uint32_t i = 0; i < RING; i++)
        scribble(pairs[q].tx.ring, 2 * i + 1, I40E_TXD_DTYPE);
}

static void reset_in_some_way(unsigned which)
{
    switch (which % 6) {
    case 0:
        vf_is_reset();
        break;
    case 1:
        chip_reset();
        break;
    case 2:
        rstat = (uint32_t)take(1);
        break;
    case 3:
        chip_reset();
        dead = !dead;
        break;
    case 4:
        chip_reset();
        gone = !gone;
        break;
    default:
        config_put(device.config + config_find_express(&device) + PCI_EXPRESS_DEVICE_CTL,
                   CONFIG_FLR, 2);
        config_written(NULL, (uint16_t)(config_find_express(&device) + PCI_EXPRESS_DEVICE_CTL), 2);
        break;
    }
}

static void look_closely(struct port *port)
{
    struct port_device_stats stats;
    look(port);
    port->ops->stats(port, &stats);
    must(stats.rx_missed >= missed);
    missed = stats.rx_missed;
}

/* A queue that may be on has its memory. */
static void check_queues(const struct port *port)
{
    const struct iavf *e = port->priv;
    must(e->live <= e->queues && e->queues <= QUEUES && e->given.queue_pairs <= IAVF_QUEUES);
    must(e->group_count <= IAVF_GROUPS_MAX && e->given.max_frame <= CHIP_FRAME);
    must(port->link.speed_mbps <= MBPS_MAX);
    for (unsigned q = 0; q < QUEUES; q++) {
        if (on_rx >> q & 1)
            check_ring(pairs[q].rx.ring, pairs[q].rx.length, 32);
        if (on_tx >> q & 1)
            check_ring(pairs[q].tx.ring, pairs[q].tx.length, 16);
    }
}

static void step(struct port *port)
{
    uint8_t what = (uint8_t)take(1);
    unsigned more = what / 16;
    switch (what % 16) {
    case 0:
        return_descriptor();
        break;
    case 1:
        receive(port);
        break;
    case 2:
        send(port, (uint16_t)take(2));
        break;
    case 3:
        scribble(more & 1 ? pairs[more % QUEUES].rx.ring : pairs[more % QUEUES].tx.ring,
                 (uint32_t)take(1), take(8));
        break;
    case 4:
        transmit_all(more % QUEUES);
        break;
    case 5:
        scribble_adminq((uint8_t)take(1));
        break;
    case 6:
    case 7:
        pf_says(more);
        break;
    case 8:
        pf = more % 4;
        break;
    case 9:
        set_something(port);
        break;
    case 10:
        port_stop(port);
        must(host_dma_mapped(&function->dma) == idle && !on_rx && !on_tx);
        port_start(port);
        break;
    case 11:
        reset_in_some_way(more);
        break;
    case 12:
        pf_grants_otherwise();
        break;
    case 13:
        look_closely(port);
        port->ops->arm(port->rxq[more % QUEUES], more & 8);
        break;
    default:
        poll(port, 1 + more * 4);
        break;
    }
    poll(port, 1);
    check_queues(port);
}

/* The PF behaves again, and tells so by a reset: the port is found again, and frames go and come.
 */
static void end(struct port *port)
{
    uint64_t until = time_us() + FOUND_US;
    if (port->state != PORT_RUNNING)
        return;
    honest();
    vf_is_reset();
    while (!port->link.up) {
        must(time_us() < until);
        host_advance_us(20 * US_PER_MS);
        poll(port, 1);
        port_poll_link(port);
    }
    uint64_t before = received;
    while (received == before) {
        in = (struct input){ (const uint8_t *)"\x05", 1 }; /* 60 bytes, all of a frame */
        must(time_us() < until);
        return_descriptor();
        receive(port);
        poll(port, 1);
    }
}
