/* i40e_sriov.c - an X710's PF as a master of VFs: they come and go, are reset, say something, and
 * are guarded (i40e_sriov.h).
 *
 * Everything that asks firmware may wait, so a message, a reset, a malicious queue are found by the
 * port's poll() and dealt with by its service().  A VF's reset waits for nobody there: it goes on
 * when the chip says that it can, and a VF that the chip does not get done with stays in reset and
 * is said, while the others go on.
 *
 * Linux's and DPDK's i40e agree on the order of a reset; the chip says when it is done, and when
 * nothing of the VF is under way. */
#include "nic/intel/i40e/i40e_sriov.h"

#include "kernel/log.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "pci/sriov.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define POLL_US US_PER_MS
#define EVENTS_US (10 * US_PER_MS)
#define COLLECT_US (10 * US_PER_S) /* 32 bits of frames take four minutes at 14.88 Mpps */
#define RESET_US (10 * US_PER_MS)  /* Linux: before that VFRSTAT is not valid */
#define HEARD_US (100 * US_PER_MS) /* DPDK's iavf looks each 50 ms, and a reset empties a queue */
#define LATE_US (300 * US_PER_MS)  /* until a reset, and what is under way, is said to be late */
#define AGAIN_US (100 * US_PER_MS) /* between two looks at one that is */
#define FIRMWARE_US US_PER_S       /* until a VF is tried again that firmware did not take */
#define OWN_QUEUES 16u             /* of the PF's, however many VFs want the others */
#define FILTERS_ALL 3072u          /* of the chip (Linux) */
#define FILTERS_PF 256u            /* of its part that the PF keeps */
#define RATE_MAX_MBPS 40000u

static struct i40e_vf *vf_of(const struct i40e *e, unsigned vf)
{
    return &e->sriov->vf[vf];
}

static unsigned vf_count(const struct i40e *e)
{
    return e->sriov->server.base.count;
}

static struct vf_state *state_of(const struct i40e *e, unsigned vf)
{
    return &e->sriov->server.base.vf[vf];
}

/* Resets ----------------------------------------------------------------------------------- */

static bool take_vflr(const struct i40e *e, unsigned vf, bool clear)
{
    uint32_t n = i40e_vf_number(e, vf), bit = 1u << n % 32;
    if (!(i40e_read(e, I40E_GLGEN_VFLRSTAT(n / 32)) & bit))
        return false;
    if (clear)
        i40e_write(e, I40E_GLGEN_VFLRSTAT(n / 32), bit);
    return true;
}

static void want_reset(struct i40e *e, unsigned vf, uint64_t now_us)
{
    struct i40e_vf *v = vf_of(e, vf);
    v->phase = I40E_VF_WANTED;
    v->due_us = now_us;
    v->late = false;
}

/* The chip switches nothing off by that, but nothing of the VF's moves any more.  Of a function
 * that was reset by itself the chip has done its part; to do it again brings both on the same road.
 */
static void begin_reset(struct i40e *e, unsigned vf, uint64_t now_us)
{
    struct i40e_vf *v = vf_of(e, vf);
    virtchnl_server_resets(&e->sriov->server, vf);
    i40e_write(e, I40E_VPGEN_VFRTRIG(vf), I40E_VFRTRIG_VFSWR);
    take_vflr(e, vf, true);
    i40e_flush(e);
    v->phase = I40E_VF_RESET;
    v->due_us = now_us + RESET_US;
    v->limit_us = now_us + LATE_US;
}

/* NULL, or the register that does not say so yet. */
static const char *awaited(const struct i40e *e, unsigned vf)
{
    if (!(i40e_read(e, I40E_VPGEN_VFRSTAT(vf)) & I40E_VFRSTAT_VFRD))
        return "VPGEN_VFRSTAT reads 0, expected 1";
    i40e_write(e, I40E_PF_PCI_CIAA,
               I40E_CIAA_DEVICE_STATUS | FIELD_PUT(I40E_CIAA_VF, i40e_vf_number(e, vf)));
    return i40e_read(e, I40E_PF_PCI_CIAD) & I40E_CIAD_PENDING
               ? "PF_PCI_CIAD says that transactions are pending"
               : NULL;
}

static void put_off(struct i40e *e, unsigned vf, const char *why, uint64_t now_us)
{
    struct i40e_vf *v = vf_of(e, vf);
    if (now_us >= v->limit_us && !v->late) {
        log_error("%s VF %u: its reset is not done after %u ms: %s; it stays in reset until it is",
                  e->device.name, vf, (unsigned)(LATE_US / US_PER_MS), why);
        v->late = true;
    }
    v->due_us = now_us + (v->late ? AGAIN_US : POLL_US);
}

/* Queues and a VSI anew, and the VF hears that it is alive: 0, or -E... */
static int revive(struct i40e *e, unsigned vf)
{
    struct i40e_vf *v = vf_of(e, vf);
    struct i40e_sriov *s = e->sriov;
    i40e_write(e, I40E_VPGEN_VFRTRIG(vf), 0);
    i40e_flush(e);
    i40e_vf_take_queues(e, vf);
    i40e_vf_map_queues(e, vf);
    virtchnl_server_ready(&s->server, vf, 0, v->queues);
    int err = v->queues ? i40e_vf_vsi_create(e, vf) : -ENOSPC;
    if (err) {
        virtchnl_server_resets(&s->server, vf);
        return err;
    }
    s->server.vf[vf].vsi = v->number;
    v->phase = I40E_VF_UP;
    i40e_write(e, I40E_VFGEN_RSTAT1(vf), VIRTCHNL_ACTIVE);
    return 0;
}

static void end_reset(struct i40e *e, unsigned vf, uint64_t now_us)
{
    struct i40e_vf *v = vf_of(e, vf);
    const char *why = awaited(e, vf);
    if (why) {
        put_off(e, vf, why, now_us);
        return;
    }
    if (i40e_vf_drop_queues(e, vf)) {
        e->over = "a queue of a VF does not stop";
        e->over_fault = true;
        return;
    }
    i40e_vf_vsi_destroy(e, vf);
    if (state_of(e, vf)->muted) {
        v->phase = I40E_VF_MUTED;
        return;
    }
    if (!revive(e, vf))
        return;
    log_error("%s VF %u: firmware gives it no place in the switch", e->device.name, vf);
    want_reset(e, vf, now_us + FIRMWARE_US);
}

static void step(struct i40e *e, unsigned vf, uint64_t now_us)
{
    struct i40e_vf *v = vf_of(e, vf);
    if (now_us < v->due_us || e->over || !e->aq.open)
        return;
    if (v->phase == I40E_VF_WANTED)
        begin_reset(e, vf, now_us);
    else if (v->phase == I40E_VF_RESET)
        end_reset(e, vf, now_us);
}

/* Functions that were reset by whoever has them. */
static void take_vflrs(struct i40e *e, uint64_t now_us)
{
    uint32_t word = 0;
    for (unsigned i = 0; i < vf_count(e); i++) {
        uint32_t n = i40e_vf_number(e, i);
        if (!i || !(n % 32))
            word = i40e_read(e, I40E_GLGEN_VFLRSTAT(n / 32));
        if (vf_of(e, i)->phase < I40E_VF_MUTED || !(word >> n % 32 & 1))
            continue; /* one that is being reset takes it there */
        vf_forgiven(state_of(e, i), now_us);
        if (state_of(e, i)->muted)
            take_vflr(e, i, true);
        else
            want_reset(e, i, now_us);
    }
}

/* What a VF does ------------------------------------------------------------------------------ */

/* Of a function that was reset since it is of no use: the chip has taken its queues away. */
void i40e_sriov_message(struct i40e *e, const struct i40e_aq_desc *d, const uint8_t *bytes,
                        uint16_t n)
{
    uint32_t vf = d->result - e->first_vf;
    if (vf < vf_count(e) && take_vflr(e, vf, false))
        return;
    virtchnl_server_message(&e->sriov->server, vf, d->cookie_high, bytes, n, time_us());
}

static void look_for_malice(struct i40e *e, uint64_t now_us)
{
    bool tx = i40e_read(e, I40E_GL_MDET_TX) & I40E_GL_MDET_VALID;
    bool rx = i40e_read(e, I40E_GL_MDET_RX) & I40E_GL_MDET_VALID;
    for (unsigned i = 0; (tx || rx) && i < vf_count(e); i++) {
        bool accused = false;
        for (unsigned k = 0; k < 2; k++) {
            uint32_t reg = k ? I40E_VP_MDET_RX(i) : I40E_VP_MDET_TX(i);
            if (!(i40e_read(e, reg) & I40E_VP_MDET_VALID))
                continue;
            i40e_write(e, reg, UINT16_MAX);
            accused = true;
        }
        if (accused && vf_of(e, i)->phase == I40E_VF_UP)
            virtchnl_server_malicious(&e->sriov->server, i, now_us);
    }
    if (tx)
        i40e_write(e, I40E_GL_MDET_TX, UINT32_MAX);
    if (rx)
        i40e_write(e, I40E_GL_MDET_RX, UINT32_MAX);
}

static bool malice_seen(const struct i40e *e)
{
    return (i40e_read(e, I40E_GL_MDET_TX) | i40e_read(e, I40E_GL_MDET_RX)) & I40E_GL_MDET_VALID;
}

/* Life with i40e.c ----------------------------------------------------------------- */

/* Other PFs' VFs are in the same registers. */
static bool vflr_seen(const struct i40e *e)
{
    unsigned first = e->first_vf, end = i40e_vf_number(e, vf_count(e));
    for (unsigned i = first / 32; 32 * i < end; i++) {
        uint32_t ours = first > 32 * i ? UINT32_MAX << first % 32 : UINT32_MAX;
        if (end < 32 * (i + 1))
            ours &= ~(UINT32_MAX << end % 32);
        if (i40e_read(e, I40E_GLGEN_VFLRSTAT(i)) & ours)
            return true;
    }
    return false;
}

static bool reset_due(const struct i40e *e, uint64_t now_us)
{
    for (unsigned i = 0; i < vf_count(e); i++) {
        const struct i40e_vf *v = vf_of(e, i);
        if ((v->phase == I40E_VF_WANTED || v->phase == I40E_VF_RESET) && now_us >= v->due_us)
            return true;
    }
    return false;
}

bool i40e_sriov_poll(struct i40e *e, uint64_t now_us)
{
    struct i40e_sriov *s = e->sriov;
    bool events = now_us >= s->events_us;
    if (now_us < s->poll_us)
        return false;
    s->poll_us = now_us + POLL_US;
    if (events)
        s->events_us = now_us + EVENTS_US;
    return i40e_adminq_has_event(&e->aq) || reset_due(e, now_us) || vflr_seen(e) ||
           (events && malice_seen(e)) || now_us >= s->collect_us ||
           virtchnl_server_has_waited(&s->server, now_us);
}

void i40e_sriov_service(struct i40e *e)
{
    struct i40e_sriov *s = e->sriov;
    uint64_t now_us = time_us();
    take_vflrs(e, now_us);
    look_for_malice(e, now_us);
    for (unsigned i = 0; i < vf_count(e); i++)
        step(e, i, time_us());
    virtchnl_server_link(&s->server, e->link.up, e->link.speed_mbps);
    virtchnl_server_poll(&s->server, time_us());
    if (now_us < s->collect_us)
        return;
    s->collect_us = now_us + COLLECT_US;
    for (unsigned i = 0; i < vf_count(e); i++)
        if (vf_of(e, i)->seid)
            i40e_vf_collect(e, i, false);
}

uint32_t i40e_sriov_queues(const struct i40e *e)
{
    return e->sriov->queues_all;
}

uint16_t i40e_sriov_own(const struct i40e *e)
{
    return e->sriov->first;
}

/* The PF's reset has reset them: all begin anew. */
void i40e_sriov_open(struct i40e *e)
{
    uint64_t now_us = time_us();
    for (unsigned i = 0; i < vf_count(e) && e->port.vf_count; i++)
        want_reset(e, i, now_us);
}

/* True: somebody listens. */
static bool announce_all(struct i40e *e)
{
    struct virtchnl_server *s = &e->sriov->server;
    bool heard = false;
    for (unsigned i = 0; i < vf_count(e); i++) {
        if (vf_of(e, i)->phase != I40E_VF_UP)
            continue;
        heard |= s->vf[i].state == VIRTCHNL_VF_ACTIVE;
        virtchnl_server_announce(s, i);
        i40e_write(e, I40E_VFGEN_RSTAT1(i), VIRTCHNL_RESETTING);
    }
    return heard;
}

/* A reset of the PF is coming.  `works`: the chip does, and is told. */
void i40e_sriov_close(struct i40e *e, bool works)
{
    if (works && announce_all(e))
        task_delay_us(HEARD_US);
    for (unsigned i = 0; i < vf_count(e); i++) {
        struct i40e_vf *v = vf_of(e, i);
        if (works && (v->rx_on | v->tx_on))
            i40e_vf_enable(e, i, v->rx_on, v->tx_on, false);
        if (works && v->seid)
            i40e_vf_collect(e, i, false);
        virtchnl_server_resets(&e->sriov->server, i);
        v->phase = I40E_VF_DOWN;
        v->seid = v->queues = 0;
        v->rx_on = v->tx_on = 0;
    }
    memset(e->sriov->owner, 0, e->sriov->queues_all);
}

bool i40e_sriov_has_mac(const struct i40e *e, const uint8_t mac[MAC_LEN])
{
    return vf_server_has_mac(&e->sriov->server.base, mac);
}

/* For the server ------------------------------------------------------------------- */

/* One that does not listen is told nothing. */
static void send(void *chip, unsigned vf, uint32_t op, int32_t status, const void *bytes,
                 uint16_t n)
{
    struct i40e *e = chip;
    struct i40e_aq_desc d = { .opcode = I40E_OP_MESSAGE_TO_VF,
                              .cookie_high = op,
                              .cookie_low = (uint32_t)status,
                              .param = { i40e_vf_number(e, vf) } };
    uint8_t copy[sizeof(struct virtchnl_stats)];
    memcpy(copy, n ? bytes : copy, n);
    if (vf_of(e, vf)->phase == I40E_VF_UP && e->aq.open)
        i40e_command(e, &d, copy, n, n, UINT32_MAX);
}

/* Who hears of it and looks for its end at once is not to find that the function works. */
static void reset(void *chip, unsigned vf, bool told)
{
    if (told)
        i40e_write(chip, I40E_VFGEN_RSTAT1(vf), VIRTCHNL_RESETTING);
    want_reset(chip, vf, time_us() + (told ? HEARD_US : 0));
}

static const struct virtchnl_chip_ops chip_ops = { .send = send,
                                                   .reset = reset,
                                                   .filters = i40e_vf_filters,
                                                   .properties = i40e_vf_properties,
                                                   .configure = i40e_vf_configure,
                                                   .enable = i40e_vf_enable,
                                                   .map = i40e_vf_map,
                                                   .spread = i40e_vf_spread,
                                                   .stats = i40e_vf_stats,
                                                   .queues_for = i40e_vf_queues_for };

/* VFs come and go ------------------------------------------------------------------------------ */

/* Ports share the chip's filters as they share its VFs. */
static unsigned pairs_for(const struct i40e *e, unsigned count)
{
    return (FILTERS_ALL * e->vfs / I40E_VFS_MAX - FILTERS_PF) / count;
}

static int make_server(struct i40e *e, struct i40e_sriov *s, unsigned count)
{
    s->server = (struct virtchnl_server){ .base = { .limits = { .chip = e->x722 ? "X722" : "X710",
                                                                .macs = count * VF_MACS_MAX,
                                                                .vf_macs = VF_MACS_MAX,
                                                                .rate_mbps = RATE_MAX_MBPS,
                                                                .rate_min_mbps = I40E_BW_UNIT_MBPS,
                                                                .rate_step_mbps = I40E_BW_UNIT_MBPS,
                                                                .forces_link = true,
                                                                .frame = VIRTCHNL_FRAME,
                                                                .queues = s->queues },
                                                    .name = e->device.name,
                                                    .port = &e->port },
                                          .ops = &chip_ops,
                                          .chip = e,
                                          .offered = VIRTCHNL_OFFERS |
                                                     (e->x722 ? VIRTCHNL_CAP_WB_ON_ITR : 0),
                                          .vectors = (uint16_t)e->vf_vectors,
                                          .pairs_max = pairs_for(e, count),
                                          .kinds = I40E_HENA,
                                          .link_up = e->link.up,
                                          .link_mbps = e->link.speed_mbps };
    return virtchnl_server_create(&s->server, count);
}

static void sriov_free(struct i40e_sriov *s)
{
    if (s->server.vf)
        virtchnl_server_destroy(&s->server);
    free(s->owner);
    free(s->vf);
    free(s);
}

/* The PF keeps all it can have where enough is left then, some anyhow; 0: there are too few. */
static uint32_t own_queues(const struct i40e *e, unsigned count)
{
    uint32_t most = e->port.limits.rx_queues_max, rest = e->queues_max;
    uint32_t least = (uint32_t)min_u64(most, OWN_QUEUES), wanted = count * VIRTCHNL_QUEUES_DEFAULT;
    if (rest < least + count)
        return 0;
    return (uint32_t)min_u64(most, max_u64(least, rest > wanted ? rest - wanted : 0));
}

/* Behind the PF's everybody has as many, and the rest is for who asks. */
static void share_queues(const struct i40e *e, struct i40e_sriov *s, unsigned count)
{
    uint32_t own = own_queues(e, count), rest = e->queues_max - own;
    uint32_t each = rest / count, most = count * VIRTCHNL_QUEUES_MAX;
    s->first = (uint16_t)own;
    s->queues = (uint16_t)(each < VIRTCHNL_QUEUES_DEFAULT ? each : VIRTCHNL_QUEUES_DEFAULT);
    s->queues_all = (uint16_t)(own + (rest < most ? rest : most));
}

static struct i40e_sriov *sriov_create(struct i40e *e, unsigned count)
{
    struct i40e_sriov *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    share_queues(e, s, count);
    s->vf = calloc(count, sizeof *s->vf);
    s->owner = calloc(s->queues_all, 1);
    if (s->vf && s->owner && !make_server(e, s, count))
        return s;
    sriov_free(s);
    return NULL;
}

/* Stopped and started with VFs or without: 0 or -E... */
static int restart(struct i40e *e, struct i40e_sriov *s)
{
    struct port *port = &e->port;
    bool running = port->state == PORT_RUNNING;
    port_stop(port);
    e->sriov = s;
    if (!running || port->state == PORT_FAILED)
        return port->state == PORT_FAILED ? -EIO : 0;
    int err = port_start(port);
    if (err && port->state != PORT_FAILED)
        port_fail(port, "did not start again");
    port_attach(port);
    return err;
}

static bool works(const struct i40e *e)
{
    return e->port.state == PORT_RUNNING && !e->over && !e->device.gone && e->aq.open &&
           !i40e_is_resetting(e);
}

static int sriov_enable(struct port *port, unsigned count, bool unisolated, const char **why)
{
    struct i40e *e = port->priv;
    *why = "VFs are in force already";
    if (e->sriov)
        return -EBUSY;
    *why = "that many are not possible";
    if (!count || count > port->vf_max)
        return -EINVAL;
    *why = "the PF has no queues for them";
    if (!own_queues(e, count))
        return -ENOSPC;
    *why = "there is no memory";
    struct i40e_sriov *s = sriov_create(e, count);
    if (!s)
        return -ENOMEM;
    *why = "the PF does not start again with a switch";
    int err = restart(e, s);
    if (!err)
        err = pci_sriov_enable(e->device.pci, count, unisolated, why);
    if (err) {
        restart(e, NULL); /* a port that does not start says so itself */
        sriov_free(s);
        return err;
    }
    port->vf_count = count;
    if (port->state == PORT_RUNNING)
        i40e_sriov_open(e);
    return 0;
}

static void sriov_disable(struct port *port)
{
    struct i40e *e = port->priv;
    struct i40e_sriov *s = e->sriov;
    if (!s)
        return;
    bool working = works(e);
    i40e_sriov_close(e, working);
    port->vf_count = 0;
    pci_sriov_disable(e->device.pci);
    for (unsigned i = 0; working && i < vf_count(e); i++)
        take_vflr(e, i, true);
    restart(e, NULL);
    sriov_free(s);
}

/* Policies ------------------------------------------------------------------------------ */

static int sriov_set(struct port *port, unsigned vf, const struct vf_policy *policy,
                     const char **why)
{
    struct i40e *e = port->priv;
    *why = "there is no such VF";
    if (!e->sriov || vf >= vf_count(e))
        return -EINVAL;
    return virtchnl_server_set(&e->sriov->server, vf, policy, why);
}

static void sriov_info(struct port *port, unsigned vf, struct vf_info *info)
{
    struct i40e *e = port->priv;
    *info = (struct vf_info){ 0 };
    if (!e->sriov || vf >= vf_count(e))
        return;
    if (vf_of(e, vf)->seid && works(e))
        i40e_vf_collect(e, vf, false);
    virtchnl_server_info(&e->sriov->server, vf, info);
    i40e_vf_counts(vf_of(e, vf), info);
}

unsigned i40e_vfs_max(const struct i40e *e)
{
    const struct pci_sriov *s = e->device.pci->sriov;
    uint32_t most = s ? s->total_vfs : 0;
    most = most < e->vfs ? most : e->vfs;
    return most < I40E_VFS_MAX ? most : I40E_VFS_MAX;
}

const struct vf_ops i40e_vf_ops = {
    .enable = sriov_enable, .disable = sriov_disable, .set = sriov_set, .info = sriov_info
};
