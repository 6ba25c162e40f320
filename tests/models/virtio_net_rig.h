/* virtio_net_rig.h - a virtio-net port over the model (virtio_net_model.h), the far end
 * of its wire, and frames through both.  For the tests of virtio_net.c. */
#pragma once

#include "nic/port.h"
#include "tests/models/virtio_net_model.h"
#include "virtio/virtio.h"
#include "virtio/virtio_net.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Feature bits, virtio 1.2 5.1.3 and 6. */
#define BIT(n) (1ull << (n))
#define F_MTU BIT(3)
#define F_MAC BIT(5)
#define F_MRG_RXBUF BIT(15)
#define F_STATUS BIT(16)
#define F_CTRL_VQ BIT(17)
#define F_CTRL_RX BIT(18)
#define F_CTRL_MAC_ADDR BIT(23)
#define F_ANY_LAYOUT BIT(27)
#define F_INDIRECT_DESC BIT(28)
#define F_EVENT_IDX BIT(29)
#define F_VERSION_1 BIT(32)
#define F_ACCESS_PLATFORM BIT(33)
#define F_RING_PACKED BIT(34)
#define F_IN_ORDER BIT(35)
#define F_MQ BIT(22)
#define F_HASH_REPORT BIT(57)
#define F_RSS BIT(60)
#define F_SPEED_DUPLEX BIT(63)
#define F_CTRL_VLAN BIT(19)
#define F_GUEST_ANNOUNCE BIT(21)
#define F_CONTROL (F_CTRL_VQ | F_CTRL_RX | F_CTRL_VLAN | F_CTRL_MAC_ADDR | F_GUEST_ANNOUNCE)

/* One at a time: what the last vnet_create() or vnet_up() made. */
extern struct virtio_net_rig {
    struct virtio_net_model *model;
    struct packet_pool *pool;
    struct packet_cache cache;
    struct port *port;
    uint8_t wire[MODEL_FRAME_MAX]; /* the last frame the driver sent */
    size_t wire_length;
} vnet;

extern const uint8_t vnet_mac[MAC_LEN];

/* Every feature that the driver likes, rings of usual sizes. */
struct virtio_net_model_config vnet_usual(enum virtio_model_kind kind);
/* Every interface, with each feature there and not, rings of several sizes; false: no n-th. */
bool vnet_next_variant(unsigned n, struct virtio_net_model_config *config);

/* The model alone, with so many packets in the pool; then the driver finds it: 0 or -EIO. */
void vnet_create(const struct virtio_net_model_config *config, uint32_t packets);
int vnet_probe(void);
/* Removed; destroy() also checks that no rule was broken and nothing is left behind. */
void vnet_take_away(void);
void vnet_destroy(void);
/* All of that with a running port, and its end. */
void vnet_up(const struct virtio_net_model_config *config);
void vnet_down(void);
/* The probe failed, with this in the log; ends like vnet_destroy(). */
void vnet_assert_failed(const char *log);
bool vnet_bus_master(void);
size_t vnet_mapped(void);
void vnet_on_wire(void *ctx, const uint8_t *frame, size_t n); /* a model's `wire` */

/* Bytes that tell their place, to the model's address; a frame in pieces of at most `piece`. */
void vnet_fill(uint8_t *frame, size_t n, unsigned seed);
struct packet *vnet_make_frame(const uint8_t *bytes, size_t n, size_t piece);
void vnet_assert_received(const uint8_t *bytes, size_t n); /* next, and whole */
void vnet_assert_refused(const uint8_t *frame, size_t n);  /* dropped and counted */
void vnet_carry_in(size_t n);
void vnet_carry_out(size_t n, size_t piece);
void vnet_traffic(void); /* frames of many lengths, both ways */
