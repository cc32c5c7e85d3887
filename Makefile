# A thin front for CMake: every target is one or two commands that you could type yourself. `make help` lists them.
# SETUP=no   does not look for missing packages         JOBS=N   how many compilers run at a time
# PREFIX=DIR where `make install` puts things            ARGS=…   more options for `make adapt` (ARGS="--max_steps 20")
# CONFIGURE=… more options for CMake, where the build is configured: -DCMAKE_COMPILE_WARNING_AS_ERROR=ON, as CI has it

BUILD  := build/release
PREFIX ?= /usr/local
# As many compilers as there are processors, but no more than there is memory for (1.5 GB each).
ifndef JOBS
JOBS := $(shell awk -v n=$$(nproc) '/^MemAvailable/ {j = int($$2 / 1500000)} END {print j < 1 ? 1 : j < n ? j : n}' /proc/meminfo)
endif
BUILD_TREE := cmake --build $(BUILD) -j $(JOBS)

.PHONY: help setup build adapt test bench format install deb
help:
	@echo "make adapt     build Tekio, then adapt the bundled model to a domain's text with it (some minutes)"
	@echo "make test      build everything, run all tests"
	@echo "make build     build the program: $(BUILD)/tekio"
	@echo "make bench     build and run the micro benchmarks"
	@echo "make format    format the sources"
	@echo "make install   install library, headers and program under PREFIX (now $(PREFIX))"
	@echo "make deb       the same as a Debian package, in $(BUILD)"
	@echo "make setup     install the packages that are missing (the others do this first by themselves; SETUP=no: they do not)"

setup:
ifneq ($(SETUP),no)
	@sh scripts/setup.sh
endif

$(BUILD)/build.ninja: CMakePresets.json | setup
	cmake --preset release $(if $(shell command -v ccache),-DCMAKE_CXX_COMPILER_LAUNCHER=ccache) $(CONFIGURE)

build: setup $(BUILD)/build.ninja
	@$(BUILD_TREE) --target tekio_program

adapt: build
	$(BUILD)/tekio adapt --output_dir build/adapted --overwrite_output_dir $(ARGS)

test: setup $(BUILD)/build.ninja
	@$(BUILD_TREE)
	@sh scripts/test.sh $(BUILD) $(JOBS)

bench: setup $(BUILD)/build.ninja
	@$(BUILD_TREE) --target ops_bench tokenizer_bench data_bench
	$(BUILD)/bench/ops_bench
	$(BUILD)/bench/tokenizer_bench
	$(BUILD)/bench/data_bench

format:
	sh scripts/format.sh

install: setup $(BUILD)/build.ninja
	@$(BUILD_TREE)
	cmake --install $(BUILD) --prefix $(PREFIX)

deb: setup $(BUILD)/build.ninja
	@$(BUILD_TREE)
	cd $(BUILD) && cpack
