/* i40e_model_firmware.c - firmware of the i40e model: which commands there are, in which form, and
 * those that are neither the switch's nor the link's.  Layouts as Linux i40e and DPDK agree. */
#include "tests/models/i40e_model_internal.h"

#include <string.h>

#define OP_QUEUE_SHUTDOWN 0x0003u
#define NVM_RESOURCE 1u
#define NVM_READ_MS 3000u
#define PORT_PADS_SHORT_FRAMES 2u
#define LUT_BYTES 512u
#define VF_LUT_BYTES 64u
#define KEY_BYTES 52u

/* No buffer; the device writes it; reads and writes it; reads it, if there is one. */
enum form { DIRECT, ANSWERS, ASKS, MESSAGE };

static uint16_t accept(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    return AQ_OK;
}

/* Versions, resources, capabilities ------------------------------------------------- */

static uint16_t get_version(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    uint8_t *p = desc + AQ_PARAM;
    config_put(p, 0x00020006, 4);
    config_put(p + 4, 73026, 4);
    config_put(p + 8, 9, 2);
    config_put(p + 10, 120, 2);
    config_put(p + 12, m->api_major ? m->api_major : 1, 2);
    config_put(p + 14, m->api_minor ? m->api_minor : 15, 2);
    return AQ_OK;
}

static uint16_t queue_shutdown(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    m->shut_down = true;
    return AQ_OK;
}

static uint16_t request_resource(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    if (i40e_le16(desc + AQ_PARAM) != NVM_RESOURCE)
        return AQ_EINVAL;
    config_put(desc + AQ_PARAM + 4, NVM_READ_MS, 4);
    if (m->nvm_taken)
        return AQ_EBUSY;
    m->nvm_owned = true;
    return AQ_OK;
}

static uint16_t release_resource(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    bool owned = m->nvm_owned;
    m->nvm_owned = false;
    return owned ? AQ_OK : AQ_EPERM; /* Linux releases what it may have had before a reset */
}

struct capability {
    uint16_t id;
    uint8_t major;
    uint32_t number, logical, physical;
};

static void put_capability(uint8_t *at, const struct capability *c)
{
    memset(at, 0, 32);
    config_put(at, c->id, 2);
    at[2] = c->major;
    config_put(at + 4, c->number, 4);
    config_put(at + 8, c->logical, 4);
    config_put(at + 12, c->physical, 4);
}

static uint16_t capabilities(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    const struct capability list[] = {
        { 0x0001, 1, 0, 0, 0 },                          /* switch mode: EVB */
        { 0x0002, 1, 0, 0, 0 },                          /* manageability: none */
        { 0x0005, 1, (1u << m->ports) - 1, 0, 0 },       /* functions, a bit each */
        { 0x0012, 1, 1, 0, 0 },                          /* SR-IOV */
        { 0x0013, 1, m->vfs, i40e_base_vf(m), 0 },       /* VFs */
        { 0x0014, 1, 1, 0, 0 },                          /* VMDq */
        { 0x0017, 1, m->vsis, 0, 0 },                    /* VSIs */
        { 0x0018, 1, 1, 1, 8 },                          /* DCB: classes on, and the most */
        { 0x0040, 1, LUT_BYTES, 6, 0 },                  /* RSS: table, bits of an entry */
        { 0x0041, 1, m->queues, 0, i40e_base_queue(m) }, /* receive queues */
        { 0x0042, 1, m->queues, 0, i40e_base_queue(m) },
        { 0x0043, 1, I40E_MODEL_VECTORS, 0, 0 },
        { 0x0044, 1, I40E_MODEL_VF_VECTORS, 0, 0 },
        { 0x0045, 1, 512, 7680, 0 }, /* flow director: guaranteed, and as it comes */
        { 0x0080, 1, 0, 0, 0 },      /* the NVM may be updated */
    };
    unsigned room = i40e_le16(desc + AQ_LENGTH) / 32;
    for (unsigned i = 0; i < ARRAY_SIZE(list) && i < room; i++)
        put_capability(buffer + 32 * i, &list[i]);
    config_put(desc + AQ_PARAM + 4, ARRAY_SIZE(list), 4);
    config_put(desc + AQ_LENGTH, 32 * ARRAY_SIZE(list), 2);
    return room < ARRAY_SIZE(list) ? 9 : AQ_OK; /* ENOMEM: ask again with so much */
}

/* Addresses and NVM ------------------------------------------------------------------- */

static uint16_t mac_read(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    memset(buffer, 0, 24);
    memcpy(buffer, m->mac, MAC_LEN);
    memcpy(buffer + 12, m->mac, MAC_LEN);
    memcpy(buffer + 18, m->laa, MAC_LEN);
    config_put(desc + AQ_PARAM, 0x10 | 0x40, 2); /* the PF's, and the port's */
    return AQ_OK;
}

static uint16_t mac_write(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    const uint8_t *p = desc + AQ_PARAM;
    if (i40e_le16(p) & ~0xc3ffu)
        i40e_model_violation(m, "an address written in an unknown way", 0x0108, i40e_le16(p));
    m->laa[0] = p[3]; /* the upper bytes first, each half in network order */
    m->laa[1] = p[2];
    for (unsigned i = 0; i < 4; i++)
        m->laa[2 + i] = p[7 - i];
    return AQ_OK;
}

static uint16_t nvm_read(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    uint32_t length = i40e_le16(desc + AQ_PARAM + 2), at = i40e_le32(desc + AQ_PARAM + 4);
    if (!m->nvm_owned)
        i40e_model_violation(m, "the NVM is read without being owned", 0x0701, at);
    if (desc[AQ_PARAM + 1] || length > 4096 || at + length > 2 * I40E_MODEL_WORDS)
        return AQ_EINVAL;
    for (uint32_t i = 0; i < length; i++)
        buffer[i] = (uint8_t)(m->nvm[(at + i) / 2] >> 8 * ((at + i) % 2));
    return AQ_OK;
}

static uint16_t clear_pxe(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    bool was = m->pxe_cleared;
    m->pxe_cleared = true;
    return was ? AQ_EEXIST : AQ_OK;
}

/* With two tags in a frame, or with bad frames kept, nothing is modelled. */
static uint16_t port_parameters(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    if (i40e_le16(desc + AQ_PARAM) != PORT_PADS_SHORT_FRAMES)
        i40e_model_violation(m, "port parameters that are not modelled", 0x0203,
                             i40e_le16(desc + AQ_PARAM));
    return AQ_OK;
}

/* Registers by firmware ------------------------------------------------------------------- */

static uint16_t rx_ctl_read(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    config_put(desc + AQ_PARAM + 12,
               i40e_model_register_read(m, i40e_le32(desc + AQ_PARAM + 4) & ~3u), 4);
    return AQ_OK;
}

static uint16_t rx_ctl_write(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    uint32_t reg = i40e_le32(desc + AQ_PARAM + 4);
    if (i40e_is_x722(m))
        i40e_model_violation(m, "an X722's firmware is asked for a register", reg, 0);
    if (reg < 0x1c0000 || reg >= 0x280000) {
        i40e_model_violation(m, "firmware is asked for a register that is not of the receiver", reg,
                             0);
        return AQ_EINVAL;
    }
    i40e_model_register_write(m, reg, i40e_le32(desc + AQ_PARAM + 12));
    return AQ_OK;
}

static uint16_t debug_read(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    uint32_t reg = i40e_le32(desc + AQ_PARAM + 4);
    if (reg >= I40E_MODEL_REGISTERS)
        return AQ_EINVAL;
    config_put(desc + AQ_PARAM + 8, 0, 4);
    config_put(desc + AQ_PARAM + 12, i40e_model_register_read(m, reg), 4);
    return AQ_OK;
}

static uint16_t debug_write(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    uint32_t reg = i40e_le32(desc + AQ_PARAM + 4);
    if (reg >= I40E_MODEL_REGISTERS || i40e_le32(desc + AQ_PARAM + 8))
        return AQ_EINVAL;
    i40e_model_register_write(m, reg, i40e_le32(desc + AQ_PARAM + 12));
    return AQ_OK;
}

/* Spreading, LLDP, filters of control frames ------------------------------------------------ */

/* By its number, not its seid. */
static bool is_first_vsi(const struct i40e_model *m, const uint8_t *desc)
{
    uint16_t vsi = i40e_le16(desc + AQ_PARAM);
    return m->vsi[0].used && vsi == (0x8000 | m->vsi[0].number);
}

/* The VF whose VSI it is; NULL: nobody's. */
static struct iavf_model *vf_meant(struct i40e_model *m, const uint8_t *desc)
{
    for (unsigned n = 0; n < m->vfs; n++) {
        const struct i40e_model_vsi *v = i40e_model_vsi_of_vf(m, n);
        if (v && i40e_le16(desc + AQ_PARAM) == (0x8000 | v->number))
            return &m->vf[n];
    }
    return NULL;
}

/* A VF's own table or key, as its registers have it (Linux: for VFs of an X722). */
static uint16_t vf_table(uint32_t *words, unsigned bytes, bool set, uint8_t *desc, uint8_t *buffer)
{
    if (i40e_le16(desc + AQ_LENGTH) != bytes)
        return AQ_EINVAL;
    for (unsigned i = 0; i < bytes / 4; i++)
        if (set)
            words[i] = i40e_le32(buffer + 4 * i);
        else
            config_put(buffer + 4 * i, words[i], 4);
    return AQ_OK;
}

static uint16_t rss_key(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    bool set = i40e_le16(desc + AQ_OPCODE) == 0x0b02;
    struct iavf_model *vf = vf_meant(m, desc);
    if (vf)
        return vf_table(vf->key, KEY_BYTES, set, desc, buffer);
    if (!is_first_vsi(m, desc))
        return AQ_EINVAL;
    for (unsigned i = 0; i < KEY_BYTES / 4; i++)
        if (set)
            *i40e_at(m, R_PFQF_HKEY(i)) = i40e_le32(buffer + 4 * i);
        else
            config_put(buffer + 4 * i, i40e_get(m, R_PFQF_HKEY(i)), 4);
    return AQ_OK;
}

static uint16_t rss_lut(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    bool set = i40e_le16(desc + AQ_OPCODE) == 0x0b03;
    unsigned n = i40e_le16(desc + AQ_LENGTH);
    bool own = !(i40e_le16(desc + AQ_PARAM + 2) & 1); /* the VSI's own table: VFs have these */
    struct iavf_model *vf = own ? vf_meant(m, desc) : NULL;
    if (vf)
        return vf_table(vf->lut, VF_LUT_BYTES, set, desc, buffer);
    if (own || !is_first_vsi(m, desc))
        return AQ_EINVAL;
    if (n != LUT_BYTES && n != 128)
        return AQ_EINVAL;
    for (unsigned i = 0; i < n / 4; i++)
        if (set)
            *i40e_at(m, R_PFQF_HLUT(i)) = i40e_le32(buffer + 4 * i) & 0x3f3f3f3f;
        else
            config_put(buffer + 4 * i, i40e_get(m, R_PFQF_HLUT(i)), 4);
    return AQ_OK;
}

static uint16_t lldp_mib(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    return m->lldp_agent ? AQ_ENOENT : AQ_EPERM; /* nobody spoke yet; or there is no agent */
}

static uint16_t lldp_stop(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    bool was = m->lldp_agent;
    m->lldp_agent = false;
    return was ? AQ_OK : AQ_EPERM;
}

static uint16_t lldp_start(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    bool was = m->lldp_agent;
    m->lldp_agent = true;
    return was ? AQ_EEXIST : AQ_OK;
}

static uint16_t control_filter(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    uint16_t flags = i40e_le16(desc + AQ_PARAM + 8);
    if ((flags & 0x000b) == 0x000b) /* whatever the address, dropped on its way out */
        m->drops_ethertype = i40e_le16(desc + AQ_PARAM + 6);
    return AQ_OK;
}

void i40e_model_firmware_reset(struct i40e_model *m)
{
    m->nvm_owned = m->pxe_cleared = m->shut_down = false;
    m->lldp_agent = true;
    memcpy(m->laa, m->mac, MAC_LEN);
}

/* Commands ------------------------------------------------------------------------------------ */

static const struct command {
    uint16_t opcode;
    enum form form;
    uint16_t least; /* octets of buffer */
    i40e_handler *handler;
} commands[] = {
    { 0x0001, DIRECT, 0, get_version },
    { 0x0002, ASKS, 1, accept }, /* driver version */
    { OP_QUEUE_SHUTDOWN, DIRECT, 0, queue_shutdown },
    { 0x0004, DIRECT, 0, accept }, /* PF context */
    { 0x0008, DIRECT, 0, request_resource },
    { 0x0009, DIRECT, 0, release_resource },
    { 0x000a, ANSWERS, 32, capabilities },
    { 0x000b, ANSWERS, 32, capabilities },
    { 0x0107, ANSWERS, 24, mac_read },
    { 0x0108, DIRECT, 0, mac_write },
    { 0x0110, DIRECT, 0, clear_pxe },
    { 0x0200, ANSWERS, 32, i40e_aq_get_switch },
    { 0x0203, DIRECT, 0, port_parameters },
    { 0x0205, DIRECT, 0, accept }, /* switch configuration */
    { 0x0206, DIRECT, 0, rx_ctl_read },
    { 0x0207, DIRECT, 0, rx_ctl_write },
    { 0x0210, ASKS, 128, i40e_aq_add_vsi },
    { 0x0211, ASKS, 128, i40e_aq_update_vsi },
    { 0x0212, ANSWERS, 128, i40e_aq_get_vsi },
    { 0x0230, DIRECT, 0, i40e_aq_add_veb },
    { 0x0232, DIRECT, 0, i40e_aq_get_veb },
    { 0x0243, DIRECT, 0, i40e_aq_delete_element },
    { 0x0250, ASKS, 16, i40e_aq_add_macvlan },
    { 0x0251, ASKS, 16, i40e_aq_remove_macvlan },
    { 0x0252, ASKS, 8, i40e_aq_add_vlan },
    { 0x0253, ASKS, 8, i40e_aq_remove_vlan },
    { 0x0254, DIRECT, 0, i40e_aq_promiscuous },
    { 0x025a, DIRECT, 0, control_filter },
    { 0x0303, DIRECT, 0, accept }, /* DCB parameters */
    { 0x0400, DIRECT, 0, i40e_aq_vsi_rate },
    { 0x0407, ASKS, 32, i40e_aq_vsi_bandwidth },
    { 0x0408, ANSWERS, 64, i40e_aq_query_bandwidth },
    { 0x040a, ANSWERS, 32, i40e_aq_query_ets },
    { 0x0418, ANSWERS, 64, i40e_aq_query_veb },
    { 0x041a, ANSWERS, 32, i40e_aq_query_veb },
    { 0x0600, ANSWERS, 0x218, i40e_aq_phy_abilities },
    { 0x0601, DIRECT, 0, i40e_aq_set_phy },
    { 0x0603, DIRECT, 0, i40e_aq_set_mac_config },
    { 0x0605, DIRECT, 0, i40e_aq_restart_an },
    { 0x0607, DIRECT, 0, i40e_aq_link_status },
    { 0x0613, DIRECT, 0, i40e_aq_phy_mask },
    { 0x0618, DIRECT, 0, i40e_aq_loopback },
    { 0x0701, ANSWERS, 1, nvm_read },
    { 0x0802, MESSAGE, 0, i40e_aq_message_to_vf },
    { 0x0a00, ANSWERS, 1, lldp_mib },
    { 0x0a01, DIRECT, 0, accept }, /* events about the MIB */
    { 0x0a05, DIRECT, 0, lldp_stop },
    { 0x0a06, DIRECT, 0, lldp_start },
    { 0x0a08, ASKS, 2, accept }, /* the MIB, as set by the driver */
    { 0x0b02, ASKS, KEY_BYTES, rss_key },
    { 0x0b03, ASKS, VF_LUT_BYTES, rss_lut },
    { 0x0b04, ASKS, KEY_BYTES, rss_key }, /* Linux and DPDK say so of reading, too */
    { 0x0b05, ASKS, 128, rss_lut },
    { 0xff03, DIRECT, 0, debug_read },
    { 0xff04, DIRECT, 0, debug_write },
};

static const struct command *command_of(uint16_t opcode)
{
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
        if (commands[i].opcode == opcode)
            return &commands[i];
    return NULL;
}

/* Flags as the command's form wants them, and a buffer that is long enough. */
static bool form_good(struct i40e_model *m, const struct command *c,
                      const struct i40e_aq_desc *desc)
{
    static const uint16_t wanted[] = {
        [DIRECT] = 0,
        [ANSWERS] = I40E_AQ_BUF,
        [ASKS] = I40E_AQ_BUF | I40E_AQ_RD,
        [MESSAGE] = I40E_AQ_BUF | I40E_AQ_RD,
    };
    uint16_t flags = desc->flags & (I40E_AQ_BUF | I40E_AQ_RD);
    if (flags != wanted[c->form] && (flags || c->form != MESSAGE)) {
        i40e_model_violation(m, "a command with wrong flags", c->opcode, desc->flags);
        return false;
    }
    if (desc->length < c->least) {
        i40e_model_violation(m, "a command with too short a buffer", c->opcode, desc->length);
        return false;
    }
    return true;
}

static bool refuses(struct i40e_model *m, uint16_t opcode)
{
    if (!m->refused_opcode || m->refused_opcode != opcode)
        return false;
    if (m->refusals && !--m->refusals)
        m->refused_opcode = 0;
    return true;
}

void i40e_model_command(void *owner, struct i40e_aq_desc *desc, uint8_t *buffer)
{
    struct i40e_model *m = owner;
    uint8_t *bytes = (uint8_t *)desc;
    uint16_t opcode = desc->opcode;
    const struct command *c = command_of(opcode);
    if (m->shut_down && !(m->dpdk && opcode == OP_QUEUE_SHUTDOWN))
        i40e_model_violation(m, "a command after the queue's shutdown", opcode, 0);
    if (!c) {
        i40e_model_violation(m, "no such command", opcode, 0);
        desc->result = AQ_ESRCH;
    } else if (!form_good(m, c, desc)) {
        desc->result = AQ_EINVAL;
    } else {
        desc->result = refuses(m, opcode) ? m->refusal : c->handler(m, bytes, buffer);
    }
    if (m->lie)
        m->lie(m, opcode, desc, buffer);
}
