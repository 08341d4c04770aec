package access_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"mailvigil/internal/access"
)

func system() access.System {
	type entry struct {
		name   string
		groups []string
	}
	users := map[uint32]entry{
		0: {"root", []string{"root"}}, 100: {"mailvigil", nil}, 1000: {"anna", []string{"staff"}},
		1001: {"tom", []string{"staff", "postmasters"}}, 1002: {"group:postmasters", nil}, 1003: {"eve", nil},
	}
	return access.System{
		User: func(uid uint32) (string, []string, error) {
			u, ok := users[uid]
			if !ok {
				return "", nil, errors.New("no such user")
			}
			return u.name, u.groups, nil
		},
		Group: func(gid uint32) (string, error) {
			if gid == 50 {
				return "postmasters", nil
			}
			return "", errors.New("no such group")
		},
	}
}

func TestPeer(t *testing.T) {
	roles, err := access.New(map[string][]string{
		"viewer": {"anna", "tom"}, "analyst": {"group:staff"}, "responder": {"group:postmasters"},
	}, 100, system())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		what     string
		uid, gid uint32
		name     string
		role     access.Role
	}{
		{"root", 0, 0, "root", access.Administrator},
		{"the program's own user", 100, 100, "mailvigil", access.Administrator},
		{"the higher of user and group", 1000, 99, "anna", access.Analyst},
		{"the highest group", 1001, 99, "tom", access.Responder},
		{"the group that the process runs with", 1003, 50, "eve", access.Responder},
		{"nobody", 1003, 99, "eve", access.Nobody},
		{"a user named as a group is written", 1002, 99, "group:postmasters", access.Nobody},
		{"a user without a name", 4711, 99, "uid 4711", access.Nobody},
		{"a user without a name in a group", 4711, 50, "uid 4711", access.Responder},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			if got := roles.Peer(tt.uid, tt.gid); got.Name != tt.name || got.Role != tt.role {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// The real system knows whoever runs the tests.
func TestRealSystem(t *testing.T) {
	roles, err := access.New(nil, uint32(os.Getuid()), access.System{})
	if err != nil {
		t.Fatal(err)
	}
	if p := roles.Peer(uint32(os.Getuid()), uint32(os.Getgid())); p.Role != access.Administrator || p.Name == "" {
		t.Errorf("got %+v", p)
	}
	if p := roles.Peer(4_000_000_000, 4_000_000_000); p.Role != access.Nobody || p.Name != "uid 4000000000" {
		t.Errorf("got %+v", p)
	}
}

func TestRoles(t *testing.T) {
	if access.Nobody.May(access.Nobody) || access.Administrator.May(access.Nobody) {
		t.Error("an operation that states no role was allowed")
	}
	for i, word := range access.Words() {
		role, err := access.ParseRole(word)
		if err != nil || role.String() != word {
			t.Errorf("%s: %v, %v", word, role, err)
		}
		for j, other := range access.Words() {
			needed, _ := access.ParseRole(other)
			if role.May(needed) != (i >= j) {
				t.Errorf("%s may %s: %v", word, other, role.May(needed))
			}
		}
	}
	if _, err := access.New(map[string][]string{"admin": {"anna"}}, 0, system()); err == nil || !strings.Contains(err.Error(), "viewer, analyst, responder, administrator") {
		t.Errorf("got %v", err)
	}
}
