package app_test

import (
	"slices"
	"testing"

	"mailvigil/internal/access"
	"mailvigil/internal/config"
)

// What the configuration can give is what there is.
func TestRoleNames(t *testing.T) {
	if !slices.Equal(config.RoleNames, access.Words()) {
		t.Errorf("the configuration has %q, access %q", config.RoleNames, access.Words())
	}
}
