/* vf_master.c - PFs as masters of VFs that have mailboxes (vf_master.h). */
#include "nic/intel/vf_master.h"

#include "kernel/time.h"
#include "pci/sriov.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COLLECT_US US_PER_S /* octet counters wrap after 3.4 s at 10 Gb/s */
#define EVENTS_US (10 * US_PER_MS)

static const struct vf_master_family *family_of(const struct intel_pf *f)
{
    return f->family->master;
}

/* What PF and VFs want ------------------------------------------------------------------------ */

bool vf_master_may_have(const struct intel_pf *f, const uint8_t mac[MAC_LEN])
{
    return !vf_server_has_mac(&f->master->server, mac);
}

static unsigned pf_vlan_count(const struct intel_pf *f)
{
    unsigned count = 0;
    for (unsigned n = 0; n < INTEL_VLAN_WORDS; n++)
        for (uint32_t bits = f->vlans[n]; bits; bits &= bits - 1)
            count++;
    return count;
}

bool vf_master_all_vlans(const struct intel_pf *f)
{
    return f->mode.promiscuous && !pf_vlan_count(f);
}

static void map_make(const struct intel_pf *f, struct vf_vlans *map)
{
    uint64_t own = 1ull << f->pool;
    vf_server_vlans(&f->master->server, map);
    vf_vlans_add(map, 0, own);
    for (unsigned n = 0; n < INTEL_VLAN_WORDS; n++)
        for (uint32_t bits = f->vlans[n]; bits; bits &= bits - 1)
            vf_vlans_add(map, (uint16_t)(n * 32 + __builtin_ctz(bits)), own);
    for (unsigned i = 0; vf_master_all_vlans(f) && i < map->count; i++)
        map->pools[i] |= own;
}

bool vf_master_vlan_fits(const struct intel_pf *f, uint16_t vid)
{
    struct vf_vlans map;
    map_make(f, &map);
    return vf_vlans_add(&map, vid, 0);
}

void vf_master_vlans(struct intel_pf *f, struct vf_vlans *map, uint32_t vfta[INTEL_VFTA_REGS])
{
    f->master->server.pf_vlans = pf_vlan_count(f);
    map_make(f, map);
    memset(vfta, vf_master_all_vlans(f) ? 0xff : 0, INTEL_VFTA_REGS * sizeof *vfta);
    for (unsigned i = 0; i < map->count; i++)
        vfta[map->vlan[i] / 32] |= 1u << map->vlan[i] % 32;
}

bool vf_master_groups(const struct intel_pf *f, uint32_t mta[INTEL_MTA_REGS])
{
    bool all = pf_all_multicast(f);
    memset(mta, 0, INTEL_MTA_REGS * sizeof *mta);
    intel_multicast_add(mta, &f->mode);
    for (unsigned i = 0; i < vf_count(f); i++) {
        const struct vf_state *v = vf_of(f, i);
        all |= vf_all_multicast(v);
        for (unsigned k = 0; k < v->hash_count; k++)
            mta[v->hashes[k] / 32] |= 1u << v->hashes[k] % 32;
    }
    return all;
}

bool vf_master_promiscuous(const struct intel_pf *f)
{
    bool wanted = f->mode.promiscuous;
    for (unsigned i = 0; i < vf_count(f); i++)
        wanted |= vf_of(f, i)->promiscuous;
    return wanted;
}

uint64_t vf_master_guarded(const struct intel_pf *f)
{
    uint64_t guarded = 0;
    for (unsigned i = 0; i < vf_count(f); i++)
        guarded |= (uint64_t)vf_of(f, i)->policy.spoofcheck << i;
    return guarded;
}

/* Counters ------------------------------------------------------------------------------- */

/* base: only what the next difference counts from.  All ones are no counters. */
static void collect(struct intel_pf *f, bool base)
{
    if (!intel_answers(&f->device))
        return;
    for (unsigned i = 0; i < vf_count(f); i++) {
        for (unsigned k = 0; k < VF_COUNTERS; k++) {
            struct intel_wrapping *c = &f->master->counters[i][k];
            uint32_t now = intel_read(&f->device, family_of(f)->counter(i, k));
            if (base)
                c->last = now;
            else
                intel_wrapping_add(c, now);
        }
    }
}

/* Life with the port ------------------------------------------------------------------------ */

void vf_master_configure(struct intel_pf *f)
{
    struct vf_master *m = f->master;
    m->fresh = true;
    vf_server_forget_all(&m->server);
    family_of(f)->configure(f);
    family_of(f)->program(f);
    m->fresh = false;
    family_of(f)->rates(f);
    collect(f, true);
}

void vf_master_open(struct intel_pf *f)
{
    vf_server_open(&f->master->server);
    family_of(f)->open(f);
    f->master->open = true;
}

void vf_master_close(struct intel_pf *f)
{
    struct vf_master *m = f->master;
    if (!m->open)
        return;
    collect(f, false);
    vf_server_close(&m->server);
    family_of(f)->close(f);
    m->open = false;
}

static bool due(uint64_t *at, uint64_t now_us, uint64_t every_us)
{
    if (now_us < *at)
        return false;
    *at = now_us + every_us;
    return true;
}

void vf_master_poll(struct intel_pf *f, uint64_t now_us)
{
    struct vf_master *m = f->master;
    if (!m->open || !vf_server_poll(&m->server, now_us))
        return;
    if (due(&m->events_us, now_us, EVENTS_US))
        family_of(f)->events(f, now_us);
    if (due(&m->collect_us, now_us, COLLECT_US))
        collect(f, false);
}

void vf_master_link_changed(struct intel_pf *f)
{
    if (!f->master->open)
        return;
    family_of(f)->rates(f);
    vf_server_link_changed(&f->master->server);
}

void vf_master_settings_changed(struct intel_pf *f)
{
    family_of(f)->program(f);
}

/* VFs come and go ------------------------------------------------------------------------------ */

static void destroy(struct vf_master *m)
{
    vf_server_destroy(&m->server);
    free(m->counters);
    free(m);
}

static struct vf_master *create(struct intel_pf *f, unsigned count)
{
    struct vf_master *m = family_of(f)->create(f, count);
    if (!m)
        return NULL;
    m->server.name = f->device.name;
    m->server.port = &f->port;
    m->counters = calloc(count, sizeof *m->counters);
    if (m->counters && !vf_server_create(&m->server, count))
        return m;
    free(m->counters);
    free(m);
    return NULL;
}

/* A port that does not start says so itself. */
static void without_vfs(struct intel_pf *f, struct vf_master *m)
{
    (void)intel_pf_restart(f, NULL, 0, 0);
    destroy(m);
}

static int enable(struct port *port, unsigned count, bool unisolated, const char **why)
{
    struct intel_pf *f = port->priv;
    *why = "VFs are in force already";
    if (f->master)
        return -EBUSY;
    *why = "that many are not possible";
    if (!count || count > port->vf_max)
        return -EINVAL;
    *why = "there is no memory";
    struct vf_master *m = create(f, count);
    if (!m)
        return -ENOMEM;
    *why = "the PF does not start again with pools";
    int err = intel_pf_restart(f, m, (uint16_t)count, (uint16_t)family_of(f)->queues(f, count));
    if (!err)
        err = pci_sriov_enable(f->device.pci, count, unisolated, why);
    if (err)
        without_vfs(f, m);
    else
        port->vf_count = count;
    return err;
}

static void disable(struct port *port)
{
    struct intel_pf *f = port->priv;
    struct vf_master *m = f->master;
    if (!m)
        return;
    vf_master_close(f);
    port->vf_count = 0;
    pci_sriov_disable(f->device.pci);
    if (family_of(f)->gone)
        family_of(f)->gone(f);
    without_vfs(f, m);
}

/* Policies ------------------------------------------------------------------------------ */

static int set(struct port *port, unsigned vf, const struct vf_policy *policy, const char **why)
{
    struct intel_pf *f = port->priv;
    *why = "there is no such VF";
    if (!f->master || vf >= vf_count(f))
        return -EINVAL;
    int err = vf_server_set(&f->master->server, vf, policy, why);
    if (err || !f->master->open) /* configure() will see it */
        return err;
    family_of(f)->program(f);
    family_of(f)->rates(f);
    return 0;
}

static void info(struct port *port, unsigned vf, struct vf_info *info)
{
    struct intel_pf *f = port->priv;
    *info = (struct vf_info){ 0 };
    if (!f->master || vf >= vf_count(f))
        return;
    if (f->master->open && port->state == PORT_RUNNING)
        collect(f, false);
    const struct intel_wrapping *c = f->master->counters[vf];
    vf_server_info(&f->master->server, vf, info);
    info->rx_packets = c[VF_RX_PACKETS].total;
    info->rx_bytes = vf_bytes_of(c[VF_RX_OCTETS].total, c[VF_RX_PACKETS].total);
    info->rx_multicast = c[VF_RX_MULTICAST].total;
    info->tx_packets = c[VF_TX_PACKETS].total;
    info->tx_bytes = vf_bytes_of(c[VF_TX_OCTETS].total, c[VF_TX_PACKETS].total);
}

static const struct vf_ops vf_ops = {
    .enable = enable, .disable = disable, .set = set, .info = info
};

void vf_master_offer(struct intel_pf *f, unsigned most)
{
    const struct pci_sriov *s = f->device.pci->sriov;
    unsigned total = s ? s->total_vfs : 0;
    f->port.vf_max = total < most ? total : most;
    f->port.vf = f->port.vf_max ? &vf_ops : NULL;
}

void vf_master_end(struct intel_pf *f)
{
    disable(&f->port);
}
