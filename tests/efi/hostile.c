/* hostile.c - firmware at its worst, around the application: for tests only.
 *
 * A UEFI application that carries millrace.efi and starts it after having made trouble, as its load
 * options say: "taken" keeps memory where the image goes, as runtime services would; "moving" lets
 * the memory map change three times between the application's last look at it and
 * ExitBootServices(); "never" lets it change every time. */
#include <efi.h>
#include <efilib.h>
#include <stdbool.h>
#include <stdint.h>

extern uint8_t application[], application_end[];

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

static EFI_STATUS(EFIAPI *exit_boot_services)(EFI_HANDLE image, UINTN key);
static unsigned moves;

/* The map's key is out of date once a page is gone. */
static EFI_STATUS EFIAPI exit_after_moving(EFI_HANDLE image, UINTN key)
{
    EFI_PHYSICAL_ADDRESS at;
    if (moves) {
        moves--;
        BS->AllocatePages(AllocateAnyPages, EfiBootServicesData, 1, &at);
    }
    return exit_boot_services(image, key);
}

static bool says(const EFI_LOADED_IMAGE *loaded, const CHAR16 *word)
{
    UINTN n = StrLen(word);
    return loaded->LoadOptionsSize >= 2 * n && !StrnCmp(loaded->LoadOptions, word, n);
}

static void make_trouble(const EFI_LOADED_IMAGE *loaded)
{
    EFI_PHYSICAL_ADDRESS inside = 0x120000;
    if (says(loaded, L"taken") &&
        EFI_ERROR(BS->AllocatePages(AllocateAddress, EfiRuntimeServicesData, 1, &inside)))
        Print(L"hostile: could not take %lx\n", inside);
    moves = says(loaded, L"moving") ? 3 : says(loaded, L"never") ? UINT32_MAX : 0;
    exit_boot_services = BS->ExitBootServices;
    BS->ExitBootServices = exit_after_moving;
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
    EFI_LOADED_IMAGE *loaded;
    EFI_HANDLE started;
    InitializeLib(image, system);
    BS->HandleProtocol(image, &LoadedImageProtocol, (void **)&loaded);
    make_trouble(loaded);
    EFI_STATUS status = BS->LoadImage(FALSE, image, NULL, application,
                                      (UINTN)(application_end - application), &started);
    if (!EFI_ERROR(status))
        status = BS->StartImage(started, NULL, NULL);
    Print(L"hostile: it came back: %r\n", status);
    RT->ResetSystem(EfiResetShutdown, status, 0, NULL);
    return status;
}
