# Millrace.  `make help` lists the targets; docs/contributing.md tells more.

MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash
.DELETE_ON_ERROR:
.SECONDARY:

B := build
CC := gcc
LD := ld
OBJCOPY := objcopy
NM := nm
PYTHON := /usr/bin/python3
VERSION := 0.1.0

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wno-unused-parameter -Wvla -Wundef
# Ubuntu's gcc defines _FORTIFY_SOURCE, for checks that no library of ours has.
COMMON := -std=gnu11 -g $(WARN) -I. -MMD -MP -fno-common -U_FORTIFY_SOURCE

.DEFAULT_GOAL := all
.PHONY: all help run test check bench sizes clean setup FORCE

all: $(B)/millrace.elf $(B)/millrace.efi $(B)/millrace.iso $(B)/pxe/millrace.efi

help:
	@echo 'make         build $(B)/millrace.elf, millrace.efi, millrace.iso and pxe/'
	@echo 'make run     install what is missing, build, boot between two simulated LANs;'
	@echo "             other ports: make run RUN_ARGS='--vfs 2', more: tools/run --help"
	@echo 'make test    install what is missing, build, run every test'
	@echo 'make check   style, headers, unit and model tests (fast)'
	@echo 'make fuzz    every fuzz harness, bounded (FUZZ_SECONDS=5 each)'
	@echo 'make fuzz-twice all inputs of the tree, each twice the same'
	@echo 'make fuzz-long HOURS=8   all of them for so long, and what no input reached'
	@echo 'make system  tests of the real image in QEMU'
	@echo 'make test-smp  the image on several CPUs; make test runs the quick part'
	@echo 'make test-models-linux  the device models under stock Linux, in a QEMU of its own'
	@echo 'make test-nested  VFs of a Linux guest by vfio-pci, the image as its guest'
	@echo 'make bench   tables of ratios against peers'
	@echo 'make sizes   text, data and bss of every object'
	@echo 'make clean   remove $(B)/'

setup:
	@tools/setup

# ---- The C library -----------------------------------------------------------

NEWLIB := $(B)/newlib
LIBC := $(NEWLIB)/x86_64-elf/lib/libc.a

$(LIBC): tools/build-newlib
	@echo '  NEWLIB  $@ (once, about a minute)'
	@tools/build-newlib $(NEWLIB)

# ---- The image -----------------------------------------------------------------

# Every source below these folders, at any depth; what is firmware's application is not the image's.
ROOMS := pci iommu nic virtio apps
find = $(sort $(shell find $(2) -name '*.$(1)'))
BARE_C := $(filter-out boot/efi/%,$(call find,c,boot kernel $(ROOMS)))
BARE_S := $(filter-out boot/efi/%,$(call find,S,boot kernel))
BARE_O := $(BARE_C:%.c=$(B)/obj/%.o) $(BARE_S:%.S=$(B)/obj/%.S.o) $(B)/obj/version.o

# -ffreestanding alone makes every memcpy() of a field a call; newlib has the
# functions, so the compiler may know what they do (-fbuiltin).
# -mno-red-zone is not needed for speed or size: exceptions run on stacks of
# their own and never return, but a debugger's breakpoint would.
CFLAGS := $(COMMON) -O2 -ffreestanding -fbuiltin -nostdinc -fno-pic -fno-pie -mcmodel=small -mno-red-zone \
	-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
	-fno-omit-frame-pointer -fno-optimize-sibling-calls -ffunction-sections -fdata-sections \
	-fno-strict-aliasing -march=x86-64 -mtune=generic \
	-isystem $(NEWLIB)/x86_64-elf/include -isystem $(shell $(CC) -print-file-name=include)
# What no frame goes through is small rather than fast.  String functions stay calls: gcc would make
# them 'rep movs', of which an emulator counts every step; clang has no such option, or need.
SMALL_CFLAGS := -Os $(shell $(CC) -mstringop-strategy=libcall -E -x c /dev/null >/dev/null 2>&1 && \
	echo -mstringop-strategy=libcall)
SMALL := boot/% kernel/% pci/% iommu/% apps/console/% apps/machine/% apps/capture/% %_commands.c \
	nic/intel/vf_% nic/intel/i40e/virtchnl_% %_sriov.c %_vfs.c %_vsis.c %_vf_queues.c %_firmware.c \
	%_adminq.c %_switch.c %_channel.c %_settings.c %/igb_pf.c
FAST := kernel/x86/string.c # frames and bursts do go through it
LDFLAGS := -nostdlib -static -z noexecstack -z max-page-size=4096 --gc-sections --build-id=none \
	-T linker.ld --no-warn-rwx-segments

$(B)/obj/%.o: %.c Makefile | $(LIBC)
	@mkdir -p $(@D)
	@echo '  CC      $<'
	@$(CC) $(CFLAGS) $(if $(filter $(SMALL),$(filter-out $(FAST),$<)),$(SMALL_CFLAGS)) -c -o $@ $<

$(B)/obj/%.S.o: %.S Makefile
	@mkdir -p $(@D)
	@echo '  AS      $<'
	@$(CC) -I. -MMD -MP -g -c -o $@ $<

# The version is rewritten only when it changes, so that a no-change make does nothing.
$(B)/version.c: FORCE
	@mkdir -p $(@D)
	@tools/version $(VERSION) "$$($(CC) --version | head -n1)" > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(B)/obj/version.o: $(B)/version.c | $(LIBC)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -c -o $@ $<

# Two links: the first tells where the functions are, the second carries that
# table for backtraces.  The table lies behind the text, so no function moves
# between them.
$(B)/obj/symbols0.o: tools/symbols | $(LIBC)
	@mkdir -p $(@D)
	@tools/symbols </dev/null > $(B)/symbols0.c
	@$(CC) $(CFLAGS) -c -o $@ $(B)/symbols0.c

$(B)/stage1.elf: $(BARE_O) $(B)/obj/symbols0.o linker.ld $(LIBC)
	@$(LD) $(LDFLAGS) -o $@ $(BARE_O) $(B)/obj/symbols0.o $(LIBC)

$(B)/millrace.elf: $(B)/stage1.elf tools/symbols
	@echo '  LD      $@'
	@$(NM) -n $(B)/stage1.elf | tools/symbols > $(B)/symbols.c
	@$(CC) $(CFLAGS) -c -o $(B)/obj/symbols.o $(B)/symbols.c
	@$(LD) $(LDFLAGS) -Map=$(B)/millrace.map -o $(B)/millrace.debug $(BARE_O) $(B)/obj/symbols.o $(LIBC)
	@$(OBJCOPY) --strip-all $(B)/millrace.debug $@

# The same image with commands that attack and probe it, from behind the IOMMU too: for tests only.
ATTACK_O := $(patsubst %.c,$(B)/obj/%.o,$(call find,c,tests/attack))
$(B)/attack.elf: $(BARE_O) $(ATTACK_O) $(B)/obj/symbols0.o linker.ld $(LIBC)
	@echo '  LD      $@'
	@$(LD) $(LDFLAGS) --strip-all -o $@ $(BARE_O) $(ATTACK_O) $(B)/obj/symbols0.o $(LIBC)

# ---- The UEFI application, which carries the image ---------------------------------

EFI_CRT0 := $(firstword $(wildcard $(addsuffix /crt0-efi-x86_64.o,/usr/lib /usr/lib/gnuefi \
	/usr/lib/x86_64-linux-gnu /usr/lib/x86_64-linux-gnu/gnuefi)))
EFI_LDS := $(firstword $(wildcard $(addsuffix /elf_x86_64_efi.lds,/usr/lib /usr/lib/gnuefi \
	/usr/lib/x86_64-linux-gnu /usr/lib/x86_64-linux-gnu/gnuefi)))
EFI_O := $(patsubst %.c,$(B)/obj/%.o,$(call find,c,boot/efi)) $(B)/obj/boot/efi/leave.S.o
EFI_CFLAGS := $(COMMON) -O2 -Iboot/efi -isystem /usr/include/efi -isystem /usr/include/efi/x86_64 \
	-ffreestanding -fpic -fshort-wchar -mno-red-zone -fno-stack-protector -fcf-protection=none \
	-fno-strict-aliasing -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns \
	-maccumulate-outgoing-args -DGNU_EFI_USE_MS_ABI

$(B)/obj/boot/efi/%.o: boot/efi/%.c Makefile
	@[ -n "$(EFI_CRT0)" ] || { echo 'error: gnu-efi is not installed; run: sudo tools/setup' >&2; exit 1; }
	@mkdir -p $(@D)
	@echo '  EFICC   $<'
	@$(CC) $(EFI_CFLAGS) -c -o $@ $<

$(B)/obj/boot/efi/leave.S.o: boot/efi/leave.S $(B)/millrace.elf Makefile
	@mkdir -p $(@D)
	@echo '  AS      $<'
	@$(CC) -DPAYLOAD='"$(B)/millrace.elf"' -c -o $@ $<

# How an application is linked from its objects.
define make_efi
	@echo '  EFI     $@'
	@$(LD) -nostdlib -shared -Bsymbolic -znocombreloc --no-undefined --no-warn-rwx-segments -T $(EFI_LDS) \
		-o $(@:.efi=.so) $(EFI_CRT0) $(filter %.o,$^) -L$(dir $(EFI_CRT0)) -lgnuefi -lefi
	@$(OBJCOPY) -j .text -j .sdata -j .data -j .rodata -j .dynamic -j .dynsym -j '.rel*' -j .reloc \
		--target efi-app-x86_64 --subsystem=10 $(@:.efi=.so) $@
endef

$(B)/millrace.efi: $(EFI_O)
	$(make_efi)

# Around it, firmware that misbehaves: for tests only.
HOSTILE_O := $(B)/obj/tests/efi/hostile.o $(B)/obj/tests/efi/carry.S.o
$(B)/obj/tests/efi/hostile.o: tests/efi/hostile.c Makefile
	@mkdir -p $(@D)
	@echo '  EFICC   $<'
	@$(CC) $(EFI_CFLAGS) -c -o $@ $<

$(B)/obj/tests/efi/carry.S.o: tests/efi/carry.S $(B)/millrace.efi Makefile
	@mkdir -p $(@D)
	@$(CC) -DAPPLICATION='"$(B)/millrace.efi"' -c -o $@ $<

$(B)/hostile.efi: $(HOSTILE_O)
	$(make_efi)

$(B)/millrace.iso: $(B)/millrace.elf tools/make-iso tools/grub.cfg
	@echo '  ISO     $@'
	@tools/make-iso $(B)/millrace.elf $@

$(B)/pxe/millrace.efi: $(B)/millrace.elf $(B)/millrace.efi tools/make-pxe tools/pxe-grub.cfg tools/millrace.ipxe
	@echo '  PXE     $(@D)/'
	@tools/make-pxe $(B)/millrace.elf $(B)/millrace.efi $(@D)

# ---- The same sources as a Linux program, under sanitizers ------------------------

# Of boot/ and kernel/ only what has no machine in it.
HOSTED_C := $(filter-out kernel/x86/% kernel/main.c,$(call find,c,kernel $(ROOMS) tests/host)) \
	$(filter-out boot/main.c,$(wildcard boot/*.c)) $(call find,c,boot/efi/plan)
MODEL_C := $(filter-out tests/models/test_%,$(wildcard tests/models/*.c))
TEST_C := $(wildcard tests/unit/test_*.c tests/models/test_*.c tests/threads/test_*.c)

HOST_CFLAGS := $(COMMON) -O1 -DMILLRACE_HOSTED -D_GNU_SOURCE -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer
HEAP_WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=aligned_alloc
HOST_O := $(HOSTED_C:%.c=$(B)/host/%.o) $(B)/host/version.o
MODEL_O := $(MODEL_C:%.c=$(B)/host/%.o)
TESTS := $(TEST_C:%.c=$(B)/host/%)

$(B)/host/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo '  HOSTCC  $<'
	@$(CC) $(HOST_CFLAGS) -c -o $@ $<

$(B)/host/version.o: $(B)/version.c
	@mkdir -p $(@D)
	@$(CC) $(HOST_CFLAGS) -c -o $@ $<

$(TESTS): %: %.o $(HOST_O) $(MODEL_O)
	@echo '  HOSTLD  $@'
	@$(CC) $(HOST_CFLAGS) $(HEAP_WRAP) -o $@ $^ -lcmocka

# The bare machine's own files, unchanged, on a CPU made of numbers: tests/kernel/kernel/cpu.h
# is found before kernel/cpu.h.  Not position-independent: the image lies low, as it does in RAM.
KERNEL_TESTED := memory paging time dma apic cpus rest extended string
KERNEL_TEST_C := $(wildcard tests/kernel/test_*.c)
KERNEL_O := $(KERNEL_TESTED:%=$(B)/bare/kernel/x86/%.o) $(B)/bare/kernel/cpu_features.o $(B)/bare/tests/kernel/machine.o
KERNEL_TESTS := $(KERNEL_TEST_C:%.c=$(B)/bare/%)

# What would take the place of the C library's own has another name here.
$(B)/bare/kernel/x86/string.o: HOST_CFLAGS += -Dmemcpy=bare_memcpy -Dmemset=bare_memset -Dmemchr=bare_memchr

$(B)/bare/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo '  HOSTCC  $<'
	@$(CC) -Itests/kernel $(HOST_CFLAGS) -fno-pie -c -o $@ $<

$(KERNEL_TESTS): %: %.o $(KERNEL_O)
	@echo '  HOSTLD  $@'
	@$(CC) $(HOST_CFLAGS) -no-pie -o $@ $^ -lcmocka

# One program alone: make build/host/tests/unit/test_X.run
%.run: %
	@$<

# The same under ThreadSanitizer, for the tests with several workers: no driver runs in them,
# so the fences between CPU and device, which it does not know, matter to none.
THREAD_C := $(wildcard tests/threads/test_*.c)
THREADS := $(THREAD_C:%.c=$(B)/tsan/%)
TSAN_CFLAGS := $(COMMON) -Wno-tsan -O1 -DMILLRACE_HOSTED -D_GNU_SOURCE -fsanitize=thread -fno-omit-frame-pointer
TSAN_O := $(HOSTED_C:%.c=$(B)/tsan/%.o) $(B)/tsan/version.o

$(B)/tsan/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo '  TSANCC  $<'
	@$(CC) $(TSAN_CFLAGS) -c -o $@ $<

$(B)/tsan/version.o: $(B)/version.c
	@mkdir -p $(@D)
	@$(CC) $(TSAN_CFLAGS) -c -o $@ $<

$(THREADS): %: %.o $(TSAN_O)
	@$(CC) $(TSAN_CFLAGS) -o $@ $^ -lcmocka

.PHONY: threads threads-build
threads-build: $(THREADS)
threads: threads-build
	@tools/run-unit $(THREADS)

# ---- Fuzzing -----------------------------------------------------------------------

FUZZ_SECONDS ?= 5
FUZZ_C := $(wildcard tests/fuzz/fuzz_*.c)
FUZZERS := $(FUZZ_C:%.c=$(B)/fuzz/%)
FUZZ_CFLAGS := $(COMMON) -O2 -DMILLRACE_HOSTED -D_GNU_SOURCE \
	-fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_SHARED_O := $(addprefix $(B)/fuzz/tests/fuzz/,harness.o router.o)
FUZZ_O := $(HOSTED_C:%.c=$(B)/fuzz/%.o) $(MODEL_C:%.c=$(B)/fuzz/%.o) $(B)/fuzz/version.o \
	$(FUZZ_SHARED_O)

# What is under test tells libFuzzer which ways it goes; the devices and the machine around it do
# not: their ways are no finds, and telling is most of the time.  What it compares is not told
# either, which was more than half of the time and led to no more ways in as many seconds; strings
# and blocks that are compared are.  Indirect calls count with -use_value_profile only.
FUZZ_COVER := -fsanitize=fuzzer-no-link -fno-sanitize-coverage=trace-cmp,indirect-calls
$(B)/fuzz/tests/host/%.o $(B)/fuzz/tests/models/%.o $(FUZZ_SHARED_O): FUZZ_COVER :=

$(B)/fuzz/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo '  FUZZCC  $<'
	@clang $(FUZZ_CFLAGS) $(FUZZ_COVER) -c -o $@ $<

$(B)/fuzz/version.o: $(B)/version.c
	@mkdir -p $(@D)
	@clang $(FUZZ_CFLAGS) $(FUZZ_COVER) -c -o $@ $<

$(FUZZERS): %: %.o $(FUZZ_O)
	@clang $(FUZZ_CFLAGS) -fsanitize=fuzzer -Wl,--wrap=LLVMFuzzerTestOneInput -o $@ $^ -lcmocka

.PHONY: fuzz fuzzers fuzz-long fuzz-twice fuzz-coverage fuzz-pack
fuzzers: $(FUZZERS)
fuzz: fuzzers
	@tools/run-fuzz $(FUZZ_SECONDS) $(FUZZERS)

# All harnesses together for so long, on all CPUs, and then which functions no input reaches.
HOURS ?= 1
fuzz-long: fuzzers
	@tools/run-fuzz --long $(HOURS) $(FUZZERS)

fuzz-twice fuzz-coverage fuzz-pack: fuzz-%: fuzzers
	@tools/run-fuzz --$* $(FUZZERS)

# ---- The forwarder as a Linux program, for its speed ----------------------------------

BENCH_C := $(wildcard tests/bench/bench_*.c)
BENCHES := $(BENCH_C:tests/bench/%.c=$(B)/bench/%)
BENCH_CFLAGS := $(COMMON) -O2 -DMILLRACE_HOSTED -D_GNU_SOURCE -fno-strict-aliasing -march=x86-64 \
	-mtune=generic
BENCH_O := $(HOSTED_C:%.c=$(B)/bench/%.o) $(B)/bench/version.o

$(B)/bench/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo '  BENCHCC $<'
	@$(CC) $(BENCH_CFLAGS) -c -o $@ $<

$(B)/bench/version.o: $(B)/version.c
	@mkdir -p $(@D)
	@$(CC) $(BENCH_CFLAGS) -c -o $@ $<

$(BENCHES): $(B)/bench/%: $(B)/bench/tests/bench/%.o $(BENCH_O)
	@$(CC) $(BENCH_CFLAGS) -o $@ $^

# DPDK's own tables on the same data, where its library is (tools/setup --bench).
PEERS := $(shell pkg-config --exists libdpdk 2>/dev/null && echo $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/peer_*.c)))
$(B)/bench/peer_%: tests/bench/peer_%.c tests/bench/tables_data.h Makefile
	@mkdir -p $(@D)
	@echo '  PEERCC  $<'
	@$(CC) -std=gnu11 -D_GNU_SOURCE -O3 -march=native -w -I. -o $@ $< $$(pkg-config --cflags --libs libdpdk)

# And its router, where tools/setup --bench put the source of it.
L3FWD := $(patsubst %/main.c,%/build/l3fwd,$(wildcard $(B)/l3fwd/l3fwd/main.c))
$(L3FWD): %/build/l3fwd: %/main.c
	@echo '  PEER    $@'
	@$(MAKE) -s -C $* shared >/dev/null

# bench_ports has an arrangement a call: `tools/bench peers` makes them.
.PHONY: bench-host bench-peers
bench-peers: $(BENCHES) $(PEERS) $(L3FWD)
bench-host: bench-peers
	@for program in $(filter-out %/bench_ports,$(BENCHES)); do $$program || exit 1; done

# ---- Checks -------------------------------------------------------------------------

.PHONY: style headers tests unit system
style:
	@tools/check-style
	@tools/check-rooms

# Every header compiles alone, as the image and as a Linux program.
HEADERS := $(wildcard boot/*.h) $(call find,h,kernel $(ROOMS))
headers: $(HEADERS:%=$(B)/headers/%.ok)
$(B)/headers/%.ok: % | $(LIBC)
	@mkdir -p $(@D)
	@$(CC) $(filter-out -MMD -MP,$(CFLAGS)) -Wno-unused -include $< -x c -fsyntax-only - </dev/null
	@$(CC) -std=gnu11 $(WARN) -I. -DMILLRACE_HOSTED -include $< -x c -fsyntax-only - </dev/null
	@touch $@

tests: $(TESTS) $(KERNEL_TESTS)
unit: tests
	@tools/run-unit $(TESTS) $(KERNEL_TESTS)

check: style headers unit

# A machine spends half its time waiting: one more at a time than there are CPUs, where pytest can.
PYTEST_JOBS = $$($(PYTHON) -c 'import xdist' 2>/dev/null && printf -- '-n %s' $$(($$(nproc) + 1)))
system: all $(B)/hostile.efi $(B)/attack.elf $(B)/traffic $(B)/floor.elf $(B)/once.elf
	@$(PYTHON) -m pytest -q --durations=8 $(PYTEST_JOBS) tests/system $(PYTEST_ARGS)

.PHONY: smp test-smp
smp: all $(B)/traffic
	@$(PYTHON) -m pytest -q $(PYTEST_JOBS) tests/smp $(PYTEST_ARGS)

test-smp:
	@tools/setup
	@$(MAKE) --no-print-directory -s smp

.PHONY: nested test-nested
nested: $(B)/millrace.elf
	@$(PYTHON) -m pytest -q tests/nested $(PYTEST_ARGS)

test-nested:
	@tools/setup
	@$(MAKE) --no-print-directory -s nested

# Device models as programs, for QEMU's vfio-user-pci: the objects of tests/models, with
# tests/linux/vfio_user.c in the place of tests/models/pcispace.c.
SERVED_C := $(filter-out %_server.c %recorder.c,$(wildcard tests/linux/*.c)) \
	$(addprefix tests/models/,pcispace_config.c intel_seen.c intel_sent.c)
ADMINQ_C := tests/linux/virtchnl_recorder.c $(addprefix tests/models/,i40e_engine.c i40e_aq_device.c)
SERVERS := $(B)/ixgbe_server $(B)/i40e_server $(B)/iavf_server
$(B)/ixgbe_server: tests/linux/recorder.c $(filter-out %_tree.c,$(wildcard tests/models/ixgbe_model*.c))
$(B)/i40e_server: $(ADMINQ_C) tests/models/iavf_model.c $(filter-out %_tree.c,$(wildcard tests/models/i40e_model*.c))
$(B)/iavf_server: $(ADMINQ_C) $(filter-out %_tree.c,$(wildcard tests/models/iavf_model*.c))
$(SERVERS): $(B)/%: tests/linux/%.c $(SERVED_C) $(wildcard tests/linux/*.h tests/models/*.h) Makefile
	@mkdir -p $(@D)
	@echo '  HOSTCC  $@'
	@$(CC) -std=gnu11 -O2 -g $(WARN) -I. -DMILLRACE_HOSTED -D_GNU_SOURCE -o $@ $(sort $(filter %.c,$^))

.PHONY: models-linux test-models-linux
models-linux: $(SERVERS) $(B)/millrace.elf
	@$(PYTHON) -m pytest -q tests/linux $(PYTEST_ARGS)

test-models-linux:
	@tools/setup --models
	@$(MAKE) --no-print-directory -s models-linux

# The traffic tool of the system tests and of `make run`: an ordinary program.
$(B)/traffic: $(wildcard tests/system/traffic/*) Makefile
	@mkdir -p $(@D)
	@echo '  HOSTCC  $@'
	@$(CC) -std=gnu11 -O2 -g $(WARN) -D_GNU_SOURCE -o $@ $(filter %.c,$^)

# The least kernel there is: the yardstick of `make bench`, and what tools/accel tries KVM with.
FLOOR_LDFLAGS := -m elf_i386 -N --no-warn-rwx-segments -Ttext=0x100000 -e floor_start
$(B)/floor.elf: tests/bench/floor.S Makefile
	@mkdir -p $(@D)
	@echo '  FLOOR   $@'
	@$(CC) -m32 -c -o $(B)/floor.o $<
	@$(LD) $(FLOOR_LDFLAGS) -o $@ $(B)/floor.o

# As many blocks and instructions as the image runs through until it is ready (docs/boot.md).
ONCE_BLOCKS := 2100
$(B)/once.elf: tests/bench/floor.S Makefile
	@mkdir -p $(@D)
	@echo '  ONCE    $@'
	@$(CC) -m32 -DONCE_BLOCKS=$(ONCE_BLOCKS) -c -o $(B)/once.o $<
	@$(LD) $(FLOOR_LDFLAGS) -o $@ $(B)/once.o

# A kernel that only halts and is woken: the yardstick of `tools/bench rest`.
$(B)/hlt.elf: tests/bench/hlt.c Makefile
	@mkdir -p $(@D)
	@echo '  HLT     $@'
	@$(CC) -std=gnu11 -m32 -O2 -Wall -Wextra -ffreestanding -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables \
		-mgeneral-regs-only -c -o $(B)/hlt.o $<
	@$(LD) -m elf_i386 -N --no-warn-rwx-segments -Ttext=0x100000 -e start -o $@ $(B)/hlt.o

test:
	@tools/setup
	@tools/run-tests

run:
	@tools/setup --run
	@$(MAKE) --no-print-directory -s $(B)/millrace.elf $(B)/traffic $(B)/floor.elf
	@tools/run $(RUN_ARGS)

bench:
	@tools/setup --bench
	@$(MAKE) --no-print-directory -s all bench-peers $(B)/traffic $(B)/floor.elf $(B)/once.elf $(B)/hlt.elf
	@tools/bench

sizes: $(B)/millrace.elf
	@size $(BARE_O) | sort -k4 -n
	@size $(B)/millrace.debug
	@stat -c '%n: %s bytes' $(B)/millrace.elf

clean:
	rm -rf $(B)

-include $(BARE_O:.o=.d) $(EFI_O:.o=.d) $(HOSTILE_O:.o=.d) $(ATTACK_O:.o=.d) $(HOST_O:.o=.d) $(MODEL_O:.o=.d) $(TESTS:=.d) $(KERNEL_O:.o=.d) \
	$(KERNEL_TESTS:=.d) $(TSAN_O:.o=.d) $(THREADS:=.d) $(FUZZ_O:.o=.d) $(FUZZERS:=.d) \
	$(BENCH_O:.o=.d) $(BENCH_C:%.c=$(B)/bench/%.d)
