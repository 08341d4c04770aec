package health

import (
	"strings"
	"testing"
)

// FuzzFill: whatever a page holds, the password is filled in once or nowhere.
func FuzzFill(f *testing.F) {
	f.Add(`<form action="/in"><input name="u"><input type=password name="p"><input type=hidden name=t value="1&amp;2"></form>`, "", "")
	f.Add(`<form><input type="password" name='p'></form>`, "u", "")
	f.Add("<form <form>", "u", "p")
	f.Fuzz(func(t *testing.T, page, user, pass string) {
		form, _, ok := fill(page, Form{User: user, Password: pass}, "account", "pass word")
		if !ok {
			return
		}
		n := 0
		for _, values := range form {
			for _, v := range values {
				if v == "pass word" {
					n++
				}
			}
		}
		if n == 0 || n > 1 && !strings.Contains(page, "pass word") {
			t.Errorf("the password is filled in %d times: %v", n, form)
		}
	})
}

// FuzzCountQueue: whatever a command prints, the count is one of its lines or
// what one of them says.
func FuzzCountQueue(f *testing.F) {
	f.Add("{}\n{}\n")
	f.Add("-- 3 Kbytes in 12 Requests.\n")
	f.Add("Mail queue is empty\n")
	f.Add("12")
	f.Fuzz(func(t *testing.T, text string) {
		n, ok := countQueue(strings.NewReader(text))
		if n < 0 || ok && n > strings.Count(text, "{") && !strings.ContainsAny(text, "0123456789") {
			t.Errorf("%d of %q", n, text)
		}
	})
}
