/* ixgbevf.h - a virtual function of a 10 Gb/s chip: between its driver (ixgbevf.c) and what it asks
 * of its PF (ixgbevf_settings.c). */
#pragma once

#include "nic/intel/ixgbevf/ixgbevf_regs.h"
#include "nic/intel/vf_client.h"

extern const struct vf_family vf_family_ixgbe;
/* Its PF is not asked for anything: what it grants is what there is. */
extern const struct vf_family vf_family_hyperv;
