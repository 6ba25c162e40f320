/* i40e.h - the X710, XL710, XXV710 and X722 PF: between its driver (i40e.c), firmware
 * (i40e_firmware.c), the switch (i40e_switch.c), queues and their private memory (i40e_queues.c)
 * and statistics (i40e_counters.c).
 *
 * A session with firmware begins with start() (and, for a moment, with probe()) and ends with
 * stop(): the chip has no memory of ours in between. */
#pragma once

#include "nic/intel/i40e/i40e_adminq.h"
#include "nic/intel/i40e/i40e_regs.h"
#include "nic/intel/i40e/i40e_ring.h"
#include "nic/intel/intel_port.h"

#include <stdbool.h>
#include <stdint.h>

#define I40E_QUEUES_MAX 64u  /* of a port, each way: its table of hashes tells no more apart */
#define I40E_STATIONS 64u    /* addresses that it listens for besides its own */
#define I40E_GROUPS 128u     /* more of them, and it hears all */
#define I40E_COUNTERS_MAX 64u

/* Of ID rows: an X722.  Words of its NVM, and what spreads frames, go by command, but for registers
 * of the receiver, which are written and not left to firmware; it tells more types of packets
 * apart; and it writes descriptors back on a timer.  The rest is an X710's (Linux, DPDK). */
#define I40E_QUIRK_X722 0x1u

/* What firmware has said; shown in the log. */
struct i40e_firmware {
    uint16_t major, minor, api_major, api_minor;
    uint16_t nvm;     /* the NVM's version, a digit each nibble */
    uint32_t eetrack; /* which image it is */
    bool lldp;        /* an agent of its own takes LLDP's frames */
};

struct i40e {
    struct i40e_rxq rx[I40E_QUEUES_MAX];
    struct i40e_txq tx[I40E_QUEUES_MAX];
    struct port port;
    struct intel_device device;
    struct i40e_adminq aq;
    struct i40e_firmware firmware;

    /* Who it is in the chip: as registers and firmware say. */
    uint32_t function, port_number; /* of the chip: the PF's number, and its port's */
    uint32_t first_queue;           /* the PF's, among the chip's */
    uint32_t queues_max;            /* pairs that it has */
    uint16_t seid, queue_set, counter, vsi_number; /* of its VSI */
    bool x722; /* I40E_QUIRK_X722 */
    uint16_t uplink;                   /* what that hangs on */

    /* VFs: how many it can have, from which one of the chip's on, vectors of each. */
    uint32_t vfs, first_vf, vf_vectors;
    struct i40e_sriov *sriov; /* NULL: none in force */

    /* The chip's private memory: a page with the addresses of the pages of contexts, and those. */
    struct dma_memory hmc_page, hmc;
    uint32_t hmc_queues; /* that there are contexts for, each way */

    /* The port's settings as the chip has them while it runs. */
    struct port_rx_mode mode;
    uint32_t offloads;
    uint8_t mac[MAC_LEN];
    uint8_t hears[I40E_STATIONS + I40E_GROUPS][MAC_LEN]; /* filters besides its own */
    uint16_t hears_count;

    uint16_t interrupts; /* queues that have a vector */
    uint16_t queues;     /* rings there are, each way; 0: stopped */
    struct port_link link;
    uint64_t look_at, count_at;
    bool ask_link;       /* firmware told of it, and tells no more until it was asked */
    const char *over;    /* why the port is to start over; NULL: it is not */
    bool over_fault;     /* and it is somebody's fault */
    struct port_overs overs;
    uint64_t malicious;  /* events of the chip's detection of malicious drivers */
    uint64_t resets;     /* of the whole chip, by somebody else */
    bool counting; /* since the first start, or the chip's last reset */
    uint64_t last[I40E_COUNTERS_MAX], total[I40E_COUNTERS_MAX];
};

static inline uint32_t i40e_read(const struct i40e *e, uint32_t reg)
{
    return intel_read(&e->device, reg);
}

static inline void i40e_write(const struct i40e *e, uint32_t reg, uint32_t value)
{
    intel_write(&e->device, reg, value);
}

static inline bool i40e_is_resetting(const struct i40e *e)
{
    return i40e_read(e, I40E_GLGEN_RSTAT) & I40E_GLGEN_RSTAT_DEVSTATE;
}

static inline void i40e_flush(const struct i40e *e)
{
    (void)i40e_read(e, I40E_GLGEN_STAT);
}

/* i40e_firmware.c ------------------------------------------------------------- */

/* The admin queue is open and firmware's version one that we know: 0, or -E... and what went wrong.
 * Bus mastering is on. */
int i40e_open(struct i40e *e, const char **trouble);
/* The queue is shut down, as far as firmware still hears us, and its memory freed. */
void i40e_close(struct i40e *e);
/* 0, -EIO (with a result that is logged, if it is not in `expected`, a bit each) or -ETIMEDOUT. */
int i40e_command(struct i40e *e, struct i40e_aq_desc *desc, void *bytes, uint16_t n, bool write,
                 uint32_t expected);
/* NULL, or why firmware is of no use: it is in its recovery mode. */
const char *i40e_recovery(const struct i40e *e);
/* NULL, or what went wrong. */
const char *i40e_read_facts(struct i40e *e, uint8_t mac[MAC_LEN]);
/* Link events are on, and the link is as firmware says: 0 or -E... */
int i40e_ask_link(struct i40e *e);
/* Events that came in since; with VFs, whose messages take firmware to answer, it may wait. */
void i40e_take_events(struct i40e *e);

/* i40e_switch.c --------------------------------------------------------------- */

/* The PF's VSI: its queues, tags, spreading, filters: 0 or -E... */
int i40e_set_up_vsi(struct i40e *e);
/* What the PF sends may reach VFs: 0 or -E... */
int i40e_allow_loopback(struct i40e *e);
/* Registers that firmware writes while frames come in. */
int i40e_rx_ctl_write(struct i40e *e, uint32_t reg, uint32_t value);
/* So many octets at registers that are one stride apart, or of an X722 by that command. */
struct i40e_table {
    uint32_t reg, stride;
    uint16_t opcode;
    uint32_t vsi; /* its number, and which table */
};
int i40e_write_table(struct i40e *e, const void *bytes, uint16_t n, const struct i40e_table *at);
uint32_t i40e_power_of(uint32_t queues); /* two to this power are at least so many */
int i40e_write_mac(struct i40e *e, const uint8_t mac[MAC_LEN]);
int i40e_write_rx_mode(struct i40e *e);
int i40e_write_offloads(struct i40e *e);

/* i40e_queues.c --------------------------------------------------------------- */

/* Private memory for the contexts: 0 or -E...; destroy() undoes what there is. */
int i40e_hmc_create(struct i40e *e);
void i40e_hmc_destroy(struct i40e *e);
/* The chip has found something wrong with it, which is told in the log, and forgotten. */
bool i40e_hmc_is_wrong(const struct i40e *e);
/* 0 or -ETIMEDOUT */
int i40e_enable_queues(struct i40e *e);
int i40e_disable_queues(struct i40e *e);

/* By number within the PF, whoever's they are.  Contexts are of queues that are off. */
struct i40e_rx_context {
    uint64_t ring;
    uint16_t length, buffer, frame; /* buffer: a multiple of I40E_RING_UNIT */
    bool desc32;
};
void i40e_write_tx_context(const struct i40e *e, unsigned n, uint64_t ring, uint16_t length,
                           uint16_t queue_set);
void i40e_write_rx_context(const struct i40e *e, unsigned n, const struct i40e_rx_context *rx);
/* 0 or -ETIMEDOUT; `owner` is QTX_CTL. */
int i40e_switch_tx_on(const struct i40e *e, unsigned n, uint32_t owner);
int i40e_switch_rx_on(const struct i40e *e, unsigned n);
int i40e_switch_off(const struct i40e *e, const uint16_t *rx, unsigned rx_count,
                    const uint16_t *tx, unsigned tx_count);

/* i40e_sriov.c ------------------------------------------------------------------ */

extern const struct vf_ops i40e_vf_ops;
unsigned i40e_vfs_max(const struct i40e *e);
/* With VFs in force. */
uint32_t i40e_sriov_queues(const struct i40e *e); /* contexts that are needed */
uint16_t i40e_sriov_own(const struct i40e *e);    /* of them, the PF's own */
int i40e_veb_create(struct i40e *e);              /* once the PF's VSI is there: 0 or -E... */
void i40e_sriov_open(struct i40e *e);             /* the chip works */
void i40e_sriov_close(struct i40e *e, bool works); /* a reset is coming; the chip listens still */
bool i40e_sriov_poll(struct i40e *e, uint64_t now_us); /* true: service() has something to do */
void i40e_sriov_service(struct i40e *e);
void i40e_sriov_message(struct i40e *e, const struct i40e_aq_desc *desc, const uint8_t *bytes,
                        uint16_t n);
bool i40e_sriov_has_mac(const struct i40e *e, const uint8_t mac[MAC_LEN]);

/* i40e_counters.c ------------------------------------------------------------- */

void i40e_counters_collect(struct i40e *e);
void i40e_counters_begin(struct i40e *e); /* once the VSI is known; from the first time on */
void i40e_counters_stats(const struct i40e *e, struct port_device_stats *stats);
unsigned i40e_counters_rows(const struct i40e *e, struct port_counter *rows, unsigned n);
