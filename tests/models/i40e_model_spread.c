/* i40e_model_spread.c - which queue of its VSI a frame goes to in the i40e model: hash, table,
 * traffic class 0, and what the VSI calls its queues.
 *
 * The PF's VSI has key, table and kinds of the PF's registers, a VF's those of its VF.  Its queues
 * are those that its properties name, or, where QBASE says so, those of its table (VSILAN_QTABLE).
 * Linux i40e and DPDK agree. */
#include "tests/models/i40e_model_internal.h"
#include "tests/models/intel_seen.h"

#define SEEN_IP4 0x01u
#define SEEN_IP6 0x04u
#define SEEN_TCP 0x10u
#define SEEN_UDP 0x20u

/* Packet classifier types that HENA has a bit for, and what intel_seen.h hashes of them. */
static unsigned classify(const struct i40e_model *m, unsigned seen, bool group, uint32_t *mrqc)
{
    bool v4 = seen & SEEN_IP4;
    if (!(seen & (SEEN_IP4 | SEEN_IP6)))
        return 63;
    if (seen & SEEN_TCP) {
        *mrqc = v4 ? 1u << 16 : 1u << 21;
        return v4 ? 33 : 43;
    }
    *mrqc = seen & SEEN_UDP ? v4 ? 1u << 22 : 1u << 23 : v4 ? 1u << 17 : 1u << 20;
    unsigned udp = !i40e_is_x722(m) ? 31 : group ? 30 : 29;
    return (seen & SEEN_UDP ? udp : 35u) + (v4 ? 0 : 10);
}

static const struct iavf_model *vf_of(const struct i40e_model *m, const struct i40e_model_vsi *v)
{
    return i40e_is_of_vf(v) ? &m->vf[v->vf - i40e_base_vf(m)] : NULL;
}

static uint32_t key_of(const struct i40e_model *m, const struct i40e_model_vsi *v, unsigned i)
{
    const struct iavf_model *vf = vf_of(m, v);
    return vf ? vf->key[i] : i40e_get(m, R_PFQF_HKEY(i));
}

static uint32_t kinds_of(const struct i40e_model *m, const struct i40e_model_vsi *v, unsigned i)
{
    const struct iavf_model *vf = vf_of(m, v);
    return vf ? vf->hena[i] : i40e_get(m, R_PFQF_HENA(i));
}

static bool hash(const struct i40e_model *m, const struct i40e_model_vsi *v, const uint8_t *frame,
                 uint32_t length, uint32_t *value)
{
    uint8_t key[40];
    uint32_t mrqc = 0;
    unsigned type, class = classify(m, intel_seen_type(frame, length), frame[0] & 1, &mrqc);
    if (!(kinds_of(m, v, class / 32) >> class % 32 & 1) || !mrqc)
        return false;
    for (unsigned i = 0; i < 40; i++)
        key[i] = (uint8_t)(key_of(m, v, i / 4) >> 8 * (i % 4));
    *value = intel_seen_hash(key, mrqc, frame, length, &type);
    return type != 0;
}

static unsigned lut(const struct i40e_model *m, const struct i40e_model_vsi *v, uint32_t value)
{
    const struct iavf_model *vf = vf_of(m, v);
    unsigned last = vf ? 63 : i40e_get(m, R_PFQF_CTL_0) & PFQF_LUT512 ? 511 : 127;
    unsigned i = value & last;
    return (vf ? vf->lut[i / 4] : i40e_get(m, R_PFQF_HLUT(i / 4))) >> 8 * (i % 4) & 0x3f;
}

/* The VSI's queue n. */
static unsigned queue_named(const struct i40e_model *m, const struct i40e_model_vsi *v, unsigned n)
{
    if (i40e_get(m, R_VSILAN_QBASE(v->number)) & QBASE_TABLE)
        return i40e_get(m, R_VSILAN_QTABLE(n % 16 / 2, v->number)) >> (n % 2 ? 16 : 0) & 0x7ff;
    if (i40e_le16(v->properties + VSI_MAPPING) & 1)
        return i40e_le16(v->properties + VSI_QUEUES + 2 * (n % 16)) & 0x7ff;
    return (i40e_le16(v->properties + VSI_QUEUES) + n) & 0x7ff;
}

/* Traffic class 0 alone: where it begins in the VSI's queues, and two to which power it has. */
struct i40e_choice i40e_model_spread(const struct i40e_model *m, const struct i40e_model_vsi *v,
                                     const uint8_t *frame, uint32_t length)
{
    struct i40e_choice c = { 0 };
    uint16_t class = i40e_le16(v->properties + VSI_CLASSES);
    c.hashed = hash(m, v, frame, length, &c.hash);
    unsigned in_class = c.hashed ? lut(m, v, c.hash) & ((1u << (class >> 9 & 7)) - 1) : 0;
    c.queue = queue_named(m, v, (class & 0x1ff) + in_class);
    if (c.queue >= m->queues)
        c.queue = LIST_END;
    return c;
}
