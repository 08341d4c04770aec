# make run    all the set-up, then the demo
# make test   all the set-up, then the tests
# make help   everything else

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-print-directory
.DEFAULT_GOAL := help

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unreleased)
TOOLS    := build/tools
WORLDS   := ../shared/worlds
CAUSES   := ../shared/causes
SERIES   := ../shared/series
FUZZTIME ?= 60s

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | column -t -s '|' 2>/dev/null || grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Set everything up, then run the demo
	bin/mailvigil demo

.PHONY: build
build: bin/mailvigil networks ## Build the program and the networks database

# The Go command knows best whether the program is up to date.
.PHONY: bin/mailvigil
bin/mailvigil:
	go build -trimpath -ldflags '-X mailvigil/internal/app.release=$(VERSION)' -o $@ ./cmd/mailvigil

# Everything works without the networks database and says what is missing, so
# neither a missing npm nor a missing network ends the build.
.PHONY: networks
networks:
	@$(MAKE) -q bin/networks.db || $(MAKE) bin/networks.db || { rm -f bin/networks.db; echo 'networks: bin/networks.db could not be made (see above; npm and the network are needed). Going on without: addresses will have no ASN and no country.'; }

bin/networks.db: node_modules/.package-lock.json $(wildcard internal/enrich/*.go internal/enrich/netdata/*.go)
	go run ./internal/enrich/netdata -o $@ node_modules

node_modules/.package-lock.json: package.json package-lock.json
	@command -v npm >/dev/null || { echo 'networks: npm is not installed'; exit 1; }
	npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --fetch-retries=1
	@touch $@

# "make check" vets, once.
.PHONY: test
test: build setup $(TOOLS) ## Set everything up, then run the tests
	$(TOOLS)/gotestsum --format pkgname --format-hide-empty-pkg -- -vet=off ./...
	cd tools && ../$(TOOLS)/gotestsum --format pkgname --format-hide-empty-pkg -- -vet=off ./...

.PHONY: setup
setup: ## Install what the tests use besides Go (Debian, as root)
	@tools/setup

# The detector sees what goroutines do to each other, so it watches the packages
# that start some, in code or in tests, and with them all that these call. Where
# nothing runs side by side it would take ten times as long to see nothing. The
# programs that measure are no part of what is watched.
CONCURRENT = git grep -lE --untracked '(^|[[:space:]])go [a-zA-Z_.]+\(|\.Go\(|\.Parallel\(' -- '*.go' ':!tools' ':!internal/calibrate' ':!internal/evaluate' ':!internal/soak' ':!internal/watchbench' | xargs -n1 dirname | sort -u | sed 's,^,./,'

.PHONY: race
race: $(TOOLS) ## Run the short tests of concurrent packages under the race detector
	packages=$$($(CONCURRENT)); $(TOOLS)/gotestsum --format pkgname --format-hide-empty-pkg -- -vet=off -race -short $$packages

.PHONY: check
check: style tidy vet staticcheck generated ## Check style, modules, vet, staticcheck and generated files

.PHONY: style
style: $(TOOLS)
	@unformatted=$$(git ls-files -co --exclude-standard -- '*.go' | xargs $(TOOLS)/gofumpt -l); \
	  [ -z "$$unformatted" ] || { printf 'gofumpt would change (run "make format"):\n%s\n' "$$unformatted"; exit 1; }

.PHONY: tidy
tidy:
	go mod tidy -diff

.PHONY: vet
vet:
	go vet ./...
	cd tools && go vet ./...

.PHONY: staticcheck
staticcheck: $(TOOLS)
	$(TOOLS)/staticcheck ./...
	cd tools && ../$(TOOLS)/staticcheck ./...

.PHONY: format
format: $(TOOLS) ## Format the code
	git ls-files -co --exclude-standard -- '*.go' | xargs $(TOOLS)/gofumpt -w

GENERATED := docs/formats.md docs/man docs/config.schema.json docs/screenshots

# The picture shows a verdict that knows the networks of addresses: without
# their data it would show another, so then it stays as it is.
.PHONY: generate
generate: build ## Write the generated files anew
	bin/mailvigil formats --markdown > docs/formats.md
	bin/mailvigil config schema docs/config.schema.json
	rm -rf docs/man && bin/mailvigil man docs/man
	@[ -e bin/networks.db ] || { echo 'generate: without networks.db the picture of the demo is not drawn anew'; exit 0; }; \
	  mkdir -p docs/screenshots && bin/mailvigil demo --svg docs/screenshots/demo.svg >/dev/null

.PHONY: generated
generated:
	@before=$$(cat $$(git ls-files -co --exclude-standard -- $(GENERATED)) </dev/null | git hash-object --stdin); \
	  $(MAKE) generate; \
	  after=$$(cat $$(git ls-files -co --exclude-standard -- $(GENERATED)) </dev/null | git hash-object --stdin); \
	  [ "$$before" = "$$after" ] || { echo 'Generated files were out of date. They are written anew: commit them.'; git --no-pager diff --stat -- $(GENERATED); exit 1; }

# As build, without what only a debugger reads.
.PHONY: build/release/mailvigil
build/release/mailvigil:
	go build -trimpath -buildvcs=false -buildmode=pie -ldflags '-s -w -extldflags "-Wl,-z,relro,-z,now" -X mailvigil/internal/app.release=$(VERSION)' -o $@ ./cmd/mailvigil

.PHONY: deb
deb: build/release/mailvigil networks ## Make the Debian package in build/
	@file=$$(packaging/deb build/release/mailvigil '$(VERSION)' build); echo "$$file"; \
	  if command -v lintian >/dev/null; then lintian --fail-on error,warning --suppress-tags unused-override "$$file"; \
	  else echo 'deb: lintian is not installed, so the package is not checked by it'; fi

.PHONY: container
container: build/release/mailvigil networks ## Make the container image, where podman, buildah or docker works
	@packaging/container build/release/mailvigil '$(VERSION)'

.PHONY: pictures
pictures: build ## Take the pictures of a report for the docs, in a browser
	tools/pictures "$$PWD/bin/mailvigil" docs/screenshots

.PHONY: fuzz
fuzz: ## Fuzz one target for FUZZTIME (60s): TARGET=FuzzName, else in rotation
	@tools/fuzz '$(FUZZTIME)' $(TARGET)

.PHONY: bench
bench: build ## Run the benchmarks, compare with peers, write docs/performance.md; the last line is JSON
	@tools/peers build/peers
	@go test -run '^$$' -bench . -benchmem ./... | \
	  go -C tools run ./bench -program "$$PWD/bin/mailvigil" -logs "$$PWD/build/bench" -peers "$$PWD/build/peers" -page "$$PWD/docs/performance.md"

.PHONY: bench-once
bench-once: ## Run every benchmark once, to see that it works
	@go test -run '^$$' -bench . -benchmem -benchtime 1x ./... | go -C tools run ./bench

.PHONY: load
load: ## Measure memory under ten million forged names, which takes minutes; the last line is JSON
	@MAILVIGIL_LOAD=1 go test -v -count 1 -run '^TestMemory' ./internal/pipeline | go -C tools run ./load

.PHONY: worlds
worlds: build ## Score the simulated organisations in ../shared/worlds, where they are
	@[ -d $(WORLDS) ] || { echo 'worlds: $(WORLDS) is not here; nothing to score.'; exit 0; }; \
	  for p in xz python3; do command -v $$p >/dev/null || { echo "worlds: $$p is needed to unpack and score"; exit 1; }; done; \
	  mkdir -p build/worlds && bash $(WORLDS)/unpack.sh build/worlds && \
	  go -C tools run ./worlds -program "$$PWD/bin/mailvigil" -score "$$PWD/$(WORLDS)/score.py" "$$PWD/build/worlds"

.PHONY: calibrate
calibrate: ## Measure false alarms, rises seen and onsets on simulated counts, which takes minutes; the last line is JSON
	@nice go run ./internal/calibrate -page docs/calibration.md $$([ -d $(SERIES) ] && echo -series $(SERIES))

SECONDS ?= 60

.PHONY: soak
soak: bin/mailvigil ## Kill the watch again and again while logs are written, and count what the archive lost (SECONDS=1800: half an hour); the last line is JSON
	@go run ./internal/soak -program bin/mailvigil -seconds $(SECONDS)

WATCHBENCH ?=

.PHONY: watch-bench
watch-bench: build ## Measure how soon the watch tells, how many lines a second it takes and its memory, which takes ten minutes (WATCHBENCH='-days 2': less past); the last line is JSON
	@go run ./internal/watchbench -program bin/mailvigil $(WATCHBENCH)

EVALUATE ?=

.PHONY: evaluate
evaluate: build ## Simulate and judge many organisations, which takes a quarter of an hour (EVALUATE=-quick: minutes), write docs/evaluation.md; the last line is JSON
	@mkdir -p build/evaluate
	@nice go run ./internal/evaluate -program bin/mailvigil $$([ -e bin/networks.db ] && echo -networks bin/networks.db) -dir build/evaluate -page docs/evaluation.md $(EVALUATE)

HONEST ?= 110

.PHONY: sensitivity
sensitivity: build ## See whether attacks are found as surely as is stated, which takes a quarter of an hour (HONEST=20: minutes), write docs/sensitivity-figures.md; the last line is JSON
	@mkdir -p build/evaluate
	@nice go run ./internal/evaluate -honest $(HONEST) -program bin/mailvigil $$([ -e bin/networks.db ] && echo -networks bin/networks.db) -dir build/evaluate -page docs/sensitivity-figures.md

.PHONY: causes
causes: bin/mailvigil ## Score causes named, on drawn tables and on ../shared/causes, write docs/explain-figures.md; the last line is JSON
	@score=; if [ -d $(CAUSES) ]; then score="$$PWD/$(CAUSES)/score.py"; else echo 'causes: $(CAUSES) is not here; the study alone.'; fi; \
	  nice go -C tools run ./causes -program "$$PWD/bin/mailvigil" -score "$$score" -module "$$PWD" -page "$$PWD/docs/explain-figures.md" S L

# The linters and generators have a module of their own, so that the product's
# dependencies stay its own.
$(TOOLS): tools/go.mod tools/go.sum
	go -C tools build -o ../$@/ tool
	@touch $@

.PHONY: clean
clean: ## Remove what make made
	rm -rf bin build node_modules
