/* acpi_power.c - turning the machine off, and resetting it.
 *
 * Source: ACPI 6.6 4.8 (registers), 5.2.9 (FADT); unread: 7.4.2.6 (\_S5), 16.1 (sleeping
 * states), 20.2 (AML grammar).  No AML is run: \_PTS is skipped, and \_S5 is
 * looked for as the bytes that every compiler makes of it. */
#include "kernel/acpi.h"

#include "kernel/acpi_tables.h"
#include "kernel/log.h"
#include "kernel/mmio.h"
#include "kernel/time.h"

#include <errno.h>
#include <string.h>

/* PM1 Status and PM1 Enable (4.8.3.1), the halves of the event block: 16 bits each. */
#define PM1_PWRBTN 0x0100u
/* PM1 Control (4.8.3.2.1), 16 bits. */
#define PM1_SCI_EN 0x0001u
#define PM1_SLP_TYP 0x1c00u
#define PM1_SLP_EN 0x2000u
/* Sleep Control (4.8.3.7), 8 bits. */
#define SLEEP_SLP_TYP 0x1cu
#define SLEEP_SLP_EN 0x20u

#define ACPI_ENABLE_US 1000000u /* the table names no limit; SMIs take milliseconds */
#define ACPI_OFF_US 1000000u

#define PCI_CONFIG_ADDRESS 0xcf8 /* unread: PCI 3.0 3.2.2.3.2 */
#define PCI_CONFIG_DATA 0xcfc
#define PCI_CONFIG_ENABLE 0x80000000u

/* AML (unread: 20.2). */
#define AML_NAME 0x08u
#define AML_PACKAGE 0x12u
#define AML_ROOT '\\'

/* A package of at least two integers of three bits each (unread: 7.4.2.6). */
static bool aml_s5_package(const uint8_t *aml, size_t size, uint8_t *a, uint8_t *b)
{
    uint64_t first, second;
    if (size < 2 || aml[0] != AML_PACKAGE)
        return false;
    size_t at = 2u + (aml[1] >> 6); /* PkgLength (unread: 20.2.4) is 1 to 4 bytes long */
    if (at >= size || aml[at] < 2)  /* NumElements */
        return false;
    at++;
    size_t n = acpi_aml_integer(aml + at, size - at, &first);
    if (!n || !acpi_aml_integer(aml + at + n, size - at - n, &second) || first > 7 || second > 7)
        return false;
    *a = (uint8_t)first;
    *b = (uint8_t)second;
    return true;
}

bool acpi_find_s5(const uint8_t *aml, size_t size, uint8_t *slp_typa, uint8_t *slp_typb)
{
    for (size_t i = 0; i + 5 < size; i++) {
        if (aml[i] != AML_NAME)
            continue;
        size_t name = i + 1 + (aml[i + 1] == AML_ROOT);
        if (name + 4 < size && !memcmp(aml + name, "_S5_", 4) &&
            aml_s5_package(aml + name + 4, size - name - 4, slp_typa, slp_typb))
            return true;
    }
    return false;
}

static bool find_sleep_types(const struct acpi_fadt *fadt, uint8_t *a, uint8_t *b)
{
    const struct acpi_header *h = acpi_dsdt(fadt);
    for (unsigned ssdt = 0;; ssdt++) {
        if (h && acpi_find_s5((const uint8_t *)(h + 1), h->length - sizeof *h, a, b))
            return true;
        h = acpi_find("SSDT", ssdt);
        if (!h)
            return false;
    }
}

/* A register of one or two bytes, in whatever space (5.2.3.2). */
struct place {
    bool there;
    uint16_t port;
    volatile uint8_t *memory; /* NULL: in I/O space */
};

static struct place place_of(const struct acpi_gas *gas, uint32_t legacy_port)
{
    struct place p = { 0 };
    if (gas->address && gas->space_id == ACPI_SPACE_MEMORY) {
        p.memory = mmio_map(gas->address, 2);
        p.there = p.memory;
        return p;
    }
    uint64_t port = gas->address && gas->space_id == ACPI_SPACE_IO ? gas->address : legacy_port;
    p.there = port && port < 0xffff;
    p.port = p.there ? (uint16_t)port : 0;
    return p;
}

static uint16_t place_read16(const struct place *p)
{
    return p->memory ? mmio_read16(p->memory) : pio_read16(p->port);
}

static void place_write16(const struct place *p, uint16_t value)
{
    if (p->memory)
        mmio_write16(p->memory, value);
    else
        pio_write16(p->port, value);
}

static void place_write8(const struct place *p, uint8_t value)
{
    if (p->memory)
        mmio_write8(p->memory, value);
    else
        pio_write8(p->port, value);
}

/* 4.8.2.5 Legacy/ACPI Select: firmware may still own the PM1 registers. */
static int enable_acpi(const struct acpi_fadt *fadt, const struct place *pm1a)
{
    struct deadline d = deadline_us(ACPI_ENABLE_US);
    uint16_t control = place_read16(pm1a);
    if ((control & PM1_SCI_EN) || !fadt->smi_cmd || fadt->smi_cmd > 0xffff || !fadt->acpi_enable)
        return 0;
    pio_write8((uint16_t)fadt->smi_cmd, fadt->acpi_enable);
    while (!((control = place_read16(pm1a)) & PM1_SCI_EN))
        if (deadline_passed(&d)) {
            log_error("acpi: no ACPI mode after %u us: PM1a_CNT %04x, expected bit %04x",
                      ACPI_ENABLE_US, control, PM1_SCI_EN);
            return -EIO;
        }
    return 0;
}

/* unread: 16.1.7: the type first, then the same with SLP_EN, a before b. */
static void write_sleep(const struct place *p, uint8_t type)
{
    uint16_t control = place_read16(p) & (uint16_t) ~(PM1_SLP_TYP | PM1_SLP_EN);
    control |= FIELD_PUT(PM1_SLP_TYP, type);
    place_write16(p, control);
    place_write16(p, control | PM1_SLP_EN);
}

static int poweroff_fixed(const struct acpi_fadt *fadt, uint8_t a, uint8_t b)
{
    struct place pm1a = place_of(&fadt->x_pm1a_cnt_blk, fadt->pm1a_cnt_blk);
    struct place pm1b = place_of(&fadt->x_pm1b_cnt_blk, fadt->pm1b_cnt_blk);
    if (!pm1a.there)
        return -ENOTSUP;
    int e = enable_acpi(fadt, &pm1a);
    if (e)
        return e;
    write_sleep(&pm1a, a);
    if (pm1b.there)
        write_sleep(&pm1b, b);
    time_delay_us(ACPI_OFF_US);
    log_error("acpi: still on after %u us: PM1a_CNT %04x", ACPI_OFF_US, place_read16(&pm1a));
    return -EIO;
}

static int poweroff_reduced(const struct acpi_fadt *fadt, uint8_t a)
{
    struct place control = place_of(&fadt->sleep_control_reg, 0);
    if (!control.there)
        return -ENOTSUP;
    place_write8(&control, (uint8_t)(FIELD_PUT(SLEEP_SLP_TYP, a) | SLEEP_SLP_EN));
    time_delay_us(ACPI_OFF_US);
    log_error("acpi: still on after %u us (sleep control register)", ACPI_OFF_US);
    return -EIO;
}

int acpi_poweroff(void)
{
    struct acpi_fadt fadt;
    uint8_t a, b;
    if (!acpi_fadt(&fadt))
        return -ENOTSUP;
    if (!find_sleep_types(&fadt, &a, &b)) {
        log_error("acpi: no \\_S5 in DSDT or SSDTs");
        return -ENOTSUP;
    }
    return fadt.flags & ACPI_FADT_HW_REDUCED ? poweroff_reduced(&fadt, a)
                                             : poweroff_fixed(&fadt, a, b);
}

/* The power button ------------------------------------------------------------------- */

static struct place button; /* PM1a Status */

/* The interrupt that goes with the button is masked.  In legacy mode firmware takes it (4.8.2.5):
 * it stays so, for entering ACPI mode has effects of its own. */
bool acpi_power_button_init(void)
{
    struct acpi_fadt fadt;
    button.there = false;
    if (!acpi_fadt(&fadt) || (fadt.flags & (ACPI_FADT_HW_REDUCED | ACPI_FADT_PWR_BUTTON)))
        return false;
    struct acpi_gas second = fadt.x_pm1a_evt_blk;
    uint8_t half = fadt.pm1_evt_len / 2;
    second.address += second.address ? half : 0;
    struct place enable = place_of(&second, fadt.pm1a_evt_blk ? fadt.pm1a_evt_blk + half : 0);
    button = place_of(&fadt.x_pm1a_evt_blk, fadt.pm1a_evt_blk);
    button.there = button.there && enable.there && half >= 2 && place_read16(&button) != 0xffff;
    if (!button.there)
        return false;
    place_write16(&button, PM1_PWRBTN); /* a one clears a status bit */
    place_write16(&enable, place_read16(&enable) | PM1_PWRBTN);
    return true;
}

/* A bit that stays would turn the machine off again and again. */
bool acpi_power_button_pressed(void)
{
    if (!button.there || !(place_read16(&button) & PM1_PWRBTN))
        return false;
    place_write16(&button, PM1_PWRBTN);
    button.there = !(place_read16(&button) & PM1_PWRBTN);
    return true;
}

/* 4.8.3.6: eight bits, in I/O, memory or the configuration space of bus 0. */
int acpi_reset(void)
{
    struct acpi_fadt fadt;
    if (!acpi_fadt(&fadt) || !(fadt.flags & ACPI_FADT_RESET_REG_SUP))
        return -ENOTSUP;
    const struct acpi_gas *reg = &fadt.reset_reg;
    if (reg->space_id == ACPI_SPACE_PCI) {
        uint32_t device = reg->address >> 32 & 0x1f, function = reg->address >> 16 & 0x7;
        uint32_t offset = reg->address & 0xff;
        pio_write32(PCI_CONFIG_ADDRESS,
                    PCI_CONFIG_ENABLE | device << 11 | function << 8 | (offset & 0xfc));
        pio_write8(PCI_CONFIG_DATA + (offset & 3), fadt.reset_value);
    } else {
        struct place place = place_of(reg, 0);
        if (!place.there)
            return -ENOTSUP;
        place_write8(&place, fadt.reset_value);
    }
    time_delay_us(ACPI_OFF_US);
    log_error("acpi: still running %u us after a write to the reset register", ACPI_OFF_US);
    return -EIO;
}
