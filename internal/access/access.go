// Package access says who somebody is and what that person may do: the roles,
// and who has which, by the names of the system's users and groups.
//
// It opens no door itself: whoever offers an operation states the role that it
// needs (internal/api does), and asks here. Root, and the user that the program
// runs as, are administrators whatever is configured, so that nobody is shut out
// of what they could read and change anyway.
package access

import (
	"cmp"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// Role is what somebody may do. Each may do what those before it may.
type Role int

// The roles.
const (
	Nobody        Role = iota // may do nothing
	Viewer                    // sees how the service does, and the incidents
	Analyst                   // writes notes, takes incidents, announces changes
	Responder                 // closes incidents, raises vigilance
	Administrator             // changes the program itself: reload, backup
)

var names = [...]string{"nobody", "viewer", "analyst", "responder", "administrator"}

// Words are the roles that can be given, least first.
func Words() []string { return slices.Clone(names[1:]) }

func (r Role) String() string {
	if r < 0 || int(r) >= len(names) {
		return "role " + strconv.Itoa(int(r))
	}
	return names[r]
}

// MarshalText writes the word.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads it.
func (r *Role) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRole(string(text))
	return err
}

// ParseRole reads a role's word.
func ParseRole(word string) (Role, error) {
	if i := slices.Index(names[:], word); i >= 0 {
		return Role(i), nil
	}
	return Nobody, fmt.Errorf("there is no role %q; the roles are %s", word, strings.Join(Words(), ", "))
}

// May reports whether the role includes another.
func (r Role) May(needed Role) bool { return needed > Nobody && r >= needed }

// Person is somebody who asks for something.
type Person struct {
	Name string // as the system knows them; "uid 1000" where it does not
	Role Role
}

// groupPrefix marks a name as that of a group.
const groupPrefix = "group:"

// System is what is asked of the system's users and groups. The zero value asks
// the real ones.
type System struct {
	// User gives the name of a user, and the names of the groups it is in.
	User func(uid uint32) (name string, groups []string, err error)
	// Group gives the name of a group.
	Group func(gid uint32) (string, error)
}

// Roles say who has which role.
type Roles struct {
	own    uint32
	given  map[string]Role // by user name or "group:" and group name
	system System
}

// New takes who has which role: names of users, and of groups after "group:", by
// the word of the role. Own is the user that the program runs as. Names that the
// system does not know give nobody anything: they may be made later.
func New(given map[string][]string, own uint32, system System) (*Roles, error) {
	r := &Roles{own: own, given: map[string]Role{}, system: system}
	if r.system.User == nil {
		r.system.User = userOf
	}
	if r.system.Group == nil {
		r.system.Group = groupOf
	}
	for word, names := range given {
		role, err := ParseRole(word)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			r.given[name] = max(r.given[name], role)
		}
	}
	return r, nil
}

// Peer says who is at the other end of a local connection: the user and the
// main group of its process, as the kernel states them. Of several roles the
// highest holds. Who has none is a Nobody with a name.
func (r *Roles) Peer(uid, gid uint32) Person {
	name, groups, err := r.system.User(uid)
	if err != nil {
		name = ""
	}
	// The process may run with another main group than its user's entry says.
	if group, err := r.system.Group(gid); err == nil {
		groups = append(groups, group)
	}
	p := Person{Name: cmp.Or(name, "uid "+strconv.FormatUint(uint64(uid), 10))}
	if uid == 0 || uid == r.own {
		p.Role = Administrator
		return p
	}
	if name != "" && !strings.HasPrefix(name, groupPrefix) {
		p.Role = r.given[name]
	}
	for _, group := range groups {
		p.Role = max(p.Role, r.given[groupPrefix+group])
	}
	return p
}

func userOf(uid uint32) (string, []string, error) {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return "", nil, fmt.Errorf("look up the user %d: %w", uid, err)
	}
	ids, err := u.GroupIds()
	if err != nil {
		return u.Username, nil, nil // the user's own role holds all the same
	}
	var groups []string
	for _, id := range ids {
		if g, err := user.LookupGroupId(id); err == nil {
			groups = append(groups, g.Name)
		}
	}
	return u.Username, groups, nil
}

func groupOf(gid uint32) (string, error) {
	g, err := user.LookupGroupId(strconv.FormatUint(uint64(gid), 10))
	if err != nil {
		return "", fmt.Errorf("look up the group %d: %w", gid, err)
	}
	return g.Name, nil
}
