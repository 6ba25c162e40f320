/* i40e_model_vsis.c - firmware's commands about the switch: VSIs, MAC and VLAN filters, promiscuous
 * modes, bandwidth.  Layouts as Linux i40e and DPDK agree on them. */
#include "tests/models/i40e_model_internal.h"

#include <string.h>

#define SEID_MAC 2u
#define SEID_PF 16u
#define SEID_VSI 390u
#define SEID_VEB 160u
#define SEID_VALID 0x8000u
#define SEID_MASK 0x3ffu
#define ELEMENT_VSI 19u
#define CONNECTION_NORMAL 1u
#define SECTION_BYTES 96u /* the driver's part of the properties; the rest is firmware's */
#define KNOWN_SECTIONS 0x03ffu
#define SECTION_QUEUES 0x0040u
#define MAP_SCATTERED 0x0001u
#define CLASS_OFFSET 0x01ffu
#define CLASS_COUNT 0x0e00u
#define MATCH_PERFECT 0x0001u
#define ADD_IGNORE_VLAN 0x0004u
#define DEL_IGNORE_VLAN 0x08u
#define NO_ROOM 0xffu
#define NUMBER_FIRST 12u
#define VSI_OF_VF 0u
#define KIND_OF_VSI 3u

struct i40e_model_vsi *i40e_model_vsi_of(struct i40e_model *m, uint16_t seid)
{
    for (unsigned i = 0; i < I40E_MODEL_VSIS; i++)
        if (m->vsi[i].used && m->vsi[i].seid == (seid & SEID_MASK))
            return &m->vsi[i];
    return NULL;
}

struct i40e_model_vsi *i40e_model_vsi_of_vf(struct i40e_model *m, unsigned vf)
{
    for (unsigned i = 0; i < m->vsis; i++)
        if (m->vsi[i].used && i40e_is_of_vf(&m->vsi[i]) && m->vsi[i].vf == i40e_base_vf(m) + vf)
            return &m->vsi[i];
    return NULL;
}

static unsigned vsis_used(const struct i40e_model *m)
{
    unsigned n = 0;
    for (unsigned i = 0; i < I40E_MODEL_VSIS; i++)
        n += m->vsi[i].used;
    return n;
}

/* What firmware says of a VSI: a queue set each traffic class, and where it counts. */
static void firmwares_part(const struct i40e_model *m, struct i40e_model_vsi *v)
{
    for (unsigned i = 0; i < 8; i++)
        config_put(v->properties + VSI_HANDLES + 2 * i, i ? 0xffff : 0x20u + v->number, 2);
    config_put(v->properties + VSI_COUNTER, (unsigned)(v - m->vsi) + i40e_counter_base(m), 2);
}

static struct i40e_model_vsi *new_vsi(struct i40e_model *m)
{
    for (unsigned i = 0; i < m->vsis; i++) {
        struct i40e_model_vsi *v = &m->vsi[i];
        if (v->used)
            continue;
        *v = (struct i40e_model_vsi){ .used = true,
                                      .number = (uint16_t)(NUMBER_FIRST + i),
                                      .seid = (uint16_t)(SEID_VSI + m->pf + 2 * i),
                                      .uplink = (uint16_t)(SEID_MAC + m->pf) };
        firmwares_part(m, v);
        return v;
    }
    return NULL;
}

static struct i40e_model_filter *find_filter(struct i40e_model *m, uint16_t vsi, const uint8_t *mac,
                                             uint16_t vlan, bool ignore)
{
    for (unsigned i = 0; i < I40E_MODEL_FILTERS; i++) {
        struct i40e_model_filter *f = &m->filter[i];
        if (f->used && f->vsi == vsi && f->ignore_vlan == ignore && (ignore || f->vlan == vlan) &&
            !memcmp(f->mac, mac, MAC_LEN))
            return f;
    }
    return NULL;
}

static unsigned filters_free(const struct i40e_model *m)
{
    unsigned n = 0;
    for (unsigned i = 0; i < I40E_MODEL_FILTERS; i++)
        n += !m->filter[i].used;
    return n;
}

static bool put_filter(struct i40e_model *m, uint16_t vsi, const uint8_t *mac, uint16_t vlan,
                       bool ignore)
{
    for (unsigned i = 0; i < I40E_MODEL_FILTERS; i++) {
        struct i40e_model_filter *f = &m->filter[i];
        if (f->used)
            continue;
        *f = (struct i40e_model_filter){
            .used = true, .ignore_vlan = ignore, .vsi = vsi, .vlan = vlan
        };
        memcpy(f->mac, mac, MAC_LEN);
        return true;
    }
    return false;
}

/* The PF's own VSI is there from the beginning, hears the PF's address whatever the VLAN and all
 * broadcasts, and has one queue. */
void i40e_model_vsis_reset(struct i40e_model *m)
{
    memset(m->vsi, 0, sizeof m->vsi);
    memset(m->filter, 0, sizeof m->filter);
    memset(m->vlan, 0, sizeof m->vlan);
    m->default_vsi = m->veb = 0;
    m->drops_ethertype = 0;
    struct i40e_model_vsi *v = new_vsi(m);
    v->connection = CONNECTION_NORMAL;
    v->flags = 2; /* a PF's */
    v->properties[VSI_PORT_VLAN] = 0x03;
    v->promiscuous = PROMISC_BROADCAST;
    put_filter(m, v->number, m->mac, 0, true);
}

/* VSIs ------------------------------------------------------------------------------- */

uint16_t i40e_aq_get_switch(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    unsigned n = 0;
    if (i40e_le16(desc + AQ_PARAM))
        return AQ_EINVAL;
    memset(buffer, 0, 16);
    for (unsigned i = 0; i < I40E_MODEL_VSIS && n < 16; i++) {
        uint8_t *e = buffer + 16 + 16 * n;
        if (!m->vsi[i].used)
            continue;
        memset(e, 0, 16);
        e[0] = ELEMENT_VSI;
        e[1] = 1;
        config_put(e + 2, m->vsi[i].seid, 2);
        config_put(e + 4, m->vsi[i].uplink, 2);
        config_put(e + 6, SEID_PF + m->pf, 2);
        e[11] = CONNECTION_NORMAL;
        n++;
    }
    config_put(buffer, n, 2);
    config_put(buffer + 2, n, 2);
    config_put(desc + AQ_LENGTH, 16 + 16 * n, 2);
    return AQ_OK;
}

static void answer_vsi(const struct i40e_model *m, uint8_t *desc, uint8_t *buffer,
                       const struct i40e_model_vsi *v)
{
    config_put(desc + AQ_PARAM, v->seid, 2);
    config_put(desc + AQ_PARAM + 2, v->number, 2);
    config_put(desc + AQ_PARAM + 4, vsis_used(m), 2);
    config_put(desc + AQ_PARAM + 6, m->vsis - vsis_used(m), 2);
    memcpy(buffer, v->properties, sizeof v->properties);
}

static void check_queues(struct i40e_model *m, const uint8_t *p)
{
    unsigned first = i40e_le16(p + VSI_QUEUES);
    unsigned count = 1u << FIELD_GET(CLASS_COUNT, i40e_le16(p + VSI_CLASSES));
    unsigned last = first + FIELD_GET(CLASS_OFFSET, i40e_le16(p + VSI_CLASSES));
    if (i40e_le16(p + VSI_MAPPING) & MAP_SCATTERED)
        return;
    if (last >= m->queues || count > 64)
        i40e_model_violation(m, "a VSI with queues that the PF has not", first, count);
}

/* Firmware fills the table of a VSI's queues by what its properties say. */
static void fill_table(struct i40e_model *m, const struct i40e_model_vsi *v)
{
    bool scattered = i40e_le16(v->properties + VSI_MAPPING) & MAP_SCATTERED;
    for (unsigned n = 0; n < 16; n++) {
        uint32_t *at = i40e_at(m, R_VSILAN_QTABLE(n / 2, v->number));
        uint32_t queue = i40e_le16(v->properties + VSI_QUEUES + (scattered ? 2 * n : 0));
        queue = (scattered ? queue : queue + n) & 0x7ff;
        *at = n % 2 ? (*at & 0xffff) | queue << 16 : queue;
    }
}

/* Sections that are said to be valid; the order is that of the layout. */
static void take_sections(struct i40e_model *m, struct i40e_model_vsi *v, const uint8_t *p)
{
    static const struct {
        uint16_t section;
        uint8_t first, bytes;
    } parts[] = { { 0x0001, 2, 4 },  { 0x0002, 6, 2 },  { 0x0004, 8, 8 },   { 0x0008, 24, 4 },
                  { 0x0010, 16, 4 }, { 0x0020, 20, 4 }, { 0x0040, 28, 50 }, { 0x0080, 78, 4 },
                  { 0x0100, 84, 4 }, { 0x0200, 82, 2 } };
    uint16_t sections = i40e_le16(p + VSI_SECTIONS);
    if (sections & ~KNOWN_SECTIONS)
        i40e_model_violation(m, "unknown sections of a VSI's properties", 0, sections);
    if (sections & SECTION_QUEUES)
        check_queues(m, p);
    for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
        if (sections & parts[i].section)
            memcpy(v->properties + parts[i].first, p + parts[i].first, parts[i].bytes);
    if (sections & SECTION_QUEUES)
        fill_table(m, v);
}

/* A VF's hangs on the switch, one to a VF: more are for traffic classes of its own, which are not
 * modelled. */
static void check_vfs_vsi(struct i40e_model *m, const struct i40e_model_vsi *v)
{
    unsigned n = v->vf - i40e_base_vf(m);
    if (n >= m->vfs || !m->vf_state[n].present) {
        i40e_model_violation(m, "a VSI of a VF that there is not", 0x0210, v->vf);
        return;
    }
    if (!m->veb || v->uplink != m->veb)
        i40e_model_violation(m, "a VF's VSI that hangs on no VEB", 0x0210, v->uplink);
    if (i40e_model_vsi_of_vf(m, n) != v)
        i40e_model_violation(m, "a second VSI of a VF", 0x0210, n);
}

uint16_t i40e_aq_add_vsi(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    struct i40e_model_vsi *v = new_vsi(m);
    if (!v)
        return AQ_ENOSPC;
    v->uplink = i40e_le16(desc + AQ_PARAM) & SEID_MASK;
    v->connection = desc[AQ_PARAM + 2];
    v->vf = desc[AQ_PARAM + 4];
    v->flags = i40e_le16(desc + AQ_PARAM + 6);
    if (v->connection != CONNECTION_NORMAL)
        i40e_model_violation(m, "a VSI connected to nothing", 0, v->connection);
    *i40e_at(m, R_VSILAN_QBASE(v->number)) = 0;
    if ((v->flags & KIND_OF_VSI) == VSI_OF_VF)
        check_vfs_vsi(m, v);
    take_sections(m, v, buffer);
    answer_vsi(m, desc, buffer, v);
    return AQ_OK;
}

uint16_t i40e_aq_update_vsi(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    struct i40e_model_vsi *v = i40e_model_vsi_of(m, i40e_le16(desc + AQ_PARAM));
    if (!v)
        return AQ_ENOENT;
    take_sections(m, v, buffer);
    answer_vsi(m, desc, buffer, v);
    return AQ_OK;
}

uint16_t i40e_aq_get_vsi(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    struct i40e_model_vsi *v = i40e_model_vsi_of(m, i40e_le16(desc + AQ_PARAM));
    if (!v)
        return AQ_ENOENT;
    answer_vsi(m, desc, buffer, v);
    return AQ_OK;
}

/* What a VF's VSI is taken from under does nothing any more. */
static void check_silent(struct i40e_model *m, const struct i40e_model_vsi *v)
{
    unsigned n = v->vf - i40e_base_vf(m);
    if (n < m->vfs && i40e_model_queues_of_vf_on(m, n, false))
        i40e_model_violation(m, "a VSI goes whose VF has queues that are on", 0x0243, n);
}

static uint16_t delete_veb(struct i40e_model *m)
{
    for (unsigned i = 1; i < m->vsis; i++)
        if (m->vsi[i].used && m->vsi[i].uplink == m->veb)
            return AQ_EBUSY;
    m->veb = 0;
    m->vsi[0].uplink = (uint16_t)(SEID_MAC + m->pf);
    return AQ_OK;
}

uint16_t i40e_aq_delete_element(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    struct i40e_model_vsi *v = i40e_model_vsi_of(m, i40e_le16(desc + AQ_PARAM));
    if (!v && m->veb && i40e_le16(desc + AQ_PARAM) == m->veb)
        return delete_veb(m);
    if (!v)
        return AQ_ENOENT;
    if (v == &m->vsi[0])
        return AQ_EPERM;
    for (unsigned i = 0; i < I40E_MODEL_FILTERS; i++)
        m->filter[i].used &= m->filter[i].vsi != v->number;
    for (unsigned i = 0; i < I40E_MODEL_VLANS; i++)
        m->vlan[i].used &= m->vlan[i].vsi != v->number;
    if (i40e_is_of_vf(v))
        check_silent(m, v);
    v->used = false;
    return AQ_OK;
}

/* One VEB, between the port and the PF's own VSI. */
uint16_t i40e_aq_add_veb(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    uint8_t *p = desc + AQ_PARAM;
    struct i40e_model_vsi *v = i40e_model_vsi_of(m, i40e_le16(p + 2));
    if (m->veb)
        return AQ_ENOSPC;
    if (!v || v->uplink != i40e_le16(p))
        return AQ_ENOENT;
    if (!(p[6] & 1))
        i40e_model_violation(m, "a VEB without traffic class 0", 0x0230, p[6]);
    m->veb = v->uplink = (uint16_t)(SEID_VEB + m->pf);
    m->veb_flags = i40e_le16(p + 4);
    config_put(p + 6, m->veb, 2); /* the switch, */
    config_put(p + 8, m->veb, 2); /* and the element in it */
    config_put(p + 10, m->pf, 2);
    config_put(p + 12, 1, 2);
    config_put(p + 14, 0, 2);
    return AQ_OK;
}

uint16_t i40e_aq_get_veb(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    uint8_t *p = desc + AQ_PARAM;
    if (!m->veb || i40e_le16(p) != m->veb)
        return AQ_ENOENT;
    config_put(p + 2, m->veb, 2);
    config_put(p + 4, m->veb_flags, 2);
    config_put(p + 6, m->pf, 2);
    config_put(p + 8, 1, 2);
    config_put(p + 10, 0, 2);
    return AQ_OK;
}

/* Filters ---------------------------------------------------------------------------- */

static struct i40e_model_vsi *filters_of(struct i40e_model *m, const uint8_t *desc)
{
    uint16_t seid = i40e_le16(desc + AQ_PARAM + 2);
    if (!(seid & SEID_VALID))
        i40e_model_violation(m, "filters of a VSI that is not said to be valid", 0, seid);
    return i40e_model_vsi_of(m, seid);
}

static void answer_filters(const struct i40e_model *m, uint8_t *desc)
{
    config_put(desc + AQ_PARAM, I40E_MODEL_FILTERS - filters_free(m), 2);
    config_put(desc + AQ_PARAM + 2, filters_free(m), 2);
}

uint16_t i40e_aq_add_macvlan(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    struct i40e_model_vsi *v = filters_of(m, desc);
    unsigned count = i40e_le16(desc + AQ_PARAM), failed = 0;
    if (!v)
        return AQ_ENOENT;
    if (!count || i40e_le16(desc + AQ_LENGTH) != 16 * count)
        return AQ_EINVAL;
    for (uint8_t *e = buffer; e < buffer + 16 * count; e += 16) {
        uint16_t flags = i40e_le16(e + 8), vlan = i40e_le16(e + 6);
        bool ignore = flags & ADD_IGNORE_VLAN;
        if (!(flags & MATCH_PERFECT) || vlan > 4095 || (ignore && vlan))
            i40e_model_violation(m, "a filter with wrong flags", flags, vlan);
        bool room =
            find_filter(m, v->number, e, vlan, ignore) || put_filter(m, v->number, e, vlan, ignore);
        e[12] = room ? MATCH_PERFECT : NO_ROOM;
        failed += !room;
    }
    answer_filters(m, desc);
    return failed ? AQ_ENOSPC : AQ_OK;
}

uint16_t i40e_aq_remove_macvlan(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    struct i40e_model_vsi *v = filters_of(m, desc);
    unsigned count = i40e_le16(desc + AQ_PARAM), missing = 0;
    if (!v)
        return AQ_ENOENT;
    if (!count || i40e_le16(desc + AQ_LENGTH) != 16 * count)
        return AQ_EINVAL;
    for (uint8_t *e = buffer; e < buffer + 16 * count; e += 16) {
        struct i40e_model_filter *f =
            find_filter(m, v->number, e, i40e_le16(e + 6), e[8] & DEL_IGNORE_VLAN);
        if (f)
            f->used = false;
        e[12] = f ? 0 : AQ_ENOENT;
        missing += !f;
    }
    answer_filters(m, desc);
    return missing ? AQ_ENOENT : AQ_OK;
}

static struct i40e_model_vlan *find_vlan(struct i40e_model *m, uint16_t vsi, uint16_t vlan,
                                         bool make)
{
    struct i40e_model_vlan *empty = NULL;
    for (unsigned i = 0; i < I40E_MODEL_VLANS; i++) {
        struct i40e_model_vlan *e = &m->vlan[i];
        if (e->used && e->vsi == vsi && e->vlan == vlan)
            return e;
        empty = !e->used && !empty ? e : empty;
    }
    if (make && empty)
        *empty = (struct i40e_model_vlan){ .used = true, .vsi = vsi, .vlan = vlan };
    return make ? empty : NULL;
}

static uint16_t vlans(struct i40e_model *m, uint8_t *desc, uint8_t *buffer, bool add)
{
    struct i40e_model_vsi *v = filters_of(m, desc);
    unsigned count = i40e_le16(desc + AQ_PARAM);
    if (!v)
        return AQ_ENOENT;
    if (!count || i40e_le16(desc + AQ_LENGTH) != 8 * count)
        return AQ_EINVAL;
    for (uint8_t *e = buffer; e < buffer + 8 * count; e += 8) {
        struct i40e_model_vlan *entry = find_vlan(m, v->number, i40e_le16(e), add);
        e[4] = entry ? 0 : add ? AQ_ENOSPC : AQ_ENOENT;
        if (entry)
            entry->used = add;
    }
    return AQ_OK;
}

uint16_t i40e_aq_add_vlan(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    return vlans(m, desc, buffer, true);
}

uint16_t i40e_aq_remove_vlan(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    return vlans(m, desc, buffer, false);
}

uint16_t i40e_aq_promiscuous(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    uint16_t flags = i40e_le16(desc + AQ_PARAM), valid = i40e_le16(desc + AQ_PARAM + 2);
    uint16_t vlan = i40e_le16(desc + AQ_PARAM + 6);
    struct i40e_model_vsi *v = i40e_model_vsi_of(m, i40e_le16(desc + AQ_PARAM + 4));
    if (!v)
        return AQ_ENOENT;
    if (flags & ~valid)
        i40e_model_violation(m, "promiscuous flags that are not said to be valid", valid, flags);
    if (valid & PROMISC_DEFAULT)
        m->default_vsi = flags & PROMISC_DEFAULT ? v->seid : 0;
    uint16_t *modes = &v->promiscuous;
    if (vlan & 0x8000) {
        struct i40e_model_vlan *entry = find_vlan(m, v->number, vlan & 0xfff, true);
        if (!entry)
            return AQ_ENOSPC;
        modes = &entry->promiscuous;
    }
    *modes = (uint16_t)((*modes & ~valid) | (flags & valid));
    return AQ_OK;
}

/* Bandwidth --------------------------------------------------------------------------- */

uint16_t i40e_aq_vsi_rate(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    struct i40e_model_vsi *v = i40e_model_vsi_of(m, i40e_le16(desc + AQ_PARAM));
    if (!v)
        return AQ_ENOENT;
    v->credit = i40e_le16(desc + AQ_PARAM + 4);
    return AQ_OK;
}

uint16_t i40e_aq_vsi_bandwidth(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    struct i40e_model_vsi *v = i40e_model_vsi_of(m, i40e_le16(desc + AQ_PARAM));
    if (!v)
        return AQ_ENOENT;
    memcpy(buffer + 16, v->properties + VSI_HANDLES, 16);
    return AQ_OK;
}

uint16_t i40e_aq_query_bandwidth(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    struct i40e_model_vsi *v = i40e_model_vsi_of(m, i40e_le16(desc + AQ_PARAM));
    if (!v)
        return AQ_ENOENT;
    memset(buffer, 0, 64);
    buffer[0] = 1; /* traffic class 0 */
    memcpy(buffer + 16, v->properties + VSI_HANDLES, 16);
    return AQ_OK;
}

uint16_t i40e_aq_query_ets(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    if (!i40e_model_vsi_of(m, i40e_le16(desc + AQ_PARAM)))
        return AQ_ENOENT;
    memset(buffer, 0, 32);
    buffer[0] = 1;
    return AQ_OK;
}

uint16_t i40e_aq_query_veb(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    if (!m->veb || i40e_le16(desc + AQ_PARAM) != m->veb)
        return AQ_ENOENT;
    memset(buffer, 0, i40e_le16(desc + AQ_LENGTH));
    buffer[0] = 1;
    return AQ_OK;
}
