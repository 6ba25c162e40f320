/* i40e_model_link.c - firmware's commands about PHY, MAC and link, and its events.  Layouts as
 * Linux i40e and DPDK agree on them. */
#include "tests/models/i40e_model_internal.h"

#include <string.h>

#define OP_LINK_STATUS 0x0607u
#define LSE_ENABLE 0x3u
#define LSE_DISABLE 0x2u
#define LSE_IS_ENABLED 0x1u
#define MASK_UPDOWN 0x0002u
#define LINK_UP 0x01u
#define LINK_UP_PORT 0x20u
#define MEDIA_AVAILABLE 0x40u
#define AN_COMPLETED 0x01u
#define QUALIFIED 0x80u
#define CONFIG_CRC 0x04u
#define CONFIG_FEC_RS 0x02u
#define ENABLE_LINK 0x08u
#define REPORT_INITIAL 0x02u

/* What hangs on the port: PHY type, speed, the bits of Get PHY Abilities. */
static const struct media {
    uint8_t phy, speed, extension, fec;
    uint32_t types;
} medias[] = {
    [I40E_MODEL_X710] = { 0x14, 0x08, 0, 0, 1u << 0x14 | 1u << 0x1b },
    [I40E_MODEL_XL710] = { 0x19, 0x10, 0, 0, 1u << 0x19 },
    [I40E_MODEL_XXV710] = { 0x21, 0x40, 0x04, 0x08, 0 },
    [I40E_MODEL_XL710_ONE] = { 0x19, 0x10, 0, 0, 1u << 0x19 },
    [I40E_MODEL_X710_FOUR] = { 0x14, 0x08, 0, 0, 1u << 0x14 | 1u << 0x1b },
    [I40E_MODEL_X722] = { 0x14, 0x08, 0, 0, 1u << 0x14 | 1u << 0x1b },
};

static const struct media *media(const struct i40e_model *m)
{
    return &medias[m->chip];
}

/* Parameters of Get Link Status, which events have, too. */
static void put_status(const struct i40e_model *m, uint8_t *p)
{
    bool up = i40e_link_up(m);
    memset(p, 0, 16);
    config_put(p, m->events_on ? LSE_IS_ENABLED : 0, 2);
    p[2] = media(m)->phy;
    p[3] = up ? media(m)->speed : 0;
    p[4] = (uint8_t)(MEDIA_AVAILABLE | (up ? LINK_UP | LINK_UP_PORT : 0));
    p[5] = (uint8_t)(QUALIFIED | (up ? AN_COMPLETED : 0));
    config_put(p + 8, m->max_frame, 2);
    p[10] = (uint8_t)(CONFIG_CRC | (up && media(m)->fec ? CONFIG_FEC_RS : 0));
    config_put(p + 11, media(m)->types, 4);
    p[15] = media(m)->extension;
}

/* One event, then the driver asks again. */
static void tell(struct i40e_model *m)
{
    struct i40e_aq_desc desc = { .opcode = OP_LINK_STATUS };
    if (!m->events_on || (m->phy_mask & MASK_UPDOWN) || m->told_up == i40e_link_up(m))
        return;
    m->told_up = i40e_link_up(m);
    put_status(m, (uint8_t *)desc.param);
    m->events_on = false;
    i40e_model_event(m, &desc);
}

void i40e_model_set_link(struct i40e_model *m, bool up)
{
    m->cable = up;
    tell(m);
}

void i40e_model_link_reset(struct i40e_model *m)
{
    m->events_on = false;
    m->phy_mask = 0;
    m->link_wanted = true;
    m->max_frame = I40E_MODEL_FRAME;
    memset(m->phy_config, 0, sizeof m->phy_config);
}

uint16_t i40e_aq_link_status(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    uint16_t wanted = i40e_le16(desc + AQ_PARAM);
    if (wanted != LSE_ENABLE && wanted != LSE_DISABLE && wanted)
        i40e_model_violation(m, "link events neither on nor off", OP_LINK_STATUS, wanted);
    if (wanted)
        m->events_on = wanted == LSE_ENABLE;
    m->told_up = i40e_link_up(m);
    put_status(m, desc + AQ_PARAM);
    return AQ_OK;
}

uint16_t i40e_aq_phy_mask(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    m->phy_mask = i40e_le16(desc + AQ_PARAM + 8);
    return AQ_OK;
}

uint16_t i40e_aq_phy_abilities(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    static const uint8_t id[4] = { 0x00, 0x15, 0x01, 0x03 }, module[3] = { 0x03, 0x10, 0x00 };
    bool set = m->phy_config[5] && !(i40e_le32(desc + AQ_PARAM) & REPORT_INITIAL);
    memset(buffer, 0, 0x218);
    config_put(buffer, set ? i40e_le32(m->phy_config) : media(m)->types, 4);
    buffer[4] = set ? m->phy_config[4] : media(m)->speed;
    buffer[5] = set ? m->phy_config[5] : ENABLE_LINK | 0x10;
    buffer[13] = media(m)->extension;
    buffer[14] = media(m)->fec;
    memcpy(buffer + 16, id, sizeof id);
    memcpy(buffer + 20, module, sizeof module);
    config_put(desc + AQ_LENGTH, 0x218, 2);
    return AQ_OK;
}

uint16_t i40e_aq_set_phy(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    const uint8_t *p = desc + AQ_PARAM;
    if (!m->dpdk && (p[4] & ~media(m)->speed)) /* of types Linux asks for all there are */
        i40e_model_violation(m, "a speed that the PHY has not", 0x0601, p[4]);
    memcpy(m->phy_config, p, sizeof m->phy_config);
    m->link_wanted = p[5] & ENABLE_LINK;
    tell(m);
    return AQ_OK;
}

uint16_t i40e_aq_set_mac_config(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    uint16_t most = i40e_le16(desc + AQ_PARAM);
    if (most < 1518 || most > I40E_MODEL_FRAME) {
        i40e_model_violation(m, "frames of a length that the MAC has not", 0x0603, most);
        return AQ_EINVAL;
    }
    m->max_frame = most;
    return AQ_OK;
}

uint16_t i40e_aq_restart_an(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    m->link_wanted = desc[AQ_PARAM] & 0x04;
    tell(m);
    return AQ_OK;
}

uint16_t i40e_aq_loopback(struct i40e_model *m, uint8_t *desc, uint8_t *buffer)
{
    return i40e_le16(desc + AQ_PARAM) ? AQ_EINVAL : AQ_OK; /* none is modelled */
}
