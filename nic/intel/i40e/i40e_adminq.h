/* i40e_adminq.h - the admin queue of Intel's 40 Gb/s chips and of VFs since: a ring of commands to
 * the chip's firmware, and a ring in which it leaves events.
 *
 * PF and VF have the same queue behind other registers.  A command is posted and looked for later
 * (post, done), or waited for (command).  Everything that comes back was written by somebody
 * else: a descriptor is copied once, and lengths are held to the buffer.
 *
 * Facts: Linux (i40e, iavf) and DPDK (i40e, iavf) agree; unread: XL710 DS 7.10. */
#pragma once

#include "kernel/dma.h"

#include <stdbool.h>
#include <stdint.h>

#define I40E_AQ_BUFFER 4096u

/* Flags of a descriptor */
#define I40E_AQ_DD 0x0001u  /* the chip is done with it */
#define I40E_AQ_CMP 0x0002u /* and this is the answer */
#define I40E_AQ_ERR 0x0004u
#define I40E_AQ_VFE 0x0008u
#define I40E_AQ_LB 0x0200u  /* the buffer has more than 512 bytes */
#define I40E_AQ_RD 0x0400u  /* the chip reads the buffer */
#define I40E_AQ_VFC 0x0800u
#define I40E_AQ_BUF 0x1000u /* there is a buffer */
#define I40E_AQ_SI 0x2000u  /* no interrupt when it is done */
#define I40E_AQ_EI 0x4000u
#define I40E_AQ_FE 0x8000u
#define I40E_AQ_LARGE 512u

/* Opcodes that a PF and a VF have */
#define I40E_AQ_SHUTDOWN 0x0003u

struct i40e_aq_desc {
    uint16_t flags;
    uint16_t opcode;
    uint16_t length; /* of the buffer; of an event: what is in it */
    uint16_t result; /* 0: good */
    uint32_t cookie_high, cookie_low; /* come back as they were given */
    uint32_t param[2];
    uint32_t address_high, address_low; /* of the buffer, or two parameters more */
};

_Static_assert(sizeof(struct i40e_aq_desc) == 32, "Linux's i40e and DPDK's agree");

struct i40e_aq_ring_regs {
    uint32_t low, high, length, head, tail;
};

struct i40e_aq_regs {
    struct i40e_aq_ring_regs send, receive;
};

extern const struct i40e_aq_regs i40e_aq_regs_pf, i40e_aq_regs_vf;

/* Length registers */
#define I40E_AQ_LEN_ENTRIES 0x000003ffu
#define I40E_AQ_LEN_VFE 0x10000000u  /* an error of a VF's */
#define I40E_AQ_LEN_OVFL 0x20000000u /* an event found no descriptor */
#define I40E_AQ_LEN_CRIT 0x40000000u
#define I40E_AQ_LEN_ENABLE 0x80000000u /* cleared by the chip's reset, and by a VF's */
#define I40E_AQ_HEAD 0x000003ffu

/* Indices run freely and are reduced at use; a buffer belongs to every `buffers`th slot. */
struct i40e_aq_ring {
    struct i40e_aq_desc *descs;
    uint8_t *buffers;
    struct dma_memory ring, memory;
    uint16_t head, tail; /* next to come back, next to give */
};

struct i40e_adminq {
    const char *name; /* for the log */
    uint8_t *regs;
    const struct i40e_aq_regs *layout;
    struct dma_device *dma;
    uint16_t entries, buffers; /* of each ring; powers of two, at most 512 */
    bool open;
    uint32_t expected; /* results of commands that are not worth a line in the log, a bit each */
    struct i40e_aq_ring send, receive;
};

/* Memory for both rings: 0, or -ENOMEM with nothing left behind.  `buffers`: commands that may be
 * under way and events that may lie there, and one more. */
int i40e_adminq_create(struct i40e_adminq *q, const char *name, struct dma_device *dma,
                       uint8_t *regs, const struct i40e_aq_regs *layout, uint16_t entries,
                       uint16_t buffers);
void i40e_adminq_destroy(struct i40e_adminq *q); /* closed; nothing happens to one never made */
/* Both rings are given to the chip, empty.  False: its registers do not keep what is written. */
bool i40e_adminq_open(struct i40e_adminq *q);
/* The chip has no ring any more; what was under way is forgotten. */
void i40e_adminq_close(struct i40e_adminq *q);

/* A command with n bytes of its own (I40E_AQ_RD is set for them), or a buffer of n bytes to be
 * filled (NULL); n 0: none.  False: the ring is full, or not open. */
bool i40e_adminq_post(struct i40e_adminq *q, const struct i40e_aq_desc *desc, const void *bytes,
                      uint16_t n);
/* The oldest command came back: its descriptor, and up to n bytes of its buffer. */
bool i40e_adminq_done(struct i40e_adminq *q, struct i40e_aq_desc *desc, void *bytes, uint16_t n);
bool i40e_adminq_has_event(const struct i40e_adminq *q);
/* The next event: its descriptor, and its bytes, as many as it has and fit: *n, on the way in what
 * there is room for. */
bool i40e_adminq_receive(struct i40e_adminq *q, struct i40e_aq_desc *desc, void *bytes,
                         uint16_t *n);

/* Posted and waited for, one at a time, for the operations of a port that may wait: 0, -EIO (why
 * is in desc->result) or -ETIMEDOUT, after which the queue has to be closed; both are logged with
 * opcode and result.  `bytes`, n of them, go there and come back; write: the chip reads them. */
int i40e_adminq_command(struct i40e_adminq *q, struct i40e_aq_desc *desc, void *bytes, uint16_t n,
                        bool write, uint64_t limit_us);
