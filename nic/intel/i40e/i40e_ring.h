/* i40e_ring.h - receive and transmit queues of Intel's 40 Gb/s chips and of VFs since: the
 * formats of their descriptors, for the drivers of PFs and VFs.
 *
 * They are intel_ring.h's queues, `q`, and live as those do.  Who programs a queue, and how, is the
 * driver's business: a PF does by contexts, a VF by asking.  Once it is on, live() lets the bursts
 * work, and still() ends that; a queue that is not live receives and takes nothing and touches
 * neither ring nor registers.
 *
 * A receive descriptor has 16 bytes or 32; what comes back in it depends on its format, which the
 * driver chooses.
 *
 * Facts: Linux (i40e, iavf, ice) and DPDK (i40e, iavf) agree; unread: XL710 DS 8.3.2 and 8.4.2. */
#pragma once

#include "nic/intel/intel_ring.h"

#include <stdbool.h>
#include <stdint.h>

enum i40e_rx_format {
    I40E_RX_16, /* base, two words */
    I40E_RX_32, /* base, four words: all that a VF has by default */
    I40E_RX_FLEX /* "flexible", four words, profile 2: E800 chips, where their PF offers it */
};

/* Receive, written back; base: word 0 has tag and hash, word 1 the rest. */
#define I40E_RXD_TAG 0x00000000ffff0000ull
#define I40E_RXD_HASH 0xffffffff00000000ull
#define I40E_RXD_DD 0x0000000000000001ull
#define I40E_RXD_EOP 0x0000000000000002ull
#define I40E_RXD_L2TAG1P 0x0000000000000004ull /* had a tag, which is in word 0 */
#define I40E_RXD_L3L4P 0x0000000000000008ull   /* checksums were looked at */
#define I40E_RXD_FLTSTAT 0x0000000000003000ull /* 3: the hash is RSS' */
#define I40E_RXD_RXE 0x0000000000080000ull     /* the MAC found the frame bad */
#define I40E_RXD_IPE 0x0000000000400000ull     /* IPv4 header checksum wrong */
#define I40E_RXD_PTYPE 0x0000003fc0000000ull
#define I40E_RXD_LENGTH 0x000fffc000000000ull

/* Flexible; word 0: */
#define I40E_RXF_PTYPE 0x0000000003ff0000ull
#define I40E_RXF_LENGTH 0x00003fff00000000ull
/* word 1, DD and EOP as above: */
#define I40E_RXF_L3L4P 0x0000000000000008ull
#define I40E_RXF_IPE 0x0000000000000010ull
#define I40E_RXF_RXE 0x0000000000000400ull
#define I40E_RXF_HASH_VALID 0x0000000000001000ull
#define I40E_RXF_L2TAG1P 0x0000000000002000ull
#define I40E_RXF_TAG 0x00000000ffff0000ull
#define I40E_RXF_HASH 0xffffffff00000000ull

/* Word 2 of the wide ones: the second place for a tag, and whether there is one in it */
#define I40E_RX2_TAG 0xffff000000000000ull
#define I40E_RXD2_L2TAG2P 0x0000000000000001ull
#define I40E_RXF2_L2TAG2P 0x0000000000000800ull

/* Packet types: IPv4 outside of tunnels */
#define I40E_PTYPE_IP4 22u
#define I40E_PTYPE_IP4_LAST 28u

/* Transmit, word 1; DTYPE is 0 of data, 1 of a context, and all ones when the chip is done. */
#define I40E_TXD_DTYPE 0x000000000000000full
#define I40E_TXD_EOP 0x0000000000000010ull
#define I40E_TXD_RS 0x0000000000000020ull
#define I40E_TXD_ICRC 0x0000000000000040ull    /* insert FCS */
#define I40E_TXD_IL2TAG1 0x0000000000000080ull /* insert the tag */
#define I40E_TXD_LENGTH 0x0000fffc00000000ull
#define I40E_TXD_TAG 0xffff000000000000ull

struct i40e_rxq {
    struct intel_rxq q;
    enum i40e_rx_format format;
    bool live;
    bool second; /* of a wide one: tags are taken off into word 2, or were since it is live */
};

struct i40e_txq {
    struct intel_txq q;
    bool live;
    bool push; /* tags are put into frames here: the chip would want a context for each */
};

/* A ring of the wide ones may get the other wide format while it is not live. */
void i40e_rxq_init(struct i40e_rxq *rx, struct port *port, uint16_t index,
                   enum i40e_rx_format format);
void i40e_txq_init(struct i40e_txq *tx, struct port *port, uint16_t index);
/* intel_path() of such a queue. */
const char *i40e_path(const struct port_queue *queue);
/* The chip has the queue on, its ring is empty, and buffers are used from their first byte. */
void i40e_rxq_live(struct i40e_rxq *rx, uint8_t *tail_register);
void i40e_txq_live(struct i40e_txq *tx, uint8_t *tail_register);
void i40e_rxq_still(struct i40e_rxq *rx);
void i40e_txq_still(struct i40e_txq *tx);
