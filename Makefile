# SPDX-License-Identifier: MIT
# sockshim. `make help` lists the targets. Everything is built under $(B).

B            ?= build
PREFIX       ?= /usr/local
SYSCONFDIR   ?= /etc
BINDIR       ?= $(PREFIX)/bin
LIBDIR       ?= $(PREFIX)/lib
SBINDIR      ?= $(PREFIX)/sbin
INCLUDEDIR   ?= $(PREFIX)/include
MANDIR       ?= $(PREFIX)/share/man
BASHDIR      ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR       ?= $(PREFIX)/share/zsh/site-functions
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
FISHDIR      ?= $(PREFIX)/share/fish/vendor_completions.d
FUZZ_SECONDS ?= 30
CHECK_FUZZ   ?= 5
# In check: `rules` looks at what was built; `lint` also asks tools whose opinion changes by version.
# Not by ?=: make itself knows LINT, as "lint".
ifeq ($(origin LINT),default)
LINT         := rules
endif
VERSION      := $(shell sed -n 's/.*SOCKSHIM_VERSION "\(.*\)"/\1/p' include/sockshim/version.h)

# The packager's: replace them freely. What the code cannot do without is below.
CFLAGS   ?= -O2 -g -fstack-protector-strong -fstack-clash-protection
CPPFLAGS ?= $(if $(SAN),,-D_FORTIFY_SOURCE=2)
LDFLAGS  ?=
CLANG    ?= clang

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wwrite-strings -Wundef -Wvla -Wformat=2 -Wimplicit-fallthrough $(if $(WERROR),-Werror)
# The same bytes, whatever the directory is called.
BASE  = -std=gnu11 -Iinclude -MMD -MP -ffile-prefix-map=$(CURDIR)=. $(WARN) $(CPPFLAGS) $(CFLAGS)
# SAN=address,undefined: programs and unit tests; not the library, which others' programs load.
SANITIZE = $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
# Core and lib get no -D_GNU_SOURCE: they see the same headers in both object sets.
PROG  = $(BASE) $(SANITIZE) -fPIE $(if $(filter src/core/% src/lib/%,$<),,-D_GNU_SOURCE)
# The library: no libc macro or builtin may put another function in a hook's place; frame pointers tell
# an audit who called.
HOOKED := $(shell sed -n 's/^CALL.[^,]*, *\([a-zA-Z0-9_]*\),.*/\1/p' include/calls.def)
PIC   = $(BASE) -fPIC -fvisibility=hidden $(HOOKED:%=-fno-builtin-%) -fno-omit-frame-pointer \
	-ffunction-sections -fdata-sections \
	-ftls-model=initial-exec -fasynchronous-unwind-tables \
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=0 -U_FILE_OFFSET_BITS -U_TIME_BITS
LINK  = -Wl,-z,relro,-z,now,-z,noexecstack $(LDFLAGS)
EXE   = $(CC) $(CFLAGS) $(SANITIZE) $(PIE) -o $@ $(filter %.o,$^) $(LINK)
PIE   = -pie
# The launcher without the loader's work: half of its start-up time. `make STATIC=` links it as usual.
STATIC ?= $(if $(filter /%,$(shell $(CC) -print-file-name=libc.a)),$(if $(SAN),,-static-pie))
# And without that of glibc before main(), which asks the processor for its caches: where that is trapped,
# as in virtual machines, another 160 of 900 us. So musl is taken where there is one; `make MUSL=` does not.
MUSL  ?= $(if $(and $(STATIC),$(filter $(call arch,$(CC)),$(call arch,musl-gcc))),musl-gcc)
arch   = $(firstword $(subst -, ,$(shell $(1) -dumpmachine 2>/dev/null)))
# The wrapper tells where its start files are (by -###); the kernel's headers are the system's.
RCRT1 := $(if $(MUSL),$(wildcard $(shell $(MUSL) "-$$(printf '\043\043\043')" -x c /dev/null 2>&1 | \
	tr ' "' '\n\n' | sed -n 's,/crti\.o$$,/rcrt1.o,p')))
override MUSL := $(if $(RCRT1),$(MUSL))
LIBC_MUSL = -idirafter /usr/include $(addprefix -idirafter /usr/include/,$(shell $(MUSL) -print-multiarch))

# HMAC-SHA256 for SAFECOOKIE (sockshimctl tor). Without it the cookie itself is sent.
NETTLE := $(shell $(CC) -E -include nettle/hmac.h - </dev/null >/dev/null 2>&1 && echo -lnettle)

sources = $(wildcard $(addsuffix /*.[cS],$(addprefix src/,$(1))))
objects = $(addsuffix .o,$(addprefix $(B)/$(1)/,$(basename $(2))))
BOTH := $(call sources,core lib)
LIB  := $(call objects,pic,$(BOTH) $(call sources,shim))
CORE := $(call objects,obj,$(BOTH))
GUARD := $(call objects,obj,$(call sources,guard))
RUN  := $(if $(MUSL),$(call objects,musl,$(call sources,run guard) $(BOTH)),\
	$(call objects,obj,$(call sources,run)) $(GUARD) $(CORE))
CTL  := $(call objects,obj,$(call sources,ctl))
SCRIPTS := sockshim-on sockshim-off
PROGRAMS := $(if $(RUN),$(B)/sockshim) $(if $(CTL),$(B)/sockshimctl)
COMPLETION := $(addprefix $(B)/completion/,bash zsh fish)
LIBRARY  := $(if $(call sources,shim),$(B)/libsockshim.so)

built = $(patsubst $(1)/%.c,$(B)/$(2)/%,$(wildcard $(1)/$(3)*.c))
UNIT  := $(call built,tests/unit,tests/unit,test_)
RACE  := $(B)/tests/race_tables
FUZZ  := $(call built,tests/fuzz,tests/fuzz,fuzz_)
CLIENTS := $(addprefix $(B)/tests/e2e/,fetch_asio fetch_mio Nio.class forge)
E2E   := $(filter-out $(CLIENTS),$(call built,tests/e2e/programs,tests/e2e))
BENCH := $(call built,tests/bench,bench)
CALLS := $(addprefix $(B)/tests/calls/,calls linked.so fortified.so large.so deepbind.so)
HEADERS := $(notdir $(wildcard include/sockshim/*.h))
MANUALS := $(notdir $(wildcard man/*.[1-8]))
CONF     = $(SYSCONFDIR)/sockshim/sockshim.conf
# Sub-makes use every processor unless the user said otherwise.
SUB     = +$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

all: $(LIBRARY) $(PROGRAMS) $(COMPLETION) ## build library and programs (the default)
.DEFAULT_GOAL := all

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1	\2/p' Makefile | expand -t 14

# A change of compiler or flags builds everything anew.
FLAGS = $(CC) $(BASE) $(SANITIZE) | $(LINK) | $(STATIC) $(MUSL)
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || echo '$(subst ','\'',$(FLAGS))' >$@
FORCE:

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(PROG) -c -o $@ $<
$(B)/musl/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(MUSL) $(BASE) $(LIBC_MUSL) -fPIE -D_GNU_SOURCE -c -o $@ $<
$(B)/pic/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(PIC) -c -o $@ $<
$(B)/pic/%.o: %.S $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(PIC) -c -o $@ $<

# What is written there is not to become a call of itself.
$(B)/pic/src/shim/string.o: PIC += -fno-builtin
# dlopen(3) and dlsym(3) look at where they are called from: ours jump there, whatever CFLAGS are.
$(B)/pic/src/shim/hook_load.o: PIC += -O2 -foptimize-sibling-calls

# Anonymous: a named version would silently stop the interposition.
$(B)/exports.map: include/calls.def
	@mkdir -p $(@D)
	(echo '{ global:'; sed -n 's/^CALL([^,]*, *\([a-zA-Z0-9_]*\),.*/\t\1;/p' $<; echo 'local: *; };') >$@

# What every process that starts pays for, us of 450 for /bin/true here: four segments, not two (17);
# calls among ourselves, and crtbegin.o's, looked up by name (20); variables on more than one page (10).
$(B)/libsockshim.so: $(LIB) $(B)/exports.map src/shim/library.ld
	$(CC) $(CFLAGS) -shared -nostartfiles -Wl,-z,noseparate-code -Wl,-Bsymbolic-functions \
		-Wl,--sort-section=name -Wl,--gc-sections -o $@ $(LIB) $(LINK) -Wl,-T,src/shim/library.ld -Wl,-soname,$(@F) \
		-Wl,--version-script=$(B)/exports.map -Wl,-z,nodelete -Wl,--no-undefined -ldl
$(B)/sockshim: PIE = $(or $(STATIC),-pie)
# norelro: musl does not protect it in a static program, and its alignment would be another page to relocate.
$(B)/sockshim: EXE_MUSL = $(MUSL) $(CFLAGS) -static -nostartfiles -o $@ $(RCRT1) $(filter %.o,$^) \
	-Wl,-pie,--no-dynamic-linker,-z,text,-z,noseparate-code,--sort-section=name $(LINK) -Wl,-z,norelro
$(B)/sockshim: $(RUN)
	$(if $(MUSL),$(EXE_MUSL),$(EXE))
$(B)/sockshimctl: $(CTL) $(CORE)
	$(EXE) -pthread $(NETTLE)
# From the tables of the programs themselves.
$(COMPLETION): $(B)/completion/%: $(B)/sockshimctl
	@mkdir -p $(@D)
	$< completion $* >$@

$(B)/sockshim.pc: conf/sockshim.pc.in $(B)/flags
	sed 's,@PREFIX@,$(PREFIX),;s,@INCLUDEDIR@,$(INCLUDEDIR),;s,@LIBDIR@,$(LIBDIR),;s,@VERSION@,$(VERSION),' $< >$@

$(B)/obj/tests/unit/%.o: CPPFLAGS += -DVECTORS='"$(abspath tests/unit/decide.vectors)"'
$(UNIT): $(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(CORE) $(GUARD)
	@mkdir -p $(@D)
	$(EXE) -lcmocka
$(RACE): $(wildcard tests/unit/race_*.c) $(addprefix src/,shim/pend.c shim/pend_wait.c shim/fds.c shim/stir.c shim/regs.c shim/hidden.c shim/fired.c lib/progress.c lib/sys.c \
		lib/diag.c lib/proc.c core/bytes.c) $(wildcard include/* src/shim/*.h) $(B)/flags
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -Iinclude -O1 -g -fsanitize=thread $(WARN) -o $@ $(filter %.c,$^) -pthread
$(E2E): $(B)/tests/e2e/%: tests/e2e/programs/%.c $(wildcard tests/e2e/programs/*.h) include/sys.h $(B)/flags
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -Iinclude -O2 -g $(WARN) $(if $(filter static_%,$*),-static) \
		$(if $(filter i386_%,$*),-m32) -o $@ $< -pthread -ldl $$(sed -n 's,^// ld: ,,p' $<)
$(B)/tests/e2e/forge: tests/e2e/programs/forge.c $(CORE)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -Iinclude -O1 -g $(WARN) -o $@ $< $(CORE)
$(B)/tests/e2e/fetch_asio: tests/e2e/programs/fetch_asio.cc
	@mkdir -p $(@D)
	$(CXX) -std=c++17 -O1 -Wall -Wextra -o $@ $< -pthread
$(B)/tests/e2e/Nio.class: tests/e2e/programs/Nio.java
	javac -d $(@D) $<
# Debian's compiler goes with Debian's crates.
$(B)/tests/e2e/fetch_mio: $(wildcard tests/e2e/programs/mio/*)
	@mkdir -p $(@D) $(B)/tests/mio
	cp $^ $(B)/tests/mio/
	cd $(B)/tests/mio && CARGO_HOME="$$PWD/home" RUSTC=/usr/bin/rustc /usr/bin/cargo build --offline --quiet --target-dir . \
		--config 'source.crates-io.replace-with="debian"' \
		--config 'source.debian.directory="/usr/share/cargo/registry"'
	cp $(B)/tests/mio/debug/fetch_mio $@
# The fragments: in a program, in a library it is linked with, and in three that it opens.
fragments = $(filter-out tests/calls/$(1).c,$(wildcard tests/calls/*.c))
CALLS_CC  = @mkdir -p $(@D); $(CC) -std=gnu11 -D_GNU_SOURCE -Iinclude -O2 -g -fvisibility=hidden $(WARN)
CALLS_ON  = tests/calls/fragment.h tests/e2e/programs/old_resolver.h include/calls.def $(B)/flags
$(B)/tests/calls/calls: $(call fragments,library) $(B)/tests/calls/linked.so $(CALLS_ON)
	$(CALLS_CC) -o $@ $(filter %.c %.so,$^) -Wl,-rpath,'$$ORIGIN' -pthread -ldl -lresolv
$(B)/tests/calls/%.so: $(call fragments,calls) $(CALLS_ON)
	$(CALLS_CC) -shared -fPIC -o $@ $(filter %.c,$^) -lresolv
$(B)/tests/calls/linked.so: CALLS_CC += -DLINKED -Wl,-soname,linked.so
$(B)/tests/calls/fortified.so: CALLS_CC += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
$(B)/tests/calls/large.so: CALLS_CC += -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
$(B)/bench/%: tests/bench/%.c $(wildcard tests/bench/*.h) $(B)/flags
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARN) $(if $(filter static_%,$*),-static) -o $@ $< -pthread -ldl
FUZZED = $(CLANG) -std=gnu11 -Iinclude -g -O1 -fno-sanitize-recover=all
$(B)/fuzz/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(FUZZED) -MMD -MP -fsanitize=fuzzer-no-link,address,undefined -c -o $@ $<
$(FUZZ): $(B)/tests/fuzz/%: $(B)/fuzz/tests/fuzz/%.o $(call objects,fuzz,$(call sources,core))
	@mkdir -p $(@D)
	$(FUZZED) -fsanitize=fuzzer,address,undefined -o $@ $^

unit: $(UNIT)
test-programs: $(UNIT) $(RACE) $(E2E) $(CLIENTS) $(FUZZ) $(CALLS)

deps: ## install what build and tests need, with apt-get
	@.ci/deps

demo: ## watch a program reach a name that exists only at the proxy
	@.ci/deps demo
	$(SUB) -s all
	@B=$(abspath $(B)) tests/demo

check: deps ## every test, and one line at the end: N passed, N failed
	$(SUB) -s all test-programs
	$(SUB) -s B=$(B)/asan SAN=address,undefined unit
	@B=$(B) FUZZ_SECONDS=$(CHECK_FUZZ) tests/check e2e $(LINT) unit unit-asan unit-valgrind race fuzz install package completion ctl calls

check-clean: ## CI as root, the README's demo and check as a user, in a bare Debian (half an hour)
	@.ci/deps clean
	@B=$(B) tests/clean

check-fast: ## unit tests and lint
	$(SUB) -s all unit
	@B=$(B) tests/check lint unit

lint: ## formatting, static analysis, manuals, and the rules of the code
	$(SUB) -s all
	@B=$(B) tests/check lint

fuzz: $(FUZZ) ## each harness for FUZZ_SECONDS (30)
	@B=$(B) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/check fuzz

bench: all $(BENCH) ## speed and memory, as ratios measured in one run
	@B=$(abspath $(B)) tests/bench/run

format: ## clang-format every C file
	tests/lint/files c | xargs clang-format -i

# Written beside and renamed: running programs have the old file mapped.
put = install -D -m $(1) $(2) $(DESTDIR)$(3).new && mv -f $(DESTDIR)$(3).new $(DESTDIR)$(3)
install: all $(B)/sockshim.pc ## to PREFIX (/usr/local) under DESTDIR; a configuration that is there stays
	$(call put,755,$(B)/libsockshim.so,$(LIBDIR)/sockshim/libsockshim.so)
	$(call put,755,$(B)/sockshim,$(BINDIR)/sockshim)
	$(call put,755,$(B)/sockshimctl,$(BINDIR)/sockshimctl)
	$(foreach s,$(SCRIPTS),$(call put,755,conf/$(s),$(BINDIR)/$(s)) &&) :
	$(call put,755,conf/sockshim-system,$(SBINDIR)/sockshim-system)
	$(foreach h,$(HEADERS),$(call put,644,include/sockshim/$(h),$(INCLUDEDIR)/sockshim/$(h)) &&) :
	$(foreach m,$(MANUALS),$(call put,644,man/$(m),$(MANDIR)/man$(lastword $(subst ., ,$(m)))/$(m)) &&) :
	$(call put,644,$(B)/sockshim.pc,$(PKGCONFIGDIR)/sockshim.pc)
	$(call put,644,$(B)/completion/bash,$(BASHDIR)/sockshim)
	$(call put,644,$(B)/completion/zsh,$(ZSHDIR)/_sockshim)
	$(call put,644,$(B)/completion/fish,$(FISHDIR)/sockshim.fish)
	ln -sf sockshim $(DESTDIR)$(BASHDIR)/sockshimctl
	ln -sf sockshim.fish $(DESTDIR)$(FISHDIR)/sockshimctl.fish
	test -e $(DESTDIR)$(CONF) || { $(call put,644,conf/sockshim.conf,$(CONF)); } || { [ "$$(id -u)" != 0 ] && \
		echo "$(DESTDIR)$(CONF) is not there and only root may write it: the defaults hold without it" >&2; }

# Its script, for shells that source it; and the launcher under its name.
.PHONY: install-torsocks
install-torsocks: install ## and the command torsocks, with torsocks' options, as another name of sockshim
	sed 's,@LIBDIR@,$(LIBDIR),' conf/torsocks >$(B)/torsocks
	$(call put,755,$(B)/torsocks,$(LIBDIR)/sockshim/torsocks.sh)
	ln -sfn $(BINDIR)/sockshim $(DESTDIR)$(LIBDIR)/sockshim/torsocks
	ln -sfn $(LIBDIR)/sockshim/torsocks.sh $(DESTDIR)$(BINDIR)/torsocks

uninstall: ## what install wrote; the configuration only if it is unchanged
	[ "$$(readlink $(DESTDIR)$(BINDIR)/torsocks)" != $(LIBDIR)/sockshim/torsocks.sh ] || \
		rm -f $(addprefix $(DESTDIR),$(BINDIR)/torsocks $(LIBDIR)/sockshim/torsocks $(LIBDIR)/sockshim/torsocks.sh)
	rm -f $(addprefix $(DESTDIR)$(BINDIR)/,sockshim sockshimctl $(SCRIPTS)) $(DESTDIR)$(SBINDIR)/sockshim-system \
		$(DESTDIR)$(LIBDIR)/sockshim/libsockshim.so $(addprefix $(DESTDIR)$(INCLUDEDIR)/sockshim/,$(HEADERS)) \
		$(foreach m,$(MANUALS),$(DESTDIR)$(MANDIR)/man$(lastword $(subst ., ,$(m)))/$(m)) \
		$(DESTDIR)$(PKGCONFIGDIR)/sockshim.pc $(addprefix $(DESTDIR)$(BASHDIR)/,sockshim sockshimctl) $(DESTDIR)$(ZSHDIR)/_sockshim \
		$(addprefix $(DESTDIR)$(FISHDIR)/,sockshim.fish sockshimctl.fish)
	! cmp -s conf/sockshim.conf $(DESTDIR)$(CONF) || rm -f $(DESTDIR)$(CONF)
	-rmdir --ignore-fail-on-non-empty $(wildcard $(DESTDIR)$(LIBDIR)/sockshim $(DESTDIR)$(INCLUDEDIR)/sockshim $(dir $(DESTDIR)$(CONF)))

dist: ## a reproducible tarball of HEAD
	@mkdir -p $(B)
	git archive --prefix=sockshim-$(VERSION)/ HEAD | gzip -9n >$(B)/sockshim-$(VERSION).tar.gz

deb: ## Debian packages of what is here, in $(B)/deb
	@.ci/deps deb
	rm -rf $(B)/deb
	mkdir -p $(B)/deb/source
	(git ls-files -z 2>/dev/null || find . -path ./build -prune -o -type f -print0) | \
		tar -c --null -T - | tar -x -C $(B)/deb/source
	mv $(B)/deb/source/conf/debian $(B)/deb/source/debian
	cd $(B)/deb/source && env -u MAKEFLAGS -u MFLAGS -u B DEB_BUILD_OPTIONS="parallel=$(shell nproc) $$DEB_BUILD_OPTIONS" \
		dpkg-buildpackage -b -us -uc
	rm -rf $(B)/deb/source

clean: ## remove what was built
	test ! -e $(B)/flags || rm -rf $(B)

-include $(shell find $(B)/fuzz $(B)/obj $(B)/pic $(B)/musl -name '*.d' 2>/dev/null)
.PHONY: all help demo check check-clean check-fast bench fuzz lint format install uninstall dist deb clean deps unit \
	test-programs FORCE
.DELETE_ON_ERROR:
