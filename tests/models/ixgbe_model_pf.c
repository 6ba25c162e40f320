/* ixgbe_model_pf.c - the test (or the model by itself, under QEMU) as the PF of a lone VF.
 *
 * What it answers is what Linux ixgbe 6.12 answers: message types 1 to 0dh, versions 1.0 to 1.5. */
#include "tests/models/ixgbe_model_internal.h"

#include <string.h>

#define SUCCESS 0x80000000u
#define FAILURE 0x40000000u
#define CTS 0x20000000u
#define TYPE 0x0000ffffu
#define INFO 0x00ff0000u

enum message {
    VF_RESET = 1,
    SET_MAC,
    SET_MULTICAST,
    SET_VLAN,
    SET_LPE,
    SET_MACVLAN,
    API_NEGOTIATE = 8,
    GET_QUEUES,
    GET_RETA,
    GET_RSS_KEY,
    UPDATE_XCAST_MODE,
    IPSEC_ADD,
    IPSEC_DEL,
    GET_LINK_STATE = 0x10,
};

#define API_DEFAULT 6u /* 1.5 */

bool ixgbe_model_pf_receive(struct ixgbe_model *m, uint32_t words[IXGBE_MODEL_MESSAGE])
{
    if (!(ixgbe_get(m, R_PFMBICR(0)) & 1))
        return false;
    *ixgbe_at(m, R_PFMBICR(0)) &= ~1u;
    /* REQ gave the buffer up */
    ixgbe_model_mailbox_pf_write(m, R_PFMAILBOX(0), PFMB_PFU);
    memcpy(words, m->vf[0].memory, IXGBE_MODEL_MESSAGE * sizeof *words);
    ixgbe_model_mailbox_pf_write(m, R_PFMAILBOX(0), PFMB_ACK);
    return true;
}

bool ixgbe_model_pf_send(struct ixgbe_model *m, const uint32_t *words, unsigned n)
{
    ixgbe_model_mailbox_pf_write(m, R_PFMAILBOX(0), PFMB_PFU);
    if (!(m->vf[0].mailbox & VFMB_PFU))
        return false;
    for (unsigned i = 0; i < n && i < IXGBE_MODEL_MESSAGE; i++)
        m->vf[0].memory[i] = words[i];
    *ixgbe_at(m, R_PFMBICR(0)) &= ~0x10001u;
    ixgbe_model_mailbox_pf_write(m, R_PFMAILBOX(0), PFMB_STS);
    return true;
}

static void set_bit(uint32_t *at, uint32_t bit, bool on)
{
    *at = on ? *at | bit : *at & ~bit;
}

static void set_address(struct ixgbe_model *m, unsigned entry, const uint8_t mac[MAC_LEN])
{
    uint16_t high;
    memcpy(ixgbe_at(m, R_RAL(entry)), mac, 4);
    memcpy(&high, mac + 4, 2);
    *ixgbe_at(m, R_RAH(entry)) = high | RAH_AV;
    *ixgbe_at(m, R_MPSAR(entry, 0)) = 1;
    *ixgbe_at(m, R_MPSAR(entry, 1)) = 0;
}

static void forget(struct ixgbe_model *m)
{
    memset(ixgbe_at(m, R_MTA(0)), 0, 4 * 128);
    memset(ixgbe_at(m, R_UTA(0)), 0, 4 * 128);
    memset(ixgbe_at(m, R_PFVLVF(0)), 0, 4 * 64);
    for (unsigned i = 0; i < IXGBE_MODEL_ADDRESSES; i++)
        *ixgbe_at(m, R_RAH(i)) = 0;
    *ixgbe_at(m, R_PFVML2FLT(0)) = L2FLT_AUPE | L2FLT_BAM | L2FLT_ROMPE;
}

void ixgbe_model_pf_pool(struct ixgbe_model *m, bool on)
{
    set_bit(ixgbe_at(m, R_VFRE(0)), 1, on);
    set_bit(ixgbe_at(m, R_VFTE(0)), 1, on);
}

/* A VF that speaks version 1.5 keeps the buffer until it has seen the acknowledgement. */
static void answer(struct ixgbe_model *m, const uint32_t *words, unsigned n)
{
    m->pf.answers = !ixgbe_model_pf_send(m, words, n);
    if (m->pf.answers)
        memcpy(m->pf.answer, words, n * sizeof *words);
}

/* words[3] is the multicast filter's kind. */
static void serve_reset(struct ixgbe_model *m)
{
    static const uint8_t none[MAC_LEN];
    uint32_t words[4] = { VF_RESET | FAILURE };
    forget(m);
    ixgbe_model_pf_pool(m, true);
    m->pf.cts = true;
    if (memcmp(m->pf.mac, none, MAC_LEN)) {
        words[0] = VF_RESET | SUCCESS;
        memcpy(&words[1], m->pf.mac, MAC_LEN);
        set_address(m, 0, m->pf.mac);
    }
    answer(m, words, 4);
}

static void serve_multicast(struct ixgbe_model *m, const uint32_t *words)
{
    uint32_t n = FIELD_GET(INFO, words[0]);
    memset(ixgbe_at(m, R_MTA(0)), 0, 4 * 128);
    for (uint32_t i = 0; i < n && i < 30; i++) {
        uint32_t hash = words[1 + i / 2] >> 16 * (i % 2) & 0xfff;
        *ixgbe_at(m, R_MTA(hash / 32)) |= 1u << hash % 32;
    }
}

static void serve_vlan(struct ixgbe_model *m, const uint32_t *words)
{
    uint32_t vid = words[1] & VLVF_VID, entry = 64;
    bool add = FIELD_GET(INFO, words[0]);
    set_bit(ixgbe_at(m, R_VFTA(vid / 32)), 1u << vid % 32, add);
    for (uint32_t i = 64; i-- > 0;) {
        uint32_t v = ixgbe_get(m, R_PFVLVF(i));
        if ((v & VLVF_ON) && (v & VLVF_VID) == vid)
            *ixgbe_at(m, R_PFVLVF(i)) = 0;
        if (!ixgbe_get(m, R_PFVLVF(i)))
            entry = i;
    }
    if (!add || entry == 64)
        return;
    *ixgbe_at(m, R_PFVLVF(entry)) = VLVF_ON | vid;
    *ixgbe_at(m, R_PFVLVFB(entry, 0)) = 1;
    *ixgbe_at(m, R_PFVLVFB(entry, 1)) = 0;
}

/* Index 0 forgets the others; each other one is an address more. */
static void serve_macvlan(struct ixgbe_model *m, const uint32_t *words)
{
    uint32_t index = FIELD_GET(INFO, words[0]);
    uint8_t mac[MAC_LEN];
    memcpy(mac, &words[1], MAC_LEN);
    if (index <= 1)
        for (unsigned i = 1; i < IXGBE_MODEL_ADDRESSES; i++)
            *ixgbe_at(m, R_RAH(i)) = 0;
    for (unsigned i = 1; index && i < IXGBE_MODEL_ADDRESSES; i++)
        if (!ixgbe_get(m, R_RAH(i))) {
            set_address(m, i, mac);
            return;
        }
}

/* Jumbo frames of VFs are the PF's matter on the 82599.  Linux's limit, not the chip's. */
static bool serve_length(struct ixgbe_model *m, uint32_t bytes)
{
    if (bytes > 9728)
        return false;
    *ixgbe_at(m, R_HLREG0) |= HLREG0_JUMBO;
    if (bytes > ixgbe_get(m, R_MAXFRS) >> 16)
        *ixgbe_at(m, R_MAXFRS) = bytes << 16;
    return true;
}

/* 0 none, 1 multicast, 2 all multicast, 3 promiscuous (refused by the 82599). */
static bool serve_xcast(struct ixgbe_model *m, uint32_t mode)
{
    uint32_t *filter = ixgbe_at(m, R_PFVML2FLT(0));
    if (mode > 3 || (mode == 3 && !ixgbe_is_x540(m)))
        return false;
    set_bit(filter, L2FLT_ROMPE, mode >= 1);
    set_bit(filter, L2FLT_MPE, mode >= 2);
    set_bit(filter, L2FLT_UPE | L2FLT_VPE, mode == 3);
    return true;
}

/* The VF's redirection table: two bits each entry, sixteen to a word. */
static void serve_reta(struct ixgbe_model *m, uint32_t *words)
{
    memset(words + 1, 0, 8 * sizeof *words);
    for (unsigned i = 0; i < 128; i++) {
        uint32_t queue = ixgbe_get(m, R_RETA(i / 4)) >> 8 * (i % 4) & 3;
        words[1 + i / 16] |= queue << 2 * (i % 16);
    }
}

/* 1 is 2.0, which is nobody's. */
static bool serve_api(struct ixgbe_model *m, uint32_t api)
{
    if (api == 1 || api > (m->pf.api ? m->pf.api : API_DEFAULT))
        return false;
    m->pf.agreed = api;
    return true;
}

static bool serve_request(struct ixgbe_model *m, uint32_t type, uint32_t *words)
{
    switch (type) {
    case SET_MAC:
        memcpy(m->pf.mac, &words[1], MAC_LEN);
        set_address(m, 0, m->pf.mac);
        return true;
    case SET_MULTICAST:
        serve_multicast(m, words);
        return true;
    case SET_VLAN:
        serve_vlan(m, words);
        return true;
    case SET_LPE:
        return serve_length(m, words[1]);
    case SET_MACVLAN:
        serve_macvlan(m, words);
        return true;
    case API_NEGOTIATE:
        return serve_api(m, words[1]);
    case GET_QUEUES:
        words[1] = words[2] = m->pf.queues ? m->pf.queues : 1;
        words[3] = words[4] = 0;
        return true;
    case GET_RETA:
        serve_reta(m, words);
        return true;
    case GET_RSS_KEY:
        memcpy(words + 1, ixgbe_at(m, R_RSSRK(0)), 40);
        return true;
    case UPDATE_XCAST_MODE:
        return serve_xcast(m, words[1]);
    case GET_LINK_STATE:
        words[1] = 1;
        return true;
    }
    return false;
}

bool ixgbe_model_pf_serve(struct ixgbe_model *m)
{
    uint32_t words[IXGBE_MODEL_MESSAGE];
    if (m->pf.answers)
        answer(m, m->pf.answer, IXGBE_MODEL_MESSAGE);
    if (!ixgbe_model_pf_receive(m, words))
        return false;
    uint32_t type = words[0] & TYPE;
    memcpy(m->pf.last, words, sizeof words);
    m->pf.seen[type % 32]++;
    if (m->pf.unanswered >> type % 32 & 1)
        return true;
    if (type == VF_RESET) {
        serve_reset(m);
        return true;
    }
    bool good = m->pf.cts && !(m->pf.refused >> type % 32 & 1) && serve_request(m, type, words);
    words[0] |= (good ? SUCCESS : FAILURE) | (m->pf.cts ? CTS : 0);
    answer(m, words, IXGBE_MODEL_MESSAGE);
    return true;
}

/* ixgbe_vf_reset_event(): address, groups and VLANs go, the version is 1.0 again. */
void ixgbe_model_pf_finds_reset(struct ixgbe_model *m)
{
    forget(m);
    m->pf.agreed = 0;
}

void ixgbe_model_pf_reset_begin(struct ixgbe_model *m)
{
    ixgbe_model_reset_registers(m);
    ixgbe_model_mailbox_reset(m);
    m->pf.cts = false;
}

/* Sixty-four pools of two queues that hash, nobody admitted yet. */
void ixgbe_model_pf_reset_end(struct ixgbe_model *m)
{
    *ixgbe_at(m, R_PFVTCTL) = PFVTCTL_ON | PFVTCTL_REPLICATE | PFVTCTL_NO_DEFAULT;
    *ixgbe_at(m, R_GCR_EXT) = 3;
    *ixgbe_at(m, R_MRQC) = MRQC_VMDQ_RSS64 | 0x00330000;
    *ixgbe_at(m, R_MTQC) = MTQC_VT | 0x4;
    for (unsigned i = 0; i < 32; i++)
        *ixgbe_at(m, R_RETA(i)) = 0x01000100;
    for (unsigned i = 0; i < 10; i++)
        *ixgbe_at(m, R_RSSRK(i)) = 0x6d5a56da + 0x01234567 * i;
    *ixgbe_at(m, R_RXCTRL) = RXCTRL_EN;
    *ixgbe_at(m, R_RDRXCTL) |= RDRXCTL_CRCSTRIP;
    *ixgbe_at(m, R_DMATXCTL) |= DMATXCTL_TE;
    *ixgbe_at(m, R_MCSTCTRL) = MCSTCTRL_MFE;
    *ixgbe_at(m, R_VLNCTRL) = VLNCTRL_VFE | 0x8100;
    *ixgbe_at(m, R_VFTA(0)) |= 1;
    *ixgbe_at(m, R_VFRE(0)) = *ixgbe_at(m, R_VFRE(1)) = 0;
    *ixgbe_at(m, R_VFTE(0)) = *ixgbe_at(m, R_VFTE(1)) = 0;
    *ixgbe_at(m, R_RXCSUM) = RXCSUM_PCSD;
    forget(m);
    ixgbe_model_mailbox_open(m);
}

void ixgbe_model_pf_hold(struct ixgbe_model *m, bool on)
{
    ixgbe_model_mailbox_pf_write(m, R_PFMAILBOX(0), on ? PFMB_PFU : 0);
}

bool ixgbe_model_pf_ping(struct ixgbe_model *m, bool cts)
{
    uint32_t word = 0x0100 | (cts ? CTS : 0);
    return ixgbe_model_pf_send(m, &word, 1);
}

bool ixgbe_model_pf_saw_flr(struct ixgbe_model *m)
{
    bool was = ixgbe_get(m, R_VFLRE(0)) & 1;
    *ixgbe_at(m, R_VFLRE(0)) &= ~1u;
    return was;
}
