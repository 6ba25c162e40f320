/* i40e_firmware.c - what the PF of an X710 says to its firmware about itself: versions, what it
 * has, its address, the NVM, the link (i40e.h).
 *
 * Linux's and DPDK's i40e agree on commands and answers. */
#include "kernel/task.h"
#include "kernel/time.h"
#include "nic/intel/i40e/i40e_sriov.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND_US US_PER_S /* Linux and DPDK: a quarter of it */
#define NVM_US (10 * US_PER_MS)
#define API_MAJOR 1u
#define AQ_ENTRIES 64u
#define AQ_BUFFERS 8u
#define AQ_BUFFERS_VFS 32u /* with VFs: each may say something */
#define CAPABILITIES_MAX 64u
#define EVENTS_AT_ONCE 64u

int i40e_command(struct i40e *e, struct i40e_aq_desc *desc, void *bytes, uint16_t n, bool write,
                 uint32_t expected)
{
    e->aq.expected = expected;
    int err = i40e_adminq_command(&e->aq, desc, bytes, n, write, COMMAND_US);
    if (err == -ETIMEDOUT)
        i40e_adminq_close(&e->aq);
    return err;
}

/* Session -------------------------------------------------------------------- */

static const char *ask_version(struct i40e *e)
{
    struct i40e_aq_desc d = { .opcode = I40E_OP_VERSION };
    if (i40e_command(e, &d, NULL, 0, false, 0))
        return "firmware does not answer";
    e->firmware.major = (uint16_t)d.address_high;
    e->firmware.minor = (uint16_t)(d.address_high >> 16);
    e->firmware.api_major = (uint16_t)d.address_low;
    e->firmware.api_minor = (uint16_t)(d.address_low >> 16);
    if (e->firmware.api_major == API_MAJOR)
        return NULL;
    log_error("%s: firmware %u.%u has interface %u.%u, expected %u", e->device.name,
              e->firmware.major, e->firmware.minor, e->firmware.api_major, e->firmware.api_minor,
              API_MAJOR);
    return "its firmware's interface is another";
}

/* Firmware is told who drives. */
static void say_who(struct i40e *e)
{
    char name[] = "Millrace";
    struct i40e_aq_desc d = { .opcode = I40E_OP_DRIVER_VERSION, .param = { 1 } };
    i40e_command(e, &d, name, sizeof name - 1, true, UINT32_MAX);
}

/* One descriptor at a time is for boot ROMs. */
static void leave_pxe_mode(struct i40e *e)
{
    struct i40e_aq_desc d = { .opcode = I40E_OP_CLEAR_PXE };
    i40e_command(e, &d, NULL, 0, false, 1u << I40E_RC_EEXIST);
    intel_change(&e->device, I40E_GLLAN_RCTL_0, 0, I40E_GLLAN_RCTL_0_PXE_MODE);
}

/* Its NVM is broken, or was written half: it answers, and drives nothing. */
const char *i40e_recovery(const struct i40e *e)
{
    uint32_t state = FIELD_GET(I40E_GL_FWSTS_STATE, i40e_read(e, I40E_GL_FWSTS));
    uint32_t first = e->x722 ? I40E_FWSTS_RECOVERY_X722 : I40E_FWSTS_RECOVERY;
    uint32_t last = e->x722 ? I40E_FWSTS_RECOVERY_X722 + 1 : I40E_FWSTS_RECOVERY_LAST;
    return state >= first && state <= last
               ? "its firmware is in recovery mode: its NVM has to be written anew"
               : NULL;
}

static const char *greet(struct i40e *e)
{
    if (i40e_recovery(e))
        return i40e_recovery(e);
    if (!i40e_adminq_open(&e->aq))
        return "its admin queue does not open";
    const char *trouble = ask_version(e);
    if (trouble)
        return trouble;
    say_who(e);
    leave_pxe_mode(e);
    return NULL;
}

int i40e_open(struct i40e *e, const char **trouble)
{
    int err =
        i40e_adminq_create(&e->aq, e->device.name, &e->device.pci->dma, e->device.regs,
                           &i40e_aq_regs_pf, AQ_ENTRIES, e->sriov ? AQ_BUFFERS_VFS : AQ_BUFFERS);
    *trouble = err ? "no memory for the admin queue" : greet(e);
    return err ? err : *trouble ? -EIO : 0;
}

void i40e_close(struct i40e *e)
{
    struct i40e_aq_desc d = { .opcode = I40E_AQ_SHUTDOWN, .param = { 1 } };
    if (e->aq.open && !e->device.gone)
        i40e_command(e, &d, NULL, 0, false, UINT32_MAX);
    if (e->aq.layout)
        i40e_adminq_close(&e->aq);
    i40e_adminq_destroy(&e->aq);
    e->aq = (struct i40e_adminq){ 0 };
}

/* Facts ---------------------------------------------------------------------- */

/* What the PF has; the rest of the list is of no use here. */
static const char *read_capabilities(struct i40e *e)
{
    struct i40e_capability list[CAPABILITIES_MAX];
    struct i40e_aq_desc d = { .opcode = I40E_OP_CAPABILITIES };
    uint32_t receive = 0, transmit = 0, sriov = 0;
    if (i40e_command(e, &d, list, sizeof list, false, 0))
        return "firmware does not say what it has";
    for (uint32_t i = 0; i < d.param[1] && i < CAPABILITIES_MAX; i++) {
        if (list[i].id == I40E_CAP_RXQ)
            receive = list[i].number;
        if (list[i].id == I40E_CAP_SRIOV)
            sriov = list[i].number;
        if (list[i].id == I40E_CAP_VF) {
            e->vfs = list[i].number;
            e->first_vf = list[i].logical;
        }
        if (list[i].id == I40E_CAP_VF_VECTORS)
            e->vf_vectors = list[i].number;
        if (list[i].id == I40E_CAP_TXQ) {
            transmit = list[i].number;
            e->first_queue = list[i].physical;
        }
    }
    if (!sriov || e->vfs > I40E_VFS_MAX || e->first_vf > I40E_VFS_MAX - e->vfs || !e->vf_vectors ||
        e->vf_vectors > VIRTCHNL_VECTORS_MAX)
        e->vfs = 0; /* a register's place follows from these, too */
    e->queues_max = receive < transmit ? receive : transmit;
    if (!e->queues_max)
        return "firmware gives it no queues";
    /* a register's place follows from these */
    bool there =
        e->queues_max <= I40E_CHIP_QUEUES && e->first_queue <= I40E_CHIP_QUEUES - e->queues_max;
    return there ? NULL : "firmware gives it queues that the chip has not";
}

static bool wait_nvm(const struct i40e *e)
{
    return !intel_wait(&e->device, LOG_WARNING, "GLNVM_SRCTL", I40E_GLNVM_SRCTL,
                       I40E_GLNVM_SRCTL_DONE, I40E_GLNVM_SRCTL_DONE, NVM_US);
}

static bool read_word(struct i40e *e, uint32_t word, uint16_t *value)
{
    struct i40e_aq_desc ask = {
        .opcode = I40E_OP_NVM_READ,
        .param = { I40E_NVM_LAST | FIELD_PUT(I40E_NVM_LENGTH, (uint32_t)sizeof *value), 2 * word }
    };
    if (e->x722)
        return !i40e_command(e, &ask, value, sizeof *value, false, 0);
    if (!wait_nvm(e))
        return false;
    i40e_write(e, I40E_GLNVM_SRCTL,
               FIELD_PUT(I40E_GLNVM_SRCTL_ADDR, word) | I40E_GLNVM_SRCTL_START);
    if (!wait_nvm(e))
        return false;
    *value = (uint16_t)FIELD_GET(I40E_GLNVM_SRDATA_READ, i40e_read(e, I40E_GLNVM_SRDATA));
    return true;
}

/* Which image the chip has: shown, no more.  The NVM is owned meanwhile. */
static void read_nvm(struct i40e *e)
{
    struct i40e_aq_desc ask = { .opcode = I40E_OP_REQUEST_RESOURCE,
                                .param = { I40E_RESOURCE_NVM | I40E_RESOURCE_READ } };
    struct i40e_aq_desc release = { .opcode = I40E_OP_RELEASE_RESOURCE,
                                    .param = { I40E_RESOURCE_NVM } };
    uint16_t low = 0, high = 0;
    if (i40e_command(e, &ask, NULL, 0, false, 0))
        return;
    if (read_word(e, I40E_NVM_VERSION, &e->firmware.nvm) &&
        read_word(e, I40E_NVM_EETRACK_LOW, &low))
        read_word(e, I40E_NVM_EETRACK_HIGH, &high);
    e->firmware.eetrack = (uint32_t)high << 16 | low;
    i40e_command(e, &release, NULL, 0, false, 0);
}

/* An agent of firmware's own takes LLDP's frames before we could; it is left as it is found. */
static void look_for_lldp(struct i40e *e)
{
    uint8_t mib[64];
    struct i40e_aq_desc d = { .opcode = I40E_OP_LLDP_MIB };
    int err = i40e_command(e, &d, mib, sizeof mib, false, UINT32_MAX);
    e->firmware.lldp = !err || (err == -EIO && d.result != I40E_RC_EPERM);
}

const char *i40e_read_facts(struct i40e *e, uint8_t mac[MAC_LEN])
{
    uint8_t addresses[24] = { 0 };
    struct i40e_aq_desc d = { .opcode = I40E_OP_MAC_READ };
    const char *trouble = read_capabilities(e);
    if (trouble)
        return trouble;
    if (i40e_command(e, &d, addresses, sizeof addresses, false, 0))
        return "firmware does not say its address";
    memset(mac, 0, MAC_LEN);
    if (d.param[0] & I40E_MAC_READ_VALID)
        memcpy(mac, addresses, MAC_LEN);
    read_nvm(e);
    look_for_lldp(e);
    const struct i40e_firmware *f = &e->firmware;
    log_info("%s: firmware %u.%u, interface %u.%u, NVM %x.%02x (%08" PRIx32 "), %" PRIu32
             " queues; LLDP is %s",
             e->device.name, f->major, f->minor, f->api_major, f->api_minor, f->nvm >> 12,
             f->nvm & 0xff, f->eetrack, e->queues_max, f->lldp ? "firmware's" : "ours");
    return NULL;
}

/* Link ------------------------------------------------------------------------ */

static uint32_t speed_of(uint32_t bit)
{
    static const uint32_t speeds[] = { 2500, 100, 1000, 10000, 40000, 20000, 25000, 5000 };
    for (unsigned i = 0; i < ARRAY_SIZE(speeds); i++)
        if (bit == 1u << i)
            return speeds[i];
    return 0;
}

static const char *media_of(uint32_t phy)
{
    static const char *const names[] = {
        "SGMII",       "1000BASE-KX", "10GBASE-KX4", "10GBASE-KR",  "40GBASE-KR4", "XAUI",
        "XFI",         "SFI",         "XLAUI",       "XLPPI",       "40GBASE-CR4", "10GBASE-CR1",
        "10GBASE-AOC", "40GBASE-AOC", NULL,          NULL,          NULL,          "100BASE-TX",
        "1000BASE-T",  "10GBASE-T",   "10GBASE-SR",  "10GBASE-LR",  "SFP+ copper", "10GBASE-CR1",
        "40GBASE-CR4", "40GBASE-SR4", "40GBASE-LR4", "1000BASE-SX", "1000BASE-LX", "1000BASE-T",
        "20GBASE-KR2", "25GBASE-KR",  "25GBASE-CR",  "25GBASE-SR",  "25GBASE-LR",  "25GBASE-AOC",
        "25GBASE-ACC",
    };
    return phy < ARRAY_SIZE(names) && names[phy] ? names[phy] : "unknown media";
}

static const char *fec_of(uint32_t word)
{
    return word & I40E_LINK_FEC_RS ? "RS" : word & I40E_LINK_FEC_KR ? "BASE-R" : "none";
}

/* The words of an answer or of an event. */
static void take_link(struct i40e *e, const struct i40e_aq_desc *d)
{
    uint32_t state = d->param[1];
    struct port_link link = { .up = state & I40E_LINK_UP };
    if (link.up) {
        link.full_duplex = true;
        link.speed_mbps = speed_of(FIELD_GET(I40E_LINK_SPEED, d->param[0]));
    } else if (!(state & I40E_LINK_MEDIA)) {
        link.why = "no module";
    } else if (!(state & I40E_LINK_QUALIFIED)) {
        link.why = "firmware does not take this module";
    }
    if (link.up && !e->link.up)
        log_info("%s: %s, FEC: %s, pause frames: %s", e->device.name,
                 media_of(FIELD_GET(I40E_LINK_PHY, d->param[0])), fec_of(d->address_high),
                 state & I40E_LINK_PAUSE ? "obeyed or sent" : "none");
    e->link = link;
}

/* A link that somebody has switched off is switched on. */
int i40e_ask_link(struct i40e *e)
{
    struct i40e_aq_desc d = { .opcode = I40E_OP_LINK_STATUS, .param = { I40E_LINK_EVENTS_ON } };
    e->ask_link = false;
    int err = i40e_command(e, &d, NULL, 0, false, 0);
    if (!err)
        take_link(e, &d);
    return err;
}

void i40e_take_events(struct i40e *e)
{
    struct i40e_aq_desc d;
    for (unsigned i = 0; i < EVENTS_AT_ONCE; i++) {
        uint16_t n = e->sriov ? sizeof e->sriov->message : 0;
        if (!i40e_adminq_receive(&e->aq, &d, e->sriov ? e->sriov->message : NULL, &n))
            return;
        if (d.opcode == I40E_OP_MESSAGE_FROM_VF && e->sriov)
            i40e_sriov_message(e, &d, e->sriov->message, n);
        if (d.opcode != I40E_OP_LINK_STATUS)
            continue;
        take_link(e, &d);
        e->ask_link = true;
    }
}
