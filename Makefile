# Short names for what is done often. The build itself is CMake and Ninja: cmake --preset release && ninja -C build/release
PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: all setup demo check interop arm bench install lint clean

all: setup
	@cmake --preset release
	@ninja -C build/release

setup:
	@sh tools/setup

# Installs what is needed, builds, gets a backbone and pictures, trains, evaluates, exports, predicts.
demo: all
	@GRAFT="$(CURDIR)/build/release/bin/graft" tools/demo

check:
	@sh tools/check

interop:
	@sh tools/interop

arm:
	@sh tools/check-arm

bench: all
	@GRAFT="$(CURDIR)/build/release/bin/graft" bench/run

lint: all
	@sh tools/lint/run build/release

install: all
	@DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

clean:
	rm -rf build
