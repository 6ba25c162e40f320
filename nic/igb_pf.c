/* igb_pf.c - the master driver of the 82576 and I350: VFs, policies, mailboxes (igb.h).  So far
 * it makes none. */
#include "nic/igb.h"

#include <errno.h>

static int igb_vf_enable(struct port *pf, unsigned count, bool unisolated, const char **why)
{
    *why = "virtual functions are not built yet";
    return -ENOTSUP;
}

static void igb_vf_disable(struct port *pf) {}

static int igb_vf_set(struct port *pf, unsigned vf, const struct vf_policy *policy,
                      const char **why)
{
    *why = "virtual functions are not built yet";
    return -ENOTSUP;
}

static void igb_vf_info(struct port *pf, unsigned vf, struct vf_info *info)
{
    *info = (struct vf_info){ 0 };
}

const struct vf_ops igb_vf_ops = {
    .enable = igb_vf_enable, .disable = igb_vf_disable, .set = igb_vf_set, .info = igb_vf_info
};

void igb_pf_configure(struct igb *e) {}
void igb_pf_open(struct igb *e) {}
void igb_pf_close(struct igb *e) {}
void igb_pf_poll(struct igb *e, uint64_t now_us) {}
void igb_pf_link_changed(struct igb *e, bool up) {}
void igb_pf_rx_mode_changed(struct igb *e) {}
