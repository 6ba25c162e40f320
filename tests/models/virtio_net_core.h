/* virtio_net_core.h - between the files of the virtio network model: what every transport
 * does with an access, whatever address it came by. */
#pragma once

#include "tests/models/virtio_net_model.h"

#define MODEL_BIT(n) (1ull << (n))
#define MODEL_F_MQ 22
#define MODEL_F_HASH_REPORT 57
#define MODEL_F_RSS 60

static inline bool virtio_model_has(const struct virtio_net_model *m, unsigned f)
{
    return m->accepted & MODEL_BIT(f);
}

/* virtio_net_model_pairs.c: commands of class MQ, what the hash of a received frame says in its
 * header, and which flows were sent where. */
bool virtio_model_pairs_command(struct virtio_net_model *m, uint8_t command, const uint8_t *data,
                                size_t n);
void virtio_model_hash_header(struct virtio_net_model *m, uint8_t *header, const uint8_t *frame,
                              size_t n);
void virtio_model_saw_flow(struct virtio_net_model *m, unsigned pair, const uint8_t *frame,
                           size_t n);
void virtio_model_violation(struct virtio_net_model *m, const char *what);
bool virtio_model_width_is(struct virtio_net_model *m, unsigned size, unsigned expected);
void virtio_model_set_status(struct virtio_net_model *m, uint8_t value, bool through_modern);
uint8_t virtio_model_get_status(struct virtio_net_model *m);
void virtio_model_set_features(struct virtio_net_model *m, uint32_t select, uint32_t value);
uint32_t virtio_model_get_features(struct virtio_net_model *m, uint32_t select);
uint64_t virtio_model_config_read(struct virtio_net_model *m, uint64_t offset, unsigned size);
void virtio_model_config_write(struct virtio_net_model *m, uint64_t offset, unsigned size,
                               uint64_t value, bool legacy);
bool virtio_model_size_is_good(const struct virtio_net_model *m, unsigned queue, uint64_t size);
uint16_t virtio_model_selected_size(struct virtio_net_model *m);
void virtio_model_queue_enable(struct virtio_net_model *m, unsigned queue);
void virtio_model_notify(struct virtio_net_model *m, uint64_t queue);
/* virtio_net_model_mmio.c: the window at MODEL_MMIO_BASE. */
void virtio_model_attach_mmio(struct virtio_net_model *m);
