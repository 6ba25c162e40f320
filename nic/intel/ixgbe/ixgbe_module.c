/* ixgbe_module.c - what is in the SFP+ cage of an 82599, and the chip's settings for it (ixgbe.h).
 *
 * A module tells what it is in a memory of 256 bytes behind a two-wire bus (unread: SFF-8472 4.4,
 * SFF-8431), which software drives bit by bit.  The NVM has a list of the kinds that the board can
 * serve, each with words for CORECTL; what is not in it is refused, as Linux and DPDK do.  Modules
 * of other vendors than the NVM wants are taken, with a warning.
 *
 * Documents: named in ixgbe_regs.h; Linux's and DPDK's drivers agree on what the bytes and the
 * list mean. */
#include "kernel/task.h"
#include "kernel/time.h"
#include "nic/intel/ixgbe/ixgbe.h"

#include <errno.h>

#define BIT_US 5u /* half a bit at 100 kHz */
#define STRETCH_US 500u
#define TRIES 3u
#define LIST_MAX 64u      /* kinds in the NVM's list */
#define SEQUENCE_MAX 256u /* words of one */
#define IDENTIFY_US (2 * US_PER_S)

/* The module's memory */
#define DEVICE 0xa0u /* its address on the bus; with bit 0: to read */
#define BYTE_IDENTIFIER 0u
#define IDENTIFIER_SFP 3u
#define BYTE_10G 3u
#define BYTE_10G_SR_LR 0x30u
#define BYTE_1G 6u
#define BYTE_1G_SX 0x01u
#define BYTE_1G_LX 0x02u
#define BYTE_1G_T 0x08u
#define BYTE_CABLE 8u
#define BYTE_CABLE_PASSIVE 0x04u
#define BYTE_CABLE_ACTIVE 0x08u
#define BYTE_CABLE_SPEC 60u
#define BYTE_CABLE_LIMITING 0x04u
#define BYTE_VENDOR 37u /* three, an OUI */
#define VENDOR_INTEL 0x001b21u

/* Two-wire bus ------------------------------------------------------------------- */

/* Lets the wires go up or pulls them down.  The register has nothing else. */
static void drive(const struct ixgbe *e, bool clock, bool data)
{
    ixgbe_write(e, IXGBE_I2CCTL,
                (clock ? IXGBE_I2CCTL_CLK_OUT : 0) | (data ? IXGBE_I2CCTL_DATA_OUT : 0));
}

/* And gives them time. */
static void hold(const struct ixgbe *e, bool clock, bool data)
{
    drive(e, clock, data);
    intel_flush(&e->f.device); /* 82599 SU, software clarification 3: before the delay */
    task_delay_us(BIT_US);
}

/* The clock goes up; a module may hold it down for a while.  What the data wire is then. */
static bool clock_up(const struct ixgbe *e, bool data)
{
    struct deadline deadline = deadline_us(STRETCH_US);
    uint32_t wires;
    hold(e, true, data);
    do
        wires = ixgbe_read(e, IXGBE_I2CCTL);
    while (!(wires & IXGBE_I2CCTL_CLK_IN) && !task_deadline_passed(&deadline));
    return wires & IXGBE_I2CCTL_DATA_IN;
}

/* One bit each way: what we let the wire be, and what it was.  Data changes behind the clock. */
static bool bus_bit(const struct ixgbe *e, bool out)
{
    hold(e, false, out);
    bool in = clock_up(e, out);
    drive(e, false, out);
    return in;
}

static void bus_start(const struct ixgbe *e)
{
    hold(e, false, true);
    clock_up(e, true);
    hold(e, true, false);
    drive(e, false, false);
}

static void bus_stop(const struct ixgbe *e)
{
    hold(e, false, false);
    clock_up(e, false);
    hold(e, true, true);
}

/* True: somebody acknowledged. */
static bool bus_send(const struct ixgbe *e, uint8_t byte)
{
    for (int i = 7; i >= 0; i--)
        bus_bit(e, byte >> i & 1);
    return !bus_bit(e, true);
}

static uint8_t bus_receive(const struct ixgbe *e)
{
    uint8_t byte = 0;
    for (int i = 0; i < 8; i++)
        byte = (uint8_t)(byte << 1 | bus_bit(e, true));
    bus_bit(e, true); /* no more, please */
    return byte;
}

/* One byte of the module's memory, or -ENXIO. */
static int module_read_once(const struct ixgbe *e, uint8_t offset, uint8_t *byte)
{
    bool good;
    bus_start(e);
    good = bus_send(e, DEVICE) && bus_send(e, offset);
    if (good) {
        bus_start(e);
        good = bus_send(e, DEVICE | 1);
    }
    *byte = good ? bus_receive(e) : 0;
    bus_stop(e);
    return good ? 0 : -ENXIO;
}

static int module_read(const struct ixgbe *e, uint8_t offset, uint8_t *byte)
{
    int err = -ENXIO;
    for (unsigned i = 0; i < TRIES && err; i++)
        err = module_read_once(e, offset, byte);
    return err;
}

/* Identification --------------------------------------------------------------------- */

static enum ixgbe_module kind_of(uint8_t cable, uint8_t spec, uint8_t ten, uint8_t one)
{
    if (cable & BYTE_CABLE_PASSIVE)
        return IXGBE_MODULE_COPPER;
    if (cable & BYTE_CABLE_ACTIVE)
        return spec & BYTE_CABLE_LIMITING ? IXGBE_MODULE_ACTIVE : IXGBE_MODULE_UNKNOWN;
    if (ten & BYTE_10G_SR_LR)
        return IXGBE_MODULE_OPTICAL;
    if (one & BYTE_1G_T)
        return IXGBE_MODULE_GIGABIT_COPPER;
    if (one & BYTE_1G_SX)
        return IXGBE_MODULE_GIGABIT_OPTICAL;
    return one & BYTE_1G_LX ? IXGBE_MODULE_GIGABIT_LONG : IXGBE_MODULE_UNKNOWN;
}

static enum ixgbe_module look_into_cage(const struct ixgbe *e)
{
    uint8_t id, ten = 0, one = 0, cable = 0, spec = 0;
    if (module_read(e, BYTE_IDENTIFIER, &id))
        return IXGBE_MODULE_NONE;
    if (id != IDENTIFIER_SFP)
        return IXGBE_MODULE_UNKNOWN;
    if (module_read(e, BYTE_10G, &ten) || module_read(e, BYTE_1G, &one) ||
        module_read(e, BYTE_CABLE, &cable) || module_read(e, BYTE_CABLE_SPEC, &spec))
        return IXGBE_MODULE_NONE;
    return kind_of(cable, spec, ten, one);
}

/* Cables may be anybody's (Linux and DPDK). */
static void warn_of_vendor(const struct ixgbe *e)
{
    uint32_t word = 0, oui = 0;
    uint8_t byte;
    if (e->module == IXGBE_MODULE_COPPER || e->module == IXGBE_MODULE_ACTIVE)
        return;
    for (uint8_t i = 0; i < 3; i++)
        oui = oui << 8 | (module_read(e, BYTE_VENDOR + i, &byte) ? 0 : byte);
    if (intel_nvm_read(&e->f.device, IXGBE_NVM_CAPABILITIES, &word) ||
        (word & IXGBE_NVM_ANY_MODULE) || oui == VENDOR_INTEL)
        return;
    log_warning("%s: the SFP+ module is none of Intel's, whose alone the NVM wants",
                e->f.device.name);
}

/* Settings -------------------------------------------------------------------------- */

static bool is_gigabit(enum ixgbe_module kind)
{
    return kind >= IXGBE_MODULE_GIGABIT_COPPER && kind <= IXGBE_MODULE_GIGABIT_LONG;
}

/* Where the words for this kind are, or -ENOENT.  Limiting cables and gigabit modules have those of
 * optical ones (Linux and DPDK). */
static int find_sequence(const struct ixgbe *e, uint32_t *at)
{
    const struct intel_device *d = &e->f.device;
    uint32_t list, id,
        kind = is_gigabit(e->module) || e->module == IXGBE_MODULE_ACTIVE ? IXGBE_MODULE_OPTICAL
                                                                         : e->module;
    kind += ixgbe_lan(e);
    if (intel_nvm_read(d, IXGBE_NVM_MODULES, &list))
        return -EIO;
    if (!list || list == IXGBE_NVM_NONE)
        return -ENOENT;
    for (uint32_t i = 0; i < LIST_MAX; i++) {
        if (intel_nvm_read(d, list + 1 + 2 * i, &id))
            return -EIO;
        if (id == IXGBE_NVM_NONE)
            break;
        if (id != kind)
            continue;
        if (intel_nvm_read(d, list + 2 + 2 * i, at))
            return -EIO;
        return *at && *at != IXGBE_NVM_NONE ? 0 : -ENOENT;
    }
    return -ENOENT;
}

static int write_sequence(const struct ixgbe *e)
{
    const struct intel_device *d = &e->f.device;
    uint32_t at, word;
    int err = find_sequence(e, &at);
    for (uint32_t i = 1; i <= SEQUENCE_MAX && !err; i++) {
        err = intel_nvm_read(d, at + i, &word);
        if (err || word == IXGBE_NVM_NONE)
            break;
        ixgbe_write(e, IXGBE_CORECTL, word);
        intel_flush(d);
    }
    return err;
}

/* The laser on, and of two rates the higher one. */
static void pins_on(const struct ixgbe *e)
{
    intel_change(&e->f.device, IXGBE_ESDP, IXGBE_ESDP_TX_DISABLE,
                 is_gigabit(e->module) ? 0 : IXGBE_ESDP_RATE | IXGBE_ESDP_RATE_OUT);
}

/* NULL, or why not. */
static const char *set_up_module(const struct ixgbe *e)
{
    const struct intel_device *d = &e->f.device;
    uint32_t mode = is_gigabit(e->module) ? IXGBE_LMS_1G_AN : IXGBE_LMS_10G_SERIAL;
    uint32_t autoc = ixgbe_read(e, IXGBE_AUTOC);
    if (intel_lock(d, IXGBE_SYNC_MAC | IXGBE_SYNC_NVM))
        return "the SFP+ module cannot be set up: firmware holds the link";
    int err = write_sequence(e);
    intel_unlock(d, IXGBE_SYNC_MAC | IXGBE_SYNC_NVM);
    if (err)
        return err == -ENOENT ? "unsupported SFP+ module: the NVM has no settings for its kind"
                              : "the SFP+ module cannot be set up: the NVM does not answer";
    pins_on(e);
    if (!(ixgbe_read(e, IXGBE_LINKS) & IXGBE_LINKS_UP) || FIELD_GET(IXGBE_AUTOC_LMS, autoc) != mode)
        ixgbe_set_link_mode(e, (autoc & ~IXGBE_AUTOC_LMS) | FIELD_PUT(IXGBE_AUTOC_LMS, mode));
    return NULL;
}

static const char *trouble_with(const struct ixgbe *e)
{
    if (e->module == IXGBE_MODULE_NONE)
        return "no SFP+ module";
    if (e->module == IXGBE_MODULE_UNKNOWN)
        return "unsupported SFP+ module: neither 10 Gb/s nor 1 Gb/s Ethernet";
    const char *why = set_up_module(e);
    if (!why)
        warn_of_vendor(e);
    return why;
}

void ixgbe_identify(struct ixgbe *e)
{
    uint32_t what = IXGBE_SYNC_PHY(ixgbe_lan(e));
    const char *before = e->no_link;
    e->identify_at = time_us() + IDENTIFY_US;
    if (intel_lock(&e->f.device, what))
        return; /* said so, and tried again */
    enum ixgbe_module now = look_into_cage(e);
    if (now != e->module || !e->module_ready) {
        e->module = now;
        e->no_link = trouble_with(e);
        e->module_ready = !e->no_link;
    }
    intel_unlock(&e->f.device, what);
    if (e->no_link && e->no_link != before)
        log_warning("%s: %s", e->f.device.name, e->no_link);
}
