/* entry.S - the front doors for 32-bit loaders, and the way into long mode.
 *
 * PVH: Xen's "x86/HVM direct boot ABI", protected mode, paging off, %ebx =
 * physical address of struct hvm_start_info.  Multiboot2 (specification 2.0,
 * 3.3) and Multiboot1 (0.6.96, 3.2): same state, %eax = magic, %ebx = info.
 * boot/efi/ leaves UEFI for that state too, with the magic number of start_uefi.
 * All leave through boot_main(magic, info) on the boot stack, with the first
 * 4 GiB mapped one to one until kernel/x86/paging.c maps for good. */

#define MB1_MAGIC 0x1badb002
#define MB1_FLAGS 0x00010003    /* address fields; page-aligned modules; memory map */
#define MB2_MAGIC 0xe85250d6
#define PVH_BOOT_MAGIC 0x336ec578   /* our own name for "came in through PVH" */

#define CR0_SET 0x80010022      /* PG, WP, NE, MP */
#define CR0_CLEAR 0x6000000c    /* CD, NW, TS, EM */
#define CR4_SET 0x660           /* PAE, MCE, OSFXSR, OSXMMEXCPT */
#define MSR_EFER 0xc0000080
#define EFER_SET 0x900          /* LME, NXE */
#define UART_DATA 0x3f8         /* ttyS0; the 16550's THR, LSR and its THRE (kernel/uart.c) */
#define UART_STATUS 0x3fd
#define UART_EMPTY 0x20
#define UART_TRIES 100000       /* 0.1 s: a byte takes 8 ms at 1200 Bd, where there is a UART */
#define PAGE_TABLE 0x3          /* present, writable */
#define PAGE_2M 0x83            /* present, writable, large */

    .section .headers.multiboot2, "ax"
    .balign 8
multiboot2_header:
    .long MB2_MAGIC
    .long 0                     /* i386, protected mode */
    .long multiboot2_end - multiboot2_header
    .long -(MB2_MAGIC + 0 + (multiboot2_end - multiboot2_header))
    /* Modules aligned to pages (3.1.11): page-aligned, so that they can be kept. */
    .balign 8
    .short 6, 0
    .long 8
    /* No framebuffer is asked for (3.1.10): on BIOS GRUB would leave text mode for it, and on
     * UEFI, where there is no text mode, it hands one over all the same. */
    .balign 8
    .short 0, 0                 /* end tag */
    .long 8
multiboot2_end:

    .section .headers.multiboot1, "ax"
multiboot1_header:
    .long MB1_MAGIC
    .long MB1_FLAGS
    .long -(MB1_MAGIC + MB1_FLAGS)
    .long multiboot1_header     /* header_addr */
    .long image_start           /* load_addr: linear with file offsets, linker.ld */
    .long data_end              /* load_end_addr */
    .long image_end             /* bss_end_addr */
    .long start_multiboot       /* entry_addr */

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, 18              /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long start_pvh

    .section .boot.text, "ax"
    .code32
    .globl start_pvh
start_pvh:
    mov $PVH_BOOT_MAGIC, %esi
    jmp 1f
    .globl start_multiboot
start_multiboot:
    mov %eax, %esi              /* UEFI_BOOT_MAGIC comes in here as well */
1:  rdtsc                       /* the image's first moment: T counts from here */
    mov %eax, boot_tsc
    mov %edx, boot_tsc + 4
    cld
    mov $boot_stack_top, %esp
    mov %ebx, %edi

    mov $0x80000000, %eax       /* long mode and NX (unread: AMD APM vol. 3, E.4.2) */
    cpuid
    cmp $0x80000001, %eax
    jb no_long_mode
    mov $0x80000001, %eax
    cpuid
    and $0x20100000, %edx
    cmp $0x20100000, %edx
    jne no_long_mode

    /* Early tables: 4 GiB one to one in 2 MiB pages. */
    movl $early_pdpt + PAGE_TABLE, early_pml4
    mov $early_pd + PAGE_TABLE, %eax
    xor %ecx, %ecx
2:  mov %eax, early_pdpt(,%ecx,8)
    add $4096, %eax
    inc %ecx
    cmp $4, %ecx
    jb 2b
    mov $PAGE_2M, %eax
    xor %ecx, %ecx
3:  mov %eax, early_pd(,%ecx,8)
    add $0x200000, %eax
    inc %ecx
    cmp $2048, %ecx
    jb 3b

    mov $start64, %ebp

/* Long mode on the early tables, and on to %ebp; the other CPUs come in here as well. */
enter_long_mode:
    mov $CR4_SET, %eax          /* and no LA57 or CET that a loader left on */
    mov %eax, %cr4
    mov $early_pml4, %eax
    mov %eax, %cr3
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_SET, %eax
    wrmsr
    mov %cr0, %eax
    and $~CR0_CLEAR, %eax
    or $CR0_SET, %eax
    mov %eax, %cr0
    lgdt early_gdt_pointer
    ljmp $8, $long_mode

/* Another CPU, from its page below 1 MiB (kernel/x86/cpu_entry.S), with early_gdt in force. */
    .globl start_cpu
start_cpu:
    mov $16, %eax
    mov %eax, %ds
    mov $start_cpu64, %ebp
    jmp enter_long_mode

/* No console yet: say it where it can be seen, and stay. */
no_long_mode:
    mov $no_long_mode_text, %esi
4:  lodsb
    test %al, %al
    jz 6f
    mov %al, %bl
    mov $UART_TRIES, %ecx
    mov $UART_STATUS, %dx
5:  inb %dx, %al                /* a UART that is full loses what comes */
    test $UART_EMPTY, %al
    loopz 5b
    mov $UART_DATA, %dx
    mov %bl, %al
    outb %al, %dx
    jmp 4b
6:  cli
    hlt
    jmp 6b
no_long_mode_text:
    .asciz "millrace: this CPU has no 64-bit mode with NX\r\n"

    .code64
long_mode:
    mov $16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    mov %ebp, %eax              /* zero-extends */
    jmp *%rax

start64:
    mov $boot_stack_top, %esp
    xor %ebp, %ebp              /* backtraces end here */
    mov %edi, %eax              /* info; zero-extends */
    mov %esi, %edi              /* magic */
    mov %eax, %esi
    call boot_main
6:  hlt
    jmp 6b

    .balign 8
    .globl early_gdt, early_gdt_limit
early_gdt:
    .quad 0
    .quad 0x00209a0000000000    /* 8: code, 64-bit */
    .quad 0x00cf92000000ffff    /* 16: data, 4 GiB */
    .quad 0x00cf9a000000ffff    /* 24: code, 32-bit, 4 GiB */
    .set early_gdt_limit, . - early_gdt - 1
early_gdt_pointer:
    .short early_gdt_limit
    .long early_gdt

    .bss
    .balign 4096
early_pml4:
    .skip 4096
early_pdpt:
    .skip 4096
early_pd:
    .skip 4 * 4096
    .balign 8
    .globl boot_tsc
boot_tsc:
    .skip 8

/* Stacks of CPU 0, each above a guard page that paging.c leaves unmapped; tasks and other CPUs have
 * theirs elsewhere (kernel/x86/context.c, cpus.c). */
    .section .stacks, "aw", @nobits
    .balign 4096
    .globl stack_guard_boot, boot_stack_top
stack_guard_boot:
    .skip 4096
    .skip 65536
boot_stack_top:
    .globl stack_guard_exception, exception_stack_top
stack_guard_exception:
    .skip 4096
    .skip 16384
exception_stack_top:
    .globl stack_guard_double_fault, double_fault_stack_top
stack_guard_double_fault:
    .skip 4096
    .skip 16384
double_fault_stack_top:
    .globl stack_guard_end
stack_guard_end:
    .skip 4096
